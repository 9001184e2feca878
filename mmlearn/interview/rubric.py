"""A question's rubric and follow-ups as lists, and what a self-score makes of an answer."""

import re
from dataclasses import dataclass

from mmlearn.interview.bank import Question

GRADES = ("pass", "strong", "outstanding")
NOT_YET = "not yet"


@dataclass(frozen=True)
class Point:
    """One point of a rubric."""

    grade: str  # of GRADES
    text: str  # Markdown


@dataclass(frozen=True)
class FollowUp:
    question: str
    answer: str


def points(question: Question, language: str) -> list[Point]:
    found = [re.match(r"\*\*(\w+)\*\*\s*(.*)", item, re.DOTALL) for item in _items(question, "rubric", language)]
    return [Point(match[1], match[2]) for match in found if match]


def follow_ups(question: Question, language: str) -> list[FollowUp]:
    items = _items(question, "follow_ups", language)
    found = [re.match(r"\*\*(.+?)\*\*\s*(.*)", item, re.DOTALL) for item in items]
    return [FollowUp(match[1], match[2]) for match in found if match]


def _items(question: Question, section: str, language: str) -> list[str]:
    """The items of a Markdown list, without their bullets."""
    parts = re.split(r"^- ", question.section(section, language), flags=re.MULTILINE)[1:]
    return [re.sub(r"^  ", "", part, flags=re.MULTILINE).strip() for part in parts]


def verdict(scored: list[tuple[Point, bool]]) -> str:
    """The mark of an answer: every pass point makes a pass, one strong point more a strong, all an outstanding."""
    if not all(met for point, met in scored if point.grade == "pass"):
        return NOT_YET
    if all(met for _, met in scored):
        return "outstanding"
    return "strong" if any(met for point, met in scored if point.grade == "strong") else "pass"
