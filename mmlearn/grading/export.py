"""Marks for others: nbgrader's CSV, and the files that Canvas and Moodle import.

What these rely on, as read in November 2026:

- **nbgrader**: its own `nbgrader.plugins.CsvExportPlugin` writes the file. It quotes nothing, so it is given names that
  are quoted already.
- **Canvas** (Gradebook › Import): `lib/gradebook_importer.rb` of github.com/instructure/canvas-lms. The first columns
  are Student, ID, SIS User ID, SIS Login ID, Section, in this order; Section may be empty. A learner is found by ID
  (Canvas' number), else by SIS Login ID, else by name. A column is an assignment of exactly that title; of one that
  Canvas does not know, it asks which is meant. A row whose first cell holds "Points Possible" sets the maximum. Scores
  are compared at two decimals.
- **Moodle**, one topic: the assignment's offline grading worksheet (github.com/moodle/moodle,
  `mod/assign/feedback/offline/importgradeslib.php`), which needs Identifier ("Participant 123"), Grade and Last
  modified (grade), and takes Feedback comments. The same file, and the one for several topics, can be imported into the
  gradebook (Grades › Import › CSV; docs.moodle.org/en/Grade_import), where the instructor says which column identifies
  the learner, by ID number or e-mail address, and which is a grade or a feedback; a feedback that is imported without
  its grade removes the grade. There (`grade/import/csv/classes/load_data.php`) a grade above 100 is refused unless the
  site allows unlimited grades.

Marks are nbgrader's totals: what exercises and written answers earned, less a late penalty, never below 0; rounded to
two decimals, halves up. Who handed in nothing gets 0 from nbgrader's plugin, and an empty cell for Canvas and Moodle,
which leave such a mark as it is.
"""

import html
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.grading.gradebook import Earned, earned, open_gradebook
from mmlearn.grading.judgement import Judgement, records, write_whole
from mmlearn.grading.plain import one_line, points_cell, text_cell, write_csv
from mmlearn.grading.roster import Learner, Roster

MOODLE_HIGHEST = 100.0  # what Moodle's gradebook takes unless its administrator allows more


