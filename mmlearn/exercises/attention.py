# Derived from solutions/attention.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: ee017292c42d4e317d387d597169b0f2594742aadc1f479c2cb3b22f30b1001a
"""Cross-modal attention: a text looks at an image; what it costs, how it learns, and whether it looks where it should.

Six functions, in the order in which they build on one another:

    softmax → scaled_dot_product_attention → attention_backward
                                           → multi_head_cross_attention
              attention_entropy, pointing_game judge the weights that come out

Conventions that hold for all of them:

- L queries look at P positions (patches of an image, words of a text). A query, a key or a value is a row.
- `weights` has shape (..., L, P): row i says how query i spreads its attention; it sums to 1.
- A mask is boolean and True where a query may look.
- "..." stands for any leading axes, also none: batches, heads. Whole arrays at a time, no loop over them.
- Arrays are float32 or float64 and hold no NaN; what comes back as an array keeps that dtype. No argument is changed
  in place. NumPy only.
"""

from collections.abc import Sequence

import numpy as np


def softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn scores into shares that are positive and sum to 1: exp(logits) / Σ exp(logits).

    Args:
        logits: (..., P) or any other shape; entries up to ±1e4 must not overflow. -inf is allowed and gets the share 0.
        axis: the axis along which the shares sum to 1.

    Returns:
        An array of the shape and dtype of `logits`. Where all entries along `axis` are -inf, nothing may be chosen:
        all shares are 0, and none is NaN.

    Example:
        exp(0) = 1 and exp(log 3) = 3, so the shares are 1/4 and 3/4. In the second row the first entry is out.

        >>> softmax(np.array([[0.0, np.log(3.0)], [-np.inf, 7.0]]))
        array([[0.25, 0.75],
               [0.  , 1.  ]])

    Source: Bridle, "Training Stochastic Model Recognition Algorithms as Networks can Lead to Maximum Mutual
        Information Estimation of Parameters", NeurIPS 1989.
    """
    # TODO: write softmax, then run: mmlearn check attention.softmax
    raise NotImplementedError


def scaled_dot_product_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Each query takes a mean of the values, weighted by how well the keys fit it.

        weights = softmax(q kᵀ / √D)        output = weights v

    The mask acts before the softmax: what is out gets the logit -inf, so that the others share the whole of 1.

    Args:
        q: (..., L, D), queries; in cross-modal attention they come from one modality, e.g. a text's words.
        k: (..., P, D), keys, from the other modality, e.g. an image's patches.
        v: (..., P, E), values; row j belongs to key j.
        mask: None, or booleans that broadcast to (..., L, P), True where the query may look.

    Returns:
        output: (..., L, E), and weights: (..., L, P). A query that may look nowhere has weights 0 and output 0.

    Example:
        The query fits key 0 by q·k/√4 = 0 and key 1 by 2 log 3 / 2 = log 3, so the weights are 1/4 and 3/4, and the
        output is 1/4 · 8 + 3/4 · 0 = 2.

        >>> q = np.array([[2.0, 0.0, 0.0, 0.0]])
        >>> k = np.array([[0.0, 1.0, 0.0, 0.0], [np.log(3.0), 0.0, 0.0, 0.0]])
        >>> v = np.array([[8.0], [0.0]])
        >>> scaled_dot_product_attention(q, k, v)
        (array([[2.]]), array([[0.25, 0.75]]))
        >>> scaled_dot_product_attention(q, k, v, mask=np.array([[True, False]]))
        (array([[8.]]), array([[1., 0.]]))

    Source: Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.2.1.
    """
    # TODO: write scaled_dot_product_attention, then run: mmlearn check attention.scaled_dot_product_attention
    raise NotImplementedError


