"""Graded tests of the topic `fusion`. Oracles are loops that follow the definitions, closed forms, hand values."""

import math

import numpy as np
import pytest

from mmlearn.course.expect import expect_close, expect_finite, expect_raises, expect_true

PAIR_UP = "row i of the images belongs to row i of the texts; raise ValueError if the numbers of rows differ"


def unit(x, axis=1):
    return x / np.linalg.norm(x, axis=axis, keepdims=True)


def sigmoid(x):
    return np.array([[1 / (1 + math.exp(-value)) for value in row] for row in x])


# --- early_fusion ---------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_early_fusion__scales_each_modality(impl, rng):
    x, t = 10 * rng.normal(size=(5, 4)) + 3, rng.normal(size=(5, 6))
    rows = []
    for image, text in zip(x, t, strict=True):
        image_length, text_length = math.sqrt(sum(v * v for v in image)), math.sqrt(sum(v * v for v in text))
        rows.append([v / image_length for v in image] + [v / text_length for v in text])
    expect_close(
        impl.early_fusion(x, t),
        np.array(rows),
        case="5 images of 4, 5 texts of 6",
        causes={
            "the modalities were not scaled; normalise each row to length 1, or the longer modality drowns the other": (
                np.hstack([x, t])
            ),
            "the rows were scaled after they had been joined, so the longer modality still wins; scale each modality "
            "by itself": unit(np.hstack([x, t])),
            "the text stands before the image; the image part comes first": np.hstack([unit(t), unit(x)]),
            "the text was not scaled; each modality must have length 1": np.hstack([unit(x), t]),
            "the image was not scaled; each modality must have length 1": np.hstack([x, unit(t)]),
            "columns were scaled (axis 0); each embedding is a row": np.hstack([unit(x, 0), unit(t, 0)]),
            "each modality was divided by one number for all rows; each row has a length of its own": lambda: np.hstack(
                [x / np.linalg.norm(x), t / np.linalg.norm(t)]
            ),
            "the joined row was scaled once more; two parts of length 1 are all that is asked": np.hstack(
                [unit(x), unit(t)]
            )
            / math.sqrt(2),
            "each column was standardised; scale each row to length 1": lambda: np.hstack(
                [(x - x.mean(0)) / x.std(0), (t - t.mean(0)) / t.std(0)]
            ),
        },
    )


def test_early_fusion__both_have_an_equal_say(impl, rng):
    x, t = 1000 * rng.normal(size=(4, 3)), 0.001 * rng.normal(size=(4, 5))
    fused = impl.early_fusion(x, t)
    expect_close(
        np.asarray(fused) @ np.asarray(fused).T,
        unit(x) @ unit(x).T + unit(t) @ unit(t).T,
        case="images about a million times as long as texts: dot products are sums of two cosines",
        causes={"the images drown the texts: scale each modality to length 1": lambda: x @ x.T + t @ t.T},
    )


def test_early_fusion__a_missing_modality_stays_zero(impl):
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    t = np.array([[0.0], [-2.0]])
    cause = "a row of zeros was divided by its length 0; divide by max(length, a tiny number), so that it stays zero"
    case = "one example without text, one without image"
    actual = impl.early_fusion(x, t)
    expect_finite(actual, cause=cause, case=case)
    expect_close(actual, np.array([[0.6, 0.8, 0.0], [0.0, 0.0, -1.0]]), case=case)


def test_early_fusion__rows_must_pair_up(impl, rng):
    for images, texts in [(4, 3), (1, 3)]:
        a, b = rng.normal(size=(images, 2)), rng.normal(size=(texts, 2))
        expect_raises(ValueError, impl.early_fusion, a, b, cause=PAIR_UP, case=f"{images} images, {texts} texts")


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_early_fusion__float32(impl, rng, rows):
    x, t = rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 3)).astype(np.float32)
    desired = np.hstack([unit(x), unit(t)])
    expect_close(impl.early_fusion(x, t), desired, dtype=np.float32, case=f"{rows} float32 rows")


