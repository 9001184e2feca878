"""Graded tests of the topic `similarity_model`. Tiny models; oracles are NumPy on the models' own outputs and
weights."""

import math
from itertools import permutations

import numpy as np
import pytest

from mmlearn.course.expect import expect_allowed, expect_close, expect_finite, expect_raises, expect_true

# Keras reads a variable in a way that NumPy 2 is to give up; a learner cannot help it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE, DIM, WORDS = 8, 4, 12


def pictures(rng, number, size=SIZE):
    return rng.integers(0, 256, size=(number, size, size, 3)).astype(np.uint8)


def image_tower(impl, **options):
    return impl.build_image_tower(**{"size": SIZE, "dim": DIM, "width": 8, "augment": False, **options})


def text_tower(impl, **options):
    return impl.build_text_tower(**{"vocabulary_size": WORDS, "dim": DIM, "word_dropout": 0.0, **options})


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def cross_entropy(logits):
    """The mean over rows of -log softmax(row)[i], by a loop."""
    rows = []
    for i, row in enumerate(np.asarray(logits, float)):
        rows.append(row.max() + math.log(np.exp(row - row.max()).sum()) - row[i])
    return float(np.mean(rows))


def info_nce(a, b, temperature):
    logits = unit(np.asarray(a, float)) @ unit(np.asarray(b, float)).T / temperature
    return (cross_entropy(logits) + cross_entropy(logits.T)) / 2


def layers_of(model, part):
    return [layer for layer in model.config()["layers"] if part in layer["class"]]


def log_scale_of(model):
    """The one weight that is a single number, and its place among the weights."""
    weights = model.get_weights()
    places = [i for i, weight in enumerate(weights) if np.shape(weight) == ()]
    expect_true(
        len(places) == 1,
        f"{len(places)} weights are a single number where 1 was expected",
        cause="the temperature is learnt: make one scalar weight, self.add_weight(name='log_scale', shape=(), ...)",
    )
    return float(weights[places[0]]), places[0]


# --- build_image_tower ----------------------------------------------------------------------------------------------


def test_build_image_tower__gives_unit_vectors(impl, rng):
    tower = image_tower(impl, dim=5)
    images = pictures(rng, 3)
    embeddings = tower.predict(images)
    expect_true(
        np.shape(embeddings) == (3, 5),
        f"shape {np.shape(embeddings)} where (3, 5) was expected",
        cause="the tower ends in Dense(dim), then a normalisation: one row of `dim` numbers an image",
    )
    expect_finite(embeddings, cause="the tower gives NaN")
    lengths = np.linalg.norm(embeddings, axis=1)
    expect_close(
        lengths,
        np.ones(3),
        case="lengths of 3 embeddings",
        rtol=0,
        atol=1e-3,
        causes={
            "the embeddings were divided by the batch's length; each row has a length of its own": lambda: (
                lengths / np.linalg.norm(lengths)
            ),
        }
        if np.ptp(lengths) < 1e-3
        else {"the embeddings do not have length 1; end with layers.UnitNormalization()": lengths},
    )
    one_by_one = np.concatenate([tower.predict(images[i : i + 1]) for i in range(3)])
    expect_close(
        embeddings,
        one_by_one,
        case="3 images at once and one by one",
        atol=1e-4,
        causes={"the result of one image depends on the others; normalise along the last axis": embeddings},
    )


def rescaling_of(tower):
    """Scale and offset of the tower's one Rescaling, if they are as asked for."""
    found = layers_of(tower, "Rescaling")
    expect_true(
        len(found) == 1,
        f"{len(found)} Rescaling layers where 1 was expected",
        cause="pixels come in as 0 to 255 and are rescaled inside the tower, by one layers.Rescaling, so that nobody "
        "can forget it",
    )
    scale, offset = found[0]["config"]["scale"], found[0]["config"]["offset"]
    expect_true(
        0.5 <= abs(255 * scale) <= 2.5,
        f"255 grey levels become a range of {abs(255 * scale):.4g}",
        cause="rescale 0 … 255 to a range of about 1: a scale of 1/255, up to sign",
    )
    expect_true(
        abs(255 * scale + offset) < 0.01,
        f"white becomes {255 * scale + offset:.4g} where 0 was expected",
        cause="let white paper become 0, which is what the convolutions pad with: Rescaling(-1 / 255, offset=1.0)",
    )
    return scale, offset


def test_build_image_tower__rescales_inside(impl):
    rescaling_of(image_tower(impl))


def test_build_image_tower__augments_in_training_only(impl, rng):
    images = pictures(rng, 4)
    tower = image_tower(impl, augment=True)
    expect_close(
        tower.predict(images),
        tower.predict(images),
        case="the same images twice, in inference",
        atol=1e-5,
        causes={
            "the augmentation also acts in inference; use Keras's Random... layers and do not pass training=True": (
                lambda: tower.predict(images)
            )
        },
    )
    random = layers_of(tower, "Random")
    same = np.allclose(tower.predict(images, training=True), tower.predict(images, training=True), atol=1e-5)
    expect_true(
        len(random) >= 2 and not same,
        f"with augment=True there are {len(random)} Random... layers; training sees {'one' if same else 'changing'} "
        "version of an image",
        cause="with augment=True, shift, zoom and turn the pictures a little, by Keras's Random... layers",
    )
    expect_true(
        not layers_of(tower, "RandomFlip"),
        "there is a RandomFlip layer",
        cause="no mirror images: an arrow to the left and one to the right are two concepts",
    )
    fills = {(layer["config"].get("fill_mode"), layer["config"].get("fill_value", 255.0)) for layer in random}
    expect_true(
        all(fill in (("constant", 255.0), (None, 255.0)) for fill in fills),
        f"what comes in at the edge: {sorted(map(str, fills))}",
        cause='what comes in at the edge is white: fill_mode="constant", fill_value=255.0, and the layers stand before '
        "the rescaling",
    )
    plain = image_tower(impl, augment=False)
    expect_true(
        not layers_of(plain, "Random"),
        "with augment=False there are Random... layers",
        cause="the argument `augment` was not used; it says whether to have augmentation layers",
    )


