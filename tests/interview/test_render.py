"""Every formula of the bank is shown, in a browser and in a terminal; Chinese is wrapped as Chinese is."""

import io
import re
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from mmlearn.interview.bank import HEADINGS, bank
from mmlearn.interview.formula_text import to_text
from mmlearn.interview.formulas import display_lines, fault, inline_parts, to_mathml
from mmlearn.interview.render import as_mathjax, as_mathml, formulas_in, is_wide, plain, to_html
from mmlearn.interview.terminal import Written, breaks, console

MATHML = "{http://www.w3.org/1998/Math/MathML}"
SPACES = {MATHML + name for name in ("mspace", "mtext", "mtd")}  # may be empty

by_question = pytest.mark.parametrize("asked", bank().values(), ids=bank())
by_language = pytest.mark.parametrize("language", HEADINGS)


def formulas_of(asked, language: str) -> list[str]:
    return [formula for text in asked.sections[language].values() for formula in formulas_in(text)]


@by_question
@by_language
def test_formulas_render(asked, language):
    for latex in formulas_of(asked, language):
        assert fault(latex) == "", latex
        for element in [*inline_parts(latex), *(to_mathml(line, True) for line in display_lines(latex))]:
            for node in ElementTree.fromstring(element).iter():
                assert node.tag.startswith(MATHML), latex
                assert not set(node.text or "") & set("\\&$"), (latex, node.tag, node.text)
                assert len(node) or (node.text or "").strip() or node.tag in SPACES, latex
        line = to_text(latex)
        assert line.strip(), latex
        assert not set(line) & set("\\&${}") - set("{}" if r"\{" in latex or "cases" in latex else ""), (latex, line)


@by_question
@by_language
def test_no_formula_is_taken_for_text(asked, language):
    for name, text in asked.sections[language].items():
        without_code = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        assert len(formulas_in(text)) == len(re.findall(r"\$\$.+?\$\$|\$.+?\$", without_code, re.DOTALL)), name
        shown = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", to_html(text, as_mathml), flags=re.DOTALL)
        assert "**" not in shown, name
        assert "$" not in shown, name


def test_what_cannot_be_converted_is_noticed_and_shown_as_written():
    for latex in (r"\frac{a", r"\nosuchcommand x", r"a & b"):
        assert fault(latex)
        assert as_mathml(latex, False).startswith('<code class="latex">')
    assert as_mathml(r"\nosuchcommand x<y", True) == r'<code class="latex">\nosuchcommand x&lt;y</code>'
    assert plain(r"so $\nosuchcommand x$ is") == r"so \nosuchcommand x is"


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        (r"p_{ij} = \mathrm{softmax}_j(s_{ij}/\tau)", "pᵢⱼ = softmaxⱼ(sᵢⱼ/τ)"),
        (r"\frac{1}{\tau}\left(p_{ij}-\delta_{ij}\right)", "(1/τ)(pᵢⱼ − δᵢⱼ)"),
        (r"-\frac{s_{ii}}{\tau} + \log\sum_j e^{s_{ij}/\tau}", "−sᵢᵢ/τ + log ∑ⱼ e^(sᵢⱼ/τ)"),
        (r"\log\frac{p(x,y)}{p(x)p(y)}", "log (p(x, y)/(p(x)p(y)))"),
        (r"\frac{QK^\top}{\sqrt d}", "QKᵀ/√d"),
        (r"\lVert a-b\rVert^2 = 2-2\cos", "‖a − b‖² = 2 − 2 cos"),
        (r"\mathbb{R}^{D_i}", "ℝ^(Dᵢ)"),
        (r"\max_{j\ne i}\left[m+s_{ij}\right]_+", "max_(j≠i) [m + sᵢⱼ]₊"),
        (r"\bar x\cdot\tilde y", "x̄·ỹ"),
        (r"65{,}536", "65,536"),
        (r"b=-\log(N-1)", "b = −log(N − 1)"),
        (r"p(c\mid x)", "p(c | x)"),
        (r"\frac{|B_m|}{N}\,|a-b|", "(|Bₘ|/N) |a − b|"),
        (r"\Gamma_{jc}t_j", "Γ_jc tⱼ"),
        (r"\arg\max_c z_c", "arg max_c z_c"),
        (r"\begin{pmatrix}a & b\\ c & d\end{pmatrix}", "(a, b; c, d)"),
        (r"\begin{aligned}a&=b\\ c&=d\end{aligned}", "a = b\nc = d"),
        (r"e^{x_i}/2", "e^(xᵢ)/2"),
        (r"\sqrt[3]{x+1}", "³√(x + 1)"),
        (r"p^{\text{image}}", "p^image"),
        (r"x\sim\mathcal N", "x ∼ 𝒩"),
    ],
)
def test_a_formula_in_a_terminal_means_the_same(latex, line):
    assert to_text(latex) == line


