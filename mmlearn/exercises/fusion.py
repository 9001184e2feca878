# Derived from solutions/fusion.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: 9623fe1d42b3fd1345fc3a472bec5adbd63bf8e3c5a8341039995a2f2c28ddfa
"""Fusion: turn an image and a text into one representation, or into one answer.

Seven functions, from the simplest to those that let one modality act on the other, and one for when a modality is gone:

    early_fusion · late_fusion → gated_fusion → film → low_rank_bilinear → tensor_fusion → modality_dropout

Conventions that hold for all of them:

- An embedding is a row: N embeddings of D numbers are an array of shape (N, D). Row i of the image embeddings and
  row i of the text embeddings belong to one example; their sizes D_i and D_t may differ.
- Weight matrices are given, as a trained network would hold them, and stand on the right: `x @ weights`.
- Arrays are float32 or float64 and hold no NaN; what comes back keeps that dtype. No argument is changed in place.
- NumPy only, and whole arrays at a time.
"""

import numpy as np


def early_fusion(image_embeddings: np.ndarray, text_embeddings: np.ndarray) -> np.ndarray:
    """Put both embeddings of an example side by side, after each has been scaled to length 1.

    Why scale? A dot product of two such rows is the dot product of their image parts plus that of their text parts.
    Where image embeddings are ten times as long as text embeddings, their part is a hundred times as large, and the
    text counts for nothing, be it in a nearest-neighbour search, in a penalty on the weights, or in the first steps
    of a training. Scaled to length 1, both modalities have an equal say: the dot product is the sum of two cosines.

    Args:
        image_embeddings: (N, D_i), entries up to about 1e3; N may be 0.
        text_embeddings: (N, D_t), likewise.

    Returns:
        (N, D_i + D_t): the image part first. An embedding that is all zeros, as for a missing modality, stays zero.

    Raises:
        ValueError: the numbers of rows differ.

    Example:
        (3, 4) has length 5 and (10,) length 10.

        >>> early_fusion(np.array([[3.0, 4.0]]), np.array([[10.0]]))
        array([[0.6, 0.8, 1. ]])

    Source: early and late fusion: Snoek, Worring, Smeulders, "Early versus Late Fusion in Semantic Video Analysis",
        ACM Multimedia 2005.
    """
    # TODO: write early_fusion, then run: mmlearn check fusion.early_fusion
    raise NotImplementedError


def late_fusion(image_logits: np.ndarray, text_logits: np.ndarray, weight: float = 0.5) -> np.ndarray:
    """Mix the answers of an image model and of a text model, in log space.

    Each model alone says p_image(c) and p_text(c), the softmax of its logits. The mixture is their weighted geometric
    mean, scaled so that it sums to 1 over the classes c:

        log p(c) = weight · log p_image(c) + (1 - weight) · log p_text(c) - log Z.

    A class that one model all but rules out is out: each model has a veto, which it would not have in an average of
    probabilities.

    Args:
        image_logits: (N, C), finite, up to ±1e4; N may be 0. Log-probabilities are logits too.
        text_logits: (N, C), likewise.
        weight: of the image, in [0, 1]: 1 listens to the image only, 0 to the text only.

    Returns:
        (N, C) log-probabilities: the exponentials of each row sum to 1.

    Raises:
        ValueError: weight is outside [0, 1], or the two shapes differ.

    Example:
        The image is 9 : 1 for class 0, the text 4 : 1 for class 1. Half and half: √9 : √4 = 3 : 2, so 0.6 and 0.4.

        >>> log_p = late_fusion(np.log([[0.9, 0.1]]), np.log([[0.2, 0.8]]), weight=0.5)
        >>> np.exp(log_p).round(3)
        array([[0.6, 0.4]])

    Source: the logarithmic opinion pool: Genest, Zidek, "Combining Probability Distributions", Statistical Science
        1(1), 1986; with weights of 1 each it is Hinton's product of experts, Neural Computation 14(8), 2002.
    """
    # TODO: write late_fusion, then run: mmlearn check fusion.late_fusion
    raise NotImplementedError


