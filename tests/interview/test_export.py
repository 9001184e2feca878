"""What is taken away: a deck that Anki itself imports, a booklet in HTML, a PDF that a browser printed."""

import os
import re
import shutil
import unicodedata
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from typer.testing import CliRunner

from mmlearn.cli import app
from mmlearn.course.errors import CourseError
from mmlearn.interview import booklet, deck
from mmlearn.interview.bank import HEADINGS, bank
from mmlearn.interview.choose import Filter
from mmlearn.interview.render import formulas_in, plain

LANGUAGES = ("en", "zh")
ALL = Filter().questions()
FEW = [ALL[0], *(question for question in ALL if question.id == "similarity-contrastive-loss"), ALL[-1]]
XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"


# --- Anki ---


@pytest.fixture
def collection(tmp_path):
    opened = Collection(str(tmp_path / "collection.anki2"))
    yield opened
    opened.close()


def import_deck(collection, path) -> None:
    options = ImportAnkiPackageOptions(merge_notetypes=True)
    collection.import_anki_package(ImportAnkiPackageRequest(package_path=str(path), options=options))


def notes(collection) -> dict[tuple[str, str], object]:
    found = [collection.get_note(note) for note in collection.find_notes("")]
    return {(note["id"], "zh" if "中文" in note.note_type()["name"] else "en"): note for note in found}


def test_anki_imports_the_whole_bank_in_both_languages(collection, tmp_path):
    path = tmp_path / "deck.apkg"
    result = CliRunner().invoke(app, ["interview", "export", "--anki", str(path), "--lang", "both"])
    assert result.output == f"wrote {path}: {len(ALL)} questions in both languages, {2 * len(ALL)} notes\n"
    import_deck(collection, path)
    assert collection.card_count() == collection.note_count() == 2 * len(ALL)
    held = notes(collection)
    assert set(held) == {(question.id, language) for question in ALL for language in LANGUAGES}
    for (name, language), note in held.items():
        question = bank()[name]
        assert set(note.tags) == {f"mmlearn::{tag}" for tag in (question.topic, question.level, question.kind)}
        for section, text in question.sections[language].items():
            for latex in formulas_in(text):
                escaped = latex.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                assert rf"\({escaped}\)" in note[section] or rf"\[{escaped}\]" in note[section]
            without_code = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", note[section], flags=re.DOTALL)
            assert "$" not in without_code
            assert note[section].count("<li>") >= len(re.findall("^- ", text, re.M))
    names = {entry.name for entry in collection.decks.all_names_and_ids()}
    assert "mmlearn interview::English::Similarity and retrieval" in names
    assert "mmlearn interview::中文::Similarity and retrieval" in names


def test_a_card_shows_the_question_then_every_section(collection, tmp_path):
    deck.write_deck(FEW, LANGUAGES, tmp_path / "deck.apkg")
    import_deck(collection, tmp_path / "deck.apkg")
    for (name, language), note in notes(collection).items():
        (card,) = note.cards()
        question = bank()[name]
        assert note["question"] in card.question()
        assert note["short"] not in card.question()
        headings = HEADINGS[language]
        shown = [headings[section] for section in question.sections[language] if section != "question"]
        assert re.findall("<h4>(.*?)</h4>", card.answer()) == shown


def test_importing_twice_leaves_the_same_notes_and_changed_text_updates(collection, tmp_path):
    deck.write_deck(FEW, LANGUAGES, tmp_path / "first.apkg")
    import_deck(collection, tmp_path / "first.apkg")
    before = sorted(collection.find_notes(""))
    answered = notes(collection)[FEW[0].id, "en"].cards()[0]
    answered.due, answered.ivl, answered.type, answered.queue = 5, 21, 2, 2
    collection.update_card(answered)

    import_deck(collection, tmp_path / "first.apkg")
    assert sorted(collection.find_notes("")) == before

    sections = {**FEW[0].sections, "en": {**FEW[0].sections["en"], "short": "Said anew, with $\\tau$."}}
    changed = [replace(FEW[0], sections=sections), *FEW[1:]]
    deck.write_deck(changed, LANGUAGES, tmp_path / "second.apkg", later(60))
    import_deck(collection, tmp_path / "second.apkg")
    assert sorted(collection.find_notes("")) == before
    assert notes(collection)[FEW[0].id, "en"]["short"] == r"<p>Said anew, with \(\tau\).</p>"
    assert notes(collection)[FEW[0].id, "zh"]["short"] != r"<p>Said anew, with \(\tau\).</p>"
    kept = notes(collection)[FEW[0].id, "en"].cards()[0]
    assert (kept.id, kept.ivl, kept.type) == (answered.id, 21, 2)  # and the schedule stays