def test_mathml_has_what_latex2mathml_leaves_out():
    assert "<mi>softmax</mi>" in to_mathml(r"\mathrm{softmax}(x)")
    assert "<mn>65,536</mn>" in to_mathml("65{,}536")
    assert "<mo>∼</mo>" in to_mathml(r"x\sim p").replace("&#8764;", "∼")
    assert "<munder>" in to_mathml(r"\max_{j} x_j", True)
    assert "<munder>" not in to_mathml(r"\max_{j} x_j", False)
    assert '<mi mathvariant="normal">T</mi>' in to_mathml(r"a^{\mathrm{T}}")
    assert '<mi>log</mi><mspace width="0.167em" /><mi>p</mi>' in to_mathml(r"\log p")
    assert '<mi>log</mi><mo stretchy="false">' in to_mathml(r"\log(p)")
    assert 'form="prefix"' in to_mathml("b=-1")
    assert 'form="prefix"' not in to_mathml("(a)-1")
    assert "<mtable" in to_mathml(r"\begin{aligned}a&=b\end{aligned}")


def test_a_long_formula_may_break_at_its_relations_and_wide_spaces():
    long = r"\sum_i a_i b_i c_i d_i e_i = \sum_i f_i g_i h_i k_i \le \sum_i l_i m_i"
    assert len(inline_parts(long)) == 3
    assert len(inline_parts("a=b")) == 1
    longer = f"{long} + {long}"
    assert display_lines(rf"{longer}, \qquad {longer}") == [f"{longer},", longer]
    assert len(display_lines(r"a=b, \qquad c=d")) == 1
    nested = rf"\left\{{ {longer} \text{{a \qquad b}} \right\}}"
    assert display_lines(nested) == [nested]


def test_mathjax_is_escaped_for_html():
    assert as_mathjax("a<b & c", False) == r"\(a&lt;b &amp; c\)"
    assert as_mathjax("x", True) == r"\[x\]"


def test_a_displayed_formula_may_stand_within_a_paragraph():
    html = to_html("Take\n$$a\n= b$$.\nThen.", as_mathjax)
    assert html == "<p>Take\n\\[a = b\\].\nThen.</p>"
    assert to_html("$$\na\n$$", as_mathjax) == r"\[a\]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("概率\n成正比", "概率成正比"),
        ("所以，\nCLIP", "所以，CLIP"),
        ("在\nCLIP 里", "在\nCLIP 里"),
        ("正比于\n$x$", "正比于\n\\(x\\)"),
        ("**粗体**\n之后", "<strong>粗体</strong>之后"),
        ("two\nlines", "two\nlines"),
        ("说“好”\n的", "说“好”的"),
    ],
)
def test_a_line_end_between_chinese_letters_is_no_space(text, shown):
    assert to_html(text, as_mathjax) == f"<p>{shown}</p>"


def rendered(text: str, width: int) -> list[str]:
    stream = io.StringIO()
    terminal = console(file=stream, width=width)
    terminal.print(Written(text))
    return stream.getvalue().splitlines()


@by_question
@by_language
@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(asked, language, width):
    for name, text in asked.sections[language].items():
        lines = rendered(text, width)
        assert max(map(cell_len, lines)) <= width
        prose = [line.strip() for line in lines if "  " not in line.strip()]  # not a table's row
        if "|---" not in text and "```" not in text:
            assert not [line for line in prose if line and line[0] in "，。、；：？！）》"], name
            assert not [line for line in prose if line and line[-1] in "（《“"], name


@by_question
@by_language
def test_a_terminal_shows_every_word(asked, language):
    for text in asked.sections[language].values():
        if "|---" in text or "```" in text:
            continue
        marks = r"[\s•\d.]"  # the numbers of a list are marks of the terminal's own
        assert re.sub(marks, "", plain(text)) == re.sub(marks, "", "".join(rendered(text, 70)))


def test_chinese_breaks_between_letters_but_not_before_a_full_stop():
    text = "图像和文本融合的方法。"
    assert breaks(text, 10) == [5, 9]  # 图像和文本|融合的方|法。: not 法|。
    assert breaks("（好）好", 6) == [3]
    assert breaks("a word and another", 10) == [11]
    assert breaks("https://example.org/a/long/address", 10) == [10, 20, 30]
    assert breaks("see f(x)\u00a0=\u00a0a", 10) == [4]
    assert breaks("f(x)\u00a0=\u00a0a + b", 6) == [5, 11]


def test_tables_code_and_lists_are_shown():
    lines = rendered("| a | b |\n|---|---|\n| $x_i$ | `f` |\n\n```python\nx = [1]\n```\n\n- **one** $\\tau$\n", 40)
    text = "\n".join(lines)
    assert "xᵢ" in text
    assert "x = [1]" in text
    assert " • one τ" in text


def test_wide_letters():
    assert [is_wide(letter) for letter in "中，“（aτ "] == [True, True, True, True, False, False, False]
