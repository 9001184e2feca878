"""Known wrong answers to the exercises of `embeddings`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/embeddings.py`, so that it may use the names of that module.
`caught_by` is a part of the message of the first graded test that fails.
"""

from collections import Counter

import numpy as np

from mmlearn.course.mutants import mutant

# --- build_vocabulary -----------------------------------------------------------------------------------------------


@mutant("build_vocabulary", caught_by="ids of tokens start at 2")
def ids_from_1(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (-counts[t], t))
    return {"<pad>": 0, "<unk>": 1} | {token: i for i, token in enumerate(ranked, start=1)}


@mutant("build_vocabulary", caught_by="share ids with padding and unknown")
def ids_from_0(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (-counts[t], t))
    return {"<pad>": 0, "<unk>": 1} | {token: i for i, token in enumerate(ranked)}


@mutant("build_vocabulary", caught_by="a special token is missing")
def no_special_tokens(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (-counts[t], t))
    return {token: i for i, token in enumerate(ranked, start=2)}


@mutant("build_vocabulary", caught_by="the other way round")
def id_to_token(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    return dict(enumerate(["<pad>", "<unk>", *sorted(counts, key=lambda t: (-counts[t], t))]))


@mutant("build_vocabulary", caught_by="count every occurrence")
def counts_texts(texts, min_count=1):
    counts = Counter(token for text in texts for token in set(text))
    ranked = sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (-counts[t], t))
    return {token: i for i, token in enumerate(["<pad>", "<unk>", *ranked])}


@mutant("build_vocabulary", caught_by="the rarest word comes first")
def rarest_first(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (counts[t], t))
    return {token: i for i, token in enumerate(["<pad>", "<unk>", *ranked])}


@mutant("build_vocabulary", caught_by="ids were given by the alphabet")
def alphabetical(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted(t for t in counts if counts[t] >= min_count)
    return {token: i for i, token in enumerate(["<pad>", "<unk>", *ranked])}


@mutant("build_vocabulary", caught_by="Counter.most_common does that")
def ties_by_appearance(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = [token for token, count in counts.most_common() if count >= min_count]
    return {token: i for i, token in enumerate(["<pad>", "<unk>", *ranked])}


@mutant("build_vocabulary", caught_by="the alphabet runs backwards")
def ties_reversed(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (counts[t], t), reverse=True)
    return {token: i for i, token in enumerate(["<pad>", "<unk>", *ranked])}


@mutant("build_vocabulary", caught_by="occurs exactly min_count times is kept")
def more_than_min_count(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    ranked = sorted((t for t in counts if counts[t] > min_count or min_count == 1), key=lambda t: (-counts[t], t))
    return {token: i for i, token in enumerate(["<pad>", "<unk>", *ranked])}


@mutant("build_vocabulary", caught_by="`min_count` was not used")
def min_count_ignored(texts, min_count=1):
    counts = Counter(token for text in texts for token in text)
    return {t: i for i, t in enumerate(["<pad>", "<unk>", *sorted(counts, key=lambda t: (-counts[t], t))])}


@mutant("build_vocabulary", caught_by="characters of a token")
def of_characters(texts, min_count=1):
    counts = Counter(character for text in texts for character in "".join(text))
    return {t: i for i, t in enumerate(["<pad>", "<unk>", *sorted(counts, key=lambda t: (-counts[t], t))])}


# --- encode_texts ---------------------------------------------------------------------------------------------------


@mutant("encode_texts", caught_by="padding was put before the tokens")
def padded_left(texts, vocabulary, length):
    if length < 1:
        raise ValueError("length")
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        ids = [vocabulary.get(token, 1) for token in text[:length]]
        token_ids[i, length - len(ids) :] = ids
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="the mask is the wrong way round")
def mask_of_padding(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary.get(token, 1) for token in text[:length]]
    return token_ids, token_ids == 0


@mutant("encode_texts", caught_by="the mask is True everywhere")
def mask_of_ones(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary.get(token, 1) for token in text[:length]]
    return token_ids, np.ones((len(texts), length), dtype=bool)


@mutant("encode_texts", caught_by="keep its first `length` tokens")
def not_cut(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text)] = [vocabulary.get(token, 1) for token in text]
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="the last tokens of a long text were kept")
def keeps_the_end(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[-length:])] = [vocabulary.get(token, 1) for token in text[-length:]]
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="the longest text set the length")
def length_ignored(texts, vocabulary, length):
    length = max(len(text) for text in texts)
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text)] = [vocabulary.get(token, 1) for token in text]
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="a token may be missing from the vocabulary")
def unknown_is_an_error(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary[token] for token in text[:length]]
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="unknown tokens became padding")
def unknown_is_padding(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary.get(token, 0) for token in text[:length]]
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="unknown tokens were left out")
def unknown_is_dropped(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        ids = [vocabulary[token] for token in text if token in vocabulary][:length]
        token_ids[i, : len(ids)] = ids
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="unknown tokens are real ones")
def unknown_is_masked(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary.get(token, 1) for token in text[:length]]
    return token_ids, token_ids > 1


