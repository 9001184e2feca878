"""What the lesson on embeddings measures with: simple embeddings, small networks, and two tests of what they know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmlearn.data import GROUPS, NEAR_VENDOR, PADDING_ID, TRAIN_VENDORS, UNKNOWN_ID, EmojiData, load_emoji, tokenize
from mmlearn.lessons.models import image_encoder
from mmlearn.quiet import keras, layers

RIDGES = tuple(10.0**power for power in range(-4, 3))
QUERY_VENDOR, GALLERY_VENDOR = NEAR_VENDOR, "noto"


@dataclass(frozen=True)
class Experiment:
    """Training drawings, and two vendors' drawings of concepts that training does not hold."""

    train: EmojiData
    test: EmojiData  # by a vendor that training does not hold either
    gallery: EmojiData  # the same concepts in the same order, by a training vendor


def experiment() -> Experiment:
    """The split `classification`: seven tenths of the concepts for training, the others to test on."""
    return Experiment(
        train=load_emoji(TRAIN_VENDORS, "seen", "classification"),
        test=load_emoji(QUERY_VENDOR, "unseen", "classification"),
        gallery=load_emoji(GALLERY_VENDOR, "unseen", "classification"),
    )


def one_per_concept(data: EmojiData) -> EmojiData:
    """The first drawing of each concept: all drawings of a concept share one text."""
    return data.select(np.unique(data.concept_ids, return_index=True)[1])


def texts_of(data: EmojiData, keywords: bool = False) -> list[list[str]]:
    """The English name of each drawing as a list of tokens; with its keywords behind it if asked for."""
    texts = []
    for name, words in zip(data.names["en"], data.keywords["en"], strict=True):
        texts.append(tokenize(" ".join([str(name), *words]) if keywords else str(name), "en"))
    return texts


def typical_words(counts: np.ndarray, labels: np.ndarray, groups: Sequence[str], words: int) -> list[int]:
    """The columns of the words that are most typical of each group: many texts of it hold them, few of the others.

    Args:
        counts: (N, V) bags of words.
        labels: (N,) group of each text.
        groups: names of those wanted.
        words: how many a group.
    """
    holds = counts > 0
    chosen: list[int] = []
    for group in groups:
        inside = labels == GROUPS.index(group)
        surplus = holds[inside].sum(axis=0) - 2.0 * holds[~inside].sum(axis=0)
        chosen += np.argsort(-surplus, kind="stable")[:words].tolist()
    return chosen


# --- embeddings that need no training --------------------------------------------------------------------------------


def shrink(images: np.ndarray, size: int = 8) -> np.ndarray:
    """Each picture as the mean colours of size × size blocks, 0 to 1: (N, H, W, 3) uint8 -> (N, size·size·3)."""
    side = images.shape[1] // size
    blocks = images.reshape(len(images), size, side, size, side, 3)
    return (blocks.mean(axis=(2, 4)) / 255).reshape(len(images), -1)


def choose_prototypes(patches: np.ndarray, count: int, rng: int | np.random.Generator) -> np.ndarray:
    """`count` different patches, drawn at random from (N, P, K) patches: a vocabulary of "visual words"."""
    rng = np.random.default_rng(rng)
    distinct = np.unique(patches.reshape(-1, patches.shape[-1]), axis=0)
    return rng.choice(distinct, count, replace=False)


