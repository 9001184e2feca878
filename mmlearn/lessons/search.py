"""A search engine for drawings: type words in English or Chinese, see what fits. No caption of the gallery is read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmlearn.data import LANGUAGES, TRAIN_VENDORS, EmojiData, Vocabulary, load_emoji
from mmlearn.quiet import keras

LIKE = 0.75  # two spellings that share so much are taken for one word (difflib's ratio)


@dataclass(frozen=True)
class Pairs:
    """Rows to train on: each drawing several times, with a different text each time."""

    images: np.ndarray  # (N, 32, 32, 3) uint8
    token_ids: np.ndarray  # (N, L) int32
    concept_ids: np.ndarray  # (N,)
    vendors: np.ndarray  # (N,)
    families: np.ndarray  # (N,)
    vocabulary: Vocabulary


def texts_of(data: EmojiData, language: str, name_only: bool = False) -> list[str]:
    """The name of each drawing, with its keywords unless `name_only`."""
    names, keywords = data.names[language], data.keywords[language]
    if name_only:
        return [str(name) for name in names]
    return [f"{name} {' '.join(words)}" for name, words in zip(names, keywords, strict=True)]


def bilingual_pairs(vendors: Sequence[str] = TRAIN_VENDORS, concepts: str = "seen") -> Pairs:
    """Each drawing four times: English and Chinese, the name alone and with its keywords.

    No row holds both languages: what brings them together is the picture alone.
    """
    data = load_emoji(vendors, concepts)
    kinds = [(language, name_only) for language in LANGUAGES for name_only in (False, True)]
    texts = [text for language, name_only in kinds for text in texts_of(data, language, name_only)]
    vocabulary = Vocabulary.from_texts(texts, "any")
    rows = np.tile(np.arange(len(data)), len(kinds))
    return Pairs(
        data.images[rows],
        vocabulary.encode(texts)[0],
        data.concept_ids[rows],
        data.vendors[rows],
        data.families[rows],
        vocabulary,
    )


@dataclass(frozen=True)
class Understood:
    """What the engine makes of a query."""

    words: tuple[str, ...]  # known words, in order
    mended: dict[str, str]  # what was typed -> what it was taken for
    unknown: tuple[str, ...]  # left out

    def __str__(self) -> str:
        told = [f"“{typed}” taken as “{word}”" for typed, word in self.mended.items()]
        if self.unknown:
            told.append(f"never seen in training, left out: {', '.join(self.unknown)}")
        if not self.words:
            told.append("nothing left to search for: try another word")
        return "; ".join(told)


@dataclass(frozen=True)
class Hits:
    """The drawings that fit a query best."""

    query: str
    understood: Understood
    rows: np.ndarray  # (k,) rows of the gallery, best first; none if the query holds no known word
    scores: np.ndarray  # (k,) cosines


class EmojiSearch:
    """Text queries against a gallery of drawings, by cosine in the shared space.

    Args:
        model: a trained two-tower with `image_tower` and `text_tower`.
        vocabulary: of its text tower.
        gallery: what is searched; its names and keywords are never looked at.
    """

    def __init__(self, model: keras.Model, vocabulary: Vocabulary, gallery: EmojiData):
        self.model, self.vocabulary, self.gallery = model, vocabulary, gallery
        self.image_embeddings = embed_images(model, gallery.images)  # once; a query costs one matrix product
        self._spellings = [token for token in vocabulary.tokens[2:] if token.isascii() and len(token) > 2]

    def understand(self, query: str) -> Understood:
        """Split a query into known words; mend spellings that are close to one, leave out the rest."""
        words, mended, unknown = [], {}, []
        for token in self.vocabulary.tokenize(query):
            near = difflib.get_close_matches(token, self._spellings, n=1, cutoff=LIKE) if token.isascii() else []
            if token in self.vocabulary:
                words.append(token)
            elif near:
                mended[token] = near[0]
                words.append(near[0])
            else:
                unknown.append(token)
        return Understood(tuple(words), mended, tuple(unknown))

    def embed(self, words: Sequence[str]) -> np.ndarray:
        """(D,) the unit vector of some words."""
        token_ids, _ = self.vocabulary.encode([" ".join(words)])
        return keras.ops.convert_to_numpy(self.model.text_tower(token_ids))[0]

    def search(self, query: str, k: int = 8) -> Hits:
        """The k best drawings; none for a query without a known word, since any answer would be a guess."""
        understood = self.understand(query)
        if not understood.words:
            return Hits(query, understood, np.zeros(0, int), np.zeros(0, np.float32))
        scores = self.image_embeddings @ self.embed(understood.words)
        rows = np.argsort(-scores, kind="stable")[:k]
        return Hits(query, understood, rows, scores[rows])


def embed_images(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(N, D) unit vectors."""
    return model.image_tower.predict(images, batch_size=256, verbose=0)


def embed_texts(model: keras.Model, vocabulary: Vocabulary, texts: Sequence[str]) -> np.ndarray:
    """(N, D) unit vectors."""
    return model.text_tower.predict(vocabulary.encode(list(texts))[0], batch_size=256, verbose=0)


# --- how well it searches --------------------------------------------------------------------------------------------


def recall(queries: np.ndarray, items: np.ndarray, k: int) -> float:
    """Share in percent of queries whose own item (same row) is among their k nearest items."""
    cosines = queries @ items.T
    better = (cosines > np.diagonal(cosines)[:, None]).sum(axis=1)
    return 100 * float((better < k).mean())


def keyword_relevance(data: EmojiData, language: str, known: Callable[[str], bool], least: int = 3) -> dict:
    """Keyword -> (N,) bool, the drawings that carry it; only keywords whose words are all known, on `least` drawings."""
    carriers: dict[str, list[int]] = {}
    for row, words in enumerate(data.keywords[language]):
        for word in words:
            carriers.setdefault(word, []).append(row)
    return {
        word: np.isin(np.arange(len(data)), rows)
        for word, rows in carriers.items()
        if len(rows) >= least and known(word)
    }


def precision_at_k(engine: EmojiSearch, relevance: dict[str, np.ndarray], k: int = 5) -> tuple[float, float]:
    """Mean precision@k in percent over keyword queries, and that of a random order.

    A keyword that fewer than k drawings carry can still reach 100 %: the best possible order counts as 100.
    """
    found, chance = [], []
    for keyword, relevant in relevance.items():
        hits = relevant[engine.search(keyword, k).rows]
        found.append(hits.sum() / min(k, relevant.sum()))
        chance.append(k * relevant.mean() / min(k, relevant.sum()))
    return 100 * float(np.mean(found)), 100 * float(np.mean(chance))
