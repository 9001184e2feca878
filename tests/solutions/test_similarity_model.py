"""The reference answers of `similarity_model`: against NumPy, by properties, on JAX, and by what the lesson claims."""

import doctest
import json
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.data import Vocabulary, load_emoji
from mmlearn.lessons import similarity_program as lesson

solution = load_module(paths.solution_file("similarity_model"))
similarity = load_module(paths.solution_file("similarity"))

# Keras reads a variable in a way that NumPy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WORDS = 30


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pictures(rng, number, size=16):
    return rng.integers(0, 256, (number, size, size, 3)).astype(np.uint8)


def small_towers(**options):
    return (
        solution.build_image_tower(size=16, dim=16, width=8, augment=options.pop("augment", False)),
        solution.build_text_tower(WORDS, dim=16, word_dropout=options.pop("word_dropout", 0.0)),
    )


def arrays(tensors):
    return [ops.convert_to_numpy(tensor) for tensor in tensors]


def recall(model, images, token_ids, k):
    found, _ = solution.retrieve(model, token_ids, images, k)
    return float((found == np.arange(len(token_ids))[:, None]).any(axis=1).mean())


def test_the_worked_examples_are_right():
    outcome = doctest.testmod(solution)
    assert outcome.attempted >= 20
    assert outcome.failed == 0


def test_shapes_lengths_and_range(rng):
    towers = small_towers()
    images, token_ids = pictures(rng, 9), rng.integers(0, WORDS, (9, 5))
    for embeddings in arrays([towers[0](images), towers[1](token_ids)]):
        assert embeddings.shape == (9, 16)
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3)
    cosines = solution.build_similarity_model(*towers).predict([images, token_ids], verbose=0)
    assert cosines.shape == (9,)
    assert np.abs(cosines).max() <= 1


def test_a_white_page_and_an_empty_text_give_no_nan():
    image_tower, text_tower = small_towers()
    assert np.isfinite(ops.convert_to_numpy(image_tower(np.full((2, 16, 16, 3), 255, np.uint8)))).all()
    assert np.isfinite(ops.convert_to_numpy(text_tower(np.zeros((2, 3), int)))).all()


def test_augmentation_and_word_dropout_act_in_training_only(rng):
    image_tower, text_tower = small_towers(augment=True, word_dropout=0.5)
    for tower, inputs in ((image_tower, pictures(rng, 4)), (text_tower, rng.integers(1, WORDS, (4, 6)))):
        calm = arrays([tower(inputs, training=False) for _ in range(2)])
        np.testing.assert_array_equal(*calm)
        wild = arrays([tower(inputs, training=True) for _ in range(2)])
        assert not np.allclose(*wild, atol=1e-3)


def test_edges_are_seen_in_their_direction():
    picture = np.zeros((3, 16, 16, 3), np.float32)
    picture[0, :, 8:] = 1  # an edge that runs down
    picture[1, 8:] = 1  # one that runs across
    edges = ops.convert_to_numpy(solution.EdgeHistogram()(picture))
    assert edges.shape == (3, 4, 4, 8)
    strength = edges.sum(axis=(1, 2))
    assert strength[0].argmax() == 0
    assert strength[1].argmax() == 4
    np.testing.assert_allclose(strength[0], np.roll(strength[1], 4), rtol=1e-4)
    assert strength[2].max() < strength[:2].max() / 2


@pytest.mark.parametrize("temperature", [0.01, 0.07, 1.0])
def test_the_loss_is_that_of_the_topic_similarity(rng, temperature):
    a, b = rng.normal(size=(2, 12, 7)).astype(np.float32)
    loss = float(solution.info_nce_loss(a, b, temperature))
    assert loss == pytest.approx(similarity.info_nce_loss(a, b, temperature), rel=1e-4)
    assert float(solution.info_nce_loss(b, a, temperature)) == pytest.approx(loss, rel=1e-5)


def test_the_temperatures_gradient_is_expected_minus_right_cosine(rng):
    """The formula of the lesson and of the interview answer, against finite differences of the loss."""
    a, b = (similarity.l2_normalize(x) for x in rng.normal(size=(2, 6, 4)))
    cosines, s, step = a @ b.T, math.log(1 / 0.2), 1e-5

    def loss(s):
        return similarity.info_nce_loss(a, b, math.exp(-s))

    def gap(c):
        p = np.exp(math.exp(s) * c) / np.exp(math.exp(s) * c).sum(axis=1, keepdims=True)
        return np.mean((p * c).sum(axis=1) - np.diagonal(c))

    expected = math.exp(s) * (gap(cosines) + gap(cosines.T)) / 2
    assert (loss(s + step) - loss(s - step)) / (2 * step) == pytest.approx(expected, rel=1e-5)


def test_training_reaches_both_towers_and_the_temperature(rng):
    model = solution.build_two_tower(*small_towers())
    before = [np.array(weight) for weight in model.trainable_weights]
    solution.train_two_tower(model, pictures(rng, 8), np.arange(2, 10)[:, None], np.arange(8), epochs=1)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(np.array(weight), old), weight.path
    assert any(weight is model.log_scale for weight in model.trainable_weights)


