"""Every exercise of the registry, walked: stub, solution, mutants, hints. What is missing fails; there are no gaps."""

import json

import pytest

from mmlearn.course import paths
from mmlearn.course.check import State, examine, judge
from mmlearn.course.mutants import mutants_of, write_mutated
from mmlearn.course.registry import course
from mmlearn.course.run import run_batch
from mmlearn.course.source import read_source, rule_broken
from mmlearn.course.stubs import is_edited, stub_text
from mmlearn.course.testfile import graded_tests
from mmlearn.grading.assignment import assignment_text, source_folder
from mmlearn.interview.bank import bank

TOPICS = course().topics
EXERCISES = [exercise for topic in TOPICS for exercise in topic.exercises]

by_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
by_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@by_topic
def test_a_topic_has_all_its_files(topic):
    for file in (paths.solution_file(topic.id), paths.tests_file(topic.id), paths.mutants_file(topic.id)):
        assert file.is_file()
    assert (paths.ROOT / "notebooks" / f"{topic.lesson}.ipynb").is_file()
    assert topic.ask.endswith("?")


@by_topic
def test_an_untouched_stub_is_not_attempted_and_earns_nothing(topic, tmp_path):
    stub = tmp_path / f"{topic.id}.py"
    stub.write_text(stub_text(topic.id), encoding="utf-8")
    report = examine(topic, topic.exercises, stub)
    assert {result.state for result in report.results} == {State.NOT_ATTEMPTED}
    assert report.points == 0


@by_topic
@pytest.mark.parametrize("seed", [0, 1, 2**32 + 7])
def test_the_solution_earns_full_points(topic, seed):
    report = examine(topic, topic.exercises, paths.solution_file(topic.id), seed=seed)
    assert report.all_correct, repr(report)
    assert report.points == topic.points


@by_topic
def test_every_mutant_is_caught_with_its_message(topic, tmp_path):
    mutants = mutants_of(topic.id)
    jobs = []
    for index, mutant in enumerate(mutants):
        exercise = topic.exercise(mutant.exercise)
        file = write_mutated(topic.id, mutant, tmp_path / str(index))
        # The tests must catch it, not a rule on names.
        rules = ((*topic.forbidden, *exercise.forbidden), exercise.needs_one_of)
        assert rule_broken(read_source(file), exercise.id, *rules) == "", mutant.name
        jobs.append((file, [test for test in graded_tests(topic.id) if test.exercise == exercise.id]))
    escaped = []
    for mutant, outcomes in zip(mutants, run_batch(topic.id, jobs), strict=True):
        result = judge(topic.exercise(mutant.exercise), tuple(outcomes))
        if result.state is not State.WRONG or mutant.caught_by not in f"{result.message} {result.detail}":
            escaped.append(f"{mutant.exercise}: {mutant.name}: {result.state}, {result.message} {result.detail}")
    assert not escaped, "\n".join(escaped)


@by_exercise
def test_an_exercise_has_at_least_three_mutants(exercise):
    assert sum(mutant.exercise == exercise.id for mutant in mutants_of(exercise.topic)) >= 3


@by_exercise
def test_an_exercise_has_tests_and_one_of_them_is_its_core(exercise):
    own = [test for test in graded_tests(exercise.topic) if test.exercise == exercise.id]
    assert len(own) >= 2
    assert sum(test.core for test in own) == 1


@by_topic
def test_a_graded_test_belongs_to_an_exercise(topic):
    assert {test.exercise for test in graded_tests(topic.id)} == {exercise.id for exercise in topic.exercises}


@by_exercise
def test_an_exercise_has_its_metadata(exercise):
    assert exercise.title
    assert exercise.points > 0
    assert 1 <= exercise.difficulty <= 5
    assert 1 <= exercise.minutes <= 120
    assert len({hint.strip() for hint in exercise.hints} - {""}) == 3
    assert exercise.questions
    assert set(exercise.questions) <= set(bank())


@by_exercise
def test_an_exercise_says_what_it_takes_returns_and_where_it_comes_from(exercise):
    docstring = read_source(paths.solution_file(exercise.topic)).docstring(exercise.id)
    for part in ("Args:", "Returns:", "Example:", "Source:"):
        assert part in docstring


@by_topic
def test_written_questions_stand_in_the_bank(topic):
    assert topic.written
    assert all(bank()[written.question].topic == topic.id for written in topic.written)


@by_topic
def test_the_committed_stub_is_the_derived_one(topic):
    committed = paths.stub_file(topic.id).read_text(encoding="utf-8")
    if is_edited(committed):
        pytest.skip(f"{paths.short(paths.stub_file(topic.id))} holds somebody's answers, so it is not compared")
    assert committed == stub_text(topic.id), "run `make derive`"


@by_topic
def test_the_committed_assignment_is_the_derived_one(topic):
    folder = source_folder(topic.id)
    assert (folder / f"{topic.id}.ipynb").read_text(encoding="utf-8") == assignment_text(topic), "run `make derive`"
    assert (folder / f"{topic.id}.py").read_text(encoding="utf-8") == stub_text(topic.id), "run `make derive`"


@by_topic
def test_nothing_of_the_answers_is_in_stub_or_release(topic):
    release = json.dumps(assignment_text(topic, release=True))
    for text in (stub_text(topic.id), release):
        assert "SOLUTION" not in text
        assert "MARK SCHEME" not in text


def test_no_topic_is_without_registry_entry():
    known = {topic.id for topic in TOPICS}
    rooms = ["solutions", "mmlearn/exercises", "tests/mutants"]
    found = {path.stem for room in rooms for path in (paths.ROOT / room).glob("*.py") if path.stem != "__init__"}
    found |= {path.stem.removeprefix("test_") for path in (paths.ROOT / "tests/exercises").glob("test_*.py")}
    assert found == known
