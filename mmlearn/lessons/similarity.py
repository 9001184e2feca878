"""What the lesson on similarity measures with: features, a closed-form shared space, hubs. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmlearn.data import EmojiData, Vocabulary

# lengths below this count as zero
TINY = 1e-12


def unit_rows(x: np.ndarray) -> np.ndarray:
    """Each row scaled to length 1; zero rows stay zero."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), TINY)


# --- images and texts as vectors, made separately --------------------------------------------------------------------


def colour_features(images: np.ndarray, size: int = 8) -> np.ndarray:
    """Where which colour is: the picture shrunk to size × size. (N, 32, 32, 3) uint8 -> (N, size·size·3)."""
    side = images.shape[1] // size
    blocks = images.reshape(len(images), size, side, size, side, 3)
    return (blocks.mean(axis=(2, 4)) / 255).reshape(len(images), -1).astype(np.float32)


def edge_features(images: np.ndarray, cells: int = 4, directions: int = 8) -> np.ndarray:
    """Where edges run and in which direction: a small histogram of oriented gradients (Dalal and Triggs, 2005).

    (N, 32, 32, 3) uint8 -> (N, cells·cells·directions).
    """
    grey = images.mean(axis=-1) / 255
    dy, dx = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(dx, dy)
    bins = np.minimum((np.arctan2(dy, dx) % np.pi / np.pi * directions).astype(int), directions - 1)
    side = images.shape[1] // cells
    histogram = np.stack(
        [(strength * (bins == b)).reshape(-1, cells, side, cells, side).sum(axis=(2, 4)) for b in range(directions)],
        axis=-1,
    )
    return np.sqrt(histogram).reshape(len(images), -1).astype(np.float32)


def image_features(images: np.ndarray) -> np.ndarray:
    """Colour and edges, each of length 1, side by side: (N, 32, 32, 3) uint8 -> (N, 320) float32."""
    return np.hstack([unit_rows(colour_features(images) - 0.8), unit_rows(edge_features(images))])


def texts_of(data: EmojiData) -> list[str]:
    """The English name and keywords of each drawing, as one text."""
    pairs = zip(data.names["en"], data.keywords["en"], strict=True)
    return [f"{name} {' '.join(keywords)}" for name, keywords in pairs]


def text_features(texts: list[str], vocabulary: Vocabulary) -> np.ndarray:
    """Bag of words: entry [i, w] is 1 where text i holds word w. Unknown words leave no trace. (N, V) float32."""
    token_ids, _ = vocabulary.encode(texts)
    return bags_of_words(token_ids, len(vocabulary))


def bags_of_words(token_ids: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """The same from ids: (N, L), 0 = padding and 1 = unknown -> (N, V) float32."""
    bags = np.zeros((len(token_ids), vocabulary_size), np.float32)
    np.put_along_axis(bags, token_ids, 1, axis=1)
    bags[:, :2] = 0  # padding and unknown
    return bags


# --- a shared space in closed form -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearMap:
    """x -> (x - mean) @ matrix: from (N, D) features to (N, K) embeddings."""

    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) @ self.matrix


def fit_cca(
    images: np.ndarray, texts: np.ndarray, dim: int = 128, ridge: float = 1.0
) -> tuple[LinearMap, LinearMap, np.ndarray]:
    """Canonical correlation analysis: the linear maps that make paired rows agree most.

    Args:
        images: (N, D) features; row i is paired with row i of `texts`.
        texts: (N, V) features.
        dim: K, how many directions to keep; at most min(D, V).
        ridge: added to each variance, in units of the mean variance of that modality; > 0.

    Returns:
        The image map, the text map, and the correlation along each of the K directions (after the ridge), falling.
    """
    image_mean, text_mean = images.mean(axis=0), texts.mean(axis=0)
    x, y = images - image_mean, texts - text_mean
    cross = x.T @ y / len(x)  # (D, V): what varies together
    root_x, root_y = _root(x, ridge), _root(y, ridge)
    # whiten both sides: root⁻¹ · cross · root⁻ᵀ; now the SVD finds the best matching directions, best first
    whitened = np.linalg.solve(root_y, np.linalg.solve(root_x, cross).T).T
    u, correlations, vt = np.linalg.svd(whitened, full_matrices=False)
    correlations = correlations[:dim]
    # weigh each direction by its correlation, so that directions of mere noise count little
    image_matrix = np.linalg.solve(root_x.T, u[:, :dim]) * correlations
    text_matrix = np.linalg.solve(root_y.T, vt[:dim].T) * correlations
    return LinearMap(image_mean, image_matrix), LinearMap(text_mean, text_matrix), correlations