# --- late_fusion ----------------------------------------------------------------------------------------------------


def log_softmax(logits):
    """By a loop over rows."""
    out = []
    for row in logits:
        largest = max(row)
        log_sum = largest + math.log(sum(math.exp(value - largest) for value in row))
        out.append([value - log_sum for value in row])
    return np.array(out).reshape(logits.shape)


@pytest.mark.core
@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_late_fusion__is_the_weighted_geometric_mean(impl, rng, weight):
    x, t = 2 * rng.normal(size=(5, 4)), 2 * rng.normal(size=(5, 4))
    a, b = log_softmax(x), log_softmax(t)
    geometric = np.exp(a) ** weight * np.exp(b) ** (1 - weight)
    desired = np.log(geometric / geometric.sum(axis=1, keepdims=True))
    average = weight * np.exp(a) + (1 - weight) * np.exp(b)
    expect_close(
        impl.late_fusion(x, t, weight),
        desired,
        case=f"5 examples, 4 classes, weight {weight}",
        causes={
            "the mixture was not normalised; subtract log Z, so that the exponentials of each row sum to 1": lambda: (
                weight * a + (1 - weight) * b
            ),
            "logits were mixed and not normalised; the result is to be log-probabilities": weight * x
            + (1 - weight) * t,
            "probabilities were averaged; mix the log-probabilities: a geometric mean, in which each has a veto": (
                np.log(average)
            ),
            "probabilities came back; return their logarithms": np.exp(desired),
            "the average of the probabilities came back; mix the log-probabilities and return those": average,
            "the weight went to the text; it is the image's, the text gets 1 - weight": lambda: log_softmax(
                (1 - weight) * x + weight * t
            ),
            "`weight` was not used; both count alike only at 0.5": lambda: log_softmax((x + t) / 2),
            "both were added with weights of 1; the weights are weight and 1 - weight": lambda: log_softmax(x + t),
            "the text was left at weight 1; give it 1 - weight": lambda: log_softmax(weight * x + t),
            "it was normalised down the columns; classes lie along axis 1": lambda: (
                log_softmax((weight * x + (1 - weight) * t).T).T
            ),
            "it was normalised by the sum of the whole array; each row is a distribution of its own": lambda: (
                weight * a + (1 - weight) * b - np.log(np.exp(weight * a + (1 - weight) * b).sum())
            ),
        },
    )


def test_late_fusion__one_model_only(impl, rng):
    x, t = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    for weight, desired, other, who in [(1.0, x, t, "image"), (0.0, t, x, "text")]:
        expect_close(
            impl.late_fusion(x, t, weight),
            log_softmax(desired),
            case=f"weight {weight:.0f}: only the {who} counts",
            causes={
                "the weight went to the text; it is the image's, the text gets 1 - weight": log_softmax(other),
                "logits came back as they were; turn them into log-probabilities": desired,
            },
        )


def test_late_fusion__by_hand_and_half_by_default(impl):
    expect_close(
        np.exp(impl.late_fusion(np.log([[0.9, 0.1]]), np.log([[0.2, 0.8]]))),
        np.array([[0.6, 0.4]]),
        case="9 : 1 against 1 : 4, weight not given: √9 : √4 = 3 : 2",
        causes={"probabilities were averaged; mix the log-probabilities": np.array([[0.55, 0.45]])},
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_late_fusion__large_logits(impl, dtype):
    x = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype=dtype)
    t = np.array([[-1e4, 0, 1e4], [1e4, 1e4, 1e4]], dtype=dtype)
    cause = (
        "exp of a large logit overflows, or log of a probability that became 0 is infinite; mix the logits, subtract "
    )
    cause += "each row's maximum, and only then take exp"
    for weight, desired in [
        (0.5, np.full((2, 3), -math.log(3))),
        (1.0, np.array([[0, -1e4, -2e4], [-math.log(3)] * 3])),
    ]:
        case = f"logits of ±10,000, weight {weight}, {dtype.__name__}"
        actual = impl.late_fusion(x, t, weight)
        expect_finite(actual, cause=cause, case=case)
        expect_close(actual, desired, case=case, dtype=dtype)


