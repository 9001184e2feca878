"""Marks for nbgrader, Canvas and Moodle, read back as those read them."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmlearn.cli import app
from mmlearn.course import paths
from mmlearn.course.check import State
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.grading.export import Format, export_marks, format_named
from mmlearn.grading.roster import Learner, Roster

from .conftest import Pupil

TOPIC = course().topic("similarity")
FUSION = course().topic("fusion")
SOLUTION = paths.solution_file("similarity").read_text(encoding="utf-8")
FULL = {exercise.id: (State.CORRECT, exercise.points, "") for exercise in TOPIC.exercises}
PART = {"top_k": (State.WRONG, 20 / 3, "shape <b>(2,)</b> where (2, 1) was expected")}


@pytest.fixture
def root(graded_class) -> Path:
    return graded_class(
        {
            "ada": Pupil(SOLUTION, FULL, written=[9, 9.5], first_name="Ada", last_name="Lovelace", email="ada@x.org"),
            "bob": Pupil("x = 1\n", PART, written=[0, 0], late=1.0, first_name='B "o" b', last_name="=1+1,2"),
            "cyd": Pupil("x = 2\n", PART, written=[5, None], last_name="Ünal"),
            "dee": Pupil(),  # in the records, but nothing handed in
        }
    )


def read(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert {len(row) for row in rows} == {len(rows[0])}
    return rows


def test_nbgraders_own_csv_with_names_that_no_spreadsheet_computes(root):
    written = export_marks(root, [TOPIC], Format.NBGRADER)
    assert written.file == root / "marks" / "similarity.csv"
    header, *rows = read(written.file)
    table = {row[3]: dict(zip(header, row, strict=True)) for row in rows}
    assert sorted(table) == ["ada", "bob", "cyd", "dee"]
    assert [float(table[who]["score"]) for who in sorted(table)] == [
        118.5,
        pytest.approx(20 / 3 - 1),
        pytest.approx(35 / 3),
        0,
    ]
    assert (table["bob"]["last_name"], table["bob"]["first_name"]) == ("'=1+1,2", 'B "o" b')
    assert float(table["bob"]["late_submission_penalty"]) == 1


def test_plain_names_give_what_the_plugin_writes_by_itself(graded_class, tmp_path):
    from nbgrader.plugins import CsvExportPlugin

    from mmlearn.grading.gradebook import open_gradebook

    root = graded_class({"ada": Pupil(SOLUTION, FULL, first_name="Ada", email="ada@x.org"), "bob": Pupil(judged=False)})
    with open_gradebook(root) as gradebook:
        CsvExportPlugin(to=str(tmp_path / "plain.csv"), assignment=["similarity"]).export(gradebook)
    ours = export_marks(root, [TOPIC], Format.NBGRADER, tmp_path / "ours.csv").file
    assert ours.read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_canvas_finds_learners_by_its_number_or_their_login(root):
    roster = Roster((Learner("ada", canvas_id="4711", canvas_name="Lovelace, Augusta Ada"), Learner("cyd")))
    rows = read(export_marks(root, [TOPIC], Format.CANVAS, roster=roster).file)
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", TOPIC.title]
    assert rows[1] == ["    Points Possible", "", "", "", "", "120"]
    assert rows[2] == ["Lovelace, Augusta Ada", "4711", "", "ada", "", "118.5"]
    assert rows[3] == ['\'=1+1,2, B "o" b', "", "", "bob", "", "5.67"]
    assert rows[4] == ["Ünal", "", "", "cyd", "", "11.67"]
    assert rows[5] == ["dee", "", "", "dee", "", ""]  # handed in nothing: Canvas keeps what it has


def test_moodles_worksheet_has_participant_grade_feedback_and_date(root):
    roster = Roster((Learner("ada", moodle_id="88"),))
    header, ada, bob, _, dee = read(export_marks(root, [TOPIC], Format.MOODLE, roster=roster).file)
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(header)  # else Moodle refuses the worksheet
    first, second, last = (dict(zip(header, row, strict=True)) for row in (ada, bob, dee))
    assert first["Identifier"] == "Participant 88"
    assert (first["Full name"], first["ID number"], first["Email address"]) == ("Ada Lovelace", "ada", "ada@x.org")
    assert (first["Grade"], second["Grade"], last["Grade"]) == ("118.5", "5.67", "")
    assert "top_k: wrong, 6.67/14: shape &lt;b&gt;(2,)&lt;/b&gt; where" in second["Feedback comments"]
    assert last["Feedback comments"] == ""  # Moodle removes a grade whose feedback comes alone


def test_several_topics_are_several_columns(root, graded_class):
    graded_class({"ada": Pupil("x = 1\n", judged=False, written=[1, 2]), "zoe": Pupil(judged=False)}, FUSION)
    for kind in (Format.CANVAS, Format.MOODLE):
        file = export_marks(root, [TOPIC, FUSION], kind).file
        assert file.name == f"similarity-fusion.{kind}.csv"
        rows = read(file)
        columns = [rows[0].index(topic.title) for topic in (TOPIC, FUSION)]
        ada = next(row for row in rows if "ada" in row)
        assert [ada[column] for column in columns] == ["118.5", "3"]
        assert any("zoe" in row for row in rows)


def test_what_to_know_before_an_import_is_said(root):
    roster = Roster((Learner("ada"),))
    assert export_marks(root, [TOPIC], Format.NBGRADER).notes == (
        "similarity: 1 hand-ins wait for their written answers to be marked; their marks lack them",
    )
    _, above, strangers = export_marks(root, [TOPIC], Format.MOODLE, roster=roster).notes
    assert "refuses marks above 100" in above
    assert strangers == "3 learners are not in the roster: bob, cyd, dee"


def test_an_id_is_defused_too(graded_class):
    root = graded_class({"@SUM(1)": Pupil(judged=False), "+1": Pupil("x = 1\n", judged=False, written=[1, 1])})
    for kind in Format:
        for row in read(export_marks(root, [TOPIC], kind).file):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    rows = read(export_marks(root, [TOPIC], Format.NBGRADER).file)
    assert [row[9] for row in rows if row[3] == "'+1"] == ["2.0"]


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ([FUSION], "fusion is not in the gradebook: run `mmlearn grade fusion` first"),
        ([TOPIC, TOPIC], "a topic is named twice"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(root, topics, message):
    with pytest.raises(CourseError, match=message):
        export_marks(root, topics, Format.CANVAS)
    assert not (root / "marks").exists()


def test_no_gradebook_is_made_by_looking_for_one(tmp_path):
    (tmp_path / "nbgrader_config.py").write_bytes((paths.NBGRADER / "nbgrader_config.py").read_bytes())
    with pytest.raises(CourseError, match="there is no gradebook"):
        export_marks(tmp_path, [TOPIC], Format.CANVAS)
    assert not (tmp_path / "gradebook.db").exists()
    with pytest.raises(CourseError, match=r"no nbgrader_config\.py"):
        export_marks(tmp_path / "nowhere", [TOPIC], Format.CANVAS)


def test_an_unknown_format_is_said():
    with pytest.raises(CourseError, match="there is no format 'excel'; formats: nbgrader, canvas, moodle"):
        format_named("excel")


def test_the_command_reads_the_roster(root, tmp_path):
    (tmp_path / "roster.csv").write_text("id,canvas_id\nada,4711\nbob,4712\ncyd,4713\ndee,4714\n")
    command = ["export-marks", "similarity", "--course", str(root), "--format", "canvas"]
    command += ["--roster", str(tmp_path / "roster.csv"), "--to", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "Marks of 4 learners" in result.output
    assert [row[1] for row in read(tmp_path / "out.csv")[2:]] == ["4711", "4712", "4713", "4714"]
