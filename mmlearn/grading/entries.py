"""The files of a source of hand-ins, a folder or a zip, as one list of entries; nothing is unpacked here.

Each entry is judged by its name and kind before anyone asks for its content. Names and sizes that a zip declares are
its maker's claims: bytes are counted as they are inflated.
"""

import io
import mmap
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO

from mmlearn.grading.safe_read import Refused, open_folder, read_regular

MAX_ENTRIES = 50_000  # of a class; a class of a thousand needs three thousand
MAX_NESTED_ENTRIES = 500  # of one learner's zip
MAX_NESTED_BYTES = 100_000_000  # that one learner's zip says it holds
MAX_RATIO = 500  # of a big entry: notebooks stay below 100, DEFLATE ends at 1032
MAX_DEPTH = 8
JUNK = {"__MACOSX", "__pycache__"}  # left by a system, handed in by nobody; so is what starts with a dot


@dataclass(frozen=True)
class Entry:
    """A file, or what poses as one."""

    name: str  # with / between its parts
    read: Callable[[int], bytes]  # given the most bytes that it may have; raises Refused
    modified: datetime | None = None  # UTC
    fault: str = ""  # why it must not be taken, naming it; "" if nothing is wrong with its name and kind

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("/"))


def name_fault(name: str) -> str:
    """Why a path must not come from a stranger, naming it; "" if it may.

    Refused are paths that lead out of their folder on any system, that forge a line of a report or a log, and that a
    file system cannot hold.
    """
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or "." in parts or "" in parts:
        return f"{name[:200]!r} is not the path of a file inside a folder"
    if "\\" in name or name[1:2] == ":":
        return f"{name[:200]!r} is a path of Windows"
    # Cc: control characters, NUL and newlines among them; Cf: e.g. the sign that turns the text after it around.
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name):
        return f"{name[:200]!r} holds a character that cannot be seen"
    if len(parts) > MAX_DEPTH or any(len(part.encode()) > 255 for part in parts):
        return f"{name[:60]!r}… is too long or too deep"
    return ""


