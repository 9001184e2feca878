"""Hand-ins of every provenance, brought into a course folder: whole or not at all."""

import fcntl
import io
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from nbgrader.coursedir import CourseDirectory
from typer.testing import CliRunner

from mmlearn import cli
from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.grading import exchange, intake
from mmlearn.grading.assignment import assignment_text
from mmlearn.grading.intake import Outcome, collect
from mmlearn.grading.safe_read import read_hand_in

TOPIC = course().topic("similarity")
NOTEBOOK = assignment_text(TOPIC, release=True).encode()
TIME = "2026-01-31 12:00:00.000000 UTC"


@pytest.fixture
def root(tmp_path):
    """A course folder without hand-ins."""
    root = tmp_path / "course"
    root.mkdir()
    shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", root / "nbgrader_config.py")
    return root


@pytest.fixture
def class_zip(tmp_path):
    """Writes a class's zip."""

    def write(files: dict[str, bytes]) -> Path:
        with zipfile.ZipFile(tmp_path / "class.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return tmp_path / "class.zip"

    return write


def sorted_by_hand(folder: Path, **modules: str) -> Path:
    for student, module in modules.items():
        place = folder / student / "similarity"
        place.mkdir(parents=True, exist_ok=True)
        (place / "similarity.py").write_text(module)
        (place / "similarity.ipynb").write_bytes(NOTEBOOK)
        (place / "timestamp.txt").write_text(TIME)
    return folder


def outcomes(rows) -> dict[str, str]:
    return {row.who: str(row.outcome) for row in rows}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_taken_whole_and_nothing_else_of_it(tmp_path, root):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n")
    (source / "ada" / "similarity" / "notes.txt").write_text("left where it is")
    (source / "bob").mkdir()
    (source / "bob" / "similarity.py").write_text("x = 2\n")
    os.utime(source / "bob" / "similarity.py", (1_769_860_800, 1_769_860_800))
    rows = collect(TOPIC, source, root)
    assert outcomes(rows) == {"ada": "taken", "bob": "taken"}
    assert tree(root / "submitted") == {
        "ada/similarity/similarity.py": b"x = 1\n",
        "ada/similarity/similarity.ipynb": NOTEBOOK,
        "ada/similarity/timestamp.txt": TIME.encode() + b"\n",
        "bob/similarity/similarity.py": b"x = 2\n",
        "bob/similarity/similarity.ipynb": NOTEBOOK,
        "bob/similarity/timestamp.txt": TIME.encode() + b"\n",
    }
    assert [row.told for row in rows] == ["", "no notebook: written questions unanswered"]


def test_what_is_taken_is_what_the_grader_reads_and_nbgrader_finds(tmp_path, root):
    collect(TOPIC, sorted_by_hand(tmp_path / "class", ada="x = 1\n"), root)
    files = read_hand_in(root / "submitted" / "ada" / "similarity", TOPIC)
    assert (files.module, files.notebook, files.timestamp, files.faults) == (b"x = 1\n", NOTEBOOK, TIME, "")
    found = CourseDirectory(root=str(root)).get_existing_timestamp(str(root / "submitted" / "ada" / "similarity"))
    assert str(found) == "2026-01-31 12:00:00"


def test_canvas_with_a_roster(tmp_path, root, class_zip):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("similarity/similarity.py", b"x = 2\n")
    source = class_zip(
        {
            "lovelaceada_17_33_similarity-1.py": b"x = 1\n",
            "lovelaceada_17_34_similarity-1.ipynb": NOTEBOOK,
            "hoppergrace_LATE_18_35_work.zip": inner.getvalue(),
            "malloryeve_66_36_similarity.py": b"x = 3\n",
        }
    )
    (tmp_path / "class.csv").write_text("id,canvas_id,last_name,first_name\nada,17,,\ngrace,,Hopper,Grace\n")
    rows = collect(TOPIC, source, root, tmp_path / "class.csv")
    assert outcomes(rows) == {"ada": "taken", "grace": "taken", "malloryeve (canvas 66)": "refused"}
    assert rows[1].told.startswith("late, says Canvas")
    assert rows[2].told == "is not in the roster"
    assert not list((root / "submitted").rglob("timestamp.txt"))  # Canvas does not tell the time
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root}/gradebook.db") as gradebook:
        assert gradebook.find_student("grace").first_name == "Grace"