def visual_words(patches: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """The number of each patch's nearest prototype: (N, P, K) patches, (V, K) prototypes -> (N, P) in 0 … V-1."""
    rows = patches.reshape(-1, patches.shape[-1]).astype(np.float32)
    words = prototypes.astype(np.float32)
    # ‖row‖² is the same for all prototypes
    distance = (words**2).sum(axis=1) - 2 * rows @ words.T
    return distance.argmin(axis=1).reshape(patches.shape[:2])


def count_ids(ids: np.ndarray, size: int) -> np.ndarray:
    """How often each id stands in each row: (N, L) in 0 … size-1 -> (N, size) float32."""
    counts = np.zeros((len(ids), size), np.float32)
    np.add.at(counts, (np.arange(len(ids))[:, None], ids), 1)
    return counts


def count_words(token_ids: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """Bags of words: (N, L) token ids -> (N, V) float32, in which padding and unknown words leave no trace."""
    counts = count_ids(token_ids, vocabulary_size)
    counts[:, [PADDING_ID, UNKNOWN_ID]] = 0
    return counts


def lookup_of_values(values: np.ndarray, dimension: int = 64, seed: int = 0, size: int = 10_000) -> np.ndarray:
    """What the vectors become if *values* are handed to an untrained `Embedding` layer as though they were ids.

    (N, ...) values -> (N, dimension): the layer casts each to an integer and looks it up, and we take the mean.
    """
    keras.utils.set_random_seed(seed)
    layer = layers.Embedding(size, dimension)
    pooled = [
        keras.ops.convert_to_numpy(layer(part.reshape(len(part), -1))).mean(axis=1)
        for part in np.array_split(values, max(len(values) // 256, 1))
    ]
    return np.concatenate(pooled)


# --- embeddings that are trained -------------------------------------------------------------------------------------


def train_cnn(
    images: np.ndarray, labels: np.ndarray, *, seed: int = 0, epochs: int = 5, dimension: int = 64
) -> keras.Model:
    """Train a small convolutional network to tell the 8 groups apart, and return its encoder.

    Returns:
        A model from images (N, 32, 32, 3) uint8 to (N, dimension): what the last layer sees before it decides.
    """
    keras.utils.set_random_seed(seed)
    encoder = image_encoder(dimension, widths=(16, 32, 64))
    head = [layers.ReLU(), layers.Dense(len(GROUPS))]
    _fit(keras.Sequential([encoder, *head]), images.astype(np.float32), labels, epochs=epochs, rate=3e-3)
    return encoder


@dataclass(frozen=True)
class WordVectors:
    """An embedding table before and after training, each (V, D)."""

    before: np.ndarray
    after: np.ndarray


def train_words(
    token_ids: np.ndarray,
    labels: np.ndarray,
    vocabulary_size: int,
    *,
    seed: int = 0,
    epochs: int = 20,
    dimension: int = 32,
) -> WordVectors:
    """Train an embedding table: the mean of a text's word vectors must tell the 8 groups apart."""
    keras.utils.set_random_seed(seed)
    embedding = layers.Embedding(vocabulary_size, dimension, mask_zero=True)
    inputs = keras.Input((token_ids.shape[1],), dtype="int32")
    pooled = layers.GlobalAveragePooling1D()(embedding(inputs))
    model = keras.Model(inputs, layers.Dense(len(GROUPS))(pooled))
    before = embedding.get_weights()[0]
    _fit(model, token_ids.astype(np.int32), labels, epochs=epochs, rate=1e-2)
    return WordVectors(before, embedding.get_weights()[0])


def _fit(model: keras.Model, x: np.ndarray, labels: np.ndarray, epochs: int, rate: float) -> None:
    steps = epochs * -(-len(x) // 64)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=loss)
    model.fit(x, labels, batch_size=64, epochs=epochs, verbose=0)


# --- what does an embedding know? ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on embeddings: the class of the largest score."""

    mean: np.ndarray
    weights: np.ndarray
    offset: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return ((x - self.mean) @ self.weights + self.offset).argmax(axis=1)


def fit_probe(x: np.ndarray, labels: np.ndarray, concept_ids: np.ndarray) -> LinearProbe:
    """Ridge regression onto one-hot labels, in closed form.

    The ridge (how strongly weights are held near 0) is the one that does best on a fifth of the training concepts, held
    back; then all of them are used.

    Args:
        x: (N, D) embeddings.
        labels: (N,) integers.
        concept_ids: (N,); drawings of one concept stay on one side of the held-back fifth.
    """
    held = concept_ids % 5 == 0
    candidates = _ridge(x[~held], labels[~held], int(labels.max()) + 1)
    right = [np.mean(probe(x[held]) == labels[held]) for probe in candidates]
    return _ridge(x, labels, int(labels.max()) + 1)[int(np.argmax(right))]


def _ridge(x: np.ndarray, labels: np.ndarray, num_classes: int) -> list[LinearProbe]:
    """One probe for each of `RIDGES`, in units of the mean variance of a direction."""
    mean = x.mean(axis=0)
    targets = np.eye(num_classes)[labels]
    offset = targets.mean(axis=0)
    u, s, vt = np.linalg.svd((x - mean).astype(np.float64), full_matrices=False)
    unit = max(float((s**2).mean()), 1e-12)
    projected = u.T @ (targets - offset)
    return [LinearProbe(mean, vt.T @ ((s / (s**2 + r * unit))[:, None] * projected), offset) for r in RIDGES]


def similarities(queries: np.ndarray, items: np.ndarray, mean: np.ndarray | None = None) -> np.ndarray:
    """Cosines of every query with every item, after the mean of the items is taken off both.

    Where all embeddings are alike, what is left is rounding; it counts as zero, and so do the cosines.
    """
    mean = items.mean(axis=0) if mean is None else mean
    floor = 1e-5 * max(float(np.linalg.norm(mean)), 1e-12)

    def unit(x: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(x - mean, axis=1, keepdims=True)
        return np.where(length > floor, (x - mean) / np.maximum(length, floor), 0)

    return unit(queries) @ unit(items).T


def found_again(queries: np.ndarray, items: np.ndarray, k: int = 1) -> float:
    """Share of queries i for which item i is among the k most similar; among equals, smaller indices come first."""
    scores = similarities(queries, items)
    own = np.diagonal(scores)[:, None]
    index = np.arange(len(items))
    before = (scores > own) | ((scores == own) & (index < index[:, None]))
    return float((before.sum(axis=1) < k).mean())


def neighbours(queries: np.ndarray, items: np.ndarray, k: int) -> np.ndarray:
    """(N, k) indices of the most similar items of each query, best first."""
    return np.argsort(-similarities(queries, items), axis=1, kind="stable")[:, :k]


def most_common_share(data: EmojiData) -> float:
    """Accuracy of always answering the group that is most frequent."""
    return float(np.bincount(data.labels).max() / len(data))
