"""Interview practice: cards, self-checks in jupyterquiz's format, the mock interview in the notebook."""

import json
import re

import nbformat
import pytest
from ipywidgets import HTML, Button, Checkbox

from mmlearn.course import paths
from mmlearn.interview import mock, rubric, schedule
from mmlearn.interview.bank import bank
from mmlearn.interview.choose import topics
from mmlearn.interview.self_checks import of_topic
from mmlearn.lessons import interview_mock, interview_practice
from mmlearn.lessons.interview_figures import comes_back, forgetting

by_language = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The user's data folder, empty."""
    monkeypatch.setenv("MMLEARN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_the_contents_link_to_every_question():
    links = re.findall(r'href="([^"]+)"', interview_practice.contents().data)
    assert {(paths.ROOT / "notebooks" / link).resolve().stem for link in links} == set(bank())
    assert all((paths.ROOT / "notebooks" / link).is_file() for link in links)


@by_language
def test_a_card_shows_the_question_and_folds_the_rest(language):
    html = interview_practice.card("similarity-shared-space", language).data
    asked = bank()["similarity-shared-space"]
    before, _, folded = html.partition("<details>")
    assert asked.section("question", language) in before
    assert folded.count("<summary>") == len(asked.sections[language]) - 1
    assert ("余弦" in folded) == (language == "zh")


@pytest.mark.parametrize("topic", topics())
def test_jupyterquiz_gets_every_choice_with_its_reason_and_no_formula_to_set(topic):
    for check in of_topic(topic):
        quiz = interview_practice.as_quiz(check)
        assert [answer["correct"] for answer in quiz["answers"]] == [choice.right for choice in check.choices]
        assert all(
            answer["feedback"].startswith("<b>Right.</b> " if answer["correct"] else "<b>No.</b> ")
            for answer in quiz["answers"]
        )
        # Its script would take these for a formula or a link.
        assert not re.search(r"\$|\]\(|<http|<p>", json.dumps(quiz))


@pytest.mark.parametrize("topic", topics())
def test_a_self_check_is_committed_as_a_quiz_and_as_folded_text(topic):
    notebook = nbformat.read(paths.ROOT / "notebooks" / "10_interview_practice.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if f'self_check("{topic}")' in cell.source]
    html, script = cell.outputs[0].data["text/html"], cell.outputs[1].data["application/javascript"]
    assert html.count("<div") == html.count("</div>")
    (name,) = re.findall(r'<div id="(\w+)"', html)
    assert f'document.getElementById("{name}")' in script
    assert "text/plain" not in cell.outputs[1].data  # nothing stands there where scripts are not run
    checks = of_topic(topic)
    assert interview_practice.static(checks) in html
    assert html.count("<details>") == sum(len(check.choices) for check in checks)
    assert html.count("<b>Right.</b>") == len(checks)
    for check in checks:
        assert all(json.dumps(answer["feedback"]) in script for answer in interview_practice.as_quiz(check)["answers"])


def test_the_browser_follows_topic_question_and_language():
    box = interview_practice.browse("fusion")
    (topic, question, language), shown = box.children[0].children, box.children[1]
    assert question.value in shown.value
    question.value = "fusion-bilinear"
    assert "fusion-bilinear" in shown.value
    assert "<math" in shown.value
    language.value = "zh"
    assert (topic.value, question.value) == ("fusion", "fusion-bilinear")
    assert "完整回答" in shown.value
    question.value = "fusion-late-fusion-maths"
    assert 'display="block"' in shown.value
    assert 'class="display"' not in shown.value  # the booklet's style, which is not here
    topic.value = "systems"
    assert bank()[question.value].topic == "systems"
    assert question.value in shown.value
    assert "run this cell" in box._repr_mimebundle_()["text/plain"]


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def press(box, label: str) -> None:
    (button,) = [child for child in box.children if isinstance(child, Button) and child.description == label]
    button.click()


def text(box) -> str:
    rows = [part for child in box.children for part in getattr(child, "children", [child])]
    return "\n".join(part.value for part in rows if isinstance(part, HTML))


def ticks(box) -> list[Checkbox]:
    return [row.children[0] for row in box.children if hasattr(row, "children")]


def answer(box, clock, seconds: float, met: int) -> None:
    """Answer a question and its follow-ups, and tick the first `met` boxes."""
    clock.seconds += seconds
    while any(getattr(child, "description", "") == "I have answered aloud" for child in box.children):
        press(box, "I have answered aloud")
    for tick in ticks(box)[:met]:
        tick.value = True
    clock.seconds += 1000  # to read and to score costs no time
    press(box, "Keep the score, go on")


def test_a_mock_interview_asks_the_questions_of_the_seed_and_keeps_the_score(data):
    clock, planned = Clock(), mock.plan(45, "senior", 7)
    box = interview_mock.mock_interview(45, "senior", 7, now=clock)
    press(box, "Draw the questions")
    assert not (data / "mocks").exists()
    press(box, "Begin: the clock starts")
    follow_ups = rubric.follow_ups(planned[0], "en")
    for count in range(len(follow_ups)):  # one by one
        press(box, "I have answered aloud")
        assert text(box).count("the interviewer asks") == count + 1
    answer(box, clock, 60, met=100)
    for _ in planned[1:]:
        answer(box, clock, 60, met=0)
    sheet = text(box)
    points = len(rubric.points(planned[0], "en"))
    assert f"{points}/{points}" in sheet
    assert "outstanding" in sheet
    assert "1:00" in sheet
    assert sheet.count("not yet") == len(planned) - 1
    (file,) = (data / "mocks").iterdir()
    assert all(f"## {question.id}" in file.read_text(encoding="utf-8") for question in planned)
    press(box, "Another interview")
    press(box, "Draw the questions")


def test_what_is_not_reached_in_time_is_not_asked(data):
    clock, planned = Clock(), mock.plan(45, "senior", 7)
    box = interview_mock.mock_interview(45, "senior", 7, now=clock)
    press(box, "Draw the questions")
    press(box, "Begin: the clock starts")
    answer(box, clock, 45 * 60 + 1, met=0)
    assert text(box).count("not reached") == len(planned) - 1


def test_a_fault_in_the_settings_is_said_and_can_be_mended():
    box = interview_mock.mock_interview(10, "senior", 0)
    box.children[0].children[0].min = 1
    box.children[0].children[0].value = 1
    press(box, "Draw the questions")
    assert "no question fits into 1 minutes" in text(box)
    box.children[0].children[0].value = 30
    press(box, "Draw the questions")
    assert "30 minutes" in text(box)


@by_language
def test_the_interview_on_paper_holds_the_same_questions(language):
    html = interview_mock.on_paper(45, "senior", 7, language).data
    planned = mock.plan(45, "senior", 7)
    assert [name for name in re.findall(r"<td[^>]*>([\w-]+)</td><td", html) if name in bank()] == [
        question.id for question in planned
    ]
    answers = html.count("its answer</b>") + html.count("参考回答</b>")
    assert answers == sum(len(rubric.follow_ups(question, language)) for question in planned)


def test_good_answers_come_back_ever_later_and_a_failed_one_soon():
    gaps = comes_back(["strong"] * 5)
    assert gaps == sorted(set(gaps))
    failed = comes_back(["strong", "strong", "not yet", "strong"])
    assert failed[:2] == gaps[:2]
    assert failed[2] * 24 * 60 == pytest.approx(schedule.SOON.total_seconds() / 60)
    assert failed[3] < gaps[2]


def test_the_chance_of_recall_falls_between_answers_to_the_schedules_aim():
    (line,) = forgetting({"strong": ["strong"] * 4}).axes[0].lines
    chances = line.get_ydata()
    assert max(chances) == pytest.approx(1)
    assert min(chances) == pytest.approx(schedule.RETENTION, abs=0.02)
