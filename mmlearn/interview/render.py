"""The bank's Markdown as HTML: with MathML for the booklet, with MathJax for Anki. `terminal` is for terminals."""

import re
import unicodedata
from collections.abc import Callable
from html import escape

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from mmlearn.interview.formulas import display_lines, fault, inline_parts, to_mathml

Formula = Callable[[str, bool], str]  # (LaTeX, whether it stands on a line of its own) -> HTML

MATH_TOKENS = ("math_inline", "math_inline_double", "math_block")
_DISPLAYED = ("math_inline_double", "math_block")


def markdown() -> MarkdownIt:
    """A parser of the bank's Markdown: CommonMark, tables, $formulas$ and $$displayed ones$$."""
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable("table")
    parser.use(dollarmath_plugin, allow_labels=False, allow_blank_lines=False, double_inline=True)
    parser.core.ruler.push("chinese_line_ends", _close_chinese_line_ends)
    return parser


def is_wide(letter: str) -> bool:
    """Whether it is Chinese, or Chinese punctuation: twice as wide as a Latin letter, and written without spaces."""
    return unicodedata.east_asian_width(letter) in "WF" or letter in "“”‘’…—"


def _close_chinese_line_ends(state: StateCore) -> None:
    """Where the file's line ends between two Chinese letters, there is no space."""
    for block in state.tokens:
        children = block.children or []
        for index, token in enumerate(children):
            if token.type != "softbreak":
                continue
            before = _letter(reversed(children[:index]), -1)
            after = _letter(children[index + 1 :], 0)
            punctuation = {letter for letter in (before, after) if is_wide(letter or " ") and not letter.isalnum()}
            if (is_wide(before or " ") and is_wide(after or " ")) or punctuation - set("“”‘’…—"):
                token.type, token.content = "text", ""


def _letter(tokens, at: int) -> str:
    """The letter next to a line end; "" beside a formula or code."""
    for token in tokens:
        if token.type == "text" and token.content:
            return token.content[at]
        if token.type in (*MATH_TOKENS, "code_inline"):
            return ""
    return ""


def to_html(text: str, formula: Formula) -> str:
    """The Markdown as well-formed HTML, its formulas as `formula` writes them."""
    parser = markdown()

    def write(renderer, tokens: list[Token], index: int, options, env) -> str:
        token = tokens[index]
        return formula(" ".join(token.content.split()), token.type in _DISPLAYED)

    for kind in MATH_TOKENS:
        parser.add_render_rule(kind, write)
    return _keep_together(parser.render(text).strip())


def _keep_together(html: str) -> str:
    """A bracket before an inline formula and the punctuation after it stay on its line."""

    def wrap(match: re.Match[str]) -> str:
        return f'<span class="together">{match[0]}</span>' if match[1] or match[2] else match[0]

    inline = r'<math xmlns="[^"]*" display="inline">(?:(?!</math>).)*</math>'
    return re.sub(rf"([(（\[“]*){inline}([),.;:?!，。；：、？！）”\]]*)", wrap, html)


def as_mathml(latex: str, display: bool) -> str:
    """For a browser. A formula that cannot be converted is shown as it was written, and looks so."""
    if fault(latex):
        return f'<code class="latex">{escape(latex)}</code>'
    if display:
        return "".join(f'<span class="display">{to_mathml(line, True)}</span>' for line in display_lines(latex))
    return "".join(inline_parts(latex))


def as_mathjax(latex: str, display: bool) -> str:
    r"""For Anki, whose MathJax reads \( \) and \[ \]."""
    return rf"\[{escape(latex, quote=False)}\]" if display else rf"\({escape(latex, quote=False)}\)"


def formulas_in(text: str) -> list[str]:
    """Each formula of a Markdown text, as LaTeX."""
    found = []
    for block in markdown().parse(text):
        for token in (block, *(block.children or [])):
            if token.type in MATH_TOKENS:
                found.append(" ".join(token.content.split()))
    return found


def plain(text: str) -> str:
    """One line without marks, for a list: formulas as Unicode, emphasis dropped."""
    from mmlearn.interview.formula_text import to_text

    told = ""
    for block in markdown().parse(text):
        for token in block.children or [block]:
            if token.type in MATH_TOKENS:
                told += token.content if fault(token.content) else to_text(token.content)
            elif token.type in ("softbreak", "hardbreak"):
                told += " "
            elif token.type in ("text", "code_inline"):
                told += token.content
        told += " "
    return re.sub(r"\s+", " ", told).strip()
