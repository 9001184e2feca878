"""Known wrong answers to the exercises of `imbalance`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/imbalance.py`, so that it may use `np` and the other functions
of that module. `caught_by` is a part of the message of the first graded test that fails.
"""

import numpy as np

from mmlearn.course.mutants import mutant

# ruff: noqa: F821  (the reference's functions, called by name, are there once a mutant stands in its place)

# --- class_weights --------------------------------------------------------------------------------------------------


@mutant("class_weights", caught_by="1/n without a scale")
def inverse_counts(labels, num_classes, method="balanced", beta=0.99):
    return 1 / np.maximum(np.bincount(labels, minlength=num_classes), 1)


@mutant("class_weights", caught_by="rare classes should weigh more, not less")
def shares(labels, num_classes, method="balanced", beta=0.99):
    return np.bincount(labels, minlength=num_classes) / len(labels)


@mutant("class_weights", caught_by="average to 1 over the classes")
def mean_1_over_classes(labels, num_classes, method="balanced", beta=0.99):
    weights = 1 / np.maximum(np.bincount(labels, minlength=num_classes), 1)
    return weights / weights.mean()


@mutant("class_weights", caught_by="without the number of classes")
def without_k(labels, num_classes, method="balanced", beta=0.99):
    return len(labels) / np.maximum(np.bincount(labels, minlength=num_classes), 1)


@mutant("class_weights", caught_by="`method` was not used")
def always_balanced(labels, num_classes, method="balanced", beta=0.99):
    counts = np.bincount(labels, minlength=num_classes)
    return np.where(counts > 0, len(labels) / (np.sum(counts > 0) * np.maximum(counts, 1)), 0)


@mutant("class_weights", caught_by="this is the effective number itself")
def effective_number_itself(labels, num_classes, method="balanced", beta=0.99):
    counts = np.bincount(labels, minlength=num_classes)
    weights = 1 / np.maximum(counts, 1) if method == "balanced" else 1 - beta**counts
    return weights * len(labels) / np.sum(counts * weights)


@mutant("class_weights", caught_by="0.99 is its default only")
def default_beta_only(labels, num_classes, method="balanced", beta=0.99):
    counts = np.bincount(labels, minlength=num_classes)
    weights = 1 / np.maximum(counts, 1) if method == "balanced" else 1 / (1 - 0.99 ** np.maximum(counts, 1))
    return weights * len(labels) / np.sum(counts * weights)


@mutant("class_weights", caught_by="a class without samples was divided by 0")
def infinite_for_empty(labels, num_classes, method="balanced", beta=0.99):
    counts = np.bincount(labels, minlength=num_classes)
    with np.errstate(all="ignore"):
        weights = 1 / counts if method == "balanced" else (1 - beta) / (1 - beta**counts)
        return weights * len(labels) / np.nansum(counts * weights)


@mutant("class_weights", caught_by="empty classes were counted in the scale")
def empty_classes_in_the_scale(labels, num_classes, method="balanced", beta=0.99):
    counts = np.bincount(labels, minlength=num_classes)
    some = np.maximum(counts, 1)
    weights = np.where(counts > 0, 1 / some if method == "balanced" else 1 / (1 - beta**some), 0)
    share = np.mean(counts > 0)
    return weights * len(labels) / np.sum(counts * weights) * share


@mutant("class_weights", caught_by="raise ValueError unless 0 <= beta < 1")
def any_beta(labels, num_classes, method="balanced", beta=0.99):
    if method not in ("balanced", "effective"):
        raise ValueError(method)
    counts = np.bincount(labels, minlength=num_classes)
    some = np.maximum(counts, 1)
    with np.errstate(all="ignore"):
        weights = np.where(counts > 0, 1 / some if method == "balanced" else (1 - beta) / (1 - beta**some), 0)
        return weights * len(labels) / np.sum(counts * weights)


# --- weighted_cross_entropy -----------------------------------------------------------------------------------------


@mutant("weighted_cross_entropy", caught_by="was divided by N")
def divided_by_n(logits, labels, weights):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(-np.mean(weights[labels] * log_p[np.arange(len(labels)), labels]))


@mutant("weighted_cross_entropy", caught_by="was not divided")
def not_divided(logits, labels, weights):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(-np.sum(weights[labels] * log_p[np.arange(len(labels)), labels]))


@mutant("weighted_cross_entropy", caught_by="divided by the sum over the classes")
def divided_by_class_weights(logits, labels, weights):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(-np.sum(weights[labels] * log_p[np.arange(len(labels)), labels]) / weights.sum())


