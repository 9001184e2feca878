"""A check's report as a table: for the terminal, as plain text, and as HTML in a notebook."""

import io
from html import escape

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from mmlearn.course import paths, progress
from mmlearn.course.check import Report, Result, State, has_passed
from mmlearn.course.load import file_under_test
from mmlearn.course.registry import course

# A sign and a word beside the colour: no one needs to tell red from green. (Colours: Okabe and Ito 2008.)
_SIGN = {State.CORRECT: "✓", State.WRONG: "✗", State.NOT_ATTEMPTED: "·", State.COULD_NOT_CHECK: "!"}
_TERMINAL = {State.CORRECT: "green", State.WRONG: "red", State.NOT_ATTEMPTED: "dim", State.COULD_NOT_CHECK: "yellow"}
_HTML = {
    State.CORRECT: "#007a5a",
    State.WRONG: "#b64a00",
    State.NOT_ATTEMPTED: "#6b6b6b",
    State.COULD_NOT_CHECK: "#8a6100",
}
_CELL = "padding:4px 8px"


def number(value: float) -> str:
    """Points without needless zeros: 7, 7.5, 6.67."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def summary(report: Report) -> str:
    """One line: how many are correct, how many points."""
    correct = sum(result.state is State.CORRECT for result in report.results)
    return (
        f"{correct} of {len(report.results)} correct, "
        f"{number(report.points)} of {number(report.max_points)} points · {paths.short(report.file)}"
    )


def _what_next(report: Report) -> str:
    """The one command that helps most now; "" when all is correct."""
    for result in report.results:
        if result.state in (State.WRONG, State.NOT_ATTEMPTED):
            return f"mmlearn hint {result.exercise.name}"
    return ""


def _explanation(result: Result) -> tuple[str, str]:
    if result.state is State.NOT_ATTEMPTED:
        exercise = result.exercise
        return result.message, f"{exercise.title}: {exercise.stars}, about {exercise.minutes} min"
    return result.message, result.detail


def as_rich(report: Report, verbose: bool = False) -> Group:
    """For a terminal; with `verbose`, the tracebacks follow."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", width=1)
    table.add_column(report.topic.id, no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for result in report.results:
        style = _TERMINAL[result.state]
        message, detail = _explanation(result)
        told = Text(result.state.value, style=style)
        if message:
            told.append(f"\n{message}", style="default")
        if detail:
            told.append(f"{chr(10) if message else ' — '}{detail}", style="dim")
        points = f"{number(result.points)}/{number(result.exercise.points)}"
        table.add_row(Text(_SIGN[result.state], style=style), result.exercise.id, points, told)
    parts: list = [table, Text(f"\n{summary(report)}")]
    if _what_next(report):
        parts.append(Text(f"Stuck? {_what_next(report)}", style="dim"))
    if verbose:
        for result in report.results:
            parts += [Text(f"\n{result.exercise.id}\n{trace}", style="dim") for trace in result.traces]
    return Group(*parts)


def as_text(report: Report) -> str:
    """Plain text of at most 100 columns."""
    stream = io.StringIO()
    # In a kernel, rich would display by itself and leave the stream empty.
    Console(file=stream, width=100, color_system=None, force_jupyter=False).print(as_rich(report))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def as_html(report: Report) -> str:
    """A table for a notebook; the colours hold on light and dark pages."""
    rows = []
    for result in report.results:
        message, detail = _explanation(result)
        told = f"<b>{result.state.value}</b>"
        if message:
            told += f"<br>{escape(message)}"
        if detail:
            told += f'<br><span style="opacity:.7">{escape(detail)}</span>'
        colour = _HTML[result.state]
        points = f"{number(result.points)}&nbsp;/&nbsp;{number(result.exercise.points)}"
        rows.append(
            f'<tr style="vertical-align:top">'
            f'<td style="{_CELL};text-align:center;color:white;background:{colour}"><b>{_SIGN[result.state]}</b></td>'
            f'<td style="{_CELL};text-align:left"><code>{escape(result.exercise.id)}</code></td>'
            f'<td style="{_CELL};text-align:right">{points}</td>'
            f'<td style="{_CELL};text-align:left;max-width:44em;white-space:normal">{told}</td></tr>'
        )
    stuck = _what_next(report)
    footer = escape(summary(report)) + (f" · stuck? <code>{escape(stuck)}</code>" if stuck else "")
    return f'<table style="margin-left:0">{"".join(rows)}</table><div style="opacity:.8">{footer}</div>'


def progress_table() -> Group:
    """Every topic and exercise with what was last found of it, and what to do next. Runs no checks."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("", "exercise", "points", "", "min"):
        table.add_column(heading, justify="right" if heading in ("points", "min") else "left", no_wrap=True)
    table.add_column("")
    earned = possible = 0.0
    following = ""
    for topic in course().topics:
        table.add_row("", Text(f"{topic.lesson[:2]} {topic.title}", style="bold"))  # the lesson by its number
        for exercise in topic.exercises:
            entry = progress.read(exercise.name)
            state = State(entry.state) if entry.state in list(State) else State.NOT_ATTEMPTED
            changed = state is State.CORRECT and not has_passed(exercise, file_under_test(topic.id))
            if changed:  # a pass holds for the answer that was checked; what stands there now is another
                state = State.NOT_ATTEMPTED
            gained = 0.0 if changed else entry.points
            sign = Text(_SIGN[state], style=_TERMINAL[state])
            points = f"{number(gained)}/{number(exercise.points)}"
            note = "changed" if changed else ""
            table.add_row(sign, exercise.name, points, exercise.stars, str(exercise.minutes), note)
            earned, possible = earned + gained, possible + exercise.points
            if state is not State.CORRECT and not following:
                following = f"next: {exercise.name}, {exercise.title} (notebooks/{topic.lesson}.ipynb)"
    return Group(table, Text(f"\n{number(earned)} of {number(possible)} points; {following or 'all done'}"))
