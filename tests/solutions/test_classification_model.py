"""The reference answers of `classification_model`: what the program promises; what its faulty forerunner cannot do."""

import doctest
import os
import subprocess
import sys

import numpy as np
import pytest

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.lessons import classification_program as lesson
from mmlearn.quiet import keras

solution = load_module(paths.solution_file("classification_model"))

# Keras's own LearningRateScheduler reads the rate in a way that NumPy 2 warns of on TensorFlow.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {"dim": 8, "image_size": 8, "widths": (8,)}
CALM = {"augment": False, "dropout": 0.0, "word_dropout": 0.0, "modality_dropout": 0.0}
by_fusion = pytest.mark.parametrize("fusion", solution.FUSIONS)


def some_pairs(count, num_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    token_ids = rng.integers(2, 20, (count, 4)).astype(np.int32)
    token_ids[:, 2:] *= rng.integers(0, 2, (count, 1), dtype=np.int32)
    return images, token_ids, np.arange(count) % num_classes


def two_signals(count, seed=0):
    """Pictures in one of two colours, texts with one of two words beside noise; both bits, independent."""
    rng = np.random.default_rng(seed)
    colour, word = rng.integers(0, 2, (2, count))
    images = rng.integers(0, 120, (count, 8, 8, 3))
    images[np.arange(count), :, :, 2 * colour] += 120  # red or blue
    token_ids = np.stack([2 + word, rng.integers(4, 20, count)], axis=1)
    return images.astype(np.uint8), token_ids.astype(np.int32), colour, word


def trained(model, images, token_ids, labels, epochs, rate=0.01, batch_size=32):
    model.optimizer.learning_rate = rate
    model.fit([images, token_ids], labels, epochs=epochs, batch_size=batch_size, verbose=0)
    return model


def logits_of(model, images, token_ids):
    """By a call, not by `predict`, which first compiles a graph."""
    return np.array(model([images, token_ids], training=False))


def accuracy(model, images, token_ids, labels):
    return float(np.mean(logits_of(model, images, token_ids).argmax(axis=1) == labels))


def test_the_worked_examples_are_right():
    outcome = doctest.testmod(solution)
    assert outcome.attempted >= 7
    assert outcome.failed == 0


# --- the model ------------------------------------------------------------------------------------------------------


@by_fusion
def test_logits_are_finite_and_softmax_makes_them_probabilities(fusion):
    images, token_ids, _ = some_pairs(6)
    token_ids[0] = 0  # a text without words
    model = solution.build_classifier(fusion, 20, 3, **SMALL)
    logits = logits_of(model, images, token_ids)
    assert logits.shape == (6, 3)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(np.exp(solution.log_softmax(logits)).sum(axis=1), 1, atol=1e-5)


def trainable(weights):
    """Without the moving means and variances of batch normalisation: the 4th and 5th array of a block."""
    kept, place = [], 0
    while place < len(weights):
        kernel = weights[place].ndim == 4
        kept += weights[place : place + 3] if kernel else weights[place : place + 1]
        place += 5 if kernel else 1
    return kept


@by_fusion
def test_padding_does_not_change_the_answer(fusion):
    images, token_ids, _ = some_pairs(6)
    model = solution.build_classifier(fusion, 20, 3, **SMALL)
    short = logits_of(model, images, token_ids)
    long = logits_of(model, images, np.pad(token_ids, ((0, 0), (0, 5))))
    np.testing.assert_allclose(long, short, atol=1e-5)


def test_nothing_is_random_in_inference_and_something_is_in_training():
    images, token_ids, _ = some_pairs(8)
    model = solution.build_classifier("concat", 20, 3, **SMALL)
    once, again = (logits_of(model, images, token_ids) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    once, again = (np.array(model([images, token_ids], training=True)) for _ in range(2))
    assert not np.allclose(once, again)


def test_modality_dropout_never_takes_both_and_takes_the_share_that_was_asked_for():
    keras.utils.set_random_seed(0)
    images, token_ids, _ = some_pairs(2000)
    images[:] = 7
    shown, told = solution.ModalityDropout(0.4)([images.astype(np.float32), token_ids], training=True)
    no_image = (np.array(shown) == solution.WHITE).all(axis=(1, 2, 3))
    no_text = (np.array(told) == 0).all(axis=1)
    assert not (no_image & no_text).any()
    assert abs(no_image.mean() - 0.2) < 0.04  # 4.5 standard errors
    assert abs(no_text.mean() - 0.2) < 0.04


def test_word_dropout_leaves_padding_alone():
    token_ids = np.array([[5, 6, 0, 0]] * 500, np.int32)
    lost = np.array(solution.WordDropout(0.5)(token_ids, training=True))
    assert (lost[:, 2:] == 0).all()
    assert set(np.unique(lost[:, :2])) == {1, 5, 6}


# --- training -------------------------------------------------------------------------------------------------------


def test_class_weights_are_those_of_a_sample_weighted_loss():
    images, token_ids, _ = some_pairs(30)
    labels, families = (np.arange(30) % 5 == 0).astype(int), np.arange(30)
    held = solution.held_back(families, 0.15, 0)
    one, other = (solution.build_classifier("concat", 20, 2, **SMALL, **CALM) for _ in range(2))
    solution.train_classifier(one, images, token_ids, labels, families, epochs=1, batch_size=30)
    counts = np.bincount(labels[~held])
    weights = (counts.sum() / (2 * counts))[labels]
    other.optimizer.learning_rate = 3e-3
    other.fit([images[~held], token_ids[~held]], labels[~held], sample_weight=weights[~held], batch_size=30, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_families_are_never_parted_and_the_seed_decides_which_are_held_back():
    families = np.array([f"family {i // 3}" for i in range(90)])
    held = solution.held_back(families, 0.2, 0)
    assert held.sum() == 18
    assert not set(families[held]) & set(families[~held])
    assert (held == solution.held_back(families, 0.2, 0)).all()
    assert (held != solution.held_back(families, 0.2, 1)).any()
    assert solution.held_back(families, 0.0, 0).sum() == 3


def test_the_best_epoch_is_what_is_left():
    images, token_ids, labels = some_pairs(60)
    model = solution.build_classifier("concat", 20, 3, **SMALL, **CALM)
    history = solution.train_classifier(
        model, images, token_ids, labels, np.arange(60), epochs=6, patience=9, learning_rate=0.03, validation_share=0.4
    )
    rows = history["validation_rows"]
    left = accuracy(model, images[rows], token_ids[rows], labels[rows])
    assert left == pytest.approx(max(history["val_accuracy"]), abs=1e-6)
    assert max(history["val_accuracy"]) > history["val_accuracy"][-1], "choose another seed: the last epoch is the best"


@by_fusion
def test_it_learns_a_few_pairs_by_heart_and_both_encoders_learn(fusion):
    images, token_ids, labels = some_pairs(24, num_classes=8)
    model = solution.build_classifier(fusion, 20, 8, **SMALL, **CALM)
    before = {name: model.get_layer(name).get_weights() for name in ("image_encoder", "text_encoder")}
    trained(model, images, token_ids, labels, epochs=60, batch_size=8)
    assert accuracy(model, images, token_ids, labels) == 1
    for name, weights in before.items():
        variables = model.get_layer(name).trainable_variables
        moved = [np.abs(np.array(v.numpy()) - w).max() for v, w in zip(variables, trainable(weights), strict=True)]
        assert min(moved) > 1e-3, f"{name}: a weight without a gradient"


# --- what fusion is for ---------------------------------------------------------------------------------------------


def test_a_label_of_both_bits_needs_both_modalities():
    """Four classes, one for each pair of colour and word: either modality alone tells two of them apart."""
    images, token_ids, colour, word = two_signals(400)
    labels = 2 * colour + word
    part, rest = slice(0, 300), slice(300, 400)
    model = solution.build_classifier("concat", 20, 4, **SMALL, augment=False)
    trained(model, images[part], token_ids[part], labels[part], epochs=12)
    found = solution.ablate(model, images[rest], token_ids[rest], labels[rest])
    assert found["full"] > 0.95
    assert found["image_only"] < 0.7
    assert found["text_only"] < 0.7
    assert found["shuffled_text"] < 0.7
    for modality in ("image", "text"):
        single = solution.build_unimodal(modality, 20, 4, **({**SMALL, "augment": False}))
        trained(single, images[part], token_ids[part], labels[part], epochs=12)
        assert accuracy(single, images[rest], token_ids[rest], labels[rest]) < 0.7


def test_an_exclusive_or_needs_a_fusion_that_does_more_than_add():
    images, token_ids, colour, word = two_signals(400)
    labels = colour ^ word
    part, rest = slice(0, 300), slice(300, 400)
    scores = {}
    for fusion in ("gated", "concat"):
        model = solution.build_classifier(fusion, 20, 2, **SMALL, **CALM)
        trained(model, images[part], token_ids[part], labels[part], epochs=25)
        scores[fusion] = accuracy(model, images[rest], token_ids[rest], labels[rest])
    assert scores["gated"] > 0.95
    assert scores["concat"] < 0.8, "logits that are a sum over the modalities cannot be an exclusive or"


# --- saved, loaded, moved to another backend ------------------------------------------------------------------------


@by_fusion
def test_a_saved_model_comes_back_the_same(fusion, tmp_path):
    images, token_ids, _ = some_pairs(6)
    model = solution.build_classifier(fusion, 20, 3, **SMALL, modality_dropout=0.25, word_dropout=0.125)
    model.optimizer.build(model.trainable_variables)  # as after training
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits_of(again, images, token_ids), logits_of(model, images, token_ids))
    rates = [layer.rate for layer in (again.layers[2], again.get_layer("text_encoder").layers[1])]
    assert sorted(rates) == [0.125, 0.25]


ON_JAX = """
import sys
import numpy as np
from pathlib import Path
from mmlearn.contestant.load import load_module
from mmlearn.quiet import keras

assert keras.backend.backend() == "jax"
solution = load_module(Path(sys.argv[1]))
for fusion in ("concat", "cross_attention"):
    stored = np.load(Path(sys.argv[2]) / f"{fusion}.npz")
    model = solution.build_classifier(fusion, 20, 3, dim=8, image_size=8, widths=(8,))
    model.set_weights([stored[f"w{i}"] for i in range(int(stored["count"]))])
    inputs = [stored["images"], stored["token_ids"]]
    print(fusion, np.abs(model.predict(inputs, verbose=0) - stored["logits"]).max())
history = model.fit(inputs, stored["labels"], batch_size=8, epochs=1, verbose=0).history  # two steps
assert np.isfinite(history["loss"]).all()
"""


def test_on_jax_the_same_weights_give_the_same_answers(tmp_path):
    images, token_ids, labels = some_pairs(16)
    for fusion in ("concat", "cross_attention"):
        model = solution.build_classifier(fusion, 20, 3, **SMALL)
        weights = model.get_weights()
        np.savez(
            tmp_path / f"{fusion}.npz",
            images=images,
            token_ids=token_ids,
            labels=labels,
            logits=logits_of(model, images, token_ids),
            count=len(weights),
            **{f"w{i}": weight for i, weight in enumerate(weights)},
        )
    result = subprocess.run(
        [sys.executable, "-c", ON_JAX, str(paths.solution_file("classification_model")), str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        cwd=paths.ROOT,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    gaps = {line.split()[0]: float(line.split()[1]) for line in result.stdout.splitlines() if line.split()}
    assert set(gaps) == {"concat", "cross_attention"}
    assert max(gaps.values()) < 1e-3


# --- the program as it is found -------------------------------------------------------------------------------------


def test_made_to_run_and_no_more_it_cannot_even_learn_a_few_pairs_by_heart():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 32, 32, 3)).astype(np.float32)
    token_ids, labels = rng.integers(2, 20, (24, 4)), np.arange(24) % 8
    model = lesson.made_to_run(20, 8, joined="dot")
    trained(model, images, token_ids, labels, epochs=60)
    kernel, bias = model.layers[-1].get_weights()
    assert lesson.numbers_for_the_classifier(model) == 1
    assert lesson.classes_of_one_number(kernel, bias) < 8
    assert accuracy(model, images, token_ids, labels) < 0.7


# --- the parts that are given ---------------------------------------------------------------------------------------


def test_scores_by_hand():
    labels, predictions = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert solution.confusion_matrix(labels, predictions, 3).tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    found = solution.scores(labels, predictions, 3)
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_calibration_error_by_hand_and_a_temperature_that_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    labels = np.array([rng.choice(4, p=p) for p in np.exp(solution.log_softmax(logits))])
    rows, error = solution.reliability(logits, labels)
    assert rows[:, 2].sum() == 4000
    assert error < 0.03
    assert solution.reliability(5 * logits, labels)[1] > 0.2
    assert solution.fit_temperature(5 * logits, labels) == pytest.approx(5, rel=0.1)
    sure = np.array([[20.0, 0.0], [20.0, 0.0]])
    assert solution.reliability(sure, np.array([0, 1]))[1] == pytest.approx(0.5, abs=1e-6)


def test_figures_are_written(tmp_path):
    rng = np.random.default_rng(0)
    count = 30
    images = rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    labels, names = rng.integers(0, 8, count), np.array(["name"] * count)
    test = solution.Pairs(images, np.ones((count, 2), int), labels, names, names)
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}
    solution.save_figures(tmp_path, history, rng.normal(size=(count, 8)), 1.3, test)
    assert {file.name for file in tmp_path.iterdir()} == {
        "loss.png",
        "confusion.png",
        "reliability.png",
        "mistakes.png",
    }


def test_words_of_families_held_back_only_are_unknown():
    size, pairs = solution.load_pairs(0)
    training = pairs["train"]
    held = solution.held_back(training.families, 0.15, 0)
    assert not (training.token_ids[~held] == solution.UNKNOWN).any()
    assert (training.token_ids[held] == solution.UNKNOWN).any()
    assert training.token_ids.max() < size
    assert training.token_ids.shape[1] == pairs["near"].token_ids.shape[1]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--epochs", "0", "at least 1"), ("--seed", "-1", "between 0 and"), ("--fusion", "dot", "invalid choice")],
)
def test_a_wrong_option_is_one_clear_line(monkeypatch, capsys, tmp_path, option, value, said):
    monkeypatch.setattr(sys, "argv", ["classification_model", "--output", str(tmp_path / "out"), option, value])
    with pytest.raises(SystemExit):
        solution.main()
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_an_output_that_is_a_file_is_named(monkeypatch, capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setattr(sys, "argv", ["classification_model", "--output", str(file)])
    with pytest.raises(SystemExit):
        solution.main()
    assert f"{file} cannot be made a folder" in capsys.readouterr().err.splitlines()[-1]
