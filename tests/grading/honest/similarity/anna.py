"""Plain and wordy: one step a line."""

import numpy as np


def l2_normalize(x, axis=-1, eps=1e-12):
    biggest = np.max(np.abs(x), axis=axis, keepdims=True)
    biggest[biggest < eps] = eps
    small = x / biggest
    norm = np.sqrt((small**2).sum(axis=axis, keepdims=True))
    norm[norm < 1] = 1
    return small / norm


def cosine_similarity(a, b):
    a_unit = l2_normalize(a)
    b_unit = l2_normalize(b)
    result = np.dot(a_unit, b_unit.T)
    result[result > 1] = 1
    result[result < -1] = -1
    return result


def euclidean_distance(a, b):
    aa = (a**2).sum(axis=1).reshape(-1, 1)
    bb = (b**2).sum(axis=1).reshape(1, -1)
    ab = np.dot(a, b.T)
    d2 = aa - 2 * ab + bb
    d2[d2 < 0] = 0
    return np.sqrt(d2)


def top_k(scores, k):
    n, m = scores.shape
    if k < 1 or k > m:
        raise ValueError("k has to be between 1 and the number of items")
    limit = np.partition(scores, m - k, axis=1)[:, m - k]
    out = np.empty((n, k), dtype=int)
    for row in range(n):
        better = np.flatnonzero(scores[row] > limit[row])
        equal = np.flatnonzero(scores[row] == limit[row])
        picked = np.sort(np.concatenate([better, equal[: k - len(better)]]))
        values = scores[row][picked]
        out[row] = picked[np.argsort(-values, kind="stable")]
    return out


def recall_at_k(similarity, targets, k):
    best = top_k(similarity, k)
    found = 0
    for i in range(len(targets)):
        if targets[i] in best[i]:
            found += 1
    return found / len(targets)


def median_rank(similarity, targets):
    ranks = []
    for i, target in enumerate(targets):
        row = similarity[i]
        mine = row[target]
        higher = np.sum(row > mine)
        ties_before = np.sum(row[:target] == mine)
        ranks.append(higher + ties_before + 1)
    return float(np.median(ranks))


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("images and texts need the same shape")
    if temperature <= 0:
        raise ValueError("the temperature must be above zero")
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    n = len(logits)
    row_max = logits.max(axis=1, keepdims=True)
    row_log_sum = row_max[:, 0] + np.log(np.exp(logits - row_max).sum(axis=1))
    col_max = logits.max(axis=0, keepdims=True)
    col_log_sum = col_max[0] + np.log(np.exp(logits - col_max).sum(axis=0))
    right = np.diag(logits)
    image_loss = (row_log_sum - right).sum() / n
    text_loss = (col_log_sum - right).sum() / n
    return float(0.5 * (image_loss + text_loss))


def sigmoid_pair_loss(image_embeddings, text_embeddings, scale, bias):
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("images and texts need the same shape")
    n = image_embeddings.shape[0]
    logits = cosine_similarity(image_embeddings, text_embeddings) * scale + bias
    sign = -np.ones((n, n))
    np.fill_diagonal(sign, 1)
    x = -sign * logits
    losses = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return float(losses.sum() / n)


def csls(similarity, k):
    n, m = similarity.shape
    if k < 1 or k > min(n, m):
        raise ValueError("k is too small or too large")
    sorted_rows = np.sort(similarity, axis=1)
    sorted_cols = np.sort(similarity, axis=0)
    r_row = sorted_rows[:, m - k :].mean(axis=1)
    r_col = sorted_cols[n - k :].mean(axis=0)
    return 2 * similarity - r_row.reshape(n, 1) - r_col.reshape(1, m)