def test_moodle_without_a_roster(root, class_zip):
    source = class_zip(
        {
            "Ada Lovelace_9_assignsubmission_file_/similarity.py": b"x = 1\n",
            "Ada Lovelace_9_assignsubmission_onlinetext_/onlinetext.html": b"<p>see file",
            "Zoë_10_assignsubmission_file_similarity.py": b"x = 2\n",
        }
    )
    assert outcomes(collect(TOPIC, source, root)) == {"ada-lovelace-9": "taken", "zoe-10": "taken"}


def test_the_bad_are_refused_by_name_and_the_good_are_taken(tmp_path, root):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n", big="x" * 1_000_001, **{"a[b]": "x", "x*": "x"})
    sorted_by_hand(source, link="x", pipe="x")
    (source / "stolen").symlink_to(source / "ada")
    (source / "link" / "similarity" / "similarity.py").unlink()
    (source / "link" / "similarity" / "similarity.py").symlink_to(source / "ada" / "similarity" / "similarity.py")
    (source / "pipe" / "similarity" / "similarity.py").unlink()
    os.mkfifo(source / "pipe" / "similarity" / "similarity.py")
    (source / "none").mkdir()
    (source / "none" / "essay.docx").write_text("sorry")
    rows = {row.who: row for row in collect(TOPIC, source, root)}
    assert rows.pop("ada").outcome is Outcome.TAKEN
    assert {row.outcome for row in rows.values()} == {Outcome.REFUSED}
    assert {who: row.told for who, row in rows.items()} == {
        "a[b]": "'a[b]' cannot be a student's id: use letters, digits, . - _ + @",
        "x*": "'x*' cannot be a student's id: use letters, digits, . - _ + @",
        "big": "'similarity.py' is too big: more than 1,000,000 bytes",
        "link": "'link/similarity/similarity.py' is a link: hand in the file or folder itself",
        "pipe": "'similarity.py' is not a regular file",
        "stolen": "'stolen' is a link: hand in the file or folder itself",
        "none": "hands in no similarity.py, but 'essay.docx'",
    }
    assert os.listdir(root / "submitted") == ["ada"]


def test_names_that_some_system_takes_for_one_are_refused(tmp_path, root, class_zip):
    source = class_zip({f"{who}/similarity.py": b"x" for who in ("ada", "Ada", "bob", "Eve")})
    sorted_by_hand(root / "submitted", eve="x = 1\n")
    before = tree(root / "submitted")
    rows = collect(TOPIC, source, root)
    assert [(row.who, str(row.outcome)) for row in rows] == [
        ("Ada", "refused"),
        ("Eve", "refused"),
        ("ada", "refused"),
        ("bob", "taken"),
    ]
    assert {name: content for name, content in tree(root / "submitted").items() if "bob" not in name} == before


def test_two_people_of_the_lms_are_not_one_student(tmp_path, root, class_zip):
    source = class_zip({"lovelaceada_17_33_similarity.py": b"x", "lovelaceada_66_34_similarity.py": b"y"})
    (tmp_path / "class.csv").write_text("id,first_name,last_name\nada,Ada,Lovelace\n")
    rows = collect(TOPIC, source, root, tmp_path / "class.csv")
    assert [row.told for row in rows] == ["another hand-in comes for ada too: which one counts?"] * 2
    assert os.listdir(root / "submitted") == []


