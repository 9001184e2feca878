"""Graded tests of the topic `imbalance`. Oracles are loops that follow the definitions, closed forms, hand values."""

import math
from collections import Counter

import numpy as np
import pytest

from mmlearn.course.expect import expect_close, expect_finite, expect_raises, expect_true


def long_tailed(rng, counts):
    """Labels in random order, class c as often as counts[c] says."""
    return rng.permutation(np.repeat(np.arange(len(counts)), counts))


def as_seed(rng):
    return int(rng.integers(2**31))


def log_softmax(row):
    highest = max(row)
    total = math.log(sum(math.exp(value - highest) for value in row))
    return [value - highest - total for value in row]


def costs(logits, labels):
    """Each sample's cross-entropy, one after the other."""
    return np.array([-log_softmax(row)[label] for row, label in zip(logits.tolist(), labels.tolist(), strict=True)])


# --- class_weights --------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_class_weights__balanced(impl, rng):
    labels = long_tailed(rng, [12, 3, 6, 1])
    counts = [12, 3, 6, 1]
    desired = np.array([22 / (4 * n) for n in counts])
    inverse = np.array([1 / n for n in counts])
    expect_close(
        impl.class_weights(labels, 4, "balanced"),
        desired,
        case="classes of 12, 3, 6 and 1 samples",
        causes={
            "frequent classes weigh more; divide by the counts, so that rare ones do": lambda: (
                np.array(counts) * 22 / sum(n * n for n in counts)
            ),
            "these are the shares of the classes; rare classes should weigh more, not less": np.array(counts) / 22,
            "1/n without a scale: scale so that the weights of all samples are 1 on average": inverse,
            "the weights average to 1 over the classes; over the samples they should (a class counts n times)": (
                inverse * 4 / inverse.sum()
            ),
            "the weights sum to 1; scale so that the weights of all samples are 1 on average": inverse / inverse.sum(),
            "N / n without the number of classes: the weights of the samples are K on average": 22 * inverse,
        },
    )


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999])
def test_class_weights__effective_number(impl, rng, beta):
    counts = [40, 9, 2]
    labels = long_tailed(rng, counts)
    raw = np.array([1 / sum(beta**i for i in range(n)) for n in counts])  # the geometric series
    scale = 51 / sum(n * w for n, w in zip(counts, raw, strict=True))
    number = np.array([1 - beta**n for n in counts])
    expect_close(
        impl.class_weights(labels, 3, method="effective", beta=beta),
        raw * scale,
        case=f"classes of 40, 9 and 2 samples, beta={beta}",
        causes={
            "`method` was not used: these are the balanced weights": lambda: np.array([51 / (3 * n) for n in counts]),
            "this is the effective number itself; a weight is its inverse": lambda: (
                number * 51 / sum(n * w for n, w in zip(counts, number, strict=True))
            ),
            "1/E without a scale: scale so that the weights of all samples are 1 on average": raw,
            "the weights average to 1 over the classes; over the samples they should (a class counts n times)": (
                raw * 3 / raw.sum()
            ),
            "the argument `beta` was not used; 0.99 is its default only": lambda: (
                (w := np.array([1 / (1 - 0.99**n) for n in counts])) * 51 / np.sum(counts * w)
            ),
        },
    )


@pytest.mark.parametrize("method", ["balanced", "effective"])
def test_class_weights__empty_class_weighs_0(impl, rng, method):
    labels = long_tailed(rng, [5, 0, 5, 0])
    actual = impl.class_weights(labels, 4, method)
    case = f"classes of 5, 0, 5 and 0 samples, {method}"
    expect_finite(actual, cause="a class without samples was divided by 0; give it weight 0", case=case)
    expect_close(
        actual,
        np.array([1.0, 0.0, 1.0, 0.0]),
        case=case,
        causes={
            "empty classes were counted in the scale; only the N samples' weights are to be 1 on average": np.array(
                [0.5, 0, 0.5, 0]
            ),
            "the empty classes at the end are missing; use minlength=num_classes": np.array([1.0, 0.0, 1.0]),
        },
    )


def test_class_weights__refuses_what_it_does_not_know(impl):
    labels = np.array([0, 0, 1])
    expect_raises(ValueError, impl.class_weights, labels, 2, "inverse", cause="raise ValueError for another method")
    cause = "raise ValueError unless 0 <= beta < 1: at beta = 1 every weight is 0/0"
    expect_raises(ValueError, impl.class_weights, labels, 2, "effective", 1.0, cause=cause, case="beta=1")


# --- weighted_cross_entropy -----------------------------------------------------------------------------------------


@pytest.mark.core
def test_weighted_cross_entropy__is_a_weighted_mean(impl, rng):
    logits, labels = rng.normal(size=(9, 4)) * 2, rng.integers(4, size=9)
    labels[:4] = [0, 1, 2, 3]
    weights = np.array([0.3, 1.0, 2.5, 7.0])
    cost = costs(logits, labels)
    own = weights[labels]
    expect_close(
        impl.weighted_cross_entropy(logits, labels, weights),
        float(np.sum(own * cost) / np.sum(own)),
        case="9 samples, 4 classes",
        causes={
            "the weighted sum was divided by N; divide by the sum of the samples' weights": np.mean(own * cost),
            "the weighted sum was not divided; divide by the sum of the samples' weights": np.sum(own * cost),
            "it was divided by the sum over the classes; divide by the sum of the samples' weights": (
                np.sum(own * cost) / weights.sum()
            ),
            "the weights were not used": np.mean(cost),
            "the sign is wrong: a cost is -log p": -np.sum(own * cost) / np.sum(own),
            "the logits were weighted; weight the costs": lambda: np.mean(costs(logits * weights, labels)),
            "the logarithm has base 2; use the natural one": np.sum(own * cost) / np.sum(own) / math.log(2),
        },
    )


