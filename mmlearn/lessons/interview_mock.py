"""A mock interview in a notebook; questions, clock, rubric and score sheet are those of `mmlearn interview mock`."""

import time
from collections.abc import Callable
from datetime import datetime
from html import escape

from IPython.display import HTML
from ipywidgets import HTML as Html
from ipywidgets import Button, Checkbox, Dropdown, HBox, IntSlider, IntText, VBox, Widget

from mmlearn.course.errors import CourseError
from mmlearn.interview import mock, rubric
from mmlearn.interview.bank import HEADINGS, LEVELS
from mmlearn.interview.choose import LANGUAGES
from mmlearn.interview.render import to_html
from mmlearn.interview.words import clock, say
from mmlearn.lessons.interview_practice import Controls, as_shown, as_tex, fold, in_language, topic_title

_LABELS = {
    "en": {
        "plan": "{count} questions in {minutes} minutes, level {level}. "
        "The clock runs while you answer, not while you score.",
        "begin": "Begin: the clock starts",
        "answered": "I have answered aloud",
        "next": "Keep the score, go on",
        "again": "Another interview",
        "tick": "Tick what your answer held; be strict.",
        "follow_up": "Follow-up",
        "its_answer": "its answer",
    },
    "zh": {
        "plan": "{minutes} 分钟，{count} 道题，级别 {level}。答题时计时，评分时不计时。",
        "begin": "开始计时",
        "answered": "我已说出答案",
        "next": "保存评分，继续",
        "again": "再来一次",
        "tick": "勾选你的回答里说到的要点，请严格。",
        "follow_up": "追问",
        "its_answer": "参考回答",
    },
}


def on_paper(minutes: int = 45, level: str = "senior", seed: int = 0, language: str = "en") -> HTML:
    """The questions of a mock interview, to be held by a friend or by oneself: one fold opens the next step."""
    planned = mock.plan(minutes, level, seed)
    rows = "".join(
        f"<tr><td style='text-align:left'>{asked.id}</td>"
        f"<td style='text-align:left'>{topic_title(asked.topic, language)}</td>"
        f"<td style='text-align:left'>{asked.level}</td><td style='text-align:left'>{asked.kind}</td>"
        f"<td>{asked.minutes}</td></tr>"
        for asked in planned
    )
    heads = "".join(
        f"<th style='text-align:left'>{head}</th>" for head in ("question", "topic", "level", "kind", "minutes")
    )
    parts = [f"<table><tr>{heads}</tr>{rows}</table>"]
    for number, asked in enumerate(planned, 1):
        steps = to_html(asked.section("question", language), as_tex)
        for count, follow_up in enumerate(rubric.follow_ups(asked, language), 1):
            told = to_html(f"**{follow_up.question}**", as_tex) + fold(
                _LABELS[language]["its_answer"], to_html(follow_up.answer, as_tex)
            )
            steps += fold(f"{_LABELS[language]['follow_up']} {count}", told)
        for name in ("full", "rubric"):
            steps += fold(HEADINGS[language][name], to_html(asked.section(name, language), as_tex))
        parts.append(fold(f"{number} · {asked.id} · {asked.minutes} {say(language, 'minutes')}", steps))
    return HTML(in_language(language, "\n".join(parts)))


def mock_interview(
    minutes: int = 45,
    level: str = "senior",
    seed: int = 0,
    language: str = "en",
    now: Callable[[], float] = time.monotonic,
) -> Controls:
    """Settings and a button that draws the questions; it needs a running kernel."""
    room = Controls()
    settings = (
        IntSlider(value=minutes, min=10, max=120, step=5, description="minutes"),
        Dropdown(options=LEVELS, value=level, description="level"),
        Dropdown(options=LANGUAGES, value=language, description="language"),
        IntText(value=seed, description="seed"),
    )

    def draw() -> None:
        length, highest, tongue, number = (setting.value for setting in settings)
        try:
            Room(room, length, highest, tongue, number, again=set_up, now=now).open()
        except CourseError as error:
            set_up(str(error))

    def set_up(fault: str = "") -> None:
        room.children = [
            HBox(settings[:2]),
            HBox(settings[2:]),
            _button("Draw the questions", draw),
            _html(escape(fault)),
        ]

    set_up()
    return room


