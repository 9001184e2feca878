"""The pytest side of graded tests: the fixtures `impl` and `rng`, and a stream of events for `mmlearn check`.

`pytest` alone binds `impl` to `solutions/`; `--impl=mmlearn.exercises` to the learner's stubs; `--impl=FILE` to a file.
"""

import gc
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb, format_exc, format_exception_only, format_list

import numpy as np
import pytest

from mmlearn.contestant.answer import Contestant
from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.course.expect import Unmet
from mmlearn.course.impl import Impl, Transport
from mmlearn.course.testfile import topic_under_test

# What takes the events, and what opens the way to the code under test: a grade puts its own in.
EVENTS = pytest.StashKey[Callable[[dict], None]]()
OPEN = pytest.StashKey[Callable[[], Transport]]()


class _Running:
    """The test that is being run; a process runs one at a time."""

    item: pytest.Item


_running = _Running()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mmlearn")
    group.addoption("--impl", default="solutions", help="solutions (default), mmlearn.exercises, or a .py file")
    group.addoption("--impl-seed", type=int, default=0, help="seed of the tests' random inputs")
    group.addoption("--events", metavar="FILE", help="write a JSON line per event (used by `mmlearn check`)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "core: without this test, its exercise earns nothing")
    if config.option.events:
        stream = open(config.option.events, "a", encoding="utf-8")
        config.add_cleanup(stream.close)

        def write(event: dict) -> None:
            stream.write(json.dumps(event) + "\n")
            stream.flush()

        config.stash[EVENTS] = write


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The reference must not warn; a learner's answer may, and is judged by what it returns."""
    if config.option.impl != "solutions":
        for item in items:
            if "impl" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.filterwarnings("ignore"))


# --- the fixtures: without pytest's own `request`, which costs more, each time, than most tests of a topic ---


@pytest.fixture(scope="module")
def impl() -> Impl:
    """The code under test: calls pass plain data, by value."""
    config = _running.item.config
    try:
        transport = config.stash.get(OPEN, _in_this_process)()
    except BaseException as error:
        told = getattr(error, "trace", None)
        problem = str(error) if told is not None else f"{type(error).__name__}: {error}"
        _emit(config, event="unloadable", problem=problem, trace=format_exc() if told is None else told)
        raise
    _emit(config, event="loaded")
    return Impl(transport)


def _in_this_process() -> Transport:
    topic = topic_under_test(_running.item.path)
    chosen = _running.item.config.option.impl
    named = {"solutions": paths.solution_file(topic), "mmlearn.exercises": paths.stub_file(topic)}
    module = load_module(named.get(chosen, Path(chosen)))
    gc.freeze()  # what Keras has built is there to stay: not looked through again and again
    return Contestant(module).answer


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng([_running.item.config.option.impl_seed, zlib.crc32(name.encode())])


@pytest.fixture(scope="module")
def rng_of() -> Callable[[str], np.random.Generator]:
    """Random inputs by name, for what several tests share: the same for everyone who is tested with the same seed."""
    return _random


@pytest.fixture
def rng() -> np.random.Generator:
    """Random inputs of one test, different from test to test."""
    return _random(_running.item.name)


def _emit(config: pytest.Config, **event: object) -> None:
    config.stash.get(EVENTS, lambda event: None)(event)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    tell_started(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if call.excinfo is not None or call.when == "call":
        tell_ended(item, call)
    return report


def tell_started(item: pytest.Item) -> None:
    _running.item = item
    _emit(item.config, event="started", test=item.name)


def tell_ended(item: pytest.Item, call: pytest.CallInfo) -> None:
    _emit(
        item.config,
        event="ended",
        test=item.name,
        passed=call.excinfo is None,
        seconds=call.duration,
        **_describe(item, call),
    )


def _describe(item: pytest.Item, call: pytest.CallInfo) -> dict:
    """What a failed test tells the learner."""
    if call.excinfo is None:
        return {}
    error = call.excinfo.value
    # A hand-in may have worded them, and an array is neither true nor false.
    details = {key: value for key, value in getattr(error, "details", {}).items() if type(value) in (str, bool)}
    trace = details.get("trace") or _trace(item, error)
    if isinstance(error, Unmet):
        return {"problem": error.problem, "cause": error.cause, "case": error.case, "trace": trace}
    described = {"problem": f"raised {type(error).__name__}: {error}", "cause": "", "case": "", "trace": trace}
    if isinstance(error, NotImplementedError) and details.get("where"):
        described["unfinished"] = details["where"]
    if details.get("mutated"):
        described["problem"] = str(error)
    return described


def _trace(item: pytest.Item, error: BaseException) -> str:
    """The traceback from the test on. pytest's own parses the whole test file for each failure, which costs more."""
    frames = extract_tb(error.__traceback__)
    own = [number for number, frame in enumerate(frames) if frame.filename == str(item.path)]
    return "".join([*format_list(frames[own[0] if own else 0 :]), *format_exception_only(error)])