def test_late_fusion__bad_arguments(impl, rng):
    x = rng.normal(size=(3, 4))
    for weight in (-0.1, 1.5):
        cause = "a weight outside 0 … 1 would count one model negatively; raise ValueError"
        expect_raises(ValueError, impl.late_fusion, x, x, weight, cause=cause, case=f"weight {weight}")
    for shape in [(1, 4), (3, 1)]:
        cause = "both models must answer for the same examples and classes; raise ValueError if the shapes differ"
        other = rng.normal(size=shape)
        expect_raises(ValueError, impl.late_fusion, x, other, 0.5, cause=cause, case=f"shapes (3, 4) and {shape}")


# --- gated_fusion ---------------------------------------------------------------------------------------------------


def gated_inputs(rng, rows=5, image=3, text=4, out=6):
    shapes = [(rows, image), (rows, text), (image, out), (text, out), (image + text, out)]
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.core
def test_gated_fusion__mixes_by_the_gate(impl, rng):
    x, t, image_weights, text_weights, gate_weights = gated_inputs(rng)
    a, b = x @ image_weights, t @ text_weights
    gate = sigmoid(np.hstack([x, t]) @ gate_weights)
    h, k = np.tanh(a), np.tanh(b)
    desired = np.empty_like(gate)
    for n, d in np.ndindex(*gate.shape):
        desired[n, d] = gate[n, d] * h[n, d] + (1 - gate[n, d]) * k[n, d]
    swapped = sigmoid(np.hstack([t, x]) @ gate_weights)
    softmax = np.exp(np.hstack([x, t]) @ gate_weights)
    softmax = softmax / softmax.sum(axis=1, keepdims=True)
    of_tanh = np.tanh(np.hstack([x, t]) @ gate_weights)
    expect_close(
        impl.gated_fusion(x, t, image_weights, text_weights, gate_weights),
        (desired, gate),
        case="5 images of 3, texts of 4, 6 features",
        causes={
            "the gate went to the text; fused = gate · h_image + (1 - gate) · h_text": (
                gate * k + (1 - gate) * h,
                gate,
            ),
            "the text is not gated; it gets 1 - gate": (gate * h + k, gate),
            "both were multiplied by the gate; the text gets 1 - gate": (gate * (h + k), gate),
            "the tanh is missing around the two projections": (gate * a + (1 - gate) * b, gate),
            "the gate saw the text before the image; join them with the image first": (
                swapped * h + (1 - swapped) * k,
                swapped,
            ),
            "the gate went through a softmax, so that features compete; each feature has a sigmoid of its own": (
                softmax * h + (1 - softmax) * k,
                softmax,
            ),
            "the gate went through tanh; a share between 0 and 1 needs a sigmoid": (
                of_tanh * h + (1 - of_tanh) * k,
                of_tanh,
            ),
            "fused and gate came back in the wrong order; return fused, gate": (gate, desired),
            "what goes into the sigmoid came back as the gate; return sigmoid of it": (
                desired,
                np.hstack([x, t]) @ gate_weights,
            ),
            "only one array came back; return fused and gate": desired,
        },
    )


