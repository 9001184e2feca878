"""The reference answers of `imbalance` against scikit-learn and Keras, and properties of random inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.quiet import keras

imbalance = load_module(paths.solution_file("imbalance"))

seeds = st.integers(0, 2**32 - 1)
some_labels = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)


def answers(seed, num_classes=5, size=80):
    rng = np.random.default_rng(seed)
    labels = rng.choice(num_classes, size=size, p=np.arange(1, num_classes + 1) / sum(range(num_classes + 1)))
    return labels, np.where(rng.random(size) < 0.5, labels, rng.integers(num_classes, size=size))


@pytest.mark.parametrize("seed", range(10))
def test_measures_are_those_of_scikit_learn(seed):
    labels, predictions = answers(seed)
    matrix = metrics.confusion_matrix(labels, predictions, labels=range(5))
    assert np.array_equal(imbalance.confusion_matrix(labels, predictions, 5), matrix)
    assert imbalance.macro_f1(labels, predictions, 5) == pytest.approx(
        metrics.f1_score(labels, predictions, average="macro", zero_division=0)
    )
    predictions = np.where(np.isin(predictions, labels), predictions, labels)  # scikit-learn warns otherwise
    assert imbalance.balanced_accuracy(labels, predictions, 5) == pytest.approx(
        metrics.balanced_accuracy_score(labels, predictions)
    )


@given(labels=some_labels)
def test_balanced_weights_are_those_of_scikit_learn(labels):
    present = np.unique(labels)
    weights = imbalance.class_weights(labels, 6, "balanced")
    assert weights[present] == pytest.approx(compute_class_weight("balanced", classes=present, y=labels))
    assert not weights[np.setdiff1d(np.arange(6), present)].any()


@given(labels=some_labels, method=st.sampled_from(["balanced", "effective"]), beta=st.floats(0, 0.9999))
def test_weights_are_1_on_average_over_the_samples(labels, method, beta):
    assert imbalance.class_weights(labels, 6, method, beta)[labels].mean() == pytest.approx(1)


def test_the_effective_number_lies_between_equal_and_balanced():
    labels = np.repeat([0, 1], [90, 10])
    assert imbalance.class_weights(labels, 2, "effective", 0.0) == pytest.approx([1, 1])
    assert imbalance.class_weights(labels, 2, "effective", 1 - 1e-9) == pytest.approx(
        imbalance.class_weights(labels, 2), rel=1e-5
    )


@pytest.mark.parametrize("seed", range(5))
def test_losses_are_those_of_scikit_learn_and_keras(seed):
    rng = np.random.default_rng(seed)
    logits, labels, weights = rng.normal(size=(20, 4)), rng.integers(4, size=20), rng.random(4) + 0.1
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = metrics.log_loss(labels, p, sample_weight=weights[labels], labels=range(4))
    assert imbalance.weighted_cross_entropy(logits, labels, weights) == pytest.approx(expected)
    focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True)
    assert imbalance.focal_loss(logits, labels, gamma=2.0) == pytest.approx(
        float(focal(np.eye(4)[labels], logits)), rel=1e-4
    )
    assert imbalance.focal_loss(logits, labels, gamma=0.0) == pytest.approx(
        imbalance.weighted_cross_entropy(logits, labels, np.ones(4))
    )


@given(scale=st.floats(-1e4, 1e4), gamma=st.floats(0, 5))
def test_losses_are_finite_for_huge_logits(scale, gamma):
    logits, labels = np.array([[scale, 0.0, -scale]] * 3), np.arange(3)
    assert np.isfinite(imbalance.weighted_cross_entropy(logits, labels, np.ones(3)))
    assert np.isfinite(imbalance.focal_loss(logits, labels, gamma))


def test_logit_adjustment_is_bayes_rule_of_two_bells():
    """Posterior logits of two unit normals at 0 and 2, adjusted, cross half-way whatever the shares."""
    x = np.array([0.9, 1.1])
    logits = np.stack([-(x**2) / 2 + np.log(0.95), -((x - 2) ** 2) / 2 + np.log(0.05)], axis=1)
    assert logits.argmax(axis=1).tolist() == [0, 0]
    assert imbalance.logit_adjustment(logits, np.array([95, 5])).argmax(axis=1).tolist() == [0, 1]


def test_the_margin_form_of_the_adjusted_loss():
    """-log softmax(z + log π)_y = log(1 + Σ (π_c / π_y) exp(z_c - z_y)), as the interview answer says."""
    rng = np.random.default_rng(0)
    z, counts = rng.normal(size=(1, 4)), np.array([50, 30, 15, 5])
    inside = imbalance.logit_adjustment(z, counts, tau=-1.0)
    for y in range(4):
        others = np.arange(4) != y
        expected = np.log1p(np.sum((counts / counts[y] * np.exp(z[0] - z[0, y]))[others]))
        assert imbalance.weighted_cross_entropy(inside, np.array([y]), np.ones(4)) == pytest.approx(expected)


@given(labels=some_labels, fraction=st.floats(0.05, 0.95), seed=seeds)
def test_a_split_keeps_every_class_to_within_one(labels, fraction, seed):
    train, held_out = imbalance.stratified_split(labels, fraction, seed)
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(len(labels)))
    for label in np.unique(labels):
        total, out = np.sum(labels == label), np.sum(labels[held_out] == label)
        assert abs(out - fraction * total) <= 1
        assert total == 1 or 0 < out < total


@settings(deadline=None)
@given(labels=some_labels, extra=st.integers(0, 9), seed=seeds)
def test_batches_are_balanced_and_samples_take_turns(labels, extra, seed):
    classes = np.unique(labels)
    size = len(classes) + extra
    batches = imbalance.balanced_batches(labels, size, seed)
    assert len(batches) == max(1, len(labels) // size)
    uses = np.bincount(np.concatenate(batches), minlength=len(labels))
    for label in classes:
        for batch in batches:
            assert size // len(classes) <= np.sum(labels[batch] == label) <= -(-size // len(classes))
        assert np.ptp(uses[labels == label]) <= 1


@given(seed=seeds, max_shift=st.integers(0, 3), colour=st.floats(0, 0.5))
def test_augment_keeps_shape_type_and_the_original(seed, max_shift, colour):
    images = np.random.default_rng(seed).integers(256, size=(3, 6, 5, 3)).astype(np.uint8)
    before = images.copy()
    result = imbalance.augment(images, seed, max_shift, colour)
    assert (result.shape, result.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before)
    assert np.array_equal(result, imbalance.augment(images, np.random.default_rng(seed), max_shift, colour))


@given(seed=seeds, alpha=st.floats(0, 5))
def test_at_most_one_modality_is_slowed(seed, alpha):
    rng = np.random.default_rng(seed)
    image, text, labels = rng.dirichlet(np.ones(4), size=6), rng.dirichlet(np.ones(4), size=6), rng.integers(4, size=6)
    pair = imbalance.modality_balance(image, text, labels, alpha)
    assert all(0 <= k <= 1 for k in pair)
    assert max(pair) == 1
    assert imbalance.modality_balance(text, image, labels, alpha) == pair[::-1]
