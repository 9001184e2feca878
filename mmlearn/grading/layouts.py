"""Whose a file is: the shapes in which hand-ins come from an LMS, or from a person who sorted them.

- **Canvas** ("Download Submissions"): flat files `<name>[_LATE]_<user>_<file>_<original>`. `<name>` is the sortable
  name in lower case, without what is no letter, digit or underscore; `<user>` is Canvas' number of the learner;
  `<file>` its number of the file, which grows; `<original>` the file's name, with `-1`, `-2` … before its end where
  the learner had handed in one so called before. An anonymous assignment has `anon_<letters>` in place of name and
  number. Read in `get_filename`, `add_upload_submission` and the `sanitize_…` methods of Canvas' lib/content_zipper.rb,
  and in `make_unique_filename` of its app/models/attachment.rb.
- **Moodle** ("Download all submissions"): folders `<Full Name>_<number>_assignsubmission_file[_]/…/<original>`, or flat
  files `<Full Name>_<number>_assignsubmission_file_<original>`; underscores in a name have become spaces. The number is
  the participant's *in this one assignment*, not the user's. Read in mod/assign/classes/downloader.php of Moodle.
- Sorted by hand: `<student>/<topic>/…` or `<student>/…`.

Neither LMS stores when a file was handed in: both stamp each entry with the time at which the zip was made (rubyzip's
`Zip::Entry`, ZipStream's `addFileFromStream`). Of lateness Canvas says `LATE`, and Moodle nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from mmlearn.course.registry import Topic
from mmlearn.grading.entries import Entry, name_fault, nested_entries
from mmlearn.grading.safe_read import (
    MODULE_BYTES,
    NOTEBOOK_BYTES,
    SECRET,
    SECRET_BYTES,
    TIMESTAMP,
    TIMESTAMP_BYTES,
    Refused,
    parsed_timestamp,
)

ZIP_BYTES = MODULE_BYTES + NOTEBOOK_BYTES

_MOODLE = re.compile(r"(?P<name>[^_/]+)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?P<rest>_?/.+|_.+)")
_CANVAS_ANONYMOUS = re.compile(r"(?P<late>LATE_)?(?P<number>anon_[0-9A-Za-z]+)_(?P<file>\d+)_(?P<original>[^/]+)")
_COPY = r"(?:-\d+|-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}| ?\(\d+\))*"  # an LMS's mark, or a browser's
_WORTH_A_WORD = (".py", ".ipynb", ".zip", ".html")


@dataclass(frozen=True)
class Original:
    """A file under the name that the learner gave it."""

    name: str
    entry: Entry
    number: int = 0  # grows from one file to the next where the LMS numbers them; else 0


@dataclass
class Claim:
    """What came under one name, before it is known who that is."""

    lms: str  # "canvas", "moodle", or "" for files that a person sorted
    number: str  # of the learner, in the LMS; "" without one
    name: str  # as the source spells it
    files: list[Original] = field(default_factory=list)
    late: bool = False  # as Canvas says
    time: str = ""  # of the hand-in, as the exchange says
    fault: str = ""

    @property
    def shown(self) -> str:
        name = ascii(self.name)[1:-1] if name_fault(self.name) else self.name
        return f"{name[:80]} ({self.lms} {self.number})" if self.lms else name[:80]


@dataclass(frozen=True)
class Contents:
    """What a hand-in is made of."""

    module: bytes
    notebook: bytes | None
    handed_in: str | None  # the time, as nbgrader writes it; None if unknown
    notes: tuple[str, ...] = ()
    secret: bytes | None = None  # by which nbgrader's exchange gives the feedback to nobody but its learner


def sort_out(entries: Iterable[Entry]) -> list[Claim]:
    """Entries by learner. What belongs to nobody becomes a claim of its own, which has a fault."""
    claims: dict[tuple[str, str], Claim] = {}
    for entry in entries:
        claim, original = _whose(entry)
        known = claims.setdefault((claim.lms, claim.number or claim.name), claim)
        known.late |= claim.late
        known.fault = known.fault or claim.fault
        if original is not None:
            known.files.append(original)
    return [claim for claim in claims.values() if claim.files or claim.fault]


def _whose(entry: Entry) -> tuple[Claim, Original | None]:
    first, _, rest = entry.name.partition("/")
    if name_fault(first):
        return Claim("", "", entry.name, fault=entry.fault or name_fault(first)), None
    if moodle := _MOODLE.fullmatch(entry.name):
        original = moodle["rest"].rpartition("/")[2] if rest else moodle["rest"][1:]
        return Claim("moodle", moodle["number"], moodle["name"]), Original(original, entry)
    if rest and "_assignsubmission_" not in first:
        return Claim("", "", first), Original(rest, entry)
    if rest:
        return Claim("", "", first, fault=f"{first!r} names no learner"), None
    return _canvas(entry)


def _canvas(entry: Entry) -> tuple[Claim, Original | None]:
    readings = []
    for found in re.finditer(r"(?=_(\d+)_(\d+)_(.+)$)", entry.name):
        name = entry.name[: found.start()]
        if not re.search(r"_\d+_", name):  # Canvas takes these out of names
            late = name.endswith("_LATE")
            claim = Claim("canvas", found[1], name.removesuffix("_LATE"), late=late)
            readings.append((claim, Original(found[3], entry, int(found[2]))))
    if not readings and (anonymous := _CANVAS_ANONYMOUS.fullmatch(entry.name)):
        claim = Claim("canvas", anonymous["number"], "anon", late=bool(anonymous["late"]))
        readings.append((claim, Original(anonymous["original"], entry, int(anonymous["file"]))))
    if len(readings) == 1:
        return readings[0]
    fault = entry.fault
    if readings:
        fault = f"{entry.name!r} can be read as more than one learner's"
    elif entry.name.endswith(_WORTH_A_WORD):  # what is no hand-in either (a roster, a picture) needs no word
        fault = fault or f"{entry.name!r} names no learner"
    return Claim("", "", entry.name, fault=fault), None


def unpack(claim: Claim, topic: Topic) -> Contents:
    """The contents of a claim's files, checked.

    Only `<topic>.py` and `<topic>.ipynb` are ever needed; other files are left where they are, unread. The two may
    stand in one zip; a zip in that is not opened. A file that stands loose counts before one in a zip.

    Raises:
        Refused: with the reason, in one line.
    """
    files = _of_topic(claim, topic)
    for original in files:
        if original.entry.fault:
            raise Refused(original.entry.fault)
    module, notebook = (_newest(files, topic, kind) for kind in ("py", "ipynb"))
    packed = [original for original in files if original.name.lower().endswith(".zip")]
    inside: list[Original] = []
    if packed and not (module and notebook):
        inside = _inside(_last(packed))
        module = module or _newest(inside, topic, "py")
        notebook = notebook or _newest(inside, topic, "ipynb")
    if module is None:
        there = [repr(original.name) for original in [*files, *inside]]
        told = ", ".join(there[:3]) + (" …" if len(there) > 3 else "")
        raise Refused(f"hands in no {topic.id}.py" + (f", but {told}" if told else ""))
    return Contents(
        module.entry.read(MODULE_BYTES),
        notebook.entry.read(NOTEBOOK_BYTES) if notebook else None,
        claim.time or (None if claim.lms else _time(files, [module, *([notebook] if notebook else [])])),
        tuple(_notes(claim, notebook)),
        _secret(claim),
    )


def nbgrader_time(moment: datetime) -> str:
    """A time (in UTC) as nbgrader writes it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"


