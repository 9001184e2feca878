"""A mock interview: questions that fill the time, follow-ups one by one, a score sheet as Markdown."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console

from mmlearn.course.errors import CourseError
from mmlearn.interview import rubric, schedule
from mmlearn.interview.ask import Conversation, Stop
from mmlearn.interview.bank import HEADINGS, LEVELS, Question, bank
from mmlearn.interview.render import plain
from mmlearn.interview.terminal import Written
from mmlearn.interview.words import clock, say


def plan(minutes: int, level: str, seed: int) -> list[Question]:
    """Questions of the level and below that fit into the minutes: kinds and topics mixed, the easiest first.

    Raises:
        CourseError: if none fits.
    """
    dice = random.Random(seed)
    allowed = LEVELS[: LEVELS.index(level) + 1]
    pool = [question for question in bank().values() if question.level in allowed]
    dice.shuffle(pool)
    chosen: list[Question] = []
    kinds: Counter[str] = Counter()
    topics: Counter[str] = Counter()
    left = minutes
    while fitting := [question for question in pool if question.minutes <= left and question not in chosen]:
        # What was not asked yet comes first; a question below the level counts as one already asked.
        best = min(fitting, key=lambda q: kinds[q.kind] + topics[q.topic] + LEVELS.index(level) - LEVELS.index(q.level))
        chosen.append(best)
        kinds[best.kind] += 1
        topics[best.topic] += 1
        left -= best.minutes
    if not chosen:
        shortest = min(question.minutes for question in pool)
        raise CourseError(f"no question fits into {minutes} minutes: the shortest takes {shortest}")
    return sorted(chosen, key=lambda question: LEVELS.index(question.level))


@dataclass
class Answer:
    """What became of one question."""

    question: Question
    seconds: float = 0.0
    reached: bool = False
    scored: list[tuple[rubric.Point, bool]] = field(default_factory=list)
    follow_ups: list[tuple[rubric.FollowUp, bool]] = field(default_factory=list)


@dataclass
class Interview:
    """A mock interview under way."""

    minutes: int
    level: str
    language: str
    seed: int
    answers: list[Answer]
    sheet: Path
    started: datetime
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        return sum(answer.seconds for answer in self.answers)

    def save(self) -> None:
        schedule.write_atomically(self.sheet, sheet(self))


def sheet_file(started: datetime) -> Path:
    """A file of its own for each interview, in the user's data folder."""
    folder = schedule.folder() / "mocks"
    name = f"{started:%Y-%m-%d-%H%M%S}"
    taken = sum(path.stem.startswith(name) for path in folder.glob("*.md"))
    return folder / (f"{name}-{taken + 1}.md" if taken else f"{name}.md")


def hold(interview: Interview, console: Console, now: Callable[[], float] = time.monotonic) -> bool:
    """Ask the questions, save the sheet after each. Return False if Ctrl-C ended it."""
    conversation = Conversation(console, interview.language)
    count = len(interview.answers)
    conversation.say("mock_plan", count=count, minutes=interview.minutes, level=interview.level)
    finished = True
    try:
        conversation.wait("mock_start")
        for number, answer in enumerate(interview.answers, 1):
            left = interview.minutes * 60 - interview.seconds
            if left <= 0:
                conversation.say("time_is_up", style="yellow", count=count - number + 1)
                break
            _question(conversation, answer, number, count, left, now)
            interview.save()
    except (KeyboardInterrupt, Stop) as stopped:
        interview.interrupted = True
        finished = isinstance(stopped, Stop)
        console.print()
    interview.save()
    conversation.console.print(say(interview.language, "sheet", path=interview.sheet), soft_wrap=True)
    return finished


