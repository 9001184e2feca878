"""By the formulas of the docstrings, in the names of the docstrings."""

import numpy as np


def l2_normalize(x, axis=-1, eps=1e-12):
    largest = np.abs(x).max(axis=axis, keepdims=True)
    largest = np.maximum(largest, eps)
    y = x / largest
    return y / np.maximum(np.sqrt(np.sum(np.square(y), axis=axis, keepdims=True)), 1)


def cosine_similarity(a, b):
    a = l2_normalize(a)
    b = l2_normalize(b)
    return (a @ b.T).clip(-1, 1)


def euclidean_distance(a, b):
    a2 = np.sum(a**2, axis=1, keepdims=True)
    b2 = np.sum(b**2, axis=1, keepdims=True).T
    return np.sqrt(np.maximum(a2 + b2 - 2 * a @ b.T, 0))


def top_k(scores, k):
    N, M = scores.shape
    if k < 1 or k > M:
        raise ValueError(f"k = {k} is not in 1..{M}")
    rows = np.arange(N)[:, None]
    kth = np.partition(scores, M - k, axis=1)[:, [M - k]]
    is_above = scores > kth
    is_tied = scores == kth
    missing = k - np.count_nonzero(is_above, axis=1)
    rank_among_tied = np.cumsum(is_tied, axis=1)
    keep = is_above | (is_tied & (rank_among_tied <= missing[:, None]))
    index = np.argwhere(keep)[:, 1].reshape(N, k)
    order = np.argsort(-scores[rows, index], axis=1, kind="stable")
    return index[rows, order]


def recall_at_k(similarity, targets, k):
    top = top_k(similarity, k)
    is_hit = np.any(top == targets[:, None], axis=1)
    return float(np.mean(is_hit))


def median_rank(similarity, targets):
    N, M = similarity.shape
    own = similarity[np.arange(N), targets].reshape(N, 1)
    higher = (similarity > own).sum(axis=1)
    equal = similarity == own
    before = np.arange(M).reshape(1, M) < targets.reshape(N, 1)
    rank = 1 + higher + (equal & before).sum(axis=1)
    return float(np.median(rank))


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    if temperature <= 0:
        raise ValueError("temperature must be > 0")
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("shapes differ")
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    losses = []
    for matrix in (logits, logits.T):
        top = matrix.max(axis=1)
        log_sum_exp = top + np.log(np.exp(matrix - top[:, None]).sum(axis=1))
        losses.append(np.mean(log_sum_exp - np.diag(matrix)))
    return float(np.mean(losses))


def sigmoid_pair_loss(image_embeddings, text_embeddings, scale, bias):
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("shapes differ")
    N = len(image_embeddings)
    logits = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    z = np.where(np.eye(N) == 1, 1, -1)
    loss = np.logaddexp(0, -z * logits)
    return float(np.sum(loss) / N)


def csls(similarity, k):
    N, M = similarity.shape
    if k < 1 or k > min(N, M):
        raise ValueError(f"k = {k} is not in 1..{min(N, M)}")
    r_row = np.sort(similarity, axis=1)[:, -k:].mean(axis=1)
    r_col = np.sort(similarity, axis=0)[-k:, :].mean(axis=0)
    return 2 * similarity - r_row[:, None] - r_col[None, :]
