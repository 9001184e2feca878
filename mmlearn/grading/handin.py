"""Handing in: the learner's notebook and module, put where nbgrader collects them."""

import getpass
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.load import file_under_test
from mmlearn.course.registry import Topic, course
from mmlearn.course.source import Unreadable, read_source
from mmlearn.grading.assignment import assignment_text


@dataclass(frozen=True)
class HandIn:
    """Where a hand-in went, and what it was made of."""

    place: str
    module: Path
    notebook: Path | None  # None: a fresh notebook was handed in, its written questions unanswered


def username() -> str:
    """The name a hand-in goes by: $JUPYTERHUB_USER, else the user of this machine."""
    return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()


def submit(topic: Topic, folder: Path, root: Path = paths.NBGRADER) -> HandIn:
    """Hand in a topic.

    Args:
        topic: what is handed in.
        folder: where the learner works. If the topic's assignment notebook stands there, it and the module beside it
            are handed in; else `mmlearn/exercises/<topic>.py` with an unanswered notebook.
        root: the course folder, for hand-ins without an exchange.

    Raises:
        CourseError: the module does not parse, or the exchange refuses.
    """
    module = file_under_test(topic.id, folder=folder)
    notebook = module.with_suffix(".ipynb") if module.with_suffix(".ipynb").is_file() else None
    try:
        read_source(module)
    except Unreadable as reason:
        raise CourseError(f"not handed in: {reason}") from None
    with tempfile.TemporaryDirectory(prefix="mmlearn-submit-") as temporary:
        packed = Path(temporary) / topic.id
        packed.mkdir()
        shutil.copyfile(module, packed / module.name)
        if notebook:
            shutil.copyfile(notebook, packed / notebook.name)
        else:
            (packed / f"{topic.id}.ipynb").write_text(assignment_text(topic, release=True), encoding="utf-8")
        place = _to_exchange(topic, packed) if exchange_root() else _to_folder(topic, packed, root)
    return HandIn(place, module, notebook)


def work_copy(topic: Topic, folder: Path) -> Path:
    """Put the assignment (notebook, and the learner's module from the clone) into `folder`, to answer its questions.

    Raises:
        CourseError: the assignment is there already; nothing is overwritten.
    """
    notebook = folder / f"{topic.id}.ipynb"
    if notebook.exists() or (folder / f"{topic.id}.py").exists():
        raise CourseError(f"{paths.short(folder)} holds this assignment already; nothing was changed")
    folder.mkdir(parents=True, exist_ok=True)
    notebook.write_text(assignment_text(topic, release=True), encoding="utf-8")
    shutil.copyfile(paths.stub_file(topic.id), folder / f"{topic.id}.py")
    return notebook


def exchange_root() -> Path | None:
    """The folder of nbgrader's exchange if one is there and can be written; None otherwise."""
    from nbgrader.exchange.default import Exchange

    root = Path(_config().Exchange.get("root", Exchange.root.default_value))
    return root if root.is_dir() and os.access(root, os.W_OK | os.X_OK) else None


def _config():
    """nbgrader's configuration as its own commands would read it here."""
    from nbgrader.apps import NbGraderApp

    app = NbGraderApp(log_level=logging.ERROR)  # a warning that there is no configuration is no news to a learner
    app.load_config_file()
    return app.config


def _to_folder(topic: Topic, packed: Path, root: Path) -> str:
    target = root / "submitted" / username() / topic.id
    (packed / "timestamp.txt").write_text(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f} UTC\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    # The new hand-in stands complete beside the old one before it takes its place.
    fresh = target.with_name(f".{topic.id}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(packed, fresh)
    if target.exists():
        shutil.rmtree(target)
    fresh.rename(target)
    return paths.short(target)


def _to_exchange(topic: Topic, packed: Path) -> str:
    from nbgrader.auth import Authenticator
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange import ExchangeError
    from nbgrader.exchange.default import ExchangeSubmit

    config = _config()
    coursedir = CourseDirectory(config=config)
    coursedir.course_id = coursedir.course_id or course().id
    coursedir.assignment_id = topic.id
    exchange = ExchangeSubmit(
        coursedir=coursedir,
        authenticator=Authenticator(config=config),
        config=config,
        assignment_dir=str(packed.parent),
    )
    try:
        exchange.start()
    except ExchangeError as error:
        raise CourseError(f"the exchange refused the hand-in: {error}") from None
    return str(Path(exchange.inbound_path, exchange.assignment_filename))
