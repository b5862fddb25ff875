"""What the reading site adds to its pages: links to explained terms, what to read before and after, MathJax.

A term is linked where a notebook uses it first: to the place in another notebook that explains it, or to the place
further down where the notebook itself does. docs/site/reading.toml says who explains what.
"""

import importlib.metadata
import re
import shutil
from pathlib import Path

import overview
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError

from tools.site import reading

NO_TEXT = (nodes.title, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.reference, pending_xref)
EMPHASIS = (nodes.strong, nodes.emphasis)
MATHJAX = ("tex-chtml-full.js", "output/chtml/fonts/")  # what the pages need of it
AT_MOST = 4  # terms that are named as a reason to read another notebook


def setup(app):
    app.connect("builder-inited", lambda app: overview.write(Path(app.srcdir)))
    app.connect("doctree-read", describe_plots)
    app.connect("env-updated", lambda app, env: setattr(app, "reading", Reading(env)))
    app.connect("doctree-resolved", add_aids)
    app.connect("html-page-context", name_neighbours)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True}


def copy_mathjax(app, error):
    """Copy MathJax and its fonts from the installed package into the site."""
    if error:
        return
    for file in importlib.metadata.files("sphinx-mathjax-offline"):
        inside = file.as_posix().partition("/static/mathjax/")[2]
        if inside.startswith(MATHJAX):
            target = Path(app.outdir) / "_static" / "mathjax" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file.locate(), target)


def describe_plots(app, doctree):
    """Give a stored plot the name of its section as its text, which is better than the name of a file."""
    for image in doctree.findall(nodes.image):
        if "alt" not in image:
            sections = ancestors(image, nodes.section)
            image["alt"] = f"Output of the code above, under “{sections[0][0].astext()}”" if sections else "Output"


class Reading:
    """Who explains what, and who takes it from there: reading.toml, held against the pages.

    entries    the notebooks that are pages, by title
    patterns   {term: what it looks like in a text}
    explained  {term: {title: heading, or "" for any}}, for the entries alone
    uses       {title: {term: title of the notebook to which the term is linked}}, in the order of use

    Raises ExtensionError for a place that reading.toml names and that is not there.
    """

    def __init__(self, env):
        entries, terms, _ = reading()
        self.entries = {title: entry for title, entry in entries.items() if entry["there"]}
        self.patterns = {term: pattern(table.get("words", [term])) for term, table in terms.items()}
        self.explained, self.uses = {}, {}
        for term, table in terms.items():
            places = dict(place.partition(": ")[::2] for place in table["in"])
            self.explained[term] = {title: heading for title, heading in places.items() if title in self.entries}
        texts = {title: running_texts(env.get_doctree(document(entry))) for title, entry in self.entries.items()}
        missing = [
            f"{title} does not say {term!r}" + (f" under {heading!r}" if heading else "")
            for term, places in self.explained.items()
            for title, heading in places.items()
            if self.explanation(term, title, texts[title]) is None
        ]
        if missing:
            raise ExtensionError("\n".join(["docs/site/reading.toml names places that are not there:", *missing]))
        for title in texts:
            links = sorted(self.links(title, texts[title]), key=lambda link: texts[title].index(link[2]))
            self.uses[title] = {term: where for term, where, *_ in links}

    def explanation(self, term, title, texts):
        """The text in which a notebook explains a term, or None."""
        heading = self.explained[term][title]
        found = [
            node
            for node in texts
            if self.patterns[term].search(node)
            and (not heading or any(s[0].astext() == heading for s in ancestors(node, nodes.section)))
        ]
        return next((node for node in found if isinstance(node.parent, EMPHASIS)), found[0] if found else None)

    def links(self, title, texts):
        """(term, title of the notebook that explains it, text, match) for each term that is to be a link here.

        Each text is looked at when its turn comes, so that the caller may change the list meanwhile.
        """
        for term in sorted(self.explained, key=len, reverse=True):
            places = self.explained[term]
            home = self.explanation(term, title, texts) if title in places else None
            for node in texts if places else ():
                if node is home:
                    break
                if match := self.patterns[term].search(node):
                    yield term, title if home else next(iter(places)), node, match
                    break


