"""nbgrader's preprocessors, working on one open gradebook.

Each of nbgrader's own opens a gradebook for itself (connection, check of all tables, a query for each cell, a commit
for each grade). Here the same methods of the same classes find their rows on a shelf, and nothing is committed before
the hand-in is complete.
"""

import json
from collections.abc import Container, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
from nbconvert.exporters.exporter import Exporter, ResourcesDict
from nbformat import NotebookNode
from nbgrader import preprocessors as stock
from nbgrader.api import Comment, Grade, Gradebook, MissingEntry
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy import inspect
from sqlalchemy.orm import undefer
from traitlets.utils.importstring import import_item

from mmlearn.grading.preprocessor import JudgeHandIn, with_outputs

Pair = tuple[NotebookNode, dict]


class OwnNotebook(NotebookNode):
    """A notebook that nobody else holds: nbconvert, which copies each twice before it works on it, need not."""

    def __deepcopy__(self, memo: dict) -> "OwnNotebook":
        return self


def own_notebook(text: str, checked: bool = False) -> OwnNotebook:
    """Read a notebook's text for one exporter.

    Args:
        text: of version 4, where it was checked.
        checked: whether the text was written by an exporter: then nbformat has looked through it and has mended it.
    """
    read = nbformat.reader.reads(text) if checked else nbformat.reads(text, as_version=4)
    return OwnNotebook(read)


class OneTransaction:
    """A database session in which nbgrader's many commits do nothing; `end` is the one that commits.

    What a query needs to find, SQLAlchemy writes before it.
    """

    def __init__(self, session: Any):
        self._session = session

    def commit(self) -> None:
        pass

    def end(self) -> None:
        self._session.commit()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


class _Validator(MetadataValidator):
    """nbgrader's, which does not compile its schema again for a cell that it has seen to be valid."""

    def __init__(self, cells: Container[str]):
        super().__init__()
        self._cells, self._valid = cells, set[tuple[str, str]]()

    def validate_cell(self, cell: NotebookNode) -> None:
        about = cell.metadata.get("nbgrader", {})
        seen = (cell.cell_type, json.dumps(about, sort_keys=True))
        if seen not in self._valid:
            super().validate_cell(cell)
            if str(about.get("grade_id")) in self._cells:  # of others a class could bring any number
                self._valid.add(seen)


class Shelf:
    """The rows of one hand-in, found by name without a query each; to the preprocessors it is a gradebook."""

    def __init__(self, gradebook: Gradebook, topic: str):
        """Read the assignment's cells, once for the whole class.

        Args:
            gradebook: open; its `db` becomes one transaction.
            topic: the assignment and its notebook.

        Raises:
            MissingEntry: the gradebook does not know the assignment.
        """
        gradebook.db().expire_on_commit = False  # a hand-in's rows are looked at after its commit
        gradebook.db = OneTransaction(gradebook.db)
        self.gradebook, self._topic = gradebook, topic
        self.db = gradebook.db
        notebook = gradebook.find_notebook(topic, topic)
        self.kernelspec = json.loads(notebook.kernelspec) if notebook.kernelspec else None
        # Copies: a commit makes the session forget what it has read.
        self._sources = {
            cell.name: SimpleNamespace(
                name=cell.name,
                cell_type=cell.cell_type,
                locked=cell.locked,
                source=cell.source,
                checksum=cell.checksum,
            )
            for cell in notebook.source_cells
        }
        graded = [*notebook.grade_cells, *notebook.task_cells]
        self._graded = {cell.name: SimpleNamespace(max_score=cell.max_score) for cell in graded}
        self._names = {cell.id: cell.name for cell in [*graded, *notebook.solution_cells]}
        self.validator = _Validator(self._sources)
        self.submission: Any = None
        self.notebook: Any = None
        self.grades: dict[str, Grade] = {}  # of the submission, by the name of their cell
        self.comments: dict[str, Comment] = {}
        self.judged: Any = ()  # topic and judgement of the hand-in: in `resources`, nbconvert would copy them deeply

        self.cells = repr((self.kernelspec, self._sources, self._graded))

    def clear(self) -> None:
        """Take the last hand-in's rows away."""
        self.db.expunge_all()
        self.submission = self.notebook = None
        self.grades, self.comments = {}, {}

    def put(self, submission: Any) -> None:
        """From now on, the rows of this submission are meant."""
        self.submission = submission
        (self.notebook,) = [notebook for notebook in submission.notebooks if notebook.name == self._topic]
        if inspect(submission).persistent:
            self.refresh()
        else:  # made just now: there is nothing to be read, and nothing is written before all of it is there
            self._find(self.notebook.grades, self.notebook.comments)

    def refresh(self) -> None:
        """Read again what the database computes: scores and comments after a person's, totals."""
        self.db.flush()
        columns = ["score", "max_score", "needs_manual_grade", "late_submission_penalty"]
        self.db.refresh(self.notebook, columns)
        grades = self.db.query(Grade).filter(Grade.notebook_id == self.notebook.id).options(undefer(Grade.max_score))
        comments = self.db.query(Comment).filter(Comment.notebook_id == self.notebook.id)
        self._find(grades.populate_existing(), comments.populate_existing())

    def _find(self, grades: Iterable[Grade], comments: Iterable[Comment]) -> None:
        self.grades = {self._names[grade.cell_id]: grade for grade in grades}
        self.comments = {self._names[comment.cell_id]: comment for comment in comments}

    @property
    def is_late(self) -> bool:
        """Whether it was handed in after its due date."""
        return self.submission.total_seconds_late > 0

    def marks(self) -> str:
        """What an autograde writes and what it depends on; the same text as long as nobody changes a row of it."""
        of = self.submission
        grades = sorted((name, grade.auto_score) for name, grade in self.grades.items())
        when = (of.timestamp, of.extension, of.assignment.duedate)
        return repr((grades, when, self.notebook.late_submission_penalty))

    def seen(self) -> tuple:
        """All rows that feedback is made of."""
        grades = sorted((name, grade.score, grade.max_score) for name, grade in self.grades.items())
        comments = sorted((name, comment.comment or "") for name, comment in self.comments.items())
        return grades, comments, self.notebook.score, self.notebook.max_score, self.notebook.late_submission_penalty

    def find_source_cell(self, name: str, *_: str) -> SimpleNamespace:
        return _found(self._sources, name)

    def find_graded_cell(self, name: str, *_: str) -> SimpleNamespace:
        return _found(self._graded, name)

    def find_grade(self, name: str, *_: str) -> Grade:
        return _found(self.grades, name)

    def find_comment(self, name: str, *_: str) -> Any:
        return _found(self.comments, name)

    def find_notebook(self, name: str, assignment: str) -> Any:
        return self.gradebook.find_notebook(name, assignment)


