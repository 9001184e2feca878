"""What the lesson on attention measures with, its figures, and the reader of scenes before any training."""

import json

import numpy as np
import pytest

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.data import TRAIN_VENDORS, Vocabulary, load_emoji, make_scenes
from mmlearn.lessons import attention as lesson
from mmlearn.lessons import attention_figures as figures


@pytest.fixture(scope="module")
def train():
    data = load_emoji(TRAIN_VENDORS, "seen")
    return data.select(np.isin(data.concept_ids, np.unique(data.concept_ids)[:60]))


@pytest.fixture(scope="module")
def scenes(train):
    return make_scenes(train, 20, rng=0)


@pytest.fixture(scope="module")
def vocabulary(train):
    return Vocabulary.from_texts(train.names["en"])


@pytest.fixture(scope="module")
def reference():
    return load_module(paths.solution_file("attention"))


# --- the look-up by pixels ------------------------------------------------------------------------------------------


def test_cells_are_cut_where_the_scene_was_composed(scenes):
    cells = lesson.cells_of(scenes)
    assert cells.shape == (20, 9, 24, 24, 3)
    assert ((cells != 255).any(axis=(2, 3, 4)) == (scenes.cells >= 0)).all()


def test_a_template_from_one_vendor_finds_that_vendors_drawing_exactly(train):
    noto = train.select(train.vendors == "noto")
    scenes = make_scenes(noto, 10, rng=1)
    scores = lesson.template_scores(scenes, noto)
    assert scores.shape == (10, 8, 9)
    there = scenes.present
    assert (scores[there].argmax(axis=-1) == scenes.places[there]).all()
    np.testing.assert_allclose(scores[there].max(axis=-1), 0, atol=1e-6)
    assert (scores[~there].max(axis=-1) < 0).all()


def test_the_best_threshold_separates_what_can_be_separated():
    scores, present = np.array([0.1, 0.4, 0.2, 0.9]), np.array([False, True, False, True])
    threshold = lesson.best_threshold(scores, present)
    assert ((scores > threshold) == present).all() or ((scores >= threshold) == present).all()


def test_the_best_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    scores, present = rng.normal(size=50), rng.random(50) < 0.5
    best = max(((scores >= t) == present).mean() for t in scores)
    assert ((scores >= lesson.best_threshold(scores, present)) == present).mean() >= best


# --- the reader -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def readers(vocabulary):
    from mmlearn.lessons.attention_model import READOUTS, SceneReader
    from mmlearn.quiet import keras

    keras.utils.set_random_seed(0)
    return {readout: SceneReader(len(vocabulary), readout) for readout in READOUTS}


def test_the_readers_attention_is_that_of_the_exercise(readers, scenes, vocabulary, reference):
    from mmlearn.lessons.attention_model import answers, encode_queries, queries_and_keys
    from mmlearn.quiet import keras

    for reader in readers.values():
        q, k = queries_and_keys(reader, scenes, vocabulary)
        assert q.shape == (20, 8, 64)
        assert k.shape == (20, 81, 64)
        _, weights = reference.scaled_dot_product_attention(q, k, k)
        own = reader.attention(*reader.queries_and_keys(scenes.images, encode_queries(scenes, vocabulary)))
        np.testing.assert_allclose(weights, keras.ops.convert_to_numpy(own), atol=1e-5)
        logits = keras.ops.convert_to_numpy(reader((scenes.images, encode_queries(scenes, vocabulary))))
        clear = np.abs(logits) > 1e-3
        assert (answers(reader, q, k, weights) == (logits > 0))[clear].all()


def test_only_the_reader_through_attention_depends_on_its_map(readers, scenes, vocabulary):
    from mmlearn.lessons.attention_model import encode_queries
    from mmlearn.quiet import keras

    token_ids = encode_queries(scenes, vocabulary)
    for readout, reader in readers.items():
        q, k = reader.queries_and_keys(scenes.images, token_ids)
        first = np.zeros((20, 8, 81), np.float32)
        last = first.copy()
        first[..., 0], last[..., 40] = 1, 1
        a, b = (keras.ops.convert_to_numpy(reader.answer(q, k, w)) for w in (first, last))
        assert np.allclose(a, b) == (readout == "pooled")


def test_another_readout_is_refused():
    from mmlearn.lessons.attention_model import SceneReader

    with pytest.raises(ValueError, match="through, pooled"):
        SceneReader(10, "guess")


def test_training_fits_a_few_scenes(train, vocabulary):
    from mmlearn.lessons.attention_model import encode_queries, train_reader

    few = make_scenes(train, 32, rng=0)
    losses = []
    for epochs in (1, 10):
        reader = train_reader(few, vocabulary, seed=0, epochs=epochs)
        losses.append(reader.evaluate((few.images, encode_queries(few, vocabulary)), few.present * 1.0, verbose=0))
    assert losses[1] < losses[0]


# --- figures --------------------------------------------------------------------------------------------------------


def test_figures_are_drawn_and_say_their_title(scenes):
    weights = np.random.default_rng(0).dirichlet(np.ones(81), size=(20, 8))
    drawn = [
        figures.questions(scenes, range(3), "Questions"),
        figures.by_hand(["a", "b", "c"], np.array([2.0, 1, 0]), np.array([0.7, 0.2, 0.1]), "By hand"),
        figures.scales(
            [4, 16], {"entropy": {"x": [1, 2], "y": [2, 2]}, "gradient": {"x": [1, 0], "y": [1, 1]}}, "Scales"
        ),
        figures.masks({"right": np.array([0.4, 0.6, 0])}, np.array([True, True, False]), "Masks"),
        figures.heat_maps(scenes, weights, [(0, 0), (0, 1), (3, 2)], "Maps", columns=2),
        figures.bars({"a": {"x": (50, 1), "y": (60, 0)}}, "%", "Bars", {"chance": 11}),
    ]
    for figure, title in zip(drawn, ["Questions", "By hand", "Scales", "Masks", "Maps", "Bars"], strict=True):
        figure.canvas.draw()
        assert figure.get_suptitle() == title


def test_a_heat_map_says_whether_the_maximum_lies_on_the_target(scenes):
    weights = np.where(scenes.target_masks(9), 1.0, 0.1)
    i, j = np.argwhere(scenes.present)[0]
    m, n = np.argwhere(~scenes.present)[0]
    figure = figures.heat_maps(scenes, np.concatenate([weights, 1.1 - weights]), [(i, j), (m, n)], "Maps", columns=2)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].endswith("✓")
    assert "not there" in titles[1].replace("\n", " ")


# --- the committed results ------------------------------------------------------------------------------------------


def test_the_results_hold_what_the_lesson_says():
    found = json.loads((paths.ROOT / "benchmarks/results/attention.json").read_text(encoding="utf-8"))
    runs, seeds = found["runs"], len(found["seeds"])
    assert seeds >= 3
    for which in ("training vendors", "fluent", "openmoji"):
        through = runs["through"][which]
        assert len(through["pointing"]) == seeds
        assert min(through["pointing"]) > 25  # any emoji
        assert max(through["pointing with the map of another word"]) < 25
        assert max(through["accuracy with a flat map"]) < 55
        assert max(runs["pooled"][which]["pointing"]) < min(through["pointing"])
