"""The experiment and the pictures of the lesson "What is multimodal?"."""

import json

import numpy as np
import pytest

from mmlearn.course import paths
from mmlearn.data import GROUPS, NEAR_VENDOR, PADDING_ID, UNKNOWN_ID
from mmlearn.lessons import multimodal as lesson
from mmlearn.lessons import multimodal_figures as figures
from mmlearn.lessons import multimodal_map as diagram
from mmlearn.lessons.fusion import classification_pairs

STORED = json.loads((paths.ROOT / "benchmarks" / "results" / "multimodal.json").read_text(encoding="utf-8"))
METHODS = (*lesson.METHODS, "late", "either")


@pytest.fixture(scope="module")
def test_pairs():
    return classification_pairs(NEAR_VENDOR, "unseen")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_pixel_noise_has_the_strength_asked_for_and_one_level_an_image():
    images = np.full((3, 32, 32, 3), 128, np.uint8)
    noisy = lesson.add_pixel_noise(images, np.array([0, 10, 30]), rng())
    assert noisy.dtype == np.uint8
    assert (noisy[0] == 128).all()
    assert noisy[1].std() == pytest.approx(10, abs=0.5)
    assert noisy[2].std() == pytest.approx(30, abs=1.5)
    assert (images == 128).all(), "the drawings themselves must not change"


def test_pixel_noise_does_not_wrap_around():
    white = np.full((1, 32, 32, 3), 255, np.uint8)
    assert lesson.add_pixel_noise(white, 20, rng()).min() > 130


def test_lost_words_become_unknown_and_padding_stays():
    token_ids = np.tile(np.array([[5, 6, 7, PADDING_ID]], np.int32), (2000, 1))
    half = lesson.lose_words(token_ids, 0.5, rng())
    assert half.dtype == np.int32
    assert (half[:, 3] == PADDING_ID).all()
    assert (half[:, :3] == UNKNOWN_ID).mean() == pytest.approx(0.5, abs=0.03)
    kept = half[:, :3] != UNKNOWN_ID
    assert (half[:, :3][kept] == token_ids[:, :3][kept]).all()
    assert (lesson.lose_words(token_ids, 1, rng())[:, :3] == UNKNOWN_ID).all()
    assert (lesson.lose_words(token_ids, 0, rng()) == token_ids).all()


@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_swapped_texts_are_other_rows_texts_and_none_is_lost(share):
    token_ids = np.arange(40)[:, None]
    swapped = lesson.swap_texts(token_ids, share, rng())
    assert (swapped != token_ids).mean() == share
    assert sorted(swapped.ravel()) == list(range(40))


def test_spoiling_one_modality_leaves_the_other_alone(test_pairs):
    features, token_ids = lesson.spoil(test_pairs, *lesson.CLEAN, 0)
    assert (token_ids == test_pairs.token_ids).all()
    for kind in lesson.LEVELS:
        new_features, new_ids = lesson.spoil(test_pairs, kind, lesson.LEVELS[kind][-1], 0)
        assert (new_features == features).all() == (kind != lesson.PIXELS)
        assert (new_ids == token_ids).all() == (kind == lesson.PIXELS)
    with pytest.raises(ValueError, match="unknown kind"):
        lesson.spoil(test_pairs, "rain", 1, 0)


def test_training_pairs_are_spoiled_in_one_modality_at_most(test_pairs):
    clean, _ = lesson.spoil(test_pairs, *lesson.CLEAN, 0)
    features, token_ids = lesson.spoil_for_training(test_pairs, 0)
    picture = (features != clean).any(axis=1)
    words = (token_ids != test_pairs.token_ids).any(axis=1)
    assert not (picture & words).any()
    assert 0.25 < picture.mean() < 0.42
    assert 0.1 < words.mean() < 0.4, "of a third, those that lost no word look clean"


