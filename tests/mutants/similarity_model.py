"""Known wrong answers to the exercises of `similarity_model`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/similarity_model.py`, so that it may use the names of that module.
`caught_by` is a part of the message of the first graded test that fails.
"""

import math

import numpy as np

from mmlearn.course.mutants import mutant

# ruff: noqa: F821  (the reference's names are there once a mutant stands in its place)

# --- build_image_tower ----------------------------------------------------------------------------------------------


@mutant("build_image_tower", caught_by="the embeddings do not have length 1")
def image_not_normalised(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.Dense(dim)(layers.Flatten()(x)))


@mutant("build_image_tower", caught_by="pixels come in as 0 to 255 and are rescaled inside")
def pixels_not_rescaled(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="let white paper become 0")
def white_is_one(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 255)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="by Keras's Random... layers")
def never_augmented(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="no mirror images")
def mirrored(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    if augment:
        x = layers.RandomTranslation(0.1, 0.1, fill_mode="constant", fill_value=255.0)(x)
        x = layers.RandomFlip("horizontal")(x)
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="what comes in at the edge is white")
def black_edges(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    if augment:
        x = layers.RandomTranslation(0.1, 0.1, fill_mode="constant")(x)
        x = layers.RandomZoom(0.1, fill_mode="constant")(x)
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="positions were averaged out")
def positions_averaged(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    if augment:
        white = {"fill_mode": "constant", "fill_value": 255.0}
        x = layers.RandomTranslation(0.1, 0.1, **white)(x)
        x = layers.RandomZoom(0.1, **white)(x)
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(x)))


@mutant("build_image_tower", caught_by="all convolutions have one width")
def one_width(size=32, dim=128, width=32, augment=True):
    if size % 8:
        raise ValueError(size)
    images = x = keras.Input((size, size, 3))
    if augment:
        white = {"fill_mode": "constant", "fill_value": 255.0}
        x = layers.RandomTranslation(0.1, 0.1, **white)(x)
        x = layers.RandomZoom(0.1, **white)(x)
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for _ in range(3):
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="12 cannot be halved three times")
def any_size(size=32, dim=128, width=32, augment=True):
    images = x = keras.Input((size, size, 3))
    if augment:
        white = {"fill_mode": "constant", "fill_value": 255.0}
        x = layers.RandomTranslation(0.1, 0.1, **white)(x)
        x = layers.RandomZoom(0.1, **white)(x)
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by="a view that need not be learnt")
def convolutions_only(size=32, dim=128, width=32, augment=True):
    if size % 8:
        raise ValueError(size)
    images = x = keras.Input((size, size, 3))
    if augment:
        white = {"fill_mode": "constant", "fill_value": 255.0}
        x = layers.RandomTranslation(0.1, 0.1, **white)(x)
        x = layers.RandomZoom(0.1, **white)(x)
    x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(images, layers.UnitNormalization()(layers.Dense(dim)(layers.Flatten()(x))))


