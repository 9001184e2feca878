# Derived from solutions/similarity.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: 7c40c436e0e870c41048a9e03b844b295c12c726bb677624c1dd2cfe446b0f91
"""Similarity and retrieval: compare embeddings, rank by what you found, score the ranking, train the space.

Nine functions, in the order in which they build on one another:

    l2_normalize → cosine_similarity, euclidean_distance → top_k → recall_at_k, median_rank
                 → info_nce_loss, sigmoid_pair_loss → csls

Conventions that hold for all of them:

- An embedding is a row: N embeddings of D numbers are an array of shape (N, D).
- `similarity` has shape (N, M): row i holds the scores of query i against all M items, and larger means more alike.
- Arrays are float32 or float64 and hold no NaN. What comes back as an array keeps that dtype; what comes back as one
  number is a Python float. No argument is changed in place.
- NumPy only, and whole arrays at a time: a Python loop over rows is far slower.
"""

import numpy as np


def l2_normalize(x: np.ndarray, axis: int = -1, eps: float = 1e-12) -> np.ndarray:
    """Scale each vector to length 1: x / max(‖x‖, eps).

    Args:
        x: (..., D) or any other shape, finite; entries up to 1e30 must not overflow in float32.
        axis: the axis along which the numbers of one vector lie.
        eps: length below which a vector counts as having no direction, > 0. It is divided by eps instead of by its
            length, so that a zero vector stays zero and never becomes NaN.

    Returns:
        An array of the shape and dtype of `x`.

    Example:
        ‖(3, 4)‖ = 5, so (3, 4) becomes (3/5, 4/5).

        >>> l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])

    Source: the guard max(‖x‖, eps) is that of PyTorch's `normalize`; scaling by the largest entry before squaring is
        the idea of Blue, "A portable Fortran program to find the Euclidean norm of a vector", ACM TOMS 4(1), 1978.
    """
    # TODO: write l2_normalize, then run: mmlearn check similarity.l2_normalize
    raise NotImplementedError


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of the angle between every row of `a` and every row of `b`.

    Args:
        a: (N, D), rows of any length from 0 to 1e30; N may be 0.
        b: (M, D), likewise.

    Returns:
        (N, M): entry [i, j] belongs to a[i] and b[j]. All entries lie within [-1, 1], also after rounding, so that
        `np.arccos` may be applied. The cosine with a zero vector is 0.

    Example:
        (0, 2) points the way of (0, 5), is at right angles to (3, 0), and makes a cosine of 4/5 with (3, 4).

        >>> cosine_similarity(np.array([[0.0, 2.0]]), np.array([[0.0, 5.0], [3.0, 0.0], [3.0, 4.0]]))
        array([[1. , 0. , 0.8]])

    Source: Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, section 6.3.
    """
    # TODO: write cosine_similarity, then run: mmlearn check similarity.cosine_similarity
    raise NotImplementedError


def euclidean_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Length of the difference between every row of `a` and every row of `b`.

    Use ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b: it needs one matrix product and no array of shape (N, M, D), which for 10,000
    images, 10,000 texts and D = 512 would take 200 GB in float32. The price is rounding where two long vectors almost
    coincide: squared distances may come out a little below 0.

    Args:
        a: (N, D), entries up to about 1e3; N may be 0.
        b: (M, D), likewise.

    Returns:
        (N, M): entry [i, j] belongs to a[i] and b[j]; ≥ 0, never NaN.

    Example:
        From (1, 1) to (4, 5) it is √(3² + 4²) = 5.

        >>> euclidean_distance(np.array([[1.0, 1.0]]), np.array([[4.0, 5.0], [1.0, 1.0]]))
        array([[5., 0.]])

    Source: the law of cosines; for unit vectors it says ‖a − b‖² = 2 − 2 cos(a, b), hence nearest by distance is
        nearest by cosine.
    """
    # TODO: write euclidean_distance, then run: mmlearn check similarity.euclidean_distance
    raise NotImplementedError


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k highest scores of each row, best first; among equal scores, the smaller index first.

    Find the k best by partition, in time proportional to M, and sort only those k. Sorting a whole row costs
    M log M, and a search over a million items is asked for ten of them.

    Args:
        scores: (N, M), M ≥ 1; -inf is allowed and marks an item that is not to be found; N may be 0.
        k: 1 ≤ k ≤ M.

    Returns:
        (N, k) integers (int64) in 0 … M-1.

    Raises:
        ValueError: k is outside 1 … M.

    Example:
        Items 1 and 3 share the best score; 1 comes first.

        >>> top_k(np.array([[0.1, 0.9, 0.5, 0.9]]), k=3)
        array([[1, 3, 2]])

    Source: Hoare, "Algorithm 65: Find", Communications of the ACM 4(7), 1961; NumPy has it as `np.partition`.
    """
    # TODO: write top_k, then run: mmlearn check similarity.top_k
    raise NotImplementedError


def recall_at_k(similarity: np.ndarray, targets: np.ndarray, k: int) -> float:
    """Share of queries whose relevant item is among the k best (Recall@k with one relevant item a query).

    Ties go by index, exactly as in `top_k`: what is counted is what a user would be shown. This keeps a model honest
    that gives all items the same score: over targets spread evenly it gets k/M, the level of chance. Counting ties
    as hits would give it 1. (If your relevant items all stand first, shuffle the items.)

    Args:
        similarity: (N, M), N ≥ 1, rows are queries.
        targets: (N,) integers in 0 … M-1: targets[i] is the item relevant to query i. Queries may share an item, as
            the five captions of one photograph do.
        k: 1 ≤ k ≤ M.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: k is outside 1 … M.

    Example:
        Query 0 ranks its item 0 first; query 1 ranks its item 1 second. So half of the queries are served at k = 1.

        >>> similarity = np.array([[0.9, 0.1], [0.8, 0.3]])
        >>> recall_at_k(similarity, np.array([0, 1]), k=1)
        0.5
        >>> recall_at_k(similarity, np.array([0, 1]), k=2)
        1.0

    Source: Hodosh, Young, Hockenmaier, "Framing Image Description as a Ranking Task", JAIR 47, 2013.
    """
    # TODO: write recall_at_k, then run: mmlearn check similarity.recall_at_k
    raise NotImplementedError


def median_rank(similarity: np.ndarray, targets: np.ndarray) -> float:
    """Median over the queries of the rank at which the relevant item stands; 1 is best.

    The rank of an item is 1 + the number of items shown before it: those that score higher, and those of equal score
    with a smaller index (the order of `top_k`). So recall_at_k is the share of ranks that are ≤ k. (Every
    comparison with NaN is False, so NaN scores would look like rank 1: test a model's output with `np.isfinite`
    before you rejoice.)

    Args:
        similarity: (N, M), N ≥ 1, rows are queries.
        targets: (N,) integers in 0 … M-1: targets[i] is the item relevant to query i.

    Returns:
        A float in [1, M]. For an even number of queries it is the mean of the two middle ranks.

    Example:
        The item of query 0 stands at rank 1, that of query 1 at rank 2; the median of 1 and 2 is 1.5.

        >>> median_rank(np.array([[0.9, 0.1], [0.8, 0.3]]), np.array([0, 1]))
        1.5

    Source: Hodosh, Young, Hockenmaier, "Framing Image Description as a Ranking Task", JAIR 47, 2013.
    """
    # TODO: write median_rank, then run: mmlearn check similarity.median_rank
    raise NotImplementedError


def info_nce_loss(image_embeddings: np.ndarray, text_embeddings: np.ndarray, temperature: float = 0.07) -> float:
    """The symmetric contrastive loss of CLIP: each image must find its text in the batch, each text its image.

    The logits are cosine / temperature. For image i, its loss is the cross-entropy -log softmax(logits[i])[i]; for
    text j, it is -log softmax(logits[:, j])[j]. The result is the mean of the two means.

    The embeddings are normalised here. A temperature only has a meaning for scores of a known range; and to
    normalise a unit vector again does no harm, while to forget it would let long vectors win.

    Args:
        image_embeddings: (N, D), N ≥ 1, of any length.
        text_embeddings: (N, D); row i belongs to image i, all other rows are its negatives.
        temperature: > 0; logits up to ±1e4 (temperature 1e-4) must not overflow.

    Returns:
        A float ≥ 0. It is log N if all embeddings are alike, and 0 if N = 1: without negatives there is no task.

    Raises:
        ValueError: temperature ≤ 0, or the two shapes differ.

    Example:
        Two pairs of orthogonal unit vectors at temperature 1: each row of the logits holds a 1 for its partner and a
        0, so each cross-entropy is -log(e / (e + 1)) = log(1 + 1/e).

        >>> round(info_nce_loss(np.eye(2), np.eye(2), temperature=1.0), 4)
        0.3133

    Source: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018,
        arXiv:1807.03748; symmetric form: Radford et al., "Learning Transferable Visual Models From Natural Language
        Supervision" (CLIP), 2021, arXiv:2103.00020.
    """
    # TODO: write info_nce_loss, then run: mmlearn check similarity.info_nce_loss
    raise NotImplementedError


def sigmoid_pair_loss(image_embeddings: np.ndarray, text_embeddings: np.ndarray, scale: float, bias: float) -> float:
    """The loss of SigLIP: each of the N² pairs is asked, by itself, whether it belongs together.

    With logits = scale · cosine + bias, and z = +1 for the N pairs (i, i) and -1 for all others, the loss is

        1/N · Σᵢ Σⱼ -log sigmoid(z · logits[i, j])        where -log sigmoid(x) = softplus(-x) = log(1 + exp(-x)).

    It is divided by N, not by N²: the paper's convention, a sum over texts for each image. No softmax couples the
    pairs, so that a batch can be cut in pieces. Almost all pairs are negatives, which is what the bias is for: it
    starts at -10, with scale 10, so that training starts near "nothing belongs together" and not with a huge loss.

    Args:
        image_embeddings: (N, D), N ≥ 1, of any length: they are normalised here, as in `info_nce_loss`.
        text_embeddings: (N, D); row i belongs to image i.
        scale: factor of the cosine, > 0: what the paper writes as exp(t'), an inverse temperature. Logits up to ±1e4
            must not overflow.
        bias: added to every logit.

    Returns:
        A float ≥ 0.

    Raises:
        ValueError: the two shapes differ.

    Example:
        Two pairs of orthogonal unit vectors, scale 1, bias 0: the two positives have logit 1 and cost
        log(1 + 1/e) = 0.3133 each, the two negatives logit 0 and log 2 = 0.6931 each; (0.6265 + 1.3863) / 2.

        >>> round(sigmoid_pair_loss(np.eye(2), np.eye(2), scale=1.0, bias=0.0), 4)
        1.0064

    Source: Zhai, Mustafa, Kolesnikov, Beyer, "Sigmoid Loss for Language Image Pre-Training", 2023, arXiv:2303.15343.
    """
    # TODO: write sigmoid_pair_loss, then run: mmlearn check similarity.sigmoid_pair_loss
    raise NotImplementedError


def csls(similarity: np.ndarray, k: int) -> np.ndarray:
    """Cross-domain similarity local scaling: similarity corrected for hubs.

    In many dimensions some items, the hubs, are near to almost every query and fill everyone's results. So rate each
    score by the neighbourhoods of its two ends:

        csls[i, j] = 2 · similarity[i, j] - r_row[i] - r_col[j]

    where r_row[i] is the mean of the k highest scores in row i, and r_col[j] that of the k highest in column j. A hub
    has a high r_col and falls.

    Args:
        similarity: (N, M), usually cosines.
        k: size of a neighbourhood, 1 ≤ k ≤ min(N, M); the paper takes 10.

    Returns:
        (N, M), of the dtype of `similarity`; with cosines, within [-4, 4].

    Raises:
        ValueError: k is outside 1 … min(N, M).

    Example:
        Item 0 is a hub: it is the nearest of both queries. With k = 1, r_row = (0.75, 1) and r_col = (1, 0.625), and
        query 0 turns to item 1: 2 · 0.625 - 0.75 - 0.625 = -0.125 beats 2 · 0.75 - 0.75 - 1 = -0.25.

        >>> csls(np.array([[0.75, 0.625], [1.0, 0.25]]), k=1)
        array([[-0.25 , -0.125],
               [ 0.   , -1.125]])

    Source: Conneau, Lample, Ranzato, Denoyer, Jégou, "Word Translation Without Parallel Data", ICLR 2018,
        arXiv:1710.04087; hubs: Radovanović, Nanopoulos, Ivanović, "Hubs in Space", JMLR 11, 2010.
    """
    # TODO: write csls, then run: mmlearn check similarity.csls
    raise NotImplementedError
