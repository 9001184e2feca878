"""Hand-ins brought into the course: each checked first, each taken whole or not at all.

Everything is read and checked, and stands complete beside what is there (`submitted/<student>/.<topic>.collected`),
before the first hand-in takes its place.
"""

import fcntl
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from rich.table import Table
from rich.text import Text

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic, course
from mmlearn.grading.assignment import assignment_text
from mmlearn.grading.entries import alike, folder_entries, zip_entries
from mmlearn.grading.exchange import exchange_claims
from mmlearn.grading.layouts import Claim, Contents, sort_out, unpack
from mmlearn.grading.roster import Roster, derived_id, fill_gradebook, read_roster, student_fault
from mmlearn.grading.safe_read import SECRET, TIMESTAMP, HandInFiles, Refused, open_folder, read_hand_in


class Outcome(StrEnum):
    TAKEN = "taken"
    UNCHANGED = "unchanged"  # the same files are there already
    KEPT = "kept"  # what is there is newer
    REFUSED = "refused"


@dataclass(frozen=True)
class Row:
    """What became of one hand-in."""

    who: str  # the student's id, or as the source calls what has none
    outcome: Outcome
    told: str = ""  # the reason, or what is worth knowing


def collect(
    topic: Topic, source: Path | None, root: Path, roster_file: Path | None = None, force: bool = False
) -> list[Row]:
    """Bring the hand-ins of a topic into `submitted/<student>/<topic>/`.

    The module, the notebook (an unanswered one where none was handed in), where the time of the hand-in is known
    `timestamp.txt`, and from the exchange the secret by which it will give the feedback back; nothing else.

    Args:
        topic: what was handed in.
        source: a folder, or a zip, in one of the shapes of `mmlearn.grading.layouts`; None: nbgrader's exchange.
        root: the course folder.
        roster_file: CSV of the class, see `mmlearn.grading.roster`. It says who is who, goes into the gradebook, and
            keeps out who is not in it. Without one, folders are taken for ids, and LMS names make them.
        force: take a hand-in even where a newer one is there.

    Returns:
        A row for each hand-in that was found, by name.

    Raises:
        CourseError: the source, the roster or the course folder is not one, or the disk is full; nothing was taken.
    """
    roster = read_roster(roster_file) if roster_file else None
    if not (root / "nbgrader_config.py").is_file():
        raise CourseError(f"{paths.short(root)} is not a course folder: it has no nbgrader_config.py")
    submitted = root / "submitted"
    submitted.mkdir(exist_ok=True)
    if roster is not None:
        fill_gradebook(roster, root)
    with _alone(submitted), _claims(topic, source) as claims:
        _recover_all(submitted, topic)
        students, rows = _identified(claims, roster, submitted)
        rows += _take_all(students, topic, submitted, force)
    if not rows:
        where = paths.short(source) if source else "the exchange"
        raise CourseError(
            f"no hand-ins of {topic.id} in {where}: name a folder with <student>/{topic.id}/ in it, or the zip that "
            "Canvas or Moodle gives"
        )
    return sorted(rows, key=lambda row: row.who)


def rows_table(rows: list[Row]) -> Table:
    """What was taken and what was not, for the terminal; what needs a look comes last."""
    styles = {Outcome.TAKEN: "green", Outcome.UNCHANGED: "dim", Outcome.KEPT: "yellow", Outcome.REFUSED: "red"}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("hand-in", "", "remarks"):
        table.add_column(column)
    order = list(styles)
    for row in sorted(rows, key=lambda row: (order.index(row.outcome), row.who)):
        table.add_row(Text(row.who), Text(row.outcome, style=styles[row.outcome]), Text(row.told))
    return table


def summary(rows: list[Row]) -> dict[Outcome, int]:
    """How many of each outcome."""
    return {outcome: sum(row.outcome is outcome for row in rows) for outcome in Outcome}