def test_gated_fusion__by_hand(impl):
    one = np.array([[1.0]])
    half = math.tanh(1) / 2
    expect_close(
        impl.gated_fusion(one, one, one, -one, np.array([[math.log(3)], [0.0]])),
        (np.array([[half]]), np.array([[0.75]])),
        case="one number each, the gate at 3/4",
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gated_fusion__a_gate_wide_open_or_shut(impl, dtype):
    x, t = np.ones((2, 1), dtype), np.array([[1], [-1]], dtype)
    eye = np.eye(1, dtype=dtype)
    gate_weights = np.array([[0], [1e4]], dtype)
    cause = "exp(1e4) overflows, and inf / inf is NaN; write the sigmoid as (1 + tanh(x / 2)) / 2"
    case = f"±10,000 into the sigmoid, {dtype.__name__}"
    actual = impl.gated_fusion(x, t, eye, eye, gate_weights)
    expect_finite(actual, cause=cause, case=case)
    desired = (np.array([[math.tanh(1)], [-math.tanh(1)]]), np.array([[1.0], [0.0]]))
    expect_close(actual, desired, case=case, dtype=dtype)


def test_gated_fusion__the_gate_reads_what_came_in(impl, rng):
    # Weights that shut out the projections: what the gate sees must not depend on them.
    x, t, image_weights, text_weights, gate_weights = gated_inputs(rng, out=7)
    fused, gate = impl.gated_fusion(x, t, 0 * image_weights, 0 * text_weights, gate_weights)
    case = "projections that are zero"
    expect_close(gate, sigmoid(np.hstack([x, t]) @ gate_weights), case=case)
    expect_close(fused, np.zeros((5, 7)), case=case)


@pytest.mark.parametrize("rows", [0, 1])
def test_gated_fusion__few_rows_of_float32(impl, rng, rows):
    inputs = [array.astype(np.float32) for array in gated_inputs(rng, rows=rows)]
    x, t, image_weights, text_weights, gate_weights = inputs
    gate = sigmoid(np.hstack([x, t]) @ gate_weights).reshape(rows, 6)
    desired = gate * np.tanh(x @ image_weights) + (1 - gate) * np.tanh(t @ text_weights)
    case = f"float32, {rows} rows"
    expect_close(impl.gated_fusion(*inputs), (desired, gate), dtype=np.float32, case=case)


# --- film -----------------------------------------------------------------------------------------------------------


def film_by_loop(x, gamma, beta):
    out = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        n, c = index[0], index[-1]
        out[index] = gamma[n, c] * x[index] + beta[n, c]
    return out


@pytest.mark.core
@pytest.mark.parametrize("shape", [(5, 4), (3, 2, 6, 4)], ids=["vectors", "feature maps"])
def test_film__scales_and_shifts_each_channel(impl, rng, shape):
    x, t = rng.normal(size=shape), rng.normal(size=(shape[0], 7))
    gamma_weights, beta_weights = rng.normal(size=(7, 4)), rng.normal(size=(7, 4))
    d, b = t @ gamma_weights, t @ beta_weights
    case = f"image features {shape}, texts of 7"
    expect_close(
        impl.film(x, t, gamma_weights, beta_weights),
        film_by_loop(x, 1 + d, b),
        case=case,
        causes={
            "the 1 of gamma is missing; gamma = 1 + text @ gamma_weights, so that a text of zeros changes nothing": (
                film_by_loop(x, d, b)
            ),
            "gamma and beta are exchanged; gamma multiplies, beta is added": film_by_loop(x, 1 + b, d),
            "beta is missing; out = gamma · image_features + beta": film_by_loop(x, 1 + d, 0 * b),
            "gamma is missing; out = gamma · image_features + beta": film_by_loop(x, 1 + 0 * d, b),
            "the shift was added before the scaling; out = gamma · image_features + beta": film_by_loop(
                x, 1 + d, (1 + d) * b
            ),
            "one gamma came out for the whole batch; each text makes its own, of shape (N, C)": lambda: (
                (1 + d.mean(0)) * x + b.mean(0)
            ),
            "beta was given a 1 as well; only gamma starts from 1": film_by_loop(x, 1 + d, 1 + b),
            "gamma went through a sigmoid, which can neither turn up nor change signs; it is linear here": lambda: (
                film_by_loop(x, 1 / (1 + np.exp(-d)), b)
            ),
        },
    )


def test_film__each_example_has_its_own(impl, rng):
    # As many examples as rows, columns and channels: a wrong axis fits, and only the values tell.
    x, t = rng.normal(size=(3, 3, 3, 3)), rng.normal(size=(3, 2))
    gamma_weights, beta_weights = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    gamma, beta = 1 + t @ gamma_weights, t @ beta_weights
    expect_close(
        impl.film(x, t, gamma_weights, beta_weights),
        film_by_loop(x, gamma, beta),
        case="3 feature maps of 3 by 3 by 3",
        causes={
            "gamma (N, C) was broadcast against the last two axes (W, C); give it the shape (N, 1, 1, C)": (
                gamma * x + beta
            ),
            "channels were taken from the second axis; they come last, so gamma gets the shape (N, 1, 1, C)": (
                gamma[:, :, None, None] * x + beta[:, :, None, None]
            ),
        },
    )


def test_film__a_text_of_zeros_changes_nothing(impl, rng):
    x = rng.normal(size=(2, 3, 3, 4))
    weights = rng.normal(size=(5, 4))
    expect_close(
        impl.film(x, np.zeros((2, 5)), weights, weights),
        x,
        case="two texts of zeros",
        causes={"the image was wiped out; gamma is 1 + text @ gamma_weights": 0 * x},
    )


@pytest.mark.parametrize("shape", [(0, 2, 2, 3), (1, 3), (2, 1, 1, 3)], ids=str)
def test_film__float32(impl, rng, shape):
    x, t = rng.normal(size=shape).astype(np.float32), rng.normal(size=(shape[0], 2)).astype(np.float32)
    weights = rng.normal(size=(2, 3)).astype(np.float32)
    desired = film_by_loop(x, 1 + t @ weights, t @ weights)
    expect_close(impl.film(x, t, weights, weights), desired, dtype=np.float32, case=f"float32, {shape}")


# --- low_rank_bilinear ----------------------------------------------------------------------------------------------


@pytest.mark.core
def test_low_rank_bilinear__is_a_bilinear_form(impl, rng):
    x, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    u, v, p = rng.normal(size=(3, 2)), rng.normal(size=(5, 2)), rng.normal(size=(2, 6))
    tensor = np.zeros((3, 5, 6))
    for i, j, k in np.ndindex(3, 5, 6):
        tensor[i, j, k] = sum(u[i, r] * v[j, r] * p[r, k] for r in range(2))
    desired = np.zeros((4, 6))
    for n, k in np.ndindex(4, 6):
        desired[n, k] = sum(x[n, i] * t[n, j] * tensor[i, j, k] for i in range(3) for j in range(5))
    a, b = x @ u, t @ v
    expect_close(
        impl.low_rank_bilinear(x, t, u, v, p),
        desired,
        case="4 images of 3, texts of 5, rank 2, 6 outputs",
        causes={
            "the two projections were added; only their product lets the modalities act on each other": (a + b) @ p,
            "the last projection is missing; multiply by output_weights": a * b,
            "the paper's tanh was added; the plain bilinear form has none": (np.tanh(a) * np.tanh(b)) @ p,
            "each example was paired with all others; row i goes with row i only": lambda: (a @ b.T) @ (a @ b.T).T,
            "the products were summed before the last projection; multiply entry by entry, then project": (
                (a * b).sum(axis=1, keepdims=True) * p.sum(axis=0)
            ),
            "each projection was projected on before the product; multiply the R numbers first": (a @ p) * (b @ p),
            "the text was not used": a @ p,
            "the image was not used": b @ p,
        },
    )


def test_low_rank_bilinear__by_hand(impl):
    x, t = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[4.0], [2.0]])
    u, v, p = np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[0.5, 1.0]]), np.array([[10.0], [1.0]])
    desired = np.array([[108.0], [12.0]])  # (5·2, 2·4) and (1·1, 1·2), weighed by 10 and 1
    expect_close(impl.low_rank_bilinear(x, t, u, v, p), desired, case="2 images of 2, texts of 1, rank 2")


