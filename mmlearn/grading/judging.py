"""Hand-ins into records: each is judged once for what it is, with the same secret inputs for the whole class."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol

from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.course.check import State
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.course.stubs import stub_text
from mmlearn.course.testfile import tests_digest
from mmlearn.grading.judgement import ExerciseJudgement, Judgement, read_record, record_file, write_record, write_whole
from mmlearn.grading.pool import TRIES, Pool
from mmlearn.grading.safe_read import HandInFiles, read_hand_in
from mmlearn.grading.verdict import Job, Rules, Verdict

SEEDS_TRIED = 5
_REFERENCE = ""  # among students: no folder has this name

# With which seeds and rules the reference has earned full points, since this process began: a machine may have changed
# since the seed was drawn, and a grader that does not work must not enter zeros.
_vouched_for: set[tuple[str, int, Rules]] = set()


class Judges(Protocol):
    """A `Pool` of this machine, or a `Cluster`."""

    def run(self, tasks: Iterable[tuple[str, Job]]) -> Iterator[tuple[str, Verdict | None]]: ...


def rules_here(trust: bool = False) -> Rules:
    """The strongest sandbox that this machine offers.

    Args:
        trust: go on with less than a hand-in of a stranger needs.

    Raises:
        CourseError: what it offers is not enough, and `trust` was not said.
    """
    layers = tuple(layer for layer, lacking in sandbox.available().items() if not lacking)
    open_to = sandbox.enough(layers)
    if open_to and not trust:
        raise CourseError(
            f"this machine cannot keep a hand-in's code apart: {open_to}. Grade on Linux (or in WSL 2), "
            "or say --i-trust-these-hand-ins if you know whose they are"
        )
    return Rules(layers=layers)


def judge_hand_ins(
    topic: Topic, root: Path, folders: Iterable[Path], pool: Judges, rules: Rules, *, force: bool = False
) -> Iterator[Judgement]:
    """Judge the hand-ins in `folders`, in parallel; what was judged already, and has not changed, is not judged again.

    Args:
        topic: what was handed in.
        root: the course folder, where the records and the seed are kept.
        folders: `submitted/<student>/<topic>` of each.
        pool: the judges.
        rules: those of the pool.
        force: judge again all the same.

    Yields:
        A judgement as soon as it is recorded.

    Raises:
        CourseError: the reference solution does not earn full points here, so nobody's marks could be trusted.
    """
    folders = tuple(folders)
    stored = _seed(root, topic)
    wrong = ""
    for seed in [stored] if stored is not None else [secrets.randbits(63) for _ in range(SEEDS_TRIED)]:
        jobs: list[tuple[str, Job]] = []
        about: dict[str, tuple[dict[str, str], str]] = {}
        unreadable: list[tuple[str, dict[str, str], str]] = []
        for folder in folders:
            student = folder.parent.name
            files = read_hand_in(folder, topic)
            print_ = fingerprint(topic, files, seed)
            known = None if force else read_record(record_file(root, topic.id, student))
            if known is not None and known.fingerprint == print_:
                yield known
                continue
            if files.module is not None:
                about[student] = print_, files.faults
                jobs.append((student, Job(topic.id, files.module, seed)))
            else:
                unreadable.append((student, print_, files.faults))
        try:
            for student, verdict in _vouched(topic, root, pool, rules, seed, jobs):
                print_, faults = about.pop(student)
                yield _recorded(root, _judgement(topic, student, print_, verdict, faults, rules))
        except _ReferenceFails as error:
            wrong = str(error)
            continue
        for student, print_, faults in unreadable:
            yield _recorded(root, _unjudged(topic, student, print_, faults))
        return
    raise CourseError(f"the reference solution of {topic.id} does not earn full points here, so nobody could: {wrong}")


class _ReferenceFails(Exception):
    """The text is what it fails at: something is wrong with this machine, the sandbox, the tests or the seed."""


def _vouched(
    topic: Topic, root: Path, pool: Judges, rules: Rules, seed: int, jobs: list[tuple[str, Job]]
) -> Iterator[tuple[str, Verdict | None]]:
    """The verdicts, held back until the reference solution has earned full points with this seed, which is then kept.

    Raises:
        _ReferenceFails: it has not.
    """
    vouched = not jobs or (topic.id, seed, rules) in _vouched_for
    reference = _REFERENCE, Job(topic.id, paths.solution_file(topic.id).read_bytes(), seed)
    held: list[tuple[str, Verdict | None]] = []
    for student, verdict in pool.run(jobs if vouched else [reference, *jobs]):
        if student == _REFERENCE:
            if wrong := _reference_fault(verdict):
                raise _ReferenceFails(wrong)
            write_whole(_seed_file(root, topic), json.dumps({"seed": seed}).encode())
            _vouched_for.add((topic.id, seed, rules))
            vouched = True
            yield from held
        elif vouched:
            yield student, verdict
        else:
            held.append((student, verdict))


def _reference_fault(verdict: Verdict | None) -> str:
    """What the reference solution fails at; "" if it earns full points."""
    if verdict is None:
        return "the judge died on it"
    return next((f"{row.id}: {row.message}" for row in verdict.exercises if row.state != State.CORRECT), "")


def replayed(topic: Topic, root: Path, student: str, rules: Rules) -> Verdict:
    """One hand-in judged again with the seed of its grade. Nothing is recorded or entered.

    Raises:
        CourseError: there is no such hand-in, or the topic was never graded here.
    """
    folder = root / "submitted" / student / topic.id
    if folder not in list((root / "submitted").glob(f"*/{topic.id}")):
        raise CourseError(f"no hand-in of {topic.id} by {student!r} in {paths.short(root)}/submitted")
    seed = _seed(root, topic)
    if seed is None:
        raise CourseError(f"{topic.id} was not graded here yet: run `mmlearn grade {topic.id}` first")
    files = read_hand_in(folder, topic)
    if files.module is None:
        raise CourseError(f"the hand-in of {student} cannot be judged: {files.faults}")
    with Pool(rules, jobs=1) as pool:
        ((_, verdict),) = pool.run([(student, Job(topic.id, files.module, seed))])
    if verdict is None:
        raise CourseError(f"the judge died on the hand-in of {student}, {TRIES} times over")
    return verdict


def forget_seed(root: Path, topic: Topic) -> None:
    """New inputs from now on: every hand-in of the topic will be judged again."""
    _seed_file(root, topic).unlink(missing_ok=True)


def fingerprint(topic: Topic, files: HandInFiles, seed: int) -> dict[str, str]:
    """All that a judgement rests on."""
    return {
        "hand_in": files.digest,
        "tests": tests_digest(topic.id),
        "registry": _digest(repr(topic).encode() + stub_text(topic.id).encode()),
        "grader": grader_digest(),
        "seed": _digest(str(seed).encode()),
    }


def _seed_file(root: Path, topic: Topic) -> Path:
    return root / "judged" / topic.id / "seed" / "seed.json"


def _seed(root: Path, topic: Topic) -> int | None:
    try:
        return int(json.loads(_seed_file(root, topic).read_bytes())["seed"])
    except FileNotFoundError:
        return None


@cache
def grader_digest() -> str:
    """Changes with any line of the code that judges."""
    rooms = [paths.ROOT / "mmlearn" / room for room in ("contestant", "course", "grading")]
    files = sorted(file for room in rooms for file in room.glob("*.py"))
    return _digest(b"".join(file.read_bytes() for file in files))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _recorded(root: Path, judgement: Judgement) -> Judgement:
    write_record(root, judgement)
    return judgement


def _judgement(
    topic: Topic, student: str, print_: dict[str, str], verdict: Verdict | None, faults: str, rules: Rules
) -> Judgement:
    if verdict is None:  # no fingerprint: another time they may live
        return _unjudged(topic, student, {}, "the judge died on it, three times over")
    unchecked = [row for row in verdict.exercises if row.state == State.COULD_NOT_CHECK]
    everywhere = {row.message for row in unchecked} if len(unchecked) == len(verdict.exercises) else set()
    reason = faults or (next(iter(everywhere)) if len(everywhere) == 1 else "")
    return Judgement(topic.id, student, print_, verdict.exercises, reason, verdict.seconds, _now(), tuple(rules.layers))


def _unjudged(topic: Topic, student: str, print_: dict[str, str], reason: str) -> Judgement:
    rows = tuple(
        ExerciseJudgement(exercise.id, State.COULD_NOT_CHECK.value, 0.0, exercise.points, reason)
        for exercise in topic.exercises
    )
    return Judgement(topic.id, student, print_, rows, reason, 0.0, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
