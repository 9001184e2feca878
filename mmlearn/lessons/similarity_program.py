"""What the lesson on the two-tower program runs: a faulty program, mended step by step, and what each fault does."""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Callable

import numpy as np

from mmlearn.data import EmojiData
from mmlearn.quiet import keras, layers, ops

EPOCHS = 120  # of the benchmark; about a minute on two cores
LESSON_EPOCHS = 80  # of the lesson itself
LENGTH = 256  # what the faulty program takes a picture, and a text, to be: 256 numbers

# The program of the interview question: a typical first draft, with eight faults. Nobody runs it for its result.
FAULTY = """\
import tensorflow as tf
from keras import Input, Model
from keras.layers import Dense, Dot, Embedding, Flatten

picture = Input(shape=(256,))
caption = Input(shape=(256,))
picture_vectors = Embedding(input_dim=10000, output_dim=256)(picture)
caption_vectors = Embedding(input_dim=10000, output_dim=256)(caption)
score = Dot(axes=1)([picture_vectors, caption_vectors])

model = Model(inputs=[picture, caption], outputs=score)
model.compile(optimizer="adam", loss="mean_squared_error")
model.fit([pictures, captions], targets, epochs=10)

pictures = [[0.1, 0.2, 0.9], [0.4, 0.5, 0.6]]
captions = [[0.7, 0.8, 0.9], [0.1, 0.2, 0.3]]
targets = [[0.3, 0.4], [0.5, 0.6]]
print("similarity:", model.predict([pictures, captions]))
"""


def first_error(source: str) -> str:
    """Run a program and tell where it stops and why; "" if it does not stop. Its output is not shown."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, "program", "exec"), {})
    except Exception as error:
        trace = error.__traceback__
        line = 0
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "program" else line
            trace = trace.tb_next
        return f"line {line}: {type(error).__name__}: {str(error).splitlines()[0]}"
    return ""


def data_first(source: str) -> str:
    """The program with the lines of its data moved before the training."""
    lines = source.splitlines(keepends=True)
    data = [line for line in lines if line.startswith(("pictures =", "captions =", "targets ="))]
    rest = [line for line in lines if line not in data]
    training = next(i for i, line in enumerate(rest) if line.startswith("model.fit"))
    return "".join([*rest[:training], *data, "\n", *rest[training:]])


def as_arrays(source: str) -> str:
    """The program with its lists turned into arrays."""
    lines = source.splitlines()
    lists = [i for i, line in enumerate(lines) if line.startswith(("pictures =", "captions =", "targets ="))]
    for i in lists:
        name, _, value = lines[i].partition(" = ")
        lines[i] = f"{name} = np.array({value})"
    return "\n".join(["import numpy as np", *lines]) + "\n"


def unused_imports(source: str) -> list[str]:
    """The imported names that the program never uses."""
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.asname or alias.name for node in imports for alias in node.names]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return [name for name in names if name not in used]


def grey_features(images: np.ndarray) -> np.ndarray:
    """256 real numbers in [0, 1) a picture, as the faulty program wants them: 16 × 16 levels of grey.

    (N, 32, 32, 3) uint8 -> (N, 256) float32.
    """
    return (images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4, 5)) / 256).reshape(-1, LENGTH).astype(np.float32)


def mended_until_it_runs(vocabulary_size: int, dim: int = 64) -> keras.Model:
    """The faulty program with as little mended as makes it run: data first, shapes that fit, a sum over positions.

    It still looks pictures up in a table of ids, compares by a raw dot product, and is trained towards one number.
    """
    picture, caption = keras.Input((LENGTH,), name="picture"), keras.Input((LENGTH,), name="caption")
    vectors = [
        layers.GlobalAveragePooling1D()(layers.Embedding(size, dim)(given))
        for size, given in ((10_000, picture), (vocabulary_size, caption))
    ]
    model = keras.Model([picture, caption], layers.Dot(axes=1)(vectors))
    model.compile(optimizer="adam", loss="mean_squared_error", jit_compile=False)
    return model


def scores_of_all(model: keras.Model, pictures: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """(N, M) scores of each caption with each picture, by a model that can only score pairs: N · M calls of it."""
    rows = [
        ops.convert_to_numpy(model([pictures, np.repeat(caption[None], len(pictures), axis=0)])).reshape(-1)
        for caption in captions
    ]
    return np.stack(rows)


def crowding(embeddings: np.ndarray) -> float:
    """The mean cosine between two different rows, all of length 1: near 0 if they spread, 1 if all are alike."""
    number = len(embeddings)
    return float(((embeddings @ embeddings.T).sum() - number) / (number * (number - 1)))


def train_towards_one(
    model: keras.Model, inputs: list[np.ndarray], epochs: int, evaluate: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Train on matching pairs only, each with the target 1.

    Returns:
        The loss after each epoch, and what `evaluate` gave before training and after each epoch.
    """
    measured = [evaluate()]
    ones = np.ones(len(inputs[0]), np.float32)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: measured.append(evaluate()))
    history = model.fit(inputs, ones, batch_size=64, epochs=epochs, verbose=0, callbacks=[callback])
    return [float(value) for value in history.history["loss"]], measured


def held_back_rows(train: EmojiData) -> tuple[np.ndarray, np.ndarray]:
    """What settings are chosen on, so that no test vendor is looked at: (N,) bool twice.

    Returns:
        The drawings of one training vendor, and those of every fifth family.
    """
    return train.vendors == "emojione", np.isin(train.families, np.unique(train.families)[::5])


def blend(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The mean of two similarity matrices, each in units of its own spread."""
    return (first / first.std() + second / second.std()) / 2
