import os
import subprocess
import sys

import nbformat
import pytest

from mmlearn.course.registry import course
from mmlearn.grading.assignment import assignment_text


@pytest.fixture(scope="module")
def topic():
    return course().topic("similarity")


def graded_cells(notebook):
    return {
        cell.metadata["nbgrader"]["grade_id"]: cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("points") is not None
    }


def test_each_exercise_has_one_locked_graded_cell_worth_its_points(topic):
    notebook = nbformat.reads(assignment_text(topic), as_version=4)
    cells = graded_cells(notebook)
    for exercise in topic.exercises:
        cell = cells[exercise.id]
        assert cell.cell_type == "code"
        assert cell.source.splitlines()[-1] == f'score("{exercise.name}")'
        metadata = cell.metadata["nbgrader"]
        assert (metadata["grade"], metadata["locked"], metadata["solution"]) == (True, True, False)
        assert metadata["points"] == exercise.points


def test_written_questions_are_tasks_with_the_banks_rubric_for_the_marker_only(topic):
    source = nbformat.reads(assignment_text(topic), as_version=4)
    release = nbformat.reads(assignment_text(topic, release=True), as_version=4)
    for written in topic.written:
        task = graded_cells(source)[f"written-{written.question}"]
        assert task.metadata["nbgrader"]["task"]
        assert task.metadata["nbgrader"]["points"] == written.points
        assert "BEGIN MARK SCHEME" in task.source
        assert "pass" in task.source.partition("BEGIN MARK SCHEME")[2]
        assert "BEGIN MARK SCHEME" not in graded_cells(release)[f"written-{written.question}"].source


def test_deriving_elsewhere_gives_the_same_bytes(topic):
    code = "from mmlearn.course import course; from mmlearn.grading.assignment import assignment_text as text\n"
    code += "import sys; sys.stdout.buffer.write(text(course().topic('similarity')).encode())"
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    assert told.decode() == assignment_text(topic)


def test_cell_ids_are_unique(topic):
    ids = [cell.id for cell in nbformat.reads(assignment_text(topic), as_version=4).cells]
    assert len(ids) == len(set(ids))
