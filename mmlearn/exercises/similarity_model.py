# Derived from solutions/similarity_model.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: 88a14861e4db9448d4cded9e993ade790bb6c830fa15395031d7a20c4387906d
"""A two-tower model: images and texts in one space, trained on pairs, searched by cosine. Keras 3, any backend.

Seven functions, two of them with a class, in the order in which they build on one another:

    build_image_tower, build_text_tower → build_similarity_model
    info_nce_loss → build_two_tower (class TwoTower) → train_two_tower (class ConceptBatches) → retrieve

Conventions that hold for all of them:

- `images` is (N, size, size, 3) with values 0 to 255, uint8 or float; `token_ids` is (N, L) integers, 0 = padding.
- An embedding is a row of length 1, so that the dot product of two of them is their cosine.
- Keras comes from `mmlearn.quiet`, which imports it without a word on stderr. Use `keras`, `layers`, `ops` and NumPy
  and nothing of a backend's own, and the same file runs on TensorFlow, JAX or PyTorch.

As a script it trains on four vendors' emoji and is tested on a fifth: `python -m solutions.similarity_model --help`.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from mmlearn.data import FAR_VENDOR, NEAR_VENDOR, TRAIN_VENDORS, EmojiData, Vocabulary, load_emoji
from mmlearn.quiet import keras, layers, ops

MAX_LOG_SCALE = math.log(100)  # CLIP's limit: the temperature does not fall below 0.01


@keras.saving.register_keras_serializable(package="mmlearn")
class EdgeHistogram(layers.Layer):
    """How strong edges of each of 8 directions are in each of 4 × 4 cells. Given; nothing in it is learnt.

    (N, size, size, 3) -> (N, 4, 4, 8) float32. A small histogram of oriented gradients (Dalal, Triggs, 2005).
    """

    def build(self, shape: tuple) -> None:
        angles = np.pi * np.arange(16) / 8  # 16 signed directions; opposite ones are one edge
        across = np.array([[0, 0, 0], [-1, 0, 1], [0, 0, 0]]) / 6  # half a central difference, mean of 3 channels
        kernels = [np.cos(angle) * across + np.sin(angle) * across.T for angle in angles]
        self.kernels = np.repeat(np.stack(kernels, axis=-1)[:, :, None], 3, axis=2).astype(np.float32)
        self.cell = shape[1] // 4
        super().build(shape)

    def call(self, images: Any) -> Any:
        slope = ops.relu(ops.conv(images, self.kernels, padding="same"))
        slope = slope * ops.softmax(20 * slope, axis=-1)  # mostly to the steepest direction
        cell = (self.cell, self.cell)
        return ops.sqrt(ops.average_pool(slope[..., :8] + slope[..., 8:], cell, strides=cell) + 1e-4)


def build_image_tower(size: int = 32, dim: int = 128, width: int = 32, augment: bool = True) -> keras.Model:
    """From pictures to unit vectors: a small convolutional network, with simple features beside it.

    Inside, in this order:

    - Augmentation, if asked for. It must act in training only; Keras's `Random...` layers know by themselves when that
      is. Shift, zoom and turn a little; what comes in at the edge is white (`fill_mode="constant", fill_value=255`).
      No mirror images: an arrow to the left and one to the right are two concepts.
    - A `Rescaling` layer after which white is 0. It belongs inside, so that nobody can forget it.
    - Three views of that: (1) three times a convolution with stride 2 and `padding="same"`, batch normalisation and
      ReLU; (2) the picture shrunk to 8 × 8 by `AveragePooling2D`, minus 0.2, about its mean; (3) `EdgeHistogram()`,
      above. The last two need no training: what is known need not be learnt.
    - Each view flattened, not averaged over positions (which colour is *where* tells most about an emoji), and scaled
      to length 1, so that none drowns the others; then side by side into a dense layer without activation; length 1.

    Args:
        size: height and width of the pictures, a multiple of 8.
        dim: D, size of the shared space.
        width: filters of the first convolution; the second and third have twice and four times as many.
        augment: whether to have augmentation layers.

    Returns:
        A model from (N, size, size, 3), values 0 to 255, to (N, dim) float32, each row of length 1.

    Raises:
        ValueError: size is not a positive multiple of 8.

    Example:
        >>> tower = build_image_tower(size=8, dim=4, width=2)
        >>> embeddings = tower.predict(np.full((3, 8, 8, 3), 200, np.uint8), verbose=0)
        >>> embeddings.shape
        (3, 4)

    Source: convolutions with stride in place of pooling: Springenberg et al., "Striving for Simplicity: The All
        Convolutional Net", 2014, arXiv:1412.6806; batch normalisation: Ioffe, Szegedy, 2015, arXiv:1502.03167.
    """
    # TODO: write build_image_tower, then run: mmlearn check similarity_model.build_image_tower
    raise NotImplementedError


def build_text_tower(vocabulary_size: int, dim: int = 128, word_dropout: float = 0.2) -> keras.Model:
    """A bag of words: the mean of the words' vectors, scaled to length 1.

    Padding (id 0) must not count, or a short text would have another vector in a batch of longer texts. A text of
    padding alone has no direction: its embedding may be anything finite, but not NaN.

    Word dropout leaves out each word of a text, as a whole, with the given probability, in training only: the model
    must not lean on one keyword.

    Args:
        vocabulary_size: number of token ids, padding and unknown included.
        dim: D, size of a word's vector and of the shared space.
        word_dropout: probability in [0, 1) that a word is left out in training.

    Returns:
        A model from token_ids (N, L) integers, any L, to (N, dim) float32, each row of length 1.

    Example:
        Two texts that differ in their padding and in the order of their words have one embedding.

        >>> tower = build_text_tower(vocabulary_size=10, dim=4)
        >>> a, b = tower.predict(np.array([[5, 7, 0, 0], [7, 5, 0, 0]]), verbose=0)
        >>> c = tower.predict(np.array([[5, 7]]), verbose=0)[0]
        >>> bool(np.allclose(a, b, atol=1e-6) and np.allclose(a, c, atol=1e-6))
        True

    Source: Iyyer et al., "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", ACL 2015
        (averaged words, and word dropout).
    """
    # TODO: write build_text_tower, then run: mmlearn check similarity_model.build_text_tower
    raise NotImplementedError


def build_similarity_model(image_tower: keras.Model, text_tower: keras.Model) -> keras.Model:
    """The program that was asked for: an image and a text go in, their cosine comes out.

    Args:
        image_tower: from images (N, size, size, 3) to unit vectors (N, D), as `build_image_tower` gives.
        text_tower: from token_ids (N, L) to unit vectors (N, D), as `build_text_tower` gives.

    Returns:
        A model from [images, token_ids], two inputs in this order, to (N,) float32: entry i is the cosine of image i
        and text i, within [-1, 1] also after rounding. It shares its weights with the towers.

    Example:
        >>> towers = build_image_tower(size=8, dim=4, width=2), build_text_tower(vocabulary_size=10, dim=4)
        >>> model = build_similarity_model(*towers)
        >>> images, token_ids = np.zeros((2, 8, 8, 3), np.uint8), np.array([[5, 7], [6, 0]])
        >>> model.predict([images, token_ids], verbose=0).shape
        (2,)

    Source: the functional API, https://keras.io/guides/functional_api/.
    """
    # TODO: write build_similarity_model, then run: mmlearn check similarity_model.build_similarity_model
    raise NotImplementedError


def info_nce_loss(image_embeddings: Any, text_embeddings: Any, temperature: Any = 0.07) -> Any:
    """The symmetric contrastive loss of CLIP, on tensors: what `similarity.info_nce_loss` is on arrays.

    The logits are cosine / temperature. The loss is the mean of two cross-entropies: each image must find its text
    among the texts of the batch, each text its image among the images.

    Args:
        image_embeddings: (N, D) tensor or array of floats, rows of any length: they are normalised here.
        text_embeddings: (N, D); row i belongs to image i, all other rows are its negatives.
        temperature: > 0, a number or a scalar tensor (then the gradient reaches it). Logits up to ±1e4
            must not overflow.

    Returns:
        A scalar tensor ≥ 0; log N if all embeddings are alike.

    Example:
        Two pairs of orthogonal unit vectors at temperature 1: each cross-entropy is log(1 + 1/e).

        >>> loss = info_nce_loss(np.eye(2, dtype="float32"), np.eye(2, dtype="float32"), temperature=1.0)
        >>> round(float(loss), 4)
        0.3133

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (CLIP), 2021,
        arXiv:2103.00020.
    """
    # TODO: write info_nce_loss, then run: mmlearn check similarity_model.info_nce_loss
    raise NotImplementedError


@keras.saving.register_keras_serializable(package="mmlearn")
class TwoTower(keras.Model):
    """Two towers and a learnt temperature. Keras does the training step; only the loss is ours.

    It is registered and can describe itself (`get_config`), so that `keras.saving.load_model` can build it again from a
    `.keras` file.

    The temperature is learnt as `log_scale`, log(1 / temperature), a scalar weight made by `self.add_weight`: exp() of
    it is positive, whatever the optimiser does. A `constraint` keeps it at or below log 100.

    Args:
        image_tower: from images to unit vectors (N, D).
        text_tower: from token_ids to unit vectors (N, D).
        temperature: at the start, between 0.01 and 1.
    """

    def __init__(self, image_tower: keras.Model, text_tower: keras.Model, temperature: float = 0.07, **kwargs: Any):
        super().__init__(**kwargs)
        self.image_tower = image_tower
        self.text_tower = text_tower
        self.temperature = temperature
        # TODO: write TwoTower.__init__, then run: mmlearn check similarity_model
        raise NotImplementedError

    def call(self, inputs: Any, training: bool = False) -> Any:
        """[images, token_ids] -> (image_embeddings, text_embeddings), both (N, D)."""
        # TODO: write TwoTower.call, then run: mmlearn check similarity_model
        raise NotImplementedError

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training=True):
        """InfoNCE of a batch at the learnt temperature. `y_pred` is what `call` returned; there is no `y`."""
        # TODO: write TwoTower.compute_loss, then run: mmlearn check similarity_model
        raise NotImplementedError

    def get_config(self) -> dict:
        towers = {"image_tower": self.image_tower, "text_tower": self.text_tower}
        described = {name: keras.saving.serialize_keras_object(tower) for name, tower in towers.items()}
        return {**super().get_config(), **described, "temperature": self.temperature}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "TwoTower":
        towers = ("image_tower", "text_tower")
        built = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in towers}
        return cls(**{**config, **built})


def build_two_tower(
    image_tower: keras.Model,
    text_tower: keras.Model,
    temperature: float = 0.07,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-4,
) -> TwoTower:
    """A `TwoTower`, compiled with AdamW and ready for `fit`.

    Write what is missing in the class above (its weight, `call`, `compute_loss`) and this function. Compile without a
    `loss`: the class has its own. Weight decay would pull `log_scale` towards 0, a temperature of 1: exclude it
    (`optimizer.exclude_from_weight_decay(var_names=["log_scale"])`). And compile with `jit_compile=False`: on a CPU,
    XLA takes longer to compile than such a model to train.

    Args:
        image_tower: from images (N, size, size, 3) to unit vectors (N, D).
        text_tower: from token_ids (N, L) to unit vectors (N, D).
        temperature: at the start of training, between 0.01 and 1; it is learnt.
        learning_rate: of AdamW, > 0.
        weight_decay: of AdamW, ≥ 0.

    Returns:
        A compiled model from [images, token_ids] to (image_embeddings, text_embeddings), both (N, D) with rows of
        length 1. Its loss is `info_nce_loss` of the batch at the learnt temperature. Its weights are those of the image
        tower, those of the text tower, and one number: log(1 / temperature), at most log 100.

    Raises:
        ValueError: temperature is outside [0.01, 1].

    Example:
        >>> towers = build_image_tower(size=8, dim=4, width=2), build_text_tower(vocabulary_size=10, dim=4)
        >>> model = build_two_tower(*towers, temperature=0.1)
        >>> round(float(keras.ops.exp(-model.log_scale)), 4)
        0.1

    Source: CLIP (see `info_nce_loss`), section 2.5: the temperature is learnt as a logarithm and clipped so that logits
        are not scaled by more than 100. AdamW: Loshchilov, Hutter, 2017, arXiv:1711.05101.
    """
    # TODO: write build_two_tower, then run: mmlearn check similarity_model.build_two_tower
    raise NotImplementedError


class ConceptBatches(keras.utils.PyDataset):
    """Batches of pairs in which no concept stands twice.

    Two drawings of one concept in a batch would each be a negative of the other's text, though they fit: the loss would
    push apart what belongs together. So an epoch shows each concept once, in a drawing that is drawn anew each time.

    Args:
        images: (N, size, size, 3).
        token_ids: (N, L).
        concept_ids: (N,) integers; drawings of one concept share it.
        batch_size: pairs a batch; at most the number of concepts. The concepts that do not fill a batch are left out.
        rng: draws and shuffles; None takes each concept's first drawing, in one order for ever (for validation).
    """

    def __init__(
        self,
        images: np.ndarray,
        token_ids: np.ndarray,
        concept_ids: np.ndarray,
        batch_size: int,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        self.images, self.token_ids, self.rng = images, token_ids, rng
        self.drawings = [np.flatnonzero(concept_ids == concept) for concept in np.unique(concept_ids)]
        self.batch_size = min(batch_size, len(self.drawings))
        self.rows = np.array([rows[0] for rows in self.drawings])
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draw what the next epoch shows: `self.rows`, one row of the arrays a concept, in random order."""
        # TODO: write ConceptBatches.on_epoch_end, then run: mmlearn check similarity_model
        raise NotImplementedError

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.rows) // self.batch_size

    def __getitem__(self, index: int) -> tuple:
        """Batch `index`: ((images, token_ids),). There is no target: the pairs themselves are the supervision."""
        # TODO: write ConceptBatches.__getitem__, then run: mmlearn check similarity_model
        raise NotImplementedError


