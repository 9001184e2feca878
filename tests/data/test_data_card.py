"""Every number of DATA_CARD.md is computed from the files and looked for in the card."""

import json
import re
from collections import Counter

import numpy as np
import pytest

from mmlearn.data import GROUPS, VENDORS, load_emoji
from mmlearn.data import emoji as emoji_module
from mmlearn.data.emoji import FILES

ROWS = json.loads((FILES / "concepts.json").read_text(encoding="utf-8"))
SPLITS = json.loads((FILES / "splits.json").read_text(encoding="utf-8"))
CARD = (emoji_module.FILES.parent / "DATA_CARD.md").read_text(encoding="utf-8")
FLAT = re.sub(r"\s+", " ", CARD)


def table_row(first):
    """Cells of the card's table row that starts with `first`."""
    (line,) = [text for text in CARD.splitlines() if text.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("vendor", VENDORS)
def test_drawings_of_a_vendor(vendor):
    assert int(table_row(vendor)[1]) == sum(vendor in row["vendors"] for row in ROWS)


@pytest.mark.parametrize("group", GROUPS)
def test_concepts_of_a_group(group):
    ids = {row["id"] for row in ROWS if row["group"] == group}
    counts = [len(ids), *(len(ids & set(SPLITS[s]["unseen"])) for s in ("retrieval", "classification"))]
    assert [int(cell) for cell in table_row(group)[1:]] == counts


def test_totals():
    unseen = {name: len(split["unseen"]) for name, split in SPLITS.items()}
    assert [int(c) for c in table_row("all")[1:]] == [len(ROWS), unseen["retrieval"], unseen["classification"]]
    subgroups = Counter(row["subgroup"] for row in ROWS)
    single = sum(count == 1 for count in subgroups.values())
    families = Counter(row["family"] for row in ROWS)
    words = {lang: np.mean([len(row["keywords"][lang]) for row in ROWS]) for lang in ("en", "zh")}
    shared = [count for count in families.values() if count > 1]
    for sentence in (
        f"{len(ROWS)} concepts in {len(families)} families, {len(load_emoji())} drawings, "
        f"{len(GROUPS)} groups, {len(subgroups)} subgroups "
        f"({max(subgroups.values())} concepts in the largest, 1 in each of {single})",
        f"On average {words['en']:.1f} English and {words['zh']:.1f} Chinese keywords",
        f"`retrieval` {len(SPLITS['retrieval']['seen'])} seen / {unseen['retrieval']} unseen",
        f"`classification` {len(SPLITS['classification']['seen'])} / {unseen['classification']}",
        f"{sum(bool(row['stands_for']) for row in ROWS)} concepts stand for "
        f"{sum(len(row['stands_for']) for row in ROWS)} others",
        f"{len(shared)} families of more than one concept are never parted ({sum(shared)} concepts:",
    ):
        assert sentence in FLAT


def test_the_identical_pictures_that_the_card_names():
    pairs = []
    for vendor in VENDORS:
        data = load_emoji(vendor)
        by_pixels: dict[bytes, str] = {}
        for image, name in zip(data.images, data.names["en"], strict=True):
            other = by_pixels.setdefault(image.tobytes(), str(name))
            if other != name:
                pairs.append((vendor, {other, str(name)}))
    assert pairs == [("fluent", {"cat face", "grinning cat"})]


def test_look_alikes_that_the_card_counts():
    close = {}
    for split in SPLITS:
        close[split] = 0
        for vendor in VENDORS:
            sides = [load_emoji(vendor, side, split) for side in ("seen", "unseen")]
            a, b = (data.images.reshape(len(data), -1).astype(np.float64) / 255 for data in sides)
            squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
            close[split] += int((np.sqrt(np.maximum(squares, 0) / a.shape[1]) < 0.05).sum())
    assert (
        f"there are {close['retrieval']} pairs across the retrieval split and "
        f"{close['classification']} across the classification split" in FLAT
    )