def test_low_rank_bilinear__is_linear_in_each(impl, rng):
    x, t = rng.normal(size=(3, 4)), rng.normal(size=(3, 2))
    u, v, p = rng.normal(size=(4, 5)), rng.normal(size=(2, 5)), rng.normal(size=(5, 3))
    once = np.asarray(impl.low_rank_bilinear(x, t, u, v, p))
    causes = {"it does not grow in proportion: is there a tanh or a normalisation? A bilinear form has none": once}
    expect_close(
        impl.low_rank_bilinear(3 * x, -2 * t, u, v, p), -6 * once, case="image · 3, text · (-2)", causes=causes
    )
    expect_close(
        impl.low_rank_bilinear(x, 0 * t, u, v, p),
        np.zeros((3, 3)),
        case="no text: a product with 0 is 0, whatever the image",
        causes={"without text the image still counts; a bilinear form has products only": lambda: (x @ u) @ p},
    )


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_low_rank_bilinear__float32(impl, rng, rows):
    shapes = [(rows, 2), (rows, 3), (2, 6), (3, 6), (6, 4)]
    x, t, u, v, p = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    desired = np.zeros((rows, 4))
    for n, k, r in np.ndindex(rows, 4, 6):
        desired[n, k] += sum(x[n] * u[:, r]) * sum(t[n] * v[:, r]) * p[r, k]
    case = f"float32, {rows} rows"
    expect_close(impl.low_rank_bilinear(x, t, u, v, p), desired, dtype=np.float32, case=case, rtol=1e-4, atol=1e-4)


