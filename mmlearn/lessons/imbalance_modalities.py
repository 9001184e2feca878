"""The other imbalance of lesson 06: an image encoder and a text encoder, trained together, and which of them leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlearn.data import GROUPS, NEAR_VENDOR, EmojiData, Vocabulary, load_emoji
from mmlearn.lessons.imbalance import BATCH_SIZE, shuffled_batches, softmax, strided_encoder
from mmlearn.lessons.models import text_encoder
from mmlearn.quiet import keras, layers, ops

VENDORS_FOR_TRAINING = ("noto", "twemoji")
EPOCHS = 8
ALPHA = 0.5
LEARNING_RATE = 2e-3
BOTH, IMAGE, TEXT = (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)  # which modality's features stay, which become 0


@dataclass(frozen=True)
class Pairs:
    """Drawings with their English names as token ids, and the group as label."""

    images: np.ndarray
    token_ids: np.ndarray
    labels: np.ndarray


def load_pairs() -> tuple[Pairs, Pairs, int]:
    """Training pairs (seen concepts, two vendors), test pairs (unseen concepts, a third vendor), vocabulary size."""
    train = load_emoji(VENDORS_FOR_TRAINING, "seen", "classification")
    test = load_emoji(NEAR_VENDOR, "unseen", "classification")
    vocabulary = Vocabulary.from_texts(train.names["en"].tolist())

    def pairs(data: EmojiData) -> Pairs:
        return Pairs(data.images, vocabulary.encode(data.names["en"], 8)[0], data.labels)

    return pairs(train), pairs(test), len(vocabulary)


class Fused(keras.Model):
    """Two encoders and a linear layer over both features: logits = image part + text part.

    So what each modality says by itself can be read off.

    Attributes:
        rho: image against text, one value a training batch.
    """

    def __init__(self, vocabulary_size: int):
        super().__init__()
        images, token_ids = keras.Input((32, 32, 3)), keras.Input((None,), dtype="int32")
        self.encoders = [
            keras.Model(images, strided_encoder(images)),
            keras.Model(token_ids, layers.ReLU()(text_encoder(vocabulary_size, 64)(token_ids))),
        ]
        self.heads = [layers.Dense(len(GROUPS)) for _ in self.encoders]
        self.gradient_factors = self.add_weight(shape=(2,), initializer="ones", trainable=False)
        # what each modality alone said of the last training batch
        self.said = self.add_weight(shape=(2, BATCH_SIZE, len(GROUPS)), initializer="zeros", trainable=False)
        self.rho: list[float] = []

    def call(self, inputs, training=False):
        *both, keep = inputs
        parts = []
        for m, (x, encoder, head) in enumerate(zip(both, self.encoders, self.heads, strict=True)):
            features = encoder(x, training=training)
            factor = self.gradient_factors[m]
            # the value stays what it is; what flows back to the encoder is multiplied by the factor
            features = factor * features + (1 - factor) * ops.stop_gradient(features)
            parts.append(head(features * keep[:, m : m + 1]))
        return tuple(parts)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        image_part, text_part = y_pred
        self.said.assign(ops.softmax(ops.stack([image_part, text_part])))
        return -ops.mean(ops.sum(y * ops.log_softmax(image_part + text_part), axis=-1))

    def logits(self, pairs: Pairs, keep: tuple[float, float] = BOTH) -> np.ndarray:
        """(N, 8) with both modalities, or with the features of one set to 0."""
        rows = np.tile(np.asarray(keep, np.float32), (len(pairs.labels), 1))
        inputs = (pairs.images.astype(np.float32), pairs.token_ids, rows)
        image_part, text_part = self(inputs, training=False)
        return (image_part + text_part).numpy()

    def accuracy(self, pairs: Pairs, keep: tuple[float, float] = BOTH) -> float:
        """Share of right answers."""
        return float(np.mean(self.logits(pairs, keep).argmax(axis=1) == pairs.labels))


def train_fused(
    train: Pairs,
    vocabulary_size: int,
    modality_balance: Callable,
    seed: int,
    *,
    epochs: int = EPOCHS,
    modulate: str = "",
    dropout: float = 0.0,
    only: tuple[float, float] = BOTH,
    augment: Callable | None = None,
) -> Fused:
    """Train image and text encoder together.

    Args:
        train: the training pairs.
        vocabulary_size: number of token ids.
        modality_balance: the exercise: coefficients from what each modality says.
        seed: of weights, order, augmentation and dropout.
        epochs: passes over the pairs.
        modulate: "" leaves training as it is; "gradients" multiplies an encoder's gradients by its coefficient, as
            in the paper; "steps" the step that Adam makes of them. The coefficients of a batch act on the next.
        dropout: probability with which a sample's image is left out, and again for its text; never both.
        only: (1, 0) trains on images alone, (0, 1) on texts alone.
        augment: changes images at random.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = Fused(vocabulary_size)
    model.compile(keras.optimizers.Adam(LEARNING_RATE))
    one_hot = np.eye(len(GROUPS), dtype=np.float32)
    coefficients = (1.0, 1.0)
    for _ in range(epochs):
        for rows in shuffled_batches(train.labels, BATCH_SIZE, rng):
            images = train.images[rows] if augment is None else augment(train.images[rows], rng)
            labels = train.labels[rows]
            keep = np.tile(np.asarray(only, np.float32), (len(rows), 1))
            if dropout:
                draw = rng.random(len(rows))
                keep[draw < dropout, 0] = 0
                keep[draw > 1 - dropout, 1] = 0
            before = [_values(encoder) for encoder in model.encoders] if modulate == "steps" else []
            inputs = (images.astype(np.float32), train.token_ids[rows], keep)
            model.train_on_batch(inputs, one_hot[labels])
            for encoder, old, k in zip(model.encoders, before, coefficients, strict=False):
                if k < 1:
                    _shorten_step(encoder, old, k)
            image, text = model.said.value.numpy()
            own = np.arange(len(rows)), labels
            model.rho.append(float(image[own].sum() / text[own].sum()))
            if modulate:
                coefficients = modality_balance(image, text, labels, ALPHA)
            if modulate == "gradients":
                model.gradient_factors.assign(coefficients)
    return model


