"""Graded tests of the topic `attention`. Oracles are loops that follow the definitions, differences, hand values."""

import math

import numpy as np
import pytest

from mmlearn.course.expect import expect_close, expect_raises, expect_true


def shares(scores):
    """Softmax of a list of finite numbers, or of -inf beside at least one finite number."""
    exp = [math.exp(score - max(scores)) for score in scores]
    return [value / sum(exp) for value in exp]


def attend(q, k, v, mask=None, scale=None, shares=shares):
    """Attention of (L, D), (P, D), (P, E) by loops: output and weights."""
    scale = 1 / math.sqrt(q.shape[1]) if scale is None else scale
    weights = np.zeros((len(q), len(k)))
    for i, query in enumerate(q):
        allowed = [j for j in range(len(k)) if mask is None or mask[i, j]]
        if allowed:
            weights[i, allowed] = shares(
                [scale * sum(a * b for a, b in zip(query, k[j], strict=True)) for j in allowed]
            )
    output = [[sum(w * row[e] for w, row in zip(line, v, strict=True)) for e in range(v.shape[1])] for line in weights]
    return np.array(output).reshape(len(q), v.shape[1]), weights


def expect_finite(actual, *, cause, case):
    """A result of the wrong kind is left to `expect_close`."""
    parts = actual if isinstance(actual, tuple) else (actual,)
    arrays = [part for part in parts if isinstance(part, np.ndarray) and part.dtype.kind == "f"]
    fine = all(np.isfinite(part).all() for part in arrays)
    expect_true(fine, "NaN or infinity in the result", cause=cause, case=case)


