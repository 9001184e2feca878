"""Graded tests of the topic `classification_model`. A model's weights are set, and loops say what must come out.

Building a model costs more than asking it, and training it far more: what an exercise has built or trained is shared by
its tests. Each of them sets all the weights that it goes by, so that it does not matter which ran before.
"""

import math
from functools import cache
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from mmlearn.course.expect import expect_close, expect_finite, expect_raises, expect_true

# Keras's own LearningRateScheduler reads the rate in a way that NumPy 2 warns of on TensorFlow; no answer can help it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {"dim": 4, "image_size": 8, "widths": (3,), "augment": False}
CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # float32, summed in another order


def randomise(model, rng, weights=None):
    """Give a model new weights, so that every one of them shows; variances stay positive.

    `weights` are those that it has or had, if they are known: to ask for them costs as much as to set them.
    """
    weights = model.get_weights() if weights is None else weights
    weights = [rng.normal(0, 0.5, w.shape).astype(np.float32) for w in weights]
    weights = [np.abs(w) + 0.5 if w.ndim == 1 else w for w in weights]
    model.set_weights(weights)
    return weights


def always_answers(model, bias, weights=None):
    """Set the last layer so that its logits are `bias`, whatever the inputs or dropout; the others to `weights`."""
    weights = model.get_weights() if weights is None else weights
    shapes = [list(w.shape) for w in weights[-2:]]
    cause = "the last layer of the model is Dense(num_classes), with a bias"
    problem = f"the last two weights have the shapes {shapes}"
    expect_true(shapes[-1] == [len(bias)] and len(shapes[0]) == 2, problem, cause=cause)
    model.set_weights([*weights[:-2], np.zeros_like(weights[-2]), np.asarray(bias, np.float32)])


def classifier(impl, fusion="concat", vocabulary_size=12, num_classes=3, **options):
    return impl.build_classifier(fusion, vocabulary_size, num_classes, **{**SMALL, **options})


def pairs(rng, count, length=5, vocabulary_size=12):
    images = rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    token_ids = rng.integers(2, vocabulary_size, (count, length)).astype(np.int32)
    token_ids[np.arange(length) >= rng.integers(1, length + 1, (count, 1))] = 0
    return images, token_ids


# --- build_image_encoder --------------------------------------------------------------------------------------------


