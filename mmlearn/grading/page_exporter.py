"""nbconvert's HTML exporter for a class's pages, on which most cells are the same: what was made once is kept.

The pages are nbconvert's to the byte. It renders a page with its template, then parses all of it with BeautifulSoup, to
add what the template lacks, and writes it again. Here, cells whose markup stands alone are taken out of the page before
that, and put back as BeautifulSoup has written them when the first page had them; a cell that was on a page before is
not rendered again. What is left of a page is the same for most of a class, and is parsed once.
"""

import json
import re
import secrets
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

from bs4 import BeautifulSoup
from bs4.builder import HTMLTreeBuilder
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode

CELLS_KEPT = 2000  # a page has some 40; one takes a few kilobytes
PAGES_KEPT, PAGE_KEPT = 100, 50_000  # without their cells; in characters, of which an honest one has some 2,000

_CELL = re.compile(r'\n(?=<div [^<>]*class="cell border-box-sizing )')
# Before the first cell: what is in the head, the heading with the points, a line of the table of contents.
_ALIKE = re.compile(r"(?<=<head>).*?(?=</head>)|<h4>.*?</h4>|<li>.*?</li>", re.DOTALL)
_EMPTY = HTMLTreeBuilder.DEFAULT_EMPTY_ELEMENT_TAGS or set()  # <br> and its like


class _Finished(Exception):
    """Thrown over nbconvert's head: there is nothing that it would add to this page."""

    def __init__(self, html: str, resources: dict):
        self.page = html, resources


class _CellsTakenOut(TemplateExporter):
    """Renders a page in which placeholders stand for cells."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._kept: dict[str, str] = {}  # what a cell is made from -> its part of a page
        self._nb = NotebookNode()  # of the page at hand
        self._contents: list[str] = []  # what its cells are made from, if each has one part of the page
        self._placeholder = f"<i>cell-{secrets.token_hex(8)}</i>"  # nothing that a hand-in could hold

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> tuple[Any, dict]:
        html, resources = super().from_notebook_node(nb, resources, **kw)
        parts = _split(html)
        if self._contents and len(parts) != 1 + 2 * len(self._contents):  # which part is which cell's?
            html = self.template.render(nb=self._nb, resources=resources)
            parts, self._contents = _split(html), []
        self.cells: list[str] = []
        if "jp-Notebook" in html:  # of such pages, nbconvert changes elements by what stands around them
            return html, resources
        if self._contents:  # then nothing of a hand-in stands before the first cell
            parts[0] = _ALIKE.sub(lambda found: self._taken_out(_written_alone(found[0])) or found[0], parts[0])
        for place in range(2, len(parts) - 2, 2):  # with the last part, the page ends
            content = self._contents[place // 2 - 1] if self._contents else ""
            written = self._kept.get(content)
            if written is None and parts[place].endswith("</div>"):
                written = _written_alone(parts[place])
            if written is None:
                continue
            if content and len(self._kept) < CELLS_KEPT:
                self._kept[content] = written
            parts[place] = self._taken_out(written)
        left = "".join(parts)
        if "<img" in left.lower():
            return left, resources
        write = _written_once if len(left) < PAGE_KEPT else _written
        raise _Finished(self.with_cells(write(left)), resources)

    def _taken_out(self, written: str | None) -> str:
        """What stands in the page for a part of it; "" if that cannot be taken out."""
        if written is None:
            return ""
        self.cells.append(written)
        return self._placeholder

    def with_cells(self, html: str) -> str:
        """The page at hand, what was taken out back in its place."""
        cells = iter(self.cells)
        return re.sub(self._placeholder, lambda _: next(cells), html)

    def _preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Blank the cells that a page before had: the template need not make them again."""
        self._nb, resources = super()._preprocess(nb, resources)
        cells = self._nb.cells
        if not all(map(_has_a_part, cells)):
            self._contents = []
            return self._nb, resources
        about = json.dumps(self._nb.metadata)  # by what it says of the language, code is coloured
        self._contents = [about + json.dumps(cell) for cell in cells]
        contents = zip(cells, self._contents, strict=True)
        blanked = [_blank(cell) if content in self._kept else cell for cell, content in contents]
        return NotebookNode({**self._nb, "cells": [*blanked[:-1], *cells[-1:]]}), resources


def _split(html: str) -> list[str]:
    """A page in parts: text, white space, cell, white space, cell ..."""
    parts = []
    *before, last = _CELL.split(html)
    for part in before:
        text = part.rstrip()
        parts += [text, f"{part[len(text) :]}\n"]
    return [*parts, last]


def _has_a_part(cell: NotebookNode) -> bool:
    """Whether the template gives the cell a part of the page; what the author forges in it makes parts more."""
    return cell.cell_type in ("code", "markdown") and "transient" not in cell.metadata


def _blank(cell: NotebookNode) -> NotebookNode:
    """It keeps its metadata, which the head of a page sums up."""
    emptied = {"source": "", **({"outputs": []} if cell.cell_type == "code" else {})}
    return NotebookNode({**cell, **emptied})


class PageExporter(HTMLExporter, _CellsTakenOut):
    """As `HTMLExporter`, which calls the class above in place of `TemplateExporter`."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._rendered = lru_cache(maxsize=CELLS_KEPT)(self._markdown)
        self._highlighted = lru_cache(maxsize=CELLS_KEPT)(self._highlight)

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> tuple[Any, dict]:
        language = nb.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer", language.get("name"))
        self.filters["highlight_code"] = lambda source, language=None, metadata=None: self._highlighted(
            source, language or lexer, (metadata or {}).get("magics_language")
        )
        try:
            html, resources = super().from_notebook_node(nb, resources, **kw)
        except _Finished as finished:
            return finished.page
        return self.with_cells(html), resources

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """nbconvert's; what it makes of a text without attachments depends on the text alone."""
        if self.embed_images or context.get("cell", {}).get("attachments"):
            return str(super().markdown2html(context, source))
        return self._rendered(source)

    def _markdown(self, source: str) -> str:
        return str(super().markdown2html({}, source))

    def _highlight(self, source: str, lexer: str | None, magics: str | None) -> str:
        about = {"magics_language": magics} if magics else {}
        return str(Highlight2HTML(pygments_lexer=lexer, parent=self)(source, metadata=about))


def _written(html: str) -> str:
    """As BeautifulSoup writes it."""
    return str(BeautifulSoup(html, features="html.parser"))


_written_once = lru_cache(maxsize=PAGES_KEPT)(_written)


@lru_cache(maxsize=CELLS_KEPT)
def _written_alone(cell: str) -> str | None:
    """A cell as BeautifulSoup writes it; None where the rest of the page has a say in that, or nbconvert adds to it."""
    if "<img" in cell.lower():
        return None
    tags = _Tags()
    tags.feed(cell)
    tags.close()
    if tags.unmatched or tags.open:
        return None
    return _written(cell)


class _Tags(HTMLParser):
    """Whether what a text opens is closed in it, and nothing else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.unmatched = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        self.unmatched |= not self.open or self.open.pop() != tag
