"""Back to the stub, for one exercise or a whole topic, with a backup of what stood there."""

import shutil
from datetime import datetime
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Exercise, Topic
from mmlearn.course.source import Unreadable, read_source
from mmlearn.course.stubs import stub_source, stub_text


def reset(topic: Topic, exercise: Exercise | None, file: Path) -> Path | None:
    """Put the stub of `exercise` back into `file`; without an exercise: the whole file.

    Returns:
        The backup of the file as it was, or None where there was none.

    Raises:
        CourseError: the exercise cannot be found in the file, so that only the whole topic can be reset.
    """
    text = _with_stub(topic, exercise, file) if exercise and file.exists() else stub_text(topic.id)
    backup = _backup(file)
    file.write_text(text, encoding="utf-8", newline="\n")
    return backup


def _with_stub(topic: Topic, exercise: Exercise, file: Path) -> str:
    """The file's text with the exercise's stub in place of the answer."""
    whole = f"reset the whole topic instead: mmlearn reset {topic.id}"
    try:
        mine = read_source(file)
    except Unreadable as reason:
        raise CourseError(f"{reason}; {whole}") from None
    for name in exercise.definitions:
        if mine.function(name) is None:
            raise CourseError(f"{paths.short(file)} has no function {name}; {whole}")
    # `stub_source` is the stub's text parsed: its line numbers are those of `stub_text`.
    stub, blanks = stub_source(topic.id), stub_text(topic.id).split("\n")
    lines = file.read_text(encoding="utf-8").split("\n")
    for name in sorted(exercise.definitions, key=lambda name: -mine.span(name)[0]):  # from the end: the rest stays put
        (start, end), (first, last) = mine.span(name), stub.span(name)
        lines[start - 1 : end] = blanks[first - 1 : last]
    return "\n".join(lines)


def _backup(file: Path) -> Path | None:
    if not file.exists():
        return None
    folder = paths.STATE / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    backup = folder / f"{file.stem}-{datetime.now():%Y%m%d-%H%M%S-%f}.py"
    shutil.copy2(file, backup)
    return backup
