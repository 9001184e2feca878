"""What the answers so far say, and what they are too few to say."""

from datetime import UTC, datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mmlearn.interview import schedule
from mmlearn.interview.bank import Question
from mmlearn.interview.choose import LANGUAGES, topics

ENOUGH = 20  # answers after a day or more, below which a percentage would be mostly chance
ENOUGH_A_TOPIC = 5


def summary(questions: list[Question], now: datetime | None = None) -> Group:
    """Per topic: cards new, learnt and due; how many answers passed. Then retention and weak topics, in words."""
    now = now or datetime.now(UTC)
    study = schedule.load()
    if not study.reviews:
        return Group(Text("Nothing is answered yet. Begin with: mmlearn interview quiz"))
    topic_of = {schedule.card_name(q.id, language): q.topic for q in questions for language in LANGUAGES}
    reviews = [review for review in study.reviews if review.card in topic_of]
    practised = [lang for lang in LANGUAGES if any(review.card.endswith(f"/{lang}") for review in reviews)]
    parts: list = []
    for language in practised:
        parts += [_table(study, questions, language, now), Text()]
    parts.append(Text(_retention([review for review in reviews if review.days is not None and review.days >= 1])))
    parts.append(Text(_weak(reviews, topic_of)))
    return Group(*parts)


def _table(study: schedule.Study, questions: list[Question], language: str, now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column({"en": "English", "zh": "中文"}[language], no_wrap=True)
    for heading in ("cards", "answered", "learnt", "due now", "passed"):
        table.add_column(heading, justify="right", no_wrap=True)
    sums = [0] * 4
    outcomes_of_all: list[bool] = []
    for topic, title in topics().items():
        cards = [schedule.card_name(q.id, language) for q in questions if q.topic == topic]
        if not cards:
            continue
        answered = [card for card in cards if card in study.cards]
        learnt = sum(schedule.is_learnt(study, card) for card in cards)
        back = sum(study.cards[card].due <= now for card in answered)
        outcomes = [review.recalled for review in study.reviews if review.card in cards]
        numbers = [len(cards), len(answered), learnt, back]
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
        outcomes_of_all += outcomes
        table.add_row(title, *map(str, numbers), _share(outcomes))
    table.add_row(*(Text(cell, style="bold") for cell in ("Together", *map(str, sums), _share(outcomes_of_all))))
    return table


def _share(outcomes: list[bool]) -> str:
    return f"{sum(outcomes)} of {len(outcomes)}" if outcomes else "–"


def _retention(later: list[schedule.Review]) -> str:
    """How many cards were still known after a day or more, which is what spaced repetition is for."""
    if not later:
        return "Retention: no card was asked again after a day or more yet."
    kept = sum(review.recalled for review in later)
    told = f"Retention: {kept} of {len(later)} answers after a day or more passed"
    if len(later) < ENOUGH:
        return f"{told}; too few to call it a rate ({ENOUGH} would do)."
    return f"{told}, {100 * kept / len(later):.0f} %; the schedule aims at 90 %."


def _weak(reviews: list[schedule.Review], topic_of: dict[str, str]) -> str:
    """The topics whose answers held the fewest of the rubrics' points."""
    by_topic: dict[str, list[list[bool]]] = {}
    for review in reviews:
        by_topic.setdefault(topic_of[review.card], []).append(review.met)
    known = {topic: answers for topic, answers in by_topic.items() if len(answers) >= ENOUGH_A_TOPIC}
    if not known:
        return f"Weak topics: no topic has {ENOUGH_A_TOPIC} answers yet."
    share = {topic: sum(map(sum, answers)) / sum(map(len, answers)) for topic, answers in known.items()}
    weakest = sorted(share, key=share.__getitem__)[:3]
    told = ", ".join(f"{topics()[topic]} ({100 * share[topic]:.0f} % of the points)" for topic in weakest)
    rest = len(by_topic) - len(known)
    few = f" {rest} more with fewer than {ENOUGH_A_TOPIC} answers are left out." if rest else ""
    return f"Weakest first: {told}.{few}"
