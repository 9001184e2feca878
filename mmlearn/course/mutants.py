"""Known wrong answers. Each is a function of `tests/mutants/<topic>.py`, put in place of the reference answer."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmlearn.contestant.load import load_module
from mmlearn.course import paths


@dataclass(frozen=True)
class Mutant:
    """A wrong answer to `exercise`, and a part of the message that the tests must meet it with."""

    name: str
    exercise: str
    caught_by: str
    source: str


_recorded: list[Mutant] = []


def mutant(exercise: str, *, caught_by: str) -> Callable[[Callable], Callable]:
    """Mark a function as a wrong answer to `exercise`, to be met with a message that holds `caught_by`."""

    def record(function: Callable) -> Callable:
        source = textwrap.dedent(inspect.getsource(function))
        _recorded.append(Mutant(function.__name__, exercise, caught_by, source))
        return function

    return record


def mutants_of(topic: str) -> tuple[Mutant, ...]:
    """All mutants of a topic, in the file's order."""
    _recorded.clear()
    load_module(paths.mutants_file(topic))
    return tuple(_recorded)


def write_mutated(topic: str, mutant: Mutant, folder: Path) -> Path:
    """Write the topic's solution with the mutant in place of its exercise, as a learner's file would look."""
    solution = paths.solution_file(topic).read_text(encoding="utf-8")
    tree = ast.parse(mutant.source)
    node = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    node.decorator_list = []
    node.name = mutant.exercise
    folder.mkdir(exist_ok=True)
    file = folder / f"{topic}.py"
    # The later definition is the one that counts.
    file.write_text(f"{solution}\n\n{ast.unparse(tree)}\n", encoding="utf-8")
    return file
