"""Layer by layer, with helpers for what repeats."""

import math

import numpy as np

from mmlearn.quiet import keras, layers, ops

MAX_LOG_SCALE = math.log(100)


@keras.saving.register_keras_serializable(package="mmlearn")
class EdgeHistogram(layers.Layer):
    def build(self, shape):
        angles = np.pi * np.arange(16) / 8
        across = np.array([[0, 0, 0], [-1, 0, 1], [0, 0, 0]]) / 6
        kernels = [np.cos(angle) * across + np.sin(angle) * across.T for angle in angles]
        self.kernels = np.repeat(np.stack(kernels, axis=-1)[:, :, None], 3, axis=2).astype(np.float32)
        self.cell = shape[1] // 4
        super().build(shape)

    def call(self, images):
        slope = ops.relu(ops.conv(images, self.kernels, padding="same"))
        slope = slope * ops.softmax(20 * slope, axis=-1)
        cell = (self.cell, self.cell)
        return ops.sqrt(ops.average_pool(slope[..., :8] + slope[..., 8:], cell, strides=cell) + 1e-4)


def conv_block(inputs, n_filters, size):
    outputs = layers.Conv2D(n_filters, size, strides=(2, 2), padding="same", use_bias=False)(inputs)
    outputs = layers.BatchNormalization()(outputs)
    return layers.Activation("relu")(outputs)


def unit_vector(features):
    flat = layers.Flatten()(features)
    return layers.UnitNormalization(axis=-1)(flat)


def build_image_tower(size=32, dim=128, width=32, augment=True):
    if size <= 0 or size % 8 != 0:
        raise ValueError("the size of the pictures must be divisible by 8")
    inputs = keras.Input(shape=(size, size, 3), name="image")
    pictures = inputs
    if augment:
        pictures = layers.RandomRotation(0.02, fill_mode="constant", fill_value=255)(pictures)
        pictures = layers.RandomZoom(0.08, fill_mode="constant", fill_value=255)(pictures)
        pictures = layers.RandomTranslation(0.08, 0.08, fill_mode="constant", fill_value=255)(pictures)
    inverted = layers.Rescaling(scale=-1.0 / 255, offset=1)(pictures)

    learnt = conv_block(inverted, width, 3)
    learnt = conv_block(learnt, width * 2, 3)
    learnt = conv_block(learnt, width * 4, 3)

    small = layers.AveragePooling2D(pool_size=size // 8)(inverted)
    small = ops.subtract(small, 0.2)

    edges = EdgeHistogram()(inverted)

    together = layers.concatenate([unit_vector(learnt), unit_vector(small), unit_vector(edges)])
    embedding = layers.Dense(dim, activation=None, use_bias=False)(together)
    embedding = layers.UnitNormalization(axis=-1)(embedding)
    return keras.Model(inputs=inputs, outputs=embedding)


def build_text_tower(vocabulary_size, dim=128, word_dropout=0.2):
    inputs = keras.Input(shape=(None,), dtype="int32", name="token_ids")
    mask = ops.expand_dims(ops.cast(inputs > 0, "float32"), -1)
    vectors = layers.Embedding(input_dim=vocabulary_size, output_dim=dim)(inputs)
    kept = layers.Dropout(word_dropout, noise_shape=(None, None, 1))(vectors)
    total = ops.sum(kept * mask, axis=1)
    count = ops.sum(mask, axis=1)
    average = total / ops.maximum(count, 1)
    return keras.Model(inputs=inputs, outputs=layers.UnitNormalization(axis=-1)(average))


def build_similarity_model(image_tower, text_tower):
    image_input = keras.Input(shape=image_tower.input_shape[1:])
    text_input = keras.Input(shape=(None,), dtype="int32")
    image_vector = image_tower(image_input)
    text_vector = text_tower(text_input)
    product = ops.sum(ops.multiply(image_vector, text_vector), axis=1)
    product = ops.minimum(ops.maximum(product, -1), 1)
    return keras.Model(inputs=[image_input, text_input], outputs=product)


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    image_embeddings = ops.normalize(image_embeddings, axis=-1)
    text_embeddings = ops.normalize(text_embeddings, axis=-1)
    logits = ops.matmul(image_embeddings, ops.transpose(text_embeddings)) / temperature
    labels = ops.arange(ops.shape(logits)[0])
    rows = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    columns = keras.losses.sparse_categorical_crossentropy(labels, ops.transpose(logits), from_logits=True)
    return (ops.mean(rows) + ops.mean(columns)) / 2


@keras.saving.register_keras_serializable(package="mmlearn")
class TwoTower(keras.Model):
    def __init__(self, image_tower, text_tower, temperature=0.07, **kwargs):
        super().__init__(**kwargs)
        self.image_tower = image_tower
        self.text_tower = text_tower
        self.temperature = temperature

        def at_most_100(value):
            return ops.minimum(value, MAX_LOG_SCALE)

        start = keras.initializers.Constant(-math.log(temperature))
        self.log_scale = self.add_weight(shape=(), initializer=start, constraint=at_most_100, name="log_scale")

    def call(self, inputs, training=False):
        image_embeddings = self.image_tower(inputs[0], training=training)
        text_embeddings = self.text_tower(inputs[1], training=training)
        return image_embeddings, text_embeddings

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        temperature = 1 / ops.exp(self.log_scale)
        return info_nce_loss(y_pred[0], y_pred[1], temperature)

    def get_config(self) -> dict:
        towers = {"image_tower": self.image_tower, "text_tower": self.text_tower}
        described = {name: keras.saving.serialize_keras_object(tower) for name, tower in towers.items()}
        return {**super().get_config(), **described, "temperature": self.temperature}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "TwoTower":
        towers = ("image_tower", "text_tower")
        built = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in towers}
        return cls(**{**config, **built})


