"""Composed scenes: four emoji on a 3 x 3 grid, and questions "is the ... there?" whose true place is known.

Where a model looks can be measured here, because it is known where it ought to look. See `make_scenes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmlearn.data.emoji import EmojiData

GRID = 3  # cells along each side of a scene
CELL_SIZE = 24  # pixels along each side of a cell
SCENE_SIZE = GRID * CELL_SIZE
EMOJI_PER_SCENE = 4


@dataclass(frozen=True, eq=False)
class Scenes:
    """N scenes with Q queries each. Cells are numbered by rows: 0 is top left, 8 is bottom right.

    Attributes:
        images: (N, 72, 72, 3) uint8, RGB on white.
        vendors: (N,) str; all emoji of a scene were drawn by one vendor.
        cells: (N, 9) int64, the concept in each cell, -1 where it is empty.
        query_ids: (N, Q) int64, the concept asked for.
        query_names: (N, Q) str, its English name.
        present: (N, Q) bool, whether it is in the scene.
        places: (N, Q) int64, its cell, -1 where it is absent.
    """

    images: NDArray[np.uint8]
    vendors: NDArray[np.str_]
    cells: NDArray[np.int64]
    query_ids: NDArray[np.int64]
    query_names: NDArray[np.str_]
    present: NDArray[np.bool_]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def target_masks(self, size: int) -> NDArray[np.bool_]:
        """Where the queried emoji stands, on a grid of size x size positions.

        Args:
            size: positions along each side; a multiple of 3, at most 72.

        Returns:
            (N, Q, size * size) bool, positions by rows; all False for an absent emoji.

        Raises:
            ValueError: another size.
        """
        if not 1 <= size <= SCENE_SIZE or size % GRID:
            raise ValueError(f"size must be a multiple of {GRID} from {GRID} to {SCENE_SIZE}, not {size}")
        line = np.arange(size) * GRID // size
        cell_of_position = (line[:, None] * GRID + line).ravel()
        return self.places[..., None] == cell_of_position


def make_scenes(data: EmojiData, num_scenes: int, rng: int | np.random.Generator, num_queries: int = 8) -> Scenes:
    """Compose scenes from drawings.

    Each scene takes one of the vendors, four of its concepts and four cells, all by chance. Half of its queries ask for
    emoji that are there, half for emoji that are not, in shuffled order: who always says "yes" is right half of the
    time. No concept is asked for twice in a scene.

    Args:
        data: the drawings to choose from, e.g. `load_emoji("fluent", "seen")`; at least 8 concepts a vendor.
        num_scenes: N, at least 0.
        rng: the same seed gives the same scenes.
        num_queries: Q, an even number from 2 to 8.

    Returns:
        The scenes.

    Raises:
        ValueError: too few concepts, or a number that is out of range.

    >>> from mmlearn.data import load_emoji
    >>> scenes = make_scenes(load_emoji("noto", "seen"), num_scenes=2, rng=0)
    >>> scenes.images.shape, scenes.present.sum(axis=1)
    ((2, 72, 72, 3), array([4, 4]))
    """
    rng = np.random.default_rng(rng)
    half = num_queries // 2
    if num_queries % 2 or not 1 <= half <= EMOJI_PER_SCENE:
        raise ValueError(f"num_queries must be even, from 2 to {2 * EMOJI_PER_SCENE}, not {num_queries}")
    if num_scenes < 0:
        raise ValueError(f"num_scenes must be at least 0, not {num_scenes}")
    rows_of = {str(vendor): np.flatnonzero(data.vendors == vendor) for vendor in np.unique(data.vendors)}
    if not rows_of or min(map(len, rows_of.values())) < EMOJI_PER_SCENE + half:
        raise ValueError(f"every vendor needs at least {EMOJI_PER_SCENE + half} concepts to choose from")

    vendors = rng.choice(sorted(rows_of), size=num_scenes)
    blocks = np.full((num_scenes, GRID * GRID, CELL_SIZE, CELL_SIZE, 3), 255, np.uint8)
    cells = np.full((num_scenes, GRID * GRID), -1)
    asked = np.zeros((num_scenes, num_queries), np.int64)  # rows of `data`
    places = np.full((num_scenes, num_queries), -1)
    small = shrink(data.images)
    for i, vendor in enumerate(vendors):
        # four that are there, then `half` that are not; all different
        rows = rng.choice(rows_of[str(vendor)], size=EMOJI_PER_SCENE + half, replace=False)
        where = rng.choice(GRID * GRID, size=EMOJI_PER_SCENE, replace=False)
        blocks[i, where] = small[rows[:EMOJI_PER_SCENE]]
        cells[i, where] = data.concept_ids[rows[:EMOJI_PER_SCENE]]
        order = rng.permutation(num_queries)
        asked[i, order] = np.concatenate([rows[:half], rows[EMOJI_PER_SCENE:]])
        places[i, order[:half]] = where[:half]

    grid = blocks.reshape(num_scenes, GRID, GRID, CELL_SIZE, CELL_SIZE, 3).swapaxes(2, 3)
    return Scenes(
        images=grid.reshape(num_scenes, SCENE_SIZE, SCENE_SIZE, 3),
        vendors=vendors.astype(np.str_),
        cells=cells,
        query_ids=data.concept_ids[asked],
        query_names=data.names["en"][asked],
        present=places >= 0,
        places=places,
    )


def shrink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drawings as they stand in a scene: (N, 32, 32, 3) uint8 -> (N, 24, 24, 3) uint8."""
    if len(images) == 0:
        return np.zeros((0, CELL_SIZE, CELL_SIZE, 3), np.uint8)
    size = (CELL_SIZE, CELL_SIZE)
    # one by one: in one tall picture, neighbours would blur into each other
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)) for image in images])