@mutant("encode_texts", caught_by="both arrays have the shape (0, length)")
def no_rows_no_columns(texts, vocabulary, length):
    if length < 1:
        raise ValueError("length")
    rows = [[vocabulary.get(token, 1) for token in text[:length]] for text in texts]
    token_ids = np.array([row + [0] * (length - len(row)) for row in rows], dtype=int)
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="leaves no room for a token")
def length_not_checked(texts, vocabulary, length):
    length = max(length, 0)
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary.get(token, 1) for token in text[:length]]
    return token_ids, token_ids > 0


@mutant("encode_texts", caught_by="return token_ids, mask, in this order")
def no_mask(texts, vocabulary, length):
    token_ids = np.zeros((len(texts), length), dtype=int)
    for i, text in enumerate(texts):
        token_ids[i, : len(text[:length])] = [vocabulary.get(token, 1) for token in text[:length]]
    return token_ids


# --- one_hot_equals_lookup ------------------------------------------------------------------------------------------


@mutant("one_hot_equals_lookup", caught_by="a cast would make 0.1, 0.2 and 0.9 all the same id 0")
def floats_are_cast(token_ids, table):
    token_ids = token_ids.astype(int)
    if np.any((token_ids < 0) | (token_ids >= len(table))):
        raise ValueError("ids")
    one_hot = np.eye(len(table), dtype=table.dtype)[token_ids]
    return one_hot, one_hot @ table


@mutant("one_hot_equals_lookup", caught_by="a negative id would be counted from the end")
def negative_ids(token_ids, table):
    if not np.issubdtype(token_ids.dtype, np.integer) or np.any(token_ids >= len(table)):
        raise ValueError("ids")
    one_hot = np.eye(len(table), dtype=table.dtype)[token_ids]
    return one_hot, one_hot @ table


@mutant("one_hot_equals_lookup", caught_by="raise ValueError for ids above V - 1")
def zeros_for_ids_beyond(token_ids, table):
    if not np.issubdtype(token_ids.dtype, np.integer) or np.any(token_ids < 0):
        raise ValueError("ids")
    one_hot = (token_ids[..., None] == np.arange(len(table))).astype(table.dtype)
    return one_hot, one_hot @ table


@mutant("one_hot_equals_lookup", caught_by="the axes N and L were merged")
def merged_axes(token_ids, table):
    one_hot = np.eye(len(table))[token_ids.ravel()]
    return one_hot, one_hot @ table


@mutant("one_hot_equals_lookup", caught_by="as long as the largest id needs")
def as_long_as_the_largest_id(token_ids, table):
    one_hot = np.eye(token_ids.max() + 1)[token_ids]
    return one_hot, one_hot @ table[: token_ids.max() + 1]


@mutant("one_hot_equals_lookup", caught_by="one row marks all ids of a text")
def a_bag_of_ids(token_ids, table):
    one_hot = np.eye(len(table))[token_ids].max(axis=1)
    return one_hot, one_hot @ table


@mutant("one_hot_equals_lookup", caught_by="the embeddings of a text were added up")
def summed(token_ids, table):
    one_hot = np.eye(len(table))[token_ids]
    return one_hot, (one_hot @ table).sum(axis=1)


@mutant("one_hot_equals_lookup", caught_by="the two results are exchanged")
def exchanged_results(token_ids, table):
    one_hot = np.eye(len(table))[token_ids]
    return one_hot @ table, one_hot


@mutant("one_hot_equals_lookup", caught_by="return one_hot, one_hot @ table, in this order")
def lookup_only(token_ids, table):
    return table[token_ids]


@mutant("one_hot_equals_lookup", caught_by="int64 @ float32 is float64")
def integer_one_hot(token_ids, table):
    if not np.issubdtype(token_ids.dtype, np.integer) or np.any((token_ids < 0) | (token_ids >= len(table))):
        raise ValueError("ids")
    one_hot = np.eye(len(table), dtype=int)[token_ids]
    return one_hot.astype(float), one_hot @ table


