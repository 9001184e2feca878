"""Keras as a test runs it: the same numbers as usual, without tracing and without an input pipeline."""

import sys

import numpy as np
import pytest

from mmlearn.contestant.eager import running_eagerly
from mmlearn.quiet import keras, layers

# Keras reads a variable in a way that NumPy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
trainer = sys.modules["keras.src.backend.tensorflow.trainer"]

X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
Y = np.arange(10) % 2


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def trained(*data, **options):
    """What a model learns, and what it predicts, from the same first weights each time."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    history = model.fit(*data, epochs=2, shuffle=False, verbose=0, **options).history
    loss = model.evaluate(X, Y, batch_size=4, verbose=0)
    return {**history, "evaluated": loss, "predicted": model.predict(X, batch_size=4, verbose=0)}


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((X, Y), {"batch_size": 4}),
        ((X, Y), {"batch_size": 4, "validation_data": (X[:3], Y[:3]), "class_weight": {0: 1.0, 1: 3.0}}),
        ((X, Y), {"batch_size": 4, "steps_per_epoch": 1}),
        ((Pairs(),), {}),
    ],
    ids=["arrays", "validation and weights", "fewer steps", "a dataset of one's own"],
)
def test_the_same_numbers_as_usual(data, options):
    usual = trained(*data, **options)
    with running_eagerly():
        found = trained(*data, **options)
    assert found.keys() == usual.keys()
    for name, values in usual.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=name)


def test_there_is_no_pipeline_inside_and_there_is_one_afterwards(monkeypatch):
    def refuse(*args):
        raise AssertionError("a pipeline")

    adapter = type(
        trainer.TFEpochIterator(x=X, distribute_strategy=keras.Sequential().distribute_strategy).data_adapter
    )
    monkeypatch.setattr(adapter, "get_tf_dataset", refuse)
    with running_eagerly():
        trained(X, Y)
        with running_eagerly():
            trained(X, Y)
        with pytest.raises(ZeroDivisionError), running_eagerly():
            raise ZeroDivisionError
        trained(X, Y)
    with pytest.raises(AssertionError, match="a pipeline"):
        trained(X, Y)


def test_functions_are_traced_again_afterwards():
    config = sys.modules["tensorflow"].config
    with running_eagerly():
        assert config.functions_run_eagerly()
    assert not config.functions_run_eagerly()


def test_without_keras_there_is_nothing_to_do(monkeypatch):
    for name in ("tensorflow", trainer.__name__):
        monkeypatch.delitem(sys.modules, name)
    with running_eagerly():
        assert "tensorflow" not in sys.modules
