"""From source to marks, by the real nbgrader."""

import csv
import html
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic, course
from mmlearn.course.stubs import stub_text
from mmlearn.grading.assignment import source_folder
from mmlearn.grading.demo import build_class, hand_in, with_answers
from mmlearn.grading.grade import grade_class

TOPIC = course().topic("similarity")
SOLUTION = paths.solution_file("similarity").read_text(encoding="utf-8")
THREE = [exercise.id for exercise in TOPIC.exercises[:3]]
THREE_POINTS = sum(exercise.points for exercise in TOPIC.exercises[:3])


def new_course(root: Path, extra: str = "", topic: Topic = TOPIC) -> Path:
    shutil.copytree(source_folder(topic.id), root / "source" / topic.id)
    config = (paths.NBGRADER / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(config + extra, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class graded once: the folder, and the marks by learner."""
    root = new_course(tmp_path_factory.mktemp("class"))
    hand_in(root, TOPIC, "untouched", stub_text(TOPIC.id))
    hand_in(root, TOPIC, "full", SOLUTION)
    hand_in(root, TOPIC, "three", with_answers(TOPIC, THREE))
    hand_in(root, TOPIC, "syntax", SOLUTION.replace("return", "retrun", 1))
    (hand_in(root, TOPIC, "missing", SOLUTION) / "similarity.py").unlink()
    (hand_in(root, TOPIC, "latin1", SOLUTION) / "similarity.py").write_bytes(SOLUTION.encode() + b"# \xe9\n")
    (hand_in(root, TOPIC, "notjson", SOLUTION) / "similarity.ipynb").write_text("{ this is no notebook")
    hand_in(root, TOPIC, "zlast", SOLUTION)
    seen = []
    marks = grade_class(TOPIC, root, on_done=seen.append)
    assert sorted(seen, key=lambda mark: mark.student) == marks
    return root, {mark.student: mark for mark in marks}


@pytest.mark.parametrize(
    ("student", "points"),
    [
        ("untouched", 0),
        ("full", 100),
        ("three", THREE_POINTS),
        ("syntax", 0),
        ("missing", 0),
        ("latin1", 0),
        ("zlast", 100),
    ],
)
def test_each_hand_in_earns_exactly_its_points(graded, student, points):
    root, marks = graded
    assert marks[student].points == points
    assert marks[student].max_points == 100
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        assert gradebook.find_submission("similarity", student).score == points


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("syntax", "similarity.py, line "),
        ("missing", "'similarity.py' is missing"),
        ("latin1", "similarity.py is not UTF-8 text (line "),
        ("notjson", "similarity.ipynb is not a notebook: "),
        ("full", ""),
        ("untouched", ""),
    ],
)
def test_what_cannot_be_graded_has_a_reason_in_the_report_and_in_the_feedback(graded, student, reason):
    root, marks = graded
    assert marks[student].reason.startswith(reason)
    assert bool(marks[student].reason) == bool(reason)
    feedback = (root / "feedback" / student / "similarity" / "similarity.html").read_text(encoding="utf-8")
    if reason:
        assert marks[student].reason in html.unescape(feedback)
    else:
        assert "could not be checked" not in feedback


def test_the_others_are_graded_all_the_same(graded):
    _, marks = graded
    assert marks["notjson"].points == 0
    assert marks["zlast"].points == 100


def test_feedback_shows_state_and_message_and_no_source_of_a_test(graded):
    root, _ = graded
    feedback = (root / "feedback" / "three" / "similarity" / "similarity.html").read_text(encoding="utf-8")
    assert feedback.count("<b>not attempted</b>") == len(TOPIC.exercises) - 3
    assert feedback.count("<b>correct</b>") == 3
    assert "expect_close" not in feedback


def test_marks_are_exported(graded):
    root, marks = graded
    with (root / "marks" / "similarity.csv").open() as stream:
        rows = {row["student_id"]: row for row in csv.DictReader(stream)}
    assert set(rows) == set(marks)
    assert float(rows["three"]["score"]) == THREE_POINTS
    assert float(rows["full"]["max_score"]) == 120


def test_a_score_that_a_person_gave_survives_a_new_grade(graded):
    root, _ = graded
    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        for written in TOPIC.written:
            grade = gradebook.find_grade(f"written-{written.question}", "similarity", "similarity", "full")
            grade.manual_score = 7
            grade.needs_manual_grade = False
        gradebook.db.commit()
    for student in ("untouched", "three", "syntax", "missing", "latin1", "notjson", "zlast"):
        shutil.rmtree(root / "submitted" / student)
    (mark,) = grade_class(TOPIC, root)
    assert (mark.points, mark.written) == (100, 14)


@pytest.mark.parametrize("topic", [t for t in course().topics if t != TOPIC], ids=lambda topic: topic.id)
def test_every_topic_is_graded_from_end_to_end(topic, tmp_path):
    root = new_course(tmp_path, topic=topic)
    hand_in(root, topic, "full", paths.solution_file(topic.id).read_text(encoding="utf-8"))
    hand_in(root, topic, "untouched", stub_text(topic.id))
    marks = {mark.student: mark for mark in grade_class(topic, root)}
    assert [(mark.points, mark.max_points, mark.reason) for mark in marks.values()] == [
        (topic.points, topic.points, ""),
        (0, topic.points, ""),
    ]
    assert set(marks["full"].exercises) == {exercise.id for exercise in topic.exercises}


def edit_notebook(folder: Path, change) -> None:
    notebook = nbformat.read(folder / "similarity.ipynb", as_version=4)
    change(notebook)
    nbformat.write(notebook, folder / "similarity.ipynb")


def check_cell(notebook, exercise: str):
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == exercise]
    return cell


def test_odd_notebooks_have_a_reason_or_their_full_points(tmp_path):
    root = new_course(tmp_path)
    folders = {name: hand_in(root, TOPIC, name, SOLUTION) for name in ("gone", "moved", "twice", "ends", "odd [1]")}
    edit_notebook(folders["gone"], lambda nb: nb.cells.remove(check_cell(nb, "top_k")))
    edit_notebook(folders["moved"], lambda nb: nb.cells.insert(0, new_code_cell("import os\nos.chdir('/')\n1 / 0")))
    edit_notebook(
        folders["twice"], lambda nb: nb.cells.append(nbformat.from_dict({**check_cell(nb, "top_k"), "id": "copy"}))
    )
    edit_notebook(folders["ends"], lambda nb: nb.cells.insert(0, new_code_cell("import os\nos._exit(0)")))
    marks = {mark.student: mark for mark in grade_class(TOPIC, root)}
    assert (marks["moved"].points, marks["moved"].reason) == (100, "")
    assert marks["gone"].reason == ("similarity.ipynb: the check cell of top_k is missing; start from a fresh notebook")
    assert marks["twice"].reason == "similarity.ipynb: the check cell of top_k stands there twice; delete the copy"
    assert (marks["ends"].points, marks["ends"].reason) == (100, "")  # nothing of a notebook is executed
    assert "rename it" in marks["odd [1]"].reason


def test_what_breaks_on_a_new_grade_keeps_none_of_its_old_points(tmp_path):
    root = new_course(tmp_path)
    folder = hand_in(root, TOPIC, "ada", SOLUTION)
    (mark,) = grade_class(TOPIC, root)
    assert mark.points == 100
    (folder / "similarity.ipynb").write_text("no notebook any more")
    hand_in(root, TOPIC, "never", SOLUTION).joinpath("similarity.ipynb").write_text("nor this")
    assert [mark.points for mark in grade_class(TOPIC, root)] == [0, 0]
    with (root / "marks" / "similarity.csv").open() as stream:
        assert {row["student_id"]: float(row["score"]) for row in csv.DictReader(stream)} == {"ada": 0, "never": 0}


def test_what_the_exchange_needs_to_release_feedback_is_kept(tmp_path):
    root = new_course(tmp_path)
    folder = hand_in(root, TOPIC, "ada", stub_text(TOPIC.id))
    (folder / "submission_secret.txt").write_text("a5" * 32)
    (folder / "timestamp.txt").write_text("2026-11-24 12:00:00.000000 UTC")
    grade_class(TOPIC, root)
    for step in ("autograded", "feedback"):
        for file in (folder / "submission_secret.txt", folder / "timestamp.txt"):
            assert (root / step / "ada" / "similarity" / file.name).read_text() == file.read_text()


def test_a_grade_that_is_stopped_by_ctrl_c_says_so_in_a_line_and_goes_on(tmp_path):
    root = new_course(tmp_path / "class")
    for number in range(30):  # so many that the first line is far from the last
        hand_in(root, TOPIC, f"student{number}", SOLUTION)
    command = [sys.executable, "-m", "mmlearn.cli", "grade", TOPIC.id, "--course", str(root), "--jobs", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as grade:
        grade.stdout.readline()  # the first is entered
        os.killpg(grade.pid, signal.SIGINT)  # as a terminal does it
        _, errors = grade.communicate(timeout=60)
    assert grade.returncode == 1
    assert errors == "mmlearn: stopped: what was graded is kept, and the same command goes on from there\n"
    assert [mark.points for mark in grade_class(TOPIC, root)] == 30 * [100]


def test_nothing_to_grade_is_said_in_a_line(tmp_path):
    new_course(tmp_path)
    with pytest.raises(CourseError, match=r"no hand-ins in .*/submitted/<student>/similarity"):
        grade_class(TOPIC, tmp_path)


def test_the_demo_class_is_of_five(tmp_path):
    build_class(TOPIC, tmp_path / "demo")
    students = {path.name for path in (tmp_path / "demo" / "submitted").iterdir()}
    assert students == {"good", "half", "wrong", "broken", "untouched"}


def run(root: Path, *command: str, ok: bool = True, **environment: str) -> str:
    """One command as a person would type it in the course folder."""
    tool = Path(sys.executable).parent / command[0]
    result = subprocess.run(
        [str(tool), *command[1:]], cwd=root, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode == 0) == ok, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_plain_nbgrader_with_an_exchange(tmp_path):
    """Its own commands: generate, release, a hand-in through the exchange, collect, autograde, feedback, export."""
    exchange, cache, work = tmp_path / "exchange", tmp_path / "cache", tmp_path / "work"
    exchange.mkdir()
    root = new_course(
        tmp_path / "course", f'\nc = get_config()\nc.Exchange.root = "{exchange}"\nc.Exchange.cache = "{cache}"\n'
    )
    run(root, "nbgrader", "generate_assignment", "similarity")
    run(root, "nbgrader", "release_assignment", "similarity")
    shutil.copytree(exchange / "mmlearn" / "outbound" / "similarity", work)
    assert "MARK SCHEME" not in (work / "similarity.ipynb").read_text()
    (work / "similarity.py").write_text(with_answers(TOPIC, THREE), encoding="utf-8")
    told = run(root, "mmlearn", "submit", "similarity", "--from", str(work), JUPYTERHUB_USER="ada")
    assert str(exchange) in told
    run(root, "nbgrader", "collect", "similarity")
    (collected,) = (root / "submitted").iterdir()
    (hand_in(root, TOPIC, "aaa-notjson", SOLUTION) / "similarity.ipynb").write_text("no JSON")
    log = run(root, "nbgrader", "autograde", "similarity", ok=False)  # it says that one failed ...
    assert "aaa-notjson" in log
    run(root, "nbgrader", "generate_feedback", "similarity", "--student", collected.name)
    run(root, "nbgrader", "export")
    with (root / "grades.csv").open() as stream:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(stream)}
    assert scores[collected.name] == THREE_POINTS  # ... and has graded the other
    assert (root / "feedback" / collected.name / "similarity" / "similarity.html").is_file()