def later(seconds: float) -> float:
    import time

    return time.time() + seconds


def test_one_language_has_the_same_notes_as_both(collection, tmp_path):
    deck.write_deck(FEW, ("zh",), tmp_path / "zh.apkg")
    import_deck(collection, tmp_path / "zh.apkg")
    assert {language for _, language in notes(collection)} == {"zh"}
    deck.write_deck(FEW, LANGUAGES, tmp_path / "both.apkg")
    import_deck(collection, tmp_path / "both.apkg")
    assert collection.note_count() == 2 * len(FEW)


# --- HTML ---


@pytest.fixture(scope="module")
def whole():
    text = booklet.booklet(ALL, LANGUAGES)
    return text, ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


def test_the_booklet_is_well_formed_and_needs_no_network(whole):
    text, root = whole
    assert root.tag == XHTML + "html"
    assert not root.findall(f".//{XHTML}script")
    assert not root.findall(f".//{XHTML}link")
    assert not root.findall(f".//{XHTML}img")
    without_namespaces = re.sub(r'xmlns="[^"]*"', "", text)
    assert not re.search(r'(src|href)="(?!#)|url\(|@import|https?://', without_namespaces)
    assert {node.tag.partition("}")[0] for node in root.iter()} == {XHTML[:-1], MATHML[:-1]}


def test_every_question_stands_in_it_with_every_section_in_both_languages(whole):
    _, root = whole
    articles = {article.get("id"): article for article in root.iter(XHTML + "article")}
    assert list(articles) == [f"{question.id}-{language}" for question in ALL for language in LANGUAGES]
    for question in ALL:
        for language in LANGUAGES:
            article = articles[f"{question.id}-{language}"]
            headings = [heading.text for heading in article.iter(XHTML + "h4")]
            assert headings == [HEADINGS[language][name] for name in question.sections[language]]
            told = "".join(article.itertext())
            for name, text in question.sections[language].items():
                formulas = len(formulas_in(text))
                (section,) = [
                    d for d in article.findall(XHTML + "div") if d.get("class").split()[1] == name.replace("_", "-")
                ]
                assert len(list(section.iter(MATHML + "math"))) >= formulas
                assert len(list(section.iter(XHTML + "table"))) == text.count("\n|---")
                assert len(list(section.iter(XHTML + "pre"))) == text.count("```") // 2
            words = re.findall(r"[A-Za-z]{5,}|[\u4e00-\u9fff]{3,}", plain(question.section("short", language)))
            assert len(words) > 10
            assert [word for word in words if word not in told] == []


def test_every_formula_of_it_is_converted(whole):
    text, root = whole
    assert 'class="latex"' not in text
    assert len(list(root.iter(MATHML + "math"))) > 1000
    for math in root.iter(MATHML + "math"):
        told = "".join(math.itertext())
        assert told.strip()
        assert "\\" not in told


def test_the_contents_lead_to_every_question(whole):
    _, root = whole
    ids = {node.get("id") for node in root.iter() if node.get("id")}
    links = [link.get("href").removeprefix("#") for link in root.find(f".//{XHTML}nav").iter(XHTML + "a")]
    assert set(links) <= ids
    assert {f"{question.id}-{language}" for question in ALL for language in LANGUAGES} <= set(links)
    assert {question.topic for question in ALL} <= set(links)


def test_a_booklet_in_one_language_holds_no_other(tmp_path):
    booklet.write_html(FEW, ("en",), tmp_path / "en.html")
    text = (tmp_path / "en.html").read_text(encoding="utf-8")
    body = text[text.index("<body>") :]
    assert not re.search(r"[\u4e00-\u9fff]", body)
    booklet.write_html(FEW, ("zh",), tmp_path / "zh.html")
    text = (tmp_path / "zh.html").read_text(encoding="utf-8")
    assert '<html xmlns="http://www.w3.org/1999/xhtml" lang="zh-Hans">' in text
    assert "Full answer" not in text


# --- PDF ---

CHROMIUM = next(filter(None, map(shutil.which, booklet.NAMES)), None)
if CHROMIUM is None and os.environ.get("MMLEARN_REQUIRE_BROWSER"):
    raise RuntimeError("MMLEARN_REQUIRE_BROWSER is set, and there is no Chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: no PDF is made")


