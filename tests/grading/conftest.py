"""A class that was graded, without the minute that grading takes: real hand-ins, records and gradebook."""

import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mmlearn.course import paths
from mmlearn.course.check import State
from mmlearn.course.registry import Topic, course
from mmlearn.grading.config import configure
from mmlearn.grading.demo import hand_in
from mmlearn.grading.judgement import ExerciseJudgement, Judgement, write_record


@dataclass
class Pupil:
    """One learner of a class that a test makes up."""

    module: str = ""  # "" for no hand-in
    results: dict[str, tuple[State, float, str]] = field(default_factory=dict)  # exercise -> state, points, message
    seconds: float = 0.0  # of each exercise's tests
    judged: bool = True
    written: list[float | None] = field(default_factory=list)  # a person's points for each written question
    late: float = 0.0  # points taken off
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    reason: str = ""


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory) -> Path:
    """A gradebook without anybody: nbgrader takes four seconds to make one."""
    from nbgrader.api import Gradebook
    from traitlets.config import Config

    root = tmp_path_factory.mktemp("gradebook")
    configure(Config(), root)  # where nbgrader finds `alembic`
    Gradebook(f"sqlite:///{root}/gradebook.db", course().id).close()
    return root / "gradebook.db"


@pytest.fixture
def graded_class(tmp_path, empty_gradebook) -> Callable[..., Path]:
    """Call it with pupils by student id, and a topic (similarity), to get a course folder; again, to add a topic."""

    def build(pupils: dict[str, Pupil], topic: Topic | None = None) -> Path:
        chosen = topic or course().topic("similarity")
        root = tmp_path / "class"
        root.mkdir(exist_ok=True)
        shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", root / "nbgrader_config.py")
        if not (root / "gradebook.db").exists():
            shutil.copyfile(empty_gradebook, root / "gradebook.db")
        for student, pupil in pupils.items():
            if pupil.module:
                hand_in(root, chosen, student, pupil.module)
            if pupil.judged:
                write_record(root, _judgement(chosen, student, pupil))
        _fill_gradebook(root, chosen, pupils)
        return root

    return build


def _judgement(topic: Topic, student: str, pupil: Pupil) -> Judgement:
    rows = []
    for exercise in topic.exercises:
        state, points, message = pupil.results.get(exercise.id, (State.NOT_ATTEMPTED, 0.0, ""))
        row = ExerciseJudgement(exercise.id, state.value, points, exercise.points, message, seconds=pupil.seconds)
        rows.append(row)
    return Judgement(topic.id, student, {}, tuple(rows), pupil.reason, judged_at="2026-11-24T08:00:00+00:00")


def _fill_gradebook(root: Path, topic: Topic, pupils: dict[str, Pupil]) -> None:
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning

    with warnings.catch_warnings(), Gradebook(f"sqlite:///{root}/gradebook.db", course().id) as gradebook:
        warnings.simplefilter("ignore", SAWarning)  # on how nbgrader adds a submission, as in mmlearn.grading.grade
        gradebook.add_assignment(topic.id)
        gradebook.add_notebook(topic.id, topic.id)
        for exercise in topic.exercises:
            gradebook.add_grade_cell(exercise.id, topic.id, topic.id, max_score=exercise.points, cell_type="code")
        for written in topic.written:
            name = f"written-{written.question}"
            gradebook.add_task_cell(name, topic.id, topic.id, max_score=written.points, cell_type="markdown")
        for student, pupil in pupils.items():
            gradebook.update_or_create_student(
                student, first_name=pupil.first_name, last_name=pupil.last_name, email=pupil.email
            )
            if pupil.module:
                _fill_submission(gradebook.add_submission(topic.id, student), topic, pupil)
        gradebook.db.commit()


def _fill_submission(submission, topic: Topic, pupil: Pupil) -> None:
    by_hand = dict(zip([f"written-{written.question}" for written in topic.written], pupil.written, strict=False))
    for notebook in submission.notebooks:
        notebook.late_submission_penalty = pupil.late
        for grade in notebook.grades:
            if grade.name in {exercise.id for exercise in topic.exercises}:
                grade.auto_score = pupil.results.get(grade.name, (None, 0.0, ""))[1]
            else:
                grade.manual_score = by_hand.get(grade.name)
                grade.needs_manual_grade = by_hand.get(grade.name) is None
