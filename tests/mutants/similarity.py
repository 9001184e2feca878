"""Known wrong answers to the exercises of `similarity`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/similarity.py`, so that it may use `np` and the other functions
of that module. `caught_by` is a part of the message of the first graded test that fails.
"""

import numpy as np

from mmlearn.course.mutants import mutant

# ruff: noqa: F821  (the reference's functions, called by name, are there once a mutant stands in its place)

# --- l2_normalize ---------------------------------------------------------------------------------------------------


@mutant("l2_normalize", caught_by="rows were normalised along axis 0")
def along_axis_0(x, axis=-1, eps=1e-12):
    return x / np.maximum(np.linalg.norm(x, axis=0, keepdims=True), eps)


@mutant("l2_normalize", caught_by="the whole array was divided by one number")
def one_length_for_all(x, axis=-1, eps=1e-12):
    return x / max(np.linalg.norm(x), eps)


@mutant("l2_normalize", caught_by="divided by its squared length")
def no_root(x, axis=-1, eps=1e-12):
    return x / np.maximum(np.sum(x**2, axis=axis, keepdims=True), eps)


@mutant("l2_normalize", caught_by="the sum of its absolute values")
def l1_normalize(x, axis=-1, eps=1e-12):
    return x / np.maximum(np.sum(np.abs(x), axis=axis, keepdims=True), eps)


@mutant("l2_normalize", caught_by="divided by its largest entry")
def stopped_after_scaling(x, axis=-1, eps=1e-12):
    return x / np.maximum(np.abs(x).max(axis=axis, keepdims=True), eps)


@mutant("l2_normalize", caught_by="changed its argument `x` in place")
def in_place(x, axis=-1, eps=1e-12):
    x /= np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), eps)
    return x


@mutant("l2_normalize", caught_by="`axis` was not used")
def axis_ignored(x, axis=-1, eps=1e-12):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), eps)


@mutant("l2_normalize", caught_by="a zero vector was divided by its length 0")
def nan_for_zero(x, axis=-1, eps=1e-12):
    return x / np.linalg.norm(x, axis=axis, keepdims=True)


@mutant("l2_normalize", caught_by="eps was added to the length")
def eps_added(x, axis=-1, eps=1e-12):
    return x / (np.linalg.norm(x, axis=axis, keepdims=True) + eps)


@mutant("l2_normalize", caught_by="eps was added under the square root")
def eps_under_the_root(x, axis=-1, eps=1e-12):
    return x / np.sqrt(np.sum(x**2, axis=axis, keepdims=True) + eps)


@mutant("l2_normalize", caught_by="eps was added to the squared length")
def eps_squared_under_the_root(x, axis=-1, eps=1e-12):
    return x / np.sqrt(np.sum(x**2, axis=axis, keepdims=True) + eps**2)


@mutant("l2_normalize", caught_by="`eps` was not used")
def only_zero_guarded(x, axis=-1, eps=1e-12):
    length = np.linalg.norm(x, axis=axis, keepdims=True)
    return x / np.where(length == 0, 1, length)


@mutant("l2_normalize", caught_by="a vector shorter than eps became zero")
def short_becomes_zero(x, axis=-1, eps=1e-12):
    length = np.linalg.norm(x, axis=axis, keepdims=True)
    return np.where(length < eps, 0, x / np.maximum(length, eps))


@mutant("l2_normalize", caught_by="the squares of 1e30 overflow float32")
def overflows(x, axis=-1, eps=1e-12):
    return x / np.maximum(np.sqrt(np.sum(x**2, axis=axis, keepdims=True)), eps)


@mutant("l2_normalize", caught_by="the dtype of the input must be kept")
def widens(x, axis=-1, eps=1e-12):
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), eps)


# --- cosine_similarity ----------------------------------------------------------------------------------------------


@mutant("cosine_similarity", caught_by="row i of a was compared with row i of b only")
def cosine_of_partners(a, b):
    return np.sum(l2_normalize(a) * l2_normalize(b), axis=1)


@mutant("cosine_similarity", caught_by="this is the dot product")
def dot_product(a, b):
    return a @ b.T