def test_collecting_again_changes_only_what_changed(tmp_path, root):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n", bob="x = 1\n")
    collect(TOPIC, source, root)
    place = root / "submitted"
    before = (place / "ada" / "similarity").stat().st_ino
    (source / "bob" / "similarity" / "similarity.py").write_text("x = 2\n")
    assert outcomes(collect(TOPIC, source, root)) == {"ada": "unchanged", "bob": "taken"}
    assert (place / "ada" / "similarity").stat().st_ino == before
    assert (place / "bob" / "similarity" / "similarity.py").read_text() == "x = 2\n"
    assert os.listdir(place / "bob") == ["similarity"]


@pytest.mark.parametrize("time", ["2026-01-31 11:59:59 UTC", None])
def test_a_newer_one_is_kept_unless_forced(tmp_path, root, class_zip, time):
    collect(TOPIC, sorted_by_hand(tmp_path / "class", ada="x = 1\n"), root)
    if time:
        source = sorted_by_hand(tmp_path / "old", ada="x = 0\n")
        (source / "ada" / "similarity" / "timestamp.txt").write_text(time)
        roster = None
    else:
        source = class_zip({"lovelaceada_17_33_similarity.py": b"x = 0\n"})
        roster = tmp_path / "class.csv"
        roster.write_text("id,canvas_id\nada,17\n")
    (row,) = collect(TOPIC, source, root, roster)
    assert row.outcome is Outcome.KEPT
    assert "--force" in row.told
    module = root / "submitted" / "ada" / "similarity" / "similarity.py"
    assert module.read_text() == "x = 1\n"
    assert outcomes(collect(TOPIC, source, root, roster, force=True)) == {"ada": "taken"}
    assert module.read_text() == "x = 0\n"
    assert module.with_name("timestamp.txt").exists() == bool(time)


def test_a_later_zip_of_canvas_takes_the_place_of_an_earlier(root, class_zip):
    collect(TOPIC, class_zip({"lovelaceada_17_33_similarity.py": b"x = 1\n"}), root)
    source = class_zip({"lovelaceada_17_34_similarity-1.py": b"x = 2\n"})
    assert outcomes(collect(TOPIC, source, root)) == {"lovelaceada-17": "taken"}
    assert (root / "submitted/lovelaceada-17/similarity/similarity.py").read_text() == "x = 2\n"


def test_the_time_alone_is_no_change_but_a_first_time_is(tmp_path, root):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n")
    sorted_by_hand(root / "submitted", ada="x = 1\n")
    (source / "ada" / "similarity" / "timestamp.txt").write_text("2026-02-01 12:00:00 UTC")
    assert outcomes(collect(TOPIC, source, root)) == {"ada": "unchanged"}
    (root / "submitted" / "ada" / "similarity" / "timestamp.txt").unlink()
    assert outcomes(collect(TOPIC, source, root)) == {"ada": "taken"}


def test_a_link_in_submitted_is_not_written_through(tmp_path, root):
    (root / "submitted").mkdir()
    (tmp_path / "home").mkdir()
    (root / "submitted" / "ada").symlink_to(tmp_path / "home")
    (root / "submitted" / "bob").write_text("a file")
    rows = collect(TOPIC, sorted_by_hand(tmp_path / "class", ada="x", bob="x", eve="x"), root)
    assert outcomes(rows) == {"ada": "refused", "bob": "refused", "eve": "taken"}
    assert os.listdir(tmp_path / "home") == []


