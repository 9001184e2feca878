"""The capstone's engine, its measures and its indexes, on spaces whose answers are known."""

import numpy as np
import pytest

from mmlearn.data import GROUPS, Vocabulary, load_emoji
from mmlearn.lessons import search, search_figures, search_index, zero_shot

WORDS = ("happy", "cat", "hat", "birthday", "猫", "开", "心")


@pytest.fixture(scope="module")
def gallery():
    return load_emoji("fluent").select(slice(0, 40))


@pytest.fixture(scope="module")
def space(gallery) -> search.Space:
    """A word is a direction; drawing i lies in the direction of word i mod 7."""
    vocabulary = Vocabulary(("<pad>", "<unk>", *WORDS), "any")

    def texts_in(texts):
        token_ids, _ = vocabulary.encode(list(texts), length=8)
        bags = (token_ids[:, :, None] == np.arange(2, len(vocabulary))).sum(axis=1) + 1e-6
        return bags / np.linalg.norm(bags, axis=1, keepdims=True)

    def images_in(images):
        return np.eye(len(WORDS))[np.arange(len(images)) % len(WORDS)]

    return search.Space(images_in, texts_in, vocabulary)


@pytest.fixture(scope="module")
def engine(space, gallery) -> search.EmojiSearch:
    return search.EmojiSearch(space, gallery)


def test_the_best_fitting_drawings_come_first(engine):
    found = engine.search("cat", k=6)
    assert found.rows.tolist() == [1, 8, 15, 22, 29, 36]
    assert np.all(np.diff(found.scores) <= 0)
    assert engine.search("猫", k=1).rows.tolist() == [4]


def test_a_misspelled_word_is_mended_and_told(engine):
    understood = engine.understand("Hapy kat")
    assert understood.words == ("happy", "cat")
    assert str(understood) == "“hapy” taken as “happy”; “kat” taken as “cat”"


def test_unknown_words_are_left_out_and_told(engine):
    understood = engine.understand("qwertz cat 龘")
    assert understood.words == ("cat",)
    assert "left out: qwertz, 龘" in str(understood) or understood.unknown == ("qwertz", "龘")


@pytest.mark.parametrize("query", ["", "   ", "qwertz", "龘", "🐈", "?!"])
def test_a_query_without_a_known_word_finds_nothing_and_says_so(engine, query):
    found = engine.search(query)
    assert len(found.rows) == len(found.scores) == 0
    assert "try another word" in str(found.understood)


def test_spelling_prefers_the_same_length_and_then_the_more_frequent_word():
    assert search.nearest_spelling("kat", ["skate", "cat", "vat"]) == "cat"
    assert search.nearest_spelling("kat", ["vat", "cat"]) == "vat"
    assert search.nearest_spelling("zzz", ["cat"]) is None


def test_the_cosine_in_joined_spaces_is_the_mean_of_both(space, gallery):
    other = search.Space(
        lambda images: np.roll(space.embed_images(images), 1, axis=1), space.embed_texts, space.vocabulary
    )
    both = search.joined(space, other, share=0.25)
    images, texts = gallery.images, ["happy cat", "hat"]
    cosines = [s.embed_texts(texts) @ s.embed_images(images).T for s in (space, other, both)]
    np.testing.assert_allclose(cosines[2], 0.75 * cosines[0] + 0.25 * cosines[1], atol=1e-12)


def test_pairs_hold_each_drawing_with_four_texts():
    pairs = search.bilingual_pairs(["noto"])
    data = load_emoji("noto", "seen")
    assert len(pairs.images) == 4 * len(data)
    assert pairs.with_keywords.sum() == 2 * len(data)
    texts = pairs.vocabulary.decode(pairs.token_ids[pairs.concept_ids == data.concept_ids[0]])
    assert texts[1] == "grinning face"
    assert texts[3].replace(" ", "") == "嘿嘿"
    assert pairs.token_ids.shape[1] <= search.MAX_TOKENS


def test_recall_counts_the_queries_whose_own_item_is_near():
    items = np.eye(3)
    queries = np.array([[1, 0, 0], [1, 0.5, 0], [1, 0.5, 0.2]])
    assert search.recall(queries, items, 1) == pytest.approx(100 / 3)
    assert search.recall(queries, items, 2) == pytest.approx(200 / 3)


def test_precision_counts_all_found_as_hundred_and_knows_chance():
    items = np.eye(4)
    relevance = np.array([[True, False, False, False], [True, True, False, False]])
    queries = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0.5]])
    precision, chance = search.precision_at_k(queries, items, relevance, k=2)
    assert precision == pytest.approx(50)
    assert chance == pytest.approx(100 * np.mean([2 * 0.25 / 1, 2 * 0.5 / 2]))


