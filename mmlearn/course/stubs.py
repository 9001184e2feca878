"""Stubs are derived from solutions; an edited stub is a learner's work and is never overwritten."""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.source import Source

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"

_HEADER = (
    "# Derived from solutions/{topic}.py. Edit this file: it is yours, and an edited file is never overwritten.\n"
    "# digest: {digest}\n"
)
_HEADER_PATTERN = re.compile(r"\A# Derived from [^\n]*\n# digest: ([0-9a-f]{64})\n")


def derive_stub(topic: str, solution: str) -> str:
    """The stub's text: the solution's, each marked region replaced by a TODO and `raise NotImplementedError`.

    Raises:
        CourseError: the markers are not paired, or stand outside a function.
    """
    definitions = [n for n in ast.walk(ast.parse(solution)) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    lines: list[str] = []
    inside = False
    for number, line in enumerate(solution.splitlines(), start=1):
        if line.strip() not in (BEGIN, END):
            if not inside:
                lines.append(line)
            continue
        if (line.strip() == BEGIN) == inside:
            raise CourseError(f"solutions/{topic}.py, line {number}: solution markers are not paired")
        inside = not inside
        if inside:
            # The outermost function is the exercise, however deep the region lies; a method is part of one.
            holders = [n for n in definitions if n.lineno < number <= (n.end_lineno or 0)]
            if not any(isinstance(n, ast.FunctionDef) for n in holders):
                raise CourseError(f"solutions/{topic}.py, line {number}: a solution region outside a function")
            outer, *inner = sorted(holders, key=lambda n: n.lineno)
            is_method = isinstance(outer, ast.ClassDef)
            name = f"{outer.name}.{inner[0].name}" if is_method else outer.name
            indent = line[: len(line) - len(line.lstrip())]
            lines += [
                f"{indent}# TODO: write {name}, then run: mmlearn check {topic if is_method else f'{topic}.{name}'}"
            ]
            lines += [f"{indent}raise NotImplementedError"]
    if inside:
        raise CourseError(f"solutions/{topic}.py: the last solution region has no {END}")
    body = "\n".join(lines) + "\n"
    return _HEADER.format(topic=topic, digest=_digest(body)) + body


def is_edited(text: str) -> bool:
    """Whether a stub's text is no longer what was derived: its digest does not match, or is gone."""
    header = _HEADER_PATTERN.match(text)
    return header is None or header[1] != _digest(text[header.end() :])


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


@cache
def stub_text(topic: str) -> str:
    """The stub of `topic`, derived afresh from its solution."""
    return derive_stub(topic, paths.solution_file(topic).read_text(encoding="utf-8"))


@cache
def stub_source(topic: str) -> Source:
    """The stub of `topic`, parsed, to tell which answers are still untouched."""
    text = stub_text(topic)
    return Source(paths.stub_file(topic), _digest(text), ast.parse(text))


def write_stub(topic: str, path: Path) -> bool:
    """Write the stub to `path` unless a learner has edited the file there.

    Returns:
        Whether the file changed.

    Raises:
        CourseError: the file there is edited; it is left as it is.
    """
    text = stub_text(topic)
    if path.exists():
        present = path.read_text(encoding="utf-8", errors="replace")
        if present == text:
            return False
        if is_edited(present):
            raise CourseError(f"{paths.short(path)} holds somebody's answers: left as it is (see `mmlearn reset`)")
    path.write_text(text, encoding="utf-8", newline="\n")
    return True
