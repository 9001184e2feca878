"""Who is in the class: a CSV that ties the names and numbers of an LMS to the course's own ids of students."""

import csv
import io
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.grading.entries import alike
from mmlearn.grading.gradebook import open_gradebook
from mmlearn.grading.layouts import Claim
from mmlearn.grading.safe_read import Refused

MAX_BYTES = 5_000_000

# Header, without case and spaces around -> field of a learner. Ours, then Canvas' gradebook export
# (Student,ID,SIS User ID,SIS Login ID,Section), Moodle's list of participants, and its grading worksheet.
_OURS = {
    name: name
    for name in ("id", "first_name", "last_name", "email", "canvas_id", "canvas_name", "moodle_id", "moodle_name")
}
_CANVAS = {"student": "canvas_name", "id": "canvas_id", "sis user id": "user", "sis login id": "login"}
_MOODLE = {
    "first name": "first_name",
    "surname": "last_name",
    "last name": "last_name",
    "id number": "user",
    "username": "login",
    "email address": "email",
    "identifier": "moodle_id",
    "full name": "moodle_name",
}


@dataclass(frozen=True)
class Learner:
    """One row; "" where the roster does not say."""

    id: str  # of the student in nbgrader, and the name of the folder in submitted/
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    canvas_id: str = ""
    canvas_name: str = ""
    moodle_id: str = ""  # Moodle's participants have another in each assignment
    moodle_name: str = ""

    @property
    def names(self) -> dict[str, str]:
        """How each LMS spells the name in its files, made alike."""
        canvas = self.canvas_name or f"{self.last_name}{self.first_name}"
        moodle = self.moodle_name or f"{self.first_name} {self.last_name}"
        return {"canvas": _spelt("canvas", canvas), "moodle": _spelt("moodle", moodle)}


@dataclass(frozen=True)
class Roster:
    learners: tuple[Learner, ...] = field(default_factory=tuple)

    def find(self, claim: Claim) -> Learner:
        """Who it is: by the LMS's number, else by name among those whose number the roster does not give.

        Raises:
            Refused: nobody, or more than one person.
        """
        if not claim.lms:
            found = [learner for learner in self.learners if learner.id == claim.name]
        else:
            numbers = {learner: getattr(learner, f"{claim.lms}_id") for learner in self.learners}
            found = [learner for learner, number in numbers.items() if number == claim.number]
            if not found:
                name = _spelt(claim.lms, claim.name)
                found = [who for who, number in numbers.items() if not number and name and who.names[claim.lms] == name]
        if len(found) > 1:
            raise Refused(f"is {' or '.join(learner.id for learner in found)}: give {claim.lms}_id in the roster")
        if not found:
            raise Refused("is not in the roster")
        return found[0]


def student_fault(student: str) -> str:
    """Why this cannot be the id of a student, which names folders and is looked for with wildcards; "" if it can."""
    if not re.fullmatch(r"[\w@+-][\w@+. -]*", student) or student.endswith((" ", ".")):
        return f"{student[:80]!r} cannot be a student's id: use letters, digits, . - _ + @"
    if len(student.encode()) > 100:
        return f"{student[:40]!r}… is too long for a student's id"
    if unicodedata.normalize("NFC", student) != student:
        return f"{student!r} is written with loose accents, which some systems mend: rename it"
    return ""


def derived_id(claim: Claim) -> str:
    """The id of a student without a roster: the folder's name, or the LMS's name and number in ASCII."""
    if not claim.lms:
        return claim.name
    plain = unicodedata.normalize("NFKD", claim.name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]
    return f"{name or claim.lms}-{claim.number}"


