"""The quiz as a person takes it: in a pseudo-terminal, with Ctrl-C, a kill and two terminals at once."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from mmlearn.cli import app
from mmlearn.course.errors import CourseError
from mmlearn.interview import rubric, schedule
from mmlearn.interview.bank import HEADINGS, bank
from mmlearn.interview.choose import CHINESE_TITLES, Filter, topics
from mmlearn.interview.render import plain

QUESTIONS = Filter(topic="similarity", level="core").questions()
FIRST = QUESTIONS[0]
POINTS = len(rubric.points(FIRST, "en"))
ONLY = ("--topic", "similarity", "--level", "core")


def interview(*arguments: str, typed: str = "", code: int = 0) -> str:
    result = CliRunner().invoke(app, ["interview", *arguments], input=typed)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def answers(question, *, language: str = "en", met: str = "y") -> str:
    return "\n\n" + f"{met}\n" * len(rubric.points(question, language))


def joined(text: str) -> str:
    return " ".join(text.split())


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_a_card_goes_from_question_to_short_to_full_answer_to_rubric(data):
    told = interview("quiz", *ONLY, "--cards", "1", typed=answers(FIRST))
    order = [
        f"Card 1 · {len(QUESTIONS)} due",
        FIRST.id,
        "Answer aloud",
        HEADINGS["en"]["short"],
        "Enter for the full answer",
        HEADINGS["en"]["full"],
        HEADINGS["en"]["rubric"],
        f"1 of {POINTS}, pass",
        f"{POINTS} of {POINTS}, outstanding",
        f"outstanding: {POINTS} of {POINTS} points. The card comes back in ",
    ]
    places = [told.index(text) for text in order]
    assert places == sorted(places)
    assert squeezed(plain(FIRST.section("question")))[:60] in squeezed(told)
    assert f"1 answered, and kept. {len(QUESTIONS) - 1} more are due now." in told
    assert [review.card for review in schedule.load().reviews] == [f"{FIRST.id}/en"]


def test_a_failed_card_comes_back_in_ten_minutes(data):
    told = interview("quiz", *ONLY, "--cards", "1", typed=answers(FIRST, met="n"))
    assert f"not yet (a pass point is missing): 0 of {POINTS} points. The card comes back in 10 minutes." in joined(
        told
    )


def test_only_y_and_n_are_scores(data):
    typed = "\n\n" + "maybe\n\ny\n" + "Y\n" * (POINTS - 1)
    told = interview("quiz", *ONLY, "--cards", "1", typed=typed)
    assert told.count("y or n, please") == 2
    assert f"{POINTS} of {POINTS} points" in told


def test_all_due_cards_are_asked_once_then_nothing_is_due(data):
    typed = "".join(answers(question) for question in QUESTIONS)
    told = interview("quiz", *ONLY, "--cards", "99", typed=typed)
    assert f"{len(QUESTIONS)} answered, and kept. The next card comes back in" in told
    assert {review.card for review in schedule.load().reviews} == {f"{question.id}/en" for question in QUESTIONS}
    told = interview("quiz", *ONLY)
    assert re.fullmatch(r"\s*Nothing is due\. The next card comes back in \d+ days, on .+\.\s*", told)


def test_the_due_cards_come_before_the_new_ones(data):
    last = QUESTIONS[-1]
    scored = [(point, True) for point in rubric.points(last, "en")]
    schedule.record(f"{last.id}/en", scored, datetime.now(UTC) - timedelta(days=400))
    told = interview("quiz", *ONLY, typed="q\n")
    assert last.id in told
    assert FIRST.id not in told


def test_q_and_the_end_of_the_input_stop_and_keep_what_was_answered(data):
    for typed in ("q\n", "", "\nq\n", "\n\ny\nq\n"):
        told = interview("quiz", *ONLY, typed=typed)
        assert "Stopped. 0 answered, and kept; the card on screen is not." in told
    assert schedule.load().reviews == []
    told = interview("quiz", *ONLY, typed=answers(FIRST) + "q\n")
    assert "Stopped. 1 answered, and kept" in told
    assert len(schedule.load().reviews) == 1


def test_the_quiz_in_chinese_is_chinese(data):
    told = interview("quiz", *ONLY, "--lang", "zh", "--cards", "1", typed=answers(FIRST, language="zh"))
    assert "像面对面试官一样说出你的答案" in told
    assert "优秀（outstanding）" in told
    assert "Enter" not in told
    assert [review.card for review in schedule.load().reviews] == [f"{FIRST.id}/zh"]


# --- in a real terminal ---


def answer(terminal, question) -> None:
    terminal.expect("Answer aloud")
    terminal.type("")
    terminal.expect("full answer:")
    terminal.type("")
    for _ in rubric.points(question, "en"):
        terminal.expect("said?")
        terminal.type("y")
    terminal.expect("The card comes back")


def test_in_a_terminal_ctrl_c_keeps_every_answered_card(terminal):
    one = terminal("quiz", *ONLY)
    answer(one, FIRST)
    one.expect("Answer aloud")
    one.press_control_c()
    one.expect("Stopped. 1 answered, and kept; the card on screen is not.")
    assert one.wait() == 130
    assert "Traceback" not in one.screen
    assert len(schedule.load().reviews) == 1


def test_ctrl_c_in_the_middle_of_scoring_loses_that_card_only(terminal):
    one = terminal("quiz", *ONLY)
    answer(one, FIRST)
    one.expect("Answer aloud")
    one.type("")
    one.expect("full answer:")
    one.type("")
    one.expect("said?")
    one.type("y")
    one.expect("said?")
    one.press_control_c()
    assert one.wait() == 130
    assert [review.card for review in schedule.load().reviews] == [f"{FIRST.id}/en"]


def test_kill_9_loses_at_most_the_card_on_screen(terminal):
    one = terminal("quiz", *ONLY)
    answer(one, FIRST)
    one.expect("Answer aloud")
    one.kill()
    assert [review.card for review in schedule.load().reviews] == [f"{FIRST.id}/en"]
    again = terminal("quiz", *ONLY)
    again.expect(f"{len(QUESTIONS) - 1} due")
    again.expect(QUESTIONS[1].id)


def test_two_terminals_at_once_lose_nothing_and_do_not_repeat(terminal):
    one, two = terminal("quiz", *ONLY), terminal("quiz", *ONLY)
    for each in (one, two):
        each.expect("Answer aloud")  # the same card is on both screens
        each.read -= len("Answer aloud")
    answer(one, FIRST)
    one.expect(QUESTIONS[1].id)
    one.read = one.screen.index(QUESTIONS[1].id)
    answer(one, QUESTIONS[1])
    answer(two, FIRST)
    # What the first terminal answered meanwhile is not asked again in the second.
    two.expect(f"{len(QUESTIONS) - 2} due")
    cards = [review.card for review in schedule.load().reviews]
    assert sorted(cards) == sorted([f"{FIRST.id}/en", f"{QUESTIONS[1].id}/en", f"{FIRST.id}/en"])


# --- the list, one question, the statistics ---


def test_the_list_names_every_question_under_its_topic(data):
    told = interview()
    for question in bank().values():
        assert re.search(rf"^  {question.id} +{question.level} +{question.kind} +{question.minutes} min$", told, re.M)
    assert f"{len(bank())} questions." in told
    titles = [title for topic, title in topics().items() if any(q.topic == topic for q in bank().values())]
    places = [told.index(f"{title} (") for title in titles]
    assert places == sorted(places)


@pytest.mark.parametrize("option", [("--topic", "fusion"), ("--level", "staff"), ("--kind", "maths")])
def test_the_list_is_filtered(data, option):
    field = option[0].removeprefix("--")
    fitting = {name for name, question in bank().items() if getattr(question, field) == option[1]}
    told = interview(*option)
    assert {line.split()[0] for line in told.splitlines() if re.match(r"  [a-z]", line)} == fitting


def test_the_list_in_chinese_begins_each_question_in_chinese(data):
    told = squeezed(interview("--lang", "zh"))
    for question in bank().values():
        assert squeezed(plain(question.section("question", "zh")))[:12] in told


@pytest.mark.parametrize("language", HEADINGS)
def test_show_holds_every_section(data, language):
    told = interview("show", "fusion-methods", "--lang", language)
    places = [told.index(f"{heading}\n") for heading in HEADINGS[language].values()]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--topic", "cooking"), "--topic cooking: it is one of multimodal, embeddings"),
        (("--level", "guru"), "--level guru: it is one of core, senior, staff"),
        (("quiz", "--kind", "poem"), "--kind poem: it is one of concept"),
        (("quiz", "--lang", "fr"), "--lang fr: it is en or zh"),
        (("show", "fusion-methods", "--lang", "both"), "--lang both: it is en or zh"),
        (("show", "contrastive"), "'contrastive'; did you mean similarity-contrastive-loss"),
        (("show", "fusion-method"), "did you mean fusion-methods"),
        (("show", "xyzzy"), "`mmlearn interview` lists them"),
        (("--topic", "fusion", "quiz"), "put the options behind the command: mmlearn interview quiz"),
        (("mock", "--minutes", "1"), "no question fits into 1 minutes: the shortest takes"),
        (("mock", "--level", "chief"), "--level chief: it is one of"),
        (("export",), "say what to export"),
        (("export", "--anki", "deck.zip"), "deck.zip: Anki imports files that end in .apkg"),
        (("export", "--html", "nowhere/at/all.html"), "there is no folder nowhere/at"),
    ],
)
def test_an_error_is_one_line(data, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["interview", *arguments])
    assert isinstance(result.exception, CourseError), result.output
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert result.exit_code == 1
    assert result.output == ""


def test_a_filter_that_fits_nothing_says_so(data):
    pairs = {(question.topic, question.level) for question in bank().values()}
    topic, level = next((t, lv) for t in topics() for lv in ("core", "senior", "staff") if (t, lv) not in pairs)
    with pytest.raises(CourseError, match=f"no question with --topic {topic} --level {level}"):
        Filter(topic, level).questions()


def test_each_topic_of_the_bank_has_a_chinese_title():
    assert {question.topic for question in bank().values()} <= set(CHINESE_TITLES)


def record(question, days_ago: float, met: bool, language: str = "en") -> None:
    scored = [(point, met) for point in rubric.points(question, language)]
    schedule.record(f"{question.id}/{language}", scored, datetime.now(UTC) - timedelta(days=days_ago))


def test_statistics_of_nothing_say_how_to_begin(data):
    assert interview("stats").strip() == "Nothing is answered yet. Begin with: mmlearn interview quiz"


def test_statistics_of_little_claim_little(data):
    record(FIRST, 3, True)
    record(FIRST, 1, True)
    record(QUESTIONS[1], 0, False)
    told = interview("stats")
    assert "Retention: 1 of 1 answers after a day or more passed; too few to call it a rate" in joined(told)
    assert "no topic has 5 answers yet" in told
    assert "%" not in told
    count = sum(question.topic == "similarity" for question in bank().values())
    assert re.search(rf"^Similarity.* {count} +2 +1 +0 +2 of 3$", told, re.M)
    assert re.search(rf"^Together +{len(bank())} +2 +1 +0 +2 of 3$", told, re.M)
    assert "中文" not in told


def test_statistics_of_much_give_a_rate_and_the_weakest_topic(data):
    fusion = Filter(topic="fusion").questions()[:5]
    for question in fusion:
        record(question, 0, False)
    for days in range(25, 0, -1):
        record(FIRST, days * 3, days != 7)
    record(FIRST, 0, True, "zh")
    told = joined(interview("stats"))
    assert "Retention: 23 of 24 answers after a day or more passed, 96 %; the schedule aims at 90 %." in told
    assert (
        f"Weakest first: {topics()['fusion']} (0 % of the points), {topics()['similarity']} (96 % of the points)."
        in told
    )
    assert "中文" in told


def test_the_command_line_starts_without_what_only_some_commands_need():
    import subprocess
    import sys

    heavy = ["fsrs", "genanki", "rich.markdown", "markdown_it", "latex2mathml", "yaml", "platformdirs", "anki"]
    code = f"import mmlearn.cli, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
