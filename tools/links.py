"""Whether the outside addresses in texts, notebooks and loaders still answer: `python -m tools links`, once a week.

It needs no package. Hosts are asked side by side, the addresses of one host one after the other.
"""

import ast
import http.client
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https?://[^\s\"'`<>\\{}|]+")
SELF = ("YOUR_NAME", "https://colab.research.google.com/github/", "http://localhost", "https://example.")  # not asked
UNSURE = (401, 403, 405, 406, 429, 999)  # the host is there, and does not talk to programs
PAUSES = (0, 5, 20)  # seconds before each attempt
TIMEOUT = 30  # seconds
HEADERS = {"User-Agent": "Mozilla/5.0 (deep-learning-papers, link check)", "Range": "bytes=0-0"}  # one byte is enough


def links(root=ROOT, pauses=PAUSES):
    """Ask every address and print those that do not answer, with the files they are in. Returns 1 if there are any."""
    where = {}
    for path in sources(root):
        for address in addresses(path):
            where.setdefault(address, []).append(str(path.relative_to(root)))
    answers = ask(where, pauses)
    for verdict, why in (("unsure", "refuses programs: look at it yourself"), ("dead", "does not answer")):
        for address, (found, said) in sorted(answers.items()):
            if found == verdict:
                print(f"{verdict:7} {address}: {why} ({said})\n        in {', '.join(where[address])}")
    counts = {verdict: sum(found == verdict for found, _ in answers.values()) for verdict in ("ok", "unsure", "dead")}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return int(counts["dead"] > 0)


def sources(root):
    """The repository's texts, notebooks and modules; tests and this file name addresses that need not be there."""
    command = ["git", "ls-files", "-z", "*.md", "*.ipynb", "*.py", "*.txt", "*.cff"]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [Path(root) / name for name in names if name and not name.startswith(("tests/", "tools/links.py"))]
    return [path for path in paths if path.is_file()]


def addresses(path):
    """The outside addresses in a file, without their #fragments, each once."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    found = constants(path, text) if path.suffix == ".py" else []
    matches = [match for match in ADDRESS.finditer(text) if text[match.end() : match.end() + 1] != "{"]  # no f-strings
    found += [urldefrag(trimmed(match[0])).url for match in matches]
    found = dict.fromkeys(address for address in found if not any(own in address for own in SELF))
    return [address for address in found if is_whole(address, found)]


def trimmed(address):
    """Without what ends a sentence, or closes a bracket that was opened before the address."""
    while address[-1] in ".,;:!?*_])" and not (address[-1] == ")" and address.count("(") >= address.count(")")):
        address = address[:-1]
    return address


def is_whole(address, others):
    """Whether it stands for itself: not the beginning, up to a slash, of another one."""
    return not (address.endswith("/") and any(other != address and other.startswith(address) for other in others))


def constants(path, text):
    """Addresses among a module's constants, f-strings filled in.

    One that ends with a slash is where a loader finds its files: the first file that the module has a hash of follows.
    """
    values = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            code = compile(ast.Expression(node.value), str(path), "eval")
            try:
                values[node.targets[0].id] = eval(code, {"__builtins__": {}}, values)
            except Exception:  # it needs more than constants
                continue
    found = [text for text in strings(list(values.values())) if ADDRESS.fullmatch(text)]
    found = [address for address in found if is_whole(address, found)]
    names = [name for value in values.values() if isinstance(value, dict) for name in value if isinstance(name, str)]
    for file in sorted(path.parent.glob("*.sha256")):
        names += [line.split()[1] for line in file.read_text(encoding="utf-8").splitlines()]
    return [address + names[0] if address.endswith("/") and names else address for address in found]


def strings(value):
    """All strings in nested dictionaries, lists and tuples."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings([*value.keys(), *value.values()])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


def ask(addresses, pauses=PAUSES):
    """{address: ("ok", "unsure" or "dead", what the host said)}."""
    hosts = {}
    for address in addresses:
        hosts.setdefault(urlsplit(address).netloc, []).append(address)

    def ask_host(those):
        return [(address, answer(address, pauses)) for address in those]

    with ThreadPoolExecutor(16) as pool:
        return dict(pair for pairs in pool.map(ask_host, hosts.values()) for pair in pairs)


def answer(address, pauses=PAUSES):
    """(verdict, what the host said), after as many attempts as there are pauses."""
    said = ""
    for pause in pauses:
        time.sleep(pause)
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=HEADERS), timeout=TIMEOUT) as reply:
                return "ok", str(reply.status)
        except urllib.error.HTTPError as error:
            said = str(error.code)
            if error.code == 416:  # nothing to take a byte of, but it is there
                return "ok", said
            if error.code in UNSURE:
                return "unsure", said
            if error.code in (404, 410):
                return "dead", said
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = str(getattr(error, "reason", error)) or type(error).__name__
    return "dead", said
