"""Whose a file is, in the names that Canvas and Moodle give."""

import io
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlearn.course.registry import course
from mmlearn.grading.entries import Entry
from mmlearn.grading.layouts import Claim, sort_out, unpack
from mmlearn.grading.safe_read import Refused

TOPIC = course().topic("similarity")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def entry(name: str, content: bytes = b"x = 1\n", fault: str = "") -> Entry:
    return Entry(name, lambda cap: content[:cap], NOON, fault)


def zipped(*names: str, content: bytes = b"x = 2\n") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


def only(*entries: Entry) -> Claim:
    (claim,) = sort_out(entries)
    return claim


@pytest.mark.parametrize(
    ("name", "lms", "number", "who", "original"),
    [
        ("lovelaceada_17_33_similarity.py", "canvas", "17", "lovelaceada", "similarity.py"),
        ("lovelaceada_LATE_17_33_similarity-1.py", "canvas", "17", "lovelaceada", "similarity-1.py"),
        ("lovelace_ada_17_33_my_final_work.zip", "canvas", "17", "lovelace_ada", "my_final_work.zip"),
        ("lovelaceada_17_33_x_5_6_work.zip", "canvas", "17", "lovelaceada", "x_5_6_work.zip"),
        ("李雷_17_33_similarity.py", "canvas", "17", "李雷", "similarity.py"),
        ("anon_x7Fq2_33_similarity.py", "canvas", "anon_x7Fq2", "anon", "similarity.py"),
        ("LATE_anon_x7Fq2_33_similarity.py", "canvas", "anon_x7Fq2", "anon", "similarity.py"),
        ("Ada Lovelace_9_assignsubmission_file_/similarity.py", "moodle", "9", "Ada Lovelace", "similarity.py"),
        ("Ada Lovelace_9_assignsubmission_file/sub/similarity.py", "moodle", "9", "Ada Lovelace", "similarity.py"),
        ("Ada Lovelace_9_assignsubmission_file_similarity.py", "moodle", "9", "Ada Lovelace", "similarity.py"),
        ("Ada_9_assignsubmission_file_/x_5_6_similarity.py", "moodle", "9", "Ada", "x_5_6_similarity.py"),
        ("Ada_9_assignsubmission_file_x_5_6_similarity.py", "moodle", "9", "Ada", "x_5_6_similarity.py"),
        ("ada/similarity/similarity.py", "", "", "ada", "similarity/similarity.py"),
    ],
)
def test_whose_a_file_is(name, lms, number, who, original):
    claim = only(entry(name))
    assert (claim.lms, claim.number, claim.name, claim.files[0].name) == (lms, number, who, original)
    assert claim.late == ("LATE" in name)
    assert claim.fault == ""


@given(st.text("_0123456789abcLATE-", min_size=1, max_size=30), st.integers(1, 99), st.integers(1, 99))
def test_no_name_of_a_file_makes_it_a_classmates(original, user, number):
    claim = only(entry(f"lovelaceada_{user}_{number}_{original}.py"))
    assert claim.fault.endswith("can be read as more than one learner's") or claim.number == str(user)


def test_a_name_that_ends_like_a_number_is_not_guessed_at():
    assert only(entry("lovelace_5_17_33_similarity.py")).fault.endswith("can be read as more than one learner's")


@pytest.mark.parametrize(
    "name", ["similarity.py", "lovelaceada_17_text.html", "Default group_assignsubmission_file_/similarity.py"]
)
def test_what_names_no_learner_has_a_fault(name):
    assert only(entry(name)).fault.endswith("names no learner")


def test_what_is_no_hand_in_at_all_is_passed_over():
    assert sort_out([entry("class.csv"), entry("photo.png")]) == []


def test_a_bad_name_is_its_owners_where_that_is_sure():
    claims = sort_out([entry("ada/../x", fault="bad"), entry("ada/similarity.py"), entry("../x", fault="out")])
    by_name = {claim.name: claim for claim in claims}
    assert by_name["../x"].fault == "out"
    with pytest.raises(Refused, match="bad"):
        unpack(by_name["ada"], TOPIC)


