"""A search engine for drawings: type words in English or Chinese, see what fits. No caption of the gallery is read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmlearn.data import LANGUAGES, TRAIN_VENDORS, EmojiData, Vocabulary, load_emoji
from mmlearn.lessons.similarity import bags_of_words, fit_cca, image_features, text_features, unit_rows
from mmlearn.quiet import keras

LIKE = 0.66  # two spellings as alike as this are taken for one word
MAX_TOKENS = 64  # of a text; the longest name with its keywords has 51


@dataclass(frozen=True)
class Pairs:
    """Rows to train on: each drawing several times, with a different text each time."""

    images: np.ndarray  # (N, 32, 32, 3) uint8
    token_ids: np.ndarray  # (N, L) int32
    concept_ids: np.ndarray  # (N,)
    vendors: np.ndarray  # (N,)
    families: np.ndarray  # (N,)
    with_keywords: np.ndarray  # (N,) bool
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
        np.repeat([not name_only for _, name_only in kinds], len(data)),
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


@dataclass(frozen=True)
class Space:
    """A shared space: how images and texts get into it. All rows have length 1."""

    embed_images: Callable[[np.ndarray], np.ndarray]  # (N, 32, 32, 3) uint8 -> (N, D)
    embed_texts: Callable[[Sequence[str]], np.ndarray]  # N texts -> (N, D)
    vocabulary: Vocabulary


def tower_space(model: keras.Model, vocabulary: Vocabulary) -> Space:
    """The space of a trained two-tower with `image_tower` and `text_tower`."""

    def images_in(images: np.ndarray) -> np.ndarray:
        return model.image_tower.predict(images, batch_size=256, verbose=0)

    def texts_in(texts: Sequence[str]) -> np.ndarray:
        # one length for all calls: Keras compiles anew for each
        token_ids = vocabulary.encode(list(texts), length=MAX_TOKENS)[0]
        return model.text_tower.predict(token_ids, batch_size=256, verbose=0)

    return Space(images_in, texts_in, vocabulary)


def cca_space(pairs: Pairs, ridge: float = 0.3) -> Space:
    """The closed-form space of lesson 04 (colours and edges, bag of words, regularised CCA), from the same pairs.

    Only rows with keywords are used: in a bag of words the name alone tells nothing new.
    """
    rows = pairs.with_keywords
    bags = bags_of_words(pairs.token_ids[rows], len(pairs.vocabulary))
    image_map, text_map, _ = fit_cca(image_features(pairs.images[rows]), bags, ridge=ridge)

    def images_in(images: np.ndarray) -> np.ndarray:
        return unit_rows(image_map(image_features(images)))

    def texts_in(texts: Sequence[str]) -> np.ndarray:
        return unit_rows(text_map(text_features(list(texts), pairs.vocabulary)))

    return Space(images_in, texts_in, pairs.vocabulary)


def joined(a: Space, b: Space, share: float = 0.5) -> Space:
    """Both spaces side by side: the cosine in it is (1 - share) · cosine in a + share · cosine in b."""

    def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.hstack([np.sqrt(1 - share) * left, np.sqrt(share) * right])

    return Space(
        lambda images: beside(a.embed_images(images), b.embed_images(images)),
        lambda texts: beside(a.embed_texts(texts), b.embed_texts(texts)),
        a.vocabulary,
    )


def nearest_spelling(token: str, spellings: Sequence[str]) -> str | None:
    """The known word that a token was probably meant to be; None if none is alike enough."""

    def likeness(word: str) -> float:
        # letters in common; a letter too many is likelier than two, so that "kat" is a cat and not a skate
        return difflib.SequenceMatcher(None, token, word).ratio() - 0.1 * abs(len(word) - len(token))

    candidates = difflib.get_close_matches(token, spellings, n=20, cutoff=LIKE)
    # of words equally alike, the most frequent one: `spellings` holds those first
    best = max(sorted(candidates, key=spellings.index), key=likeness, default=None)
    return best if best is not None and likeness(best) >= LIKE else None


class EmojiSearch:
    """Text queries against a gallery of drawings, by cosine in a shared space.

    Args:
        space: puts queries and drawings into one space.
        gallery: what is searched; its names and keywords are never looked at.
    """

    def __init__(self, space: Space, gallery: EmojiData):
        self.space, self.gallery = space, gallery
        self.image_embeddings = space.embed_images(gallery.images)  # once; a query costs one matrix product
        self._spellings = [token for token in space.vocabulary.tokens[2:] if token.isascii() and len(token) > 2]

    def understand(self, query: str) -> Understood:
        """Split a query into known words; mend spellings that are close to one, leave out the rest."""
        words, mended, unknown = [], {}, []
        for token in self.space.vocabulary.tokenize(query):
            if token in self.space.vocabulary:
                words.append(token)
            elif near := nearest_spelling(token, self._spellings):
                mended[token] = near
                words.append(near)
            else:
                unknown.append(token)
        return Understood(tuple(words), mended, tuple(unknown))

    def search(self, query: str, k: int = 8) -> Hits:
        """The k best drawings; none for a query without a known word, since any answer would be a guess."""
        understood = self.understand(query)
        if not understood.words:
            return Hits(query, understood, np.zeros(0, int), np.zeros(0, np.float32))
        scores = self.image_embeddings @ self.space.embed_texts([" ".join(understood.words)])[0]
        rows = np.argsort(-scores, kind="stable")[:k]
        return Hits(query, understood, rows, scores[rows])


# --- how well it searches --------------------------------------------------------------------------------------------


def recall(queries: np.ndarray, items: np.ndarray, k: int) -> float:
    """Share in percent of queries whose own item (same row) is among their k nearest items."""
    cosines = queries @ items.T
    better = (cosines > np.diagonal(cosines)[:, None]).sum(axis=1)
    return 100 * float((better < k).mean())


def keyword_relevance(data: EmojiData, language: str, vocabulary: Vocabulary, least: int = 3) -> dict[str, np.ndarray]:
    """Keyword -> (N,) bool, the drawings that carry it; only keywords of known words, carried by at least `least`."""
    carriers: dict[str, list[int]] = {}
    for row, words in enumerate(data.keywords[language]):
        for word in words:
            carriers.setdefault(word, []).append(row)
    return {
        word: np.isin(np.arange(len(data)), rows)
        for word, rows in carriers.items()
        if len(rows) >= least and all(token in vocabulary for token in vocabulary.tokenize(word))
    }


def precision_at_k(
    text_embeddings: np.ndarray, image_embeddings: np.ndarray, relevance: np.ndarray, k: int = 5
) -> tuple[float, float]:
    """Mean precision@k in percent over queries, and that of a random order.

    Where fewer than k items are relevant, finding them all counts as 100 %.

    Args:
        text_embeddings: (Q, D).
        image_embeddings: (N, D).
        relevance: (Q, N) bool.
        k: how many are shown.
    """
    best = np.argsort(-(text_embeddings @ image_embeddings.T), axis=1)[:, :k]
    possible = np.minimum(k, relevance.sum(axis=1))
    found = np.take_along_axis(relevance, best, axis=1).sum(axis=1)
    return 100 * float(np.mean(found / possible)), 100 * float(np.mean(k * relevance.mean(axis=1) / possible))


def score(space: Space, data: EmojiData) -> dict[str, float]:
    """In percent: recall by whole texts, precision by single keywords, English texts that find their Chinese ones."""
    images = space.embed_images(data.images)
    texts = {language: space.embed_texts(texts_of(data, language)) for language in LANGUAGES}
    found: dict[str, float] = {}
    for language in LANGUAGES:
        for k in (1, 10):
            found[f"{language} recall@{k}"] = recall(texts[language], images, k)
        keywords = keyword_relevance(data, language, space.vocabulary)
        queries, relevance = space.embed_texts(list(keywords)), np.array(list(keywords.values()))
        precision, chance = precision_at_k(queries, images, relevance)
        found |= {
            f"{language} precision@5": precision,
            f"{language} chance@5": chance,
            f"{language} keywords": len(queries),
        }
    for k in (1, 10):
        found[f"en-zh recall@{k}"] = recall(texts["en"], texts["zh"], k)
    return found
