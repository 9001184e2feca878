"""`check`: what is right, what is wrong and why, for the exercises of one file."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mmlearn.course import paths, progress
from mmlearn.course.load import file_under_test
from mmlearn.course.registry import Exercise, Topic, course
from mmlearn.course.run import Outcome, Unloadable, run_tests
from mmlearn.course.source import Source, Unreadable, answer_digest, is_untouched, read_source, rule_broken
from mmlearn.course.stubs import stub_source
from mmlearn.course.testfile import graded_tests, tests_digest


class State(StrEnum):
    NOT_ATTEMPTED = "not attempted"
    WRONG = "wrong"
    CORRECT = "correct"
    COULD_NOT_CHECK = "could not be checked"


@dataclass(frozen=True)
class Result:
    """What was found about one exercise."""

    exercise: Exercise
    state: State
    points: float = 0.0
    message: str = ""  # why it is not correct: the likely cause, else the problem
    detail: str = ""  # the problem and the case it happened on, where `message` is the cause
    outcomes: tuple[Outcome, ...] = ()

    @property
    def traces(self) -> list[str]:
        return [outcome.trace for outcome in self.outcomes if not outcome.passed and outcome.trace]


@dataclass(frozen=True)
class Report:
    """What was found in one file."""

    topic: Topic
    file: Path
    results: tuple[Result, ...]

    @property
    def points(self) -> float:
        return sum(result.points for result in self.results)

    @property
    def max_points(self) -> float:
        return sum(result.exercise.points for result in self.results)

    @property
    def all_correct(self) -> bool:
        return all(result.state is State.CORRECT for result in self.results)

    def __repr__(self) -> str:
        from mmlearn.course.show import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from mmlearn.course.show import as_html

        return as_html(self)


def check(name: str, file: Path | None = None) -> Report:
    """Check a topic (`similarity`) or an exercise (`similarity.top_k`, or `top_k`).

    Args:
        name: what to check.
        file: the file that holds the answers; by default `<topic>.py` beside an assignment notebook in the current
            folder, else `mmlearn/exercises/<topic>.py`.

    Returns:
        A report that shows itself as a table. What it found in the learner's own file is remembered for
        `mmlearn progress`, and lets lessons use a function that passed; nothing is remembered of another `file`.

    Raises:
        CourseError: nothing is called `name`.
    """
    topic, exercises = course().find(name)
    report = examine(topic, exercises, file_under_test(topic.id, file))
    if file is None:
        # A read-only clone still gets its answer.
        with contextlib.suppress(OSError):
            remember(report)
    return report


def examine(
    topic: Topic,
    exercises: Iterable[Exercise],
    file: Path,
    *,
    seed: int = 0,
    content: bytes | None = None,
    run: Callable[..., list[Outcome]] = run_tests,
) -> Report:
    """Check `file` and remember nothing.

    Args:
        topic: the topic whose tests are run.
        exercises: those of its exercises to check.
        file: holds the answers.
        seed: of the tests' random inputs.
        content: of `file`, where that was read already.
        run: runs the tests; called like `run_tests`.
    """
    exercises = tuple(exercises)
    try:
        source = read_source(file, content)
    except Unreadable as reason:
        gone = content is None and not file.exists()
        mend = f"; `mmlearn reset {topic.id}` brings the stub back" if gone else ""
        return Report(topic, file, _all_unchecked(exercises, f"{reason}{mend}"))
    stub = stub_source(topic.id)
    settled: dict[str, Result] = {}
    for exercise in exercises:
        if all(is_untouched(source, stub, name) for name in exercise.definitions):
            twice = f"{exercise.id} is defined twice: the last one counts, and that is the stub"
            settled[exercise.id] = Result(
                exercise, State.NOT_ATTEMPTED, message=twice if source.defined_twice(exercise.id) else ""
            )
        elif not source.binds(exercise.id):
            missing = f"there is no function {exercise.id} in {paths.short(file)}: was it renamed or deleted?"
            settled[exercise.id] = Result(exercise, State.WRONG, message=missing)
        elif broken := rule_broken(source, exercise.id, (*topic.forbidden, *exercise.forbidden), exercise.needs_one_of):
            settled[exercise.id] = Result(exercise, State.WRONG, message=broken)
    tests = tuple(
        test
        for test in graded_tests(topic.id)
        if any(test.exercise == e.id for e in exercises) and test.exercise not in settled
    )
    try:
        outcomes = run(topic.id, tests, file, seed=seed, seconds=topic.test_seconds)
    except Unloadable as reason:
        problem = f"{paths.short(file)} does not load: {reason}"
        unchecked = _all_unchecked([e for e in exercises if e.id not in settled], problem, reason.trace)
        settled |= {result.exercise.id: result for result in unchecked}
        return Report(topic, file, tuple(settled[exercise.id] for exercise in exercises))
    for exercise in exercises:
        if exercise.id not in settled:
            own = tuple(outcome for outcome in outcomes if outcome.test.exercise == exercise.id)
            settled[exercise.id] = judge(exercise, own)
    return Report(topic, file, tuple(settled[exercise.id] for exercise in exercises))


def _all_unchecked(exercises: Iterable[Exercise], problem: str, trace: str = "") -> tuple[Result, ...]:
    results = []
    for exercise in exercises:
        tests = [test for test in graded_tests(exercise.topic) if test.exercise == exercise.id]
        outcomes = tuple(Outcome(test, None, problem=problem, trace=trace) for test in tests[:1])
        results.append(Result(exercise, State.COULD_NOT_CHECK, message=problem, outcomes=outcomes))
    return tuple(results)


def judge(exercise: Exercise, outcomes: tuple[Outcome, ...]) -> Result:
    """The exercise's state and points from how its tests ended."""
    if not outcomes:  # nothing failed, but nothing was shown either
        return Result(exercise, State.COULD_NOT_CHECK, message=f"the tests of {exercise.id} did not run")
    stopped = [outcome for outcome in outcomes if outcome.passed is None]
    if stopped:
        return Result(exercise, State.COULD_NOT_CHECK, message=f"{exercise.id} {stopped[0].problem}", outcomes=outcomes)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if not failed:
        return Result(exercise, State.CORRECT, exercise.points, outcomes=outcomes)
    core_passed = all(outcome.passed for outcome in outcomes if outcome.test.core)
    points = exercise.points * (len(outcomes) - len(failed)) / len(outcomes) if core_passed else 0.0
    message, detail = _explain(exercise, failed)
    return Result(exercise, State.WRONG, round(points, 2), message, detail, outcomes)