@mutant("cosine_similarity", caught_by="only the rows of a were normalised")
def only_a_normalised(a, b):
    return l2_normalize(a) @ b.T


@mutant("cosine_similarity", caught_by="only the rows of b were normalised")
def only_b_normalised(a, b):
    return a @ l2_normalize(b).T


@mutant("cosine_similarity", caught_by="rows were normalised along axis 0")
def columns_normalised(a, b):
    return l2_normalize(a, axis=0) @ l2_normalize(b, axis=0).T


@mutant("cosine_similarity", caught_by="this is the transpose")
def transposed_cosine(a, b):
    return np.clip(l2_normalize(b) @ l2_normalize(a).T, -1, 1)


@mutant("cosine_similarity", caught_by="this is the cosine distance")
def cosine_distance(a, b):
    return 1 - np.clip(l2_normalize(a) @ l2_normalize(b).T, -1, 1)


@mutant("cosine_similarity", caught_by="the sign is lost")
def unsigned(a, b):
    return np.minimum(np.abs(l2_normalize(a) @ l2_normalize(b).T), 1)


@mutant("cosine_similarity", caught_by="clip the result to [-1, 1]")
def not_clipped(a, b):
    return l2_normalize(a) @ l2_normalize(b).T


@mutant("cosine_similarity", caught_by="0/0 at a zero vector")
def nan_for_zero_rows(a, b):
    lengths = np.linalg.norm(a, axis=1, keepdims=True) * np.linalg.norm(b, axis=1)
    return np.clip(a @ b.T / lengths, -1, 1)


@mutant("cosine_similarity", caught_by="the zero vector got a cosine of 1")
def one_for_zero_rows(a, b):
    lengths = np.linalg.norm(a, axis=1, keepdims=True) * np.linalg.norm(b, axis=1)
    return np.clip(np.where(lengths == 0, 1, a @ b.T / lengths), -1, 1)


@mutant("cosine_similarity", caught_by="axes of size 1 were dropped")
def squeezed_cosine(a, b):
    return np.clip(l2_normalize(a) @ l2_normalize(b).T, -1, 1).squeeze()


@mutant("cosine_similarity", caught_by="the squares of 1e30 overflow float32")
def product_first(a, b):
    lengths = np.sqrt((a * a).sum(axis=1, keepdims=True)) * np.sqrt((b * b).sum(axis=1))
    return np.clip(a @ b.T / np.maximum(lengths, 1e-12), -1, 1)


@mutant("cosine_similarity", caught_by="the dtype of the input must be kept")
def cosine_in_float64(a, b):
    return np.clip(l2_normalize(a.astype(float)) @ l2_normalize(b.astype(float)).T, -1, 1)


# --- euclidean_distance ---------------------------------------------------------------------------------------------


@mutant("euclidean_distance", caught_by="row i of a was compared with row i of b only")
def distance_of_partners(a, b):
    return np.linalg.norm(a - b, axis=1)


@mutant("euclidean_distance", caught_by="these are squared distances")
def squared_distance(a, b):
    return np.maximum((a * a).sum(axis=1, keepdims=True) + (b * b).sum(axis=1) - 2 * a @ b.T, 0)


@mutant("euclidean_distance", caught_by="the sum of absolute differences (L1)")
def manhattan(a, b):
    return np.abs(a[:, None] - b).sum(axis=2)


@mutant("euclidean_distance", caught_by="the distance of a and -b")
def wrong_sign(a, b):
    return np.sqrt(np.maximum((a * a).sum(axis=1, keepdims=True) + (b * b).sum(axis=1) + 2 * a @ b.T, 0))


@mutant("euclidean_distance", caught_by="the factor 2 of 2 a·b is missing")
def factor_missing(a, b):
    return np.sqrt(np.maximum((a * a).sum(axis=1, keepdims=True) + (b * b).sum(axis=1) - a @ b.T, 0))


@mutant("euclidean_distance", caught_by="this is the transpose")
def transposed_distance(a, b):
    return np.linalg.norm(b[:, None] - a, axis=2)


@mutant("euclidean_distance", caught_by="these are distances of unit vectors")
def of_unit_vectors(a, b):
    return np.sqrt(2 - 2 * cosine_similarity(a, b))


