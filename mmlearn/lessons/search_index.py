"""Vector indexes in small: fewer bytes a vector, or fewer vectors a query, and what each costs in recall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlearn.data import EmojiData
from mmlearn.lessons.search import Space, texts_of


def k_means(x: np.ndarray, k: int, rng: int | np.random.Generator, rounds: int = 12) -> np.ndarray:
    """(k, D) centres by Lloyd's algorithm; a centre that loses all its points moves to a random one."""
    rng = np.random.default_rng(rng)
    centres = x[rng.choice(len(x), k, replace=False)]
    for _ in range(rounds):
        nearest = _nearest(x, centres)
        counts = np.bincount(nearest, minlength=k)[:, None]
        sums = np.stack([np.bincount(nearest, weights=column, minlength=k) for column in x.T], axis=1)
        spare = x[rng.choice(len(x), k)]
        centres = np.where(counts > 0, sums / np.maximum(counts, 1), spare).astype(x.dtype)
    return centres


def _nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # ‖x − c‖² without ‖x‖², which is the same for all centres
    return np.argmin((centres**2).sum(axis=1) - 2 * x @ centres.T, axis=1)


def to_int8(x: np.ndarray) -> tuple[np.ndarray, float]:
    """One byte a number: x ≈ codes · scale, codes in -127 … 127."""
    scale = float(np.abs(x).max()) / 127
    return np.round(x / scale).astype(np.int8), scale


@dataclass(frozen=True)
class ProductQuantiser:
    """A vector cut into parts; of each part only the number of its nearest centre is kept, one byte.

    Source: Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", IEEE TPAMI 2011.
    """

    centres: np.ndarray  # (parts, 256, D / parts)

    @classmethod
    def fit(cls, x: np.ndarray, parts: int, rng: int | np.random.Generator) -> ProductQuantiser:
        """Learn the centres from (N, D) vectors; D must be a multiple of `parts`, N at least 256."""
        rng = np.random.default_rng(rng)
        return cls(np.stack([k_means(part, 256, rng) for part in np.split(x, parts, axis=1)]))

    def encode(self, x: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, parts) uint8."""
        pieces = np.split(x, len(self.centres), axis=1)
        codes = [_nearest(piece, centres) for piece, centres in zip(pieces, self.centres, strict=True)]
        return np.stack(codes, axis=1).astype(np.uint8)

    def scores(self, queries: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """(Q, N) dot products of exact queries with coded items: one table look-up and one addition a part."""
        total = np.zeros((len(queries), len(codes)), np.float32)
        for j, piece in enumerate(np.split(queries, len(self.centres), axis=1)):
            table = piece @ self.centres[j].T  # (Q, 256): this part of every query against every centre
            total += table[:, codes[:, j]]
        return total


@dataclass(frozen=True)
class InvertedFile:
    """Items in cells, each around a centre: a query looks into the few cells nearest to it."""

    centres: np.ndarray  # (cells, D)
    cell_of: np.ndarray  # (N,)

    @classmethod
    def fit(cls, x: np.ndarray, cells: int, rng: int | np.random.Generator) -> InvertedFile:
        centres = k_means(x, cells, rng)
        return cls(centres, _nearest(x, centres))

    def scores(self, queries: np.ndarray, items: np.ndarray, probes: int) -> np.ndarray:
        """(Q, N) dot products, -inf for items in cells that were not looked into."""
        cells = np.argsort(-(queries @ self.centres.T), axis=1)[:, :probes]
        visited = (cells[:, :, None] == self.cell_of).any(axis=1)
        return np.where(visited, queries @ items.T, -np.inf)


def overlap(exact: np.ndarray, approximate: np.ndarray, k: int = 10) -> float:
    """Share in percent of the k exact best items that are among the k approximate best; scores (Q, N) each."""
    best, found = (np.argsort(-scores, axis=1, kind="stable")[:, :k] for scores in (exact, approximate))
    return 100 * float((best[:, :, None] == found[:, None, :]).any(axis=2).mean())


def compare(space: Space, gallery: EmojiData, seed: int = 0) -> list[dict]:
    """Indexes over one gallery, searched by the English names.

    Returns:
        A row an index: bytes a vector, share of items that a query reads, how many of the exact 10 best it finds.
    """
    items = space.embed_images(gallery.images)
    first = np.unique(gallery.concept_ids, return_index=True)[1]
    queries = space.embed_texts(texts_of(gallery.select(first), "en", name_only=True))
    exact = queries @ items.T
    dim = items.shape[1]

    def row(name: str, scores: np.ndarray, size: float, read: float = 100.0) -> dict:
        return {
            "index": name,
            "bytes": size,
            "items read %": round(read, 1),
            "recall %": round(overlap(exact, scores), 1),
        }

    codes, scale = to_int8(items)
    rows = [
        row("exact, float32", exact, 4 * dim),
        row("float16", queries @ items.astype(np.float16).astype(np.float32).T, 2 * dim),
        row("int8", queries @ codes.T.astype(np.float32) * scale, dim),
    ]
    for parts in (64, 32, 16):
        quantiser = ProductQuantiser.fit(items, parts, seed)
        rows.append(
            row(f"product quantisation, {parts} parts", quantiser.scores(queries, quantiser.encode(items)), parts)
        )
    file = InvertedFile.fit(items, 64, seed)
    for probes in (1, 4, 16):
        scores = file.scores(queries, items, probes)
        rows.append(row(f"64 cells, {probes} looked into", scores, 4 * dim, 100 * float(np.isfinite(scores).mean())))
    return rows