def encode_images(images, weights, rescale=lambda x: x / 127.5 - 1, relu=lambda x: np.maximum(x, 0), pool=np.max):
    """The forward pass of the encoder: (N, P, D). `weights` as in `get_weights()`."""
    x, weights = rescale(images.astype(float)), list(weights)
    while weights[0].ndim == 4:
        for _ in range(2):
            kernel, gamma, beta, mean, variance = weights[:5]
            weights = weights[5:]
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            height, width = x.shape[1:3]
            x = sum(
                padded[:, i : i + height, j : j + width] @ kernel[i, j].astype(float)
                for i in range(3)
                for j in range(3)
            )
            x = relu(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta)
        n, height, width, depth = x.shape
        x = pool(x.reshape(n, height // 2, 2, width // 2, 2, depth), axis=(2, 4))
    kernel, bias = weights
    return x.reshape(len(x), -1, x.shape[-1]) @ kernel + bias


def expect_weights(model, shapes, cause):
    weights = model.get_weights()
    given = [tuple(w.shape) for w in weights]
    expect_true(given == shapes, f"weights of the shapes {given} where {shapes} were expected", cause=cause)
    return weights


@pytest.fixture(scope="module")
def plain_encoder(impl):
    return impl.build_image_encoder(4, image_size=8, widths=(3, 2), augment=False)


@pytest.fixture(scope="module")
def augmenting_encoder(impl):
    return impl.build_image_encoder(4, image_size=8, widths=(3,), augment=True)


def randomise_encoder(model, rng):
    """New weights for an image encoder of widths (3, 2)."""
    shapes, depth = [], 3
    for width in (3, 2):
        for _ in range(2):
            shapes += [(3, 3, depth, width)] + 4 * [(width,)]
            depth = width
    cause = "a block is convolution, batch normalisation, ReLU, the same again, then pooling; after the blocks a Dense"
    shapes += [(depth, 4), (4,)]
    return randomise(model, rng, expect_weights(model, shapes, f"{cause}. The convolutions have use_bias=False"))


@pytest.mark.core
def test_build_image_encoder__vector_by_hand(plain_encoder, rng):
    weights = randomise_encoder(plain_encoder, rng)
    images = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.float32)

    def vectors(**options):
        return lambda: encode_images(images, weights, **options).mean(axis=1)

    expect_close(
        plain_encoder.predict(images),
        vectors()(),
        case="3 images of 8 x 8, widths (3, 2), random weights",
        causes={
            "the pixels were not rescaled; 0...255 belongs to -1...1 before the first convolution": vectors(
                rescale=lambda x: x
            ),
            "the pixels were rescaled to 0...1; ask Rescaling for -1...1, with scale 1/127.5 and offset -1": vectors(
                rescale=lambda x: x / 255
            ),
            "there is no ReLU; without it, the layers are one linear map": vectors(relu=lambda x: x),
            "the blocks end with average pooling; take MaxPooling2D": vectors(pool=np.mean),
            "each image's vector is the mean over the positions, not their maximum": lambda: encode_images(
                images, weights
            ).max(axis=1),
        },
        **CLOSE,
    )


def test_build_image_encoder__map_by_hand(impl, rng):
    model = impl.build_image_encoder(4, image_size=8, widths=(3, 2), pooled=False, augment=False)
    weights = randomise_encoder(model, rng)
    images = rng.integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
    desired = encode_images(images, weights)
    turned = desired.reshape(2, 2, 2, 4).swapaxes(1, 2).reshape(2, 4, 4)
    expect_close(
        model.predict(images),
        desired,
        case="pooled=False: 2 images of 8 x 8, widths (3, 2), so a map of 2 x 2 positions",
        causes={
            "the argument `pooled` was not used; False keeps one vector a position": desired.mean(axis=1),
            "the positions came column by column; a reshape to (-1, width) keeps them row by row": turned,
        },
        **CLOSE,
    )


def test_build_image_encoder__augments_in_training_only(augmenting_encoder, plain_encoder, rng):
    images = np.repeat(rng.integers(0, 256, (1, 8, 8, 3)), 16, axis=0).astype(np.float32)
    for model, augment in ((augmenting_encoder, True), (plain_encoder, False)):
        case = f"augment={augment}: one image 16 times in a batch"
        inference, training = model.predict(images), model.predict(images, training=True)
        cause = "in inference nothing may be random; the layers RandomTranslation and RandomZoom see to that themselves"
        expect_true(np.allclose(inference, inference[:1], atol=1e-4), "the vectors differ in inference", cause=cause)
        alike = np.allclose(training, training[:1], atol=1e-4)
        if augment:
            cause = "put RandomTranslation and RandomZoom in front; each image is to be moved by a draw of its own"
            expect_true(not alike, "all vectors are equal in training", cause=cause, case=case)
        else:
            cause = "`augment` was not used: with False nothing is moved"
            expect_true(alike, "the vectors differ in training", cause=cause, case=case)


def test_build_image_encoder__what_is_moved_in_is_white(augmenting_encoder):
    training = augmenting_encoder.predict(np.full((32, 8, 8, 3), 255, np.float32), training=True)
    cause = 'the drawings stand on white: ask for fill_mode="constant" and fill_value=255, before the rescaling'
    alike = np.allclose(training, training[:1], atol=1e-3)
    expect_true(alike, "white images are no longer alike after augmentation", cause=cause, case="32 white images")


# --- build_text_encoder ---------------------------------------------------------------------------------------------

TEXTS = np.array([[3, 7, 0, 0, 0], [9, 2, 2, 5, 6], [1, 0, 0, 0, 0]], np.int32)
LOST = np.where(TEXTS != 0, 1, 0)  # all words unknown


@pytest.fixture(scope="module")
def text_encoder(impl):
    return impl.build_text_encoder(10, 4, word_dropout=0.3)


@pytest.fixture(scope="module")
def word_encoder(impl):
    """One vector a word; in training, it forgets all of them."""
    return impl.build_text_encoder(10, 4, pooled=False, word_dropout=1.0)


def randomise_words(model, rng, pooled=True):
    shapes = [(10, 4), (4, 4), (4,)] if pooled else [(10, 4)]
    cause = "there is one Embedding(vocabulary_size, dim), and, if pooled, one Dense(dim) after the mean"
    return randomise(model, rng, expect_weights(model, shapes, cause))


def mean_of_words(token_ids, table, total=False, count_padding=False):
    rows = []
    for ids in token_ids.tolist():
        words = [table[i] for i in ids if i != 0 or count_padding]
        rows.append(sum(words) / (1 if total else len(words)))
    return np.array(rows, float)


@pytest.mark.core
def test_build_text_encoder__mean_of_the_real_words(text_encoder, rng):
    table, kernel, bias = randomise_words(text_encoder, rng)
    real = mean_of_words(TEXTS, table)
    all_places = mean_of_words(TEXTS, table * (np.arange(10) > 0)[:, None], count_padding=True)
    expect_close(
        text_encoder.predict(TEXTS),
        real @ kernel + bias,
        case="3 texts of 2, 5 and 1 words, padded to 5",
        causes={
            "padding was counted as a word; multiply by a mask, and divide by the number of real words": lambda: (
                mean_of_words(TEXTS, table, count_padding=True) @ kernel + bias
            ),
            "the sum runs over the real words, but was divided by the padded length": lambda: (
                all_places @ kernel + bias
            ),
            "the words were added; take their mean, or long texts shout": lambda: (
                mean_of_words(TEXTS, table, total=True) @ kernel + bias
            ),
            "the dense layer after the mean was left out": real,
            "the dense layer has an activation; it is to be linear": lambda: np.maximum(real @ kernel + bias, 0),
        },
        **CLOSE,
    )


def test_build_text_encoder__a_text_without_words(text_encoder, rng):
    _, _, bias = randomise_words(text_encoder, rng)
    actual = text_encoder.predict(np.zeros((2, 3), np.int32))
    cause = "0 words divided by the number 0 is NaN; divide by at least 1 (GlobalAveragePooling1D does not)"
    expect_finite(actual, cause=cause, case="2 texts of padding only")
    expect_close(actual, np.stack([bias, bias]), case="2 texts of padding only: their mean is 0", **CLOSE)


def test_build_text_encoder__words_one_by_one(word_encoder, rng):
    (table,) = randomise_words(word_encoder, rng, pooled=False)
    expect_close(
        word_encoder.predict(TEXTS),
        table[TEXTS] * (TEXTS != 0)[:, :, None],
        case="pooled=False: 3 texts of 5 places",
        causes={
            "where padding stands there are to be zeros, not the vector of id 0": table[TEXTS],
            "the argument `pooled` was not used; False gives one vector a word": lambda: mean_of_words(TEXTS, table),
            "words were lost in inference; WordDropout is for training, and sees to that itself": table[LOST]
            * (TEXTS != 0)[:, :, None],
        },
        **CLOSE,
    )


def test_build_text_encoder__forgets_words_in_training_only(word_encoder, rng):
    (table,) = randomise_words(word_encoder, rng, pooled=False)
    case = "word_dropout=1.0, in training"
    expect_close(
        word_encoder.predict(TEXTS, training=True),
        table[LOST] * (TEXTS != 0)[:, :, None],
        case=case,
        causes={
            "no word was lost; WordDropout(word_dropout) belongs before the embedding": table[TEXTS]
            * (TEXTS != 0)[:, :, None],
            "the words were lost as padding; a lost word turns into the unknown word, id 1": np.zeros((3, 5, 4)),
        },
        **CLOSE,
    )


# --- fuse -----------------------------------------------------------------------------------------------------------


def dense(layers, weights, name):
    """Kernel and bias of the layer of that name."""
    place = 0
    for layer in layers:
        if layer["name"] == name and len(layer["weights"]) == 2:
            return weights[place : place + 2]
        place += len(layer["weights"])
    names = [layer["name"] for layer in layers if layer["weights"]]
    expect_true(False, f"no dense layer is called {name!r}, but {names}", cause="name the three layers as asked")
    return None


@pytest.mark.core
def test_fuse__concat(impl, rng):
    x, t = rng.normal(size=(2, 3, 4)).astype(np.float32)
    model = impl.fuse("concat", 4)
    expect_close(
        model.predict([x, t]),
        np.concatenate([x, t], axis=1),
        case="3 pairs of vectors of 4 numbers",
        causes={
            "the text stands first; the image is the first input and the first half": np.concatenate([t, x], axis=1),
            "the vectors were added; side by side they keep all they hold": x + t,
            "the vectors were multiplied; side by side they keep all they hold": x * t,
            "a dot product leaves one number of two vectors": (x * t).sum(axis=1, keepdims=True),
            "the batches were joined; concatenate along the last axis": lambda: np.concatenate([x, t], axis=0),
        },
        **CLOSE,
    )


def test_fuse__gated(impl, rng):
    x, t = rng.normal(size=(2, 3, 4)).astype(np.float32)
    model = impl.fuse("gated", 4)
    weights = randomise(model, rng)
    layers = model.config()["layers"]
    (w_g, b_g), (w_i, b_i), (w_t, b_t) = (dense(layers, weights, name) for name in ("gate", "image", "text"))
    shape = tuple(w_g.shape)
    cause = "the gate sees both vectors side by side, [x; t]"
    expect_true(shape == (8, 4), f"the gate's kernel has the shape {shape} where (8, 4) was expected", cause=cause)
    gate = 1 / (1 + np.exp(-(np.concatenate([x, t], axis=1) @ w_g + b_g)))
    turned = 1 / (1 + np.exp(-(np.concatenate([t, x], axis=1) @ w_g + b_g)))
    image, text = np.tanh(x @ w_i + b_i), np.tanh(t @ w_t + b_t)
    expect_close(
        model.predict([x, t]),
        gate * image + (1 - gate) * text,
        case="3 pairs of vectors of 4 numbers, random weights",
        causes={
            "the gate opens for the text; g belongs to the image, 1 - g to the text": gate * text + (1 - gate) * image,
            "the text is not weighed by 1 - g": gate * image + text,
            "tanh is missing around the two vectors": lambda: gate * (x @ w_i + b_i) + (1 - gate) * (t @ w_t + b_t),
            "the gate has no sigmoid, so it is not between 0 and 1": lambda: (
                (z := np.concatenate([x, t], axis=1) @ w_g + b_g) * image + (1 - z) * text
            ),
            "the gate sees [t; x]; the image comes first": turned * image + (1 - turned) * text,
        },
        **CLOSE,
    )


def attend(words, positions, weights):
    """Multi-head attention of (L, C) over (P, C) by its definition, with the eight weights of the Keras layer."""
    wq, bq, wk, bk, wv, bv, wo, bo = (w.astype(float) for w in weights)
    output = np.zeros((len(words), wo.shape[2])) + bo
    for head in range(wq.shape[1]):
        q, k, v = (
            rows @ w[:, head] + b[head] for rows, w, b in ((words, wq, bq), (positions, wk, bk), (positions, wv, bv))
        )
        scores = np.exp(q @ k.T / math.sqrt(k.shape[1]))
        output += scores / scores.sum(axis=1, keepdims=True) @ v @ wo[head]
    return output


def cross_attention(image_map, words, mask, weights, residual=True, padding=False):
    rows = []
    for positions, texts, real in zip(image_map, words, mask, strict=True):
        found = attend(texts, positions, weights) + (texts if residual else 0)
        keep = np.ones_like(real) if padding else real
        rows.append(np.concatenate([positions.mean(axis=0), found[keep].mean(axis=0)]))
    return np.array(rows)


@pytest.fixture(scope="module")
def attention(impl):
    return impl.fuse("cross_attention", 4)


def test_fuse__cross_attention(attention, rng):
    image_map = rng.normal(size=(3, 6, 4)).astype(np.float32)
    words = rng.normal(size=(3, 5, 4)).astype(np.float32)
    mask = np.arange(5) < np.array([[5], [2], [1]])
    words = words * mask[:, :, None]
    cause = "its only weights are those of one MultiHeadAttention(2, dim // 2), fed with query=words, value=image_map"
    heads = [(4, 2, 2), (2, 2)]
    weights = randomise(attention, rng, expect_weights(attention, [*heads * 3, (2, 2, 4), (4,)], cause))
    desired = cross_attention(image_map, words, mask, weights)
    back = np.array([attend(m, w, weights).mean(axis=0) for m, w in zip(image_map, words, strict=True)])
    pooled = image_map.mean(axis=1)
    expect_close(
        attention.predict([image_map, words, mask]),
        desired,
        case="3 images of 6 positions, texts of 5, 2 and 1 words, padded to 5",
        causes={
            "padding was counted; only real words have a part in the mean": lambda: cross_attention(
                image_map, words, mask, weights, padding=True
            ),
            "what a word finds is to be added to the word; the word itself is missing": lambda: cross_attention(
                image_map, words, mask, weights, residual=False
            ),
            "the image asks and the text answers; the words are the query, the map is the value": lambda: (
                np.concatenate([pooled, back], axis=1)
            ),
            "the mean of the map is missing; without it, an image without words is lost": desired[:, 4:],
            "the text's half stands first; the mean of the map comes first": lambda: np.concatenate(
                [desired[:, 4:], desired[:, :4]], axis=1
            ),
        },
        **CLOSE,
    )


def test_fuse__cross_attention_without_words(attention, rng):
    image_map, words = rng.normal(size=(2, 3, 4)).astype(np.float32), np.zeros((2, 2, 4), np.float32)
    randomise(attention, rng)
    actual = attention.predict([image_map, words, np.zeros((2, 2), bool)])
    case = "texts of padding only"
    expect_finite(actual, cause="no word is real, and 0/0 is NaN; divide by at least 1", case=case)
    desired = np.concatenate([image_map.mean(axis=1), np.zeros((2, 4))], axis=1)
    cause = "where no word is real, the second half is zeros"
    expect_close(actual, desired, case=f"{case}: {cause}", **CLOSE)


def test_fuse__unknown_name(impl):
    cause = "a name that is not known must not fall through to some other fusion"
    expect_raises(ValueError, impl.fuse, "dot", 4, cause=cause, case='fuse("dot", 4)')


# --- build_classifier -----------------------------------------------------------------------------------------------


# What each fusion's classifier loses in training: "concat" one modality of each pair, "gated" nothing at all.
LOSES = {
    "concat": {"dropout": 0.0, "word_dropout": 0.0, "modality_dropout": 1.0},
    "gated": {"dropout": 0.0, "word_dropout": 0.0, "modality_dropout": 0.0},
    "cross_attention": {},
}


@pytest.fixture(scope="module")
def built(impl):
    """Of a fusion: its classifier, and the weights that it was built with. Built when first asked for."""

    @cache
    def build(fusion):
        model = classifier(impl, fusion, seed=1, **LOSES[fusion])
        return model, model.get_weights()

    return build


def test_build_classifier__inputs_and_logits(built, rng):
    model, born = built("concat")
    names = [tensor["name"] for tensor in model.config()["inputs"]]
    cause = 'the inputs are called "images" and "token_ids", in this order'
    expect_true(names == ["images", "token_ids"], f"the inputs are {names}", cause=cause)
    bias = np.array([3.0, -1.0, 0.5], np.float32)
    always_answers(model, bias, born)
    images, token_ids = pairs(rng, 4)
    share = np.exp(bias) / np.exp(bias).sum()
    expect_close(
        model.predict([images, token_ids]),
        np.tile(bias, (4, 1)),
        case="4 pairs; the last kernel is 0 and its bias (3, -1, 0.5)",
        causes={
            "the last layer has a softmax; leave the logits, and tell the loss with from_logits=True": np.tile(
                share, (4, 1)
            ),
            "the last layer has a ReLU; logits may be negative": np.tile(np.maximum(bias, 0), (4, 1)),
            "the last layer has a sigmoid; the classes exclude each other, and logits need no activation": np.tile(
                1 / (1 + np.exp(-bias)), (4, 1)
            ),
        },
        **CLOSE,
    )


def test_build_classifier__loss(built, rng):
    model, born = built("concat")
    bias = np.array([2.0, -1.0, 0.5])
    always_answers(model, bias, born)
    labels = np.array([0, 1, 2, 1])
    costs = np.log(np.exp(bias).sum()) - bias[labels]
    share = np.exp(bias) / np.exp(bias).sum()
    again = np.log(np.exp(share).sum()) - share[labels]
    clipped = np.clip(bias, 1e-7, 1 - 1e-7)
    images, token_ids = pairs(rng, 4)
    try:
        history = model.fit([images, token_ids], labels, epochs=1, batch_size=4)
    except ValueError as error:
        expect_true(
            False,
            f"fit raised ValueError: {str(error).strip().splitlines()[0]:.120}",
            cause="the labels are ids, shape (N,), not one-hot rows: take SparseCategoricalCrossentropy, and compile",
        )
    expect_true(
        "accuracy" in history, f"the history holds {sorted(history)}", cause='compile with metrics=["accuracy"]'
    )
    expect_close(
        history["loss"][0],
        float(costs.mean()),
        case="one batch of 4 pairs whose logits are (2, -1, 0.5)",
        causes={
            "the loss takes logits for probabilities; it needs from_logits=True": lambda: float(
                np.mean(np.log(clipped.sum()) - np.log(clipped[labels]))
            ),
            "softmax was applied twice, by the layer and by the loss": float(again.mean()),
            "the costs were added; take their mean, so that the batch size does not change the step": float(
                costs.sum()
            ),
        },
        rtol=1e-3,
        atol=1e-3,
    )
    slope = share - np.bincount(labels, minlength=3) / 4
    step = model.get_weights()[-1] - bias
    cause = "a step of `fit` must change the last layer: compile with Adam, and let all layers learn"
    fine = bool(np.all(np.sign(step) == -np.sign(slope)))
    expect_true(fine, f"one step changed the last bias by {step.round(4).tolist()}", cause=cause)


@pytest.mark.parametrize("fusion", ["concat", "gated", "cross_attention"])
def test_build_classifier__looks_at_both(built, rng, fusion):
    model, born = built(fusion)
    randomise(model, rng, born)
    images, token_ids = pairs(rng, 6)
    others = images[::-1], np.where(token_ids, 13 - token_ids, 0)
    asked = [np.concatenate([images, others[0], images]), np.concatenate([token_ids, token_ids, others[1]])]
    before, *after = np.split(model.predict(asked), 3)
    for name, logits in zip(("images", "texts"), after, strict=True):
        moved = np.abs(logits - before).max()
        cause = f"the logits must depend on both modalities: do the {name} reach the fusion?"
        expect_true(moved > 1e-4, f"with other {name} the logits stay the same", cause=cause, case=f'fusion "{fusion}"')
    padded = np.pad(token_ids, ((0, 0), (0, 3)))
    moved = np.abs(model.predict([images, padded]) - before).max()
    cause = "the mask is token_ids != 0; it must reach whatever pools the words"
    expect_true(moved < 1e-3, "more padding changes the logits", cause=cause, case=f'fusion "{fusion}"')


def test_build_classifier__drops_modalities_in_training(built):
    images, token_ids = np.full((40, 8, 8, 3), 255, np.float32), np.full((40, 2), 5, np.int32)
    case = "40 times the same pair, a white image and a text; modality_dropout=1.0"

    def different(model, born, training):
        randomise(model, np.random.default_rng(0), born)
        return len(np.unique(model.predict([images, token_ids], training=training).round(3), axis=0))

    dropping, keeping = built("concat"), built("gated")
    cause = "ModalityDropout stands before the encoders, and is off in inference"
    expect_true(different(*dropping, False) == 1, "the logits differ in inference", cause=cause, case=case)
    cause = "ModalityDropout(modality_dropout)([images, token_ids]) belongs before the encoders"
    expect_true(
        different(*dropping, True) == 2, "some pairs are to lose their text in training", cause=cause, case=case
    )
    cause = "an argument was not used: augment, dropout, word_dropout and modality_dropout are all off here"
    case = 'fusion "gated"; 40 times the same pair'
    expect_true(
        different(*keeping, True) == 1, "the logits differ in training with all dropout off", cause=cause, case=case
    )


def test_build_classifier__seed(impl, built):
    _, first = built("concat")
    again, other = (classifier(impl, seed=seed, **LOSES["concat"]).get_weights() for seed in (1, 2))
    cause = "begin with keras.utils.set_random_seed(seed), so that a result can be had again"
    expect_close(again, first, case=f"twice seed=1: {cause}", **CLOSE)
    same = all(np.allclose(a, b) for a, b in zip(first, other, strict=True))
    expect_true(not same, "seed=1 and seed=2 give the same weights", cause="the argument `seed` was not used")


def place_of(part, whole):
    """Where the weights `part` stand among the weights `whole`, told by their shapes."""
    own, given = ([tuple(w.shape) for w in weights] for weights in (part, whole))
    found = [start for start in range(len(given)) if given[start : start + len(own)] == own]
    cause = "take both encoders as `build_image_encoder` and `build_text_encoder` give them, then the fusion"
    expect_true(len(found) == 1, f"weights of the shapes {given}, of which {own} are expected once", cause=cause)
    return slice(found[0], found[0] + len(own))


@pytest.mark.core
def test_build_classifier__is_made_of_its_parts(impl, built, rng):
    model, born = built("concat")
    encoders = (
        impl.build_image_encoder(SMALL["dim"], image_size=8, widths=SMALL["widths"], augment=False),
        impl.build_text_encoder(12, SMALL["dim"]),
    )
    places = [place_of(encoder.get_weights(), born) for encoder in encoders]
    weights = randomise(model, rng, born)
    given = [tuple(w.shape) for w in weights[-2:]]
    cause = "the last layer is one Dense(num_classes) on the fused vector of 2 x 4 numbers"
    expect_true(given == [(8, 3), (3,)], f"the last two weights have the shapes {given}", cause=cause)
    images, token_ids = pairs(rng, 6)
    vectors = []
    for encoder, place, inputs in zip(encoders, places, (images, token_ids), strict=True):
        encoder.set_weights(weights[place])
        vectors.append(encoder.predict(inputs))
        cause = "an encoder gives one vector to all inputs; mend build_image_encoder or build_text_encoder first"
        expect_true(np.ptp(vectors[-1], axis=0).max() > 1e-3, "all vectors are alike", cause=cause)
    x, t = vectors
    kernel, bias = weights[-2:]
    expect_close(
        model.predict([images, token_ids]),
        np.concatenate(vectors, axis=1) @ kernel + bias,
        case='6 pairs, fusion "concat", random weights',
        causes={
            "the text stands first; fuse the image's vector, then the text's": lambda: (
                np.concatenate([t, x], axis=1) @ kernel + bias
            ),
        },
        **CLOSE,
    )


# --- train_classifier -----------------------------------------------------------------------------------------------


def split(families, share, seed):
    """The rows that `held_back` holds back."""
    distinct = np.random.default_rng(seed).permutation(np.array(sorted(set(families.tolist()))))
    held = set(distinct[: max(1, round(share * len(distinct)))].tolist())
    return np.array([row for row, family in enumerate(families.tolist()) if family in held])


@pytest.fixture(scope="module")
def still(impl, rng_of):
    """A training that can change nothing: its rate is next to 0, and all logits are `bias`."""
    rng = rng_of("still")
    families = rng.permutation(np.repeat(np.arange(10, 22), 4))
    held = split(families, 0.25, 3)
    kept = np.setdiff1d(np.arange(48), held)
    labels = np.where(rng.random(48) < 0.75, 0, 1)
    labels[kept[:4]] = [0, 0, 1, 2]
    model, bias = classifier(impl), np.array([1.0, -0.5, 0.2])
    always_answers(model, bias)
    options = {
        "epochs": 8,
        "batch_size": 48,
        "learning_rate": 1e-12,
        "patience": 2,
        "validation_share": 0.25,
        "seed": 3,
    }
    history = impl.train_classifier(model, *pairs(rng, 48), labels, families, **options)
    return SimpleNamespace(families=families, labels=labels, kept=kept, held=held, bias=bias, history=history)


@pytest.fixture(scope="module")
def misled(impl, rng_of):
    """A training whose first epoch is the best: what is learnt is wrong for the pairs that are held back."""
    rng = rng_of("misled")
    families = np.arange(20)
    held = split(families, 0.15, 0)
    kept = np.setdiff1d(np.arange(20), held)
    labels = np.zeros(20, int)
    labels[[*held, kept[0]]] = 1
    model, bias = classifier(impl, num_classes=2), np.array([0.3, 0.0])
    always_answers(model, bias)
    images, token_ids = pairs(rng, 20)
    options = {"epochs": 2, "batch_size": 20, "learning_rate": 0.2, "class_weights": False, "patience": 9}
    history = impl.train_classifier(model, images, token_ids, labels, families, **options)
    inputs = [images[held], token_ids[held]]
    return SimpleNamespace(model=model, inputs=inputs, labels=labels, kept=kept, bias=bias, history=history)


@pytest.mark.core
def test_train_classifier__holds_back_families_and_weighs_classes(still):
    families, labels, kept, held = still.families, still.labels, still.kept, still.held
    bias, history = still.bias, still.history
    rows = history.get("validation_rows") if isinstance(history, dict) else None
    cause = "return the history, a dict, with validation_rows added"
    expect_true(isinstance(rows, np.ndarray), "no array `validation_rows` came back", cause=cause)
    shared = set(families[rows].tolist()) & set(np.delete(families, rows).tolist())
    cause = "a family is held back as a whole; else a drawing's twin is trained on, and validation flatters"
    expect_true(not shared, f"{len(shared)} families stand on both sides", cause=cause, case="12 families of 4 pairs")
    case = "12 families of 4 pairs, validation_share=0.25, seed=3"
    expect_close(rows, held, case=f"{case}: which families, is for `held_back` to say")

    costs = np.log(np.exp(bias).sum()) - bias[labels]
    counts = np.bincount(labels[kept], minlength=3)
    weights = counts.sum() / (3 * counts)
    everywhere = 48 / (3 * np.bincount(labels, minlength=3))
    expect_close(
        history["loss"][0],
        float((weights[labels] * costs)[kept].mean()),
        case="learning_rate=1e-12, all logits (1, -0.5, 0.2): the mean of weight x cost over the pairs trained on",
        causes={
            "the classes were not weighed; give fit a class_weight": float(costs[kept].mean()),
            "the weights were counted over all pairs; count those that are trained on": float(
                (everywhere[labels] * costs)[kept].mean()
            ),
            "the weight of a class is N / (K n_c); here the number of classes K is missing": float(
                3 * (weights[labels] * costs)[kept].mean()
            ),
            "frequent classes weigh more; a weight is proportional to 1 / n_c": lambda: float(
                ((counts / counts.sum() * 3)[labels] * costs)[kept].mean()
            ),
        },
        rtol=1e-3,
        atol=1e-3,
    )
    expect_close(
        history["val_loss"][0],
        float(costs[held].mean()),
        case="the plain mean cost of the pairs held back",
        causes={"the validation loss is weighed; it is to stay plain": float((weights[labels] * costs)[held].mean())},
        rtol=1e-3,
        atol=1e-3,
    )


def test_train_classifier__all_alike_if_asked(misled):
    labels = misled.labels[misled.kept]
    costs = np.log(np.exp(misled.bias).sum()) - misled.bias[labels]
    weights = len(labels) / (2 * np.bincount(labels))
    expect_close(
        misled.history["loss"][0],
        float(costs.mean()),
        case="class_weights=False, all logits (0.3, 0): the plain mean cost of the 17 pairs trained on, in one batch",
        causes={"the argument `class_weights` was not used": float((weights[labels] * costs).mean())},
        rtol=1e-3,
        atol=1e-3,
    )


def test_train_classifier__schedule_and_patience(still):
    rates = np.array(still.history.get("learning_rate", []))
    desired = np.array([1e-12 * (1 + math.cos(math.pi * epoch / 8)) / 2 for epoch in range(8)])
    case = "epochs=8, learning_rate=1e-12, patience=2; the validation accuracy does not rise"
    cause = "a LearningRateScheduler puts the rates into the history"
    expect_true(rates.size > 0, "the history holds no learning_rate", cause=cause)
    cause = "stop after `patience` epochs without a better validation accuracy: EarlyStopping(patience=patience)"
    expect_true(len(rates) == 3, f"training took {len(rates)} epochs where 1 + 2 were expected", cause=cause, case=case)
    expect_close(
        1e12 * rates,
        1e12 * desired[:3],
        case=f"{case}; rates times 1e12",
        causes={
            "the learning rate is constant; let it fall along a cosine": np.ones(3),
            "the cosine goes to π at the last epoch; the rule divides by `epochs`": lambda: np.array(
                [(1 + math.cos(math.pi * epoch / 7)) / 2 for epoch in range(3)]
            ),
            "the cosine ran at half speed; π e / epochs": lambda: np.array(
                [math.cos(math.pi * epoch / 16) for epoch in range(3)]
            ),
            "each epoch's rate was made from the last one's; it is a part of `learning_rate`": np.cumprod(
                1e12 * desired[:3]
            ),
        },
        rtol=1e-3,
        atol=1e-4,
    )


def test_train_classifier__ends_with_the_best_epoch(misled):
    history, logits = misled.history, np.asarray(misled.model.predict(misled.inputs), float)
    loss = float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[:, 1]))
    losses = history["val_loss"]
    best = int(np.argmax(history["val_accuracy"]))
    expect_close(
        loss,
        losses[best],
        case=f"2 epochs, of which epoch {best + 1} was the best; the validation loss of the model that is left",
        causes={
            "the model is left with the weights of the last epoch; restore_best_weights=True": float(losses[-1]),
        },
        rtol=1e-2,
        atol=1e-3,
    )


