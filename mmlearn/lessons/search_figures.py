"""Figures of the capstone: what a search found, where it fails, what an index costs."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure

from mmlearn.lessons.figures import BLUE, GREEN, ORANGE
from mmlearn.lessons.search import EmojiSearch, Hits

_GREY = "#666666"
# Fonts with Chinese characters, by system; matplotlib ships none.
_CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "SimHei",
)


def chinese_font() -> str | None:
    """The first font of this machine that has Chinese characters."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE_FONTS if name in known), None)


def writable(text: str, chinese: bool) -> str:
    """A text with code points (U+9F98) for the characters that no font can write.

    Args:
        text: any text.
        chinese: whether a font has Chinese characters. Emoji are in no text font.
    """
    last = "\uffff" if chinese else "\u2e7f"  # Chinese, Japanese and Korean begin at U+2E80
    return "".join(char if char <= last else f"U+{ord(char):04X}" for char in text)


def hits(engine: EmojiSearch, found: Sequence[Hits], title: str, english: Sequence[str] = ()) -> Figure:
    """One row a query: the best drawings, best first, with their names and cosines.

    The names below the drawings are for the reader; the engine has not seen them.

    Args:
        engine: whose gallery it is.
        found: results of `engine.search`.
        title: the finding.
        english: what the queries mean, for those that no font of the machine can write; else they stand in code points.
    """
    columns = max(len(result.rows) for result in found) or 1
    left, line = 2.3, 1.55
    tops = np.cumsum([0.0, *(line if len(result.rows) else 0.95 for result in found)])  # less room for no drawing
    figure = Figure(figsize=(0.95 * (left + columns), 0.95 * (tops[-1] + 0.5)), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, left + columns), ylim=(tops[-1], -0.5), aspect="equal")
    axes.axis("off")
    axes.text((left + columns) / 2, -0.22, title, ha="center", va="center", fontsize=12, weight="bold")
    fonts = [name for name in (chinese_font(),) if name]
    for i, result in enumerate(found):
        query = result.query or "(empty)"
        text = writable(query, chinese=bool(fonts))
        if text != query and i < len(english):
            text = english[i]
        text = textwrap.fill(text, 18)
        axes.text(0.08, tops[i] + 0.35, text, fontsize=11, weight="bold", va="center",
                  family=["DejaVu Sans", *fonts])  # fmt: skip
        note = textwrap.fill(writable(str(result.understood), chinese=bool(fonts)), 30)
        axes.text(0.08, tops[i] + 0.62, note, fontsize=6.5, va="top", color=ORANGE, family=["DejaVu Sans", *fonts])
        for j, (row, score) in enumerate(zip(result.rows, result.scores, strict=True)):
            x, y = left + j, tops[i]
            axes.imshow(engine.gallery.images[row], extent=(x + 0.06, x + 0.94, y + 0.94, y + 0.06))
            name = textwrap.shorten(str(engine.gallery.names["en"][row]), 32, placeholder=" …")
            axes.text(x + 0.5, y + 0.99, textwrap.fill(name, 15), ha="center", va="top", fontsize=6.5, linespacing=1.0)
            axes.text(x + 0.5, y + 1.36, f"{score:.2f}", ha="center", va="center", fontsize=6.5, color=_GREY)
    axes.set(xlim=(0, left + columns), ylim=(tops[-1], -0.5))
    return figure


def bars(
    groups: dict[str, dict[str, tuple[float, float]]], title: str, label: str, chance: float | None = None
) -> Figure:
    """Bars with their spread: group on the axis -> method -> (mean, standard deviation).

    Args:
        groups: what to draw; each group has the same methods.
        title: the finding.
        label: of the vertical axis.
        chance: a dashed line; None for none.
    """
    methods = list(next(iter(groups.values())))
    colours = dict(zip(methods, (BLUE, ORANGE, GREEN, _GREY), strict=False))
    figure = Figure(figsize=(9, 3.9), dpi=100, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(methods)
    for m, method in enumerate(methods):
        means = [groups[group][method][0] for group in groups]
        spread = [groups[group][method][1] for group in groups]
        x = np.arange(len(groups)) + (m - (len(methods) - 1) / 2) * width
        axes.bar(x, means, width * 0.92, yerr=spread, color=colours[method], label=method, capsize=2)
        for at, mean, sd in zip(x, means, spread, strict=True):
            axes.text(at, mean + sd + 0.8, f"{mean:.0f}", ha="center", fontsize=8)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set_title(title, pad=26)
    axes.set(ylabel=label, ylim=(0, axes.get_ylim()[1] * 1.04))
    if chance is not None:
        axes.axhline(chance, color="black", linestyle="--", linewidth=1, label="chance")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(methods) + 1, loc="lower center", bbox_to_anchor=(0.5, 0.99))
    return figure


def index_costs(rows: Sequence[dict], title: str) -> Figure:
    """How many of the exact ten best an index finds, by the bytes it reads for one query and vector."""
    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    kinds = {"product": ("product quantisation", ORANGE), "64 cells": ("inverted file (64 cells)", GREEN)}
    for row in rows:
        kind, colour = next(
            (value for key, value in kinds.items() if row["index"].startswith(key)), ("one by one", BLUE)
        )
        read = row["bytes"] * row["items read %"] / 100
        axes.scatter(read, row["recall %"], color=colour, s=45, zorder=3, label=kind)
        tail = row["index"].split(", ")[-1]
        above = kind != "inverted file (64 cells)"
        axes.annotate(tail, (read, row["recall %"]), xytext=(0, 7 if above else -14), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_ylim(min(row["recall %"] for row in rows) - 12, 108)
    axes.set(title=title, xlabel="bytes read per item and query (log scale)", ylabel="exact ten best found (%)")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys(), frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")
    return figure


def search_box(engine: EmojiSearch) -> widgets.VBox:
    """A box to type queries into; what it finds stands below it."""
    box = widgets.Text(placeholder="happy cat, or 开心的猫", description="Search:", continuous_update=False)
    picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))

    def answer(change: dict) -> None:
        canvas = io.BytesIO()
        hits(engine, [engine.search(change["new"])], "").savefig(canvas, format="png")
        picture.value = canvas.getvalue()

    box.observe(answer, names="value")
    box.value = "happy cat"
    return widgets.VBox([box, picture])
