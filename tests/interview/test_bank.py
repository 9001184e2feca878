"""Every question of the bank is whole, in both languages; a file with a fault is named."""

import re

import pytest

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.interview.bank import HEADINGS, KINDS, QUESTIONS, TOPICS_BESIDE, bank, question, read_question

by_question = pytest.mark.parametrize("asked", bank().values(), ids=bank())
by_language = pytest.mark.parametrize("language", HEADINGS)


@by_question
def test_what_a_question_stands_on_exists(asked):
    if asked.topic in TOPICS_BESIDE:
        assert not asked.exercise
    else:
        assert asked.exercise
        for exercise in asked.exercise:
            course().topic(asked.topic).exercise(exercise)
    assert (paths.ROOT / "notebooks" / f"{asked.lesson}.ipynb").is_file()
    assert 1 <= asked.minutes <= 60


@by_question
@by_language
def test_a_question_has_its_follow_ups_mistakes_and_rubric(asked, language):
    follow_ups = re.findall(r"^- \*\*(.+?)\*\*\s+\S", asked.section("follow_ups", language), flags=re.MULTILINE)
    assert len(follow_ups) >= 3
    assert len(re.findall(r"^- ", asked.section("mistakes", language), flags=re.MULTILINE)) >= 2
    points = re.findall(r"^- \*\*(pass|strong|outstanding)\*\*", asked.section("rubric", language), flags=re.MULTILINE)
    assert 3 <= len(points) <= 6
    assert set(points) == {"pass", "strong", "outstanding"}
    assert len(points) == len(re.findall(r"^- ", asked.section("rubric", language), flags=re.MULTILINE))


@by_question
def test_chinese_is_chinese(asked):
    text = re.sub(r"```.*?```", "", asked.section("full", "zh"), flags=re.DOTALL)  # a program has one language
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) > len(text) / 5


@by_question
@by_language
def test_formulas_are_closed(asked, language):
    for text in asked.sections[language].values():
        assert text.replace("$$", "").count("$") % 2 == 0
        assert text.count("$$") % 2 == 0


def test_each_of_the_documents_questions_is_answered_beside_its_own_answer():
    assert sorted(q.source_question for q in bank().values() if q.source_question) == [1, 2, 3, 4, 5, 6, 7]


def test_the_bank_is_large_enough_in_every_topic_and_kind():
    assert len(bank()) >= 72
    for topic in [*(topic.id for topic in course().topics), *TOPICS_BESIDE]:
        assert sum(asked.topic == topic for asked in bank().values()) >= 8, topic
    for kind in KINDS:
        assert sum(asked.kind == kind for asked in bank().values()) >= 8, kind


VALID = (QUESTIONS / "similarity-shared-space.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VALID.removeprefix("---\n"), "no YAML front matter"),
        (VALID.replace("level: core\n", ""), "lacks 'level'"),
        (VALID.replace("level: core", "level: guru"), "level is one of"),
        (VALID.replace("minutes: 10", "minutes: 10\nmood: good"), "unknown front matter mood"),
        (VALID.replace("id: similarity-shared-space", "id: another"), "its id is 'another'"),
        (VALID.replace("## Mistakes", "## Errors"), "the part en must hold"),
        (VALID.replace("# zh\n", "# cn\n"), "no part headed `# zh`"),
        (VALID.replace("source_question: 3\n", ""), "stands where source_question does"),
        (VALID.replace("## What the source says", "## Rubric 2"), "the part en must hold"),
        (re.sub(r"(## 30-second answer\n)(.*?)(\n## Full)", r"\1\3", VALID, flags=re.DOTALL), "filled"),
        (VALID.replace("kind: concept", "kind: [concept"), "not YAML"),
    ],
)
def test_a_fault_is_named_with_its_file(tmp_path, text, message):
    assert text != VALID
    file = tmp_path / "similarity-shared-space.md"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=r"similarity-shared-space.md: ") as caught:
        read_question(file)
    assert message in str(caught.value)


def test_an_unknown_question_is_named():
    with pytest.raises(CourseError, match="there is no interview question 'nothing'"):
        question("nothing")
