"""The side of the code under test: requests in, replies out, both as bytes of `mmlearn.contestant.codec`.

In a learner's check it stands in the same process as the tests; in a grade, in a sandboxed process of its own.
"""

import inspect
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mmlearn.contestant.codec import CodecError, decode, encode
from mmlearn.contestant.eager import running_eagerly
from mmlearn.contestant.models import VERBS, ModelRoom


class Contestant:
    """Answers requests by calling functions of one loaded module, and the models that these have returned."""

    def __init__(self, module: ModuleType):
        self._module = module
        self._models = ModelRoom()

    def answer(self, request: bytes) -> bytes:
        """Call the function, or the verb of a model, that `request` names; encode its result, or what it raised."""
        call = decode(request)
        name = call["function"]
        try:
            function = VERBS[name] if call["verb"] else getattr(self._module, name)
        except (AttributeError, KeyError):
            return _failed("AttributeError", f"there is no function {name!r} in the module", missing=True)
        try:
            args, kwargs = self._models.from_plain(decode(call["arguments"]))
            with running_eagerly():
                result = self._models.to_plain(function(*args, **kwargs))
        except BaseException as error:  # SystemExit, too: whoever asks is told, and can ask again
            return self._raised(error)
        try:
            reply = encode({"result": result})
        except CodecError as error:
            return _failed("TypeError", f"{name} returned something that cannot be checked: {error}")
        after = self._models.to_plain([args, kwargs])
        if _bytes_of(after) != call["arguments"]:
            changed = _changed_argument(function, after[0], decode(call["arguments"])[0])
            return _failed("AssertionError", f"{name} changed {changed} in place; work on a copy", mutated=True)
        return reply

    def _raised(self, error: BaseException) -> bytes:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == self._module.__file__]
        text = "".join(traceback.format_list(frames)) + "".join(traceback.format_exception_only(error))
        where = frames[-1].name if frames else ""
        return _failed(_builtin_name(error), str(error), trace=text, where=where)


def _bytes_of(value: Any) -> bytes | None:
    """The encoded value; None where it can no longer be encoded, since something else was put into it."""
    try:
        return encode(value)
    except CodecError:
        return None


def _failed(kind: str, message: str, **details: object) -> bytes:
    # A lone surrogate is legal in a str and not in a message.
    clean = {key: _encodable(value) if isinstance(value, str) else value for key, value in details.items()}
    return encode({"error": kind, "message": _encodable(message[:2000]), **clean})


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _builtin_name(error: BaseException) -> str:
    """The nearest built-in class: a class of the learner's own cannot cross."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins")


def _changed_argument(function: Callable, after: list, before: list) -> str:
    """Which argument differs, by its name if the function's signature tells it."""
    pairs = enumerate(zip(after, before, strict=True))
    position = next((i for i, (a, b) in pairs if _bytes_of(a) != _bytes_of(b)), None)
    try:
        names = list(inspect.signature(function).parameters)
    except (ValueError, TypeError):  # a built-in without a signature
        names = []
    if position is None or position >= len(names):
        return "one of its arguments"
    return f"its argument `{names[position]}`"