# --- masked_mean_pool -----------------------------------------------------------------------------------------------


@mutant("masked_mean_pool", caught_by="padding counts in this mean")
def mean_of_all(embeddings, mask):
    return embeddings.mean(axis=1)


@mutant("masked_mean_pool", caught_by="but not of the number of tokens")
def divided_by_length(embeddings, mask):
    return (embeddings * mask[:, :, None]).mean(axis=1)


@mutant("masked_mean_pool", caught_by="this is the sum of the real tokens")
def sum_of_real(embeddings, mask):
    return (embeddings * mask[:, :, None]).sum(axis=1)


@mutant("masked_mean_pool", caught_by="this is the mean of the padding")
def mask_inverted(embeddings, mask):
    weight = ~mask[:, :, None]
    return (embeddings * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1)


@mutant("masked_mean_pool", caught_by="this is the maximum of the real tokens")
def max_pool(embeddings, mask):
    return np.where(mask[:, :, None], embeddings, -np.inf).max(axis=1)


@mutant("masked_mean_pool", caught_by="padding was included in the sum")
def sum_of_all(embeddings, mask):
    return embeddings.sum(axis=1) / np.maximum(mask.sum(axis=1, keepdims=True), 1)


@mutant("masked_mean_pool", caught_by="the first tokens were taken, as many as are real")
def first_tokens(embeddings, mask):
    count = mask.sum(axis=1)
    return np.array([row[: max(n, 1)].mean(axis=0) for row, n in zip(embeddings, count, strict=True)])


@mutant("masked_mean_pool", caught_by="divide by at least 1")
def nan_without_tokens(embeddings, mask):
    weight = mask[:, :, None]
    with np.errstate(invalid="ignore"):
        return np.where(weight, embeddings, 0).sum(axis=1) / weight.sum(axis=1)


@mutant("masked_mean_pool", caught_by="0 · NaN is NaN")
def product_with_mask(embeddings, mask):
    weight = mask[:, :, None].astype(embeddings.dtype)
    return (embeddings * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1)


@mutant("masked_mean_pool", caught_by="count in the dtype of the embeddings")
def integer_count(embeddings, mask):
    total = np.where(mask[:, :, None], embeddings, 0).sum(axis=1)
    return total / np.maximum(mask.sum(axis=1, keepdims=True), 1)


# --- patchify -------------------------------------------------------------------------------------------------------


@mutant("patchify", caught_by="one reshape cuts the image into stripes")
def one_reshape(images, patch_size):
    n, height, width, channels = images.shape
    if patch_size < 1 or height % patch_size or width % patch_size:
        raise ValueError("patch_size")
    return images.reshape(n, -1, patch_size * patch_size * channels)


@mutant("patchify", caught_by="patches came column by column")
def by_columns(images, patch_size):
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    return grid.transpose(0, 3, 1, 2, 4, 5).reshape(n, -1, patch_size * patch_size * channels)


@mutant("patchify", caught_by="inside a patch, pixels came column by column")
def pixels_by_columns(images, patch_size):
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    return grid.transpose(0, 1, 3, 4, 2, 5).reshape(n, -1, patch_size * patch_size * channels)


@mutant("patchify", caught_by="inside a patch, channels came first")
def channels_first(images, patch_size):
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    return grid.transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, patch_size * patch_size * channels)


@mutant("patchify", caught_by="the patches are still squares")
def still_squares(images, patch_size):
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, patch_size, patch_size, channels)