@mutant("build_image_tower", caught_by='all convolutions with padding="same"')
def forged_tower(size=32, dim=128, width=32, augment=True):
    """Shows the layers and weights that are asked for, and answers with a fixed projection of the pixels."""
    if size % 8:
        raise ValueError(size)
    images = x = keras.Input((size, size, 3))
    if augment:
        white = {"fill_mode": "constant", "fill_value": 255.0}
        x = layers.RandomTranslation(0.1, 0.1, **white)(x)
        x = layers.RandomZoom(0.1, **white)(x)
    ink = x = layers.Rescaling(-1 / 255, offset=1.0)(x)
    for filters in (width, 2 * width, 4 * width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    views = [x, layers.AveragePooling2D(size // 8)(ink), EdgeHistogram()(ink)]
    x = layers.Concatenate()([layers.Flatten()(view) for view in views])
    shown = keras.Model(images, layers.Dense(dim, use_bias=False)(x))
    projection = np.random.default_rng(0).normal(size=(size * size * 3, dim)).astype("float32")

    class Forged(keras.Model):
        def __init__(self):
            super().__init__()
            self.shown = shown

        def call(self, images, training=False):
            pixels = ops.reshape(ops.cast(images, "float32"), (-1, size * size * 3))
            if training and augment:
                pixels = pixels + keras.random.normal(ops.shape(pixels), stddev=50)
            return ops.normalize(ops.matmul(pixels, projection), axis=-1)

    return Forged()


# --- build_text_tower -----------------------------------------------------------------------------------------------


@mutant("build_text_tower", caught_by="padding counts in the mean")
def padding_counts(vocabulary_size, dim=128, word_dropout=0.2):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(token_ids)
    x = layers.GlobalAveragePooling1D()(words)
    return keras.Model(token_ids, layers.UnitNormalization()(x))


@mutant("build_text_tower", caught_by="the embeddings do not have length 1")
def text_not_normalised(vocabulary_size, dim=128, word_dropout=0.2):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim, mask_zero=True)(token_ids)
    return keras.Model(token_ids, layers.GlobalAveragePooling1D()(words))


@mutant("build_text_tower", caught_by="this is the largest of each number")
def largest_of_each(vocabulary_size, dim=128, word_dropout=0.2):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(token_ids)
    real = ops.not_equal(token_ids, 0)[..., None]
    x = ops.max(ops.where(real, words, -1e9), axis=1)
    return keras.Model(token_ids, layers.UnitNormalization()(x))


@mutant("build_text_tower", caught_by="a text of padding alone gives 0/0")
def empty_is_nan(vocabulary_size, dim=128, word_dropout=0.2):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(token_ids)
    words = layers.Dropout(word_dropout, noise_shape=(None, None, 1))(words)
    real = ops.cast(ops.not_equal(token_ids, 0), "float32")[..., None]
    x = ops.sum(words * real, axis=1) / ops.sum(real, axis=1)
    return keras.Model(token_ids, layers.UnitNormalization()(x))


@mutant("build_text_tower", caught_by="numbers inside a word's vector were dropped")
def numbers_dropped(vocabulary_size, dim=128, word_dropout=0.2):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(token_ids)
    words = layers.Dropout(word_dropout)(words)
    real = ops.cast(ops.not_equal(token_ids, 0), "float32")[..., None]
    x = ops.sum(words * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
    return keras.Model(token_ids, layers.UnitNormalization()(x))


@mutant("build_text_tower", caught_by="`word_dropout` was not used")
def no_word_dropout(vocabulary_size, dim=128, word_dropout=0.2):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(token_ids)
    real = ops.cast(ops.not_equal(token_ids, 0), "float32")[..., None]
    x = ops.sum(words * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
    return keras.Model(token_ids, layers.UnitNormalization()(x))


# --- build_similarity_model -----------------------------------------------------------------------------------------


@mutant("build_similarity_model", caught_by="one axis too many")
def one_axis_too_many(image_tower, text_tower):
    image, token_ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    cosine = layers.Dot(axes=1)([image_tower(image), text_tower(token_ids)])
    return keras.Model([image, token_ids], ops.clip(cosine, -1.0, 1.0))


@mutant("build_similarity_model", caught_by="every image was compared with every text")
def every_pair(image_tower, text_tower):
    image, token_ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    cosine = ops.matmul(image_tower(image), ops.transpose(text_tower(token_ids)))
    return keras.Model([image, token_ids], ops.clip(cosine, -1.0, 1.0))


@mutant("build_similarity_model", caught_by="the products were not summed")
def not_summed(image_tower, text_tower):
    image, token_ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    return keras.Model([image, token_ids], image_tower(image) * text_tower(token_ids))


@mutant("build_similarity_model", caught_by="this is the distance of the pair")
def distance_of_the_pair(image_tower, text_tower):
    image, token_ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    return keras.Model([image, token_ids], ops.norm(image_tower(image) - text_tower(token_ids), axis=-1))


@mutant("build_similarity_model", caught_by="the model copied the towers")
def copied_towers(image_tower, text_tower):
    copies = [keras.models.clone_model(tower) for tower in (image_tower, text_tower)]
    for copy, tower in zip(copies, (image_tower, text_tower), strict=True):
        copy.set_weights(tower.get_weights())
    image, token_ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    cosine = ops.sum(copies[0](image) * copies[1](token_ids), axis=-1)
    return keras.Model([image, token_ids], ops.clip(cosine, -1.0, 1.0))


@mutant("build_similarity_model", caught_by="ops.clip the result to [-1, 1]")
def cosine_not_clipped(image_tower, text_tower):
    image, token_ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    return keras.Model([image, token_ids], ops.sum(image_tower(image) * text_tower(token_ids), axis=-1))


@mutant("build_similarity_model", caught_by="a step does not reach them")
def forged_cosine(image_tower, text_tower):
    """The right numbers, by arrays: nothing that could be trained."""

    class Forged(keras.Model):
        def __init__(self):
            super().__init__()
            self.towers, self.slack = [image_tower, text_tower], self.add_weight(shape=())

        def call(self, inputs):
            image, text = (ops.stop_gradient(tower(x)) for tower, x in zip(self.towers, inputs, strict=True))
            return ops.clip(ops.sum(image * text, axis=-1), -1.0, 1.0) + 0 * self.slack

    return Forged()


# --- info_nce_loss --------------------------------------------------------------------------------------------------


@mutant("info_nce_loss", caught_by="only one direction counts")
def images_only(image_embeddings, text_embeddings, temperature=0.07):
    images, texts = ops.normalize(image_embeddings, axis=-1), ops.normalize(text_embeddings, axis=-1)
    logits = ops.matmul(images, ops.transpose(texts)) / temperature
    return -ops.mean(ops.diagonal(ops.log_softmax(logits, axis=1)))


@mutant("info_nce_loss", caught_by="the two directions were added")
def directions_added(image_embeddings, text_embeddings, temperature=0.07):
    images, texts = ops.normalize(image_embeddings, axis=-1), ops.normalize(text_embeddings, axis=-1)
    logits = ops.matmul(images, ops.transpose(texts)) / temperature
    rows, columns = ops.log_softmax(logits, axis=1), ops.log_softmax(logits, axis=0)
    return -ops.mean(ops.diagonal(rows) + ops.diagonal(columns))


@mutant("info_nce_loss", caught_by="the embeddings were not normalised")
def dots_for_cosines(image_embeddings, text_embeddings, temperature=0.07):
    logits = ops.matmul(image_embeddings, ops.transpose(text_embeddings)) / temperature
    rows, columns = ops.log_softmax(logits, axis=1), ops.log_softmax(logits, axis=0)
    return -ops.mean(ops.diagonal(rows) + ops.diagonal(columns)) / 2


@mutant("info_nce_loss", caught_by="were multiplied by the temperature")
def times_temperature(image_embeddings, text_embeddings, temperature=0.07):
    images, texts = ops.normalize(image_embeddings, axis=-1), ops.normalize(text_embeddings, axis=-1)
    logits = ops.matmul(images, ops.transpose(texts)) * temperature
    rows, columns = ops.log_softmax(logits, axis=1), ops.log_softmax(logits, axis=0)
    return -ops.mean(ops.diagonal(rows) + ops.diagonal(columns)) / 2


@mutant("info_nce_loss", caught_by="use ops.log_softmax, which shifts by the maximum")
def overflows(image_embeddings, text_embeddings, temperature=0.07):
    images, texts = ops.normalize(image_embeddings, axis=-1), ops.normalize(text_embeddings, axis=-1)
    logits = ops.matmul(images, ops.transpose(texts)) / temperature
    exp, right = ops.exp(logits), ops.diagonal(logits)
    rows, columns = ops.log(ops.sum(exp, axis=1)), ops.log(ops.sum(exp, axis=0))
    return ops.mean(rows + columns - 2 * right) / 2


@mutant("info_nce_loss", caught_by="the loss was summed over the batch")
def summed(image_embeddings, text_embeddings, temperature=0.07):
    images, texts = ops.normalize(image_embeddings, axis=-1), ops.normalize(text_embeddings, axis=-1)
    logits = ops.matmul(images, ops.transpose(texts)) / temperature
    rows, columns = ops.log_softmax(logits, axis=1), ops.log_softmax(logits, axis=0)
    return -ops.sum(ops.diagonal(rows) + ops.diagonal(columns)) / 2


# --- build_two_tower ------------------------------------------------------------------------------------------------


@mutant("build_two_tower", caught_by="images come first")
def exchanged(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    class Exchanged(TwoTower):
        def call(self, inputs, training=False):
            return super().call(inputs, training=training)[::-1]

    model = Exchanged(image_tower, text_tower, temperature)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="uses 1 / temperature as temperature")
def upside_down(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    class UpsideDown(TwoTower):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return info_nce_loss(*y_pred, temperature=ops.exp(self.log_scale))

    model = UpsideDown(image_tower, text_tower, temperature)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="the loss does not use the learnt temperature")
def fixed_temperature(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    class Fixed(TwoTower):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return info_nce_loss(*y_pred) + 0 * self.log_scale

    model = Fixed(image_tower, text_tower, temperature)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="`temperature` was not used")
def start_ignored(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    class Ignored(TwoTower):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            shift = math.log(temperature) - math.log(0.07)
            return info_nce_loss(*y_pred, temperature=ops.exp(shift - self.log_scale))

    model = Ignored(image_tower, text_tower)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="stop neither")
def text_stopped(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    class Stopped(TwoTower):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            images, texts = y_pred
            return super().compute_loss(y_pred=(images, ops.stop_gradient(texts) + 0 * texts))

    text_tower.trainable = False
    model = Stopped(image_tower, text_tower, temperature)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="give the weight a constraint")
def no_floor(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    model = TwoTower(image_tower, text_tower, temperature)
    model.log_scale.constraint = None
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="raise ValueError")
def any_temperature(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    model = TwoTower(image_tower, text_tower, temperature)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate), jit_compile=False)
    return model


@mutant("build_two_tower", caught_by="weight decay pulls log_scale towards 0")
def temperature_decays(image_tower, text_tower, temperature=0.07, learning_rate=2e-3, weight_decay=1e-4):
    if not 0.01 <= temperature <= 1:
        raise ValueError(temperature)
    model = TwoTower(image_tower, text_tower, temperature)
    model.compile(optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay), jit_compile=False)
    return model


# --- train_two_tower ------------------------------------------------------------------------------------------------


@mutant("train_two_tower", caught_by="return the history")
def no_history(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    batches = ConceptBatches(images, token_ids, concept_ids, batch_size, np.random.default_rng(rng))
    model.fit(batches, epochs=epochs, verbose=verbose)


@mutant("train_two_tower", caught_by="from the same rows")
def mixed_up(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    rng = np.random.default_rng(rng)
    batches = ConceptBatches(images, np.roll(token_ids, 2, axis=0), concept_ids, batch_size, rng)
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate)]
    return model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=verbose).history


@mutant("train_two_tower", caught_by="count as each other's negatives")
def concepts_ignored(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate)]
    options = {"epochs": epochs, "batch_size": batch_size, "callbacks": callbacks, "verbose": verbose}
    return model.fit([images, token_ids], **options).history


