"""The lesson on the second program: the program as it is found, small experiments that show its faults, its mends."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from IPython.display import Markdown

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.quiet import keras, layers, ops

RESULTS = paths.ROOT / "benchmarks" / "results" / "classification_model.json"


def program() -> ModuleType:
    """The corrected program, `solutions/classification_model.py`, for the parts that are given: data, measures."""
    return load_module(paths.solution_file("classification_model"))


def show(function: Callable) -> Markdown:
    """The source of a function, with its keywords in colour."""
    source = inspect.getsource(function).replace("  # noqa: F841", "")
    return Markdown(f"```python\n{source}```")


def error_of(function: Callable, *arguments: Any, **options: Any) -> str:
    """What `function` raises, in one line; "no error" if it runs."""
    try:
        function(*arguments, **options)
    except (ValueError, TypeError) as error:
        text = " ".join(str(error).split())
        return f"{type(error).__name__}: {text[:200]}{' …' if len(text) > 200 else ''}"
    return "no error"


# --- the program as it is found --------------------------------------------------------------------------------------


def as_found():
    embed_picture = layers.Embedding(10_000, 256)
    embed_words = layers.Embedding(10_000, 256)

    picture = keras.Input((224, 224, 3))
    words = keras.Input((256,))
    picture_vectors = embed_picture(picture)  # noqa: F841
    word_vectors = embed_words(words)

    x = layers.Conv2D(32, 3, activation="relu")(picture)
    x = layers.MaxPooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)

    joined = layers.Dot(axes=1)([x, word_vectors])
    answer = layers.Dense(10, activation="softmax")(joined)

    model = keras.Model([picture, words], answer)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def use_as_found(model):
    pictures = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    texts = np.array([[0.7, 0.8, 0.9], [0.1, 0.2, 0.3]])
    labels = np.array([[0.3, 0.4], [0.5, 0.6]])

    model.fit([pictures, texts], labels, epochs=10, verbose=0)
    predictions = model.predict([pictures, texts], verbose=0)
    print(predictions)


# --- experiments ------------------------------------------------------------------------------------------------------


def embedding_megabytes(*shape: int, dim: int = 256) -> float:
    """The size of an Embedding of `dim` floats, 4 bytes each, for every number of an input; nothing is allocated."""
    return float(np.prod(shape)) * dim * 4 / 1e6


def used_layers(model: keras.Model) -> list[str]:
    """The classes of the layers from which the output is computed."""
    return [type(layer).__name__ for layer in model.layers]


def scramble(images: np.ndarray, block: int = 16, seed: int = 0) -> np.ndarray:
    """The same blocks of block x block pixels, in another order: all small details are kept, no shape is."""
    n, height, width, depth = images.shape
    rows, columns = height // block, width // block
    blocks = images.reshape(n, rows, block, columns, block, depth).swapaxes(2, 3).reshape(n, -1, block, block, depth)
    blocks = blocks[:, np.random.default_rng(seed).permutation(rows * columns)]
    return blocks.reshape(n, rows, columns, block, block, depth).swapaxes(2, 3).reshape(images.shape)


def one_convolution(rescale: bool = False, seed: int = 0) -> keras.Model:
    """The image part as it is found, on drawings of 32 x 32 pixels: (N, 32) features."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(images) if rescale else images
    x = layers.MaxPooling2D(2)(layers.Conv2D(32, 3, activation="relu")(x))
    return keras.Model(images, layers.GlobalAveragePooling2D()(x))


def change_when_scrambled(encoder: keras.Model, images: np.ndarray) -> float:
    """How far the features move when the pictures are scrambled, relative to how far they differ between pictures."""
    before = ops.convert_to_numpy(encoder(images.astype(np.float32), training=False))
    after = ops.convert_to_numpy(encoder(scramble(images).astype(np.float32), training=False))
    other = np.roll(before, 1, axis=0)
    return float(np.linalg.norm(after - before, axis=1).mean() / np.linalg.norm(other - before, axis=1).mean())


def made_to_run(vocabulary_size: int, num_classes: int, joined: str = "dot", seed: int = 0) -> keras.Model:
    """The program with only those mends without which it stops: integer ids, words pooled to 32 numbers, label ids.

    Args:
        vocabulary_size, num_classes: as in `build_classifier`.
        joined: "dot" as it is found, or "concat" for one mend more.
        seed: of the weights.
    """
    keras.utils.set_random_seed(seed)
    picture = keras.Input((32, 32, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = layers.Conv2D(32, 3, activation="relu")(picture)
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))
    t = layers.GlobalAveragePooling1D()(layers.Embedding(vocabulary_size, 32)(token_ids))
    both = layers.Dot(axes=1)([x, t]) if joined == "dot" else layers.Concatenate()([x, t])
    model = keras.Model([picture, token_ids], layers.Dense(num_classes, activation="softmax")(both))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def ablate_softmax(program: ModuleType, model: keras.Model, pairs: Any) -> dict[str, float]:
    """`ablate` by the reference; probabilities have their largest where logits have it, so that it serves both."""
    return program.ablate(model, *pairs.inputs, pairs.labels)


def numbers_for_the_classifier(model: keras.Model) -> int:
    """How many numbers reach the last layer for each pair."""
    return int(model.layers[-1].kernel.shape[0])


def classes_of_one_number(kernel: np.ndarray, bias: np.ndarray) -> int:
    """Which classes can be answered at all when the logits are kernel * s + bias, whatever the number s: how many."""
    s = np.linspace(-1e3, 1e3, 200_001)[:, None]
    return len(np.unique((s * np.ravel(kernel) + bias).argmax(axis=1)))


# --- what the benchmark found ----------------------------------------------------------------------------------------


def load_results() -> dict:
    """`benchmarks/results/classification_model.json`."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def over_seeds(result: dict, method: str, measure: str = "accuracy") -> np.ndarray:
    """One measure of a method, a value (or a list of values) for each seed.

    Raises:
        KeyError: the benchmark has no such method.
    """
    rows = [row for row in result["rows"] if row["method"] == method]
    if not rows:
        raise KeyError(f"the benchmark has no {method!r}")
    return np.array([row[measure] for row in rows])


def mean_and_spread(result: dict, method: str, measure: str = "accuracy") -> str:
    """Mean and standard deviation over the seeds, in percent."""
    values = 100 * over_seeds(result, method, measure)
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"
