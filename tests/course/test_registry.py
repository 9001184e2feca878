import pytest

from mmlearn.course.errors import CourseError
from mmlearn.course.registry import read_course

EXERCISE = """
[[topic.exercise]]
id = "{id}"
title = "A title"
points = 5
difficulty = 2
minutes = 3
hints = ["a", "b", "c"]
questions = ["q"]
"""

COURSE = (
    """
[course]
id = "c"
title = "T"

[[topic]]
id = "second"
order = 2
title = "Second"
lesson = "02"
ask = "Why?"
"""
    + EXERCISE.format(id="f")
    + EXERCISE.format(id="shared")
    + """
[[topic.written]]
question = "q"
points = 10

[[topic]]
id = "first"
order = 1
title = "First"
lesson = "01"
ask = "How?"
"""
    + EXERCISE.format(id="shared")
)


@pytest.fixture
def read(tmp_path):
    def read_text(text: str):
        file = tmp_path / "course.toml"
        file.write_text(text)
        return read_course(file)

    return read_text


def test_topics_come_in_their_order(read):
    course = read(COURSE)
    assert [topic.id for topic in course.topics] == ["first", "second"]
    topic = course.topic("second")
    assert topic.points == 10
    assert topic.minutes == 6
    assert topic.exercise("f").name == "second.f"
    assert topic.exercise("f").stars == "★★☆☆☆"
    assert topic.written[0].points == 10


def test_names_are_found(read):
    course = read(COURSE)
    assert course.find("second")[1] == course.topic("second").exercises
    assert [e.name for e in course.find("second.f")[1]] == ["second.f"]
    assert [e.name for e in course.find("f")[1]] == ["second.f"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "no topic or exercise is called 'nothing'; topics: first, second"),
        ("shared", "say first.shared or second.shared"),
        ("second.g", "has no exercise 'g'; it has: f, shared"),
        ("third.f", "there is no topic 'third'"),
    ],
)
def test_a_name_that_is_not_found_says_what_there_is(read, name, message):
    with pytest.raises(CourseError, match=message):
        read(COURSE).find(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COURSE.replace("order = 2\n", ""), "order"),
        (COURSE.replace("minutes = 3", "minuets = 3"), "minuets"),
        ("[course\n", "course.toml"),
    ],
)
def test_a_registry_with_a_fault_is_one_line(read, text, message):
    with pytest.raises(CourseError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_missing_registry_is_named(tmp_path):
    with pytest.raises(CourseError, match=r"course.toml is missing"):
        read_course(tmp_path / "course.toml")
