# Derived from solutions/embeddings.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: db049d52118c8daf9e2f6ed17a797a036a2883d3d13c3646306fe8e143cdd6a0
"""Embeddings: turn images and texts into vectors of numbers that can be compared.

Nine functions. Each takes plain arrays, so that you can write them in any order:

    texts:   build_vocabulary → encode_texts → one_hot_equals_lookup → masked_mean_pool,   tf_idf
    images:  patchify,   color_histogram,   pca
    order:   positional_encoding

Conventions that hold for all of them:

- A *token* is a piece of a text, here a word. Token id 0 is padding and id 1 stands for every unknown token.
- `token_ids` and `mask` have shape (N, L): N texts of L places; `mask` is True where a real token stands.
- Embeddings that come in as float32 or float64 come out so. No argument is changed in place.
- NumPy only, and whole arrays at a time where the argument is an array.
"""

from collections import Counter

import numpy as np


def build_vocabulary(texts: list[list[str]], min_count: int = 1) -> dict[str, int]:
    """Give every token that is common enough a number, its id.

    "<pad>" has id 0 and "<unk>" id 1. From 2 on come the tokens of the texts, the most frequent first and those of
    equal frequency in alphabetical order (Python's order of strings), so that two people get the same ids.

    Args:
        texts: N texts, each a list of tokens; a token may occur several times in a text, and each time counts. N may be
            0. No text holds "<pad>" or "<unk>".
        min_count: tokens that occur less often than this in all texts together get no id, ≥ 1.

    Returns:
        token -> id, with the two special tokens.

    Example:
        "cat" occurs three times; "hat" and "red" once each, so they come by the alphabet.

        >>> build_vocabulary([["red", "cat"], ["cat", "hat", "cat"]])
        {'<pad>': 0, '<unk>': 1, 'cat': 2, 'hat': 3, 'red': 4}
        >>> build_vocabulary([["red", "cat"], ["cat", "hat", "cat"]], min_count=2)
        {'<pad>': 0, '<unk>': 1, 'cat': 2}

    Source: Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, section 2.2.
    """
    # TODO: write build_vocabulary, then run: mmlearn check embeddings.build_vocabulary
    raise NotImplementedError


