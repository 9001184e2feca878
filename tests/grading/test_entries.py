"""Real zips and hand-made ones, real links and pipes: what may be read of a stranger's, and what not."""

import contextlib
import io
import os
import stat
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlearn.grading import entries
from mmlearn.grading.entries import folder_entries, name_fault, nested_entries, zip_entries
from mmlearn.grading.safe_read import Refused


def packed(files: dict[str, bytes], **options) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 31, 12, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            for option, value in options.items():
                setattr(info, option, value)
            archive.writestr(info, content)
    return stream.getvalue()


def handmade(names: list[bytes], content: bytes = b"x = 1\n", *, flags: int = 0, size: int | None = None) -> bytes:
    """A zip written byte by byte: names, flags and sizes that zipfile would not write."""
    body, directory = b"", b""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = squeezed.compress(content) + squeezed.flush()
    for name in names:
        fields = (flags, 8, 0, 0x21, zlib.crc32(content), len(data), len(content) if size is None else size, len(name))
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, *fields[:4], *fields[4:], 0, 0, 0, 0, 0, len(body))
        directory += name
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *fields, 0) + name + data
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(names), len(names), len(directory), len(body), 0)
    return body + directory + end


def faults(content: bytes) -> list[str]:
    return [entry.fault for entry in nested_entries(content)]


def test_a_zip_is_read_as_it_is():
    (entry,) = nested_entries(packed({"a/similarity.py": b"x = 1\n", "a/": b""}))
    assert (entry.name, entry.fault, entry.read(10)) == ("a/similarity.py", "", b"x = 1\n")
    (entry,) = nested_entries(handmade([b"similarity.py"]))
    assert (entry.fault, entry.read(10)) == ("", b"x = 1\n")