def _found(rows: dict[str, Any], name: str) -> Any:
    try:
        return rows[name]
    except (KeyError, TypeError):  # a grade id from a hand-in may be a list
        raise MissingEntry(f"No such cell: {name}") from None


class _Shelved(NbGraderPreprocessor):
    """Configured as the class of nbgrader's that it derives from."""

    gradebook: Shelf

    def _cells(self, nb: NotebookNode, resources: dict) -> Pair:
        """Cell by cell, without what nbgrader's class does before: open a gradebook."""
        self._about(resources)
        return NbGraderPreprocessor.preprocess(self, nb, resources)

    def _about(self, resources: dict) -> None:
        about = resources["nbgrader"]
        self.notebook_id, self.assignment_id, self.student_id = (
            about["notebook"],
            about["assignment"],
            about["student"],
        )


class OverwriteKernelspec(_Shelved, stock.OverwriteKernelspec):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        if self.gradebook.kernelspec:
            nb.metadata["kernelspec"] = self.gradebook.kernelspec
        return nb, resources


class OverwriteCells(_Shelved, stock.OverwriteCells):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        nb, resources = self._cells(nb, resources)
        if self.add_missing_cells:
            nb, resources = self.add_missing_grade_cells(nb, resources)
            nb, resources = self.add_missing_task_cells(nb, resources)
        return nb, resources


class KnownOutputs(_Shelved, JudgeHandIn):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        return with_outputs(nb, *self.gradebook.judged), resources


class CheckCellMetadata(_Shelved, stock.CheckCellMetadata):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        self.gradebook.validator.validate_nb(nb)
        return nb, resources


class SaveAutoGrades(_Shelved, stock.SaveAutoGrades):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        return self._cells(nb, resources)


class AssignLatePenalties(_Shelved, stock.AssignLatePenalties):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        self._about(resources)
        self.init_plugin()
        submission, notebook = self.gradebook.submission, self.gradebook.notebook
        notebook.late_submission_penalty = None
        late = submission.total_seconds_late
        if late > 0:
            self.gradebook.db.flush()
            self.gradebook.db.refresh(notebook, ["score"])
            penalty = self.plugin_inst.late_submission_penalty(self.student_id, notebook.score, late)
            if penalty is not None:
                notebook.late_submission_penalty = self._check_late_penalty(notebook, penalty)
        return nb, resources


class GetGrades(_Shelved, stock.GetGrades):
    def preprocess(self, nb: NotebookNode, resources: dict) -> Pair:
        nb, resources = self._cells(nb, resources)
        notebook = self.gradebook.notebook
        penalty = notebook.late_submission_penalty or 0
        resources["nbgrader"].update(score=notebook.score - penalty, max_score=notebook.max_score, late_penalty=penalty)
        return nb, resources


def register(exporter: Exporter, listed: Iterable[Any], shelf: Shelf) -> Exporter:
    """Give an exporter its preprocessors in the order listed, nbgrader's own in the form that shares a gradebook.

    Args:
        exporter: nbconvert's.
        listed: classes, or their dotted names, as an instructor may configure them. What has no shared form is used
            as it is.
        shelf: where the rows are found.

    Returns:
        `exporter`.
    """
    exporter.optimistic_validation = True  # the notebook's format is checked after the last of them, not after each
    for entry in listed:
        wanted = import_item(entry) if isinstance(entry, str) else entry
        form = next((form for form in _Shelved.__subclasses__() if wanted in form.__bases__), None)
        if form is None:
            exporter.register_preprocessor(wanted)
        else:
            own = form(parent=exporter)
            own.gradebook = shelf
            exporter.register_preprocessor(own)
    return exporter


def resources_for(folder: Path, student: str, topic: str, db_url: str) -> ResourcesDict:
    """What nbgrader's preprocessors and templates want to know of a notebook."""
    resources = ResourcesDict()
    resources["unique_key"] = topic
    resources["output_files_dir"] = f"{topic}_files"
    resources["nbgrader"] = {"student": student, "assignment": topic, "notebook": topic, "db_url": db_url}
    resources["metadata"] = ResourcesDict()
    resources["metadata"]["name"] = topic
    resources["metadata"]["path"] = str(folder)
    resources["metadata"]["modified_date"] = f"{datetime.now(UTC):%B %-d, %Y}"
    return resources
