"""Keras models that stay where they were built: a test holds a handle and asks by a fixed set of verbs.

Keras itself is never imported here: a value can only be a model if the code under test has loaded Keras already. The
test's side is `mmlearn.course.impl.Model`.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from mmlearn.contestant.codec import ModelHandle


class ModelRoom:
    """The models that a module under test has handed out. Their first weights are the same in every run."""

    def __init__(self) -> None:
        self._models: list[Any] = []
        keras = sys.modules.get("keras")
        if keras is not None:  # else a mark could depend on luck, and a grade could not be repeated
            keras.utils.set_random_seed(0)

    def to_plain(self, value: Any) -> Any:
        """A result with its models replaced by handles and its tensors by arrays."""
        keras = sys.modules.get("keras")
        if keras is None:
            return value

        def replaced(leaf: Any) -> Any:
            if isinstance(leaf, keras.Layer):  # a model is a layer, too
                return ModelHandle(self._number(leaf))
            if isinstance(leaf, keras.Variable):
                return np.asarray(leaf)
            return keras.ops.convert_to_numpy(leaf) if keras.ops.is_tensor(leaf) else leaf

        return map_leaves(value, replaced)

    def from_plain(self, value: Any) -> Any:
        """An argument with its handles replaced by the models that they stand for."""
        return map_leaves(value, lambda leaf: self.model(leaf) if isinstance(leaf, ModelHandle) else leaf)

    def model(self, handle: ModelHandle) -> Any:
        if handle.number >= len(self._models):
            raise ValueError("there is no such model")
        return self._models[handle.number]

    def _number(self, model: Any) -> int:
        for number, known in enumerate(self._models):
            if known is model:
                return number
        self._models.append(model)
        return len(self._models) - 1


def map_leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of everything inside lists, tuples and dicts, in new lists, tuples and dicts."""
    if type(value) in (list, tuple):
        return type(value)(map_leaves(item, function) for item in value)
    if type(value) is dict:
        return {key: map_leaves(item, function) for key, item in value.items()}
    return function(value)


def _predict(model: Any, inputs: Any, training: bool) -> Any:
    # Called, not `model.predict`: for a few rows that compiles a graph for seconds to save milliseconds.
    return model(inputs, training=training)


def _fit(model: Any, x: Any, y: Any, compile: dict | None = None, **options: Any) -> dict[str, list[float]]:
    if compile is not None:
        model.compile(**compile)
    history = model.fit(x, y, verbose=0, **options).history
    return {str(name): [float(value) for value in values] for name, values in history.items()}


def _set_weights(model: Any, weights: list[np.ndarray]) -> None:
    model.set_weights(weights)


def _config(model: Any) -> dict[str, Any]:
    def tensors(name: str) -> list[dict]:
        found = getattr(model, name, None) or []
        return [{"name": t.name, "shape": list(t.shape), "dtype": str(t.dtype)} for t in found]

    return {
        "class": type(model).__name__,
        "name": model.name,
        "inputs": tensors("inputs"),
        "outputs": tensors("outputs"),
        "layers": [_layer_config(layer) for layer in _leaves_of(model)],
    }


def _leaves_of(model: Any) -> list[Any]:
    """The layers of a model, nested models opened up."""
    inner = getattr(model, "layers", None)
    if inner is None:
        return [model]
    return [leaf for layer in inner for leaf in _leaves_of(layer)]


def _layer_config(layer: Any) -> dict[str, Any]:
    plain = {key: value for key, value in layer.get_config().items() if _is_plain(value)}
    shapes = [list(weight.shape) for weight in layer.weights]
    return {"class": type(layer).__name__, "name": layer.name, "config": plain, "weights": shapes}


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(_is_plain(item) for item in value)
    return value is None or type(value) in (bool, int, float, str)


VERBS: dict[str, Callable[..., Any]] = {
    "predict": _predict,
    "fit": _fit,
    "get_weights": lambda model: model.get_weights(),
    "set_weights": _set_weights,
    "config": _config,
    "count_params": lambda model: int(model.count_params()),
}