# --- softmax --------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_softmax__rows_are_shares(impl, rng):
    logits = 2 * rng.normal(size=(4, 6))
    exp = np.exp(logits)
    expect_close(
        impl.softmax(logits),
        np.array([shares(row) for row in logits.tolist()]),
        case="4 rows of 6",
        causes={
            "the columns sum to 1; by default the last axis is meant, axis=-1": exp / exp.sum(axis=0),
            "the whole array was divided by one sum; each row has a sum of its own": exp / exp.sum(),
            "exp was taken, but not divided by the sum of the row": exp,
            "this is the logarithm of softmax": np.log(exp / exp.sum(axis=1, keepdims=True)),
            "the exponential is missing; scores may be negative, their exponentials may not": lambda: (
                logits / logits.sum(axis=1, keepdims=True)
            ),
            "each row was divided by its largest exponential; that is only the shift, now divide by the sum": exp
            / exp.max(axis=1, keepdims=True),
            "base 2 was used instead of e": lambda: np.exp2(logits) / np.exp2(logits).sum(axis=1, keepdims=True),
            "the sign is turned round: a higher score must get a larger share": lambda: (
                1 / exp / (1 / exp).sum(axis=1, keepdims=True)
            ),
        },
    )


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((4, 6), 0), ((2, 3, 5), 1), ((2, 3, 5), -1), ((5,), -1), ((0, 4), -1)],
    ids=["columns", "middle axis", "last of three axes", "one row", "no rows"],
)
def test_softmax__along_any_axis(impl, rng, shape, axis):
    logits = rng.normal(size=shape)
    flat = np.moveaxis(logits, axis, -1)
    rows = [shares(row) for row in flat.reshape(-1, shape[axis]).tolist()]
    last = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expect_close(
        impl.softmax(logits, axis=axis),
        np.moveaxis(np.array(rows).reshape(flat.shape), -1, axis),
        case=f"shape {shape}, axis={axis}",
        causes={"the argument `axis` was not used; the shares are to sum to 1 along it": last},
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax__large_logits(impl, rng, dtype):
    small = rng.normal(size=(3, 4)).astype(dtype)
    small[1] = [1e4, -1e4, 1e4, 0]
    desired = np.array([shares(row) for row in small.astype(np.float64).tolist()])
    for shift in (1e4, -1e4):
        logits = small.copy()
        logits[0] += dtype(shift)
        row = shares(logits[0].astype(np.float64).tolist())
        case = f"logits around {shift:g} in {dtype.__name__}"
        actual = impl.softmax(logits)
        cause = "exp(1e4) is infinite, and exp(-1e4) is 0; subtract the maximum of each row from its logits first"
        expect_finite(actual, cause=cause, case=case)
        lost = np.exp(logits - logits.max())  # all that is left where one maximum serves all rows
        total = lost.sum(axis=1, keepdims=True)
        expect_close(
            actual,
            np.array([row, desired[1], desired[2]]),
            case=case,
            dtype=dtype,
            causes={
                "the maximum of the whole array was subtracted, so that lower rows vanish; each row has its own": lost
                / np.where(total == 0, 1, total),
                "the maximum was taken as if it were positive; a row around -1e4 needs its own too": np.array(
                    [np.zeros(4), desired[1], desired[2]]
                ),
            },
        )


def test_softmax__minus_infinity_is_out(impl):
    inf = np.inf
    logits = np.array([[0.0, -inf, math.log(3)], [-inf, -inf, -inf], [-inf, 5.0, -inf]])
    desired = np.array([[0.25, 0, 0.75], [0, 0, 0], [0, 1, 0]])
    actual = impl.softmax(logits)
    cause = "where all of a row is -inf, the maximum is -inf and -inf - (-inf) is NaN; such a row is all zeros"
    expect_finite(actual, cause=cause, case="3 rows of 3, one of them all -inf")
    expect_close(
        actual,
        desired,
        case="3 rows of 3, one of them all -inf",
        causes={
            "a row of -inf got equal shares; nothing may be chosen there, so all its shares are 0": np.array(
                [[0.25, 0, 0.75], [1 / 3, 1 / 3, 1 / 3], [0, 1, 0]]
            ),
        },
    )


# --- scaled_dot_product_attention -----------------------------------------------------------------------------------


@pytest.mark.core
def test_scaled_dot_product_attention__mean_of_the_values(impl, rng):
    q, k, v = rng.normal(size=(3, 7)), rng.normal(size=(5, 7)), rng.normal(size=(5, 2))
    wrong_axis = np.exp(q @ k.T / math.sqrt(7)) / np.exp(q @ k.T / math.sqrt(7)).sum(axis=0)
    output, weights = attend(q, k, v)
    expect_close(
        impl.scaled_dot_product_attention(q, k, v),
        (output, weights),
        case="3 queries, 5 keys of size 7, values of size 2",
        causes={
            "the scores were not divided by √D; without it, they grow with D and softmax saturates": lambda: attend(
                q, k, v, scale=1
            ),
            "the scores were divided by D; divide by its square root": lambda: attend(q, k, v, scale=1 / 7),
            "the scores were multiplied by √D; divide by it": lambda: attend(q, k, v, scale=math.sqrt(7)),
            "the scale is the root of the number of keys; it is that of D, the size of a key": lambda: attend(
                q, k, v, scale=1 / math.sqrt(5)
            ),
            "softmax ran over the queries; each query spreads its attention over the keys, so the rows of the weights "
            "sum to 1": lambda: (wrong_axis @ v, wrong_axis),
            "weights and output came in the wrong order; return (output, weights)": (weights, output),
            "the weights are the scores before softmax": lambda: (output, q @ k.T / math.sqrt(7)),
            "the values were multiplied by the scores themselves; softmax is missing": lambda: (
                q @ k.T / math.sqrt(7) @ v,
                q @ k.T / math.sqrt(7),
            ),
        },
    )


def test_scaled_dot_product_attention__mask_before_softmax(impl, rng):
    q, k, v = rng.normal(size=(4, 6)), rng.normal(size=(5, 6)), rng.normal(size=(5, 3))
    mask = rng.random((4, 5)) < 0.5
    mask[:, 0], mask[:, 1] = [True, False, True, False], [False, True, False, True]
    _, everywhere = attend(q, k, v)
    scores = q @ k.T / math.sqrt(6)
    cut, zeroed = everywhere * mask, np.exp(scores * mask)
    zeroed /= zeroed.sum(axis=1, keepdims=True)
    expect_close(
        impl.scaled_dot_product_attention(q, k, v, mask=mask),
        attend(q, k, v, mask),
        case="4 queries, 5 keys, about half of the pairs masked",
        causes={
            "the mask was applied after softmax, so that the rows no longer sum to 1; give what is out the logit -inf "
            "before it": lambda: (cut @ v, cut),
            "the mask is the wrong way round; True means that the query may look there": lambda: attend(q, k, v, ~mask),
            "what is masked got the score 0; exp(0) = 1 is a share like any other, give it -inf": (zeroed @ v, zeroed),
            "the mask was not used": lambda: attend(q, k, v),
            "1 was added to the scores where the mask is True; give what is out the logit -inf": lambda: soft_mask(
                scores + mask, v
            ),
        },
    )


def soft_mask(scores, v):
    weights = np.array([shares(row) for row in scores.tolist()])
    return weights @ v, weights


def test_scaled_dot_product_attention__fully_masked_query(impl, rng):
    q, k, v = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    mask = np.ones((3, 5), dtype=bool)
    mask[1], mask[2, 3] = False, False
    case = "3 queries, the second may look nowhere"
    actual = impl.scaled_dot_product_attention(q, k, v, mask=mask)
    cause = "a query that may look nowhere has only logits of -inf, and its softmax is 0/0; its weights are to be 0"
    expect_finite(actual, cause=cause, case=case)
    output, weights = attend(q, k, v, mask)
    spread = weights.copy()
    spread[1] = 1 / 5
    _, leaky = attend(q, k, v)
    leaky = np.where(mask.any(axis=1, keepdims=True), weights, leaky)
    message = (
        "a query that may look nowhere looked everywhere; a large negative number instead of -inf does not keep it"
    )
    causes = {f"{message} out, its weights are to be 0": (spread @ v, spread), f"{message} away": (leaky @ v, leaky)}
    expect_close(actual, (output, weights), case=case, causes=causes)


def test_scaled_dot_product_attention__batches(impl, rng):
    q, k, v = rng.normal(size=(2, 3, 4, 6)), rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(2, 3, 5, 2))
    mask = np.ones((2, 1, 1, 5), dtype=bool)
    mask[1, ..., 3:] = False
    full = np.broadcast_to(mask, (2, 3, 4, 5))
    pairs = [attend(q[i, j], k[i, j], v[i, j], full[i, j]) for i in range(2) for j in range(3)]
    desired = tuple(np.array(part).reshape(2, 3, 4, -1) for part in zip(*pairs, strict=True))
    expect_close(
        impl.scaled_dot_product_attention(q, k, v, mask=mask),
        desired,
        case="leading axes (2, 3), the mask (2, 1, 1, 5) broadcasts",
    )


