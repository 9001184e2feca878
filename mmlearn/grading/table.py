"""Marks for the terminal."""

from rich.table import Table
from rich.text import Text

from mmlearn.course.registry import Topic
from mmlearn.course.show import number
from mmlearn.grading.grade import Mark


def line(mark: Mark) -> str:
    """One finished hand-in, in one line."""
    return f"{mark.student}: {number(mark.points)} of {number(mark.max_points)}" + (
        f" — {mark.reason}" if mark.reason else ""
    )


def marks_table(topic: Topic, marks: list[Mark]) -> Table:
    """A row a learner: points, written points, and how many exercises earned full marks, or why there are none."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(topic.id, no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("written", justify="right", no_wrap=True)
    table.add_column("exercises")
    for mark in marks:
        full = sum(mark.exercises.get(exercise.id) == exercise.points for exercise in topic.exercises)
        told = Text(f"{full} of {len(topic.exercises)} correct")
        if mark.reason:
            told = Text(mark.reason, style="yellow")
        written = "to mark" if mark.written is None else number(mark.written)
        table.add_row(
            mark.student,
            f"{number(mark.points)}/{number(mark.max_points)}",
            f"{written}/{number(mark.max_written)}",
            told,
        )
    return table
