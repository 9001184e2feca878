"""What the graded cells of an assignment call."""

import os
from functools import lru_cache
from pathlib import Path

from mmlearn.course.check import Report, State, examine, remember
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
    file = _beside_the_notebook() / f"{topic.id}.py"
    report = _examine_all(topic.id, file, _digest(file), tests_digest(topic.id))
    (result,) = [result for result in report.results if result.exercise == exercises[0]]
    one = Report(report.topic, report.file, (result,))
    if os.environ.get("NBGRADER_EXECUTION") is None:  # a learner at work, not an instructor's grade
        remember(one)
        if result.state is State.COULD_NOT_CHECK:
            _examine_all.cache_clear()  # what stood in the way may be gone when the cell is run again
    display(one)
    return float(min(max(result.points, 0.0), exercises[0].points))


def _beside_the_notebook() -> Path:
    """The folder that the kernel was started in, wherever a cell has gone since."""
    from IPython import get_ipython

    shell = get_ipython()
    return Path(shell.starting_dir) if shell is not None else Path.cwd()


def _digest(file: Path) -> str:
    try:
        return read_source(file).digest
    except Unreadable as reason:
        return str(reason)


@lru_cache(maxsize=1)
def _examine_all(topic_id: str, file: Path, file_digest: str, tests: str) -> Report:
    """The whole topic at once: its cells share one run of the tests, until the file changes."""
    topic = course().topic(topic_id)
    return examine(topic, topic.exercises, file)
