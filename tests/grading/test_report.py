"""The numbers of the class report, and its three forms."""

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mmlearn.cli import app
from mmlearn.course import paths
from mmlearn.course.check import State
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.course.stubs import stub_text
from mmlearn.grading.alike import Alike
from mmlearn.grading.report import class_report, common_message, write_report_csv
from mmlearn.grading.report_page import page
from mmlearn.grading.report_plots import bars_title, histogram_title, points_histogram
from mmlearn.grading.report_table import report_tables

from .conftest import Pupil

TOPIC = course().topic("similarity")
SOLUTION = paths.solution_file("similarity").read_text(encoding="utf-8")
EVIL = "</td><script>alert(1)</script>\x1b[2J\u202e"


def full() -> dict:
    return {exercise.id: (State.CORRECT, exercise.points, "") for exercise in TOPIC.exercises}


def wrong(message: str, points: float = 2.0) -> dict:
    return {"top_k": (State.WRONG, points, message)}


@pytest.fixture
def report(graded_class):
    root = graded_class(
        {
            "ada": Pupil(SOLUTION, full(), 0.5, written=[8, 9], first_name="Ada", last_name="Lovelace"),
            "bob": Pupil("x = 1\n", wrong("0.5 at [0, 1] where 1 was expected"), 0.1, written=[5, None], late=0.5),
            "cyd": Pupil("x = 2\n", wrong("-2e-3 at [3, 4] where nan was expected", 4.0), written=[0, 0], late=9.0),
            "dee": Pupil("x = 3\n", wrong("another message", 0.0), written=[0, 0]),
            "eve": Pupil(
                "x = (",
                {
                    "top_k": (State.COULD_NOT_CHECK, 0, EVIL),
                    "csls": (State.WRONG, 0, EVIL),
                    "median_rank": (State.NOT_ATTEMPTED, 0, "defined twice"),
                },
                reason=EVIL,
                last_name=f"=1{EVIL}",
            ),
            "fay": Pupil(),
            "gus": Pupil("x = 5\n", judged=False),
        }
    )
    # `fay` handed in nothing, so that the judge has no record of hers
    (root / "judged" / "similarity" / "fay.json").unlink()
    return class_report(root, TOPIC)


def row(report, exercise):
    return next(row for row in report.exercises if row.exercise.id == exercise)


def learner(report, student):
    return next(row for row in report.learners if row.student == student)


def test_an_exercise_has_its_shares_medians_and_most_common_message(report):
    top_k = row(report, "top_k")
    assert report.judged == 5
    assert {state: count for state, count in top_k.counts.items() if count} == {
        State.CORRECT: 1,
        State.WRONG: 3,
        State.COULD_NOT_CHECK: 1,
    }
    assert top_k.share(State.WRONG) == 0.6
    assert (top_k.message, top_k.message_count) == ("0.5 at [0, 1] where 1 was expected", 2)
    assert top_k.median_points == 2.0  # of 0, 0, 2, 4 and 14
    assert top_k.median_seconds == pytest.approx(0.3)  # of the two on which its tests ran
    assert row(report, "csls").counts[State.NOT_ATTEMPTED] == 3
    assert row(report, "median_rank").message == ""  # what is not attempted is no mistake


def test_a_learner_has_points_written_points_penalty_and_total(report):
    ada, bob, cyd = (learner(report, student).earned for student in ("ada", "bob", "cyd"))
    assert (ada.points, ada.written, ada.penalty, ada.total, ada.max_total) == (100, 17, 0, 117, 120)
    assert (bob.points, bob.written, bob.penalty, bob.total) == (2, None, 0.5, 6.5)
    assert cyd.total == 0  # never below
    assert report.waiting == 3  # bob, eve and gus


def test_who_is_not_graded_has_a_reason(report):
    assert learner(report, "fay").reason == "nothing handed in"
    assert learner(report, "gus").reason == "handed in, not graded yet"
    assert learner(report, "eve").reason == EVIL
    assert learner(report, "ada").reason == ""
    assert report.totals == [117, 6.5, 0, 0, 0, 0]  # without fay


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("1.5 where 2 was expected", "-3e-7 where 10 was expected", True),
        ("row [1 2 3] differs", "row [4.5 6.] differs", True),
        ("(2, 3) values", "(2, 3, 4) values", True),
        ("nan where 1 was expected", "0.25 where 1 was expected", True),
        ("top_k needs k", "csls needs k", False),
        ("rows, not columns", "columns, not rows", False),
        ("conv2d is missing", "conv1d is missing", False),
    ],
)
def test_messages_that_differ_in_numbers_only_are_one(one, other, alike):
    assert common_message([one, other]) == (one, 2 if alike else 1)


def test_nothing_graded_is_said_in_a_line(tmp_path):
    with pytest.raises(CourseError, match=r"nothing of similarity is graded in .*: run `mmlearn grade similarity`"):
        class_report(tmp_path, TOPIC)


