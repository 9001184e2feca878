"""As few names as possible."""

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


def build_image_tower(size=32, dim=128, width=32, augment=True):
    if size not in range(8, size + 1, 8):
        raise ValueError(f"{size} is no multiple of 8")
    white = {"fill_mode": "constant", "fill_value": 255.0}
    random = [
        layers.RandomTranslation(0.1, 0.1, **white),
        layers.RandomZoom(0.1, **white),
        layers.RandomRotation(0.04, **white),
    ]
    before = keras.Sequential(
        [keras.Input((size, size, 3)), *(random if augment else []), layers.Rescaling(-1 / 255, 1)]
    )
    network = keras.Sequential()
    for factor in (1, 2, 4):
        network.add(layers.Conv2D(factor * width, 3, strides=2, padding="same"))
        network.add(layers.BatchNormalization())
        network.add(layers.ReLU())
    image = keras.Input((size, size, 3))
    x = before(image)
    views = (network(x), layers.AveragePooling2D(size // 8)(x) - 0.2, EdgeHistogram()(x))
    x = layers.Concatenate()([ops.normalize(layers.Flatten()(view), axis=-1) for view in views])
    return keras.Model(image, ops.normalize(layers.Dense(dim)(x), axis=-1))


def build_text_tower(vocabulary_size, dim=128, word_dropout=0.2):
    ids = keras.Input((None,), dtype="int32")
    real = ops.cast(ids != 0, "float32")
    weights = layers.Dropout(word_dropout)(real)
    embedded = layers.Embedding(vocabulary_size, dim)(ids)
    summed = ops.einsum("nl,nld->nd", weights, embedded)
    return keras.Model(ids, ops.normalize(summed / (ops.sum(real, axis=1, keepdims=True) + 1e-6), axis=-1))


def build_similarity_model(image_tower, text_tower):
    image, ids = keras.Input(image_tower.input_shape[1:]), keras.Input((None,), dtype="int32")
    cosine = layers.Dot(axes=1)([image_tower(image), text_tower(ids)])
    return keras.Model([image, ids], ops.clip(ops.squeeze(cosine, axis=1), -1, 1))


def info_nce_loss(image_embeddings, text_embeddings, temperature=0.07):
    a, b = (ops.normalize(x, axis=1) for x in (image_embeddings, text_embeddings))
    z = ops.einsum("nd,md->nm", a, b) / temperature
    partition = ops.mean(ops.logsumexp(z, axis=0) + ops.logsumexp(z, axis=1)) / 2
    return partition - ops.mean(ops.diagonal(z))


@keras.saving.register_keras_serializable(package="mmlearn")
class TwoTower(keras.Model):
    def __init__(self, image_tower, text_tower, temperature=0.07, **kwargs):
        super().__init__(**kwargs)
        self.image_tower = image_tower
        self.text_tower = text_tower
        self.temperature = temperature
        self.log_scale = self.add_weight(
            (),
            lambda shape, dtype=None: ops.full(shape, np.log(1 / temperature), dtype),
            name="log_scale",
            constraint=lambda w: ops.clip(w, -MAX_LOG_SCALE, MAX_LOG_SCALE),
        )

    def call(self, inputs, training=False):
        return tuple(f(x, training=training) for f, x in zip((self.image_tower, self.text_tower), inputs, strict=True))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return info_nce_loss(*y_pred, temperature=ops.exp(-self.log_scale))

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
    if not 1e-2 <= temperature <= 1.0:
        raise ValueError(temperature)
    two = TwoTower(image_tower, text_tower, temperature)
    two.compile(keras.optimizers.AdamW(learning_rate, weight_decay), jit_compile=False)
    two.optimizer.exclude_from_weight_decay(var_names=["log_scale"])
    return two


class ConceptBatches(keras.utils.PyDataset):
    def __init__(self, images, token_ids, concept_ids, batch_size, rng=None):
        super().__init__()
        self.images, self.token_ids, self.rng = images, token_ids, rng
        self.drawings = [np.flatnonzero(concept_ids == concept) for concept in np.unique(concept_ids)]
        self.batch_size = min(batch_size, len(self.drawings))
        self.rows = np.array([rows[0] for rows in self.drawings])
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        if self.rng:
            order = self.rng.permutation(len(self.drawings))
            self.rows = np.array([self.drawings[i][self.rng.integers(len(self.drawings[i]))] for i in order])

    def __len__(self) -> int:
        return len(self.rows) // self.batch_size

    def __getitem__(self, index):
        r = self.rows.reshape(-1)[index * self.batch_size :][: self.batch_size]
        return ((self.images[r], self.token_ids[r]),)


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
    if len({len(images), len(token_ids), len(concept_ids)}) > 1:
        raise ValueError("lengths")
    held = np.zeros(len(images), bool) | (False if held_back is None else held_back)
    if all(held):
        raise ValueError("held_back")
    w = max(1, epochs // 10)
    climb = [(e + 1) / w for e in range(w)]
    fall = [(1 + math.cos(math.pi * (e + 1) / (epochs - w + 1))) / 2 for e in range(epochs - w)]
    rates = [learning_rate * share for share in climb + fall]
    calls = [keras.callbacks.LearningRateScheduler(rates.__getitem__)]
    arrays = [images, token_ids, concept_ids]
    data = ConceptBatches(*(x[~held] for x in arrays), batch_size, rng)
    check = ConceptBatches(*(x[held] for x in arrays), len(images)) if any(held) else None
    if check:
        calls += [keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)]
    fitted = model.fit(data, epochs=epochs, verbose=verbose, callbacks=calls, validation_data=check)
    return {k: list(map(float, v)) for k, v in fitted.history.items()}


def retrieve(model, token_ids, images, k=10):
    if not 0 < k <= len(images):
        raise ValueError(k)
    t, i = model.text_tower.predict(token_ids, verbose=0), model.image_tower.predict(images, verbose=0)
    found = np.argsort(-(t @ i.T), 1, kind="stable")[:, :k]
    return found, np.take_along_axis(t @ i.T, found, 1)
