"""The plots of lesson 06. Each returns a Figure and shows nothing itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlearn.course import paths
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

GREY, PINK, YELLOW = "#666666", "#CC79A7", "#E69F00"
HEAD, TAIL = slice(0, 3), slice(-3, None)  # the three largest and the three smallest classes

Results = dict[str, dict[str, Any]]  # seed -> way -> measures


def load_results(part: str) -> Results:
    """What `python -m benchmarks.imbalance` has stored: "classes" or "modalities"."""
    file = paths.ROOT / "benchmarks" / "results" / "imbalance.json"
    return json.loads(file.read_text(encoding="utf-8"))[part]


def over_seeds(results: Results, way: str, key: str) -> np.ndarray:
    """One measure of one way, one row a seed."""
    return np.array([found[way][key] for found in results.values()])


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def class_bars(classes: Sequence[str], counts: np.ndarray) -> Figure:
    """Training drawings of each class, from head to tail."""
    figure = Figure(figsize=(7, 3), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    colours = [BLUE] * 3 + [GREY] * (len(classes) - 6) + [ORANGE] * 3
    bars = axes.barh(np.arange(len(classes)), counts, color=colours)
    axes.bar_label(bars, padding=3)
    axes.set_yticks(np.arange(len(classes)), classes)
    axes.invert_yaxis()
    axes.set_xlabel("training drawings")
    rare = counts[TAIL].sum() / counts.sum()
    axes.set_title(f"Three classes of eight (orange) share {rare:.0%} of the training data")
    _bare(axes)
    return figure


def prior_moves_the_border(share: float = 0.95, gap: float = 2.0) -> Figure:
    """Two classes along one feature: where the model draws the border, and where the balanced error wants it."""
    x = np.linspace(-4, 6, 400)

    def bell(centre: float) -> np.ndarray:
        return np.exp(-((x - centre) ** 2) / 2) / np.sqrt(2 * np.pi)

    borders = gap / 2 + np.log(share / (1 - share)) / gap, gap / 2
    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for axes, heights, border in ((left, (share, 1 - share), borders[0]), (right, (1.0, 1.0), borders[1])):
        axes.fill_between(x, heights[0] * bell(0), color=BLUE, alpha=0.35, label="frequent class")
        axes.fill_between(x, heights[1] * bell(gap), color=ORANGE, alpha=0.55, label="rare class")
        axes.axvline(border, color="black", linestyle="--", linewidth=1.2, label="border")
        axes.set_xlabel("feature x")
        axes.set_yticks([])
        _bare(axes)
    left.set_title("What training sees: π · p(x | class)\nthe border lies beyond the rare peak", fontsize=10)
    right.set_title("Divided by π: p(x | class)\nthe border lies half-way", fontsize=10)
    right.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def focal_curves(gammas: Sequence[float] = (0, 1, 2, 5)) -> Figure:
    """Cost of a sample against the probability of its true class."""
    p = np.linspace(0.01, 1, 200)
    figure = Figure(figsize=(6, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for gamma, colour in zip(gammas, (GREY, BLUE, ORANGE, GREEN), strict=True):
        name = "γ = 0, cross-entropy" if gamma == 0 else f"γ = {gamma:g}"
        axes.plot(p, -((1 - p) ** gamma) * np.log(p), color=colour, label=name)
    axes.set_xlabel("p, probability of the true class")
    axes.set_ylabel("cost of the sample")
    axes.set_title("The focal loss lets go of easy samples, frequent or rare")
    axes.legend(frameon=False)
    _bare(axes)
    return figure


def confusion_pair(matrices: dict[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Confusion matrices side by side, each row divided by its sum."""
    figure = Figure(figsize=(9.5, 5), dpi=100, layout="constrained")
    for axes, (name, matrix) in zip(figure.subplots(1, len(matrices), sharey=True), matrices.items(), strict=True):
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        for (i, j), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share < 0.55 else "black"
                axes.text(j, i, f"{share:.0%}"[:-1], ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(np.arange(len(classes)), classes, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(np.arange(len(classes)), classes, fontsize=8)
        axes.set_xlabel("predicted")
        axes.set_title(name, fontsize=10)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("true")
    return figure


def tau_sweep(taus: np.ndarray, curves: dict[str, Sequence[float]], title: str) -> Figure:
    """Measures against the strength τ of the adjustment."""
    figure = Figure(figsize=(6.5, 3.4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for (name, values), colour in zip(curves.items(), (BLUE, ORANGE, GREEN, GREY), strict=False):
        axes.plot(taus, values, color=colour, marker="o", markersize=3, label=name)
    axes.set_xlabel("τ")
    axes.set_ylabel("share on the test")
    axes.set_ylim(0, 1)
    axes.set_title(title)
    axes.legend(frameon=False, fontsize=9)
    _bare(axes)
    return figure


def cures_compared(results: Results, baseline: str = "plain") -> Figure:
    """Balanced accuracy of every cure: a dot a seed, a bar for the mean, best on top."""
    ways = list(next(iter(results.values())))
    values = {way: 100 * over_seeds(results, way, "balanced_accuracy") for way in ways}
    ways.sort(key=lambda way: values[way].mean())
    figure = Figure(figsize=(7.5, 3.8), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for y, way in enumerate(ways):
        colour = GREY if way.startswith(baseline) else BLUE
        axes.plot(values[way], np.full(len(values[way]), y), "o", color=colour, alpha=0.55, markersize=5)
        axes.plot([values[way].mean()] * 2, [y - 0.3, y + 0.3], color=colour, linewidth=3)
        axes.text(values[way].max() + 0.6, y, f"{values[way].mean():.1f}", va="center", fontsize=9)
    axes.set_yticks(np.arange(len(ways)), ways)
    axes.axvline(values[baseline].mean(), color=GREY, linestyle=":", linewidth=1)
    axes.set_xlabel(f"balanced accuracy on unseen concepts, % (bar: mean of {len(results)} seeds)")
    axes.set_title("Correcting the prior helps; the focal loss hardly does")
    _bare(axes)
    return figure


def price(results: Results, ways: Sequence[str], classes: Sequence[str]) -> Figure:
    """Recall of each class, from head to tail, a line a way."""
    figure = Figure(figsize=(7.5, 3.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    styles = zip((GREY, BLUE, ORANGE, GREEN, PINK), "osD^v", strict=True)
    for way, (colour, marker) in zip(ways, styles, strict=False):
        recall = 100 * over_seeds(results, way, "recall").mean(axis=0)
        axes.plot(np.arange(len(classes)), recall, color=colour, marker=marker, label=way)
    axes.set_xticks(np.arange(len(classes)), classes, rotation=30, ha="right")
    axes.set_ylabel("recall, %")
    axes.set_xlabel("frequent  →  rare in training")
    axes.set_title("What the rare classes gain, the most frequent one pays")
    axes.legend(frameon=False, fontsize=9)
    _bare(axes)
    return figure


def reliability_diagram(results: Results, ways: Sequence[str]) -> Figure:
    """Accuracy against confidence, all seeds together; a perfect model lies on the diagonal."""
    figure = Figure(figsize=(3.1 * len(ways), 3.5), dpi=100, layout="constrained")
    for axes, way in zip(np.ravel(figure.subplots(1, len(ways), sharey=True)), ways, strict=True):
        tables = [found[way]["bins"] for found in results.values()]
        counts = np.array([table["count"] for table in tables], dtype=float)
        total = counts.sum(axis=0)
        some = total > 0
        # means over the seeds' samples; an empty bin counts with weight 0
        confidence, accuracy = (
            (counts * [table[key] for table in tables]).sum(axis=0)[some] / total[some]
            for key in ("confidence", "accuracy")
        )
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        axes.vlines(confidence, accuracy, confidence, color=ORANGE, linewidth=4, alpha=0.5)
        axes.scatter(confidence, accuracy, s=8 + 200 * total[some] / total.sum(), color=BLUE, zorder=3)
        error = 100 * over_seeds(results, way, "calibration_error").mean()
        axes.set_title(f"{way}\nECE {error:.0f} %", fontsize=10)
        axes.set_xlabel("confidence")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        _bare(axes)
    figure.axes[0].set_ylabel("accuracy")
    return figure


def rho_curves(curves: dict[str, Sequence[float]], title: str) -> Figure:
    """The ratio ρ of image to text over the epochs, on a logarithmic axis."""
    figure = Figure(figsize=(6.5, 3.4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for (name, values), colour, marker in zip(curves.items(), (GREY, YELLOW, BLUE, GREEN), "osD^", strict=False):
        axes.plot(np.arange(1, len(values) + 1), values, color=colour, marker=marker, label=name)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    ticks = [0.1, 0.2, 0.5, 1, 2]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("epoch")
    axes.set_ylabel("ρ = image / text")
    axes.set_title(title)
    axes.legend(frameon=False, fontsize=9)
    _bare(axes)
    return figure


def ways_compared(results: Results, title: str) -> Figure:
    """Test accuracy of each way with both modalities, and with one of them missing."""
    ways = list(next(iter(results.values())))
    figure = Figure(figsize=(7.5, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for y, way in enumerate(ways[::-1]):
        for key, colour, marker in (("both", "black", "o"), ("image", BLUE, "s"), ("text", ORANGE, "D")):
            if way.endswith("alone") and not way.startswith(key):
                continue  # a model of one modality has nothing to say about the other
            if key not in next(iter(results.values()))[way]:
                continue
            values = 100 * over_seeds(results, way, key)
            name = {"both": "both modalities", "image": "image only", "text": "text only"}[key]
            axes.errorbar(
                values.mean(), y, xerr=values.std(ddof=1), color=colour, marker=marker, capsize=3, linestyle="",
                label=name,
            )  # fmt: skip
    axes.set_yticks(np.arange(len(ways)), ways[::-1])
    handles, labels = axes.get_legend_handles_labels()
    first = {label: handle for handle, label in zip(handles, labels, strict=True)}
    axes.legend(first.values(), first.keys(), frameon=False, fontsize=9, loc="upper left")
    axes.set_xlabel(f"accuracy on unseen concepts, % (mean and standard deviation of {len(results)} seeds)")
    axes.set_title(title)
    _bare(axes)
    return figure


def versions_shown(original: np.ndarray, versions: np.ndarray, title: str) -> Figure:
    """One image and what augmentation made of it."""
    figure = Figure(figsize=(8, 1.5), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=10)
    pictures = [original, *versions]
    for i, (axes, picture) in enumerate(zip(figure.subplots(1, len(pictures)), pictures, strict=True)):
        axes.imshow(picture)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(BLUE if i == 0 else "#cccccc")
        axes.set_xlabel("original" if i == 0 else "", fontsize=8)
    return figure
