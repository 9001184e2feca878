"""A warm parent, as the judge starts and orders it: contestants are forked from it.

`mmlearn.contestant.warm` is what runs in it.
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
from dataclasses import asdict
from pathlib import Path

from mmlearn.contestant import sandbox, wire
from mmlearn.course import paths

START_SECONDS = 120  # for a warm parent's imports on a slow, busy machine
# Nobody's; used where the judge runs as root. Each judge takes its own: the limit of threads is a user's.
CONTESTANT_UIDS = range(60_000, 61_000)


class Lost(Exception):
    """The warm parent died under a contestant: nothing is known of the hand-in, which must be judged again."""


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
