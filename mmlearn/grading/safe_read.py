"""A stranger's files, read without harm.

A hand-in may be a link to a classmate's folder, a pipe that never ends, or a gigabyte. Nothing here follows a link,
waits for a writer, or reads more than a cap. What cannot be read becomes a fault, in one line, never an exception.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mmlearn.course.registry import Topic

MODULE_BYTES = 1_000_000
NOTEBOOK_BYTES = 20_000_000
TIMESTAMP_BYTES = 1_000
TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"  # nbgrader's exchange puts it there, and releases no feedback without it
SECRET_BYTES = 1_000

# What the owner of a file can bring about; anything else (no memory, a failing disk) is this machine's own trouble.
_OWNERS_DOING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENAMETOOLONG}
_NO_LINKS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Refused(Exception):
    """A file or folder is not taken; the text is the reason, in one line that names it."""


class Missing(Refused):
    """It is not there at all."""


@dataclass(frozen=True)
class HandInFiles:
    """What a hand-in's folder holds."""

    module: bytes | None  # <topic>.py; None if it is missing or is not taken
    notebook: bytes | None  # <topic>.ipynb; the same
    timestamp: str | None  # when it was handed in, as nbgrader writes it; None if unknown
    digest: str  # SHA-256, in hex, over the names and contents of these files
    faults: str  # one line; "" if module and notebook are there and nothing is wrong
    secret: bytes | None = None  # the exchange's, by which a learner finds the feedback; no part of the work


def caps(topic: Topic) -> dict[str, int]:
    """The files that a hand-in is made of, and how many bytes each may have. No others are ever needed."""
    return {f"{topic.id}.py": MODULE_BYTES, f"{topic.id}.ipynb": NOTEBOOK_BYTES, TIMESTAMP: TIMESTAMP_BYTES}


def read_hand_in(folder: Path, topic: Topic) -> HandInFiles:
    """Read a hand-in before it is graded.

    The learner's folder, the topic's folder in it and the files may not be links; files must be regular, and within
    `caps`. Other files are not looked at.

    Args:
        folder: `submitted/<student>/<topic>`. Everything above `<student>` is the instructor's own and is trusted.
        topic: whose hand-in it is.

    Returns:
        The contents, byte for byte, of what could be read safely. A module or a notebook that is missing is a fault
        too, but each stands alone: where one is faulty the other is still there.

    Raises:
        OSError: the machine failed (no more open files, a disk error), which says nothing about the hand-in.
    """
    found: dict[str, bytes] = {}
    faults = []
    try:
        with open_folder(folder.parents[1], folder.parent.name, folder.name) as opened:
            for name, cap in {**caps(topic), SECRET: SECRET_BYTES}.items():
                try:
                    found[name] = read_regular(opened, name, cap)
                except Refused as reason:
                    if name not in (TIMESTAMP, SECRET) or not isinstance(reason, Missing):
                        faults.append(str(reason))
    except Refused as reason:
        faults.append(str(reason))
    secret = found.pop(SECRET, None)
    timestamp = parsed_timestamp(found.get(TIMESTAMP, b""))
    if TIMESTAMP in found and timestamp is None:
        faults.append(f"{TIMESTAMP} holds no time such as 2026-01-31 12:00:00.000000 UTC")
    return HandInFiles(
        found.get(f"{topic.id}.py"), found.get(f"{topic.id}.ipynb"), timestamp, digest(found), "; ".join(faults), secret
    )


@contextmanager
def open_folder(trusted: Path, *below: str) -> Iterator[int]:
    """A file descriptor of the folder `trusted/below[0]/below[1]/…`.

    Args:
        trusted: links in it are followed.
        *below: names of folders, each in the one before; none of them may be a link.

    Raises:
        Refused: one of them is a link, is no folder, or may not be read. `Missing`: it is not there.
    """
    folder = os.open(trusted, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for name in below:
            inner = _open(folder, name, os.O_DIRECTORY)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def read_regular(folder: int, name: str, cap: int) -> bytes:
    """The content of a regular file.

    Args:
        folder: file descriptor of the folder that it is in.
        name: of the file.
        cap: the most bytes that it may have.

    Raises:
        Refused: it is a link, a folder, a pipe or a device, is too big, or may not be read. `Missing`: it is not there.
    """
    file = _open(folder, name, os.O_NONBLOCK)  # a pipe without a writer would block
    try:
        fault = _fault(os.fstat(file), os.fstat(folder).st_uid, cap)
        if fault:
            raise Refused(f"{name!r} {fault}")
        with os.fdopen(file, "rb", closefd=False) as stream:
            content = stream.read(cap + 1)  # it may have grown since, or lie about its size as files in /proc do
    finally:
        os.close(file)
    if len(content) > cap:
        raise Refused(f"{name!r} {_too_big(cap)}")
    return content


def digest(files: dict[str, bytes]) -> str:
    """SHA-256, in hex, over names and contents; no two different sets of files look alike to it."""
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode(), content):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def parsed_timestamp(content: bytes) -> str | None:
    """The time that a `timestamp.txt` holds, as it is written there; None if nbgrader could not read it."""
    text = content.decode("ascii", errors="replace").strip()
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d{1,6})?( [A-Z]{1,5}| [+-]\d{4})?", text)
    if match is None:
        return None
    try:
        datetime.fromisoformat(match[1])
    except ValueError:  # the 31st of February
        return None
    return text


def _open(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, _NO_LINKS | flags, dir_fd=folder)
    except OSError as error:
        if error.errno not in _OWNERS_DOING:
            raise
        if error.errno == errno.ENOENT:
            raise Missing(f"{name!r} is missing") from None
        raise Refused(f"{name!r} {_why(folder, name, error)}") from None


def _why(folder: int, name: str, error: OSError) -> str:
    """In words, what the system says in numbers that differ from one to the next."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        mode = 0
    if stat.S_ISLNK(mode):
        return "is a link: hand in the file or folder itself"
    if error.errno == errno.ENOTDIR:
        return "is not a folder"
    if stat.S_ISSOCK(mode):
        return "is not a regular file"
    return f"cannot be read: {error.strerror}"


def _fault(found: os.stat_result, folder_owner: int, cap: int) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    # A second name of a file of one's own is harmless (some back-ups make them); of somebody else's it is a theft.
    if found.st_nlink > 1 and found.st_uid != folder_owner:
        return "is a second name (a hard link) of somebody else's file"
    return _too_big(cap) if found.st_size > cap else ""


def _too_big(cap: int) -> str:
    return f"is too big: more than {cap:,} bytes"