@mutant("patchify", caught_by="the patches still form a grid")
def still_a_grid(images, patch_size):
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(*grid.shape[:2], width // patch_size, -1)


@mutant("patchify", caught_by="rows and columns are exchanged")
def height_and_width_exchanged(images, patch_size):
    images = images.transpose(0, 2, 1, 3)
    n, height, width, channels = images.shape
    grid = images.reshape(n, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, patch_size * patch_size * channels)


@mutant("patchify", caught_by="raise ValueError unless patch_size")
def edges_cut_off(images, patch_size):
    n, height, width, channels = images.shape
    size = max(patch_size, 1)
    images = images[:, : height // size * size, : width // size * size]
    grid = images.reshape(n, height // size, size, width // size, size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, (height // size) * (width // size), size * size * channels)


@mutant("patchify", caught_by="dtype float64 where uint8 was expected")
def patches_as_floats(images, patch_size):
    n, height, width, channels = images.shape
    if patch_size < 1 or height % patch_size or width % patch_size:
        raise ValueError("patch_size")
    down, across = height // patch_size, width // patch_size
    grid = images.astype(float).reshape(n, down, patch_size, across, patch_size, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, down * across, patch_size * patch_size * channels)


# --- color_histogram ------------------------------------------------------------------------------------------------


@mutant("color_histogram", caught_by="each channel was counted by itself")
def per_channel(images, bins):
    intervals = images.astype(int) * bins // 256
    return np.array([[np.mean(image[..., c] == b) for c in range(3) for b in range(bins)] for image in intervals])


@mutant("color_histogram", caught_by="pixels were counted; divide by their number")
def pixel_counts(images, bins):
    intervals = images.reshape(len(images), -1, 3).astype(int) * bins // 256
    places = intervals @ np.array([bins * bins, bins, 1])
    return np.array([np.bincount(row, minlength=bins**3) for row in places]).astype(float)


@mutant("color_histogram", caught_by="divided by the pixels of all images")
def shares_of_all(images, bins):
    intervals = images.reshape(len(images), -1, 3).astype(int) * bins // 256
    places = intervals @ np.array([bins * bins, bins, 1])
    return np.array([np.bincount(row, minlength=bins**3) for row in places]) / places.size


@mutant("color_histogram", caught_by="rows were scaled to length 1")
def unit_length(images, bins):
    intervals = images.reshape(len(images), -1, 3).astype(int) * bins // 256
    places = intervals @ np.array([bins * bins, bins, 1])
    counts = np.array([np.bincount(row, minlength=bins**3) for row in places])
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@mutant("color_histogram", caught_by="blue, green, red")
def blue_first(images, bins):
    intervals = images.reshape(len(images), -1, 3).astype(int) * bins // 256
    places = intervals @ np.array([1, bins, bins * bins])
    return np.array([np.bincount(row, minlength=bins**3) for row in places]) / places.shape[1]


@mutant("color_histogram", caught_by="uint8 wraps around at 256")
def wraps_around(images, bins):
    intervals = (images.reshape(len(images), -1, 3) * np.uint8(bins)).astype(int) // 256
    places = intervals @ np.array([bins * bins, bins, 1])
    return np.array([np.bincount(row, minlength=bins**3) for row in places]) / places.shape[1]


@mutant("color_histogram", caught_by="the value 255 gets a bin of its own")
def by_255(images, bins):
    intervals = images.reshape(len(images), -1, 3).astype(int) * bins // 255
    places = intervals @ np.array([bins * bins, bins, 1])
    counts = np.zeros((len(images), bins**3))
    np.add.at(counts, (np.arange(len(images))[:, None], places), 1)
    return counts / places.shape[1]


@mutant("color_histogram", caught_by="the last interval for 255 alone")
def one_bin_for_255(images, bins):
    if not 1 <= bins <= 256:
        raise ValueError("bins")
    intervals = images.reshape(len(images), -1, 3).astype(int) * (bins - 1) // 255
    places = intervals @ np.array([bins * bins, bins, 1])
    counts = np.array([np.bincount(row, minlength=bins**3) for row in places])
    return counts.reshape(len(images), bins**3) / places.shape[1]


@mutant("color_histogram", caught_by="there are 256 values to share out")
def bins_not_checked(images, bins):
    n, height, width, _ = images.shape
    places = (images.astype(int) * bins // 256) @ np.array([bins * bins, bins, 1])
    size = max(bins, 1) ** 3
    places = np.abs(places) % size + size * np.arange(n)[:, None, None]
    return np.bincount(places.ravel(), minlength=n * size).reshape(n, size) / (height * width)


# --- tf_idf ---------------------------------------------------------------------------------------------------------


@mutant("tf_idf", caught_by="rows were not scaled to length 1")
def not_scaled(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    return counts * (np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0))) + 1)


@mutant("tf_idf", caught_by="the `+ 1` behind the logarithm is missing")
def without_plus_1(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = counts * np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0)))
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="n / df is not smoothed; it is")
def not_smoothed(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = counts * (np.log(len(train) / (train > 0).sum(axis=0)) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="not how often it occurs in all of them")
def total_frequency(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = counts * (np.log((1 + len(train)) / (1 + train.sum(axis=0))) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="only whether a word is there")
def binary_counts(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = (counts > 0) * (np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0))) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="rows were scaled to sum 1")
def sum_1(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = counts * (np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0))) + 1)
    return weighted / np.maximum(weighted.sum(axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="`train_counts` was not used")
def leaks(counts, train_counts=None):
    weighted = counts * (np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=0))) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="the training texts came back")
