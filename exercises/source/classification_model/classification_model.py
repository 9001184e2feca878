# Derived from solutions/classification_model.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: b9bbc24602244814f81125f4554f5f7a4552ff1cc24706678eb680873c06c91c
"""Classify a picture with its words: a joint Keras 3 model, built, trained and judged.

Seven functions, in the order in which they build on one another:

    build_image_encoder · build_text_encoder · fuse → build_classifier → train_classifier → predict_labels → ablate

Conventions that hold for all of them:

- `images` are (N, H, W, 3), 0 to 255, uint8 or float32: rescaling is the model's work, so that nobody can forget it.
- `token_ids` are (N, L) int32; id 0 is padding, id 1 stands for any unknown word.
- A missing modality is a white image, or a text of padding only.
- Keras only, and no call of a backend: the tests run it on TensorFlow and on JAX.
- Functions that build or train take a `seed`, and begin with `keras.utils.set_random_seed(seed)`.

Run as a script, it trains on the emoji, judges the model and saves it with its figures:

    python -m solutions.classification_model --help
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlearn.data import FAR_VENDOR, GROUPS, NEAR_VENDOR, TRAIN_VENDORS, Vocabulary, load_emoji
from mmlearn.quiet import keras, layers, ops

WHITE = 255.0
PADDING, UNKNOWN = 0, 1
FUSIONS = ("concat", "gated", "cross_attention")


# A class of your own is saved by name; registered, `keras.saving.load_model` finds it again.
@keras.saving.register_keras_serializable(package="mmlearn")
class ModalityDropout(layers.Layer):
    """Given. In training, some pairs lose their image (it turns white), others their text (it turns into padding).

    Never both, and nothing is lost in inference. Args: `rate`, the share of pairs that lose one of the two.
    """

    def __init__(self, rate: float = 0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        images, token_ids = inputs
        if not training or self.rate == 0:
            return images, token_ids
        u = keras.random.uniform((ops.shape(token_ids)[0],), seed=self.seed_generator)
        no_image, no_text = u < self.rate / 2, (u >= self.rate / 2) & (u < self.rate)
        images = ops.where(no_image[:, None, None, None], WHITE, images)
        return images, ops.where(no_text[:, None], PADDING, token_ids)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="mmlearn")
class WordDropout(layers.Layer):
    """Given. In training, turns some real words into the unknown word; padding stays padding.

    A new text holds words that training never saw. So the model must learn what "an unknown word" is worth, and not to
    lean on any single one. Args: `rate`, the share of the words that are lost.
    """

    def __init__(self, rate: float = 0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, token_ids, training=False):
        if not training or self.rate == 0:
            return token_ids
        lost = keras.random.uniform(ops.shape(token_ids), seed=self.seed_generator) < self.rate
        return ops.where(lost & (token_ids != PADDING), UNKNOWN, token_ids)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


def held_back(families: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Given. Which pairs are kept for validation: a mask (N,) bool, True for those of a random share of the families.

    Drawings of one concept by several vendors, and near-twins such as "man cook" and "woman cook", are one family.
    Split by rows, and a twin of nearly every validation picture is trained on: validation then flatters.
    """
    distinct = np.random.default_rng(seed).permutation(np.unique(families))
    return np.isin(families, distinct[: max(1, round(share * len(distinct)))])


def build_image_encoder(
    dim: int = 64,
    *,
    image_size: int = 32,
    widths: tuple[int, ...] = (16, 32, 64),
    pooled: bool = True,
    augment: bool = True,
) -> keras.Model:
    """A convolutional network from pixels to one vector an image, or to a map of vectors.

    From the input on: augmentation, if asked for, by `RandomTranslation` and `RandomZoom`, a tenth each, with white
    around; rescaling of 0...255 to -1...1; then for each width a block of two 3x3 convolutions ("same" padding, no
    bias), each followed by batch normalisation and then ReLU, and a 2x2 maximum pooling. Each of the positions that are
    left gets a dense layer of `dim` units; their mean is the image's vector.

    Args:
        dim: length D of a vector.
        image_size: height and width of the images; divisible by 2 ** len(widths).
        widths: number of filters of each block.
        pooled: True gives one vector an image; False keeps the map, for an attention to look at.
        augment: shift and zoom the images a little, differently each time, in training only.

    Returns:
        A model from images (N, image_size, image_size, 3), 0 to 255, to float32 (N, D), or (N, P, D) if not `pooled`,
        where P is the number of positions: (image_size / 2 ** len(widths)) ** 2.

    Example:
        >>> build_image_encoder(8, image_size=8, widths=(4, 4)).output_shape
        (None, 8)
        >>> build_image_encoder(8, image_size=8, widths=(4, 4), pooled=False).output_shape
        (None, 4, 8)

    Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
        arXiv:1409.1556; batch normalisation: Ioffe, Szegedy, 2015, arXiv:1502.03167.
    """
    # TODO: write build_image_encoder, then run: mmlearn check classification_model.build_image_encoder
    raise NotImplementedError