def _values(encoder: keras.Model) -> list[np.ndarray]:
    return [variable.value.numpy().copy() for variable in encoder.trainable_variables]


def _shorten_step(encoder: keras.Model, before: list[np.ndarray], share: float) -> None:
    """Go only a share of the way from the weights before to those of now."""
    for variable, old in zip(encoder.trainable_variables, before, strict=True):
        variable.assign(old + share * (variable.value.numpy() - old))


WAYS: dict[str, dict[str, Any]] = {
    "image alone": {"only": IMAGE},
    "text alone": {"only": TEXT},
    "fused": {},
    "fused, OGM on gradients": {"modulate": "gradients"},
    "fused, OGM on steps": {"modulate": "steps"},
    "fused, modality dropout": {"dropout": 0.25},
}


def compare(modality_balance: Callable, seed: int, augment: Callable | None = None) -> dict[str, Any]:
    """Train in each way with one seed.

    Returns:
        name -> accuracy on the test with both modalities, the image only, the text only; and the ratio ρ of image
        to text, the mean of each epoch.
    """
    train, test, size = load_pairs()
    found: dict[str, Any] = {}
    alone = {}
    for name, options in WAYS.items():
        model = train_fused(train, size, modality_balance, seed, augment=augment, **options)
        if "only" in options:
            alone[name] = np.log(softmax(model.logits(test, options["only"])))
        found[name] = {
            "both": round(model.accuracy(test), 4),
            "image": round(model.accuracy(test, IMAGE), 4),
            "text": round(model.accuracy(test, TEXT), 4),
            "train": round(model.accuracy(train), 4),
            "rho": np.reshape(model.rho, (EPOCHS, -1)).mean(axis=1).round(3).tolist(),
        }
        print(seed, name, found[name]["both"], found[name]["image"], found[name]["text"], flush=True)
    late = sum(alone.values()).argmax(axis=1)
    found["late fusion"] = {"both": round(float(np.mean(late == test.labels)), 4)}
    return found
