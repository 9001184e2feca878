"""A LaTeX formula as MathML, for a browser and for print: latex2mathml's tree, with the names, numbers and spaces
that it leaves out put right. `formula_text` writes the same tree on one line for a terminal."""

import re
from functools import cache
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

LIMITS = {"max", "min", "sup", "inf", "lim"}  # in a displayed formula, what is below them stands below them
THIN = "0.167em"
LONG_INLINE, LONG_DISPLAY = 24, 64  # letters
_RELATIONS = set("=<>≤≥≠≈∝∈→⇒⟹")

_REWRITTEN = [
    (r"\\(mathcal|mathbb|mathbf|mathrm)\s+([A-Za-z0-9])", r"\\\1{\2}"),
    (r"\\operatorname\*", r"\\operatorname"),
    (r"\\mathrm\s*\{([A-Za-z]+)\}", r"\\operatorname{\1}"),
    (r"\\arg(?![A-Za-z])", r"\\operatorname{arg}"),
    (r"\\(begin|end)\{(aligned|split|align)\}", r"\\\1{align*}"),
]
_RELATION_AS_NAME = {"~": "∼"}  # latex2mathml takes \sim for a variable


def to_mathml(latex: str, display: bool = False) -> str:
    """A `<math>` element; `display` sets it on a line of its own."""
    return ElementTree.tostring(tree(latex, display), encoding="unicode")


def inline_parts(latex: str) -> list[str]:
    """A formula within a line; a long one in parts, because a browser breaks a line only between `<math>` elements."""
    row = _top_row(tree(latex, False))
    if len(text_of(row)) <= LONG_INLINE:
        return [to_mathml(latex)]
    groups: list[list[Element]] = [[]]
    for child in row:
        if child.tag == "mo" and (child.text or "") in _RELATIONS and groups[-1]:
            groups.append([])
        groups[-1].append(child)
    parts = []
    for group in groups:
        math = Element("math", xmlns="http://www.w3.org/1998/Math/MathML", display="inline")
        SubElement(math, "mrow").extend(group)
        parts.append(ElementTree.tostring(math, encoding="unicode"))
    return parts


def display_lines(latex: str) -> list[str]:
    """A displayed formula as one line or, if it is long, parted where its author set a wide space."""
    parts = re.split(r"\\q?quad(?![A-Za-z])", latex)
    if len(text_of(tree(latex, True))) <= LONG_DISPLAY or any(part.count("{") != part.count("}") for part in parts):
        return [latex]
    return [part.strip() for part in parts if part.strip()]


def _top_row(root: Element) -> Element:
    return root[0] if len(root) == 1 and root[0].tag == "mrow" else root


def fault(latex: str) -> str:
    """What hinders a formula from being shown; "" if nothing does."""
    bare = re.sub(r"\\[{}]", "", latex)
    if bare.count("{") != bare.count("}"):
        return "a brace is not closed"  # latex2mathml takes it as it comes
    try:
        root = tree(latex, False)
    except Exception as error:  # whatever a parser of foreign text raises, it says the same: it cannot be read
        return f"{type(error).__name__}: {error}"
    for node in root.iter():
        told = node.text or ""
        if "\\" in told or "&" in told or node.tag == "merror":
            return f"<{node.tag}>{told}</{node.tag}> was not understood"
        if node.get("mathvariant", "normal") != "normal":  # a browser knows no other
            return f"the letters of {told!r} would be plain, not {node.get('mathvariant')}"
    return ""


@cache
def tree(latex: str, display: bool) -> Element:
    from latex2mathml.converter import convert

    for pattern, replacement in _REWRITTEN:
        latex = re.sub(pattern, replacement, latex)
    text = convert(latex, display="block" if display else "inline")
    # It leaves the & of an alignment that it does not know as it is.
    text = re.sub(r"&(?!#x?[0-9A-Fa-f]+;|\w+;)", "&amp;", text).replace(
        ' xmlns="http://www.w3.org/1998/Math/MathML"', ""
    )
    root = ElementTree.fromstring(text)
    _tidy(root, display)
    root.set("xmlns", "http://www.w3.org/1998/Math/MathML")
    return root


def _tidy(node: Element, display: bool) -> None:
    """Upright names, limits below, 65,536 as one number, accents as accents, space around log."""
    for child in node:
        _tidy(child, display)
    text = node.text or ""
    if node.tag == "mo" and len(text) > 1 and text.isalpha():
        node.tag = "mi"  # an operator's spaces would also stand before its bracket
        node.attrib.clear()
    elif node.tag == "mo" and len(text) == 1 and text.isalpha():  # \operatorname{T}
        node.tag = "mi"
        node.attrib = {"mathvariant": "normal"}
    elif node.get("mathvariant") == "double-struck" and text.isdigit():
        node.text = "".join("𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡"[int(digit)] for digit in text)
        del node.attrib["mathvariant"]
    elif node.tag == "mi" and text in _RELATION_AS_NAME:
        node.tag, node.text = "mo", _RELATION_AS_NAME[text]
    elif node.tag == "mo" and text == "∞":
        node.tag = "mi"
    elif node.tag == "mo" and text == "‖":
        node.set("stretchy", "false")
    elif node.tag == "mo" and text in ("/", "."):
        node.attrib |= {"lspace": "0", "rspace": "0"}
    elif node.tag == "mover":
        node.set("accent", "true")
    elif node.tag == "mspace" and "mathspace" in node.get("width", ""):  # a named width: only \! has one
        node.set("width", f"-{THIN}")
    elif node.tag == "msub" and display and text_of(node[0]) in LIMITS:
        node.tag = "munder"
    if node.tag in ("mrow", "mtd", "math"):
        _join_numbers(node)
        _mark_signs(node)
        _space_names(node)


def text_of(node: Element) -> str:
    return "".join(node.itertext())


def _join_numbers(row: Element) -> None:
    """Write 65{,}536 as one number."""
    children = list(row)
    for left, comma, right in zip(children, children[1:], children[2:], strict=False):
        if left.tag == right.tag == "mn" and comma.tag == "mrow" and text_of(comma) == ",":
            right.text = f"{left.text},{right.text}"
            row.remove(left)
            row.remove(comma)


def _mark_signs(row: Element) -> None:
    """The minus of b = −10 is a sign, and stands close."""
    children = list(row)
    for left, sign in pairwise(children):
        after_operator = left.tag == "mo" and (left.text or "") not in (")", "]", "}", "|", "‖", "!", "⟩", "*")
        if sign.tag == "mo" and (sign.text or "") in "−+±" and after_operator:
            sign.set("form", "prefix")


def is_name(node: Element) -> bool:
    """Whether it is a function's name, alone or with its index: log, log₂, max over j."""
    if node.tag in ("msub", "munder", "msup", "msubsup") and len(node):
        return is_name(node[0])
    text = node.text or ""
    return node.tag == "mi" and len(text) > 1 and text.isalpha() and text.isascii()


def _space_names(row: Element) -> None:
    """A thin space between a function's name and an operand beside it, as TeX sets it."""
    children = list(row)
    for index in range(len(children) - 1, 0, -1):
        left, right = children[index - 1], children[index]
        after_name = is_name(left) and right.tag not in ("mo", "mspace")
        before_name = is_name(right) and (left.tag not in ("mo", "mspace") or (left.text or "") in ")]|}")
        stretched = right.tag == "mrow" and len(right) and right[0].tag == "mo"
        if (after_name and not stretched) or before_name:
            row.insert(index, Element("mspace", width=THIN))