def encode_texts(texts: list[list[str]], vocabulary: dict[str, int], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn N texts of any lengths into one array of ids.

    A text shorter than `length` is filled up with padding (id 0) at its end; of a longer one the first `length` tokens
    are kept. A token that is not in the vocabulary becomes id 1: it is still a token, and its mask is True.

    Args:
        texts: N texts, each a list of tokens, possibly empty; N may be 0.
        vocabulary: token -> id, as `build_vocabulary` makes it.
        length: L ≥ 1.

    Returns:
        token_ids (N, L) integers, and mask (N, L) booleans, True where a real token stands.

    Raises:
        ValueError: length is below 1.

    Example:
        "dog" is unknown; the second text has one token and is padded; the third is cut off.

        >>> token_ids, mask = encode_texts([["cat", "dog"], ["cat"], ["hat", "cat", "hat"]], {"cat": 2, "hat": 3}, 2)
        >>> token_ids
        array([[2, 1],
               [2, 0],
               [3, 2]])
        >>> mask
        array([[ True,  True],
               [ True, False],
               [ True,  True]])

    Source: Goldberg, "Neural Network Methods for Natural Language Processing", 2017, chapter 8.
    """
    # TODO: write encode_texts, then run: mmlearn check embeddings.encode_texts
    raise NotImplementedError


def one_hot_equals_lookup(token_ids: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What an `Embedding` layer computes: a matrix product with one-hot rows, of which only a row of `table` survives.

    A one-hot row for id t has V entries, all 0 but a 1 at place t. Its product with the (V, D) table is row t of the
    table. So an `Embedding` layer is a `Dense` layer without bias on one-hot inputs, and looking the row up is merely
    the cheap way. Compute it the dear way here. And refuse what has no row: a *number* such as 0.7 is not an id.

    Args:
        token_ids: (N, L) integers in 0 … V-1; N may be 0.
        table: (V, D), float32 or float64: one embedding a row.

    Returns:
        one_hot (N, L, V) and one_hot @ table (N, L, D), both of the dtype of `table`. The second equals
        table[token_ids].

    Raises:
        ValueError: token_ids are not of an integer dtype, or one lies outside 0 … V-1 (a negative one would count
            from the end of the table, unnoticed).

    Example:
        Id 2 picks row 2 of the table, id 0 picks row 0.

        >>> one_hot, embeddings = one_hot_equals_lookup(
        ...     np.array([[2, 0]]), np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
        ... )
        >>> one_hot
        array([[[0., 0., 1.],
                [1., 0., 0.]]])
        >>> embeddings
        array([[[0.5, 0.6],
                [0.1, 0.2]]])

    Source: Bengio, Ducharme, Vincent, Jauvin, "A Neural Probabilistic Language Model", JMLR 3, 2003.
    """
    # TODO: write one_hot_equals_lookup, then run: mmlearn check embeddings.one_hot_equals_lookup
    raise NotImplementedError


def masked_mean_pool(embeddings: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """One vector a text: the mean of the vectors of its real tokens.

    Padding does not count, neither in the sum nor in the number by which it is divided. What stands at padded places
    must not matter at all, even if it is NaN.

    Args:
        embeddings: (N, L, D), float32 or float64, finite where `mask` is True; N may be 0.
        mask: (N, L) booleans, True for real tokens.

    Returns:
        (N, D), of the dtype of `embeddings`. A text without any real token gets zeros.

    Example:
        The first text has two real tokens, (1, 2) and (3, 4); the second has none.

        >>> embeddings = np.array([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]], [[5.0, 5.0], [6.0, 6.0], [7.0, 7.0]]])
        >>> masked_mean_pool(embeddings, np.array([[True, True, False], [False, False, False]]))
        array([[2., 3.],
               [0., 0.]])

    Source: Iyyer, Manjunatha, Boyd-Graber, Daumé III, "Deep Unordered Composition Rivals Syntactic Methods for Text
        Classification", ACL 2015.
    """
    # TODO: write masked_mean_pool, then run: mmlearn check embeddings.masked_mean_pool
    raise NotImplementedError


def patchify(images: np.ndarray, patch_size: int) -> np.ndarray:
    """Cut images into square patches, each laid out as one row of numbers: the "words" of a Vision Transformer.

    Patches come in reading order: along the first line of patches from left to right, then the second line. Inside a
    patch the numbers come in reading order too: pixel by pixel along a row of pixels, and the C channels of a pixel
    side by side.

    Args:
        images: (N, H, W, C), any dtype; N may be 0.
        patch_size: P ≥ 1, which divides H and W.

    Returns:
        (N, H/P · W/P, P · P · C), of the dtype of `images`.

    Raises:
        ValueError: patch_size is below 1 or does not divide H and W.

    Example:
        A 2 × 4 picture of one channel makes two patches of 2 × 2.

        >>> images = np.array([[0, 1, 2, 3], [4, 5, 6, 7]]).reshape(1, 2, 4, 1)
        >>> patchify(images, 2)
        array([[[0, 1, 4, 5],
                [2, 3, 6, 7]]])

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", ICLR 2021,
        arXiv:2010.11929.
    """
    # TODO: write patchify, then run: mmlearn check embeddings.patchify
    raise NotImplementedError


def color_histogram(images: np.ndarray, bins: int) -> np.ndarray:
    """What share of an image has which colour, wherever it stands.

    Each of red, green and blue is cut into `bins` equal intervals: value v falls into interval ⌊v · bins / 256⌋. A
    pixel's colour is the triple (r, g, b) of its intervals, counted at place r · bins² + g · bins + b: a *joint*
    histogram, which can tell yellow from half red, half green.

    Args:
        images: (N, H, W, 3) uint8, H and W ≥ 1; N may be 0. (Beware: uint8 arithmetic wraps around at 256.)
        bins: B in 1 … 256.

    Returns:
        (N, B³) float64, each row ≥ 0 with sum 1.

    Raises:
        ValueError: bins is outside 1 … 256.

    Example:
        Two pixels, pure red (255, 0, 0) and black. With 2 bins a channel, red is (1, 0, 0), at place 4, and black at
        place 0.

        >>> images = np.array([[[[255, 0, 0], [0, 0, 0]]]], dtype=np.uint8)
        >>> color_histogram(images, 2)
        array([[0.5, 0. , 0. , 0. , 0.5, 0. , 0. , 0. ]])

    Source: Swain, Ballard, "Color Indexing", International Journal of Computer Vision 7(1), 1991.
    """
    # TODO: write color_histogram, then run: mmlearn check embeddings.color_histogram
    raise NotImplementedError


def tf_idf(counts: np.ndarray, train_counts: np.ndarray | None = None) -> np.ndarray:
    """Bags of words in which a word that few texts hold weighs more; every text scaled to length 1.

    With n the number of training texts and df[v] the number of them that hold word v at least once,

        idf[v] = ln((1 + n) / (1 + df[v])) + 1,        x[i, v] = counts[i, v] · idf[v],        result = x / ‖x‖ by rows.

    Each 1 + … acts as if one more text held every word, so that a word of no training text does not divide by zero.

    Args:
        counts: (N, V), ≥ 0: how often text i holds word v. Integers or floats; N may be 0.
        train_counts: (n, V) counts of the training texts, from which the weights idf are taken; None takes them from
            `counts`. Give the training texts when you transform test texts: weights are learnt too.

    Returns:
        (N, V): float32 if `counts` is float32, else float64. Each row has length 1; that of an empty text stays zero.

    Example:
        Both texts hold word 0, so idf[0] = ln(3/3) + 1 = 1; only the second holds word 1: idf[1] = ln(3/2) + 1 = 1.405.
        The second text becomes (1, 1.405) / ‖(1, 1.405)‖.

        >>> tf_idf(np.array([[2, 0], [1, 1]])).round(3)
        array([[1.   , 0.   ],
               [0.58 , 0.815]])

    Source: Spärck Jones, "A Statistical Interpretation of Term Specificity and its Application in Retrieval",
        Journal of Documentation 28(1), 1972; this smoothing is that of scikit-learn's `TfidfTransformer`.
    """
    # TODO: write tf_idf, then run: mmlearn check embeddings.tf_idf
    raise NotImplementedError


def pca(x: np.ndarray, num_components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal component analysis: the directions in which the rows of x differ most.

    Centre the rows; take the singular value decomposition U S Vᵀ of what is left: the rows of Vᵀ are the components,
    and S² / ΣS² are their shares of the variance. A component and its negative are equally good, so fix the sign: the
    entry of largest absolute value is positive. New rows y are projected by (y - mean) @ components.T.

    Args:
        x: (N, D), N ≥ 2, float32 or float64, finite.
        num_components: K in 1 … min(N, D).

    Returns:
        mean (D,), components (K, D) with rows of length 1, and explained (K,): the share of the *whole* variance along
        each component, falling; zeros if all rows are equal. All three of the dtype of `x`.

    Raises:
        ValueError: num_components is outside 1 … min(N, D).

    Example:
        Four points on a cross about (1, 1): they spread by ±4 along (0.6, 0.8), and by ±2 along (0.8, -0.6).

        >>> x = np.array([[1, 1]]) + np.array([[2.4, 3.2], [-2.4, -3.2], [1.6, -1.2], [-1.6, 1.2]])
        >>> mean, components, explained = pca(x, 1)
        >>> mean.round(3), components.round(3), explained.round(3)
        (array([1., 1.]), array([[0.6, 0.8]]), array([0.8]))

    Source: Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", Philosophical Magazine 2, 1901;
        as an embedding of images: Turk, Pentland, "Eigenfaces for Recognition", J. Cognitive Neuroscience 3(1), 1991.
    """
    # TODO: write pca, then run: mmlearn check embeddings.pca
    raise NotImplementedError


def positional_encoding(length: int, dimension: int) -> np.ndarray:
    """A vector for each position, to be added to the embedding that stands there; else a Transformer sees a bag.

        PE[p, 2i] = sin(p / 10000^(2i / D)),        PE[p, 2i + 1] = cos(p / 10000^(2i / D))

    with p = 0 … L-1 and i = 0 … D/2 - 1: like the hands of D/2 clocks, from fast to very slow. Sines and cosines
    alternate.

    Args:
        length: L ≥ 1, the number of positions.
        dimension: D ≥ 2, even.

    Returns:
        (L, D) float64, entries in [-1, 1].

    Raises:
        ValueError: dimension is odd or below 2, or length is below 1.

    Example:
        Position 0 is (sin 0, cos 0, sin 0, cos 0). The first clock turns by 1 radian a step, the second by 1/100.

        >>> positional_encoding(2, 4).round(4)
        array([[0.    , 1.    , 0.    , 1.    ],
               [0.8415, 0.5403, 0.01  , 1.    ]])

    Source: Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.5.
    """
    # TODO: write positional_encoding, then run: mmlearn check embeddings.positional_encoding
    raise NotImplementedError
