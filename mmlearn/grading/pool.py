"""Several judges at a time, each in a process that may die: its job is then given to a fresh one.

No array passes between it and them, so that whoever only grades need not load NumPy.
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from msgpack import packb, unpackb

from mmlearn.contestant import wire
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.course.run import pytest_environment
from mmlearn.grading.verdict import Job, Rules, Verdict

TRIES = 3  # a hand-in on which so many judges have died is given up
SLACK_SECONDS = 240  # for starting a judge and a warm parent, beside what the hand-in itself may take


@dataclass
class _Task:
    key: str
    job: Job
    tries: int = 0


class Pool:
    """Judges that work side by side.

    Args:
        rules: how they judge.
        jobs: how many of them; by default one a core.
    """

    def __init__(self, rules: Rules, jobs: int | None = None):
        self._workers = [_Worker(rules) for _ in range(jobs or os.cpu_count() or 1)]
        self._stopped = threading.Event()

    def run(self, tasks: Iterable[tuple[str, Job]]) -> Iterator[tuple[str, Verdict | None]]:
        """Judge all, in whatever order they are done; the keys tell which is which.

        Yields:
            key and verdict; None for a verdict where the judge died on it, time and again.

        Raises:
            CourseError: the grader itself cannot work here.
        """
        waiting = deque(_Task(*one) for one in tasks)
        try:
            with selectors.DefaultSelector() as selector:
                self._give(waiting)
                while not self._stopped.is_set():
                    busy = {worker.connection: worker for worker in self._workers if worker.task and worker.connection}
                    if not busy:
                        return
                    for connection in busy:
                        selector.register(connection, selectors.EVENT_READ)
                    ready = {key.fileobj for key, _ in selector.select(timeout=0.5)}
                    judged = []
                    for connection, worker in busy.items():
                        selector.unregister(connection)
                        if connection not in ready and time.monotonic() < worker.deadline:
                            continue
                        task, verdict = worker.take()
                        if verdict is None and task.tries < TRIES:
                            waiting.append(task)
                        else:
                            judged.append((task.key, verdict))
                    self._give(waiting)  # before the verdicts are written down: nobody waits for a disk
                    yield from judged
        finally:  # whoever asked may have turned away: what is in hand then is nobody's any more
            for worker in self._workers:
                if worker.task is not None:
                    worker.task = None
                    worker.close()

    def _give(self, waiting: deque[_Task]) -> None:
        for worker in self._workers:
            if waiting and worker.task is None:
                worker.give(waiting.popleft())

    def stop(self) -> None:
        """From another thread: let a `run` end soon."""
        self._stopped.set()

    def close(self) -> None:
        for worker in self._workers:
            worker.hang_up()  # all of them first: an end takes a moment
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Worker:
    """One judge's process and the task that it has in hand."""

    def __init__(self, rules: Rules):
        self._rules = rules
        self._process: subprocess.Popen | None = None
        self._number = 0
        self.connection: socket.socket | None = None
        self.task: _Task | None = None
        self.deadline = 0.0

    def give(self, task: _Task) -> None:
        self.task = task
        task.tries += 1
        _, seconds = self._rules.seconds_of(course().topic(task.job.topic))
        self.deadline = time.monotonic() + seconds + SLACK_SECONDS
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self.connection is not None
        self._number += 1
        with suppress(wire.WireError):  # it has died just now: `take` finds out
            wire.send(self.connection, self._number, packb(vars(task.job)), self.deadline)

    def take(self) -> tuple[_Task, Verdict | None]:
        """The task and its verdict; None where the judge has died or does not answer, which ends this process."""
        task, self.task = self.task, None
        assert task is not None and self.connection is not None
        try:
            told = unpackb(wire.receive(self.connection, self._number, time.monotonic() + 10))
        except wire.WireError:
            self.close()
            return task, None
        if "failure" in told:
            raise CourseError(told["failure"])
        return task, Verdict.from_plain(told)

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def close(self) -> None:
        self.hang_up()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        self.close()
        self.connection, theirs = socket.socketpair()
        self._number = 0
        options = json.dumps(asdict(self._rules))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mmlearn.grading.worker", str(theirs.fileno()), options],
                pass_fds=[theirs.fileno()],
                env=pytest_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C reaches all of a terminal's group: it is the grader's to handle
            )
