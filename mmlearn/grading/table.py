"""Marks for the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.course.show import number
from mmlearn.grading.grade import Mark
from mmlearn.grading.verdict import Verdict


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


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[Mark], None]]:
    """A bar with the time left, and a line for each mark that the yielded function is told of.

    Raises:
        CourseError: it was stopped, by Ctrl-C.
    """
    columns = [BarColumn(), MofNCompleteColumn(), TextColumn("time left"), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def tell(mark: Mark) -> None:
            bar.console.print(Text(line(mark), style="dim"), soft_wrap=True)
            bar.advance(task)

        try:
            yield tell
        except KeyboardInterrupt:
            raise CourseError("stopped: what was graded is kept, and the same command goes on from there") from None


def trace(verdict: Verdict) -> Group:
    """What the judge found, exercise by exercise, and the traces behind it."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("exercise", "points", "seconds", ""):
        rows.add_column(heading, justify="right" if heading in ("points", "seconds") else "left", overflow="fold")
    for row in verdict.exercises:
        told = " — ".join(part for part in (row.state, row.message, row.detail) if part)
        rows.add_row(row.id, f"{number(row.points)}/{number(row.max_points)}", f"{row.seconds:.2f}", Text(told))
    return Group(rows, *(Text(f"\n{told}", style="dim") for told in verdict.traces))