def test_log_softmax_survives_large_logits():
    found = lesson.log_softmax(np.array([[1e4, 0.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [[0, -1e4], [np.log(0.5)] * 2])


def test_the_interval_covers_the_mean_and_narrows_with_more_rows():
    gain = rng(1).normal(0.1, 1, 400)
    low, high = lesson.interval(gain, 0)
    assert low < gain.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * gain.std() / 20, rel=0.15)
    wide = np.subtract(*lesson.interval(gain[:100], 0))
    assert abs(wide) > 1.5 * (high - low)


class Fixed:
    """A classifier that always answers the same."""

    def __init__(self, rows: int, answer: int):
        self.scores = np.zeros((rows, len(GROUPS)))
        self.scores[:, answer] = 3.0

    def logits(self, inputs, missing=None):
        return self.scores


def test_measuring_counts_right_answers(test_pairs):
    pytest.importorskip("mmlearn.lessons.fusion_models")
    answer = {"image": 0, "text": 1, "concat": 2}
    models = {(method, "clean"): Fixed(len(test_pairs), group) for method, group in answer.items()}
    share = np.bincount(test_pairs.labels, minlength=len(GROUPS)) / len(test_pairs)
    rows = lesson.measure(models, test_pairs, seed=0)
    assert len(rows) == sum(map(len, lesson.LEVELS.values())) + 2
    for row in rows:
        assert row["concat"] == pytest.approx(share[2], abs=1e-4)
        if "either" in row:
            assert row["image"] == pytest.approx(share[0], abs=1e-4)
            assert row["either"] == pytest.approx(share[0] + share[1], abs=1e-4)
            assert row["late"] in (row["image"], row["text"])


def mean(method: str, training: str, kind: str, level: float) -> float:
    wanted = (training, kind, level)
    return float(np.mean([r[method] for r in STORED["rows"] if (r["training"], r["kind"], r["level"]) == wanted]))


def test_the_stored_measurements_say_what_the_lesson_says():
    assert STORED["protocol"]["seeds"] >= 3
    for training in lesson.TRAININGS:
        clean = {method: mean(method, training, *lesson.CLEAN) for method in METHODS}
        assert clean["late"] > max(clean["image"], clean["text"]) + 0.05, "fused well, both beat one"
        assert clean["either"] > clean["late"]
        for method in ("concat", "late"):
            assert mean(method, training, lesson.WRONG, 0.5) < clean["image"], "with half the texts wrong, fusion loses"
            assert mean(method, training, lesson.LOST, 1) < clean["image"]
    gains = {(g["training"], g["better"], g["than"]): g for g in STORED["gain"]}
    assert gains["clean", "concat", "text"]["low"] < 0 < gains["spoiled", "concat", "text"]["low"]
    assert gains["spoiled", "late", "concat"]["low"] < 0 < gains["clean", "late", "concat"]["low"]


def test_every_level_was_measured_for_every_seed():
    cells = [(r["seed"], r["training"], r["kind"], r["level"]) for r in STORED["rows"]]
    levels = [(kind, level) for kind, several in lesson.LEVELS.items() for level in several]
    levels += [("no text", 1), ("no image", 1)]
    assert len(cells) == len(set(cells)) == STORED["protocol"]["seeds"] * len(lesson.TRAININGS) * len(levels)


def texts_outside(figure) -> list[str]:
    """Every text that the figure's edge cuts off."""
    figure.canvas.draw()
    box = figure.bbox
    found = [text for axes in figure.axes for text in axes.texts]
    extents = [(text.get_text(), text.get_window_extent()) for text in found]
    return [t for t, e in extents if e.x0 < box.x0 or e.x1 > box.x1 or e.y0 < box.y0 or e.y1 > box.y1]


def overlapping(figure) -> list[tuple[str, str]]:
    """Every two texts that lie on each other."""
    figure.canvas.draw()
    found = [text for axes in figure.axes for text in axes.texts if text.get_text()]
    extents = [(text.get_text(), text.get_window_extent()) for text in found]
    pairs = [(a, b) for i, a in enumerate(extents) for b in extents[:i]]
    return [(a[0], b[0]) for a, b in pairs if a[1].overlaps(b[1])]


@pytest.mark.parametrize("system", ["clip", "siglip", "flamingo", "blip2", "llava"])
def test_no_label_of_a_diagram_is_cut_off_or_lies_on_another(system, test_pairs):
    figure = getattr(diagram, system)(test_pairs.images[0], "what is this?")
    assert texts_outside(figure) == []
    assert overlapping(figure) == []


def test_verdicts_mark_the_right_answers(test_pairs):
    names = {"a row": ["bear", "trophy"]}
    right = test_pairs.labels
    figure = figures.verdicts(test_pairs.data, names, right, (right + 1) % len(GROUPS), "title")
    told = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert told["picture: nature"] == figures.BLUE
    assert told["words: food"] == figures.ORANGE
    assert overlapping(figure) == []


def test_curves_and_bars_draw_what_was_measured():
    figure = figures.noise_curves(STORED["rows"], "title")
    assert len(figure.axes) == len(lesson.TRAININGS) * len(lesson.LEVELS)
    drawn = figure.axes[0].containers[0].lines[0].get_ydata().astype(float)
    expected = [100 * mean("image", "clean", lesson.PIXELS, level) for level in lesson.LEVELS[lesson.PIXELS]]
    np.testing.assert_allclose(drawn, expected)
    bars = figures.clean_bars(STORED["rows"], 0.2, "title").axes[0].patches
    heights = [100 * mean(method, training, *lesson.CLEAN) for training in lesson.TRAININGS for method in METHODS]
    np.testing.assert_allclose([bar.get_height() for bar in bars], heights)
