"""The experiment of the lesson "What is multimodal?": when do two modalities beat one, and when not?

Six small classifiers of emoji (picture only, words only, both; each trained on clean and on spoiled pairs) meet test
pairs that are spoiled more and more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmlearn.data import PADDING_ID, UNKNOWN_ID
from mmlearn.lessons.fusion import Pairs
from mmlearn.lessons.similarity import image_features

if TYPE_CHECKING:
    from mmlearn.lessons.fusion_models import Classifier

PIXELS, LOST, WRONG = "pixel noise", "words lost", "wrong texts"
LEVELS: dict[str, tuple[float, ...]] = {
    PIXELS: (0, 20, 40, 80, 160),  # standard deviation, of 255
    LOST: (0, 0.25, 0.5, 0.75, 1),  # share of words
    WRONG: (0, 0.25, 0.5, 0.75, 1),  # share of pairs
}
METHODS = ("image", "text", "concat")  # those of mmlearn.lessons.fusion_models
TRAININGS = ("clean", "spoiled")
CLEAN = (PIXELS, 0.0)


def add_pixel_noise(images: np.ndarray, sigma: float | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise on every pixel, cut off at 0 and 255.

    Args:
        images: (N, 32, 32, 3) uint8.
        sigma: standard deviation, 0 to 255; one for all or (N,), one an image.
        rng: draws the noise.

    Returns:
        (N, 32, 32, 3) uint8.
    """
    sigma = np.broadcast_to(np.asarray(sigma, np.float32), len(images))
    noise = sigma[:, None, None, None] * rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def lose_words(token_ids: np.ndarray, share: float | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace a random share of the words by "unknown"; padding stays. (N, L) -> (N, L)."""
    share = np.broadcast_to(np.asarray(share, float), len(token_ids))
    lost = rng.random(token_ids.shape) < share[:, None]
    return np.where(lost & (token_ids != PADDING_ID), UNKNOWN_ID, token_ids).astype(token_ids.dtype)


def swap_texts(token_ids: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Give a random share of the rows the text of another row: fluent, and about something else. (N, L) -> (N, L)."""
    rows = rng.permutation(len(token_ids))[: round(share * len(token_ids))]
    swapped = token_ids.copy()
    swapped[rows] = token_ids[np.roll(rows, 1)]
    return swapped


def spoil(pairs: Pairs, kind: str, level: float, rng: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Test pairs with one modality spoiled and the other left alone.

    Args:
        pairs: N pairs.
        kind: a key of `LEVELS`.
        level: 0 leaves the pairs as they are.
        rng: chance.

    Returns:
        Image features (N, 320) float32 and token ids (N, L) int32.

    Raises:
        ValueError: another kind.
    """
    rng = np.random.default_rng(rng)
    images, token_ids = pairs.images, pairs.token_ids
    if kind == PIXELS:
        images = add_pixel_noise(images, level, rng)
    elif kind == LOST:
        token_ids = lose_words(token_ids, level, rng)
    elif kind == WRONG:
        token_ids = swap_texts(token_ids, level, rng)
    else:
        raise ValueError(f"unknown kind {kind!r}; use one of {', '.join(LEVELS)}")
    return image_features(images), token_ids


def spoil_for_training(pairs: Pairs, rng: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A third of the pairs stays clean, a third gets pixel noise (0 to 160), a third loses words (none to all).

    Never both at once, and never a wrong text. As many pairs as before, so that training is no longer.
    """
    rng = np.random.default_rng(rng)
    fate = rng.integers(3, size=len(pairs))
    sigma = np.where(fate == 1, rng.uniform(0, LEVELS[PIXELS][-1], len(pairs)), 0)
    share = np.where(fate == 2, rng.uniform(0, LEVELS[LOST][-1], len(pairs)), 0)
    return image_features(add_pixel_noise(pairs.images, sigma, rng)), lose_words(pairs.token_ids, share, rng)


Models = dict[tuple[str, str], "Classifier"]


def train_all(pairs: Pairs, seed: int, trainings: tuple[str, ...] = TRAININGS) -> Models:
    """The three classifiers on each kind of training pairs: (method, training) -> model. 2 to 5 s a model."""
    import mmlearn.quiet  # noqa: F401  first, so that TensorFlow stays silent
    from mmlearn.lessons.fusion_models import Inputs, train

    models = {}
    for training in trainings:
        if training == "clean":
            found = image_features(pairs.images), pairs.token_ids
        else:
            found = spoil_for_training(pairs, 500 + seed)
        inputs = Inputs(*found, pairs.labels)
        for method in METHODS:
            models[method, training] = train(method, inputs, len(pairs.vocabulary), seed)
    return models


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logits to log probabilities, row by row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def answers(models: Mapping, training: str, features: np.ndarray, token_ids: np.ndarray) -> dict[str, np.ndarray]:
    """What each classifier answers: method -> (N,) class numbers; "late" adds the log probabilities of the two unimodal
    ones and trains nothing."""
    from mmlearn.lessons.fusion_models import Inputs

    inputs = Inputs(features, token_ids, np.zeros(len(features), np.int64))
    scores = {method: log_softmax(models[method, training].logits(inputs)) for method in METHODS}
    scores["late"] = scores["image"] + scores["text"]
    return {method: score.argmax(axis=1) for method, score in scores.items()}


def measure(models: Mapping, test: Pairs, seed: int) -> list[dict]:
    """Accuracy of every classifier at every level of every kind of trouble.

    Returns:
        Rows with the keys training, kind, level, image, text, concat, late, either (a judge who always picks the
        right one of the two unimodal answers). The kinds "no text" and "no image" (level 1) are a missing modality:
        its embedding is set to 0; only concat is asked.
    """
    from mmlearn.lessons.fusion_models import Inputs

    rows = []
    for training in dict.fromkeys(training for _, training in models):
        for kind, levels in LEVELS.items():
            for level in levels:
                found = answers(models, training, *spoil(test, kind, level, 1000 + seed))
                right = {method: answer == test.labels for method, answer in found.items()}
                right["either"] = right["image"] | right["text"]
                scores = {method: round(float(hits.mean()), 4) for method, hits in right.items()}
                rows.append({"training": training, "kind": kind, "level": level, **scores})
        inputs = Inputs(image_features(test.images), test.token_ids, test.labels)
        for missing in ("text", "image"):
            guess = models["concat", training].logits(inputs, missing=missing).argmax(axis=1)
            score = round(float((guess == test.labels).mean()), 4)
            rows.append({"training": training, "kind": f"no {missing}", "level": 1, "concat": score})
    return rows


def interval(gain: np.ndarray, rng: int | np.random.Generator, repeats: int = 2000) -> tuple[float, float]:
    """Bootstrap: between which values 95 % of the means lie when the rows are drawn anew, with replacement.

    Args:
        gain: (N,) one number for each test pair, e.g. how much more often fusion was right than the words alone.
        rng: chance.
        repeats: how many times to draw.
    """
    rng = np.random.default_rng(rng)
    means = [gain[rng.integers(len(gain), size=len(gain))].mean() for _ in range(repeats)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