def alike(name: str) -> str:
    """Names that are the same to some file system, by case or by Unicode's normal forms, are the same here."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def is_junk(name: str) -> bool:
    return any(part in JUNK or part.startswith(".") for part in name.split("/"))


def folder_entries(root: Path, only: Collection[str] | None = None) -> list[Entry]:
    """What lies in and below a folder; links are reported, and not followed.

    Args:
        root: the folder; itself trusted.
        only: the names in it that are looked at; default: all.

    Raises:
        Refused: there is too much of it, or it cannot be read.
    """
    entries: list[Entry] = []
    for name, status in _listed(root, ()):
        if only is not None and name not in only:
            continue
        found = list(islice(_walk(root, (name,), status), MAX_NESTED_ENTRIES + 1))
        if len(found) > MAX_NESTED_ENTRIES:  # one learner's folder does not keep the others out
            found = [_refused(name, f"{name!r} holds more than {MAX_NESTED_ENTRIES} files")]
        entries += found
        if len(entries) > MAX_ENTRIES:
            raise Refused(f"{root} holds more than {MAX_ENTRIES:,} files")
    return _no_two_alike(entries)


def _listed(root: Path, below: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
    with open_folder(root, *below) as opened:
        # Bytes that are no UTF-8 come as surrogates, which name_fault refuses.
        return sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(opened))


def _walk(root: Path, parts: tuple[str, ...], status: os.stat_result) -> Iterator[Entry]:
    path = "/".join(parts)
    if is_junk(parts[-1]):
        return
    fault = name_fault(path)
    if fault:
        yield _refused(path, fault)
    elif stat.S_ISLNK(status.st_mode):
        yield _refused(path, f"{path!r} is a link: hand in the file or folder itself")
    elif stat.S_ISDIR(status.st_mode):
        try:
            inside = _listed(root, parts)
        except Refused as reason:
            yield _refused(path, str(reason))
            return
        for name, below in inside:
            yield from _walk(root, (*parts, name), below)
    else:
        yield Entry(path, _reader(root, parts), datetime.fromtimestamp(status.st_mtime, UTC))


def _refused(name: str, fault: str) -> Entry:
    def read(cap: int) -> bytes:
        raise Refused(fault)

    return Entry(name, read, None, fault)


def _reader(root: Path, parts: tuple[str, ...]) -> Callable[[int], bytes]:
    def read(cap: int) -> bytes:
        with open_folder(root, *parts[:-1]) as opened:
            return read_regular(opened, parts[-1], cap)

    return read


def nested_entries(content: bytes) -> list[Entry]:
    """What a learner's zip holds; a zip inside it is an entry like any other, and stays shut.

    Raises:
        Refused: it is no zip, is damaged, or is made to do harm.
    """
    if content.count(b"PK\1\2") > MAX_NESTED_ENTRIES:  # before zipfile makes an object of each
        raise Refused(f"holds more than {MAX_NESTED_ENTRIES} files")
    infos, entries = _zip_entries(io.BytesIO(content))
    if sum(info.file_size for info in infos) > MAX_NESTED_BYTES:
        raise Refused(f"unpacks to more than {MAX_NESTED_BYTES:,} bytes")
    return entries


def zip_entries(stream: BinaryIO) -> list[Entry]:
    """What a class's zip holds; `stream` must stay open while entries are read.

    Raises:
        Refused: it is no zip, is damaged, or is made to do harm.
    """
    if not os.fstat(stream.fileno()).st_size:
        raise Refused("is empty")
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        count, at = 0, mapped.find(b"PK\1\2")
        while at >= 0 and count <= 2 * MAX_ENTRIES:  # twice: hand-ins that are zips bring their own
            count, at = count + 1, mapped.find(b"PK\1\2", at + 4)
    if count > 2 * MAX_ENTRIES:
        raise Refused(f"holds more than {MAX_ENTRIES:,} files")
    infos, entries = _zip_entries(stream)
    if len(infos) > MAX_ENTRIES:
        raise Refused(f"holds more than {MAX_ENTRIES:,} files")
    return entries


def _zip_entries(stream: BinaryIO) -> tuple[list[zipfile.ZipInfo], list[Entry]]:
    try:
        opened = zipfile.ZipFile(stream)
    except UnicodeDecodeError:
        raise Refused("holds a name that is not UTF-8, though it says so") from None
    # The directory of a damaged zip leads zipfile astray in more ways than its own exception tells.
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError, OverflowError) as error:
        raise Refused(f"is not a zip, or is damaged: {error}") from None
    infos = opened.infolist()
    _refuse_overlaps(infos, opened.start_dir)
    entries = []
    for info in infos:
        name = _true_name(info)
        is_folder = info.filename.endswith("/")  # not `is_dir`: on Python 3.11 it fails on an empty name
        if is_folder and name is not None and not name_fault(name.rstrip("/")):
            continue
        if name is not None and is_junk(name) and not name_fault(name):
            continue
        fault = _info_fault(info, name)
        shown = info.orig_filename if name is None else name
        entries.append(Entry(shown, _inflater(opened, info, shown), _modified(info), fault))
    return infos, _no_two_alike(entries)


def _refuse_overlaps(infos: list[zipfile.ZipInfo], end: int) -> None:
    """Entries that share their bytes make a small file unpack to any size (Fifield, A better zip bomb, 2019)."""
    header = 30  # bytes of a local header, before the name
    spans = sorted((info.header_offset, info.header_offset + header + info.compress_size) for info in infos)
    if any(stop > start for (_, stop), (start, _) in pairwise([*spans, (end, end)])):
        raise Refused("holds entries that overlap: it is damaged, or made to do harm")


def _true_name(info: zipfile.ZipInfo) -> str | None:
    """The name as its maker wrote it; None if it is not UTF-8.

    zipfile cuts a name at a NUL byte, and takes one without the UTF-8 flag for code page 437; Ruby's zip library, which
    Canvas uses, writes UTF-8 without the flag.
    """
    if info.flag_bits & 0x800:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return None


def _info_fault(info: zipfile.ZipInfo, name: str | None) -> str:
    if name is None:
        return f"{info.orig_filename!r}: its name is not UTF-8"
    fault = name_fault(name)
    if fault:
        return fault
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"{name!r} is not a regular file: hand in the file itself"
    if info.flag_bits & 0x41:
        return f"{name!r} is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"{name!r} is compressed in an unusual way: make the zip with another program"
    return ""


def _inflater(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Callable[[int], bytes]:
    def read(cap: int) -> bytes:
        try:
            with opened.open(info) as stream:
                content = stream.read(cap + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
            raise Refused(f"{name!r} is damaged in the zip") from None
        if len(content) > cap:
            raise Refused(f"{name!r} is too big: more than {cap:,} bytes")
        if len(content) > 1_000_000 and len(content) > MAX_RATIO * info.compress_size:
            raise Refused(f"{name!r} unpacks to more than {MAX_RATIO} times its size")
        return content

    return read


def _modified(info: zipfile.ZipInfo) -> datetime | None:
    """The entry's time: UTC where the zip tells (the extended timestamp field), else taken for this machine's zone."""
    extra = info.extra
    try:
        while len(extra) >= 4:
            kind, length = struct.unpack("<HH", extra[:4])
            if kind == 0x5455 and length >= 5 and extra[4] & 1:
                return datetime.fromtimestamp(struct.unpack("<i", extra[5:9])[0], UTC)
            extra = extra[4 + length :]
        return datetime(*info.date_time).astimezone(UTC)
    except (ValueError, OverflowError, OSError, struct.error):
        return None  # the 0th of month 15


def _no_two_alike(entries: list[Entry]) -> list[Entry]:
    times = Counter(alike(entry.name) for entry in entries)
    twice = "stands there more than once, or beside one that differs only in case or accents"
    return [
        entry if entry.fault or times[alike(entry.name)] == 1 else replace(entry, fault=f"{entry.name!r} {twice}")
        for entry in entries
    ]
