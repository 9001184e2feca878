"""What keeps a hand-in from being graded, each in one line that says how to mend it."""

import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from mmlearn.course import paths
from mmlearn.course.registry import Topic
from mmlearn.course.source import Unreadable, read_source

if TYPE_CHECKING:
    from nbformat import NotebookNode


def folder_fault(student: str) -> str:
    """Why nbgrader cannot find a learner's folder; "" if it can."""
    if set("[]*?") & set(student):
        return "nbgrader cannot find a folder whose name holds [ ] * or ?: rename it"
    return ""


def notebook_fault(notebook: Path, topic: Topic) -> str:
    """What is wrong with an assignment notebook, a file; "" if nothing is."""
    try:
        return read_notebook(notebook.name, notebook.read_bytes(), topic)[1]
    except FileNotFoundError:
        return f"{notebook.name} is missing"


def read_notebook(name: str, content: bytes, topic: Topic) -> tuple["NotebookNode | None", str]:
    """An assignment notebook, and what is wrong with it.

    Args:
        name: of the file.
        content: what it holds.
        topic: whose assignment it is.

    Returns:
        The notebook, of nbformat 4, None if it is none at all; and the fault, "" if there is none.
    """
    import nbformat  # 0.2 s, for which judges need not wait

    read = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat mends a cell id that is missing or twice, and warns
            read = nbformat.reads(content.decode("utf-8"), as_version=4)
            nbformat.validate(read)
        kinds: dict[object, list[tuple]] = defaultdict(list)
        for cell in read.cells:
            about = cell.metadata.get("nbgrader", {})
            kinds[about.get("grade_id")].append(tuple(about.get(kind, False) for kind in ("grade", "solution", "task")))
    except UnicodeDecodeError:
        return read, f"{name} is not UTF-8 text"
    except nbformat.ValidationError as error:
        return read, f"{name} is not a valid notebook: {str(error).splitlines()[0]}"
    # nbformat raises its own NotJSONError, and AttributeError or KeyError for JSON that is no notebook.
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        return read, f"{name} is not a notebook: {str(error).splitlines()[0]:.100}"
    for exercise in topic.exercises:
        found = kinds[exercise.id]
        if not found:
            return read, f"{name}: the check cell of {exercise.id} is missing; start from a fresh notebook"
        if len(found) > 1:
            return read, f"{name}: the check cell of {exercise.id} stands there twice; delete the copy"
        if found != [(True, False, False)]:  # nbgrader would end with "Inconsistent checksums"
            return read, f"{name}: the check cell of {exercise.id} is unlocked; start from a fresh notebook"
    return read, ""


def module_fault(module: Path) -> str:
    """Why a module cannot be parsed; "" if it can."""
    try:
        read_source(module)
    except Unreadable as reason:
        return str(reason).replace(paths.short(module), module.name)
    return ""
