"""What stands in a stranger's text, and what nbgrader's pages make of it."""

import re
from html.parser import HTMLParser

import pytest
from nbconvert.filters import markdown2html_mistune
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook, new_raw_cell

from mmlearn.grading.defuse import NO_WIDTH, defuse, defused

HARM = {
    "script": "<script>steal()</script>",
    "handler": "<img src=x onerror=steal()>",
    "upper case": "<IMG SRC=x ONERROR=steal()>",
    "link": "[x](javascript:steal())",
    "link with an entity": "[x](javascript&#58;steal())",
    "link with a backslash": "[x](javascript\\:steal())",
    "link elsewhere": "[x][y]\n\n[y]: javascript:steal()",
    "automatic link": "<javascript:steal()>",
    "picture": "![x](data:text/html;base64,AAAA)",
    "diagram": "```mermaid\n<img src=x onerror=steal()>\n```",
    "table": "| a |\n|---|\n| <img src=x onerror=steal()> |",
    "in maths": "$<img src=x onerror=steal()>$ and $\\href{javascript:steal()}{x}$",
}


class Page(HTMLParser):
    """Collects what a browser would run, load or offer to click."""

    def __init__(self, text: str):
        super().__init__()
        html = str(markdown2html_mistune(text))  # as nbgrader's templates do it
        self.live = re.findall(r"\\href", html)  # MathJax's \\href
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.live += [tag] if tag in ("script", "svg") else []
        for name, value in attrs:
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", value or "", re.IGNORECASE)
            if name.startswith("on") or (scheme and scheme[1] not in ("http", "https", "mailto")) or value == "mermaid":
                self.live.append(f"{name}={value}")


@pytest.mark.parametrize("name", HARM)
def test_what_would_run_on_a_page_is_only_read(name):
    assert Page(HARM[name]).live
    assert Page(defused(HARM[name])).live == []


@pytest.mark.parametrize("text", [*HARM.values(), "a < b && c: d", "# Title\n\n- `x[1:2]`", "| a |\n|:--:|\n| 1 |"])
def test_a_reader_sees_the_same(text):
    assert defused(text).replace(NO_WIDTH, "") == text


@pytest.mark.parametrize(
    "text",
    [
        "[paper](https://arxiv.org/abs/1)",
        "[me](mailto:a@b.c)",
        "![p](attachment:p.png)",
        "a < b, c <- d",
        "|:-:|",
        "Note: b",
    ],
)
def test_what_is_harmless_is_left_alone(text):
    assert defused(text) == text


def test_cells_attachments_ids_and_metadata_of_a_notebook():
    cell = new_markdown_cell("<b>")
    cell.attachments = NotebookNode(
        good=NotebookNode({"image/png": "iVBORw0KGgo="}),
        evil=NotebookNode({"image/png": '" onerror="steal()'}),
        drawn=NotebookNode({"image/svg+xml": "AAAA"}),
    )
    metadata = {"title": "<script>", "language_info": {"name": "python", "pygments_lexer": '"><script>'}, "widgets": {}}
    nb = new_notebook(cells=[cell, new_raw_cell("<b>")], metadata=metadata)
    cell.id = '"><img src=x>'  # nbformat reads such a notebook, and only remarks on it
    defuse(nb)
    assert [cell.source for cell in nb.cells] == [f"<{NO_WIDTH}b>"] * 2
    assert nb.cells[0].id == "imgsrcx"
    assert nb.cells[0].attachments == {
        "good": {"image/png": "iVBORw0KGgo="},
        "evil": {"image/png": ""},
        "drawn": {"image/png": ""},
    }
    assert nb.metadata == {"language_info": {"name": "python"}}
