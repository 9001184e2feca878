"""The figures of the lesson on the second program."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlearn.data import GROUPS
from mmlearn.lessons.classification_program import over_seeds
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

_GREY = "#666666"


def _figure(width: float, height: float, title: str, rows: int = 1, columns: int = 1, **options) -> tuple[Figure, list]:
    figure = Figure(figsize=(width, height), dpi=90, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    figure.suptitle(title, fontsize=12, weight="bold")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def side_by_side(before: np.ndarray, after: np.ndarray, title: str) -> Figure:
    """Pictures above, what became of them below."""
    figure, axes = _figure(1.1 * len(before), 2.7, title, 2, len(before))
    for axis, image in zip(axes, [*before, *after], strict=True):
        axis.imshow(image, interpolation="antialiased")
        axis.axis("off")
    return figure


def losses(history: dict, title: str) -> Figure:
    """Loss and accuracy of the pairs trained on and of those held back, by epoch; the epoch that was kept."""
    figure, (left, right) = _figure(9, 3.2, title, 1, 2)
    epochs = np.arange(1, len(history["loss"]) + 1)
    best = int(np.argmax(history["val_accuracy"]))
    for axis, name, label in ((left, "loss", "cross-entropy"), (right, "accuracy", "right (%)")):
        scale = 100 if name == "accuracy" else 1
        axis.plot(epochs, scale * np.array(history[name]), color=BLUE, marker="o", label="trained on")
        axis.plot(epochs, scale * np.array(history[f"val_{name}"]), color=ORANGE, marker="s", label="held back")
        axis.axvline(best + 1, color=_GREY, linewidth=0.8, linestyle="--", label="kept")
        axis.set(xlabel="epoch", ylabel=label, ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    return figure


def ablation(found: dict[str, dict[str, float]], title: str) -> Figure:
    """Accuracy of models asked in four ways: model -> way -> accuracy."""
    figure, axes = _figure(9, 2.9, title, 1, len(found), sharey=True)
    labels = {"full": "both", "text_only": "text only", "image_only": "image only", "shuffled_text": "texts shuffled"}
    for axis, (name, ways) in zip(axes, found.items(), strict=True):
        values = [100 * ways[way] for way in labels]
        axis.barh(range(4), values, color=[BLUE, _GREY, _GREY, ORANGE])
        for place, value in enumerate(values):
            axis.text(value + 1, place, f"{value:.0f}", va="center", fontsize=9)
        axis.set(xlim=(0, 80), xlabel="right (%)")
        axis.set_title(name, fontsize=10)
    axes[0].set_yticks(range(4), list(labels.values()))
    axes[0].invert_yaxis()
    return figure


def confusion(matrix: np.ndarray, title: str) -> Figure:
    """Rows are the true groups, columns the answers; numbers are per cent of a row."""
    figure, (axis,) = _figure(6.4, 5.4, title)
    shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (i, j), share in np.ndenumerate(shares):
        if share >= 0.5:
            axis.text(
                j, i, f"{share:.0f}", ha="center", va="center", fontsize=9, color="white" if share > 55 else "black"
            )
    axis.set_xticks(range(len(GROUPS)), GROUPS, rotation=40, ha="right", fontsize=9)
    axis.set_yticks(range(len(GROUPS)), GROUPS, fontsize=9)
    axis.set(xlabel="answer", ylabel="true group")
    return figure


def reliability(parts: dict[str, tuple[np.ndarray, float]], title: str) -> Figure:
    """Reliability diagrams: name -> (rows of confidence, share right, count; ECE)."""
    figure, axes = _figure(2.6 * len(parts), 3.3, title, 1, len(parts), sharey=True)
    for axis, (name, (rows, error)) in zip(axes, parts.items(), strict=True):
        rows = rows[rows[:, 2] > 0]
        axis.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
        axis.vlines(rows[:, 0], rows[:, 1], rows[:, 0], color=ORANGE, linewidth=4, alpha=0.6)
        axis.scatter(rows[:, 0], rows[:, 1], s=10 + 2 * rows[:, 2], color=BLUE, zorder=3)
        axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence")
        axis.set_title(f"{name}\nmean gap {error:.3f}", fontsize=10)
    axes[0].set_ylabel("share right")
    return figure


def pictures(images: np.ndarray, captions: Sequence[str], title: str, columns: int = 6) -> Figure:
    """Pictures with a few lines below each."""
    rows = -(-len(images) // columns)
    figure, axes = _figure(9.4, 2.15 * rows + 0.3, title, rows, columns)
    for axis in axes:
        axis.axis("off")
    for axis, image, caption in zip(axes, images, captions, strict=False):
        axis.imshow(image, interpolation="antialiased")
        lines = [textwrap.shorten(line, 24, placeholder=" …") for line in caption.split("\n")]
        axis.text(0.5, -0.04, "\n".join(lines), transform=axis.transAxes, ha="center", va="top", fontsize=8)
    return figure


def _dots(axis: Axes, place: float, values: np.ndarray, colour: str) -> None:
    axis.barh(place, values.mean(), color=colour, height=0.7, alpha=0.85)
    axis.plot(values, np.full(len(values), place), "o", color="black", markersize=4, markerfacecolor="white", zorder=3)
    axis.text(values.max() + 2.5, place, f"{values.mean():.1f}", va="center", fontsize=9)


def comparison(result: dict, labels: dict[str, str], title: str) -> Figure:
    """All methods on both test vendors; a dot is a seed."""
    figure, axes = _figure(9.4, 0.42 * len(labels) + 1.2, title, 1, 2, sharey=True)
    for axis, measure, name in zip(axes, ("accuracy", "far"), ("Fluent (near)", "OpenMoji (far)"), strict=True):
        for place, method in enumerate(labels):
            values = 100 * over_seeds(result, method, measure)
            colour = _GREY if method in ("image", "text") else ORANGE if method == "late" else BLUE
            _dots(axis, place, values, colour)
        axis.set(xlim=(0, 80), xlabel=f"right (%), unseen concepts, {name}")
    axes[0].set_yticks(range(len(labels)), list(labels.values()), fontsize=9)
    axes[0].invert_yaxis()
    return figure


def recalls(result: dict, methods: dict[str, str], title: str) -> Figure:
    """Recall of each group for a few methods, mean over the seeds; groups from most to fewest training pairs."""
    figure, (axis,) = _figure(9.2, 3.4, title)
    counts = np.array(result["protocol"]["training_counts"])
    order = np.argsort(-counts)
    width = 0.8 / len(methods)
    for index, ((method, label), colour) in enumerate(zip(methods.items(), (BLUE, ORANGE, GREEN), strict=False)):
        values = 100 * over_seeds(result, method, "recall")[:, order]
        places = np.arange(len(order)) + (index - (len(methods) - 1) / 2) * width
        axis.bar(places, values.mean(axis=0), width, color=colour, label=label)
        for seed in values:
            axis.plot(places, seed, "o", color="black", markersize=3, markerfacecolor="white")
    ticks = [f"{GROUPS[c]}\n{counts[c]}" for c in order]
    axis.set_xticks(range(len(order)), ticks, fontsize=8)
    axis.set(ylabel="recall (%)", xlabel="group, with its number of training pairs")
    axis.legend(frameon=False, fontsize=9)
    return figure