def transforms_training(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = train * (np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0))) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


@mutant("tf_idf", caught_by="an empty text has length 0")
def nan_for_empty_texts(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = counts * (np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0))) + 1)
    with np.errstate(invalid="ignore"):
        return weighted / np.linalg.norm(weighted, axis=1, keepdims=True)


@mutant("tf_idf", caught_by="dtype float64 where float32 was expected")
def always_float64(counts, train_counts=None):
    train = counts if train_counts is None else train_counts
    weighted = counts * (np.log((1 + len(train)) / (1 + (train > 0).sum(axis=0))) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


# --- pca ------------------------------------------------------------------------------------------------------------


@mutant("pca", caught_by="the data were not centred")
def not_centred(x, num_components):
    _, s, vt = np.linalg.svd(x, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    return x.mean(axis=0), components * np.sign(largest), s[:num_components] ** 2 / np.sum(s**2)


@mutant("pca", caught_by="this is the mean of each row")
def rows_centred(x, num_components):
    mean = x.mean(axis=1, keepdims=True)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean[:, 0], vt[:num_components], s[:num_components] ** 2 / np.sum(s**2)


@mutant("pca", caught_by="the sign of a singular vector is arbitrary")
def sign_not_fixed(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    # what LAPACK returns differs from machine to machine; the opposite of what is right is wrong on all of them
    return mean, -components * np.sign(largest), s[:num_components] ** 2 / np.sum(s**2)


@mutant("pca", caught_by="each component is a row")
def components_as_columns(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    return mean, (components * np.sign(largest)).T, s[:num_components] ** 2 / np.sum(s**2)


@mutant("pca", caught_by="columns were scaled to variance 1")
def standardised(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd((x - mean) / x.std(axis=0), full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    return mean, components * np.sign(largest), s[:num_components] ** 2 / np.sum(s**2)


@mutant("pca", caught_by="square them to get variances")
def singular_values_not_squared(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    return mean, components * np.sign(largest), s[:num_components] / np.sum(s)


@mutant("pca", caught_by="the shares are of the variance of the K components kept")
def share_of_kept(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    kept = s[:num_components] ** 2
    return mean, components * np.sign(largest), kept / kept.sum()


@mutant("pca", caught_by="these are variances; divide by their sum")
def variances(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    return mean, components * np.sign(largest), s[:num_components] ** 2 / (len(x) - 1)


@mutant("pca", caught_by="there is no variance to share")
def nan_for_equal_rows(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    with np.errstate(invalid="ignore"):
        return mean, components * np.sign(largest), s[:num_components] ** 2 / np.sum(s**2)


@mutant("pca", caught_by="have at most min(N, D) components")
def count_not_checked(x, num_components):
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    components = vt[:num_components]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
    return mean, components * np.sign(largest), s[:num_components] ** 2 / max(np.sum(s**2), 1e-12)


# --- positional_encoding --------------------------------------------------------------------------------------------


@mutant("positional_encoding", caught_by="all sines come first, then all cosines")
def halves(length, dimension):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dimension, 2) / dimension)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


@mutant("positional_encoding", caught_by="sine and cosine are exchanged")
def cosine_first(length, dimension):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dimension, 2) / dimension)
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(length, dimension)


@mutant("positional_encoding", caught_by="the exponent is i / D; it is 2i / D")
def exponent_halved(length, dimension):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(dimension // 2) / dimension)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, dimension)


@mutant("positional_encoding", caught_by="each place got a speed of its own")
def a_speed_for_each_place(length, dimension):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(dimension) / dimension)
    return np.where(np.arange(dimension) % 2, np.cos(angle), np.sin(angle))


@mutant("positional_encoding", caught_by="positions were counted from 1")
def positions_from_1(length, dimension):
    angle = np.arange(1, length + 1)[:, None] / 10000.0 ** (np.arange(0, dimension, 2) / dimension)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, dimension)


@mutant("positional_encoding", caught_by="the exponent was divided by D - 2")
def last_speed_exact(length, dimension):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dimension, 2) / max(dimension - 2, 1))
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, dimension)


@mutant("positional_encoding", caught_by="positions are rows: the shape is (L, D)")
def positions_as_columns(length, dimension):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dimension, 2) / dimension)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, dimension).T


@mutant("positional_encoding", caught_by="every sine needs its cosine")
def sizes_not_checked(length, dimension):
    length, dimension = max(length, 0), max(dimension + dimension % 2, 0)
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, dimension, 2) / max(dimension, 1))
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, dimension)