# --- predict_labels -------------------------------------------------------------------------------------------------


def lively_classifier(impl, rng, **options):
    """A classifier with 50 pairs to which its answers vary, also with what stands for a missing image or text.

    Returns:
        `model`, `images` and `token_ids`; the `logits` to several ways to ask, where no answer is a close call; and
        the `seed` of the `order` of shuffled ones.
    """
    model = classifier(impl, num_classes=4, **options)
    noise, token_ids = pairs(rng, 50)
    images = noise // 4 + rng.integers(0, 192, (50, 1, 1, 3)).astype(np.uint8)  # white and black are nothing special
    white, nothing = np.full_like(images, 255), np.zeros_like(token_ids)
    seed = int(rng.integers(100, 1000))
    order = np.random.default_rng(seed).permutation(50)
    ways = {
        "full": (images, token_ids),
        "image_only": (images, nothing),
        "text_only": (white, token_ids),
        "shuffled_text": (images, token_ids[order]),
        "unknown words": (images, nothing + 1),
        "black": (0 * images, token_ids),
        "shuffled images": (images[order], token_ids),
    }
    at_once = [np.concatenate(given) for given in zip(*ways.values(), strict=True)]
    *others, kernel, bias = randomise(model, rng)
    rows = len(kernel)
    # What reaches the last layer, four numbers at a time; the rest is arithmetic.
    vectors = []
    for start in range(0, rows, 4):
        model.set_weights([*others, np.eye(rows, 4, -start, dtype=np.float32), 0 * bias])
        vectors.append(model.predict(at_once))
    vectors = np.concatenate(vectors, axis=1).reshape(len(ways), 50, -1)[:, :, :rows]
    for _ in range(200):
        kernel = rng.normal(size=(rows, 4)).astype(np.float32)
        # In units of the spread that each modality brings, and centred: neither drowns the other.
        for half in np.split(np.arange(rows), 2):
            kernel[half] /= np.ptp(vectors[0][:, half] @ kernel[half], axis=0).max() + 1e-6
        bias = -(vectors[0] @ kernel).mean(axis=0)
        logits = dict(zip(ways, vectors @ kernel + bias, strict=True))
        *_, second, first = np.moveaxis(np.sort([*logits.values()], axis=-1), -1, 0)
        answers = np.array([given.argmax(axis=1) for given in logits.values()])
        varied = min(np.mean(one != other) for one, other in combinations(answers, 2)) > 0.2
        if varied and np.bincount(answers[0]).max() < 30 and (first - second).min() > 1e-4:
            break
    model.set_weights([*others, kernel, bias])
    return SimpleNamespace(model=model, images=images, token_ids=token_ids, logits=logits, seed=seed, order=order)


