"""The mock interview: what it asks, how it keeps time, and the sheet it leaves."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mmlearn.cli import app
from mmlearn.course.errors import CourseError
from mmlearn.interview import mock, rubric, schedule
from mmlearn.interview.bank import HEADINGS, LEVELS, bank

FIT = pytest.mark.parametrize("level", LEVELS)


@FIT
@pytest.mark.parametrize("minutes", [20, 45, 60, 120])
@pytest.mark.parametrize("seed", range(5))
def test_the_plan_fills_the_time_and_does_not_exceed_it(minutes, level, seed):
    chosen = mock.plan(minutes, level, seed)
    taken = sum(question.minutes for question in chosen)
    allowed = LEVELS[: LEVELS.index(level) + 1]
    left_out = [q for q in bank().values() if q.level in allowed and q not in chosen]
    assert taken <= minutes
    assert all(question.minutes > minutes - taken for question in left_out)
    assert len({question.id for question in chosen}) == len(chosen)
    assert {question.level for question in chosen} <= set(allowed)
    assert [LEVELS.index(question.level) for question in chosen] == sorted(LEVELS.index(q.level) for q in chosen)


@pytest.mark.parametrize("seed", range(10))
def test_the_plan_mixes_kinds_and_topics(seed):
    chosen = mock.plan(90, "senior", seed)
    assert len(chosen) >= 4
    assert len({question.topic for question in chosen}) >= 4
    assert len({question.kind for question in chosen}) >= 4
    assert any(question.level == "senior" for question in chosen)


def test_the_same_seed_asks_the_same_another_seed_another():
    plans = [[question.id for question in mock.plan(45, "senior", seed)] for seed in (7, 7, 8, 9, 10)]
    assert plans[0] == plans[1]
    assert len({tuple(chosen) for chosen in plans}) > 2


def test_no_time_for_any_question_is_said():
    shortest = min(question.minutes for question in bank().values())
    with pytest.raises(
        CourseError, match=f"no question fits into {shortest - 1} minutes: the shortest takes {shortest}"
    ):
        mock.plan(shortest - 1, "staff", 0)


def typed(questions, language="en", met="y") -> str:
    lines = [""]
    for question in questions:
        follow_ups = rubric.follow_ups(question, language)
        lines += [""] * (1 + len(follow_ups)) + [met] * (len(rubric.points(question, language)) + len(follow_ups))
    return "\n".join(lines) + "\n"


def run(*arguments: str, keys: str = "", code: int = 0) -> tuple[str, str]:
    """What was told, and the sheet."""
    result = CliRunner().invoke(app, ["interview", "mock", *arguments], input=keys)
    assert result.exit_code == code, (result.output, result.exception)
    path = re.search(r"(?:Score sheet: |评分表：)(.+)\n", result.output)[1]
    assert Path(path).parent == schedule.folder() / "mocks"
    return result.output, Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", HEADINGS)
def test_a_whole_interview_leaves_a_sheet(data, language):
    questions = mock.plan(45, "senior", 3)
    options = ["--minutes", "45", "--level", "senior", "--seed", "3", "--lang", language]
    told, sheet = run(*options, keys=typed(questions, language))
    places = [told.index(question.id) for question in questions]
    assert places == sorted(places)
    for question in questions:
        follow_ups = rubric.follow_ups(question, language)
        points = rubric.points(question, language)
        row = rf"\| {question.id} \| {question.level} \| {question.kind} \| {question.minutes}:00 \| 0:0\d \| "
        assert re.search(row + rf"{len(points)}/{len(points)} \| {len(follow_ups)}/{len(follow_ups)} \|", sheet)
        assert question.section("question", language) in sheet
    assert sheet.count("- [x] ") == sum(
        len(rubric.points(q, language)) + len(rubric.follow_ups(q, language)) for q in questions
    )
    assert "- [ ]" not in sheet
    assert " ".join(["mmlearn interview mock", *options[:6]]) in sheet
    if language == "zh":
        assert "模拟面试" in sheet
        assert "Mock" not in sheet
    assert not schedule.file().exists()  # a mock is not a quiz


def test_what_failed_is_named_to_look_at_again(data):
    questions = mock.plan(30, "core", 1)
    _, sheet = run("--minutes", "30", "--level", "core", "--seed", "1", keys=typed(questions, met="n"))
    for question in questions:
        assert f"- `mmlearn interview show {question.id}`, `notebooks/{question.lesson}.ipynb`" in sheet
    assert f"0 of {len(questions)} questions passed" in sheet


def test_follow_ups_are_asked_one_by_one_and_answered_only_after_the_last(data):
    (first, *_) = mock.plan(45, "senior", 3)
    told, _ = run("--minutes", "45", "--seed", "3", keys="\n\n\n\nq\n")
    asked = rubric.follow_ups(first, "en")
    assert told.count("the interviewer asks:") == min(3, len(asked))
    assert HEADINGS["en"]["full"] not in told


def test_q_ends_it_and_the_sheet_says_what_was_not_reached(data):
    questions = mock.plan(45, "senior", 3)
    _, sheet = run("--minutes", "45", "--seed", "3", keys=typed(questions[:1]) + "q\n")
    assert "**Interrupted before its end.**" in sheet
    assert sheet.count("not reached") == len(questions) - 2
    assert sheet.count("not scored") == 1
    assert f"## {questions[0].id}" in sheet
    assert f"- `mmlearn interview show {questions[1].id}`" in sheet  # asked and not scored: look at it
    assert f"show {questions[0].id}" not in sheet


def test_without_a_seed_the_sheet_names_the_one_it_took(data):
    _, sheet = run("--minutes", "45", keys="q\n")
    seed = int(re.search(r"--seed (\d+)", sheet)[1])
    for question in mock.plan(45, "senior", seed):
        assert f"| {question.id} |" in sheet


def test_each_interview_has_a_sheet_of_its_own(data):
    started = datetime(2026, 3, 1, 12, tzinfo=UTC)
    names = []
    for _ in range(3):
        path = mock.sheet_file(started)
        schedule.write_atomically(path, "")
        names.append(path.name)
    assert names == ["2026-03-01-120000.md", "2026-03-01-120000-2.md", "2026-03-01-120000-3.md"]


def hold(data, monkeypatch, step: float) -> mock.Interview:
    """An interview in which the person takes `step` seconds for each key."""
    questions = mock.plan(45, "senior", 3)
    answers = [mock.Answer(question) for question in questions]
    started = datetime(2026, 3, 1, 12, tzinfo=UTC)
    interview = mock.Interview(45, "senior", "en", 3, answers, data / "sheet.md", started)
    keys = iter(typed(questions).splitlines())
    pressed: list[str] = []

    def press(*_) -> str:
        pressed.append(next(keys))
        return pressed[-1]

    monkeypatch.setattr("builtins.input", press)
    assert mock.hold(interview, Console(width=100, quiet=True), lambda: step * len(pressed))
    return interview


def test_when_the_time_is_up_no_further_question_is_asked(data, monkeypatch):
    interview = hold(data, monkeypatch, step=45 * 60)
    assert [answer.reached for answer in interview.answers] == [True] + [False] * (len(interview.answers) - 1)
    sheet = interview.sheet.read_text()
    taken = 45 * (1 + len(rubric.follow_ups(interview.answers[0].question, "en")))
    assert f"| {taken}:00 |" in sheet
    assert "not reached" in sheet
    assert f"{taken}:00 of 45 minutes" in sheet
    assert "Interrupted" not in sheet


def test_the_clock_runs_only_while_one_answers(data, monkeypatch):
    interview = hold(data, monkeypatch, step=7)  # 7 s for an answer, and 7 s for each point that is scored
    for answer in interview.answers:
        assert answer.seconds == 7 * (1 + len(rubric.follow_ups(answer.question, "en")))
        assert answer.scored


def test_ctrl_c_saves_the_sheet_so_far(terminal, data):
    questions = mock.plan(45, "senior", 3)
    one = terminal("mock", "--minutes", "45", "--seed", "3")
    one.expect("Press Enter to begin")
    one.type("")
    for _ in range(1 + len(rubric.follow_ups(questions[0], "en"))):
        one.expect("Enter when you have answered")
        one.type("")
    for _ in rubric.points(questions[0], "en"):
        one.expect("said?")
        one.type("y")
    for _ in rubric.follow_ups(questions[0], "en"):
        one.expect("answered well?")
        one.type("n")
    one.expect(questions[1].id)
    one.press_control_c()
    one.expect("Score sheet: ")
    assert one.wait() == 130
    assert "Traceback" not in one.screen
    (path,) = (data / "mocks").glob("*.md")
    sheet = path.read_text(encoding="utf-8")
    assert "Interrupted before its end." in sheet
    assert f"0/{len(rubric.follow_ups(questions[0], 'en'))} | outstanding |" in sheet


def test_kill_9_keeps_the_questions_that_were_scored(terminal, data):
    questions = mock.plan(45, "senior", 3)
    one = terminal("mock", "--minutes", "45", "--seed", "3")
    for line in typed(questions[:1]).splitlines():
        one.type(line)
    one.expect(questions[1].id)
    one.kill()
    (path,) = (data / "mocks").glob("*.md")
    assert "| outstanding |" in path.read_text(encoding="utf-8")
