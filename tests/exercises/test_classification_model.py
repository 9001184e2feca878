"""Graded tests of the topic `classification_model`. A model's weights are set, and loops say what must come out."""

import math

import numpy as np
import pytest

from mmlearn.course.expect import expect_close, expect_finite, expect_raises, expect_true

# Keras's own LearningRateScheduler reads the rate in a way that NumPy 2 warns of on TensorFlow; no answer can help it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {"dim": 4, "image_size": 8, "widths": (3,), "augment": False}
CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # float32, summed in another order


def randomise(model, rng, scale=0.5):
    """Give a model new weights, so that every one of them shows; variances stay positive."""
    weights = [rng.normal(0, scale, w.shape).astype(np.float32) for w in model.get_weights()]
    weights = [np.abs(w) + 0.5 if w.ndim == 1 else w for w in weights]
    model.set_weights(weights)
    return weights


def always_answers(model, bias):
    """Set the last layer so that its logits are `bias`, whatever the inputs, dropout or batch statistics."""
    weights = model.get_weights()
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
    given = [tuple(w.shape) for w in model.get_weights()]
    expect_true(given == shapes, f"weights of the shapes {given} where {shapes} were expected", cause=cause)


def image_encoder(impl, rng, widths=(3, 2), **options):
    model = impl.build_image_encoder(4, image_size=8, widths=widths, augment=False, **options)
    shapes, depth = [], 3
    for width in widths:
        for _ in range(2):
            shapes += [(3, 3, depth, width)] + 4 * [(width,)]
            depth = width
    cause = "a block is convolution, batch normalisation, ReLU, the same again, then pooling; after the blocks a Dense"
    expect_weights(model, [*shapes, (depth, 4), (4,)], f"{cause}. The convolutions have use_bias=False")
    return model, randomise(model, rng)