@pytest.fixture(scope="module")
def lively(impl, rng_of):
    """Asked as in training, it would lose a modality of each pair."""
    return lively_classifier(impl, rng_of("lively"), modality_dropout=1.0, word_dropout=1.0)


def expect_inference(actual, answers, case):
    """What is wrong in every answer is another mistake."""
    right = np.mean(actual == answers) if np.shape(actual) == answers.shape else 0.0
    cause = "dropout and augmentation are for training; ask with training=False, as `predict` does"
    expect_true(not 0 < right < 1, f"{1 - right:.0%} of the answers are not those of inference", cause=cause, case=case)


@pytest.mark.core
def test_predict_labels__ids(impl, lively):
    logits = lively.logits["full"]
    actual = impl.predict_labels(lively.model, lively.images, lively.token_ids)
    case = "50 pairs, 4 classes; a model with much dropout"
    expect_inference(actual, logits.argmax(axis=1), case)
    expect_close(
        actual,
        logits.argmax(axis=1),
        case=case,
        causes={
            "these are logits, not answers; an answer is the class of the largest": logits,
            "these are the largest logits; the answer is where they stand": logits.max(axis=1),
            "argmax ran over the pairs; the classes are the last axis": logits.argmax(axis=0),
            "this is the least likely class": logits.argmin(axis=1),
            "the ids start at 1; classes are counted from 0": logits.argmax(axis=1) + 1,
        },
        **CLOSE,
    )


