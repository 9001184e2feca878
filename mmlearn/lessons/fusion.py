"""Image-text pairs for classification into the eight groups of emoji, and the figures of the lesson on fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlearn.data import GROUPS, TRAIN_VENDORS, UNKNOWN_ID, EmojiData, Vocabulary, load_emoji
from mmlearn.lessons.figures import BLUE, GREEN, ORANGE

TEXTS = ("name", "keyword")
_GREY = "#666666"


@dataclass(frozen=True, eq=False)
class Pairs:
    """N image-text pairs with their classes: what a classifier learns from, or is tested on.

    Attributes:
        images: (N, 32, 32, 3) uint8.
        token_ids: (N, L) int32, 0 = padding.
        labels: (N,) int64, positions in `mmlearn.data.GROUPS`.
        texts: the N texts that the token ids stand for.
        vocabulary: turned the texts into ids.
        data: the drawings, with all that is known of them.
    """

    images: np.ndarray
    token_ids: np.ndarray
    labels: np.ndarray
    texts: list[str]
    vocabulary: Vocabulary
    data: EmojiData

    def __len__(self) -> int:
        return len(self.labels)


def classification_pairs(
    vendors: Sequence[str] | str = TRAIN_VENDORS,
    concepts: str = "seen",
    text: str = "name",
    vocabulary: Vocabulary | None = None,
    rng: int | np.random.Generator = 0,
) -> Pairs:
    """Drawings with a short text each, to be sorted into the eight groups.

    Args:
        vendors: as in `load_emoji`.
        concepts: "seen" to train, "unseen" to test, "all"; of the split "classification".
        text: "name" gives each drawing its concept's English name, "keyword" one of its English keywords at random.
        vocabulary: None builds one from these texts; for test pairs, hand over that of the training pairs.
        rng: chooses the keywords.

    Raises:
        ValueError: another kind of text.
    """
    if text not in TEXTS:
        raise ValueError(f"unknown kind of text {text!r}; use one of {', '.join(TEXTS)}")
    rng = np.random.default_rng(rng)
    data = load_emoji(vendors, concepts, split="classification")
    if text == "name":
        texts = [str(name) for name in data.names["en"]]
    else:
        texts = [words[rng.integers(len(words))] for words in data.keywords["en"]]
    vocabulary = vocabulary or Vocabulary.from_texts(texts)
    token_ids, _ = vocabulary.encode(texts)
    return Pairs(data.images, token_ids, data.labels, texts, vocabulary, data)


# --- what the benchmark found ---------------------------------------------------------------------------------------


def mean_and_spread(
    result: dict, text: str, method: str, score: str = "both", modality_dropout: float = 0.0
) -> tuple[float, float]:
    """Mean and standard deviation over the seeds, in percent, of one score in `benchmarks/results/fusion.json`.

    Raises:
        KeyError: the benchmark has no such score.
    """
    wanted = (text, method, modality_dropout)
    rows = [row for row in result["rows"] if (row["text"], row["method"], row["modality_dropout"]) == wanted]
    values = [100 * row[score] for row in rows if score in row]
    if not values:
        raise KeyError(f"no {score!r} of {wanted}")
    return float(np.mean(values)), float(np.std(values, ddof=1))


def known_texts(pairs: Pairs) -> np.ndarray:
    """(N,) bool: whether the text holds at least one word of the vocabulary."""
    return np.any(pairs.token_ids > UNKNOWN_ID, axis=1)


# --- figures --------------------------------------------------------------------------------------------------------


def _figure(width: float, height: float, title: str, rows: int = 1, columns: int = 1, **options) -> tuple[Figure, list]:
    figure = Figure(figsize=(width, height), dpi=90, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    figure.suptitle(title, fontsize=12, weight="bold")
    for axis in axes.ravel():
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes.tolist()


def answers(pairs: Pairs, rows: Sequence[int], probabilities: dict[str, np.ndarray], title: str) -> Figure:
    """A few pairs, each with what some models say of it; the right group is marked.

    Args:
        pairs: where the pairs stand.
        rows: which of them to show.
        probabilities: name of a model -> (N, 8).
        title: says what the picture shows.
    """
    columns = 1 + len(probabilities)
    figure, axes = _figure(9.5, 2.0 * len(rows), title, len(rows), columns, width_ratios=[0.7] + [1] * (columns - 1))
    for line, row in zip(axes, rows, strict=True):
        line[0].imshow(pairs.images[row], interpolation="antialiased")
        line[0].axis("off")
        line[0].set_title(
            f"“{pairs.texts[row]}”" + ("" if known_texts(pairs)[row] else "\n(words never seen)"), fontsize=9
        )
        right = pairs.labels[row]
        for axis, (name, p) in zip(line[1:], probabilities.items(), strict=True):
            colours = [GREEN if c == right else "#bbbbbb" for c in range(len(GROUPS))]
            axis.barh(range(len(GROUPS)), p[row], color=colours)
            axis.set(xlim=(0, 1), ylim=(len(GROUPS) - 0.4, -0.6), xticks=[0, 0.5, 1])
            said = int(p[row].argmax())
            axis.set_title(f"{name}: {'right' if said == right else 'wrong'}", fontsize=9)
            named = axis is line[1]
            axis.set_yticks(range(len(GROUPS)), GROUPS if named else [""] * len(GROUPS), fontsize=7)
            for label, group in zip(axis.get_yticklabels(), range(len(GROUPS)), strict=True):
                label.set_color(GREEN if group == right else "black")
            axis.tick_params(labelsize=7)
    return figure


def scales(factors: Sequence[float], plain: Sequence[float], scaled: float, alone: dict[str, float]) -> Figure:
    """Accuracy of a nearest neighbour on joined features, by the factor that the text was multiplied with."""
    figure, ((axes,),) = _figure(7.5, 3.4, "Joined as they are, the short modality may not be heard")
    axes.plot(factors, plain, color=BLUE, marker="o", label="joined as they are")
    axes.axhline(scaled, color=GREEN, label="early_fusion: each scaled to length 1")
    for (name, value), style in zip(alone.items(), (":", "--"), strict=True):
        axes.axhline(value, color=_GREY, linestyle=style, linewidth=1, label=f"{name} only")
    axes.set(xscale="log", xlabel="text features multiplied by", ylabel="right (%)")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def gates(gate: np.ndarray, known: np.ndarray, title: str) -> Figure:
    """How far the gates are open for the image, for pairs with and without a known word."""
    figure, ((axes,),) = _figure(7.5, 3.2, title)
    bins = np.linspace(gate.min(), gate.max(), 31).tolist()
    for rows, colour, name in ((known, BLUE, "text with a known word"), (~known, ORANGE, "no known word")):
        axes.hist(
            gate[rows], bins, color=colour, alpha=0.6, density=True, label=f"{name} (mean {gate[rows].mean():.2f})"
        )
    axes.set(xlabel="mean gate of a pair: 0 all text, 1 all image", ylabel="density")
    axes.legend(frameon=False, fontsize=9)
    return figure


def weight_curve(result: dict, title: str) -> Figure:
    """Late fusion by the weight of the image, mean and spread over the seeds, for both kinds of text."""
    figure, ((axes,),) = _figure(7.5, 3.3, title)
    for text, colour in zip(TEXTS, (BLUE, ORANGE), strict=True):
        curves = 100 * np.array([entry["both"] for entry in result["late"] if entry["text"] == text])
        mean, spread = curves.mean(axis=0), curves.std(axis=0, ddof=1)
        axes.plot(result["late_weights"], mean, color=colour, marker="o", label=f"text: the {text}")
        axes.fill_between(result["late_weights"], mean - spread, mean + spread, color=colour, alpha=0.2)
    axes.axvline(0.5, color=_GREY, linewidth=0.8)
    axes.set(xlabel="weight of the image: 0 text only, 1 image only", ylabel="right (%)")
    axes.legend(frameon=False)
    return figure


def comparison(result: dict, labels: dict[str, str], title: str) -> Figure:
    """All methods on both kinds of text: bars with the spread over seeds, the either-right oracle as a line.

    Args:
        result: `benchmarks/results/fusion.json`.
        labels: method -> its name in the picture, from top to bottom.
        title: states the finding.
    """
    figure, (panels,) = _figure(9.5, 3.9, title, 1, 2, sharey=True)
    for axes, text in zip(panels, TEXTS, strict=True):
        for place, method in enumerate(labels):
            source = "name" if method == "image" else text  # the image model never sees the text
            mean, spread = mean_and_spread(result, source, method)
            colour = _GREY if method in ("image", "text") else ORANGE if method == "late" else BLUE
            axes.barh(place, mean, xerr=spread, color=colour, capsize=2, height=0.75)
            axes.text(mean + spread + 0.7, place, f"{mean:.0f}", va="center", fontsize=8)
        _oracle(axes, mean_and_spread(result, text, "either")[0])
        axes.set(xlim=(0, 82), xlabel=f"right (%), text: {'the name' if text == 'name' else 'one random keyword'}")
    panels[0].set_yticks(range(len(labels)), list(labels.values()))
    panels[0].invert_yaxis()
    return figure


def _oracle(axes: Axes, value: float) -> None:
    axes.axvline(value, color=GREEN, linestyle="--")
    axes.text(
        value - 1.5, 0.2, "image or text\nright: " + f"{value:.0f}", color=GREEN, fontsize=8, ha="right", va="center"
    )


def missing(result: dict, labels: dict[str, str], title: str) -> Figure:
    """Accuracy with both, without text, without image: trained with and without modality dropout."""
    rate = result["protocol"]["modality_dropout"]
    figure, (panels,) = _figure(9.5, 3.9, title, 1, 3, sharey=True)
    scores = {"both": "both there", "without_text": "text missing", "without_image": "image missing"}
    alone = {"without_text": "image", "without_image": "text"}
    for axes, (score, heading) in zip(panels, scores.items(), strict=True):
        for place, method in enumerate(labels):
            for offset, chosen, colour in ((-0.2, 0.0, BLUE), (0.2, rate, ORANGE)):
                mean, spread = mean_and_spread(result, "name", method, score, chosen)
                name = f"modality dropout {chosen:g}" if place == 0 else None
                axes.barh(place + offset, mean, 0.38, xerr=spread, color=colour, capsize=2, label=name)
        if score in alone:
            value = mean_and_spread(result, "name", alone[score])[0]
            axes.axvline(value, color=GREEN, linestyle="--")
            axes.text(value + 1, -0.72, f"{alone[score]} only", color=GREEN, fontsize=8, va="center")
        axes.set(xlim=(0, 75), xlabel="right (%)")
        axes.set_title(heading, fontsize=10)
    panels[0].set_yticks(range(len(labels)), list(labels.values()))
    panels[0].set_ylim(len(labels) - 0.5, -1.0)
    figure.legend(
        *panels[0].get_legend_handles_labels(), frameon=False, ncols=2, loc="outside lower center", fontsize=9
    )
    return figure
