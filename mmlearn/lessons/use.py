"""Which code a lesson runs: the learner's where it has passed its check, else the reference. And it says which."""

from collections.abc import Callable

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.course.check import has_passed
from mmlearn.course.load import file_under_test
from mmlearn.course.registry import course


def use(topic_id: str, *names: str) -> list[Callable]:
    """The functions of a topic that a lesson needs.

    A function of the learner's is taken only if exactly this answer has passed today's tests; nothing is checked here.

    Args:
        topic_id: e.g. "similarity".
        names: of its exercises.

    Returns:
        The functions, in that order. One printed line says whose they are.
    """
    topic = course().topic(topic_id)
    exercises = [topic.exercise(name) for name in names]
    file = file_under_test(topic_id)
    mine = {exercise.id for exercise in exercises if has_passed(exercise, file)}
    learners = None
    if mine:
        try:
            learners = load_module(file)
        except Exception as error:  # a file in the middle of an edit must not stop a lesson
            print(f"{paths.short(file)} does not load ({type(error).__name__}: {error}).", end=" ")
            mine = set()
    reference = load_module(paths.solution_file(topic_id))
    yours = [name for name in names if name in mine]
    others = [name for name in names if name not in mine]
    told = []
    if yours:
        told.append(f"Yours ({paths.short(file)}): {', '.join(yours)}.")
    if others:
        told.append(f"The reference, until yours pass: {', '.join(others)}.")
    print(" ".join(told))
    return [getattr(learners if name in mine else reference, name) for name in names]