def test_weighted_cross_entropy__scale_of_the_weights_does_not_matter(impl, rng):
    logits, labels = rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 0, 1])
    weights = np.array([0.5, 2.0, 4.0])
    once = impl.weighted_cross_entropy(logits, labels, weights)
    cause = "ten times the weights gave another loss; divide by the sum of the samples' weights"
    expect_close(impl.weighted_cross_entropy(logits, labels, 10 * weights), once, causes={cause: 10 * once})


def test_weighted_cross_entropy__huge_logits(impl):
    logits = np.array([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0], [5.0, 5.0, -1e4]])
    labels, weights = np.array([0, 2, 1]), np.array([1.0, 1.0, 2.0])
    with np.errstate(all="ignore"):
        actual = impl.weighted_cross_entropy(logits, labels, weights)
    cause = (
        "exp of 1e4 overflows, or the logarithm of 0 was taken; subtract each row's maximum first, and stay with log p"
    )
    case = "logits of ±1e4"
    expect_finite(actual, cause=cause, case=case)
    desired = (2e4 + math.log(2)) / 4
    expect_close(actual, desired, case=case, causes={})
    expect_true(actual > 1e3, "the cost of a sample that is wrong by 1e4 was cut off", cause=cause, case=case)


def test_weighted_cross_entropy__all_samples_weigh_0(impl, rng):
    logits, labels = rng.normal(size=(3, 2)), np.array([1, 1, 1])
    with np.errstate(all="ignore"):
        actual = impl.weighted_cross_entropy(logits, labels, np.array([1.0, 0.0]))
    cause = "0/0 where all samples weigh 0; return 0"
    expect_finite(actual, cause=cause, case="only samples of a class with weight 0")
    expect_close(actual, 0.0, case="only samples of a class with weight 0")


# --- focal_loss -----------------------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_focal_loss__lets_go_of_easy_samples(impl, rng, gamma):
    logits, labels = rng.normal(size=(8, 4)) * 2, rng.integers(4, size=8)
    cost = costs(logits, labels)
    p = np.exp(-cost)
    expect_close(
        impl.focal_loss(logits, labels, gamma=gamma),
        float(np.mean((1 - p) ** gamma * cost)),
        case=f"8 samples, 4 classes, gamma={gamma}",
        causes={
            "hard samples were let go, not easy ones: the factor is (1 - p)^gamma, not p^gamma": np.mean(
                p**gamma * cost
            ),
            "gamma was not used: this is the cross-entropy": np.mean(cost),
            "the argument `gamma` was not used; 2 is its default only": np.mean((1 - p) ** 2 * cost),
            "the factor is (1 - p)^gamma, a power, not a product": np.mean((1 - p) * gamma * cost),
            "the costs were added; take their mean": np.sum((1 - p) ** gamma * cost),
            "the sign is wrong: a cost is -log p": -np.mean((1 - p) ** gamma * cost),
            "it was divided by the sum of the factors; take the mean over all N": lambda: (
                np.sum((1 - p) ** gamma * cost) / np.sum((1 - p) ** gamma)
            ),
        },
    )


def test_focal_loss__alpha_weighs_the_classes(impl, rng):
    logits, labels = rng.normal(size=(7, 3)), np.array([0, 1, 2, 0, 0, 1, 0])
    alpha = np.array([0.2, 1.5, 3.0])
    cost = costs(logits, labels)
    factor = (1 - np.exp(-cost)) ** 2
    desired = float(np.mean(alpha[labels] * factor * cost))
    expect_close(
        impl.focal_loss(logits, labels, gamma=2.0, alpha=alpha),
        desired,
        case="7 samples, 3 classes, alpha given",
        causes={
            "alpha was not used": np.mean(factor * cost),
            "it was divided by the sum of alpha over the samples; the mean is over N": (
                desired * 7 / alpha[labels].sum()
            ),
        },
    )


def test_focal_loss__huge_logits(impl):
    logits = np.array([[1e4, 0.0], [-1e4, 1e4]])
    with np.errstate(all="ignore"):
        actual = impl.focal_loss(logits, np.array([0, 0]), gamma=2.0)
    cause = (
        "exp of 1e4 overflows, or the logarithm of 0 was taken; subtract each row's maximum first, and stay with log p"
    )
    expect_finite(actual, cause=cause, case="logits of ±1e4")
    expect_close(actual, 1e4, case="logits of ±1e4: costs 0 and 2e4")


def test_focal_loss__refuses_a_negative_gamma(impl):
    cause = "raise ValueError if gamma is negative: it would reward what is already easy"
    expect_raises(ValueError, impl.focal_loss, np.zeros((1, 2)), np.array([0]), -1.0, cause=cause, case="gamma=-1")


# --- logit_adjustment -----------------------------------------------------------------------------------------------


