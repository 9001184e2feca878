"""The judge: a topic's graded tests, run against one hand-in after another in one warm pytest session.

The tests, their expected answers and the seed are on this side; the hand-in's code answers from behind the wall. Only
a process of its own runs this module (`mmlearn.grading.worker`), so that a judge that dies takes nothing with it.
"""

import gc
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mmlearn.course import paths
from mmlearn.course.check import examine
from mmlearn.course.pytest_plugin import EVENTS, OPEN, tell_ended, tell_started
from mmlearn.course.registry import Topic, course
from mmlearn.course.run import PLAIN, Outcome, Unloadable, collect_outcomes
from mmlearn.course.testfile import TestFunction, exercise_under_test
from mmlearn.grading.judgement import ExerciseJudgement
from mmlearn.grading.verdict import Job, Rules, Verdict
from mmlearn.grading.wall import NotLoaded, Wall
from mmlearn.grading.warm_parent import WarmParent


def judge_all(jobs: Iterator[Job], rules: Rules, done: Callable[[Verdict], None]) -> None:
    """Judge one module after another; `done` is called with each verdict before the next job is taken.

    A pytest session and a warm parent live as long as the topic stays the same.
    """
    job = next(jobs, None)
    while job is not None:
        session = _Session(job, jobs, rules, done)
        with closing(session.warm):
            code = pytest.main(
                [*PLAIN, "-p", "no:terminalreporter", f"--rootdir={os.sep}", str(paths.tests_file(job.topic))],
                plugins=[session],
            )
        if session.failure is not None:
            raise session.failure
        if code != pytest.ExitCode.OK and session.next_job is job:
            raise RuntimeError(f"the tests of {job.topic} do not run (pytest's exit code {code})")
        job = session.next_job


class _Session:
    """A pytest plugin: its run loop takes jobs instead of running each test once."""

    def __init__(self, first: Job, jobs: Iterator[Job], rules: Rules, done: Callable[[Verdict], None]):
        self.topic: Topic = course().topic(first.topic)
        self.next_job: Job | None = first
        self.failure: BaseException | None = None
        self._jobs, self._done = jobs, done
        self._test_seconds, self._seconds = rules.seconds_of(self.topic)
        limits = rules.limits
        if limits.cpu_seconds is None:
            limits = replace(limits, cpu_seconds=math.ceil(self._seconds))
        self.warm = WarmParent(rules.layers, _is_keras_topic(first.topic), limits)
        self._events: list[dict] = []
        self._unloadable = False
        self._wall: Wall | None = None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            gc.freeze()  # what pytest and the tests have built is there to stay: not looked through again and again
            session.config.stash[EVENTS] = self._take
            while self.next_job is not None and self.next_job.topic == self.topic.id:
                self._done(self._judge(session, self.next_job))
                self.next_job = next(self._jobs, None)
        except BaseException as error:  # pytest would turn it into a number
            self.failure = error
        return True

    def _take(self, event: dict) -> None:
        self._events.append(event)
        self._unloadable |= event["event"] == "unloadable"

    def _judge(self, session: pytest.Session, job: Job) -> Verdict:
        start = time.monotonic()
        file = Path(f"{job.topic}.py")
        session.config.option.impl_seed = job.seed

        def run(topic: str, tests: tuple[TestFunction, ...], file: Path, *, seed: int, seconds: float) -> list[Outcome]:
            return self._run(session, file, job.module, tests)

        report = examine(self.topic, self.topic.exercises, file, seed=job.seed, content=job.module, run=run)
        rows = tuple(
            ExerciseJudgement(
                result.exercise.id,
                result.state.value,
                result.points,
                result.exercise.points,
                printable(result.message),
                printable(result.detail),
                round(sum(outcome.seconds for outcome in result.outcomes), 4),
            )
            for result in report.results
        )
        traces = tuple(printable(trace) for result in report.results for trace in result.traces)
        return Verdict(rows, round(time.monotonic() - start, 4), traces)

    def _run(
        self, session: pytest.Session, file: Path, module: bytes, tests: tuple[TestFunction, ...]
    ) -> list[Outcome]:
        """All wanted tests; where a contestant ends, the rest of that exercise is left out."""
        if not tests:
            return []
        self._events.clear()
        self._unloadable = False
        self.warm.start()  # no time of the hand-in's
        self._wall = wall = Wall(self.warm, file.name, module, self._seconds)
        session.config.stash[OPEN] = self._open  # type: ignore[misc]
        wanted = {test.name for test in tests}
        items = [item for item in session.items if _function_name(item) in wanted]
        broken: set[str] = set()
        try:
            for index, item in enumerate(items):
                exercise = exercise_under_test(_function_name(item))
                last = index == len(items) - 1
                if exercise in broken and not last:
                    continue
                if exercise not in broken:
                    following = None if last else items[index + 1]
                    before = len(self._events)
                    self._run_item(wall, item, following)
                    if wall.deserves_another():
                        self._events[before:] = [e for e in self._events[before:] if e["event"] == "loaded"]
                        session._setupstate.teardown_exact(None)  # what tests share ended with the contestant
                        self._run_item(wall, item, following)
                    if wall.ended:
                        session._setupstate.teardown_exact(None)
                        broken.add(exercise)
                        gone = ("ended", item.name)  # how it ended is told by what ended it
                        self._events = [e for e in self._events if (e["event"], e.get("test")) != gone]
                        self._events.append({"event": "died", "problem": wall.ended})
                if self._unloadable:
                    break
        finally:
            wall.close()
            session._setupstate.teardown_exact(None)
        return collect_outcomes(self._events, list(tests))

    def _run_item(self, wall: Wall, item: pytest.Item, following: pytest.Item | None) -> None:
        """As pytest runs it, less the hooks that a terminal's reports need: they cost as much as most tests."""
        state = item.session._setupstate

        def run() -> None:
            state.setup(item)
            item.runtest()

        wall.allow(self._test_seconds)
        tell_started(item)
        item._initrequest()  # type: ignore[attr-defined]  # as pytest's rerun plugins do: the item was run before
        tell_ended(item, pytest.CallInfo.from_call(run, when="call", reraise=(KeyboardInterrupt,)))
        state.teardown_exact(following)
        if wall.broken is not None:
            raise wall.broken

    def _open(self) -> Wall:
        """What the fixture `impl` asks through."""
        assert self._wall is not None
        try:
            self._wall.load()
        except NotLoaded as error:
            raise Unloadable(str(error), error.trace) from None
        return self._wall


def printable(text: str) -> str:
    """A message without control characters: it may have been worded by a hand-in, and ends up on a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text[:20_000])


def _function_name(item: pytest.Item) -> str:
    return item.originalname or item.name if isinstance(item, pytest.Function) else item.name


def _is_keras_topic(topic: str) -> bool:
    """Whether its solution needs Keras, by the reference's own imports."""
    return "mmlearn.quiet" in paths.solution_file(topic).read_text(encoding="utf-8")
