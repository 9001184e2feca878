"""Helpers first, then short functions that use them."""

import numpy as np


def _same_shape(images, texts):
    if np.shape(images) != np.shape(texts):
        raise ValueError(f"expected two arrays of one shape, got {np.shape(images)} and {np.shape(texts)}")


def _mean_of_largest(values, k):
    part = np.partition(values, values.shape[1] - k, axis=1)
    return np.mean(part[:, values.shape[1] - k :], axis=1)


def _log_softmax(logits):
    centred = logits - np.amax(logits, axis=1)[:, np.newaxis]
    return centred - np.log(np.sum(np.exp(centred), axis=1))[:, np.newaxis]


def l2_normalize(x, axis=-1, eps=1e-12):
    peak = np.amax(np.abs(x), axis=axis, keepdims=True)
    safe = np.where(peak > eps, peak, np.asarray(eps, dtype=x.dtype))
    ratio = x / safe
    length = np.linalg.norm(ratio, axis=axis, keepdims=True)
    return np.where(length > 1, ratio / np.where(length > 1, length, 1), ratio)


def cosine_similarity(a, b):
    product = np.einsum("nd,md->nm", l2_normalize(a), l2_normalize(b))
    return np.minimum(np.maximum(product, -1), 1)


def euclidean_distance(a, b):
    lengths_a = np.einsum("nd,nd->n", a, a)
    lengths_b = np.einsum("md,md->m", b, b)
    squares = np.add.outer(lengths_a, lengths_b) - 2 * np.einsum("nd,md->nm", a, b)
    return np.sqrt(np.where(squares > 0, squares, 0))


def top_k(scores, k):
    items = scores.shape[1]
    if k not in range(1, items + 1):
        raise ValueError(f"cannot take {k} of {items}")

    def best(row):
        threshold = np.partition(row, -k)[-k]
        candidates = np.where(row >= threshold)[0]
        return candidates[np.lexsort((candidates, -row[candidates]))][:k]

    return np.stack([best(row) for row in scores])


def recall_at_k(similarity, targets, k):
    retrieved = top_k(similarity, k)
    hit = np.equal(retrieved, targets[:, np.newaxis])
    return float(np.count_nonzero(hit) / targets.size)


def median_rank(similarity, targets):
    order = top_k(similarity, similarity.shape[1])
    position = np.argmax(order == targets[:, np.newaxis], axis=1)
    return float(np.median(position) + 1)


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    _same_shape(image_embeddings, text_embeddings)
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}")
    logits = cosine_similarity(image_embeddings, text_embeddings) / temperature
    per_image = -np.diagonal(_log_softmax(logits))
    per_text = -np.diagonal(_log_softmax(logits.T))
    return float(np.mean((per_image + per_text) / 2))


def sigmoid_pair_loss(image_embeddings, text_embeddings, scale, bias):
    _same_shape(image_embeddings, text_embeddings)
    count = len(image_embeddings)
    scores = bias + scale * cosine_similarity(image_embeddings, text_embeddings)
    own = np.identity(count, dtype=bool)
    positives = np.logaddexp(0, -scores[own])
    negatives = np.logaddexp(0, scores[~own])
    return float((np.sum(positives) + np.sum(negatives)) / count)


def csls(similarity, k):
    if k < 1 or k > similarity.shape[0] or k > similarity.shape[1]:
        raise ValueError(f"{k} neighbours are more than there are")
    rows = _mean_of_largest(similarity, k)
    columns = _mean_of_largest(np.transpose(similarity), k)
    return (similarity - rows[:, np.newaxis]) + (similarity - columns[np.newaxis, :])
