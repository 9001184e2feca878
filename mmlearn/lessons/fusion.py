"""Image-text pairs for classification into the eight groups of emoji, and the plots of the lesson on fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmlearn.data import TRAIN_VENDORS, EmojiData, Vocabulary, load_emoji

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
