"""Graded tests of the topic `similarity`. Oracles are loops that follow the definitions, closed forms, hand values."""

import math

import numpy as np
import pytest

from mmlearn.course.expect import expect_allowed, expect_close, expect_finite, expect_raises, expect_true


def vectors(rng, rows, size):
    """Random rows of clearly different lengths, from about 0.5 to 5 times √size."""
    return rng.normal(size=(rows, size)) * np.linspace(0.5, 5, rows)[:, None]


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def distinct(rng, rows, columns):
    """Random scores in [0, 1) of which no two are equal, nor nearly so."""
    return rng.permutation(rows * columns).reshape(rows, columns) / (rows * columns)


def pairwise(a, b, function):
    """`function(a[i], b[j])` for all i and j."""
    return np.array([[function(x, y) for y in b] for x in a]).reshape(len(a), len(b))


# --- l2_normalize ---------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_l2_normalize__rows_get_length_1(impl, rng):
    x = vectors(rng, 5, 7)
    desired = np.array([[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in x])
    squares, absolutes = np.sum(x**2, axis=1, keepdims=True), np.abs(x)
    causes = {
        "rows were normalised along axis 0; each embedding is a row, so use axis=-1": unit(x.T).T,
        "the whole array was divided by one number; each row has a length of its own": x / np.linalg.norm(x),
        "each row was divided by its squared length; take the square root of the sum of squares": x / squares,
        "each row was divided by the sum of its absolute values (the L1 norm); the length is the root of the sum of "
        "squares": x / absolutes.sum(axis=1, keepdims=True),
        "each row was divided by its largest entry; a good first step, now divide by the length too": (
            x / absolutes.max(axis=1, keepdims=True)
        ),
    }
    expect_close(impl.l2_normalize(x), desired, case="5 rows of 7", causes=causes)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((4, 6), 0), ((2, 3, 4), 1), ((2, 3, 4), -1), ((5,), -1), ((0, 4), -1)],
    ids=["columns", "middle axis", "last of three axes", "one vector", "no rows"],
)
def test_l2_normalize__along_any_axis(impl, rng, shape, axis):
    x = rng.normal(size=shape)
    flat = np.moveaxis(x, axis, -1)
    rows = [row / math.sqrt(sum(v * v for v in row)) for row in flat.reshape(-1, shape[axis])]
    desired = np.moveaxis(np.array(rows).reshape(flat.shape), -1, axis)
    expect_close(
        impl.l2_normalize(x, axis=axis),
        desired,
        case=f"shape {shape}, axis={axis}",
        causes={"the argument `axis` was not used; the length is to be taken along it": lambda: unit(x)},
    )


def test_l2_normalize__zero_vector_stays_zero(impl, rng):
    x = vectors(rng, 4, 3)
    x[[0, 2]] = 0
    actual = impl.l2_normalize(x)
    cause = "a zero vector was divided by its length 0; divide by max(length, eps), so that it stays zero"
    case = "4 rows of 3, two of them zero"
    expect_finite(actual, cause=cause, case=case)
    desired = np.zeros_like(x)
    desired[[1, 3]] = unit(x[[1, 3]])
    expect_close(actual, desired, case=case)


def test_l2_normalize__eps_is_a_floor(impl):
    x = np.array([[3.0, 4.0], [0.06, 0.08], [0.0, 0.0]])
    length = np.array([[5.0], [0.1], [0.0]])
    long, zero = [0.6, 0.8], [0.0, 0.0]
    causes = {
        "eps was added to the length, which shortens every vector; use max(length, eps)": x / (length + 0.5),
        "eps was added under the square root, which shortens every vector; use max(length, eps)": (
            x / np.sqrt(length**2 + 0.5)
        ),
        "eps was added to the squared length; use max(length, eps)": x / np.sqrt(length**2 + 0.25),
        "the argument `eps` was not used; a vector shorter than eps is divided by eps": np.array([long, long, zero]),
        "a vector shorter than eps became zero; divide it by eps instead": np.array([long, zero, zero]),
    }
    case = "rows of length 5, 0.1 and 0, eps=0.5"
    expect_close(impl.l2_normalize(x, eps=0.5), np.array([long, [0.12, 0.16], zero]), case=case, causes=causes)


def test_l2_normalize__float32(impl):
    x = np.array([[3, 4], [3e30, -4e30], [0, 0]], dtype=np.float32)
    actual = impl.l2_normalize(x)
    cause = "the squares of 1e30 overflow float32; divide each vector by its largest absolute value before you square"
    case = "float32 rows of length 5, 5e30 and 0"
    expect_finite(actual, cause=cause, case=case)
    expect_close(
        actual,
        np.array([[0.6, 0.8], [0.6, -0.8], [0, 0]]),
        dtype=np.float32,
        case=case,
        causes={cause: np.array([[0.6, 0.8], [0, 0], [0, 0]])},
    )