def build_text_encoder(
    vocabulary_size: int, dim: int = 64, *, pooled: bool = True, word_dropout: float = 0.5
) -> keras.Model:
    """Words to vectors (an `Embedding`); if pooled, the mean of the real words through a dense layer of `dim` units.

    Padding must not count: the encoding of a text may not change when zeros are added to its end. A text of padding
    only has a mean of zero; 0/0 would make it NaN, and from there all weights.

    Args:
        vocabulary_size: number of token ids.
        dim: length D of a word's vector and of the text's.
        pooled: True gives one vector a text; False one a word, for an attention to ask with.
        word_dropout: rate of `WordDropout`, which stands before the embedding.

    Returns:
        A model from token_ids (N, L) int32, L free, 0 = padding, to float32 (N, D), or (N, L, D) if not `pooled`, with
        zeros where padding stands.

    Example:
        The second text is the first with padding.

        >>> encoder = build_text_encoder(10, 4)
        >>> one, two = encoder(np.array([[3, 7]])), encoder(np.array([[3, 7, 0, 0]]))
        >>> bool(np.allclose(one, two))
        True

    Source: a mean of word vectors: Iyyer, Manjunatha, Boyd-Graber, Daumé III, "Deep Unordered Composition Rivals
        Syntactic Methods for Text Classification", ACL 2015, who also drop words in training.
    """
    # TODO: write build_text_encoder, then run: mmlearn check classification_model.build_text_encoder
    raise NotImplementedError


def fuse(name: str, dim: int) -> keras.Model:
    """The fusion of that name, as a model of its own, so that it can be tested without its encoders.

    - "concat": both vectors side by side, [x; t]. It learns nothing itself.
    - "gated": g ∘ tanh(W_i x) + (1 - g) ∘ tanh(W_t t), with g = sigmoid(W_g [x; t]): three dense layers of `dim` units,
      with biases, named "image", "text" and "gate".
    - "cross_attention": each word is a query over the positions of the image (keras.layers.MultiHeadAttention, 2 heads
      of dim // 2, with the words as query and the map as value), and what it finds is added to it. The fused vector is
      [mean of the map; mean of the real words with what they found].

    Args:
        name: one of `FUSIONS`.
        dim: length D of the vectors that come in; even.

    Returns:
        A model of two inputs, in this order: image vectors x (N, D) and text vectors t (N, D). For "cross_attention" of
        three: an image map (N, P, D), words (N, L, D), and a mask (N, L) bool, True for real words; P and L are free.
        The output is (N, 2 D) for "concat" and "cross_attention", (N, D) for "gated". Padding changes nothing; where
        no word is real, the second half is zeros.

    Raises:
        ValueError: another name; the message says which names there are.

    Example:
        >>> x, t = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
        >>> ops.convert_to_numpy(fuse("concat", 2)([x, t])).tolist()
        [[1.0, 2.0, 3.0, 4.0]]

    Source: gates: Arevalo, Solorio, Montes-y-Gómez, González, "Gated Multimodal Units for Information Fusion", 2017,
        arXiv:1702.01992; attention: Vaswani et al., 2017, arXiv:1706.03762.
    """
    # TODO: write fuse, then run: mmlearn check classification_model.fuse
    raise NotImplementedError