def add_aids(app, doctree, docname):
    """Insert anchors and links of terms into a notebook's page, and the box that says what to read before and after."""
    reading = app.reading
    title = next((title for title, entry in reading.entries.items() if document(entry) == docname), None)
    if title is None:
        return

    def address(title, term=None):
        to = app.builder.get_relative_uri(docname, document(reading.entries[title]))
        return f"{to}#{anchor(term)}" if term else to

    texts = running_texts(doctree)
    for term, places in reading.explained.items():
        if title in places:
            insert_anchor(reading.explanation(term, title, texts), term)
    for term, where, node, match in reading.links(title, texts):
        link = nodes.reference("", match[0], refuri=address(where, term), classes=["term"], internal=True)
        link["reftitle"] = f"explained in {where}" if where != title else "explained further down"
        pieces = [nodes.Text(node[: match.start()]), link, nodes.Text(node[match.end() :])]
        node.parent.replace(node, pieces)
        at = texts.index(node)
        texts[at : at + 1] = [pieces[0], pieces[2]]
    badge = next((link for link in doctree.findall(nodes.reference) if "colab" in link["classes"]), None)
    before_it = ancestors(badge, nodes.paragraph)[0] if badge else next(doctree.findall(nodes.title))
    before_it.parent.insert(before_it.parent.index(before_it) + 1, what_to_read(reading, title, address))


def what_to_read(reading, title, address):
    """The box of a notebook: what to read before and after it, and for the sake of which terms."""
    entry, box = reading.entries[title], nodes.container(classes=["reading"])
    for words, others, none in (
        ("Before this", entry["before"], "nothing: it is the first of its line"),
        ("After this", entry["after"], "nothing builds on it here yet"),
    ):
        line = nodes.paragraph("", "", nodes.strong("", f"{words}: "))
        others = [other for other in others if other in reading.entries]
        for number, other in enumerate(others):
            source, user = (other, title) if words == "Before this" else (title, other)
            shared = [term for term, where in reading.uses[user].items() if where == source][:AT_MOST]
            line += nodes.Text("; " if number else "")
            line += nodes.reference("", other, refuri=address(other), internal=True)
            line += nodes.Text(f" ({', '.join(shared)})" if shared else "")
        line += nodes.Text("." if others else f"{none}.")
        box += line
    return box


def name_neighbours(app, docname, template, context, doctree):
    """Give the links to the pages before and after this one the notebooks' short names, as in the contents."""
    names = {document(entry): title for title, entry in app.reading.entries.items()}
    _, before, after = app.builder.relations.get(docname, (None, None, None))
    for where, neighbour in (("prev", before), ("next", after)):
        if neighbour in names:
            context[where]["title"] = names[neighbour]


def document(entry):
    """Sphinx's name of a notebook's page."""
    return entry["path"].removesuffix(".ipynb")


def anchor(term):
    return "term-" + re.sub(r"\W+", "-", term).lower()


def pattern(words):
    """A term in running text: any of its spellings, with hyphens in place of spaces, and with a plural s."""
    parts = []
    for word in words:
        spelling = re.sub(r"[ -]", r"[\\s-]+", re.escape(word).replace(r"\ ", " ").replace(r"\-", "-"))
        parts.append(spelling if word != word.lower() else f"(?i:{spelling})")
    return re.compile(rf"\b(?:{'|'.join(parts)})s?\b")


def ancestors(node, kind):
    """All nodes of a kind around a node, the nearest first."""
    found = []
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kind):
            found.append(node)
    return found


def running_texts(doctree):
    """The texts that a reader reads as prose: no headings, code, outputs, formulas or links."""
    return [
        node
        for node in doctree.findall(nodes.Text)
        if not ancestors(node, NO_TEXT)
        and not any("nb_element" in box for box in ancestors(node, nodes.container))
        and ancestors(node, nodes.paragraph)
    ]


def insert_anchor(node, term):
    """Put an empty, named place before a text, or before the bold or italics that it stands in."""
    while isinstance(node.parent, EMPHASIS):
        node = node.parent
    place = nodes.inline("", "", ids=[anchor(term)], classes=["explained"])
    node.parent.insert(node.parent.index(node), place)
