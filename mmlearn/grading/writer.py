"""The one writer of a grade: gradebook, graded notebook and feedback of a hand-in in milliseconds.

What comes out equals what `nbgrader autograde` and `nbgrader generate_feedback` make of the same hand-in, and is made
by the methods of nbgrader's own classes; only what they do anew for each hand-in (open the gradebook nine times, build
exporters, load templates) is done once for the class.

The order is: record (the judge has written it) → graded notebook → rows, in one commit → feedback → stamp. A grade that
is killed anywhere leaves whole files and whole rows; the next one finds no fitting stamp and enters the hand-in again,
which changes nothing that is there already. For the disk, it waits once for the whole class: after a power cut, stamps
do not fit what has got lost, and records, for which the judges did wait, are enough to make it again.
"""

import errno
import gc
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import nbgrader
from nbconvert.exporters import Exporter, NotebookExporter
from nbformat import NotebookNode
from nbformat.v4.rwbase import strip_transient
from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import temp_attrs
from nbgrader.converters import Autograde
from sqlalchemy.exc import OperationalError

from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.grading.feedback import FeedbackPages
from mmlearn.grading.judgement import Judgement, write_whole
from mmlearn.grading.safe_read import SECRET, TIMESTAMP, HandInFiles
from mmlearn.grading.shared import OwnNotebook, Shelf, own_notebook, register, resources_for

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DISK_FULL = "the disk is full: make room and grade again; what was graded is kept"