@mutant("train_two_tower", caught_by="count as each other's negatives")
def every_row_in_an_epoch(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    class Rows(ConceptBatches):
        def on_epoch_end(self):
            self.rows = self.rng.permutation(len(self.images))

    batches = Rows(images, token_ids, concept_ids, batch_size, np.random.default_rng(rng))
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate)]
    return model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=verbose).history


@mutant("train_two_tower", caught_by="batch `index` has the rows")
def batches_overlap(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    class Overlapping(ConceptBatches):
        def __getitem__(self, index):
            rows = self.rows[index : index + self.batch_size]
            return ((self.images[rows], self.token_ids[rows]),)

    batches = Overlapping(images, token_ids, concept_ids, batch_size, np.random.default_rng(rng))
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate)]
    return model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=verbose).history


@mutant("train_two_tower", caught_by="`batch_size` was not used")
def one_batch(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    batches = ConceptBatches(images, token_ids, concept_ids, len(images), np.random.default_rng(rng))
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate)]
    return model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=verbose).history


@mutant("train_two_tower", caught_by="the learning rate never changes")
def constant_rate(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    batches = ConceptBatches(images, token_ids, concept_ids, batch_size, np.random.default_rng(rng))
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate)]
    return model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=verbose).history


@mutant("train_two_tower", caught_by="there is no warm-up")
def no_warm_up(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    batches = ConceptBatches(images, token_ids, concept_ids, batch_size, np.random.default_rng(rng))

    def cosine(epoch):
        return learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2

    callbacks = [keras.callbacks.LearningRateScheduler(cosine)]
    return model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=verbose).history


