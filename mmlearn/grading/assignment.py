"""The assignment notebook of a topic, derived from the registry, the solution's docstrings and the question bank."""

import ast
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mmlearn.course import paths
from mmlearn.course.registry import Exercise, Topic, WrittenQuestion
from mmlearn.course.show import number
from mmlearn.course.source import Source
from mmlearn.course.stubs import stub_source, write_stub
from mmlearn.interview.bank import question


def source_folder(topic: str) -> Path:
    """Where nbgrader looks for the assignment's source version."""
    return paths.NBGRADER / "source" / topic


def assignment_text(topic: Topic, *, release: bool = False) -> str:
    """The notebook as JSON text; the same registry, docstrings and questions give the same bytes.

    Args:
        topic: whose assignment it is.
        release: leave out the marking schemes, as nbgrader does when it releases the source version.
    """
    stub = stub_source(topic.id)
    cells = [_locked(f"{topic.id}-start", _opening(topic))]
    for exercise in topic.exercises:
        cells.append(_locked(f"{exercise.id}-task", _exercise_text(exercise, stub)))
        cells.append(_check_cell(exercise))
    for index, written in enumerate(topic.written, start=1):
        cells += _written_cells(index, written, with_scheme=not release)
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def write_assignment(topic: Topic) -> list[Path]:
    """Write the notebook and the stub beside it; returns the files that changed.

    Raises:
        CourseError: the stub there was edited.
    """
    folder = source_folder(topic.id)
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    notebook = folder / f"{topic.id}.ipynb"
    text = assignment_text(topic)
    if not notebook.exists() or notebook.read_text(encoding="utf-8") != text:
        notebook.write_text(text, encoding="utf-8", newline="\n")
        changed.append(notebook)
    module = folder / f"{topic.id}.py"
    if write_stub(topic.id, module):
        changed.append(module)
    return changed


def _opening(topic: Topic) -> str:
    written = sum(written.points for written in topic.written)
    lines = [
        f"# Assignment: {topic.title}",
        "",
        f"Lesson: `notebooks/{topic.lesson}.ipynb`. {len(topic.exercises)} functions to write, about {topic.minutes} "
        f"minutes; {number(topic.points)} points from the autograder and {number(written)} for written answers.",
        "",
        f"1. Write your functions in `{topic.id}.py`, the file beside this notebook: that file is graded.",
        "2. Save it, then run the check cell below an exercise: it says what is right, what is wrong and why.",
        "3. Answer the written questions at the end, in the cells meant for them.",
        f"4. Hand in: JupyterLab's *Assignment List*, or `mmlearn submit {topic.id}` in a terminal.",
        "",
        "The check cells are locked: a changed one is put back before it is graded. "
        f"Stuck? In a terminal: `mmlearn hint {topic.exercises[0].name}`.",
    ]
    return "\n".join(lines)


def _exercise_text(exercise: Exercise, stub: Source) -> str:
    node = stub.function(exercise.id)
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    paragraph = stub.docstring(exercise.id).split("\n\n")[0]
    signature = f"{exercise.id}({ast.unparse(node.args)})" if isinstance(node, ast.FunctionDef) else exercise.id
    about = f"{exercise.stars} · about {exercise.minutes} min · {number(exercise.points)} points"
    return f"### {exercise.title}\n\n```python\n{signature}\n```\n\n{paragraph}\n\n{about}"


def _check_cell(exercise: Exercise):
    cell = new_code_cell(f'from mmlearn.grading import score\n\nscore("{exercise.name}")', id=_cell_id(exercise.id))
    cell.metadata["nbgrader"] = _metadata(exercise.id, grade=True, locked=True, points=exercise.points)
    return cell


def _written_cells(index: int, written: WrittenQuestion, *, with_scheme: bool):
    """A task for a person to mark: nbgrader strips the marking scheme from the release, and shows it to the marker."""
    asked = question(written.question)
    text = f"### Written question {index} ({number(written.points)} points)\n\n{asked.section('question')}"
    if with_scheme:
        text += f"\n\n### BEGIN MARK SCHEME\n\n**Marking scheme**\n\n{asked.section('rubric')}\n\n### END MARK SCHEME"
    name = f"written-{asked.id}"
    task = new_markdown_cell(text, id=_cell_id(name))
    task.metadata["nbgrader"] = _metadata(name, task=True, locked=True, points=written.points)
    answer = new_markdown_cell("*Your answer: double-click here and write.*", id=_cell_id(f"answer-{asked.id}"))
    return [task, answer]


def _locked(name: str, text: str):
    cell = new_markdown_cell(text, id=_cell_id(name))
    cell.metadata["nbgrader"] = _metadata(name, locked=True)
    return cell


def _metadata(grade_id: str, *, grade=False, locked=False, task=False, points: float | None = None) -> dict:
    metadata = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": False,
        "task": task,
    }
    return metadata if points is None else metadata | {"points": points}


def _cell_id(name: str) -> str:
    """nbformat allows 64 letters, digits, - and _."""
    return name[:64]