def build_classifier(
    fusion: str,
    vocabulary_size: int,
    num_classes: int,
    *,
    dim: int = 64,
    image_size: int = 32,
    widths: tuple[int, ...] = (16, 32, 64),
    augment: bool = True,
    dropout: float = 0.3,
    word_dropout: float = 0.5,
    modality_dropout: float = 0.3,
    seed: int = 0,
) -> keras.Model:
    """The whole classifier, compiled: modality dropout, both encoders, the fusion, dropout, one dense layer of logits.

    Args:
        fusion: one of `FUSIONS`.
        vocabulary_size: number of token ids.
        num_classes: number K of classes.
        dim, image_size, widths, augment: as in `build_image_encoder`.
        dropout: of the fused vector, before the last layer.
        word_dropout: as in `build_text_encoder`.
        modality_dropout: rate of `ModalityDropout`, which stands first.
        seed: of the weights and of all layers that draw at random.

    Returns:
        A model with the inputs "images" and "token_ids", in this order, and logits (N, K): the last layer is
        Dense(num_classes), without an activation, named "logits". It is compiled with Adam, the cross-entropy of logits
        against label ids (N,), and the metric "accuracy".

    Raises:
        ValueError: an unknown fusion.

    Example:
        >>> model = build_classifier("concat", 10, 3, dim=4, image_size=8, widths=(4,))
        >>> [tensor.name for tensor in model.inputs], model.output_shape
        (['images', 'token_ids'], (None, 3))

    Source: modality dropout: Neverova, Wolf, Taylor, Nebout, "ModDrop: adaptive multi-modal gesture recognition", 2015,
        arXiv:1501.00102.
    """
    # TODO: write build_classifier, then run: mmlearn check classification_model.build_classifier
    raise NotImplementedError


def train_classifier(
    model: keras.Model,
    images: np.ndarray,
    token_ids: np.ndarray,
    labels: np.ndarray,
    families: np.ndarray,
    *,
    epochs: int = 12,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    class_weights: bool = True,
    validation_share: float = 0.15,
    patience: int = 5,
    seed: int = 0,
    verbose: int = 0,
) -> dict:
    """Train a compiled classifier, and keep the weights of its best epoch.

    - Validation: the pairs that `held_back(families, validation_share, seed)` names are not trained on.
    - Class weights: a training pair of class c counts N / (K n_c), where N pairs, K distinct classes and n_c pairs of
      class c are those trained on. The loss on the validation pairs stays plain.
    - Learning rate in epoch e, from 0: learning_rate * (1 + cos(π e / epochs)) / 2.
    - Early stopping: training ends after `patience` epochs without a higher validation accuracy; in any case the model
      ends with the weights of the (first) epoch whose validation accuracy was highest.

    Args:
        model: as from `build_classifier`, compiled.
        images, token_ids: (N, H, W, 3) and (N, L).
        labels: (N,) integers, the classes' ids.
        families: (N,) strings or integers; pairs of one family are never parted.
        epochs: at most so many.
        batch_size: pairs a step.
        learning_rate: of the first epoch.
        class_weights: False lets all pairs count alike.
        validation_share: share of the families that is held back.
        patience: epochs to wait for a better validation accuracy.
        seed: of the split, the order of the batches and all dropout.
        verbose: 1 shows a progress bar.

    Returns:
        The history: metric -> a list with its value after each epoch ("loss", "accuracy", "val_loss", "val_accuracy",
        "learning_rate"); and "validation_rows", the indices, ascending, of the pairs that were held back, as an array.

    Example:
        Of two families, one is trained on and one is held back.

        >>> model = build_classifier("concat", 10, 2, dim=4, image_size=8, widths=(4,))
        >>> images, token_ids = np.zeros((4, 8, 8, 3)), np.array([[2], [2], [3], [3]])
        >>> labels, families = np.array([0, 0, 1, 1]), np.array([5, 5, 6, 6])
        >>> history = train_classifier(model, images, token_ids, labels, families, epochs=1)
        >>> len(history["validation_rows"]), round(history["learning_rate"][0], 4)
        (2, 0.003)

    Source: cosine schedule: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
        arXiv:1608.03983; early stopping: Prechelt, "Early Stopping - But When?", 1998.
    """
    # TODO: write train_classifier, then run: mmlearn check classification_model.train_classifier
    raise NotImplementedError


