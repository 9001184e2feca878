"""Code run behind the wall, as root (if the tests run as root) and as an ordinary user, and a victim outside."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mmlearn.contestant.sandbox import LAYERS, NOBODY
from mmlearn.course import paths

ROOT = os.geteuid() == 0
RUN = Path(__file__).with_name("walled_run.py")
ASK = "import json, sys; sys.path.insert(0, sys.argv[1]); from mmlearn.contestant import sandbox; "


_missing: dict[str, dict[str, str]] = {}  # by user: it does not change while the tests run


class Wall:
    """The ways behind the wall of one user."""

    def __init__(self, user: str, room: Path, package: Path):
        self.user, self.room, self.package = user, room, package
        switches = ROOT and user == "ordinary"
        self.identity: dict = {"extra_groups": [0]} if ROOT else {}
        if switches:
            self.identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self.python = python_for_anyone() if ROOT else sys.executable

    def start(self, command: list, **options) -> subprocess.Popen:
        """A process of this user, outside the wall."""
        return subprocess.Popen(command, cwd="/", **self.identity, **options)

    def run(self, code: str, layers=LAYERS, *, victim: int = 0, warm=(), limits=None, readable=(), become=None) -> str:
        """What the code, confined by `layers`, printed; then "through" or "stopped <error>"; then how it ended."""
        command = self.command(code, layers, victim, warm, limits or {}, readable, become)
        began = self.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = began.communicate()
        assert "NOT CONFINED" not in out, out
        assert "SandboxError" not in err, err
        return out + err

    def command(self, code, layers=LAYERS, victim=0, warm=(), limits=None, readable=(), become=None) -> list:
        spec = {
            "package": str(self.package),
            "layers": list(layers),
            "limits": limits or {},
            "room": str(self.room),
            "victim": victim,
            "warm": list(warm),
            "readable": [str(path) for path in readable],
            "code": code,
            "become": become,
        }
        # Started from the world-readable copy, unless the code is to load what only the project's Python has.
        return [sys.executable if warm else self.python, "-B", str(self.package / RUN.name), json.dumps(spec)]

    def missing(self) -> dict[str, str]:
        """`sandbox.available()` as this user sees it."""
        if self.user not in _missing:
            _missing[self.user] = self._ask_what_is_missing()
        return _missing[self.user]

    def _ask_what_is_missing(self) -> dict[str, str]:
        command = [self.python, "-B", "-c", f"{ASK}print(json.dumps(sandbox.available()))", str(self.package)]
        return json.loads(self.start(command, stdout=subprocess.PIPE).communicate()[0])

    def landlock(self) -> int:
        """The kernel's version of Landlock."""
        code = f"{ASK}print(sandbox.sandbox_landlock.abi())"
        return int(self.start([self.python, "-B", "-c", code, str(self.package)], stdout=-1).communicate()[0])


@cache
def python_for_anyone() -> str:
    """A Python that an ordinary user can run."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([python, "-c", "import ctypes, json"], user=NOBODY, group=NOBODY, cwd="/", check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return python
    pytest.fail("no Python on this machine can be run by an ordinary user")


@pytest.fixture(scope="session")
def package() -> Iterator[Path]:
    """A copy of what the contestant's side runs, readable by everyone (a clone under /root is not)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(paths.ROOT / "mmlearn/contestant", folder / "mmlearn/contestant")
        for file in ("__init__.py", "quiet.py"):
            shutil.copy(paths.ROOT / "mmlearn" / file, folder / "mmlearn")
        shutil.copy(RUN, folder)
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield folder


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder outside the wall in which everyone may do anything."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture(params=["root", "ordinary"] if ROOT else ["ordinary"])
def wall(request, room, package) -> Wall:
    return Wall(request.param, room, package)


@pytest.fixture
def own_wall(room, package) -> Wall:
    """The wall for the user whom the tests run as."""
    return Wall("root" if ROOT else "ordinary", room, package)


@pytest.fixture
def victim(wall) -> Iterator[subprocess.Popen]:
    """A process outside the wall, of the same user, that lets itself be traced and holds a secret."""
    code = (
        "import ctypes, time\nctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    process = wall.start([wall.python, "-c", code], stdout=subprocess.PIPE, env={"SECRET": "hidden"})
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()
