"""Figures that lessons draw. Each function returns a matplotlib Figure and shows nothing itself."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmlearn.data import FAR_VENDOR, NEAR_VENDOR, TRAIN_VENDORS, VENDORS, EmojiData

# Okabe and Ito's colours: blue, orange and green that colour-blind readers tell apart
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
_GREY = "#666666"
_ROLES = {NEAR_VENDOR: ("held out, near", ORANGE), FAR_VENDOR: ("held out, far", GREEN)}
_ROLES |= dict.fromkeys(TRAIN_VENDORS, ("training", BLUE))


def contact_sheet(data: EmojiData, columns: int | None = None, title: str | None = None) -> Figure:
    """Show drawings side by side.

    Args:
        data: what to show; choose it with `select` first (up to about 60 concepts read well).
        columns: None sets one row a concept and one column a vendor, so that styles can be compared;
            a number sets the drawings in a grid of that many columns, with the names below, under a
            heading for each group.
        title: says what the picture shows; None for none.

    Returns:
        A Figure of about 8 inches' width.

    Raises:
        ValueError: no drawings, or columns below 1.
    """
    if len(data) == 0:
        raise ValueError("there are no drawings to show")
    if columns is not None and columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}")
    figure, axes = _concepts_by_vendors(data, title) if columns is None else _grid_by_groups(data, columns, title)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure


def _canvas(width: float, height: float, inches: float, title: str | None) -> tuple[Figure, Axes]:
    """A figure whose axes measure `width` by `height` cells, y pointing down; the title has its own room."""
    cell = inches / width
    above = 0.45 if title else 0.08
    total = height * cell + above
    # a Figure of its own, not pyplot's: nothing is shown twice in a notebook and nothing stays open
    figure = Figure(figsize=(inches, total), dpi=110)
    axes = figure.add_axes((0, 0, 1, height * cell / total))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    if title:
        figure.text(0.5, 1 - 0.23 / total, title, ha="center", va="center", fontsize=12, weight="bold")
    return figure, axes


def _place(axes: Axes, image: np.ndarray, x: float, y: float) -> None:
    """Draw one picture into the cell whose upper left corner is (x, y), with a margin of 5 %."""
    axes.imshow(image, extent=(x + 0.05, x + 0.95, y + 0.95, y + 0.05), interpolation="antialiased")


def _concepts_by_vendors(data: EmojiData, title: str | None) -> tuple[Figure, Axes]:
    vendors = [vendor for vendor in VENDORS if vendor in data.vendors]
    first_rows = np.sort(np.unique(data.concept_ids, return_index=True)[1])
    concepts = data.concept_ids[first_rows]
    label, head = 2.6, 0.75  # room for names and for headings, in cells
    # the width in inches follows the columns, so that a cell has one size for two vendors and for six
    figure, axes = _canvas(label + len(vendors), head + len(concepts), 0.9 * (label + len(vendors)), title)
    for j, vendor in enumerate(vendors):
        role, colour = _ROLES[vendor]
        axes.text(label + j + 0.5, 0.25, vendor, ha="center", va="center", fontsize=10, weight="bold")
        axes.text(label + j + 0.5, 0.55, role, ha="center", va="center", fontsize=7.5, color=colour)
    where = {(c, v): i for i, (c, v) in enumerate(zip(data.concept_ids, data.vendors, strict=True))}
    for i, (concept, row) in enumerate(zip(concepts, first_rows, strict=True)):
        name = textwrap.shorten(str(data.names["en"][row]), 66, placeholder=" …")
        axes.text(label - 0.12, head + i + 0.5, textwrap.fill(name, 24), ha="right", va="center", fontsize=9)
        for j, vendor in enumerate(vendors):
            drawing = where.get((concept, vendor))
            if drawing is not None:
                _place(axes, data.images[drawing], label + j, head + i)
            else:
                corner = (label + j + 0.1, head + i + 0.1)
                axes.add_patch(Rectangle(corner, 0.8, 0.8, facecolor="#f2f2f2", edgecolor="none"))
                axes.text(label + j + 0.5, head + i + 0.5, "not drawn", ha="center", va="center",
                          fontsize=6.5, color=_GREY)  # fmt: skip
    axes.set_xlim(0, label + len(vendors))  # imshow narrows the limits to its picture
    axes.set_ylim(head + len(concepts), 0)
    return figure, axes


def _grid_by_groups(data: EmojiData, columns: int, title: str | None) -> tuple[Figure, Axes]:
    line, heading = 1.36, 0.5  # a drawing with its name below; a group's heading
    groups = list(dict.fromkeys(data.groups.tolist()))
    members = {group: np.flatnonzero(data.groups == group) for group in groups}
    height = sum(heading + line * -(-len(rows) // columns) for rows in members.values())
    figure, axes = _canvas(columns, height, max(columns, 4) * 0.9, title)
    y = 0.0
    for group in groups:
        axes.text(0.05, y + heading / 2, group, va="center", fontsize=10, weight="bold", color=BLUE)
        axes.plot([0.05, columns - 0.05], [y + heading - 0.03] * 2, color="#cccccc", linewidth=0.8)
        y += heading
        for k, row in enumerate(members[group]):
            x, top = k % columns, y + line * (k // columns)
            _place(axes, data.images[row], x, top)
            words = textwrap.wrap(str(data.names["en"][row]), 13)
            shown = words[:2] if len(words) <= 2 else [words[0], words[1][:11] + " …"]
            below = "\n".join(shown)
            axes.text(x + 0.5, top + 0.98, below, ha="center", va="top", fontsize=7, linespacing=1.0)
        y += line * -(-len(members[group]) // columns)
    axes.set_xlim(0, columns)
    axes.set_ylim(height, 0)
    return figure, axes