# --- cosine_similarity ----------------------------------------------------------------------------------------------


def cosine(x, y):
    return sum(p * q for p, q in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y))


@pytest.mark.core
@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (3, 5)], ids=["square", "3 by 5"])
def test_cosine_similarity__of_every_pair(impl, rng, rows, columns):
    a, b = vectors(rng, rows, 6), vectors(rng, columns, 6)
    desired = pairwise(a, b, cosine)
    causes = {
        "row i of a was compared with row i of b only; pairwise means every row of a with every row of b "
        "(a matrix product)": np.diagonal(desired),
        "this is the dot product, in which long vectors win; normalise the rows first": a @ b.T,
        "only the rows of a were normalised; the cosine needs unit vectors on both sides": unit(a) @ b.T,
        "only the rows of b were normalised; the cosine needs unit vectors on both sides": a @ unit(b).T,
        "rows were normalised along axis 0; each embedding is a row, so use axis=-1": unit(a.T).T @ unit(b.T),
        "this is the transpose: rows belong to a, columns to b": desired.T,
        "this is the cosine distance; leave out the `1 -`": 1 - desired,
        "the sign is lost; opposite vectors have cosine -1": np.abs(desired),
    }
    case = f"{rows} rows against {columns} rows of 6"
    expect_close(impl.cosine_similarity(a, b), desired, case=case, causes=causes)


def test_cosine_similarity__within_minus_1_and_1(impl, rng):
    a = rng.normal(size=(50, 40)).astype(np.float32)
    a = np.concatenate([a, -a])
    actual = impl.cosine_similarity(a, a)
    expect_true(
        not np.any(np.abs(actual) > 1),
        f"a cosine of {np.abs(actual).max():.9g}",
        cause="rounding left cosines beyond 1, of which arccos is NaN; clip the result to [-1, 1]",
        case="100 float32 rows against themselves",
    )
    expect_close(np.diagonal(actual), np.ones(100), case="100 rows against themselves", rtol=0, atol=1e-5)


def test_cosine_similarity__zero_vector_gives_0(impl, rng):
    a, b = vectors(rng, 3, 4), vectors(rng, 5, 4)
    a[1], b[0] = 0, 0
    actual = impl.cosine_similarity(a, b)
    case = "a zero row in a, another in b"
    expect_finite(actual, cause="0/0 at a zero vector; give its length a floor, so that its cosine is 0", case=case)
    desired = np.zeros((3, 5))
    desired[np.ix_([0, 2], [1, 2, 3, 4])] = pairwise(a[[0, 2]], b[1:], cosine)
    expect_close(
        actual,
        desired,
        case=case,
        causes={
            "the zero vector got a cosine of 1; it has no direction, so its cosine is 0": lambda: np.where(
                desired == 0, 1, desired
            )
        },
    )


@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (1, 1), (0, 3)], ids=["one row", "one pair", "no rows"])
def test_cosine_similarity__few_rows_keep_two_axes(impl, rng, rows, columns):
    a, b = vectors(rng, rows, 4), vectors(rng, columns, 4)
    desired = pairwise(a, b, cosine)
    expect_close(
        impl.cosine_similarity(a, b),
        desired,
        case=f"{rows} rows against {columns}",
        causes={"axes of size 1 were dropped; the shape is (N, M) for every N and M": np.squeeze(desired)},
    )


def test_cosine_similarity__float32(impl):
    a = np.array([[3, 4], [3e30, 4e30]], dtype=np.float32)
    b = np.array([[0, 2], [-4e30, 3e30]], dtype=np.float32)
    actual = impl.cosine_similarity(a, b)
    case = "float32 rows, some of length 5e30"
    cause = "the squares of 1e30 overflow float32; normalise each row (l2_normalize) before the product"
    expect_finite(actual, cause=cause, case=case)
    desired = np.array([[0.8, 0.0], [0.8, 0.0]])
    causes = {cause: np.array([[0.8, 0.0], [0.0, 0.0]])}
    expect_close(actual, desired, dtype=np.float32, case=case, causes=causes)


# --- euclidean_distance ---------------------------------------------------------------------------------------------


def distance(x, y):
    return math.sqrt(sum((p - q) ** 2 for p, q in zip(x, y, strict=True)))


