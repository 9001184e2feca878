"""The two sides of a test: `Impl`, which a test calls, and `Contestant`, which holds the code under test.

Only bytes of `mmlearn.course.codec` pass between them, so that a process boundary can stand there without a test
knowing: `Impl(transport)` needs nothing but a function from bytes to bytes.
"""

import builtins
import inspect
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mmlearn.course.codec import CodecError, ModelHandle, decode, encode
from mmlearn.course.models import VERBS, Model, ModelRoom, map_leaves

Transport = Callable[[bytes], bytes]


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
            args, kwargs = self._models.from_plain([call["args"], call["kwargs"]])
            result = self._models.to_plain(function(*args, **kwargs))
        except Exception as error:
            return self._raised(error)
        try:
            reply = encode({"result": result})
        except CodecError as error:
            return _failed("TypeError", f"{name} returned something that cannot be checked: {error}")
        before = decode(request)
        args, kwargs = self._models.to_plain([args, kwargs])
        if _bytes_of([args, kwargs]) != _bytes_of([before["args"], before["kwargs"]]):
            changed = _changed_argument(function, args, before["args"])
            return _failed("AssertionError", f"{name} changed {changed} in place; work on a copy", mutated=True)
        return reply

    def _raised(self, error: Exception) -> bytes:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == self._module.__file__]
        text = "".join(traceback.format_list(frames)) + "".join(traceback.format_exception_only(error))
        where = frames[-1].name if frames else ""
        return _failed(_builtin_name(error), str(error), trace=text, where=where)


class Impl:
    """The code under test, as a test sees it: `impl.cosine_similarity(a, b)`. A Keras model comes back as a `Model`."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        call.__name__ = name
        return call

    def _call(self, name: str, args: tuple, kwargs: dict, verb: bool = False) -> Any:
        args, kwargs = map_leaves((args, kwargs), lambda leaf: leaf.handle if isinstance(leaf, Model) else leaf)
        request = encode({"function": name, "verb": verb, "args": list(args), "kwargs": kwargs})
        reply = decode(self._transport(request))
        if "result" not in reply:
            raise _rebuild(reply)
        return map_leaves(
            reply["result"], lambda leaf: Model(leaf, self._ask) if isinstance(leaf, ModelHandle) else leaf
        )

    def _ask(self, handle: ModelHandle, verb: str, args: tuple, kwargs: dict) -> Any:
        return self._call(verb, (handle, *args), kwargs, verb=True)


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


def _builtin_name(error: Exception) -> str:
    """The nearest built-in class: a class of the learner's own cannot cross."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins")


def _rebuild(reply: dict) -> Exception:
    """The exception that a reply describes; what it carries beside is in `details`."""
    cls = getattr(builtins, str(reply.get("error")), RuntimeError)
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        cls = RuntimeError
    try:
        error = cls(reply["message"])
    except TypeError:  # UnicodeDecodeError and its like want five arguments
        error = RuntimeError(f"{reply['error']}: {reply['message']}")
    error.details = {k: reply[k] for k in ("trace", "where", "missing", "mutated") if k in reply}  # type: ignore[attr-defined]
    return error


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
