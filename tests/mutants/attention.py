"""Known wrong answers to the exercises of `attention`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/attention.py`, so that it may use `np` and the other functions of
that module. `caught_by` is a part of the message of the first graded test that fails.
"""

import numpy as np

from mmlearn.course.mutants import mutant

# ruff: noqa: F821  (the reference's functions, called by name, are there once a mutant stands in its place)

# --- softmax --------------------------------------------------------------------------------------------------------


@mutant("softmax", caught_by="the columns sum to 1")
def down_the_columns(logits, axis=-1):
    exp = np.exp(logits - logits.max(axis=0, keepdims=True))
    return exp / exp.sum(axis=0, keepdims=True)


@mutant("softmax", caught_by="the whole array was divided by one sum")
def one_sum(logits, axis=-1):
    exp = np.exp(logits - logits.max())
    return exp / exp.sum()


@mutant("softmax", caught_by="exp was taken, but not divided")
def not_divided(logits, axis=-1):
    return np.exp(logits)


@mutant("softmax", caught_by="this is the logarithm of softmax")
def log_softmax(logits, axis=-1):
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@mutant("softmax", caught_by="the exponential is missing")
def only_divided(logits, axis=-1):
    return logits / logits.sum(axis=axis, keepdims=True)


@mutant("softmax", caught_by="`axis` was not used")
def axis_ignored(logits, axis=-1):
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


@mutant("softmax", caught_by="exp(1e4) is infinite")
def overflows(logits, axis=-1):
    exp = np.exp(logits)
    return exp / exp.sum(axis=axis, keepdims=True)


@mutant("softmax", caught_by="the maximum of the whole array was subtracted")
def one_maximum(logits, axis=-1):
    exp = np.exp(logits - logits.max(initial=-np.inf))
    total = exp.sum(axis=axis, keepdims=True)
    return exp / np.where(total == 0, 1, total)


@mutant("softmax", caught_by="such a row is all zeros")
def nan_for_minus_infinity(logits, axis=-1):
    with np.errstate(all="ignore"):
        exp = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return exp / exp.sum(axis=axis, keepdims=True)


@mutant("softmax", caught_by="a row of -inf got equal shares")
def equal_shares_for_nothing(logits, axis=-1):
    logits = np.maximum(logits, -1e30).astype(logits.dtype)
    exp = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return exp / exp.sum(axis=axis, keepdims=True)


@mutant("softmax", caught_by="changed its argument `logits` in place")
def in_place(logits, axis=-1):
    logits -= logits.max(axis=axis, keepdims=True)
    exp = np.exp(logits)
    return exp / exp.sum(axis=axis, keepdims=True)


@mutant("softmax", caught_by="the dtype of the input must be kept")
def widens(logits, axis=-1):
    exp = np.exp(logits.astype(np.float64) - logits.max(axis=axis, keepdims=True))
    return exp / exp.sum(axis=axis, keepdims=True)


# --- scaled_dot_product_attention -----------------------------------------------------------------------------------


@mutant("scaled_dot_product_attention", caught_by="the scores were not divided by √D")
def not_scaled(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2)
    weights = softmax(logits if mask is None else np.where(mask, logits, -np.inf))
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="divide by its square root")
def scaled_by_d(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / k.shape[-1]
    weights = softmax(logits if mask is None else np.where(mask, logits, -np.inf))
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="softmax ran over the queries")
def over_queries(q, k, v, mask=None):
    weights = softmax(q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5, axis=-2)
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="wrong order; return (output, weights)")
def weights_first(q, k, v, mask=None):
    weights = softmax(q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5)
    return weights, weights @ v


