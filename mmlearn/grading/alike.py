"""Hand-ins whose answers are suspiciously alike: with each other, or with the public solution.

Only text is compared; nothing of a hand-in is imported or run. Of each file the answers are kept: what the stub gives
(signatures, docstrings, imports) is taken away, and so are comments and layout. copydetect then replaces each name by
a letter for its kind, so that renaming hides nothing, and finds every run of at least `RUN` characters that two files
share, wherever it stands (the fingerprints of Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting", SIGMOD 2003, here without thinning them out, so that the result does not depend on chance).

The limits come from a measurement, which `tests/grading/test_alike.py` repeats: six answers to `similarity`, each
written in its own manner, share at most `HONEST` of their code, even where only some of the exercises are answered; a
copy with other names, order, comments and layout shares more than 0.95.
"""

import ast
import io
import warnings
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from mmlearn.course import paths
from mmlearn.course.registry import Topic
from mmlearn.course.stubs import stub_source, stub_text
from mmlearn.grading.grade import hand_ins
from mmlearn.grading.plain import one_line
from mmlearn.grading.safe_read import read_hand_in

RUN = 25  # characters of code, names replaced; shorter runs are idioms that everybody writes
THRESHOLD = 0.5  # share of a hand-in's code from which on a pair is reported
LEAST = 150  # characters that must be alike: about two exercises; less proves nothing
HONEST = 0.35  # what honest answers reach, measured (see above)
MOST_READ = 200_000  # characters of a file that are parsed, and
MOST = 20_000  # of its own code, names replaced, that are compared; an honest one has about 1,000
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BESIDE = ""  # the section of what stands beside the exercises: helpers, constants


@dataclass(frozen=True)
class Alike:
    """Two hand-ins, or a hand-in and the public solution, that share much of their code."""

    one: str  # the student of whose code the larger share is alike
    other: str  # a student; "" for the public solution
    share: float  # of the code of `one`, from 0 to 1
    share_of_other: float
    exercises: tuple[str, ...]  # where at least half of both answers is alike


@dataclass(frozen=True)
class Alikeness:
    """What the comparison of a class found, the most alike first."""

    pairs: tuple[Alike, ...] = ()
    solution: tuple[Alike, ...] = ()
    left_out: int = 0  # pairs that are alike, and both like the solution, which explains it
    compared: int = 0  # hand-ins with answers of their own
    unread: tuple[tuple[str, str], ...] = ()  # students, and why their module could not be read


@dataclass
class Answers:
    """The code of one hand-in that is its author's own, ready to be compared."""

    student: str
    code: str = ""  # names replaced
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)  # exercise -> where its answer stands in `code`
    print: Any = None  # copydetect's fingerprint of `code`

    def share_inside(self, exercise: str, slices: list[tuple[int, int]]) -> float:
        """How much of the exercise's answer stands inside the slices; 0 if there is no answer."""
        start, end = self.spans.get(exercise, (0, 0))
        inside = sum(max(0, min(end, stop) - max(start, begin)) for begin, stop in slices)
        return inside / (end - start) if end > start else 0.0


def alike_in_class(root: Path, topic: Topic) -> Alikeness:
    """Compare every hand-in of a topic with every other and with the public solution.

    Args:
        root: the course folder, which holds `submitted/<student>/<topic>/<topic>.py`.
        topic: whose hand-ins are compared.
    """
    read, unread = [], []
    for folder in hand_ins(root, topic.id):
        files = read_hand_in(folder, topic)
        if files.module is None:
            unread.append((folder.parent.name, files.faults))
            continue
        own = own_answers(folder.parent.name, files.module.decode(errors="replace"), topic)
        if own.code:
            read.append(own)
    solution = own_answers("", paths.solution_file(topic.id).read_text(encoding="utf-8"), topic)
    copies = [found for one in read if (found := compare(one, solution, topic))]
    from_solution = {pair.one for pair in copies}
    pairs = [found for one, other in combinations(read, 2) if (found := compare(one, other, topic))]
    reported = [pair for pair in pairs if not {pair.one, pair.other} <= from_solution]
    return Alikeness(
        pairs=tuple(sorted(reported, key=_most_alike_first)),
        solution=tuple(sorted(copies, key=_most_alike_first)),
        left_out=len(pairs) - len(reported),
        compared=len(read),
        unread=tuple(unread),
    )