@pytest.mark.core
def test_logit_adjustment__takes_the_frequencies_out(impl, rng):
    logits, counts = rng.normal(size=(5, 3)), np.array([60, 30, 10])
    log_share = np.array([math.log(0.6), math.log(0.3), math.log(0.1)])
    expect_close(
        impl.logit_adjustment(logits, counts),
        logits - log_share,
        case="classes of 60, 30 and 10 samples, tau=1",
        causes={
            "the logarithms were added, which favours frequent classes still more; subtract them": logits + log_share,
            "the counts were not divided by their sum; take the logarithm of the shares": logits - np.log(counts),
            "the shares were subtracted; subtract their logarithms": logits - counts / 100,
            "the logits were divided by the shares; subtract the logarithms of the shares": logits / (counts / 100),
            "these are probabilities; return logits, without a softmax": lambda: np.array(
                [np.exp(log_softmax(row)) for row in (logits - log_share).tolist()]
            ),
            "the logarithm has base 10; use the natural one": logits - log_share / math.log(10),
            "nothing was adjusted": logits,
        },
    )


@pytest.mark.parametrize("tau", [0.0, 0.5, 2.0, -1.0])
def test_logit_adjustment__tau_says_how_much(impl, rng, tau):
    logits, counts = rng.normal(size=(4, 3)), np.array([8, 1, 7])
    log_share = np.log(counts / 16)
    expect_close(
        impl.logit_adjustment(logits, counts, tau=tau),
        logits - tau * log_share,
        case=f"tau={tau}",
        causes={
            "the argument `tau` was not used": logits - log_share,
            "tau was multiplied onto the shares; it is a factor of their logarithm (or a power of the shares)": (
                lambda: logits - np.log(tau * counts / 16)
            ),
            "the logits were multiplied by tau as well": tau * (logits - log_share),
        },
    )


def test_logit_adjustment__class_never_seen(impl, rng):
    logits = rng.normal(size=(3, 3))
    with np.errstate(all="ignore"):
        actual = impl.logit_adjustment(logits, np.array([6, 0, 3]))
    case = "classes of 6, 0 and 3 samples"
    cause = "the logarithm of 0: count a class that was never seen as if it had one sample"
    expect_finite(actual, cause=cause, case=case)
    expect_close(
        actual,
        logits - np.log(np.array([6, 1, 3]) / 10),
        case=case,
        causes={
            "the class without samples got its 1, but the shares were taken of the old sum; they should add up to 1": (
                logits - np.log(np.array([6, 1, 3]) / 9)
            ),
            "1 was added to every count; only a class without samples counts as one": logits
            - np.log(np.array([7, 1, 4]) / 12),
        },
    )


def test_logit_adjustment__float32(impl):
    logits = np.array([[1e4, -1e4], [0, 0]], dtype=np.float32)
    desired = logits - np.log(np.array([0.75, 0.25]))
    expect_close(impl.logit_adjustment(logits, np.array([3, 1])), desired, dtype=np.float32, case="float32 logits")


# --- stratified_split -----------------------------------------------------------------------------------------------


def expect_split(split, labels, case):
    """Two arrays of indices that together hold every index once."""
    expect_true(
        isinstance(split, tuple | list) and len(split) == 2,
        "not a pair of index arrays",
        cause="return two arrays of indices, training and held-out",
        case=case,
    )
    sizes = [np.asarray(part).size for part in split]
    expect_true(
        [np.asarray(part).dtype.kind for part in split if np.size(part)] == ["i"] * sum(s > 0 for s in sizes),
        "the parts are not integer arrays",
        cause="return indices (np.flatnonzero of a mask gives them), not masks or labels",
        case=case,
    )
    every = np.concatenate([np.asarray(part, dtype=np.int64) for part in split])
    expect_true(
        len(set(every.tolist())) == len(every),
        "an index stands in both parts, or twice in one",
        cause="training and held-out samples overlap, so the test would leak; permute, then cut",
        case=case,
    )
    expect_true(
        sorted(every.tolist()) == list(range(len(labels))),
        f"{len(every)} indices where {len(labels)} were expected",
        cause="some samples are in neither part; what is not held out is for training",
        case=case,
    )


@pytest.mark.core
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.8])
def test_stratified_split__keeps_each_class_share(impl, rng, fraction):
    counts = [40, 13, 8, 5]
    labels = long_tailed(rng, counts)
    case = f"classes of 40, 13, 8 and 5 samples, fraction={fraction}"
    split = impl.stratified_split(labels, fraction, as_seed(rng))
    expect_split(split, labels, case)
    held_out = np.bincount(labels[np.asarray(split[1], dtype=np.int64)], minlength=4)
    wanted = np.array(counts) * fraction
    swapped = bool(np.all(np.abs(np.array(counts) - held_out - wanted) <= 1))
    cause = (
        "the two parts are exchanged: training comes first, held-out second"
        if swapped
        else (
            "the share of a class was left to chance; draw within each class, so that it is kept to within one sample"
        )
    )
    expect_true(
        bool(np.all(np.abs(held_out - wanted) <= 1)),
        f"held out of each class: {held_out.tolist()} where about {wanted.tolist()} were expected",
        cause=cause,
        case=case,
    )


@pytest.mark.parametrize("fraction", [0.1, 0.9])
def test_stratified_split__rare_classes_stand_on_both_sides(impl, rng, fraction):
    labels = long_tailed(rng, [30, 2, 3, 1])
    case = f"classes of 30, 2, 3 and 1 samples, fraction={fraction}"
    split = impl.stratified_split(labels, fraction, as_seed(rng))
    expect_split(split, labels, case)
    train, held_out = (np.bincount(labels[np.asarray(part, dtype=np.int64)], minlength=4) for part in split)
    expect_true(
        bool(np.all(held_out[:3] > 0)),
        f"held out of each class: {held_out.tolist()}",
        cause="a rare class has no held-out sample; hold out at least one of a class with two or more",
        case=case,
    )
    expect_true(
        bool(np.all(train[:3] > 0)),
        f"for training of each class: {train.tolist()}",
        cause="a rare class has no training sample; leave at least one of a class with two or more",
        case=case,
    )
    cause = "the only sample of a class was held out; a class with a single sample stays in training"
    expect_true(bool(train[3] == 1), "the single sample is not in training", cause=cause, case=case)


