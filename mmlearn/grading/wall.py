"""The judge's side of the wall: one hand-in's contestant.

Whatever comes back over the wall is bytes of at most `wire.MAX_FRAME`, decoded into plain data.
"""

import signal
import socket
import time
from contextlib import suppress

from mmlearn.contestant import wire
from mmlearn.contestant.codec import CodecError, decode
from mmlearn.grading.warm_parent import START_SECONDS, Lost, WarmParent


class ContestantEnded(BaseException):
    """The contestant hangs, has died, or spoke out of turn. No test's `except Exception` may take it for a result."""


class NotLoaded(Exception):
    """The hand-in's module raised, hung or died while it was loaded.

    Attributes:
        trace: the traceback as text.
    """

    def __init__(self, problem: str, trace: str = ""):
        self.trace = trace
        super().__init__(problem)


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
