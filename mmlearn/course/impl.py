"""The code under test, as a test sees it. What answers may stand in the same process or behind a wall.

Only bytes of `mmlearn.contestant.codec` pass, so that a process boundary can stand there without a test knowing:
`Impl(transport)` needs nothing but a function from bytes to bytes.
"""

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from mmlearn.contestant.codec import ModelHandle, decode, encode
from mmlearn.contestant.models import map_leaves

Transport = Callable[[bytes], bytes]


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
        # By themselves, so that the other side can tell whether they were changed without taking them apart again.
        arguments = encode([list(args), kwargs])
        request = encode({"function": name, "verb": verb, "arguments": arguments})
        reply = decode(self._transport(request))
        if "result" not in reply:
            raise _rebuild(reply)
        return map_leaves(
            reply["result"], lambda leaf: Model(leaf, self._ask) if isinstance(leaf, ModelHandle) else leaf
        )

    def _ask(self, handle: ModelHandle, verb: str, args: tuple, kwargs: dict) -> Any:
        return self._call(verb, (handle, *args), kwargs, verb=True)


class Model:
    """A model of the code under test, as a test sees it. Everything passes by value.

    Args:
        handle: which model.
        ask: takes the handle, a verb, its positional and its keyword arguments; returns what the verb gave.
    """

    def __init__(self, handle: ModelHandle, ask: Callable[[ModelHandle, str, tuple, dict], Any]):
        self.handle = handle
        self._ask = ask

    def __repr__(self) -> str:
        return "a Keras model"  # stands in messages to learners

    def predict(self, inputs: Any, training: bool = False) -> Any:
        """The outputs for `inputs`: an array, or a list or dict of arrays; in inference mode unless `training`."""
        return self._ask(self.handle, "predict", (inputs, training), {})

    def fit(self, x: Any, y: Any = None, **options: Any) -> dict[str, list[float]]:
        """Train; `options` are those of `keras.Model.fit` that are plain data, and `compile`, a dict for `compile`.

        Returns:
            The history: metric -> its value after each epoch.
        """
        return self._ask(self.handle, "fit", (x, y), options)

    def get_weights(self) -> list[np.ndarray]:
        return self._ask(self.handle, "get_weights", (), {})

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self._ask(self.handle, "set_weights", (weights,), {})

    def config(self) -> dict[str, Any]:
        """What the model is made of.

        Returns:
            "class" and "name"; "inputs" and "outputs", a list of {"name", "shape", "dtype"}; "layers", a list of
            {"class", "name", "config", "weights"} in which nested models are opened up; "config" holds the plain values
            only, "weights" the shapes.
        """
        return self._ask(self.handle, "config", (), {})

    def count_params(self) -> int:
        return self._ask(self.handle, "count_params", (), {})


def _rebuild(reply: dict) -> Exception:
    """The exception that a reply describes; what it carries beside is in `details`."""
    cls = getattr(builtins, str(reply.get("error")), RuntimeError)
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        cls = RuntimeError
    try:
        if not issubclass(cls, Exception):  # SystemExit and its like would end the test run
            raise TypeError
        error = cls(reply["message"])
    except TypeError:  # or UnicodeDecodeError and its like, which want five arguments
        error = RuntimeError(f"{reply['error']}: {reply['message']}")
    error.details = {k: reply[k] for k in ("trace", "where", "missing", "mutated") if k in reply}  # type: ignore[attr-defined]
    return error
