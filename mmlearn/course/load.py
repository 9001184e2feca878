"""Which file holds the code under test, and its loading: fresh, by path, under a name of its own."""

import sys
from itertools import count
from pathlib import Path
from types import ModuleType

from mmlearn.course import paths

_serial = count(1)


def file_under_test(topic: str, explicit: Path | None = None, folder: Path | None = None) -> Path:
    """The file that holds the learner's answers to `topic`.

    Args:
        topic: the topic's id.
        explicit: a path that settles it (a grade).
        folder: where the learner works; the current folder by default. A `<topic>.py` there is taken if the topic's
            assignment notebook stands beside it.

    Returns:
        `explicit`; else `<topic>.py` beside an assignment notebook; else `mmlearn/exercises/<topic>.py`.
    """
    if explicit is not None:
        return explicit.resolve()
    folder = (folder or Path.cwd()).resolve()
    beside = folder / f"{topic}.py"
    if beside.is_file() and (folder / f"{topic}.ipynb").is_file():
        return beside
    return paths.stub_file(topic)


def load_module(path: Path) -> ModuleType:
    """Execute the file as a module that nothing else shares, never found through `sys.path`.

    Raises:
        Whatever the file raises: SyntaxError, ImportError ...
    """
    # Compiled here, not by importlib: its bytecode cache goes by size and whole seconds, so that two quick edits of
    # the same length would be tested as one.
    code = compile(path.read_bytes(), str(path), "exec")
    module = ModuleType(f"_mmlearn_{path.stem}_{next(_serial)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    exec(code, module.__dict__)
    return module
