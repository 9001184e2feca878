"""The report on a class: what the judge found, exercise by exercise, and what each learner earned."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mmlearn.course import paths
from mmlearn.course.check import State
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Exercise, Topic
from mmlearn.grading.alike import Alikeness, alike_in_class
from mmlearn.grading.grade import hand_ins
from mmlearn.grading.gradebook import Earned, earned, open_gradebook
from mmlearn.grading.judgement import ExerciseJudgement, Judgement, records
from mmlearn.grading.plain import one_line, points_cell, text_cell, write_csv

# Inputs are random, so that the same mistake is met with other numbers in each grade with a new seed.
_NUMBERS = re.compile(
    r"[-+]?(?:\b\d+(?:\.\d*)?(?:e[-+]?\d+)?|\b(?:nan|inf)\b)(?:[\s,;]+[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?))*"
)


@dataclass(frozen=True)
class ExerciseRow:
    """How the class did in one exercise. Shares and medians are over all judged hand-ins."""

    exercise: Exercise
    counts: dict[State, int]
    message: str  # the most common one among those that are not correct; "" if there is none
    message_count: int  # hand-ins that were met with it, numbers aside
    median_points: float
    median_seconds: float  # wall time of its tests, over the hand-ins on which they ran; 0 if on none

    def share(self, state: State) -> float:
        """From 0 to 1."""
        return self.counts[state] / max(1, sum(self.counts.values()))


@dataclass(frozen=True)
class LearnerRow:
    """What one learner earned, as it stands in the gradebook, and what the judge said."""

    earned: Earned
    states: dict[str, State]  # exercise -> state; empty if not judged
    messages: dict[str, str]  # exercise -> what the learner is told
    reason: str  # why it is not, or not wholly, graded; "" if it is

    @property
    def student(self) -> str:
        return self.earned.student


@dataclass(frozen=True)
class ClassReport:
    """Everything that the tables, the page and the CSV file show."""

    topic: Topic
    exercises: tuple[ExerciseRow, ...]
    learners: tuple[LearnerRow, ...]
    alike: Alikeness
    judged: int  # hand-ins with a record
    judged_at: str  # the latest of their times, ISO 8601, UTC; "" if none is known

    @property
    def totals(self) -> list[float]:
        """Of those who handed in."""
        return [row.earned.total for row in self.learners if row.earned.handed_in]

    @property
    def waiting(self) -> int:
        """Hand-ins whose written answers nobody has marked yet."""
        return sum(row.earned.written is None for row in self.learners)


def class_report(root: Path, topic: Topic) -> ClassReport:
    """Read the judge's records, the gradebook and the hand-ins of a topic.

    Args:
        root: the course folder.
        topic: what was graded.

    Raises:
        CourseError: nothing of it was graded yet.
    """
    judged = {judgement.student: judgement for judgement in records(root, topic.id)}
    if not judged:
        raise CourseError(f"nothing of {topic.id} is graded in {paths.short(root)}: run `mmlearn grade {topic.id}`")
    with open_gradebook(root) as gradebook:
        book = earned(gradebook, topic)
    waiting = {folder.parent.name for folder in hand_ins(root, topic.id)}
    students = sorted(judged.keys() | book.keys() | waiting)
    return ClassReport(
        topic=topic,
        exercises=tuple(exercise_row(exercise, list(judged.values())) for exercise in topic.exercises),
        learners=tuple(
            _learner_row(book.get(student, Earned(student)), judged.get(student), student in waiting)
            for student in students
        ),
        alike=alike_in_class(root, topic),
        judged=len(judged),
        judged_at=max(judgement.judged_at for judgement in judged.values()),
    )


def exercise_row(exercise: Exercise, judgements: list[Judgement]) -> ExerciseRow:
    """One exercise over all hand-ins. One that a record does not name, or in words not known here, was not checked."""
    found = [_of(exercise, judgement) for judgement in judgements]
    states = Counter(_state(one) for one in found)
    message, count = common_message([one.message for one in found if one.message and _state(one) in _UNHAPPY])
    seconds = [one.seconds for one in found if one.seconds > 0]
    return ExerciseRow(
        exercise,
        {state: states[state] for state in State},
        message,
        count,
        median([one.points for one in found]) if found else 0.0,
        median(seconds) if seconds else 0.0,
    )


_UNHAPPY = (State.WRONG, State.COULD_NOT_CHECK)


def common_message(messages: list[str]) -> tuple[str, int]:
    """The message that stands there most often, numbers aside, in the words of its first example; and how often.

    Of several that are equally common, the one that comes first.
    """
    if not messages:
        return "", 0
    patterns = [_NUMBERS.sub("#", message) for message in messages]
    (pattern, count), *_ = Counter(patterns).most_common(1)
    return one_line(messages[patterns.index(pattern)]), count


def write_report_csv(report: ClassReport, file: Path) -> None:
    """A row a learner: marks, the reason if not graded, then points, state and message of each exercise."""
    heads = ["student_id", "first_name", "last_name", "points", "max_points", "written"]
    heads += ["late_penalty", "total", "max_total", "reason"]
    for row in report.exercises:
        heads += [f"{row.exercise.id} {what}" for what in ("points", "state", "message")]
    write_csv(file, [heads, *(_csv_row(report, learner) for learner in report.learners)])


def _csv_row(report: ClassReport, row: LearnerRow) -> list[str]:
    earned = row.earned
    cells = [text_cell(text) for text in (earned.student, earned.first_name, earned.last_name)]
    cells += [points_cell(value) for value in (earned.points, report.topic.points, earned.written)]
    cells += [points_cell(value) for value in (earned.penalty, earned.total, earned.max_total)]
    cells.append(text_cell(row.reason))
    for exercise in report.topic.exercises:
        state = row.states.get(exercise.id)
        cells += [points_cell(earned.exercises.get(exercise.id)), state.value if state else ""]
        cells.append(text_cell(row.messages.get(exercise.id, "")))
    return cells


def _of(exercise: Exercise, judgement: Judgement) -> ExerciseJudgement:
    for one in judgement.exercises:
        if one.id == exercise.id:
            return one
    return ExerciseJudgement(exercise.id, State.COULD_NOT_CHECK.value, 0.0, exercise.points, judgement.reason)


def _state(one: ExerciseJudgement) -> State:
    return State(one.state) if one.state in list(State) else State.COULD_NOT_CHECK


def _learner_row(earned: Earned, judgement: Judgement | None, handed_in: bool) -> LearnerRow:
    if judgement is None:
        reason = "handed in, not graded yet" if handed_in else "nothing handed in"
        return LearnerRow(earned, {}, {}, reason if not earned.handed_in or handed_in else "")
    reason = judgement.reason
    if not earned.handed_in:
        reason = reason or "judged, but not in the gradebook: run `mmlearn grade` again"
    return LearnerRow(
        earned,
        {one.id: _state(one) for one in judgement.exercises},
        {one.id: one.message for one in judgement.exercises},
        reason,
    )