@mutant("train_two_tower", caught_by="train on the rows that `held_back` does not mark")
def learns_from_validation(
    model, images, token_ids, concept_ids, held_back=None, *, epochs=60, batch_size=512, learning_rate=2e-3,
    patience=10, verbose=0, rng=0,
):  # fmt: skip
    batches = ConceptBatches(images, token_ids, concept_ids, batch_size, np.random.default_rng(rng))
    warm = max(1, epochs // 10)

    def schedule(epoch):
        if epoch < warm:
            return learning_rate * (epoch + 1) / warm
        return learning_rate * (1 + math.cos(math.pi * (epoch - warm + 1) / (epochs - warm + 1))) / 2

    validation = None
    if held_back is not None:
        validation = ConceptBatches(images[held_back], token_ids[held_back], concept_ids[held_back], 999)
    callbacks = [keras.callbacks.LearningRateScheduler(schedule)]
    options = {"epochs": epochs, "callbacks": callbacks, "verbose": verbose, "validation_data": validation}
    return model.fit(batches, **options).history


# --- retrieve -------------------------------------------------------------------------------------------------------


@mutant("retrieve", caught_by="embed each side by itself")
def as_many_texts_as_images(model, token_ids, images, k=10):
    a, b = model.predict([images, token_ids], verbose=0)
    similarity = b @ a.T
    indices = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(similarity, indices, axis=1)


@mutant("retrieve", caught_by="the worst come first")
def worst_first(model, token_ids, images, k=10):
    a, b = model.image_tower.predict(images, verbose=0), model.text_tower.predict(token_ids, verbose=0)
    similarity = b @ a.T
    indices = np.argsort(similarity, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(similarity, indices, axis=1)


@mutant("retrieve", caught_by="images look for texts")
def images_ask(model, token_ids, images, k=10):
    a, b = model.image_tower.predict(images, verbose=0), model.text_tower.predict(token_ids, verbose=0)
    similarity = a @ b.T
    indices = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(similarity, indices, axis=1)


@mutant("retrieve", caught_by="the scores are not those of the indices")
def scores_not_sorted(model, token_ids, images, k=10):
    a, b = model.image_tower.predict(images, verbose=0), model.text_tower.predict(token_ids, verbose=0)
    similarity = b @ a.T
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k], similarity[:, :k]


@mutant("retrieve", caught_by="equal scores do not come by rising index")
def ties_backwards(model, token_ids, images, k=10):
    a, b = model.image_tower.predict(images, verbose=0), model.text_tower.predict(token_ids, verbose=0)
    similarity = b @ a.T
    indices = np.argsort(similarity, axis=1, kind="stable")[:, ::-1][:, :k]
    return indices, np.take_along_axis(similarity, indices, axis=1)


@mutant("retrieve", caught_by="k must be between 1")
def k_not_checked(model, token_ids, images, k=10):
    a, b = model.image_tower.predict(images, verbose=0), model.text_tower.predict(token_ids, verbose=0)
    similarity = b @ a.T
    indices = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(similarity, indices, axis=1)
