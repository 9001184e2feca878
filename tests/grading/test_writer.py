"""The writer against nbgrader itself: the same rows, the same files, whatever a hand-in looks like."""

import resource
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from mmlearn.course import paths
from mmlearn.course.check import State
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic, course
from mmlearn.grading import writer as module
from mmlearn.grading.assignment import source_folder
from mmlearn.grading.demo import hand_in, with_answers
from mmlearn.grading.grade import _nbgrader, _release
from mmlearn.grading.judgement import ExerciseJudgement, Judgement, records, write_record, write_whole
from mmlearn.grading.judging import fingerprint
from mmlearn.grading.safe_read import read_hand_in
from mmlearn.grading.writer import Writer

TOPIC, OTHER = course().topic("similarity"), course().topic("embeddings")
IDS = [exercise.id for exercise in TOPIC.exercises]
WRITTEN = f"written-{TOPIC.written[0].question}"
PENALTY = """
from nbgrader.plugins import BasePlugin

class Tenth(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score / 10 + total_seconds_late / 1e6

get_config().AssignLatePenalties.plugin_class = Tenth
"""


def cell(notebook, grade_id: str):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def changed(notebook):
    cell(notebook, IDS[0]).source = "100.0"
    cell(notebook, f"{IDS[1]}-task").source = "Nothing to do here."
    cell(notebook, IDS[2]).metadata["nbgrader"]["points"] = 99
    cell(notebook, f"{IDS[1]}-task").metadata["nbgrader"]["locked"] = False


def retyped(notebook):
    for name in (IDS[0], IDS[1]):
        check = cell(notebook, name)
        check.cell_type = "markdown"
        del check["outputs"], check["execution_count"]


def twice(notebook):
    copy = nbformat.from_dict({**cell(notebook, IDS[0]), "id": "copy"})
    notebook.cells.insert(0, copy)


def deleted(notebook):
    notebook.cells.remove(cell(notebook, IDS[0]))
    notebook.cells.remove(cell(notebook, WRITTEN))


def foreign(notebook):
    about = {"grade": True, "grade_id": "mine", "locked": False, "points": 5, "schema_version": 3, "solution": True}
    notebook.cells.append(new_code_cell("1 + 1", metadata={"nbgrader": about | {"task": False}}))


def noisy(notebook):
    notebook.cells.append(new_markdown_cell("<script>1</script> $x$ ![](http://x/y.png)"))
    output = nbformat.v4.new_output("stream", text="line\n" * 2000)
    notebook.cells.append(new_code_cell("print('x')", outputs=[output], execution_count=3))
    notebook.metadata["kernelspec"] = {"display_name": "R", "language": "R", "name": "ir"}


def answered(notebook):
    index = notebook.cells.index(cell(notebook, WRITTEN))
    notebook.cells[index + 1].source = "Because **cosines** ignore lengths & more."


def invalid(notebook):
    cell(notebook, IDS[0]).metadata["nbgrader"]["grade"] = "yes"


def outdated(notebook):
    cell(notebook, IDS[3]).metadata["nbgrader"]["schema_version"] = 1


# student -> what is changed in the notebook, its timestamp
CLASS: dict[str, tuple[Callable | None, str]] = {
    "honest": (None, ""),
    "answered": (answered, "2026-01-01 12:00:00.000000 UTC"),
    "changed": (changed, "2026-01-03 12:00:00.250000 UTC"),
    "deleted": (deleted, ""),
    "foreign": (foreign, ""),
    "invalid": (invalid, "2026-01-03 12:00:00 UTC"),
    "late": (None, "2026-01-05 12:00:00 +0100"),
    "noisy": (noisy, "2026-01-02 00:00:01 UTC"),
    "outdated": (outdated, ""),
    "retyped": (retyped, ""),
    "twice": (twice, ""),
    "whenever": (None, "last Tuesday"),
}


def record(root: Path, topic: Topic, student: str, points: int) -> None:
    """What a judge could have found: the first `points` exercises are right, the next is wrong."""
    files = read_hand_in(root / "submitted" / student / topic.id, topic)
    rows = []
    for number, exercise in enumerate(topic.exercises):
        state = State.CORRECT if number < points else State.WRONG if number == points else State.NOT_ATTEMPTED
        earned = exercise.points if number < points else 0.0
        message = "shape (3,) <b>is not</b> (4,)" if state == State.WRONG else ""
        rows.append(ExerciseJudgement(exercise.id, state.value, earned, exercise.points, message))
    write_record(root, Judgement(topic.id, student, fingerprint(topic, files, 7), tuple(rows)))