def build_two_tower(image_tower, text_tower, temperature=0.07, learning_rate=1e-2, weight_decay=1e-4):
    if temperature < 0.01 or temperature > 1:
        raise ValueError("the temperature must lie in [0.01, 1]")
    model = TwoTower(image_tower, text_tower, temperature=temperature)
    adam = keras.optimizers.AdamW(learning_rate=learning_rate, weight_decay=weight_decay)
    adam.exclude_from_weight_decay(var_names=["log_scale"])
    model.compile(adam, jit_compile=False)
    return model


class ConceptBatches(keras.utils.PyDataset):
    def __init__(self, images, token_ids, concept_ids, batch_size, rng=None):
        super().__init__()
        self.images, self.token_ids, self.rng = images, token_ids, rng
        self.drawings = [np.flatnonzero(concept_ids == concept) for concept in np.unique(concept_ids)]
        self.batch_size = min(batch_size, len(self.drawings))
        self.rows = np.array([rows[0] for rows in self.drawings])
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        if self.rng is None:
            return
        chosen = np.array([self.rng.choice(drawings) for drawings in self.drawings])
        self.rng.shuffle(chosen)
        self.rows = chosen

    def __len__(self) -> int:
        return len(self.rows) // self.batch_size

    def __getitem__(self, index):
        start = index * self.batch_size
        picked = self.rows[start : start + self.batch_size]
        inputs = (self.images[picked], self.token_ids[picked])
        return (inputs,)


def train_two_tower(
    model,
    images,
    token_ids,
    concept_ids,
    held_back=None,
    *,
    epochs=60,
    batch_size=256,
    learning_rate=1e-2,
    patience=10,
    verbose=0,
    rng=0,
):
    rng = np.random.default_rng(rng)
    n = len(images)
    if len(token_ids) != n or len(concept_ids) != n:
        raise ValueError("images, texts and concepts must be equally many")
    use = np.ones(n, dtype=bool)
    if held_back is not None:
        use = ~np.asarray(held_back, dtype=bool)
    if not np.any(use):
        raise ValueError("there is no training data")
    training = ConceptBatches(images[use], token_ids[use], concept_ids[use], batch_size, rng)

    w = max(1, epochs // 10)

    def rate(epoch, _):
        if epoch < w:
            factor = (epoch + 1) / w
        else:
            factor = 0.5 * (1 + np.cos(np.pi * (epoch - w + 1) / (epochs - w + 1)))
        return float(learning_rate * factor)

    settings = {"epochs": epochs, "verbose": verbose}
    settings["callbacks"] = [keras.callbacks.LearningRateScheduler(rate)]
    if not np.all(use):
        rest = ~use
        settings["validation_data"] = ConceptBatches(images[rest], token_ids[rest], concept_ids[rest], rest.sum())
        stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience, restore_best_weights=True)
        settings["callbacks"].append(stop)
    result = model.fit(training, **settings).history
    for key in result:
        result[key] = [float(x) for x in result[key]]
    return result


def retrieve(model, token_ids, images, k=10):
    if k < 1 or k > len(images):
        raise ValueError("k is not possible")
    text_vectors = model.text_tower.predict(token_ids, verbose=0)
    image_vectors = model.image_tower.predict(images, verbose=0)
    scores = np.dot(text_vectors, image_vectors.T)
    best = np.argsort(-scores, kind="stable", axis=1)
    best = best[:, :k]
    rows = np.arange(len(scores)).reshape(-1, 1)
    return best, scores[rows, best]
