"""Two linear towers, trained to agree on pairs: the same maps as CCA's, found by gradient descent on another loss."""

from __future__ import annotations

import numpy as np

from mmlearn.quiet import keras, ops


class TwoTowers(keras.Model):
    """An image tower and a text tower that end in one space, on the unit sphere.

    Args:
        dim: size of the shared space.
        loss_name: "infonce" (each item must find its partner in the batch) or "sigmoid" (each pair is a yes or no).
    """

    def __init__(self, dim: int = 128, loss_name: str = "infonce"):
        super().__init__()
        self.image_tower = keras.layers.Dense(dim, use_bias=False)
        self.text_tower = keras.layers.Dense(dim, use_bias=False)
        self.loss_name = loss_name
        # learnt as its logarithm, so that it stays positive; 1 / 0.07 is CLIP's start, 10 and -10 are SigLIP's
        start = 1 / 0.07 if loss_name == "infonce" else 10.0
        self.log_scale = self.add_weight(name="log_scale", initializer=keras.initializers.Constant(np.log(start)))
        self.bias = self.add_weight(
            name="bias", initializer=keras.initializers.Constant(-10.0), trainable=loss_name == "sigmoid"
        )

    def call(self, inputs):
        images, texts = inputs
        return ops.normalize(self.image_tower(images), axis=-1), ops.normalize(self.text_tower(texts), axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        image_embeddings, text_embeddings = y_pred
        cosines = ops.matmul(image_embeddings, ops.transpose(text_embeddings))  # (B, B), pairs on the diagonal
        logits = ops.exp(self.log_scale) * cosines  # the scale is 1 / temperature
        if self.loss_name == "sigmoid":
            sign = 2 * ops.eye(ops.shape(logits)[0]) - 1
            return ops.mean(ops.sum(ops.softplus(-sign * (logits + self.bias)), axis=1))
        image_to_text = ops.diagonal(ops.log_softmax(logits, axis=1))
        text_to_image = ops.diagonal(ops.log_softmax(logits, axis=0))
        return -ops.mean(image_to_text + text_to_image) / 2


class OneDrawingPerConcept(keras.utils.PyDataset):
    """Batches in which no concept stands twice; each epoch draws anew which vendor's drawing is shown.

    Two drawings of one concept in a batch would be told apart by the loss, though each fits the other's text: a false
    negative. At the end of an epoch the concepts that do not fill a batch are left out.
    """

    def __init__(self, images: np.ndarray, texts: np.ndarray, concept_ids: np.ndarray, batch_size: int, seed: int):
        super().__init__()
        self.images, self.texts, self.batch_size = images, texts, batch_size
        self.drawings = [np.flatnonzero(concept_ids == concept) for concept in np.unique(concept_ids)]
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        self.rows = self.rng.permutation([self.rng.choice(drawings) for drawings in self.drawings])

    def __len__(self):
        return len(self.drawings) // self.batch_size

    def __getitem__(self, index):
        rows = self.rows[index * self.batch_size : (index + 1) * self.batch_size]
        return (self.images[rows], self.texts[rows]), np.zeros(len(rows))  # Keras wants a target; the loss needs none


def make_towers(image_dim: int, text_dim: int, loss_name: str = "infonce", seed: int = 0) -> TwoTowers:
    """Towers with random weights, ready for `fit`."""
    keras.utils.set_random_seed(seed)
    towers = TwoTowers(loss_name=loss_name)
    towers((np.zeros((1, image_dim), np.float32), np.zeros((1, text_dim), np.float32)))  # makes the weights
    towers.compile(optimizer=keras.optimizers.Adam(3e-3))
    return towers


def embed(towers: TwoTowers, images: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Image embeddings and text embeddings of length 1, as NumPy arrays."""
    image_embeddings = ops.normalize(towers.image_tower(images), axis=-1)
    text_embeddings = ops.normalize(towers.text_tower(texts), axis=-1)
    return ops.convert_to_numpy(image_embeddings), ops.convert_to_numpy(text_embeddings)
