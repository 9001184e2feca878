"""What the judge found in one hand-in, as a record that outlives the run: marks, feedback and reports are made of it.

`judged/<topic>/<student>.json` in the course folder. A record holds for exactly one fingerprint: the hand-in's files,
the tests, the registry with the stub, the grader's own code and the seed. Where they are all unchanged, the hand-in
need not be judged again.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

FORMAT = 1


@dataclass(frozen=True)
class ExerciseJudgement:
    """One exercise of a hand-in."""

    id: str
    state: str  # one of mmlearn.course.check.State
    points: float
    max_points: float
    message: str = ""  # what the learner is told
    detail: str = ""
    seconds: float = 0.0  # wall time of its tests


@dataclass(frozen=True)
class Judgement:
    """One hand-in."""

    topic: str
    student: str
    fingerprint: dict[str, str]  # "hand_in", "tests", "registry", "grader", "seed"
    exercises: tuple[ExerciseJudgement, ...]
    reason: str = ""  # why the hand-in, or a part of it, could not be graded
    seconds: float = 0.0  # wall time in the judge
    judged_at: str = ""  # ISO 8601, UTC
    sandbox: tuple[str, ...] = ()  # the layers that stood around the hand-in's code

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises)

    @property
    def max_points(self) -> float:
        return sum(exercise.max_points for exercise in self.exercises)


def record_file(root: Path, topic: str, student: str) -> Path:
    """Where the record of a hand-in stands in the course folder `root`."""
    return root / "judged" / topic / f"{student}.json"


def write_record(root: Path, judgement: Judgement) -> Path:
    """Store a judgement; whoever reads meanwhile finds the old record or the new one, whole."""
    file = record_file(root, judgement.topic, judgement.student)
    write_whole(file, json.dumps({"format": FORMAT, **asdict(judgement)}, indent=1, ensure_ascii=False).encode())
    return file


def read_record(file: Path) -> Judgement | None:
    """The stored judgement; None if there is none, or if it is not one of this format."""
    try:
        fields = json.loads(file.read_bytes())
        if fields.pop("format") != FORMAT:
            return None
        fields["exercises"] = tuple(ExerciseJudgement(**row) for row in fields["exercises"])
        fields["sandbox"] = tuple(fields["sandbox"])
        return Judgement(**fields)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # judged again: a record is a saving, never the only copy of a mark


def records(root: Path, topic: str) -> Iterator[Judgement]:
    """The stored judgements of a topic, by student."""
    for file in sorted((root / "judged" / topic).glob("*.json")):
        judgement = read_record(file)
        if judgement is not None:
            yield judgement


def write_whole(file: Path, content: bytes, durable: bool = True) -> None:
    """Write a file so that nobody sees it half written.

    Args:
        file: its folder is made if need be.
        content: of the file.
        durable: wait until it is on the disk, so that also a power cut leaves it whole.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
