"""Loops where others broadcast."""

import numpy as np


def l2_normalize(x, axis=-1, eps=1e-12):
    moved = np.moveaxis(x, axis, -1)
    result = np.zeros_like(moved)
    for where in np.ndindex(*moved.shape[:-1]):
        vector = moved[where]
        high = max(float(abs(vector).max()), eps)
        vector = vector / vector.dtype.type(high)
        result[where] = vector / max(vector.dtype.type(1), np.linalg.norm(vector))
    return np.moveaxis(result, -1, axis)


def cosine_similarity(a, b):
    left, right = l2_normalize(a), l2_normalize(b)
    table = np.empty((len(left), len(right)), dtype=np.result_type(a, b))
    for i, one in enumerate(left):
        table[i] = right @ one
    return np.clip(table, -1.0, 1.0)


def euclidean_distance(a, b):
    table = np.empty((len(a), len(b)), dtype=a.dtype)
    for i, one in enumerate(a):
        gap = b - one
        table[i] = np.sqrt((gap * gap).sum(axis=1))
    return table


def top_k(scores, k):
    if not 1 <= k <= scores.shape[1]:
        raise ValueError("k out of range")
    answer = []
    for row in scores:
        threshold = np.partition(row, len(row) - k)[len(row) - k]
        pairs = [(-value, column) for column, value in enumerate(row) if value >= threshold]
        answer.append([column for _, column in sorted(pairs)[:k]])
    return np.array(answer)


def recall_at_k(similarity, targets, k):
    shown = top_k(similarity, k)
    return float(sum(target in row for target, row in zip(targets, shown, strict=True)) / len(shown))


def median_rank(similarity, targets):
    places = []
    for row, target in zip(similarity, targets, strict=True):
        place = 1
        for column, value in enumerate(row):
            if value > row[target] or (value == row[target] and column < target):
                place += 1
        places.append(place)
    return float(np.median(places))


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    if temperature <= 0:
        raise ValueError("temperature")
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("shape")
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    total = 0.0
    for i in range(len(logits)):
        for line in (logits[i], logits[:, i]):
            total += np.log(np.exp(line - line.max()).sum()) + line.max() - line[i]
    return float(total / (2 * len(logits)))


def sigmoid_pair_loss(image_embeddings, text_embeddings, scale, bias):
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("shape")
    cosine = cosine_similarity(image_embeddings, text_embeddings)
    total = 0.0
    for i in range(len(cosine)):
        for j in range(len(cosine)):
            logit = scale * cosine[i, j] + bias
            total += np.logaddexp(0, -logit if i == j else logit)
    return float(total / len(cosine))


def csls(similarity, k):
    if k < 1 or k > min(similarity.shape):
        raise ValueError("k out of range")
    of_rows = np.array([np.mean(sorted(row)[-k:]) for row in similarity], dtype=similarity.dtype)
    of_columns = np.array([np.mean(sorted(column)[-k:]) for column in similarity.T], dtype=similarity.dtype)
    corrected = similarity * 2
    for i in range(len(of_rows)):
        corrected[i] -= of_rows[i] + of_columns
    return corrected