def test_scaled_dot_product_attention__large_and_float32(impl, rng):
    q = (100 * rng.choice([-1, 1], size=(3, 16))).astype(np.float32)
    k = (100 * rng.choice([-1, 1], size=(4, 16))).astype(np.float32)
    v = rng.normal(size=(4, 2)).astype(np.float32)
    case = "float32, logits up to 4e4"
    actual = impl.scaled_dot_product_attention(q, k, v)
    expect_finite(actual, cause="exp overflows; your softmax subtracts the maximum of each row first", case=case)
    wide = isinstance(actual, tuple) and any(getattr(part, "dtype", None) == np.float64 for part in actual)
    cause = "the dtype of the input must be kept; np.sqrt(D) is a float64 and widens float32 arrays, D ** 0.5 does not"
    expect_true(not wide, "float32 went in, float64 came out", cause=cause, case=case)
    expect_close(actual, attend(q.astype(float), k.astype(float), v.astype(float)), case=case, dtype=np.float32)


# --- attention_backward ---------------------------------------------------------------------------------------------


def numerical_gradients(grad_output, *inputs, step=1e-5):
    """Central differences of Σ grad_output · output: each number of each input is moved a little both ways."""
    gradients = []
    for which, array in enumerate(inputs):
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            moved = []
            for sign in (1, -1):
                changed = [part.copy() for part in inputs]
                changed[which][index] += sign * step
                moved.append(float((grad_output * attention(*changed)[0]).sum()))
            gradient[index] = (moved[0] - moved[1]) / (2 * step)
        gradients.append(gradient)
    return tuple(gradients)