@pytest.mark.core
@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (3, 5)], ids=["square", "3 by 5"])
def test_euclidean_distance__of_every_pair(impl, rng, rows, columns):
    a, b = vectors(rng, rows, 6), vectors(rng, columns, 6)
    desired = pairwise(a, b, distance)
    squared_a, squared_b, dots = np.sum(a**2, axis=1), np.sum(b**2, axis=1), a @ b.T

    def root(squared):
        return np.sqrt(np.maximum(squared, 0))

    causes = {
        "row i of a was compared with row i of b only; pairwise means every row of a with every row of b": (
            np.diagonal(desired)
        ),
        "these are squared distances; take the square root": desired**2,
        "this is the sum of absolute differences (L1); square, sum, then take the root": (
            lambda: pairwise(a, b, lambda x, y: np.abs(x - y).sum())
        ),
        "this is the distance of a and -b; the sign of 2 a·b is minus": lambda: pairwise(a, -b, distance),
        "the factor 2 of 2 a·b is missing": root(squared_a[:, None] + squared_b - dots),
        "this is the transpose: rows belong to a, columns to b": desired.T,
        "these are distances of unit vectors; do not normalise, lengths count here": (
            lambda: pairwise(unit(a), unit(b), distance)
        ),
    }
    if rows == columns:
        message = "‖a‖² was added along the columns; give it the shape (N, 1) by keepdims=True"
        causes[message] = root(squared_a + squared_b - 2 * dots)
    actual = impl.euclidean_distance(a, b)
    if isinstance(actual, np.ndarray):
        actual = np.nan_to_num(actual)  # the root of a negative number is the next test's matter
    expect_close(actual, desired, case=f"{rows} rows against {columns} rows of 6", causes=causes)


def test_euclidean_distance__of_equal_rows_is_0(impl, rng):
    a = rng.normal(size=(40, 40))
    actual = impl.euclidean_distance(a, a)
    expect_true(
        not np.isnan(actual).any(),
        f"{np.isnan(actual).sum()} of {actual.size} distances are NaN",
        cause="rounding left squared distances a little below 0, and the root of a negative number is NaN; "
        "clip them at 0 before the root",
        case="40 rows against themselves",
    )
    expect_close(np.diagonal(actual), np.zeros(40), case="the diagonal of 40 rows against themselves", atol=1e-5)
    expect_close(actual, np.stack([np.linalg.norm(a - row, axis=1) for row in a]), case="40 equal rows", atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (1, 1), (0, 3)], ids=["one row", "one pair", "no rows"])
def test_euclidean_distance__few_rows_keep_two_axes(impl, rng, rows, columns):
    a, b = vectors(rng, rows, 4), vectors(rng, columns, 4)
    desired = pairwise(a, b, distance)
    expect_close(
        impl.euclidean_distance(a, b),
        desired,
        case=f"{rows} rows against {columns}",
        causes={"axes of size 1 were dropped; the shape is (N, M) for every N and M": np.squeeze(desired)},
    )


def test_euclidean_distance__float32(impl):
    a = np.array([[1, 1], [0, 0]], dtype=np.float32)
    b = np.array([[4, 5], [0, 0], [0, -2]], dtype=np.float32)
    desired = np.array([[5, math.sqrt(2), math.sqrt(10)], [math.sqrt(41), 0, 2]])
    expect_close(impl.euclidean_distance(a, b), desired, dtype=np.float32, case="float32 rows of 2", atol=1e-5)


# --- top_k ----------------------------------------------------------------------------------------------------------


def best(row, k):
    """The k best indices, by a full stable sort."""
    return sorted(range(len(row)), key=np.negative(row).tolist().__getitem__)[:k]


def same_items(actual, desired):
    """Whether each row holds the right indices in some order."""
    return np.shape(actual) == desired.shape and np.array_equal(np.sort(actual, axis=1), np.sort(desired, axis=1))


def positions_in_part(scores, k):
    columns = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1)


@pytest.mark.core
def test_top_k__best_first(impl, rng):
    scores = distinct(rng, 5, 1000)  # in a short row, argpartition happens to sort
    ranking = np.array([best(row, 1000) for row in scores])
    desired = ranking[:, :500]
    case = "5 rows of 1000 different scores, k=500"
    actual = impl.top_k(scores, 500)
    if same_items(actual, desired):
        if np.array_equal(actual, desired[:, ::-1]):
            cause = "the best comes last; sort by the negated scores, so that the best comes first"
        else:
            cause = "argpartition finds the k best but leaves them in any order; sort those k by score, best first"
        in_order = np.array_equal(actual, desired)
        expect_true(in_order, "the right items in the wrong order", cause=cause, case=case)
    causes = {
        "these are the k lowest scores; the highest are the best": ranking[:, :-501:-1],
        "these are the scores; return the indices of the items": np.take_along_axis(scores, desired, axis=1),
        "these are positions within the partitioned part; map them back to columns with np.take_along_axis": (
            lambda: positions_in_part(scores, 500)
        ),
        "the whole ranking came back; keep the first k of each row": ranking,
        "columns were ranked; each query is a row, so partition along axis=1": (
            lambda: np.array([best(column, 5) for column in scores.T]).T
        ),
    }
    expect_close(actual, desired, case=case, causes=causes)


