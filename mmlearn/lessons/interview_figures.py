"""Why practice is spaced: how FSRS lets the chance of recall fall between two answers."""

from datetime import UTC, datetime, timedelta

from fsrs import Card
from matplotlib.figure import Figure

from mmlearn.interview.schedule import answered, chance
from mmlearn.lessons.figures import BLUE, ORANGE

_START = datetime(2026, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def comes_back(verdicts: list[str]) -> list[float]:
    """Days from each answer to the next one, if each is given on the day on which the card comes back.

    `mmlearn interview quiz` schedules the same way, but shifts the days a little at random, so that cards that were
    learnt together do not stay together.
    """
    return [gap for gap, _, _ in _answers(verdicts)]


def _answers(verdicts: list[str]) -> list[tuple[float, Card, datetime]]:
    """For each answer: the days until the card comes back, the card after it, and its time."""
    card, now = Card(card_id=1, due=_START), _START
    result = []
    for verdict in verdicts:
        card = answered(card, verdict, now, fuzzing=False)
        result.append(((card.due - now) / _DAY, card, now))
        now = card.due
    return result


def forgetting(histories: dict[str, list[str]], days: float = 90) -> Figure:
    """The chance of recall over time, for one card and several histories of answers."""
    figure = Figure(figsize=(8, 3.4), dpi=100)
    axes = figure.add_subplot()
    for (label, verdicts), colour, style in zip(histories.items(), (BLUE, ORANGE), ("-", "--"), strict=False):
        times: list[float] = []
        chances: list[float] = []
        for gap, card, at in _answers(verdicts):
            begin = (at - _START) / _DAY
            for passed in range(round(gap) + 1):  # FSRS counts whole days
                times.append(begin + passed)
                chances.append(chance(card, at + passed * _DAY))
        axes.plot(times, chances, color=colour, linestyle=style, label=label)
    axes.set(
        xlim=(0, days),
        ylim=(0.88, 1.005),
        xlabel="days since the first answer",
        ylabel="estimated chance of recall",
    )
    axes.set_title("Each good answer makes forgetting slower; a failed one starts nearly anew", fontsize=11)
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure
