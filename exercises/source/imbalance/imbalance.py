# Derived from solutions/imbalance.py. Edit this file: it is yours, and an edited file is never overwritten.
# digest: 8614d9d79166e3eee6de2d0d9b65f9a5182b41916bc68b650ba63a624246d12e
"""Imbalance: rare classes, and a modality that drowns the other. Weigh, resample, adjust, and measure honestly.

Eleven functions, in groups:

    class_weights, weighted_cross_entropy, focal_loss     change the loss
    logit_adjustment                                      change the decision
    stratified_split, balanced_batches, augment           change the sample
    confusion_matrix → balanced_accuracy, macro_f1        see what is wrong
    modality_balance                                      the other imbalance: one modality leaves the other behind

Conventions that hold for all of them:

- `labels` and `predictions` are (N,) integers in 0 … num_classes-1, N ≥ 1; `logits` are (N, K), finite, up to ±1e4.
- Chance comes in as `rng`, an int or a `numpy.random.Generator`. The same int gives the same result.
- No argument is changed in place. What comes back as one number is a Python float.
- NumPy only; a loop over classes or images is fine, a loop over thousands of samples is not.
"""

import numpy as np


def class_weights(labels: np.ndarray, num_classes: int, method: str = "balanced", beta: float = 0.99) -> np.ndarray:
    """One weight a class, larger for rarer classes, for use in a loss.

    With n_c samples of class c, the weight is in proportion to

        "balanced":    1 / n_c
        "effective":   (1 - beta) / (1 - beta^n_c)

    The second counts "effective" samples: the hundredth drawing of a heart tells less that is new than the first. It
    runs from equal weights (beta = 0) to "balanced" (beta → 1). A class without samples gets weight 0. Then all are
    scaled by one number so that the weights of the N samples are 1 on average: Σ_c n_c · weight_c = N. So the mean loss
    keeps its size, and the learning rate its meaning; "balanced" becomes N / (number of classes that occur · n_c).

    Args:
        labels: (N,) integers in 0 … num_classes-1, N ≥ 1.
        num_classes: K.
        method: "balanced" or "effective".
        beta: for "effective", 0 ≤ beta < 1.

    Returns:
        (K,) float64, ≥ 0.

    Raises:
        ValueError: another method, or a beta outside [0, 1).

    Example:
        Three samples of class 0 and one of class 1: 4 / (2 · 3) = 2/3 and 4 / (2 · 1) = 2. Class 2 does not occur.

        >>> class_weights(np.array([0, 0, 0, 1]), num_classes=3).round(4)
        array([0.6667, 2.    , 0.    ])

    Source: Cui, Jia, Lin, Song, Belongie, "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019,
        arXiv:1901.05555; the balanced rule: King, Zeng, "Logistic Regression in Rare Events Data", 2001.
    """
    # TODO: write class_weights, then run: mmlearn check imbalance.class_weights
    raise NotImplementedError