def own_answers(student: str, text: str, topic: Topic) -> Answers:
    """What of a module's text is its author's own, with names replaced.

    Args:
        student: whose module it is.
        text: of the module. One that does not parse is compared line by line with the stub instead.
        topic: whose stub tells what was given.
    """
    from copydetect.utils import filter_code

    answers = Answers(student)
    for section, code in _sections(text[:MOST_READ], topic).items():
        replaced, _ = filter_code(code[:MOST], "answer.py", "python")
        replaced = replaced[: max(0, MOST - len(answers.code))]
        if replaced.strip():
            answers.spans[section] = (len(answers.code), len(answers.code) + len(replaced))
            answers.code += replaced + "\n"
    answers.print = _fingerprint(answers.code)
    return answers


def compare(one: Answers, other: Answers, topic: Topic, *, threshold: float = THRESHOLD) -> Alike | None:
    """The pair if it is alike beyond the limits, else None.

    Args:
        one, other: of the same topic.
        topic: whose exercises are named.
        threshold: report a pair from this share on.
    """
    from copydetect import compare_files

    length, shares, slices = compare_files(one.print, other.print)
    if length < LEAST or max(shares) < threshold:
        return None
    in_one, in_other = ([(int(a), int(b)) for a, b in zip(*both, strict=True)] for both in slices)
    if shares[0] < shares[1] and other.student:  # the solution is never the one who copied
        one, other, in_one, in_other, shares = other, one, in_other, in_one, shares[::-1]
    concerned = tuple(
        exercise.id
        for exercise in topic.exercises
        if min(one.share_inside(exercise.id, in_one), other.share_inside(exercise.id, in_other)) >= 0.5
    )
    return Alike(one.student, other.student, min(float(shares[0]), 1.0), min(float(shares[1]), 1.0), concerned)


def _most_alike_first(pair: Alike) -> tuple:
    return -pair.share, -pair.share_of_other, pair.one, pair.other


def _fingerprint(code: str) -> Any:
    from copydetect import CodeFingerprint

    # A window of 1 keeps every fingerprint. A wider one keeps those of the smallest hash, and Python salts its hashes.
    return CodeFingerprint("answers", RUN, 1, filter=False, fp=io.StringIO(code))


def _sections(text: str, topic: Topic) -> dict[str, str]:
    """Exercise -> the code of its answer; `BESIDE` -> everything else that the stub does not have."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence" and the like are the learner's
            tree = _OnlyOwn(stub_source(topic.id).tree).visit(ast.parse(text))
        sections = {exercise.id: "" for exercise in topic.exercises} | {BESIDE: ""}
        exercise_of = {name: exercise.id for exercise in topic.exercises for name in exercise.definitions}
        for node in tree.body:
            section = exercise_of.get(getattr(node, "name", ""), BESIDE)
            sections[section] += _without_headers(node, stub_source(topic.id).tree)
        return sections
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        given = {line.strip() for line in stub_text(topic.id).splitlines()}
        return {BESIDE: "\n".join(line for line in text.splitlines() if line.strip() not in given)}


def _without_headers(node: ast.stmt, given: ast.AST | None) -> str:
    """A statement as text; of a function or class that the stub has too, in `given`, only the body is its author's."""
    definitions = {inner.name: inner for inner in getattr(given, "body", []) if isinstance(inner, _DEFINITIONS)}
    if isinstance(node, _DEFINITIONS) and node.name in definitions:
        return "".join(_without_headers(inner, definitions[node.name]) for inner in node.body)
    return ast.unparse(node) + "\n"


class _OnlyOwn(ast.NodeTransformer):
    """Takes away imports, strings that stand alone (docstrings), and every statement that the stub has."""

    def __init__(self, stub: ast.Module) -> None:
        self.given = {ast.dump(node) for node in ast.walk(stub) if isinstance(node, ast.stmt)}

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        if isinstance(node, ast.stmt) and ast.dump(node) in self.given:
            return None
        return self.generic_visit(node) if isinstance(node, ast.Module | ast.stmt | ast.excepthandler) else node


def told(pair: Alike, topic: Topic) -> str:
    """The exercises that a pair is alike in, in words."""
    others = [exercise.id for exercise in topic.exercises if exercise.id not in pair.exercises]
    if not others:
        return f"all {len(topic.exercises)} exercises"
    if len(others) < len(topic.exercises) / 2:
        return f"all exercises but {', '.join(others)}"
    return ", ".join(pair.exercises) or "passages of several exercises"


def named(student: str, topic: Topic) -> str:
    """A student of a pair, or the file that stands for none."""
    return one_line(student, 60) if student else f"solutions/{topic.id}.py"
