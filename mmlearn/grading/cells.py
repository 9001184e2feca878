"""What the graded cells of an assignment call."""

import os
from functools import lru_cache
from pathlib import Path

from mmlearn.course.check import Report, examine, remember
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.course.source import Unreadable, read_source
from mmlearn.course.testfile import tests_digest


def score(name: str) -> float:
    """Check one exercise in the `<topic>.py` beside the notebook, show the result and return its points.

    The module beside the notebook is what is handed in: where it is missing, nothing else stands in for it.

    Args:
        name: `topic.exercise`.

    Returns:
        A built-in float from 0 to the exercise's points. (nbgrader gives full marks for a cell whose result is
        anything that is not one, a NumPy float among them.)
    """
    from IPython.display import display

    topic, exercises = course().find(name)
    if len(exercises) != 1:
        raise CourseError(f"{name} is a topic; a graded cell checks one exercise")
    report = _examine_all(topic.id, Path.cwd() / f"{topic.id}.py", _digest(topic.id), tests_digest(topic.id))
    (result,) = [result for result in report.results if result.exercise == exercises[0]]
    one = Report(report.topic, report.file, (result,))
    if os.environ.get("NBGRADER_EXECUTION") is None:  # a learner at work, not an instructor's grade
        remember(one)
    display(one)
    return float(min(max(result.points, 0.0), exercises[0].points))


def _digest(topic: str) -> str:
    try:
        return read_source(Path.cwd() / f"{topic}.py").digest
    except Unreadable as reason:
        return str(reason)


@lru_cache(maxsize=1)
def _examine_all(topic_id: str, file: Path, file_digest: str, tests: str) -> Report:
    """The whole topic at once: its cells share one run of the tests, until the file changes."""
    topic = course().topic(topic_id)
    return examine(topic, topic.exercises, file)