def test_keywords_that_are_known_and_carried_often_enough(gallery):
    vocabulary = Vocabulary.from_texts(search.texts_of(gallery, "en"), "en")
    relevance = search.keyword_relevance(gallery, "en", vocabulary, least=5)
    assert all(row.sum() >= 5 for row in relevance.values())
    assert "face" in relevance
    assert search.keyword_relevance(gallery, "en", Vocabulary.from_texts(["cat"], "en"), least=5).keys() <= {"cat"}


# --- zero-shot -------------------------------------------------------------------------------------------------------


def test_every_word_of_the_prompts_is_known_to_the_space():
    vocabulary = search.bilingual_pairs(["noto", "twemoji"]).vocabulary
    for named in zero_shot.NAMES.values():
        assert set(named) == set(GROUPS)
        for name, examples in named.values():
            assert all(token in vocabulary for token in vocabulary.tokenize(f"{name} {examples}"))


def test_zero_shot_chooses_the_nearest_class(space):
    assert zero_shot.class_embeddings(space, "en", "examples").shape == (8, len(WORDS))
    with pytest.raises(ValueError, match="unknown prompt 'long'"):
        zero_shot.class_embeddings(space, "en", "long")
    classes = zero_shot.class_embeddings(space, "zh", "name")
    assert zero_shot.predict(space, classes[[0]], "zh", "name").tolist() == [0]


def test_nearest_centroid_by_hand():
    train = np.repeat(np.eye(8), 2, axis=0)
    labels = np.repeat(np.arange(8), 2)
    assert zero_shot.nearest_centroid(train, labels, np.eye(8)[[3, 7]]).tolist() == [3, 7]


# --- indexes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def items() -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(600, 16)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_int8_is_within_half_a_step(items):
    codes, scale = search_index.to_int8(items)
    assert codes.dtype == np.int8
    assert np.abs(codes * scale - items).max() <= scale / 2 + 1e-7


def test_product_quantisation_scores_are_those_of_the_decoded_vectors(items):
    quantiser = search_index.ProductQuantiser.fit(items, parts=4, rng=0)
    codes = quantiser.encode(items)
    assert codes.shape == (600, 4)
    assert codes.dtype == np.uint8
    decoded = np.hstack([quantiser.centres[j][codes[:, j]] for j in range(4)])
    np.testing.assert_allclose(quantiser.scores(items[:5], codes), items[:5] @ decoded.T, atol=1e-5)
    more = search_index.ProductQuantiser.fit(items, parts=8, rng=0)
    exact = items[:50] @ items.T
    kept = [search_index.overlap(exact, q.scores(items[:50], q.encode(items))) for q in (quantiser, more)]
    assert kept[0] < kept[1]


def test_an_inverted_file_that_looks_everywhere_is_exact(items):
    file = search_index.InvertedFile.fit(items, cells=8, rng=0)
    exact = items[:20] @ items.T
    np.testing.assert_array_equal(file.scores(items[:20], items, probes=8), exact)
    some = file.scores(items[:20], items, probes=2)
    assert 0 < np.isfinite(some).mean() < 1
    assert search_index.overlap(exact, exact) == 100
    assert search_index.overlap(exact, some) < 100


def test_k_means_comes_nearer_with_every_round(items):
    def error(rounds):
        centres = search_index.k_means(items, 20, rng=1, rounds=rounds)
        return np.min(((items[:, None] - centres) ** 2).sum(axis=2), axis=1).mean()

    errors = [error(rounds) for rounds in (0, 1, 4, 12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.95 * errors[0]


def test_k_means_moves_a_centre_that_loses_its_points():
    x = np.concatenate([np.zeros((50, 2)), np.ones((50, 2))]).astype(np.float32)
    centres = search_index.k_means(x, 3, rng=0)  # two of the three start on the same point
    assert {tuple(centre) for centre in centres.tolist()} == {(0.0, 0.0), (1.0, 1.0)}


# --- figures ---------------------------------------------------------------------------------------------------------


def test_hits_are_drawn_with_their_queries_also_without_any(engine):
    figure = search_figures.hits(engine, [engine.search("cat"), engine.search("")], "A title")
    written = [text.get_text() for text in figure.axes[0].texts]
    assert "cat" in written
    assert "(empty)" in written
    search_figures.hits(engine, [engine.search("")], "Nothing")


def test_a_query_that_no_font_can_write_gets_its_meaning(engine, monkeypatch):
    monkeypatch.setattr(search_figures, "chinese_font", lambda: None)
    figure = search_figures.hits(engine, [engine.search("猫")], "A title", ["cat (zh)"])
    assert "cat (zh)" in [text.get_text() for text in figure.axes[0].texts]
    figure = search_figures.hits(engine, [engine.search("龘")], "A title")
    written = [text.get_text() for text in figure.axes[0].texts]
    assert "U+9F98" in written
    assert all(char < "\u2e80" for text in written for char in text)  # in the note below the query, too


def test_the_search_box_shows_what_is_typed(engine):
    box, picture = search_figures.search_box(engine).children
    before = bytes(picture.value)
    box.value = "hat"
    after = bytes(picture.value)
    assert after.startswith(b"\x89PNG")
    assert after != before
