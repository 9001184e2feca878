"""Hints, one at a time: a nudge, the method, almost the code."""

import contextlib
from dataclasses import dataclass
from html import escape

from mmlearn.course import progress
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Exercise, course


@dataclass(frozen=True)
class Hint:
    """A hint that shows itself in a notebook or a terminal."""

    exercise: Exercise
    number: int  # from 1
    text: str

    def __repr__(self) -> str:
        return f"{self._title}: {self.text}"

    def _repr_html_(self) -> str:
        text = escape(self.text).replace("\n", "<br>")
        return f'<div style="border-left:4px solid #0072b2;padding-left:1em"><b>{self._title}</b><br>{text}</div>'

    @property
    def _title(self) -> str:
        return f"Hint {self.number} of {len(self.exercise.hints)} for {self.exercise.id}"


def hint(name: str, number: int | None = None) -> Hint:
    """The next hint of an exercise (after the last one, the last again), or, uncounted, the one of that number.

    Raises:
        CourseError: the name is not that of one exercise, or there is no hint of that number.
    """
    _, exercises = course().find(name)
    if len(exercises) != 1:
        raise CourseError(f"{name} has {len(exercises)} exercises: ask for one, e.g. {exercises[0].name}")
    (exercise,) = exercises
    if number is None:
        number = min(progress.read(exercise.name).hints + 1, len(exercise.hints))
        with contextlib.suppress(OSError):  # a read-only clone still gets its hint
            progress.count_hint(exercise.name, number)
    if not 1 <= number <= len(exercise.hints):
        raise CourseError(f"{exercise.name} has hints 1 to {len(exercise.hints)}")
    return Hint(exercise, number, exercise.hints[number - 1])
