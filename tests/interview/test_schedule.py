"""When cards come back, and that no answer is ever lost."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mmlearn.course.errors import CourseError
from mmlearn.interview import schedule
from mmlearn.interview.bank import HEADINGS, bank
from mmlearn.interview.rubric import Point, follow_ups, points, verdict
from mmlearn.interview.words import WORDS, say, when

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUBRIC = [Point(grade, grade) for grade in ("pass", "pass", "strong", "strong", "outstanding")]


def scored(*met: bool) -> list[tuple[Point, bool]]:
    return list(zip(RUBRIC, met, strict=True))


NOTHING, PASS, STRONG, ALL = (
    scored(False, False, False, False, False),
    scored(True, True, False, False, False),
    scored(True, True, True, False, False),
    scored(True, True, True, True, True),
)


@pytest.mark.parametrize(
    ("answer", "mark", "rating"),
    [
        (NOTHING, "not yet", 1),
        (scored(True, False, True, True, True), "not yet", 1),  # the base is missing, whatever else was said
        (PASS, "pass", 2),
        (scored(True, True, False, False, True), "pass", 2),
        (STRONG, "strong", 3),
        (ALL, "outstanding", 4),
    ],
)
def test_the_rubric_makes_the_rating(data, answer, mark, rating):
    assert verdict(answer) == mark
    schedule.record("a/en", answer, NOW)
    (review,) = schedule.load().reviews
    assert review.rating == rating
    assert review.met == [met for _, met in answer]
    assert review.recalled == (rating > 1)


def test_the_better_the_answer_the_later_the_card(data):
    back = [schedule.record(f"{number}/en", answer, NOW) for number, answer in enumerate((NOTHING, PASS, STRONG, ALL))]
    assert back[0] == NOW + timedelta(minutes=10)
    assert NOW + timedelta(days=1) <= back[1] <= back[2] < back[3]


@pytest.mark.parametrize("first", [PASS, NOTHING], ids=["passed", "failed"])
def test_a_bare_pass_each_time_comes_back_later_and_later(data, first):
    now = schedule.record("a/en", first, NOW)
    gaps = []
    for _ in range(5):
        back = schedule.record("a/en", PASS, now)
        gaps.append(back - now)
        now = back
    assert gaps[0] >= timedelta(days=1)
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def test_intervals_grow_and_a_failure_brings_the_card_back_soon(data):
    now, gaps = NOW, []
    for _ in range(4):
        back = schedule.record("a/en", STRONG, now)
        gaps.append(back - now)
        now = back
    assert gaps == sorted(gaps)
    assert gaps[-1] > timedelta(days=20)
    assert schedule.record("a/en", NOTHING, now) == now + timedelta(minutes=10)
    days = [review.days for review in schedule.load().reviews]
    assert days[0] is None
    assert days[1:] == pytest.approx([gap / timedelta(days=1) for gap in gaps])


def test_what_has_come_back_is_asked_first_longest_overdue_first_then_the_new(data):
    schedule.record("late/en", STRONG, NOW - timedelta(days=90))
    schedule.record("later/en", STRONG, NOW - timedelta(days=60))
    schedule.record("resting/en", ALL, NOW)
    names = ["new/en", "resting/en", "later/en", "late/en", "newer/en"]
    assert schedule.due(schedule.load(), names, NOW) == ["late/en", "later/en", "new/en", "newer/en"]
    assert schedule.due(schedule.load(), ["resting/en"], NOW) == []
    assert schedule.next_due(schedule.load(), ["resting/en", "new/en"]) > NOW + timedelta(days=1)
    assert schedule.next_due(schedule.load(), ["new/en"]) is None


def test_a_card_is_a_question_in_one_language(data):
    schedule.record(schedule.card_name("a", "en"), ALL, NOW)
    assert schedule.due(schedule.load(), ["a/en", "a/zh"], NOW) == ["a/zh"]


def test_learnt_is_what_comes_back_in_days(data):
    schedule.record("a/en", NOTHING, NOW)
    schedule.record("b/en", STRONG, NOW)
    study = schedule.load()
    assert [schedule.is_learnt(study, card) for card in ("a/en", "b/en", "c/en")] == [False, True, False]


def test_a_clock_that_was_set_back_does_not_break_a_card(data):
    schedule.record("a/en", STRONG, NOW)
    assert schedule.record("a/en", STRONG, NOW - timedelta(days=5)) > NOW


def test_the_folder_is_the_users_unless_named(monkeypatch):
    import platformdirs

    monkeypatch.delenv("MMLEARN_DATA", raising=False)
    assert schedule.folder() == platformdirs.user_data_path("mmlearn", appauthor=False)


def test_ctrl_c_while_writing_leaves_the_old_file_and_no_litter(data, monkeypatch):
    schedule.record("a/en", ALL, NOW)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            schedule.record("b/en", ALL, NOW)
    assert list(schedule.load().cards) == ["a/en"]
    assert sorted(path.name for path in data.iterdir()) == ["interview.json", "interview.lock"]
    schedule.record("b/en", ALL, NOW)  # and the lock is free
    assert list(schedule.load().cards) == ["a/en", "b/en"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "cards": {"a": {}}, "reviews": []}'])
def test_a_damaged_file_is_named_and_never_overwritten(data, text):
    data.mkdir()
    schedule.file().write_text(text)
    for action in (schedule.load, lambda: schedule.record("a/en", ALL, NOW)):
        with pytest.raises(CourseError, match=r"interview\.json is damaged \(") as caught:
            action()
        assert "\n" not in str(caught.value)
    assert schedule.file().read_text() == text


def test_a_file_of_a_newer_version_is_left_alone(data):
    data.mkdir()
    schedule.file().write_text(json.dumps({"version": 2}))
    with pytest.raises(CourseError, match="newer mmlearn"):
        schedule.record("a/en", ALL, NOW)


# A person who answers as fast as the disk allows; each answer is told once it is kept.
ANSWERING = """
import sys
from mmlearn.interview import schedule
from mmlearn.interview.rubric import Point
who, count = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    schedule.record("shared/en" if number % 5 == 0 else f"{who}-{number}/en", [(Point("pass", ""), True)])
    print(number, flush=True)