def test_the_temperature_stops_at_its_limit_and_can_come_back(rng):
    images, token_ids = pictures(rng, 8), np.arange(2, 10)[:, None]
    model = solution.build_two_tower(*small_towers(), temperature=0.01, learning_rate=0.05)
    # pairs without sense: a softer temperature is better, and the limit must not hold the weight
    model.fit([images, token_ids], epochs=3, batch_size=8, verbose=0)
    assert float(model.log_scale) < math.log(100) - 0.05
    model.log_scale.assign(9.0)
    model.fit([images, token_ids], epochs=1, batch_size=8, verbose=0)
    assert float(model.log_scale) <= math.log(100) + 1e-5


def test_a_tiny_set_is_learnt_by_heart_and_searched(rng):
    images, token_ids = pictures(rng, 12), rng.permutation(np.arange(2, 26)).reshape(12, 2)
    model = solution.build_two_tower(*small_towers())
    history = solution.train_two_tower(model, images, token_ids, np.arange(12), epochs=60, batch_size=12)
    assert history["loss"][-1] < 0.1 < history["loss"][0]
    assert recall(model, images, token_ids, 1) == 1.0
    # both modalities are used: another's text finds another's image
    assert recall(model, images, np.roll(token_ids, 1, axis=0), 1) == 0.0


@pytest.fixture(scope="module")
def real():
    """60 concepts: learnt from two vendors, searched among a third one's drawings."""
    keras.utils.set_random_seed(0)
    data = load_emoji(("noto", "twemoji", "fluent"), "seen")
    chosen = np.unique(data.concept_ids)[::10][:60]
    data = data.select(np.isin(data.concept_ids, chosen))
    texts = solution.texts_of(data)
    vocabulary = Vocabulary.from_texts(texts)
    token_ids, _ = vocabulary.encode(texts)
    test = data.vendors == "fluent"

    def trained(order):
        towers = solution.build_image_tower(width=8, dim=32), solution.build_text_tower(len(vocabulary), dim=32)
        model = solution.build_two_tower(*towers)
        kept = [x[~test] for x in (data.images, token_ids[order], data.concept_ids)]
        solution.train_two_tower(model, *kept, epochs=40, batch_size=60)
        return model

    return data.select(test), token_ids[test], trained, len(data), data.concept_ids


def test_drawings_of_a_new_vendor_are_found(real):
    data, token_ids, trained, rows, _ = real
    model = trained(np.arange(rows))
    own = recall(model, data.images, token_ids, 10)
    assert own > 0.5  # chance is 0.17
    assert recall(model, data.images, np.roll(token_ids, 30, axis=0), 10) < 0.35


def test_shuffled_captions_leave_nothing_to_learn(real):
    data, token_ids, trained, _, concept_ids = real
    # one other concept's text for all drawings of a concept, so that the pairs can be learnt, and mean nothing
    concepts = np.unique(concept_ids)
    partner = dict(zip(concepts, np.roll(concepts, 23), strict=True))
    first = {concept: int(np.flatnonzero(concept_ids == concept)[0]) for concept in concepts}
    model = trained(np.array([first[partner[concept]] for concept in concept_ids]))
    assert recall(model, data.images, token_ids, 10) < 0.35


def test_a_saved_model_is_the_same(rng, tmp_path):
    model = solution.build_two_tower(*small_towers(augment=True, word_dropout=0.2), temperature=0.2)
    images, token_ids = pictures(rng, 8), np.arange(2, 10)[:, None]
    solution.train_two_tower(model, images, token_ids, np.arange(8), epochs=2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again).__name__ == "TwoTower"
    assert float(again.log_scale) == float(model.log_scale)
    for before, after in zip(arrays(model([images, token_ids])), arrays(again([images, token_ids])), strict=True):
        np.testing.assert_array_equal(after, before)
    # and it can go on: the optimiser's state is there, too
    np.testing.assert_array_equal(again.optimizer.iterations, model.optimizer.iterations)
    losses = [m.evaluate([images, token_ids], batch_size=8, verbose=0) for m in (model, again)]
    assert losses[0] == pytest.approx(losses[1])


def test_batches_hold_each_concept_once(rng):
    concepts = rng.permutation(np.repeat(np.arange(20), 3))
    rows = np.arange(60)[:, None, None, None] * np.ones((1, 1, 1, 1))
    batches = solution.ConceptBatches(rows, np.arange(60)[:, None], concepts, 6, np.random.default_rng(1))
    assert len(batches) == 3
    seen = set()
    for _ in range(60):
        shown = [int(i) for n in range(3) for i in batches[n][0][1][:, 0]]
        assert len(set(concepts[shown])) == 18
        assert all(np.array_equal(batches[n][0][0].ravel(), batches[n][0][1].ravel()) for n in range(3))
        seen |= set(shown)
        batches.on_epoch_end()
    assert seen == set(range(60))


# --- the faults that the lesson shows -------------------------------------------------------------------------------