# --- tensor_fusion --------------------------------------------------------------------------------------------------


def outer_by_loop(x, t):
    rows = []
    for image, text in zip(x, t, strict=True):
        rows.append([a * b for a in [*image, 1.0] for b in [*text, 1.0]])
    return np.array(rows).reshape(len(x), (x.shape[1] + 1) * (t.shape[1] + 1))


@pytest.mark.core
def test_tensor_fusion__holds_all_products(impl, rng):
    x, t = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    x1, t1 = np.hstack([x, np.ones((4, 1))]), np.hstack([t, np.ones((4, 1))])
    one_x, one_t = np.hstack([np.ones((4, 1)), x]), np.hstack([np.ones((4, 1)), t])
    expect_close(
        impl.tensor_fusion(x, t),
        outer_by_loop(x, t),
        case="4 images of 2, texts of 3",
        causes={
            "the 1s are missing, and with them the image and the text by themselves; append a 1 to each": lambda: (
                x[:, :, None] * t[:, None, :]
            ).reshape(4, -1),
            "the outer product was not flattened; one row an example": x1[:, :, None] * t1[:, None, :],
            "the 1 stands first; append it at the end": lambda: (one_x[:, :, None] * one_t[:, None, :]).reshape(4, -1),
            "the text runs slowest; entry i · (D_t + 1) + j is image[i] · text[j]": lambda: (
                t1[:, :, None] * x1[:, None, :]
            ).reshape(4, -1),
            "only the image was given a 1": lambda: (x1[:, :, None] * t[:, None, :]).reshape(4, -1),
            "only the text was given a 1": lambda: (x[:, :, None] * t1[:, None, :]).reshape(4, -1),
            "the embeddings were joined; take all products of the two": np.hstack([x1, t1]),
            "sums were taken; entries are products": lambda: (x1[:, :, None] + t1[:, None, :]).reshape(4, -1),
            "each image met all texts; row i goes with row i only": lambda: np.kron(x1, t1),
        },
    )


def test_tensor_fusion__by_hand(impl):
    expect_close(
        impl.tensor_fusion(np.array([[2.0, 3.0], [0.0, 1.0]]), np.array([[5.0], [-1.0]])),
        np.array([[10, 2, 15, 3, 5, 1], [0, 0, -1, 1, -1, 1.0]]),
        case="(2, 3) with (5), (0, 1) with (-1)",
    )


def test_tensor_fusion__keeps_each_modality(impl, rng):
    x = rng.normal(size=(3, 4))
    fused = np.asarray(impl.tensor_fusion(x, np.zeros((3, 2))))
    desired = np.zeros((3, 5, 3))
    desired[:, :4, 2], desired[:, 4, 2] = x, 1
    expect_close(
        fused,
        desired.reshape(3, 15),
        case="no text: the image by itself is still there",
        causes={
            "all is zero, so the image is lost with the text; append a 1 to each embedding": np.zeros((3, 15)),
        },
    )


