"""The pictures of the lesson on similarity. Each function returns a matplotlib Figure and shows nothing itself."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence

import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Circle, Rectangle

from mmlearn.data import EmojiData
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

SKY, PINK, GREY = "#56B4E9", "#CC79A7", "#666666"
DPI = 80


def _figure(width: float, height: float, title: str, columns: int = 1, **options) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **options)[0]
    figure.suptitle(title, fontsize=12, weight="bold")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def _picture(axes: Axes, image: np.ndarray, x: float, y: float, zoom: float = 0.9) -> None:
    # white paper becomes transparent, so that a picture does not hide its neighbour
    paper = np.where(image.min(axis=-1, keepdims=True) > 245, 0, 255).astype(np.uint8)
    box = OffsetImage(np.concatenate([image, paper], axis=-1), zoom=zoom, interpolation="antialiased")
    axes.add_artist(AnnotationBbox(box, (x, y), frameon=False))


def three_measures(query: np.ndarray, items: dict[str, np.ndarray]) -> Figure:
    """One query and some items in the plane; behind them, how each measure rates every point."""
    figure, panels = _figure(11, 3.4, "Three measures, three winners", columns=3)
    grid_x, grid_y = np.meshgrid(np.linspace(-0.3, 5.1, 200), np.linspace(-0.3, 3.6, 200))
    points = np.stack([grid_x, grid_y], axis=-1)
    names, vectors = list(items), np.array(list(items.values()))

    def dot(x):
        return x @ query

    def cosine(x):
        return dot(x) / np.maximum(np.linalg.norm(x, axis=-1) * np.linalg.norm(query), 1e-9)

    def nearness(x):
        return -np.linalg.norm(x - query, axis=-1)

    measures = [("dot product", dot), ("cosine", cosine), ("Euclidean distance", nearness)]
    for axes, (name, measure) in zip(panels, measures, strict=True):
        axes.contourf(grid_x, grid_y, measure(points), levels=14, cmap="Blues", alpha=0.45)
        axes.annotate("", tuple(query), (0, 0), arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 2})
        axes.text(query[0] - 0.12, query[1] + 0.1, "query", ha="right", weight="bold")
        winner = int(measure(vectors).argmax())
        for i, (label, vector) in enumerate(zip(names, vectors, strict=True)):
            colour = ORANGE if i == winner else "#444444"
            axes.annotate("", tuple(vector), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
            below = 0.38 if label == "aligned" else -0.06
            axes.text(vector[0] + 0.08, vector[1] - below, label, color=colour, weight="bold", fontsize=11)
        axes.set_title(f"{name}: {names[winner]} wins", fontsize=11, color=ORANGE)
        axes.set(aspect="equal", xlabel="first coordinate", xlim=(-0.3, 5.1), ylim=(-0.3, 3.6))
    panels[0].set_ylabel("second coordinate")
    return figure


def unit_circle(cosines: np.ndarray, distances: np.ndarray) -> Figure:
    """Left: the chord between two unit vectors. Right: measured pairs against the formula."""
    figure, (left, right) = _figure(9, 3.8, "On the unit sphere, distance is a falling function of the cosine", 2)
    a, b = np.array([1.0, 0.0]), np.array([np.cos(1.1), np.sin(1.1)])
    left.add_patch(Circle((0, 0), 1, fill=False, color=GREY))
    for vector, label in ((a, "a"), (b, "b")):
        left.annotate("", tuple(vector), (0, 0), arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 2})
        left.text(1.08 * vector[0], 1.08 * vector[1], label, color=BLUE, fontsize=13, weight="bold")
    left.plot(*zip(a, b, strict=True), color=ORANGE, lw=2.5)
    left.text(0.84, 0.5, "‖a − b‖", color=ORANGE, fontsize=12)
    angle = np.linspace(0, 1.1, 30)
    left.plot(0.3 * np.cos(angle), 0.3 * np.sin(angle), color="black")
    left.text(0.32, 0.15, "angle", fontsize=10)
    left.set(aspect="equal", xlim=(-1.15, 1.5), ylim=(-1.15, 1.2))
    left.axis("off")
    right.scatter(cosines, distances, s=9, color=BLUE, alpha=0.35, label="pairs of random unit vectors")
    line = np.linspace(-1, 1, 200)
    right.plot(line, np.sqrt(2 - 2 * line), color=ORANGE, lw=2, label="√(2 − 2 cos)")
    right.set(xlabel="cosine", ylabel="Euclidean distance", xticks=[-1, -0.5, 0, 0.5, 1])
    right.legend(frameon=False)
    return figure


def neighbours(
    queries: Sequence[str], found: Sequence[EmojiData], right: Sequence[Sequence[bool]], title: str
) -> Figure:
    """One query a row, its results from best to worse, the right ones framed in green.

    Args:
        queries: what was asked, one text a row.
        found: the drawings found, in order, one `EmojiData` a row.
        right: which of them are what was asked for.
        title: states the finding.
    """
    columns, label = max(len(row) for row in found), 2.3
    height, head = 1.42, 0.1
    total = head + height * len(queries)
    figure = Figure(figsize=(0.98 * (label + columns), 0.98 * total + 0.5), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 0.98 * total / (0.98 * total + 0.5)))
    figure.text(0.5, 1 - 0.25 / (0.98 * total + 0.5), title, ha="center", va="center", fontsize=12, weight="bold")
    for i, (query, row, hits) in enumerate(zip(queries, found, right, strict=True)):
        top = head + i * height
        words = textwrap.fill(query, 21)
        axes.text(label - 0.2, top + 0.5, words, ha="right", va="center", fontsize=9.5, weight="bold")
        for j in range(len(row)):
            x = label + j
            axes.imshow(row.images[j], extent=(x + 0.12, x + 0.88, top + 0.88, top + 0.12), interpolation="antialiased")
            frame = (GREEN, 3.0) if hits[j] else ("#dddddd", 0.8)
            corner = (x + 0.06, top + 0.06)
            axes.add_patch(Rectangle(corner, 0.88, 0.88, fill=False, edgecolor=frame[0], linewidth=frame[1]))
            lines = textwrap.wrap(str(row.names["en"][j]), 14)
            below = "\n".join(lines if len(lines) <= 2 else [lines[0], lines[1][:11] + " …"])
            axes.text(x + 0.5, top + 0.98, below, ha="center", va="top", fontsize=6.8, linespacing=1.0,
                      color=GREEN if hits[j] else "black")  # fmt: skip
    axes.set(xlim=(0, label + columns), ylim=(total, 0), aspect="equal")
    axes.axis("off")
    return figure


def two_maps(data: EmojiData, places: dict[str, tuple[np.ndarray, np.ndarray]], title: str) -> Figure:
    """Panels with the same concepts, each as its picture (image place) and as its name (text place).

    Args:
        data: the drawings.
        places: panel title -> image places (N, 2) and text places (N, 2); an empty array leaves a kind out.
        title: states the finding.
    """
    figure, panels = _figure(4.2 * len(places), 4.3, title, columns=len(places))
    for axes, (panel, (images, texts)) in zip(panels, places.items(), strict=True):
        labels = _apart(texts)
        both = np.concatenate([places for places in (images, texts) if len(places)])
        span = np.ptp(both, axis=0) + 1e-9
        axes.set(title=panel, xlim=(both[:, 0].min() - 0.2 * span[0], both[:, 0].max() + 0.25 * span[0]),
                 ylim=(both[:, 1].min() - 0.16 * span[1], both[:, 1].max() + 0.16 * span[1]),
                 xticks=[], yticks=[], xlabel="first direction", ylabel="second direction")  # fmt: skip
        for i in range(len(data)):
            if len(images) and len(texts):
                axes.plot(*zip(images[i], labels[i], strict=True), color=SKY, lw=1.5, zorder=0)
            if len(images):
                _picture(axes, data.images[i], images[i, 0], images[i, 1], zoom=0.95)
            if len(texts):
                name = data.names["en"][i]
                axes.text(labels[i, 0], labels[i, 1], name, zorder=5, ha="center", va="center", size=8, color=BLUE,
                          bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6})  # fmt: skip
    return figure


def _apart(places: np.ndarray) -> np.ndarray:
    """The same places, moved up where two names would be printed over each other."""
    moved = np.array(places, dtype=float)
    if len(moved) == 0:
        return moved
    width, height = 0.28 * np.ptp(moved[:, 0]), 0.06 * np.ptp(moved[:, 1])
    order = np.argsort(moved[:, 1])
    for n, i in enumerate(order):
        for j in order[:n]:
            if abs(moved[i, 0] - moved[j, 0]) < width and moved[i, 1] - moved[j, 1] < height:
                moved[i, 1] = moved[j, 1] + height
    return moved


def temperatures(cosines: np.ndarray, data: EmojiData, temperature_values: Sequence[float], query: str) -> Figure:
    """Softmax over one query's best cosines at several temperatures, with the pictures below the bars."""
    title = f"“{query}”: the same cosines, from undecided to certain as the temperature falls"
    figure, panels = _figure(11, 2.9, title, len(temperature_values), sharey=True)
    shown = len(data)
    for axes, temperature in zip(panels, temperature_values, strict=True):
        logits = cosines / temperature
        weights = np.exp(logits - logits.max())
        weights = np.sort(weights / weights.sum())[::-1][:shown]
        axes.bar(range(shown), weights, color=[ORANGE] + [SKY] * (shown - 1))
        axes.text(0, weights[0] + 0.02, f"{100 * weights[0]:.1f} %", ha="center", fontsize=9, color=ORANGE)
        for i in range(shown):
            _picture(axes, data.images[i], i, -0.12, zoom=0.62)
        axes.set(ylim=(-0.24, 1), xticks=[], title=f"temperature {temperature:g}", yticks=[0, 0.5, 1])
        axes.axhline(0, color="black", lw=0.8)
    panels[0].set_ylabel("softmax weight")
    return figure