def _of_topic(claim: Claim, topic: Topic) -> list[Original]:
    """A person may have sorted by topic too: then what lies beside the topic's folder is not its hand-in."""
    prefix = f"{topic.id}/"
    inside = [original for original in claim.files if not claim.lms and original.name.startswith(prefix)]
    if inside:
        return [Original(original.name.removeprefix(prefix), original.entry) for original in inside]
    return claim.files


def _newest(files: list[Original], topic: Topic, kind: str) -> Original | None:
    pattern = re.compile(re.escape(topic.id) + _COPY + re.escape(f".{kind}"))
    found = [original for original in files if pattern.fullmatch(original.name.rpartition("/")[2])]
    return _last(found) if found else None


def _last(files: list[Original]) -> Original:
    """The one that was handed in last, where the LMS numbers them."""
    newest = max(original.number for original in files)
    last = [original for original in files if original.number == newest]
    if len(last) > 1:
        raise Refused(f"hands in {last[0].entry.name!r} and {last[1].entry.name!r}: which one counts?")
    return last[0]


def _inside(packed: Original) -> list[Original]:
    try:
        entries = nested_entries(packed.entry.read(ZIP_BYTES))
    except Refused as reason:
        told = str(reason)
        raise Refused(told if repr(packed.entry.name) in told else f"{packed.name!r} {told}") from None
    for entry in entries:
        if entry.fault:
            raise Refused(f"{packed.name!r}: {entry.fault}")
    # The times in a learner's zip are what the learner says; the zip's own is what the system saw.
    return [Original(entry.name, replace(entry, modified=packed.entry.modified)) for entry in entries]


def _time(files: list[Original], taken: list[Original]) -> str | None:
    """When a hand-in that a person sorted was made: what its timestamp.txt says, else its files' last change.

    Either can be set by whoever wrote the files.
    """
    for original in files:
        if original.name == TIMESTAMP:
            told = parsed_timestamp(original.entry.read(TIMESTAMP_BYTES))
            if told is None:
                raise Refused(f"{TIMESTAMP} holds no time such as 2026-01-31 12:00:00.000000 UTC")
            return told
    times = [original.entry.modified for original in taken if original.entry.modified]
    return nbgrader_time(max(times)) if times else None


def _secret(claim: Claim) -> bytes | None:
    """The secret that `nbgrader submit` puts into the exchange; without it, nbgrader can release no feedback."""
    found = [original for original in claim.files if original.name == SECRET and claim.time]
    secret = found[0].entry.read(SECRET_BYTES) if found else b""
    return secret if re.fullmatch(rb"[0-9a-f]+", secret) else None


def _notes(claim: Claim, notebook: Original | None) -> Iterable[str]:
    if claim.late:
        yield "late, says Canvas, which does not say by how much"
    if notebook is None:
        yield "no notebook: written questions unanswered"