@mutant("euclidean_distance", caught_by="‖a‖² was added along the columns")
def keepdims_forgotten(a, b):
    return np.sqrt(np.maximum((a * a).sum(axis=1) + (b * b).sum(axis=1) - 2 * a @ b.T, 0))


@mutant("euclidean_distance", caught_by="the root of a negative number is NaN")
def nan_from_rounding(a, b):
    return np.sqrt((a * a).sum(axis=1, keepdims=True) + (b * b).sum(axis=1) - 2 * a @ b.T)


@mutant("euclidean_distance", caught_by="axes of size 1 were dropped")
def squeezed_distance(a, b):
    return np.linalg.norm(a[:, None] - b, axis=2).squeeze()


@mutant("euclidean_distance", caught_by="the dtype of the input must be kept")
def distance_in_float64(a, b):
    return np.linalg.norm(a[:, None].astype(float) - b, axis=2)


# --- top_k ----------------------------------------------------------------------------------------------------------


@mutant("top_k", caught_by="the best comes last")
def worst_of_them_first(scores, k):
    columns = np.argpartition(scores, -k, axis=1)[:, -k:]
    order = np.argsort(np.take_along_axis(scores, columns, axis=1), axis=1)
    return np.take_along_axis(columns, order, axis=1)


@mutant("top_k", caught_by="leaves them in any order")
def not_sorted(scores, k):
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]


@mutant("top_k", caught_by="these are the k lowest scores")
def lowest(scores, k):
    columns = np.argpartition(scores, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(scores, columns, axis=1), axis=1)
    return np.take_along_axis(columns, order, axis=1)


@mutant("top_k", caught_by="return the indices of the items")
def scores_instead(scores, k):
    return -np.sort(np.partition(-scores, k - 1, axis=1)[:, :k], axis=1)


@mutant("top_k", caught_by="positions within the partitioned part")
def not_mapped_back(scores, k):
    columns = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1)


@mutant("top_k", caught_by="the whole ranking came back")
def not_cut(scores, k):
    return np.argsort(-scores, axis=1, kind="stable")


@mutant("top_k", caught_by="columns were ranked")
def down_the_columns(scores, k):
    return np.argsort(-scores, axis=0, kind="stable")[:k]


@mutant("top_k", caught_by="argpartition picks among equal scores at will")
def ties_at_will(scores, k):
    columns = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1)
    return np.take_along_axis(columns, order, axis=1)


@mutant("top_k", caught_by="argpartition picks among equal scores at will")
def reversed_ascending_sort(scores, k):
    return np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]