def gap(clouds: dict[str, tuple[np.ndarray, np.ndarray]], title: str) -> Figure:
    """Image and text embeddings in the plane of the gap: the gap's direction across, the widest other one up."""
    figure, panels = _figure(9, 3.7, title, columns=len(clouds), sharex=True)
    for axes, (name, (images, texts)) in zip(panels, clouds.items(), strict=True):
        across = images.mean(axis=0) - texts.mean(axis=0)
        across = across / np.linalg.norm(across)
        both = np.concatenate([images, texts])
        rest = both - both.mean(axis=0)
        rest = rest - np.outer(rest @ across, across)
        up = np.linalg.svd(rest, full_matrices=False)[2][0]
        for cloud, colour, label in ((images, BLUE, "images"), (texts, ORANGE, "texts")):
            axes.scatter(cloud @ across, cloud @ up, s=5, color=colour, alpha=0.3)
            axes.scatter(cloud.mean(axis=0) @ across, cloud.mean(axis=0) @ up, s=130, marker="X", color=colour,
                         edgecolor="white", label=f"{label} and their mean", zorder=3)  # fmt: skip
        axes.set(title=name, xlabel="along the gap", ylabel="widest direction across it")
    panels[0].legend(frameon=False, fontsize=8.5)
    return figure


def hubs(counts: dict[str, np.ndarray], data: EmojiData, queries: int, title: str) -> Figure:
    """How many items stand in how many lists, and the three biggest hubs of the first kind as pictures."""
    figure, (axes,) = _figure(9, 3.5, title)
    most = max(int(c.max()) for c in counts.values())
    edges = np.arange(-0.5, most + 1.5, 2)
    for (name, c), colour, style in zip(counts.items(), (ORANGE, BLUE), ("-", "--"), strict=True):
        axes.stairs(np.histogram(c, edges)[0], edges, color=colour, lw=2, linestyle=style, label=name)
    axes.axvline(10, color=GREY, linestyle=":", label="fair share: 10")
    first = next(iter(counts.values()))
    for place, item in enumerate(np.argsort(-first)[:3]):
        x = most * (0.68 + 0.14 * place)
        _picture(axes, data.images[item], x, 48, zoom=1.35)
        words = textwrap.fill(str(data.names["en"][item]), 14)
        axes.text(x, 16, f"{words}\nin {first[item]} lists", ha="center", va="center", fontsize=8)
    axes.set(yscale="log", ylim=(0.7, None), xlabel=f"in how many of the {queries:,} lists of ten a picture stands",
             ylabel="pictures (log scale)")  # fmt: skip
    axes.legend(frameon=False, loc="upper right", ncols=3, fontsize=8.5)
    return figure


