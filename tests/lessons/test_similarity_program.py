"""The experiments of the lesson on the two-tower program."""

import json

import numpy as np
import pytest

from mmlearn.course import paths
from mmlearn.data import TRAIN_VENDORS, load_emoji
from mmlearn.lessons import similarity_program as lesson

RESULTS = json.loads((paths.ROOT / "benchmarks/results/similarity_model.json").read_text(encoding="utf-8"))


def test_first_error_names_line_and_kind():
    assert lesson.first_error("a = 1\nb = a + 1\nprint(b)\n") == ""
    assert lesson.first_error("a = 1\nb = c\n") == "line 2: NameError: name 'c' is not defined"


def test_the_mends_change_order_and_kind_only():
    mended = lesson.data_first(lesson.FAULTY)
    assert sorted(filter(str.strip, mended.splitlines())) == sorted(filter(str.strip, lesson.FAULTY.splitlines()))
    assert mended.index("pictures =") < mended.index("model.fit")
    assert lesson.as_arrays(mended).count("np.array([[") == 3


def test_grey_features_are_levels_below_1():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1] = 255
    grey = lesson.grey_features(images)
    assert grey.shape == (2, 256)
    assert (grey[0] == 0).all()
    assert (grey[1] == 255 / 256).all()


def test_crowding_of_equal_and_of_orthogonal_rows():
    assert lesson.crowding(np.ones((5, 4)) / 2) == pytest.approx(1)
    assert lesson.crowding(np.eye(4)) == pytest.approx(0)
    assert lesson.crowding(np.array([[1.0, 0], [-1, 0]])) == pytest.approx(-1)


def test_blending_weighs_by_spread():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 5))
    np.testing.assert_allclose(lesson.blend(a, 100 * b), lesson.blend(a, b))
    np.testing.assert_allclose(lesson.blend(a, a), a / a.std())


def test_what_is_held_back_parts_no_family():
    train = load_emoji(TRAIN_VENDORS, "seen")
    new_vendor, new_family = lesson.held_back_rows(train)
    assert set(train.vendors[new_vendor]) == {"emojione"}
    assert not set(train.families[new_family]) & set(train.families[~new_family])
    assert 0.1 < new_family.mean() < 0.3


def test_the_benchmark_backs_what_the_lesson_says():
    seeds = [RESULTS["runs"][seed] for seed in ("0", "1", "2")]
    assert RESULTS["epochs"] == lesson.EPOCHS

    def mean(test, method, measure="recall@1"):
        return np.mean([run[test][method][measure] for run in seeds])

    assert mean("fluent seen", "two towers") >= 50
    assert mean("fluent seen", "two towers", "recall@10") >= 80
    for test in ("fluent seen", "openmoji seen"):
        assert mean(test, "two towers + CCA") > max(mean(test, "two towers"), mean(test, "CCA"))
    assert all(run["scale"] <= 100.01 for run in seeds)
