"""A data folder of one's own, and a real terminal to type into."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from mmlearn.interview import schedule

PATIENCE = 120  # seconds: how long a busy machine may take; a test that passes does not wait for it


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The user's data folder, empty."""
    monkeypatch.setenv("MMLEARN_DATA", str(tmp_path / "data"))
    assert schedule.folder() == tmp_path / "data"
    return tmp_path / "data"


class Terminal:
    """A pseudo-terminal in which `mmlearn interview ...` runs as for a person."""

    def __init__(self, *arguments: str) -> None:
        self.screen = ""
        self.read = 0  # how much of the screen `expect` has passed
        ours, theirs = pty.openpty()
        self.descriptor = ours
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mmlearn.cli", "interview", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "100", "PYTHONUTF8": "1"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)

    def expect(self, text: str) -> None:
        """Wait until `text` comes on the screen, after what was expected before."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen[self.read :]:
            if time.monotonic() > deadline or not self._more(1.0):
                raise AssertionError(f"{text!r} did not come; the screen holds:\n{self.screen}")
        self.read = self.screen.index(text, self.read) + len(text)

    def _more(self, seconds: float) -> bool:
        """Read what is there; False at the end of the output."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return True
        try:
            received = os.read(self.descriptor, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.screen += received.decode(errors="replace").replace("\r\n", "\n")
        return bool(received)

    def type(self, line: str) -> None:
        os.write(self.descriptor, f"{line}\n".encode())

    def press_control_c(self) -> None:
        os.write(self.descriptor, b"\x03")

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def wait(self) -> int:
        """Read to the end; the exit code."""
        while self._more(1.0):
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.descriptor)


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that its Ctrl-C reaches the program."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(data):
    """Opens terminals: `terminal("quiz")`."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()
