"""A class graded by nbgrader: hand-ins in, gradebook, feedback and a CSV of marks out."""

import gc
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.grading.ahead import ahead
from mmlearn.grading.faults import folder_fault, read_notebook
from mmlearn.grading.gradebook import check_is_course, course_config, reached
from mmlearn.grading.judgement import Judgement, write_whole
from mmlearn.grading.judging import forget_seed, judge_hand_ins, rules_here
from mmlearn.grading.pool import Pool
from mmlearn.grading.safe_read import read_hand_in
from mmlearn.grading.verdict import Rules

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

    from mmlearn.grading.cluster import Cluster
    from mmlearn.grading.shared import Shelf
    from mmlearn.grading.writer import Writer


@dataclass(frozen=True)
class Mark:
    """What one learner earned in one assignment."""

    student: str
    points: float  # from the autograder
    max_points: float
    written: float | None  # from a person; None while an answer waits to be marked
    max_written: float
    exercises: dict[str, float] = field(default_factory=dict)  # exercise -> points
    reason: str = ""  # why the hand-in, or a part of it, could not be graded


def hand_ins(root: Path, topic: str) -> list[Path]:
    """The folders `submitted/<student>/<topic>` of a course, by student."""
    return sorted(path for path in (root / "submitted").glob(f"*/{topic}") if path.is_dir())


def grade_class(
    topic: Topic,
    root: Path,
    on_done: Callable[[Mark], None] = lambda mark: None,
    *,
    rules: Rules | None = None,
    trust: bool = False,
    jobs: int | None = None,
    force: bool = False,
    new_seed: bool = False,
    scheduler: str | None = None,
) -> list[Mark]:
    """Grade every hand-in of a topic, and write feedback and `marks/<topic>.csv`.

    Hand-ins are judged side by side; one writer enters the marks in nbgrader's gradebook. What was entered already, and
    has not changed, is left alone. A hand-in that cannot be graded gets its reason, in its mark and in its feedback,
    and the others are graded all the same. Scores that a person gave stay.

    Args:
        topic: whose assignment is graded.
        root: the course folder, which holds `nbgrader_config.py`, `source/` and `submitted/`.
        on_done: called with each mark as it is made.
        rules: the sandbox and its limits; by default the strongest that this machine offers.
        trust: grade also where that is not enough for a stranger's code.
        jobs: how many hand-ins are judged at a time; by default one a core.
        force: judge and enter again what has not changed.
        new_seed: draw new random inputs for the tests; everything is judged again.
        scheduler: address of a dask cluster, which then judges in place of this machine.

    Returns:
        The marks, by learner.

    Raises:
        CourseError: there is nothing to grade, no safe way to, or nbgrader cannot make the assignment.
    """
    gc.set_threshold(100_000)  # nbgrader's import and a class's notebooks make millions of objects, and hardly a cycle
    folders = hand_ins(root, topic.id)
    if not folders:
        raise CourseError(f"no hand-ins in {paths.short(root)}/submitted/<student>/{topic.id}")
    check_is_course(root)
    # The longest import of all begins while the sandbox is tried out, and goes on while the judges start.
    Thread(target=import_module, args=("nbgrader.apps",)).start()
    rules = rules or rules_here(trust)
    if new_seed:
        forget_seed(root, topic)
    marks = []
    with (
        _judges(rules, jobs, scheduler) as judges,
        # They are at work while nbgrader is imported, and while one hand-in after another is entered.
        ahead(_judged(topic, root, folders, judges, rules, force), judges.stop) as judged,
        _nbgrader(root, trusted=bool(sandbox.enough(rules.layers))) as api,
    ):
        with reached():
            _release(api, topic, root)
            writer = _writer(api, topic, root)
        with writer:
            for judgement in judged:
                mark = _entered(writer, topic, root, judgement, force)
                marks.append(mark)
                on_done(mark)
            _export(writer.gradebook, topic, root / "marks" / f"{topic.id}.csv")
    return sorted(marks, key=lambda mark: mark.student)


def _judged(
    topic: Topic, root: Path, folders: list[Path], judges: "Pool | Cluster", rules: Rules, force: bool
) -> Iterator[Judgement]:
    """The judgements; the judges then go home, for which the last of them need not wait."""
    yield from judge_hand_ins(topic, root, folders, judges, rules, force=force)
    judges.close()


