"""Words and characters to numbers: a tokeniser for English and Chinese, and a vocabulary."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PADDING_ID = 0
UNKNOWN_ID = 1
PADDING = "<pad>"
UNKNOWN = "<unk>"

# Han characters, kana and the iteration mark: each is a token of its own
_HAN = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD = rf"(?:(?![{_HAN}_])\w)"  # a letter, mark or digit of any other script
_IS_HAN = re.compile(rf"[{_HAN}]")
_CHINESE = re.compile(rf"[{_HAN}]|{_WORD}+")
# In English an apostrophe stays inside a word (o'clock), and so does a hyphen beside a single letter or
# digit (t-shirt, x-ray, jack-o-lantern). Other hyphens part words (heart-eyes -> heart, eyes), so that
# "heart" is one token wherever it stands.
_ENGLISH = re.compile(rf"[{_HAN}]|(?<!\w){_WORD}-{_WORD}+|{_WORD}+-{_WORD}(?:-{_WORD}+)?(?!\w)|{_WORD}+(?:'{_WORD}+)*")


def tokenize(text: str, language: str) -> list[str]:
    """Split a text into tokens; punctuation and symbols are dropped.

    Args:
        text: any text; full-width letters and digits count as their usual forms.
        language: "en": lower-case words, a possessive 's dropped; "zh": one token a Chinese character,
            Latin words and digits kept whole.

    Returns:
        The tokens, in order; an empty list where nothing is left.

    Raises:
        ValueError: another language.

    >>> tokenize("Woman’s T-shirt (blue)", "en"), tokenize("T恤", "zh")
    (['woman', 't-shirt', 'blue'], ['t', '恤'])
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    if language == "zh":
        return _CHINESE.findall(text)
    if language == "en":
        return [token.removesuffix("'s") for token in _ENGLISH.findall(text)]
    raise ValueError(f"unknown language {language!r}; use one of en, zh")


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers. Id 0 is padding, id 1 stands for every unknown token.

    Attributes:
        tokens: id -> token; the first two are "<pad>" and "<unk>".
        language: "en" or "zh"; "any" tokenises each text by its script, for one vocabulary over both.
    """

    tokens: tuple[str, ...]
    language: str

    def __post_init__(self) -> None:
        if self.language not in ("en", "zh", "any"):
            raise ValueError(f"unknown language {self.language!r}; use one of en, zh, any")
        if self.tokens[:2] != (PADDING, UNKNOWN):
            raise ValueError(f"tokens must start with {PADDING!r} and {UNKNOWN!r}")
        if len(set(self.tokens)) != len(self.tokens):
            raise ValueError("tokens must be distinct")
        # frozen, so set by hand: the reverse look-up, not a field of its own
        object.__setattr__(self, "_ids", {token: i for i, token in enumerate(self.tokens)})

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], language: str = "en", *, min_count: int = 1, max_size: int | None = None
    ) -> Vocabulary:
        """Build from texts: most frequent tokens first, ties in alphabetical (code point) order.

        Args:
            texts: the training texts; never the test texts.
            language: see the class.
            min_count: tokens seen less often are left out.
            max_size: greatest length of the vocabulary, the two special tokens included; at least 2.

        Raises:
            ValueError: an unknown language, or a max_size below 2.
        """
        if max_size is not None and max_size < 2:
            raise ValueError("max_size must be at least 2: padding and unknown always count")
        if isinstance(texts, str):
            raise ValueError("texts must be a list of texts, not one text")
        empty = cls((PADDING, UNKNOWN), language)
        counts = Counter(token for text in texts for token in empty.tokenize(text))
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        kept = [token for token in ranked if counts[token] >= min_count]
        return cls((PADDING, UNKNOWN, *kept)[:max_size], language)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.tokens[2:]

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, known or not, as `encode` would look them up."""
        if self.language == "any":
            return tokenize(text, "zh" if _IS_HAN.search(text) else "en")
        return tokenize(text, self.language)

    def encode(
        self, texts: Sequence[str] | NDArray[np.str_], length: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Turn N texts into ids, padded at the end, cut off after `length` tokens.

        Args:
            texts: N texts.
            length: L; None takes the longest text, at least 1.

        Returns:
            token_ids (N, L) int32 and mask (N, L) bool, True where a real token stands. A text without
            tokens has a row of padding and a mask that is False throughout.

        Raises:
            ValueError: length below 1, or one text instead of a list.
        """
        if isinstance(texts, str):
            raise ValueError("texts must be a list of texts, not one text")
        if length is not None and length < 1:
            raise ValueError(f"length must be at least 1, not {length}")
        ids: dict[str, int] = self.__dict__["_ids"]
        rows = [[ids.get(token, UNKNOWN_ID) for token in self.tokenize(str(text))] for text in texts]
        if length is None:
            length = max((len(row) for row in rows), default=0) or 1
        token_ids = np.full((len(rows), length), PADDING_ID, dtype=np.int32)
        mask = np.zeros((len(rows), length), dtype=np.bool_)
        for i, row in enumerate(rows):
            token_ids[i, : len(row)] = row[:length]
            mask[i, : len(row)] = True
        return token_ids, mask

    def decode(self, token_ids: ArrayLike) -> list[str]:
        """Turn (N, L) ids back into N strings of tokens with spaces between; padding is left out.

        Raises:
            ValueError: not two axes, or an id outside the vocabulary.
        """
        array = np.asarray(token_ids)
        if array.ndim != 2:
            raise ValueError(f"token_ids must have shape (N, L), not {array.shape}")
        if array.size and (array.min() < 0 or array.max() >= len(self)):
            raise ValueError(f"token_ids must lie between 0 and {len(self) - 1}")
        return [" ".join(self.tokens[i] for i in row if i != PADDING_ID) for row in array]