@pytest.mark.core
def test_build_image_encoder__vector_by_hand(impl, rng):
    model, weights = image_encoder(impl, rng)
    images = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.float32)

    def vectors(**options):
        return lambda: encode_images(images, weights, **options).mean(axis=1)

    expect_close(
        model.predict(images),
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
    model, weights = image_encoder(impl, rng, pooled=False)
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


def test_build_image_encoder__augments_in_training_only(impl, rng):
    images = np.repeat(rng.integers(0, 256, (1, 8, 8, 3)), 16, axis=0).astype(np.float32)
    for augment in (True, False):
        model = impl.build_image_encoder(4, image_size=8, widths=(3,), augment=augment)
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


def test_build_image_encoder__what_is_moved_in_is_white(impl):
    model = impl.build_image_encoder(4, image_size=8, widths=(3,), augment=True)
    training = model.predict(np.full((32, 8, 8, 3), 255, np.float32), training=True)
    cause = 'the drawings stand on white: ask for fill_mode="constant" and fill_value=255, before the rescaling'
    alike = np.allclose(training, training[:1], atol=1e-3)
    expect_true(alike, "white images are no longer alike after augmentation", cause=cause, case="32 white images")


# --- build_text_encoder ---------------------------------------------------------------------------------------------

TEXTS = np.array([[3, 7, 0, 0, 0], [9, 2, 2, 5, 6], [1, 0, 0, 0, 0]], np.int32)


def text_encoder(impl, rng, pooled=True, word_dropout=0.3):
    model = impl.build_text_encoder(10, 4, pooled=pooled, word_dropout=word_dropout)
    shapes = [(10, 4), (4, 4), (4,)] if pooled else [(10, 4)]
    cause = "there is one Embedding(vocabulary_size, dim), and, if pooled, one Dense(dim) after the mean"
    expect_weights(model, shapes, cause)
    return model, randomise(model, rng)


def mean_of_words(token_ids, table, total=False, count_padding=False):
    rows = []
    for ids in token_ids.tolist():
        words = [table[i] for i in ids if i != 0 or count_padding]
        rows.append(sum(words) / (1 if total else len(words)))
    return np.array(rows, float)


@pytest.mark.core
def test_build_text_encoder__mean_of_the_real_words(impl, rng):
    model, (table, kernel, bias) = text_encoder(impl, rng)
    real = mean_of_words(TEXTS, table)
    all_places = mean_of_words(TEXTS, table * (np.arange(10) > 0)[:, None], count_padding=True)
    expect_close(
        model.predict(TEXTS),
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


def test_build_text_encoder__a_text_without_words(impl, rng):
    model, (_, _, bias) = text_encoder(impl, rng)
    actual = model.predict(np.zeros((2, 3), np.int32))
    cause = "0 words divided by the number 0 is NaN; divide by at least 1 (GlobalAveragePooling1D does not)"
    expect_finite(actual, cause=cause, case="2 texts of padding only")
    expect_close(actual, np.stack([bias, bias]), case="2 texts of padding only: their mean is 0", **CLOSE)


def test_build_text_encoder__words_one_by_one(impl, rng):
    model, (table,) = text_encoder(impl, rng, pooled=False)
    expect_close(
        model.predict(TEXTS),
        table[TEXTS] * (TEXTS != 0)[:, :, None],
        case="pooled=False: 3 texts of 5 places",
        causes={
            "where padding stands there are to be zeros, not the vector of id 0": table[TEXTS],
            "the argument `pooled` was not used; False gives one vector a word": lambda: mean_of_words(TEXTS, table),
        },
        **CLOSE,
    )


def test_build_text_encoder__forgets_words_in_training_only(impl, rng):
    model, (table,) = text_encoder(impl, rng, pooled=False, word_dropout=1.0)
    case = "word_dropout=1.0, in training"
    unknown = np.where(TEXTS != 0, 1, 0)
    expect_close(
        model.predict(TEXTS, training=True),
        table[unknown] * (TEXTS != 0)[:, :, None],
        case=case,
        causes={
            "no word was lost; WordDropout(word_dropout) belongs before the embedding": table[TEXTS]
            * (TEXTS != 0)[:, :, None],
            "the words were lost as padding; a lost word turns into the unknown word, id 1": np.zeros((3, 5, 4)),
        },
        **CLOSE,
    )


# --- fuse -----------------------------------------------------------------------------------------------------------


def dense(model, weights, name):
    """Kernel and bias of the layer of that name."""
    place = 0
    for layer in model.config()["layers"]:
        if layer["name"] == name and len(layer["weights"]) == 2:
            return weights[place : place + 2]
        place += len(layer["weights"])
    names = [layer["name"] for layer in model.config()["layers"] if layer["weights"]]
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
    (w_g, b_g), (w_i, b_i), (w_t, b_t) = (dense(model, weights, name) for name in ("gate", "image", "text"))
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


def test_fuse__cross_attention(impl, rng):
    image_map = rng.normal(size=(3, 6, 4)).astype(np.float32)
    words = rng.normal(size=(3, 5, 4)).astype(np.float32)
    mask = np.arange(5) < np.array([[5], [2], [1]])
    words = words * mask[:, :, None]
    model = impl.fuse("cross_attention", 4)
    cause = "its only weights are those of one MultiHeadAttention(2, dim // 2), fed with query=words, value=image_map"
    heads = [(4, 2, 2), (2, 2)]
    expect_weights(model, [*heads * 3, (2, 2, 4), (4,)], cause)
    weights = randomise(model, rng)
    desired = cross_attention(image_map, words, mask, weights)
    back = np.array([attend(m, w, weights).mean(axis=0) for m, w in zip(image_map, words, strict=True)])
    pooled = image_map.mean(axis=1)
    expect_close(
        model.predict([image_map, words, mask]),
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


def test_fuse__cross_attention_without_words(impl, rng):
    image_map, words = rng.normal(size=(2, 3, 4)).astype(np.float32), np.zeros((2, 2, 4), np.float32)
    model = impl.fuse("cross_attention", 4)
    randomise(model, rng)
    actual = model.predict([image_map, words, np.zeros((2, 2), bool)])
    case = "texts of padding only"
    expect_finite(actual, cause="no word is real, and 0/0 is NaN; divide by at least 1", case=case)
    desired = np.concatenate([image_map.mean(axis=1), np.zeros((2, 4))], axis=1)
    cause = "where no word is real, the second half is zeros"
    expect_close(actual, desired, case=f"{case}: {cause}", **CLOSE)


def test_fuse__unknown_name(impl):
    cause = "a name that is not known must not fall through to some other fusion"
    expect_raises(ValueError, impl.fuse, "dot", 4, cause=cause, case='fuse("dot", 4)')


# --- build_classifier -----------------------------------------------------------------------------------------------


def test_build_classifier__inputs_and_logits(impl, rng):
    model = classifier(impl)
    names = [tensor["name"] for tensor in model.config()["inputs"]]
    cause = 'the inputs are called "images" and "token_ids", in this order'
    expect_true(names == ["images", "token_ids"], f"the inputs are {names}", cause=cause)
    bias = np.array([3.0, -1.0, 0.5], np.float32)
    always_answers(model, bias)
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


def test_build_classifier__loss(impl, rng):
    model = classifier(impl)
    bias = np.array([2.0, -1.0, 0.5])
    always_answers(model, bias)
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
def test_build_classifier__looks_at_both(impl, rng, fusion):
    model = classifier(impl, fusion)
    randomise(model, rng)
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


def test_build_classifier__drops_modalities_in_training(impl, rng):
    options = {"augment": False, "dropout": 0.0, "word_dropout": 0.0}
    images, token_ids = np.full((40, 8, 8, 3), 255, np.float32), np.full((40, 2), 5, np.int32)
    case = "40 times the same pair, a white image and a text; modality_dropout=1.0"

    def different(model, training):
        randomise(model, np.random.default_rng(0))
        return len(np.unique(model.predict([images, token_ids], training=training).round(3), axis=0))

    dropping = classifier(impl, modality_dropout=1.0, **options)
    cause = "ModalityDropout stands before the encoders, and is off in inference"
    expect_true(different(dropping, False) == 1, "the logits differ in inference", cause=cause, case=case)
    cause = "ModalityDropout(modality_dropout)([images, token_ids]) belongs before the encoders"
    expect_true(different(dropping, True) == 2, "some pairs are to lose their text in training", cause=cause, case=case)
    keeping = classifier(impl, modality_dropout=0.0, **options)
    cause = "an argument was not used: augment, dropout, word_dropout and modality_dropout are all off here"
    expect_true(different(keeping, True) == 1, "the logits differ in training with all dropout off", cause=cause)


def test_build_classifier__seed(impl):
    first, again, other = (classifier(impl, seed=seed).get_weights() for seed in (1, 1, 2))
    cause = "begin with keras.utils.set_random_seed(seed), so that a result can be had again"
    expect_close(again, first, case=f"twice seed=1: {cause}", **CLOSE)
    same = all(np.allclose(a, b) for a, b in zip(first, other, strict=True))
    expect_true(not same, "seed=1 and seed=2 give the same weights", cause="the argument `seed` was not used")


def place_of(part, whole):
    """Where the weights of `part` stand among those of `whole`, told by their shapes."""
    own, given = ([tuple(w.shape) for w in model.get_weights()] for model in (part, whole))
    found = [start for start in range(len(given)) if given[start : start + len(own)] == own]
    cause = "take both encoders as `build_image_encoder` and `build_text_encoder` give them, then the fusion"
    expect_true(len(found) == 1, f"weights of the shapes {given}, of which {own} are expected once", cause=cause)
    return slice(found[0], found[0] + len(own))


@pytest.mark.core
def test_build_classifier__is_made_of_its_parts(impl, rng):
    model = classifier(impl)
    encoders = (
        impl.build_image_encoder(SMALL["dim"], image_size=8, widths=SMALL["widths"], augment=False),
        impl.build_text_encoder(12, SMALL["dim"]),
    )
    places = [place_of(encoder, model) for encoder in encoders]
    weights = randomise(model, rng)
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


@pytest.mark.core
def test_train_classifier__holds_back_families_and_weighs_classes(impl, rng):
    families = rng.permutation(np.repeat(np.arange(10, 22), 4))
    held = split(families, 0.25, 3)
    kept = np.setdiff1d(np.arange(48), held)
    labels = np.where(rng.random(48) < 0.75, 0, 1)
    labels[kept[:4]] = [0, 0, 1, 2]
    images, token_ids = pairs(rng, 48)
    bias = np.array([1.0, -0.5, 0.2])
    model = classifier(impl)
    always_answers(model, bias)
    options = {"epochs": 1, "batch_size": 48, "learning_rate": 0.0, "validation_share": 0.25, "seed": 3}
    history = impl.train_classifier(model, images, token_ids, labels, families, **options)

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
        case="learning_rate=0, all logits (1, -0.5, 0.2): the mean of weight x cost over the pairs trained on",
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


def test_train_classifier__all_alike_if_asked(impl, rng):
    families, labels = np.arange(20), (np.arange(20) % 4 == 0).astype(int)
    images, token_ids = pairs(rng, 20)
    model = classifier(impl, num_classes=2)
    always_answers(model, [1.0, -1.0])
    history = impl.train_classifier(
        model, images, token_ids, labels, families, epochs=1, learning_rate=0.0, class_weights=False
    )
    kept = np.setdiff1d(np.arange(20), split(families, 0.15, 0))
    costs = np.log(np.exp([1, -1]).sum()) - np.array([1.0, -1.0])[labels]
    cause = "the argument `class_weights` was not used"
    desired = float(costs[kept].mean())
    case = f"class_weights=False: else {cause}"
    expect_close(history["loss"][0], desired, case=case, rtol=1e-3, atol=1e-3)


def test_train_classifier__schedule_and_patience(impl, rng):
    images, token_ids = pairs(rng, 20)
    model = classifier(impl)
    always_answers(model, [0.0, 0.0, 0.0])
    labels, families = np.arange(20) % 3, np.arange(20)
    # Every other label: the gradient of the last layer is what moves the loss, and there is hardly any.
    history = impl.train_classifier(
        model, images, token_ids, labels, families, epochs=8, batch_size=32, learning_rate=1e-12, patience=2
    )
    rates = np.array(history.get("learning_rate", []))
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
        },
        rtol=1e-3,
        atol=1e-4,
    )


def test_train_classifier__ends_with_the_best_epoch(impl, rng):
    families = np.arange(20)
    held = split(families, 0.15, 0)
    labels = np.zeros(20, int)
    labels[held] = 1  # what is learnt is wrong for those held back, so the first epoch is the best
    images, token_ids = pairs(rng, 20)
    model = classifier(impl, num_classes=2)
    always_answers(model, [1.0, 0.0])
    history = impl.train_classifier(
        model, images, token_ids, labels, families, epochs=2, batch_size=20, learning_rate=0.2, patience=9
    )
    logits = np.asarray(model.predict([images[held], token_ids[held]]), float)
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


def answers(model, images, token_ids):
    return model.predict([images, token_ids]).argmax(axis=1)


def answers_to(model, *ways):
    """The answers to several pairs of images and token ids, all asked at once."""
    images, token_ids = (np.concatenate(given) for given in zip(*ways, strict=True))
    return np.split(answers(model, images, token_ids), len(ways))


def lively_classifier(impl, rng, **options):
    """A classifier whose answers vary from pair to pair, and with what stands for a missing image or text."""
    model = classifier(impl, num_classes=4, **options)
    images, token_ids = pairs(rng, 50)
    white, nothing = np.full_like(images, 255), np.zeros_like(token_ids)
    full, image_only, text_only = (images, token_ids), (images, nothing), (white, token_ids)
    for _ in range(20):
        randomise(model, rng)
        *others, kernel, bias = model.get_weights()
        # In units of the spread that each modality brings, and centred: neither drowns the other.
        blanks = [np.concatenate(given) for given in zip(image_only, text_only, strict=True)]
        for half, logits in zip((slice(0, 4), slice(4, 8)), np.split(model.predict(blanks), 2), strict=True):
            kernel[half] /= np.ptp(logits, axis=0).max() + 1e-6
        model.set_weights([*others, kernel, bias])
        model.set_weights([*others, kernel, bias - model.predict([images, token_ids]).mean(axis=0)])
        right, coloured, black, empty, unknown = answers_to(
            model, full, text_only, (0 * images, token_ids), image_only, (images, nothing + 1)
        )
        if min(np.mean(coloured != black), np.mean(empty != unknown)) > 0.3 and np.bincount(right).max() < 30:
            break
    return model, images, token_ids


@pytest.mark.core
def test_predict_labels__ids(impl, rng):
    model, images, token_ids = lively_classifier(impl, rng)
    logits = model.predict([images, token_ids])
    expect_close(
        impl.predict_labels(model, images, token_ids),
        logits.argmax(axis=1),
        case="50 pairs, 4 classes",
        causes={
            "these are logits, not answers; an answer is the class of the largest": logits,
            "these are the largest logits; the answer is where they stand": logits.max(axis=1),
            "argmax ran over the pairs; the classes are the last axis": logits.argmax(axis=0),
            "this is the least likely class": logits.argmin(axis=1),
            "the ids start at 1; classes are counted from 0": logits.argmax(axis=1) + 1,
        },
    )


def test_predict_labels__in_batches_without_dropout(impl, rng):
    model, images, token_ids = lively_classifier(impl, rng, modality_dropout=1.0, word_dropout=1.0)
    logits = model.predict([images, token_ids])
    case = "50 pairs in batches of 16; a model with much dropout"
    actual = impl.predict_labels(model, images, token_ids, batch_size=16)
    shape = np.shape(actual)
    cause = "the last batch is smaller than the others; its pairs need answers, too"
    expect_true(shape == (50,), f"shape {shape} where (50,) was expected", cause=cause, case=case)
    same = float(np.mean(actual == logits.argmax(axis=1)))
    cause = "dropout and augmentation are for training; ask with training=False, as `predict` does"
    expect_true(same == 1, f"{1 - same:.0%} of the answers are not those of inference", cause=cause, case=case)


# --- ablate ---------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_ablate__four_accuracies(impl, rng):
    model, images, token_ids = lively_classifier(impl, rng)
    nothing, white, black = np.zeros_like(token_ids), np.full_like(images, 255), np.zeros_like(images)
    order = np.random.default_rng(5).permutation(50)
    ways = {
        "full": (images, token_ids),
        "image_only": (images, nothing),
        "text_only": (white, token_ids),
        "shuffled_text": (images, token_ids[order]),
        "unknown words": (images, nothing + 1),
        "black": (black, token_ids),
        "shuffled images": (images[order], token_ids),
    }
    given = dict(zip(ways, answers_to(model, *ways.values()), strict=True))
    asked = ("full", "image_only", "text_only", "shuffled_text")
    # A pair's label is what the model answers in one of the four ways: so each way scores, and each otherwise.
    for _ in range(1000):
        labels = np.array([given[name] for name in asked])[rng.integers(4, size=50), np.arange(50)]
        share = {name: float(np.mean(answer == labels)) for name, answer in given.items()}
        moved = float(np.mean(given["shuffled_text"] == labels[order]))
        if len({*share.values(), moved}) == 8:
            break
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
            "the labels were shuffled with the texts; only the texts move": moved,
        },
    }
    actual = impl.ablate(model, images, token_ids, labels, rng=5)
    names = sorted(actual) if isinstance(actual, dict) else type(actual).__name__
    cause = "return a dict with the four names of the docstring"
    expect_true(names == sorted(asked), f"returned {names}", cause=cause)
    for name in asked:
        right = round(50 * share[name])
        case = f'"{name}" of 50 pairs, {right} of which are right; rng=5'
        expect_close(actual[name], share[name], case=case, causes=causes[name])


def test_ablate__rng_decides_the_order(impl, rng):
    model, images, token_ids = lively_classifier(impl, rng)
    seed = int(rng.integers(100, 1000))
    order = np.random.default_rng(seed).permutation(50)
    labels, shuffled = answers_to(model, (images, token_ids), (images, token_ids[order]))
    actual = impl.ablate(model, images, token_ids, labels, rng=seed)["shuffled_text"]
    cause = "draw the order by np.random.default_rng(rng).permutation(N), first and once"
    expect_close(actual, float(np.mean(shuffled == labels)), case=f'"shuffled_text" with rng={seed}: {cause}')