def weighted_cross_entropy(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Cross-entropy in which each sample counts as much as its class weighs.

    With ℓ_i = -log softmax(logits[i])[labels[i]] and w_i = weights[labels[i]], it is the weighted mean

        Σ_i w_i ℓ_i / Σ_i w_i.

    Dividing by the sum of the weights, not by N, makes it independent of the weights' scale. (So does PyTorch. Keras
    divides by N: the same over a whole data set if weights average to 1, but not batch by batch.)

    Args:
        logits: (N, K), N ≥ 1, up to ±1e4.
        labels: (N,) integers in 0 … K-1.
        weights: (K,) ≥ 0, one a class.

    Returns:
        A float ≥ 0; 0 if all samples weigh 0.

    Example:
        Both samples have logits (0, 0): p = 1/2 each, whatever the weights: log 2.

        >>> round(weighted_cross_entropy(np.zeros((2, 2)), np.array([0, 1]), np.array([1.0, 3.0])), 4)
        0.6931

    Source: Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4; weights by cost: Elkan, "The
        Foundations of Cost-Sensitive Learning", IJCAI 2001.
    """
    # TODO: write weighted_cross_entropy, then run: mmlearn check imbalance.weighted_cross_entropy
    raise NotImplementedError


def focal_loss(logits: np.ndarray, labels: np.ndarray, gamma: float = 2.0, alpha: np.ndarray | None = None) -> float:
    """Cross-entropy that lets go of what is already well classified.

    With p_i = softmax(logits[i])[labels[i]], the probability of the true class,

        1/N · Σ_i alpha[labels[i]] · (1 - p_i)^gamma · (-log p_i).

    A sample with p = 0.9 counts (1 - 0.9)² = 1/100 at gamma = 2; one with p = 0.1 still counts 0.81. Note what it
    looks at: easy against hard, not frequent against rare. The frequencies enter by `alpha` only.

    Args:
        logits: (N, K), N ≥ 1, up to ±1e4.
        labels: (N,) integers in 0 … K-1.
        gamma: ≥ 0; 0 is the cross-entropy.
        alpha: (K,) ≥ 0, one weight a class; None means 1 for all. The mean is over N all the same.

    Returns:
        A float ≥ 0.

    Raises:
        ValueError: gamma < 0.

    Example:
        p = 1/2: (1 - 1/2)² · log 2 = 0.6931 / 4.

        >>> round(focal_loss(np.zeros((1, 2)), np.array([0]), gamma=2.0), 4)
        0.1733

    Source: Lin, Goyal, Girshick, He, Dollár, "Focal Loss for Dense Object Detection", ICCV 2017, arXiv:1708.02002
        (there for yes-or-no questions, here for a softmax).
    """
    # TODO: write focal_loss, then run: mmlearn check imbalance.focal_loss
    raise NotImplementedError


def logit_adjustment(logits: np.ndarray, class_counts: np.ndarray, tau: float = 1.0) -> np.ndarray:
    """Take the classes' frequencies in training out of the logits: logits - tau · log π.

    π_c = class_counts[c] / Σ class_counts is the share of class c in training. A classifier learns log p(x | c) +
    log π_c (up to a constant); subtracting log π_c leaves what the image itself says. Nothing is trained.

    With tau = -1, this is what goes *inside* the loss during training, so that the plain logits come out adjusted.

    Args:
        logits: (N, K); N may be 0.
        class_counts: (K,) training samples of each class, ≥ 0; a class without any counts as if it had one.
        tau: 1 takes the frequencies out fully, 0 leaves the logits as they are.

    Returns:
        (N, K) of the dtype of `logits`.

    Example:
        The image leaves the model undecided, and class 0 was three times as frequent: π = (3/4, 1/4), minus their
        logarithms (0.2877, 1.3863). Class 1 wins.

        >>> logit_adjustment(np.zeros((1, 2)), np.array([3, 1])).round(4)
        array([[0.2877, 1.3863]])

    Source: Menon, Jayasumana, Rawat, Jain, Veit, Kumar, "Long-tail learning via logit adjustment", ICLR 2021,
        arXiv:2007.07314.
    """
    # TODO: write logit_adjustment, then run: mmlearn check imbalance.logit_adjustment
    raise NotImplementedError


def stratified_split(labels: np.ndarray, fraction: float, rng: int | np.random.Generator) -> tuple:
    """Split sample indices at random into training and held-out ones, class by class.

    Of the n_c samples of class c, fraction · n_c are held out, rounded, but so that a class with two or more samples
    has at least one on either side. A class with a single sample stays in training whole.

    Args:
        labels: (N,) integers, N ≥ 1.
        fraction: share to hold out, 0 < fraction < 1.
        rng: source of chance.

    Returns:
        (train, held_out): two (·,) integer arrays of indices into `labels`, each in rising order. No index stands in
        both, and every index in one.

    Raises:
        ValueError: fraction is not between 0 and 1.

    Example:
        Half of four and half of two:

        >>> train, held_out = stratified_split(np.array([0, 0, 1, 0, 1, 0]), 0.5, rng=0)
        >>> np.array([0, 0, 1, 0, 1, 0])[held_out].tolist().count(0), len(train)
        (2, 3)

    Source: Neyman, "On the Two Different Aspects of the Representative Method", 1934; Kohavi, "A Study of
        Cross-Validation and Bootstrap for Accuracy Estimation and Model Selection", IJCAI 1995.
    """
    rng = np.random.default_rng(rng)
    # TODO: write stratified_split, then run: mmlearn check imbalance.stratified_split
    raise NotImplementedError


def balanced_batches(labels: np.ndarray, batch_size: int, rng: int | np.random.Generator) -> list:
    """One epoch of batches in which every class is equally frequent: rare samples return, frequent ones wait.

    There are max(1, N // batch_size) batches of exactly batch_size indices, as many as without balancing. In each,
    every one of the K classes that occur in `labels` has batch_size / K places, rounded down or up. Within a class,
    samples take turns in random order: none returns before all others of its class have had their turn, so that over
    the epoch the uses of any two samples of a class differ by at most one.

    Args:
        labels: (N,) integers, N ≥ 1.
        batch_size: at least the number of classes that occur.
        rng: source of chance.

    Returns:
        A list of (batch_size,) integer arrays of indices into `labels`. The order within a batch is free.

    Raises:
        ValueError: batch_size is smaller than the number of classes that occur.

    Example:
        Six samples of class 0 and two of class 1 make two batches of four, each half and half:

        >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
        >>> [sorted(labels[batch].tolist()) for batch in balanced_batches(labels, 4, rng=0)]
        [[0, 0, 1, 1], [0, 0, 1, 1]]

    Source: Shen, Lin, Huang, "Relay Backpropagation for Effective Learning of Deep Convolutional Neural Networks",
        ECCV 2016, arXiv:1512.05830 (class-aware sampling); Buda, Maki, Mazurowski, "A systematic study of the class
        imbalance problem in convolutional neural networks", 2018, arXiv:1710.05381.
    """
    rng = np.random.default_rng(rng)
    # TODO: write balanced_batches, then run: mmlearn check imbalance.balanced_batches
    raise NotImplementedError


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Count how often samples of class i were predicted as class j.

    Args:
        labels: (N,) integers in 0 … num_classes-1, the true classes; N may be 0.
        predictions: (N,) integers in 0 … num_classes-1.
        num_classes: K.

    Returns:
        (K, K) int64: rows are true classes, columns predicted ones. The diagonal holds what is right.

    Example:
        One 0 was taken for a 1; both 1s were recognised.

        >>> confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), num_classes=2)
        array([[1, 1],
               [0, 2]])

    Source: Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, section 14.5.
    """
    # TODO: write confusion_matrix, then run: mmlearn check imbalance.confusion_matrix
    raise NotImplementedError


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    """Mean of the classes' recalls: each class counts alike, however rare.

    The recall of a class is the share of its samples that were recognised. Classes that do not occur in `labels` have
    none, and are left out of the mean.

    Args:
        labels: (N,) integers in 0 … num_classes-1, N ≥ 1.
        predictions: (N,) integers in 0 … num_classes-1.
        num_classes: K.

    Returns:
        A float in [0, 1]. Always answering with one class gives 1 / (number of classes that occur).

    Example:
        Three of three 0s, none of one 1: accuracy 3/4, but (1 + 0) / 2.

        >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]), num_classes=2)
        0.5

    Source: Brodersen, Ong, Stephan, Buhmann, "The Balanced Accuracy and Its Posterior Distribution", ICPR 2010.
    """
    # TODO: write balanced_accuracy, then run: mmlearn check imbalance.balanced_accuracy
    raise NotImplementedError


def macro_f1(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    """Mean over the classes of F1, the harmonic mean of precision and recall.

    For class c, with TP samples of c predicted as c, FP others predicted as c, and FN samples of c predicted as
    others, F1 = 2 TP / (2 TP + FP + FN). The mean is over the classes that occur in `labels` or in `predictions`; one
    that was predicted but does not occur has F1 = 0, and so has one that occurs but was never predicted (where
    precision is 0/0).

    Args:
        labels: (N,) integers in 0 … num_classes-1, N ≥ 1.
        predictions: (N,) integers in 0 … num_classes-1.
        num_classes: K.

    Returns:
        A float in [0, 1].

    Example:
        Class 0: TP 3, FP 1, FN 0, so 6/7. Class 1: TP 0, so 0. Their mean is 3/7.

        >>> round(macro_f1(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]), num_classes=2), 4)
        0.4286

    Source: Yang, Liu, "A re-examination of text categorization methods", SIGIR 1999; that the mean of the F1s is not
        the F1 of the means: Opitz, Burst, "Macro F1 and Macro F1", 2019, arXiv:1911.03347.
    """
    # TODO: write macro_f1, then run: mmlearn check imbalance.macro_f1
    raise NotImplementedError


def augment(images: np.ndarray, rng: int | np.random.Generator, max_shift: int = 3, colour: float = 0.2) -> np.ndarray:
    """New versions of the same images: colours changed, mirrored, shifted, each image by a draw of its own.

    In this order, and independently for each image:

    1. each of its three colour channels is multiplied by a factor, uniform in [1 - colour, 1 + colour], then clipped
       to 0 … 255;
    2. with probability 1/2 it is mirrored left to right;
    3. it is shifted by whole pixels, down and to the right by two numbers of -max_shift … max_shift, each equally
       likely. Pixels that come in at the edge are white (255); what leaves at the other edge is lost.

    The label stays what it was. That is a claim about the task: a mirrored cat is a cat, a mirrored "b" is a "d".

    Args:
        images: (N, H, W, 3) uint8; N may be 0.
        rng: source of chance.
        max_shift: 0 ≤ max_shift < min(H, W).
        colour: 0 ≤ colour < 1.

    Returns:
        (N, H, W, 3) uint8, a new array.

    Example:
        With neither shift nor colours, what is left is the mirror: the dark pixel stands left or right.

        >>> image = np.full((1, 1, 2, 3), 255, dtype=np.uint8)
        >>> image[0, 0, 0] = 0
        >>> {augment(image, seed, max_shift=0, colour=0.0)[0, 0, :, 0].tolist().index(0) for seed in range(20)}
        {0, 1}

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS
        2012; survey: Shorten, Khoshgoftaar, "A survey on Image Data Augmentation for Deep Learning", 2019.
    """
    rng = np.random.default_rng(rng)
    # TODO: write augment, then run: mmlearn check imbalance.augment
    raise NotImplementedError


def modality_balance(
    image_probabilities: np.ndarray, text_probabilities: np.ndarray, labels: np.ndarray, alpha: float = 0.5
) -> tuple[float, float]:
    """By how much to slow each encoder so that the modality that learns faster does not leave the other behind.

    Let s_image be the sum over the batch of the probability that the image alone gives to the true class, s_text that
    of the text alone, and ρ_image = s_image / s_text, ρ_text = s_text / s_image. The gradients of a modality's encoder
    are multiplied by

        1 - tanh(alpha · ρ)   if its ρ > 1 (it is ahead),   else 1.

    Args:
        image_probabilities: (N, K), rows sum to 1, N ≥ 1.
        text_probabilities: (N, K), likewise, for the same samples.
        labels: (N,) integers in 0 … K-1.
        alpha: strength, ≥ 0; 0 leaves both alone.

    Returns:
        (coefficient of the image encoder, that of the text encoder): two floats in [0, 1], at least one of them 1.
        A sum of 0 counts as 1e-12, so that two sums of 0 are a tie.

    Example:
        The image gives the true class 0.8, the text 0.4: ρ_image = 2. With alpha = 0.5, 1 - tanh(1) = 0.2384.

        >>> image, text = np.array([[0.8, 0.2]]), np.array([[0.4, 0.6]])
        >>> [round(k, 4) for k in modality_balance(image, text, np.array([0]), alpha=0.5)]
        [0.2384, 1.0]

    Source: Peng, Wei, Deng, Wang, Hu, "Balanced Multimodal Learning via On-the-fly Gradient Modulation" (OGM-GE), CVPR
        2022, arXiv:2203.15332.
    """
    # TODO: write modality_balance, then run: mmlearn check imbalance.modality_balance
    raise NotImplementedError
