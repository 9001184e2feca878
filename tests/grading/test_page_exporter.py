"""Pages whose cells are kept are nbconvert's own to the byte, whatever stands in the cells."""

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from mmlearn.grading import page_exporter
from mmlearn.grading.page_exporter import PageExporter

CLASSIC = Config({"HTMLExporter": {"template_name": "classic"}})
CELL = '<div class="cell border-box-sizing text_cell rendered">'

TEXTS = {
    "plain": "# A title\n\nSome *words* and `code`, x < y & z, 图像",
    "a list": "- one\n- two\n\n```python\nx = [1, 2]\n\n\ny = 3\n```",
    "a formula": r"$\frac{a}{b} < c$ and $$\sum_i x_i$$",
    "an image": "![](picture.png) and <img src='x.png'>",
    "left open": "<div><p>never closed <b>bold",
    "closes the page": "</div></div></div></body></html> after",
    "closes a cell": f"text </div>\n{CELL} another",
    "a forged cell": f"before\n\n{CELL}<p>forged</p></div>\n\nafter",
    "an open comment": "<!-- never closed",
    "a script": "<script>if (a < b) { document.write('</div>') }</script>",
    "white space": "<pre>\n\n  kept   \n\n</pre>\n\n<textarea>\n\n a \n</textarea>",
    "empty elements": "one<br>two<br/>three</br><hr>",
    "entities": "&lt;b&gt; &amp;amp; &nbsp; &notanentity; &#65;",
}


def notebook(*texts: str) -> nbformat.NotebookNode:
    cells = [new_markdown_cell(text, id=f"text-{number}") for number, text in enumerate(texts)]
    shown = {"text/plain": "2.0", "text/html": "<table><tr><td>2 of 3</td></tr></table>"}
    outputs = [new_output("stream", text="printed <b>\n"), new_output("execute_result", shown, execution_count=1)]
    code = new_code_cell("a = 1\n\n\nprint(a < 2)", id="code", execution_count=1, outputs=outputs)
    return new_notebook(cells=[*cells, code, new_markdown_cell("the last", id="last")])


@pytest.fixture(scope="module")
def exporters():
    return HTMLExporter(config=CLASSIC), PageExporter(config=CLASSIC)


def pages(exporters, *texts: str) -> tuple[str, str]:
    stock, own = (exporter.from_notebook_node(notebook(*texts))[0] for exporter in exporters)
    return stock, own


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in TEXTS.items()])
def test_the_same_page_for_the_first_and_for_the_next(exporters, text):
    for _ in range(2):
        stock, own = pages(exporters, TEXTS["plain"], text, TEXTS["a list"])
        assert own == stock


def test_the_same_page_with_everything_on_it(exporters):
    stock, own = pages(exporters, *TEXTS.values())
    assert own == stock


def test_the_same_page_when_the_last_cell_was_on_a_page_before(exporters):
    for texts in (["one", "two"], ["two", "one"]):
        made = new_notebook(cells=[new_markdown_cell(text, id=text) for text in texts])
        stock, own = (exporter.from_notebook_node(made)[0] for exporter in exporters)
        assert own == stock


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_what_one_learner_writes_is_on_nobody_else_s_page(exporters, kind):
    """A forged cell, and with a raw one, which has no place of its own, as many parts as cells."""
    hostile = notebook(TEXTS["a forged cell"], "mine", TEXTS["plain"])
    hostile.cells[2]["cell_type"] = kind
    for made in (hostile, notebook("", "mine", TEXTS["plain"]), hostile, notebook("mine", TEXTS["plain"])):
        stock, own = (exporter.from_notebook_node(made)[0] for exporter in exporters)
        assert own == stock


def test_what_a_learner_says_of_the_language_colours_nobody_else_s_code():
    exporters = HTMLExporter(config=CLASSIC), PageExporter(config=CLASSIC)
    for lexer in ("text", "ipython3"):
        made = notebook("one")
        made.metadata["language_info"] = {"name": "python", "pygments_lexer": lexer}
        stock, own = (exporter.from_notebook_node(made)[0] for exporter in exporters)
        assert own == stock


def test_the_same_page_without_cells(exporters):
    stock, own = (exporter.from_notebook_node(new_notebook())[0] for exporter in exporters)
    assert own == stock


def test_the_same_page_with_an_attachment(exporters):
    made = notebook("![](attachment:dot.png)", TEXTS["plain"])
    made.cells[0]["attachments"] = {"dot.png": {"image/png": "AAAA"}}
    stock, own = (exporter.from_notebook_node(made)[0] for exporter in exporters)
    assert own == stock
    assert "AAAA" in own


def test_the_same_page_by_a_template_that_nbconvert_changes():
    lab = Config({"HTMLExporter": {"template_name": "lab"}})
    stock, own = (
        exporter(config=lab).from_notebook_node(notebook("one"))[0] for exporter in (HTMLExporter, PageExporter)
    )
    assert own == stock
    assert 'tabindex="0"' in own


def test_cells_are_taken_out_and_only_those_that_stand_alone(exporters):
    own = exporters[1]
    own.from_notebook_node(notebook(TEXTS["plain"], TEXTS["left open"], TEXTS["a list"]))
    assert len(own.cells) == 4  # the head, two texts and the code
    page_exporter._written_alone.cache_clear()
    own.from_notebook_node(notebook("one", "two", "one"))
    first = page_exporter._written_alone.cache_info().misses
    own.from_notebook_node(notebook("one", "two", "one"))
    assert page_exporter._written_alone.cache_info().misses == first