def test_build_image_tower__knows_where_a_thing_stands(impl):
    images = np.full((2, 32, 32, 3), 255, np.uint8)
    images[0, 10:12, 10:12] = 0
    images[1, 18:20, 18:20] = 0
    first, second = image_tower(impl, size=32, width=8, dim=8).predict(images)
    gap = float(np.abs(first - second).max())
    expect_true(
        gap > 1e-3,
        f"embeddings differ by {gap:.1g}",
        cause="a dot at the upper left and one at the lower right get one embedding: positions were averaged out; use "
        "layers.Flatten() before the dense layer",
        case="one black dot, at two places",
    )


def test_build_image_tower__takes_its_sizes(impl):
    tower = impl.build_image_tower(size=16, dim=3, width=2, augment=False)
    convolutions = layers_of(tower, "Conv2D")
    filters = [layer["config"]["filters"] for layer in convolutions]
    expect_close(
        filters,
        [2, 4, 8],
        case="filters of the convolutions, width=2",
        causes={"all convolutions have one width; the second and third have twice and four times as many": [2, 2, 2]},
    )
    strides = [list(layer["config"]["strides"]) for layer in convolutions]
    expect_true(
        strides == [[2, 2]] * 3,
        f"the strides are {strides}",
        cause="each of the three convolutions halves height and width: strides=2",
    )
    expect_close(tower.predict(np.zeros((2, 16, 16, 3), np.uint8)).shape, (2, 3), case="size=16, dim=3")
    expect_raises(
        ValueError,
        impl.build_image_tower,
        size=12,
        dim=3,
        width=2,
        cause="12 cannot be halved three times: raise ValueError for a size that is not a multiple of 8",
    )


def test_build_image_tower__keeps_simple_views_beside(impl):
    tower = image_tower(impl, size=16)
    for kind, what in (("EdgeHistogram", "EdgeHistogram()"), ("AveragePooling2D", "AveragePooling2D(size // 8)")):
        expect_true(
            len(layers_of(tower, kind)) == 1,
            f"{len(layers_of(tower, kind))} {kind} layers where 1 was expected",
            cause=f"beside the convolutions, give the dense layer a view that need not be learnt: {what} of the "
            "rescaled picture",
        )
    inputs = 4 * 8 * 2 * 2 + 8 * 8 * 3 + 4 * 4 * 8
    kernels = [
        weight.shape for weight in tower.get_weights() if np.shape(weight)[-1:] == (DIM,) and np.ndim(weight) == 2
    ]
    expect_true(
        kernels == [(inputs, DIM)],
        f"the dense layer's matrix has the shape {kernels} where [({inputs}, {DIM})] was expected",
        cause="flatten all three views, put them side by side (layers.Concatenate), and end with one Dense(dim)",
        case="size=16, width=8: 128 numbers from the convolutions, 192 colours, 128 edges",
    )