BAD_NAMES = [
    "/etc/passwd", "../x.py", "a/../../x.py", "a//x.py", "./x.py", "C:\\x.py", "C:x.py", "a\\..\\x.py",
    "a\nTAKEN.py", "a\x1b[2J.py", "a\u202eyp.x", "a" * 256, "/".join("a" * 9),
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_leads_elsewhere_or_forges_a_line_is_refused(name):
    (fault,) = faults(handmade([name.encode()], flags=0x800))
    assert fault
    assert fault.isprintable()


def test_a_name_is_not_cut_at_a_nul():
    (fault,) = faults(handmade([b"similarity.py\0.exe"]))
    assert "a character that cannot be seen" in fault


@given(st.text())
def test_a_name_that_passes_stays_inside_and_stays_one_line(name):
    fault = name_fault(name)
    assert fault.isprintable() or "\u2026" in fault
    if not fault:
        assert os.path.normpath(name) == name
        assert not os.path.isabs(name)
        assert name.isprintable() or not any(unicodedata.category(char) in ("Cc", "Cf") for char in name)


def test_names_without_the_utf8_flag_are_read_as_ruby_writes_them():
    (entry,) = nested_entries(handmade(["müller_1_2_similarity.py".encode()]))
    assert (entry.name, entry.fault, entry.read(10)) == ("müller_1_2_similarity.py", "", b"x = 1\n")


def test_names_that_are_no_utf8_are_refused():
    (fault,) = faults(handmade(["müller.py".encode("latin-1")]))
    assert "its name is not UTF-8" in fault
    with pytest.raises(Refused, match="holds a name that is not UTF-8, though it says so"):
        nested_entries(handmade(["müller.py".encode("latin-1")], flags=0x800))


@pytest.mark.parametrize(
    "names", [["a.py", "a.py"], ["a.py", "A.PY"], ["\u00e9.py", "e\u0301.py"], ["\ufb01.py", "fi.py"]]
)
def test_names_that_some_system_takes_for_one_are_refused(names):
    content = handmade([name.encode() for name in names], flags=0x800)
    assert all("stands there more than once" in fault for fault in faults(content))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_what_is_no_regular_file_in_a_zip_is_refused(kind):
    (fault,) = faults(packed({"similarity.py": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16))
    assert fault == "'similarity.py' is not a regular file: hand in the file itself"


@pytest.mark.parametrize(("flag", "refused"), [(0x1, True), (0x41, True), (0x800, False)])
def test_what_is_encrypted_is_refused(flag, refused):
    (fault,) = faults(handmade([b"similarity.py"], flags=flag))
    assert (fault == "'similarity.py' is encrypted") == refused


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_the_usual_compressions_are_inflated(method):
    (fault,) = faults(packed({"similarity.py": b"x"}, compress_type=method))
    assert "is compressed in an unusual way" in fault


def test_bytes_are_counted_as_they_are_inflated():
    (entry,) = nested_entries(packed({"similarity.ipynb": b"0123456789" * 500}))
    assert len(entry.read(5000)) == 5000
    with pytest.raises(Refused, match="is too big: more than 4,999 bytes"):
        entry.read(4999)


def test_no_more_is_inflated_than_may_be_taken():
    (entry,) = nested_entries(handmade([b"similarity.py"], bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="is too big"):
            entry.read(1_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_size_that_lies_does_not_get_through():
    (entry,) = nested_entries(handmade([b"similarity.py"], b"x" * 5_000, size=10))
    with pytest.raises(Refused, match="is damaged in the zip"):
        entry.read(100)


def test_a_bomb_within_its_cap_is_refused_by_its_ratio():
    (entry,) = nested_entries(handmade([b"similarity.ipynb"], bytes(10_000_000)))
    with pytest.raises(Refused, match="unpacks to more than 500 times its size"):
        entry.read(20_000_000)


def test_a_zip_that_says_that_it_is_a_bomb_is_believed():
    with pytest.raises(Refused, match="unpacks to more than 100,000,000 bytes"):
        nested_entries(handmade([b"notes.bin"], size=100_000_001))


def test_too_many_entries_are_refused_before_they_are_read(monkeypatch):
    content = handmade([b"%d.py" % number for number in range(501)])
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(Refused, match="holds more than 500 files"):
        nested_entries(content)


def test_a_class_may_not_hold_too_many_either(tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "MAX_ENTRIES", 2)
    (tmp_path / "class.zip").write_bytes(handmade([b"1.py", b"2.py", b"3.py"]))
    with (tmp_path / "class.zip").open("rb") as stream, pytest.raises(Refused, match="holds more than 2 files"):
        zip_entries(stream)
    (tmp_path / "class.zip").write_bytes(handmade([b"%d.py" % number for number in range(9)]))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with (tmp_path / "class.zip").open("rb") as stream, pytest.raises(Refused, match="holds more than 2 files"):
        zip_entries(stream)


def test_entries_that_share_their_bytes_are_refused():
    content = handmade([b"1.py", b"2.py"])
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
    overlapping = bytearray(content)
    overlapping[second + 42 : second + 46] = struct.pack("<L", 0)  # the second's bytes are the first's
    with pytest.raises(Refused, match="entries that overlap"):
        nested_entries(bytes(overlapping))


def test_a_name_that_begins_with_a_nul_byte_is_refused():
    (entry,) = nested_entries(handmade([b"\0imilarity.py"]))  # zipfile cuts it to ""
    assert entry.fault


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_zip_is_read_or_refused(damage):
    content = bytearray(handmade([b"similarity.py", b"b"]))
    for place, value in damage:
        content[place % len(content)] = value
    with contextlib.suppress(Refused):  # and raises nothing else
        for entry in nested_entries(bytes(content)):
            entry.read(1000)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\5\6"])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "class.zip").write_bytes(content)
    with (tmp_path / "class.zip").open("rb") as stream, pytest.raises(Refused, match=r"is empty|is not a zip"):
        zip_entries(stream)


def test_what_systems_leave_behind_is_passed_over():
    left = {"__MACOSX/._similarity.py": b"", ".DS_Store": b"", "a/__pycache__/x.pyc": b"", ".git/config": b""}
    assert nested_entries(packed(left)) == []


def test_times_are_utc_where_the_zip_tells():
    extended = struct.pack("<HHBl", 0x5455, 5, 1, 1_769_860_800)
    (entry,) = nested_entries(packed({"similarity.py": b""}, extra=extended))
    assert entry.modified == datetime(2026, 1, 31, 12, tzinfo=UTC)
    (entry,) = nested_entries(packed({"similarity.py": b""}))
    assert entry.modified == datetime(2026, 1, 31, 12).astimezone(UTC)


def test_a_time_that_never_was_is_unknown():
    content = bytearray(handmade([b"similarity.py"]))
    at = content.index(b"PK\1\2") + 14
    content[at : at + 2] = b"\0\0"  # day 0 of month 0
    (entry,) = nested_entries(bytes(content))
    assert entry.modified is None


def test_a_folder_is_read_without_following_anything(tmp_path):
    root = tmp_path / "class"
    (root / "ada" / "similarity").mkdir(parents=True)
    (root / "ada" / "similarity" / "similarity.py").write_bytes(b"x = 1\n")
    (root / "ada" / ".venv").symlink_to("/")
    (root / "bob").symlink_to(root / "ada")
    (root / "eve").mkdir()
    (root / "eve" / "similarity.py").symlink_to(root / "ada" / "similarity" / "similarity.py")
    os.mkfifo(root / "eve" / "similarity.ipynb")
    (root / "a\nb").mkdir()
    (root / "a\nb" / "similarity.py").write_bytes(b"")
    found = {entry.name: entry for entry in folder_entries(root)}
    assert found["ada/similarity/similarity.py"].read(10) == b"x = 1\n"
    assert found["bob"].fault == "'bob' is a link: hand in the file or folder itself"
    assert found["eve/similarity.py"].fault == "'eve/similarity.py' is a link: hand in the file or folder itself"
    assert found["a\nb"].fault == r"'a\nb' holds a character that cannot be seen"
    with pytest.raises(Refused, match="is not a regular file"):
        found["eve/similarity.ipynb"].read(10)
    assert len(found) == 5


def test_a_file_that_becomes_a_link_after_the_check_is_not_followed(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "similarity.py").write_bytes(b"x = 1\n")
    (entry,) = folder_entries(tmp_path)
    (tmp_path / "ada").rename(tmp_path / "elsewhere")
    (tmp_path / "ada").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="'ada' is a link"):
        entry.read(10)


def test_one_folder_with_too_much_does_not_keep_out_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "MAX_NESTED_ENTRIES", 2)
    for student, count in (("ada", 2), ("bob", 3)):
        (tmp_path / student).mkdir()
        for number in range(count):
            (tmp_path / student / f"{number}.py").write_bytes(b"")
    found = {entry.name: entry.fault for entry in folder_entries(tmp_path)}
    assert found == {"ada/0.py": "", "ada/1.py": "", "bob": "'bob' holds more than 2 files"}


def test_a_name_of_bytes_that_are_no_utf8_is_refused(tmp_path):
    (tmp_path / "ada").mkdir()
    os.mkdir(os.fsencode(tmp_path / "ada") + b"/\xff")
    (entry,) = folder_entries(tmp_path)
    assert "a character that cannot be seen" in entry.fault