def test_stratified_split__draws_at_random(impl, rng):
    labels, seed = long_tailed(rng, [30, 20]), as_seed(rng)
    first, again, other = (impl.stratified_split(labels, 0.3, s) for s in (seed, seed, seed + 1))
    expect_split(first, labels, "50 samples")
    cause = "the same seed gave another split; draw from `rng` only"
    expect_true(all(map(np.array_equal, first, again)), "two calls differ", cause=cause, case="one seed twice")
    cause = "every seed gives the same split; permute each class's members by `rng` before you cut"
    expect_true(not np.array_equal(first[1], other[1]), "two seeds agree", cause=cause, case="two seeds")
    cause = "sort the indices within each part (np.flatnonzero of a mask does)"
    rising = all(np.all(np.diff(part) > 0) for part in first)
    expect_true(rising, "the indices do not rise", cause=cause, case="50 samples")


def test_stratified_split__refuses_a_fraction_outside_0_and_1(impl):
    for fraction in (0.0, 1.0, 20.0):
        cause = "raise ValueError unless 0 < fraction < 1: it is a share, not a count or a percentage"
        labels = np.array([0, 0, 1, 1])
        expect_raises(ValueError, impl.stratified_split, labels, fraction, 0, cause=cause, case=f"fraction={fraction}")


# --- balanced_batches -----------------------------------------------------------------------------------------------


