"""Judges on other machines: hand-ins sent to a dask.distributed cluster, for a class that outgrows one machine.

Every worker needs a clone of this course at the same version. What is sent is plain bytes, a module's source among
them; what comes back is plain bytes. Dask unpickles what it gets, so no object of a hand-in ever goes that way.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from mmlearn.contestant.codec import decode, encode
from mmlearn.course.errors import CourseError
from mmlearn.course.testfile import tests_digest
from mmlearn.grading.judging import grader_digest
from mmlearn.grading.pool import TRIES, Pool
from mmlearn.grading.verdict import Job, Rules, Verdict

CONNECT_SECONDS = 30

_of_this_thread = threading.local()


class Cluster:
    """Does what `mmlearn.grading.pool.Pool` does, with the workers of a cluster.

    Args:
        rules: how they judge; the sandbox's layers must be there on every worker.
        address: of the scheduler: tcp://host:8786.

    Raises:
        CourseError: no scheduler answers, or it has no workers.
    """

    def __init__(self, rules: Rules, address: str):
        try:
            from distributed import Client
        except ModuleNotFoundError:
            raise CourseError("a cluster needs dask: .venv/bin/python -m pip install distributed") from None

        self._rules = rules
        self._stopped = threading.Event()
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CourseError(f"no dask scheduler answers at {address}: {error}") from None
        if not self._client.scheduler_info()["workers"]:
            self.close()
            raise CourseError(f"the scheduler at {address} has no workers: start `dask worker {address} --nthreads 1`")

    def run(self, tasks: Iterable[tuple[str, Job]]) -> Iterator[tuple[str, Verdict | None]]:
        """Judge all, in whatever order they are done. A worker that dies is replaced by another.

        Yields:
            key and verdict; None for a verdict where workers died on it, time and again.

        Raises:
            CourseError: a worker cannot judge: another version of the course, or no sandbox.
        """
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        keys = {}
        for key, job in tasks:
            order = encode({"job": vars(job), "rules": asdict(self._rules), "version": _version(job.topic)})
            keys[self._client.submit(judge_order, order, pure=False, retries=TRIES - 1)] = key
        for future in as_completed(list(keys), loop=self._client.loop):
            if self._stopped.is_set():
                return
            error = future.exception()
            if error is not None and not isinstance(error, KilledWorker):
                raise CourseError(f"a worker of the cluster failed: {error}")
            told = None if error is not None else decode(future.result())
            yield keys[future], None if told is None else Verdict.from_plain(told)

    def stop(self) -> None:
        """From another thread: let a `run` end soon."""
        self._stopped.set()

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def judge_order(order: bytes) -> bytes:
    """What a worker runs: one hand-in, by a judge that stays warm in this worker.

    Returns:
        The verdict, encoded; None, encoded, where judges have died on it: it must not end the grade of the others.

    Raises:
        RuntimeError: this worker cannot judge.
    """
    told = decode(order)
    job = Job(**told["job"])
    if told["version"] != _version(job.topic):
        raise RuntimeError("its clone of the course is at another version: update it, and restart the worker")
    rules = Rules.from_plain(told["rules"])
    if getattr(_of_this_thread, "rules", None) != rules:
        _of_this_thread.rules, _of_this_thread.pool = rules, Pool(rules, jobs=1)
    ((_, verdict),) = _of_this_thread.pool.run([("one", job)])
    return encode(None if verdict is None else asdict(verdict))


def _version(topic: str) -> str:
    return f"{grader_digest()} {tests_digest(topic)}"