def test_predict_labels__in_batches_without_dropout(impl, lively):
    answers = lively.logits["full"].argmax(axis=1)
    case = "50 pairs in batches of 32; a model with much dropout"
    actual = impl.predict_labels(lively.model, lively.images, lively.token_ids, batch_size=32)
    shape = np.shape(actual)
    cause = "the last batch is smaller than the others; its pairs need answers, too"
    expect_true(shape == (50,), f"shape {shape} where (50,) was expected", cause=cause, case=case)
    expect_inference(actual, answers, case)
    expect_close(actual, answers, case=case)


# --- ablate ---------------------------------------------------------------------------------------------------------

ASKED = ("full", "image_only", "text_only", "shuffled_text")
ORDER = "draw the order by np.random.default_rng(rng).permutation(N), first and once"


@pytest.fixture(scope="module")
def ablated(impl, rng_of):
    """What `ablate` says of a lively classifier; and the share of right answers to each way to ask, wrong ones too."""
    rng = rng_of("ablated")
    lively = lively_classifier(impl, rng)
    given = {way: logits.argmax(axis=1) for way, logits in lively.logits.items()}
    # A pair's label is what the model answers in one of the four ways: so each way scores, and each otherwise. Most
    # are those of the shuffled texts, which no other order gets right.
    for _ in range(1000):
        labels = np.array([given[name] for name in ASKED])[rng.choice(4, 50, p=(0.1, 0.1, 0.1, 0.7)), np.arange(50)]
        share = {name: float(np.mean(answer == labels)) for name, answer in given.items()}
        share["labels too"] = float(np.mean(given["shuffled_text"] == labels[lively.order]))
        if len({*share.values()}) == 8:
            break
    accuracies = impl.ablate(lively.model, lively.images, lively.token_ids, labels, rng=lively.seed)
    return SimpleNamespace(accuracies=accuracies, share=share, seed=lively.seed)


