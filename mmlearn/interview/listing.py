"""The list of questions, and the one that a name means."""

import difflib

from rich.console import Group
from rich.text import Text

from mmlearn.course.errors import CourseError
from mmlearn.interview.bank import Question, bank
from mmlearn.interview.choose import by_topic
from mmlearn.interview.render import plain
from mmlearn.interview.words import say


def lines(questions: list[Question], language: str) -> Group:
    """By topic: each question's name, level, kind and minutes, and below it how it begins."""
    width = max(len(question.id) for question in questions)
    parts: list[Text] = []
    for title, group in by_topic(questions):
        parts.append(Text(f"{title} ({group[0].lesson})", style="bold"))
        for question in group:
            minutes = f"{question.minutes:2} {say(language, 'minutes')}"
            name = Text(f"  {question.id:<{width}}  ", style="cyan")
            parts.append(name.append(f"{question.level:<6}  {question.kind:<9}  {minutes}", style="default"))
            begins = plain(question.section("question", language))
            parts.append(Text(f"    {begins}", style="dim", no_wrap=True, overflow="ellipsis"))
        parts.append(Text())
    parts.append(Text(f"{len(questions)} questions. Read one: mmlearn interview show ID", style="dim"))
    return Group(*parts)


def find(named: str) -> Question:
    """The question of that name.

    Raises:
        CourseError: with the names that are like it.
    """
    if named in bank():
        return bank()[named]
    alike = [name for name in bank() if named in name] or difflib.get_close_matches(named, bank(), n=3)
    told = f"; did you mean {', '.join(alike[:5])}?" if alike else ": `mmlearn interview` lists them"
    raise CourseError(f"no interview question is called {named!r}{told}")