def convolve(x, kernel, stride):
    """Convolution with the padding "same": what does not halve evenly is padded more at the right and at the bottom."""
    size, reach = x.shape[1], len(kernel)
    places = -(-size // stride)
    padding = max((places - 1) * stride + reach - size, 0)
    around = (padding // 2, padding - padding // 2)
    padded = np.pad(x, ((0, 0), around, around, (0, 0)))
    result = 0.0
    for i in range(reach):
        for j in range(reach):
            rows, columns = (slice(k, k + stride * (places - 1) + 1, stride) for k in (i, j))
            result = result + padded[:, rows, columns] @ kernel[i, j]
    return result


def shrink(x, cell):
    n, height, width, depth = x.shape
    return x.reshape(n, height // cell, cell, width // cell, cell, depth).mean(axis=(2, 4))


def edge_histogram(x):
    across = np.zeros((3, 3))
    across[1] = [-1, 0, 1]
    angles = np.pi * np.arange(16) / 8
    kernels = np.stack([np.cos(angle) * across + np.sin(angle) * across.T for angle in angles], axis=-1) / 6
    slope = np.maximum(convolve(x, np.repeat(kernels[:, :, None], 3, axis=2), 1), 0)
    share = np.exp(20 * slope)
    slope = slope * share / share.sum(axis=-1, keepdims=True)
    return np.sqrt(shrink(slope[..., :8] + slope[..., 8:], x.shape[1] // 4) + 1e-4)


def random_weights(tower, rng):
    """New weights for a tower, so that every one of them shows.

    Returns:
        Each layer's class and weights, in their order, if these are the convolutions, batch normalisations and the
        dense layer that were asked for.
    """
    described = [layer for layer in tower.config()["layers"] if layer["weights"]]
    kinds = [layer["class"] for layer in described]
    expect_true(
        kinds == ["Conv2D", "BatchNormalization"] * 3 + ["Dense"],
        f"the layers with weights are {kinds}",
        cause="three times Conv2D and BatchNormalization, then one Dense; nothing else learns",
    )
    layers = []
    for layer in described:
        weights = [rng.normal(0, 0.3, shape).astype(np.float32) for shape in layer["weights"]]
        if layer["class"] == "BatchNormalization":
            weights[-1] = np.abs(weights[-1]) + 0.5  # a variance
        layers.append((layer, weights))
    tower.set_weights([weight for _, weights in layers for weight in weights])
    return layers


def embed_images(images, layers, scale, offset, relu=lambda x: np.maximum(x, 0), middle=0.2, view=unit):
    """What the tower must give, for each order in which the three views may stand side by side."""
    ink = x = images * scale + offset
    for layer, weights in layers[:-1]:
        if layer["class"] == "Conv2D":
            x = convolve(x, weights[0].astype(float), 2) + sum(weights[1:])
        else:
            gamma, beta, mean, variance = weights
            x = relu(gamma * (x - mean) / np.sqrt(variance + layer["config"]["epsilon"]) + beta)
    kernel, *bias = layers[-1][1]
    views = x, shrink(ink, ink.shape[1] // 8) - middle, edge_histogram(ink)
    views = [view(part.reshape(len(images), -1)) for part in views]
    return [unit(np.concatenate(order, axis=1) @ kernel + sum(bias)) for order in permutations(views)]


@pytest.mark.core
def test_build_image_tower__embedding_by_hand(impl, rng):
    tower = image_tower(impl, width=4)
    scale, offset = rescaling_of(tower)
    layers = random_weights(tower, rng)
    given = sum(math.prod(layer["weights"][0][:-1]) for layer, _ in layers[-1:])
    expect_true(
        given == 16 + 192 + 128,
        f"the dense layer sees {given} numbers where 336 were expected",
        cause="flatten the three views, put them side by side (layers.Concatenate), and end with one Dense(dim)",
        case="size=8, width=4: 16 numbers from the convolutions, 192 colours, 128 edges",
    )
    images = pictures(rng, 3)
    actual = tower.predict(images)

    def closest(**options):
        found = embed_images(images, layers, scale, offset, **options)
        return min(found, key=lambda one: np.abs(one - actual).max()) if np.shape(actual) == (3, DIM) else found[0]

    expect_close(
        actual,
        closest(),
        case='3 images of 8 x 8, random weights, all convolutions with padding="same"',
        rtol=1e-3,
        atol=1e-4,
        causes={
            "there is no ReLU; without it, the convolutions are one linear map": lambda: closest(relu=lambda x: x),
            "the shrunk picture is about its mean: subtract 0.2": lambda: closest(middle=0.0),
            "one view drowns the others; give each a UnitNormalization before they stand side by side": lambda: closest(
                view=lambda x: x
            ),
        },
    )


# --- build_text_tower -----------------------------------------------------------------------------------------------


@pytest.mark.core
def test_build_text_tower__is_the_direction_of_the_mean_word(impl, rng):
    tower = text_tower(impl)
    token_ids = np.array([[5, 7, 0, 0], [3, 0, 0, 0], [2, 9, 11, 4]])
    embeddings = tower.predict(token_ids)
    weights = tower.get_weights()
    shapes = [np.shape(weight) for weight in weights]
    expect_true(
        shapes == [(WORDS, DIM)],
        f"the weights have the shapes {shapes} where [{(WORDS, DIM)}] was expected",
        cause="all that the tower learns is one Embedding(vocabulary_size, dim)",
    )
    vectors = weights[0][token_ids]
    real = (token_ids != 0)[..., None]
    mean = (vectors * real).sum(axis=1) / real.sum(axis=1)
    expect_close(
        embeddings,
        unit(mean),
        case="three texts, two of them padded",
        atol=1e-4,
        causes={
            "padding counts in the mean; multiply by a mask that is 0 where the id is 0": lambda: unit(
                vectors.mean(axis=1)
            ),
            "only the first word counts; take the mean over the words": lambda: unit(vectors[:, 0]),
            "this is the largest of each number, not the mean": lambda: unit(
                np.where(real, vectors, -np.inf).max(axis=1)
            ),
            "the embeddings do not have length 1; end with layers.UnitNormalization()": mean,
        },
    )


def test_build_text_tower__padding_changes_nothing(impl, rng):
    tower = text_tower(impl)
    token_ids = rng.integers(1, WORDS, size=(5, 3))
    expect_close(
        tower.predict(np.pad(token_ids, ((0, 0), (0, 6)))),
        tower.predict(token_ids),
        case="five texts of 3 words, then the same with 6 ids of padding",
        atol=1e-4,
        causes={},
    )


def test_build_text_tower__empty_text_is_not_nan(impl):
    actual = text_tower(impl).predict(np.array([[0, 0, 0], [5, 0, 0]]))
    expect_finite(
        actual,
        cause="a text of padding alone gives 0/0; divide by the number of real words, but at least by 1",
        case="one text of padding alone",
    )
    expect_close(np.linalg.norm(actual[1]), 1.0, case="the text beside it", atol=1e-3)


def test_build_text_tower__drops_whole_words_in_training_only(impl):
    tower = text_tower(impl, word_dropout=0.5)
    texts = np.array([[5, 7]] * 200)
    calm = tower.predict(texts)
    expect_close(
        calm,
        np.repeat(calm[:1], 200, axis=0),
        case="one text 200 times, in inference",
        atol=1e-5,
        causes={"words are dropped in inference, too; a Dropout layer knows when it is training": calm},
    )
    only = [tower.predict(np.array([[word]]))[0] for word in (5, 7)]
    possible = np.stack([calm[0], *only, np.zeros(DIM)])
    seen = tower.predict(texts, training=True)
    distance = np.linalg.norm(seen[:, None] - possible, axis=-1)
    expect_true(
        distance.min(axis=1).max() < 1e-3,
        "in training, some embedding is neither that of both words nor that of one of them",
        cause="numbers inside a word's vector were dropped; leave out whole words: noise_shape=(None, None, 1)",
        case="a text of two words, word_dropout=0.5",
    )
    counts = np.bincount(distance.argmin(axis=1), minlength=4)
    expect_true(
        bool((counts[:3] >= 15).all()),
        f"of 200 texts, {counts[0]} kept both words, {counts[1]} the first, {counts[2]} the second",
        cause="the argument `word_dropout` was not used; in training, each word is left out with that probability",
        case="a text of two words, word_dropout=0.5",
    )


# --- build_similarity_model -----------------------------------------------------------------------------------------


def spread(tower, rng):
    """New weights for a tower, with which its embeddings point in all directions."""
    weights = [rng.normal(0, 0.3, np.shape(weight)).astype(np.float32) for weight in tower.get_weights()]
    tower.set_weights([np.abs(weight) + 0.2 if weight.ndim == 1 else weight for weight in weights])


@pytest.mark.core
def test_build_similarity_model__is_the_cosine_of_each_pair(impl, rng):
    towers = image_tower(impl), text_tower(impl)
    for tower in towers:
        spread(tower, rng)
    model = impl.build_similarity_model(*towers)
    images, token_ids = pictures(rng, 5), rng.integers(1, WORDS, size=(5, 3))
    a, b = towers[0].predict(images), towers[1].predict(token_ids)
    for name, rows in (("image", a), ("text", b)):
        cause = f"build_{name}_tower gives one embedding to all inputs; mend it first"
        expect_true(np.ptp(rows, axis=0).max() > 1e-3, f"the {name} embeddings are all alike", cause=cause)
    desired = np.array([sum(x * y for x, y in zip(p, q, strict=True)) for p, q in zip(a, b, strict=True)])
    causes = {
        "the result has one axis too many; the shape is (N,), one cosine a pair": desired[:, None],
        "every image was compared with every text; a pair is one image and its text": a @ b.T,
        "the products were not summed; the cosine of unit vectors is the sum of a · b": a * b,
        "this is the distance of the pair, not its cosine": np.linalg.norm(a - b, axis=1),
        "this is 1 - cosine; leave out the `1 -`": 1 - desired,
    }
    expect_close(model.predict([images, token_ids]), desired, case="5 pairs", causes=causes, atol=1e-4)
    expect_step(model, *towers, images, token_ids[:, :1])


def expect_step(model, image_tower, text_tower, images, words):
    """One step of gradient descent on the squared error of the cosine, whose effect on the words is known."""
    others = unit(image_tower.predict(images, training=True).astype(float))
    table = text_tower.get_weights()[0].astype(float)
    own = table[words[:, 0]]
    cosines = np.sum(others * unit(own), axis=1)
    step = {"optimizer": "sgd", "loss": "mse", "jit_compile": False}  # the rate is 0.01
    # With these targets, the squared error has the slope 1 in each cosine.
    model.fit([images, words], (cosines - 0.5).astype(np.float32), batch_size=len(words), compile=step)
    slopes = (others - cosines[:, None] * unit(own)) / np.linalg.norm(own, axis=1, keepdims=True)
    desired = table.copy()
    np.subtract.at(desired, words[:, 0], 0.01 * slopes / len(words))
    expect_close(
        text_tower.get_weights()[0],
        desired,
        case="the word vectors after one step of gradient descent on 5 pairs",
        causes={
            "the model copied the towers, or a step does not reach them; call them on the new inputs, so that weights "
            "are shared": table
        },
        rtol=1e-4,
        atol=1e-5,
    )


def test_build_similarity_model__has_two_inputs(impl):
    model = impl.build_similarity_model(image_tower(impl, size=16), text_tower(impl))
    shapes = [given["shape"] for given in model.config()["inputs"]]
    expect_true(
        shapes == [[None, 16, 16, 3], [None, None]],
        f"the inputs have the shapes {shapes}",
        cause="the model has two inputs, in this order: images of the image tower's own size "
        "(image_tower.input_shape[1:]), then token ids of any length",
    )


def test_build_similarity_model__shares_the_towers_weights(impl, rng):
    images, texts = image_tower(impl), text_tower(impl)
    model = impl.build_similarity_model(images, texts)
    pair = [pictures(rng, 3), rng.integers(1, WORDS, size=(3, 2))]
    texts.set_weights([-weight for weight in texts.get_weights()])
    desired = np.sum(images.predict(pair[0]) * texts.predict(pair[1]), axis=1)
    expect_close(
        model.predict(pair),
        desired,
        case="after the text tower was given other weights",
        atol=1e-4,
        causes={"the model copied the towers; call them on the new inputs, so that weights are shared": -desired},
    )


def test_build_similarity_model__stays_within_1(impl, rng):
    images, texts = image_tower(impl, dim=7), text_tower(impl, dim=7)
    model = impl.build_similarity_model(images, texts)
    direction = rng.normal(size=7)
    for tower in (images, texts):
        weights = tower.get_weights()
        last = max(i for i, weight in enumerate(weights) if np.shape(weight)[-1:] == (7,) and np.ndim(weight) == 2)
        # every row points the same way; those of the image tower are alike, since what it weighs may be negative
        lengths = rng.uniform(0.5, 2, len(weights[last])) if tower is texts else np.ones(len(weights[last]))
        weights[last] = np.outer(lengths, direction).astype(np.float32)
        tower.set_weights(weights)
    actual = model.predict([pictures(rng, 300), rng.integers(1, WORDS, size=(300, 3))])
    expect_close(np.abs(actual), np.ones(300), case="300 pairs along one and the same line", atol=1e-3)
    expect_true(
        bool(np.all(np.abs(actual) <= 1)),
        f"a cosine of {np.abs(actual).max():.9g}",
        cause="rounding left cosines beyond 1, of which arccos is NaN; ops.clip the result to [-1, 1]",
        case="300 pairs along one and the same line",
    )


# --- info_nce_loss --------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_info_nce_loss__both_directions(impl, rng):
    a, b = rng.normal(size=(2, 5, 4)).astype(np.float32) * np.linspace(0.5, 3, 5)[:, None].astype(np.float32)
    cosines = unit(a) @ unit(b).T
    rows, columns = cross_entropy(cosines / 0.2), cross_entropy(cosines.T / 0.2)
    dots = a @ b.T / 0.2
    causes = {
        "only one direction counts: images must find texts, and texts images; take the mean of both": rows,
        "only texts look for images; each image must find its text, too; take the mean of both": columns,
        "the two directions were added; take their mean": rows + columns,
        "the loss was summed over the batch; take the mean": 5 * (rows + columns) / 2,
        "the embeddings were not normalised; long vectors must not win": (cross_entropy(dots) + cross_entropy(dots.T))
        / 2,
        "the cosines were multiplied by the temperature; divide by it": (
            (cross_entropy(cosines * 0.2) + cross_entropy(cosines.T * 0.2)) / 2
        ),
        "the temperature was not used": (cross_entropy(cosines) + cross_entropy(cosines.T)) / 2,
        "the sign is wrong: the loss is minus the log-probability": -(rows + columns) / 2,
    }
    actual = impl.info_nce_loss(a, b, temperature=0.2)
    expect_close(actual, info_nce(a, b, 0.2), case="5 pairs at temperature 0.2", causes=causes, rtol=1e-4, atol=1e-5)


def test_info_nce_loss__does_not_overflow(impl, rng):
    a = rng.normal(size=(6, 4)).astype(np.float32)
    b = np.roll(a, 1, axis=0)
    actual = impl.info_nce_loss(a, b, temperature=1e-4)
    case = "6 pairs at temperature 0.0001"
    expect_finite(
        actual, cause="exp() of a logit of 1e4 is infinite; use ops.log_softmax, which shifts by the maximum", case=case
    )
    expect_close(actual, info_nce(a, b, 1e-4), case=case, rtol=1e-3)


@pytest.mark.parametrize("number", [1, 7])
def test_info_nce_loss__of_equal_embeddings_is_log_n(impl, number):
    ones = np.ones((number, 3), np.float32)
    expect_close(
        impl.info_nce_loss(ones, ones),
        np.float32(math.log(number)),
        case=f"{number} pairs that are all alike",
        atol=1e-4,
        causes={"the loss was summed over the batch; take the mean": number * math.log(number)},
    )


# --- build_two_tower ------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_build_two_tower__gives_both_embeddings(impl, rng):
    towers = image_tower(impl), text_tower(impl)
    model = impl.build_two_tower(*towers)
    images, token_ids = pictures(rng, 5), rng.integers(1, WORDS, size=(5, 3))
    a, b = towers[0].predict(images), towers[1].predict(token_ids)
    actual = model.predict([images, token_ids])
    expect_true(
        isinstance(actual, list | tuple) and len(actual) == 2,
        "the model does not give two outputs",
        cause="`call` returns two things: the image embeddings and the text embeddings; the loss compares them",
    )
    causes = {"the two embeddings are exchanged; images come first": [b, a]}
    expect_close(list(actual), [a, b], case="5 pairs", causes=causes, atol=1e-4)


def test_build_two_tower__loss_is_info_nce(impl, rng):
    # two text towers: nothing in them is random or depends on the batch, so that the loss is known before the first
    # step
    towers = text_tower(impl), text_tower(impl)
    model = impl.build_two_tower(*towers, temperature=0.25)
    first, second = rng.integers(1, WORDS, size=(2, 8, 3))
    a, b = towers[0].predict(first), towers[1].predict(second)
    desired = info_nce(a, b, 0.25)
    actual = model.fit([first, second], batch_size=8, epochs=1)["loss"][0]
    causes = {
        "the loss uses 1 / temperature as temperature: exp(-log_scale) is the temperature": info_nce(a, b, 4.0),
        "the loss uses the logarithm itself as temperature; take exp(-log_scale)": info_nce(a, b, math.log(4)),
        "the loss does not use the learnt temperature": info_nce(a, b, 0.07),
        "the loss leaves the temperature out": info_nce(a, b, 1.0),
    }
    expect_close(actual, desired, case="8 pairs at temperature 0.25", causes=causes, rtol=1e-3)


def test_build_two_tower__learns_towers_and_temperature(impl, rng):
    model = impl.build_two_tower(image_tower(impl), text_tower(impl), temperature=0.1, learning_rate=0.01)
    start, place = log_scale_of(model)
    expect_close(
        start,
        math.log(10),
        case="the scalar weight at temperature 0.1",
        rtol=1e-4,
        causes={
            "the weight holds log(temperature); store log(1 / temperature)": -math.log(10),
            "the weight holds the temperature itself, which could become negative; store log(1 / temperature)": 0.1,
            "the weight holds 1 / temperature; store its logarithm": 10.0,
            "the argument `temperature` was not used": math.log(1 / 0.07),
        },
    )
    before = model.get_weights()
    model.fit([pictures(rng, 8), rng.integers(1, WORDS, size=(8, 3))], batch_size=8, epochs=1)
    after = model.get_weights()
    expect_true(
        after[place] != before[place],
        "the temperature did not change in training",
        cause="the temperature is learnt: the loss has to use the weight, and the weight has to be trainable",
    )
    for tower in ("image", "text"):
        own = [i for i, w in enumerate(before) if np.ndim(w) == 4 if tower == "image"]
        own += [i for i, w in enumerate(before) if np.shape(w) == (WORDS, DIM) and tower == "text"]
        expect_true(
            any(not np.array_equal(before[i], after[i]) for i in own),
            f"no weight of the {tower} tower changed in training",
            cause="the gradient must reach both towers: compare the embeddings of both in the loss, and stop neither",
        )


def test_build_two_tower__temperature_has_a_floor(impl, rng):
    model = impl.build_two_tower(text_tower(impl), text_tower(impl), learning_rate=1e-3)
    _, place = log_scale_of(model)
    weights = model.get_weights()
    weights[place] = np.float32(6.0)
    model.set_weights(weights)
    model.fit(list(rng.integers(1, WORDS, size=(2, 6, 3))), batch_size=6, epochs=1)
    actual = float(model.get_weights()[place])
    expect_true(
        actual <= math.log(100) + 1e-3,
        f"after a step, 1 / temperature is {math.exp(actual):.0f}",
        cause="CLIP does not let 1 / temperature pass 100: give the weight a constraint, ops.minimum(w, log 100)",
        case="1 / temperature was set to 403 before",
    )
    expect_close(actual, math.log(100), case="the weight after a step", atol=0.05, rtol=0)
    expect_raises(
        ValueError,
        impl.build_two_tower,
        text_tower(impl),
        text_tower(impl),
        temperature=0.005,
        cause="a temperature below 0.01 is beyond the limit from the start: raise ValueError",
    )


def test_build_two_tower__weight_decay_spares_the_temperature(impl):
    model = impl.build_two_tower(
        text_tower(impl), text_tower(impl), temperature=0.1, learning_rate=0.01, weight_decay=5.0
    )
    before, place = log_scale_of(model)
    alike = np.full((4, 2), 3)
    model.fit([alike, alike], batch_size=4, epochs=3)
    expect_close(
        float(model.get_weights()[place]),
        before,
        case="three steps on texts that are all alike, weight_decay=5",
        rtol=0,
        atol=0.02,
        causes={
            "weight decay pulls log_scale towards 0; optimizer.exclude_from_weight_decay(var_names=['log_scale'])": (
                before * 0.95**3
            )
        },
    )


# --- train_two_tower ------------------------------------------------------------------------------------------------


def tiny(impl, words=WORDS, dim=DIM, **options):
    """Two text towers: training never looks at what it hands to a tower, and without convolutions it is quick."""
    towers = (text_tower(impl, vocabulary_size=words, dim=dim) for _ in range(2))
    return impl.build_two_tower(*towers, **options)


def second_table(model, words=WORDS):
    """The place of the second tower's word vectors among the weights."""
    return [i for i, weight in enumerate(model.get_weights()) if np.shape(weight) == (words, DIM)][1]


@pytest.mark.core
def test_train_two_tower__learns_pairs(impl, rng):
    model = tiny(impl, dim=32)
    concepts = np.repeat(np.arange(4), 2)
    images, token_ids = rng.permutation(np.arange(1, 5))[concepts, None], concepts[:, None] + 2
    history = impl.train_two_tower(
        model, images, token_ids, concepts, epochs=6, batch_size=4, learning_rate=0.05, rng=int(rng.integers(1000))
    )
    expect_true(
        isinstance(history, dict) and {"loss", "learning_rate"} <= set(history) and len(history["loss"]) == 6,
        f"returned {sorted(history) if isinstance(history, dict) else type(history).__name__}",
        cause="return the history: a dict with a list of one float an epoch under 'loss' and 'learning_rate' (the "
        "callback LearningRateScheduler writes the latter)",
    )
    a, b = model.predict([images, token_ids])
    right = float(np.mean(np.argmax(b @ a.T, axis=1) // 2 == concepts))
    expect_true(
        right == 1.0 and history["loss"][-1] < 0.5 * history["loss"][0],
        f"loss {history['loss'][0]:.3f} → {history['loss'][-1]:.3f}, {100 * right:.0f} % of the texts find their image",
        cause="the model does not learn its pairs by heart; are images and texts of a batch from the same rows, and is "
        "`model` itself trained?",
        case="4 concepts in 8 drawings, 6 epochs",
    )


def test_train_two_tower__no_concept_twice_in_a_batch(impl):
    # all pairs alike: the loss is the logarithm of the number of pairs in a batch
    concepts = np.tile(np.arange(5), 3)
    data = np.full((15, 2), 7), np.full((15, 2), 3), concepts
    loss = impl.train_two_tower(tiny(impl), *data, epochs=1, batch_size=100)["loss"][0]
    expect_close(
        loss,
        math.log(5),
        case="3 drawings of each of 5 concepts that all look alike, batch_size=100: e^loss is the batch's size",
        atol=1e-2,
        causes={"drawings of one concept stand in one batch, and count as each other's negatives": math.log(15)},
    )
    loss = impl.train_two_tower(tiny(impl), *data, epochs=1, batch_size=4)["loss"][0]
    expect_close(
        loss,
        math.log(4),
        case="the same with batch_size=4",
        atol=1e-2,
        causes={
            "the argument `batch_size` was not used": math.log(5),
            "a batch has one pair too few: rows index · batch_size to (index + 1) · batch_size": math.log(3),
        },
    )


@pytest.mark.parametrize(("epochs", "warm"), [(20, 2), (4, 1)], ids=["20 epochs", "4 epochs"])
def test_train_two_tower__follows_the_schedule(impl, epochs, warm):
    # Held back are the same pairs with their texts exchanged, so that 20 epochs end early.
    images, token_ids = np.array([[1], [2], [1], [2]]), np.array([[3], [4], [4], [3]])
    held = np.array([False, False, True, True]) if epochs == 20 else None
    history = impl.train_two_tower(
        tiny(impl, learning_rate=0.5),
        images,
        token_ids,
        np.arange(4),
        held,
        epochs=epochs,
        learning_rate=0.1,
        patience=3,
    )
    actual = [float(rate) for rate in history.get("learning_rate", [])]
    expect_true(
        len(actual) >= 4,
        f"{len(actual)} learning rates stand in the history, where there were {len(history['loss'])} epochs",
        cause="give fit a LearningRateScheduler; it writes each epoch's rate into the history",
    )

    def falling(curve, warm=warm):
        climb = [0.1 * (epoch + 1) / warm for epoch in range(warm)]
        left = epochs - max(warm - 1, 0)
        return (climb + [0.1 * curve(step / left) for step in range(0 if warm == 0 else 1, left)])[: len(actual)]

    def cosine(x):
        return (1 + math.cos(math.pi * x)) / 2

    causes = {
        "the learning rate never changes; give fit a LearningRateScheduler": [0.1] * len(actual),
        "the learning rate is that of `build_two_tower`; the schedule sets it": [0.5] * len(actual),
        "there is no warm-up: in the first epochs // 10 epochs the rate climbs": falling(cosine, warm=0),
        "the rate falls along a line; it should follow a cosine": falling(lambda x: 1 - x),
    }
    case = f"{epochs} epochs, learning_rate=0.1"
    expect_close(actual, falling(cosine), case=case, causes=causes, rtol=1e-3, atol=1e-6)


def test_train_two_tower__every_drawing_gets_its_turn(impl, rng):
    # Each of 8 concepts has 4 drawings, and each drawing a word of its own.
    model = tiny(impl, words=40)
    concepts = np.repeat(np.arange(8), 4)
    token_ids = np.arange(2, 34)[:, None]
    before = model.get_weights()
    table = second_table(model, words=40)
    impl.train_two_tower(
        model, concepts[:, None] + 1, token_ids, concepts, epochs=6, learning_rate=0.01, rng=int(rng.integers(1000))
    )
    moved = np.abs(model.get_weights()[table] - before[table]).max(axis=1)
    shown = (moved[2:34] > 1e-5).reshape(8, 4)
    expect_true(
        bool(shown.any(axis=0).all() and shown.sum() > 12),
        f"in 6 epochs, {int(shown.sum())} of 32 drawings were shown",
        cause="every epoch shows the same drawing of a concept; draw anew in on_epoch_end, which needs the `rng`",
        case="8 concepts in 4 drawings",
    )


def test_train_two_tower__held_back_rows_are_not_learnt(impl, rng):
    model = tiny(impl)
    token_ids = np.arange(2, 10)[:, None]
    held = np.arange(8) >= 5
    before = model.get_weights()
    table = second_table(model)
    history = impl.train_two_tower(
        model,
        rng.integers(1, WORDS, size=(8, 2)),
        token_ids,
        np.arange(8),
        held,
        epochs=2,
        learning_rate=0.01,
        patience=8,
    )
    expect_true(
        "val_loss" in history,
        f"the history holds {sorted(history)}",
        cause="rows were held back but not used: give them to fit as validation_data",
    )
    moved = np.abs(model.get_weights()[table] - before[table]).max(axis=1)
    expect_true(
        bool((moved[2:7] > 1e-3).all() and (moved[7:10] < 1e-3).all()),
        "words that only held-back rows have were learnt" if moved[7:10].max() >= 1e-3 else "some rows were not learnt",
        cause="train on the rows that `held_back` does not mark, and on all of those",
        case="8 pairs, the last 3 held back",
    )


def test_train_two_tower__stops_early_and_takes_the_best(impl, rng):
    # validation asks for the opposite of what is learnt, so that its loss climbs
    model = tiny(impl)
    images = rng.permutation(np.arange(1, 5))[:, None]
    token_ids = np.arange(2, 6)[:, None]
    everything = np.concatenate([images, images]), np.concatenate([token_ids, np.roll(token_ids, 1, axis=0)])
    held = np.arange(8) >= 4
    history = impl.train_two_tower(
        model, *everything, np.arange(8), held, epochs=40, learning_rate=0.03, patience=3, rng=0
    )
    losses = history.get("val_loss", [])
    expect_true(
        4 <= len(losses) < 40,
        f"training took {len(losses)} of 40 epochs",
        cause="stop when the validation loss has not improved for `patience` epochs: "
        'keras.callbacks.EarlyStopping("val_loss", ...)',
        case="a validation loss that climbs, patience=3",
    )
    best = int(np.argmin(losses))
    expect_true(
        len(losses) - 1 - best == 3,
        f"the best of {len(losses)} epochs was number {best + 1}",
        cause="the argument `patience` was not used",
        case="patience=3",
    )
    a, b = model.predict([everything[0][held], everything[1][held]])
    log_scale, _ = log_scale_of(model)
    now = info_nce(a, b, math.exp(-log_scale))
    expect_close(
        now,
        losses[best],
        case="validation loss of the weights that came back",
        rtol=2e-2,
        causes={"these are the last weights; the best come back with restore_best_weights=True": losses[-1]},
    )


def test_train_two_tower__bad_input(impl, rng):
    model = tiny(impl)
    images, token_ids, concepts = np.full((4, 2), 5), np.full((4, 2), 3), np.arange(4)
    cause = "the arrays have different lengths: raise ValueError, or pairs would be mixed up"
    expect_raises(ValueError, impl.train_two_tower, model, images, token_ids[:3], concepts, cause=cause, case="4 and 3")
    held = np.ones(4, bool)
    cause = "every row is held back, nothing is left to train on: raise ValueError"
    expect_raises(ValueError, impl.train_two_tower, model, images, token_ids, concepts, held, cause=cause)


# --- retrieve -------------------------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize(("texts", "gallery"), [(3, 6), (6, 4)], ids=["more images", "more texts"])
def test_retrieve__best_images_of_each_text(impl, rng, texts, gallery):
    towers = image_tower(impl), text_tower(impl)
    model = impl.build_two_tower(*towers)
    images, token_ids = pictures(rng, gallery), rng.integers(1, WORDS, size=(texts, 3))
    similarity = towers[1].predict(token_ids) @ towers[0].predict(images).T
    order = np.array([sorted(range(gallery), key=lambda j, row=row: -row[j]) for row in similarity])
    result = expect_allowed(
        impl.retrieve,
        model,
        token_ids,
        images,
        k=3,
        cause="texts and images need not be as many; embed each side by itself, with its own tower",
    )
    expect_true(
        isinstance(result, list | tuple) and len(result) == 2,
        "retrieve does not return two things",
        cause="return two arrays: the indices and the scores",
    )
    desired = order[:, :3], np.take_along_axis(similarity, order[:, :3], axis=1)
    causes = {
        "the worst come first; sort by the negated scores": (
            order[:, ::-1][:, :3],
            np.take_along_axis(similarity, order[:, ::-1][:, :3], axis=1),
        ),
        "indices and scores are exchanged": desired[::-1],
        "the best come last; best first": (desired[0][:, ::-1], desired[1][:, ::-1]),
        "the scores are not those of the indices; pick them with np.take_along_axis": (desired[0], similarity[:, :3]),
    }
    swapped = np.argsort(-similarity.T, axis=1, kind="stable")[:, : min(3, texts)]
    causes["images look for texts; the texts are the queries"] = (
        swapped,
        np.take_along_axis(similarity.T, swapped, axis=1),
    )
    case = f"{texts} texts, {gallery} images, k=3"
    expect_close(tuple(result), desired, case=case, causes=causes, atol=1e-4)


def test_retrieve__equal_images_by_index(impl, rng):
    model = impl.build_two_tower(image_tower(impl), text_tower(impl))
    images = np.repeat(pictures(rng, 1), 40, axis=0)
    indices, _ = impl.retrieve(model, np.array([[5, 7], [2, 3]]), images, k=4)
    causes = {"equal scores do not come by rising index; sort the negated scores, kind='stable'": indices}
    expect_close(indices, np.tile(np.arange(4), (2, 1)), case="40 images that are all alike", causes=causes)


def test_retrieve__k_is_checked(impl, rng):
    model = impl.build_two_tower(image_tower(impl), text_tower(impl))
    for k in (0, 4):
        cause = "k must be between 1 and the number of images: raise ValueError"
        expect_raises(
            ValueError, impl.retrieve, model, np.array([[5]]), pictures(rng, 3), k=k, cause=cause, case=f"k={k}"
        )