def train_two_tower(
    model: keras.Model,
    images: np.ndarray,
    token_ids: np.ndarray,
    concept_ids: np.ndarray,
    held_back: np.ndarray | None = None,
    *,
    epochs: int = 60,
    batch_size: int = 256,
    learning_rate: float = 1e-2,
    patience: int = 10,
    verbose: int = 0,
    rng: int | np.random.Generator = 0,
) -> dict[str, list[float]]:
    """Train a two-tower model in place: batches without repeats, a schedule, validation, early stopping.

    Write the two methods of `ConceptBatches`, `on_epoch_end` and `__getitem__`, and this function.

    - The learning rate is set at the start of each epoch (`keras.callbacks.LearningRateScheduler`, which also writes it
      into the history). With w = max(1, epochs // 10), it climbs in epochs 0 … w-1 as learning_rate · (epoch + 1) / w,
      then falls along a cosine: learning_rate · (1 + cos(π (epoch - w + 1) / (epochs - w + 1))) / 2.
    - The rows that `held_back` marks are validation, in one batch: no weight learns from them. Training stops when the
      validation loss has not improved for `patience` epochs, and the best weights come back.

    Args:
        model: what `build_two_tower` returned.
        images: (N, size, size, 3), values 0 to 255.
        token_ids: (N, L), 0 = padding.
        concept_ids: (N,) integers.
        held_back: (N,) bool, True for the rows that are kept for validation: a whole vendor, or whole concepts; None
            trains on all, without validation and without early stopping.
        epochs: at most so many; in each, every concept is shown once.
        batch_size: pairs a batch, or all concepts if they are fewer.
        learning_rate: the highest of the schedule.
        patience: see above.
        verbose: 0 is silent, 1 shows a progress bar, as in `fit`.
        rng: of the batches.

    Returns:
        The history: a list of one float an epoch under "loss" and "learning_rate", and under "val_loss" if rows were
        held back.

    Raises:
        ValueError: the arrays differ in length, or every row is held back.

    Example:
        Pictures and texts that are all alike cannot be told apart: with 3 concepts the loss is log 3, for ever.

        >>> towers = build_image_tower(size=8, dim=4, width=2), build_text_tower(vocabulary_size=10, dim=4)
        >>> images, token_ids = np.zeros((6, 8, 8, 3), np.uint8), np.ones((6, 2), int)
        >>> concept_ids = np.array([0, 1, 2, 0, 1, 2])
        >>> history = train_two_tower(build_two_tower(*towers), images, token_ids, concept_ids, epochs=1)
        >>> sorted(history)
        ['learning_rate', 'loss']

    Source: warm-up and cosine as in CLIP; cosine annealing: Loshchilov, Hutter, "SGDR", 2016, arXiv:1608.03983.
    """
    # TODO: write train_two_tower, then run: mmlearn check similarity_model.train_two_tower
    raise NotImplementedError


