"""Where the course stands on disk. mmlearn runs from its clone (an editable install): there is no wheel."""

from pathlib import Path

import mmlearn
from mmlearn.course.errors import CourseError

ROOT = Path(mmlearn.__file__).resolve().parents[1]

REGISTRY = ROOT / "exercises" / "course.toml"
NBGRADER = ROOT / "exercises"
STATE = ROOT / ".mmlearn"  # what belongs to this learner alone: progress, backups


def require_clone() -> None:
    """Raise `CourseError` where the package was installed away from the course's files."""
    if not REGISTRY.is_file():
        raise CourseError(
            f"no exercises/course.toml beside the package in {ROOT}: clone the repository and run `make start` in it"
        )
    if "[" in str(ROOT):
        raise CourseError(f"the course lies in {ROOT}, and pytest cannot cope with the [: move it")


def solution_file(topic: str) -> Path:
    return ROOT / "solutions" / f"{topic}.py"


def stub_file(topic: str) -> Path:
    """The module a learner edits in the clone."""
    return ROOT / "mmlearn" / "exercises" / f"{topic}.py"


def tests_file(topic: str) -> Path:
    return ROOT / "tests" / "exercises" / f"test_{topic}.py"


def mutants_file(topic: str) -> Path:
    return ROOT / "tests" / "mutants" / f"{topic}.py"


def short(path: Path) -> str:
    """`path` as a reader would write it: relative to the current folder or, inside the clone, to the clone."""
    here = Path.cwd()
    bases = [here, ROOT] if here.is_relative_to(ROOT) else [here]
    inside = [str(path.relative_to(base)) for base in bases if path.is_relative_to(base)]
    return min(inside, key=len, default=str(path))
