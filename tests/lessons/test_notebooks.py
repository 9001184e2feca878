"""Every lesson, run as a reader runs it."""

import re

import nbformat
import pytest

from mmlearn.course import paths
from mmlearn.course.registry import course
from mmlearn.lessons.execute import execute, lessons, noise

by_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.stem)


@by_lesson
def test_a_lesson_runs_from_top_to_bottom_without_a_word_on_stderr(lesson):
    notebook, _ = execute(lesson)
    assert noise(notebook) == []


@by_lesson
def test_a_lesson_is_committed_with_its_outputs_and_no_trace_of_a_machine(lesson):
    notebook = nbformat.read(lesson, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run `make lessons`"
    assert noise(notebook) == []
    text = lesson.read_text(encoding="utf-8")
    assert not re.search(r"/home/|/root/|/tmp/|/Users/|site-packages", text)
    assert len(text) < 2_000_000


@by_lesson
def test_code_is_read_without_scrolling_sideways(lesson):
    code = [cell for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "code"]
    assert not [line for cell in code for line in cell.source.splitlines() if len(line) > 100]


@by_lesson
def test_links_between_files_of_the_course_lead_somewhere(lesson):
    for cell in nbformat.read(lesson, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)#\s]+)", cell.source):
            if "://" not in target and not target.startswith("attachment:"):
                assert (lesson.parent / target).exists(), f"{cell.id}: {target}"


@pytest.mark.parametrize("topic", course().topics, ids=lambda topic: topic.id)
def test_a_topics_lesson_offers_a_check_of_every_exercise(topic):
    notebook = nbformat.read(paths.ROOT / "notebooks" / f"{topic.lesson}.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for exercise in topic.exercises:
        assert f'check("{exercise.name}")' in code