@mutant("top_k", caught_by="k = M is allowed")
def partition_off_by_one(scores, k):
    np.argpartition(-scores, k, axis=1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@mutant("top_k", caught_by="the sign of the scores was dropped")
def by_magnitude(scores, k):
    return np.argsort(-np.abs(scores), axis=1, kind="stable")[:, :k]


@mutant("top_k", caught_by="raise ValueError unless 1 <= k <= M")
def k_not_checked(scores, k):
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


# --- recall_at_k ----------------------------------------------------------------------------------------------------


@mutant("recall_at_k", caught_by="the targets were not used")
def diagonal_recall(similarity, targets, k):
    return float((top_k(similarity, k) == np.arange(len(similarity))[:, None]).any(axis=1).mean())


@mutant("recall_at_k", caught_by="hits were divided by k (that is precision)")
def precision(similarity, targets, k):
    return float((top_k(similarity, k) == targets[:, None]).mean())


@mutant("recall_at_k", caught_by="hits were counted")
def count(similarity, targets, k):
    return int((top_k(similarity, k) == targets[:, None]).sum())


@mutant("recall_at_k", caught_by="this is a percentage")
def percentage(similarity, targets, k):
    return float(100 * (top_k(similarity, k) == targets[:, None]).any(axis=1).mean())


@mutant("recall_at_k", caught_by="one value a query came back")
def mean_forgotten(similarity, targets, k):
    return (top_k(similarity, k) == targets[:, None]).any(axis=1)


@mutant("recall_at_k", caught_by="one rank too few")
def one_too_few(similarity, targets, k):
    own = similarity[np.arange(len(targets)), targets, None]
    return float((1 + (similarity > own).sum(axis=1) < k).mean())


@mutant("recall_at_k", caught_by="one rank too many")
def one_too_many(similarity, targets, k):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(((similarity > own).sum(axis=1) <= k).mean())


@mutant("recall_at_k", caught_by="the lowest scores were taken as the best")
def lowest_recall(similarity, targets, k):
    return float((top_k(-similarity, k) == targets[:, None]).any(axis=1).mean())


@mutant("recall_at_k", caught_by="columns were ranked")
def columns_are_queries(similarity, targets, k):
    return float((top_k(similarity.T, k) == targets[:, None]).any(axis=1).mean())


@mutant("recall_at_k", caught_by="ties were counted in favour of the target")
def optimistic_recall(similarity, targets, k):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(((similarity > own).sum(axis=1) < k).mean())


@mutant("recall_at_k", caught_by="ties were counted against the target")
def pessimistic_recall(similarity, targets, k):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(((similarity >= own).sum(axis=1) <= k).mean())


@mutant("recall_at_k", caught_by="equal scores were ranked by falling index")
def recall_with_reversed_ties(similarity, targets, k):
    ranking = np.argsort(similarity, axis=1, kind="stable")[:, ::-1]
    return float((ranking[:, :k] == targets[:, None]).any(axis=1).mean())


@mutant("recall_at_k", caught_by="it was divided by the number of items")
def divided_by_items(similarity, targets, k):
    return float((top_k(similarity, k) == targets[:, None]).sum() / similarity.shape[1])


@mutant("recall_at_k", caught_by="there are no 7 best of 6 items")
def recall_for_any_k(similarity, targets, k):
    ranking = np.argsort(-similarity, axis=1, kind="stable")
    return float((ranking[:, :k] == targets[:, None]).any(axis=1).mean())


# --- median_rank ----------------------------------------------------------------------------------------------------


@mutant("median_rank", caught_by="ranks were counted from 0")
def from_zero(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.median((similarity > own).sum(axis=1)))


@mutant("median_rank", caught_by="the targets were not used")
def diagonal_rank(similarity, targets):
    own = similarity[np.arange(len(targets)), np.arange(len(targets)), None]
    return float(np.median(1 + (similarity > own).sum(axis=1)))


@mutant("median_rank", caught_by="this is the mean")
def mean_rank(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.mean(1 + (similarity > own).sum(axis=1)))


@mutant("median_rank", caught_by="the lowest score was ranked first")
def rank_from_the_bottom(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.median(1 + (similarity < own).sum(axis=1)))


@mutant("median_rank", caught_by="the best item's indices")
def median_of_best(similarity, targets):
    return float(np.median(np.argmax(similarity, axis=1)))


@mutant("median_rank", caught_by="the rank of an item is its inverse")
def argsort_once(similarity, targets):
    ranking = np.argsort(-similarity, axis=1, kind="stable")
    return float(np.median(1 + ranking[np.arange(len(targets)), targets]))


@mutant("median_rank", caught_by="columns were ranked")
def rank_of_queries(similarity, targets):
    scores = similarity.T
    own = scores[np.arange(len(targets)), targets, None]
    return float(np.median(1 + (scores > own).sum(axis=1)))


@mutant("median_rank", caught_by="the upper one came back")
def upper_median(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.sort(1 + (similarity > own).sum(axis=1))[len(targets) // 2])


@mutant("median_rank", caught_by="the lower one came back")
def lower_median(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.sort(1 + (similarity > own).sum(axis=1))[(len(targets) - 1) // 2])


@mutant("median_rank", caught_by="the median was rounded")
def rounded(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return int(np.median(1 + (similarity > own).sum(axis=1)))


@mutant("median_rank", caught_by="ties were counted in favour of the target")
def optimistic_rank(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.median(1 + (similarity > own).sum(axis=1)))


@mutant("median_rank", caught_by="ties were counted against the target")
def pessimistic_rank(similarity, targets):
    own = similarity[np.arange(len(targets)), targets, None]
    return float(np.median((similarity >= own).sum(axis=1)))


@mutant("median_rank", caught_by="equal scores were ranked by falling index")
def rank_with_reversed_ties(similarity, targets):
    ranking = np.argsort(similarity, axis=1, kind="stable")[:, ::-1]
    return float(np.median(1 + np.argmax(ranking == targets[:, None], axis=1)))


# --- info_nce_loss --------------------------------------------------------------------------------------------------


@mutant("info_nce_loss", caught_by="only images look for their texts")
def images_only(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="only texts look for their images")
def texts_only(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    return float(np.mean(np.logaddexp.reduce(logits, axis=0) - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="the two directions were added")
def sum_of_directions(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both - 2 * np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="the losses of the pairs were added")
def sum_over_the_batch(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.sum(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="the sign is wrong")
def log_probability(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(np.diagonal(logits) - both / 2))


@mutant("info_nce_loss", caught_by="the embeddings were not normalised")
def logits_from_dots(image_embeddings, text_embeddings, temperature=0.07):
    logits = image_embeddings @ text_embeddings.T / temperature
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="cosines were multiplied by the temperature")
def multiplied_by_temperature(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) * temperature
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="the temperature was not used")
def no_temperature(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings)
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="the positive is missing in the denominator")
def negatives_only(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    others = np.where(np.eye(len(logits), dtype=bool), -np.inf, logits)
    both = np.logaddexp.reduce(others, axis=1) + np.logaddexp.reduce(others, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="the logarithm has base 2")
def in_bits(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)) / np.log(2))


@mutant("info_nce_loss", caught_by="0.07 is its default only")
def default_temperature_only(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / 0.07
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="exp of a large logit overflows")
def exp_overflows(image_embeddings, text_embeddings, temperature=0.07):
    e = np.exp(cosine_similarity(image_embeddings, text_embeddings) / temperature)
    of_images, of_texts = np.diagonal(e) / e.sum(axis=1), np.diagonal(e) / e.sum(axis=0)
    return float(-np.mean(np.log(of_images) + np.log(of_texts)) / 2)


@mutant("info_nce_loss", caught_by="a negative one rewards mismatches")
def any_temperature(image_embeddings, text_embeddings, temperature=0.07):
    logits = cosine_similarity(image_embeddings, text_embeddings) / (temperature or 1e-12)
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("info_nce_loss", caught_by="raise ValueError if shapes differ")
def any_numbers(image_embeddings, text_embeddings, temperature=0.07):
    if temperature <= 0:
        raise ValueError(temperature)
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    positives = np.diagonal(logits)
    of_images = np.mean(np.logaddexp.reduce(logits, axis=1)) - np.mean(positives)
    of_texts = np.mean(np.logaddexp.reduce(logits, axis=0)) - np.mean(positives)
    return float((of_images + of_texts) / 2)


# --- sigmoid_pair_loss ----------------------------------------------------------------------------------------------


@mutant("sigmoid_pair_loss", caught_by="it was divided by all N² pairs")
def mean_over_all_pairs(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).mean())


@mutant("sigmoid_pair_loss", caught_by="was not divided by N")
def sum_over_all_pairs(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum())


@mutant("sigmoid_pair_loss", caught_by="negatives were left out")
def positives_only(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, -np.diagonal(logits)).mean())


@mutant("sigmoid_pair_loss", caught_by="negatives were labelled 0")
def labels_0_and_1(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, -np.eye(len(logits)) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="every pair was treated as a positive")
def all_positive(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, -logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="positives and negatives are exchanged")
def exchanged(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, (2 * np.eye(len(logits)) - 1) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="the embeddings were not normalised")
def pairs_from_dots(image_embeddings, text_embeddings, scale, bias):
    logits = scale * image_embeddings @ text_embeddings.T + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="the bias was subtracted")
def bias_subtracted(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) - bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="the bias was not used")
def no_bias(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings)
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="the bias was scaled too")
def bias_scaled(image_embeddings, text_embeddings, scale, bias):
    logits = scale * (cosine_similarity(image_embeddings, text_embeddings) + bias)
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="cosines were divided by the scale")
def divided_by_scale(image_embeddings, text_embeddings, scale, bias):
    logits = cosine_similarity(image_embeddings, text_embeddings) / scale + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="exp was applied to the scale")
