"""The bank's Markdown in a terminal: rich's Markdown, with formulas in Unicode and Chinese wrapped as Chinese is."""

import re
from collections.abc import Iterator
from typing import Any

from markdown_it.token import Token
from rich.cells import cell_len
from rich.console import Console
from rich.containers import Lines
from rich.markdown import Markdown, MarkdownContext, Paragraph, TableDataElement
from rich.text import Text
from rich.theme import Theme

from mmlearn.interview.formula_text import to_text
from mmlearn.interview.formulas import fault
from mmlearn.interview.render import MATH_TOKENS, markdown

WIDTH = 100  # longer lines are hard to read
THEME = Theme(
    {
        "markdown.math": "magenta",
        "markdown.code": "cyan",
        "markdown.strong": "bold",
        "markdown.item.bullet": "dim",
        "markdown.table.header": "bold",
        "markdown.table.border": "dim",
    }
)

_OPENERS, _CLOSERS = "“‘（《「【〈『", "”’，。、；：？！）》」】〉』…—,.;:?!)"


def console(**options: Any) -> Console:
    """A console for the interview commands, at most 100 columns wide."""
    made = Console(highlight=False, markup=False, theme=THEME, **options)
    made.width = min(made.width, WIDTH)
    return made


class Written(Markdown):
    """Markdown of the bank, ready to print."""

    def __init__(self, text: str) -> None:
        super().__init__("", hyperlinks=False, code_theme="ansi_dark")
        self.parsed = _with_unicode(markdown().parse(text))


class WrappedText(Text):
    """Text that may break between any two Chinese letters, but not before 。 or after （."""

    def wrap(self, console: Console, width: int, **options: Any) -> Lines:
        lines = Lines()
        for line in self.split(allow_blank=True):
            pieces = line.divide(breaks(line.plain, width))
            for piece in pieces:
                piece.rstrip()
            lines.extend(pieces)
        return lines


def breaks(text: str, width: int) -> list[int]:
    """Where to break a line so that each part fits into `width` cells."""
    offsets = []
    used = 0
    for start, unit in _units(text, width):
        size = cell_len(unit.rstrip(" "))
        if used and used + size > width:
            offsets.append(start)
            used = 0
        if size <= width:
            used += cell_len(unit)
            continue
        for at, letter in enumerate(unit):  # an address, say: cut it
            used += cell_len(letter)
            if used > width:
                offsets.append(start + at)
                used = cell_len(letter)
    return offsets


def _units(text: str, width: int) -> Iterator[tuple[int, str]]:
    """What stays together, each with its place; a formula too long for a line parts at its own spaces."""
    for match in _UNIT.finditer(text):
        if cell_len(match[0].rstrip(" ")) <= width:
            yield match.start(), match[0]
        else:
            for part in re.finditer("[^\u00a0]*\u00a0?", match[0]):
                if part[0]:
                    yield match.start() + part.start(), part[0]


_WIDE = "\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
_UNIT = re.compile(
    rf"[{re.escape(_OPENERS)}]*(?:[{_WIDE}]|[^ \n{_WIDE}{re.escape(_OPENERS)}]+|(?= ))[{re.escape(_CLOSERS)}]* *"
    rf"|[{re.escape(_OPENERS)}]+ *"
)


class _Paragraph(Paragraph):
    def on_enter(self, context: MarkdownContext) -> None:
        super().on_enter(context)
        self.text = WrappedText(justify="left")


class _Cell(TableDataElement):
    def __init__(self, justify: Any) -> None:
        super().__init__(justify)
        self.content = WrappedText("", justify=justify)


Written.inlines = Markdown.inlines | {"math"}
Written.elements = {**Markdown.elements, "paragraph_open": _Paragraph, "td_open": _Cell, "th_open": _Cell}


def _with_unicode(tokens: list[Token]) -> list[Token]:
    """The tokens with each formula in Unicode; a displayed one stands on an indented line of its own."""
    result = []
    for block in tokens:
        if block.type == "math_block":
            inline = Token("inline", "", 0, children=[Token("math_inline_double", "math", 0, content=block.content)])
            result += [Token("paragraph_open", "p", 1), _inline(inline), Token("paragraph_close", "p", -1)]
        else:
            result.append(_inline(block) if block.children else block)
    return result


def _inline(block: Token) -> Token:
    children: list[Token] = []
    following = list(block.children or [])
    for index, token in enumerate(following):
        if token.type not in MATH_TOKENS:
            children.append(token)
            continue
        shown = token.content if fault(token.content) else to_text(token.content)
        if token.type == "math_inline":
            children.append(Token("math_inline", "math", 0, content=_unbroken(shown)))
            continue
        if children and children[-1].type == "softbreak":
            children.pop()
        after = following[index + 1] if index + 1 < len(following) else None
        end = re.match(r"[.,;:，。；：]?", after.content)[0] if after and after.type == "text" else ""  # type: ignore[index]
        if after and end:
            after.content = after.content.removeprefix(end)
        if after and after.type == "softbreak":
            after.type, after.content = "text", ""
        indented = "\n".join(f"    {row}" for row in shown.split("\n"))
        children += [
            Token("text", "", 0, content="\n" if children else ""),
            Token("math_inline", "math", 0, content=indented),
            Token("text", "", 0, content=end + ("\n" if after else "")),
        ]
    block.children = children
    return block


def _unbroken(formula: str) -> str:
    """A short formula stays on one line, a long one breaks only outside its brackets."""
    if len(formula) <= 24:
        return formula.replace(" ", "\u00a0")
    depth = 0
    letters = []
    for letter in formula:
        depth += (letter in "([{⟨") - (letter in ")]}⟩")
        letters.append("\u00a0" if letter == " " and depth > 0 else letter)
    return "".join(letters)
