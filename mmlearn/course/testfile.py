"""Which graded tests an exercise has, read from the test file without running it."""

import ast
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmlearn.course import paths


def topic_under_test(test_file: Path) -> str:
    """`similarity` for `tests/exercises/test_similarity.py`."""
    return test_file.stem.removeprefix("test_")


def exercise_under_test(test_name: str) -> str:
    """`top_k` for `test_top_k__ties[3]`: the part between `test_` and the double underscore."""
    return test_name.removeprefix("test_").partition("__")[0]


@dataclass(frozen=True)
class TestFunction:
    """A graded test; its parametrised cases count as one."""

    __test__ = False  # pytest: not a test class

    name: str
    exercise: str
    core: bool  # without it, the exercise earns nothing


@cache
def graded_tests(topic: str) -> tuple[TestFunction, ...]:
    """All graded tests of `topic`, in the file's order."""
    return read_tests(paths.tests_file(topic))


def read_tests(path: Path) -> tuple[TestFunction, ...]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(
        TestFunction(node.name, exercise_under_test(node.name), any(map(_is_core, node.decorator_list)))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def _is_core(decorator: ast.expr) -> bool:
    return ast.unparse(decorator) == "pytest.mark.core"


def tests_digest(topic: str) -> str:
    """Changes when the topic's tests do: a stored pass holds for these tests only."""
    return hashlib.sha256(paths.tests_file(topic).read_bytes()).hexdigest()