def read_roster(file: Path) -> Roster:
    """Read a roster.

    Args:
        file: CSV with a header line, UTF-8 with or without a byte order mark, separated by commas, semicolons or tabs.
            Columns `id`, and optionally `first_name, last_name, email, canvas_id, canvas_name, moodle_id, moodle_name`;
            or Canvas' gradebook export (the id is the SIS Login ID, else the SIS User ID, else Canvas' number); or
            Moodle's participants or grading worksheet (the id is the username, else the ID number, else the e-mail
            address).

    Raises:
        CourseError: the file is not such a CSV, or two rows are the same person; names file and line.
    """
    shown = paths.short(file)
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise CourseError(f"{shown} is too big for a roster: more than {MAX_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CourseError(f"{shown}, line {line}: not UTF-8; save it as “CSV UTF-8”") from None
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
        columns = _columns([name or "" for name in reader.fieldnames or []], shown)
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise CourseError(f"{shown} is not a CSV: {error}") from None
    learners = [_learner(row, columns, f"{shown}, line {line}") for line, row in rows]
    return Roster(tuple(_no_two_alike([learner for learner in learners if learner], shown)))


def _columns(header: list[str], shown: str) -> dict[str, str]:
    plain = {name: name.strip().lower() for name in header}
    known = set(plain.values())
    if {"student", "id"} <= known:
        meaning = _CANVAS
    elif "id" in known:
        meaning = _OURS
    elif known & {"email address", "id number", "username"}:
        meaning = _MOODLE
    else:
        raise CourseError(f"{shown} has no column `id`: it has {', '.join(filter(None, header)) or 'no header'}")
    return {name: meaning[key] for name, key in plain.items() if key in meaning}


def _learner(row: dict, columns: dict[str, str], where: str) -> Learner | None:
    values = {field: (row.get(name) or "").strip() for name, field in columns.items()}
    logins = [values.pop("login", ""), values.pop("user", "")]
    if "id" not in values:
        if "canvas_id" in values and not values["canvas_id"].isdecimal():
            return None  # Canvas' rows of points possible and of what is posted
        fallback = values.get("canvas_id") or values.get("email", "")
        values["id"] = next(filter(None, [*logins, fallback]), "")
    if not any(values.values()):
        return None  # an empty line
    values["moodle_id"] = values.get("moodle_id", "").rpartition(" ")[2]  # "Participant 123"
    if not values["id"]:
        raise CourseError(f"{where}: no id")
    fault = student_fault(values["id"])
    if fault:
        raise CourseError(f"{where}: {fault}")
    return Learner(**_with_names(values))


def _with_names(values: dict[str, str]) -> dict[str, str]:
    """First and last name from the one name that Canvas ("Lovelace, Ada") or Moodle ("Ada Lovelace") exports."""
    if values.get("first_name") or values.get("last_name"):
        return values
    last, comma, first = values.get("canvas_name", "").partition(",")
    if not comma:
        first, _, last = (values.get("canvas_name") or values.get("moodle_name", "")).rpartition(" ")
    return values | {"first_name": first.strip(), "last_name": last.strip()}


def _no_two_alike(learners: list[Learner], shown: str) -> list[Learner]:
    for name in ("id", "canvas_id", "moodle_id"):
        values = [getattr(learner, name) for learner in learners]
        times = Counter(map(alike, values))
        for value in filter(None, values):
            if times[alike(value)] > 1:
                raise CourseError(f"{shown}: {value!r} is the {name} of two rows (case and accents aside)")
    return learners


def _spelt(lms: str, name: str) -> str:
    name = alike(name)
    if lms == "canvas":
        return re.sub(r"\W", "", name)
    return " ".join(re.sub(r"[&<>\"`|':\\/]", "", name.replace("_", " ")).split())


def fill_gradebook(roster: Roster, root: Path) -> None:
    """Give nbgrader's gradebook the class: names, e-mail addresses and LMS numbers. What the roster lacks stays.

    Args:
        roster: the class.
        root: the course folder, which holds `nbgrader_config.py`.

    Raises:
        CourseError: it is not a course folder, or its gradebook cannot be reached.
    """
    with open_gradebook(root, new=True) as gradebook:
        for learner in roster.learners:
            known = {"first_name": learner.first_name, "last_name": learner.last_name, "email": learner.email}
            known["lms_user_id"] = learner.canvas_id  # Moodle's number is another in each assignment
            gradebook.update_or_create_student(learner.id, **{name: value for name, value in known.items() if value})