def predict_labels(model: keras.Model, images: np.ndarray, token_ids: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Which class the model answers for each pair: ids, not logits and not probabilities.

    Args:
        model: from [images, token_ids] to logits (N, K).
        images, token_ids: (N, H, W, 3) and (N, L).
        batch_size: so many pairs at a time, so that memory does not grow with N.

    Returns:
        (N,) int64, in 0 ... K-1. All randomness of training is off.

    Example:
        >>> model = build_classifier("gated", 10, 3, dim=4, image_size=8, widths=(4,))
        >>> predict_labels(model, np.zeros((2, 8, 8, 3)), np.array([[4, 0], [5, 6]])).shape
        (2,)

    Source: the answer with the fewest expected errors is the class of highest probability: Bishop, "Pattern Recognition
        and Machine Learning", 2006, section 1.5.1.
    """
    # TODO: write predict_labels, then run: mmlearn check classification_model.predict_labels
    raise NotImplementedError


def ablate(
    model: keras.Model,
    images: np.ndarray,
    token_ids: np.ndarray,
    labels: np.ndarray,
    rng: int | np.random.Generator = 0,
) -> dict[str, float]:
    """What the model can do without one of its modalities, or with the wrong one. No training.

    Args:
        model: as in `predict_labels`.
        images, token_ids, labels: (N, H, W, 3), (N, L) and (N,).
        rng: draws the order of the shuffled captions, by rng.permutation(N).

    Returns:
        The accuracy, in [0, 1], of four ways to ask:
        "full": with the pairs as they are;
        "image_only": all texts are padding (0);
        "text_only": all images are white (255);
        "shuffled_text": image i comes with the text of pair permutation[i].
        A model that does not look at its texts scores the same on "full" and "shuffled_text".

    Example:
        >>> model = build_classifier("concat", 10, 3, dim=4, image_size=8, widths=(4,))
        >>> sorted(ablate(model, np.zeros((2, 8, 8, 3)), np.array([[4, 0], [5, 6]]), np.array([0, 2])))
        ['full', 'image_only', 'shuffled_text', 'text_only']

    Source: ablation by permuting an input: Breiman, "Random Forests", Machine Learning 45, 2001, section 10.
    """
    # TODO: write ablate, then run: mmlearn check classification_model.ablate
    raise NotImplementedError


# --- the rest of the program, given: data, measures, figures, and what happens when the file is run -----------------


@dataclass(frozen=True, eq=False)
class Pairs:
    """N pictures with their names and groups."""

    images: np.ndarray  # (N, 32, 32, 3) uint8
    token_ids: np.ndarray  # (N, L) int32
    labels: np.ndarray  # (N,), positions in GROUPS
    families: np.ndarray  # (N,) str
    names: np.ndarray  # (N,) str, the texts that the token ids stand for

    @property
    def inputs(self) -> list[np.ndarray]:
        return [self.images, self.token_ids]


def load_pairs(seed: int = 0, validation_share: float = 0.15) -> tuple[int, dict[str, Pairs]]:
    """The emoji: training pairs by four vendors; the unseen concepts by a near and by a far vendor.

    The vocabulary is built from the pairs that `train_classifier` will train on with this seed and share. So a word
    that only the held-back pairs hold is unknown there, as it would be in the test.

    Returns:
        The number of token ids, and "train", "near" and "far".
    """
    training = load_emoji(TRAIN_VENDORS, "seen", split="classification")
    kept = ~held_back(training.families, validation_share, seed)
    vocabulary = Vocabulary.from_texts(training.names["en"][kept])
    parts = {"train": training}
    parts |= {
        n: load_emoji(v, "unseen", split="classification") for n, v in (("near", NEAR_VENDOR), ("far", FAR_VENDOR))
    }
    length = max(vocabulary.encode(data.names["en"])[0].shape[1] for data in parts.values())
    return len(vocabulary), {
        name: Pairs(
            data.images, vocabulary.encode(data.names["en"], length)[0], data.labels, data.families, data.names["en"]
        )
        for name, data in parts.items()
    }


def build_unimodal(modality: str, vocabulary_size: int, num_classes: int, *, dim: int = 64, seed: int = 0, **sizes):
    """The baseline that sees one modality, "image" or "text": the same encoder, the same last layer, no fusion."""
    keras.utils.set_random_seed(seed)
    size = sizes.get("image_size", 32)
    images = keras.Input((size, size, 3), name="images")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    if modality == "image":
        vector = build_image_encoder(dim, **sizes)(images)
    else:
        vector = build_text_encoder(vocabulary_size, dim)(token_ids)
    logits = layers.Dense(num_classes, name="logits")(layers.Dropout(0.3)(vector))
    model = keras.Model([images, token_ids], logits, name=f"{modality}_only")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"], jit_compile=False)
    return model


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """(K, K): entry [i, j] counts the pairs of class i that were answered as j."""
    return np.bincount(labels * num_classes + predictions, minlength=num_classes**2).reshape(num_classes, num_classes)


def scores(labels: np.ndarray, predictions: np.ndarray, num_classes: int = len(GROUPS)) -> dict[str, float]:
    """Accuracy, balanced accuracy (the mean recall of the classes) and macro F1."""
    matrix = confusion_matrix(labels, predictions, num_classes)
    right, said, there = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    recall = right[there > 0] / there[there > 0]
    f1 = 2 * right / np.maximum(said + there, 1)
    return {
        "accuracy": float(right.sum() / matrix.sum()),
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(f1[said + there > 0].mean()),
    }


def reliability(logits: np.ndarray, labels: np.ndarray, bins: int = 10) -> tuple[np.ndarray, float]:
    """How often answers of a given confidence are right, and the expected calibration error (ECE).

    Returns:
        (bins, 3): mean confidence, share right, number of answers of each bin (0 where it is empty); and the ECE, the
        mean of |confidence - share right|, each bin weighed by its answers. Guo et al., 2017, arXiv:1706.04599.
    """
    probabilities = np.exp(log_softmax(logits))
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    some = np.maximum(counts, 1)
    rows = np.stack(
        [np.bincount(which, confidence, bins) / some, np.bincount(which, right, bins) / some, counts], axis=1
    )
    return rows, float(np.sum(counts * np.abs(rows[:, 0] - rows[:, 1])) / len(labels))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T for which the cross-entropy of logits / T is lowest, on pairs that were not trained on; to about 1 %."""
    candidates = np.geomspace(0.1, 10, 461)
    costs = [-np.mean(log_softmax(logits / t)[np.arange(len(labels)), labels]) for t in candidates]
    return float(candidates[int(np.argmin(costs))])


def save_figures(folder: Path, history: dict, logits: np.ndarray, temperature: float, test: Pairs) -> None:
    """Loss, confusion matrix, reliability diagram and examples of mistakes, as PNG files."""
    from matplotlib.figure import Figure  # half a second that nobody needs who only trains

    def new(title: str, rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 4.4)) -> tuple[Figure, list]:
        figure = Figure(figsize=size, dpi=110, layout="constrained")
        figure.suptitle(title, fontsize=11)
        return figure, figure.subplots(rows, columns, squeeze=False).ravel().tolist()

    figure, (axes,) = new("Loss of the training pairs and of the families held back")
    for key, colour in (("loss", "#0072B2"), ("val_loss", "#D55E00")):
        axes.plot(range(1, len(history[key]) + 1), history[key], color=colour, marker="o", label=key)
    axes.set(xlabel="epoch", ylabel="cross-entropy")
    axes.legend(frameon=False)
    figure.savefig(folder / "loss.png")

    predictions = logits.argmax(axis=1)
    matrix = confusion_matrix(test.labels, predictions, len(GROUPS))
    figure, (axes,) = new("Rows: the true group; columns: the answer", size=(7, 6))
    axes.imshow(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(matrix):
        axes.text(
            j, i, count, ha="center", va="center", fontsize=8, color="white" if 2 * count > matrix[i].sum() else "black"
        )
    axes.set_xticks(range(len(GROUPS)), GROUPS, rotation=40, ha="right")
    axes.set_yticks(range(len(GROUPS)), GROUPS)
    figure.savefig(folder / "confusion.png")

    figure, panels = new("Confidence against share right", 1, 2, (9, 4.4))
    for axes, name, t in zip(panels, ("as trained", f"temperature {temperature:.2f}"), (1.0, temperature), strict=True):
        rows, error = reliability(logits / t, test.labels)
        filled = rows[rows[:, 2] > 0]
        axes.plot([0, 1], [0, 1], color="#666666", linewidth=0.8)
        axes.bar(filled[:, 0], filled[:, 1], 0.08, color="#0072B2")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share right", title=f"{name}: ECE {error:.3f}")
    figure.savefig(folder / "reliability.png")

    confidence = np.exp(log_softmax(logits)).max(axis=1)
    wrong = np.flatnonzero(predictions != test.labels)
    rows = wrong[np.argsort(-confidence[wrong])][:12]
    figure, panels = new("The mistakes of which the model is most sure", 2, 6, (11, 4.6))
    for axes in panels:
        axes.axis("off")
    for axes, row in zip(panels, rows, strict=False):
        axes.imshow(test.images[row])
        told = f"{test.names[row][:24]}\n{GROUPS[predictions[row]]}\nnot {GROUPS[test.labels[row]]}"
        axes.set_title(told, fontsize=8)
    figure.savefig(folder / "mistakes.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train, judge and save a joint classifier of emoji and their names.")
    parser.add_argument("--fusion", choices=FUSIONS, default="concat")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/classification_model"), metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.epochs < 1:
        parser.error(f"--epochs must be at least 1, not {arguments.epochs}")
    if not 0 <= arguments.seed < 2**32:
        parser.error(f"--seed must lie between 0 and 4294967295, not {arguments.seed}")
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output: {arguments.output} cannot be made a folder ({error.strerror})")
    return arguments


def main() -> None:
    arguments = _arguments()
    vocabulary_size, pairs = load_pairs(arguments.seed)
    training, test = pairs["train"], pairs["near"]

    def trained(model: keras.Model) -> dict:
        print(f"\n{model.name}: {model.count_params():,} weights")
        return train_classifier(
            model,
            training.images,
            training.token_ids,
            training.labels,
            training.families,
            epochs=arguments.epochs,
            seed=arguments.seed,
            verbose=1,
        )

    model = build_classifier(arguments.fusion, vocabulary_size, len(GROUPS), seed=arguments.seed)
    alone = {
        name: build_unimodal(name, vocabulary_size, len(GROUPS), seed=arguments.seed) for name in ("image", "text")
    }
    history = trained(model)
    for single in alone.values():
        trained(single)

    print(f"\n{'on ' + str(len(test.labels)) + ' unseen concepts, Fluent':<36}accuracy  balanced  macro F1")

    def report(name: str, predictions: np.ndarray) -> None:
        print(f"{name:<36}" + "  ".join(f"{100 * value:7.1f}" for value in scores(test.labels, predictions).values()))

    report("majority", np.full_like(test.labels, np.bincount(training.labels).argmax()))
    late = np.zeros((len(test.labels), len(GROUPS)))
    for name, single in alone.items():
        logits = single.predict(test.inputs, verbose=0)
        late = late + log_softmax(logits)
        report(f"{name} only", logits.argmax(axis=1))
    report("late fusion of these two", np.argmax(late, axis=1))
    report(arguments.fusion, predict_labels(model, test.images, test.token_ids))
    print("\nablation:", {k: round(v, 3) for k, v in ablate(model, test.images, test.token_ids, test.labels).items()})

    held = history["validation_rows"]
    validation_logits = model.predict([training.images[held], training.token_ids[held]], verbose=0)
    temperature = fit_temperature(validation_logits, training.labels[held])
    logits = model.predict(test.inputs, verbose=0)
    before, after = (reliability(logits / t, test.labels)[1] for t in (1.0, temperature))
    print(f"temperature {temperature:.2f}: expected calibration error {before:.3f} -> {after:.3f}")

    file = arguments.output / "model.keras"
    model.save(file)
    again = keras.saving.load_model(file)
    same = predict_labels(again, test.images, test.token_ids)
    assert np.array_equal(same, logits.argmax(axis=1)), "the model that was loaded answers otherwise"
    save_figures(arguments.output, history, logits, temperature, test)
    print(f"saved, loaded again and found equal: {file}; figures beside it")


if __name__ == "__main__":
    main()
