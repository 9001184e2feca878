"""The bank as a deck for Anki. Ids are made from names: whoever imports a newer deck updates the notes and keeps the
schedule."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import genanki  # type: ignore[import-untyped]

from mmlearn.interview.ask import facts
from mmlearn.interview.bank import HEADINGS, Question
from mmlearn.interview.choose import topics
from mmlearn.interview.render import as_mathjax, to_html
from mmlearn.interview.schedule import card_name

DECK = "mmlearn interview"
LANGUAGE_NAMES = {"en": "English", "zh": "中文"}

CSS = """
.card { font-family: "Noto Sans", "Segoe UI", "Helvetica Neue", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
  sans-serif; font-size: 18px; line-height: 1.5; text-align: left; max-width: 44em; margin: 0 auto; padding: 0 1em; }
.facts { color: #777; font-size: 14px; }
.question { font-weight: 600; }
h4 { margin: 1.2em 0 0.2em; color: #0072b2; font-size: 15px; text-transform: uppercase; letter-spacing: 0.04em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14px; padding: 0.6em; background: #8881;
  border-radius: 4px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid #8886; padding: 0.2em 0.5em; vertical-align: top; }
"""


def write_deck(
    questions: Sequence[Question], languages: Sequence[str], path: Path, timestamp: float | None = None
) -> int:
    """Write a deck to import into Anki; return how many notes it has. Anki takes the text with the later timestamp."""
    decks: dict[str, genanki.Deck] = {}
    models = {language: _model(language) for language in languages}
    titles = topics()
    for language in languages:
        for question in questions:
            name = f"{DECK}::{LANGUAGE_NAMES[language]}::{titles[question.topic]}"
            # The title may be reworded; the topic's name stays, and with it the deck's id.
            deck = decks.setdefault(name, genanki.Deck(_stable_id(f"deck/{language}/{question.topic}"), name))
            deck.add_note(_note(question, language, models[language]))
    genanki.Package(list(decks.values())).write_to_file(path, timestamp)
    return sum(len(deck.notes) for deck in decks.values())


def _stable_id(name: str) -> int:
    """An id as Anki wants it, the same in every export."""
    digest = hashlib.sha256(f"mmlearn/{name}".encode()).digest()
    return (1 << 30) + int.from_bytes(digest[:4]) % (1 << 30)


def _note(question: Question, language: str, model: genanki.Model) -> genanki.Note:
    sections = question.sections[language]
    fields = [question.id, facts(question, language)]
    fields += [to_html(sections.get(name, ""), as_mathjax) for name in HEADINGS[language]]
    name = card_name(question.id, language)
    tags = [f"mmlearn::{kind}" for kind in (question.topic, question.level, question.kind)]
    return genanki.Note(model=model, fields=fields, tags=tags, guid=genanki.guid_for("mmlearn", name))


def _model(language: str) -> genanki.Model:
    headings = HEADINGS[language]
    answer = "{{FrontSide}}<hr id=answer>"
    for name in list(headings)[1:]:
        answer += f"{{{{#{name}}}}}<h4>{headings[name]}</h4>{{{{{name}}}}}{{{{/{name}}}}}\n"
    template = {
        "name": LANGUAGE_NAMES[language],
        "qfmt": '<div class="facts">{{facts}}</div><div class="question">{{question}}</div>',
        "afmt": answer,
    }
    return genanki.Model(
        _stable_id(f"model/{language}"),
        f"{DECK} ({LANGUAGE_NAMES[language]})",
        fields=[{"name": name} for name in ("id", "facts", *headings)],
        templates=[template],
        css=CSS,
    )
