"""What a judge is given and what it gives back. Whoever only hands these on need not load pytest."""

from dataclasses import dataclass, field

from mmlearn.contestant import sandbox
from mmlearn.course.registry import Topic
from mmlearn.grading.judgement import ExerciseJudgement


@dataclass(frozen=True)
class Rules:
    """How a hand-in is judged."""

    layers: tuple[str, ...] = sandbox.LAYERS
    limits: sandbox.Limits = field(default_factory=sandbox.Limits)
    test_seconds: float | None = None  # for one test; None: the topic's own limit
    seconds: float | None = None  # for a whole hand-in; None: five times a test's

    def seconds_of(self, topic: Topic) -> tuple[float, float]:
        """What one test of the topic may take, and what a hand-in may take in all."""
        test_seconds = self.test_seconds or topic.test_seconds
        return test_seconds, self.seconds or 5 * test_seconds

    @classmethod
    def from_plain(cls, told: dict) -> "Rules":
        """From what `dataclasses.asdict` made of them, after a journey that turns tuples into lists."""
        return cls(**{**told, "layers": tuple(told["layers"]), "limits": sandbox.Limits(**told["limits"])})


@dataclass(frozen=True)
class Job:
    """One module to be judged."""

    topic: str
    module: bytes
    seed: int


@dataclass(frozen=True)
class Verdict:
    """What became of a job."""

    exercises: tuple[ExerciseJudgement, ...]
    seconds: float
    traces: tuple[str, ...] = ()

    @classmethod
    def from_plain(cls, told: dict) -> "Verdict":
        """From what `dataclasses.asdict` made of it, after a journey."""
        rows = tuple(ExerciseJudgement(**row) for row in told["exercises"])
        return cls(rows, told["seconds"], tuple(told["traces"]))