class Format(StrEnum):
    NBGRADER = "nbgrader"
    CANVAS = "canvas"
    MOODLE = "moodle"


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        CourseError: there is none.
    """
    try:
        return Format(name)
    except ValueError:
        raise CourseError(f"there is no format {name!r}; formats: {', '.join(Format)}") from None


@dataclass(frozen=True)
class Exported:
    """What was written, and what an instructor should know before importing it."""

    file: Path
    learners: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Class:
    """All that the writers need: the rows of each topic by student, and who is who elsewhere."""

    root: Path
    topics: list[Topic]
    marks: dict[str, dict[str, Earned]]  # topic -> student -> row
    roster: dict[str, Learner]

    @property
    def students(self) -> list[str]:
        return sorted({student for rows in self.marks.values() for student in rows})

    def who(self, student: str) -> Learner:
        """The roster's row, completed by the gradebook's."""
        row = next(rows[student] for rows in self.marks.values() if student in rows)
        found = self.roster.get(student, Learner(student))
        return Learner(
            student,
            found.first_name or row.first_name,
            found.last_name or row.last_name,
            found.email or row.email,
            found.canvas_id,
            found.canvas_name,
            found.moodle_id,
            found.moodle_name,
        )


def export_marks(
    root: Path, topics: list[Topic], kind: Format, to: Path | None = None, roster: Roster | None = None
) -> Exported:
    """Write the marks of some topics to one CSV file.

    Args:
        root: the course folder.
        topics: a column each (nbgrader: a row for each topic and learner).
        kind: whose format.
        to: the file; default: `marks/<topics>.csv`, `….canvas.csv` or `….moodle.csv` in the course folder.
        roster: gives the learners' numbers in the LMS. Without one, the LMS goes by student id, name or e-mail.

    Raises:
        CourseError: a topic is not in the gradebook, or is named twice. Nothing is written then.
    """
    if len({topic.id for topic in topics}) < len(topics):
        raise CourseError("a topic is named twice: name each once")
    ending = "csv" if kind is Format.NBGRADER else f"{kind}.csv"
    file = to or root / "marks" / f"{'-'.join(topic.id for topic in topics)}.{ending}"
    with open_gradebook(root) as gradebook:
        marks = {topic.id: earned(gradebook, topic) for topic in topics}
        known = {learner.id: learner for learner in roster.learners} if roster else {}
        those = _Class(root, topics, marks, known)
        if kind is Format.NBGRADER:
            _by_nbgrader(gradebook, topics, file)
        else:
            rows = _canvas(those) if kind is Format.CANVAS else _moodle(those)
            write_csv(file, list(rows))
    return Exported(file, len(those.students), tuple(_notes(those, kind, roster is not None)))


def _notes(those: _Class, kind: Format, with_roster: bool) -> Iterator[str]:
    for topic in those.topics:
        rows = those.marks[topic.id].values()
        waiting = sum(row.written is None for row in rows)
        if waiting:
            yield f"{topic.id}: {waiting} hand-ins wait for their written answers to be marked; their marks lack them"
        if kind is Format.MOODLE and any(row.total > MOODLE_HIGHEST for row in rows):
            yield f"{topic.id}: Moodle's gradebook refuses marks above 100 unless its unlimited grades are on"
    strangers = [student for student in those.students if student not in those.roster]
    if with_roster and strangers and kind is not Format.NBGRADER:
        listed = ", ".join(one_line(student, 40) for student in strangers[:5])
        yield f"{len(strangers)} learners are not in the roster: {listed}{', …' if len(strangers) > 5 else ''}"


def _canvas(those: _Class) -> Iterator[list[str]]:
    who = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    yield who + [text_cell(topic.title) for topic in those.topics]
    highest = [max((row.max_total for row in those.marks[topic.id].values()), default=0) for topic in those.topics]
    yield ["    Points Possible", *[""] * 4, *[points_cell(value) for value in highest]]
    for student in those.students:
        learner = those.who(student)
        last_first = ", ".join(filter(None, [learner.last_name, learner.first_name]))
        name = learner.canvas_name or last_first or student
        yield [text_cell(name), text_cell(learner.canvas_id), "", text_cell(student), "", *_grades(those, student)]


def _moodle(those: _Class) -> Iterator[list[str]]:
    heads = ["Identifier", "Full name", "ID number", "Email address"]
    if len(those.topics) == 1:
        yield [*heads, "Grade", "Feedback comments", "Last modified (grade)"]
    else:
        yield heads + [text_cell(f"{t.title}{what}") for t in those.topics for what in ("", " (feedback)")]
    judged = {topic.id: {one.student: one for one in records(those.root, topic.id)} for topic in those.topics}
    for student in those.students:
        learner = those.who(student)
        participant = f"Participant {learner.moodle_id}" if learner.moodle_id else ""
        name = learner.moodle_name or f"{learner.first_name} {learner.last_name}".strip()
        row = [text_cell(cell) for cell in (participant, name, student, learner.email)]
        for topic, grade in zip(those.topics, _grades(those, student), strict=True):
            row += [grade, _feedback(judged[topic.id].get(student)) if grade else ""]
        yield row + (["-"] if len(those.topics) == 1 else [])  # Moodle's sign for "never"


def _grades(those: _Class, student: str) -> list[str]:
    rows = [those.marks[topic.id].get(student) for topic in those.topics]
    return [points_cell(row.total) if row and row.handed_in else "" for row in rows]


def _feedback(judged: Judgement | None) -> str:
    """What the judge told the learner; Moodle shows it as HTML, so it is escaped for that."""
    if judged is None:
        return ""
    lines = [judged.reason] if judged.reason else []
    for one in judged.exercises:
        points = f"{points_cell(one.points)}/{points_cell(one.max_points)}"
        lines.append(f"{one.id}: {one.state}, {points}" + (f": {one.message}" if one.message else ""))
    return text_cell(html.escape(" · ".join(one_line(line, 300) for line in lines), quote=False))


def _by_nbgrader(gradebook: Any, topics: list[Topic], file: Path) -> None:
    from nbgrader.plugins import CsvExportPlugin

    with tempfile.TemporaryDirectory(prefix="mmlearn-export-") as folder:
        fresh = Path(folder) / "marks.csv"
        plugin = CsvExportPlugin(to=str(fresh), assignment=[topic.id for topic in topics])
        plugin.export(_Quoted(gradebook))
        write_whole(file, fresh.read_bytes())


class _Quoted:
    """nbgrader's gradebook, its students' texts fit for a plugin that writes them into a CSV file as they are."""

    def __init__(self, gradebook: Any) -> None:
        self._gradebook = gradebook
        self.assignments = gradebook.assignments
        self._ids = {_quoted(student.id): student.id for student in gradebook.students}

    @property
    def students(self) -> list[SimpleNamespace]:
        fields = ("id", "last_name", "first_name", "email")
        return [
            SimpleNamespace(**{name: _quoted(getattr(student, name) or "") for name in fields})
            for student in self._gradebook.students
        ]

    def find_submission(self, assignment: str, student: str) -> Any:
        return self._gradebook.find_submission(assignment, self._ids[student])


def _quoted(text: str) -> str:
    """A text cell as it stands between commas (RFC 4180)."""
    cell = text_cell(text)
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"') else cell
