"""Terse: as few lines as will do."""

import numpy as np


def l2_normalize(x, axis=-1, eps=1e-12):
    m = np.maximum(np.abs(x).max(axis, keepdims=True), eps)
    return x / m / np.maximum(np.linalg.norm(x / m, axis=axis, keepdims=True), 1)


def cosine_similarity(a, b):
    return np.clip(l2_normalize(a) @ l2_normalize(b).T, -1, 1)


def euclidean_distance(a, b):
    return np.sqrt(np.clip((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, 0, None))


def top_k(scores, k):
    if not 0 < k <= scores.shape[1]:
        raise ValueError(k)
    cut = -np.partition(-scores, k - 1)[:, k - 1 : k]
    key = np.where(
        scores > cut, 2, (scores == cut) & (np.cumsum(scores == cut, 1) <= k - (scores > cut).sum(1)[:, None])
    )
    chosen = np.nonzero(key)[1].reshape(-1, k)
    return np.take_along_axis(chosen, np.argsort(-np.take_along_axis(scores, chosen, 1), 1, kind="stable"), 1)


def recall_at_k(similarity, targets, k):
    return float(np.mean(np.any(top_k(similarity, k) == targets.reshape(-1, 1), axis=1)))


def median_rank(similarity, targets):
    s = similarity[np.arange(len(targets)), targets][:, None]
    earlier = np.arange(similarity.shape[1])[None] < targets[:, None]
    return float(np.median(np.sum((similarity > s) | (earlier & (similarity == s)), axis=1) + 1))


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    if temperature <= 0 or image_embeddings.shape != text_embeddings.shape:
        raise ValueError("bad temperature or shapes")
    z = cosine_similarity(image_embeddings, text_embeddings) / temperature
    lse = [np.logaddexp.reduce(z, axis=axis) for axis in (0, 1)]
    return float(np.mean(lse) - np.trace(z) / len(z))


def sigmoid_pair_loss(image_embeddings, text_embeddings, scale, bias):
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError("shapes")
    z = scale * cosine_similarity(image_embeddings, text_embeddings) + bias
    return float(np.logaddexp(0, (1 - 2 * np.eye(len(z))) * z).sum() / len(z))


def csls(similarity, k):
    if not 0 < k <= min(similarity.shape):
        raise ValueError(k)
    r, c = (np.sort(s)[:, -k:].mean(1) for s in (similarity, similarity.T))
    return 2 * similarity - r[:, None] - c