def full_after(monkeypatch, writes: int, error: BaseException) -> None:
    left = iter(range(writes))

    def fsync(_):
        if next(left, None) is None:
            raise error

    monkeypatch.setattr(intake.os, "fsync", fsync)


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path, root, monkeypatch):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n", bob="x = 1\n")
    sorted_by_hand(root / "submitted", ada="x = 0\n")
    before = tree(root)
    full_after(monkeypatch, 4, OSError(28, "No space left on device"))
    with pytest.raises(CourseError, match="nothing was taken: No space left on device: "):
        collect(TOPIC, source, root)
    assert tree(root) == before
    assert os.listdir(root / "submitted") == ["ada"]


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, root, monkeypatch):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n")
    full_after(monkeypatch, 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        collect(TOPIC, source, root)
    assert os.listdir(root / "submitted") == []


def test_a_run_killed_between_two_renames_is_put_right_by_the_next(tmp_path, root, monkeypatch):
    sorted_by_hand(root / "submitted", ada="x = 0\n", bob="x = 0\n")
    renames = iter(range(1))

    def rename(*arguments, **options):
        if next(renames, None) is None:
            raise KeyboardInterrupt
        os.replace(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(intake.os, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            collect(TOPIC, sorted_by_hand(tmp_path / "class", ada="x = 1\n"), root)
    assert not (root / "submitted" / "ada" / "similarity").exists()
    assert outcomes(collect(TOPIC, sorted_by_hand(tmp_path / "other", bob="x = 1\n"), root)) == {"bob": "taken"}
    assert (root / "submitted" / "ada" / "similarity" / "similarity.py").read_text() == "x = 0\n"
    assert os.listdir(root / "submitted" / "ada") == ["similarity"]


def test_everything_is_checked_before_anything_takes_its_place(tmp_path, root, monkeypatch):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n", bob="x = 1\n")
    seen = []
    swap = intake._swap
    unpack = intake.unpack
    monkeypatch.setattr(intake, "unpack", lambda claim, topic: seen.append("checked") or unpack(claim, topic))
    monkeypatch.setattr(intake, "_swap", lambda *arguments: seen.append("placed") or swap(*arguments))
    collect(TOPIC, source, root)
    assert seen == ["checked", "checked", "placed", "placed"]


def test_two_at_a_time_are_refused(tmp_path, root):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n")
    (root / "submitted").mkdir()
    other = os.open(root / "submitted", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(CourseError, match="another `mmlearn collect` is at work"):
            collect(TOPIC, source, root)
    finally:
        os.close(other)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda source: None, "is not there: name a folder or a zip"),
        (lambda source: source.mkdir(), "no hand-ins of similarity in "),
        (lambda source: source.write_bytes(b"no zip"), "is not a zip, or is damaged"),
        (lambda source: source.write_bytes(b""), "is empty"),
    ],
)
def test_a_source_that_is_none_is_one_line(tmp_path, root, make, told):
    make(tmp_path / "class")
    with pytest.raises(CourseError, match=told) as caught:
        collect(TOPIC, tmp_path / "class", root)
    assert "\n" not in str(caught.value)


def test_the_course_folder_must_be_one(tmp_path):
    with pytest.raises(CourseError, match=r"is not a course folder: it has no nbgrader_config.py"):
        collect(TOPIC, sorted_by_hand(tmp_path / "class", ada="x"), tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_topic_is_not_taken_for_a_learner(tmp_path, root):
    (row,) = collect(TOPIC, sorted_by_hand(tmp_path / "class", ada="x") / "ada", root)
    assert row.told == "is a topic, not a learner: name the folder above the learners' folders"


@pytest.fixture
def inbound(tmp_path, monkeypatch):
    """The inbound folder of an exchange."""
    folder = tmp_path / "exchange" / course().id / "inbound"
    folder.mkdir(parents=True)
    monkeypatch.setattr(exchange, "exchange_root", lambda: tmp_path / "exchange")
    return folder


def hand_in_to(inbound: Path, name: str, module: str) -> Path:
    (inbound / name).mkdir()
    (inbound / name / "similarity.py").write_text(module)
    (inbound / name / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")  # anyone can write there
    return inbound / name


def test_the_newest_of_the_exchange_is_taken(root, inbound):
    hand_in_to(inbound, "a+b+similarity+2026-01-31 12:00:00.000000 UTC+h4sh", "x = 2\n")
    hand_in_to(inbound, "a+b+similarity+2026-01-30 12:00:00.000000 UTC", "x = 1\n")
    hand_in_to(inbound, "bob+similarity_model+2026-01-31 12:00:00.000000 UTC", "x = 3\n")
    hand_in_to(inbound, "eve+similarity+garbage", "x = 4\n")
    assert outcomes(collect(TOPIC, None, root)) == {"a+b": "taken"}
    place = root / "submitted" / "a+b" / "similarity"
    assert (place / "similarity.py").read_text() == "x = 2\n"
    assert (place / "timestamp.txt").read_text() == TIME + "\n"


@pytest.mark.parametrize(("secret", "taken"), [("5ec2e7", True), ("../../x\n", False)])
def test_the_secret_that_feedback_is_released_by_is_taken_from_the_exchange(root, inbound, secret, taken):
    (hand_in_to(inbound, f"ada+similarity+{TIME}", "x = 1\n") / "submission_secret.txt").write_text(secret)
    collect(TOPIC, None, root)
    file = root / "submitted" / "ada" / "similarity" / "submission_secret.txt"
    assert file.is_file() == taken
    assert not taken or file.read_text() == secret


def test_links_in_the_exchange_are_not_followed(root, inbound, tmp_path):
    secret = hand_in_to(inbound, f"ada+similarity+{TIME}", "x = 1\n")
    (inbound / f"bob+similarity+{TIME}").symlink_to(secret)
    eve = hand_in_to(inbound, f"eve+similarity+{TIME}", "x = 1\n")
    (eve / "similarity.py").unlink()
    (eve / "similarity.py").symlink_to("/etc/passwd")
    rows = collect(TOPIC, None, root)
    assert outcomes(rows) == {"ada": "taken", "bob": "refused", "eve": "refused"}
    assert all("is a link" in row.told for row in rows[1:])


def test_a_hand_in_in_a_classmates_name_is_refused_and_hers_is_taken(root, inbound, monkeypatch):
    hand_in_to(inbound, f"ada+similarity+{TIME}", "x = 1\n")
    forged = hand_in_to(inbound, "ada+similarity+2026-02-01 12:00:00.000000 UTC", "x = 0\n")
    monkeypatch.setattr(exchange, "_owner", lambda folder: "eve" if folder == forged else "ada")
    rows = collect(TOPIC, None, root)
    assert outcomes(rows) == {"ada": "taken", forged.name: "refused"}
    assert rows[1].told == "names ada, but the folder is eve's"
    assert (root / "submitted/ada/similarity/similarity.py").read_text() == "x = 1\n"


def test_without_an_exchange_a_source_must_be_named(root, monkeypatch):
    monkeypatch.setattr(exchange, "exchange_root", lambda: None)
    with pytest.raises(CourseError, match="nbgrader has no exchange here: say where the hand-ins are, by --from"):
        collect(TOPIC, None, root)


def test_what_is_taken_can_be_read_by_its_owner_and_run_by_nobody(tmp_path, root):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n")
    (source / "ada" / "similarity" / "similarity.py").chmod(0o4777)
    collect(TOPIC, source, root)
    mode = (root / "submitted" / "ada" / "similarity" / "similarity.py").stat().st_mode
    assert stat.S_IMODE(mode) & 0o7111 == 0


@pytest.mark.parametrize(("module", "code"), [("x = 1\n", 0), ("x" * 1_000_001, 1)])
def test_the_command_prints_a_table_and_says_by_its_code_whether_all_were_taken(tmp_path, root, module, code):
    source = sorted_by_hand(tmp_path / "class", ada="x = 1\n", bob=module)
    result = CliRunner().invoke(cli.app, ["collect", "similarity", "--from", str(source), "--course", str(root)])
    assert result.exit_code == code, result.output
    told = " ".join(result.output.split())
    assert "ada taken" in told
    assert ("bob refused 'similarity.py' is too big" in told) == bool(code)
    assert f"{2 - code} taken, 0 unchanged, 0 kept, {code} refused" in told
