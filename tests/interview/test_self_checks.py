"""Self-checks: enough a topic, one right choice, a reason for each, no pattern that gives the right one away."""

import pytest
import yaml

from mmlearn.course.errors import CourseError
from mmlearn.interview.bank import bank
from mmlearn.interview.choose import topics
from mmlearn.interview.formulas import fault
from mmlearn.interview.render import formulas_in, plain
from mmlearn.interview.self_checks import CHOICES, FOLDER, of_topic, read_self_checks, self_checks

by_topic = pytest.mark.parametrize("topic", topics())


def right_at(check) -> int:
    return [choice.right for choice in check.choices].index(True)


def test_every_topic_of_the_bank_has_a_file_and_no_other():
    assert set(self_checks()) == set(topics())
    assert {path.stem for path in FOLDER.iterdir()} == set(topics())


@by_topic
def test_there_are_enough_on_several_questions_of_the_bank(topic):
    checks = of_topic(topic)
    assert len(checks) >= 5
    assert len({check.question for check in checks}) >= 5
    assert all(bank()[check.question].topic == topic for check in checks)


@by_topic
def test_one_choice_is_right_and_each_has_a_reason_of_its_own(topic):
    for check in of_topic(topic):
        assert len(check.choices) == CHOICES
        assert [choice.right for choice in check.choices].count(True) == 1
        assert all(len(choice.reason.split()) >= 4 for choice in check.choices)
        assert len({choice.reason for choice in check.choices}) == CHOICES


@by_topic
def test_neither_place_nor_length_gives_the_right_choice_away(topic):
    checks = of_topic(topic)
    assert len({right_at(check) for check in checks}) >= 3
    for extreme in (max, min):
        given_away = [extreme(check.choices, key=lambda choice: len(plain(choice.text))).right for check in checks]
        assert sum(given_away) <= len(checks) / 2, extreme


def test_no_place_is_right_in_more_than_two_of_five():
    places = [right_at(check) for checks in self_checks().values() for check in checks]
    assert max(map(places.count, range(CHOICES))) <= 0.4 * len(places)


@by_topic
def test_formulas_can_be_shown(topic):
    for check in of_topic(topic):
        for text in (check.ask, *(part for choice in check.choices for part in (choice.text, choice.reason))):
            assert text.count("$") % 2 == 0, text
            assert [fault(formula) for formula in formulas_in(text) if fault(formula)] == []


def valid() -> list[dict]:
    choices = [{"says": f"answer {letter}", "because": f"reason {letter}"} for letter in "abcd"]
    choices[2]["right"] = True
    return [{"question": "similarity-shared-space", "ask": "Which?", "choices": choices}]


def write(folder, content, name="similarity.yaml"):
    file = folder / name
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


def test_a_file_is_read(tmp_path):
    (check,) = read_self_checks(write(tmp_path, valid()))
    assert (check.topic, check.question, check.ask) == ("similarity", "similarity-shared-space", "Which?")
    assert [choice.right for choice in check.choices] == [False, False, True, False]
    assert (check.choices[1].text, check.choices[1].reason) == ("answer b", "reason b")


def without(key):
    def change(entry):
        del entry[key]

    return change


def setting(key, value):
    return lambda entry: entry.update({key: value})


def in_choice(number, key, value):
    return lambda entry: entry["choices"][number].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("ask"), "entry 1: it lacks 'ask'"),
        (setting("ask", "  "), "'ask' must be a text"),
        (setting("mood", "good"), "'mood' is unknown"),
        (setting("question", "similarity-of-what"), "the bank has no question 'similarity-of-what'"),
        (setting("question", "fusion-methods"), "fusion-methods belongs to the topic fusion"),
        (setting("choices", []), "it must have 4 choices"),
        (setting("choices", ["a", "b", "c", "d"]), "choice 1: it must hold because, says"),
        (in_choice(0, "right", True), "exactly one choice must be right"),
        (in_choice(2, "right", False), "exactly one choice must be right"),
        (in_choice(2, "right", "yes, it is"), "choice 3: right is true or left out"),
        (in_choice(1, "because", ""), "choice 2: 'because' must be a text"),
        (in_choice(1, "says", 7), "choice 2: 'says' must be a text"),
        (in_choice(1, "says", "answer a"), "two choices say the same"),
        (in_choice(1, "why", "so"), "choice 2: 'why' is unknown"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path, change, message):
    content = valid()
    change(content[0])
    with pytest.raises(CourseError, match=r"^similarity.yaml, entry 1") as caught:
        read_self_checks(write(tmp_path, content))
    assert message in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [("[", "not YAML"), ("", "a list"), ("topic: similarity", "a list")])
def test_a_file_that_is_no_list_is_named(tmp_path, content, message):
    with pytest.raises(CourseError, match=message):
        read_self_checks(write(tmp_path, content))


def test_an_unknown_topic_is_named():
    with pytest.raises(CourseError, match="no self-checks for 'cookery'"):
        of_topic("cookery")
