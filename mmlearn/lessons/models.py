"""The two small Keras encoders that the lessons train: a picture, or a few words, to one vector.

Small on purpose: on two CPU cores an epoch over a few thousand drawings takes seconds.
"""

from mmlearn.quiet import keras, layers


def image_encoder(dimension: int = 64, widths: tuple[int, ...] = (32, 64, 128), name: str = "image") -> keras.Model:
    """A convolutional network in the manner of VGG (Simonyan and Zisserman, 2015, arXiv:1409.1556), with batch
    normalisation (Ioffe and Szegedy, 2015, arXiv:1502.03167).

    Args:
        dimension: length D of the vector that comes out.
        widths: filters of each block; a block halves height and width.
        name: of the model.

    Returns:
        A model from images (N, 32, 32, 3), 0 to 255, to (N, D) float32. The pixels are rescaled inside, so that
        nobody can forget to.
    """
    images = keras.Input((32, 32, 3), name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for width in widths:
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(dimension)(x), name=name)


def text_encoder(vocabulary_size: int, dimension: int = 64, name: str = "text") -> keras.Model:
    """The mean of the words' vectors, then one dense layer: a bag of words that does not know their order.

    Args:
        vocabulary_size: number of token ids.
        dimension: length D of the words' vectors and of the vector that comes out.
        name: of the model.

    Returns:
        A model from token_ids (N, L), 0 = padding, to (N, D) float32. Padding does not count in the mean.
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = layers.Embedding(vocabulary_size, dimension, mask_zero=True)(token_ids)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(token_ids, layers.Dense(dimension)(x), name=name)


def augmentation(shift: float = 0.1, zoom: float = 0.1) -> keras.Sequential:
    """Layers that move and scale a drawing a little, in training only, so that a model cannot learn pixels by heart.

    No mirror images: an arrow to the left and one to the right are two concepts.
    """
    moves = [
        layers.RandomTranslation(shift, shift, fill_mode="constant", fill_value=255.0),
        layers.RandomZoom(zoom, fill_mode="constant", fill_value=255.0),
    ]
    return keras.Sequential(moves, name="augmentation")