def attention(q, k, v, scale=None):
    """As `attend`, by arrays, for the many calls of `numerical_gradients`."""
    scores = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    exp = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exp / exp.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def backward(grad_output, q, k, v, jacobian, scale=None):
    """The five lines of the docstring with a given way through softmax, for the misconceptions."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    _, weights = attention(q, k, v)
    grad_scores = jacobian(weights, grad_output @ v.T) * scale
    return grad_scores @ k, grad_scores.T @ q, weights.T @ grad_output


def through_softmax(weights, grad_weights):
    return weights * (grad_weights - (weights * grad_weights).sum(axis=1, keepdims=True))


@pytest.mark.core
def test_attention_backward__agrees_with_differences(impl, rng):
    q, k, v = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    grad_output = rng.normal(size=(3, 2))

    def wrong(jacobian=through_softmax, scale=None):
        return lambda: backward(grad_output, q, k, v, jacobian, scale)

    expect_close(
        impl.attention_backward(grad_output, q, k, v),
        numerical_gradients(grad_output, q, k, v),
        case="3 queries, 5 keys of size 4, values of size 2; expected are central differences",
        atol=1e-5,
        causes={
            "the scale 1/√D is missing; it stands between q, k and the scores, so the gradients pass it too": wrong(
                scale=1
            ),
            "the gradient was divided by D, that is twice by √D; the scale stands there once": wrong(scale=1 / 4),
            "softmax was treated as if each weight hung on its own score only; dS = W ∘ (dW - rowsum(W ∘ dW))": wrong(
                lambda w, g: w * (1 - w) * g
            ),
            "the row's sum of W ∘ dW is not subtracted; raising one score takes from all others in its row": wrong(
                lambda w, g: w * g
            ),
            "the plain mean of dW is subtracted; weigh it by W: rowsum(W ∘ dW)": wrong(
                lambda w, g: w * (g - g.mean(axis=1, keepdims=True))
            ),
            "the sum of W ∘ dW was taken down the columns; softmax ran along the rows, so sum along axis -1": wrong(
                lambda w, g: w * (g - (w * g).sum(axis=0))
            ),
            "the softmax was skipped on the way back; dS = W ∘ (dW - rowsum(W ∘ dW))": wrong(lambda w, g: g),
            "the order is wrong; return (grad_q, grad_k, grad_v)": lambda: backward(
                grad_output, q, k, v, through_softmax
            )[::-1],
            "the sign is turned round; a gradient points to where the loss grows": lambda: tuple(
                -part for part in backward(grad_output, q, k, v, through_softmax)
            ),
        },
    )


def test_attention_backward__by_hand(impl):
    q, k, v = np.array([[0.0]]), np.array([[0.0], [4.0]]), np.array([[1.0], [3.0]])
    expect_close(
        impl.attention_backward(np.array([[3.0]]), q, k, v),
        (np.array([[6.0]]), np.array([[0.0], [0.0]]), np.array([[1.5], [1.5]])),
        case="one query 0, keys 0 and 4, values 1 and 3, incoming gradient 3",
        causes={
            "the incoming gradient was taken for 1; multiply by grad_output": (
                np.array([[2.0]]),
                np.array([[0.0], [0.0]]),
                np.array([[0.5], [0.5]]),
            ),
        },
    )


def test_attention_backward__batches(impl, rng):
    q, k, v = rng.normal(size=(2, 2, 2, 3)), rng.normal(size=(2, 2, 4, 3)), rng.normal(size=(2, 2, 4, 3))
    grad_output = rng.normal(size=(2, 2, 2, 3))
    cause = "with leading axes, `.T` turns round all of them; swapaxes(-1, -2) exchanges the last two only"
    case = "leading axes (2, 2)"
    try:
        actual = impl.attention_backward(grad_output, q, k, v)
    except ValueError as error:
        expect_true(False, f"raised ValueError ({error})", cause=cause, case=case)
    expect_close(actual, numerical_gradients(grad_output, q, k, v), case=case, atol=1e-5)


def test_attention_backward__a_certain_query_learns_nothing(impl):
    q, k = np.array([[100.0, 0.0]]), np.array([[100.0, 0.0], [-100.0, 0.0]])
    v = np.array([[1.0], [2.0]])
    desired = (np.zeros((1, 2)), np.zeros((2, 2)), np.array([[1.0], [0.0]]))
    actual = impl.attention_backward(np.array([[1.0]]), q, k, v)
    case = "one query that is certain: logits of ±7071, the weights are 1 and 0, so only the value gets a gradient"
    expect_finite(actual, cause="exp overflows; take the weights from your scaled_dot_product_attention", case=case)
    expect_close(actual, desired, case=case)


def test_attention_backward__float32(impl, rng):
    q, k, v, grad_output = (rng.normal(size=shape).astype(np.float32) for shape in [(2, 3), (4, 3), (4, 2), (2, 2)])
    desired = numerical_gradients(*(x.astype(float) for x in (grad_output, q, k, v)))
    actual = impl.attention_backward(grad_output, q, k, v)
    expect_close(actual, desired, case="float32", dtype=np.float32, rtol=1e-3, atol=1e-4)


# --- multi_head_cross_attention -------------------------------------------------------------------------------------

N, L, P, C, B, H, D, E, F = 2, 3, 5, 4, 6, 2, 3, 5, 7


def layer_weights(rng, c=C, b=B, h=H, d=D, e=E, f=F):
    shapes = [(c, h, d), (h, d), (b, h, d), (h, d), (b, h, e), (h, e), (h, e, f), (f,)]
    return [rng.normal(size=shape) for shape in shapes]


def by_loops(text, patches, weights, mask=None, scale=None, attend=attend, source=None):
    """Head by head, sentence by sentence; `source` gives the values where it is not the patches."""
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    n, h = len(text), qk.shape[1]
    source = patches if source is None else source
    output, maps = np.zeros((n, text.shape[1], len(ob))), np.zeros((n, h, text.shape[1], patches.shape[1]))
    for i in range(n):
        output[i] = ob
        for j in range(h):
            q, k = text[i] @ qk[:, j] + qb[j], patches[i] @ kk[:, j] + kb[j]
            v = source[i] @ vk[:, j] + vb[j]
            out, maps[i, j] = attend(q, k, v, None if mask is None else mask[i], scale)
            output[i] += out @ ok[j]
    return output, maps


@pytest.mark.core
def test_multi_head_cross_attention__agrees_with_a_loop_over_heads(impl, rng):
    text, patches, weights = rng.normal(size=(N, L, C)), rng.normal(size=(N, P, B)), layer_weights(rng)
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    output, maps = by_loops(text, patches, weights)
    expect_close(
        impl.multi_head_cross_attention(text, patches, weights),
        (output, maps),
        case="2 texts of 3 words, 5 patches, 2 heads of size 3, values of size 5",
        causes={
            "the scores were not divided by √D": lambda: by_loops(text, patches, weights, scale=1),
            "the scores were divided by √(H·D), the size of all heads together; each head has size D": lambda: by_loops(
                text, patches, weights, scale=1 / math.sqrt(H * D)
            ),
            "the scores were divided by √E; the scale is that of the keys, √D": lambda: by_loops(
                text, patches, weights, scale=1 / math.sqrt(E)
            ),
            "the output bias was added once for each head; add it once": lambda: (output + (H - 1) * ob, maps),
            "the output bias is missing": lambda: (output - ob, maps),
            "the heads were averaged; the output kernel sums over them": lambda: ((output - ob) / H + ob, maps),
            "the query bias is missing": lambda: by_loops(text, patches, [qk, 0 * qb, kk, kb, vk, vb, ok, ob]),
            "the value bias is missing": lambda: by_loops(text, patches, [qk, qb, kk, kb, vk, 0 * vb, ok, ob]),
            "all biases are missing": lambda: by_loops(text, patches, [qk, 0 * qb, kk, 0 * kb, vk, 0 * vb, ok, 0 * ob]),
            "the attention weights were averaged over the heads; return one map a head, (N, H, L, P)": lambda: (
                output,
                maps.mean(axis=1),
            ),
            "the heads stand behind the words; the attention weights have shape (N, H, L, P)": lambda: (
                output,
                maps.swapaxes(1, 2),
            ),
            "output and attention weights came in the wrong order": (maps, output),
        },
    )


def test_multi_head_cross_attention__text_asks_and_image_answers(impl, rng):
    text, patches = rng.normal(size=(N, L, C)), rng.normal(size=(N, L, C))
    weights = layer_weights(rng, b=C, e=D)
    expect_close(
        impl.multi_head_cross_attention(text, patches, weights),
        by_loops(text, patches, weights),
        case="text and patches of equal shape, so that they can be mistaken for each other",
        causes={
            "the image asks and the text answers; queries come from the text, keys and values from the patches": (
                lambda: by_loops(patches, text, weights)
            ),
            "the values come from the text; keys and values both come from the patches": lambda: by_loops(
                text, patches, weights, source=text
            ),
            "this is self-attention of the text; keys and values come from the patches": lambda: by_loops(
                text, text, weights
            ),
            "key kernel and value kernel are exchanged; the order is query, key, value, output": lambda: by_loops(
                text, patches, [*weights[:2], *weights[4:6], *weights[2:4], *weights[6:]]
            ),
        },
    )


def test_multi_head_cross_attention__mask_holds_for_every_head(impl, rng):
    size = H  # as many texts as heads, so that a mask on the wrong axis is not caught by its shape alone
    text, patches, weights = rng.normal(size=(size, L, C)), rng.normal(size=(size, P, B)), layer_weights(rng)
    real = np.ones((size, 1, P), dtype=bool)
    real[0, :, 2:], real[1, :, 4:] = False, False
    full = np.broadcast_to(real, (size, L, P))
    case = "2 images of which one has 2 and one 4 real patches of 5; mask of shape (2, 1, 5)"
    cause = "the mask (N, 1, P) must get an axis for the heads, mask[:, None], to meet scores of shape (N, H, L, P)"

    def per_head():
        outputs, maps = zip(
            *(by_loops(text, patches, masked_head(weights, j), np.broadcast_to(full[j], full.shape)) for j in range(H)),
            strict=True,
        )
        return sum(outputs) - (H - 1) * weights[-1], np.concatenate(maps, axis=1)

    try:
        actual = impl.multi_head_cross_attention(text, patches, weights, mask=real)
    except ValueError as error:
        expect_true(False, f"raised ValueError ({error})", cause=cause, case=case)
    causes = {
        "the mask was not used": lambda: by_loops(text, patches, weights),
        "the mask is the wrong way round; True means that the word may look there": lambda: by_loops(
            text, patches, weights, ~full
        ),
        cause: per_head,
        "the mask was applied after softmax; the weights no longer sum to 1": lambda: by_loops(
            text, patches, weights, full, attend=cut_after
        ),
    }
    expect_close(actual, by_loops(text, patches, weights, full), case=case, causes=causes)


def masked_head(weights, head):
    """The weights of one head only, as a layer with one head."""
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    one = slice(head, head + 1)
    return [qk[:, one], qb[one], kk[:, one], kb[one], vk[:, one], vb[one], ok[one], ob]


def cut_after(q, k, v, mask, scale):
    _, weights = attend(q, k, v, None, scale)
    return (weights * mask) @ v, weights * mask


def test_multi_head_cross_attention__mask_for_each_word(impl, rng):
    text, patches, weights = rng.normal(size=(N, L, C)), rng.normal(size=(N, P, B)), layer_weights(rng)
    mask = rng.random((N, L, P)) < 0.6
    mask[..., 0] = True
    mask[1, 2] = False
    case = "mask of shape (2, 3, 5); the last word of the second text may look nowhere"
    actual = impl.multi_head_cross_attention(text, patches, weights, mask=mask)
    cause = "a word that may look nowhere gets attention weights 0, and its output is the output bias"
    expect_finite(actual, cause=cause, case=case)
    expect_close(actual, by_loops(text, patches, weights, mask), case=case)


def test_multi_head_cross_attention__float32(impl, rng):
    text, patches, weights = rng.normal(size=(1, L, C)), rng.normal(size=(1, P, B)), layer_weights(rng, h=1)
    arrays = [x.astype(np.float32) for x in [text, patches, *weights]]
    actual = impl.multi_head_cross_attention(arrays[0], arrays[1], arrays[2:])
    desired = by_loops(text, patches, weights)
    expect_close(actual, desired, case="one text, one head, float32", dtype=np.float32, rtol=1e-3, atol=1e-3)


# --- attention_entropy ----------------------------------------------------------------------------------------------


def entropies(weights, log=math.log):
    rows = weights.reshape(-1, weights.shape[-1])
    return np.array([-sum(w * log(w) for w in row if w > 0) for row in rows]).reshape(weights.shape[:-1])


@pytest.mark.core
def test_attention_entropy__of_each_row(impl, rng):
    weights = rng.dirichlet(np.ones(6), size=(2, 3))
    desired = entropies(weights)
    expect_close(
        impl.attention_entropy(weights),
        desired,
        case="2 by 3 rows of 6 positive weights",
        causes={
            "the logarithm has base 2, which gives bits; nats need the natural one": desired / math.log(2),
            "the sign is wrong; log of a share is negative, so minus the sum is positive": -desired,
            "the entropies of all queries were averaged; return one for each": desired.mean(),
            "the entropies of all queries were added; return one for each": desired.sum(),
            "the mean over the positions was taken; take the sum": desired / 6,
            "it was divided by log P, its largest value; return the entropy in nats": desired / math.log(6),
            "exp was taken, which gives a number of positions; return the entropy itself": np.exp(desired),
            "the logarithms were added without their weights; it is -Σ w log w": -np.log(weights).sum(axis=-1),
        },
    )


def test_attention_entropy__zero_weights(impl):
    weights = np.array([[0.5, 0.5, 0, 0], [0, 0, 1, 0], [0.25, 0.25, 0.25, 0.25], [0, 0, 0, 0]])
    case = "rows with zeros, one of them all zero"
    actual = impl.attention_entropy(weights)
    cause = "0 · log 0 is NaN to NumPy, but 0 here; let the logarithm see a 1 where the weight is 0"
    expect_finite(actual, cause=cause, case=case)
    expect_close(
        actual,
        np.array([math.log(2), 0, math.log(4), 0]),
        case=case,
        atol=1e-4,
        causes={
            "zeros were taken for 1/P, which makes a row of zeros look spread": np.array(
                [math.log(2), 0, math.log(4), math.log(4)]
            ),
        },
    )


def test_attention_entropy__tiny_weights_count_exactly(impl):
    weights = np.array([[1 - 3e-7, 1e-7, 1e-7, 1e-7]])
    desired = entropies(weights)
    added = -(weights * np.log(weights + 1e-6)).sum(axis=-1)
    clipped = -(weights * np.log(np.maximum(weights, 1e-6))).sum(axis=-1)
    cause = "a small number was added inside the logarithm, which falsifies small weights; leave out zeros instead"
    expect_close(
        impl.attention_entropy(weights),
        desired,
        case="three weights of 1e-7",
        rtol=1e-6,
        atol=1e-12,
        causes={cause: added, "small weights were cut off; only a weight of exactly 0 counts for 0": clipped},
    )


def test_attention_entropy__float32(impl):
    weights = np.array([0.5, 0.25, 0.25, 0], dtype=np.float32)
    desired = np.array(1.5 * math.log(2))
    expect_close(
        impl.attention_entropy(weights), desired, case="one float32 row without leading axes", dtype=np.float32
    )


# --- pointing_game --------------------------------------------------------------------------------------------------


def points(weights, target_masks, ties=lambda hits: sum(hits) / len(hits)):
    rows = zip(weights.reshape(-1, weights.shape[-1]), target_masks.reshape(-1, weights.shape[-1]), strict=True)
    return float(
        np.mean([ties([bool(t) for w, t in zip(row, mask, strict=True) if w == max(row)]) for row, mask in rows])
    )


def maps(rng, rows, positions):
    """Weights without ties, targets of one to three positions."""
    weights = rng.permuted(np.tile(np.arange(1.0, positions + 1), (rows, 1)), axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    order = rng.permuted(np.tile(np.arange(positions), (rows, 1)), axis=1)
    return weights, order < rng.integers(1, 4, size=(rows, 1))


@pytest.mark.core
def test_pointing_game__share_of_maxima_on_the_target(impl, rng):
    problems = []
    for hits in (4, 7, 1, 10):
        weights, masks = maps(rng, 12, 9)
        lowest = weights.argmin(axis=1)
        for i, row in enumerate(weights):  # so many hits, known beforehand
            masks[i, row.argmax()] = i < hits
            masks[i, (row.argmax() + 1) % 9] |= not masks[i].any()
            masks[i, lowest[i]] &= i % 2 == 0 or masks[i].sum() == 1
        problems.append((weights, masks))
    mass = [float((w * m).sum(axis=1).mean()) for w, m in problems]
    half = [float(((w * m).sum(axis=1) > 0.5).mean()) for w, m in problems]
    expect_close(
        [impl.pointing_game(weights, masks) for weights, masks in problems],
        [hits / 12 for hits in (4, 7, 1, 10)],
        case="4 times 12 queries over 9 positions, without ties",
        causes={
            "hits were counted; return their share": [4.0, 7.0, 1.0, 10.0],
            "the weight that lies on the target was averaged; only where the maximum lies counts": mass,
            "a query counted where more than half of its weight lies on the target; only the maximum counts": half,
            "the minimum was looked for; take the position of the largest weight": lambda: [
                points(-w, m) for w, m in problems
            ],
            "these are the misses; return the share of hits": [1 - hits / 12 for hits in (4, 7, 1, 10)],
            "the maxima were taken down the columns; each row is the map of one query": lambda: [
                float(m[w.argmax(axis=0), np.arange(9)].mean()) for w, m in problems
            ],
        },
    )


def test_pointing_game__ties_share(impl, rng):
    flat, masks = np.full((3, 8), 1 / 8), np.zeros((3, 8), dtype=bool)
    masks[:, :2], masks[2] = True, np.arange(8) >= 4
    first = 2 / 3
    cause = "of several equal maxima one was taken, the first; a flat map would then be paid for where the target"
    expect_close(
        impl.pointing_game(flat, masks),
        (2 / 8 + 2 / 8 + 4 / 8) / 3,
        case="3 maps that are the same everywhere, targets on 2, 2 and 4 of 8 positions",
        causes={
            f"{cause} happens to lie; give the share of the maxima that lie on it": first,
            "a maximum on the target was enough, whatever ties with it; give the share of them": 1.0,
            "a tie was counted as a miss; give the share of the maxima that lie on the target": 0.0,
        },
    )
    weights = rng.integers(0, 3, size=(20, 6)).astype(float)
    _, masks = maps(rng, 20, 6)
    expect_close(
        impl.pointing_game(weights, masks),
        points(weights, masks),
        case="20 maps over 6 positions with scores 0, 1, 2",
        causes={
            "a maximum on the target was enough, whatever ties with it; give the share of them": lambda: points(
                weights, masks, any
            ),
            "all maxima must lie on the target; give the share of them that do": lambda: points(weights, masks, all),
            f"{cause} happens to lie": lambda: points(weights, masks, lambda hits: hits[0]),
        },
    )


def test_pointing_game__leading_axes(impl, rng):
    weights, masks = maps(rng, 12, 9)
    case = "weights of shape (3, 4, 9): 3 scenes with 4 queries"
    desired = points(weights, masks)
    expect_close(impl.pointing_game(weights.reshape(3, 4, 9), masks.reshape(3, 4, 9)), desired, case=case)


def test_pointing_game__any_scores_will_do(impl):
    weights = np.array([[-3.0, -1.0, -2.0], [-0.5, -4.0, -9.0]], dtype=np.float32)
    masks = np.array([[False, True, False], [False, True, True]])
    cause = "scores may all be negative; compare with the row's own maximum, and do not multiply by the mask"
    expect_close(
        impl.pointing_game(weights, masks),
        0.5,
        case="negative float32 scores",
        causes={cause: 0.0, f"{cause} first": 1.0},
    )


def test_pointing_game__a_query_without_target(impl, rng):
    weights, masks = maps(rng, 4, 6)
    masks[2] = False
    cause = "what is not there cannot be pointed at; raise ValueError if some row of target_masks is all False"
    expect_raises(ValueError, impl.pointing_game, weights, masks, cause=cause, case="4 queries, one without a target")


def test_pointing_game__different_shapes(impl, rng):
    weights, masks = maps(rng, 4, 6)
    cause = "weights and target_masks are over the same positions; raise ValueError if their shapes differ"
    expect_raises(ValueError, impl.pointing_game, weights, masks[:1], cause=cause, case="4 maps, one mask")
