"""The reference answers of `embeddings`, against libraries, by properties, and by what the interview answers claim."""

import doctest

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.feature_extraction.text import TfidfTransformer

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.data import Vocabulary

solution = load_module(paths.solution_file("embeddings"))

TOKENS = st.text("abcdefgh", min_size=1, max_size=2)
TEXTS = st.lists(st.lists(TOKENS, max_size=6), max_size=6)


def forall(*strategies):
    """`given`, with fewer examples than usual and no clock."""
    return lambda test: settings(max_examples=40, deadline=None)(given(*strategies)(test))


def test_the_worked_examples_are_right():
    outcome = doctest.testmod(solution)
    assert outcome.attempted >= 9
    assert outcome.failed == 0


# --- texts ----------------------------------------------------------------------------------------------------------


@forall(TEXTS, st.integers(1, 3))
def test_the_vocabulary_is_that_of_the_data_module(texts, min_count):
    ours = solution.build_vocabulary(texts, min_count)
    theirs = Vocabulary.from_texts([" ".join(text) for text in texts], min_count=min_count)
    assert tuple(ours) == theirs.tokens
    assert list(ours.values()) == list(range(len(ours)))


@forall(TEXTS, st.integers(1, 8))
def test_the_encoding_is_that_of_the_data_module(texts, length):
    vocabulary = solution.build_vocabulary(texts[::2])
    joined = [" ".join(text) for text in texts]
    desired_ids, desired_mask = Vocabulary(tuple(vocabulary), "en").encode(joined, length)
    token_ids, mask = solution.encode_texts(texts, vocabulary, length)
    np.testing.assert_array_equal(token_ids, desired_ids)
    np.testing.assert_array_equal(mask, desired_mask)


@forall(st.integers(1, 9), st.integers(1, 5), st.integers(0, 10**6))
def test_the_product_is_the_lookup_and_the_layer(vocabulary_size, dimension, seed):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(vocabulary_size, dimension)).astype(np.float32)
    token_ids = rng.integers(0, vocabulary_size, size=(3, 4))
    one_hot, embeddings = solution.one_hot_equals_lookup(token_ids, table)
    assert one_hot.sum() == token_ids.size
    np.testing.assert_array_equal(embeddings, table[token_ids])
    layer = keras.layers.Embedding(vocabulary_size, dimension)
    layer.build()
    layer.set_weights([table])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(token_ids)), embeddings)


def test_an_embedding_layer_truncates_numbers_to_one_id():
    layer = keras.layers.Embedding(10, 4)
    vectors = keras.ops.convert_to_numpy(layer(np.array([[0.1, 0.2, 0.9]])))
    np.testing.assert_array_equal(vectors[0], np.repeat(layer.get_weights()[0][:1], 3, axis=0))


def test_mean_pooling_is_that_of_keras():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 5, 3)).astype(np.float32)
    mask = rng.random((6, 5)) < 0.6
    mask[:, 0] = True
    layer = keras.layers.GlobalAveragePooling1D()
    desired = keras.ops.convert_to_numpy(layer(x, mask=keras.ops.convert_to_tensor(mask)))
    np.testing.assert_allclose(solution.masked_mean_pool(x, mask), desired, atol=1e-6)


def test_the_mean_of_learnt_vectors_is_a_bag_of_words_times_the_table():
    rng = np.random.default_rng(0)
    token_ids, table = rng.integers(1, 8, size=(4, 5)), rng.normal(size=(8, 3))
    one_hot, _ = solution.one_hot_equals_lookup(token_ids, table)
    pooled = solution.masked_mean_pool(table[token_ids], np.ones((4, 5), bool))
    np.testing.assert_allclose(pooled, one_hot.mean(axis=1) @ table)


