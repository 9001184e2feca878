"""The interview bank in a notebook: contents, cards whose answers open step by step, self-checks."""

import re
from collections.abc import Callable
from html import escape

from IPython.display import HTML, display
from IPython.utils.capture import capture_output
from ipywidgets import HTML as Html
from ipywidgets import Dropdown, HBox, ToggleButtons, VBox

from mmlearn.interview import choose
from mmlearn.interview.bank import HEADINGS, LEVELS, Question, question
from mmlearn.interview.booklet import TAGS
from mmlearn.interview.render import Formula, as_mathml, to_html
from mmlearn.interview.self_checks import SelfCheck, of_topic, self_checks
from mmlearn.interview.words import say

FILES = "../mmlearn/interview/questions"  # seen from a notebook

# jupyterquiz's colours: Okabe and Ito's, dark enough for white letters.
_COLOURS = {
    "--jq-multiple-choice-bg": "#004C78",
    "--jq-correct-color": "#00684C",
    "--jq-incorrect-color": "#A84300",
}
# Longer texts than it is made for; and the static version goes as soon as the quiz stands.
_STYLE = """<style>
#{id} .Quiz {{ font-size: 15px; line-height: 1.45; margin: 22px 0 0 0; }}
#{id} .MultipleChoiceQn {{ padding: 12px 16px; }}
#{id} .MCButton {{ justify-content: flex-start; text-align: left; padding: 8px 14px; font-size: 14.5px; }}
#{id} .Answer {{ grid-gap: 6px; margin: 8px 0; }}
#{id} .Feedback {{ font-size: 14.5px; text-align: left; padding: 0 14px; }}
#{id} .Feedback.correct, #{id} .Feedback.incorrect {{
  background: #fff; border-left: 5px solid currentColor; padding: 8px 14px; }}
#{id} .MCButton:focus-within {{ outline: 3px solid #E69F00; }}
#{id} .sr-only {{ position: absolute; opacity: 0; width: 1px; height: 1px; }}
#{id}:has(.Quiz) .static-self-check {{ display: none; }}
</style>"""


def as_tex(latex: str, display: bool) -> str:
    """For JupyterLab's own MathJax, which sets formulas in an output even if the notebook is not trusted."""
    return f"$${escape(latex, quote=False)}$$" if display else f"${escape(latex, quote=False)}$"


def as_shown(latex: str, display: bool) -> str:
    """For widgets, which JupyterLab's MathJax does not visit: MathML, a displayed formula on a line of its own."""
    lines = "display: block; text-align: center; margin: 0.7em 0; overflow-x: auto"
    return as_mathml(latex, display).replace('<span class="display">', f'<span style="{lines}">')


def contents(language: str = "en") -> HTML:
    """Each topic with its questions, linked to their files."""
    heads = "".join(f"<th>{head}</th>" for head in ("questions", *LEVELS, "minutes", "self-checks"))
    rows, lists = "", ""
    for _, group in choose.by_topic(choose.Filter().questions()):
        topic = group[0].topic
        counts = [sum(asked.level == level for asked in group) for level in LEVELS]
        minutes = sum(asked.minutes for asked in group)
        cells = [len(group), *counts, minutes, len(self_checks().get(topic, ()))]
        told = topic_title(topic, language)
        rows += f"<tr><td style='text-align:left'>{escape(told)}</td>"
        rows += "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        items = "".join(f"<li>{_link(asked)} · {asked.level} · {asked.kind}</li>" for asked in group)
        lists += f"<details><summary>{escape(told)}: {len(group)}</summary><ul>{items}</ul></details>"
    return HTML(f"<table><tr><th style='text-align:left'>topic</th>{heads}</tr>{rows}</table>{lists}")


def topic_title(topic: str, language: str) -> str:
    return choose.CHINESE_TITLES[topic] if language == "zh" else choose.topics()[topic]


def _link(asked: Question) -> str:
    return f'<a href="{FILES}/{asked.id}.md">{asked.id}</a>'


def card(question_id: str, language: str = "en") -> HTML:
    """One question; the parts of its answer open one by one, with or without a kernel."""
    return HTML(card_html(question(question_id), choose.language(language), as_tex))


def card_html(asked: Question, language: str, formula: Formula) -> str:
    """The card as HTML: the question open, everything else folded."""
    facts = f"{asked.level} · {asked.kind} · {asked.minutes} {say(language, 'minutes')}"
    parts = [f"<p><b>{escape(asked.id)}</b> · {facts}</p>"]
    parts.append(f"<blockquote>{to_html(asked.section('question', language), formula)}</blockquote>")
    for name in asked.sections[language]:
        if name != "question":
            parts.append(fold(HEADINGS[language][name], to_html(asked.section(name, language), formula)))
    return in_language(language, "\n".join(parts))


