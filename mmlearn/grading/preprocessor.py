"""The plug-in to nbgrader: in its list of preprocessors it stands where nbgrader would execute the notebook.

Nothing of a hand-in is executed here. Its module is judged behind the wall, and each graded cell gets the output that
a learner would see, with the points as its value: `nbgrader autograde`, the formgrader's button and `mmlearn grade`
then read the marks as they always do.
"""

import atexit
import stat
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from mmlearn.course.check import Report, Result, State
from mmlearn.course.registry import Topic, course
from mmlearn.course.show import as_html, as_text
from mmlearn.grading.defuse import defuse
from mmlearn.grading.judgement import ExerciseJudgement, Judgement
from mmlearn.grading.judging import judge_hand_ins, rules_here
from mmlearn.grading.pool import Pool
from mmlearn.grading.verdict import Rules


class JudgeHandIn(NbGraderPreprocessor):
    """Gives graded cells their outputs, from the judge."""

    trust_hand_ins = Bool(False, help="Grade also where no sandbox keeps the hand-ins' code apart.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Judge the hand-in that the notebook belongs to.

        Raises:
            CourseError: no safe sandbox here; or the grader does not work.
        """
        about = resources["nbgrader"]
        topic = course().topic(about["assignment"])
        root = _course_folder(Path(resources["metadata"]["path"]))
        folder = root / "submitted" / about["student"] / topic.id
        pool, rules = _judges(self.trust_hand_ins)
        (judgement,) = judge_hand_ins(topic, root, [folder], pool, rules)
        return with_outputs(nb, topic, judgement), resources


def with_outputs(nb: NotebookNode, topic: Topic, judgement: Judgement) -> NotebookNode:
    """The notebook, nothing in it executed, and nothing left for a browser to: outputs are the judge's alone."""
    rows = {row.id: row for row in judgement.exercises}
    count = 0
    for cell in defuse(nb).cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        about = cell.metadata.get("nbgrader", {})
        row = rows.get(about.get("grade_id", ""))
        if row is not None and about.get("grade"):
            count += 1
            cell.execution_count = count
            cell.outputs = _outputs(topic, row, count)
    return nb


def drop_links(assignment: str, student: str, notebooks: list[str]) -> None:
    """Before nbgrader copies a hand-in, remove the links in it: it would follow them, to a classmate's file or ours."""
    for notebook in notebooks:
        folder = Path(notebook).parent
        for place in (folder.parent, folder):
            if place.is_symlink():  # before anything in it is looked at: that is not the hand-in's
                place.unlink()
        for path in folder.rglob("*"):
            if path.is_symlink() or not (path.is_dir() or stat.S_ISREG(path.lstat().st_mode)):
                path.unlink()


def _outputs(topic: Topic, row: ExerciseJudgement, count: int) -> list[NotebookNode]:
    # nbgrader takes the cell's value for points only if it reads as a plain float.
    value = float(min(max(row.points, 0.0), row.max_points))
    shown = dict(_shown(topic, replace(row, seconds=0.0)))
    points = {"text/plain": repr(value)}
    return [  # `nbformat.v4.new_output` would check each one's format; that of the notebook is checked when it is whole
        from_dict({"output_type": "display_data", "metadata": {}, "data": shown}),
        from_dict({"output_type": "execute_result", "metadata": {}, "data": points, "execution_count": count}),
    ]


@lru_cache(maxsize=1000)
def _shown(topic: Topic, row: ExerciseJudgement) -> tuple[tuple[str, str], ...]:
    """In a class many answers are alike, above all the right ones; drawing the table costs a millisecond."""
    result = Result(topic.exercise(row.id), State(row.state), row.points, row.message, row.detail)
    report = Report(topic, Path(f"{topic.id}.py"), (result,))
    return ("text/plain", as_text(report)), ("text/html", as_html(report))


def _course_folder(notebooks: Path) -> Path:
    """The course folder of `autograded/<student>/<topic>`."""
    return notebooks.resolve().parents[2]


@cache
def _judges(trust: bool) -> tuple[Pool, Rules]:
    """One judge, kept warm for as long as this process lives: nbgrader grades one hand-in after another."""
    rules = rules_here(trust)
    pool = Pool(rules, jobs=1)
    atexit.register(pool.close)
    return pool, rules