@pytest.mark.parametrize("k", [1, 5, 19])
def test_top_k__ties_by_index(impl, rng, k):
    scores = rng.integers(0, 3, size=(20, 20)).astype(float)
    scores[0] = 1
    desired = np.array([best(row, k) for row in scores])
    actual = impl.top_k(scores, k)
    case = f"20 rows of 20 scores that are 0, 1 or 2, k={k}"
    same_scores = np.shape(actual) == desired.shape and np.array_equal(
        np.take_along_axis(scores, np.clip(actual, 0, 19), axis=1), np.take_along_axis(scores, desired, axis=1)
    )
    if same_scores:
        expect_true(
            np.array_equal(actual, desired),
            "equal scores do not come by rising index",
            cause="argpartition picks among equal scores at will; let in the smaller index first, and sort with "
            'kind="stable"',
            case=case,
        )
    expect_close(actual, desired, case=case)


@pytest.mark.parametrize("k", [1, 6])
def test_top_k__smallest_and_largest_k(impl, rng, k):
    scores = distinct(rng, 4, 6)
    cause = "k = M is allowed: a partition counts its position from 0, so the last one is M - 1"
    actual = expect_allowed(impl.top_k, scores, k, cause=cause, case=f"6 items, k={k}")
    expect_close(actual, np.array([best(row, k) for row in scores]), case=f"6 items, k={k}")


def test_top_k__masked_items_come_last(impl):
    scores = np.array([[-math.inf, -3.0, -1.0, -math.inf, -2.0]])
    expect_close(
        impl.top_k(scores, 4),
        np.array([[2, 4, 1, 0]]),
        case="one row of negative scores, two of them -inf, k=4",
        causes={"the sign of the scores was dropped; -1 is better than -3": np.array([[0, 3, 1, 4]])},
    )


@pytest.mark.parametrize("k", [0, 7, -1])
def test_top_k__k_out_of_range(impl, rng, k):
    cause = "fewer or other items than asked for would come back unnoticed; raise ValueError unless 1 <= k <= M"
    expect_raises(ValueError, impl.top_k, distinct(rng, 3, 6), k, cause=cause, case=f"6 items, k={k}")


# --- recall_at_k ----------------------------------------------------------------------------------------------------


def rank(row, target):
    """1 + how many items a stable sort puts before the target."""
    return 1 + best(row, len(row)).index(target)


def ranks(similarity, targets):
    return np.array([rank(row, target) for row, target in zip(similarity, targets, strict=True)])


def queries(rng, rows, columns):
    """Distinct scores, and targets that are not on the diagonal only; true ranks are spread over all of 1 … M."""
    return distinct(rng, rows, columns), rng.permutation(max(rows, columns))[:rows] % columns


@pytest.mark.core
@pytest.mark.parametrize(("rows", "columns"), [(17, 17), (23, 29)], ids=["square", "23 by 29"])
def test_recall_at_k__share_of_queries_served(impl, rng, rows, columns):
    similarity, targets = queries(rng, rows, columns)
    ks = (1, 3, 8, 12)

    def recalls(found, shift=0):
        return [float(np.mean(found <= k + shift)) for k in ks]

    found = ranks(similarity, targets)
    desired = recalls(found)
    causes = {
        "the targets were not used, the diagonal was; targets[i] is the item of query i": (
            lambda: recalls(ranks(similarity, np.arange(rows)))
        ),
        "hits were divided by k (that is precision); with one relevant item a query, recall is the share of queries "
        "with a hit": [rate / k for rate, k in zip(desired, ks, strict=True)],
        "hits were counted; divide by the number of queries": [rate * rows for rate in desired],
        "it was divided by the number of items; divide by the number of queries": (
            [rate * rows / columns for rate in desired]
        ),
        "this is a percentage; a rate lies between 0 and 1": [rate * 100 for rate in desired],
        "one value a query came back; take their mean": [found <= k for k in ks],
        "one rank too few: rank k itself is still a hit": recalls(found, shift=-1),
        "one rank too many: only ranks 1 … k are hits": recalls(found, shift=1),
        "the lowest scores were taken as the best; larger is more alike": lambda: recalls(ranks(-similarity, targets)),
    }
    if rows == columns:
        causes["columns were ranked; each query is a row"] = lambda: recalls(ranks(similarity.T, targets))
    actual = [impl.recall_at_k(similarity, targets, k) for k in ks]
    expect_close(actual, desired, case=f"{rows} queries, {columns} items, k = 1, 3, 8, 12", causes=causes)


