"""The classifiers of the lesson on fusion: one encoder a modality, one way to fuse, one linear layer. Keras.

All are trained alike, end to end, so that the way to fuse is the only thing in which they differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlearn.data import GROUPS
from mmlearn.lessons.fusion import Pairs
from mmlearn.lessons.models import text_encoder
from mmlearn.lessons.similarity import image_features
from mmlearn.quiet import keras, layers, ops

UNIMODAL = ("image", "text")
FUSIONS = ("concat", "hidden", "gated", "film", "low_rank", "tensor")
DIM = 32  # of an embedding, and of what gating and FiLM give back
RANK = 32
EPOCHS = 12


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the networks are fed: fixed image features (N, 320) float32, token ids (N, L), labels (N,)."""

    features: np.ndarray
    token_ids: np.ndarray
    labels: np.ndarray


def inputs_of(pairs: Pairs) -> Inputs:
    """Compute the image features once; no network has to see a pixel again."""
    return Inputs(image_features(pairs.images), pairs.token_ids, pairs.labels)


class ModalityDropout(layers.Layer):
    """The exercise `modality_dropout` as a Keras layer: in training, some rows lose their image or their text."""

    def __init__(self, rate: float, seed: int = 0):
        super().__init__()
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, embeddings, training=False):
        image_embeddings, text_embeddings = embeddings
        if not training or self.rate == 0:
            return image_embeddings, text_embeddings
        u = keras.random.uniform((ops.shape(image_embeddings)[0], 1), seed=self.seed_generator)
        kept = 1 / (1 - self.rate / 2)
        keep_image = ops.cast(u >= self.rate / 2, image_embeddings.dtype)
        keep_text = ops.cast((u < self.rate / 2) | (u >= self.rate), text_embeddings.dtype)
        return image_embeddings * keep_image * kept, text_embeddings * keep_text * kept


def _dense(units: int, name: str, activation: str | None = None):
    """A matrix and nothing else, so that NumPy needs only the matrix to do the same."""
    return layers.Dense(units, activation=activation, use_bias=False, name=name)


def fuse(method: str, x, t):
    """The fused representation of image embeddings x and text embeddings t, both (N, DIM)."""
    if method == "image":
        return x + 0 * ops.mean(t)  # the 0 keeps Keras from warning that the other encoder learns nothing
    if method == "text":
        return t + 0 * ops.mean(x)
    if method in ("concat", "hidden"):
        joined = layers.Concatenate()([layers.UnitNormalization()(x), layers.UnitNormalization()(t)])
        return joined if method == "concat" else layers.Dense(DIM, activation="relu")(joined)
    if method == "gated":
        gate = _dense(DIM, "gate", "sigmoid")(layers.Concatenate()([x, t]))
        return gate * _dense(DIM, "image", "tanh")(x) + (1 - gate) * _dense(DIM, "text", "tanh")(t)
    if method == "film":
        return (1 + _dense(DIM, "gamma")(t)) * x + _dense(DIM, "beta")(t)
    if method == "low_rank":
        return _dense(DIM, "output")(_dense(RANK, "image")(x) * _dense(RANK, "text")(t))
    if method == "tensor":
        x1 = ops.concatenate([x, ops.ones_like(x[:, :1])], axis=1)
        t1 = ops.concatenate([t, ops.ones_like(t[:, :1])], axis=1)
        return ops.reshape(x1[:, :, None] * t1[:, None, :], (-1, (DIM + 1) ** 2))
    raise ValueError(f"unknown method {method!r}; use one of {', '.join(UNIMODAL + FUSIONS)}")


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network in two halves: inputs -> (image embeddings, text embeddings) -> logits."""

    encoder: keras.Model
    head: keras.Model

    def embed(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """The two embeddings of each pair, (N, DIM) each."""
        x, t = self.encoder([inputs.features, inputs.token_ids], training=False)
        return ops.convert_to_numpy(x), ops.convert_to_numpy(t)

    def logits(self, inputs: Inputs, missing: str | None = None) -> np.ndarray:
        """(N, 8); the embeddings of a `missing` modality ("image" or "text") are set to 0."""
        x, t = self.embed(inputs)
        x, t = (0 * x if missing == "image" else x), (0 * t if missing == "text" else t)
        return ops.convert_to_numpy(self.head([x, t], training=False))

    def weights(self, name: str) -> np.ndarray:
        """The matrix of one layer of the head."""
        return ops.convert_to_numpy(self.head.get_layer(name).kernel)

    def classify(self, fused: np.ndarray) -> np.ndarray:
        """The last, linear layer by itself: a fused representation -> logits (N, 8)."""
        return fused @ self.weights("logits") + ops.convert_to_numpy(self.head.get_layer("logits").bias)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """log softmax of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def train(
    method: str,
    inputs: Inputs,
    vocabulary_size: int,
    seed: int = 0,
    modality_dropout: float = 0.0,
    epochs: int = EPOCHS,
) -> Classifier:
    """Train encoders and fusion together, from random weights, for a fixed number of epochs.

    Args:
        method: one of `UNIMODAL` or `FUSIONS`.
        inputs: of the training pairs.
        vocabulary_size: number of token ids.
        seed: of the weights, the order of the batches and the dropout.
        modality_dropout: share of training rows that lose one modality, anew in each step.
        epochs: passes over the training pairs.
    """
    keras.utils.set_random_seed(seed)
    features = keras.Input((inputs.features.shape[1],), name="features")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = layers.Dense(DIM, activation="relu")(layers.Dropout(0.3)(features))
    t = layers.Dropout(0.3)(text_encoder(vocabulary_size, DIM)(token_ids))
    encoder = keras.Model([features, token_ids], [x, t], name="encoder")

    x_in, t_in = keras.Input((DIM,)), keras.Input((DIM,))
    fused = fuse(method, x_in, t_in)
    head = keras.Model([x_in, t_in], layers.Dense(len(GROUPS), name="logits")(layers.Dropout(0.3)(fused)), name="head")

    logits = head(ModalityDropout(modality_dropout, seed)(encoder([features, token_ids])))
    model = keras.Model([features, token_ids], logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # so small a network is trained before XLA has compiled it
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    model.fit([inputs.features, inputs.token_ids], inputs.labels, batch_size=128, epochs=epochs, verbose=0)
    return Classifier(encoder, head)