class Writer:
    """Enters one judged hand-in after another. A context manager: the gradebook is open meanwhile."""

    def __init__(self, api: Any, topic: Topic, root: Path):
        """Open the gradebook.

        Args:
            api: nbgrader's API on the course folder; its configuration is obeyed.
            topic: whose assignment, which the gradebook must know.
            root: the course folder.
        """
        self._topic, self._root = topic, root
        self._autograde = Autograde(coursedir=api.coursedir, parent=api)
        self.gradebook = Gradebook(api.coursedir.db_url, api.coursedir.course_id)
        self.shelf = Shelf(self.gradebook, topic.id)
        sanitise, grade = self._autograde.sanitize_preprocessors, self._autograde.autograde_preprocessors
        self._sanitise, self._grade = self._exporter(Exporter, sanitise), self._exporter(NotebookExporter, grade)
        self._feedback = FeedbackPages(api, self.shelf)
        config = (root / "nbgrader_config.py").read_bytes()
        gc.freeze()  # what nbgrader and its like have built by now is there to stay: not looked through again and again
        self._settings = _digest(config, self.shelf.cells.encode(), nbgrader.__version__.encode())

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()
        if hasattr(os, "sync"):  # not on Windows
            os.sync()

    def enter(
        self, judgement: Judgement, files: HandInFiles, notebook: NotebookNode | None = None, *, force: bool = False
    ) -> str:
        """Write down what became of a hand-in; what stands there already and agrees is left alone.

        Args:
            judgement: the judge's record of it.
            files: the hand-in itself, with a notebook.
            notebook: that notebook, where it was read already; it is used up.
            force: write it all the same.

        Returns:
            Why nbgrader cannot grade the notebook: its exercises then earn nothing, and it has no graded notebook. ""
            if it can. `shelf` then holds the hand-in's rows.

        Raises:
            CourseError: the disk is full, or another program holds the gradebook. Nothing is half written.
        """
        student = judgement.student
        with self._whole():
            inputs = _digest(repr((judgement.fingerprint, judgement.exercises, self._settings)).encode())
            stamp = {} if force else self._stamp(student)
            text = self._graded_before(student, inputs, stamp)
            try:
                if text is None:
                    text = self._graded(judgement, files, notebook)
            except (OSError, OperationalError):
                raise
            except Exception as error:  # a stranger's notebook; as in nbgrader, whatever it breaks stops only itself
                rmtree(self._folder("autograded", student), ignore_errors=True)
                self._earns_nothing(student)
                return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
            seen = _digest(repr(self.shelf.seen()).encode())
            if stamp.get("seen") != seen or not self._is_there("feedback", student, stamp):
                self._write_feedback(student, text)
            stamp = {"inputs": inputs, "rows": self.shelf.marks(), "seen": seen}
            stamp |= {step: self._digests(step, student) for step in ("autograded", "feedback")}
            _write_changed(self._stamp_file(student), json.dumps(stamp).encode())
            return ""

    def enter_nothing(self, student: str) -> None:
        """Rows for a hand-in without a notebook: its exercises earn nothing; a person's scores stay."""
        with self._whole():
            self.shelf.clear()
            self._earns_nothing(student)

    def _exporter(self, kind: type[Exporter], listed: list) -> Exporter:
        exporter = kind(parent=self._autograde, config=self._autograde.config)
        exporter._preprocessors = []  # nbconvert's own by default; nbgrader drops them too
        return register(exporter, listed, self.shelf)

    def _graded_before(self, student: str, inputs: str, stamp: dict[str, Any]) -> str | None:
        """The graded notebook, if it and its rows are what is to be written; the rows are on the shelf then."""
        self.shelf.clear()
        if stamp.get("inputs") != inputs or not self._is_there("autograded", student, stamp):
            return None
        try:
            self.shelf.put(self.gradebook.find_submission(self._topic.id, student))
        except MissingEntry:
            return None
        late_and_changed = self.shelf.is_late and stamp.get("seen") != _digest(repr(self.shelf.seen()).encode())
        if stamp.get("rows") != self.shelf.marks() or late_and_changed:  # a penalty may be a share of a person's score
            return None
        return self._file("autograded", student, ".ipynb").read_text(encoding="utf-8")

    def _graded(self, judgement: Judgement, files: HandInFiles, notebook: NotebookNode | None) -> str:
        """Rows, graded notebook and the files beside it; returns the notebook's text. Committed when it returns."""
        assert files.notebook is not None
        student = judgement.student
        with temp_attrs(self._autograde.coursedir, assignment_id=self._topic.id, student_id=student):
            self._autograde.notebooks = [str(self._file("submitted", student, ".ipynb"))]
            self._autograde.run_pre_convert_hook()
            self.gradebook.update_or_create_student(student)
            if f"{TIMESTAMP} holds no time" in files.faults:
                raise ValueError(f"{TIMESTAMP} holds no time such as 2026-01-31 12:00:00.000000 UTC")
            given = {"timestamp": files.timestamp} if files.timestamp else {}
            self.shelf.put(self.gradebook.update_or_create_submission(self._topic.id, student, **given))
            about = (student, self._topic.id, self._autograde.coursedir.db_url)
            self.shelf.judged = self._topic, judgement
            result: Any = OwnNotebook(notebook) if notebook else own_notebook(files.notebook.decode("utf-8"))
            # Sanitised, then graded; between the two, nbgrader writes the notebook and reads it.
            for exporter, step in ((self._sanitise, "submitted"), (self._grade, "autograded")):
                resources = resources_for(self._folder(step, student), *about)
                with utils.setenv(NBGRADER_EXECUTION="autograde"):
                    result, _ = exporter.from_notebook_node(strip_transient(result), resources=resources)
            text = str(result)
            beside = {f"{self._topic.id}.py": files.module, SECRET: files.secret}
            beside[TIMESTAMP] = files.timestamp.encode() if files.timestamp else None
            contents = self._from_source() | {name: content for name, content in beside.items() if content is not None}
            _fill(self._folder("autograded", student), {**contents, f"{self._topic.id}.ipynb": text.encode()})
            self._autograde.set_permissions(self._topic.id, student)
            self.shelf.refresh()
            self.shelf.db.end()
            self._autograde.run_post_convert_hook()
        return text

    def _write_feedback(self, student: str, text: str) -> None:
        graded = self._folder("autograded", student)
        page = self._feedback.page(graded, text, student, self._topic.id)
        contents = {path.name: path.read_bytes() for path in graded.iterdir() if path.suffix != ".ipynb"}
        _fill(self._folder("feedback", student), {**contents, f"{self._topic.id}.html": page.encode()})
        self._feedback.set_permissions(student, self._topic.id)

    def _earns_nothing(self, student: str) -> None:
        self.gradebook.update_or_create_student(student)
        self.shelf.put(self.gradebook.update_or_create_submission(self._topic.id, student))
        for exercise in self._topic.exercises:
            if exercise.id in self.shelf.grades:
                self.shelf.grades[exercise.id].auto_score = 0.0
        self.shelf.db.end()
        self._stamp_file(student).unlink(missing_ok=True)

    def _from_source(self) -> dict[str, bytes]:
        """The instructor's own files that go beside each notebook: nbgrader puts them in the place of the learner's."""
        folder = self._root / self._autograde.coursedir.source_directory / self._topic.id
        kept = self._autograde.exclude_overwriting.get(self._topic.id, [])
        found = map(Path, utils.find_all_files(str(folder), [*self._autograde.coursedir.ignore, "*.ipynb"]))
        names = {str(path.relative_to(folder)): path for path in found}
        return {name: path.read_bytes() for name, path in names.items() if name not in kept}

    def _folder(self, step: str, student: str) -> Path:
        return self._root / step / student / self._topic.id

    def _file(self, step: str, student: str, suffix: str) -> Path:
        return self._folder(step, student) / f"{self._topic.id}{suffix}"

    def _digests(self, step: str, student: str) -> dict[str, str]:
        """Of the files that were written, by name."""
        folder = self._folder(step, student)
        return {str(path.relative_to(folder)): _content_digest(path) for path in folder.rglob("*") if path.is_file()}

    def _is_there(self, step: str, student: str, stamp: dict[str, Any]) -> bool:
        """Whether what the stamp tells of is as it was written."""
        folder, digests = self._folder(step, student), stamp.get(step, {})
        return bool(digests) and all(_content_digest(folder / name) == digest for name, digest in digests.items())

    def _stamp_file(self, student: str) -> Path:
        """What was entered: not beside the records, since every file there is one."""
        return self._root / "judged" / self._topic.id / "entered" / f"{student}.json"

    def _stamp(self, student: str) -> dict[str, Any]:
        try:
            stamp = json.loads(self._stamp_file(student).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """All of a hand-in or nothing of it; what the machine refuses is said in one line."""
        try:
            yield
        except BaseException as error:
            self.shelf.db.rollback()
            if isinstance(error, OSError) and error.errno in _FULL:
                raise CourseError(f"{_DISK_FULL} ({error.filename or self._root})") from None
            if isinstance(error, OperationalError):
                told = str(error.orig).strip().splitlines()[0]
                if "full" in told or "I/O" in told or "No space" in told:
                    raise CourseError(f"{_DISK_FULL} ({told})") from None
                raise CourseError(
                    f"the gradebook cannot be written ({told}): close what uses it or start its server, and grade again"
                ) from None
            raise


def _fill(folder: Path, contents: dict[str, bytes]) -> None:
    """Make a folder hold exactly these files, by their names in it, each written whole."""
    for name, content in contents.items():
        _write_changed(folder / name, content)
    expected = {folder / name for name in contents}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path in kept.parents for kept in expected):
                path.rmdir()
        elif path not in expected:
            path.unlink()


def _write_changed(file: Path, content: bytes) -> None:
    if file.is_symlink() or not file.is_file() or file.read_bytes() != content:
        write_whole(file, content, durable=False)


def _content_digest(file: Path) -> str:
    """ "" for a file that is not there."""
    try:
        return _digest(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()
