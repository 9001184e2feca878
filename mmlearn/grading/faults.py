"""What keeps a hand-in from being graded, each in one line that says how to mend it."""

import warnings
from collections import defaultdict
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.registry import Topic
from mmlearn.course.source import Unreadable, read_source


def folder_fault(student: str) -> str:
    """Why nbgrader cannot find a learner's folder; "" if it can."""
    if set("[]*?") & set(student):
        return "nbgrader cannot find a folder whose name holds [ ] * or ?: rename it"
    return ""


def notebook_fault(notebook: Path, topic: Topic, content: bytes | None = None) -> str:
    """What is wrong with an assignment notebook; "" if nothing is.

    Args:
        notebook: the file.
        topic: whose assignment it is.
        content: what it holds, where that was read already; `notebook` then only names it.
    """
    import nbformat  # 0.2 s, for which judges need not wait

    try:
        content = notebook.read_bytes() if content is None else content
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat mends a cell id that is missing or twice, and warns
            read = nbformat.reads(content.decode("utf-8"), as_version=4)
            nbformat.validate(read)
        kinds: dict[object, list[tuple]] = defaultdict(list)
        for cell in read.cells:
            about = cell.metadata.get("nbgrader", {})
            kinds[about.get("grade_id")].append(tuple(about.get(kind, False) for kind in ("grade", "solution", "task")))
    except FileNotFoundError:
        return f"{notebook.name} is missing"
    except UnicodeDecodeError:
        return f"{notebook.name} is not UTF-8 text"
    except nbformat.ValidationError as error:
        return f"{notebook.name} is not a valid notebook: {str(error).splitlines()[0]}"
    # nbformat raises its own NotJSONError, and AttributeError or KeyError for JSON that is no notebook.
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        return f"{notebook.name} is not a notebook: {str(error).splitlines()[0]:.100}"
    for exercise in topic.exercises:
        found = kinds[exercise.id]
        if not found:
            return f"{notebook.name}: the check cell of {exercise.id} is missing; start from a fresh notebook"
        if len(found) > 1:
            return f"{notebook.name}: the check cell of {exercise.id} stands there twice; delete the copy"
        if found != [(True, False, False)]:  # nbgrader would end with "Inconsistent checksums"
            return f"{notebook.name}: the check cell of {exercise.id} is unlocked; start from a fresh notebook"
    return ""


def module_fault(module: Path) -> str:
    """Why a module cannot be parsed; "" if it can."""
    try:
        read_source(module)
    except Unreadable as reason:
        return str(reason).replace(paths.short(module), module.name)
    return ""