def scale_exponentiated(image_embeddings, text_embeddings, scale, bias):
    logits = np.exp(scale) * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(logits))) * logits).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="this is a softmax over the batch")
def softmax_instead(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    both = np.logaddexp.reduce(logits, axis=1) + np.logaddexp.reduce(logits, axis=0)
    return float(np.mean(both / 2 - np.diagonal(logits)))


@mutant("sigmoid_pair_loss", caught_by="exp(1e4) overflows")
def naive_softplus(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.log(1 + np.exp((1 - 2 * np.eye(len(logits))) * logits)).sum() / len(logits))


@mutant("sigmoid_pair_loss", caught_by="raise ValueError if shapes differ")
def pairs_of_any_numbers(image_embeddings, text_embeddings, scale, bias):
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(*logits.shape)) * logits).sum() / len(logits))


# --- csls -----------------------------------------------------------------------------------------------------------


@mutant("csls", caught_by="the similarity was not doubled")
def not_doubled(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1, keepdims=True)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0, keepdims=True)
    return similarity - r_row - r_col


@mutant("csls", caught_by="the means were added")
def added(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1, keepdims=True)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0, keepdims=True)
    return 2 * similarity + r_row + r_col


@mutant("csls", caught_by="r_col is missing")
def rows_only(similarity, k):
    return 2 * similarity - np.sort(similarity, axis=1)[:, -k:].mean(axis=1, keepdims=True)