@mutant("weighted_cross_entropy", caught_by="the weights were not used")
def unweighted(logits, labels, weights):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(-np.mean(log_p[np.arange(len(labels)), labels]))


@mutant("weighted_cross_entropy", caught_by="the sign is wrong")
def rewards(logits, labels, weights):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(np.average(log_p[np.arange(len(labels)), labels], weights=weights[labels]))


@mutant("weighted_cross_entropy", caught_by="exp of 1e4 overflows")
def naive_softmax(logits, labels, weights):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        own = weights[labels]
        return float(-np.sum(own * np.log(p[np.arange(len(labels)), labels])) / own.sum())


@mutant("weighted_cross_entropy", caught_by="exp of 1e4 overflows")
def log_of_probability(logits, labels, weights):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    own = weights[labels]
    with np.errstate(all="ignore"):
        return float(-np.sum(own * np.log(p[np.arange(len(labels)), labels])) / own.sum())


@mutant("weighted_cross_entropy", caught_by="0/0 where all samples weigh 0")
def nan_for_weight_0(logits, labels, weights):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    own = weights[labels]
    with np.errstate(all="ignore"):
        return float(-np.sum(own * log_p[np.arange(len(labels)), labels]) / own.sum())


# --- focal_loss -----------------------------------------------------------------------------------------------------


