"""The pairs, the figures and the networks of the lesson on fusion."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmlearn.data import NEAR_VENDOR, UNKNOWN_ID
from mmlearn.lessons import fusion as lesson


@pytest.fixture(scope="module")
def names():
    return lesson.classification_pairs("noto", text="name")


def test_pairs_belong_together(names):
    row = int(np.flatnonzero(names.data.names["en"] == names.texts[7])[0])
    assert names.images.shape == (len(names), 32, 32, 3)
    assert names.token_ids.shape[0] == len(names.labels) == len(names.texts) == len(names)
    assert names.vocabulary.decode(names.token_ids[row : row + 1])[0].split()[0] in names.texts[row].lower()
    assert (names.labels == names.data.labels).all()


def test_training_texts_hold_known_words_only(names):
    assert lesson.known_texts(names).all()
    assert not (names.token_ids == UNKNOWN_ID).any()


def test_test_pairs_share_no_concept_with_training_and_use_its_vocabulary(names):
    test = lesson.classification_pairs(NEAR_VENDOR, "unseen", "name", names.vocabulary)
    assert not set(test.data.concept_ids) & set(names.data.concept_ids)
    assert test.vocabulary is names.vocabulary
    assert 0 < lesson.known_texts(test).mean() < 1


def test_a_keyword_is_one_of_the_concepts_and_the_seed_decides_which():
    first, again, other = (lesson.classification_pairs("noto", text="keyword", rng=seed) for seed in (1, 1, 2))
    assert all(text in words for text, words in zip(first.texts, first.data.keywords["en"], strict=True))
    assert first.texts == again.texts
    assert first.texts != other.texts


def test_an_unknown_kind_of_text_is_named():
    with pytest.raises(ValueError, match="use one of name, keyword"):
        lesson.classification_pairs("noto", text="caption")


def a_result():
    rows = [
        {"seed": seed, "text": text, "method": method, "modality_dropout": rate}
        | dict.fromkeys(("both", "without_text", "without_image"), 0.5 + 0.1 * seed)
        for seed in (0, 1)
        for text in lesson.TEXTS
        for method in ("image", "text", "late", "either", "concat")
        for rate in (0.0, 0.5)
    ]
    late = [{"seed": seed, "text": text, "both": [0.1, 0.3 + 0.1 * seed]} for seed in (0, 1) for text in lesson.TEXTS]
    return {"rows": rows, "late": late, "late_weights": [0.0, 1.0], "protocol": {"modality_dropout": 0.5}}


def test_mean_and_spread_are_percentages_over_the_seeds():
    mean, spread = lesson.mean_and_spread(a_result(), "name", "concat")
    assert mean == pytest.approx(55)
    assert spread == pytest.approx(10 / np.sqrt(2))
    with pytest.raises(KeyError, match="tensor"):
        lesson.mean_and_spread(a_result(), "name", "tensor")


def test_figures_are_drawn(names):
    p = np.full((len(names), 8), 1 / 8)
    labels = {"image": "image", "concat": "concatenation"}
    rng = np.random.default_rng(0)
    figures = [
        lesson.answers(names, [0, 5], {"image": p, "text": p}, "title"),
        lesson.scales([0.1, 1], [40, 50], 55, {"image": 45, "text": 50}),
        lesson.gates(rng.random(50), np.arange(50) % 2 == 0, "title"),
        lesson.weight_curve(a_result(), "title"),
        lesson.comparison(a_result(), labels, "title"),
        lesson.missing(a_result(), labels, "title"),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        figure.draw_without_rendering()


@pytest.fixture(scope="module")
def networks():
    from mmlearn.lessons import fusion_models

    return fusion_models


@pytest.fixture(scope="module")
def few(networks):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, 40)
    features = rng.normal(size=(40, 12)).astype(np.float32)
    return networks.Inputs(features, rng.integers(2, 9, (40, 3)).astype(np.int32), labels)


@pytest.mark.parametrize("method", ["image", "text", "concat", "hidden", "gated", "film", "low_rank", "tensor"])
def test_a_network_of_each_kind_is_trained(networks, few, method):
    model = networks.train(method, few, 9, epochs=1, modality_dropout=0.5)
    assert model.logits(few).shape == (40, 8)
    missing = model.logits(few, missing="text")
    if method == "image":
        np.testing.assert_allclose(missing, model.logits(few), atol=1e-6)
    if method in ("text", "low_rank"):  # nothing of the image is left
        np.testing.assert_allclose(missing - missing[0], 0, atol=1e-5)


def test_an_unknown_method_is_named(networks, few):
    with pytest.raises(ValueError, match="use one of image, text, concat"):
        networks.train("sum", few, 9, epochs=1)


def test_the_layer_drops_one_modality_and_rescales(networks):
    layer = networks.ModalityDropout(0.5, seed=1)
    ones = np.ones((4000, 2), np.float32)
    image, text = (np.asarray(out) for out in layer([ones, ones], training=True))
    assert not ((image == 0) & (text == 0)).any()
    for out in (image, text):
        np.testing.assert_allclose(np.unique(out), [0, 4 / 3], rtol=1e-6)
        assert abs((out[:, 0] == 0).mean() - 0.25) < 0.05
    image, text = (np.asarray(out) for out in layer([ones, ones], training=False))
    assert (image == 1).all()
    assert (text == 1).all()


def test_log_probabilities_do_not_overflow(networks):
    log_p = networks.log_probabilities(np.array([[1e4, -1e4], [0.0, 0.0]]))
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)
