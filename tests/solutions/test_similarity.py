"""The reference answers of `similarity`, against libraries, by properties, and by what the interview answers claim."""

import doctest
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import approx_fprime
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, softmax
from scipy.stats import rankdata
from sklearn.metrics import top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine
from sklearn.metrics.pairwise import euclidean_distances as sklearn_euclidean
from sklearn.preprocessing import normalize as sklearn_normalize

from mmlearn.contestant.load import load_module
from mmlearn.course import paths

solution = load_module(paths.solution_file("similarity"))

FLOATS = st.floats(-100, 100, allow_subnormal=False)
SCORES = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0])  # few, so that ties are common


def forall(*strategies):
    """`given`, with fewer examples than usual and no clock."""
    return lambda test: settings(max_examples=50, deadline=None)(given(*strategies)(test))


rows = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=FLOATS)


@st.composite
def two_batches(draw, same_number=False):
    """a of (N, D) and b of (M, D), or of (N, D) as well."""
    n, m, d = (draw(st.integers(1, 6)) for _ in range(3))
    a = draw(arrays(float, (n, d), elements=FLOATS))
    return a, draw(arrays(float, (n if same_number else m, d), elements=FLOATS))


score_matrices = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=SCORES)


@st.composite
def retrieval(draw):
    """A similarity with ties, and targets."""
    similarity = draw(score_matrices)
    n, m = similarity.shape
    return similarity, draw(arrays(np.int64, n, elements=st.integers(0, m - 1)))


def test_the_worked_examples_are_right():
    outcome = doctest.testmod(solution)
    assert outcome.attempted >= 9
    assert outcome.failed == 0


# --- l2_normalize ---------------------------------------------------------------------------------------------------


@forall(rows)
def test_l2_normalize_is_that_of_scikit_learn(x):
    # scikit-learn squares before it scales, so it is asked about ordinary lengths and about 0 only.
    assume(all(length == 0 or length > 1e-9 for length in np.linalg.norm(x, axis=1)))
    np.testing.assert_allclose(solution.l2_normalize(x), sklearn_normalize(x), atol=1e-12)


@forall(rows, st.integers(-250, 250))
def test_l2_normalize_gives_length_1_at_every_scale(x, exponent):
    assume((np.abs(x).max(axis=1) > 1e-3).all())
    unit = solution.l2_normalize(x * 10.0**exponent, eps=1e-300)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-12)


