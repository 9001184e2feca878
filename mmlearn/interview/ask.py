"""A conversation at the terminal: show, wait, score against the rubric."""

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from mmlearn.interview import rubric
from mmlearn.interview.bank import HEADINGS, Question
from mmlearn.interview.terminal import Written
from mmlearn.interview.words import say


class Stop(Exception):
    """The person wants to stop: q, or the end of the input."""


class Conversation:
    """One person at one terminal, in one language."""

    def __init__(self, console: Console, language: str) -> None:
        self.console = console
        self.language = language

    def say(self, phrase: str, style: str | None = None, **values: object) -> None:
        self.console.print(say(self.language, phrase, **values), style=style)

    def wait(self, phrase: str) -> None:
        """Wait for Enter."""
        if self._line(phrase).lower() in ("q", "quit"):
            raise Stop

    def yes(self, phrase: str) -> bool:
        while True:
            answer = self._line(phrase).lower()
            if answer in ("y", "yes", "是"):
                return True
            if answer in ("n", "no", "否"):
                return False
            if answer in ("q", "quit"):
                raise Stop
            self.say("only_yes_no", style="yellow")

    def _line(self, phrase: str) -> str:
        try:
            return self.console.input(Text(say(self.language, phrase), style="green")).strip()
        except EOFError:
            self.console.print()
            raise Stop from None

    def ask(self, question: Question, heading: str) -> None:
        """Show a question under a line that says where one is."""
        self.console.print()
        self.console.print(Rule(heading, style="dim", align="left"))
        self.console.print(facts(question, self.language), style="dim")
        self.console.print()
        self.console.print(Written(question.section("question", self.language)), style="bold")
        self.console.print()

    def show(self, question: Question, *sections: str) -> None:
        for name in sections:
            show_section(self.console, question, name, self.language)

    def score(self, question: Question) -> list[tuple[rubric.Point, bool]]:
        """Ask for each point of the rubric whether the answer held it."""
        self.console.print(HEADINGS[self.language]["rubric"], style="bold underline")
        self.say("score", style="dim")
        scored = []
        points = rubric.points(question, self.language)
        for number, point in enumerate(points, 1):
            place = say(self.language, "point", number=number, total=len(points), grade=point.grade)
            self.console.print()
            self.console.print(place, style="dim")
            self.console.print(Written(point.text))
            scored.append((point, self.yes("yes_no")))
        self.console.print()
        return scored


def facts(question: Question, language: str) -> str:
    minutes = f"{question.minutes} {say(language, 'minutes')}"
    return f"{question.id} · {question.level} · {question.kind} · {minutes}"


def show_section(console: Console, question: Question, name: str, language: str) -> None:
    console.print(HEADINGS[language][name], style="bold underline")
    console.print(Padding(Written(question.section(name, language)), (0, 0, 1, 0)))
