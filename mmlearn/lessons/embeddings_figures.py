"""Figures of the lesson on embeddings. Each function returns a matplotlib Figure and shows nothing itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlearn.course import paths
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

GREY = "#888888"


def committed_results() -> dict[str, Any]:
    """What `python -m benchmarks.embeddings` measured."""
    file = paths.ROOT / "benchmarks" / "results" / "embeddings.json"
    return json.loads(file.read_text(encoding="utf-8"))


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def vectors_beside_pictures(
    images: np.ndarray, vectors: np.ndarray, names: Sequence[str], colours: np.ndarray, title: str
) -> Figure:
    """Each picture with its vector as bars to its right.

    Args:
        images: (N, H, W, 3) uint8.
        vectors: (N, D) ≥ 0.
        names: N names.
        colours: (D, 3) from 0 to 1, one for each bar.
        title: states the finding.
    """
    figure = Figure(figsize=(8, 0.5 + 1.15 * len(images)), dpi=100, layout="constrained")
    grid = figure.subplots(len(images), 2, width_ratios=[1, 6], squeeze=False)
    top = float(vectors.max()) * 1.05
    for i, (picture, bars) in enumerate(grid):
        picture.imshow(images[i])
        _bare(picture)
        picture.set_ylabel(names[i], rotation=0, ha="right", va="center", fontsize=9)
        bars.bar(np.arange(vectors.shape[1]), vectors[i], color=colours, edgecolor="#444444", linewidth=0.6)
        bars.set_ylim(0, top)
        bars.spines[["top", "right"]].set_visible(False)
        bars.set_xticks([])
        bars.tick_params(labelsize=7)
    grid[-1, 1].set_xlabel("one bar a number of the vector: the share of pixels of that colour", fontsize=9)
    figure.suptitle(title, fontsize=11, weight="bold")
    return figure


def picture_rows(
    rows: Sequence[Sequence[np.ndarray]],
    labels: Sequence[str],
    title: str,
    captions: Sequence[Sequence[str]] | None = None,
    gap_after: int = 0,
) -> Figure:
    """Pictures in rows, each row with a label to its left, each picture with a caption below it.

    Args:
        rows: pictures (H, W, 3) uint8, or (H, W, 3) floats from 0 to 1.
        labels: one a row.
        title: states the finding.
        captions: like `rows`; None for none.
        gap_after: leaves a gap behind that many pictures of each row, to set a query off from its answers.
    """
    columns = max(len(row) for row in rows)
    label = 1.5 if any(labels) else 0.1
    width = label + columns + (0.3 if gap_after else 0)
    inches = min(8 / width, 1.5)  # of a picture's side
    below = 0.22 / inches if captions else 0.06
    height = (1 + below) * len(rows)
    figure = Figure(figsize=(inches * width, inches * height + 0.45), dpi=100)
    axes = figure.add_axes((0, 0, 1, inches * height / (inches * height + 0.45)))
    for i, row in enumerate(rows):
        y = i * (1 + below)
        axes.text(label - 0.12, y + 0.5, labels[i], ha="right", va="center", fontsize=9)
        for j, image in enumerate(row):
            x = label + j + (0.3 if gap_after and j >= gap_after else 0)
            axes.imshow(image, extent=(x + 0.04, x + 0.96, y + 0.96, y + 0.04), interpolation="nearest")
            if captions:
                axes.text(x + 0.5, y + 0.97, captions[i][j], ha="center", va="top", fontsize=7)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    figure.text(0.5, 1 - 0.2 / (inches * height + 0.45), title, ha="center", va="center", fontsize=11, weight="bold")
    return figure


def without_overlap(xy: np.ndarray, room: float) -> np.ndarray:
    """Indices of points, taken in order, that keep at least `room` apart in x or in y from all taken before."""
    taken: list[int] = []
    for i, point in enumerate(xy):
        if not taken or np.abs(xy[taken] - point).max(axis=1).min() >= room:
            taken.append(i)
    return np.array(taken, dtype=int)


def picture_map(xy: np.ndarray, images: np.ndarray, title: str, room: float = 0.042) -> Figure:
    """Pictures at their places on a map; where two would overlap, only the first is drawn.

    Args:
        xy: (N, 2) of any scale; shown half by value and half by rank along each axis, to use the paper well.
        images: (N, H, W, 3) uint8.
        title: states the finding.
        room: side of a picture, as a share of the map's.
    """
    low, high = np.quantile(xy, [0.01, 0.99], axis=0)
    value = np.clip((xy - low) / np.maximum(high - low, 1e-12), 0, 1)
    rank = xy.argsort(axis=0).argsort(axis=0) / max(len(xy) - 1, 1)
    place = (value + rank) / 2
    figure = Figure(figsize=(8, 8.3), dpi=88)
    axes = figure.add_axes((0.05, 0.05, 0.93, 0.89))
    for i in without_overlap(place, room):
        x, y = place[i]
        half = room / 2
        axes.imshow(images[i], extent=(x - half, x + half, y - half, y + half), interpolation="antialiased", zorder=2)
    axes.set_xlim(-room, 1 + room)
    axes.set_ylim(-room, 1 + room)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("component 1 →")
    axes.set_ylabel("component 2 →")
    axes.spines[["top", "right"]].set_visible(False)
    figure.text(0.5, 0.97, title, ha="center", va="center", fontsize=11, weight="bold")
    return figure


def cosine_maps(
    tables: Sequence[np.ndarray], names: Sequence[str], words: Sequence[str], per_theme: int, title: str
) -> Figure:
    """Cosines between the vectors of some words, one map a table.

    Args:
        tables: each (W, D), row i for words[i].
        names: of the tables.
        words: W words, theme by theme.
        per_theme: words a theme; lines are drawn between themes.
        title: states the finding.
    """
    figure = Figure(figsize=(9, 4.9), dpi=100, layout="constrained")
    grid = figure.subplots(1, len(tables), sharey=True)
    for axes, table, name in zip(grid, tables, names, strict=True):
        unit = table / np.linalg.norm(table, axis=1, keepdims=True)
        picture = axes.imshow(unit @ unit.T, cmap="PuOr_r", vmin=-1, vmax=1)
        axes.set_xticks(np.arange(len(words)), words, rotation=90, fontsize=7)
        axes.set_yticks(np.arange(len(words)), words, fontsize=7)
        for line in range(per_theme, len(words), per_theme):
            axes.axhline(line - 0.5, color="black", linewidth=0.6)
            axes.axvline(line - 0.5, color="black", linewidth=0.6)
        axes.set_title(name, fontsize=10)
    figure.colorbar(picture, ax=list(grid), label="cosine of two words' vectors", shrink=0.8)
    figure.suptitle(title, fontsize=11, weight="bold")
    return figure


def grid_of_numbers(values: np.ndarray, title: str, x_label: str, y_label: str) -> Figure:
    """A matrix as colours, from -1 to 1."""
    figure = Figure(figsize=(8, 3.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(values, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    figure.colorbar(picture, ax=axes)
    axes.set_title(title, fontsize=11, weight="bold")
    return figure


def bars(runs: dict[str, list[dict[str, float]]], measure: str, axes: Axes, chance: float, highlight: Sequence[str]):
    """Mean of a measure a method, with the spread over seeds where there are several; a line at the level of chance."""
    names = list(runs)
    values = [np.array([run[measure] for run in runs[name]]) for name in names]
    means, spreads = [v.mean() for v in values], [v.std() for v in values]
    colours = [ORANGE if "ids" in name else GREEN if name in highlight else BLUE for name in names]
    axes.barh(names, means, xerr=spreads, color=colours, error_kw={"elinewidth": 1.2, "capsize": 3})
    for y, (mean, spread) in enumerate(zip(means, spreads, strict=True)):
        axes.text(mean + spread + 1, y, f"{mean:.0f}" if mean >= 10 else f"{mean:.1f}", va="center", fontsize=9)
    axes.axvline(chance, color=GREY, linestyle="--", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlim(0, max(means) * 1.15 + 1)
    axes.spines[["top", "right"]].set_visible(False)


def image_results(results: dict[str, Any], title: str) -> Figure:
    """Both tests of the image embeddings, side by side."""
    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    runs, trained = results["images"], ("small CNN, trained",)
    bars(runs, "group", left, results["most common group"], trained)
    left.set_xlabel("right group of 8, in %\n(dashed: always the most common group)")
    bars(runs, "found@1", right, 100 / results["test drawings"], trained)
    right.invert_yaxis()  # shared with the left, which has turned it already
    right.set_xlabel("same concept found first, in %\n(dashed: by chance)")
    figure.suptitle(title, fontsize=11, weight="bold")
    return figure


def text_results(results: dict[str, Any], title: str) -> Figure:
    """The text embeddings, from the name alone and from name and keywords."""
    figure = Figure(figsize=(9, 2.7), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    trained = ("mean of learnt vectors",)
    for axes, part in ((left, "the name"), (right, "name and keywords")):
        bars(results[f"texts, {part}"], "group", axes, results["most common group"], trained)
        axes.set_xlabel(f"right group of 8 from {part}, in %")
    right.invert_yaxis()
    figure.suptitle(title, fontsize=11, weight="bold")
    return figure