def bars(table: dict[str, dict[str, tuple[float, float]]], ylabel: str, title: str) -> Figure:
    """Grouped bars: one group a test set, one bar a method.

    Args:
        table: method -> test set -> (mean, spread).
        ylabel: what is measured, with its unit.
        title: states the finding.
    """
    figure, (axes,) = _figure(9.5, 3.8, title)
    groups = list(dict.fromkeys(name for row in table.values() for name in row))
    colours = ("#bbbbbb", "#E69F00", BLUE, ORANGE, GREEN)
    width = 0.84 / len(table)
    for m, (method, row) in enumerate(table.items()):
        x = np.array([groups.index(name) for name in row]) + (m - (len(table) - 1) / 2) * width
        means, spreads = np.array(list(row.values())).T
        axes.bar(x, means, width * 0.94, yerr=spreads, color=colours[m], label=method, capsize=2, ecolor="black")
        for place, mean, spread in zip(x, means, spreads, strict=True):
            axes.text(place, mean + spread + 0.8, f"{mean:.0f}", ha="center", fontsize=7.5)
    axes.set(xticks=range(len(groups)), xticklabels=groups, ylabel=ylabel)
    axes.legend(frameon=False, ncols=3, fontsize=9)
    return figure


def lines(
    x: Sequence[float], curves: dict[str, Sequence[float]], xlabel: str, ylabel: str, title: str, logx: bool = False
) -> Figure:
    """A few labelled curves over the same x."""
    figure, (axes,) = _figure(7, 3.3, title)
    for (name, y), colour, mark in zip(curves.items(), (BLUE, ORANGE, GREEN, PINK), "osD^", strict=False):
        axes.plot(x, y, color=colour, marker=mark if len(x) < 20 else None, label=name)
    if logx:
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{value:g}" for value in x])
        axes.minorticks_off()
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, None))
    if len(curves) > 1:
        axes.legend(frameon=False)
    return figure


def source(*objects: object) -> Markdown:
    """The code of helpers, to be read where a lesson uses them."""
    code = "\n\n".join(inspect.getsource(item) for item in objects)  # type: ignore[arg-type]
    return Markdown(f"```python\n{code}```")
