"""The plots of the report on a class, as SVG text. matplotlib is loaded here, so this module is imported late."""

import io
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mmlearn.course.check import State
from mmlearn.course.show import number
from mmlearn.grading.report import ClassReport, ExerciseRow
from mmlearn.lessons.figures import BLUE, ORANGE

# Okabe and Ito's colours, and a hatch, so that no state is told by its colour alone
STYLE = {
    State.CORRECT: (BLUE, "white", ""),
    State.WRONG: (ORANGE, "white", ""),
    State.NOT_ATTEMPTED: ("#d9d9d9", "black", ""),
    State.COULD_NOT_CHECK: ("#f0e442", "black", "///"),
}
_INCHES = 8.0


def points_histogram(report: ClassReport) -> str:
    """How the totals are spread over those who handed in; "" if nobody did."""
    totals = report.totals
    if not totals:
        return ""
    highest = max(row.earned.max_total for row in report.learners)
    width = highest / 10
    counts = [0] * 10
    for total in totals:
        counts[min(max(int(total / width), 0), 9)] += 1  # full marks belong to the last bar
    figure, axes = _axes(3.0)
    axes.bar([width * i for i in range(10)], counts, width=width, align="edge", color=BLUE, edgecolor="white")
    middle = sorted(totals)[(len(totals) - 1) // 2]
    axes.axvline(middle, color=ORANGE, linewidth=2, linestyle="--")
    axes.set_title(histogram_title(totals, highest), loc="left", fontsize=11, weight="bold")
    axes.set_xlabel(f"total points, of {number(highest)} (dashed: the middle learner)")
    axes.set_ylabel("learners")
    axes.set_xlim(0, highest)
    axes.set_xticks([width * i for i in range(11)], [number(width * i) for i in range(11)])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return _svg(figure)


def histogram_title(totals: Sequence[float], highest: float) -> str:
    """What the histogram shows, in a sentence that holds for any totals."""
    middle = sorted(totals)[(len(totals) - 1) // 2]
    at_least = sum(total >= middle for total in totals)
    return f"{at_least} of {len(totals)} earned {number(middle)} points or more, of {number(highest)}"


def state_bars(report: ClassReport) -> str:
    """For each exercise, the shares of the four states as one bar."""
    rows = report.exercises
    figure, axes = _axes(1.3 + 0.38 * len(rows))
    for index, row in enumerate(rows):
        left = 0.0
        for state, (colour, ink, hatch) in STYLE.items():
            share = row.share(state)
            label = state.value if index == 0 else None
            axes.barh(index, share, left=left, height=0.72, color=colour, hatch=hatch, edgecolor="white", label=label)
            if share >= 0.06:  # narrower ones have no room for a number
                box = {"facecolor": colour, "edgecolor": "none", "pad": 1} if hatch else None
                axes.text(
                    left + share / 2, index, f"{share:.0%}", ha="center", va="center", color=ink, fontsize=9, bbox=box
                )
            left += share
    axes.set_yticks(range(len(rows)), [row.exercise.id for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(f"share of {report.judged} graded hand-ins")
    figure.suptitle(bars_title(rows), x=0.02, ha="left", fontsize=11, weight="bold")
    figure.legend(loc="outside lower center", ncols=len(STYLE), frameon=False, fontsize=9)
    return _svg(figure)


def bars_title(rows: Sequence[ExerciseRow]) -> str:
    """Which exercise the fewest solved."""
    hardest = min(rows, key=lambda row: row.share(State.CORRECT))
    total = sum(hardest.counts.values())
    if hardest.counts[State.CORRECT] == total:
        return "Everybody solved every exercise"
    return f"{hardest.exercise.id} was solved by the fewest: {hardest.counts[State.CORRECT]} of {total}"


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_INCHES, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    with rc_context({"svg.hashsalt": "mmlearn"}):  # the same report gives the same bytes
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