def fold(heading: str, html: str) -> str:
    """A part that a click opens."""
    inner = f'<div style="margin: 4px 0 10px 18px">{html}</div>'
    return f"<details><summary><b>{heading}</b></summary>\n{inner}\n</details>"


def in_language(language: str, html: str) -> str:
    return f'<div lang="{TAGS[language]}" style="max-width: 52em; line-height: 1.5">{html}</div>'


class Controls(VBox):
    """Widgets; where they cannot be shown, one line says what to do."""

    def _repr_mimebundle_(self, **kwargs):
        return super()._repr_mimebundle_(**kwargs) | {
            "text/plain": "These controls need a running kernel: run this cell."
        }


def browse(topic: str = "multimodal", language: str = "en") -> Controls:
    """Pick a topic, a question and a language; the card below follows. It needs a running kernel."""
    topics = Dropdown(options=_titles(language), value=topic, description="topic")
    questions = Dropdown(description="question", layout={"width": "30em"})
    languages = ToggleButtons(
        options=[("English", "en"), ("中文", "zh")], value=language, style={"button_width": "6em"}
    )
    shown = Html()

    def offer(_=None) -> None:
        group = choose.Filter(topics.value).questions()
        questions.options = [(f"{asked.id} ({asked.level})", asked.id) for asked in group]
        questions.value = group[0].id

    def show(_=None) -> None:
        if questions.value:  # none for a moment, while the list is another topic's
            shown.value = card_html(question(questions.value), languages.value, as_shown)

    def translate(_) -> None:
        chosen = topics.value, questions.value
        topics.options = _titles(languages.value)  # which sets both back to the first
        topics.value, questions.value = chosen
        show()

    topics.observe(offer, "value")
    questions.observe(show, "value")
    languages.observe(translate, "value")
    offer()
    show()
    return Controls([HBox([topics, questions, languages]), shown])


def _titles(language: str) -> list[tuple[str, str]]:
    return [(topic_title(topic, language), topic) for topic in choose.topics()]


def self_check(topic: str) -> None:
    """Show the multiple-choice questions of a topic; a click on a choice shows its reason.

    Where a notebook's JavaScript is not run (not trusted yet, or on a page that only shows it), the same questions
    stand as text, and each choice opens to its reason.
    """
    checks = of_topic(topic)
    html, script = _quiz([as_quiz(check) for check in checks])
    (name,) = set(re.findall(r'<div id="(\w+)"', html))
    display(HTML(f"{html}{_STYLE.format(id=name)}{static(checks)}</div>"))
    # jupyterquiz would fetch MathJax from the network if it saw a global of that name; our formulas are MathML already.
    wrapped = f"(function () {{\nvar MathJax;\n{script}\n}})();"
    display({"application/javascript": wrapped}, raw=True)  # and no text: nothing is shown where it is not run


def _quiz(questions: list[dict]) -> tuple[str, str]:
    """What jupyterquiz would display: HTML and JavaScript."""
    from jupyterquiz import display_quiz  # type: ignore[import-untyped]

    with capture_output(stdout=False, stderr=False) as shown:
        display_quiz(questions, shuffle_answers=False, max_width=760, border_radius=6, colors=_COLOURS)
    html, script = (output.data for output in shown.outputs)
    return html["text/html"], script["application/javascript"]


def as_quiz(check: SelfCheck) -> dict:
    """In jupyterquiz's format, with formulas as MathML: it leaves those alone, and a browser shows them offline."""
    answers = [
        {
            "answer": _inline(choice.text, as_mathml),
            "correct": choice.right,
            "feedback": _verdict(choice.right) + _inline(choice.reason, as_mathml),
        }
        for choice in check.choices
    ]
    asked = f"{_inline(check.ask, as_mathml)}<br><small>{escape(check.question)}</small>"
    return {"question": asked, "type": "multiple_choice", "answer_cols": 1, "answers": answers}


def static(checks: tuple[SelfCheck, ...]) -> str:
    """The same as folded text."""
    parts = []
    for number, check in enumerate(checks, 1):
        choices = "".join(
            f"<li><details><summary>{_inline(choice.text, as_tex)}</summary>"
            f"{_verdict(choice.right)}{_inline(choice.reason, as_tex)}</details></li>"
            for choice in check.choices
        )
        asked = _inline(check.ask, as_tex)
        parts.append(f"<p><b>{number}.</b> {asked} ({_link(question(check.question))})</p><ul>{choices}</ul>")
    return f'<div class="static-self-check">{"".join(parts)}</div>'


def _verdict(right: bool) -> str:
    return "<b>Right.</b> " if right else "<b>No.</b> "


def _inline(text: str, formula: Callable[[str, bool], str]) -> str:
    """Markdown of one paragraph as HTML without its paragraph marks."""
    return to_html(text, formula).removeprefix("<p>").removesuffix("</p>")