@mutant("csls", caught_by="r_row is missing")
def columns_only(similarity, k):
    return 2 * similarity - np.sort(similarity, axis=0)[-k:].mean(axis=0, keepdims=True)


@mutant("csls", caught_by="the k lowest scores were averaged")
def lowest_neighbours(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, :k].mean(axis=1, keepdims=True)
    r_col = np.sort(similarity, axis=0)[:k].mean(axis=0, keepdims=True)
    return 2 * similarity - r_row - r_col


@mutant("csls", caught_by="only the nearest neighbour was taken")
def nearest_only(similarity, k):
    return 2 * similarity - similarity.max(axis=1, keepdims=True) - similarity.max(axis=0, keepdims=True)


@mutant("csls", caught_by="the k highest were summed")
def sums(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, -k:].sum(axis=1, keepdims=True)
    r_col = np.sort(similarity, axis=0)[-k:].sum(axis=0, keepdims=True)
    return 2 * similarity - r_row - r_col


@mutant("csls", caught_by="all scores were averaged")
def means_of_all(similarity, k):
    return 2 * similarity - similarity.mean(axis=1, keepdims=True) - similarity.mean(axis=0, keepdims=True)


@mutant("csls", caught_by="r_row and r_col are exchanged")
def rows_and_columns_exchanged(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0)
    return 2 * similarity - r_row - r_col[:, None]


@mutant("csls", caught_by="r_row was subtracted along the columns")
def r_row_without_keepdims(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0)
    return 2 * similarity - r_row - r_col


@mutant("csls", caught_by="check the position that you give to the partition")
def largest_k_refused(similarity, k):
    r_row = -np.partition(-similarity, k, axis=1)[:, :k].mean(axis=1, keepdims=True)
    r_col = -np.partition(-similarity, k, axis=0)[:k].mean(axis=0, keepdims=True)
    return 2 * similarity - r_row - r_col


@mutant("csls", caught_by="raise ValueError unless 1 <= k <= min(N, M)")
def any_k(similarity, k):
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1, keepdims=True)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0, keepdims=True)
    return 2 * similarity - r_row - r_col


@mutant("csls", caught_by="the dtype of the input must be kept")
def neighbourhoods_in_float64(similarity, k):
    if not 1 <= k <= min(similarity.shape):
        raise ValueError(k)
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1, keepdims=True, dtype=np.float64)
    r_col = np.sort(similarity, axis=0)[-k:].mean(axis=0, keepdims=True)
    return 2 * similarity - r_row - r_col