@mutant("focal_loss", caught_by="hard samples were let go")
def lets_go_of_the_hard(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    return float(np.mean(np.exp(log_p) ** gamma * -log_p))


@mutant("focal_loss", caught_by="gamma was not used: this is the cross-entropy")
def cross_entropy_only(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    return float(-np.mean(log_p))


@mutant("focal_loss", caught_by="2 is its default only")
def gamma_2_only(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    return float(np.mean((1 - np.exp(log_p)) ** 2 * -log_p))


@mutant("focal_loss", caught_by="divided by the sum of the factors")
def normalised_by_factors(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    return float(np.average(-log_p, weights=(1 - np.exp(log_p)) ** gamma))


@mutant("focal_loss", caught_by="alpha was not used")
def without_alpha(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    return float(np.mean((1 - np.exp(log_p)) ** gamma * -log_p))


@mutant("focal_loss", caught_by="divided by the sum of alpha over the samples")
def normalised_by_alpha(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    own = np.ones(len(labels)) if alpha is None else alpha[labels]
    return float(np.average((1 - np.exp(log_p)) ** gamma * -log_p, weights=own))


@mutant("focal_loss", caught_by="exp of 1e4 overflows")
def focal_of_naive_softmax(logits, labels, gamma=2.0, alpha=None):
    with np.errstate(all="ignore"):
        p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))[np.arange(len(labels)), labels]
        own = 1.0 if alpha is None else alpha[labels]
        return float(np.mean(own * (1 - p) ** gamma * -np.log(p)))


@mutant("focal_loss", caught_by="raise ValueError if gamma is negative")
def any_gamma(logits, labels, gamma=2.0, alpha=None):
    log_p = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]
    own = 1.0 if alpha is None else alpha[labels]
    return float(np.mean(own * (1 - np.exp(log_p)) ** gamma * -log_p))


# --- logit_adjustment -----------------------------------------------------------------------------------------------


@mutant("logit_adjustment", caught_by="the logarithms were added")
def favours_the_head(logits, class_counts, tau=1.0):
    return logits + tau * np.log(np.maximum(class_counts, 1) / np.maximum(class_counts, 1).sum())


@mutant("logit_adjustment", caught_by="the counts were not divided by their sum")
def log_of_counts(logits, class_counts, tau=1.0):
    return logits - tau * np.log(np.maximum(class_counts, 1))


@mutant("logit_adjustment", caught_by="subtract their logarithms")
def shares_subtracted(logits, class_counts, tau=1.0):
    return logits - tau * class_counts / class_counts.sum()


@mutant("logit_adjustment", caught_by="the logits were divided by the shares")
def divided_by_shares(logits, class_counts, tau=1.0):
    return logits / (class_counts / class_counts.sum()) ** tau


@mutant("logit_adjustment", caught_by="the argument `tau` was not used")
def tau_ignored(logits, class_counts, tau=1.0):
    return logits - np.log(np.maximum(class_counts, 1) / np.maximum(class_counts, 1).sum())


@mutant("logit_adjustment", caught_by="the logarithm of 0")
def infinite_for_unseen(logits, class_counts, tau=1.0):
    with np.errstate(all="ignore"):
        return logits - tau * np.log(class_counts / class_counts.sum())


@mutant("logit_adjustment", caught_by="1 was added to every count")
def one_for_everybody(logits, class_counts, tau=1.0):
    counts = class_counts + (1 if np.any(class_counts == 0) else 0)
    return logits - tau * np.log(counts / counts.sum())


@mutant("logit_adjustment", caught_by="the dtype of the input must be kept")
def widened(logits, class_counts, tau=1.0):
    counts = np.maximum(class_counts, 1)
    return logits - tau * np.log(counts / counts.sum())


# --- stratified_split -----------------------------------------------------------------------------------------------


@mutant("stratified_split", caught_by="the share of a class was left to chance")
def plain_split(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    # the rarest classes last, as an unlucky permutation may have it
    order = np.argsort(-np.bincount(labels)[labels] + rng.random(len(labels)))
    count = round(fraction * len(labels))
    return np.sort(order[count:]), np.sort(order[:count])


@mutant("stratified_split", caught_by="the two parts are exchanged")
def exchanged_parts(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    taken = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        taken[members[: round(fraction * len(members))]] = True
    return np.flatnonzero(taken), np.flatnonzero(~taken)


@mutant("stratified_split", caught_by="training and held-out samples overlap")
def with_overlap(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    held_out = [
        rng.choice(members, round(fraction * len(members)), replace=False)
        for members in (np.flatnonzero(labels == label) for label in np.unique(labels))
    ]
    return np.arange(len(labels)), np.sort(np.concatenate(held_out))


@mutant("stratified_split", caught_by="a rare class has no held-out sample")
def rounded_down(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held_out[members[: int(fraction * len(members))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


@mutant("stratified_split", caught_by="a rare class has no training sample")
def at_least_one_held_out(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = max(round(fraction * len(members)), 1)
        held_out[members[: count if len(members) > 1 else 0]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


@mutant("stratified_split", caught_by="the only sample of a class was held out")
def single_one_held_out(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held_out[members[: max(min(round(fraction * len(members)), len(members) - 1), 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


@mutant("stratified_split", caught_by="every seed gives the same split")
def first_ones_held_out(labels, fraction, rng):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        held_out[members[: min(max(round(fraction * len(members)), 1), len(members) - 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


@mutant("stratified_split", caught_by="it is a share, not a count or a percentage")
def any_fraction(labels, fraction, rng):
    rng = np.random.default_rng(rng)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held_out[members[: min(max(round(fraction * len(members)), 1), len(members) - 1)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


# --- balanced_batches -----------------------------------------------------------------------------------------------


@mutant("balanced_batches", caught_by="in a batch; each has batch_size / K places")
def chances_balanced_only(labels, batch_size, rng):
    rng = np.random.default_rng(rng)
    frequent = np.bincount(labels).argmax()
    rest = np.array([np.flatnonzero(labels == label)[0] for label in np.unique(labels)])
    filler = np.flatnonzero(labels == frequent)
    return [
        np.concatenate([rest, rng.choice(filler, batch_size - len(rest))])
        for _ in range(max(1, len(labels) // batch_size))
    ]


@mutant("balanced_batches", caught_by="a batch lacks a class")
def shuffled_only(labels, batch_size, rng):
    order = np.argsort(labels, kind="stable")
    count = max(1, len(labels) // batch_size)
    return [np.resize(order[i * batch_size :], batch_size) for i in range(count)]


@mutant("balanced_batches", caught_by="samples were drawn with replacement")
def with_replacement(labels, batch_size, rng):
    rng = np.random.default_rng(rng)
    classes = np.unique(labels)
    members = [np.flatnonzero(labels == label) for label in classes]
    return [
        np.array([rng.choice(members[i % len(classes)]) for i in range(batch_size)])
        for _ in range(max(1, len(labels) // batch_size))
    ]


@mutant("balanced_batches", caught_by="every batch has exactly batch_size indices")
def batch_size_for_each_class(labels, batch_size, rng):
    rng = np.random.default_rng(rng)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [
        np.concatenate([rng.choice(own, batch_size) for own in members])
        for _ in range(max(1, len(labels) // batch_size))
    ]


@mutant("balanced_batches", caught_by="as many as without balancing")
def until_the_largest_is_used_up(labels, batch_size, rng):
    classes, counts = np.unique(labels, return_counts=True)
    members = [np.flatnonzero(labels == label) for label in classes]
    turns = -(-counts.max() * len(classes) // batch_size) + 1
    order = [np.resize(own, turns * batch_size) for own in members]
    return [np.stack(order, axis=1).ravel()[i * batch_size : (i + 1) * batch_size] for i in range(turns)]


@mutant("balanced_batches", caught_by="every seed gives the same batches")
def turns_without_chance(labels, batch_size, rng):
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    used = [0] * len(members)
    batches = []
    for _ in range(max(1, len(labels) // batch_size)):
        batch = []
        for i in range(batch_size):
            c = i % len(members)
            batch.append(members[c][used[c] % len(members[c])])
            used[c] += 1
        batches.append(np.array(batch))
    return batches


@mutant("balanced_batches", caught_by="raise ValueError if a batch has fewer places")
def any_batch_size(labels, batch_size, rng):
    rng = np.random.default_rng(rng)
    members = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    used = [0] * len(members)
    batches = []
    for _ in range(max(1, len(labels) // batch_size)):
        batch = []
        for i in range(batch_size):
            c = i % len(members)
            batch.append(members[c][used[c] % len(members[c])])
            used[c] += 1
        batches.append(np.array(batch))
    return batches


# --- confusion_matrix -----------------------------------------------------------------------------------------------


@mutant("confusion_matrix", caught_by="this is the transpose")
def rows_are_predictions(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(matrix, (predictions, labels), 1)
    return matrix


@mutant("confusion_matrix", caught_by="each cell was set to 1 instead of counted")
def buffered_addition(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=np.int64)
    matrix[labels, predictions] += 1
    return matrix


@mutant("confusion_matrix", caught_by="rows were divided by their sums")
def rates(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes))
    np.add.at(matrix, (labels, predictions), 1)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


@mutant("confusion_matrix", caught_by="the classes that do not occur are missing")
def size_from_the_data(labels, predictions, num_classes):
    size = max([*labels.tolist(), *predictions.tolist(), 0]) + 1
    matrix = np.zeros((size, size), dtype=np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


@mutant("confusion_matrix", caught_by="does not fit into uint8")
def cells_in_the_labels_dtype(labels, predictions, num_classes):
    cell = labels * labels.dtype.type(num_classes) + predictions
    return np.bincount(cell, minlength=num_classes**2)[: num_classes**2].reshape(num_classes, num_classes)


# --- balanced_accuracy ----------------------------------------------------------------------------------------------


@mutant("balanced_accuracy", caught_by="this is the accuracy, in which")
def accuracy(labels, predictions, num_classes):
    return float(np.mean(labels == predictions))


@mutant("balanced_accuracy", caught_by="this is the mean precision")
def mean_precision(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    return float(np.mean(np.diagonal(matrix) / np.maximum(matrix.sum(axis=0), 1)))


@mutant("balanced_accuracy", caught_by="the recalls were added")
def sum_of_recalls(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    return float(np.sum(np.diagonal(matrix) / np.maximum(matrix.sum(axis=1), 1)))


@mutant("balanced_accuracy", caught_by="0/0 at a class that does not occur")
def nan_for_absent(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    with np.errstate(all="ignore"):
        return float(np.mean(np.diagonal(matrix) / matrix.sum(axis=1)))


@mutant("balanced_accuracy", caught_by="a class that does not occur counted with recall 0")
def zero_for_absent(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    return float(np.mean(np.diagonal(matrix) / np.maximum(matrix.sum(axis=1), 1)))


@mutant("balanced_accuracy", caught_by="a class that was predicted but does not occur")
def zero_for_predicted(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    occurs = matrix.sum(axis=0) + matrix.sum(axis=1) > 0
    return float(np.mean((np.diagonal(matrix) / np.maximum(matrix.sum(axis=1), 1))[occurs]))


# --- macro_f1 -------------------------------------------------------------------------------------------------------


@mutant("macro_f1", caught_by="this is the F1 of the mean precision and the mean recall")
def f1_of_means(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    recall = np.mean(np.diagonal(matrix) / np.maximum(matrix.sum(axis=1), 1))
    precision = np.mean(np.diagonal(matrix) / np.maximum(matrix.sum(axis=0), 1))
    return float(2 * recall * precision / (recall + precision))


@mutant("macro_f1", caught_by="this is the micro F1")
def micro_f1(labels, predictions, num_classes):
    return float(np.mean(labels == predictions))


@mutant("macro_f1", caught_by="the F1s were weighted by the classes' sizes")
def weighted_f1(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    f1 = 2 * np.diagonal(matrix) / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)
    return float(np.average(f1, weights=matrix.sum(axis=1)))


@mutant("macro_f1", caught_by="the precision of a class that was never predicted")
def nan_precision(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    with np.errstate(all="ignore"):
        recall = np.diagonal(matrix) / matrix.sum(axis=1)
        precision = np.diagonal(matrix) / matrix.sum(axis=0)
        return float(np.mean(2 * recall * precision / (recall + precision)))


@mutant("macro_f1", caught_by="the class that was never predicted was left out")
def nan_left_out(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    with np.errstate(all="ignore"):
        recall = np.diagonal(matrix) / matrix.sum(axis=1)
        precision = np.diagonal(matrix) / matrix.sum(axis=0)
        return float(np.nanmean(2 * recall * precision / (recall + precision)))


@mutant("macro_f1", caught_by="classes that neither occur nor were predicted counted as 0")
def absent_classes_as_0(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    return float(np.mean(2 * np.diagonal(matrix) / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)))


@mutant("macro_f1", caught_by="a class that was predicted without occurring was left out")
def occurring_only(labels, predictions, num_classes):
    matrix = confusion_matrix(labels, predictions, num_classes)
    f1 = 2 * np.diagonal(matrix) / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)
    return float(np.mean(f1[matrix.sum(axis=1) > 0]))


# --- augment --------------------------------------------------------------------------------------------------------


@mutant("augment", caught_by="images must stay uint8")
def floats_returned(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    return np.clip(images * rng.uniform(1 - colour, 1 + colour, (len(images), 1, 1, 3)), 0, 255)


@mutant("augment", caught_by="changed its argument `images` in place")
def flips_in_place(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    mirrored = rng.random(len(images)) < 0.5
    images[mirrored] = images[mirrored, :, ::-1]
    return images


@mutant("augment", caught_by="one draw for the whole batch")
def one_draw_for_all(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    down, right = rng.integers(-max_shift, max_shift + 1, 2)
    result = images[:, :, ::-1] if rng.random() < 0.5 else images
    return np.roll(result, (down, right), axis=(1, 2))


@mutant("augment", caught_by="never upside down")
def upside_down(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    result = images.copy()
    flipped = rng.random(len(images)) < 0.5
    result[flipped] = result[flipped, ::-1]
    return result


@mutant("augment", caught_by="negative and positive, both ends included")
def only_down(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    result = np.full_like(images, 255)
    for i, image in enumerate(images):
        down, right = rng.integers(0, max_shift + 1, 2)
        image = image[:, ::-1] if rng.random() < 0.5 else image
        result[i, down:, right:] = image[: images.shape[1] - down, : images.shape[2] - right]
    return result


@mutant("augment", caught_by="an end of -max_shift … max_shift is never drawn")
def end_excluded(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    result = images.copy()
    for i in range(len(images)):
        image = images[i, :, ::-1] if rng.random() < 0.5 else images[i]
        shift = rng.integers(-max_shift, max_shift, 2) if max_shift else (0, 0)
        result[i] = np.roll(image, shift, axis=(0, 1))
    return result


@mutant("augment", caught_by="the image was rolled")
def rolled(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    result = images.copy()
    for i in range(len(images)):
        image = images[i, :, ::-1] if rng.random() < 0.5 else images[i]
        result[i] = np.roll(image, rng.integers(-max_shift, max_shift + 1, 2), axis=(0, 1))
    return result


@mutant("augment", caught_by="the edge was filled with black")
def black_edges(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    marked_black = images.copy()
    for i in range(len(images)):
        image = images[i, :, ::-1] if rng.random() < 0.5 else images[i]
        padded = np.pad(image, ((max_shift, max_shift), (max_shift, max_shift), (0, 0)), constant_values=1)
        top, left = rng.integers(0, 2 * max_shift + 1, 2)
        marked_black[i] = padded[top : top + images.shape[1], left : left + images.shape[2]]
    return marked_black


@mutant("augment", caught_by="draw one a channel")
def brightness_only(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    factors = rng.uniform(1 - colour, 1 + colour, (len(images), 1, 1, 1))
    result = np.clip(np.rint(images * factors), 0, 255).astype(np.uint8)
    for i in range(len(images)):
        image = result[i, :, ::-1] if rng.random() < 0.5 else result[i]
        padded = np.pad(image, ((max_shift, max_shift), (max_shift, max_shift), (0, 0)), constant_values=255)
        top, left = rng.integers(0, 2 * max_shift + 1, 2)
        result[i] = padded[top : top + images.shape[1], left : left + images.shape[2]]
    return result


@mutant("augment", caught_by="a bright value wrapped round")
def wraps_round(images, rng, max_shift=3, colour=0.2):
    rng = np.random.default_rng(rng)
    factors = rng.uniform(1 - colour, 1 + colour, (len(images), 1, 1, 3))
    result = (np.rint(images * factors).astype(np.int64) % 256).astype(np.uint8)
    for i in range(len(images)):
        image = result[i, :, ::-1] if rng.random() < 0.5 else result[i]
        padded = np.pad(image, ((max_shift, max_shift), (max_shift, max_shift), (0, 0)), constant_values=255)
        top, left = rng.integers(0, 2 * max_shift + 1, 2)
        result[i] = padded[top : top + images.shape[1], left : left + images.shape[2]]
    return result


# --- modality_balance -----------------------------------------------------------------------------------------------


@mutant("modality_balance", caught_by="the modality that lags was slowed")
def slows_the_weaker(image_probabilities, text_probabilities, labels, alpha=0.5):
    rows = np.arange(len(labels))
    ratio = image_probabilities[rows, labels].sum() / text_probabilities[rows, labels].sum()
    image = float(1 - np.tanh(alpha * ratio)) if ratio > 1 else 1.0
    text = float(1 - np.tanh(alpha / ratio)) if ratio < 1 else 1.0
    return text, image


@mutant("modality_balance", caught_by="both were slowed")
def slows_both(image_probabilities, text_probabilities, labels, alpha=0.5):
    rows = np.arange(len(labels))
    ratio = image_probabilities[rows, labels].sum() / text_probabilities[rows, labels].sum()
    return float(1 - np.tanh(alpha * ratio)), float(1 - np.tanh(alpha / ratio))


@mutant("modality_balance", caught_by="tanh itself was returned")
def tanh_itself(image_probabilities, text_probabilities, labels, alpha=0.5):
    rows = np.arange(len(labels))
    ratio = image_probabilities[rows, labels].sum() / text_probabilities[rows, labels].sum()
    return (
        float(np.tanh(alpha * ratio)) if ratio > 1 else 1.0,
        float(np.tanh(alpha / ratio)) if ratio < 1 else 1.0,
    )


@mutant("modality_balance", caught_by="the ratio is of the highest probabilities")
def highest_probabilities(image_probabilities, text_probabilities, labels, alpha=0.5):
    ratio = image_probabilities.max(axis=1).sum() / text_probabilities.max(axis=1).sum()
    return (
        float(1 - np.tanh(alpha * ratio)) if ratio > 1 else 1.0,
        float(1 - np.tanh(alpha / ratio)) if ratio < 1 else 1.0,
    )


@mutant("modality_balance", caught_by="take the ratio of the two sums")
def mean_of_ratios(image_probabilities, text_probabilities, labels, alpha=0.5):
    rows = np.arange(len(labels))
    image, text = image_probabilities[rows, labels], text_probabilities[rows, labels]
    ratios = np.mean(image / text), np.mean(text / image)
    return tuple(float(1 - np.tanh(alpha * ratio)) if ratio > 1 else 1.0 for ratio in ratios)


@mutant("modality_balance", caught_by="a ratio of exactly 1 was slowed")
def slows_in_a_tie(image_probabilities, text_probabilities, labels, alpha=0.5):
    rows = np.arange(len(labels))
    ratio = image_probabilities[rows, labels].sum() / text_probabilities[rows, labels].sum()
    return (
        float(1 - np.tanh(alpha * ratio)) if ratio >= 1 else 1.0,
        float(1 - np.tanh(alpha / ratio)) if ratio <= 1 else 1.0,
    )


@mutant("modality_balance", caught_by="division by a sum of 0")
def divides_by_0(image_probabilities, text_probabilities, labels, alpha=0.5):
    rows = np.arange(len(labels))
    with np.errstate(all="ignore"):
        ratio = image_probabilities[rows, labels].sum() / text_probabilities[rows, labels].sum()
        return (
            float(1 - np.tanh(alpha * ratio)) if not ratio <= 1 else 1.0,
            float(1 - np.tanh(alpha / ratio)) if ratio < 1 else 1.0,
        )
