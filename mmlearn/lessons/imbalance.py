"""The experiment of the lesson on imbalance: a long tail cut from the emoji, a small classifier, its measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmlearn.data import GROUPS, NEAR_VENDOR, TRAIN_VENDORS, EmojiData, load_emoji
from mmlearn.quiet import keras, layers, ops

HEAD_CONCEPTS, TAIL_CONCEPTS = 140, 7  # training concepts of the largest and of the smallest class: 20 to 1
BATCH_SIZE = 64
WIDTHS = (16, 32, 64)

Batches = Callable[[np.ndarray, int, np.random.Generator], list[np.ndarray]]


@dataclass(frozen=True)
class LongTail:
    """Three sets of drawings that share no concept. Class 0 has most training concepts, class 7 fewest."""

    train: EmojiData
    validation: EmojiData
    test: EmojiData
    classes: tuple[str, ...]  # names of the groups, from head to tail

    def labels(self, data: EmojiData) -> np.ndarray:
        """(N,) int64: 0 for the most frequent group … 7 for the rarest."""
        return np.array([self.classes.index(group) for group in data.groups], dtype=np.int64)


def evenly(items: np.ndarray, count: int) -> np.ndarray:
    """`count` of the items, spread evenly over them: no chance involved."""
    return items[np.arange(count) * len(items) // count]


def long_tail() -> LongTail:
    """Cut a long tail: 140 training concepts for the largest group, 7 for the smallest, by equal factors between.

    Training and validation take the seen concepts of the split `classification` in four vendors' drawings; the test
    is on the unseen concepts, drawn by a fifth vendor, and is not cut. Validation has a quarter as many concepts a
    class as training, at least 2. Which concepts stay is fixed: they are spread evenly over the group's concepts in
    Unicode order.
    """
    seen = load_emoji(TRAIN_VENDORS, "seen", "classification")
    concepts = {group: np.unique(seen.concept_ids[seen.groups == group]) for group in GROUPS}
    classes = sorted(GROUPS, key=lambda group: -len(concepts[group]))
    ratio = (TAIL_CONCEPTS / HEAD_CONCEPTS) ** (1 / (len(classes) - 1))
    train, validation = [], []
    for rank, group in enumerate(classes):
        wanted = round(HEAD_CONCEPTS * ratio**rank)
        held_out = max(2, wanted // 4)
        chosen = evenly(concepts[group], wanted + held_out)
        for_validation = evenly(chosen, held_out)
        validation.append(for_validation)
        train.append(np.setdiff1d(chosen, for_validation))
    return LongTail(
        train=seen.select(np.isin(seen.concept_ids, np.concatenate(train))),
        validation=seen.select(np.isin(seen.concept_ids, np.concatenate(validation))),
        test=load_emoji(NEAR_VENDOR, "unseen", "classification"),
        classes=tuple(classes),
    )


# --- the classifier -------------------------------------------------------------------------------------------------


def shuffled_batches(labels: np.ndarray, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Every sample once, in random order; what does not fill a batch is left out."""
    order = rng.permutation(len(labels))
    return list(order[: len(labels) // batch_size * batch_size].reshape(-1, batch_size))


def strided_encoder(images: keras.KerasTensor) -> keras.KerasTensor:
    """From images (N, 32, 32, 3), 0 to 255, to features (N, 64).

    Strides of 2 instead of pooling: a fraction of the cost of `models.image_encoder`, for many runs on two cores.
    """
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for width in WIDTHS:
        x = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        # a few hundred steps: the running mean has to keep up
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return layers.GlobalAveragePooling2D()(x)


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    seed: int,
    *,
    epochs: int = 30,
    weights: np.ndarray | None = None,
    gamma: float = 0.0,
    offset: np.ndarray | None = None,
    batches: Batches = shuffled_batches,
    augment: Callable | None = None,
) -> keras.Model:
    """Train a small convolutional network on single images; every cure is an option of it.

    Args:
        images: (N, 32, 32, 3) uint8.
        labels: (N,) 0 … num_classes-1.
        num_classes: K.
        seed: of the initial weights, the order and the augmentation.
        epochs: passes of N // 64 batches.
        weights: (K,) factor of each class's loss, on average 1 over the samples.
        gamma: exponent of the focal loss; 0 is cross-entropy.
        offset: (K,) added to the logits inside the loss only (the logit-adjusted loss).
        batches: draws one epoch's batches from the labels.
        augment: changes a batch of images at random.

    Returns:
        A model from images (uint8 or float) to logits (N, K).
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    inputs = keras.Input((32, 32, 3))
    features = layers.Dropout(0.3)(strided_encoder(inputs))
    model = keras.Model(inputs, layers.Dense(num_classes)(features))
    steps = epochs * (len(labels) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), softmax_loss(num_classes, gamma, offset))
    factors = np.ones(num_classes) if weights is None else np.asarray(weights)
    one_hot = np.eye(num_classes, dtype=np.float32)
    done = 0
    while done < steps:
        for rows in batches(labels, BATCH_SIZE, rng)[: steps - done]:
            batch = images[rows] if augment is None else augment(images[rows], rng)
            factor = factors[labels[rows]].astype(np.float32)
            model.train_on_batch(batch.astype(np.float32), one_hot[labels[rows]], sample_weight=factor)
            done += 1
    return model


def softmax_loss(num_classes: int, gamma: float = 0.0, offset: np.ndarray | None = None) -> Callable:
    """Keras loss of one-hot labels and logits: -(1 - p)^gamma log p, with p the softmax of logits + offset."""
    shift = np.zeros(num_classes, np.float32) if offset is None else np.asarray(offset, np.float32)

    def loss(one_hot, logits):
        log_p = ops.sum(one_hot * ops.log_softmax(logits + shift, axis=-1), axis=-1)
        # p of exactly 1 would give 0^gamma, whose gradient is not finite for gamma < 1
        return -ops.power(1 - ops.exp(log_p) + 1e-6, gamma) * log_p if gamma else -log_p

    return loss


def logits_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(N, K) float64 logits."""
    return model(images.astype(np.float32), training=False).numpy().astype(np.float64)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def move_thresholds(logits: np.ndarray, labels: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Offsets (K,) that, added to these logits, give the best balanced accuracy: found one class after the other.

    Args:
        logits: (N, K) of held-out data.
        labels: (N,) of held-out data; each class must occur.
        rounds: how often to go through the classes.
    """
    num_classes = logits.shape[1]
    offsets = np.zeros(num_classes)
    weight = 1 / np.bincount(labels, minlength=num_classes)[labels] / num_classes
    for _ in range(rounds):
        for c in range(num_classes):
            candidates = np.linspace(-3, 3, 25)
            scores = []
            for candidate in candidates:
                trial = offsets.copy()
                trial[c] = candidate
                scores.append(np.sum(weight[(logits + trial).argmax(axis=1) == labels]))
            best = np.flatnonzero(np.isclose(scores, max(scores)))
            offsets[c] = candidates[best[np.abs(candidates[best]).argmin()]]  # of equals, the smallest move
    return offsets


# --- calibration ----------------------------------------------------------------------------------------------------


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> dict[str, np.ndarray]:
    """Confidence against accuracy, in bins of equal width.

    Returns:
        `count`, `confidence` and `accuracy`, each (bins,); NaN where a bin is empty.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    safe = np.where(count > 0, count, np.nan)
    return {
        "count": count,
        "confidence": np.bincount(which, confidence, bins) / safe,
        "accuracy": np.bincount(which, right, bins) / safe,
    }


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: |accuracy - confidence| averaged over the bins, weighted by their counts."""
    table = reliability(probabilities, labels, bins)
    gap = np.nan_to_num(np.abs(table["accuracy"] - table["confidence"]))
    return float(np.sum(gap * table["count"]) / table["count"].sum())
