"""What nbgrader's gradebook holds of a topic: names, written points, late penalties, totals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic


@dataclass(frozen=True)
class Earned:
    """One learner's row for one assignment, all in points."""

    student: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    handed_in: bool = False
    exercises: dict[str, float] = field(default_factory=dict)  # exercise -> points, a person's where given
    written: float | None = 0.0  # None while an answer waits to be marked
    penalty: float = 0.0  # for a late hand-in
    total: float = 0.0  # as nbgrader exports it: the sum less the penalty, never below 0
    max_total: float = 0.0

    @property
    def name(self) -> str:
        """First and last name; "" if the gradebook has none."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def points(self) -> float:
        """What the exercises earned."""
        return sum(self.exercises.values())


def course_config(root: Path) -> Any:
    """nbgrader's configuration of a course folder.

    Raises:
        CourseError: it is no course folder.
    """
    from traitlets.config import PyFileConfigLoader

    check_is_course(root)
    return PyFileConfigLoader("nbgrader_config.py", str(root)).load_config()


def check_is_course(root: Path) -> None:
    """Raise CourseError unless `root` is a course folder."""
    if not (root / "nbgrader_config.py").is_file():
        raise CourseError(f"{paths.short(root)} is not a course folder: it has no nbgrader_config.py")


@contextmanager
def open_gradebook(root: Path, *, new: bool = False) -> Iterator[Any]:
    """nbgrader's gradebook of a course folder, wherever its configuration says that it is.

    Args:
        root: the course folder.
        new: whether to make one where there is none.

    Raises:
        CourseError: it is no course folder, its database cannot be reached, or nothing was graded in it yet.
    """
    from nbgrader.api import Gradebook  # 2 s
    from nbgrader.coursedir import CourseDirectory

    course = CourseDirectory(config=course_config(root))
    file = course.db_url.removeprefix("sqlite:///")
    if file != course.db_url and not new and not Path(file).is_file():  # nbgrader would make an empty one
        raise CourseError(f"there is no gradebook in {paths.short(root)} yet: run `mmlearn grade` first")
    with reached():
        gradebook = Gradebook(course.db_url, course.course_id)
    with gradebook:
        yield gradebook


@contextmanager
def reached() -> Iterator[None]:
    """Inside, a database that is not there is told in one line, as a CourseError."""
    from sqlalchemy.exc import NoSuchModuleError, OperationalError

    try:
        yield
    except (OperationalError, NoSuchModuleError, ModuleNotFoundError) as error:
        told = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise CourseError(
            f"the gradebook cannot be opened ({told}): see that its server runs, and db_url in nbgrader_config.py"
        ) from None


def earned(gradebook: Any, topic: Topic) -> dict[str, Earned]:
    """Every student of the gradebook, with or without a hand-in, by id.

    Args:
        gradebook: from `open_gradebook`.
        topic: whose assignment is meant.

    Raises:
        CourseError: the gradebook does not know the assignment.
    """
    from nbgrader.api import MissingEntry

    try:
        assignment = gradebook.find_assignment(topic.id)
    except MissingEntry:
        raise CourseError(f"{topic.id} is not in the gradebook: run `mmlearn grade {topic.id}` first") from None
    submissions = {submission.student_id: submission for submission in assignment.submissions}
    return {
        student.id: _earned(student, submissions.get(student.id), topic, float(assignment.max_score))
        for student in gradebook.students
    }


def _earned(student: Any, submission: Any, topic: Topic, max_total: float) -> Earned:
    who = (student.id, student.first_name or "", student.last_name or "", student.email or "")
    if submission is None:
        return Earned(*who, max_total=max_total)
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    ids = {exercise.id for exercise in topic.exercises}
    by_hand = [grade for grade in grades if grade.name not in ids]
    penalty = float(submission.late_submission_penalty or 0.0)
    return Earned(
        *who,
        handed_in=True,
        exercises={grade.name: float(grade.score) for grade in grades if grade.name in ids},
        written=None if any(grade.needs_manual_grade for grade in by_hand) else float(sum(g.score for g in by_hand)),
        penalty=penalty,
        total=max(0.0, float(submission.score) - penalty),
        max_total=max_total,
    )