TIES_ARE_HITS = (
    "ties were counted in favour of the target, so a model that gives all items one score is perfect; among equal "
    "scores, smaller indices come first (as in top_k)"
)
TIES_ARE_MISSES = (
    "ties were counted against the target; among equal scores, only smaller indices come before it (as in top_k)"
)
TIES_REVERSED = "equal scores were ranked by falling index; smaller indices come first (as in top_k)"


def test_recall_at_k__ties_by_index(impl, rng):
    ks = (1, 3, 5)
    expect_close(
        [impl.recall_at_k(np.full((10, 10), 0.5), np.arange(10), k) for k in ks],
        [0.1, 0.3, 0.5],
        case="10 items of the same score, k = 1, 3, 5",
        causes={TIES_ARE_HITS: [1.0, 1.0, 1.0], TIES_ARE_MISSES: [0.0, 0.0, 0.0]},
    )
    similarity = rng.integers(0, 3, size=(40, 12)).astype(float)
    targets = rng.integers(0, 12, size=40)
    found, reversed_ties = ranks(similarity, targets), ranks(similarity[:, ::-1], 11 - targets)
    expect_close(
        [impl.recall_at_k(similarity, targets, k) for k in ks],
        [float(np.mean(found <= k)) for k in ks],
        case="40 queries, 12 items with scores 0, 1 or 2, k = 1, 3, 5",
        causes={TIES_REVERSED: [float(np.mean(reversed_ties <= k)) for k in ks]},
    )


def test_recall_at_k__queries_that_share_an_item(impl):
    similarity = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.2, 0.5]])
    expect_close(
        impl.recall_at_k(similarity, np.array([0, 0, 0, 1, 1]), 1),
        0.6,
        case="5 captions of 2 images, k=1",
    )


@pytest.mark.parametrize("k", [0, 7])
def test_recall_at_k__k_out_of_range(impl, rng, k):
    similarity, targets = queries(rng, 4, 6)
    cause = "there are no 7 best of 6 items, nor 0 best; raise ValueError unless 1 <= k <= M"
    expect_close(impl.recall_at_k(similarity, targets, 6), 1.0, case="k = M: every item is among the M best")
    expect_raises(ValueError, impl.recall_at_k, similarity, targets, k, cause=cause, case=f"6 items, k={k}")


# --- median_rank ----------------------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize(("rows", "columns"), [(9, 9), (11, 31)], ids=["square", "11 by 31"])
def test_median_rank__of_an_odd_number_of_queries(impl, rng, rows, columns):
    problems = [queries(rng, rows, columns) for _ in range(8)]
    queried = np.arange(rows)

    def medians(ranks_of):
        return [float(np.median(ranks_of(similarity, targets))) for similarity, targets in problems]

    desired = medians(ranks)
    causes = {
        "ranks were counted from 0; the best rank is 1": [value - 1 for value in desired],
        "the targets were not used, the diagonal was; targets[i] is the item of query i": (
            lambda: medians(lambda s, _: ranks(s, queried))
        ),
        "this is the mean, which one lost query can spoil; take the median": (
            lambda: [np.mean(ranks(similarity, targets)) for similarity, targets in problems]
        ),
        "the lowest score was ranked first; larger is more alike": lambda: medians(lambda s, t: ranks(-s, t)),
        "this is the median of the best item's indices; look for the rank of the target": (
            lambda: medians(lambda s, _: np.argmax(s, axis=1))
        ),
        "argsort tells which item stands at each rank; the rank of an item is its inverse (argsort twice, or count "
        "the items that score higher)": lambda: medians(lambda s, t: 1 + np.argsort(-s, axis=1)[queried, t]),
    }
    if rows == columns:
        causes["columns were ranked; each query is a row"] = lambda: medians(lambda s, t: ranks(s.T, t))
    actual = [impl.median_rank(similarity, targets) for similarity, targets in problems]
    expect_close(actual, desired, case=f"8 times {rows} queries, {columns} items", causes=causes)


def test_median_rank__of_an_even_number_of_queries(impl):
    similarity = np.tile(np.arange(9, 0, -1.0), (4, 1))  # item j stands at rank j + 1
    expect_close(
        impl.median_rank(similarity, np.array([8, 1, 0, 4])),
        3.5,
        case="ranks 9, 2, 1, 5",
        causes={
            "of two middle ranks, the median is the mean; the upper one came back": 5.0,
            "of two middle ranks, the median is the mean; the lower one came back": 2.0,
            "the median was rounded; it may be half a rank": 3.0,
        },
    )


