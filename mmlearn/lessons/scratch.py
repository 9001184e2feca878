"""Trying out an answer without touching the learner's file."""

import textwrap
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.check import Report, check
from mmlearn.course.registry import course
from mmlearn.course.stubs import stub_text


def try_out(name: str, answer: str) -> Report:
    """Check an answer that is given as text, in a scratch copy of the topic's stub. Nothing is remembered.

    Args:
        name: of an exercise, e.g. "similarity.l2_normalize".
        answer: the function's source.
    """
    topic, _ = course().find(name)
    scratch = paths.STATE / "scratch" / f"{topic.id}.py"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    # Of two definitions of a name, the later one counts.
    scratch.write_text(f"{stub_text(topic.id)}\n\n{textwrap.dedent(answer).strip()}\n", encoding="utf-8")
    return check(name, Path(scratch))
