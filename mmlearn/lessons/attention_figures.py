"""The pictures of the lesson on attention. Each function returns a matplotlib Figure and shows nothing itself."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmlearn.data import Scenes
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

GREY = "#666666"
DPI = 80


def _figure(width: float, height: float, title: str, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=12, weight="bold")
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def _bare(axes: Axes, colour: str = "#bbbbbb", width: float = 1.0) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(width)


def questions(scenes: Scenes, rows: Sequence[int], title: str, shown: int = 4) -> Figure:
    """Scenes with the first few of their queries and the true answers below."""
    figure, all_axes = _figure(2.5 * len(rows), 4.0, title, columns=len(rows))
    for axes, i in zip(all_axes, rows, strict=True):
        axes.imshow(scenes.images[i], interpolation="antialiased")
        _bare(axes)
        for step in (24, 48):
            axes.axhline(step - 0.5, color="#dddddd", linewidth=0.8)
            axes.axvline(step - 0.5, color="#dddddd", linewidth=0.8)
        for j in range(shown):
            name = textwrap.shorten(str(scenes.query_names[i, j]), 25, placeholder=" …")
            there = scenes.present[i, j]
            text = f"{name}? {'yes' if there else 'no'}"
            axes.text(0, -0.09 - 0.12 * j, text, transform=axes.transAxes, fontsize=9, color=GREEN if there else ORANGE)
    return figure


def by_hand(names: Sequence[str], scores: np.ndarray, weights: np.ndarray, title: str) -> Figure:
    """Scores of three patches, and the weights that softmax makes of them."""
    figure, (left, right) = _figure(8, 2.6, title, columns=2)
    for axes, values, label, colour in (
        (left, scores, "score  q·k / √D", GREY),
        (right, weights, "weight  (they sum to 1)", BLUE),
    ):
        drawn = axes.barh(range(len(names)), values, color=colour)
        axes.bar_label(drawn, fmt="%.2f", padding=3)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.set_xlim(0, 1.2 * max(values))
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def scales(dimensions: Sequence[int], panels: dict[str, dict[str, Sequence[float]]], title: str) -> Figure:
    """Curves over the size of a key, one panel a quantity; both axes logarithmic."""
    figure, all_axes = _figure(9, 3.3, title, columns=len(panels))
    for axes, (label, curves) in zip(all_axes, panels.items(), strict=True):
        for (name, values), colour, marker in zip(curves.items(), (ORANGE, BLUE, GREEN), "osD", strict=False):
            axes.plot(dimensions, values, color=colour, marker=marker, label=name)
        axes.set_xscale("log", base=2)
        axes.set_xlabel("D, size of queries and keys")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].legend(frameon=False)
    return figure


def masks(variants: dict[str, np.ndarray], real: np.ndarray, title: str) -> Figure:
    """The weights of one query under several ways of masking; (P,) each, `real` is True for real patches."""
    figure, all_axes = _figure(10, 3.0, title, columns=len(variants))
    for axes, (name, weights) in zip(all_axes, variants.items(), strict=True):
        axes.bar(np.arange(len(real)), weights, color=[BLUE if r else ORANGE for r in real])
        axes.set_title(f"{name}\nsum {weights.sum():.2f}", fontsize=10)
        axes.set_ylim(0, 1)
        axes.set_xticks(range(len(real)))
        axes.set_xlabel("patch")
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].set_ylabel("weight")
    handles = [Patch(color=BLUE, label="real patch"), Patch(color=ORANGE, label="padding")]
    all_axes[0].legend(handles=handles, frameon=False, fontsize=8, loc="upper left")
    return figure


def heat_maps(
    scenes: Scenes, weights: np.ndarray, picks: Sequence[tuple[int, int]], title: str, columns: int = 6
) -> Figure:
    """Where the words look: the attention over the scene, its maximum, and whether that lies on the target.

    Args:
        scenes: N scenes.
        weights: (N, Q, size · size) maps on a grid.
        picks: scene and query of each picture.
        title: of the figure.
        columns: pictures in a row.
    """
    rows = -(-len(picks) // columns)
    figure, all_axes = _figure(1.75 * columns, 2.25 * rows + 0.4, title, rows, columns)
    size = round(weights.shape[-1] ** 0.5)
    targets = scenes.target_masks(size)
    side = scenes.images.shape[1]
    for axes, (i, j) in zip(all_axes, picks, strict=False):
        axes.imshow(scenes.images[i], interpolation="antialiased", extent=(0, side, side, 0))
        heat = weights[i, j].reshape(size, size)
        # what is not looked at is darkened, what is looked at stays bright
        veil = np.zeros((size, size, 4))
        veil[..., 3] = 0.7 * (1 - heat / heat.max())
        axes.imshow(veil, extent=(0, side, side, 0), interpolation="bilinear")
        row, column = divmod(int(heat.argmax()), size)
        step = side / size
        if scenes.present[i, j]:
            hit = bool(targets[i, j, heat.argmax()])
            colour, mark = (GREEN, "✓") if hit else (ORANGE, "✗")
        else:
            colour, mark = GREY, "not there"
        axes.plot((column + 0.5) * step, (row + 0.5) * step, "*", color=colour, markersize=13, markeredgecolor="white")
        axes.set_xlim(0, side)
        axes.set_ylim(side, 0)
        _bare(axes, colour, 3)
        name = textwrap.shorten(str(scenes.query_names[i, j]), 34, placeholder=" …")
        axes.set_title(textwrap.fill(f"{name} {mark}", 20), fontsize=9, color=colour if mark != "✓" else "black")
    for axes in all_axes[len(picks) :]:
        axes.axis("off")
    return figure


def bars(
    table: dict[str, dict[str, tuple[float, float]]],
    ylabel: str,
    title: str,
    levels: dict[str, float],
) -> Figure:
    """Groups of bars: series -> group -> (mean, spread). `levels` are horizontal lines with their names."""
    figure, (axes,) = _figure(8.5, 3.9, title)
    groups = list(next(iter(table.values())))
    width = 0.8 / len(table)
    for k, ((name, values), colour) in enumerate(zip(table.items(), (BLUE, ORANGE, GREEN, GREY), strict=False)):
        x = np.arange(len(groups)) + (k - (len(table) - 1) / 2) * width
        means, spreads = zip(*(values[group] for group in groups), strict=True)
        drawn = axes.bar(
            x, means, 0.92 * width, color=colour, label=name, yerr=[s or np.nan for s in spreads], capsize=3
        )
        axes.bar_label(drawn, fmt="%.0f", padding=3, fontsize=9)
    for name, level in levels.items():
        axes.axhline(level, color="black", linestyle=":", linewidth=1)
        axes.text(len(groups) - 0.45, level, name, fontsize=8.5, va="center")
    axes.set_xticks(range(len(groups)), groups)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.set_ylim(0, 108)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(table), loc="upper right", fontsize=9)
    return figure
