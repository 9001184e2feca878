"""Handing in: the learner's notebook and module, put where nbgrader collects them."""

import getpass
import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic, course
from mmlearn.course.stubs import is_edited, stub_text
from mmlearn.grading.assignment import assignment_text
from mmlearn.grading.faults import module_fault, notebook_fault


@dataclass(frozen=True)
class HandIn:
    """Where a hand-in went, and what it was made of."""

    place: str
    module: Path
    notebook: Path | None  # None: a fresh notebook was handed in, its written questions unanswered


def username() -> str:
    """The name a hand-in goes by: $JUPYTERHUB_USER, else the user of this machine.

    Raises:
        CourseError: there is none, or it cannot be the name of a folder.
    """
    try:
        name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (KeyError, OSError):
        raise CourseError("this machine does not know who you are: set JUPYTERHUB_USER to your name") from None
    if not re.fullmatch(r"[\w@+-][\w@+. -]*", name):
        raise CourseError(f"{name!r} cannot name a folder: set JUPYTERHUB_USER to letters, digits, . - _ + @")
    return name


def folder_to_submit(topic: Topic, named: Path | None) -> Path:
    """Where the work lies that is to be handed in.

    Args:
        topic: what is handed in.
        named: the folder that the learner named, if any; else the current one if it holds the assignment, else
            `work/<topic>` if that is there, else the clone's `mmlearn/exercises`.

    Raises:
        CourseError: the named folder does not hold the topic's module, or `work/` and the clone hold different answers.
    """
    module = f"{topic.id}.py"
    if named is not None:
        if not (named / module).is_file():
            raise CourseError(f"{named} holds no {module}: name the folder of your assignment, or mmlearn/exercises")
        return named
    here, work, clone = Path.cwd(), paths.ROOT / "work" / topic.id, paths.stub_file(topic.id)
    if (here / module).is_file() and (here / f"{topic.id}.ipynb").is_file():
        return here
    if not (work / module).is_file():
        return clone.parent
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in (work / module, clone) if file.is_file()]
    if len(set(texts)) > 1 and all(map(is_edited, texts)):
        raise CourseError(
            f"{paths.short(work / module)} and {paths.short(clone)} both hold answers, and differ: "
            f"say which by --from {paths.short(work)} or --from {paths.short(clone.parent)}"
        )
    if len(set(texts)) > 1 and is_edited(texts[1]):
        raise CourseError(
            f"your answers are in {paths.short(clone)}, not in {paths.short(work)}: "
            f"copy them there, or hand in by --from {paths.short(clone.parent)}"
        )
    return work


def submit(topic: Topic, folder: Path, root: Path = paths.NBGRADER) -> HandIn:
    """Hand in a topic.

    Args:
        topic: what is handed in.
        folder: holds the module; the topic's assignment notebook beside it is handed in with it, or, if there is
            none, an unanswered one.
        root: the course folder, for hand-ins without an exchange.

    Raises:
        CourseError: the module does not parse, the notebook is damaged, or the exchange refuses.
    """
    module = folder.resolve() / f"{topic.id}.py"
    notebook = module.with_suffix(".ipynb") if module.with_suffix(".ipynb").is_file() else None
    reason = module_fault(module) or (notebook_fault(notebook, topic) if notebook else "")
    if reason:
        raise CourseError(f"not handed in: {reason}")
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
    mine = paths.stub_file(topic.id)
    module = mine.read_bytes() if mine.is_file() else stub_text(topic.id).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{topic.id}.py").write_bytes(module)
    notebook.write_text(assignment_text(topic, release=True), encoding="utf-8")
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