def retrieve(
    model: keras.Model, token_ids: np.ndarray, images: np.ndarray, k: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Search: the k images that fit each text best.

    Embed each text once and each image once, with the model's two towers (`model.text_tower`, `model.image_tower`; both
    have `predict`). Never build the N · M pairs.

    Args:
        model: a `TwoTower`.
        token_ids: (N, L) the queries.
        images: (M, size, size, 3) the gallery, any number M ≥ 1.
        k: 1 ≤ k ≤ M.

    Returns:
        indices (N, k) integers in 0 … M-1, best first, among equal scores the smaller first; and scores (N, k) float32,
        their cosines.

    Raises:
        ValueError: k is outside 1 … M.

    Example:
        >>> towers = build_image_tower(size=8, dim=4, width=2), build_text_tower(vocabulary_size=10, dim=4)
        >>> images = np.zeros((3, 8, 8, 3), np.uint8)
        >>> indices, scores = retrieve(build_two_tower(*towers), np.array([[5, 7]]), images, k=2)
        >>> indices.shape, scores.shape
        ((1, 2), (1, 2))

    Source: bi-encoders for search: Karpukhin et al., "Dense Passage Retrieval for Open-Domain Question Answering",
        2020, arXiv:2004.04906.
    """
    # TODO: write retrieve, then run: mmlearn check similarity_model.retrieve
    raise NotImplementedError


# --- the program ----------------------------------------------------------------------------------------------------


def texts_of(data: EmojiData) -> list[str]:
    """The English name and keywords of each drawing, as one text."""
    pairs = zip(data.names["en"], data.keywords["en"], strict=True)
    return [f"{name} {' '.join(keywords)}" for name, keywords in pairs]


def measure(ranking: np.ndarray) -> dict[str, float]:
    """Recall in percent; the image that belongs to query i is image i. ranking: (N, 10), best first."""
    found = ranking == np.arange(len(ranking))[:, None]
    return {"R@1": 100 * float(found[:, 0].mean()), "R@10": 100 * float(found.any(axis=1).mean())}


def look_up(train: EmojiData, data: EmojiData) -> np.ndarray:
    """The baseline without learning, for concepts seen in training: compare pictures, shrunk to 8 × 8.

    Returns:
        (N, 10): for each concept of `data`, the drawings nearest to any training drawing of that concept.
    """

    def thumbnails(images: np.ndarray) -> np.ndarray:
        small = images.reshape(-1, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(len(images), -1)
        small = small - small.mean(axis=1, keepdims=True)
        return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-9)

    cosines = thumbnails(train.images) @ thumbnails(data.images).T
    best = np.stack([cosines[train.concept_ids == concept].max(axis=0) for concept in data.concept_ids])
    return np.argsort(-best, axis=1, kind="stable")[:, :10]


def save_figures(folder: Path, history: dict, data: EmojiData, rankings: np.ndarray) -> None:
    """Loss by epoch, and the best five drawings for some queries, into `folder`."""
    from matplotlib.figure import Figure  # here, since only the program draws

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for name in ("loss", "val_loss"):
        if name in history:
            axes.plot(
                range(1, len(history[name]) + 1), history[name], label={"loss": "training"}.get(name, "held back")
            )
    axes.set(xlabel="epoch", ylabel="InfoNCE (nats)", title="The loss of a batch falls")
    axes.legend()
    figure.savefig(folder / "loss.png", dpi=120)

    rows = np.linspace(0, len(data) - 1, 8).astype(int)
    figure = Figure(figsize=(7, 8), layout="constrained")
    for line, (row, panels) in enumerate(zip(rows, figure.subplots(len(rows), 6), strict=True)):
        panels[0].text(1, 0.5, str(data.names["en"][row]), ha="right", va="center", wrap=True)
        panels[0].axis("off")
        for panel, found in zip(panels[1:], rankings[row], strict=False):
            panel.imshow(data.images[found])
            panel.set(xticks=[], yticks=[])
            for spine in panel.spines.values():
                spine.set(color="#009E73" if found == row else "#cccccc", linewidth=3 if found == row else 1)
        if line == 0:
            panels[1].set_title("best")
    figure.savefig(folder / "retrieval.png", dpi=120)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a two-tower model on emoji and search with it.")
    parser.add_argument("--epochs", type=int, default=120, help="default: 120, about a minute on two cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/similarity_model"), metavar="FOLDER")
    parser.add_argument(
        "--validate", action="store_true", help="hold a training vendor back, and report its loss and early stopping"
    )
    chosen = parser.parse_args(arguments)
    if chosen.epochs < 1:
        parser.error(f"--epochs must be at least 1, not {chosen.epochs}")
    if chosen.seed < 0:
        parser.error(f"--seed must not be negative, not {chosen.seed}")
    try:
        chosen.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output {chosen.output}: {error.strerror}")

    train = load_emoji(TRAIN_VENDORS, "seen")
    vocabulary = Vocabulary.from_texts(texts_of(train))
    token_ids, _ = vocabulary.encode(texts_of(train))
    print(f"{len(train):,} drawings of {len(set(train.concept_ids)):,} concepts, {len(vocabulary):,} words")

    keras.utils.set_random_seed(chosen.seed)
    model = build_two_tower(build_image_tower(), build_text_tower(len(vocabulary)))
    start = time.perf_counter()
    history = train_two_tower(
        model,
        train.images,
        token_ids,
        train.concept_ids,
        train.vendors == "emojione" if chosen.validate else None,
        epochs=chosen.epochs,
        patience=max(10, chosen.epochs // 10),
        verbose=1,
        rng=chosen.seed,
    )
    print(f"trained {model.count_params():,} weights for {time.perf_counter() - start:.0f} s")

    print(f"\n{'text → image':<22}{'method':<24}{'R@1':>7}{'R@10':>7}")
    for vendor in (NEAR_VENDOR, FAR_VENDOR):
        for concepts in ("seen", "unseen"):
            data = load_emoji(vendor, concepts)
            rows = {"chance": {"R@1": 100 / len(data), "R@10": 1000 / len(data)}}
            if concepts == "seen":
                rows["look-up by 8 × 8 pixels"] = measure(look_up(train, data))
            ranking, _ = retrieve(model, vocabulary.encode(texts_of(data))[0], data.images, k=10)
            rows["two towers"] = measure(ranking)
            for method, row in rows.items():
                print(f"{vendor + ', ' + concepts:<22}{method:<24}{row['R@1']:>7.1f}{row['R@10']:>7.1f}")
            if (vendor, concepts) == (NEAR_VENDOR, "seen"):
                save_figures(chosen.output, history, data, ranking)

    model.save(chosen.output / "model.keras")
    again = keras.saving.load_model(chosen.output / "model.keras")
    pair = [train.images[:64], token_ids[:64]]
    for before, after in zip(model.predict(pair, verbose=0), again.predict(pair, verbose=0), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
    (chosen.output / "history.json").write_text(json.dumps(history), encoding="utf-8")
    print(f"\nsaved, loaded again, and found equal: {chosen.output / 'model.keras'}, with loss.png and retrieval.png")


if __name__ == "__main__":
    main()
