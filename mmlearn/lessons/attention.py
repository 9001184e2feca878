"""What the lesson on attention measures with, without a network; its figures stand in `attention_figures`."""

from __future__ import annotations

import numpy as np

from mmlearn.data import EmojiData, Scenes
from mmlearn.data.scenes import CELL_SIZE, GRID, shrink


def cells_of(scenes: Scenes) -> np.ndarray:
    """The pictures in the nine cells: (N, 9, 24, 24, 3) uint8."""
    grid = scenes.images.reshape(len(scenes), GRID, CELL_SIZE, GRID, CELL_SIZE, 3).swapaxes(2, 3)
    return grid.reshape(len(scenes), GRID * GRID, CELL_SIZE, CELL_SIZE, 3)


def template_scores(scenes: Scenes, train: EmojiData) -> np.ndarray:
    """The simplest way to find a thing by name: compare each cell with the mean of its training drawings.

    It is told where the cells are, and it can only look for concepts that it has a drawing of.

    Args:
        scenes: whose queries are all among the concepts of `train`.
        train: the drawings to look things up in.

    Returns:
        (N, Q, 9) float32, minus the mean squared difference of the pixels, from -1 to 0.
    """
    concepts, first = np.unique(train.concept_ids, return_inverse=True)
    small = shrink(train.images).astype(np.float32) / 255
    sums = np.zeros((len(concepts), *small.shape[1:]), np.float32)
    np.add.at(sums, first, small)
    templates = sums / np.bincount(first)[:, None, None, None]
    cells = cells_of(scenes).astype(np.float32) / 255
    wanted = templates[np.searchsorted(concepts, scenes.query_ids)]  # (N, Q, 24, 24, 3)
    scores = np.empty((*scenes.query_ids.shape, GRID * GRID), np.float32)
    for cell in range(GRID * GRID):
        scores[..., cell] = -((wanted - cells[:, None, cell]) ** 2).mean(axis=(-3, -2, -1))
    return scores


def best_threshold(scores: np.ndarray, present: np.ndarray) -> float:
    """The threshold on `scores` that separates `present` best, both of any equal shape."""
    order = np.argsort(scores, axis=None)
    truth = present.ravel()[order]
    # right if everything up to position i is called absent, and the rest present
    right = np.cumsum(~truth) + truth.sum() - np.cumsum(truth)
    return float(scores.ravel()[order[right.argmax()]])
