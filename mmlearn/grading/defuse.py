"""A stranger's text made harmless for the pages on which an instructor reads it.

nbgrader's Formgrader and feedback show a notebook's text cells as Markdown, in which any HTML stands as it is: a script
in a written answer would run in the instructor's browser, on the same site as JupyterLab, with all its rights. What
begins a tag, an entity or the scheme of a link is broken here by a space of no width, so that it reads as before and
does nothing.
"""

import re

from nbformat import NotebookNode

NO_WIDTH = "\u200b"
IMAGES = ("image/png", "image/jpeg", "image/gif")

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=[#A-Za-z])")
# Any scheme but these may run something (javascript, data, and whatever a browser takes for them).
_SCHEME = re.compile(r"(?<=[A-Za-z0-9\\])(?<!http)(?<!https)(?<!mailto)(?<!attachment):(?=\S)")
_MATHS_LINK = re.compile(r"\\(?=href)")
_DIAGRAM = re.compile(r"(?<=m)(?=ermaid)", re.IGNORECASE)  # nbconvert puts a diagram's text on the page unescaped
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


def defuse(nb: NotebookNode) -> NotebookNode:
    """Break, in place, what a hand-in's text cells, attachments and metadata could do on a page."""
    nb.metadata = NotebookNode(
        {key: _plain(nb.metadata[key]) for key in ("kernelspec", "language_info") if key in nb.metadata}
    )
    for cell in nb.cells:
        if "id" in cell:
            cell.id = re.sub(r"[^\w-]", "", str(cell.id), flags=re.ASCII)[:64]
        if cell.cell_type == "code":
            continue  # shown as text
        cell.source = defused(cell.source)
        for name, attachment in cell.get("attachments", {}).items():
            cell.attachments[name] = _picture(attachment)
    return nb


def defused(text: str) -> str:
    """Markdown that reads as before, without tags, entities, diagrams, or links to other than http(s) and mailto."""
    text = _TAG.sub("<" + NO_WIDTH, text)
    text = _ENTITY.sub("&" + NO_WIDTH, text)
    text = _MATHS_LINK.sub("\\\\" + NO_WIDTH, text)
    text = _DIAGRAM.sub(NO_WIDTH, text)
    return _SCHEME.sub(NO_WIDTH + ":", text)


def _plain(fields: object) -> NotebookNode:
    """Those entries that are simple words."""
    found = fields.items() if isinstance(fields, dict) else ()
    return NotebookNode({k: v for k, v in found if isinstance(v, str) and re.fullmatch(r"[\w .()-]*", v)})


def _picture(attachment: object) -> NotebookNode:
    """An attached picture; an empty one in place of anything else, which a page could not be told from markup."""
    found = attachment if isinstance(attachment, dict) else {}
    for kind in IMAGES:
        data = found.get(kind)
        if isinstance(data, str) and _BASE64.fullmatch(data):
            return NotebookNode({kind: data})
    return NotebookNode({IMAGES[0]: ""})