def _explain(exercise: Exercise, failed: list[Outcome]) -> tuple[str, str]:
    first = failed[0]
    where = f" ({first.case})" if first.case else ""
    more = f"; {len(failed) - 1} more of its tests fail" if len(failed) > 1 else ""
    if first.unfinished and first.unfinished != exercise.id:
        return f"it needs {first.unfinished}, which is not written yet: finish {first.unfinished} first", ""
    if first.unfinished:
        return "it still raises NotImplementedError on some inputs: finish that branch", first.case + more
    if first.cause:
        return first.cause, first.problem + where + more
    return first.problem + where, more.removeprefix("; ")


def remember(report: Report) -> None:
    """Store each result with the digest of the answer that it holds for."""
    try:
        source: Source | None = read_source(report.file)
    except Unreadable:
        source = None
    for result in report.results:
        digest = answer_digest(source, result.exercise.id) if source else ""
        progress.record(
            result.exercise.name,
            state=result.state.value,
            points=result.points,
            answer=digest,
            tests=tests_digest(report.topic.id),
        )


def has_passed(exercise: Exercise, file: Path) -> bool:
    """Whether the exact answer that `file` holds now has passed today's tests. Runs nothing."""
    entry = progress.read(exercise.name)
    if entry.state != State.CORRECT.value or entry.tests != tests_digest(exercise.topic):
        return False
    try:
        return entry.answer == answer_digest(read_source(file), exercise.id)
    except Unreadable:
        return False
