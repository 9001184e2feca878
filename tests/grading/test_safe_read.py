"""A hand-in's folder is read without following, waiting or swallowing anything."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.utils import parse_utc

from mmlearn.course.registry import course
from mmlearn.grading import safe_read
from mmlearn.grading.safe_read import digest, parsed_timestamp, read_hand_in

TOPIC = course().topic("similarity")
TIME = "2026-01-31 12:00:00.000000 UTC"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "submitted" / "ada" / "similarity"
    folder.mkdir(parents=True)
    (folder / "similarity.py").write_bytes(b"x = 1\r\n")
    (folder / "similarity.ipynb").write_bytes(b"{}")
    (folder / "timestamp.txt").write_text(TIME + "\n")
    return folder


def test_a_hand_in_is_read_byte_for_byte(folder):
    files = read_hand_in(folder, TOPIC)
    assert (files.module, files.notebook, files.timestamp, files.faults) == (b"x = 1\r\n", b"{}", TIME, "")


def test_the_digest_tells_any_change_and_nothing_else(folder):
    before = read_hand_in(folder, TOPIC).digest
    (folder / "notes.txt").write_text("not looked at")
    assert read_hand_in(folder, TOPIC).digest == before
    (folder / "similarity.ipynb").write_bytes(b"{ }")
    assert read_hand_in(folder, TOPIC).digest != before


@given(st.dictionaries(st.text("ab", max_size=3), st.binary(max_size=3), max_size=3))
def test_files_run_together_are_not_taken_for_others(files):
    parts = [part for name, content in sorted(files.items()) for part in (name.encode(), content)]
    together = {parts[0].decode(): b"".join(parts[1:])} if parts else {"": b""}
    assert (digest(files) == digest(together)) == (files == together)


def test_what_is_missing_is_a_fault_and_the_rest_is_there(folder):
    (folder / "similarity.ipynb").unlink()
    (folder / "timestamp.txt").unlink()
    files = read_hand_in(folder, TOPIC)
    assert (files.module, files.notebook, files.timestamp) == (b"x = 1\r\n", None, None)
    assert files.faults == "'similarity.ipynb' is missing"


def test_a_file_that_is_a_link_is_not_followed(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name in ("similarity.py", "timestamp.txt"):
        (folder / name).unlink()
        (folder / name).symlink_to(secret)
    files = read_hand_in(folder, TOPIC)
    assert (files.module, files.notebook, files.timestamp) == (None, b"{}", None)
    assert files.faults.count("is a link: hand in the file or folder itself") == 2


@pytest.mark.parametrize("part", ["ada", "similarity"])
def test_a_folder_that_is_a_link_is_not_followed(folder, tmp_path, part):
    place = folder if part == "similarity" else folder.parent
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    files = read_hand_in(folder, TOPIC)
    assert (files.module, files.notebook, files.timestamp) == (None, None, None)
    assert files.faults == f"{part!r} is a link: hand in the file or folder itself"


def test_links_above_the_learners_are_the_instructors_and_are_followed(folder, tmp_path):
    (tmp_path / "course").symlink_to(tmp_path / "submitted")
    assert read_hand_in(tmp_path / "course" / "ada" / "similarity", TOPIC).faults == ""


def test_a_pipe_does_not_hold_it_up(folder):
    (folder / "similarity.py").unlink()
    os.mkfifo(folder / "similarity.py")
    assert read_hand_in(folder, TOPIC).faults == "'similarity.py' is not a regular file"


def test_a_socket_and_a_folder_are_no_files(folder, monkeypatch):
    for name in ("similarity.py", "similarity.ipynb"):
        (folder / name).unlink()
    (folder / "similarity.py").mkdir()
    monkeypatch.chdir(folder)  # the name of a socket may have no more than 107 letters
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("similarity.ipynb")
        faults = read_hand_in(folder, TOPIC).faults
    assert faults == "'similarity.py' is not a regular file; 'similarity.ipynb' is not a regular file"


def test_a_file_above_its_cap_is_refused_unread(folder):
    os.truncate(folder / "similarity.ipynb", 1 << 40)  # a hole of a terabyte
    os.truncate(folder / "similarity.py", safe_read.MODULE_BYTES)
    files = read_hand_in(folder, TOPIC)
    assert len(files.module) == safe_read.MODULE_BYTES
    assert files.faults == "'similarity.ipynb' is too big: more than 20,000,000 bytes"


def test_a_file_that_lies_about_its_size_is_counted_as_it_is_read():
    with safe_read.open_folder("/proc/self") as opened, pytest.raises(safe_read.Refused, match="more than 10 bytes"):
        safe_read.read_regular(opened, "status", 10)  # it says 0 bytes


@pytest.mark.parametrize(("owner", "names", "refused"), [(1, 2, True), (0, 2, False), (1, 1, False)])
def test_a_second_name_of_somebody_elses_file_is_refused(owner, names, refused):
    stolen = os.stat_result((0o100644, 1, 1, names, owner, 0, 10, 0, 0, 0))
    assert ("hard link" in safe_read._fault(stolen, 0, cap=100)) == refused


def test_no_hand_in_at_all_is_a_fault(folder):
    assert read_hand_in(folder.parents[1] / "bob" / "similarity", TOPIC).faults == "'bob' is missing"


def test_the_machines_own_trouble_is_not_laid_at_the_learners_door(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(safe_read, "_open", full)
    with pytest.raises(OSError, match="Too many open files"):
        read_hand_in(folder, TOPIC)


@pytest.mark.parametrize(
    "text", [TIME, "2026-01-31 12:00:00", "2026-01-31 12:00:00.5 CET", "2026-01-31 12:00:00 +0100"]
)
def test_a_time_that_is_taken_is_one_that_nbgrader_reads(text):
    assert parsed_timestamp(text.encode()) == text
    assert parse_utc(text).year == 2026


@pytest.mark.parametrize("content", [b"", b"yesterday", b"2026-02-31 12:00:00 UTC", b"\xff" * 9, b"9" * 999])
def test_a_time_that_is_none_is_a_fault(folder, content):
    (folder / "timestamp.txt").write_bytes(content)
    files = read_hand_in(folder, TOPIC)
    assert files.timestamp is None
    assert files.faults == "timestamp.txt holds no time such as 2026-01-31 12:00:00.000000 UTC"


def test_no_descriptor_is_left_open(folder):
    before = len(os.listdir("/proc/self/fd"))
    (folder / "similarity.py").unlink()
    os.mkfifo(folder / "similarity.py")
    for _ in range(5):
        read_hand_in(folder, TOPIC)
    assert len(os.listdir("/proc/self/fd")) == before