@pytest.mark.core
def test_ablate__four_accuracies(ablated):
    actual, share = ablated.accuracies, ablated.share
    causes = {
        "full": {},
        "image_only": {
            "the texts were replaced by unknown words; a missing text is padding, 0": share["unknown words"],
            "image_only and text_only are exchanged": share["text_only"],
        },
        "text_only": {
            "the images were made black; a missing image is white, 255": share["black"],
            "image_only and text_only are exchanged": share["image_only"],
        },
        "shuffled_text": {
            "the images were shuffled instead of the texts": share["shuffled images"],
            "the texts were not shuffled": share["full"],
            "the labels were shuffled with the texts; only the texts move": share["labels too"],
        },
    }
    names = sorted(actual) if isinstance(actual, dict) else type(actual).__name__
    cause = "return a dict with the four names of the docstring"
    expect_true(names == sorted(ASKED), f"returned {names}", cause=cause)
    for name in ASKED:
        right = round(50 * share[name])
        case = f'"{name}" of 50 pairs, {right} of which are right; rng={ablated.seed}'
        case += f": {ORDER}" if name == "shuffled_text" else ""
        expect_close(actual[name], share[name], case=case, causes=causes[name])


def test_ablate__rng_decides_the_order(ablated):
    case = f'"shuffled_text" with rng={ablated.seed}: {ORDER}'
    expect_close(ablated.accuracies["shuffled_text"], ablated.share["shuffled_text"], case=case)
