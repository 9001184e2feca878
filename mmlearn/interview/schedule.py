"""When each card comes back: FSRS's spaced repetition, kept in one file of the user's data folder.

A card is a question in one language: to answer it in the other is another skill. Each answer is written at once, under
a lock and atomically, onto what the file holds at that moment: two terminals, a Ctrl-C or a kill lose no other answer.
"""

import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from fsrs import Card, Rating, Scheduler, State

from mmlearn.course.errors import CourseError
from mmlearn.interview import rubric

VERSION = 1
_RATING = {rubric.NOT_YET: Rating.Again, "pass": Rating.Hard, "strong": Rating.Good, "outstanding": Rating.Easy}

# An answer takes minutes, so a failed one comes back after ten, not after one as a vocabulary card would.
SOON = timedelta(minutes=10)
RETENTION = 0.9  # a card comes back when the chance of recall has fallen to this


@dataclass(frozen=True)
class Review:
    """One answer, as it was scored."""

    card: str
    at: str  # ISO 8601, UTC
    rating: int  # FSRS: 1 again, 2 hard, 3 good, 4 easy
    days: float | None  # since the card's answer before this one; None if it was the first
    met: list[bool]  # for each point of the rubric

    @property
    def recalled(self) -> bool:
        return self.rating > Rating.Again


@dataclass
class Study:
    """All that is remembered of a person's practice."""

    cards: dict[str, Card] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)


def folder() -> Path:
    """The user's data folder, or the one that MMLEARN_DATA names."""
    import platformdirs

    named = os.environ.get("MMLEARN_DATA")
    return Path(named) if named else platformdirs.user_data_path("mmlearn", appauthor=False)


def file() -> Path:
    return folder() / "interview.json"


def card_name(question_id: str, language: str) -> str:
    return f"{question_id}/{language}"


def load() -> Study:
    """Read what is remembered; nothing if nothing was ever answered.

    Raises:
        CourseError: if the file is damaged. It is never overwritten then.
    """
    try:
        stored = json.loads(file().read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise CourseError(f"{file()} is of a newer mmlearn (version {stored['version']}): update mmlearn")
        cards = {name: Card.from_dict(card) for name, card in stored["cards"].items()}
        return Study(cards, [Review(**review) for review in stored["reviews"]])
    except FileNotFoundError:
        return Study()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CourseError(f"{file()} is damaged ({told}): mend it, or move it away to begin anew") from None


def answered(card: Card, verdict: str, now: datetime, fuzzing: bool = True) -> Card:
    """The card after an answer: its memory, and when it comes back.

    Args:
        card: as it was.
        verdict: "not yet", "pass", "strong" or "outstanding".
        now: the time of the answer.
        fuzzing: shift the days a little at random, so that cards that were learnt together do not stay together.
    """
    rating = _RATING[verdict]
    # A pass, however bare, ends the short steps. With steps, FSRS would repeat one that is rated "hard" for ever.
    steps = [SOON] if rating is Rating.Again else []
    scheduler = Scheduler(
        desired_retention=RETENTION, learning_steps=steps, relearning_steps=steps, enable_fuzzing=fuzzing
    )
    return scheduler.review_card(card, rating, now)[0]


def chance(card: Card, now: datetime) -> float:
    """The estimated chance of recall."""
    return Scheduler().get_card_retrievability(card, now)


def record(card: str, scored: list[tuple[rubric.Point, bool]], now: datetime | None = None) -> datetime:
    """Remember an answer, and return when the card comes back."""
    now = now or datetime.now(UTC)
    verdict = rubric.verdict(scored)
    with _locked():
        study = load()  # what another terminal has written meanwhile
        before = study.cards.get(card) or Card(card_id=zlib.crc32(card.encode()), due=now)
        now = max(now, before.last_review or now)
        days = (now - before.last_review) / timedelta(days=1) if before.last_review else None
        study.cards[card] = answered(before, verdict, now)
        met = [met for _, met in scored]
        study.reviews.append(Review(card, now.isoformat(timespec="seconds"), int(_RATING[verdict]), days, met))
        _write(study)
    return study.cards[card].due


def due(study: Study, cards: Iterable[str], now: datetime | None = None) -> list[str]:
    """The cards to ask: those that have come back, longest overdue first; then the new ones, in the order given."""
    now = now or datetime.now(UTC)
    cards = list(cards)
    back = [card for card in cards if card in study.cards and study.cards[card].due <= now]
    new = [card for card in cards if card not in study.cards]
    return sorted(back, key=lambda card: study.cards[card].due) + new


def next_due(study: Study, cards: Iterable[str]) -> datetime | None:
    """When the next of the cards comes back that are not due yet."""
    return min((study.cards[card].due for card in cards if card in study.cards), default=None)


def is_learnt(study: Study, card: str) -> bool:
    """Whether the card has left its first steps and comes back in days."""
    return card in study.cards and study.cards[card].state is State.Review


def recall(study: Study, card: str, now: datetime | None = None) -> float:
    """FSRS's guess of the probability that the card would be recalled now."""
    return chance(study.cards[card], now or datetime.now(UTC))


def write_atomically(path: Path, text: str) -> None:
    """Put a whole file in the place of another: whoever reads sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:  # also Ctrl-C
        Path(temporary).unlink(missing_ok=True)
        raise


def _write(study: Study) -> None:
    stored = {
        "version": VERSION,
        "cards": {name: card.to_dict() for name, card in study.cards.items()},
        "reviews": [asdict(review) for review in study.reviews],
    }
    write_atomically(file(), json.dumps(stored, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the lock that other terminals wait for; the system lets go of it when this process ends, however it ends."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "interview.lock").open("a+b") as stream:
        _lock(stream)
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX)