def test_median_rank__ties_by_index(impl, rng):
    expect_close(
        impl.median_rank(np.zeros((9, 9)), np.arange(9)),
        5.0,
        case="9 items of the same score",
        causes={TIES_ARE_HITS: 1.0, TIES_ARE_MISSES: 9.0},
    )
    problems = [(rng.integers(0, 3, size=(7, 12)).astype(float), rng.integers(0, 12, size=7)) for _ in range(5)]
    expect_close(
        [impl.median_rank(similarity, targets) for similarity, targets in problems],
        [float(np.median(ranks(similarity, targets))) for similarity, targets in problems],
        case="5 times 7 queries, 12 items with scores 0, 1 or 2",
        causes={
            TIES_REVERSED: lambda: [
                np.median(ranks(similarity[:, ::-1], 11 - targets)) for similarity, targets in problems
            ]
        },
    )


def test_median_rank__one_query(impl):
    expect_close(
        impl.median_rank(np.array([[0.3, 0.9, 0.5, -0.2]], dtype=np.float32), np.array([2])),
        2.0,
        case="one float32 query whose item comes second",
    )


# --- info_nce_loss --------------------------------------------------------------------------------------------------


def log_softmax_diagonal(logits):
    """log softmax(row i)[i] for each row, by a loop."""
    out = []
    for i, row in enumerate(logits):
        largest = max(row)
        out.append(row[i] - largest - math.log(sum(math.exp(value - largest) for value in row)))
    return np.array(out)


def symmetric(logits):
    return -(log_softmax_diagonal(logits) + log_softmax_diagonal(logits.T)).mean() / 2


def without_positive(logits):
    out = 0.0
    for part in (logits, logits.T):
        for i, row in enumerate(part):
            out += math.log(sum(math.exp(value) for j, value in enumerate(row) if j != i)) - row[i]
    return out / (2 * len(logits))


