"""What a learner's file tells without being run: untouched answers, names used, what an answer rests on."""

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmlearn.course import paths

# Ways around a rule on names: no answer of this course needs them.
ALWAYS_FORBIDDEN = ("importlib", "__import__", "eval", "exec", "compile")


class Unreadable(Exception):
    """The file cannot be checked at all; the text is the reason, in one line."""


@dataclass(frozen=True)
class Source:
    """A parsed Python file."""

    path: Path
    digest: str  # of the file's bytes
    tree: ast.Module

    def function(self, name: str) -> ast.FunctionDef | ast.ClassDef | None:
        """The top-level definition of `name`; of several, the last, which is the one that counts."""
        last = self.binders.get(name, [None])[-1]
        return last if isinstance(last, ast.FunctionDef | ast.ClassDef) else None

    def defined_twice(self, name: str) -> bool:
        return len(self.binders.get(name, [])) > 1

    def binds(self, name: str) -> bool:
        """Whether the file's top level gives `name` a meaning, by a definition or otherwise."""
        return name in self._names_bound

    @cached_property
    def _nodes(self) -> dict[ast.stmt, list[ast.AST]]:
        """All that is in each top-level statement, itself included: a walk costs more than what is looked for."""
        return {top: list(ast.walk(top)) for top in self.tree.body}

    @cached_property
    def _names_bound(self) -> set[str]:
        return {name for nodes in self._nodes.values() for node in nodes for name in _binds(node)}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Local name -> dotted name, for every import anywhere in the file."""
        aliases = {}
        for node in ast.walk(self.tree):  # not by statement: what is nested comes last, and counts
            if isinstance(node, ast.Import):
                for alias in node.names:
                    aliases[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    aliases[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
        return aliases

    @cached_property
    def binders(self) -> dict[str, list[ast.stmt]]:
        """The top-level statements that give each name a meaning."""
        binders: dict[str, list[ast.stmt]] = {}
        for node in self.tree.body:
            for bound in dict.fromkeys(_bound(node)):
                binders.setdefault(bound, []).append(node)
        return binders

    @cached_property
    def mentions(self) -> dict[ast.stmt, set[str]]:
        """The names without dots that each top-level statement uses."""
        return {top: {n.id for n in nodes if isinstance(n, ast.Name)} for top, nodes in self._nodes.items()}

    @cached_property
    def uses(self) -> dict[ast.stmt, set[str]]:
        """The dotted names that each top-level statement uses, aliases resolved."""
        return {top: self._used_by(top) for top in self.tree.body}

    def _used_by(self, top: ast.stmt) -> set[str]:
        used = {self.aliases[alias] for alias in _bound(top) if alias in self.aliases}
        for node in self._nodes[top]:
            if isinstance(node, ast.Name | ast.Attribute):
                used.add(_dotted(node, self.aliases))
            else:
                used |= _imported(node)
        return used

    @cached_property
    def bodies(self) -> dict[str, str]:
        """What each top-level definition does, comments and docstring aside."""
        found = ((name, self.function(name)) for name in self.binders)
        return {name: _body(node) for name, node in found if node is not None}

    def docstring(self, name: str) -> str:
        node = self.function(name)
        return (ast.get_docstring(node) or "") if node else ""

    def span(self, name: str) -> tuple[int, int]:
        """First and last line, from 1, of the definition of `name`, its decorators with it."""
        node = self.function(name)
        assert node is not None and node.end_lineno is not None
        return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]), node.end_lineno


def read_source(path: Path, given: bytes | None = None) -> Source:
    """Read and parse a file.

    Args:
        path: of the file.
        given: what it holds, where that was read already; `path` then only names it.

    Raises:
        Unreadable: it is missing, is not UTF-8 text, or is not valid Python.
    """
    shown = paths.short(path)
    content = b"" if given is None else given
    try:
        if given is None:
            content = path.read_bytes()
        text = content.decode("utf-8-sig")
        tree = ast.parse(text, filename=str(path))
        ast.dump(tree)  # what is nested too deeply for this is found out here, and not later in a comparison
    except FileNotFoundError:
        raise Unreadable(f"{shown} is missing") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(f"{shown} is not UTF-8 text (line {line}): save it as UTF-8") from None
    except SyntaxError as error:
        said = (error.text or "").strip()
        raise Unreadable(f"{shown}, line {error.lineno}: {error.msg}{f' — {said:.80}' if said else ''}") from None
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        raise Unreadable(f"{shown} cannot be read: {error}") from None
    return Source(path, hashlib.sha256(content).hexdigest(), tree)


def is_untouched(source: Source, stub: Source, name: str) -> bool:
    """Whether `name` is still as the stub has it (comments and docstring aside)."""
    return name in source.bodies and source.bodies[name] == stub.bodies.get(name)


def _body(node: ast.FunctionDef | ast.ClassDef) -> str:
    statements = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return ast.dump(ast.Module(statements, []))


def answer_digest(source: Source, name: str) -> str:
    """A digest of an answer with all it rests on in its file: it changes exactly when one of those does."""
    text = "\n".join(ast.dump(node) for node in _reached(source, name))
    return hashlib.sha256(text.encode()).hexdigest()


def names_used(source: Source, name: str) -> set[str]:
    """The dotted names that an answer and all it rests on use, aliases resolved: `np.sort` gives `numpy.sort`."""
    return set().union(*(source.uses[top] for top in _reached(source, name)))


def rule_broken(source: Source, name: str, forbidden: Iterable[str], needs_one_of: Iterable[str]) -> str:
    """Which of the exercise's rules on names the answer breaks, in one line; "" if none.

    A rule without a dot (`argsort`, `sklearn`) means that name anywhere in a dotted name; one with a dot
    (`numpy.sort`) means that name and what is below it.
    """
    used = names_used(source, name)
    for rule in ALWAYS_FORBIDDEN:  # as a name by itself: `re.compile` and `model.compile` are other things
        if any(dotted.removeprefix("builtins.").split(".")[0] == rule for dotted in used):
            return f"this exercise is to be solved without {rule}"
    for rule in forbidden:
        if any(_matches(rule, dotted) for dotted in used):
            return f"this exercise is to be solved without {rule}"
    wanted = tuple(needs_one_of)
    if wanted and not any(_matches(rule, dotted) for rule in wanted for dotted in used):
        return f"this exercise is to be solved with {' or '.join(wanted)}"
    return ""


def _matches(rule: str, dotted: str) -> bool:
    if "." in rule:
        return dotted == rule or dotted.startswith(rule + ".")
    return rule in dotted.split(".")


def _dotted(node: ast.Name | ast.Attribute, aliases: dict[str, str]) -> str:
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    root = aliases.get(inner.id, inner.id) if isinstance(inner, ast.Name) else "?"
    return ".".join([root, *reversed(parts)])


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {f"{node.module or ''}.{alias.name}" for alias in node.names}
    return set()


def _bound(node: ast.stmt) -> list[str]:
    """The names that a top-level statement binds."""
    return _binds(node) or [name for inner in ast.walk(node) if isinstance(inner, ast.Name) for name in _binds(inner)]


def _binds(node: ast.AST) -> list[str]:
    """The names that a node binds by itself."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def _reached(source: Source, name: str) -> list[ast.stmt]:
    """The top-level statements that `name` rests on, in the file's order: its own, and those of the names they use."""
    wanted, seen = [name], set()
    while wanted:
        for node in source.binders.get(wanted.pop(), []):
            if node not in seen:
                seen.add(node)
                wanted += source.mentions[node]
    return [node for node in source.tree.body if node in seen]
