"""What the lesson on attention trains: a word asks a scene "are you in there?". Two ways to reach the answer."""

from __future__ import annotations

import numpy as np

from mmlearn.data import Scenes, Vocabulary
from mmlearn.quiet import keras, layers, ops

READOUTS = ("through", "pooled")
SIZE = 9  # the features form a grid of 9 x 9 positions, so that a cell of a scene holds 3 x 3 of them
TEMPERATURE = 0.1
LONGEST_NAME = 6  # tokens; the rest of a name is cut off


class SceneReader(keras.Model):
    """Answers "is the <name> in this scene?" for several names a scene, two ways.

    Args:
        vocabulary_size: number of token ids.
        readout: how the answer is reached. "through": the attended features, and nothing else, are compared with the
            query, so that the answer has to pass through the attention. "pooled": the mean of all features becomes one
            vector for the whole picture, which is compared with the query (two towers, as in the lesson before).
        dimension: D, size of queries, keys and values.
    """

    def __init__(self, vocabulary_size: int, readout: str = "through", dimension: int = 64):
        super().__init__()
        if readout not in READOUTS:
            raise ValueError(f"readout must be one of {', '.join(READOUTS)}, not {readout!r}")
        self.readout = readout
        self.features = keras.Sequential([layers.Rescaling(1 / 127.5, offset=-1)])
        for width, kernel in ((32, 5), (64, 3), (128, 3)):
            self.features.add(layers.Conv2D(width, kernel, strides=2, padding="same", use_bias=False))
            self.features.add(layers.BatchNormalization())
            self.features.add(layers.ReLU())
        self.features.add(layers.Conv2D(128, 1, activation="relu"))
        self.features.add(layers.Dense(dimension))
        self.features.add(layers.Reshape((SIZE * SIZE, dimension)))
        self.words = layers.Embedding(vocabulary_size, dimension)
        self.text = layers.Dense(dimension)
        if readout == "pooled":
            self.picture = keras.Sequential([layers.Dense(128, activation="relu"), layers.Dense(dimension)])
        self.scale = self.add_weight(name="scale", initializer=keras.initializers.Constant(10.0))
        self.bias = self.add_weight(name="bias", initializer=keras.initializers.Constant(-5.0))

    def queries_and_keys(self, images, token_ids, training=False):
        """Queries (N, Q, D) of the names and keys (N, 81, D) of the positions, all of length 1."""
        keys = ops.normalize(self.features(images, training=training), axis=-1)
        real = ops.cast(ops.not_equal(token_ids, 0), "float32")[..., None]
        mean = ops.sum(self.words(token_ids) * real, axis=2) / ops.maximum(ops.sum(real, axis=2), 1.0)
        return ops.normalize(self.text(mean), axis=-1), keys

    def attention(self, queries, keys):
        """Weights (N, Q, 81): softmax of cosine / temperature."""
        return ops.softmax(ops.matmul(queries, ops.transpose(keys, (0, 2, 1))) / TEMPERATURE, axis=-1)

    def answer(self, queries, keys, weights):
        """Logits (N, Q) of "yes"; the values are the keys. A pooled reader does not use the weights."""
        if self.readout == "through":
            found = ops.matmul(weights, keys)  # (N, Q, D): what each name fetched
        else:
            found = ops.normalize(self.picture(9 * ops.mean(keys, axis=1, keepdims=True)), axis=-1)
        return self.scale * ops.sum(queries * found, axis=-1) + self.bias

    def call(self, inputs, training=False):
        images, token_ids = inputs
        queries, keys = self.queries_and_keys(images, token_ids, training=training)
        return self.answer(queries, keys, self.attention(queries, keys))


def encode_queries(scenes: Scenes, vocabulary: Vocabulary) -> np.ndarray:
    """(N, Q, 6) int32: the tokens of each query's name, 0 = padding."""
    token_ids, _ = vocabulary.encode(scenes.query_names.ravel(), LONGEST_NAME)
    return token_ids.reshape(*scenes.query_names.shape, LONGEST_NAME)


def train_reader(
    scenes: Scenes, vocabulary: Vocabulary, readout: str = "through", seed: int = 0, epochs: int = 4
) -> SceneReader:
    """A reader trained on "is it there?" alone: nothing ever tells it where.

    Args:
        scenes: to learn from; their places are not used.
        vocabulary: of the names.
        readout: see `SceneReader`.
        seed: of the weights and of the order of the batches.
        epochs: passes over the scenes.

    Returns:
        The model after training by Adam, the step size falling from 0.002 to 0 along a cosine.
    """
    keras.utils.set_random_seed(seed)
    reader = SceneReader(len(vocabulary), readout)
    batch_size = 32
    steps = epochs * -(-len(scenes) // batch_size)
    reader.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.002, steps)),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,  # XLA's convolutions are slower than TensorFlow's on a CPU
    )
    inputs = (scenes.images, encode_queries(scenes, vocabulary))
    reader.fit(inputs, scenes.present.astype(np.float32), batch_size=batch_size, epochs=epochs, verbose=0)
    return reader


def queries_and_keys(reader: SceneReader, scenes: Scenes, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """q (N, Q, D) and k (N, 81, D) as arrays, q scaled so that softmax(q kᵀ / √D) is the reader's attention."""
    parts = []
    token_ids = encode_queries(scenes, vocabulary)
    for start in range(0, len(scenes), 100):  # in pieces, to spare memory
        piece = slice(start, start + 100)
        q, k = reader.queries_and_keys(scenes.images[piece], token_ids[piece])
        parts.append((ops.convert_to_numpy(q), ops.convert_to_numpy(k)))
    q, k = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return q * (k.shape[-1] ** 0.5 / TEMPERATURE), k


def answers(reader: SceneReader, q: np.ndarray, k: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, Q) bool: what the reader says if its attention is replaced by `weights` (N, Q, 81)."""
    queries = (q * (TEMPERATURE / k.shape[-1] ** 0.5)).astype(np.float32)
    logits = reader.answer(queries, k.astype(np.float32), weights.astype(np.float32))
    return ops.convert_to_numpy(logits) > 0
