import keras
import numpy as np
import pytest

from mmlearn.lessons.models import augmentation, image_encoder, text_encoder


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def test_the_image_encoder_rescales_by_itself():
    model = image_encoder(dimension=8, widths=(4, 4))
    white = np.full((2, 32, 32, 3), 255, np.uint8)
    out = keras.ops.convert_to_numpy(model(white))
    assert out.shape == (2, 8)
    assert out.dtype == np.float32
    rescaled = model.get_layer(index=1)(white)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(rescaled), 1.0)


def test_padding_does_not_count_in_a_text():
    model = text_encoder(vocabulary_size=10, dimension=8)
    short = keras.ops.convert_to_numpy(model(np.array([[3, 4]])))
    padded = keras.ops.convert_to_numpy(model(np.array([[3, 4, 0, 0, 0]])))
    np.testing.assert_allclose(padded, short, rtol=1e-5)
    other = keras.ops.convert_to_numpy(model(np.array([[3, 5]])))
    assert not np.allclose(other, short)


def test_augmentation_moves_in_training_only():
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3)).astype("float32")
    layer = augmentation()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(images, training=False)), images)
    assert not np.allclose(keras.ops.convert_to_numpy(layer(images, training=True)), images)