@forall(arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(0, 4)))
def test_tf_idf_is_that_of_scikit_learn(counts):
    desired = TfidfTransformer().fit(counts[::2]).transform(counts).toarray()
    np.testing.assert_allclose(solution.tf_idf(counts, counts[::2]), desired, atol=1e-12)
    desired = TfidfTransformer().fit_transform(counts).toarray()
    np.testing.assert_allclose(solution.tf_idf(counts), desired, atol=1e-12)


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "size"), [(4, 6, 2), (6, 6, 3), (5, 5, 5), (3, 4, 1)])
def test_patches_are_those_of_scikit_learn_and_keras(height, width, size):
    images = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype(np.float32)
    patches = solution.patchify(images, size)
    everywhere = extract_patches_2d(images[0], (size, size)).reshape(height - size + 1, width - size + 1, -1)
    np.testing.assert_array_equal(patches[0], everywhere[::size, ::size].reshape(-1, size * size * 3))
    theirs = keras.ops.convert_to_numpy(keras.ops.image.extract_patches(images, size))
    np.testing.assert_array_equal(patches, theirs.reshape(patches.shape))


def test_a_linear_map_of_patches_is_a_convolution_with_a_stride():
    rng = np.random.default_rng(0)
    images, kernel = rng.normal(size=(2, 8, 8, 3)), rng.normal(size=(4, 4, 3, 5))
    by_patches = solution.patchify(images, 4) @ kernel.reshape(-1, 5)
    by_convolution = keras.ops.convert_to_numpy(
        keras.ops.conv(images.astype(np.float32), kernel.astype(np.float32), strides=4, padding="valid")
    )
    np.testing.assert_allclose(by_patches, by_convolution.reshape(2, 4, 5), atol=1e-4)


@forall(st.integers(1, 16), st.integers(0, 10**6))
def test_a_color_histogram_is_numpys_in_three_dimensions(bins, seed):
    image = np.random.default_rng(seed).integers(0, 256, size=(1, 6, 5, 3)).astype(np.uint8)
    # The intervals ⌊v · bins / 256⌋ begin at 256 · k / bins.
    edges = [np.linspace(0, 256, bins + 1)] * 3
    desired, _ = np.histogramdd(image.reshape(-1, 3), bins=edges)
    np.testing.assert_allclose(solution.color_histogram(image, bins)[0], desired.ravel() / 30, atol=1e-12)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_pca_is_that_of_scikit_learn(shape):
    x = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 4, shape[1]) + 5
    mean, components, explained = solution.pca(x, 4)
    theirs = PCA(4, svd_solver="full").fit(x)
    np.testing.assert_allclose(mean, theirs.mean_)
    np.testing.assert_allclose(np.abs(components), np.abs(theirs.components_), atol=1e-10)
    np.testing.assert_allclose(explained, theirs.explained_variance_ratio_)
    np.testing.assert_array_less(-components.min(axis=1), components.max(axis=1))


def test_pca_loses_least_of_all_projections():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))
    mean, components, explained = solution.pca(x, 2)

    def lost(basis):
        centred = x - mean
        return np.sum((centred - centred @ basis.T @ basis) ** 2) / np.sum(centred**2)

    assert lost(components) == pytest.approx(1 - explained.sum())
    others = [np.linalg.qr(rng.normal(size=(6, 2)))[0].T for _ in range(50)]
    assert min(map(lost, others)) > lost(components)


# --- positions ------------------------------------------------------------------------------------------------------


def test_a_shift_of_positions_is_one_rotation_for_all():
    encoding = solution.positional_encoding(50, 16)
    # one matrix that takes every position p to p + 3
    rotation = np.linalg.lstsq(encoding[:40], encoding[3:43], rcond=None)[0]
    np.testing.assert_allclose(encoding[5:45] @ rotation, encoding[8:48], atol=1e-6)


def test_without_positions_attention_sees_a_bag():
    rng = np.random.default_rng(0)
    tokens, order = rng.normal(size=(5, 8)), np.array([3, 1, 4, 0, 2])

    def attend(x):
        scores = np.exp(x @ x.T / np.sqrt(8))
        return (scores / scores.sum(axis=1, keepdims=True) @ x).mean(axis=0)

    np.testing.assert_allclose(attend(tokens), attend(tokens[order]))
    positions = solution.positional_encoding(5, 8)
    assert not np.allclose(attend(tokens + positions), attend(tokens[order] + positions))