def _root(centred: np.ndarray, ridge: float) -> np.ndarray:
    """A lower triangle L with L Lᵀ = covariance + ridge · mean variance · I (Cholesky)."""
    covariance = centred.T @ centred / len(centred)
    covariance[np.diag_indices_from(covariance)] += ridge * np.trace(covariance) / len(covariance)
    return np.linalg.cholesky(covariance)


def name_lookup(query_ids: np.ndarray, gallery: np.ndarray, train: np.ndarray, train_ids: np.ndarray) -> np.ndarray:
    """Retrieval without a shared space: find the queried concept among the training drawings, compare pictures.

    Args:
        query_ids: (N,) concept of each query.
        gallery: (M, D) image features to search.
        train: (T, D) image features of the training drawings.
        train_ids: (T,) their concepts.

    Returns:
        (N, M): the best cosine of gallery picture j with any training drawing of concept query_ids[i]; -1 for a
        concept that training does not hold.
    """
    mean = train.mean(axis=0)
    cosines = unit_rows(train - mean) @ unit_rows(gallery - mean).T  # (T, M)
    best = np.full((len(query_ids), len(gallery)), -1, cosines.dtype)
    for i, concept in enumerate(query_ids):
        drawings = cosines[train_ids == concept]
        if len(drawings):
            best[i] = drawings.max(axis=0)
    return best


# --- measures --------------------------------------------------------------------------------------------------------


def modality_gap(a: np.ndarray, b: np.ndarray) -> float:
    """Distance between the mean image embedding and the mean text embedding, all of length 1; from 0 to 2."""
    return float(np.linalg.norm(unit_rows(a).mean(axis=0) - unit_rows(b).mean(axis=0)))


def shift_towards(texts: np.ndarray, images: np.ndarray, share: float) -> np.ndarray:
    """Move all text embeddings by a share (0 to 1) of the way from their mean to the images' mean."""
    a, b = unit_rows(texts), unit_rows(images)
    return unit_rows(a + share * (b.mean(axis=0) - a.mean(axis=0)))


def k_occurrence(neighbours: np.ndarray, num_items: int) -> np.ndarray:
    """In how many result lists each item stands: (N, k) item indices -> (num_items,) counts that sum to N·k."""
    return np.bincount(neighbours.ravel(), minlength=num_items)


def skewness(counts: np.ndarray) -> float:
    """Third standardised moment: 0 for a symmetric distribution, large where a few items take most."""
    centred = counts - counts.mean()
    return float((centred**3).mean() / max(centred.std(), TINY) ** 3)


def recall_by_gallery_size(
    similarity: np.ndarray, sizes: list[int], recall_at_k: Callable, seed: int, repeats: int = 20
) -> list[float]:
    """Recall@1 if the gallery held only so many items; query i's item is item i. Means over random galleries."""
    rng = np.random.default_rng(seed)
    recalls = []
    for size in sizes:
        subsets = [rng.choice(len(similarity), size, replace=False) for _ in range(repeats)]
        parts = [similarity[np.ix_(rows, rows)] for rows in subsets]
        recalls.append(float(np.mean([recall_at_k(part, np.arange(size), 1) for part in parts])))
    return recalls
