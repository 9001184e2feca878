"""Multiple-choice questions to check oneself with: one YAML file a topic, each choice with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mmlearn.course.errors import CourseError
from mmlearn.interview.bank import Question, bank

FOLDER = Path(__file__).parent / "self_checks"
CHOICES = 4


@dataclass(frozen=True)
class Choice:
    """One answer to choose; text and reason are Markdown."""

    text: str
    reason: str  # why it is right, or which misconception it shows
    right: bool


@dataclass(frozen=True)
class SelfCheck:
    """One multiple-choice question on a question of the bank."""

    topic: str
    question: str  # id of the question of the bank
    ask: str  # Markdown
    choices: tuple[Choice, ...]


def read_self_checks(path: Path, questions: Mapping[str, Question] | None = None) -> tuple[SelfCheck, ...]:
    """Read the file of one topic.

    Args:
        path: `<topic>.yaml`.
        questions: by id; None for the bank's.

    Raises:
        CourseError: naming the file, the entry and what is wrong with it.
    """
    questions = bank() if questions is None else questions
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CourseError(f"{path.name}: not YAML: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise CourseError(f"{path.name}: it must be a list of questions")
    return tuple(
        _self_check(f"{path.name}, entry {number}", path.stem, entry, questions)
        for number, entry in enumerate(entries, 1)
    )


def _self_check(where: str, topic: str, entry: Any, questions: Mapping[str, Question]) -> SelfCheck:
    _hold(where, entry, needed={"question", "ask", "choices"})
    name = entry["question"]
    if name not in questions:
        raise CourseError(f"{where}: the bank has no question {name!r}")
    if questions[name].topic != topic:
        raise CourseError(f"{where}: {name} belongs to the topic {questions[name].topic}")
    if not isinstance(entry["choices"], list) or len(entry["choices"]) != CHOICES:
        raise CourseError(f"{where}: it must have {CHOICES} choices")
    choices = tuple(_choice(f"{where}, choice {number}", choice) for number, choice in enumerate(entry["choices"], 1))
    if sum(choice.right for choice in choices) != 1:
        raise CourseError(f"{where}: exactly one choice must be right")
    if len({choice.text for choice in choices}) != CHOICES:
        raise CourseError(f"{where}: two choices say the same")
    return SelfCheck(topic, name, _text(where, entry, "ask"), choices)


def _choice(where: str, entry: Any) -> Choice:
    _hold(where, entry, needed={"says", "because"}, may={"right"})
    right = entry.get("right", False)
    if not isinstance(right, bool):
        raise CourseError(f"{where}: right is true or left out")
    return Choice(_text(where, entry, "says"), _text(where, entry, "because"), right)


def _hold(where: str, entry: Any, needed: set[str], may: frozenset[str] | set[str] = frozenset()) -> None:
    if not isinstance(entry, dict):
        raise CourseError(f"{where}: it must hold {', '.join(sorted(needed))}")
    for missing in sorted(needed - set(entry)):
        raise CourseError(f"{where}: it lacks {missing!r}")
    for unknown in sorted(map(str, set(entry) - needed - may)):
        raise CourseError(f"{where}: {unknown!r} is unknown")


def _text(where: str, entry: dict[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise CourseError(f"{where}: {key!r} must be a text")
    return value.strip()


@cache
def self_checks() -> dict[str, tuple[SelfCheck, ...]]:
    """All of them, by topic."""
    return {path.stem: read_self_checks(path) for path in sorted(FOLDER.glob("*.yaml"))}


def of_topic(topic: str) -> tuple[SelfCheck, ...]:
    """Those of one topic.

    Raises:
        CourseError: if there is none.
    """
    try:
        return self_checks()[topic]
    except KeyError:
        raise CourseError(f"no self-checks for {topic!r}: there are {', '.join(self_checks())}") from None
