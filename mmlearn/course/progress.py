"""What this learner has done, kept in `.mmlearn/progress/`: one small file an exercise, each written atomically, so
that two terminals or a Ctrl-C lose nothing."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime

from mmlearn.course import paths


@dataclass(frozen=True)
class Entry:
    """What is remembered of one exercise."""

    state: str = ""  # a value of `check.State`, or "" if it was never checked
    points: float = 0.0
    answer: str = ""  # digest of the answer that was checked
    tests: str = ""  # digest of the tests that checked it
    checked: str = ""  # when, ISO 8601
    hints: int = 0  # how many hints were shown


_TYPES = {"state": str, "points": int | float, "answer": str, "tests": str, "checked": str, "hints": int}


def read(name: str) -> Entry:
    """What is remembered of the exercise `topic.exercise`; an empty entry if nothing, or if the file is damaged."""
    try:
        stored = json.loads((paths.STATE / "progress" / f"{name}.json").read_text(encoding="utf-8"))
        entry = Entry(**{field.name: stored[field.name] for field in fields(Entry) if field.name in stored})
    except (OSError, ValueError, TypeError):  # JSON's and Unicode's errors are ValueErrors
        return Entry()
    whole = all(isinstance(getattr(entry, field.name), _TYPES[field.name]) for field in fields(Entry))
    return entry if whole else Entry()


def record(name: str, *, state: str, points: float, answer: str, tests: str) -> None:
    """Remember the result of a check."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _write(name, replace(read(name), state=state, points=points, answer=answer, tests=tests, checked=now))


def count_hint(name: str, shown: int) -> None:
    """Remember how many hints of the exercise were shown."""
    _write(name, replace(read(name), hints=shown))


def _write(name: str, entry: Entry) -> None:
    folder = paths.STATE / "progress"
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f"{name}.", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(asdict(entry), stream)
    os.replace(temporary, folder / f"{name}.json")
