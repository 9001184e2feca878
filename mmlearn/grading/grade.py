"""A class graded by nbgrader: hand-ins in, gradebook, feedback and a CSV of marks out."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.grading.faults import folder_fault, notebook_fault
from mmlearn.grading.judge import Rules
from mmlearn.grading.judgement import Judgement
from mmlearn.grading.judging import forget_seed, judge_hand_ins, rules_here
from mmlearn.grading.pool import Pool
from mmlearn.grading.safe_read import read_hand_in


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
    jobs: int | None = None,
    force: bool = False,
    new_seed: bool = False,
) -> list[Mark]:
    """Grade every hand-in of a topic, and write feedback and `marks/<topic>.csv`.

    Hand-ins are judged side by side; nbgrader enters the marks one after another. A hand-in that cannot be graded
    gets its reason, in its mark and in its feedback, and the others are graded all the same. Scores that a person
    gave stay.

    Args:
        topic: whose assignment is graded.
        root: the course folder, which holds `nbgrader_config.py`, `source/` and `submitted/`.
        on_done: called with each mark as it is made.
        rules: the sandbox and its limits; by default the strongest that this machine offers.
        jobs: how many hand-ins are judged at a time; by default one a core.
        force: judge again what has not changed.
        new_seed: draw new random inputs for the tests; everything is judged again.

    Returns:
        The marks, by learner.

    Raises:
        CourseError: there is nothing to grade, no safe way to, or nbgrader cannot make the assignment.
    """
    folders = hand_ins(root, topic.id)
    if not folders:
        raise CourseError(f"no hand-ins in {paths.short(root)}/submitted/<student>/{topic.id}")
    rules = rules or rules_here()
    marks = []
    with _nbgrader(root, trusted=bool(sandbox.enough(rules.layers))) as api, Pool(rules, jobs) as pool:
        _release(api, topic, root)
        if new_seed:
            forget_seed(root, topic)
        for judgement in judge_hand_ins(topic, root, folders, pool, rules, force=force):
            mark = _entered(api, topic, root, judgement)
            marks.append(mark)
            on_done(mark)
        _export(api, topic, root / "marks" / f"{topic.id}.csv")
    return sorted(marks, key=lambda mark: mark.student)


def _entered(api, topic: Topic, root: Path, judgement: Judgement) -> Mark:
    """A judgement as nbgrader keeps it: in the gradebook, the graded notebook and the feedback."""
    student = judgement.student
    files = read_hand_in(root / "submitted" / student / topic.id, topic)
    notebook = Path(f"{topic.id}.ipynb")
    fault = folder_fault(student) or (
        files.faults if files.notebook is None else notebook_fault(notebook, topic, files.notebook)
    )
    result: dict = {"success": False, "log": ""}
    if files.notebook is not None:
        result = api.autograde(topic.id, student, force=True, create=True)
        if result["success"]:
            result = api.generate_feedback(topic.id, student, force=True)
    reason = fault or judgement.reason
    if not result["success"]:
        reason = reason or _last_error(result)
        _write_reason(root / "feedback" / student / topic.id / f"{topic.id}.html", topic, reason)
        _take_back(api, topic, student)
    return _mark(api, topic, student, reason, graded=result["success"])


@contextmanager
def _nbgrader(root: Path, trusted: bool) -> Iterator:
    """nbgrader's API on one course folder; its log goes to the results, not to the terminal."""
    from nbgrader.apps import NbGraderAPI  # 4 s: only a grade pays for it
    from sqlalchemy.exc import SAWarning
    from traitlets.config import PyFileConfigLoader

    if not (root / "nbgrader_config.py").is_file():
        raise CourseError(f"{paths.short(root)} is not a course folder: it has no nbgrader_config.py")
    silent = logging.NullHandler()
    logging.getLogger("traitlets").addHandler(silent)
    try:
        with warnings.catch_warnings():
            # nbgrader 0.9 makes each new submission before it joins the session; SQLAlchemy remarks on it.
            warnings.simplefilter("ignore", SAWarning)
            config = PyFileConfigLoader("nbgrader_config.py", str(root)).load_config()
            config.JudgeHandIn.trust_hand_ins = trusted
            yield NbGraderAPI(config=config)
    finally:
        logging.getLogger("traitlets").removeHandler(silent)


def _release(api, topic: Topic, root: Path) -> None:
    """Make the assignment in the gradebook and its release version, unless they are there and up to date."""
    source, release = (root / part / topic.id / f"{topic.id}.ipynb" for part in ("source", "release"))
    if not source.is_file():
        raise CourseError(f"{paths.short(source)} is missing: run `make derive`")
    known = any(
        assignment["name"] == topic.id and assignment["status"] != "draft" for assignment in api.get_assignments()
    )
    if known and release.is_file() and release.stat().st_mtime >= source.stat().st_mtime:
        return
    result = api.generate_assignment(topic.id, force=True, create=True)
    if not result["success"]:
        raise CourseError(f"nbgrader could not make the assignment {topic.id}: {_last_error(result)}")


def _last_error(result: dict) -> str:
    """What went wrong, by nbgrader's log: the end of its first traceback."""
    lines = [line for line in result.get("log", "").splitlines() if line.strip()]
    raised = [line for line in lines if ": " in line and not line.startswith(("[", " "))]
    return raised[0] if raised else result["error"].strip().splitlines()[-1]


def _mark(api, topic: Topic, student: str, reason: str, graded: bool) -> Mark:
    points: dict[str, float] = {}
    written: float | None = None
    max_written = sum(written.points for written in topic.written)
    if graded:
        with api.gradebook as gradebook:
            notebook = gradebook.find_submission_notebook(topic.id, topic.id, student)
            for grade in notebook.grades:
                if any(exercise.id == grade.name for exercise in topic.exercises):
                    points[grade.name] = grade.score
            by_hand = [grade for grade in notebook.grades if grade.name not in points]
            if by_hand and not any(grade.needs_manual_grade for grade in by_hand):
                written = sum(grade.score for grade in by_hand)
    return Mark(student, sum(points.values()), topic.points, written, max_written, points, reason)


def _take_back(api, topic: Topic, student: str) -> None:
    """What cannot be graded now earns nothing by an earlier hand-in's points; a person's scores stay."""
    with api.gradebook as gradebook:
        gradebook.update_or_create_student(student)
        submission = gradebook.update_or_create_submission(topic.id, student)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if any(exercise.id == grade.name for exercise in topic.exercises):
                    grade.auto_score = 0.0
        gradebook.db.commit()


def _write_reason(page: Path, topic: Topic, reason: str) -> None:
    """Feedback for a hand-in that nbgrader could not read."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(
        f"<!doctype html><meta charset='utf-8'><title>{escape(topic.title)}</title>"
        f"<body style='font-family:sans-serif;max-width:40em;margin:3em auto'><h1>{escape(topic.title)}</h1>"
        f"<p>This hand-in could not be graded: <b>{escape(reason)}</b>.</p>"
        f"<p>Mend it and hand in again with <code>mmlearn submit {topic.id}</code>.</p>",
        encoding="utf-8",
    )


def _export(api, topic: Topic, file: Path) -> None:
    from nbgrader.plugins import CsvExportPlugin

    file.parent.mkdir(exist_ok=True)
    with api.gradebook as gradebook:
        CsvExportPlugin(to=str(file), assignment=[topic.id]).export(gradebook)
