"""The long tail, the measures and the plots of lesson 06; its training in the smallest possible size."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmlearn.data import NEAR_VENDOR, TRAIN_VENDORS
from mmlearn.lessons import imbalance as lesson
from mmlearn.lessons import imbalance_figures as figures
from mmlearn.lessons import imbalance_modalities as two


@pytest.fixture(scope="module")
def data():
    return lesson.long_tail()


def test_the_tail_falls_by_20_to_1(data):
    concepts = [len(np.unique(data.train.concept_ids[data.train.groups == group])) for group in data.classes]
    assert concepts[0] == 20 * concepts[-1] == lesson.HEAD_CONCEPTS
    ratios = np.array(concepts[:-1]) / concepts[1:]
    assert np.all((ratios > 1.3) & (ratios < 1.8))


def test_the_three_sets_share_no_concept_and_no_family_with_the_test(data):
    sets = [set(part.concept_ids.tolist()) for part in (data.train, data.validation, data.test)]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    assert not set(data.test.families) & (set(data.train.families) | set(data.validation.families))
    assert set(data.test.vendors) == {NEAR_VENDOR}
    assert set(data.train.vendors) == set(TRAIN_VENDORS)


def test_the_cut_is_the_same_every_time(data):
    again = lesson.long_tail()
    assert np.array_equal(again.train.concept_ids, data.train.concept_ids)
    assert again.classes == data.classes


def test_labels_count_from_head_to_tail(data):
    counts = np.bincount(data.labels(data.train))
    assert len(counts) == 8
    assert np.all(np.diff(counts) < 0)


def test_evenly_takes_distinct_items_of_the_whole_range():
    chosen = lesson.evenly(np.arange(100), 7)
    assert len(set(chosen.tolist())) == 7
    assert chosen[0] == 0
    assert chosen[-1] > 80


def test_shuffled_batches_hold_each_sample_at_most_once():
    batches = lesson.shuffled_batches(np.zeros(23), 5, np.random.default_rng(0))
    assert [len(batch) for batch in batches] == [5] * 4
    assert len(set(np.concatenate(batches).tolist())) == 20


@pytest.mark.parametrize(
    ("gamma", "offset"), [(0.0, None), (2.0, None), (0.0, [0.5, -1.0, 0.0])], ids=["plain", "focal", "adjusted"]
)
def test_the_loss_in_keras_is_the_one_of_the_formula(gamma, offset):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(6, 3)), rng.integers(3, size=6)
    shifted = logits if offset is None else logits + np.array(offset)
    p = lesson.softmax(shifted)[np.arange(6), labels]
    loss = lesson.softmax_loss(3, gamma, None if offset is None else np.array(offset))
    actual = np.asarray(loss(np.eye(3, dtype=np.float32)[labels], logits.astype(np.float32)))
    assert actual == pytest.approx((1 - p) ** gamma * -np.log(p), rel=1e-3)


def test_a_classifier_learns_what_is_plain_to_see():
    images = np.zeros((128, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(128) % 2
    images[labels == 1] = 255
    model = lesson.train_classifier(images, labels, 2, seed=0, epochs=8)
    assert np.mean(lesson.logits_of(model, images).argmax(axis=1) == labels) == 1


def test_moved_thresholds_undo_an_unfair_offset():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 20, 8])
    logits = 4 * np.eye(3)[labels] + rng.normal(size=(88, 3)) * 0.3 + np.array([3.0, 0.0, -3.0])
    moved = logits + lesson.move_thresholds(logits, labels)
    assert np.mean(moved.argmax(axis=1) == labels) == 1
    assert np.mean(logits.argmax(axis=1) == labels) < 1


def test_moved_thresholds_leave_alone_what_is_right():
    logits = 5 * np.eye(3)[[0, 1, 2, 0]]
    assert lesson.move_thresholds(logits, np.array([0, 1, 2, 0])).tolist() == [0, 0, 0]


def test_calibration_error_of_known_cases():
    sure = np.array([[1.0, 0.0]] * 4)
    assert lesson.calibration_error(sure, np.array([0, 0, 0, 0])) == 0
    assert lesson.calibration_error(sure, np.array([0, 0, 1, 1])) == pytest.approx(0.5)
    honest = np.array([[0.75, 0.25]] * 4)
    assert lesson.calibration_error(honest, np.array([0, 0, 0, 1])) == pytest.approx(0)


def test_reliability_counts_every_sample_once():
    rng = np.random.default_rng(0)
    probabilities = lesson.softmax(rng.normal(size=(50, 4)))
    table = lesson.reliability(probabilities, rng.integers(4, size=50))
    assert table["count"].sum() == 50
    assert np.isnan(table["accuracy"][table["count"] == 0]).all()


def test_pairs_of_the_two_modalities_belong_together():
    train, test, size = two.load_pairs()
    assert len(train.images) == len(train.token_ids) == len(train.labels)
    assert train.token_ids.max() == size - 1
    assert len(test.images) == len(test.labels)


@pytest.mark.parametrize("modulate", ["gradients", "steps"])
def test_a_coefficient_of_0_stops_the_image_encoder(modulate):
    rng = np.random.default_rng(0)
    train = two.Pairs(
        rng.integers(256, size=(2 * lesson.BATCH_SIZE, 32, 32, 3)).astype(np.uint8),
        rng.integers(2, 9, size=(2 * lesson.BATCH_SIZE, 3)).astype(np.int32),
        rng.integers(8, size=2 * lesson.BATCH_SIZE),
    )

    def stop_the_image(image, text, labels, alpha):
        assert image.shape == text.shape == (lesson.BATCH_SIZE, 8)
        assert image.sum(axis=1) == pytest.approx(np.ones(lesson.BATCH_SIZE), abs=1e-4)
        return 0.0, 1.0

    def weights_after(epochs):
        model = two.train_fused(train, 10, stop_the_image, 0, epochs=epochs, modulate=modulate)
        return [two._values(encoder) for encoder in model.encoders], model

    (image_once, text_once), _ = weights_after(1)
    (image_later, text_later), model = weights_after(2)
    # Two batches: the first goes unhindered, as coefficients act on the next. Adam's momentum outlives a gradient of 0.
    tolerance = 1e-6 if modulate == "steps" else 0.02
    assert all(np.allclose(a, b, atol=tolerance) for a, b in zip(image_once, image_later, strict=True))
    assert not all(np.allclose(a, b, atol=1e-6) for a, b in zip(text_once, text_later, strict=True))
    assert len(model.rho) == 4
    assert 0 <= model.accuracy(train, two.TEXT) <= 1


def test_the_stored_results_hold_five_seeds_of_every_way():
    for part, way in (("classes", "plain"), ("modalities", "fused")):
        results = figures.load_results(part)
        assert list(results) == ["0", "1", "2", "3", "4"]
        assert all(list(found) == list(results["0"]) and way in found for found in results.values())


def test_plots_are_figures_of_their_own(data):
    classes, modalities = figures.load_results("classes"), figures.load_results("modalities")
    matrix = np.diag(np.arange(1, 9))
    drawn = [
        figures.class_bars(data.classes, np.arange(8, 0, -1)),
        figures.prior_moves_the_border(),
        figures.focal_curves(),
        figures.confusion_pair({"a": matrix, "b": matrix}, data.classes),
        figures.tau_sweep(np.linspace(0, 1, 3), {"x": [0.1, 0.2, 0.3]}, "title"),
        figures.cures_compared(classes),
        figures.price(classes, ["plain", "focal loss"], data.classes),
        figures.reliability_diagram(classes, ["plain", "focal loss"]),
        figures.rho_curves({"x": [1.0, 0.5]}, "title"),
        figures.ways_compared(modalities, "title"),
        figures.versions_shown(data.train.images[0], data.train.images[:3], "title"),
    ]
    assert all(isinstance(figure, Figure) for figure in drawn)
