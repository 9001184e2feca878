"""Loading of a file under test: fresh, by path, under a name of its own."""

import linecache
import sys
from itertools import count
from pathlib import Path
from types import ModuleType

_serial = count(1)


def load_module(path: Path, content: bytes | None = None) -> ModuleType:
    """Execute the file as a module that nothing else shares, never found through `sys.path`.

    Args:
        path: of the file.
        content: what it holds, where it need not lie on a disk; `path` then only names it.

    Raises:
        Whatever the file raises: SyntaxError, ImportError ...
    """
    # Compiled here, not by importlib: its bytecode cache goes by size and whole seconds, so that two quick edits of
    # the same length would be tested as one.
    code = compile(path.read_bytes() if content is None else content, str(path), "exec")
    if content is not None:  # tracebacks look their lines up there; without a time, nobody looks for the file
        lines = content.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[str(path)] = (len(content), None, lines, str(path))
    module = ModuleType(f"_mmlearn_{path.stem}_{next(_serial)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    exec(code, module.__dict__)
    return module
