"""The bank as a booklet: one HTML file that needs no network, and a PDF that a browser prints from it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mmlearn.course.errors import CourseError
from mmlearn.interview import choose
from mmlearn.interview.bank import HEADINGS, Question
from mmlearn.interview.render import as_mathml, plain, to_html
from mmlearn.interview.words import say

STYLE = Path(__file__).with_name("booklet.css")
TAGS = {"en": "en", "zh": "zh-Hans"}  # the second picks the Chinese forms of letters that Japanese writes otherwise

TITLE = {"en": "Interview questions", "zh": "面试题"}
SUBTITLE = {"en": "Multimodal deep learning", "zh": "多模态深度学习"}
CONTENTS = {"en": "Contents", "zh": "目录"}
COUNT = {"en": "{questions} questions in {topics} topics", "zh": "{topics} 个主题，{questions} 道题"}

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
)
QUIET = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)
PATIENCE = 300  # seconds: a cold browser on a busy laptop


def write_html(questions: Sequence[Question], languages: Sequence[str], path: Path) -> None:
    path.write_text(booklet(questions, languages), encoding="utf-8")


def booklet(questions: Sequence[Question], languages: Sequence[str]) -> str:
    """The whole booklet as HTML that is also well-formed XML."""
    first = languages[0]
    topics = choose.by_topic(list(questions))
    parts = [_cover(questions, len(topics), languages), _contents(questions, languages)]
    for _, group in topics:
        topic = group[0].topic
        parts.append(f'<section class="topic" id="{topic}"><h2>{_title(topic, languages)}</h2>')
        parts += [_article(question, language) for question in group for language in languages]
        parts.append("</section>")
    title = escape(f"{TITLE[first]}: {SUBTITLE[first]}")
    return (
        f'<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="{TAGS[first]}">\n<head>'
        f'<meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{title}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _cover(questions: Sequence[Question], topics: int, languages: Sequence[str]) -> str:
    lines = ""
    for language in languages:
        count = COUNT[language].format(questions=len(questions), topics=topics)
        lines += (
            f'<div lang="{TAGS[language]}"><h1>{TITLE[language]}</h1><p class="subtitle">{SUBTITLE[language]}</p>'
            f"<p>{count}</p></div>"
        )
    return f'<header class="cover">{lines}<p class="course">mmlearn</p></header>'


def _title(topic: str, languages: Sequence[str]) -> str:
    titles = {"en": choose.topics()[topic], "zh": choose.CHINESE_TITLES.get(topic, choose.topics()[topic])}
    return " · ".join(f'<span lang="{TAGS[language]}">{escape(titles[language])}</span>' for language in languages)


def _contents(questions: Sequence[Question], languages: Sequence[str]) -> str:
    lines = [f'<nav class="contents"><h2>{" · ".join(CONTENTS[language] for language in languages)}</h2>']
    for _, group in choose.by_topic(list(questions)):
        topic = group[0].topic
        lines.append(f'<h3><a href="#{topic}">{_title(topic, languages)}</a></h3><ul>')
        for question in group:
            for language in languages:
                begins = escape(_first_sentence(plain(question.section("question", language))))
                link = f'<a href="#{question.id}-{language}">{begins}</a>'
                lines.append(f'<li lang="{TAGS[language]}">{link} <span class="level">{question.level}</span></li>')
        lines.append("</ul>")
    return "\n".join([*lines, "</nav>"])


def _first_sentence(text: str) -> str:
    """Up to the first end of a sentence, if that says enough."""
    for at, letter in enumerate(text[:-1]):
        if at > 20 and (letter in "。？！" or (letter in ".?" and text[at + 1] == " ")):
            return text[: at + 1]
    return text


def _article(question: Question, language: str) -> str:
    minutes = f"{question.minutes} {say(language, 'minutes')}"
    facts = " · ".join((question.level, question.kind, minutes, question.lesson))
    parts = [f'<article id="{question.id}-{language}" lang="{TAGS[language]}">']
    parts.append(f'<h3 class="id">{question.id}</h3><p class="facts">{facts}</p>')
    for name, text in question.sections[language].items():
        heading = f"<h4>{HEADINGS[language][name]}</h4>"
        parts.append(f'<div class="section {name.replace("_", "-")}">{heading}\n{to_html(text, as_mathml)}</div>')
    return "\n".join([*parts, "</article>"])


def browser() -> str:
    """A Chromium, Chrome or Edge of this machine.

    Raises:
        CourseError: if there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None) or next(filter(os.path.exists, PLACES), None)
    if not found:
        raise CourseError(
            "no Chrome, Chromium or Edge to make the PDF with: export --html booklet.html, open it and print it to PDF"
        )
    return found


def write_pdf(questions: Sequence[Question], languages: Sequence[str], path: Path) -> None:
    """Print the booklet with a browser.

    Raises:
        CourseError: if there is no browser, or it makes no PDF.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="mmlearn-", ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder) / "booklet.html", Path(folder) / "booklet.pdf"
        write_html(questions, languages, page)
        options = [*QUIET, f"--user-data-dir={folder}/profile", f"--print-to-pdf={printed}"]
        if sys.platform == "linux" and os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium refuses to run as root with it
        try:
            ran = subprocess.run([program, *options, page.as_uri()], capture_output=True, text=True, timeout=PATIENCE)
            told = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        except subprocess.TimeoutExpired:
            told = f"it was not done after {PATIENCE} s"
        if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
            raise CourseError(f"{program} made no PDF ({told}): export --html booklet.html and print it from a browser")
        shutil.copyfile(printed, path)
