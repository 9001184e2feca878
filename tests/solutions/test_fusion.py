"""The reference answers to `fusion` against live oracles, and over inputs that Hypothesis thinks of."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, log_softmax

from mmlearn.contestant.load import load_module
from mmlearn.course import paths

fusion = load_module(paths.solution_file("fusion"))

numbers = st.floats(-100, 100, width=32)


def matrix(rows, columns, elements=numbers):
    return arrays(np.float64, (rows, columns), elements=elements)


def test_the_worked_examples_are_right():
    outcome = doctest.testmod(fusion)
    assert outcome.attempted >= 7
    assert outcome.failed == 0


@settings(deadline=None)
@given(matrix(4, 3), matrix(4, 5))
def test_early_fusion_gives_both_an_equal_say(x, t):
    fused = fusion.early_fusion(x, t)
    lengths = np.linalg.norm(fused[:, :3], axis=1), np.linalg.norm(fused[:, 3:], axis=1)
    for length, given_rows in zip(lengths, (x, t), strict=True):
        usual = np.linalg.norm(given_rows, axis=1) > 1e-9
        np.testing.assert_allclose(length[usual], 1, rtol=1e-6)
    zero = ~x.any(axis=1)
    assert not fused[zero, :3].any()


@settings(deadline=None)
@given(matrix(3, 4, st.floats(-1e4, 1e4)), matrix(3, 4, st.floats(-1e4, 1e4)), st.floats(0, 1))
def test_late_fusion_is_a_log_softmax_of_the_mixture(a, b, weight):
    fused = fusion.late_fusion(a, b, weight)
    np.testing.assert_allclose(np.exp(fused).sum(axis=1), 1, rtol=1e-9)
    # whether each model is normalised first makes no difference
    desired = log_softmax(weight * log_softmax(a, axis=1) + (1 - weight) * log_softmax(b, axis=1), axis=1)
    np.testing.assert_allclose(fused, desired, rtol=1e-9, atol=1e-7)


def test_late_fusion_cannot_learn_whether_a_pair_matches():
    """The claim of lesson and answers: what is a sum of logits has equal gaps, whatever the models."""
    rng = np.random.default_rng(0)
    f, g = rng.normal(size=(2, 2)), rng.normal(size=(2, 2))
    image, text = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    log_p = fusion.late_fusion(f[image], g[text], 0.3)
    score = log_p[:, 1] - log_p[:, 0]
    np.testing.assert_allclose(score[0] + score[3], score[1] + score[2])


@settings(deadline=None)
@given(matrix(4, 2), matrix(4, 3), st.integers(0, 100))
def test_gated_fusion_lies_between_its_two_sides(x, t, seed):
    rng = np.random.default_rng(seed)
    image_weights, text_weights, gate_weights = (rng.normal(size=shape) for shape in [(2, 5), (3, 5), (5, 5)])
    fused, gate = fusion.gated_fusion(x, t, image_weights, text_weights, gate_weights)
    np.testing.assert_allclose(gate, expit(np.hstack([x, t]) @ gate_weights), atol=1e-12)
    h, k = np.tanh(x @ image_weights), np.tanh(t @ text_weights)
    assert np.all(fused >= np.minimum(h, k) - 1e-12)
    assert np.all(fused <= np.maximum(h, k) + 1e-12)


def test_film_is_a_restricted_bilinear_form():
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    gamma_weights, beta_weights = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    restricted = np.einsum("ic,jc->ijc", np.eye(4), gamma_weights)
    desired = x + np.einsum("ni,nj,ijc->nc", x, t, restricted) + t @ beta_weights
    np.testing.assert_allclose(fusion.film(x, t, gamma_weights, beta_weights), desired)


def test_film_commutes_with_pooling_over_places():
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(3, 5, 6, 4)), rng.normal(size=(3, 2))
    weights = rng.normal(size=(2, 2, 4))
    pooled_last = fusion.film(x, t, *weights).mean(axis=(1, 2))
    np.testing.assert_allclose(pooled_last, fusion.film(x.mean(axis=(1, 2)), t, *weights))


def test_low_rank_bilinear_is_bilinear_with_a_tensor_of_low_rank():
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(7, 4)), rng.normal(size=(7, 5))
    u, v, p = rng.normal(size=(4, 2)), rng.normal(size=(5, 2)), rng.normal(size=(2, 6))
    tensor = np.einsum("ir,jr,rk->ijk", u, v, p)
    assert all(np.linalg.matrix_rank(tensor[:, :, k]) <= 2 for k in range(6))
    bilinear = np.einsum("ni,nj,ijk->nk", x, t, tensor)
    np.testing.assert_allclose(fusion.low_rank_bilinear(x, t, u, v, p), bilinear)


def test_a_linear_layer_on_tensor_fusion_is_affine_in_each_modality():
    rng = np.random.default_rng(4)
    x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    products, images, texts, bias = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=2), 0.7
    weights = np.block([[products, images[:, None]], [texts[None], np.array([[bias]])]]).reshape(-1)
    desired = np.einsum("ni,nj,ij->n", x, t, products) + x @ images + t @ texts + bias
    np.testing.assert_allclose(fusion.tensor_fusion(x, t) @ weights, desired)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**32), st.integers(0, 40))
def test_modality_dropout_never_takes_both(rate, seed, rows):
    x, t = np.ones((rows, 2)), np.ones((rows, 3))
    image, text = fusion.modality_dropout(x, t, rate, seed)
    assert np.all((image[:, 0] > 0) | (text[:, 0] > 0))
    kept = 1 / (1 - rate / 2)
    assert {*np.unique(image), *np.unique(text)} <= {0.0, kept}


@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_modality_dropout_keeps_the_mean(rate):
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(1, 3)), rng.normal(size=(1, 2))
    many = 200_000
    image, text = fusion.modality_dropout(np.repeat(x, many, axis=0), np.repeat(t, many, axis=0), rate, rng)
    np.testing.assert_allclose(image.mean(axis=0), x[0], atol=0.02)
    np.testing.assert_allclose(text.mean(axis=0), t[0], atol=0.02)