def pdf_text(data: bytes) -> str:
    """The text of a PDF as Chromium writes it: compressed streams, fonts with a table from glyphs to Unicode."""
    objects = dict(re.findall(rb"(?:^|\n)(\d+) 0 obj\s(.*?)\nendobj", data, re.DOTALL))

    def stream(number: bytes) -> bytes:
        match = re.search(rb"stream\r?\n(.*)\r?\nendstream", objects[number], re.DOTALL)
        return zlib.decompress(match[1]) if b"FlateDecode" in objects[number] else match[1]

    def unicode_of(table: bytes) -> dict[int, str]:
        letters = {}
        for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
            for glyph, code in re.findall(rb"<(\w+)>\s*<(\w+)>", block):
                letters[int(glyph, 16)] = bytes.fromhex(code.decode()).decode("utf-16-be", "replace")
        for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
            for first, last, code in re.findall(rb"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
                begin = bytes.fromhex(code.decode()).decode("utf-16-be", "replace")
                for at in range(int(first, 16), int(last, 16) + 1):
                    letters[at] = begin[:-1] + chr(ord(begin[-1]) + at - int(first, 16))
        return letters

    fonts = {}
    for number, body in objects.items():
        if to_unicode := re.search(rb"/ToUnicode (\d+) 0 R", body):
            fonts[number] = unicode_of(stream(to_unicode[1]))
    told = []
    for body in objects.values():
        if not re.search(rb"/Type\s*/Page\b", body):
            continue
        resources = body
        if indirect := re.search(rb"/Resources (\d+) 0 R", body):
            resources = objects[indirect[1]]
        font_of = dict(re.findall(rb"/(F\d+) (\d+) 0 R", resources))
        letters: dict[int, str] = {}
        for number in re.findall(rb"\d+", re.search(rb"/Contents \[?((?:\s*\d+ 0 R)+)", body)[1])[::2]:
            for name, hexes in re.findall(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>", stream(number)):
                if name:
                    letters = fonts.get(font_of.get(name, b""), {})
                elif hexes:
                    codes = [int(hexes[at : at + 4], 16) for at in range(0, len(hexes), 4)]
                    told.append("".join(letters.get(code, "") for code in codes))
    return "".join(told)


def squeezed(text: str) -> str:
    """Without spaces; a Chinese letter that the PDF names by its radical is the letter again."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def holds(told: str, text: str) -> bool:
    radical = "[\u2e80-\u2eff]"  # the few that normalisation leaves
    pattern = "".join(f"(?:{re.escape(letter)}|{radical})" for letter in squeezed(text))
    return re.search(pattern, squeezed(told)) is not None


@needs_browser
def test_the_pdf_holds_the_first_and_the_last_question_in_both_languages(tmp_path):
    path = tmp_path / "booklet.pdf"
    booklet.write_pdf(FEW, LANGUAGES, path)
    data = path.read_bytes()
    pages = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 2 + 2 * len(FEW) <= pages <= 2 + 2 * len(FEW) * 5
    told = pdf_text(data)
    assert not holds(told, "no such words")
    for question in FEW:
        assert holds(told, question.id)
        for language in LANGUAGES:
            assert holds(told, plain(question.section("question", language))[:14])
            assert holds(told, HEADINGS[language]["rubric"])


@needs_browser
def test_nothing_of_the_printed_booklet_runs_over_the_edge(tmp_path):
    from playwright.sync_api import sync_playwright

    booklet.write_html(ALL, LANGUAGES, tmp_path / "booklet.html")
    width = 650  # A4 less the margins, in pixels
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.emulate_media(media="print")
        page.goto((tmp_path / "booklet.html").as_uri())
        count, over = page.evaluate(
            """(width) => {
              const all = [...document.querySelectorAll("article *")];
              const over = all.filter((node) => node.getBoundingClientRect().right > width + 1);
              return [all.length, over.map((node) => node.closest("article").id + node.textContent.slice(0, 60))];
            }""",
            width,
        )
        chromium.close()
    assert count > 1000
    assert over == []


def test_without_a_browser_one_line_says_what_to_do_instead(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(booklet, "PLACES", ())
    with pytest.raises(
        CourseError, match=r"^no Chrome, Chromium or Edge .*: export --html booklet\.html.*print it to PDF$"
    ):
        booklet.write_pdf(FEW, LANGUAGES, tmp_path / "booklet.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_fails_is_named_in_one_line(tmp_path, monkeypatch):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho first >&2\necho 'no display' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(booklet, "browser", lambda: str(broken))
    with pytest.raises(CourseError, match=r"chromium made no PDF \(no display\): export --html") as caught:
        booklet.write_pdf(FEW, LANGUAGES, tmp_path / "booklet.pdf")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "booklet.pdf").exists()