"""


def answering(who: str, count: int) -> subprocess.Popen:
    command = [sys.executable, "-c", ANSWERING, who, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_that_answer_at_the_same_time_lose_nothing(data):
    count = 60
    both = [answering(who, count) for who in ("one", "two")]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        process.communicate()
        assert process.returncode == 0
    study = schedule.load()
    assert len(study.reviews) == 2 * count
    own = {f"{who}-{number}/en" for who in ("one", "two") for number in range(count) if number % 5}
    assert set(study.cards) == own | {"shared/en"}
    assert sum(review.card == "shared/en" for review in study.reviews) == 2 * count / 5


@pytest.mark.parametrize("after", [1, 2, 4])
def test_kill_9_at_any_moment_loses_no_answer_that_was_kept(data, after):
    # Much is remembered already, so that the kill falls into the writing of it.
    data.mkdir()
    old = [{"card": "old/en", "at": NOW.isoformat(), "rating": 3, "days": None, "met": [True]}] * 1000
    schedule.file().write_text(json.dumps({"version": 1, "cards": {}, "reviews": old}))
    process = answering("one", 10_000)
    process.stdin.write("\n")
    process.stdin.flush()
    for _ in range(after):
        process.stdout.readline()
    process.kill()
    told = after + len(process.stdout.read().split())
    process.wait()
    process.stdin.close()
    process.stdout.close()
    kept = len(schedule.load().reviews) - len(old)
    assert kept in (told, told + 1)  # the last may have been kept and not told
    schedule.record("after/en", ALL)  # the lock died with its holder
    assert len(schedule.load().reviews) == len(old) + kept + 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_kill_9_in_the_middle_of_writing_leaves_the_file_as_it_was(data, step):
    schedule.record("before/en", ALL, NOW)
    before = schedule.file().read_bytes()
    dying = f"import os; os.{step} = lambda *_: os.kill(os.getpid(), 9)\n"
    command = [sys.executable, "-c", dying + ANSWERING, "one", "1"]
    assert subprocess.run(command, input="\n", capture_output=True, text=True).returncode == -9
    assert schedule.file().read_bytes() == before
    schedule.record("after/en", ALL, NOW)
    assert set(schedule.load().cards) == {"before/en", "after/en"}


@pytest.mark.parametrize("asked", bank().values(), ids=bank())
@pytest.mark.parametrize("language", HEADINGS)
def test_each_rubric_and_follow_up_of_the_bank_is_read_whole(asked, language):
    rubric, asked_after = points(asked, language), follow_ups(asked, language)
    assert len(rubric) == asked.section("rubric", language).count("\n- **") + 1
    assert len(asked_after) == asked.section("follow_ups", language).count("\n- **") + 1
    assert {point.grade for point in rubric} == {"pass", "strong", "outstanding"}
    assert all(point.text for point in rubric)
    assert all(one.question and one.answer for one in asked_after)


def test_both_languages_have_every_phrase_with_the_same_values():
    import string

    assert set(WORDS["en"]) == set(WORDS["zh"])
    for phrase, text in WORDS["en"].items():
        names = [
            {field for _, field, _, _ in string.Formatter().parse(words[phrase]) if field} for words in WORDS.values()
        ]
        assert names[0] == names[1], (phrase, text)


@pytest.mark.parametrize(
    ("left", "english", "chinese"),
    [
        (timedelta(0), "now", "现在"),
        (timedelta(minutes=9, seconds=30), "in 10 minutes", "10 分钟后"),
        (timedelta(hours=5), "in 5 hours", "5 小时后"),
        (timedelta(hours=30), "tomorrow", "明天"),
        (timedelta(days=9), "in 9 days, on 10 March 2026", "9 天后（2026 年 3 月 10 日）"),
    ],
)
def test_when_a_card_comes_back_is_said_as_one_says_it(left, english, chinese):
    assert when(NOW + left, "en", NOW) == english
    assert when(NOW + left, "zh", NOW) == chinese
    assert say("en", "minutes") == "min"