def expect_batches(batches, labels, batch_size, case):
    """A list of integer arrays of the right length and number."""
    cause = "return a list with one integer array of indices a batch"
    good = isinstance(batches, list) and all(isinstance(b, np.ndarray) and b.dtype.kind == "i" for b in batches)
    expect_true(good, "not a list of integer arrays", cause=cause, case=case)
    expect_true(
        {len(batch) for batch in batches} == {batch_size},
        f"batches of {sorted({len(batch) for batch in batches})} indices where {batch_size} were expected",
        cause="every batch has exactly batch_size indices",
        case=case,
    )
    wanted = max(1, len(labels) // batch_size)
    expect_true(
        len(batches) == wanted,
        f"{len(batches)} batches where {wanted} were expected",
        cause="an epoch has max(1, N // batch_size) batches, as many as without balancing",
        case=case,
    )
    every = np.concatenate(batches)
    inside = bool(np.all((every >= 0) & (every < len(labels))))
    expect_true(inside, "an index beyond the labels", cause="return indices into `labels`", case=case)


@pytest.mark.core
@pytest.mark.parametrize("batch_size", [8, 10, 16])
def test_balanced_batches__every_batch_holds_every_class_alike(impl, rng, batch_size):
    labels = long_tailed(rng, [70, 20, 7, 3])
    case = f"classes of 70, 20, 7 and 3 samples, batches of {batch_size}"
    batches = impl.balanced_batches(labels, batch_size, as_seed(rng))
    expect_batches(batches, labels, batch_size, case)
    for batch in batches:
        held = np.bincount(labels[batch], minlength=4)
        cause = (
            "a batch lacks a class; give each class its places in every batch"
            if held.min() == 0
            else "the classes are not equally frequent in a batch; each has batch_size / K places, rounded down or up"
        )
        fair = set(held.tolist()) <= {batch_size // 4, -(-batch_size // 4)}
        expect_true(fair, f"a batch holds {held.tolist()} of the classes", cause=cause, case=case)


def test_balanced_batches__samples_take_turns(impl, rng):
    labels = long_tailed(rng, [60, 11, 4])
    case = "classes of 60, 11 and 4 samples, batches of 9"
    batches = impl.balanced_batches(labels, 9, as_seed(rng))
    expect_batches(batches, labels, 9, case)
    uses = np.bincount(np.concatenate(batches), minlength=len(labels))
    for label in range(3):
        own = uses[labels == label]
        expect_true(
            bool(own.max() - own.min() <= 1),
            f"samples of one class were used between {own.min()} and {own.max()} times",
            cause="samples were drawn with replacement, or started anew in each batch; go through a shuffled class to "
            "its end before any sample returns",
            case=case,
        )


def test_balanced_batches__draws_at_random(impl, rng):
    labels, seed = long_tailed(rng, [50, 30]), as_seed(rng)
    first, again, other = (impl.balanced_batches(labels, 10, s) for s in (seed, seed, seed + 1))
    expect_batches(first, labels, 10, "80 samples")
    cause = "the same seed gave other batches; draw from `rng` only"
    expect_true(all(map(np.array_equal, first, again)), "two calls differ", cause=cause, case="one seed twice")
    cause = "every seed gives the same batches; shuffle each class's members by `rng`"
    same = [sorted(a.tolist()) == sorted(b.tolist()) for a, b in zip(first, other, strict=True)]
    expect_true(not all(same), "two seeds agree", cause=cause, case="two seeds")


def test_balanced_batches__classes_that_do_not_occur(impl, rng):
    labels = np.array([2, 2, 2, 5, 5])  # 0, 1, 3 and 4 do not occur
    batches = impl.balanced_batches(labels, 4, as_seed(rng))
    case = "labels 2 and 5 only, 5 samples, batches of 4"
    expect_batches(batches, labels, 4, case)
    cause = "places were kept for classes without samples; only classes that occur in `labels` count"
    expect_true(sorted(labels[batches[0]].tolist()) == [2, 2, 5, 5], "not half and half", cause=cause, case=case)
    few = impl.balanced_batches(np.array([0, 1]), 6, as_seed(rng))
    expect_batches(few, np.array([0, 1]), 6, "2 samples, a batch of 6")


def test_balanced_batches__refuses_batches_too_small(impl):
    cause = "raise ValueError if a batch has fewer places than there are classes"
    expect_raises(ValueError, impl.balanced_batches, np.array([0, 1, 2]), 2, 0, cause=cause, case="3 classes, size 2")


# --- confusion_matrix -----------------------------------------------------------------------------------------------


def counted(labels, predictions, num_classes):
    pairs = Counter(zip(labels.tolist(), predictions.tolist(), strict=True))
    return np.array([[pairs[i, j] for j in range(num_classes)] for i in range(num_classes)])


def skewed(rng, num_classes, size):
    """Labels and predictions; confusion is not symmetric: 0 is often taken for 1, never the other way round."""
    labels = rng.integers(num_classes, size=size)
    labels[:num_classes] = np.arange(num_classes)
    predictions = np.where(rng.random(size) < 0.6, labels, rng.integers(num_classes, size=size))
    predictions[labels == 1] = 1
    predictions[labels == 0] = np.where(rng.random(np.sum(labels == 0)) < 0.5, 0, 1)
    predictions[np.flatnonzero(labels == 0)[0]] = 1
    return labels, predictions


@pytest.mark.core
def test_confusion_matrix__rows_are_true_classes(impl, rng):
    labels, predictions = skewed(rng, 4, 60)
    desired = counted(labels, predictions, 4)
    expect_close(
        impl.confusion_matrix(labels, predictions, 4),
        desired,
        case="60 samples, 4 classes",
        causes={
            "this is the transpose: rows are true classes, columns predicted ones": desired.T,
            "rows were divided by their sums; return counts": desired / desired.sum(axis=1, keepdims=True),
            "the counts were divided by N; return counts": desired / 60,
            "each cell was set to 1 instead of counted: `matrix[labels, predictions] += 1` adds once for a pair that "
            "occurs often (np.add.at or np.bincount count them)": np.minimum(desired, 1),
            "only what is right was counted; errors belong off the diagonal": np.diag(np.diagonal(desired)),
        },
    )


def test_confusion_matrix__classes_that_do_not_occur(impl):
    desired = np.zeros((5, 5), dtype=int)
    desired[0, 0], desired[0, 2], desired[2, 2] = 1, 1, 2
    cause = "the classes that do not occur are missing; the shape is (num_classes, num_classes)"
    expect_close(
        impl.confusion_matrix(np.array([0, 0, 2, 2]), np.array([0, 2, 2, 2]), 5),
        desired,
        case="labels 0 and 2 of 5 classes",
        causes={cause: desired[:3, :3], cause + " ": np.array([[1, 1], [0, 2]])},
    )
    empty = np.array([], dtype=np.int64)
    expect_close(impl.confusion_matrix(empty, empty, 2), np.zeros((2, 2), dtype=int), case="no samples")


def test_confusion_matrix__small_integers_do_not_overflow(impl):
    labels = np.full(300, 19, dtype=np.uint8)
    desired = np.zeros((20, 20), dtype=int)
    desired[19, 18] = 300
    with np.errstate(all="ignore"):
        try:
            actual = impl.confusion_matrix(labels, labels - 1, 20)
        except (IndexError, ValueError) as error:
            actual = np.array(f"{error}")
    cause = "19 · 20 does not fit into uint8, nor do 300 counts; compute with int64"
    case = "300 uint8 labels, 20 classes"
    expect_true(np.shape(actual) == (20, 20) and actual.sum() == 300 and actual[19, 18] == 300,
                "the 300 samples are not where they belong", cause=cause, case=case)  # fmt: skip
    expect_close(actual, desired, case=case)


# --- balanced_accuracy ----------------------------------------------------------------------------------------------


def recalls(labels, predictions):
    return [np.mean(predictions[labels == c] == c) for c in sorted(set(labels.tolist()))]


def precisions(labels, predictions):
    return [np.mean(labels[predictions == c] == c) for c in sorted(set(predictions.tolist()))]


@pytest.mark.core
def test_balanced_accuracy__is_the_mean_recall(impl, rng):
    labels = long_tailed(rng, [50, 12, 5])
    predictions = np.where(rng.random(67) < 0.5, labels, 0)
    predictions[labels == 2] = [2, 2, 0, 1, 0]
    expect_close(
        impl.balanced_accuracy(labels, predictions, 3),
        float(np.mean(recalls(labels, predictions))),
        case="classes of 50, 12 and 5 samples",
        causes={
            "this is the accuracy, in which the frequent class counts most; take the mean of the recalls": np.mean(
                labels == predictions
            ),
            "this is the mean precision; divide by the rows' sums (true classes), not by the columns'": lambda: np.mean(
                precisions(labels, predictions)
            ),
            "the recalls were added; take their mean": lambda: np.sum(recalls(labels, predictions)),
            "the recalls were weighted by the classes' sizes, which is the accuracy again": lambda: np.average(
                recalls(labels, predictions), weights=[50, 12, 5]
            ),
            "this is the rate of errors; recall is the share that is right": lambda: (
                1 - np.mean(recalls(labels, predictions))
            ),
        },
    )


def test_balanced_accuracy__class_without_samples(impl):
    labels, predictions = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    case = "labels 0 and 2 of 4 classes; a 0 was taken for a 1"
    with np.errstate(all="ignore"):
        actual = impl.balanced_accuracy(labels, predictions, 4)
    expect_finite(actual, cause="0/0 at a class that does not occur; leave it out of the mean", case=case)
    expect_close(
        actual,
        0.75,
        case=case,
        causes={
            "a class that does not occur counted with recall 0; leave it out of the mean": 0.375,
            "a class that was predicted but does not occur counted with recall 0; leave it out": 0.5,
            "a class that does not occur counted with recall 1; leave it out of the mean": 0.875,
        },
    )


def test_balanced_accuracy__always_the_same_class(impl):
    labels = np.array([0] * 95 + [1] * 4 + [2])
    expect_close(
        impl.balanced_accuracy(labels, np.zeros(100, dtype=int), 3),
        1 / 3,
        case="95 %, 4 % and 1 %, always the first",
        causes={"this is the accuracy": 0.95},
    )


# --- macro_f1 -------------------------------------------------------------------------------------------------------


def f1_of(labels, predictions, c):
    hits = sum(a == c and b == c for a, b in zip(labels.tolist(), predictions.tolist(), strict=True))
    wrong = sum((a == c) != (b == c) for a, b in zip(labels.tolist(), predictions.tolist(), strict=True))
    return 2 * hits / (2 * hits + wrong)


@pytest.mark.core
def test_macro_f1__is_the_mean_of_the_f1s(impl, rng):
    labels = long_tailed(rng, [40, 15, 6])
    predictions = np.where(rng.random(61) < 0.5, labels, 0)
    predictions[labels == 1] = np.where(rng.random(15) < 0.5, 1, 2)
    predictions[labels == 2] = [2, 2, 2, 0, 1, 2]
    each = np.array([f1_of(labels, predictions, c) for c in range(3)])

    def of_means():
        recall, precision = np.mean(recalls(labels, predictions)), np.mean(precisions(labels, predictions))
        return 2 * recall * precision / (recall + precision)

    expect_close(
        impl.macro_f1(labels, predictions, 3),
        float(each.mean()),
        case="classes of 40, 15 and 6 samples",
        causes={
            "this is the F1 of the mean precision and the mean recall; take the mean of the classes' F1s": of_means,
            "this is the micro F1, which is the accuracy; give each class the same weight": np.mean(
                labels == predictions
            ),
            "the F1s were weighted by the classes' sizes; macro gives each class the same weight": lambda: np.average(
                each, weights=[40, 15, 6]
            ),
            "this is the mean recall (balanced accuracy); F1 takes precision in as well": lambda: np.mean(
                recalls(labels, predictions)
            ),
            "this is the mean precision; F1 takes recall in as well": lambda: np.mean(precisions(labels, predictions)),
            "precision and recall were averaged plainly; F1 is their harmonic mean": lambda: (
                np.mean(recalls(labels, predictions) + np.array(precisions(labels, predictions))) / 2
            ),
            "the factor 2 of the harmonic mean is missing": each.mean() / 2,
        },
    )


def test_macro_f1__class_never_predicted(impl):
    labels, predictions = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    case = "class 1 occurs but is never predicted"
    with np.errstate(all="ignore"):
        actual = impl.macro_f1(labels, predictions, 2)
    expect_finite(actual, cause="0/0: the precision of a class that was never predicted; its F1 is 0", case=case)
    expect_close(
        actual,
        3 / 7,
        case=case,
        causes={"the class that was never predicted was left out; it occurs, so it counts with F1 = 0": 6 / 7},
    )


def test_macro_f1__class_that_does_not_occur(impl):
    labels, predictions = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    with np.errstate(all="ignore"):
        actual = impl.macro_f1(labels, predictions, 5)
    case = "labels 0 and 2 of 5 classes; a 0 was taken for a 1"
    expect_finite(actual, cause="0/0 at a class that neither occurs nor was predicted; leave it out", case=case)
    expect_close(
        actual,
        (2 / 3 + 0 + 1) / 3,
        case=case,
        causes={
            "classes that neither occur nor were predicted counted as 0; leave them out of the mean": (2 / 3 + 1) / 5,
            "a class that was predicted without occurring was left out; it counts with F1 = 0": (2 / 3 + 1) / 2,
        },
    )


# --- augment --------------------------------------------------------------------------------------------------------

SIZE, MIDDLE, FRAME = 14, slice(4, 10), 128


def marked(count):
    """Images of one grey with three black pixels in the middle that no mirror image or shift maps onto another set."""
    images = np.full((count, SIZE, SIZE, 3), FRAME, dtype=np.uint8)
    for row, column in ((5, 5), (5, 6), (8, 5)):
        images[:, row, column] = 0
    return images


def explain(image):
    """Mirrored?, shift down, shift right: read off the black pixels; None where they are not those of `marked`."""
    black = sorted(zip(*np.nonzero(image.max(axis=2) == 0), strict=True))
    if len(black) != 3:
        return None
    (top, a), (top_again, b), (bottom, low) = ((int(r), int(c)) for r, c in black)
    if top != top_again or b != a + 1 or bottom != top + 3:
        return None
    if low == a:
        return False, top - 5, a - 5
    return (True, top - 5, low - (SIZE - 1 - 5)) if low == b else None


def versions(impl, rng, count=64, **options):
    """What became of `marked` images, and how, after the kind of the result has been checked."""
    images = marked(count)
    actual = impl.augment(images, as_seed(rng), **options)
    case = f"{count} grey images with three black pixels"
    expect_true(isinstance(actual, np.ndarray), "not an array", cause="return the images", case=case)
    expect_true(
        actual.shape == images.shape,
        f"shape {actual.shape} where {images.shape} was expected",
        cause="the shape must stay: crop what leaves at one edge, fill what comes in at the other",
        case=case,
    )
    cause = "images must stay uint8 from 0 to 255: round, clip, and convert back"
    expect_true(actual.dtype == np.uint8, f"dtype {actual.dtype}", cause=cause, case=case)
    moves = [explain(image) for image in actual]
    expect_true(
        None not in moves,
        "the three black pixels are not where a mirror image and a shift could put them",
        cause="mirror left to right (axis 2 of the batch), never upside down; shift whole images, all channels; black "
        "stays black",
        case=case,
    )
    return actual, moves, case


@pytest.mark.core
def test_augment__mirrors_and_shifts_each_image_by_itself(impl, rng):
    _, moves, case = versions(impl, rng)
    expect_true(
        len(set(moves)) > 1,
        "all images were treated alike",
        cause="one draw for the whole batch; draw for each image",
        case=case,
    )
    sides = {mirrored for mirrored, _, _ in moves}
    cause = "mirror about half of the images, by a draw for each" if len(sides) == 1 else ""
    expect_true(sides == {False, True}, f"mirrored: {sides}", cause=cause, case=case)
    for axis, name in ((1, "down"), (2, "to the right")):
        shifts = {move[axis] for move in moves}
        cause = f"shift {name} by -max_shift … max_shift, negative and positive, both ends included"
        expect_true(max(map(abs, shifts)) <= 3, f"shifted {name} by {shifts}", cause=cause, case=case)
        expect_true(min(shifts) < 0 < max(shifts), f"shifted {name} by {shifts} only", cause=cause, case=case)


def test_augment__shift_has_its_limits(impl, rng):
    _, moves, _ = versions(impl, rng, count=200, max_shift=1)
    for axis in (1, 2):
        shifts = {move[axis] for move in moves}
        cause = "`max_shift` was not used, or an end of -max_shift … max_shift is never drawn"
        expect_true(shifts == {-1, 0, 1}, f"shifts {sorted(shifts)}", cause=cause, case="200 images, max_shift=1")
    _, moves, _ = versions(impl, rng, count=20, max_shift=0)
    still = {move[1:] for move in moves} == {(0, 0)}
    expect_true(still, "images moved", cause="`max_shift` was not used", case="max_shift=0")


def test_augment__white_comes_in_at_the_edge(impl, rng):
    actual, moves, case = versions(impl, rng, colour=0.0)
    for image, (_, down, right) in zip(actual, moves, strict=True):
        desired = np.full((SIZE, SIZE), True)
        inside = np.zeros((SIZE, SIZE), dtype=bool)
        rows = slice(max(down, 0), SIZE + min(down, 0))
        columns = slice(max(right, 0), SIZE + min(right, 0))
        inside[rows, columns] = True
        desired[inside] = False
        cause = (
            "the image was rolled: what leaves at one edge comes back at the other; fill with white"
            if np.all(image[desired] == FRAME)
            else "the edge was filled with black, or with something else; the drawings stand on white (255)"
        )
        white = bool(np.all(image[desired] == 255))
        expect_true(white, "the edge that came in is not white", cause=cause, case=case + ", colour=0")
        cause = "with colour=0 no colour may change"
        grey = np.isin(image[inside], (0, FRAME)).all()
        expect_true(bool(grey), "a colour changed", cause=cause, case="colour=0")


def test_augment__colours_change_by_image_and_channel(impl, rng):
    actual, _, case = versions(impl, rng, count=40)
    factors = actual[:, MIDDLE, MIDDLE].max(axis=(1, 2)) / FRAME  # (N, 3): black pixels do not matter
    inside = bool(np.all((factors >= 0.79) & (factors <= 1.21)))
    cause = "multiply each channel by a factor between 1 - colour and 1 + colour"
    expect_true(inside, f"factors from {factors.min():.2f} to {factors.max():.2f}", cause=cause, case=case)
    expect_true(bool(factors.std() > 0.02), "the colours did not change", cause=cause, case=case)
    cause = "one factor for all channels changes the brightness only; draw one a channel"
    expect_true(bool(np.ptp(factors, axis=1).max() > 0.02), "all channels alike", cause=cause, case=case)
    cause = "one set of factors for the whole batch; draw for each image"
    expect_true(bool(np.ptp(factors, axis=0).max() > 0.02), "all images alike", cause=cause, case=case)
    cause = "the factors are only above, or only below 1; draw from both sides"
    expect_true(bool(factors.min() < 1 < factors.max()), "one-sided factors", cause=cause, case=case)


def test_augment__bright_colours_are_clipped(impl, rng):
    bright = np.full((40, 12, 12, 3), 250, dtype=np.uint8)
    actual = impl.augment(bright, as_seed(rng))
    cause = "a bright value wrapped round (250 · 1.2 = 300 is 44 in uint8); clip to 0 … 255 before you convert"
    expect_true(bool(actual.min() >= 198), f"a value of {actual.min()}", cause=cause, case="images of 250, colour=0.2")


def test_augment__same_seed_same_result(impl, rng):
    images, seed = rng.integers(256, size=(6, 12, 12, 3)).astype(np.uint8), as_seed(rng)
    first, again, other = (impl.augment(images, s) for s in (seed, seed, seed + 1))
    cause = "the same seed gave other images; draw from `rng` only"
    expect_true(np.array_equal(first, again), "two calls differ", cause=cause, case="one seed twice")
    cause = "every seed gives the same images; draw from `rng`"
    expect_true(not np.array_equal(first, other), "two seeds agree", cause=cause, case="two seeds")
    none = impl.augment(images[:0], seed)
    expect_close(none, images[:0], dtype=np.uint8, case="no images")


# --- modality_balance -----------------------------------------------------------------------------------------------


def simplex(rng, rows, columns):
    """Random rows of probabilities."""
    x = rng.random((rows, columns)) + 0.1
    return x / x.sum(axis=1, keepdims=True)


def ahead(rng, leader):
    """Probabilities of the two modalities, and labels; the leader gives the true class clearly more."""
    labels = rng.integers(4, size=6)
    strong, weak = simplex(rng, 6, 4), simplex(rng, 6, 4)
    strong[np.arange(6), labels] += 2.0
    weak[np.arange(6), (labels + 1) % 4] += 0.5
    strong, weak = (p / p.sum(axis=1, keepdims=True) for p in (strong, weak))
    return (strong, weak, labels) if leader == "image" else (weak, strong, labels)


@pytest.mark.core
@pytest.mark.parametrize("leader", ["image", "text"])
def test_modality_balance__slows_the_one_that_leads(impl, rng, leader):
    image, text, labels = ahead(rng, leader)
    of_image = [row[label] for row, label in zip(image, labels, strict=True)]
    of_text = [row[label] for row, label in zip(text, labels, strict=True)]
    ratio = sum(of_image) / sum(of_text)
    means = np.mean(np.array(of_image) / np.array(of_text))

    def pair(rho, rule):
        return tuple(rule(r) if r > 1 else 1.0 for r in (rho, 1 / rho))

    desired = pair(ratio, lambda r: 1 - math.tanh(0.3 * r))
    greatest = image.max(axis=1).sum() / text.max(axis=1).sum()
    expect_close(
        impl.modality_balance(image, text, labels, 0.3),
        desired,
        case=f"6 samples, the {leader} leads, alpha=0.3",
        causes={
            "the modality that lags was slowed; slow the one whose ratio is above 1": desired[::-1],
            "both were slowed; the one that lags keeps 1": tuple(1 - math.tanh(0.3 * r) for r in (ratio, 1 / ratio)),
            "tanh itself was returned; the coefficient is 1 - tanh(alpha · ratio)": pair(
                ratio, lambda r: math.tanh(0.3 * r)
            ),
            "the ratio is of the highest probabilities, right or wrong; take those of the true class": pair(
                greatest, lambda r: 1 - math.tanh(0.3 * r)
            ),
            "the ratios of the samples were averaged; take the ratio of the two sums": (
                1 - math.tanh(0.3 * means) if means > 1 else 1.0,
                1 - math.tanh(0.3 * np.mean(np.array(of_text) / np.array(of_image)))
                if np.mean(np.array(of_text) / np.array(of_image)) > 1
                else 1.0,
            ),
            "alpha was not used": pair(ratio, lambda r: 1 - math.tanh(r)),
            "alpha was subtracted from what it multiplies: the argument of tanh is alpha · ratio": pair(
                ratio, lambda r: 1 - math.tanh(r - 0.3)
            ),
            "the ratio minus 1 went into tanh; its argument is alpha · ratio": pair(
                ratio, lambda r: 1 - math.tanh(0.3 * (r - 1))
            ),
        },
    )


def test_modality_balance__a_tie_leaves_both_alone(impl, rng):
    same, labels = simplex(rng, 5, 3), rng.integers(3, size=5)
    expect_close(
        impl.modality_balance(same, same, labels, 0.7),
        (1.0, 1.0),
        case="both modalities alike",
        causes={
            "a ratio of exactly 1 was slowed; only above 1 a modality leads": (1 - math.tanh(0.7),) * 2,
            "one modality was slowed in a tie; only above 1 does a modality lead": (1 - math.tanh(0.7), 1.0),
            "one modality was slowed in a tie; only above 1 does a modality lead ": (1.0, 1 - math.tanh(0.7)),
        },
    )


def test_modality_balance__alpha_0_does_nothing(impl, rng):
    image, text, labels = ahead(rng, "image")
    cause = "alpha = 0 must leave both alone: 1 - tanh(0) = 1"
    expect_close(
        impl.modality_balance(image, text, labels, 0.0), (1.0, 1.0), case="alpha=0", causes={cause: (0.0, 1.0)}
    )


def test_modality_balance__a_sum_of_0(impl):
    right, wrong, labels = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([0])
    cause = "division by a sum of 0; give the sums a floor of 1e-12"
    for image, text, desired in ((right, wrong, (0.0, 1.0)), (wrong, right, (1.0, 0.0)), (wrong, wrong, (1.0, 1.0))):
        with np.errstate(all="ignore"):
            try:
                actual = impl.modality_balance(image, text, labels, 0.5)
            except ZeroDivisionError:
                actual = (math.nan, math.nan)
        good = isinstance(actual, tuple | list) and bool(np.all(np.isfinite(actual)))
        expect_true(good, "NaN or infinity in the result", cause=cause, case="a modality that is surely wrong")
        expect_close(actual, desired, case="a modality that is surely wrong")
