"""The README says what is there."""

import re

import pytest

from mmlearn.course import paths
from mmlearn.course.registry import course
from mmlearn.lessons.execute import lessons

README = (paths.ROOT / "README.md").read_text(encoding="utf-8")


def row(lesson: str) -> str:
    (line,) = [line for line in README.splitlines() if line.startswith("|") and f"(notebooks/{lesson}.ipynb)" in line]
    return line


@pytest.mark.parametrize("lesson", [lesson.stem for lesson in lessons()])
def test_each_lesson_has_a_row(lesson):
    assert row(lesson)


@pytest.mark.parametrize("topic", course().topics, ids=lambda topic: topic.id)
def test_a_topics_row_says_what_the_registry_says(topic):
    _, _, question, build, minutes, points, _ = [cell.strip() for cell in row(topic.lesson).split("|")]
    assert question == topic.ask
    assert re.findall(r"`(\w+)`", build) == [exercise.id for exercise in topic.exercises]
    assert minutes.endswith(f"+ {topic.minutes}")
    assert float(points) == topic.points


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "exercises/INSTRUCTORS.md"])
def test_links_lead_somewhere(file):
    page = paths.ROOT / file
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("file", ["README.md", "exercises/INSTRUCTORS.md"])
def test_every_command_that_is_named_exists(file):
    from mmlearn.cli import app

    text = (paths.ROOT / file).read_text(encoding="utf-8")
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups}
    named = set(re.findall(r"(?:`(?:\.venv/bin/)?|^)mmlearn ([\w-]+)", text, re.MULTILINE))
    assert named and named <= known
    makefile = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in makefile or f" {target} " in makefile
