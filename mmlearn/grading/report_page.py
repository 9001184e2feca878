"""The report on a class as one HTML file that needs no other: its style and plots are inside."""

import base64
from html import escape
from pathlib import Path

from mmlearn.course.check import State
from mmlearn.course.show import number
from mmlearn.grading.alike import HONEST, LEAST, RUN, THRESHOLD, Alike, named, told
from mmlearn.grading.judgement import write_whole
from mmlearn.grading.plain import one_line
from mmlearn.grading.report import ClassReport

_STATES = (State.CORRECT, State.WRONG, State.NOT_ATTEMPTED, State.COULD_NOT_CHECK)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { margin-bottom: 0; } h2 { margin-top: 2em; } .about { color: #555; margin-top: .2em; }
table { border-collapse: collapse; width: 100%; } .narrow { width: auto; }
th { text-align: left; border-bottom: 2px solid #888; } th, td { padding: 3px 10px 3px 0; vertical-align: top; }
td { border-bottom: 1px solid #ddd; overflow-wrap: break-word; max-width: 32em; }
.n { text-align: right; } td.n, td code { white-space: nowrap; } .reason { color: #8a4b00; } code { font-size: 90%; }
th { vertical-align: bottom; } .wide { min-width: 22em; }
img { max-width: 100%; margin: 1em 0; } .note { background: #f4f4f0; padding: .6em 1em; border-left: 4px solid #888; }
"""


def write_page(report: ClassReport, file: Path) -> None:
    """Write the page; it is never seen half written."""
    write_whole(file, page(report).encode("utf-8", errors="replace"))


def page(report: ClassReport) -> str:
    """The page as text. Whatever came from a hand-in or a gradebook is escaped."""
    title = escape(f"Report: {report.topic.title}")
    parts = [
        "<!doctype html>",
        f"<html lang='en'><head><meta charset='utf-8'><title>{title}</title>",
        # No script and no outside file, whatever a hand-in might bring in.
        "<meta http-equiv='Content-Security-Policy' "
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1><p class='about'>{escape(_about(report))}</p>",
        *_plots(report),
        "<h2>Exercises</h2>",
        _exercises(report),
        "<h2>Learners</h2>",
        _learners(report),
        "<h2>Alike</h2>",
        *_alike(report),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _about(report: ClassReport) -> str:
    when = f", the last at {report.judged_at}" if report.judged_at else ""
    told = f"{report.judged} hand-ins graded{when}."
    if report.waiting:
        told += f" {report.waiting} wait for their written answers to be marked; their totals lack those points."
    return told


def _plots(report: ClassReport) -> list[str]:
    from mmlearn.grading.report_plots import points_histogram, state_bars

    described = {
        "Histogram of the total points": points_histogram(report),
        "Bars of the shares of correct, wrong, not attempted and unchecked answers": state_bars(report),
    }
    return [
        f"<img alt='{alt}' src='data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}'>"
        for alt, svg in described.items()
        if svg
    ]


def _exercises(report: ClassReport) -> str:
    rows = []
    for row in report.exercises:
        shares = "".join(f"<td class='n'>{row.share(state):.0%}</td>" for state in _STATES)
        message = f"{row.message_count} × {escape(one_line(row.message, 400))}" if row.message else ""
        points = f"{number(row.median_points)}&nbsp;/&nbsp;{number(row.exercise.points)}"
        rows.append(
            f"<tr><td><code>{escape(row.exercise.id)}</code></td>{shares}<td class='n'>{points}</td>"
            f"<td class='n'>{row.median_seconds:.2f}</td><td class='wide'>{message}</td></tr>"
        )
    heads = [f"<th class='n'>{state.value}</th>" for state in _STATES]
    heads += ["<th class='n'>median points</th>", "<th class='n'>median seconds</th>"]
    first = f"<tr><th>exercise</th>{''.join(heads)}<th>most common message</th></tr>"
    note = "Medians are over the graded hand-ins; seconds are the wall time of an exercise's tests, where they ran. "
    note += "Messages that differ only in their numbers count as one."
    return f"<table>{first}{''.join(rows)}</table><p class='about'>{note}</p>"


def _learners(report: ClassReport) -> str:
    rows = []
    for row in report.learners:
        earned = row.earned
        cells = ["", "", "", ""]
        if earned.handed_in:
            written = "to mark" if earned.written is None else number(earned.written)
            late = f"−{number(earned.penalty)}" if earned.penalty else ""
            total = f"{number(earned.total)}&nbsp;/&nbsp;{number(earned.max_total)}"
            cells = [number(earned.points), written, late, total]
        numbers = "".join(f"<td class='n'>{cell}</td>" for cell in cells)
        who = f"<td>{escape(one_line(row.student))}</td><td>{escape(one_line(earned.name))}</td>"
        rows.append(f"<tr>{who}{numbers}<td class='reason'>{escape(one_line(row.reason, 400))}</td></tr>")
    heads = "".join(f"<th class='n'>{head}</th>" for head in ("points", "written", "late", "total"))
    return f"<table><tr><th>learner</th><th>name</th>{heads}<th></th></tr>{''.join(rows)}</table>"


def _alike(report: ClassReport) -> list[str]:
    found = report.alike
    parts = [
        f"<p class='note'>Compared are the answers of {found.compared} hand-ins, without what the stub gives, without "
        "comments and layout, and with every name replaced, so that renaming hides nothing. The number is the share of "
        f"a hand-in's code that stands, in runs of at least {RUN} characters, in the other's too. Six correct answers "
        "to one topic, each written for this comparison in a manner of its own, reach at most "
        f"<b>{HONEST:.0%}</b>; listed is what reaches <b>{THRESHOLD:.0%}</b>, with at least {LEAST} characters alike. "
        "It is <b>no proof</b>: short exercises leave little choice, and people who learn together write alike. "
        "Look at both files, and talk with both people.</p>"
    ]
    parts.append("<h3>Between learners</h3>")
    parts.append(_pairs(report, found.pairs) if found.pairs else "<p>No two are suspiciously alike.</p>")
    if found.left_out:
        parts.append(f"<p>{found.left_out} more pairs are alike because both are like the public solution.</p>")
    parts.append("<h3>With the public solution</h3>")
    parts.append(_pairs(report, found.solution) if found.solution else "<p>None is suspiciously like it.</p>")
    if found.unread:
        listed = "".join(
            f"<li>{escape(one_line(student))}: {escape(one_line(why, 300))}</li>" for student, why in found.unread
        )
        parts.append(f"<h3>Could not be compared</h3><ul>{listed}</ul>")
    return parts


def _pairs(report: ClassReport, pairs: tuple[Alike, ...]) -> str:
    rows = "".join(
        f"<tr><td>{escape(named(pair.one, report.topic))}</td><td class='n'>{pair.share:.0%}</td>"
        f"<td>{escape(named(pair.other, report.topic))}</td><td class='n'>{pair.share_of_other:.0%}</td>"
        f"<td>{escape(told(pair, report.topic))}</td></tr>"
        for pair in pairs
    )
    heads = "<th></th><th class='n'>of its code</th><th></th><th class='n'>of its code</th><th>exercises</th>"
    return f"<table><tr>{heads}</tr>{rows}</table>"