@contextmanager
def _alone(submitted: Path) -> Iterator[None]:
    """Two at a time would clear away each other's half-done work."""
    folder = os.open(submitted, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CourseError(f"another `mmlearn collect` is at work in {paths.short(submitted)}") from None
        yield
    finally:
        os.close(folder)


@contextmanager
def _claims(topic: Topic, source: Path | None) -> Iterator[list[Claim]]:
    """What a source holds; it stays open while its files are read."""
    try:
        if source is None:
            yield exchange_claims(topic)
        elif source.is_dir():
            yield sort_out(folder_entries(source))
        elif source.is_file():
            with source.open("rb") as stream:
                yield sort_out(zip_entries(stream))
        else:
            raise CourseError(f"{paths.short(source)} is not there: name a folder or a zip")
    except Refused as reason:
        raise CourseError(f"{paths.short(source) if source else 'the exchange'}: {reason}") from None


def _identified(claims: list[Claim], roster: Roster | None, submitted: Path) -> tuple[dict[str, Claim], list[Row]]:
    """Claims by student, and a row for each that is nobody's, or whose owner is in doubt."""
    found: list[tuple[str, Claim]] = []
    rows = []
    for claim in claims:
        try:
            if claim.fault:
                raise Refused(claim.fault)
            if not claim.lms and any(topic.id == claim.name for topic in course().topics):
                raise Refused("is a topic, not a learner: name the folder above the learners' folders")
            student = roster.find(claim).id if roster else derived_id(claim)
            if fault := student_fault(student):
                raise Refused(fault)
            found.append((student, claim))
        except Refused as reason:
            rows.append(Row(claim.shown, Outcome.REFUSED, str(reason)))
    times = Counter(alike(student) for student, _ in found)
    there = {alike(name): name for name in os.listdir(submitted)}
    students = {}
    for student, claim in found:
        known = there.get(alike(student), student)
        if times[alike(student)] > 1:
            rows.append(
                Row(claim.shown, Outcome.REFUSED, f"another hand-in comes for {student} too: which one counts?")
            )
        elif known != student:
            told = f"submitted/ has {known!r}, which differs only in case or accents"
            rows.append(Row(claim.shown, Outcome.REFUSED, told))
        else:
            students[student] = claim
    return students, rows


def _take_all(students: dict[str, Claim], topic: Topic, submitted: Path, force: bool) -> list[Row]:
    rows: list[Row] = []
    staged: list[str] = []
    try:
        for student, claim in students.items():
            try:
                contents = _with_notebook(unpack(claim, topic), topic)
                row = _compared(student, contents, read_hand_in(submitted / student / topic.id, topic), force)
                if row.outcome is Outcome.TAKEN:
                    staged.append(student)
                    _stage(submitted, student, topic, contents)
            except Refused as reason:
                row = Row(student, Outcome.REFUSED, str(reason))
                staged = [other for other in staged if other != student]
            rows.append(row)
    except BaseException as error:
        for student in staged:
            _unstage(submitted, student, topic)
        if isinstance(error, OSError):
            where = error.filename or paths.short(submitted)
            raise CourseError(f"nothing was taken: {error.strerror}: {where}") from None
        raise
    for row in rows:
        if row.outcome is Outcome.TAKEN:
            _swap(submitted, row.who, topic)
    return rows


def _with_notebook(contents: Contents, topic: Topic) -> Contents:
    """An unanswered one where none was handed in, as `mmlearn submit` does: nbgrader grades no hand-in without one."""
    if contents.notebook is not None:
        return contents
    return replace(contents, notebook=assignment_text(topic, release=True).encode())


def _compared(student: str, new: Contents, old: HandInFiles, force: bool) -> Row:
    """Whether a hand-in takes the place of the one that is there."""
    told = "; ".join(new.notes)
    same = old.module == new.module and (old.notebook == new.notebook)
    if same and (old.timestamp or not new.handed_in):
        return Row(student, Outcome.UNCHANGED, told)
    if old.timestamp is None or force:
        return Row(student, Outcome.TAKEN, told)
    if new.handed_in is None:
        return Row(
            student, Outcome.KEPT, f"the one here is of {old.timestamp}, of this one the time is unknown: --force"
        )
    from nbgrader.utils import parse_utc

    if parse_utc(new.handed_in) < parse_utc(old.timestamp):
        return Row(
            student, Outcome.KEPT, f"the one here is newer ({old.timestamp}): --force takes this one all the same"
        )
    return Row(student, Outcome.TAKEN, told)


def _stage(submitted: Path, student: str, topic: Topic, contents: Contents) -> None:
    """Write a hand-in, complete, beside its place."""
    files = {f"{topic.id}.py": contents.module, f"{topic.id}.ipynb": contents.notebook or b""}
    if contents.handed_in:
        files[TIMESTAMP] = contents.handed_in.encode() + b"\n"
    if contents.secret:
        files[SECRET] = contents.secret
    with suppress(FileExistsError):
        (submitted / student).mkdir()
    with open_folder(submitted, student) as place:  # refuses a link or a file that stands there
        _, fresh = _aside(topic)
        os.mkdir(fresh, dir_fd=place)
        for name, content in files.items():
            file = os.open(f"{fresh}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=place)
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())


def _recover_all(submitted: Path, topic: Topic) -> None:
    """Put right what an interrupted run left: an old hand-in back in its place, half-made ones away."""
    old, fresh = _aside(topic)
    for student in sorted(os.listdir(submitted)):
        with suppress(Refused), open_folder(submitted, student) as place:  # a link, or a file: not made by a run
            there = os.listdir(place)
            if old in there and topic.id not in there:
                os.rename(old, topic.id, src_dir_fd=place, dst_dir_fd=place)
            _remove(old, place)
            _remove(fresh, place)


def _aside(topic: Topic) -> tuple[str, str]:
    """Where the old hand-in and the new one stand for a moment."""
    return f".{topic.id}.replaced", f".{topic.id}.collected"


def _unstage(submitted: Path, student: str, topic: Topic) -> None:
    empty = False
    with suppress(Refused), open_folder(submitted, student) as place:  # perhaps it was never made
        _remove(_aside(topic)[1], place)
        empty = not os.listdir(place)
    if empty:
        (submitted / student).rmdir()


def _swap(submitted: Path, student: str, topic: Topic) -> None:
    old, fresh = _aside(topic)
    with open_folder(submitted, student) as place:
        if topic.id in os.listdir(place):
            os.rename(topic.id, old, src_dir_fd=place, dst_dir_fd=place)
        os.rename(fresh, topic.id, src_dir_fd=place, dst_dir_fd=place)
        _remove(old, place)


def _remove(name: str, place: int) -> None:
    """Remove a folder, or the link or file that stands in its stead; nothing if it is not there."""
    if name not in os.listdir(place):
        return
    if stat.S_ISDIR(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=place)
    else:
        os.unlink(name, dir_fd=place)