@pytest.mark.core
def test_info_nce_loss__is_the_symmetric_mean(impl, rng):
    images, texts = vectors(rng, 6, 5), vectors(rng, 6, 5)
    cosines, dots = pairwise(images, texts, cosine), images @ texts.T
    logits = cosines / 0.07
    desired = symmetric(logits)
    causes = {
        "only images look for their texts; add the direction from texts to images (columns)": (
            -log_softmax_diagonal(logits).mean()
        ),
        "only texts look for their images; add the direction from images to texts (rows)": (
            -log_softmax_diagonal(logits.T).mean()
        ),
        "the two directions were added; the loss is their mean": 2 * desired,
        "the losses of the pairs were added; take the mean over the batch": 6 * desired,
        "the sign is wrong; the loss is minus the log-probability": -desired,
        "the embeddings were not normalised, so long vectors win; the logits are cosine / temperature": (
            symmetric(dots / 0.07)
        ),
        "cosines were multiplied by the temperature; divide by it": symmetric(cosines * 0.07),
        "the temperature was not used; the logits are cosine / temperature": symmetric(cosines),
        "the positive is missing in the denominator; softmax sums over all N texts": without_positive(logits),
        "the logarithm has base 2; cross-entropy here uses the natural one": desired / math.log(2),
    }
    case = "6 pairs of size 5, temperature 0.07 by default"
    expect_close(impl.info_nce_loss(images, texts), desired, case=case, causes=causes)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_info_nce_loss__closed_form_for_orthogonal_pairs(impl, temperature):
    def loss(temperature):
        return math.log(1 + 3 * math.exp(-1 / temperature))

    expect_close(
        impl.info_nce_loss(2 * np.eye(4), 3 * np.eye(4), temperature=temperature),
        loss(temperature),
        case=f"4 orthogonal pairs, temperature {temperature}",
        causes={"the argument `temperature` was not used; 0.07 is its default only": loss(0.07)},
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_info_nce_loss__large_logits(impl, dtype):
    units = np.eye(5, dtype=dtype)
    cause = "exp of a large logit overflows; subtract each row's maximum from its logits first"
    for texts, desired, what in [
        (units, 0.0, "every text fits its image"),
        (np.roll(units, 1, axis=0), 1e4, "every text fits the next image"),
        (-units, 1e4 + math.log(4), "opposite texts"),
    ]:
        case = f"{what}, temperature 1e-4, {dtype.__name__}"
        actual = impl.info_nce_loss(units, texts, temperature=1e-4)
        expect_finite(actual, cause=cause, case=case)
        expect_close(actual, desired, case=case, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_info_nce_loss__chance_level(impl, rng, size):
    images = np.tile(rng.normal(size=5), (size, 1))
    expect_close(
        impl.info_nce_loss(images, images),
        math.log(size),
        case=f"{size} equal pairs: nothing tells them apart, so the loss is log {size}",
        atol=1e-5,
    )


@pytest.mark.parametrize("temperature", [0.0, -0.07])
def test_info_nce_loss__bad_temperature(impl, rng, temperature):
    x = vectors(rng, 3, 4)
    cause = "a temperature of 0 divides by 0 and a negative one rewards mismatches; raise ValueError"
    case = f"temperature {temperature}"
    expect_raises(ValueError, impl.info_nce_loss, x, x, temperature=temperature, cause=cause, case=case)


@pytest.mark.parametrize(("images", "texts"), [(4, 3), (1, 5)])
def test_info_nce_loss__different_numbers(impl, rng, images, texts):
    cause = "row i of the texts belongs to image i, so both need as many rows; raise ValueError if shapes differ"
    case = f"{images} images, {texts} texts"
    expect_raises(
        ValueError, impl.info_nce_loss, vectors(rng, images, 4), vectors(rng, texts, 4), cause=cause, case=case
    )


# --- sigmoid_pair_loss ----------------------------------------------------------------------------------------------


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def sigmoid_loss(logits, on=lambda x: softplus(-x), off=softplus):
    """1/N · (Σ on(logit) over the diagonal + Σ off(logit) over the rest)."""
    total = sum((on if i == j else off)(value) for i, row in enumerate(logits) for j, value in enumerate(row))
    return total / len(logits)


@pytest.mark.core
def test_sigmoid_pair_loss__asks_every_pair(impl, rng):
    images, texts = vectors(rng, 5, 4), vectors(rng, 5, 4)
    cosines = pairwise(images, texts, cosine)
    logits = 10 * cosines - 3
    desired = sigmoid_loss(logits)
    causes = {
        "it was divided by all N² pairs; the paper divides the sum by N": desired / 5,
        "the sum over all pairs was not divided by N": desired * 5,
        "negatives were left out; all N² pairs count, with z = -1 off the diagonal": (
            sigmoid_loss(logits, off=lambda x: 0)
        ),
        "negatives were labelled 0, which costs each log 2 whatever its logit; label them -1": (
            sigmoid_loss(logits, off=lambda x: math.log(2))
        ),
        "every pair was treated as a positive; z = -1 off the diagonal": (
            sigmoid_loss(logits, off=lambda x: softplus(-x))
        ),
        "positives and negatives are exchanged; -log sigmoid(x) is softplus(-x)": sigmoid_loss(-logits),
        "the embeddings were not normalised; the logits are scale · cosine + bias": (
            sigmoid_loss(10 * images @ texts.T - 3)
        ),
        "the bias was subtracted; add it": sigmoid_loss(10 * cosines + 3),
        "the bias was not used; the logits are scale · cosine + bias": sigmoid_loss(10 * cosines),
        "the bias was scaled too; the logits are scale · cosine + bias": sigmoid_loss(10 * (cosines - 3)),
        "cosines were divided by the scale; it is a factor, an inverse temperature": sigmoid_loss(cosines / 10 - 3),
        "exp was applied to the scale; `scale` is already what the paper writes as exp(t')": (
            sigmoid_loss(math.exp(10) * cosines - 3)
        ),
        "this is a softmax over the batch; here each pair gets a sigmoid of its own": symmetric(logits),
    }
    case = "5 pairs of size 4, scale 10, bias -3"
    expect_close(impl.sigmoid_pair_loss(images, texts, 10.0, -3.0), desired, case=case, causes=causes)


def test_sigmoid_pair_loss__closed_form_for_orthogonal_pairs(impl):
    expect_close(
        impl.sigmoid_pair_loss(2 * np.eye(4), 3 * np.eye(4), 5.0, -2.0),
        softplus(-3) + 3 * softplus(-2),
        case="4 orthogonal pairs, scale 5, bias -2: an image costs softplus(-3) + 3 softplus(-2)",
    )


def test_sigmoid_pair_loss__one_pair(impl):
    expect_close(
        impl.sigmoid_pair_loss(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]]), 10.0, -10.0),
        softplus(2),
        case="one pair of cosine 0.8, scale 10, bias -10: no negatives, softplus(-(8 - 10))",
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_pair_loss__large_logits(impl, dtype):
    units = np.eye(3, dtype=dtype)
    cause = "exp(1e4) overflows; write softplus(x) as np.logaddexp(0, x), or max(x, 0) + log1p(exp(-|x|))"
    for texts, desired, what in [
        (units, 2 * math.log(2), "every text fits its image"),
        (-units, 1e4 + 2 * math.log(2), "opposite texts"),
    ]:
        case = f"{what}, scale 1e4, bias 0, {dtype.__name__}"
        actual = impl.sigmoid_pair_loss(units, texts, 1e4, 0.0)
        expect_finite(actual, cause=cause, case=case)
        expect_close(actual, desired, case=case, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("images", "texts"), [(4, 3), (1, 5)])