@forall(
    arrays(float, array_shapes(max_dims=3, max_side=4), elements=FLOATS), st.sampled_from([1e-12, 0.1, 3.0]), st.data()
)
def test_l2_normalize_divides_by_the_larger_of_length_and_eps(x, eps, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    length = np.linalg.norm(x, axis=axis, keepdims=True)
    expected = x / np.maximum(length, eps)
    np.testing.assert_allclose(solution.l2_normalize(x, axis=axis, eps=eps), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_keep_their_dtype(dtype):
    x = np.array([[3, 4], [1, 2]], dtype=dtype)
    for result in (
        solution.l2_normalize(x),
        solution.cosine_similarity(x, x),
        solution.euclidean_distance(x, x),
        solution.csls(x, 1),
    ):
        assert result.dtype == dtype
    assert solution.top_k(x, 1).dtype == np.int64
    for number in (solution.info_nce_loss(x, x), solution.sigmoid_pair_loss(x, x, 10.0, -10.0)):
        assert type(number) is float


# --- cosine_similarity, euclidean_distance --------------------------------------------------------------------------


@forall(two_batches())
def test_cosine_similarity_is_that_of_scikit_learn(batches):
    a, b = batches
    assume(all(length == 0 or length > 1e-9 for length in np.linalg.norm(np.concatenate([a, b]), axis=1)))
    np.testing.assert_allclose(solution.cosine_similarity(a, b), sklearn_cosine(a, b), atol=1e-12)


@forall(two_batches(), st.floats(0.01, 100))
def test_cosine_similarity_is_bounded_symmetric_and_blind_to_length(batches, factor):
    a, b = batches
    assume(all(length == 0 or length > 1e-3 for length in np.linalg.norm(np.concatenate([a, b]), axis=1)))
    cosine = solution.cosine_similarity(a, b)
    assert np.abs(cosine).max() <= 1
    np.testing.assert_allclose(cosine, solution.cosine_similarity(b, a).T, atol=1e-12)
    np.testing.assert_allclose(cosine, solution.cosine_similarity(factor * a, b), atol=1e-12)


@forall(two_batches())
def test_euclidean_distance_is_that_of_the_libraries(batches):
    a, b = batches
    # The expansion cancels: an error of machine epsilon in the squares, 1e5, leaves its root in the distance.
    for oracle in (cdist(a, b), sklearn_euclidean(a, b)):
        np.testing.assert_allclose(solution.euclidean_distance(a, b), oracle, atol=1e-4)


@forall(rows)
def test_euclidean_distance_is_a_metric(x):
    d = solution.euclidean_distance(x, x)
    assert (d >= 0).all()
    np.testing.assert_allclose(np.diagonal(d), 0, atol=1e-4)
    np.testing.assert_allclose(d, d.T, atol=1e-4)
    assert (d[:, None, :] <= d[:, :, None] + d[None, :, :] + 3e-4).all()


def test_nearest_by_distance_is_nearest_by_cosine_on_unit_vectors():
    rng = np.random.default_rng(0)
    a, b = (solution.l2_normalize(rng.normal(size=(n, 16))) for n in (20, 50))
    cosine, distance = solution.cosine_similarity(a, b), solution.euclidean_distance(a, b)
    np.testing.assert_allclose(distance**2, 2 - 2 * cosine, atol=1e-12)
    np.testing.assert_array_equal(solution.top_k(cosine, 50), solution.top_k(-distance, 50))


def test_only_the_lengths_of_items_change_the_ranking_of_a_query():
    rng = np.random.default_rng(0)
    query, items = 7 * rng.normal(size=(1, 8)), solution.l2_normalize(rng.normal(size=(30, 8)))
    by_dot = solution.top_k(query @ items.T, 30)
    np.testing.assert_array_equal(by_dot, solution.top_k(-solution.euclidean_distance(query, items), 30))
    long_items = items * rng.uniform(0.1, 10, size=(30, 1))
    assert not np.array_equal(by_dot, solution.top_k(query @ long_items.T, 30))


def test_cosine_distance_breaks_the_triangle_inequality():
    angles = np.radians([0, 45, 90])
    d = 1 - solution.cosine_similarity(*2 * [np.stack([np.cos(angles), np.sin(angles)], axis=1)])
    assert d[0, 1] + d[1, 2] < d[0, 2]


def test_euclidean_distance_needs_no_three_dimensional_array():
    n, m, d = 60, 50, 4000
    a, b = np.ones((n, d)), np.zeros((m, d))
    tracemalloc.start()
    try:
        solution.euclidean_distance(a, b)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * (a.nbytes + b.nbytes) < n * m * d * 8 / 5


# --- top_k, recall_at_k, median_rank --------------------------------------------------------------------------------


@forall(score_matrices, st.data())
def test_top_k_is_the_head_of_a_full_stable_sort(scores, data):
    k = data.draw(st.integers(1, scores.shape[1]))
    np.testing.assert_array_equal(solution.top_k(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_top_k_of_masked_and_of_no_rows():
    assert solution.top_k(np.full((1, 4), -np.inf), 2).tolist() == [[0, 1]]
    assert solution.top_k(np.empty((0, 4)), 2).shape == (0, 2)


@forall(retrieval())
def test_recall_is_the_share_of_ranks_up_to_k(case):
    similarity, targets = case
    # Independent ranks: "ordinal" gives equal scores to the smaller index first.
    ranks = np.array([rankdata(-row, method="ordinal")[t] for row, t in zip(similarity, targets, strict=True)])
    ks = range(1, similarity.shape[1] + 1)
    recalls = [solution.recall_at_k(similarity, targets, k) for k in ks]
    assert recalls == pytest.approx([np.mean(ranks <= k) for k in ks])
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1
    assert solution.median_rank(similarity, targets) == np.median(ranks)


@forall(retrieval())
def test_the_metrics_depend_on_the_order_of_scores_only(case):
    similarity, targets = case
    stretched = np.exp(3 * similarity) - 5
    assert solution.recall_at_k(stretched, targets, 1) == solution.recall_at_k(similarity, targets, 1)
    assert solution.median_rank(stretched, targets) == solution.median_rank(similarity, targets)


def test_recall_without_ties_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    similarity, targets = rng.normal(size=(40, 9)), rng.integers(0, 9, size=40)
    for k in (1, 3, 8):
        oracle = top_k_accuracy_score(targets, similarity, k=k, labels=np.arange(9))
        assert solution.recall_at_k(similarity, targets, k) == pytest.approx(oracle)


def test_a_constant_model_scores_at_chance():
    constant, targets = np.zeros((10, 10)), np.arange(10)
    assert [solution.recall_at_k(constant, targets, k) for k in (1, 5)] == [0.1, 0.5]
    assert solution.median_rank(constant, targets) == 5.5


# --- the losses -----------------------------------------------------------------------------------------------------


@forall(two_batches(same_number=True), st.floats(0.02, 5))
def test_info_nce_is_the_cross_entropy_of_both_directions(batches, temperature):
    images, texts = batches
    logits = solution.cosine_similarity(images, texts) / temperature
    oracle = -sum(np.diagonal(log_softmax(part, axis=1)).mean() for part in (logits, logits.T)) / 2
    loss = solution.info_nce_loss(images, texts, temperature)
    assert loss == pytest.approx(oracle, abs=1e-9)
    assert loss >= 0
    assert loss == pytest.approx(solution.info_nce_loss(texts, images, temperature), abs=1e-9)


@forall(two_batches(same_number=True), st.floats(0.05, 5))
def test_info_nce_cannot_fall_below_the_bound_of_bounded_cosines(batches, temperature):
    n = len(batches[0])
    assume(n > 1)
    bound = math.log1p((n - 1) * math.exp(-n / (n - 1) / temperature))
    assert solution.info_nce_loss(*batches, temperature) >= bound - 1e-9


def test_info_nce_reaches_its_bound_at_a_regular_simplex():
    n, temperature = 6, 0.5
    simplex = np.eye(n) - 1 / n
    bound = math.log1p((n - 1) * math.exp(-n / (n - 1) / temperature))
    assert solution.info_nce_loss(simplex, simplex, temperature) == pytest.approx(bound)


def test_info_nce_at_the_limits_of_the_temperature():
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 7, 5))
    cosine = solution.cosine_similarity(images, texts)
    assert solution.info_nce_loss(images, texts, 1e6) == pytest.approx(math.log(7), abs=1e-4)
    gaps = [part.max(axis=1) - np.diagonal(part) for part in (cosine, cosine.T)]
    assert 1e-4 * solution.info_nce_loss(images, texts, 1e-4) == pytest.approx(np.mean(gaps), abs=1e-3)


def gradient(function, x):
    return approx_fprime(x.ravel(), lambda flat: function(flat.reshape(x.shape)), 1e-7).reshape(x.shape)


def test_info_nce_pushes_negatives_by_their_probability():
    """∂ℓ/∂cosine is (p − δ)/τ, in both directions; the chain rule carries it through the normalisation."""
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(4, 3)) * [[0.5], [1], [2], [3]], solution.l2_normalize(rng.normal(size=(4, 3)))
    temperature, length = 0.5, np.linalg.norm(images, axis=1, keepdims=True)
    unit = images / length
    logits = unit @ texts.T / temperature
    over_cosine = (softmax(logits, axis=1) + softmax(logits, axis=0) - 2 * np.eye(4)) / (2 * 4 * temperature)
    over_unit = over_cosine @ texts
    expected = (over_unit - (over_unit * unit).sum(axis=1, keepdims=True) * unit) / length
    numeric = gradient(lambda x: solution.info_nce_loss(x, texts, temperature), images)
    np.testing.assert_allclose(numeric, expected, atol=1e-6)
    np.testing.assert_allclose((numeric * images).sum(axis=1), 0, atol=1e-6)  # orthogonal: only directions count


@forall(two_batches(same_number=True), st.floats(0.1, 50), st.floats(-20, 20))
def test_sigmoid_pair_loss_is_a_loop_over_pairs(batches, scale, bias):
    images, texts = batches
    cosine = solution.cosine_similarity(images, texts)
    loss = 0.0
    for i in range(len(images)):
        for j in range(len(texts)):
            z = 1 if i == j else -1
            loss -= math.log(1 / (1 + math.exp(-z * (scale * cosine[i, j] + bias))))
    assert solution.sigmoid_pair_loss(images, texts, scale, bias) == pytest.approx(loss / len(images), abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_hold_for_logits_of_ten_thousand(dtype):
    units = np.eye(4, dtype=dtype)
    assert solution.info_nce_loss(units, units, 1e-4) == 0
    assert solution.info_nce_loss(units, units[::-1], 1e-4) == pytest.approx(1e4)
    assert solution.info_nce_loss(units, -units, 1e-4) == pytest.approx(1e4 + math.log(3))
    assert solution.sigmoid_pair_loss(units, -units, 1e4, 0.0) == pytest.approx(1e4 + 3 * math.log(2))


def test_one_image_is_not_spread_over_many_texts():
    for loss in (solution.info_nce_loss, lambda a, b: solution.sigmoid_pair_loss(a, b, 10.0, -10.0)):
        with pytest.raises(ValueError, match="shapes differ"):
            loss(np.ones((1, 3)), np.ones((5, 3)))


# --- csls -----------------------------------------------------------------------------------------------------------


@forall(score_matrices, st.data())
def test_csls_by_full_sorts(similarity, data):
    k = data.draw(st.integers(1, min(similarity.shape)))
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0)
    corrected = solution.csls(similarity, k)
    np.testing.assert_allclose(corrected, 2 * similarity - r_row[:, None] - r_col, atol=1e-12)
    np.testing.assert_allclose(corrected, solution.csls(similarity.T, k).T, atol=1e-12)
    np.testing.assert_allclose(solution.csls(similarity + 3, k), corrected, atol=1e-12)  # a common offset cancels


def test_csls_ranks_a_row_by_its_column_term_only():
    similarity = np.random.default_rng(0).uniform(-1, 1, size=(12, 9))
    r_col = np.sort(similarity, axis=0)[-4:].mean(axis=0)
    np.testing.assert_array_equal(
        solution.top_k(solution.csls(similarity, 4), 9), solution.top_k(2 * similarity - r_col, 9)
    )


def test_csls_takes_hubs_down():
    rng = np.random.default_rng(0)
    similarity = rng.uniform(0, 0.3, size=(40, 40)) + 0.4 * np.eye(40)
    similarity[:, 0] += 0.5  # item 0 is near to everything
    targets = np.arange(40)
    assert solution.recall_at_k(similarity, targets, 1) < 0.5
    assert solution.recall_at_k(solution.csls(similarity, 5), targets, 1) > 0.9


def test_a_constant_modality_gap_leaves_rankings_alone():
    rng = np.random.default_rng(0)
    queries, items, gap = rng.normal(size=(5, 8)), rng.normal(size=(30, 8)), rng.normal(size=8)
    np.testing.assert_array_equal(solution.top_k(queries @ items.T, 10), solution.top_k(queries @ (items + gap).T, 10))
