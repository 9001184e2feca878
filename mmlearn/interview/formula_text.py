"""A formula on one line of Unicode, for a terminal: pᵢⱼ = softmaxⱼ(sᵢⱼ/τ)."""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple
from xml.etree.ElementTree import Element

from mmlearn.interview.formulas import is_name, text_of, tree


def to_text(latex: str) -> str:
    """The formula in Unicode; the rows of an aligned one are parted by line ends."""
    line = _squeeze(_line(tree(latex, False)))
    return unicodedata.normalize("NFC", line.strip())


_LOW = dict(zip("0123456789+−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_HIGH = dict(
    zip("0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW⊤*′″",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵀ*′″", strict=True)
)  # fmt: skip
_ACCENTS = {"¯": "\u0304", "―": "\u0304", "~": "\u0303", "^": "\u0302", "→": "\u20d7", "˙": "\u0307"}
_ACCENT_NAMES = {"¯": "mean", "―": "mean", "~": "tilde", "^": "hat", "→": "vec", "˙": "dot"}
_BINARY = set(":=<>≤≥≠≈∼≅≡∝∈∉⊂⊆→←↦⇒⟹⟺⇔+−±∓×÷⊙⊗⊕∘|∪∩≪≫≔∧∨")
_TIGHT = {"-": "−", "⋅": "·", "*": "*", "/": "/", "∣": "|"}
_OPENING, _CLOSING = set("([{⟨⌊⌈"), set(")]}⟩⌋⌉")
_BIG = set("∑∏∫…")
_PUNCTUATION = set(",;.。，；")


class _Piece(NamedTuple):
    text: str
    sort: str  # operand, name, binary, tight, open, close, comma, space


def _squeeze(line: str) -> str:
    """No gap of two spaces; wider ones, \\qquad's, are three."""
    return "\n".join(
        re.sub(r"(?<=\S) {2}(?=\S)", " ", re.sub(r" {3,}", "   ", row)).rstrip() for row in line.split("\n")
    )


def _line(node: Element) -> str:
    made = _MADE.get(node.tag)
    if made:
        return made(node)
    if len(node):
        return _row(node)
    return _TIGHT.get(node.text or "", node.text or "") if node.tag == "mo" else (node.text or "")


def _row(row: Element) -> str:
    pieces = [_piece(child) for child in row]
    line, before = "", ""
    for index, (text, sort) in enumerate(pieces):
        if sort == "space":
            line += text
            continue
        if sort == "binary":
            sign = before in ("", "binary", "open", "comma") and text in "+−±"  # −x, not a − x
            line = f"{line}{text}" if sign else f"{line.rstrip()} {text} "
            before = "open" if sign else sort
            continue
        following = next((piece for piece in pieces[index + 1 :] if piece.sort != "space"), _Piece("", ""))
        multiplied = following.sort in ("operand", "name", "open") or following.text == "|"
        if _core(row[index]).tag == "mfrac" and (before == "name" or multiplied):
            text = f"({text})"  # (1/τ)(p − q) is not 1/(τ(p − q)), nor log(a/b) (log a)/b
        if line and not line.endswith((" ", "\n")) and _apart(line, before, text, sort):
            line += " "
        line += text + (" " if sort == "comma" and following.sort else "")
        before = sort
    return line


def _apart(line: str, before: str, text: str, sort: str) -> bool:
    """Whether a space belongs between what is written and the next piece."""
    if sort == "name" and before in ("operand", "name", "close"):
        return True
    if before == "name" and sort in ("operand", "name"):
        return text[0] not in _OPENING or line[-1] in _BIG
    return bool(sort == "operand" and re.search(r"[_^]\w+$", line) and re.match(r"\w", text))  # Γ_jc t, not Γ_jct


def _core(node: Element) -> Element:
    while node.tag in ("mrow", "mstyle") and len(node) == 1:
        node = node[0]
    return node


def _piece(node: Element) -> _Piece:
    text = _line(node)
    if node.tag == "mspace":
        return _Piece(text, "space")
    core = _core(node)
    if core.tag in ("mo", "mi", "mtext") and core.text != "|":  # |x|, where \mid is ∣
        for sort, signs in (("open", _OPENING), ("close", _CLOSING), ("binary", _BINARY), ("name", _BIG)):
            if text in signs:
                return _Piece(text, sort)
        if text in _PUNCTUATION:
            return _Piece(text, "comma")
    if text in ("·", "/", "|"):
        return _Piece(text, "tight")
    if core.tag in ("msub", "msup", "msubsup", "munder", "munderover") and text_of(core[0]) in _CLOSING | {"‖"}:
        return _Piece(text, "close")
    base = core[0] if core.tag in ("msub", "munder", "msup", "msubsup", "munderover") and len(core) else core
    return _Piece(text, "name" if is_name(core) or text_of(base) in _BIG else "operand")


_LETTERS = r"\w[\u0300-\u036f]?[₀-₎ₐ-ₜᵢ-ᵪⱼ⁰-ⁿᵃ-ᶻᴬ-ᵂ′″\d.,]*"
_ATOM = re.compile(
    rf"[∂dΔ∇√]?{_LETTERS}|√?\d[\d.,]*|‖[^‖ ]+‖[₀-₉²]*|\|[^| ]+\|"  # ∂sᵢⱼ, 0.5, ‖x‖²
    rf"|√?\([^()]*\)|\[[^\[\]]*\]|\w+[₀-₉]?\([^()]*\)|{_LETTERS}\^\([^()]*\)|\w_\w+"  # (a + b), [a], f(x), e^(x), p_c
)


def _is_atom(text: str) -> bool:
    """Whether it can stand beside / or under √ without brackets."""
    return _ATOM.fullmatch(text) is not None


def _brackets(text: str) -> str:
    return text if _is_atom(text) else f"({text})"


def _script(text: str, table: dict[str, str], mark: str) -> str:
    tight = re.sub(r"\s*([=+−≠,∈<>≤≥×∼])\s*", r"\1", text)
    short = sum(letter.isalpha() for letter in tight) <= 3  # ˣᵗ is read at a glance, ⁱᵐᵃᵍᵉ is not
    if tight and short and all(letter in table for letter in tight):
        return "".join(table[letter] for letter in tight)
    return f"{mark}{tight}" if re.fullmatch(r"[A-Za-z]+\d*|[^\W_]|∞", tight) else f"{mark}({tight})"


def _fraction(node: Element) -> str:
    top, bottom = (_squeeze(_line(child)).strip() for child in node)
    if node.get("linethickness") == "0":  # a binomial coefficient
        return f"{top} over {bottom}"
    if re.search(r"[\s/+−=]", top.removeprefix("−")) and not _is_atom(top):
        top = f"({top})"
    return f"{top}/{_brackets(bottom)}"


def _scripts(node: Element) -> str:
    base, *scripts = (_squeeze(_line(child)).strip() for child in node)
    if " " in base and not _is_atom(base):
        base = f"({base})"
    marks = {"msub": "_", "munder": "_", "msup": "^", "msubsup": "_^", "munderover": "_^"}[node.tag]
    for mark, script in zip(marks, scripts, strict=True):
        base += _script(script, _LOW if mark == "_" else _HIGH, mark)
    return base


def _accent(node: Element) -> str:
    base, accent = _line(node[0]).strip(), text_of(node[1]).strip()
    if accent not in _ACCENTS:
        return f"{base}^({_line(node[1])})"
    return base + _ACCENTS[accent] if len(base) == 1 else f"{_ACCENT_NAMES[accent]}({base})"


def _space(node: Element) -> str:
    if node.get("linebreak"):
        return "\n"
    width = float(node.get("width", "0").removesuffix("em"))
    return "" if width <= 0 else "   " if width >= 1 else " "


def _table(node: Element) -> str:
    aligned = node.get("columnspacing") is not None
    cells = [[_squeeze(_line(cell)).strip() for cell in row] for row in node]
    rows = [(" " if aligned else ", ").join(filter(None, row)) for row in cells]
    return ("\n" if aligned else "; ").join(rows)


def _root(node: Element) -> str:
    return "√" + _brackets(_squeeze(_row(node)).strip())


def _nth_root(node: Element) -> str:
    return f"{_script(_line(node[1]), _HIGH, '^')}√{_brackets(_line(node[0]).strip())}"


_MADE: dict[str, Callable[[Element], str]] = {
    "mfrac": _fraction,
    "msqrt": _root,
    "mroot": _nth_root,
    "mover": _accent,
    "mspace": _space,
    "mtable": _table,
    **dict.fromkeys(("msub", "msup", "msubsup", "munder", "munderover"), _scripts),
}