def _entered(writer: "Writer", topic: Topic, root: Path, judgement: Judgement, force: bool) -> Mark:
    """A judgement as nbgrader keeps it: in the gradebook, the graded notebook and the feedback."""
    student = judgement.student
    files = read_hand_in(root / "submitted" / student / topic.id, topic)
    notebook, fault = None, files.faults
    if files.notebook is not None:
        notebook, fault = read_notebook(f"{topic.id}.ipynb", files.notebook, topic)
    fault = folder_fault(student) or fault
    if files.notebook is None or folder_fault(student):
        writer.enter_nothing(student)
        refused = fault
    else:
        refused = writer.enter(judgement, files, notebook, force=force)
    reason = fault or judgement.reason or refused
    if refused:
        _write_reason(root / "feedback" / student / topic.id / f"{topic.id}.html", topic, reason)
    return _mark(writer.shelf, topic, student, reason, graded=not refused)


def _judges(rules: Rules, jobs: int | None, scheduler: str | None) -> "Pool | Cluster":
    if scheduler is None:
        return Pool(rules, jobs)
    from mmlearn.grading.cluster import Cluster

    return Cluster(rules, scheduler)


def _writer(api, topic: Topic, root: Path) -> "Writer":
    from mmlearn.grading.writer import Writer  # nbgrader and nbconvert

    return Writer(api, topic, root)


@contextmanager
def _nbgrader(root: Path, trusted: bool) -> Iterator:
    """nbgrader's API on one course folder; its log goes to the results, not to the terminal."""
    from nbgrader.apps import NbGraderAPI  # 4 s: only a grade pays for it
    from sqlalchemy.exc import SAWarning

    silent = logging.NullHandler()
    logs = [logging.getLogger(name) for name in ("traitlets", "tornado.application")]  # the gradebook's is Tornado's
    for log in logs:
        log.addHandler(silent)
    try:
        with warnings.catch_warnings():
            # nbgrader 0.9 makes each new submission before it joins the session; SQLAlchemy remarks on it.
            warnings.simplefilter("ignore", SAWarning)
            config = course_config(root)
            config.JudgeHandIn.trust_hand_ins = trusted
            yield NbGraderAPI(config=config)
    finally:
        for log in logs:
            log.removeHandler(silent)


def _release(api, topic: Topic, root: Path) -> None:
    """Make the assignment in the gradebook and its release version, unless they are there and up to date."""
    source, release = (root / part / topic.id / f"{topic.id}.ipynb" for part in ("source", "release"))
    if not source.is_file():
        raise CourseError(f"{paths.short(source)} is missing: run `make derive`")
    if _is_known(api, topic) and release.is_file() and release.stat().st_mtime >= source.stat().st_mtime:
        return
    result = api.generate_assignment(topic.id, force=True, create=True)
    if not result["success"]:
        raise CourseError(f"nbgrader could not make the assignment {topic.id}: {_last_error(result)}")


def _is_known(api, topic: Topic) -> bool:
    from nbgrader.api import MissingEntry

    with api.gradebook as gradebook:
        try:
            return bool(gradebook.find_notebook(topic.id, topic.id).grade_cells)
        except MissingEntry:
            return False


def _last_error(result: dict) -> str:
    """What went wrong, by nbgrader's log: the end of its first traceback."""
    lines = [line for line in result.get("log", "").splitlines() if line.strip()]
    raised = [line for line in lines if ": " in line and not line.startswith(("[", " "))]
    return raised[0] if raised else result["error"].strip().splitlines()[-1]


def _mark(shelf: "Shelf", topic: Topic, student: str, reason: str, graded: bool) -> Mark:
    points: dict[str, float] = {}
    written: float | None = None
    max_written = sum(written.points for written in topic.written)
    if graded:
        ids = [exercise.id for exercise in topic.exercises]
        points = {name: shelf.grades[name].score for name in ids if name in shelf.grades}
        by_hand = [grade for name, grade in shelf.grades.items() if name not in points]
        if by_hand and not any(grade.needs_manual_grade for grade in by_hand):
            written = sum(grade.score for grade in by_hand)
    return Mark(student, sum(points.values()), topic.points, written, max_written, points, reason)


def _write_reason(page: Path, topic: Topic, reason: str) -> None:
    """Feedback for a hand-in that nbgrader could not read."""
    text = (
        f"<!doctype html><meta charset='utf-8'><title>{escape(topic.title)}</title>"
        f"<body style='font-family:sans-serif;max-width:40em;margin:3em auto'><h1>{escape(topic.title)}</h1>"
        f"<p>This hand-in could not be graded: <b>{escape(reason)}</b>.</p>"
        f"<p>Mend it and hand in again with <code>mmlearn submit {topic.id}</code>.</p>"
    )
    write_whole(page, text.encode())


def _export(gradebook: "Gradebook", topic: Topic, file: Path) -> None:
    from nbgrader.plugins import CsvExportPlugin

    file.parent.mkdir(exist_ok=True)
    CsvExportPlugin(to=str(file), assignment=[topic.id]).export(gradebook)
