"""The experiments of the lesson on similarity."""

import json

import numpy as np
import pytest

from mmlearn.course import paths
from mmlearn.data import Vocabulary
from mmlearn.lessons import similarity as lesson


def planted(seed: int, rows: int = 400, signal: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two views of one hidden signal, each mixed and drowned in dimensions of its own."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((rows, signal))
    views = []
    for width in (12, 20):
        mixed = np.hstack([hidden, 3 * rng.standard_normal((rows, width - signal))])
        views.append(mixed @ rng.standard_normal((width, width)) + 5)
    return views[0], views[1]


def recall_at_1(similarity: np.ndarray) -> float:
    return float((similarity.argmax(axis=1) == np.arange(len(similarity))).mean())


def test_cca_recovers_a_planted_signal():
    images, texts = planted(seed=0)
    train, test = slice(0, 300), slice(300, 400)
    image_map, text_map, correlations = lesson.fit_cca(images[train], texts[train], dim=3, ridge=1e-6)
    assert (correlations > 0.99).all()
    found = lesson.unit_rows(text_map(texts[test])) @ lesson.unit_rows(image_map(images[test])).T
    assert recall_at_1(found) > 0.95


def test_cca_finds_nothing_where_nothing_is_shared():
    rng = np.random.default_rng(1)
    images, texts = rng.standard_normal((2000, 5)), rng.standard_normal((2000, 6))
    _, _, correlations = lesson.fit_cca(images, texts, dim=5, ridge=1e-6)
    assert correlations.max() < 0.15


def test_cca_correlations_are_those_of_the_embeddings():
    images, texts = planted(seed=2)
    image_map, text_map, correlations = lesson.fit_cca(images, texts, dim=5, ridge=1e-9)
    a, b = image_map(images), text_map(texts)
    measured = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(5)]
    np.testing.assert_allclose(measured, correlations, atol=1e-5)
    np.testing.assert_allclose(a.std(axis=0), correlations, atol=1e-5)


def test_k_occurrence_counts_every_place_once():
    neighbours = np.array([[0, 2], [2, 1], [2, 0]])
    counts = lesson.k_occurrence(neighbours, num_items=5)
    assert counts.tolist() == [2, 1, 3, 0, 0]
    assert counts.sum() == neighbours.size


def test_skewness():
    assert lesson.skewness(np.array([1, 2, 3])) == pytest.approx(0)
    assert lesson.skewness(np.array([0, 0, 0, 0, 10])) == pytest.approx(1.5)
    assert lesson.skewness(np.ones(4)) == 0


def test_look_up_finds_the_picture_itself_and_knows_no_new_concept():
    rng = np.random.default_rng(3)
    train = rng.standard_normal((6, 4))
    similarity = lesson.name_lookup(np.array([7, 9]), train[:3], train, np.array([5, 7, 7, 5, 5, 5]))
    assert similarity[0, 1] == pytest.approx(1)
    assert similarity[0, 2] == pytest.approx(1)
    assert similarity[0, 0] < 0.999
    assert (similarity[1] == -1).all()


def test_closing_the_gap_closes_it():
    rng = np.random.default_rng(4)
    images = rng.standard_normal((500, 8)) + 0.5
    texts = rng.standard_normal((500, 8)) - 0.5
    before = lesson.modality_gap(images, texts)
    assert before > 0.3
    np.testing.assert_allclose(lesson.shift_towards(texts, images, 0.0), lesson.unit_rows(texts))
    assert lesson.modality_gap(images, lesson.shift_towards(texts, images, 1.0)) < 0.25 * before


def test_image_features_see_colour_and_edges():
    images = np.full((3, 32, 32, 3), 255, np.uint8)
    images[1, :, 16:] = 0  # a vertical edge
    images[2, 16:, :] = 0  # a horizontal edge
    features = lesson.image_features(images)
    assert features.shape == (3, 320)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    edges = lesson.edge_features(images).reshape(3, 16, 8)
    assert edges[0].sum() == 0
    assert edges[1].sum(axis=0).argmax() == 0  # the gradient runs along x
    assert edges[2].sum(axis=0).argmax() == 4  # along y


def test_text_features_ignore_unknown_words():
    vocabulary = Vocabulary.from_texts(["red apple", "red fish"])
    bags = lesson.text_features(["apple apple", "green thing", ""], vocabulary)
    assert bags.sum(axis=1).tolist() == [1, 0, 0]
    assert bags[0, vocabulary.tokens.index("apple")] == 1


def test_recall_falls_with_the_gallery_and_is_repeatable():
    rng = np.random.default_rng(5)
    similarity = rng.standard_normal((200, 200)) + 2 * np.eye(200)

    def recall(part, targets, k):
        return recall_at_1(part)

    first = lesson.recall_by_gallery_size(similarity, [5, 50, 200], recall, seed=0)
    assert first == lesson.recall_by_gallery_size(similarity, [5, 50, 200], recall, seed=0)
    assert first[0] > first[1] > first[2]


def test_the_stored_measurements_hold_what_the_lesson_draws():
    stored = json.loads((paths.ROOT / "benchmarks" / "results" / "similarity.json").read_text(encoding="utf-8"))
    assert len(stored["seeds"]) >= 3
    for method in ("infonce", "sigmoid", "two random maps"):
        assert len(stored["runs"][method]) == len(stored["seeds"])
    for run in stored["runs"]["two random maps"]:
        for name, size in stored["gallery"].items():
            assert run[name]["plain"]["recall@10"] < 3 * 1000 / size, "without a shared space it is chance"


def test_towers_give_the_same_weights_for_the_same_seed_and_no_concept_twice_in_a_batch():
    towers = pytest.importorskip("mmlearn.lessons.similarity_towers")
    rng = np.random.default_rng(6)
    images, texts = rng.standard_normal((24, 5)).astype("float32"), rng.standard_normal((24, 7)).astype("float32")
    concept_ids = np.repeat(np.arange(8), 3)

    def trained() -> np.ndarray:
        model = towers.make_towers(5, 7, seed=3)
        batches = towers.OneDrawingPerConcept(images, texts, concept_ids, batch_size=4, seed=3)
        assert len(batches) == 2
        assert len({concept_ids[row] for row in batches.rows}) == 8
        model.fit(batches, epochs=2, verbose=0)
        return towers.embed(model, images, texts)[0]

    np.testing.assert_allclose(trained(), trained(), atol=1e-6)