def attention_backward(
    grad_output: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of a loss with respect to q, k and v, given its gradient with respect to the output of attention.

    With S = q kᵀ / √D, W = softmax(S) and O = W v, go backwards through the three steps; d stands for the gradient:

        dv = Wᵀ dO        dW = dO vᵀ        dS = W ∘ (dW - rowsum(W ∘ dW))        dq = dS k / √D        dk = dSᵀ q / √D

    Args:
        grad_output: (..., L, E), the gradient of the loss with respect to the output.
        q: (..., L, D), as given to `scaled_dot_product_attention`, without a mask.
        k: (..., P, D), with the same leading axes as q.
        v: (..., P, E), likewise.

    Returns:
        (grad_q, grad_k, grad_v), of the shapes of q, k and v.

    Example:
        Two keys that fit alike get the weights 1/2. The output is the mean of the values 1 and 3; it would grow if the
        query leant towards key 1: dS = (1/2 · (1 - 2), 1/2 · (3 - 2)) = (-1/2, 1/2), and dq = -1/2 · 0 + 1/2 · 4 = 2.

        >>> q, k, v = np.array([[0.0]]), np.array([[0.0], [4.0]]), np.array([[1.0], [3.0]])
        >>> grad_q, grad_k, grad_v = attention_backward(np.array([[1.0]]), q, k, v)
        >>> grad_q, grad_v
        (array([[2.]]), array([[0.5],
               [0.5]]))

    Source: Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762; written out in Dao et al.,
        "FlashAttention", 2022, arXiv:2205.14135, appendix B.
    """
    # TODO: write attention_backward, then run: mmlearn check attention.attention_backward
    raise NotImplementedError


def multi_head_cross_attention(
    text: np.ndarray, image_patches: np.ndarray, weights: Sequence[np.ndarray], mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Each word of a text looks at the patches of its image, with H heads side by side.

    Head h projects the text to queries, and the patches to keys and to values, with its slice of the kernels, and
    attends. The output kernel turns what each head brought back into F numbers; the sum over the heads, plus the output
    bias, is the result.

    The weights are laid out as in `keras.layers.MultiHeadAttention`, in the order of its `get_weights()`. So a trained
    layer can be read: layer(query=text, value=image_patches) gives the same.

    Args:
        text: (N, L, C), one row a word.
        image_patches: (N, P, B), one row a patch; image i belongs to text i.
        weights: eight arrays: query kernel (C, H, D), query bias (H, D), key kernel (B, H, D), key bias (H, D), value
            kernel (B, H, E), value bias (H, E), output kernel (H, E, F), output bias (F,).
        mask: None, or booleans that broadcast to (N, L, P), True where the word may look at the patch; it holds for
            every head.

    Returns:
        output: (N, L, F), and attention weights: (N, H, L, P), one map a head. A word that may look nowhere gets
        attention weights 0; its output is the output bias.

    Example:
        One word, two patches of one number each, one head, all kernels 1 and all biases 0: the logits are 1 · 0 and
        1 · log 3, the weights 1/4 and 3/4, and the output is 3/4 · log 3 = 0.824.

        >>> one, zero = np.ones((1, 1, 1)), np.zeros((1, 1))
        >>> weights = [one, zero, one, zero, one, zero, one, np.zeros(1)]
        >>> patches = np.array([[[0.0], [np.log(3.0)]]])
        >>> output, attention = multi_head_cross_attention(np.ones((1, 1, 1)), patches, weights)
        >>> output.round(3), attention
        (array([[[0.824]]]), array([[[[0.25, 0.75]]]]))

    Source: Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.2.2; text that looks at image
        regions: Lu, Batra, Parikh, Lee, "ViLBERT", 2019, arXiv:1908.02265.
    """
    # TODO: write multi_head_cross_attention, then run: mmlearn check attention.multi_head_cross_attention
    raise NotImplementedError


def attention_entropy(weights: np.ndarray) -> np.ndarray:
    """How widely each query spreads its attention: -Σ w log w over the positions, in nats, with 0 log 0 = 0.

    It is 0 if one position gets everything, and log P if all P get the same. exp(entropy) can be read as the number of
    positions that are looked at.

    Args:
        weights: (..., P), each row ≥ 0 and summing to 1, or all 0 for a query that may look nowhere.

    Returns:
        (...), of the dtype of `weights`, in [0, log P]; 0 for a row of zeros. Never NaN.

    Example:
        Two positions with a half each: -2 · 1/2 · log 1/2 = log 2 = 0.693. One with everything: 0.

        >>> attention_entropy(np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])).round(3)
        array([0.693, 0.   ])

    Source: Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal 27, 1948.
    """
    # TODO: write attention_entropy, then run: mmlearn check attention.attention_entropy
    raise NotImplementedError


def pointing_game(weights: np.ndarray, target_masks: np.ndarray) -> float:
    """Share of queries whose most attended position lies on their target.

    If several positions share the maximum, the query earns the share of them that lie on the target: what a random
    choice among them would earn in the mean. So a map that is the same everywhere points nowhere, and gets exactly the
    level of chance, the share of positions that the target covers.

    Args:
        weights: (..., P), a map over the positions for each query; any scores will do, they need not sum to 1.
        target_masks: (..., P), boolean, True where the target of the query lies.

    Returns:
        A float in [0, 1], the mean over all queries.

    Raises:
        ValueError: the shapes differ, or some query has no target; leave out the queries for what is not there.

    Example:
        The first map has its maximum on the target, the second has not; the third has two maxima, one on the target.

        >>> weights = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.4, 0.4, 0.2]])
        >>> target_masks = np.array([[True, False, False], [True, True, False], [True, False, False]])
        >>> pointing_game(weights, target_masks)
        0.5

    Source: Zhang, Bargal, Lin, Brandt, Shen, Sclaroff, "Top-Down Neural Attention by Excitation Backprop", 2018,
        arXiv:1608.00507, who allow the maximum to miss by 15 pixels; the rule for ties is ours.
    """
    # TODO: write pointing_game, then run: mmlearn check attention.pointing_game
    raise NotImplementedError
