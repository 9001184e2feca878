"""From a textbook's habits: sorting, masks, log-sum-exp."""

import numpy as np


def l2_normalize(x, axis=-1, eps=1e-12):
    unit = np.abs(x).max(axis=axis, keepdims=True).clip(min=eps)
    lengths = np.linalg.norm(x / unit, ord=2, axis=axis, keepdims=True).clip(min=1)
    return (x / unit) / lengths


def cosine_similarity(a, b):
    similarity = np.matmul(l2_normalize(a), np.transpose(l2_normalize(b)))
    return np.clip(similarity, a_min=-1, a_max=1)


def euclidean_distance(a, b):
    norms = np.square(a).sum(axis=-1)[:, np.newaxis] + np.square(b).sum(axis=-1)[np.newaxis]
    squared_distance = norms - 2 * np.matmul(a, np.transpose(b))
    return np.sqrt(squared_distance.clip(min=0))


def top_k(scores, k):
    n_items = scores.shape[1]
    if k <= 0 or n_items < k:
        raise ValueError(f"there are {n_items} items, k = {k}")
    pivots = np.partition(-scores, k - 1, axis=-1)[:, k - 1]
    masked = np.where(-scores <= pivots[:, np.newaxis], -scores, np.inf)
    ranking = np.argsort(masked, axis=-1, kind="mergesort")
    return ranking[:, :k]


def recall_at_k(similarity, targets, k):
    n_queries = similarity.shape[0]
    hits = 0
    for query, candidates in enumerate(top_k(similarity, k)):
        hits += int((candidates == targets[query]).any())
    return hits / n_queries


def median_rank(similarity, targets):
    ranking = np.argsort(-similarity, axis=1, kind="stable")
    _, ranks = np.nonzero(ranking == targets[:, np.newaxis])
    return float(np.median(ranks + 1))


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    n, _ = image_embeddings.shape
    if text_embeddings.shape != image_embeddings.shape:
        raise ValueError("need as many texts as images, of the same size")
    if temperature <= 0:
        raise ValueError("need a positive temperature")
    scores = cosine_similarity(image_embeddings, text_embeddings) / temperature

    def mean_loss(axis):
        shift = scores.max(axis=axis, keepdims=True)
        exponentials = np.exp(scores - shift)
        partition = exponentials.sum(axis=axis, keepdims=True)
        log_probabilities = scores - shift - np.log(partition)
        return -log_probabilities[range(n), range(n)].mean()

    return float((mean_loss(axis=0) + mean_loss(axis=1)) / 2)


def sigmoid_pair_loss(image_embeddings, text_embeddings, scale, bias):
    n, _ = image_embeddings.shape
    if text_embeddings.shape != image_embeddings.shape:
        raise ValueError("need as many texts as images, of the same size")
    logits = bias + scale * cosine_similarity(image_embeddings, text_embeddings)
    targets = np.eye(n)
    stable = np.log1p(np.exp(-np.abs(logits)))
    cross_entropy = np.maximum(logits, 0) - logits * targets + stable
    return float(cross_entropy.sum(axis=1).mean())


def csls(similarity, k):
    n, m = similarity.shape
    if not (1 <= k <= n and k <= m):
        raise ValueError(f"k = {k} with {n} queries and {m} items")
    row_neighbours = -np.sort(-similarity, axis=1)[:, :k]
    column_neighbours = -np.sort(-similarity, axis=0)[:k]
    hubness = row_neighbours.mean(axis=1)[:, np.newaxis] + column_neighbours.mean(axis=0)[np.newaxis]
    return 2 * similarity - hubness
