"""Rosters as they are exported and as they are kept by hand."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.grading.layouts import Claim
from mmlearn.grading.roster import Learner, Roster, derived_id, fill_gradebook, read_roster, student_fault
from mmlearn.grading.safe_read import Refused

OURS = "id,first_name,last_name,email,canvas_id,canvas_name,moodle_id,moodle_name\nada,Ada,Lovelace,ada@uni.edu,17,,,\n"
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Similarity (5)
    Points Possible,,,,,100
"Lovelace, Ada",17,S1,ada,One,90
"Hopper, Grace",18,S2,,One,80
"Student, Test",19,,,One,
"""
MOODLE = "First name,Surname,ID number,Email address\nAda,Lovelace,S1,ada@uni.edu\nGrace,O'Hopper,,grace@uni.edu\n"
WORKSHEET = "Identifier,Full name,Email address,Status\nParticipant 9,Ada Lovelace,ada@uni.edu,Submitted\n"


@pytest.fixture
def read(tmp_path):
    def read(text: str, encoding: str = "utf-8") -> Roster:
        (tmp_path / "class.csv").write_text(text, encoding=encoding)
        return read_roster(tmp_path / "class.csv")

    return read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_our_own_columns(read, encoding, delimiter):
    (learner,) = read(OURS.replace(",", delimiter), encoding).learners
    assert learner == Learner("ada", "Ada", "Lovelace", "ada@uni.edu", canvas_id="17")


def test_canvas_gradebook_export(read):
    learners = read(CANVAS).learners
    assert [(who.id, who.canvas_id, who.first_name, who.last_name) for who in learners] == [
        ("ada", "17", "Ada", "Lovelace"),
        ("S2", "18", "Grace", "Hopper"),
        ("19", "19", "Test", "Student"),
    ]


def test_moodle_participants_and_grading_worksheet(read):
    learners = read(MOODLE).learners
    assert [(who.id, who.last_name, who.email) for who in learners] == [
        ("S1", "Lovelace", "ada@uni.edu"),
        ("grace@uni.edu", "O'Hopper", "grace@uni.edu"),
    ]
    (learner,) = read(WORKSHEET).learners
    assert (learner.id, learner.moodle_id, learner.first_name) == ("ada@uni.edu", "9", "Ada")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no column `id`: it has no header"),
        ("name,mark\nada,1\n", "has no column `id`: it has name, mark"),
        ("id,email\n../x,e\n", r"line 2: '../x' cannot be a student's id"),
        ("id,email\nada,\n,grace@uni.edu\n", "line 3: no id"),
        ("id\nada\nAda\n", "'ada' is the id of two rows"),
        ("id,canvas_id\nada,17\nbob,17\n", "'17' is the canvas_id of two rows"),
        ('id\n"ada\n', "is not a CSV"),
    ],
)
def test_a_roster_that_is_none_is_one_line(read, text, told):
    with pytest.raises(CourseError, match=told) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_roster_in_another_encoding_names_its_line(read):
    with pytest.raises(CourseError, match=r"line 2: not UTF-8; save it as"):
        read("id,last_name\nada,Müller\n", "latin-1")


def test_empty_lines_are_nobody(read):
    assert len(read("id,email\nada,\n,\n\n").learners) == 1


def test_a_learner_is_found_by_number_before_name(read):
    roster = read(CANVAS)
    assert roster.find(Claim("canvas", "17", "whoever")).id == "ada"
    with pytest.raises(Refused, match="is not in the roster"):
        roster.find(Claim("canvas", "99", "lovelaceada"))  # Ada's number is known, and this is not hers


def test_a_learner_is_found_by_name_where_the_number_is_unknown(read):
    roster = read(MOODLE)
    assert roster.find(Claim("moodle", "5", "Ada Lovelace")).id == "S1"
    assert roster.find(Claim("moodle", "6", "grace  OHopper")).id == "grace@uni.edu"  # Moodle drops the apostrophe
    assert roster.find(Claim("canvas", "17", "lovelaceada")).id == "S1"
    assert roster.find(Claim("", "", "S1")).id == "S1"
    with pytest.raises(Refused, match="is not in the roster"):
        roster.find(Claim("", "", "Ada Lovelace"))


def test_two_of_one_name_are_not_guessed_between(read):
    roster = read("id,first_name,last_name\na1,Ada,Lovelace\na2,Ada,Lovelace\n")
    with pytest.raises(Refused, match="is a1 or a2: give canvas_id in the roster"):
        roster.find(Claim("canvas", "17", "lovelaceada"))


def test_an_empty_name_is_nobodys(read):
    with pytest.raises(Refused, match="is not in the roster"):
        read("id\nada\n").find(Claim("canvas", "17", ""))


@pytest.mark.parametrize("good", ["ada", "ada@uni.edu", "a b", "Zoë", "李雷", "+1"])
def test_ids_that_can_be(good):
    assert student_fault(good) == ""


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        ".hidden",
        "a\nb",
        "a\x00",
        "a*",
        "a?",
        "[a]",
        "a ",
        "a.",
        "ä" * 99,
        "e\u0301",
    ],
)
def test_ids_that_cannot_be(bad):
    assert student_fault(bad)


@given(st.text(), st.sampled_from(["canvas", "moodle"]), st.integers(0))
def test_a_derived_id_can_always_be_one(name, lms, number):
    claim = Claim(lms, str(number), name)
    assert student_fault(derived_id(claim)) == ""
    assert derived_id(claim) == derived_id(Claim(lms, str(number), name))
    assert derived_id(claim).endswith(f"-{number}")


def test_the_gradebook_gets_the_class_and_keeps_what_the_roster_lacks(tmp_path):
    from nbgrader.api import Gradebook

    shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", tmp_path / "nbgrader_config.py")
    ada = Learner("ada", "Ada", "Lovelace", "ada@uni.edu", canvas_id="17")
    fill_gradebook(Roster((ada,)), tmp_path)
    fill_gradebook(Roster((Learner("ada", last_name="King"), Learner("bob"))), tmp_path)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        found = {who.id: (who.first_name, who.last_name, who.email, who.lms_user_id) for who in gradebook.students}
    assert found == {"ada": ("Ada", "King", "ada@uni.edu", "17"), "bob": (None, None, None, None)}