def _question(
    conversation: Conversation, answer: Answer, number: int, total: int, left: float, now: Callable[[], float]
) -> None:
    language, question = conversation.language, answer.question
    place = say(language, "mock_question", number=number, total=total, planned=question.minutes, left=clock(left))
    follow_ups = rubric.follow_ups(question, language)
    answer.reached = True
    begun = now()
    try:
        conversation.ask(question, place)
        conversation.wait("mock_answered")
        for follow_up in follow_ups:
            conversation.console.print()
            planned = clock(question.minutes * 60)
            conversation.say("mock_follow_up", style="dim", used=clock(now() - begun), planned=planned)
            conversation.console.print(Written(follow_up.question), style="bold")
            conversation.wait("mock_answered")
    finally:
        answer.seconds = now() - begun
    console = conversation.console
    console.print()
    conversation.say("mock_took", used=clock(answer.seconds), planned=clock(question.minutes * 60))
    console.print()
    conversation.show(question, "full")
    answer.scored = conversation.score(question)
    console.print(HEADINGS[language]["follow_ups"], style="bold underline")
    for follow_up in follow_ups:
        console.print()
        console.print(Written(f"**{follow_up.question}** {follow_up.answer}"))
        answer.follow_ups.append((follow_up, conversation.yes("answered_well")))
    console.print()


def sheet(interview: Interview) -> str:
    """The score sheet as Markdown, in the interview's language."""
    language = interview.language
    title = say(language, "mock_title")
    lines = [f"# {title}, {interview.started:%Y-%m-%d %H:%M}, {interview.level}", ""]
    lines += [say(language, "scored_by_you")]
    if interview.interrupted:
        lines += ["", f"**{say(language, 'interrupted')}**"]
    lines += ["", say(language, "table"), "|---|---|---|--:|--:|--:|--:|---|"]
    lines += [_row(answer, language) for answer in interview.answers]
    scored = [answer.scored for answer in interview.answers if answer.scored]
    marks = [met for points in scored for _, met in points]
    passed = sum(rubric.verdict(points) != rubric.NOT_YET for points in scored)
    told = {"met": sum(marks), "total": len(marks), "passed": passed, "questions": len(scored)}
    used = clock(interview.seconds)
    lines += ["", say(language, "total", used=used, minutes=interview.minutes, **told)]
    for answer in interview.answers:
        if answer.reached:
            lines += ["", f"## {answer.question.id}", "", answer.question.section("question", language)]
            lines += _checked(answer, language)
    lines += ["", f"## {say(language, 'again')}", ""]
    open_ones = [a for a in interview.answers if a.reached and not a.scored]
    failed = [a for a in interview.answers if a.scored and rubric.verdict(a.scored) == rubric.NOT_YET]
    again = [answer.question for answer in failed + open_ones]
    option = "" if language == "en" else f" --lang {language}"
    for question in again:
        lines.append(f"- `mmlearn interview show {question.id}{option}`, `notebooks/{question.lesson}.ipynb`")
    if scored and not again:
        lines.append(f"- {say(language, 'nothing_again')}")
    command = f"mmlearn interview mock --minutes {interview.minutes} --level {interview.level} --seed {interview.seed}"
    lines += [f"- {say(language, 'repeat', command=command + option)}"]
    return "\n".join(lines) + "\n"


def _row(answer: Answer, language: str) -> str:
    question = answer.question
    if answer.scored:
        points = f"{sum(met for _, met in answer.scored)}/{len(answer.scored)}"
        result = say(language, rubric.verdict(answer.scored))
    else:
        points, result = "", say(language, "not_scored" if answer.reached else "not_reached")
    follow_ups = f"{sum(met for _, met in answer.follow_ups)}/{len(answer.follow_ups)}" if answer.follow_ups else ""
    taken = clock(answer.seconds) if answer.reached else ""
    planned = clock(question.minutes * 60)
    cells = [question.id, question.level, question.kind, planned, taken, points, follow_ups, result]
    return f"| {' | '.join(cells)} |"


def _checked(answer: Answer, language: str) -> list[str]:
    """The rubric and the follow-ups as ticked boxes."""
    lines = []
    if answer.scored:
        lines += ["", f"**{HEADINGS[language]['rubric']}**", ""]
        lines += [f"- [{'x' if met else ' '}] {point.grade}: {plain(point.text)}" for point, met in answer.scored]
    if answer.follow_ups:
        lines += ["", f"**{HEADINGS[language]['follow_ups']}**", ""]
        lines += [f"- [{'x' if met else ' '}] {plain(asked.question)}" for asked, met in answer.follow_ups]
    return lines