def test_the_faulty_program_stops_where_the_lesson_says():
    assert "NameError" in lesson.first_error(lesson.FAULTY)
    mended = lesson.data_first(lesson.FAULTY)
    assert "ValueError" in lesson.first_error(mended)
    assert "shape" in lesson.first_error(lesson.as_arrays(mended))
    assert lesson.unused_imports(lesson.FAULTY) == ["tf", "Dense", "Flatten"]


def test_mended_until_it_runs_it_is_blind(rng):
    model = lesson.mended_until_it_runs(WORDS, dim=8)
    grey = lesson.grey_features(pictures(rng, 12, size=32))
    assert grey.min() >= 0 and grey.max() < 1
    captions = np.pad(rng.integers(1, WORDS, (12, 5)), ((0, 0), (0, 251)))
    loss, _ = lesson.train_towards_one(model, [grey, captions], 60, lambda: 0.0)
    assert loss[-1] < loss[0]
    scores = lesson.scores_of_all(model, grey, captions)
    np.testing.assert_allclose(scores, np.repeat(scores[:, :1], 12, axis=1), rtol=1e-5)  # all pictures are one


def test_dot_over_positions_is_no_similarity():
    given = [keras.Input((256,)), keras.Input((256,))]
    looked_up = [keras.layers.Embedding(100, 8)(x) for x in given]
    assert keras.layers.Dot(axes=1)(looked_up).shape == (None, 8, 8)


def test_without_negatives_the_space_crowds_and_a_constant_is_perfect():
    data = load_emoji("noto", "seen").select(slice(0, 150))
    token_ids, _ = Vocabulary.from_texts(solution.texts_of(data)).encode(solution.texts_of(data))
    towers = (
        solution.build_image_tower(width=4, dim=16, augment=False),
        solution.build_text_tower(int(token_ids.max()) + 1, dim=16, word_dropout=0.0),
    )
    model = solution.build_similarity_model(*towers)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mean_squared_error", jit_compile=False)
    before = lesson.crowding(ops.convert_to_numpy(towers[0](data.images)))
    loss, _ = lesson.train_towards_one(model, [data.images, token_ids], 30, lambda: 0.0)
    after = lesson.crowding(ops.convert_to_numpy(towers[0](data.images)))
    assert loss[-1] < 0.01
    assert after > max(before + 0.1, 0.85)
    constant = np.ones((20, 3), np.float32)
    assert float(solution.info_nce_loss(constant, constant)) == pytest.approx(math.log(20), rel=1e-5)


# --- other backends, and the program --------------------------------------------------------------------------------

ON_ANY_BACKEND = """
import json, sys
import numpy as np
from mmlearn.course import paths
from mmlearn.contestant.load import load_module
from mmlearn.quiet import keras

solution = load_module(paths.solution_file("similarity_model"))
given = np.load(sys.argv[1])
towers = solution.build_text_tower(12, dim=4, word_dropout=0.0), solution.build_text_tower(12, dim=4, word_dropout=0.0)
image_tower = solution.build_image_tower(size=8, dim=4, width=2, augment=False)
model = solution.build_two_tower(image_tower, towers[1], learning_rate=0.01)
rng = np.random.default_rng(0)
model.set_weights([rng.normal(size=weight.shape).astype("float32") ** 2 * 0.1 for weight in model.get_weights()])
a, b = model.predict([given["images"], given["token_ids"]], verbose=0)
pairs = [given["images"], given["token_ids"]]
losses = [model.fit(pairs, epochs=1, batch_size=6, verbose=0).history["loss"][0] for _ in range(2)]
print(json.dumps({"backend": keras.backend.backend(), "a": a.tolist(), "b": b.tolist(), "losses": losses}))
"""


def test_jax_gives_what_tensorflow_gives(rng, tmp_path):
    np.savez(tmp_path / "given.npz", images=pictures(rng, 6, size=8), token_ids=rng.integers(1, 12, (6, 3)))
    found = {}
    for backend in ("tensorflow", "jax"):
        command = [sys.executable, "-c", ON_ANY_BACKEND, str(tmp_path / "given.npz")]
        environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(command, env=environment, cwd=paths.ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        found[backend] = json.loads(done.stdout.splitlines()[-1])
        assert found[backend]["backend"] == backend
    for what in ("a", "b", "losses"):
        np.testing.assert_allclose(found["jax"][what], found["tensorflow"][what], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "--epochs must be at least 1, not 0"),
        (["--seed", "-1"], "--seed must not be negative, not -1"),
        (["--output", "{}/file/below"], "Not a directory"),
    ],
)
def test_the_program_tells_a_mistake_in_one_line(tmp_path, capsys, arguments, said):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as stopped:
        solution.main([argument.format(tmp_path) for argument in arguments])
    assert stopped.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "error:" in last
    assert said in last


def test_the_programs_figures_and_baseline(rng, tmp_path):
    data = load_emoji("noto", "seen").select(slice(0, 40))
    ranking = solution.look_up(data, data)
    assert ranking.shape == (40, 10)
    assert solution.measure(ranking)["R@1"] > 95  # each drawing is its own nearest, but for twins
    solution.save_figures(tmp_path, {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}, data, ranking)
    assert {file.name for file in tmp_path.iterdir()} == {"loss.png", "retrieval.png"}
