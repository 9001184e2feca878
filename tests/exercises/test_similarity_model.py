"""Graded tests of the topic `similarity_model`. Tiny models; oracles are NumPy on the models' own outputs and
weights.

Building and training cost by far the most, so the tests of one exercise share, by fixtures, what was built or trained.
"""

import math
from contextlib import contextmanager
from itertools import permutations
from types import SimpleNamespace

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


def set_words(tower, table):
    """Give a text tower these vectors of its words."""
    tower.set_weights([table if np.shape(weight) == table.shape else weight for weight in tower.get_weights()])


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


@contextmanager
def lent(*models):
    """Models that other tests use, too: in the end, each gets its weights back."""
    before = [model.get_weights() for model in models]
    try:
        yield
    finally:
        for model, weights in zip(models, before, strict=True):
            model.set_weights(weights)


def log_scale_of(weights):
    """The one weight that is a single number, and its place among the weights."""
    places = [i for i, weight in enumerate(weights) if np.shape(weight) == ()]
    expect_true(
        len(places) == 1,
        f"{len(places)} weights are a single number where 1 was expected",
        cause="the temperature is learnt: make one scalar weight, self.add_weight(name='log_scale', shape=(), ...)",
    )
    return float(weights[places[0]]), places[0]


# --- build_image_tower ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(impl, rng_of):
    """A tower without augmentation, and what it makes of three pictures and of a black dot at two places."""
    tower = image_tower(impl, size=40, dim=6)
    # so far from the edges that only the place tells them apart
    dots = np.full((2, 40, 40, 3), 255, np.uint8)
    dots[0, 14:16, 14:16] = 0
    dots[1, 22:24, 22:24] = 0
    images = np.concatenate([pictures(rng_of("plain"), 3, size=40), dots])
    return SimpleNamespace(tower=tower, images=images, embeddings=tower.predict(images))


