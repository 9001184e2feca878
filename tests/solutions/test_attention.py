"""The reference answers of `attention`, against libraries, by properties, and by what the interview answers claim."""

import doctest

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mmlearn.contestant.load import load_module
from mmlearn.course import paths

solution = load_module(paths.solution_file("attention"))

FLOATS = st.floats(-50, 50, allow_subnormal=False)


def forall(*strategies):
    """`given`, with fewer examples than usual and no clock."""
    return lambda test: settings(max_examples=50, deadline=None)(given(*strategies)(test))


@st.composite
def qkv(draw, with_mask=False):
    """q (L, D), k (P, D), v (P, E), and a mask (L, P) if asked for."""
    length, positions, d, e = (draw(st.integers(1, 5)) for _ in range(4))
    shapes = [(length, d), (positions, d), (positions, e)]
    inputs = tuple(draw(arrays(float, shape, elements=FLOATS)) for shape in shapes)
    return (*inputs, draw(arrays(bool, (length, positions)))) if with_mask else inputs


def test_the_worked_examples_are_right():
    outcome = doctest.testmod(solution)
    assert outcome.attempted >= 6
    assert outcome.failed == 0


# --- softmax --------------------------------------------------------------------------------------------------------


@forall(arrays(float, array_shapes(max_dims=3, max_side=5), elements=st.floats(-1e4, 1e4)), st.integers(-1, 0))
def test_softmax_is_that_of_scipy(logits, axis):
    np.testing.assert_allclose(solution.softmax(logits, axis), scipy.special.softmax(logits, axis), atol=1e-12)


@forall(arrays(float, (3, 4), elements=FLOATS), st.floats(-1e4, 1e4))
def test_softmax_does_not_change_when_all_scores_are_shifted(logits, shift):
    np.testing.assert_allclose(solution.softmax(logits + shift), solution.softmax(logits), atol=1e-9)


# --- scaled_dot_product_attention -----------------------------------------------------------------------------------


@forall(qkv())
def test_the_output_is_a_mean_of_the_values(inputs):
    output, weights = solution.scaled_dot_product_attention(*inputs)
    v = inputs[2]
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (output <= v.max(axis=0) + 1e-9).all()
    assert (output >= v.min(axis=0) - 1e-9).all()


@forall(qkv(with_mask=True))
def test_a_masked_key_might_as_well_not_be_there(inputs):
    q, k, v, mask = inputs
    output, weights = solution.scaled_dot_product_attention(q, k, v, mask)
    for i, row in enumerate(mask):
        assert (weights[i, ~row] == 0).all()
        if row.any():
            alone, _ = solution.scaled_dot_product_attention(q[i : i + 1], k[row], v[row])
            np.testing.assert_allclose(output[i], alone[0], atol=1e-9)
        else:
            assert (output[i] == 0).all()


@forall(qkv(), st.randoms())
def test_the_order_of_the_positions_does_not_matter(inputs, random):
    q, k, v = inputs
    order = random.sample(range(len(k)), len(k))
    output, weights = solution.scaled_dot_product_attention(q, k, v)
    shuffled, shuffled_weights = solution.scaled_dot_product_attention(q, k[order], v[order])
    np.testing.assert_allclose(shuffled, output, atol=1e-9)
    np.testing.assert_allclose(shuffled_weights, weights[:, order], atol=1e-12)


@pytest.mark.parametrize("d", [4, 64, 1024])
def test_the_scale_keeps_the_variance_of_the_scores_at_1(d):
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 400, d))
    assert np.var(q @ k.T) / d == pytest.approx(1, rel=0.1)


def test_masking_after_the_softmax_leaves_less_than_1_and_a_large_negative_number_looks_at_what_is_forbidden():
    # the claims of the question `attention-masks`
    scores, mask = np.array([[1.0, 2.0, 3.0]]), np.array([[True, True, False]])
    assert (solution.softmax(scores) * mask).sum() < 0.5
    assert solution.softmax(np.where(mask, scores, -np.inf)).sum() == pytest.approx(1)
    np.testing.assert_allclose(solution.softmax(np.full((1, 3), -1e9)), 1 / 3)