def test_tensor_fusion__rows_must_pair_up(impl, rng):
    for images, texts in [(1, 3), (3, 1)]:
        a, b = rng.normal(size=(images, 2)), rng.normal(size=(texts, 2))
        expect_raises(ValueError, impl.tensor_fusion, a, b, cause=PAIR_UP, case=f"{images} images, {texts} texts")


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_tensor_fusion__float32(impl, rng, rows):
    x, t = rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 3)).astype(np.float32)
    expect_close(impl.tensor_fusion(x, t), outer_by_loop(x, t), dtype=np.float32, case=f"float32, {rows} rows")


# --- modality_dropout -----------------------------------------------------------------------------------------------
# No test expects one stream of random numbers: any correct implementation passes. With N = 20,000 rows, Hoeffding's
# inequality puts a share further than 0.0266 from its probability less than once in 10¹² runs.

MANY, FAR = 20_000, 0.0266


def dropped(impl, rng, rate, seed=None, rows=MANY):
    """The two results for embeddings without zeros, what came in, and which rows became zero."""
    x, t = 1 + rng.random((rows, 2)), -1 - rng.random((rows, 3))
    seed = int(rng.integers(2**31)) if seed is None else seed
    result = impl.modality_dropout(x, t, rate, seed)
    case = f"{rows:,} pairs, rate {rate}"
    pair = isinstance(result, list | tuple) and len(result) == 2
    expect_true(pair, "two arrays were expected", cause="return the images and the texts", case=case)
    image, text = map(np.asarray, result)
    shapes = f"shapes {image.shape} and {text.shape} where {x.shape} and {t.shape} were expected"
    cause = "examples stay in place; what is lost is set to 0, not cut out"
    expect_true(image.shape == x.shape and text.shape == t.shape, shapes, cause=cause, case=case)
    finite = np.isfinite(image).all() and np.isfinite(text).all()
    expect_true(finite, "NaN or infinity in the result", cause="set what is lost to 0", case=case)
    for one, what in [(image, "image"), (text, "text")]:
        mixed = (one == 0).any(axis=1) & ~(one == 0).all(axis=1)
        cause = "single numbers were dropped; an example loses a whole modality, so draw one number a row"
        expect_true(not mixed.any(), f"{mixed.sum()} {what} embeddings are half zero", cause=cause, case=case)
    return image, text, x, t, (image == 0).all(axis=1), (text == 0).all(axis=1), case


@pytest.mark.core
@pytest.mark.parametrize("rate", [0.4, 1.0])
def test_modality_dropout__at_the_rate_and_never_both(impl, rng, rate):
    *_, no_image, no_text, case = dropped(impl, rng, rate)
    cause = "image and text were dropped independently, so some examples lost both; draw once and choose one of the two"
    expect_true(not (no_image & no_text).any(), f"{(no_image & no_text).sum()} lost both", cause=cause, case=case)
    image_share, text_share = no_image.mean(), no_text.mean()
    lost = image_share + text_share
    problem = f"{lost:.1%} of the examples lost a modality where {rate:.0%} was expected"
    cause = ""
    if lost == 0:
        cause = "nothing was dropped; set whole rows to 0"
    elif lost in (1.0, 0.0) and rate < 1:
        cause = "one draw was made for the whole batch; each example needs a draw of its own"
    elif abs(lost - rate / 2) < FAR:
        cause = "`rate` is the probability that an example loses a modality: rate / 2 for each of the two, not rate / 4"
    elif abs(lost - 2 * rate) < FAR:
        cause = "each modality was dropped at `rate`; that makes 2 · rate, so use rate / 2 for each"
    elif abs(lost - (1 - rate)) < FAR:
        cause = "`rate` was taken as the probability to keep; it is the probability to lose"
    expect_true(abs(lost - rate) < FAR, problem, cause=cause, case=case)
    problem = f"{image_share:.1%} lost the image and {text_share:.1%} the text"
    cause = "image and text must be equally likely to go: rate / 2 each"
    if image_share == 0 or text_share == 0:
        cause = "only one modality is ever dropped; image and text are equally likely to go"
    expect_true(abs(image_share - rate / 2) < FAR, problem, cause=cause, case=case)


