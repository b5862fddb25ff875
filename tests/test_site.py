"""The reading site: its table knows every notebook, its links lead somewhere, and a real browser draws all of it.

Chromium is spoken to by its DevTools protocol over two pipes, which needs no package. Where it or Sphinx is missing,
the tests of the built site are skipped, and say so.
"""

import functools
import http.server
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin

import pytest

from tools import site
from tools.repository import ROOT, address, files

MISSING = site.missing_packages()
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
WALKTHROUGHS = ("resnet/ResNet.html", "attention/Attention.html")
PHONE, DESK = (390, 844), (1280, 900)  # width and height of the window, in pixels
PATIENCE = 60  # seconds for one answer of the browser, on a machine that does other work too
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe""".split()
AS_3_AND_4 = """import fcntl, os, sys
for fd, end in zip((3, 4), [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]):
    os.dup2(end, fd)
os.execvp(sys.argv[3], sys.argv[3:])"""  # Chromium reads its orders from file descriptor 3 and answers on 4

needs_table = pytest.mark.skipif("tomllib" in MISSING, reason="THE READING SITE IS NOT CHECKED: it needs Python 3.11")


@needs_table
def test_every_notebook_has_its_line():
    entries, terms, subjects = site.reading()
    listed = {entry["path"]: entry for entry in entries.values()}
    missing = [site.relative(path) for path in files(".ipynb") if site.has_outputs(path)]
    missing = [name for name in missing if name not in listed]
    assert not missing, f"add a line to docs/site/reading.toml for {', '.join(missing)}"
    for path, entry in listed.items():
        folder = (ROOT / path).parent
        assert folder.is_dir(), f"docs/site/reading.toml: {entry['title']}: there is no {path}"
        others = [book.name for book in folder.glob("*.ipynb") if site.has_outputs(book)]
        assert entry["there"] or not others, f"docs/site/reading.toml: {path} is called otherwise: {others}"
        assert entry["before"] or entry["after"], f"{entry['title']}: what is read before or after it?"
    assert len(terms) > 50 and len(subjects) == 4


@needs_table
def test_the_table_refuses_what_it_cannot_mean(tmp_path):
    line = '{ title = "A", path = "a.ipynb", year = 1, subject = "S", idea = "", before = [], after = [%s] },'
    table = "notebooks = [%s]\n[subjects]\nS = ''\n[terms]\nt = { in = ['%s'] }\n"
    path = tmp_path / "reading.toml"
    path.write_text(table % (line % "", "A: Heading"))
    assert not site.reading(path)[0]["A"]["there"]
    for text, message in (
        (table % (2 * (line % ""), "A"), "twice"),
        (table % (line % '"B"', "A"), "no notebook is called B"),
        (table % (line % "", "C: Heading"), "t: no notebook is called C"),
        (table.replace("S = ''", "") % (line % "", "A"), "no subject is called 'S'"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            site.reading(path)


def test_links_fit_the_site(tmp_path):
    pages = {"README.md", "resnet/ResNet.ipynb", "resnet/README.md", "architectures/resnet/README.md"}

    def adapted(text):
        return site.adapted(text, ROOT / "architectures" / "README.md", pages, tmp_path)

    github = f"https://github.com/{address()}"
    assert adapted("[a](../resnet/ResNet.ipynb)") == "[a](../resnet/ResNet.ipynb)"
    assert adapted("[a](../resnet/#results)") == "[a](../resnet/README.md#results)"
    assert adapted("[`a`](vgg/vgg.py)") == f"[`a`]({github}/blob/main/architectures/vgg/vgg.py)"
    assert adapted("[a](../utils/)") == f"[a]({github}/tree/main/utils)"
    assert adapted("[a](https://b.c) [d](#e)") == "[a](https://b.c) [d](#e)"
    code = "`[a](b.py)` and $[a](x)$\n```\n[a](b.py)\n```\n"
    assert adapted(code) == code
    assert adapted("[![Open in Colab](https://x/badge.svg)](https://y)") == "[Open in Colab](https://y){.colab}"
    assert adapted("![x](vgg/results/sample.png)") == "![x](vgg/results/sample.png)"
    assert (tmp_path / "architectures" / "vgg" / "results" / "sample.png").is_file()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the built site."""
    if MISSING:
        pytest.skip(f"THE READING SITE IS NOT CHECKED: {', '.join(MISSING)} missing; see requirements-site.txt")
    target = tmp_path_factory.mktemp("reading") / "site"
    command = [sys.executable, "-c", f"import sys; from tools.site import site; sys.exit(site({str(target)!r}))"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return target


class Page(HTMLParser):
    """What a page refers to, and which of its places can be referred to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.classes = [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        self.ids |= {attributes.get("id"), attributes.get("name")}
        self.classes += (attributes.get("class") or "").split()


@pytest.fixture(scope="module")
def pages(built):
    """{address inside the site: Page}."""
    paths = [path for path in sorted(built.rglob("*.html")) if "_static" not in path.parts]
    return {path.relative_to(built).as_posix(): Page(path) for path in paths}


def test_inner_links_lead_somewhere(built, pages):
    lost, checked = [], 0
    for name, page in pages.items():
        for link in set(page.links):
            if re.match(r"[a-z]+:", link):
                continue
            goal, place = urldefrag(urljoin(name, re.sub(r"\?[^#]*", "", link)))
            goal, checked = unquote(goal), checked + 1
            if not (built / goal).is_file() or place and unquote(place) not in pages[goal].ids | {""}:
                lost.append(f"{name}: {link}")
    assert not lost and checked > 500


def test_notebooks_say_what_to_read_and_where_terms_are_explained(pages):
    notebooks = {entry["path"]: entry for entry in site.reading()[0].values() if entry["there"]}
    linked = 0
    for path in notebooks:
        page = pages[path.removesuffix("ipynb") + "html"]
        assert "reading" in page.classes and "colab" in page.classes
        linked += page.classes.count("term")
    assert linked > 4 * len(notebooks)
    assert "../../resnet/ResNet.html#term-batch-normalisation" in pages["architectures/unet/UNet.html"].links
    assert "#term-batch-normalisation" in pages["resnet/ResNet.html"].links  # it speaks of it before it explains it


class Browser:
    """A headless Chromium with one tab, driven by the DevTools protocol."""

    def __init__(self, folder):
        to, answers = os.pipe(), os.pipe()
        resolve = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # nothing leaves this machine
        command = [sys.executable, "-c", AS_3_AND_4, str(to[0]), str(answers[1]), CHROMIUM, *FLAGS, resolve]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(to[0], answers[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to[0])
        os.close(answers[1])
        self.orders, self.answers = to[1], answers[0]
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        tab = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Give an order and wait for its answer; what else the browser says meanwhile is kept in `events`."""
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        order |= {"sessionId": self.session} if self.session else {}
        os.write(self.orders, json.dumps(order).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self.events.append(message)

    def message(self):
        while b"\0" not in self.rest:
            assert select.select([self.answers], [], [], PATIENCE)[0], f"Chromium has said nothing for {PATIENCE} s"
            read = os.read(self.answers, 1 << 16)
            assert read, "Chromium has ended"
            self.rest += read
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def evaluate(self, expression):
        """The value of a JavaScript expression, or of the promise that it is."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def window(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, url):
        """Open a page and wait until it can be read: images, formulas and fonts. Returns the seconds."""
        self.events, started = [], time.monotonic()
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())
        self.evaluate(
            "(async () => { if (window.MathJax) await MathJax.startup.promise; await document.fonts.ready;"
            " await Promise.all([...document.images].map(i => i.decode().catch(() => 0))) })()"
        )
        return time.monotonic() - started

    def complaints(self, home):
        """What the console of the page says, and what it asked of other hosts."""
        found = []
        for event in self.events:
            method, said = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(said["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
                found.append(str(said["args"]))
            elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
                found.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
            elif method == "Network.requestWillBeSent" and not said["request"]["url"].startswith((home, "data:")):
                found.append(f"asks {said['request']['url']}")
        return found

    def close(self):
        os.close(self.orders)  # Chromium ends when nobody can order anything any more
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.answers)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("THE READING SITE IS NOT CHECKED IN A BROWSER: there is no Chromium or Chrome on the path")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def home(built):
    """The address of a local server of the site."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


DRAWN = """(() => {
  const formulas = [...document.querySelectorAll("span.math, div.math")];
  return {
    images: document.images.length,
    formulas: formulas.length,
    faults: [
      ...[...document.images].filter(i => !i.naturalWidth).map(i => "not drawn: " + i.src),
      ...[...document.images].filter(i => !i.alt).map(i => "without a text: " + i.src),
      ...formulas.filter(f => !f.querySelector("mjx-container")?.getBoundingClientRect().width)
        .map(f => "not drawn: " + f.textContent),
      ...[...document.querySelectorAll("mjx-merror, [data-mjx-error]")].map(e => "wrong: " + e.textContent),
    ],
  };
})()"""
TOO_WIDE = """(() => {
  const scrolls = e => e !== document.body && (/auto|scroll/.test(getComputedStyle(e).overflowX) ||
    e.parentElement && scrolls(e.parentElement));
  const wide = [...document.querySelectorAll("main *")].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility() && !scrolls(e) &&
      !e.closest("mjx-assistive-mml"));
  const page = document.scrollingElement.scrollWidth - innerWidth;
  return [...(page > 0 ? [`the page, by ${page} pixels`] : []), ...wide.slice(0, 5).map(e => e.outerHTML)];
})()"""


def test_every_page_is_drawn_and_fits_a_phone(browser, home, pages):
    faults, images, formulas = [], 0, 0
    for name in pages:
        browser.window(*DESK)
        browser.open(home + name)
        drawn = browser.evaluate(DRAWN)
        images, formulas = images + drawn["images"], formulas + drawn["formulas"]
        browser.window(*PHONE)
        wide = [f"too wide for a phone: {what}" for what in browser.evaluate(TOO_WIDE)]
        faults += [f"{name}: {fault}" for fault in browser.complaints(home) + drawn["faults"] + wide]
    assert not faults, "\n".join(faults)
    assert images > 100 and formulas > 300


def test_plots_can_be_read_in_the_dark(browser, home):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    try:
        browser.open(home + WALKTHROUGHS[0])
        style = "getComputedStyle(document.querySelector('.cell_output img')).backgroundColor"
        assert browser.evaluate("document.documentElement.dataset.theme") == "dark"
        assert browser.evaluate(style) == "rgb(255, 255, 255)"  # as in the light: their lines are black
        browser.open(home + "overview.html")
        images = "[...document.querySelectorAll('main img')].filter(i => i.checkVisibility()).map(i => i.src)"
        assert [image.endswith("-dark.svg") for image in browser.evaluate(images)] == [True] * 3
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])


def test_search_finds_a_word(browser, home):
    browser.open(home + "search.html?q=bottleneck")
    found = browser.evaluate(
        "new Promise(done => { const look = () => { const n = document.querySelectorAll('#search-results li a').length;"
        " n ? done(n) : setTimeout(look, 50) }; look(); setTimeout(() => done(0), 20000) })"
    )
    assert found > 1


def test_walkthroughs_are_ready_soon(browser, home, capsys):
    """How long, is printed; the limit is a generous one, as the machine may have other work."""
    browser.window(*DESK)
    for name in WALKTHROUGHS:
        seconds = min(browser.open(home + name) for _ in range(2))
        with capsys.disabled():
            print(f"\n{name}: ready to read after {seconds:.2f} s", end="")
        assert seconds < 30