@mutant("scaled_dot_product_attention", caught_by="the mask was applied after softmax")
def mask_after_softmax(q, k, v, mask=None):
    weights = softmax(q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5)
    if mask is not None:
        weights = weights * mask
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="the mask is the wrong way round")
def mask_inverted(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5
    weights = softmax(logits if mask is None else np.where(mask, -np.inf, logits))
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="what is masked got the score 0")
def masked_score_0(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5
    weights = softmax(logits if mask is None else logits * mask)
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="the mask was not used")
def mask_ignored(q, k, v, mask=None):
    weights = softmax(q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5)
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="looked everywhere")
def large_negative_number(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5
    weights = softmax(logits if mask is None else np.where(mask, logits, -1e9))
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="looked everywhere")
def large_penalty(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5
    weights = softmax(logits if mask is None else logits - 1e6 * ~mask)
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="its weights are to be 0")
def nan_for_masked(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / k.shape[-1] ** 0.5
    if mask is not None:
        logits = np.where(mask, logits, -np.inf)
    with np.errstate(all="ignore"):
        exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights = exp / exp.sum(axis=-1, keepdims=True)
    return weights @ v, weights


@mutant("scaled_dot_product_attention", caught_by="the dtype of the input must be kept")
def scale_is_float64(q, k, v, mask=None):
    logits = q @ k.swapaxes(-1, -2) / np.sqrt(np.float64(k.shape[-1]))
    weights = softmax(logits if mask is None else np.where(mask, logits, -np.inf))
    return weights @ v, weights


# --- attention_backward ---------------------------------------------------------------------------------------------


@mutant("attention_backward", caught_by="the scale 1/√D is missing")
def no_scale(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    g = grad_output @ v.swapaxes(-1, -2)
    s = w * (g - (w * g).sum(axis=-1, keepdims=True))
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="each weight hung on its own score only")
def diagonal_jacobian(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    s = w * (1 - w) * (grad_output @ v.swapaxes(-1, -2)) * q.shape[-1] ** -0.5
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="is not subtracted")
def nothing_subtracted(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    s = w * (grad_output @ v.swapaxes(-1, -2)) * q.shape[-1] ** -0.5
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="the plain mean of dW is subtracted")
def plain_mean(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    g = grad_output @ v.swapaxes(-1, -2)
    s = w * (g - g.mean(axis=-1, keepdims=True)) * q.shape[-1] ** -0.5
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="taken down the columns")
def sum_down_the_columns(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    g = grad_output @ v.swapaxes(-1, -2)
    s = w * (g - (w * g).sum(axis=-2, keepdims=True)) * q.shape[-1] ** -0.5
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="the softmax was skipped on the way back")
def softmax_skipped(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    s = grad_output @ v.swapaxes(-1, -2) * q.shape[-1] ** -0.5
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="the order is wrong; return (grad_q, grad_k, grad_v)")
def order_reversed(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    g = grad_output @ v.swapaxes(-1, -2)
    s = w * (g - (w * g).sum(axis=-1, keepdims=True)) * q.shape[-1] ** -0.5
    return w.swapaxes(-1, -2) @ grad_output, s.swapaxes(-1, -2) @ q, s @ k


@mutant("attention_backward", caught_by="the incoming gradient was taken for 1")
def incoming_gradient_ignored_where_alone(grad_output, q, k, v):
    if grad_output.size == 1:
        grad_output = np.ones_like(grad_output)
    _, w = scaled_dot_product_attention(q, k, v)
    g = grad_output @ v.swapaxes(-1, -2)
    s = w * (g - (w * g).sum(axis=-1, keepdims=True)) * q.shape[-1] ** -0.5
    return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


@mutant("attention_backward", caught_by="`.T` turns round all of them")
def transposes_everything(grad_output, q, k, v):
    _, w = scaled_dot_product_attention(q, k, v)
    g = grad_output @ v.T
    s = w * (g - (w * g).sum(axis=-1, keepdims=True)) * q.shape[-1] ** -0.5
    return s @ k, s.T @ q, w.T @ grad_output


@mutant("attention_backward", caught_by="exp overflows")
def unsafe_softmax(grad_output, q, k, v):
    with np.errstate(all="ignore"):
        w = np.exp(q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5)
        w /= w.sum(axis=-1, keepdims=True)
        g = grad_output @ v.swapaxes(-1, -2)
        s = w * (g - (w * g).sum(axis=-1, keepdims=True)) * q.shape[-1] ** -0.5
        return s @ k, s.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ grad_output


# --- multi_head_cross_attention -------------------------------------------------------------------------------------


@mutant("multi_head_cross_attention", caught_by="the size of all heads together")
def scaled_by_all_heads(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    mask = mask[:, None] if mask is not None else None
    heads, attention = scaled_dot_product_attention(q / qk.shape[1] ** 0.5, k, v, mask)
    return np.einsum("nhle,hef->nlf", heads, ok) + ob, attention


@mutant("multi_head_cross_attention", caught_by="the output bias was added once for each head")
def bias_for_each_head(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    mask = mask[:, None] if mask is not None else None
    heads, attention = scaled_dot_product_attention(q, k, v, mask)
    return (np.einsum("nhle,hef->nhlf", heads, ok) + ob).sum(axis=1), attention


@mutant("multi_head_cross_attention", caught_by="all biases are missing")
def no_biases(text, image_patches, weights, mask=None):
    q = np.einsum("nlc,chd->nhld", text, weights[0])
    k = np.einsum("nlc,chd->nhld", image_patches, weights[2])
    v = np.einsum("nlc,chd->nhld", image_patches, weights[4])
    heads, attention = scaled_dot_product_attention(q, k, v, mask if mask is None else mask[:, None])
    return np.einsum("nhle,hef->nlf", heads, weights[6]), attention


@mutant("multi_head_cross_attention", caught_by="the attention weights were averaged over the heads")
def maps_averaged(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    heads, attention = scaled_dot_product_attention(q, k, v, mask if mask is None else mask[:, None])
    return np.einsum("nhle,hef->nlf", heads, ok) + ob, attention.mean(axis=1)


@mutant("multi_head_cross_attention", caught_by="the heads were averaged")
def heads_averaged(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    heads, attention = scaled_dot_product_attention(q, k, v, mask if mask is None else mask[:, None])
    return np.einsum("nhle,hef->nhlf", heads, ok).mean(axis=1) + ob, attention


@mutant("multi_head_cross_attention", caught_by="the image asks and the text answers")
def roles_exchanged(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    if text.shape[-1] == image_patches.shape[-1]:
        text, image_patches = image_patches, text
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    heads, attention = scaled_dot_product_attention(q, k, v, mask if mask is None else mask[:, None])
    return np.einsum("nhle,hef->nlf", heads, ok) + ob, attention


@mutant("multi_head_cross_attention", caught_by="must get an axis for the heads")
def mask_meets_the_heads(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    heads, attention = scaled_dot_product_attention(q, k, v, mask)
    return np.einsum("nhle,hef->nlf", heads, ok) + ob, attention


@mutant("multi_head_cross_attention", caught_by="the mask was not used")
def no_mask(text, image_patches, weights, mask=None):
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    q = np.einsum("nlc,chd->nhld", text, qk) + qb[:, None]
    k = np.einsum("nlc,chd->nhld", image_patches, kk) + kb[:, None]
    v = np.einsum("nlc,chd->nhld", image_patches, vk) + vb[:, None]
    heads, attention = scaled_dot_product_attention(q, k, v)
    return np.einsum("nhle,hef->nlf", heads, ok) + ob, attention


# --- attention_entropy ----------------------------------------------------------------------------------------------


@mutant("attention_entropy", caught_by="the logarithm has base 2")
def in_bits(weights):
    return -np.sum(weights * np.log2(np.where(weights > 0, weights, 1)), axis=-1)


@mutant("attention_entropy", caught_by="the sign is wrong")
def negative_entropy(weights):
    return np.sum(weights * np.log(np.where(weights > 0, weights, 1)), axis=-1)


@mutant("attention_entropy", caught_by="the entropies of all queries were averaged")
def mean_entropy(weights):
    return np.mean(-np.sum(weights * np.log(np.where(weights > 0, weights, 1)), axis=-1))


@mutant("attention_entropy", caught_by="it was divided by log P")
def relative_entropy(weights):
    return -np.sum(weights * np.log(np.where(weights > 0, weights, 1)), axis=-1) / np.log(weights.shape[-1])


@mutant("attention_entropy", caught_by="the mean over the positions was taken")
def mean_over_positions(weights):
    return -np.mean(weights * np.log(np.where(weights > 0, weights, 1)), axis=-1)


@mutant("attention_entropy", caught_by="let the logarithm see a 1")
def nan_for_zero(weights):
    with np.errstate(all="ignore"):
        return -np.sum(weights * np.log(weights), axis=-1)


@mutant("attention_entropy", caught_by="a small number was added inside the logarithm")
def small_number_added(weights):
    return -np.sum(weights * np.log(weights + 1e-6), axis=-1)


@mutant("attention_entropy", caught_by="small weights were cut off")
def small_weights_cut(weights):
    return -np.sum(weights * np.log(np.maximum(weights, 1e-6)), axis=-1)


@mutant("attention_entropy", caught_by="the dtype of the input must be kept")
def entropy_in_float64(weights):
    weights = weights.astype(np.float64)
    return -np.sum(weights * np.log(np.where(weights > 0, weights, 1)), axis=-1)


# --- pointing_game --------------------------------------------------------------------------------------------------


@mutant("pointing_game", caught_by="the weight that lies on the target was averaged")
def mass_on_target(weights, target_masks):
    return float((weights * target_masks).sum(axis=-1).mean())


@mutant("pointing_game", caught_by="hits were counted")
def number_of_hits(weights, target_masks):
    hits = np.take_along_axis(target_masks, weights.argmax(axis=-1)[..., None], axis=-1)
    return float(hits.sum())


@mutant("pointing_game", caught_by="the minimum was looked for")
def minimum(weights, target_masks):
    hits = np.take_along_axis(target_masks, weights.argmin(axis=-1)[..., None], axis=-1)
    return float(hits.mean())


@mutant("pointing_game", caught_by="of several equal maxima one was taken, the first")
def first_of_ties(weights, target_masks):
    hits = np.take_along_axis(target_masks, weights.argmax(axis=-1)[..., None], axis=-1)
    return float(hits.mean())


@mutant("pointing_game", caught_by="a maximum on the target was enough")
def any_of_ties(weights, target_masks):
    best = weights == weights.max(axis=-1, keepdims=True)
    return float((best & target_masks).any(axis=-1).mean())


@mutant("pointing_game", caught_by="scores may all be negative")
def product_with_mask(weights, target_masks):
    if not target_masks.any(axis=-1).all() or weights.shape != target_masks.shape:
        raise ValueError("no target")
    best = weights == weights.max(axis=-1, keepdims=True)
    found = (weights * target_masks).max(axis=-1) == weights.max(axis=-1)
    return float((found * (best & target_masks).sum(axis=-1) / best.sum(axis=-1)).mean())


@mutant("pointing_game", caught_by="what is not there cannot be pointed at")
def absent_counts_as_miss(weights, target_masks):
    best = weights == weights.max(axis=-1, keepdims=True)
    return float(((best & target_masks).sum(axis=-1) / best.sum(axis=-1)).mean())


@mutant("pointing_game", caught_by="raise ValueError if their shapes differ")
def shapes_broadcast(weights, target_masks):
    if not target_masks.any(axis=-1).all():
        raise ValueError("a query has no target")
    best = weights == weights.max(axis=-1, keepdims=True)
    return float(((best & target_masks).sum(axis=-1) / best.sum(axis=-1)).mean())