def test_the_csv_has_a_row_a_learner_and_no_formula(report, tmp_path):
    write_report_csv(report, tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(newline="", encoding="utf-8") as stream:
        rows = {row["student_id"]: row for row in csv.DictReader(stream)}
    assert list(rows) == ["ada", "bob", "cyd", "dee", "eve", "fay", "gus"]
    assert (rows["bob"]["total"], rows["bob"]["written"], rows["bob"]["late_penalty"]) == ("6.5", "", "0.5")
    assert (rows["cyd"]["top_k points"], rows["cyd"]["top_k state"]) == ("4", "wrong")
    assert rows["cyd"]["top_k message"] == "'-2e-3 at [3, 4] where nan was expected"
    assert rows["eve"]["last_name"].startswith("'=1")
    assert "\x1b" not in rows["eve"]["reason"]


def printed(report, width=80) -> str:
    stream = io.StringIO()
    Console(width=width, highlight=False, markup=False, file=stream).print(report_tables(report))
    return stream.getvalue()


def test_the_terminal_shows_it_all_in_80_columns(report):
    told = printed(report)
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 80
    assert re.search(r"top_k +20% +60% +0% +20% +2/14 +0.30", told)
    assert re.search(r"top_k +2 × +0.5 at \[0, 1\] where 1 was expected", told)
    assert re.search(r"bob +2 +to mark +−0.5 +6.5/120", told)
    assert "\x1b" not in told
    assert "…" not in told  # nothing of this class is cut off
    evil = replace(report.learners[0], earned=replace(report.learners[0].earned, student="zoe\x1b[2J"))
    assert "zoe [2J " in printed(replace(report, learners=(evil,)))


@pytest.mark.parametrize("topic", course().topics, ids=lambda topic: topic.id)
def test_the_longest_names_fit_too(topic, graded_class):
    results = {exercise.id: (State.WRONG, 10.01, "m" * 300) for exercise in topic.exercises}
    root = graded_class({"a-student-with-a-long-id@university.example": Pupil("x = 1\n", results, 99.99)}, topic)
    told = printed(class_report(root, topic))
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 80
    for exercise in topic.exercises:
        assert re.search(rf"{exercise.id} +0% +100% +0% +0% +10.01/{exercise.points:g} +99.99", told)


class Tags(HTMLParser):
    """Counts tags, and notes every address that the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)
        self.addresses += [value[:20] for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_and_runs_nothing(report):
    unread = replace(report.alike, unread=((f"zed{EVIL}", EVIL),), pairs=(Alike(EVIL, EVIL, 1.0, 1.0, ()),))
    text = page(replace(report, alike=unread))
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.opened
    assert "&lt;script&gt;alert(1)" in text
    assert tags.addresses == ["data:image/svg+xml;b"] * 2
    assert "\x1b" not in text and "\u202e" not in text
    assert "2 × 0.5 at [0, 1] where 1 was expected" in text
    assert "It is <b>no proof</b>" in text


def test_the_page_names_pairs_and_what_is_like_the_solution(graded_class):
    own = stub_text("similarity").replace("raise NotImplementedError", "return helper(1, 2, 3)[0] + other(4, 5)[1]")
    root = graded_class(
        {
            "ada": Pupil(own, full()),
            "bob": Pupil(own.replace("helper", "assistant"), full()),
            "cyd": Pupil(SOLUTION, full()),
            "dee": Pupil("def l2_normalize(x, axis, eps):\n    return x\n", full()),
        }
    )
    report = class_report(root, TOPIC)
    assert [{pair.one, pair.other} for pair in report.alike.pairs] == [{"ada", "bob"}]
    text = page(report)
    assert "<td>ada</td><td class='n'>100%</td><td>bob</td>" in text
    assert "<td>cyd</td><td class='n'>100%</td><td>solutions/similarity.py</td>" in text
    assert "<td>all 9 exercises</td>" in text
    assert "ada – bob" in printed(report)
    assert "<td>dee</td><td class='n'>0%" not in text


def test_the_same_class_gives_the_same_page(report):
    assert page(report) == page(report)


def test_titles_say_what_is_found(report):
    assert histogram_title([10, 20, 30, 40], 50) == "3 of 4 earned 20 points or more, of 50"
    assert histogram_title([7.5], 50) == "1 of 1 earned 7.5 points or more, of 50"
    assert bars_title(report.exercises[:1]) == "l2_normalize was solved by the fewest: 1 of 5"
    assert histogram_title(report.totals, 120) in points_histogram(report).replace("<!-- ", "").replace(" -->", "")


def test_everybody_right_is_said_so(graded_class):
    root = graded_class({"ada": Pupil(SOLUTION, full())})
    assert bars_title(class_report(root, TOPIC).exercises) == "Everybody solved every exercise"


def test_the_command_writes_the_page_and_the_csv(graded_class, tmp_path):
    root = graded_class({"ada": Pupil(SOLUTION, full(), written=[1, 2])})
    result = CliRunner().invoke(app, ["report", "similarity", "--course", str(root), "--csv", str(tmp_path / "r.csv")])
    assert result.exit_code == 0, result.output
    assert (root / "reports" / "similarity.html").read_text().startswith("<!doctype html>")
    assert "103" in (tmp_path / "r.csv").read_text()
    assert "103/120" in result.output
    CliRunner().invoke(app, ["report", "similarity", "--course", str(root), "--html", str(tmp_path / "page.html")])
    assert (tmp_path / "page.html").is_file()