# --- attention_backward ---------------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_keras():
    from mmlearn.quiet import keras  # isort: skip
    import tensorflow as tf

    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 6))
    grad_output = rng.normal(size=(2, 3, 6))
    variables = [tf.Variable(x) for x in (q, k, v)]
    with tf.GradientTape() as tape:
        scores = keras.ops.matmul(variables[0], keras.ops.transpose(variables[1], (0, 2, 1))) / 2.0
        loss = keras.ops.sum(keras.ops.matmul(keras.ops.softmax(scores), variables[2]) * grad_output)
    for mine, keras_gradient in zip(
        solution.attention_backward(grad_output, q, k, v), tape.gradient(loss, variables), strict=True
    ):
        np.testing.assert_allclose(mine, keras_gradient, atol=1e-10)


def test_each_row_of_the_gradient_of_the_scores_sums_to_0():
    # so that keys which are all alike give the queries no gradient
    rng = np.random.default_rng(0)
    k = np.tile(rng.normal(size=4), (5, 1))
    grad_q, _, _ = solution.attention_backward(
        rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), k, rng.normal(size=(5, 2))
    )
    np.testing.assert_allclose(grad_q, 0, atol=1e-12)


def test_without_the_scale_the_gradient_dies():
    # the claim of the question `attention-scaling-and-gradient`: the median size of the gradient of the scores
    rng = np.random.default_rng(0)
    sizes = {}
    for scale in (1, 256**0.5):  # times the usual 1 / sqrt(D)
        q, k = rng.standard_normal((2, 200, 8, 256))
        v, grad_output = rng.standard_normal((2, 200, 8, 256))
        grad_q, _, _ = solution.attention_backward(grad_output, scale * q, k, v)
        sizes[scale] = np.median(np.linalg.norm(grad_q, axis=-1))
    assert sizes[256**0.5] < 0.1 * sizes[1]


# --- multi_head_cross_attention -------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_cross_attention_is_the_layer_of_keras(masked):
    from mmlearn.quiet import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    text = rng.normal(size=(2, 3, 8)).astype(np.float32)
    patches = rng.normal(size=(2, 9, 12)).astype(np.float32)
    layer = keras.layers.MultiHeadAttention(num_heads=4, key_dim=5, value_dim=6, output_shape=7)
    layer(text, patches)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])  # biases too
    mask = rng.random((2, 3, 9)) < 0.6 if masked else None
    if masked:
        mask[..., 0] = True
    desired, scores = layer(text, patches, attention_mask=mask, return_attention_scores=True)
    output, weights = solution.multi_head_cross_attention(text, patches, layer.get_weights(), mask)
    np.testing.assert_allclose(output, desired, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(weights, scores, rtol=1e-4, atol=1e-5)


def test_a_mask_without_leading_axes_broadcasts():
    rng = np.random.default_rng(0)
    shapes = [(4, 2, 3), (2, 3), (6, 2, 3), (2, 3), (6, 2, 5), (2, 5), (2, 5, 7), (7,)]
    weights = [rng.normal(size=shape) for shape in shapes]
    text, patches = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 6))
    mask = np.array([True, True, False, True, False])
    for short in (mask, mask[None], np.tile(mask, (3, 1))):
        full = np.broadcast_to(short, (2, 3, 5))
        np.testing.assert_allclose(
            solution.multi_head_cross_attention(text, patches, weights, short)[0],
            solution.multi_head_cross_attention(text, patches, weights, full)[0],
        )


# --- attention_entropy ----------------------------------------------------------------------------------------------


@forall(arrays(float, (3, 5), elements=st.sampled_from([0.0, 0.5, 1.0, 3.0])))
def test_attention_entropy_is_that_of_scipy(counts):
    counts[:, 0] += 1
    weights = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(solution.attention_entropy(weights), scipy.stats.entropy(weights, axis=1), atol=1e-12)


# --- pointing_game --------------------------------------------------------------------------------------------------


@forall(
    arrays(float, (4, 6), elements=st.sampled_from([0.0, 0.5, 1.0])),
    arrays(bool, (4, 6)),
    st.integers(0, 10),
)
def test_pointing_game_is_what_random_choices_among_the_best_earn(weights, masks, seed):
    masks[:, 0] = True
    rng = np.random.default_rng(seed)
    earned = []
    for _ in range(400):
        best = np.argmax(weights + 0.1 * rng.random(weights.shape), axis=1)
        earned.append(masks[np.arange(4), best].mean())
    assert solution.pointing_game(weights, masks) == pytest.approx(np.mean(earned), abs=0.1)


@forall(arrays(bool, (3, 8)))
def test_a_flat_map_gets_the_level_of_chance(masks):
    masks[:, 0] = True
    assert solution.pointing_game(np.ones((3, 8)), masks) == pytest.approx(masks.mean())
