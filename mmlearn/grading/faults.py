"""What keeps a hand-in from being graded, each in one line that says how to mend it."""

import warnings
from collections import Counter
from pathlib import Path

import nbformat

from mmlearn.course import paths
from mmlearn.course.registry import Topic
from mmlearn.course.source import Unreadable, read_source


def hand_in_fault(folder: Path, topic: Topic) -> str:
    """The first fault of a hand-in's folder; "" if it has none."""
    if set("[]*?") & set(folder.parent.name):
        return "nbgrader cannot find a folder whose name holds [ ] * or ?: rename it"
    return notebook_fault(folder / f"{topic.id}.ipynb", topic) or module_fault(folder / f"{topic.id}.py")


def notebook_fault(notebook: Path, topic: Topic) -> str:
    """What is wrong with an assignment notebook; "" if nothing is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat mends a cell id that is missing or twice, and warns
            read = nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4)
            nbformat.validate(read)
        ids = Counter(cell.metadata.get("nbgrader", {}).get("grade_id") for cell in read.cells)
    except FileNotFoundError:
        return f"{notebook.name} is missing"
    except UnicodeDecodeError:
        return f"{notebook.name} is not UTF-8 text"
    except nbformat.ValidationError as error:
        return f"{notebook.name} is not a valid notebook: {str(error).splitlines()[0]}"
    # nbformat raises its own NotJSONError, and AttributeError or KeyError for JSON that is no notebook.
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        return f"{notebook.name} is not a notebook: {str(error).splitlines()[0]:.100}"
    for exercise in topic.exercises:
        if ids[exercise.id] == 0:
            return f"{notebook.name}: the check cell of {exercise.id} is missing; start from a fresh notebook"
        if ids[exercise.id] > 1:
            return f"{notebook.name}: the check cell of {exercise.id} stands there twice; delete the copy"
    return ""


def module_fault(module: Path) -> str:
    """Why a module cannot be parsed; "" if it can."""
    try:
        read_source(module)
    except Unreadable as reason:
        return str(reason).replace(paths.short(module), module.name)
    return ""