def test_build_image_tower__gives_unit_vectors(plain):
    expect_true(
        np.shape(plain.embeddings) == (5, 6),
        f"shape {np.shape(plain.embeddings)} where (5, 6) was expected",
        cause="the tower ends in Dense(dim), then a normalisation: one row of `dim` numbers an image",
    )
    expect_finite(plain.embeddings, cause="the tower gives NaN")
    embeddings = plain.embeddings[:3]  # of white paper, a tower without rescaling may make nothing at all
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
    expect_close(
        embeddings[1:2],
        plain.tower.predict(plain.images[1:2]),
        case="an image among 5 and by itself",
        atol=1e-4,
        causes={"the result of one image depends on the others; normalise along the last axis": embeddings[1:2]},
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


def test_build_image_tower__rescales_inside(plain):
    rescaling_of(plain.tower)


def test_build_image_tower__augments_in_training_only(impl, rng, plain):
    images = np.repeat(pictures(rng, 1), 4, axis=0)
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
    trained_on = tower.predict(images, training=True)
    same = np.allclose(trained_on, trained_on[:1], atol=1e-5)
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
    expect_true(
        not layers_of(plain.tower, "Random"),
        "with augment=False there are Random... layers",
        cause="the argument `augment` was not used; it says whether to have augmentation layers",
    )


def test_build_image_tower__knows_where_a_thing_stands(plain):
    first, second = plain.embeddings[3:]
    gap = float(np.abs(first - second).max())
    expect_true(
        gap > 1e-3,
        f"embeddings differ by {gap:.1g}",
        cause="a dot at the upper left and one at the lower right get one embedding: positions were averaged out; use "
        "layers.Flatten() before the dense layer",
        case="one black dot, at two places",
    )


def test_build_image_tower__takes_its_sizes(impl, plain):
    convolutions = layers_of(plain.tower, "Conv2D")
    filters = [layer["config"]["filters"] for layer in convolutions]
    expect_close(
        filters,
        [8, 16, 32],
        case="filters of the convolutions, width=8",
        causes={"all convolutions have one width; the second and third have twice and four times as many": [8, 8, 8]},
    )
    strides = [list(layer["config"]["strides"]) for layer in convolutions]
    expect_true(
        strides == [[2, 2]] * 3,
        f"the strides are {strides}",
        cause="each of the three convolutions halves height and width: strides=2",
    )
    expect_close(plain.embeddings.shape, (5, 6), case="5 images, size=40, dim=6")
    expect_raises(
        ValueError,
        impl.build_image_tower,
        size=12,
        dim=3,
        width=2,
        cause="12 cannot be halved three times: raise ValueError for a size that is not a multiple of 8",
    )


def test_build_image_tower__keeps_simple_views_beside(plain):
    tower = plain.tower
    for kind, what in (("EdgeHistogram", "EdgeHistogram()"), ("AveragePooling2D", "AveragePooling2D(size // 8)")):
        expect_true(
            len(layers_of(tower, kind)) == 1,
            f"{len(layers_of(tower, kind))} {kind} layers where 1 was expected",
            cause=f"beside the convolutions, give the dense layer a view that need not be learnt: {what} of the "
            "rescaled picture",
        )
    inputs = 4 * 8 * 5 * 5 + 8 * 8 * 3 + 4 * 4 * 8
    kernels = [weight.shape for weight in tower.get_weights() if np.shape(weight)[-1:] == (6,) and np.ndim(weight) == 2]
    expect_true(
        kernels == [(inputs, 6)],
        f"the dense layer's matrix has the shape {kernels} where [({inputs}, 6)] was expected",
        cause="flatten all three views, put them side by side (layers.Concatenate), and end with one Dense(dim)",
        case="size=40, width=8: 800 numbers from the convolutions, 192 colours, 128 edges",
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
def test_build_image_tower__embedding_by_hand(plain, rng):
    tower = plain.tower
    scale, offset = rescaling_of(tower)
    images = pictures(rng, 3, size=40)
    with lent(tower):
        layers = random_weights(tower, rng)
        actual = tower.predict(images)
    given = sum(math.prod(layer["weights"][0][:-1]) for layer, _ in layers[-1:])
    expect_true(
        given == 800 + 192 + 128,
        f"the dense layer sees {given} numbers where 1120 were expected",
        cause="flatten the three views, put them side by side (layers.Concatenate), and end with one Dense(dim)",
        case="size=40, width=8: 800 numbers from the convolutions, 192 colours, 128 edges",
    )

    def closest(**options):
        found = embed_images(images, layers, scale, offset, **options)
        return min(found, key=lambda one: np.abs(one - actual).max()) if np.shape(actual) == (3, 6) else found[0]

    expect_close(
        actual,
        closest(),
        case='3 images of 40 x 40, random weights, all convolutions with padding="same"',
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


@pytest.fixture(scope="module")
def words(impl):
    return text_tower(impl)


@pytest.mark.core
def test_build_text_tower__is_the_direction_of_the_mean_word(words):
    token_ids = np.array([[5, 7, 0, 0], [3, 0, 0, 0], [2, 9, 11, 4]])
    embeddings = words.predict(token_ids)
    weights = words.get_weights()
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


def test_build_text_tower__padding_changes_nothing(words, rng):
    token_ids = rng.integers(1, WORDS, size=(5, 3))
    expect_close(
        words.predict(np.pad(token_ids, ((0, 0), (0, 6)))),
        words.predict(token_ids),
        case="five texts of 3 words, then the same with 6 ids of padding",
        atol=1e-4,
        causes={},
    )


def test_build_text_tower__empty_text_is_not_nan(words):
    actual = words.predict(np.array([[0, 0, 0], [5, 0, 0]]))
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
    only = tower.predict(np.array([[5], [7]]))
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


@pytest.fixture(scope="module")
def paired(impl, rng_of):
    """Two towers, the model that was built of them, five pairs, and their embeddings."""
    rng = rng_of("paired")
    towers = image_tower(impl, size=16, dim=7), text_tower(impl, dim=7)
    for tower in towers:
        spread(tower, rng)
    model = impl.build_similarity_model(*towers)
    pairs = [pictures(rng, 5, size=16), rng.integers(1, WORDS, size=(5, 3))]
    embeddings = [tower.predict(side) for tower, side in zip(towers, pairs, strict=True)]
    return SimpleNamespace(towers=towers, model=model, pairs=pairs, embeddings=embeddings)


@pytest.mark.core
def test_build_similarity_model__is_the_cosine_of_each_pair(paired):
    a, b = paired.embeddings
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
    expect_close(paired.model.predict(paired.pairs), desired, case="5 pairs", causes=causes, atol=1e-4)
    with lent(*paired.towers):
        expect_step(paired.model, *paired.towers, paired.pairs[0], paired.pairs[1][:, :1])


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


def test_build_similarity_model__has_two_inputs(paired):
    shapes = [given["shape"] for given in paired.model.config()["inputs"]]
    expect_true(
        shapes == [[None, 16, 16, 3], [None, None]],
        f"the inputs have the shapes {shapes}",
        cause="the model has two inputs, in this order: images of the image tower's own size "
        "(image_tower.input_shape[1:]), then token ids of any length",
    )


def test_build_similarity_model__shares_the_towers_weights(paired):
    _, texts = paired.towers
    with lent(texts):
        texts.set_weights([-weight for weight in texts.get_weights()])
        desired = np.sum(paired.embeddings[0] * texts.predict(paired.pairs[1]), axis=1)
        actual = paired.model.predict(paired.pairs)
    expect_close(
        actual,
        desired,
        case="after the text tower was given other weights",
        atol=1e-4,
        causes={"the model copied the towers; call them on the new inputs, so that weights are shared": -desired},
    )


def test_build_similarity_model__stays_within_1(paired, rng):
    images, texts = paired.towers
    direction = rng.normal(size=7)
    with lent(images, texts):
        # every row points the same way; those of the image tower are alike, since what it weighs may be negative
        for tower, longest in ((images, 0.5), (texts, 2)):
            # a bias, where there is one, would lead off the line
            weights = [np.zeros_like(weight) if np.shape(weight) == (7,) else weight for weight in tower.get_weights()]
            last = max(i for i, weight in enumerate(weights) if np.shape(weight)[-1:] == (7,) and np.ndim(weight) == 2)
            lengths = rng.uniform(0.5, longest, len(weights[last]))
            weights[last] = np.outer(lengths, direction).astype(np.float32)
            tower.set_weights(weights)
        actual = paired.model.predict([pictures(rng, 300, size=16), rng.integers(1, WORDS, size=(300, 3))])
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


@pytest.fixture(scope="module")
def two_tower(impl, rng_of):
    """A model of two text towers, eight pairs, their embeddings by the towers, and what the model gives.

    A model of two towers never looks at what it hands to them, and nothing in a text tower is random or depends on the
    batch, so that a loss is known before the step.
    """
    # The tables of words differ in shape, so that each is known among the model's weights.
    towers = text_tower(impl), text_tower(impl, vocabulary_size=WORDS + 1)
    model = impl.build_two_tower(*towers, temperature=0.25, learning_rate=0.01, weight_decay=10.0)
    pairs = list(rng_of("two_tower").integers(1, WORDS, size=(2, 8, 3)))
    embeddings = [tower.predict(side) for tower, side in zip(towers, pairs, strict=True)]
    return SimpleNamespace(towers=towers, model=model, pairs=pairs, embeddings=embeddings, outputs=model.predict(pairs))


@pytest.fixture(scope="module")
def step(two_tower):
    """The loss of a step of training on all pairs, and the weights before and after it."""
    model = two_tower.model
    before = model.get_weights()
    with lent(model):
        loss = model.fit(two_tower.pairs, batch_size=8, epochs=1)["loss"][0]
        return SimpleNamespace(before=before, loss=loss, after=model.get_weights())


@pytest.mark.core
def test_build_two_tower__gives_both_embeddings(two_tower):
    a, b = two_tower.embeddings
    expect_true(
        isinstance(two_tower.outputs, list | tuple) and len(two_tower.outputs) == 2,
        "the model does not give two outputs",
        cause="`call` returns two things: the image embeddings and the text embeddings; the loss compares them",
    )
    causes = {"the two embeddings are exchanged; images come first": [b, a]}
    expect_close(list(two_tower.outputs), [a, b], case="8 pairs", causes=causes, atol=1e-4)


def test_build_two_tower__loss_is_info_nce(two_tower, step):
    a, b = two_tower.embeddings
    causes = {
        "the loss uses 1 / temperature as temperature: exp(-log_scale) is the temperature": info_nce(a, b, 4.0),
        "the loss uses the logarithm itself as temperature; take exp(-log_scale)": info_nce(a, b, math.log(4)),
        "the loss does not use the learnt temperature": info_nce(a, b, 0.07),
        "the loss leaves the temperature out": info_nce(a, b, 1.0),
    }
    expect_close(step.loss, info_nce(a, b, 0.25), case="8 pairs at temperature 0.25", causes=causes, rtol=1e-3)


def test_build_two_tower__learns_towers_and_temperature(step):
    start, place = log_scale_of(step.before)
    expect_close(
        start,
        math.log(4),
        case="the scalar weight at temperature 0.25",
        rtol=1e-4,
        causes={
            "the weight holds log(temperature); store log(1 / temperature)": -math.log(4),
            "the weight holds the temperature itself, which could become negative; store log(1 / temperature)": 0.25,
            "the weight holds 1 / temperature; store its logarithm": 4.0,
            "the argument `temperature` was not used": math.log(1 / 0.07),
        },
    )
    expect_true(
        step.after[place] != step.before[place],
        "the temperature did not change in training",
        cause="the temperature is learnt: the loss has to use the weight, and the weight has to be trainable",
    )
    for tower, shape in (("image", (WORDS, DIM)), ("text", (WORDS + 1, DIM))):
        own = [(w, now) for w, now in zip(step.before, step.after, strict=True) if np.shape(w) == shape]
        # By itself, weight decay takes a tenth of everything, also of what no gradient reaches.
        still = any(all(np.allclose(now, left * w, atol=1e-4) for w, now in own) for left in (1.0, 0.9))
        expect_true(
            not still,
            f"no weight of the {tower} tower changed in training",
            cause="the gradient must reach both towers: compare the embeddings of both in the loss, and stop neither",
        )


def test_build_two_tower__temperature_has_a_floor(impl, two_tower):
    model = two_tower.model
    with lent(model):
        weights = model.get_weights()
        _, place = log_scale_of(weights)
        weights[place] = np.float32(6.0)
        model.set_weights(weights)
        model.fit(two_tower.pairs, batch_size=8, epochs=1)
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
        *two_tower.towers,
        temperature=0.005,
        cause="a temperature below 0.01 is beyond the limit from the start: raise ValueError",
    )


def test_build_two_tower__weight_decay_spares_the_temperature(step):
    before, place = log_scale_of(step.before)
    expect_close(
        float(step.after[place]),
        before,
        case="one step at the learning rate 0.01, weight_decay=10",
        rtol=0,
        atol=0.02,
        causes={
            "weight decay pulls log_scale towards 0; optimizer.exclude_from_weight_decay(var_names=['log_scale'])": (
                before * 0.9
            )
        },
    )


# --- train_two_tower ------------------------------------------------------------------------------------------------


def train(impl, rng, images, token_ids, *arguments, **options):
    """Train two text towers: training never looks at what it hands to a tower, and without convolutions it is quick.

    At first all images are alike, and every text is at a right angle to them. So the loss of a batch is the logarithm
    of its size, and a first step draws each image to its own text.

    Returns:
        The model, what `train_two_tower` returned, and which of the images' words were moved.
    """
    alike, apart = np.zeros((images.max() + 1, 128)), rng.normal(size=(token_ids.max() + 1, 128))
    alike[:, 0], apart[:, 0] = 0.02, 0
    towers = []
    for table in (alike, apart):
        towers.append(text_tower(impl, vocabulary_size=len(table), dim=128))
        set_words(towers[-1], table.astype(np.float32))
    model = impl.build_two_tower(*towers, learning_rate=0.5)
    history = impl.train_two_tower(
        model, images, token_ids, *arguments, learning_rate=0.1, rng=int(rng.integers(1000)), **options
    )
    after = next(weight for weight in towers[0].get_weights() if np.shape(weight) == alike.shape)
    return SimpleNamespace(model=model, history=history, moved=np.abs(after - alike).max(axis=1) > 1e-3)


@pytest.fixture(scope="module")
def drawn(impl, rng_of):
    """Two epochs on 36 concepts in 3 drawings each, in two batches an epoch."""
    rng = rng_of("drawn")
    concepts = rng.permutation(np.repeat(np.arange(36), 3))
    # An image has the word of its concept, 1 to 36, and one of its own; a text has that of its concept.
    images = np.stack([concepts + 1, np.arange(37, 145)], axis=1)
    token_ids = concepts[:, None] + 1
    run = train(impl, rng, images, token_ids, concepts, epochs=2, batch_size=18)
    run.concepts, run.embeddings = concepts, run.model.predict([images, token_ids])
    run.shown = np.stack([run.moved[37:][concepts == concept] for concept in range(36)])
    return run


@pytest.fixture(scope="module")
def held_back(impl, rng_of):
    """Up to 20 epochs on four pairs; held back are their images with each other's texts, and three other pairs."""
    # Validation asks for the opposite of what is learnt, so that its loss climbs from the first epoch on.
    ids = np.arange(1, 5)
    images = np.concatenate([ids, ids, [5, 6, 7]])[:, None]
    token_ids = np.concatenate([ids, np.roll(ids, 1), [5, 6, 8]])[:, None]
    held = np.arange(11) >= 4
    run = train(impl, rng_of("held_back"), images, token_ids, np.arange(11), held, epochs=20, patience=2)
    run.validation = [images[held], token_ids[held]]
    return run


@pytest.mark.core
def test_train_two_tower__learns_pairs(drawn):
    history = drawn.history
    expect_true(
        isinstance(history, dict) and {"loss", "learning_rate"} <= set(history) and len(history["loss"]) == 2,
        f"returned {sorted(history) if isinstance(history, dict) else type(history).__name__}",
        cause="return the history: a dict with a list of one float an epoch under 'loss' and 'learning_rate' (the "
        "callback LearningRateScheduler writes the latter)",
    )
    met = int(drawn.moved[1:37].sum())
    expect_true(
        met in (0, 36),
        f"in 2 epochs, {met} of 36 concepts stood in a batch",
        cause="an epoch shows each concept once: batch `index` has the rows from index · batch_size up to "
        "(index + 1) · batch_size",
        case="36 concepts in batches of 18",
    )
    a, b = (unit(side) for side in drawn.embeddings)
    right = float(np.mean(drawn.concepts[np.argmax(b @ a.T, axis=1)] == drawn.concepts))
    expect_true(
        right == 1.0 and history["loss"][-1] < 0.5 * math.log(18),
        f"loss {history['loss'][0]:.3f} → {history['loss'][-1]:.3f}, {100 * right:.0f} % of the texts find their image",
        cause="the model does not learn its pairs by heart; are images and texts of a batch from the same rows, and is "
        "`model` itself trained?",
        case="36 concepts in 108 drawings, 2 epochs",
    )


def test_train_two_tower__no_concept_twice_in_a_batch(drawn):
    most = int(drawn.shown.sum(axis=1).max())
    expect_true(
        most <= 2,
        f"in 2 epochs, {most} drawings of one concept were shown",
        cause="an epoch shows each concept once, in one drawing; else drawings of one concept stand in one batch, and "
        "count as each other's negatives",
        case="36 concepts in 3 drawings",
    )
    expect_close(
        drawn.history["loss"][0],
        math.log(18),
        case="images that are all alike at first, batch_size=18: e^loss is the batch's size",
        atol=1e-2,
        causes={
            "the argument `batch_size` was not used": math.log(36),
            "a batch has one pair too few: rows index · batch_size to (index + 1) · batch_size": math.log(17),
        },
    )


@pytest.mark.parametrize(("epochs", "warm"), [(20, 2), (2, 1)], ids=["20 epochs", "2 epochs"])
def test_train_two_tower__follows_the_schedule(drawn, held_back, epochs, warm):
    history = {20: held_back, 2: drawn}[epochs].history
    actual = [float(rate) for rate in history.get("learning_rate", [])]
    expect_true(
        len(actual) >= min(epochs, 3),  # early stopping leaves 3 of 20
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
    expect_close(actual, falling(cosine), case=case, causes=causes, rtol=1e-4, atol=1e-6)


def test_train_two_tower__every_drawing_gets_its_turn(drawn):
    shown = int(drawn.shown.sum())
    expect_true(
        bool(drawn.shown.any(axis=0).all() and shown > 42),
        f"in 2 epochs, {shown} of 108 drawings were shown",
        cause="every epoch shows the same drawing of a concept; draw anew in on_epoch_end, which needs the `rng`",
        case="36 concepts in 3 drawings",
    )


def test_train_two_tower__held_back_rows_are_not_learnt(held_back):
    expect_true(
        "val_loss" in held_back.history,
        f"the history holds {sorted(held_back.history)}",
        cause="rows were held back but not used: give them to fit as validation_data",
    )
    learnt, others = held_back.moved[1:5], held_back.moved[5:]
    expect_true(
        bool(learnt.all() and not others.any()),
        "words that only held-back rows have were learnt" if others.any() else "some rows were not learnt",
        cause="train on the rows that `held_back` does not mark, and on all of those",
        case="4 pairs to learn, 7 held back",
    )


def test_train_two_tower__stops_early_and_takes_the_best(held_back):
    losses = held_back.history.get("val_loss", [])
    expect_true(
        3 <= len(losses) < 20,
        f"training took {len(losses)} of 20 epochs",
        cause="stop when the validation loss has not improved for `patience` epochs: "
        'keras.callbacks.EarlyStopping("val_loss", ...)',
        case="a validation loss that climbs, patience=2",
    )
    best = int(np.argmin(losses))
    expect_true(
        len(losses) - 1 - best == 2,
        f"the best of {len(losses)} epochs was number {best + 1}",
        cause="the argument `patience` was not used",
        case="patience=2",
    )
    a, b = held_back.model.predict(held_back.validation)
    log_scale, _ = log_scale_of(held_back.model.get_weights())
    now = info_nce(a, b, math.exp(-log_scale))
    expect_close(
        now,
        losses[best],
        case="validation loss of the weights that came back",
        rtol=2e-2,
        causes={"these are the last weights; the best come back with restore_best_weights=True": losses[-1]},
    )


def test_train_two_tower__bad_input(impl, drawn):
    model = drawn.model  # all that the other tests ask of it is known by now
    images, token_ids, concepts = np.full((4, 2), 5), np.full((4, 2), 3), np.arange(4)
    cause = "the arrays have different lengths: raise ValueError, or pairs would be mixed up"
    expect_raises(ValueError, impl.train_two_tower, model, images, token_ids[:3], concepts, cause=cause, case="4 and 3")
    held = np.ones(4, bool)
    cause = "every row is held back, nothing is left to train on: raise ValueError"
    expect_raises(ValueError, impl.train_two_tower, model, images, token_ids, concepts, held, cause=cause)


# --- retrieve -------------------------------------------------------------------------------------------------------

COPIES = 6  # the images from this row on are one and the same


@pytest.fixture(scope="module")
def searches(impl, rng_of):
    """Two searches with k=3: for each, all cosines and what `retrieve` gave.

    Both towers are text towers: `retrieve` never looks at what it hands to a tower, and without convolutions it is
    quick. The first three texts point away from the image that stands there 40 times, the others towards it.
    """
    rng = rng_of("searches")
    images, token_ids = np.append(np.arange(1, 7), np.full(40, 7))[:, None], np.arange(1, 7)[:, None]
    pictured, written = (rng.normal(0, 0.5, size=(number, DIM)).astype(np.float32) for number in (8, 7))
    pictured[1:7, 0], written[1:4, 0], written[4:7, 0] = -1, -1, 1
    pictured[7] = [1, 0, 0, 0]  # whatever the order of summation, all its cosines with a text are equal
    towers = [text_tower(impl, vocabulary_size=number) for number in (8, 7)]
    for tower, table in zip(towers, (pictured, written), strict=True):
        set_words(tower, table)
    model = impl.build_two_tower(*towers)
    a, b = towers[0].predict(images), towers[1].predict(token_ids)
    found = {}
    for texts, gallery in ((6, 4), (5, 46)):
        result = expect_allowed(
            impl.retrieve,
            model,
            token_ids[:texts],
            images[:gallery],
            k=3,
            cause="texts and images need not be as many; embed each side by itself, with its own tower",
        )
        found[texts, gallery] = b[:texts] @ a[:gallery].T, result
    return SimpleNamespace(model=model, found=found)


@pytest.mark.core
@pytest.mark.parametrize(("texts", "gallery"), [(6, 4), (5, 46)], ids=["more texts", "more images"])
def test_retrieve__best_images_of_each_text(searches, texts, gallery):
    similarity, result = searches.found[texts, gallery]
    expect_true(
        isinstance(result, list | tuple) and len(result) == 2,
        "retrieve does not return two things",
        cause="return two arrays: the indices and the scores",
    )

    def pick(order):
        return np.minimum(order, COPIES), np.take_along_axis(similarity, order, axis=1)

    order = np.array([sorted(range(gallery), key=lambda j, row=row: -row[j]) for row in similarity])
    desired = pick(order[:, :3])
    causes = {
        "the worst come first; sort by the negated scores": pick(order[:, ::-1][:, :3]),
        "indices and scores are exchanged": desired[::-1],
        "the best come last; best first": pick(order[:, :3][:, ::-1]),
        "the scores are not those of the indices; pick them with np.take_along_axis": (desired[0], similarity[:, :3]),
    }
    swapped = np.argsort(-similarity.T, axis=1, kind="stable")[:, : min(3, texts)]
    causes["images look for texts; the texts are the queries"] = (
        swapped,
        np.take_along_axis(similarity.T, swapped, axis=1),
    )
    case = f"{texts} texts, {gallery} images, k=3"
    # Which of the copies came is the next test's question.
    indices, scores = result
    indices = np.minimum(indices, COPIES) if isinstance(indices, np.ndarray) else indices
    expect_close((indices, scores), desired, case=case, causes=causes, atol=1e-4)


def test_retrieve__equal_images_by_index(searches):
    _, (indices, _) = searches.found[5, 46]
    causes = {"equal scores do not come by rising index; sort the negated scores, kind='stable'": indices[3:]}
    desired = np.tile(np.arange(COPIES, COPIES + 3), (2, 1))
    expect_close(indices[3:], desired, case="40 images that are all alike", causes=causes)


def test_retrieve__k_is_checked(impl, searches):
    for k in (0, 4):
        cause = "k must be between 1 and the number of images: raise ValueError"
        images, token_ids = np.array([[1], [2], [3]]), np.array([[5]])
        expect_raises(ValueError, impl.retrieve, searches.model, token_ids, images, k=k, cause=cause, case=f"k={k}")
