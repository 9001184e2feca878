"""Graded tests run by pytest in a child process, so that a hang or a crash of the code under test is survived."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.testfile import TestFunction

# How graded tests are run. What they do without costs time to load, and a learner waits.
_NEEDLESS = (
    *("cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "legacypath", "logging", "pastebin"),
    *("setuponly", "setupplan", "skipping", "stepwise", "threadexception", "unittest", "unraisableexception"),
    "warnings",  # a learner's answer may warn
)
PLAIN = ["-p", "mmlearn.course.pytest_plugin", "--assert=plain", "--tb=no", "-q", "-c", os.devnull]
PLAIN += ["--import-mode=importlib", *(part for plugin in _NEEDLESS for part in ("-p", f"no:{plugin}"))]

START_SECONDS = 60  # for Python, pytest and the imports of a test file on a slow machine


@dataclass(frozen=True)
class Outcome:
    """How one test function ended, over all its cases: the first failure counts.

    `passed` is None where the test could not be brought to an end; `problem` then says why.
    """

    test: TestFunction
    passed: bool | None
    problem: str = ""
    cause: str = ""
    case: str = ""
    trace: str = ""
    unfinished: str = ""  # the function whose NotImplementedError ended the test
    seconds: float = 0.0  # wall time of its cases, as far as they were run


class Unloadable(Exception):
    """The module under test raised while it was executed.

    Attributes:
        trace: the traceback as text.
    """

    def __init__(self, problem: str, trace: str = ""):
        self.trace = trace
        super().__init__(problem)


def run_tests(topic: str, tests: tuple[TestFunction, ...], file: Path, *, seed: int, seconds: float) -> list[Outcome]:
    """Run graded tests of `topic` against `file`.

    A test that hangs is stopped after `seconds`, one that takes the process down is noted; the other exercises are
    then tested in a fresh process, and what is left of that exercise is not.

    Raises:
        Unloadable: the file raises when it is loaded, or takes longer than `seconds` to load.
    """
    outcomes: list[Outcome] = []
    left = list(tests)
    while left:
        done = _run_once(topic, left, file, seed, seconds)
        outcomes += done
        broken = {outcome.test.exercise for outcome in done if outcome.passed is None}
        tested = {outcome.test.name for outcome in done}
        left = [test for test in left if test.name not in tested and test.exercise not in broken]
    return outcomes


def run_batch(topic: str, jobs: list[tuple[Path, list[TestFunction]]]) -> list[list[Outcome]]:
    """Run tests against many files in one child process: for files that are trusted not to hang, such as mutants.

    Starting Python, pytest and NumPy costs far more than a topic's tests do.
    """
    with tempfile.TemporaryDirectory(prefix="mmlearn-batch-") as folder:
        streams = [Path(folder, f"{index}.jsonl") for index in range(len(jobs))]
        runs = [
            _pytest_arguments(topic, tests, file, 0, events, folder)
            for (file, tests), events in zip(jobs, streams, strict=True)
        ]
        loop = "import json, sys, pytest\nfor arguments in json.load(sys.stdin): pytest.main(arguments)"
        subprocess.run(
            [sys.executable, "-c", loop],
            input=json.dumps(runs).encode(),
            stdout=subprocess.DEVNULL,
            env=pytest_environment(),
            check=True,
        )
        return [
            collect_outcomes(map(json.loads, events.read_text(encoding="utf-8").splitlines()), tests)
            for (_, tests), events in zip(jobs, streams, strict=True)
        ]


def _run_once(topic: str, tests: list[TestFunction], file: Path, seed: int, seconds: float) -> list[Outcome]:
    """One child process: the outcomes up to its end, or up to the test that hung or took it down."""
    with tempfile.TemporaryDirectory(prefix="mmlearn-check-", ignore_cleanup_errors=True) as folder:
        events, log = Path(folder, "events.jsonl"), Path(folder, "pytest.log")
        events.touch()
        command = [sys.executable, "-m", "pytest", *_pytest_arguments(topic, tests, file, seed, events, folder)]
        outcomes = collect_outcomes(_events(command, log, events, seconds), tests)
        if len(outcomes) < len(tests) and all(outcome.passed is not None for outcome in outcomes):
            # Not the learner's doing: pytest itself did not start, or the test file is broken.
            raise RuntimeError(f"the tests of {topic} did not run:\n{log.read_text(errors='replace')[-3000:]}")
    return outcomes


def collect_outcomes(events: Iterable[dict], tests: list[TestFunction]) -> list[Outcome]:
    """What a stream of events says of each test function."""
    by_name = {test.name: test for test in tests}
    outcomes: dict[str, Outcome] = {}
    running: TestFunction | None = None
    loaded = False
    for event in events:
        function = by_name.get(event.get("test", "").partition("[")[0])
        match event["event"]:
            case "unloadable":
                raise Unloadable(event["problem"], event["trace"])
            case "loaded":
                loaded = True
            case "started":
                running = function
            case "ended" if function:
                running = None
                before = outcomes.get(function.name)
                seconds = event["seconds"] + (before.seconds if before else 0.0)
                if before is None or before.passed:
                    told = {key: event.get(key, "") for key in ("problem", "cause", "case", "trace", "unfinished")}
                    outcomes[function.name] = Outcome(function, event["passed"], seconds=seconds, **told)
                else:
                    outcomes[function.name] = replace(before, seconds=seconds)
            case "hung" | "died" if running:
                if not loaded:
                    raise Unloadable(f"its top level {event['problem']}")
                outcomes[running.name] = Outcome(running, None, problem=event["problem"])
    return list(outcomes.values())


def _pytest_arguments(
    topic: str, tests: list[TestFunction], file: Path, seed: int, events: Path, folder: str
) -> list[str]:
    """What a check's pytest is started with."""
    named = [f"{paths.tests_file(topic)}::{test.name}" for test in tests]
    return [*PLAIN, f"--rootdir={folder}", f"--impl={file}", f"--impl-seed={seed}", f"--events={events}", *named]


def pytest_environment() -> dict[str, str]:
    """What a process that runs graded tests is started with."""
    return os.environ | {
        # No plugins or options of the environment: plugins cost half a second, and the tests use none.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        # A file in the current folder is neither handed in nor meant to stand in for a module of Python's.
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "Agg",
        "OPENBLAS_NUM_THREADS": "1",  # starting more takes longer than all that a test multiplies
    }


def _events(command: list[str], log: Path, events: Path, seconds: float) -> Iterator[dict]:
    """The child's events as they come, and one more at its end: "hung" or "died"."""
    with log.open("wb") as output, events.open(encoding="utf-8") as stream:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=pytest_environment()
        )
        try:
            line, deadline = "", time.monotonic() + START_SECONDS
            while True:
                ended = child.poll() is not None
                while part := stream.readline():
                    line += part
                    if line.endswith("\n"):
                        yield json.loads(line)
                        line, deadline = "", time.monotonic() + seconds
                if ended:
                    break
                if time.monotonic() > deadline:
                    yield {"event": "hung", "problem": f"took more than {seconds:g} s (an endless loop?)"}
                    return
                time.sleep(0.01)
            yield {"event": "died", "problem": f"ended the Python process ({_exit_reason(child.returncode)})"}
        finally:
            child.kill()
            child.wait()


def _exit_reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