class Room:
    """One interview: what stands in the box changes with each click."""

    def __init__(
        self,
        box: VBox,
        minutes: int,
        level: str,
        language: str,
        seed: int,
        again: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        answers = [mock.Answer(question) for question in mock.plan(minutes, level, seed)]
        started = datetime.now().astimezone()
        self.interview = mock.Interview(minutes, level, language, seed, answers, mock.sheet_file(started), started)
        self.box, self.again, self.now = box, again, now
        self.number = 0
        self.begun = 0.0
        self.words = _LABELS[language]

    def open(self) -> None:
        interview = self.interview
        told = {"count": len(interview.answers), "minutes": interview.minutes, "level": interview.level}
        self._show(self._text(self.words["plan"].format(**told)), _button(self.words["begin"], self._ask))

    @property
    def answer(self) -> mock.Answer:
        return self.interview.answers[self.number]

    def _ask(self) -> None:
        language, question = self.interview.language, self.answer.question
        left = self.interview.minutes * 60 - self.interview.seconds
        if left <= 0:
            self._finish()
            return
        self.answer.reached = True
        self.begun = self.now()
        told = {"number": self.number + 1, "total": len(self.interview.answers), "planned": question.minutes}
        place = say(language, "mock_question", left=clock(left), **told)
        self.asked = [self._text(f"**{place}**"), self._text(question.section("question", language))]
        self.waiting = rubric.follow_ups(question, language)
        self._show(*self.asked, _button(self.words["answered"], self._follow_up))

    def _follow_up(self) -> None:
        """The next follow-up, with the time so far; after the last one the clock stops."""
        if not self.waiting:
            self._score()
            return
        planned, used = clock(self.answer.question.minutes * 60), clock(self.now() - self.begun)
        heading = say(self.interview.language, "mock_follow_up", used=used, planned=planned)
        self.asked.append(self._text(f"{heading}\n\n**{self.waiting.pop(0).question}**"))
        self._show(*self.asked, _button(self.words["answered"], self._follow_up))

    def _score(self) -> None:
        language, answer = self.interview.language, self.answer
        question = answer.question
        answer.seconds = self.now() - self.begun
        took = say(language, "mock_took", used=clock(answer.seconds), planned=clock(question.minutes * 60))
        points = [(point, self._tick(f"**{point.grade}** {point.text}")) for point in rubric.points(question, language)]
        follow_ups = [
            (asked, self._tick(f"**{asked.question}** {asked.answer}"))
            for asked in rubric.follow_ups(question, language)
        ]

        def keep() -> None:
            answer.scored = [(point, row.children[0].value) for point, row in points]
            answer.follow_ups = [(asked, row.children[0].value) for asked, row in follow_ups]
            self.interview.save()
            self.number += 1
            self._finish() if self.number == len(self.interview.answers) else self._ask()

        full = to_html(question.section("full", language), as_shown)
        self._show(
            self._text(took),
            _html(in_language(language, fold(HEADINGS[language]["full"], full))),
            self._text(f"**{HEADINGS[language]['rubric']}**: {self.words['tick']}"),
            *(row for _, row in points),
            self._text(f"**{HEADINGS[language]['follow_ups']}**"),
            *(row for _, row in follow_ups),
            _button(self.words["next"], keep),
        )

    def _finish(self) -> None:
        self.interview.save()
        boxes = mock.sheet(self.interview).replace("- [x] ", "- ☑ ").replace("- [ ] ", "- ☐ ")
        where = say(self.interview.language, "sheet", path=f"`{self.interview.sheet}`")
        self._show(self._text(f"{boxes}\n\n{where}"), _button(self.words["again"], self.again))

    def _text(self, markdown: str) -> Html:
        return _html(in_language(self.interview.language, to_html(markdown, as_shown)))

    def _tick(self, markdown: str) -> HBox:
        text = self._text(markdown)
        text.value = text.value.replace("<p>", '<p style="margin: 3px 0">')
        return HBox([Checkbox(indent=False, layout={"width": "2em"}), text])

    def _show(self, *children: Widget) -> None:
        self.box.children = children


def _html(html: str) -> Html:
    return Html(html)


def _button(label: str, act: Callable[[], None]) -> Button:
    button = Button(description=label, button_style="primary", layout={"width": "16em"})
    button.on_click(lambda _: act())
    return button
