"""Diagrams of five systems in one visual language: what is frozen, what is trained, and where image and text meet."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

PURPLE = "#AA4499"
DPI = 88
FROZEN, TRAINED, LATER = "frozen", "trained", "trained in stage 2"
_FACES = {FROZEN: "#E4E4E4", TRAINED: "#FFE0C2", LATER: "#FFE0C2"}
WIDTH = 12.0


class _Sketch:
    """A canvas with the few shapes that all diagrams are made of; x from 0 to WIDTH, y from 0 to `height`."""

    def __init__(self, title: str, height: float = 4.3):
        self.height = height
        self.figure = Figure(figsize=(10.5, 10.5 * (height + 0.55) / WIDTH), dpi=DPI)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(-0.15, height + 0.4), aspect="equal")
        self.axes.axis("off")
        self.axes.text(WIDTH / 2, height + 0.15, title, ha="center", va="center", fontsize=12, weight="bold")
        self._legend()

    def _legend(self) -> None:
        y = 0.12
        self.axes.plot([0.1, WIDTH - 0.1], [0.4, 0.4], color="#cccccc", lw=0.8)
        for x, kind in ((0.3, FROZEN), (2.0, TRAINED)):
            self._shape(x, y - 0.13, 0.45, 0.26, kind)
            self.say(x + 0.6, y, kind)
        self.axes.add_patch(Rectangle((3.8, y - 0.1), 0.2, 0.2, facecolor=BLUE))
        self.say(4.1, y, "vector made from the image")
        self.axes.add_patch(Circle((6.95, y), 0.11, facecolor=GREEN))
        self.say(7.15, y, "vector made from the text")
        self.ring(9.65, y - 0.13, 0.45, 0.26, pad=0)
        self.say(10.25, y, "where they meet")

    def say(self, x: float, y: float, text: str, size: float = 9.5, ha: str = "left", **options) -> None:
        self.axes.text(x, y, text, ha=ha, va="center", fontsize=size, **options)

    def _shape(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        self.axes.add_patch(
            FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=_FACES[kind],
                           edgecolor="#777777" if kind == FROZEN else ORANGE, lw=2,
                           linestyle="--" if kind == FROZEN else "-"))  # fmt: skip

    def box(self, x: float, y: float, width: float, text: str, kind: str, height: float = 1.0) -> None:
        """A part of the model, its left edge at x and its middle at y."""
        self._shape(x, y - height / 2, width, height, kind)
        self.say(x + width / 2, y + 0.13, text, 10, "center", weight="bold", linespacing=1.0)
        self.say(x + width / 2, y - height / 2 + 0.17, kind, 8.5, "center", style="italic")

    def ring(self, x: float, y: float, width: float, height: float, pad: float = 0.12) -> None:
        self.axes.add_patch(
            FancyBboxPatch((x - pad, y - pad), width + 2 * pad, height + 2 * pad, facecolor="none", edgecolor=PURPLE,
                           boxstyle="round,pad=0,rounding_size=0.12", lw=2.6))  # fmt: skip

    def arrow(self, x0: float, y0: float, x1: float, y1: float, colour: str = "#333333") -> None:
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
        self.axes.annotate("", (x1, y1), (x0, y0), arrowprops=arrow)

    def vectors(self, x: float, y: float, count: int, kind: str, rows: int = 1) -> float:
        """Squares (image) or circles (text) side by side, centred on y; returns the x after the last."""
        step = 0.28
        for k in range(count):
            row, column = k % rows, k // rows
            cx, cy = x + step * column + 0.11, y + step * ((rows - 1) / 2 - row)
            if kind == "image":
                self.axes.add_patch(Rectangle((cx - 0.11, cy - 0.11), 0.22, 0.22, facecolor=BLUE, edgecolor="white"))
            else:
                self.axes.add_patch(Circle((cx, cy), 0.12, facecolor=GREEN, edgecolor="white"))
        return x + step * -(-count // rows)

    def picture(self, image: np.ndarray, x: float, y: float, size: float = 1.0) -> None:
        """An image with a thin frame, its left edge at x and its middle at y."""
        extent = (x, x + size, y - size / 2, y + size / 2)
        self.axes.imshow(image, extent=extent, interpolation="antialiased", zorder=1)
        self.axes.add_patch(Rectangle((x, y - size / 2), size, size, fill=False, edgecolor="#bbbbbb"))
        self.axes.set(xlim=(0, WIDTH), ylim=(-0.15, self.height + 0.4))


def _two_towers(image: np.ndarray, text: str, title: str, marks: tuple[str, str], verdict: str) -> Figure:
    """Two encoders and the table of all pairs of a batch; only the loss differs between CLIP and SigLIP."""
    sketch = _Sketch(title)
    up, down, size, left = 3.2, 1.2, 0.6, 6.05
    sketch.picture(image, 0.25, up)
    sketch.say(0.1, down, f"“{text}”", 10)
    for y, name, kind in ((up, "image encoder", "image"), (down, "text encoder", "text")):
        sketch.arrow(1.4, y, 1.8, y)
        sketch.box(1.85, y, 2.1, name, TRAINED)
        sketch.arrow(4.0, y, 4.4, y)
        sketch.vectors(4.47, y, 1, kind)
        sketch.say(4.58, y - 0.32, "one vector", 8.5, "center")
    bottom = 2.25 - 2 * size
    for i in range(4):
        for j in range(4):
            x, y = left + j * size, bottom + (3 - i) * size
            face = "#FBE3F2" if i == j else "white"
            sketch.axes.add_patch(Rectangle((x, y), size, size, facecolor=face, edgecolor="#999999"))
            mark = marks[0] if i == j else marks[1]
            sketch.say(x + size / 2, y + size / 2, mark, 10, "center", weight="bold" if i == j else "normal")
        sketch.vectors(left - 0.36, bottom + (3 - i + 0.5) * size, 1, "image")
        sketch.vectors(left + (i + 0.5) * size - 0.11, bottom - 0.24, 1, "text")
    sketch.ring(left, bottom, 4 * size, 4 * size, pad=0.05)
    sketch.say(
        left + 2 * size, bottom + 4 * size + 0.28, "cosine of every image with every text of the batch", 9, "center"
    )
    sketch.arrow(4.85, up, 5.55, bottom + 3.2 * size)
    sketch.arrow(4.85, down, 6.1, bottom - 0.2)
    sketch.say(left + 4 * size + 0.35, 2.25, verdict, 10, linespacing=1.35)
    return sketch.figure


def clip(image: np.ndarray, text: str) -> Figure:
    verdict = (
        "softmax along each\nrow and each column:\n“which of these texts\nis mine?”\n\n"
        "Every cell competes\nwith its row and column."
    )
    return _two_towers(image, text, "CLIP: two towers that meet only in a cosine", ("high", "low"), verdict)


def siglip(image: np.ndarray, text: str) -> Figure:
    verdict = "sigmoid in each cell:\n“do these two\nbelong together?”\n\nEvery cell stands\nby itself."
    return _two_towers(
        image, text, "SigLIP: the same towers, a yes-or-no question for each pair", ("yes", "no"), verdict
    )


def flamingo(image: np.ndarray, text: str) -> Figure:
    sketch = _Sketch("Flamingo: a frozen language model looks at the image through new layers in between")
    up, down = 3.3, 1.25
    sketch.picture(image, 0.25, up)
    sketch.arrow(1.35, up, 1.7, up)
    sketch.box(1.75, up, 2.0, "image encoder", FROZEN)
    sketch.arrow(3.8, up, 4.15, up)
    end = sketch.vectors(4.25, up, 12, "image", rows=3)
    sketch.say(4.8, up - 0.62, "many", 8.5, "center")
    sketch.arrow(end + 0.1, up, end + 0.45, up)
    sketch.box(end + 0.5, up, 2.1, "resampler", TRAINED)
    sketch.arrow(end + 2.65, up, end + 3.0, up)
    few = end + 3.1
    sketch.vectors(few, up, 4, "image", rows=2)
    sketch.say(few + 0.7, up, "64 for each image,\nhowever many came in", 9)
    sketch.say(0.1, down + 0.45, f"“{text}”", 10)
    sketch.vectors(0.3, down, 3, "text")
    sketch.arrow(1.3, down, 1.7, down)
    x = 1.75
    for name, kind in (("cross-attention", TRAINED), ("language layer", FROZEN)) * 2:
        sketch.box(x, down, 2.05, name, kind)
        if kind == TRAINED:
            sketch.ring(x, down - 0.5, 2.05, 1.0, pad=0.1)
            sketch.arrow(few + 0.28, up - 0.4, x + 1.0, down + 0.65, BLUE)
        sketch.arrow(x + (2.17 if kind == TRAINED else 2.07), down, x + 2.4, down)
        x += 2.42
    sketch.say(x + 0.05, down, "next\nword", 10)
    return sketch.figure


def _into_the_prompt(sketch: _Sketch, x: float, text: str, model: str, kind: str, y: float) -> None:
    """Image vectors and text vectors in one row, read by a language model."""
    middle = sketch.vectors(x, y, 4, "image")
    end = sketch.vectors(middle, y, 3, "text")
    sketch.ring(x, y - 0.14, end - x - 0.05, 0.28)
    sketch.say((middle + end) / 2, y - 0.55, f"“{text}”", 9.5, "center")
    sketch.arrow((middle + end) / 2, y - 0.43, (middle + end) / 2, y - 0.28)
    sketch.arrow(end + 0.12, y, end + 0.4, y)
    sketch.box(end + 0.45, y, 1.5, model, kind, 1.15)
    sketch.arrow(end + 2.0, y, end + 2.22, y)
    sketch.say(end + 2.27, y, "answer", 9.5)


def blip2(image: np.ndarray, text: str) -> Figure:
    sketch = _Sketch("BLIP-2: a small trained bridge between two frozen models", 3.1)
    y = 1.35
    sketch.picture(image, 0.1, y, 0.9)
    sketch.arrow(1.05, y, 1.25, y)
    sketch.box(1.3, y, 1.35, "image\nencoder", FROZEN, 1.15)
    sketch.arrow(2.7, y, 2.9, y)
    end = sketch.vectors(2.95, y, 9, "image", rows=3)
    sketch.say(3.35, y - 0.62, "many", 8.5, "center")
    sketch.arrow(end + 0.05, y, end + 0.27, y)
    sketch.box(end + 0.32, y, 1.35, "Q-Former", TRAINED, 1.15)
    x = end + 1.02
    for k in range(4):
        cx = x - 0.42 + 0.28 * k
        sketch.axes.add_patch(
            Rectangle((cx - 0.1, y + 1.05), 0.2, 0.2, facecolor=_FACES[TRAINED], edgecolor=ORANGE, lw=1.5)
        )
    sketch.say(x, y + 1.47, "32 learned questions (queries)", 9, "center")
    sketch.arrow(x, y + 0.98, x, y + 0.64)
    sketch.arrow(end + 1.77, y, end + 1.97, y)
    sketch.box(end + 2.02, y, 0.95, "linear", TRAINED, 1.15)
    sketch.arrow(end + 3.02, y, end + 3.2, y)
    sketch.say(end + 3.87, y + 0.42, "32", 9, "center")
    _into_the_prompt(sketch, end + 3.37, text, "language\nmodel", FROZEN, y)
    return sketch.figure


def llava(image: np.ndarray, text: str) -> Figure:
    sketch = _Sketch("LLaVA: image patches become words of a foreign accent", 2.35)
    y = 1.35
    sketch.picture(image, 0.15, y)
    sketch.arrow(1.2, y, 1.45, y)
    sketch.box(1.5, y, 1.7, "image\nencoder", FROZEN, 1.15)
    sketch.arrow(3.25, y, 3.5, y)
    end = sketch.vectors(3.58, y, 9, "image", rows=3)
    sketch.say(4.0, y - 0.62, "one a patch", 8.5, "center")
    sketch.arrow(end + 0.1, y, end + 0.35, y)
    sketch.box(end + 0.4, y, 1.45, "linear", TRAINED, 1.15)
    sketch.arrow(end + 1.9, y, end + 2.15, y)
    x = end + 2.32
    sketch.say(x + 0.52, y + 0.42, "one a patch", 9, "center")
    _into_the_prompt(sketch, x, text, "language\nmodel", LATER, y)
    return sketch.figure