def gated_fusion(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    image_weights: np.ndarray,
    text_weights: np.ndarray,
    gate_weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The gated multimodal unit: for each example and each feature, a gate decides how much image and how much text.

        h_image = tanh(image_embeddings @ image_weights)
        h_text  = tanh(text_embeddings @ text_weights)
        gate    = sigmoid([image_embeddings, text_embeddings] @ gate_weights)
        fused   = gate · h_image + (1 - gate) · h_text

    The gate sees both embeddings side by side, as they came in, the image first.

    Args:
        image_embeddings: (N, D_i); N may be 0.
        text_embeddings: (N, D_t).
        image_weights: (D_i, D).
        text_weights: (D_t, D).
        gate_weights: (D_i + D_t, D). What goes into the sigmoid may be as large as ±1e4 and must not overflow.

    Returns:
        fused (N, D) within [-1, 1], and gate (N, D) within [0, 1], where 1 means all image.

    Example:
        h_image = tanh(1) = 0.7616 and h_text = tanh(-1) = -0.7616. The gate is sigmoid(1 · log 3 + 1 · 0) = 3/4, and
        3/4 · 0.7616 - 1/4 · 0.7616 = 0.3808.

        >>> one = np.array([[1.0]])
        >>> fused, gate = gated_fusion(one, one, one, -one, np.array([[np.log(3)], [0.0]]))
        >>> fused.round(4), gate.round(4)
        (array([[0.3808]]), array([[0.75]]))

    Source: Arevalo, Solorio, Montes-y-Gómez, González, "Gated Multimodal Units for Information Fusion", 2017,
        arXiv:1702.01992.
    """
    # TODO: write gated_fusion, then run: mmlearn check fusion.gated_fusion
    raise NotImplementedError


def film(
    image_features: np.ndarray, text_embeddings: np.ndarray, gamma_weights: np.ndarray, beta_weights: np.ndarray
) -> np.ndarray:
    """Feature-wise linear modulation: the text turns each channel of the image up or down, and shifts it.

        gamma = 1 + text_embeddings @ gamma_weights
        beta  = text_embeddings @ beta_weights
        out   = gamma · image_features + beta

    Each example has one gamma and one beta a channel, the same at every place of its feature map. The 1 makes a text
    of zeros leave the image as it is; without it, untrained weights near 0 would wipe the image out.

    Args:
        image_features: (N, H, W, C), feature maps of a convolutional network with the channels last, or (N, C).
        text_embeddings: (N, D_t).
        gamma_weights: (D_t, C).
        beta_weights: (D_t, C).

    Returns:
        An array of the shape of `image_features`.

    Example:
        The text (1,) gives gamma = 1 + (1, -1) = (2, 0) and beta = (0, 5): channel 0 doubled, channel 1 replaced.

        >>> film(np.array([[3.0, 4.0]]), np.array([[1.0]]), np.array([[1.0, -1.0]]), np.array([[0.0, 5.0]]))
        array([[6., 5.]])

    Source: Perez, Strub, de Vries, Dumoulin, Courville, "FiLM: Visual Reasoning with a General Conditioning Layer",
        AAAI 2018, arXiv:1709.07871.
    """
    # TODO: write film, then run: mmlearn check fusion.film
    raise NotImplementedError


def low_rank_bilinear(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    image_weights: np.ndarray,
    text_weights: np.ndarray,
    output_weights: np.ndarray,
) -> np.ndarray:
    """Bilinear pooling with a weight tensor of low rank, which is never built.

    A bilinear form weighs every product of an image number and a text number:

        out[n, k] = Σ_i Σ_j image[n, i] · text[n, j] · W[i, j, k].

    For D_i = D_t = 2048 and 3000 outputs, W has 12.6 billion entries. So let it be a sum of R simple terms,

        W[i, j, k] = Σ_r image_weights[i, r] · text_weights[j, r] · output_weights[r, k],

    put that in, and change the order of the sums: project both to R numbers, multiply entry by entry, project to K.

    Args:
        image_embeddings: (N, D_i); N may be 0.
        text_embeddings: (N, D_t).
        image_weights: (D_i, R).
        text_weights: (D_t, R).
        output_weights: (R, K).

    Returns:
        (N, K), the plain bilinear form. (The paper puts a tanh around each projection; then the identity above no
        longer holds.)

    Example:
        The image gives 1 · 3 + 2 · 1 = 5, the text 4 · 0.5 = 2; 5 · 2 · 10 = 100.

        >>> image, text = np.array([[1.0, 2.0]]), np.array([[4.0]])
        >>> low_rank_bilinear(image, text, np.array([[3.0], [1.0]]), np.array([[0.5]]), np.array([[10.0]]))
        array([[100.]])

    Source: Kim, On, Lim, Kim, Ha, Zhang, "Hadamard Product for Low-rank Bilinear Pooling", ICLR 2017, arXiv:1610.04325.
    """
    # TODO: write low_rank_bilinear, then run: mmlearn check fusion.low_rank_bilinear
    raise NotImplementedError


def tensor_fusion(image_embeddings: np.ndarray, text_embeddings: np.ndarray) -> np.ndarray:
    """All products of an image number and a text number, and the numbers themselves.

    Append a 1 to each embedding, then take the outer product. The appended 1s keep the single numbers: image[i] · 1
    and 1 · text[j] stand beside the products image[i] · text[j], so a linear layer on top can use either modality alone
    or both together.

    Args:
        image_embeddings: (N, D_i); N may be 0.
        text_embeddings: (N, D_t).

    Returns:
        (N, (D_i + 1) · (D_t + 1)): the outer product, row by row; entry i · (D_t + 1) + j is image[i] · text[j], where
        index D_i of the image and index D_t of the text are the appended 1s. The last entry is 1.

    Raises:
        ValueError: the numbers of rows differ.

    Example:
        (2, 3, 1) times (5, 1) is [[10, 2], [15, 3], [5, 1]], read row by row.

        >>> tensor_fusion(np.array([[2.0, 3.0]]), np.array([[5.0]]))
        array([[10.,  2., 15.,  3.,  5.,  1.]])

    Source: Zadeh, Chen, Poria, Cambria, Morency, "Tensor Fusion Network for Multimodal Sentiment Analysis", EMNLP 2017,
        arXiv:1707.07250.
    """
    # TODO: write tensor_fusion, then run: mmlearn check fusion.tensor_fusion
    raise NotImplementedError


def modality_dropout(
    image_embeddings: np.ndarray, text_embeddings: np.ndarray, rate: float, rng: int | np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """In training, take one modality away from some examples, so that the network learns to do with either.

    Each example, independently of the others, loses one modality with probability `rate`: its image or its text,
    which are equally likely, and never both. A lost embedding becomes zeros. So each modality is lost with probability
    rate / 2 and kept with probability 1 - rate / 2. What is kept, in all examples, is divided by 1 - rate / 2: the
    expectation of each embedding is then what it was, and nothing need be done when the network is used.

    Args:
        image_embeddings: (N, D_i); N may be 0.
        text_embeddings: (N, D_t).
        rate: probability in [0, 1] that an example loses one of its two modalities.
        rng: a seed or a generator. The same seed gives the same result.

    Returns:
        The image embeddings (N, D_i) and the text embeddings (N, D_t), with what was lost set to 0.

    Raises:
        ValueError: rate is outside [0, 1].

    Example:
        At rate 1 each example loses exactly one modality, and what is kept is divided by 1/2. Here the image is
        kept, or the text is:

        >>> image, text = modality_dropout(np.array([[1.0]]), np.array([[1.0]]), rate=1.0, rng=0)
        >>> float(image[0, 0] + text[0, 0]), float(image[0, 0] * text[0, 0])
        (2.0, 0.0)

    Source: Neverova, Wolf, Taylor, Nebout, "ModDrop: Adaptive Multi-modal Gesture Recognition", 2015,
        arXiv:1501.00102; the rescaling is that of Srivastava et al., "Dropout", JMLR 15, 2014.
    """
    rng = np.random.default_rng(rng)
    # TODO: write modality_dropout, then run: mmlearn check fusion.modality_dropout
    raise NotImplementedError
