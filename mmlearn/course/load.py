"""Which file holds the code under test."""

from pathlib import Path

from mmlearn.course import paths


def file_under_test(topic: str, explicit: Path | None = None, folder: Path | None = None) -> Path:
    """The file that holds the learner's answers to `topic`.

    Args:
        topic: the topic's id.
        explicit: a path that settles it (a grade).
        folder: where the learner works; the current folder by default. A `<topic>.py` there is taken if the topic's
            assignment notebook stands beside it.

    Returns:
        `explicit`; else `<topic>.py` beside an assignment notebook; else `mmlearn/exercises/<topic>.py`.
    """
    if explicit is not None:
        return explicit.resolve()
    folder = (folder or Path.cwd()).resolve()
    beside = folder / f"{topic}.py"
    if beside.is_file() and (folder / f"{topic}.ipynb").is_file():
        return beside
    return paths.stub_file(topic)