def test_modality_dropout__keeps_the_expectation(impl, rng):
    for rate in (0.4, 1.0):
        image, text, x, t, no_image, no_text, case = dropped(impl, rng, rate, rows=500)
        kept = 1 - rate / 2
        for out, given, lost, what in [(image, x, no_image, "images"), (text, t, no_text, "texts")]:
            if lost.all():
                continue
            factors = (out / given)[~lost]
            causes = {
                "what is kept was not rescaled; divide it by 1 - rate / 2, the probability to be kept": 1.0,
                "it was divided by 1 - rate; each modality is kept with probability 1 - rate / 2": 1 / (1 - rate)
                if rate < 1
                else math.inf,
                "it was multiplied by 1 - rate / 2; divide by it": kept,
                "it was multiplied by 1 - rate; divide by 1 - rate / 2": 1 - rate,
                "it was divided by rate / 2; divide by the probability to be kept, 1 - rate / 2": 2 / rate,
            }
            cause = next((c for c, value in causes.items() if np.allclose(factors, value)), "")
            one = np.allclose(factors, factors[0, 0])
            if not one:
                cause = "all that is kept is divided by 1 - rate / 2, also in examples that lose nothing"
            problem = f"kept {what} were scaled by {factors.min():.4g} … {factors.max():.4g}, not by {1 / kept:.4g}"
            expect_true(bool(np.allclose(factors, 1 / kept)), problem, cause=cause, case=case)


def test_modality_dropout__the_seed_decides(impl, rng):
    seed = int(rng.integers(2**31))
    x, t = rng.random((200, 2)), rng.random((200, 3))
    first, again, other = (impl.modality_dropout(x, t, 0.8, s) for s in (seed, seed, seed + 1))
    case = "200 pairs, rate 0.8, the same seed twice and another one"
    same = all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    cause = "the same seed gave another result; draw from `rng` only, not from np.random"
    expect_true(same, "two results for one seed", cause=cause, case=case)
    differ = not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    cause = "another seed gave the same result; draw from `rng`, which is np.random.default_rng(rng)"
    expect_true(differ, "one result for two seeds", cause=cause, case=case)


def test_modality_dropout__examples_are_independent(impl, rng):
    *_, no_image, no_text, case = dropped(impl, rng, 0.6)
    lost = no_image | no_text
    together = (lost[1:] & lost[:-1]).mean()
    problem = f"of neighbouring examples, both lost a modality in {together:.1%} of the cases, not in {0.6 * 0.6:.0%}"
    cause = "examples were dropped in blocks or at fixed places; draw one number for each"
    # a share of dependent pairs: each half (odd, even) is one of independent ones, so twice the room is ample
    expect_true(abs(together - 0.36) < 2 * FAR, problem, cause=cause, case=case)


def test_modality_dropout__rate_zero_changes_nothing(impl, rng):
    image, text, x, t, *_, case = dropped(impl, rng, 0.0, rows=50)
    expect_close(image, x, case=case)
    expect_close(text, t, case=case)


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_modality_dropout__float32(impl, rng, rows):
    x, t = np.ones((rows, 2), np.float32), np.ones((rows, 3), np.float32)
    result = impl.modality_dropout(x, t, 1.0, 7)
    case = f"float32, {rows} pairs of ones, rate 1"
    image_kept = np.asarray(result[0])[:, :1] != 0
    desired = (np.where(image_kept, 2, 0) * np.ones((1, 2)), np.where(image_kept, 0, 2) * np.ones((1, 3)))
    expect_close(tuple(result), desired, dtype=np.float32, case=case)


@pytest.mark.parametrize("rate", [-0.1, 1.2])
def test_modality_dropout__bad_rate(impl, rng, rate):
    x = rng.random((3, 2))
    cause = "a rate is a probability; raise ValueError unless 0 <= rate <= 1"
    expect_raises(ValueError, impl.modality_dropout, x, x, rate, 0, cause=cause, case=f"rate {rate}")