def test_a_fault_in_another_topics_folder_does_not_matter():
    claim = only(entry("ada/similarity/similarity.py"), entry("ada/fusion/fusion.py", fault="bad"))
    assert unpack(claim, TOPIC).module == b"x = 1\n"


def test_the_newest_of_canvas_counts():
    claim = only(
        entry("a_17_35_similarity-2.py", b"third"), entry("a_17_33_similarity.py", b"first"), entry("a_17_34_x.txt")
    )
    assert unpack(claim, TOPIC).module == b"third"


def test_without_numbers_two_are_not_guessed_between():
    claim = only(entry("ada/similarity.py"), entry("ada/similarity (1).py"))
    with pytest.raises(Refused, match=r"hands in 'ada/similarity.py' and 'ada/similarity \(1\).py': which one counts"):
        unpack(claim, TOPIC)


@pytest.mark.parametrize("folder", ["", "similarity/", "Desktop/work/"])
def test_the_two_files_may_come_in_a_zip(folder):
    content = zipped(f"{folder}similarity.py", f"{folder}similarity.ipynb", f"{folder}notes.txt")
    contents = unpack(only(entry("a_17_33_work.zip", content)), TOPIC)
    assert (contents.module, contents.notebook) == (b"x = 2\n", b"x = 2\n")


def test_a_loose_file_counts_before_one_in_a_zip():
    content = zipped("similarity.py", "similarity.ipynb")
    contents = unpack(only(entry("a_17_33_similarity.py"), entry("a_17_34_work.zip", content)), TOPIC)
    assert (contents.module, contents.notebook) == (b"x = 1\n", b"x = 2\n")


def test_a_zip_in_a_zip_is_not_opened():
    content = zipped("inner.zip", content=zipped("similarity.py"))
    with pytest.raises(Refused, match=r"hands in no similarity.py, but 'work.zip', 'inner.zip'"):
        unpack(only(entry("a_17_33_work.zip", content)), TOPIC)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no zip", r"'work.zip' is not a zip, or is damaged"),
        (zipped("similarity.py", "../x"), r"'work.zip': '../x' is not the path of a file inside a folder"),
        (zipped("similarity.py", "SIMILARITY.PY"), r"'work.zip': 'similarity.py' stands there more than once"),
    ],
)
def test_a_learners_zip_with_a_fault_is_refused(content, told):
    with pytest.raises(Refused, match=told):
        unpack(only(entry("a_17_33_work.zip", content)), TOPIC)


def test_no_module_is_no_hand_in():
    with pytest.raises(Refused, match=r"hands in no similarity.py, but 'solution.py'"):
        unpack(only(entry("a_17_33_solution.py")), TOPIC)


def test_the_time_is_what_timestamp_txt_says_else_the_files():
    claim = only(entry("ada/similarity.py"))
    assert unpack(claim, TOPIC).handed_in == "2026-01-31 12:00:00.000000 UTC"
    claim = only(entry("ada/similarity.py"), entry("ada/timestamp.txt", b"2026-01-30 09:00:00 UTC\n"))
    assert unpack(claim, TOPIC).handed_in == "2026-01-30 09:00:00 UTC"
    with pytest.raises(Refused, match=r"timestamp.txt holds no time"):
        unpack(only(entry("ada/similarity.py"), entry("ada/timestamp.txt", b"early")), TOPIC)


def test_a_learners_zip_cannot_set_the_time():
    content = zipped("similarity.py", "timestamp.txt", content=b"2020-01-01 00:00:00 UTC")
    assert unpack(only(entry("ada/work.zip", content)), TOPIC).handed_in == "2026-01-31 12:00:00.000000 UTC"


def test_an_lms_knows_no_time_and_a_learner_cannot_give_one():
    claim = only(entry("a_LATE_17_33_similarity.py"), entry("a_LATE_17_34_timestamp.txt", b"2020-01-01 00:00:00 UTC"))
    contents = unpack(claim, TOPIC)
    assert contents.handed_in is None
    assert contents.notes == (
        "late, says Canvas, which does not say by how much",
        "no notebook: written questions unanswered",
    )
