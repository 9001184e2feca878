"""The plots of the lesson "What is multimodal?". Each function returns a matplotlib Figure and shows nothing itself."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmlearn.data import GROUPS, EmojiData
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE
from mmlearn.lessons.multimodal import LEVELS, LOST, PIXELS

PURPLE, GREY = "#AA4499", "#666666"
DPI = 88
SHORT = dict(
    zip(GROUPS, ("smileys", "people", "nature", "food", "travel", "activities", "objects", "symbols"), strict=True)
)
STYLES = {
    "image": ("picture only", BLUE, "s", "--"),
    "text": ("words only", GREEN, "^", ":"),
    "concat": ("both, concatenated", ORANGE, "o", "-"),
    "late": ("both, late fusion", PURPLE, "D", "-."),
}
AXES = {
    PIXELS: "pixel noise (standard deviation, of 255)",
    LOST: "share of words lost",
    "wrong texts": "share of pairs with a wrong text",
}


def verdicts(
    data: EmojiData,
    names: Mapping[str, Sequence[str]],
    picture_says: np.ndarray,
    words_say: np.ndarray,
    title: str,
) -> Figure:
    """One relation a row: drawings, their names, and what a classifier of each modality makes of them.

    Args:
        data: the drawings.
        names: heading of a row -> English names of the drawings to show there.
        picture_says: (N,) class numbers.
        words_say: (N,) class numbers.
        title: states the finding.
    """
    columns, label, height = max(map(len, names.values())), 2.0, 1.62
    total = height * len(names)
    figure = Figure(figsize=(1.18 * (label + columns), 1.18 * total + 0.5), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1.18 * total / (1.18 * total + 0.5)))
    figure.text(0.5, 1 - 0.25 / (1.18 * total + 0.5), title, ha="center", va="center", fontsize=12, weight="bold")
    for i, (heading, row) in enumerate(names.items()):
        top = i * height
        axes.plot([0.05, label + columns - 0.05], [top, top], color="#cccccc", lw=0.8)
        axes.text(0.1, top + 0.68, textwrap.fill(heading, 20), va="center", fontsize=10.5, weight="bold")
        for j, name in enumerate(row):
            at = int(np.flatnonzero(data.names["en"] == name)[0])
            x = label + j
            extent = (x + 0.18, x + 0.82, top + 0.76, top + 0.12)
            axes.imshow(data.images[at], extent=extent, interpolation="antialiased")
            axes.text(x + 0.5, top + 0.82, textwrap.fill(name, 17), ha="center", va="top", fontsize=8.5, weight="bold",
                      linespacing=1.0)  # fmt: skip
            for k, (who, says) in enumerate((("picture", picture_says[at]), ("words", words_say[at]))):
                right = says == data.labels[at]
                axes.text(x + 0.5, top + 1.09 + 0.21 * k, f"{who}: {SHORT[GROUPS[says]]}", ha="center", va="top",
                          fontsize=8, color=BLUE if right else ORANGE, weight="bold" if right else "normal",
                          style="normal" if right else "italic")  # fmt: skip
    axes.set(xlim=(0, label + columns), ylim=(total, 0), aspect="equal")
    axes.axis("off")
    return figure


def where_is_it(scene: np.ndarray, query: str, scores: np.ndarray, title: str) -> Figure:
    """A scene of 3 × 3 cells beside the score of each cell for one text; the best cell is framed."""
    figure = Figure(figsize=(6.4, 3.3), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(title, fontsize=12, weight="bold")
    left.imshow(scene, extent=(0, 3, 3, 0), interpolation="antialiased")
    right.imshow(scores.reshape(3, 3), extent=(0, 3, 3, 0), cmap="Blues", vmin=-0.2, vmax=1)
    for cell, score in enumerate(scores):
        y, x = divmod(cell, 3)
        right.text(
            x + 0.5, y + 0.5, f"{score:.2f}", ha="center", va="center", color="white" if score > 0.5 else "black"
        )
    y, x = divmod(int(scores.argmax()), 3)
    for axes in (left, right):
        axes.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, fill=False, edgecolor=ORANGE, lw=3))
        axes.set(xticks=[], yticks=[], xlim=(0, 3), ylim=(3, 0))
    left.set_xlabel("the picture")
    right.set_xlabel(f"cosine with “{query}”")
    return figure


def tagged(data: EmojiData, rows: Sequence[int], words: Sequence[Sequence[str]], title: str) -> Figure:
    """Drawings, their true names, and the words that a model found for each."""
    figure = Figure(figsize=(1.75 * len(rows), 3.4), dpi=DPI)
    figure.suptitle(title, fontsize=12, weight="bold", y=0.97)
    for j, (row, found) in enumerate(zip(rows, words, strict=True)):
        axes = figure.add_axes((j / len(rows) + 0.15 / len(rows), 0.5, 0.7 / len(rows), 0.37))
        axes.imshow(data.images[row], interpolation="antialiased")
        axes.axis("off")
        name = textwrap.fill(f"({data.names['en'][row]})", 20)
        figure.text((j + 0.5) / len(rows), 0.48, name, ha="center", va="top", fontsize=8.5, color=GREY)
        figure.text((j + 0.5) / len(rows), 0.37, "\n".join(found), ha="center", va="top", fontsize=10)
    return figure


def _spread(rows: Sequence[dict], method: str, **wanted) -> tuple[float, float]:
    values = [100 * r[method] for r in rows if all(r[key] == value for key, value in wanted.items())]
    return float(np.mean(values)), float(np.std(values))


def clean_bars(rows: Sequence[dict], majority: float, title: str) -> Figure:
    """Every classifier on clean test pairs, after clean and after spoiled training; lines are ± one deviation."""
    figure = Figure(figsize=(9, 3.7), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    figure.suptitle(title, fontsize=12, weight="bold")
    methods = [*STYLES, "either"]
    for k, (training, colour, hatch) in enumerate((("clean", BLUE, ""), ("spoiled", "#E69F00", "//"))):
        found = [_spread(rows, m, training=training, kind=PIXELS, level=0) for m in methods]
        places = np.arange(len(methods)) + 0.38 * (k - 0.5)
        means, deviations = [m for m, _ in found], [d for _, d in found]
        axes.bar(places, means, 0.36, yerr=deviations, capsize=4, color=colour, hatch=hatch, edgecolor="white",
                 label=f"trained on {training} pairs")  # fmt: skip
        for x, mean, deviation in zip(places, means, deviations, strict=True):
            axes.text(x, mean + deviation + 1.2, f"{mean:.1f}", ha="center", fontsize=9)
    axes.axhline(100 * majority, color=GREY, ls=":")
    axes.text(4.48, 100 * majority, "always “objects”", ha="left", va="center", fontsize=9, color="black",
              bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    labels = [label.replace(", ", ",\n") for label, *_ in STYLES.values()] + ["either right\n(not a model)"]
    axes.set(xticks=range(len(methods)), xlim=(-0.6, 5.3), ylim=(0, 92), ylabel="accuracy (%)")
    axes.set_xticklabels(labels)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", ncols=2)
    return figure


def noise_curves(rows: Sequence[dict], title: str, trainings: Sequence[str] = ("clean", "spoiled")) -> Figure:
    """Accuracy as one modality is spoiled: one column a kind of trouble, one row a kind of training."""
    figure = Figure(figsize=(10.5, 0.9 + 3.0 * len(trainings)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(trainings), len(LEVELS), squeeze=False, sharey=True)
    for i, training in enumerate(trainings):
        for axes, (kind, levels) in zip(panels[i], LEVELS.items(), strict=True):
            for method, (label, colour, marker, line) in STYLES.items():
                found = [_spread(rows, method, training=training, kind=kind, level=level) for level in levels]
                means, deviations = zip(*found, strict=True)
                axes.errorbar(levels, means, deviations, color=colour, marker=marker, ls=line, ms=5.5, capsize=3,
                              label=label)  # fmt: skip
            axes.set(ylim=(5, 72), xlabel=AXES[kind], xticks=levels)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#eeeeee")
        panels[i][0].set_ylabel(f"trained on {training} pairs\naccuracy (%)")
    figure.suptitle(title, fontsize=12, weight="bold")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure
