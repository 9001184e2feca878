import numpy as np
import pytest
from matplotlib.figure import Figure

from mmlearn.data import GROUPS
from mmlearn.lessons import embeddings as lesson
from mmlearn.lessons import embeddings_figures as figures


@pytest.fixture(scope="module")
def data():
    return lesson.experiment()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_training_and_test_share_neither_concepts_nor_vendors(data):
    assert not set(data.train.concept_ids) & set(data.test.concept_ids)
    assert not set(data.train.families) & set(data.test.families)
    assert not set(data.train.vendors) & set(data.test.vendors)
    np.testing.assert_array_equal(data.test.concept_ids, data.gallery.concept_ids)


def test_one_text_a_concept(data):
    known = lesson.one_per_concept(data.train)
    assert sorted(known.concept_ids) == sorted(set(data.train.concept_ids))
    names, more = lesson.texts_of(known), lesson.texts_of(known, keywords=True)
    assert all(longer[: len(name)] == name for name, longer in zip(names, more, strict=True))


def test_shrinking_keeps_the_mean(rng):
    images = rng.integers(0, 256, size=(2, 32, 32, 3)).astype(np.uint8)
    small = lesson.shrink(images)
    assert small.shape == (2, 192)
    np.testing.assert_allclose(small.reshape(2, 64, 3).mean(axis=1), images.mean(axis=(1, 2)) / 255)


def test_visual_words_are_the_nearest_prototypes(rng):
    patches = rng.normal(size=(3, 4, 5))
    prototypes = rng.normal(size=(6, 5))
    found = lesson.visual_words(patches, prototypes)
    desired = np.linalg.norm(patches[:, :, None] - prototypes, axis=-1).argmin(axis=-1)
    np.testing.assert_array_equal(found, desired)
    chosen = lesson.choose_prototypes(np.repeat(patches, 2, axis=0), 12, rng=1)
    assert len(np.unique(chosen, axis=0)) == 12


def test_bags_leave_padding_and_unknown_out():
    counts = lesson.count_words(np.array([[2, 1, 2, 0], [3, 0, 0, 0]]), 4)
    np.testing.assert_array_equal(counts, [[0, 0, 2, 0], [0, 0, 0, 1]])


def test_values_below_1_all_get_one_vector(rng):
    vectors = lesson.lookup_of_values(rng.random((5, 7)), dimension=3)
    np.testing.assert_allclose(vectors, np.repeat(vectors[:1], 5, axis=0), atol=1e-8)
    assert lesson.found_again(vectors, vectors) == pytest.approx(1 / 5)  # chance, not luck with ties


def test_the_probe_reads_what_is_linearly_there(rng):
    labels = rng.integers(0, 3, 300)
    x = np.eye(3)[labels] @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(300, 6))
    probe = lesson.fit_probe(x[:200], labels[:200], np.arange(200))
    assert np.mean(probe(x[200:]) == labels[200:]) > 0.95
    constant = lesson.fit_probe(np.ones((200, 2)), labels[:200], np.arange(200))
    assert len(set(constant(np.ones((50, 2))))) == 1


def test_found_again_and_neighbours(rng):
    items = rng.normal(size=(20, 8))
    assert lesson.found_again(items, items) == 1
    assert lesson.found_again(items, np.roll(items, 1, axis=0)) == 0
    np.testing.assert_array_equal(lesson.neighbours(items[3:5], items, 2)[:, 0], [3, 4])


def test_typical_words_are_those_of_their_group():
    labels = np.array([0, 0, 1, 1])
    counts = np.array([[0, 0, 1, 0, 1], [0, 0, 1, 0, 1], [0, 0, 0, 2, 1], [0, 0, 0, 1, 1]])
    assert lesson.typical_words(counts, labels, GROUPS[:2], 1) == [2, 3]


def test_training_moves_the_words_of_a_group_together():
    token_ids = np.array([[2, 3], [3, 4], [2, 4], [5, 6], [6, 7], [5, 7]] * 10)
    labels = np.array([0, 0, 0, 1, 1, 1] * 10)
    vectors = lesson.train_words(token_ids, labels, vocabulary_size=8, epochs=15, dimension=4)
    assert not np.allclose(vectors.before, vectors.after)
    unit = vectors.after[2:] / np.linalg.norm(vectors.after[2:], axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert cosines[:3, :3].min() > cosines[:3, 3:].max()


def test_the_trained_network_gives_vectors(rng):
    images = rng.integers(0, 256, size=(12, 32, 32, 3)).astype(np.uint8)
    encoder = lesson.train_cnn(images, np.arange(12) % 8, epochs=1, dimension=5)
    assert encoder.predict(images.astype("float32"), verbose=0).shape == (12, 5)


def test_pictures_on_a_map_do_not_overlap(rng):
    xy = rng.random((200, 2))
    taken = figures.without_overlap(xy, 0.1)
    gaps = np.abs(xy[taken][:, None] - xy[taken]).max(axis=2)
    assert gaps[~np.eye(len(taken), dtype=bool)].min() >= 0.1
    assert taken[0] == 0


def test_figures_are_drawn(rng):
    images = rng.integers(0, 256, size=(6, 32, 32, 3)).astype(np.uint8)
    results = figures.committed_results()
    drawn = [
        figures.vectors_beside_pictures(images[:2], rng.random((2, 8)), ["a", "b"], rng.random((8, 3)), "title"),
        figures.picture_rows([images[:3], images[3:]], ["x", "y"], "title", [["a", "b", "c"]] * 2, gap_after=1),
        figures.picture_map(rng.normal(size=(6, 2)), images, "title"),
        figures.cosine_maps([rng.normal(size=(4, 3))] * 2, ["a", "b"], list("wxyz"), 2, "title"),
        figures.grid_of_numbers(rng.uniform(-1, 1, size=(4, 9)), "title", "x", "y"),
        figures.image_results(results, "title"),
        figures.text_results(results, "title"),
    ]
    for figure in drawn:
        assert isinstance(figure, Figure)
        figure.canvas.draw()


def test_the_committed_results_hold_what_the_lesson_says():
    results = figures.committed_results()

    def mean(part, name, measure):
        return np.mean([run[measure] for run in results[part][name]])

    assert mean("images", "histogram, cast to ids", "group") == pytest.approx(results["most common group"], abs=0.1)
    network, pixels = "small CNN, trained", "pixels, 8 × 8"
    assert mean("images", network, "group") > mean("images", pixels, "group") + 5
    assert mean("images", pixels, "found@1") > mean("images", network, "found@1") + 10
    bag, learnt = "bag of words", "mean of learnt vectors"
    assert mean("texts, the name", bag, "group") > mean("texts, the name", learnt, "group")