def test_sigmoid_pair_loss__different_numbers(impl, rng, images, texts):
    cause = "row i of the texts belongs to image i, so both need as many rows; raise ValueError if shapes differ"
    a, b = vectors(rng, images, 4), vectors(rng, texts, 4)
    case = f"{images} images, {texts} texts"
    expect_raises(ValueError, impl.sigmoid_pair_loss, a, b, 10.0, -10.0, cause=cause, case=case)


# --- csls -----------------------------------------------------------------------------------------------------------


def neighbourhoods(similarity, k, reduce=lambda values: sum(values) / len(values), best_first=True):
    """r_row as (N, 1) and r_col as (1, M), by loops."""
    r_row = [reduce(sorted(row, reverse=best_first)[:k]) for row in similarity]
    r_col = [reduce(sorted(column, reverse=best_first)[:k]) for column in similarity.T]
    return np.array(r_row)[:, None], np.array(r_col)[None, :]


@pytest.mark.core
@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (5, 8)], ids=["square", "5 by 8"])
def test_csls__subtracts_both_neighbourhoods(impl, rng, rows, columns):
    s = rng.uniform(-1, 1, size=(rows, columns))
    r_row, r_col = neighbourhoods(s, 3)
    desired = 2 * s - r_row - r_col

    def corrected(*args, **kwargs):
        return 2 * s - sum(neighbourhoods(s, *args, **kwargs))

    causes = {
        "the similarity was not doubled; two means are subtracted from 2 · similarity": desired - s,
        "the means were added; subtract them, so that hubs fall": 2 * s + r_row + r_col,
        "r_col is missing: the neighbourhood of each item, down its column": 2 * s - r_row,
        "r_row is missing: the neighbourhood of each query, along its row": 2 * s - r_col,
        "the k lowest scores were averaged; neighbours are the k highest": corrected(3, best_first=False),
        "only the nearest neighbour was taken; average the k highest": corrected(1),
        "the k highest were summed; take their mean": corrected(3, reduce=sum),
        "all scores were averaged; only the k highest are the neighbourhood": corrected(max(rows, columns)),
    }
    if rows == columns:
        exchanged = "r_row and r_col are exchanged; r_row belongs to a row and has the shape (N, 1)"
        flat = "r_row was subtracted along the columns; give it the shape (N, 1) by keepdims=True"
        causes |= {exchanged: 2 * s - r_row.T - r_col.T, flat: 2 * s - r_row.T - r_col}
    expect_close(impl.csls(s, 3), desired, case=f"{rows} by {columns}, k=3", causes=causes)


def test_csls__brings_a_hub_down(impl):
    s = np.array([[0.75, 0.7, 0.1], [0.9, 0.1, 0.8], [0.9, 0.0, 0.2]])
    desired = np.array([[-0.15, -0.05, -1.35], [0.0, -1.4, -0.1], [0.0, -1.6, -1.3]])
    case = "3 by 3, k=1: item 0 is the nearest of all three queries; query 0 turns to item 1"
    expect_close(impl.csls(s, 1), desired, case=case)


def test_csls__smallest_and_largest_k(impl, rng):
    s = rng.uniform(-1, 1, size=(4, 7))
    for k in (1, 4):
        r_row, r_col = neighbourhoods(s, k)
        case = f"4 by 7, k={k}"
        cause = "k may be as large as min(N, M); check the position that you give to the partition"
        actual = expect_allowed(impl.csls, s, k, cause=cause, case=case)
        expect_close(actual, 2 * s - r_row - r_col, case=case)


@pytest.mark.parametrize(("shape", "k"), [((4, 7), 0), ((4, 7), 5), ((7, 4), 5)])
def test_csls__k_out_of_range(impl, rng, shape, k):
    cause = "a row or a column has fewer than k scores (or k is 0); raise ValueError unless 1 <= k <= min(N, M)"
    s = rng.uniform(-1, 1, size=shape)
    expect_raises(ValueError, impl.csls, s, k, cause=cause, case=f"shape {shape}, k={k}")


def test_csls__float32(impl):
    s = np.array([[0.75, 0.625], [1.0, 0.25]], dtype=np.float32)
    desired = np.array([[-0.25, -0.125], [0.0, -1.125]])
    expect_close(impl.csls(s, 1), desired, dtype=np.float32, case="float32, 2 by 2, k=1")
