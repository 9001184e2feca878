"""The report on a class for the terminal: it fits 80 columns."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mmlearn.course.check import State
from mmlearn.course.show import number
from mmlearn.grading.alike import HONEST, Alike, named, told
from mmlearn.grading.plain import one_line
from mmlearn.grading.report import ClassReport

MOST_PAIRS = 10  # that a terminal shows; the page has all of them
_STATES = (State.CORRECT, State.WRONG, State.NOT_ATTEMPTED, State.COULD_NOT_CHECK)


def report_tables(report: ClassReport) -> Group:
    """Exercises, their most common messages, learners, and what is suspiciously alike."""
    parts: list[RenderableType] = [_exercises(report)]
    if any(row.message for row in report.exercises):
        parts += [Text("\nMost common message", style="bold"), _messages(report)]
    parts += [Text(), _learners(report)]
    if report.waiting:
        parts.append(Text(f"{report.waiting} hand-ins wait for their written answers to be marked.", style="yellow"))
    parts += [Text(), *_alike(report)]
    return Group(*parts)


def _table(*columns: tuple[str, str]) -> Table:
    """Columns by heading and justification; the last one wraps."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, (heading, justify) in enumerate(columns):
        last = index == len(columns) - 1
        table.add_column(
            heading,
            justify="right" if justify == "right" else "left",
            no_wrap=not last or justify == "right",
            overflow="fold" if last else "ellipsis",
        )
    return table


def _exercises(report: ClassReport) -> Table:
    right = "right"
    table = _table(
        (report.topic.id, "left"),
        ("correct", right),
        ("wrong", right),
        ("blank", right),
        ("unchecked", right),
        ("median", right),
        ("sec.", right),
    )
    for row in report.exercises:
        shares = [f"{row.share(state):.0%}" for state in _STATES]
        points = f"{number(row.median_points)}/{number(row.exercise.points)}"
        table.add_row(row.exercise.id, *shares, points, f"{row.median_seconds:.2f}")
    return table


def _messages(report: ClassReport) -> Table:
    table = _table(("", "left"), ("", "right"), ("", "left"))
    table.show_header = False
    for row in report.exercises:
        if row.message:
            table.add_row(row.exercise.id, f"{row.message_count} ×", Text(one_line(row.message, 200)))
    return table


def _learners(report: ClassReport) -> Table:
    right = "right"
    table = _table(
        ("learner", "left"), ("points", right), ("written", right), ("late", right), ("total", right), ("", "left")
    )
    for row in report.learners:
        earned = row.earned
        written = "to mark" if earned.written is None else number(earned.written)
        late = f"−{number(earned.penalty)}" if earned.penalty else ""
        total = f"{number(earned.total)}/{number(earned.max_total)}"
        cells = [number(earned.points), written, late, total] if earned.handed_in else ["", "", "", ""]
        shown = Text(one_line(row.student, 24))
        table.add_row(shown, *cells, Text(one_line(row.reason, 200), style="yellow"))
    return table


def _alike(report: ClassReport) -> list[RenderableType]:
    found = report.alike
    parts: list[RenderableType] = []
    if found.solution:
        parts += [Text("Like the public solution", style="bold"), _pairs(report, found.solution)]
    if found.pairs:
        parts += [Text("Suspiciously alike", style="bold"), _pairs(report, found.pairs)]
    if not parts:
        return [Text(f"No two of the {found.compared} hand-ins with answers are suspiciously alike.")]
    parts.append(
        Text(f"Share of the first one's code. Honest answers reach {HONEST:.0%}. It is no proof.", style="dim")
    )
    return parts


def _pairs(report: ClassReport, pairs: tuple[Alike, ...]) -> Table:
    table = _table(("", "right"), ("", "left"), ("", "left"))
    table.show_header = False
    for pair in pairs[:MOST_PAIRS]:
        who = one_line(pair.one, 20)
        if pair.other:
            who += f" – {one_line(named(pair.other, report.topic), 20)}"
        table.add_row(f"{pair.share:.0%}", Text(who), Text(told(pair, report.topic), style="dim"))
    if len(pairs) > MOST_PAIRS:
        table.add_row("", f"and {len(pairs) - MOST_PAIRS} more", "")
    return table
