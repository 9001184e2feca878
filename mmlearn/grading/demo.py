"""A sample class: five hand-ins such as an instructor gets."""

import shutil
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic
from mmlearn.course.source import read_source
from mmlearn.course.stubs import stub_source, stub_text
from mmlearn.grading.assignment import assignment_text, source_folder

MARKER = ".mmlearn-demo"  # by it, a folder is known to be ours to remove


def build_class(topic: Topic, root: Path) -> None:
    """Make a course folder with five hand-ins of `topic`: good, half, wrong, broken and untouched.

    Args:
        topic: what is handed in.
        root: made anew if an earlier demo class is there.

    Raises:
        CourseError: something else is there; it is left as it is.
    """
    if root.exists():
        if not (root / MARKER).is_file():
            raise CourseError(f"{paths.short(root)} is there and is no demo class: name a new folder")
        shutil.rmtree(root)
    root.mkdir(parents=True)
    (root / MARKER).touch()
    shutil.copytree(source_folder(topic.id), root / "source" / topic.id)
    shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", root / "nbgrader_config.py")
    solution = paths.solution_file(topic.id).read_text(encoding="utf-8")
    ids = [exercise.id for exercise in topic.exercises]
    returns_first = "\n\n" + "\n\n".join(f"def {name}(first, *rest, **options):\n    return first" for name in ids)
    for student, module in {
        "good": solution,
        "half": with_answers(topic, ids[: len(ids) // 2]),
        "wrong": solution + returns_first,
        "broken": solution.replace("return", "retrun", 1),
        "untouched": stub_text(topic.id),
    }.items():
        hand_in(root, topic, student, module)


def hand_in(root: Path, topic: Topic, student: str, module: str) -> Path:
    """Put a module and an unanswered notebook where nbgrader collects them; returns the folder."""
    folder = root / "submitted" / student / topic.id
    folder.mkdir(parents=True)
    (folder / f"{topic.id}.py").write_text(module, encoding="utf-8")
    (folder / f"{topic.id}.ipynb").write_text(assignment_text(topic, release=True), encoding="utf-8")
    return folder


def with_answers(topic: Topic, answered: list[str]) -> str:
    """The stub with the reference answers of some exercises filled in."""
    stub, solution = stub_source(topic.id), read_source(paths.solution_file(topic.id))
    lines = stub_text(topic.id).split("\n")
    answers = solution.path.read_text(encoding="utf-8").split("\n")
    names = [name for exercise in answered for name in topic.exercise(exercise).definitions]
    for name in sorted(names, key=lambda name: -stub.span(name)[0]):  # from the end: earlier lines stay put
        (first, last), (start, end) = stub.span(name), solution.span(name)
        lines[first - 1 : last] = answers[start - 1 : end]
    return "\n".join(lines)
