"""The judge's side of the wall: a warm parent to fork contestants from, and one hand-in's contestant.

Whatever comes back over the wall is bytes of at most `wire.MAX_FRAME`, decoded into plain data.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from mmlearn.contestant import sandbox, wire
from mmlearn.contestant.codec import CodecError, decode
from mmlearn.course import paths

START_SECONDS = 120  # for a warm parent's imports on a slow, busy machine
# Nobody's; used where the judge runs as root. Each judge takes its own: the limit of threads is a user's.
CONTESTANT_UIDS = range(60_000, 61_000)


class ContestantEnded(BaseException):
    """The contestant hangs, has died, or spoke out of turn. No test's `except Exception` may take it for a result."""


class Lost(Exception):
    """The warm parent died under a contestant: nothing is known of the hand-in, which must be judged again."""


class NotLoaded(Exception):
    """The hand-in's module raised, hung or died while it was loaded.

    Attributes:
        trace: the traceback as text.
    """

    def __init__(self, problem: str, trace: str = ""):
        self.trace = trace
        super().__init__(problem)


def readable() -> list[Path]:
    """All that a contestant may read beside the system's libraries: Python, its packages, the data, its own room."""
    package = paths.ROOT / "mmlearn"
    pythons = {Path(part).resolve() for part in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    return [
        *sorted(pythons | {Path(sys.prefix)}),
        package / "__init__.py",
        package / "quiet.py",
        package / "contestant",
        package / "data",
    ]


def contestants_user() -> int | None:
    """Whom contestants of this judge run as; None for the judge's own user, who is not root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    return CONTESTANT_UIDS[os.getpid() % len(CONTESTANT_UIDS)]


class WarmParent:
    """A process that has imported NumPy, and Keras if asked, from which contestants are forked.

    Args:
        layers: of the sandbox; see `sandbox.LAYERS`.
        keras: whether to import Keras.
        limits: of each contestant.
        warmed_up: whether to have used Keras; contestants then start sooner, but graphs get stuck in them.
    """

    def __init__(self, layers: Sequence[str], keras: bool, limits: sandbox.Limits, warmed_up: bool = True):
        self.layers = tuple(layers)
        self.warmed_up = keras and warmed_up
        self._keras = keras
        self._limits = limits
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._number = 0
        self._home = ""  # where no own root hides it: a folder for what Keras and matplotlib write when imported

    def start(self) -> None:
        """Start it, unless it runs already; returns when it is warm."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        options = {
            "layers": self.layers,
            "keras": self._keras,
            "warmed_up": self.warmed_up,
            "limits": asdict(self._limits),
            "readable": [str(path) for path in readable()],
            "uid": contestants_user(),
        }
        if "mounts" not in self.layers:
            self._home = tempfile.mkdtemp(prefix="mmlearn-home-")
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-X", "utf8", "-W", "ignore", "-m", "mmlearn.contestant.warm"]
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), json.dumps(options)],
                pass_fds=[theirs.fileno()],
                env=_environment(self._home or "/scratch"),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        self._orders, self._number = ours, 0
        try:
            wire.receive(ours, 0, time.monotonic() + START_SECONDS)
        except wire.WireError as error:
            self._process.kill()
            assert self._process.stderr is not None
            said = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise RuntimeError(f"the sandbox did not start: {said[-1] if said else error}") from None

    def not_warmed_up(self) -> "WarmParent":
        """Another one, as it was before it had used Keras."""
        return WarmParent(self.layers, self._keras, self._limits, warmed_up=False)

    def fork(self) -> tuple[socket.socket, int]:
        """A new contestant: the socket to it, and its number for `end`. A dead warm parent is replaced."""
        for last_try in (False, True):
            self.start()
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    return ours, self._order({"do": "fork"}, theirs)["child"]
            except (wire.WireError, OSError) as error:
                ours.close()
                self.kill()
                if last_try:
                    raise RuntimeError(f"the warm parent {error}") from None
        raise AssertionError

    def end(self, child: int, patience: float = 0.0) -> str:
        """Make sure that a contestant is over.

        Returns:
            How it ended by itself, within `patience` seconds; "" if it had to be stopped.

        Raises:
            Lost: there is no warm parent any more.
        """
        try:
            return self._order({"do": "end", "child": child, "patience": patience})["status"]
        except (wire.WireError, OSError):
            self.kill()  # and all its children with it
            raise Lost from None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self.close()

    def close(self) -> None:
        """Let it go: it ends when its socket does."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = ""
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process = None

    def _order(self, order: dict, descriptor: socket.socket | None = None) -> dict:
        assert self._orders is not None
        self._number += 1
        given = [descriptor.fileno()] if descriptor else []
        socket.send_fds(self._orders, [json.dumps(order).encode()], given)
        return json.loads(wire.receive(self._orders, self._number, time.monotonic() + START_SECONDS))


class Wall:
    """Between the judge and one hand-in. A contestant that ends is replaced by a fresh one when it is next asked.

    Args:
        warm: to fork contestants from.
        name: the module's file name, as messages and tracebacks show it.
        module: its content.
        seconds: wall time that all its contestants together may take.
    """

    def __init__(self, warm: WarmParent, name: str, module: bytes, seconds: float):
        self._warm = warm
        self._first = name.encode() + b"\n" + module
        self._connection: socket.socket | None = None
        self._child = 0
        self._number = 0
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._deadline = self._until
        self._allowed = seconds
        self.ended = ""  # why the contestant that was asked last came to an end
        # Whether that was SIGKILL: perhaps not its own doing, but the kernel's, where the machine's memory runs out.
        self.killed = False
        self._stuck = False  # or whether it did not answer in time, which may be the fork's doing
        self._plain: WarmParent | None = None  # not warmed up: started when a contestant got stuck
        self.broken: Exception | None = None  # what failed on this side of the wall

    def allow(self, seconds: float) -> None:
        """For a new test, which may take this long."""
        self.ended, self.killed, self._stuck = "", False, False
        self._allowed = seconds
        self._deadline = min(time.monotonic() + seconds, self._until)

    def load(self) -> None:
        """Fork a contestant and have it load the module.

        Raises:
            NotLoaded: the module cannot be loaded.
            Lost, RuntimeError: the grader does not work; `broken` tells it, too.
        """
        try:
            try:
                self._load()
            except NotLoaded:
                if not self.deserves_another():
                    raise
                self.allow(self._allowed)
                self._load()
        except NotLoaded:
            self.killed = False  # it had its second chance
            raise
        except (Lost, RuntimeError) as error:
            self.broken = error
            raise

    def _load(self) -> None:
        self._connection, self._child = self._warm.fork()
        try:
            hello = wire.receive(self._connection, 0, time.monotonic() + START_SECONDS)
            if hello != b".":
                raise RuntimeError(f"the sandbox does not hold: {hello[1:].decode(errors='replace')}")
            self._number = 1
            wire.send(self._connection, 1, self._first, self._deadline)
            told = decode(wire.receive(self._connection, 1, self._deadline))
            if type(told) is not dict or not all(type(told.get(key, "")) is str for key in ("problem", "trace")):
                raise wire.WireError("answered nonsense")
        except (wire.WireError, CodecError) as error:
            raise NotLoaded(f"its top level {self._why(error)}") from None
        if "problem" in told:
            self.close()
            raise NotLoaded(told["problem"], told.get("trace", ""))

    def deserves_another(self) -> bool:
        """Whether how the contestant ended may be no doing of the hand-in: only if it happens again, it is."""
        if self._stuck and self._warm.warmed_up:
            started = time.monotonic()
            self._plain = self._warm = self._warm.not_warmed_up()
            self._plain.start()
            self._until += time.monotonic() - started  # no time of the hand-in's
            return True
        return self.killed

    def __call__(self, request: bytes) -> bytes:
        """Ask the contestant.

        Raises:
            ContestantEnded: it did not answer; `ended` says why, and the next call finds a fresh one.
        """
        try:
            if self._connection is None:
                self.load()
            assert self._connection is not None
            self._number += 1
            wire.send(self._connection, self._number, request, self._deadline)
            return wire.receive(self._connection, self._number, self._deadline)
        except NotLoaded as error:
            self.ended = str(error)
        except wire.WireError as error:
            try:
                self.ended = self._why(error)
            except Lost as lost:
                self.broken = lost
        except (Lost, RuntimeError):
            pass  # `broken` tells it to the judge; this test is at its end in any case
        raise ContestantEnded(self.ended)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None
            with suppress(Lost):
                self._warm.end(self._child)
        if self._plain is not None:
            self._plain.close()

    def _why(self, error: Exception) -> str:
        """What became of the contestant, in words for the learner; it is over afterwards."""
        assert self._connection is not None
        self._connection.close()
        self._connection = None
        if isinstance(error, wire.TooSlow):
            self._stuck = True
            self._warm.end(self._child)
            if time.monotonic() >= self._until:
                return f"took more than {self._seconds:g} s in all"
            return f"took more than {self._allowed:g} s (an endless loop?)"
        if not isinstance(error, wire.Gone):  # it may end now that nobody listens, but that is not what was wrong
            self._warm.end(self._child)
            return str(error)
        # Its end of the socket closes a moment before the process is over.
        status = self._warm.end(self._child, patience=1.0)
        self.killed = status == f"signal {signal.SIGKILL:d}"
        return f"ended the Python process ({status})" if status else str(error)


def _environment(home: str) -> dict[str, str]:
    """Nothing of the instructor's: a contestant can read what its warm parent was started with."""
    kept = {key: os.environ[key] for key in ("LANG", "LC_ALL", "KERAS_BACKEND", "LD_LIBRARY_PATH") if key in os.environ}
    return kept | {
        "PATH": os.defpath,
        "HOME": home,
        "KERAS_HOME": home,
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": home,
        # One thread each: contestants run side by side, and sums come out the same on every machine.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