@pytest.fixture(scope="module")
def course_folder(tmp_path_factory) -> Path:
    """A class of odd and honest hand-ins of two topics, judged, and nothing of it entered."""
    root = tmp_path_factory.mktemp("course")
    config = (paths.NBGRADER / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(config + PENALTY, encoding="utf-8")
    for topic in (TOPIC, OTHER):
        shutil.copytree(source_folder(topic.id), root / "source" / topic.id)
        write_whole(root / "judged" / topic.id / "seed" / "seed.json", b'{"seed": 7}')
        with _nbgrader(root, False) as api:
            _release(api, topic, root)
    (root / "source" / TOPIC.id / "data.csv").write_text("1,2\n")
    with gradebook(root) as book:
        book.update_or_create_assignment(TOPIC.id, duedate=datetime(2026, 1, 2))
    for number, (student, (change, timestamp)) in enumerate(CLASS.items()):
        folder = hand_in(root, TOPIC, student, with_answers(TOPIC, IDS[: number % 4]))
        if change is not None:
            notebook = nbformat.read(folder / f"{TOPIC.id}.ipynb", as_version=4)
            change(notebook)
            nbformat.write(notebook, folder / f"{TOPIC.id}.ipynb")
        if timestamp:
            (folder / "timestamp.txt").write_text(timestamp)
        record(root, TOPIC, student, 2 + number % 4)
    for student in ("honest", "only-other"):
        hand_in(root, OTHER, student, with_answers(OTHER, []))
        record(root, OTHER, student, 1)
    return root


@pytest.fixture
def copy_of(course_folder, tmp_path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(course_folder, tmp_path / name))


def gradebook(root: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{root}/gradebook.db", course().id)


def by_nbgrader(root: Path, topic: Topic) -> None:
    with _nbgrader(root, False) as api:
        for judgement in records(root, topic.id):
            student = judgement.student
            result = api.autograde(topic.id, student, force=True, create=True)
            if result["success"]:
                assert api.generate_feedback(topic.id, student, force=True)["success"]
                continue
            with api.gradebook as book:  # the one thing that is ours: it earns nothing by an earlier hand-in
                book.update_or_create_student(student)
                for notebook in book.update_or_create_submission(topic.id, student).notebooks:
                    for grade in notebook.grades:
                        if grade.name in {exercise.id for exercise in topic.exercises}:
                            grade.auto_score = 0.0
                book.db.commit()


def by_writer(root: Path, topic: Topic, force: bool = False) -> dict[str, str]:
    """What was refused, by student."""
    with _nbgrader(root, False) as api, Writer(api, topic, root) as writer:
        refused = {}
        for judgement in records(root, topic.id):
            files = read_hand_in(root / "submitted" / judgement.student / topic.id, topic)
            refused[judgement.student] = writer.enter(judgement, files, force=force)
        return refused


def rows(root: Path) -> dict[str, list]:
    """Every row of every table; an id is replaced by the row that it stands for."""
    with sqlite3.connect(root / "gradebook.db") as db:
        db.row_factory = sqlite3.Row
        names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
        tables = {name: [dict(row) for row in db.execute(f'select * from "{name}"')] for name in names}
    keyed = ("base_cell", "grade_cell", "solution_cell", "task_cell")  # rows of one object share their id
    owners = {row["id"]: row for name, table in tables.items() if name not in keyed for row in table if "id" in row}

    def plain(row: dict) -> tuple:
        return tuple(
            (key, plain(owners[value]) if key.endswith("_id") and value in owners else value)
            for key, value in row.items()
            if key != "id"
        )

    return {name: sorted(map(repr, map(plain, table))) for name, table in tables.items()}


def files(root: Path) -> dict[str, tuple[bytes, int]]:
    found = [path for part in ("autograded", "feedback") for path in (root / part).rglob("*")]
    return {str(p.relative_to(root)): (p.read_bytes(), p.stat().st_mode) for p in found if p.is_file()}


def stands(root: Path) -> dict[str, tuple[int, int]]:
    """Which files there are, and since when."""
    found = [path for part in ("autograded", "feedback") for path in (root / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def a_person_marks(root: Path) -> None:
    with gradebook(root) as book:
        for student in ("honest", "late", "changed"):
            task = book.find_grade(WRITTEN, TOPIC.id, TOPIC.id, student)
            task.manual_score, task.extra_credit, task.needs_manual_grade = 7.5, 1.0, False
            book.find_comment(WRITTEN, TOPIC.id, TOPIC.id, student).manual_comment = "Well <said> & done"
            test = book.find_grade(IDS[-1], TOPIC.id, TOPIC.id, student)
            test.manual_score, test.needs_manual_grade = 1.0, False
        book.db.commit()


def test_rows_notebooks_and_feedback_equal_those_of_nbgrader(copy_of):
    theirs, ours = copy_of("theirs"), copy_of("ours")
    for topic in (TOPIC, OTHER):
        by_nbgrader(theirs, topic)
    refused = by_writer(ours, TOPIC)
    by_writer(ours, OTHER)
    not_graded = {student for student, why in refused.items() if why}
    assert not_graded == {"foreign", "invalid", "outdated", "twice", "whenever"}
    assert rows(ours) == rows(theirs)
    assert files(ours) == files(theirs)

    for root in (theirs, ours):
        a_person_marks(root)
        for number, student in enumerate(CLASS):
            record(root, TOPIC, student, 5 - number % 3)
    by_nbgrader(theirs, TOPIC)
    by_writer(ours, TOPIC)
    assert rows(ours) == rows(theirs)
    assert files(ours) == files(theirs)
    with gradebook(ours) as book:
        assert book.find_grade(WRITTEN, TOPIC.id, TOPIC.id, "late").score == 8.5
        assert book.find_submission_notebook(TOPIC.id, TOPIC.id, "late").late_submission_penalty > 0


@pytest.fixture
def small(copy_of) -> Path:
    """The course with one hand-in, entered."""
    root = copy_of("small")
    for path in (root / "submitted").iterdir():
        if path.name != "late":
            shutil.rmtree(path)
            (root / "judged" / TOPIC.id / f"{path.name}.json").unlink(missing_ok=True)
    assert by_writer(root, TOPIC) == {"late": ""}
    return root


def test_what_stands_there_and_agrees_is_left_alone(small):
    before = stands(small), rows(small)
    by_writer(small, TOPIC)
    assert (stands(small), rows(small)) == before


def test_force_enters_again_what_has_not_changed(small):
    with gradebook(small) as book:
        grade = book.find_grade(IDS[0], TOPIC.id, TOPIC.id, "late")
        grade.manual_score, grade.needs_manual_grade = grade.auto_score, False
        book.db.commit()
    by_writer(small, TOPIC, force=True)
    with gradebook(small) as book:  # nbgrader asks a person to look again after each autograde
        assert book.find_grade(IDS[0], TOPIC.id, TOPIC.id, "late").needs_manual_grade


def test_a_person_s_mark_gets_into_the_feedback_and_stays(small):
    with gradebook(small) as book:
        book.find_comment(WRITTEN, TOPIC.id, TOPIC.id, "late").manual_comment = "Seen by a person"
        book.db.commit()
    by_writer(small, TOPIC)
    page = (small / "feedback" / "late" / TOPIC.id / f"{TOPIC.id}.html").read_text(encoding="utf-8")
    assert "Seen by a person" in page


@pytest.mark.parametrize("lost", ["notebook", "module", "feedback", "its module", "row", "submission", "extension"])
def test_what_is_lost_or_was_changed_is_made_again(small, lost):
    whole = files(small), rows(small)
    if lost == "notebook":
        (small / "autograded" / "late" / TOPIC.id / f"{TOPIC.id}.ipynb").unlink()
    elif lost == "feedback":
        (small / "feedback" / "late" / TOPIC.id / f"{TOPIC.id}.html").write_text("half a pa")
    elif lost in ("module", "its module"):  # as a power cut may leave it
        folder = {"module": "autograded", "its module": "feedback"}[lost]
        (small / folder / "late" / TOPIC.id / f"{TOPIC.id}.py").write_text("")
    else:
        with gradebook(small) as book:
            if lost == "row":
                book.find_grade(IDS[0], TOPIC.id, TOPIC.id, "late").auto_score = 1000.0
            elif lost == "submission":
                book.remove_submission(TOPIC.id, "late")
            else:
                book.grant_extension(TOPIC.id, "late", days=30)
            book.db.commit()
    by_writer(small, TOPIC)
    if lost == "extension":
        with gradebook(small) as book:
            assert book.find_submission_notebook(TOPIC.id, TOPIC.id, "late").late_submission_penalty is None
    else:
        assert (files(small), rows(small)) == whole


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", range(10))
def test_killed_at_any_write_and_run_again_it_is_as_if_nothing_had_been(small, monkeypatch, after):
    whole = files(small), rows(small)
    shutil.rmtree(small / "autograded")
    shutil.rmtree(small / "feedback")
    shutil.rmtree(small / "judged" / TOPIC.id / "entered")
    with gradebook(small) as book:
        book.remove_submission(TOPIC.id, "late")
    writes = []

    def dies(file: Path, content: bytes, **how: bool) -> None:
        writes.append(file)
        if len(writes) > after:
            raise Killed
        write_whole(file, content, **how)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_whole", dies)
        if after < 9:  # four files in each folder, and the stamp
            with pytest.raises(Killed):
                by_writer(small, TOPIC)
        else:
            by_writer(small, TOPIC)
    assert by_writer(small, TOPIC) == {"late": ""}
    assert (files(small), rows(small)) == whole


def test_a_full_disk_is_said_in_a_line_and_the_gradebook_is_intact(small):
    whole = files(small), rows(small)
    record(small, TOPIC, "late", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the notebook is bigger
    try:
        with pytest.raises(CourseError, match="the disk is full: make room and grade again"):
            by_writer(small, TOPIC)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert rows(small) == whole[1]
    with sqlite3.connect(small / "gradebook.db") as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    assert by_writer(small, TOPIC) == {"late": ""}
    assert files(small) != whole[0]


def test_a_gradebook_that_somebody_holds_is_said_in_a_line(small):
    record(small, TOPIC, "late", 1)
    with sqlite3.connect(small / "gradebook.db", isolation_level=None) as other:
        other.execute("begin immediate")
        with pytest.raises(CourseError, match=r"the gradebook cannot be written .*locked"):
            by_writer(small, TOPIC)
        other.execute("rollback")
    assert by_writer(small, TOPIC) == {"late": ""}
