"""Models of the code under test, reached by value through their handles."""

import numpy as np
import pytest

from mmlearn.contestant.answer import Contestant
from mmlearn.contestant.codec import ModelHandle
from mmlearn.contestant.load import load_module
from mmlearn.course.impl import Impl

SOURCE = """
from mmlearn.quiet import keras, layers, ops

def build_linear(size=2):
    x = keras.Input((size,), name="x")
    y = layers.Dense(1, use_bias=False, kernel_initializer="ones", name="sum")(layers.Dropout(0.5)(x))
    model = keras.Model(x, y, name="linear")
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", jit_compile=False)
    return model

def build_two():
    a, b = build_linear(), build_linear(3)
    return {"models": [a, b, a], "tensor": ops.ones((2,)), "variable": keras.Variable([1.0, 2.0])}

def around(model):
    x = keras.Input((2,))
    return keras.Model(x, layers.Rescaling(2.0)(model(x)))

def build_uncompiled():
    x = keras.Input((2,))
    return keras.Model(x, layers.Dense(1)(x))

def unlearnt(model):
    model.set_weights([0 * weight for weight in model.get_weights()])

def symbolic():
    return keras.Input((2,))

def is_traced():
    import tensorflow as tf
    traced = []
    tf.function(lambda: traced.append(not tf.executing_eagerly()))()
    if len(traced) > 1:
        raise RuntimeError("it ran twice")
    return traced[0]

def fails_after_switching():
    import tensorflow as tf
    tf.config.run_functions_eagerly(False)
    raise KeyError("gone wrong")
"""

X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


@pytest.fixture(scope="module")
def impl(tmp_path_factory) -> Impl:
    file = tmp_path_factory.mktemp("models") / "own.py"
    file.write_text(SOURCE)
    return Impl(Contestant(load_module(file)).answer)


def test_a_model_predicts_by_value(impl):
    model = impl.build_linear()
    outputs = model.predict(X)
    assert type(outputs) is np.ndarray
    np.testing.assert_allclose(outputs, [[3.0], [7.0]])
    assert not np.allclose(model.predict(np.ones((50, 2), np.float32), training=True), 2.0)  # dropout is on
    assert model.count_params() == 2
    assert repr([model]) == "[a Keras model]"


def test_weights_go_out_and_come_back(impl):
    model = impl.build_linear()
    (kernel,) = model.get_weights()
    model.set_weights([2 * kernel])
    np.testing.assert_allclose(model.predict(X), [[6.0], [14.0]])


def test_fit_trains_and_gives_the_history(impl):
    model = impl.build_linear()
    before = model.get_weights()
    history = model.fit(X, np.zeros((2, 1), np.float32), epochs=3, validation_data=(X, np.zeros((2, 1), np.float32)))
    assert list(history) == ["loss", "val_loss"]
    assert [type(value) for value in history["loss"]] == [float] * 3
    assert not np.allclose(before[0], model.get_weights()[0])


def test_fit_may_compile_first(impl):
    model = impl.build_uncompiled()
    with pytest.raises(ValueError, match="compile"):
        model.fit(X, X[:, :1])
    assert list(model.fit(X, X[:, :1], compile={"optimizer": "sgd", "loss": "mae", "jit_compile": False})) == ["loss"]


def test_what_a_model_is_made_of_nested_ones_opened(impl):
    config = impl.around(impl.build_linear()).config()
    assert config["inputs"][0]["shape"] == [None, 2]
    assert config["outputs"][0]["dtype"] == "float32"
    described = {layer["class"]: layer for layer in config["layers"]}
    assert described["Dense"]["weights"] == [[2, 1]]
    assert described["Dropout"]["config"]["rate"] == 0.5
    assert described["Rescaling"]["config"]["scale"] == 2.0


def test_models_and_tensors_inside_containers(impl):
    result = impl.build_two()
    first, other, again = result["models"]
    assert first.handle == again.handle != other.handle
    np.testing.assert_array_equal(result["tensor"], [1, 1])
    np.testing.assert_array_equal(result["variable"], [1, 2])


def test_a_model_is_an_argument_and_what_is_done_to_it_lasts(impl):
    model = impl.build_linear()
    impl.unlearnt(model)
    np.testing.assert_array_equal(model.predict(X), [[0], [0]])


def test_what_cannot_cross_or_is_not_there_is_an_error(impl):
    with pytest.raises(TypeError, match="a KerasTensor cannot be passed"):
        impl.symbolic()
    with pytest.raises(ValueError, match="no such model"):
        impl.unlearnt(ModelHandle(99))
    with pytest.raises(ValueError, match="incompatible"):
        impl.build_linear().predict(np.ones((1, 5), np.float32))


def test_functions_run_eagerly_while_a_test_asks_and_as_before_afterwards(impl):
    import tensorflow as tf

    assert not tf.config.functions_run_eagerly()
    assert impl.is_traced() is False
    assert not tf.config.functions_run_eagerly()
    with pytest.raises(KeyError):
        impl.fails_after_switching()
    assert impl.is_traced() is False
    assert not tf.config.functions_run_eagerly()


def test_first_weights_are_the_same_in_every_run(tmp_path):
    """Else what a wrong answer earns could depend on luck, and a grade could not be repeated."""
    file = tmp_path / "own.py"
    file.write_text(SOURCE)
    first, second = (Impl(Contestant(load_module(file)).answer).build_uncompiled().get_weights() for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], np.zeros_like(first[0]))
