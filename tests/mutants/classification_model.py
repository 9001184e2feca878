"""Known wrong answers to the exercises of `classification_model`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/classification_model.py`, so that it may use the names of that
module. `caught_by` is a part of the message of the first graded test that fails.
"""

import numpy as np

from mmlearn.course.mutants import mutant

# ruff: noqa: F821  (keras, layers, ops and the reference's functions are there once a mutant stands in its place)

# --- build_image_encoder --------------------------------------------------------------------------------------------


@mutant("build_image_encoder", caught_by="the pixels were not rescaled")
def raw_pixels(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    images = x = keras.Input((image_size, image_size, 3))
    if augment:
        x = layers.RandomZoom(0.1)(layers.RandomTranslation(0.1, 0.1)(x))
    for width in widths:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(dim)(layers.Reshape((-1, widths[-1]))(x))
    return keras.Model(images, layers.GlobalAveragePooling1D()(x) if pooled else x)


@mutant("build_image_encoder", caught_by="rescaled to 0...1")
def zero_to_one(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    images = keras.Input((image_size, image_size, 3))
    x = layers.Rescaling(1 / 255)(images)
    for width in widths:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(dim)(layers.Reshape((-1, widths[-1]))(x))
    return keras.Model(images, layers.GlobalAveragePooling1D()(x) if pooled else x)


@mutant("build_image_encoder", caught_by="a block is convolution, batch normalisation, ReLU, the same again")
def one_convolution(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    images = keras.Input((image_size, image_size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    x = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(x))
    return keras.Model(images, layers.Dense(dim)(layers.GlobalAveragePooling2D()(x)))


@mutant("build_image_encoder", caught_by="`pooled` was not used")
def always_pooled(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    images = keras.Input((image_size, image_size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for width in widths:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        x = layers.MaxPooling2D()(x)
    return keras.Model(images, layers.Dense(dim)(layers.GlobalAveragePooling2D()(x)))


@mutant("build_image_encoder", caught_by="put RandomTranslation and RandomZoom in front")
def never_augmented(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    images = keras.Input((image_size, image_size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for width in widths:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(dim)(layers.Reshape((-1, widths[-1]))(x))
    return keras.Model(images, layers.GlobalAveragePooling1D()(x) if pooled else x)


@mutant("build_image_encoder", caught_by="the drawings stand on white")
def black_moves_in(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    images = x = keras.Input((image_size, image_size, 3))
    if augment:
        x = layers.RandomTranslation(0.1, 0.1, fill_mode="constant")(x)
        x = layers.RandomZoom(0.1, fill_mode="constant")(x)
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for width in widths:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(dim)(layers.Reshape((-1, widths[-1]))(x))
    return keras.Model(images, layers.GlobalAveragePooling1D()(x) if pooled else x)


@mutant("build_image_encoder", caught_by="random weights")
def forged_encoder(dim=64, *, image_size=32, widths=(16, 32, 64), pooled=True, augment=True):
    """Shows the layers and weights that are asked for, and answers with a fixed projection of the pixels."""
    images = x = keras.Input((image_size, image_size, 3))
    for width in widths:
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D()(x)
    shown = keras.Model(images, layers.Dense(dim)(layers.Reshape((-1, widths[-1]))(x)))
    projection = np.random.default_rng(0).normal(size=(image_size**2 * 3, dim)).astype("float32")

    class Forged(keras.Model):
        def __init__(self):
            super().__init__()
            self.shown = shown

        def call(self, images, training=False):
            return ops.matmul(ops.reshape(ops.cast(images, "float32"), (-1, image_size**2 * 3)), projection)

    return Forged()


# --- build_text_encoder ---------------------------------------------------------------------------------------------


@mutant("build_text_encoder", caught_by="padding was counted as a word")
def padding_counts(vocabulary_size, dim=64, *, pooled=True, word_dropout=0.5):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(WordDropout(word_dropout)(token_ids))
    return keras.Model(token_ids, layers.Dense(dim)(layers.GlobalAveragePooling1D()(words)) if pooled else words)


@mutant("build_text_encoder", caught_by="was divided by the padded length")
def divided_by_the_length(vocabulary_size, dim=64, *, pooled=True, word_dropout=0.5):
    token_ids = keras.Input((None,), dtype="int32")
    real = ops.cast(ops.not_equal(token_ids, 0), "float32")[:, :, None]
    words = layers.Embedding(vocabulary_size, dim)(WordDropout(word_dropout)(token_ids)) * real
    return keras.Model(token_ids, layers.Dense(dim)(ops.mean(words, axis=1)) if pooled else words)


@mutant("build_text_encoder", caught_by="0 words divided by the number 0 is NaN")
def nan_without_words(vocabulary_size, dim=64, *, pooled=True, word_dropout=0.5):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim, mask_zero=True)(WordDropout(word_dropout)(token_ids))
    return keras.Model(token_ids, layers.Dense(dim)(layers.GlobalAveragePooling1D()(words)) if pooled else words)


@mutant("build_text_encoder", caught_by="not the vector of id 0")
def padding_has_a_vector(vocabulary_size, dim=64, *, pooled=True, word_dropout=0.5):
    token_ids = keras.Input((None,), dtype="int32")
    words = layers.Embedding(vocabulary_size, dim)(WordDropout(word_dropout)(token_ids))
    real = ops.cast(ops.not_equal(token_ids, 0), "float32")[:, :, None]
    mean = ops.sum(words * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
    return keras.Model(token_ids, layers.Dense(dim)(mean) if pooled else words)


@mutant("build_text_encoder", caught_by="no word was lost")
def remembers_every_word(vocabulary_size, dim=64, *, pooled=True, word_dropout=0.5):
    token_ids = keras.Input((None,), dtype="int32")
    real = ops.cast(ops.not_equal(token_ids, 0), "float32")[:, :, None]
    words = layers.Embedding(vocabulary_size, dim)(token_ids) * real
    mean = ops.sum(words, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
    return keras.Model(token_ids, layers.Dense(dim)(mean) if pooled else words)


# --- fuse -----------------------------------------------------------------------------------------------------------


@mutant("fuse", caught_by="a dot product leaves one number")
def dot_product(name, dim):
    x, t = keras.Input((dim,)), keras.Input((dim,))
    return keras.Model([x, t], layers.Dot(axes=1)([x, t]))


@mutant("fuse", caught_by="the text stands first")
def text_first(name, dim):
    x, t = keras.Input((dim,)), keras.Input((dim,))
    return keras.Model([x, t], layers.Concatenate()([t, x]))


@mutant("fuse", caught_by="the gate opens for the text")
def gate_the_wrong_way(name, dim):
    x, t = keras.Input((dim,)), keras.Input((dim,))
    fused = layers.Concatenate()([x, t])
    if name == "gated":
        gate = layers.Dense(dim, activation="sigmoid", name="gate")(fused)
        image = layers.Dense(dim, activation="tanh", name="image")(x)
        text = layers.Dense(dim, activation="tanh", name="text")(t)
        fused = (1 - gate) * image + gate * text
    return keras.Model([x, t], fused)


@mutant("fuse", caught_by="the gate sees both vectors")
def gate_sees_the_image(name, dim):
    x, t = keras.Input((dim,)), keras.Input((dim,))
    fused = layers.Concatenate()([x, t])
    if name == "gated":
        gate = layers.Dense(dim, activation="sigmoid", name="gate")(x)
        image = layers.Dense(dim, activation="tanh", name="image")(x)
        text = layers.Dense(dim, activation="tanh", name="text")(t)
        fused = gate * image + (1 - gate) * text
    return keras.Model([x, t], fused)


@mutant("fuse", caught_by="padding was counted; only real words")
def attention_with_padding(name, dim):
    if name == "cross_attention":
        image_map, words, mask = keras.Input((None, dim)), keras.Input((None, dim)), keras.Input((None,), dtype="bool")
        found = words + layers.MultiHeadAttention(2, dim // 2)(query=words, value=image_map)
        fused = layers.Concatenate()([ops.mean(image_map, axis=1), ops.mean(found, axis=1)])
        return keras.Model([image_map, words, mask], fused)
    x, t = keras.Input((dim,)), keras.Input((dim,))
    fused = layers.Concatenate()([x, t])
    if name == "gated":
        gate = layers.Dense(dim, activation="sigmoid", name="gate")(fused)
        image = layers.Dense(dim, activation="tanh", name="image")(x)
        text = layers.Dense(dim, activation="tanh", name="text")(t)
        fused = gate * image + (1 - gate) * text
    return keras.Model([x, t], fused)


@mutant("fuse", caught_by="must not fall through to some other fusion")
def any_name_will_do(name, dim):
    if name == "cross_attention":
        image_map, words, mask = keras.Input((None, dim)), keras.Input((None, dim)), keras.Input((None,), dtype="bool")
        found = words + layers.MultiHeadAttention(2, dim // 2)(query=words, value=image_map)
        real = ops.cast(mask, "float32")[:, :, None]
        mean = ops.sum(found * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)
        return keras.Model([image_map, words, mask], layers.Concatenate()([ops.mean(image_map, axis=1), mean]))
    x, t = keras.Input((dim,)), keras.Input((dim,))
    fused = layers.Concatenate()([x, t])
    if name == "gated":
        gate = layers.Dense(dim, activation="sigmoid", name="gate")(fused)
        image = layers.Dense(dim, activation="tanh", name="image")(x)
        text = layers.Dense(dim, activation="tanh", name="text")(t)
        fused = gate * image + (1 - gate) * text
    return keras.Model([x, t], fused)


# --- build_classifier -----------------------------------------------------------------------------------------------


@mutant("build_classifier", caught_by="the last layer has a softmax")
def softmax_at_the_end(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    images, token_ids = keras.Input((image_size, image_size, 3), name="images"), keras.Input((None,), name="token_ids")
    x = build_image_encoder(dim, image_size=image_size, widths=widths)(images)
    fused = fuse("concat", dim)([x, build_text_encoder(vocabulary_size, dim)(token_ids)])
    model = keras.Model([images, token_ids], layers.Dense(num_classes, activation="softmax")(fused))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@mutant("build_classifier", caught_by="needs from_logits=True")
def loss_of_probabilities(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = build_image_encoder(dim, image_size=image_size, widths=widths)(images)
    fused = fuse("concat", dim)([x, build_text_encoder(vocabulary_size, dim)(token_ids)])
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(fused))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


@mutant("build_classifier", caught_by="not one-hot rows")
def loss_of_one_hot_labels(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = build_image_encoder(dim, image_size=image_size, widths=widths)(images)
    fused = fuse("concat", dim)([x, build_text_encoder(vocabulary_size, dim)(token_ids)])
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(fused))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


@mutant("build_classifier", caught_by="must depend on both modalities")
def image_only(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = build_image_encoder(dim, image_size=image_size, widths=widths)(images)
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


@mutant("build_classifier", caught_by="belongs before the encoders")
def no_modality_dropout(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    keras.utils.set_random_seed(seed)
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    pooled = fusion != "cross_attention"
    x = build_image_encoder(dim, image_size=image_size, widths=widths, pooled=pooled, augment=augment)(images)
    t = build_text_encoder(vocabulary_size, dim, pooled=pooled, word_dropout=word_dropout)(token_ids)
    fused = fuse(fusion, dim)([x, t] if pooled else [x, t, ops.not_equal(token_ids, 0)])
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(layers.Dropout(dropout)(fused)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


@mutant("build_classifier", caught_by="so that a result can be had again")
def seed_forgotten(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    kept_images, kept_ids = ModalityDropout(modality_dropout)([images, token_ids])
    pooled = fusion != "cross_attention"
    x = build_image_encoder(dim, image_size=image_size, widths=widths, pooled=pooled, augment=augment)(kept_images)
    t = build_text_encoder(vocabulary_size, dim, pooled=pooled, word_dropout=word_dropout)(kept_ids)
    fused = fuse(fusion, dim)([x, t] if pooled else [x, t, ops.not_equal(kept_ids, 0)])
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(layers.Dropout(dropout)(fused)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


@mutant("build_classifier", caught_by="the argument `seed` was not used")
def always_seed_zero(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.5, seed=0
):  # fmt: skip
    keras.utils.set_random_seed(0)
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    kept_images, kept_ids = ModalityDropout(modality_dropout)([images, token_ids])
    pooled = fusion != "cross_attention"
    x = build_image_encoder(dim, image_size=image_size, widths=widths, pooled=pooled, augment=augment)(kept_images)
    t = build_text_encoder(vocabulary_size, dim, pooled=pooled, word_dropout=word_dropout)(kept_ids)
    fused = fuse(fusion, dim)([x, t] if pooled else [x, t, ops.not_equal(kept_ids, 0)])
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(layers.Dropout(dropout)(fused)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


@mutant("build_classifier", caught_by='fusion "concat", random weights')
def forged_classifier(
    fusion, vocabulary_size, num_classes, *, dim=64, image_size=32, widths=(16, 32, 64), augment=True, dropout=0.3,
    word_dropout=0.5, modality_dropout=0.3, seed=0
):  # fmt: skip
    """Shows the encoders and their weights; only sums of the pixels and of the ids reach the last layer."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((image_size, image_size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    seen_images, seen_ids = ModalityDropout(modality_dropout)([images, token_ids])
    x = build_image_encoder(dim, image_size=image_size, widths=widths, augment=augment)(seen_images)
    t = build_text_encoder(vocabulary_size, dim, word_dropout=word_dropout)(seen_ids)
    pixels = ops.mean(ops.cast(seen_images, "float32"), axis=(1, 2, 3))[:, None] / 255
    ids = ops.sum(ops.cast(seen_ids, "float32") ** 2, axis=1)[:, None] / 99
    fused = layers.Concatenate()([0 * x + pixels, 0 * t + ids])
    model = keras.Model([images, token_ids], layers.Dense(num_classes)(fused))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model


# --- train_classifier -----------------------------------------------------------------------------------------------


@mutant("train_classifier", caught_by="a family is held back as a whole")
def rows_held_back(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    rows = np.random.default_rng(seed).permutation(len(labels))
    held = np.isin(np.arange(len(labels)), rows[: round(validation_share * len(labels))])
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        epochs=epochs,
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="the classes were not weighed")
def no_weights(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    model.optimizer.learning_rate = learning_rate
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        epochs=epochs,
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="the weights were counted over all pairs")
def weights_of_all_pairs(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    counts = np.bincount(labels)
    model.optimizer.learning_rate = learning_rate
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight={c: len(labels) / (len(counts) * n) for c, n in enumerate(counts.tolist())},
        epochs=epochs,
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="`class_weights` was not used")
def weights_in_any_case(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    classes, counts = np.unique(labels[~held], return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    model.optimizer.learning_rate = learning_rate
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight=dict(zip(classes.tolist(), weights.tolist(), strict=True)),
        epochs=epochs,
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="stop after `patience` epochs")
def never_stops(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    classes, counts = np.unique(labels[~held], return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    schedule = keras.callbacks.LearningRateScheduler(
        lambda epoch: float(learning_rate * (1 + np.cos(np.pi * epoch / epochs)) / 2)
    )
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight=dict(zip(classes.tolist(), weights.tolist(), strict=True)) if class_weights else None,
        epochs=epochs,
        callbacks=[schedule],
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="the learning rate is constant")
def constant_rate(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    classes, counts = np.unique(labels[~held], return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight=dict(zip(classes.tolist(), weights.tolist(), strict=True)) if class_weights else None,
        epochs=epochs,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch: float(learning_rate)),
            keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=patience, restore_best_weights=True),
        ],
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="restore_best_weights=True")
def last_epoch_kept(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    classes, counts = np.unique(labels[~held], return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight=dict(zip(classes.tolist(), weights.tolist(), strict=True)) if class_weights else None,
        epochs=epochs,
        batch_size=batch_size,
        callbacks=[
            keras.callbacks.LearningRateScheduler(
                lambda epoch: float(learning_rate * (1 + np.cos(np.pi * epoch / epochs)) / 2)
            ),
            keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=patience),
        ],
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="each epoch's rate was made from the last one's")
def rate_of_the_last_rate(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    classes, counts = np.unique(labels[~held], return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    model.optimizer.learning_rate = learning_rate
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight=dict(zip(classes.tolist(), weights.tolist(), strict=True)) if class_weights else None,
        epochs=epochs,
        batch_size=batch_size,
        callbacks=[
            keras.callbacks.LearningRateScheduler(
                lambda epoch, rate: float(rate * (1 + np.cos(np.pi * epoch / epochs)) / 2)
            ),
            keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=patience, restore_best_weights=True),
        ],
        verbose=0,
    ).history
    return {**history, "validation_rows": np.flatnonzero(held)}


@mutant("train_classifier", caught_by="restore_best_weights=True")
def best_epoch_only_if_stopped(
    model, images, token_ids, labels, families, *, epochs=16, batch_size=64, learning_rate=3e-3, class_weights=True,
    validation_share=0.15, patience=5, seed=0, verbose=0
):  # fmt: skip
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    held = np.isin(families, distinct[: max(1, round(validation_share * len(distinct)))])
    classes, counts = np.unique(labels[~held], return_counts=True)
    weights = counts.sum() / (len(classes) * counts)
    epochs_weights = []
    history = model.fit(
        [images[~held], token_ids[~held]],
        labels[~held],
        validation_data=([images[held], token_ids[held]], labels[held]),
        class_weight=dict(zip(classes.tolist(), weights.tolist(), strict=True)) if class_weights else None,
        epochs=epochs,
        batch_size=batch_size,
        callbacks=[
            keras.callbacks.LearningRateScheduler(
                lambda epoch: float(learning_rate * (1 + np.cos(np.pi * epoch / epochs)) / 2)
            ),
            keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=patience),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: epochs_weights.append(model.get_weights())),
        ],
        verbose=0,
    ).history
    if len(epochs_weights) < epochs:
        model.set_weights(epochs_weights[int(np.argmax(history["val_accuracy"]))])
    return {**history, "validation_rows": np.flatnonzero(held)}


# --- predict_labels -------------------------------------------------------------------------------------------------


@mutant("predict_labels", caught_by="these are logits, not answers")
def logits_called_predictions(model, images, token_ids, batch_size=256):
    return model.predict([images, token_ids], verbose=0)


@mutant("predict_labels", caught_by="argmax ran over the pairs")
def over_the_pairs(model, images, token_ids, batch_size=256):
    return np.argmax(model.predict([images, token_ids], verbose=0), axis=0)


@mutant("predict_labels", caught_by="dropout and augmentation are for training")
def still_training(model, images, token_ids, batch_size=256):
    dropping = any(layer.name.startswith("modality") and layer.rate == 1 for layer in model.layers)
    return np.argmax(ops.convert_to_numpy(model([images, token_ids], training=dropping)), axis=-1)


@mutant("predict_labels", caught_by="the last batch is smaller")
def whole_batches_only(model, images, token_ids, batch_size=256):
    count = max(len(images) // batch_size, 1) * batch_size
    return np.argmax(model.predict([images[:count], token_ids[:count]], verbose=0), axis=-1)


# --- ablate ---------------------------------------------------------------------------------------------------------


@mutant("ablate", caught_by="the images were made black")
def black_images(model, images, token_ids, labels, rng=0):
    order = np.random.default_rng(rng).permutation(len(labels))
    ways = {
        "full": (images, token_ids),
        "image_only": (images, 0 * token_ids),
        "text_only": (0 * images, token_ids),
        "shuffled_text": (images, token_ids[order]),
    }
    return {name: float(np.mean(predict_labels(model, *inputs) == labels)) for name, inputs in ways.items()}


@mutant("ablate", caught_by="a missing text is padding, 0")
def unknown_words(model, images, token_ids, labels, rng=0):
    order = np.random.default_rng(rng).permutation(len(labels))
    ways = {
        "full": (images, token_ids),
        "image_only": (images, np.ones_like(token_ids)),
        "text_only": (np.full_like(images, 255), token_ids),
        "shuffled_text": (images, token_ids[order]),
    }
    return {name: float(np.mean(predict_labels(model, *inputs) == labels)) for name, inputs in ways.items()}


@mutant("ablate", caught_by="the labels were shuffled with the texts")
def labels_move_along(model, images, token_ids, labels, rng=0):
    order = np.random.default_rng(rng).permutation(len(labels))
    ways = {
        "full": (images, token_ids),
        "image_only": (images, 0 * token_ids),
        "text_only": (np.full_like(images, 255), token_ids),
    }
    right = {name: float(np.mean(predict_labels(model, *inputs) == labels)) for name, inputs in ways.items()}
    return {**right, "shuffled_text": float(np.mean(predict_labels(model, images, token_ids[order]) == labels[order]))}


@mutant("ablate", caught_by="the images were shuffled instead of the texts")
def images_move(model, images, token_ids, labels, rng=0):
    order = np.random.default_rng(rng).permutation(len(labels))
    ways = {
        "full": (images, token_ids),
        "image_only": (images, 0 * token_ids),
        "text_only": (np.full_like(images, 255), token_ids),
        "shuffled_text": (images[order], token_ids),
    }
    return {name: float(np.mean(predict_labels(model, *inputs) == labels)) for name, inputs in ways.items()}


@mutant("ablate", caught_by="the texts were not shuffled")
def in_their_order(model, images, token_ids, labels, rng=0):
    ways = {
        "full": (images, token_ids),
        "image_only": (images, 0 * token_ids),
        "text_only": (np.full_like(images, 255), token_ids),
        "shuffled_text": (images, token_ids),
    }
    return {name: float(np.mean(predict_labels(model, *inputs) == labels)) for name, inputs in ways.items()}


@mutant("ablate", caught_by="draw the order by np.random.default_rng(rng)")
def the_same_order_each_time(model, images, token_ids, labels, rng=0):
    order = np.random.default_rng(0).permutation(len(labels))
    ways = {
        "full": (images, token_ids),
        "image_only": (images, 0 * token_ids),
        "text_only": (np.full_like(images, 255), token_ids),
        "shuffled_text": (images, token_ids[order]),
    }
    return {name: float(np.mean(predict_labels(model, *inputs) == labels)) for name, inputs in ways.items()}
