"""Graded tests of the topic `embeddings`. Oracles are loops that follow the definitions, closed forms, hand values."""

import math
from collections import Counter

import numpy as np
import pytest

from mmlearn.course.expect import expect_allowed, expect_close, expect_finite, expect_raises, expect_true

WORDS = "ant bee cat dog eel fox gnu hen ibis jay kiwi lynx mole newt owl pug".split()


def loop(shape, value):
    """An array whose entry at each index is `value(*index)`."""
    return np.array([value(*index) for index in np.ndindex(*shape)]).reshape(shape)


def expect_results(actual, names):
    """Expect a tuple of as many arrays as there are names."""
    right = isinstance(actual, tuple | list) and len(actual) == len(names)
    count = f"{len(actual)} values" if isinstance(actual, tuple | list) else f"one {type(actual).__name__}"
    expect_true(right, f"returned {count}", cause=f"return {', '.join(names)}, in this order, separated by commas")
    return actual


# --- build_vocabulary -----------------------------------------------------------------------------------------------


def ids(tokens, start=2):
    """A vocabulary as a list of pairs, by id."""
    return [("<pad>", 0), ("<unk>", 1), *zip(tokens, range(start, start + len(tokens)), strict=True)]


def expect_vocabulary(actual, tokens, *, case, causes):
    """Compare what came back with the tokens in the order of their ids."""
    expect_true(
        isinstance(actual, dict),
        f"returned a {type(actual).__name__}",
        cause="return a dict from token to id",
        case=case,
    )
    expect_true(
        all(type(token) is str and type(number) is int for token, number in actual.items()),
        "a key that is not a string, or an id that is not an int",
        cause="the vocabulary maps tokens to ids; here it may be the other way round",
        case=case,
    )
    expect_true(
        "<pad>" in actual and "<unk>" in actual,
        "a special token is missing",
        cause='ids 0 and 1 are taken: put "<pad>" and "<unk>" into the dict, with 0 and 1',
        case=case,
    )
    expect_true(
        all(token for token in actual) and not all(len(token) == 1 for token in actual if token[0] != "<"),
        "all tokens are single characters",
        cause="a text is a list of tokens; do not walk through the characters of a token",
        case=case,
    )
    pairs = sorted(actual.items(), key=lambda item: item[1])
    expect_close(pairs, ids(tokens), case=case, causes=causes)


@pytest.mark.core
def test_build_vocabulary__most_frequent_first(impl, rng):
    words = [str(word) for word in rng.permutation(WORDS)[:6]]
    # Word i occurs i + 1 times, but in ever fewer texts: the most frequent one stands in one text only.
    texts = [[word for i, word in enumerate(words) if i < 5 and k <= i] for k in range(5)] + [[words[5]] * 6]
    texts = [texts[i] for i in rng.permutation(6)]
    by_texts = Counter(word for text in texts for word in set(text))
    in_order = list(dict.fromkeys(word for text in texts for word in text))
    expect_vocabulary(
        impl.build_vocabulary(texts),
        words[::-1],
        case="6 words that occur 1 to 6 times",
        causes={
            "the rarest word comes first; sort by falling frequency": ids(words),
            "ids were given in order of appearance; the most frequent token comes first": ids(in_order),
            "ids were given by the alphabet; the most frequent token comes first": ids(sorted(words)),
            "ids of tokens start at 2, because 0 is padding and 1 is unknown": ids(words[::-1], start=1),
            "two tokens share ids with padding and unknown; the first token's id is 2": sorted(
                [("<pad>", 0), ("<unk>", 1), *zip(words[::-1], range(6), strict=True)], key=lambda item: item[1]
            ),
            "texts that hold a word were counted; count every occurrence": ids(
                sorted(words, key=lambda word: (-by_texts[word], word))
            ),
        },
    )


def test_build_vocabulary__ties_by_the_alphabet(impl, rng):
    words = sorted(str(word) for word in rng.permutation(WORDS)[:7])
    order = [words[i] for i in (4, 0, 6, 2, 5, 1, 3)]
    texts = [order[:4], order[4:], [words[3]]]
    others = [word for word in words if word != words[3]]
    appeared = [word for word in order if word != words[3]]
    expect_vocabulary(
        impl.build_vocabulary(texts),
        [words[3], *others],
        case="7 words, one of them twice",
        causes={
            "among equally frequent tokens, the one seen first comes first (Counter.most_common does that); sort them "
            "by the alphabet": ids([words[3], *appeared]),
            "among equally frequent tokens, the alphabet runs backwards; reverse=True turns it round too, so sort by "
            "(-count, token)": ids([words[3], *others[::-1]]),
        },
    )


@pytest.mark.parametrize("min_count", [2, 3])
def test_build_vocabulary__min_count(impl, min_count):
    texts = [["owl", "fox", "owl"], ["fox", "owl", "ant"], ["ant", "owl", "elk"]]
    count = {"owl": 4, "ant": 2, "fox": 2, "elk": 1}
    expect_vocabulary(
        impl.build_vocabulary(texts, min_count=min_count),
        [word for word in count if count[word] >= min_count],
        case=f"words that occur 4, 2, 2 and 1 times, min_count={min_count}",
        causes={
            "a token that occurs exactly min_count times is kept": ids([w for w in count if count[w] > min_count]),
            "the argument `min_count` was not used; rarer tokens get no id": ids(list(count)),
            "rare tokens were left out, but their ids were not given to others; number the tokens that are kept": [],
        },
    )


def test_build_vocabulary__no_texts(impl):
    case = "no texts"
    actual = expect_allowed(impl.build_vocabulary, [], cause="without texts only the two special tokens", case=case)
    expect_true(
        actual == {"<pad>": 0, "<unk>": 1},
        f"returned {actual!r:.60}",
        cause="without texts, the vocabulary still holds padding and unknown",
        case=case,
    )


# --- encode_texts ---------------------------------------------------------------------------------------------------

VOCABULARY = {"<pad>": 0, "<unk>": 1, "cat": 2, "hat": 3, "red": 4, "sun": 5}


def known_texts(rng, lengths):
    return [[str(rng.choice(["cat", "hat", "red", "sun"])) for _ in range(length)] for length in lengths]


def encoded(texts, length, *, unknown=1, left=False, last=False):
    """token_ids and mask by a loop, with the mistakes that can be asked for."""
    token_ids, mask = [], []
    for text in texts:
        row = [VOCABULARY.get(token, unknown) for token in text]
        row = [number for number in row if number is not None]
        row = row[-length:] if last else row[:length]
        gap = length - len(row)
        token_ids.append([0] * gap + row if left else row + [0] * gap)
        mask.append([False] * gap + [True] * len(row) if left else [True] * len(row) + [False] * gap)
    return np.array(token_ids), np.array(mask)


def expect_encoded(actual, desired, *, case, causes):
    token_ids, mask = expect_results(actual, ["token_ids", "mask"])
    wrong_ids = {message: wrong[0] for message, wrong in causes.items()}
    expect_close(token_ids, desired[0], case=f"token_ids of {case}", causes=wrong_ids)
    wrong_masks = {message: wrong[1] for message, wrong in causes.items()} | {
        "the mask is the wrong way round; True stands for real tokens": ~desired[1],
        "unknown tokens are real ones: their mask is True, only that of padding is False": desired[0] > 1,
        "the mask is True everywhere; it is False where padding stands": np.ones_like(desired[1]),
    }
    expect_close(mask, desired[1], case=f"mask of {case}", causes=wrong_masks)


@pytest.mark.core
def test_encode_texts__short_ones_are_padded(impl, rng):
    texts = known_texts(rng, [3, 1, 5, 2])
    expect_encoded(
        impl.encode_texts(texts, VOCABULARY, 5),
        encoded(texts, 5),
        case="texts of 3, 1, 5 and 2 tokens, length 5",
        causes={"padding was put before the tokens; it belongs at the end": encoded(texts, 5, left=True)},
    )


def test_encode_texts__long_ones_are_cut(impl, rng):
    texts = [["cat", "hat", "red", "sun", "hat"], *known_texts(rng, [2, 3])]
    case = "texts of 5, 2 and 3 tokens, length 3"
    cause = "a text may be longer than `length`; keep its first `length` tokens"
    expect_encoded(
        expect_allowed(impl.encode_texts, texts, VOCABULARY, 3, cause=cause, case=case),
        encoded(texts, 3),
        case=case,
        causes={
            "the last tokens of a long text were kept; keep the first": encoded(texts, 3, last=True),
            "the argument `length` was not used: the longest text set the length": encoded(texts, 5),
        },
    )


def test_encode_texts__unknown_tokens(impl, rng):
    texts = [["cat", "dog", "red"], ["dog"], ["sun", "xylophone"]]
    case = "texts in which dog and xylophone are unknown, length 4"
    cause = "a token may be missing from the vocabulary; its id is 1 (vocabulary.get(token, 1))"
    expect_encoded(
        expect_allowed(impl.encode_texts, texts, VOCABULARY, 4, cause=cause, case=case),
        encoded(texts, 4),
        case=case,
        causes={
            "unknown tokens became padding (id 0); their id is 1": encoded(texts, 4, unknown=0),
            "unknown tokens were left out; each keeps its place, with id 1": encoded(texts, 4, unknown=None),
        },
    )


def test_encode_texts__empty_texts(impl):
    case = "an empty text and one of a single token, length 2"
    cause = "a text may have no tokens: a row of padding"
    actual = expect_allowed(impl.encode_texts, [[], ["sun"]], VOCABULARY, 2, cause=cause, case=case)
    expect_encoded(actual, encoded([[], ["sun"]], 2), case=case, causes={})
    case, cause = "no texts, length 3", "without texts, both arrays have the shape (0, length)"
    actual = expect_allowed(impl.encode_texts, [], VOCABULARY, 3, cause=cause, case=case)
    token_ids, mask = expect_results(actual, ["token_ids", "mask"])
    expect_true(np.shape(token_ids) == np.shape(mask) == (0, 3), "other shapes", cause=cause, case=case)


@pytest.mark.parametrize("length", [0, -2])
def test_encode_texts__bad_length(impl, length):
    cause = "a length below 1 leaves no room for a token (and text[:-2] would cut the end); raise ValueError"
    expect_raises(ValueError, impl.encode_texts, [["cat"]], VOCABULARY, length, cause=cause, case=f"length {length}")


# --- one_hot_equals_lookup ------------------------------------------------------------------------------------------


@pytest.mark.core
def test_one_hot_equals_lookup__picks_rows(impl, rng):
    token_ids, table = rng.integers(0, 6, size=(3, 4)), rng.normal(size=(7, 5))  # no id is V - 1
    one_hot, embeddings = expect_results(impl.one_hot_equals_lookup(token_ids, table), ["one_hot", "one_hot @ table"])
    desired = loop((3, 4, 7), lambda i, j, v: float(v == token_ids[i, j]))
    case = "(3, 4) ids, a table of 7 rows"
    size = token_ids.max() + 1
    expect_close(
        one_hot,
        desired,
        case=f"one_hot of {case}",
        causes={
            "the two results are exchanged; one_hot comes first": lambda: table[token_ids],
            "the axis of the vocabulary is as long as the largest id needs; it has V = len(table) entries": lambda: (
                desired[..., :size]
            ),
            "the axes N and L were merged; the shape is (N, L, V)": lambda: desired.reshape(12, 7),
            "the axis of the vocabulary comes last, (N, L, V)": lambda: np.moveaxis(desired, -1, 0),
            "0 and 1 are exchanged: a single 1 marks the id": lambda: 1 - desired,
            "the row holds the id itself; it holds a 1 at the id's place": lambda: desired * token_ids[..., None],
            "one row marks all ids of a text; each token has a row of its own": lambda: desired.max(axis=1),
            "ids were counted from 1; id 0 has its 1 at place 0": lambda: np.roll(desired, -1, axis=2),
        },
    )
    expect_close(
        embeddings,
        loop((3, 4, 5), lambda i, j, d: sum(desired[i, j, v] * table[v, d] for v in range(7))),
        case=f"one_hot @ table of {case}",
        causes={
            "the embeddings of a text were added up; each token keeps a vector of its own": lambda: table[
                token_ids
            ].sum(axis=1),
            "this is one_hot once more; multiply it by the table": desired,
        },
    )


def test_one_hot_equals_lookup__refuses_numbers_that_are_no_ids(impl, rng):
    table = rng.normal(size=(4, 3))
    cause = (
        "real numbers are no ids: a cast would make 0.1, 0.2 and 0.9 all the same id 0, and every image the same "
        "vectors; raise ValueError unless the dtype is an integer one"
    )
    for values in (np.array([[0.1, 0.2, 0.9]]), np.array([[0.4, 2.7]], dtype=np.float32), np.array([[1.0, 2.0]])):
        expect_raises(ValueError, impl.one_hot_equals_lookup, values, table, cause=cause, case=f"ids {values.tolist()}")


@pytest.mark.parametrize("wrong", [-1, 4, 9])
def test_one_hot_equals_lookup__refuses_ids_outside(impl, rng, wrong):
    token_ids = np.array([[0, 3, 1], [2, wrong, 0]])
    cause = (
        "a negative id would be counted from the end of the table, unnoticed; raise ValueError below 0"
        if wrong < 0
        else "the table has no such row; raise ValueError for ids above V - 1"
    )
    case = f"id {wrong}, a table of 4 rows"
    expect_raises(ValueError, impl.one_hot_equals_lookup, token_ids, rng.normal(size=(4, 3)), cause=cause, case=case)


def test_one_hot_equals_lookup__smallest_and_largest_id(impl, rng):
    table = rng.normal(size=(4, 3))
    cause = "0 and V - 1 are ids like the others"
    for token_ids in (np.array([[0, 3]]), np.array([[3], [0]], dtype=np.int32), np.zeros((0, 5), dtype=int)):
        case = f"ids of shape {token_ids.shape}, a table of 4 rows"
        actual = expect_allowed(impl.one_hot_equals_lookup, token_ids, table, cause=cause, case=case)
        _, embeddings = expect_results(actual, ["one_hot", "one_hot @ table"])
        expect_close(embeddings, table[token_ids], case=case)


def test_one_hot_equals_lookup__float32(impl):
    table = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32)
    actual = impl.one_hot_equals_lookup(np.array([[2, 0]]), table)
    one_hot, embeddings = expect_results(actual, ["one_hot", "one_hot @ table"])
    case = "a float32 table"
    if np.asarray(embeddings).dtype == np.float64:
        cause = "int64 @ float32 is float64 in NumPy; make one_hot of the table's dtype, so that the product keeps it"
        expect_true(False, "one_hot @ table is float64", cause=cause, case=case)
    expect_close(embeddings, np.array([[[5.0, 6], [1, 2]]]), dtype=np.float32, case=case)
    expect_close(one_hot, np.array([[[0.0, 0, 1], [1, 0, 0]]]), dtype=np.float32, case=f"one_hot for {case}")


# --- masked_mean_pool -----------------------------------------------------------------------------------------------


def sequences(rng, lengths, size, width):
    """Embeddings that are not zero at padding either, and a mask with that many real tokens a row."""
    mask = np.arange(width) < np.array(lengths)[:, None]
    return rng.normal(size=(len(lengths), width, size)) + 1, mask


def mean_of_real(x, mask):
    def entry(i, d):
        real = [x[i, j, d] for j in range(x.shape[1]) if mask[i, j]]
        return sum(real) / len(real) if real else 0.0

    return loop((len(x), x.shape[2]), entry)


@pytest.mark.core
def test_masked_mean_pool__padding_does_not_count(impl, rng):
    x, mask = sequences(rng, [2, 5, 1, 3], size=4, width=5)
    weight = mask[:, :, None]
    expect_close(
        impl.masked_mean_pool(x, mask),
        mean_of_real(x, mask),
        case="4 texts of 2, 5, 1 and 3 real tokens out of 5",
        causes={
            "the mask was not used; padding counts in this mean": x.mean(axis=1),
            "padding was left out of the sum but not of the number of tokens; divide by the number of real ones": (
                x * weight
            ).mean(axis=1),
            "this is the sum of the real tokens; divide by their number": (x * weight).sum(axis=1),
            "the mask was used the wrong way round: this is the mean of the padding": lambda: mean_of_real(x, ~mask),
            "this is the maximum of the real tokens; take the mean": lambda: np.where(weight, x, -np.inf).max(axis=1),
            "all texts were averaged together; each text has a mean of its own": lambda: x[mask].mean(axis=0),
            "the first token was taken; average all real ones": x[:, 0],
            "the last real token was taken; average all real ones": lambda: x[np.arange(4), mask.sum(axis=1) - 1],
            "padding was included in the sum; set it to zero first": x.sum(axis=1) / mask.sum(axis=1, keepdims=True),
        },
    )


def test_masked_mean_pool__real_tokens_may_stand_anywhere(impl, rng):
    x = rng.normal(size=(5, 6, 3))
    mask = np.array([rng.permutation([True] * k + [False] * (6 - k)) for k in (1, 2, 3, 4, 6)])
    in_front = np.arange(6) < mask.sum(axis=1, keepdims=True)
    expect_close(
        impl.masked_mean_pool(x, mask),
        mean_of_real(x, mask),
        case="5 texts with gaps between their real tokens",
        causes={"the first tokens were taken, as many as are real; take those where the mask is True": lambda: (
            mean_of_real(x, in_front)
        )},
    )  # fmt: skip


def test_masked_mean_pool__no_real_token_gives_zeros(impl, rng):
    x, mask = sequences(rng, [3, 0, 1], size=4, width=3)
    actual = impl.masked_mean_pool(x, mask)
    case = "3 texts, the second without a real token"
    cause = "0/0 for a text without real tokens; divide by at least 1, so that its vector is zero"
    expect_finite(actual, cause=cause, case=case)
    expect_close(
        actual,
        mean_of_real(x, mask),
        case=case,
        causes={"a text without real tokens got the mean of its padding; its vector is zero": lambda: np.where(
            mask.any(axis=1, keepdims=True), mean_of_real(x, mask), x.mean(axis=1)
        )},
    )  # fmt: skip


def test_masked_mean_pool__what_stands_at_padding_does_not_matter(impl, rng):
    x, mask = sequences(rng, [1, 3, 2], size=2, width=4)
    desired = mean_of_real(x, mask)
    x[~mask] = np.nan
    actual = impl.masked_mean_pool(x, mask)
    case = "3 texts, NaN at padding"
    cause = "0 · NaN is NaN: choose real tokens with np.where(mask[:, :, None], embeddings, 0), do not multiply"
    expect_finite(actual, cause=cause, case=case)
    expect_close(actual, desired, case=case)


def test_masked_mean_pool__float32(impl):
    x = np.array([[[1, 2], [3, 4]]], dtype=np.float32)
    actual = impl.masked_mean_pool(x, np.array([[True, True]]))
    case = "float32 embeddings"
    cause = "float32 divided by an array of int64 is float64; count in the dtype of the embeddings"
    expect_true(np.asarray(actual).dtype != np.float64, "dtype float64", cause=cause, case=case)
    expect_close(actual, np.array([[2.0, 3.0]]), dtype=np.float32, case=case)
    empty = impl.masked_mean_pool(np.zeros((0, 3, 2), np.float32), np.zeros((0, 3), bool))
    expect_close(empty, np.zeros((0, 2)), dtype=np.float32, case="no texts")


# --- patchify -------------------------------------------------------------------------------------------------------


def patches(x, size, channel_first=False):
    """Patches in reading order, by a loop."""
    out = []
    for image in x:
        rows = []
        for top in range(0, image.shape[0], size):
            for left in range(0, image.shape[1], size):
                patch = image[top : top + size, left : left + size]
                rows.append((patch.transpose(2, 0, 1) if channel_first else patch).ravel())
        out.append(rows)
    return np.array(out)


@pytest.mark.core
@pytest.mark.parametrize(
    ("shape", "size"), [((2, 6, 6, 3), 2), ((3, 4, 8, 2), 2), ((2, 6, 3, 3), 3)], ids=["square", "wide", "tall"]
)
def test_patchify__in_reading_order(impl, rng, shape, size):
    x = rng.permutation(math.prod(shape)).reshape(shape).astype(float)
    desired = patches(x, size)
    n, count, width = desired.shape
    turned = patches(x.transpose(0, 2, 1, 3), size)
    blocks = desired.reshape(n, shape[1] // size, shape[2] // size, size, size, shape[3])
    by_columns = blocks.transpose(0, 2, 1, 3, 4, 5).reshape(n, count, width)
    causes = {
        "one reshape cuts the image into stripes of pixels, not into squares; split H and W into two axes each, then "
        "transpose": x.reshape(n, count, width),
        "patches came column by column; count them along each line, from left to right": by_columns,
        "inside a patch, pixels came column by column; lay them out row by row": blocks.transpose(
            0, 1, 2, 4, 3, 5
        ).reshape(n, count, width),
        "rows and columns are exchanged: height is axis 1, width is axis 2": turned,
        "inside a patch, channels came first; the C numbers of a pixel stand side by side": lambda: patches(
            x, size, channel_first=True
        ),
        "the patches are still squares; flatten each into one row of P · P · C numbers": blocks.reshape(
            n, count, size, size, shape[3]
        ),
        "the patches still form a grid; number them along one axis": blocks.reshape(*blocks.shape[:3], width),
        "the channels were averaged; keep them all": blocks.mean(axis=-1).reshape(n, count, -1),
        "each patch was averaged; keep all of its pixels": blocks.mean(axis=(3, 4)).reshape(n, count, -1),
        "the patches of all images came as one list; the first axis is N": desired.reshape(n * count, width),
    }
    case = f"images of shape {shape}, patch_size={size}"
    actual = impl.patchify(x, size)
    expect_close(actual, desired, case=case, causes={k: v for k, v in causes.items() if differs(v, desired)})


def differs(wrong, desired):
    wrong = wrong() if callable(wrong) else wrong
    return wrong.shape != desired.shape or not np.array_equal(wrong, desired)


@pytest.mark.parametrize("size", [1, 4], ids=["each pixel", "the whole image"])
def test_patchify__smallest_and_largest_patch(impl, rng, size):
    x = rng.normal(size=(2, 4, 4, 3))
    case = f"4 by 4 images, patch_size={size}"
    actual = expect_allowed(impl.patchify, x, size, cause="1 and H itself divide H", case=case)
    expect_close(actual, patches(x, size), case=case)


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 6, 4, 3), 4), ((1, 4, 6, 3), 4), ((1, 4, 4, 3), 0), ((2, 4, 4, 3), 8)]
)
def test_patchify__size_must_divide(impl, rng, shape, size):
    cause = "a patch would hang over the edge, or pixels would be lost; raise ValueError unless patch_size ≥ 1 divides "
    cause += "both H and W"
    case = f"images of shape {shape}, patch_size={size}"
    expect_raises(ValueError, impl.patchify, rng.normal(size=shape), size, cause=cause, case=case)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_patchify__keeps_the_dtype(impl, rng, dtype):
    x = rng.integers(0, 256, size=(1, 4, 2, 1)).astype(dtype)
    expect_close(impl.patchify(x, 2), patches(x, 2), dtype=dtype, case=f"{np.dtype(dtype).name} images")
    expect_close(impl.patchify(x[:0], 2), np.zeros((0, 2, 4), dtype), dtype=dtype, case="no images")


# --- color_histogram ------------------------------------------------------------------------------------------------


def histogram(x, bins, interval=None, place=None):
    """The joint histogram by a loop over pixels."""
    interval = interval or (lambda v: v * bins // 256)
    place = place or (lambda r, g, b: r * bins * bins + g * bins + b)
    out = np.zeros((len(x), bins**3))
    for i, image in enumerate(x.astype(int)):
        for pixel in image.reshape(-1, 3):
            out[i, place(*(interval(int(v)) for v in pixel))] += 1 / (image.size // 3)
    return out


@pytest.mark.core
@pytest.mark.parametrize("bins", [2, 3, 4])
def test_color_histogram__shares_of_colours(impl, rng, bins):
    x = rng.integers(0, 256, size=(4, 5, 6, 3)).astype(np.uint8)
    x[:, 0, 0] = [255, 0, 128]
    desired = histogram(x, bins)
    per_channel = np.array([[np.mean(i[..., c] * bins // 256 == b) for c in range(3) for b in range(bins)]
                            for i in x.astype(int)])  # fmt: skip
    causes = {
        "each channel was counted by itself, which cannot tell yellow from half red, half green; count triples "
        "(r, g, b)": per_channel,
        "pixels were counted; divide by their number": desired * 30,
        "it was divided by the pixels of all images; each row has sum 1": desired / 4,
        "rows were scaled to length 1; they have sum 1": lambda: (
            desired / np.linalg.norm(desired, axis=1, keepdims=True)
        ),
        "rows were divided by their largest entry; they have sum 1": lambda: (
            desired / desired.max(axis=1, keepdims=True)
        ),
        "the channels were taken as blue, green, red; red counts bins²": lambda: histogram(
            x, bins, place=lambda r, g, b: b * bins * bins + g * bins + r
        ),
        "all images were counted together; each has a row of its own": desired.mean(axis=0),
        "v · (bins - 1) / 255 keeps the last interval for 255 alone; use v · bins // 256": lambda: histogram(
            x, bins, interval=lambda v: v * (bins - 1) // 255
        ),
        "uint8 wraps around at 256, so that v · bins went wrong; turn the images into a wider integer type first": (
            lambda: histogram(x, bins, interval=lambda v: v * bins % 256 // 256)
        ),
    }
    case = f"4 images of 5 by 6 pixels, bins={bins}"
    cause = (
        "a place beyond the histogram: with v · bins / 255 (or v // (256 // bins)) the value 255 gets a bin of its "
        "own; use v · bins // 256 in a wider integer type"
    )
    actual = expect_allowed(impl.color_histogram, x, bins, cause=cause, case=case)
    expect_close(actual, desired, case=case, causes=causes)


def test_color_histogram__edges_of_the_intervals(impl):
    values = np.array([0, 63, 64, 127, 128, 191, 192, 255], dtype=np.uint8)
    x = np.repeat(values[:, None, None, None], 3, axis=3)  # 8 images of one grey pixel
    desired = histogram(x, 4)
    cause = "a value fell off the histogram; the interval of v is v · bins // 256, from 0 to bins - 1"
    case = "grey 0, 63, 64, 127, 128, 191, 192, 255, bins=4"
    expect_close(
        expect_allowed(impl.color_histogram, x, 4, cause=cause, case=case),
        desired,
        case=case,
        causes={
            "v · (bins - 1) / 255 keeps the last interval for 255 alone; use v · bins // 256": histogram(
                x, 4, interval=lambda v: v * 3 // 255
            ),
            "the intervals were rounded to the nearest; round down": histogram(
                x, 4, interval=lambda v: min(round(v * 4 / 256), 3)
            ),
            "uint8 wraps around at 256, so that v · bins went wrong; turn the images into a wider integer type first": (
                histogram(x, 4, interval=lambda v: v * 4 % 256 // 256)
            ),
        },
    )


def test_color_histogram__does_not_see_places(impl, rng):
    x = rng.integers(0, 256, size=(1, 6, 7, 3)).astype(np.uint8)
    mixed = rng.permutation(x.reshape(-1, 3)).reshape(x.shape)
    case = "an image, and the same pixels in another order, bins=3"
    expect_close(impl.color_histogram(mixed, 3), impl.color_histogram(x, 3), case=case)
    expect_close(impl.color_histogram(x, 1), np.ones((1, 1)), case="bins=1: all pixels have the one colour")
    expect_close(impl.color_histogram(x[:0], 2), np.zeros((0, 8)), case="no images")


@pytest.mark.parametrize("bins", [0, -1, 257])
def test_color_histogram__bins_out_of_range(impl, bins):
    x = np.zeros((1, 2, 2, 3), np.uint8)
    cause = "there are 256 values to share out; raise ValueError unless 1 <= bins <= 256"
    expect_raises(ValueError, impl.color_histogram, x, bins, cause=cause, case=f"bins={bins}")


# --- tf_idf ---------------------------------------------------------------------------------------------------------


def weigh(counts, train, idf=None, tf=float, scale=True):
    """tf-idf by loops; `idf(n, df)` and `tf(count)` may be other formulas."""
    idf = idf or (lambda n, df: math.log((1 + n) / (1 + df)) + 1)
    rows = []
    for text in counts:
        row = [tf(c) * idf(len(train), sum(1 for t in train if t[v] > 0)) for v, c in enumerate(text)]
        length = math.sqrt(sum(value * value for value in row)) if scale else 1.0
        rows.append([value / length if length else 0.0 for value in row])
    return np.array(rows)


def word_counts(rng, rows, columns):
    """Counts in which words differ in how many texts hold them, no text is empty and no word missing."""
    counts = rng.integers(1, 6, size=(rows, columns))
    for v in range(columns):
        counts[v % rows :: max(rows - v, 1), v] += 1
        counts[rng.permutation(rows)[: v % rows], v] = 0
    counts[:, 0] = rng.integers(1, 5, size=rows)
    return counts


@pytest.mark.core
def test_tf_idf__weighs_rare_words_more(impl, rng):
    counts = word_counts(rng, 6, 9)

    def total(n, df):
        return math.log((1 + n) / (1 + df)) + 1

    frequency = counts.sum(axis=0)
    by_total = counts * (np.log(7 / (1 + frequency)) + 1)
    expect_close(
        impl.tf_idf(counts),
        weigh(counts, counts),
        case="6 texts, 9 words",
        causes={
            "rows were not scaled to length 1, so that long texts win": weigh(counts, counts, scale=False),
            "the `+ 1` behind the logarithm is missing, so that a word of all texts counts nothing": lambda: weigh(
                counts, counts, idf=lambda n, df: math.log((1 + n) / (1 + df))
            ),
            "n / df is not smoothed; it is (1 + n) / (1 + df)": lambda: weigh(
                counts, counts, idf=lambda n, df: math.log(n / df) + 1
            ),
            "n / df is not smoothed and the `+ 1` is missing; idf = ln((1 + n) / (1 + df)) + 1": lambda: weigh(
                counts, counts, idf=lambda n, df: math.log(n / df)
            ),
            "the numerator is not smoothed; it is (1 + n) / (1 + df)": lambda: weigh(
                counts, counts, idf=lambda n, df: math.log(n / (1 + df)) + 1
            ),
            "df is to be the number of texts that hold the word, not how often it occurs in all of them": lambda: (
                by_total / np.linalg.norm(by_total, axis=1, keepdims=True)
            ),
            "the weights were divided by, so that frequent words win; multiply": lambda: weigh(
                counts, counts, idf=lambda n, df: 1 / total(n, df)
            ),
            "the logarithm has base 10; idf uses the natural one": lambda: weigh(
                counts, counts, idf=lambda n, df: math.log10((1 + n) / (1 + df)) + 1
            ),
            "the counts were not used, only whether a word is there": lambda: weigh(counts, counts, tf=lambda c: c > 0),
            "the counts were not weighted; multiply them by idf": lambda: weigh(counts, counts, idf=lambda n, df: 1),
            "rows were scaled to sum 1; scale them to length 1 (the root of the sum of squares)": lambda: (
                weigh(counts, counts, scale=False) / weigh(counts, counts, scale=False).sum(axis=1, keepdims=True)
            ),
            "columns were scaled to length 1; each text is a row": lambda: (
                weigh(counts, counts, scale=False) / np.linalg.norm(weigh(counts, counts, scale=False), axis=0)
            ),
        },
    )


def test_tf_idf__by_hand(impl):
    counts = np.array([[2, 0, 0], [1, 1, 0], [0, 3, 4]])
    a, b = math.log(4 / 3) + 1, math.log(4 / 2) + 1
    desired = [[1, 0, 0], [math.sqrt(0.5), math.sqrt(0.5), 0], [0, 3 * a / math.hypot(3 * a, 4 * b), 0]]
    desired[2][2] = 4 * b / math.hypot(3 * a, 4 * b)
    expect_close(impl.tf_idf(counts), np.array(desired), case="3 texts, words in 2, 2 and 1 of them")


def test_tf_idf__weights_come_from_the_training_texts(impl, rng):
    train, test = word_counts(rng, 7, 5), word_counts(rng, 4, 5)
    both = np.concatenate([train, test])
    expect_close(
        impl.tf_idf(test, train),
        weigh(test, train),
        case="4 test texts, 7 training texts",
        causes={
            "`train_counts` was not used: weights taken from the test texts leak what is to be tested": weigh(
                test, test
            ),
            "the weights come from training and test texts together, which leaks what is to be tested": weigh(
                test, both
            ),
            "the training texts came back; transform `counts`": weigh(train, train),
        },
    )


def test_tf_idf__empty_texts_and_unseen_words(impl):
    counts, train = np.array([[0, 0, 0], [0, 2, 0], [1, 0, 1]]), np.array([[1, 1, 0], [0, 1, 0]])
    case = "an empty text, and a word that no training text holds"
    actual = impl.tf_idf(counts, train)
    cause = "0/0: an empty text has length 0, and stays zero; and 1 + df keeps a word with df = 0 from dividing by 0"
    expect_finite(actual, cause=cause, case=case)
    expect_close(actual, weigh(counts, train), case=case)


def test_tf_idf__float32(impl):
    counts = np.array([[2, 0], [1, 1]], dtype=np.float32)
    desired = weigh(counts, counts)
    expect_close(impl.tf_idf(counts), desired, dtype=np.float32, case="float32 counts")
    expect_close(impl.tf_idf(counts.astype(int)), desired, dtype=np.float64, case="integer counts")


# --- pca ------------------------------------------------------------------------------------------------------------


def cloud(rng, rows, size, spreads):
    """Points whose variance along hidden orthogonal directions is as asked, exactly; and the directions."""
    directions = np.linalg.qr(rng.normal(size=(size, size)))[0][: len(spreads)]
    scores = rng.normal(size=(rows, len(spreads)))
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0]  # centred, orthonormal columns
    signs = [np.sign(row[np.abs(row).argmax()]) for row in directions]
    mean = rng.normal(size=size) + 3
    return mean + (scores * np.array(spreads)) @ directions, directions * np.array(signs)[:, None], mean


SPREADS = (5.0, 3.0, 2.0, 1.0)
NAMES = ["mean", "components", "explained"]


@pytest.mark.core
@pytest.mark.parametrize(("rows", "size"), [(12, 6), (6, 10)], ids=["more rows", "more columns"])
def test_pca__directions_of_largest_variance(impl, rng, rows, size):
    x, directions, mean = cloud(rng, rows, size, SPREADS)
    actual_mean, components, explained = expect_results(impl.pca(x, 3), NAMES)
    case = f"{rows} points in {size} dimensions, 3 components"
    expect_close(
        actual_mean,
        mean,
        case=f"mean of {case}",
        causes={"this is the mean of each row; take the mean of each column (axis=0)": x.mean(axis=1)},
    )
    desired = directions[:3]
    case_of = f"components of {case}"

    def fixed(rows):
        return rows * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])[:, None]

    def wrong(*, of):
        return fixed(np.linalg.svd(of, full_matrices=False)[2][:3])

    flips = np.array([[1 if k >> i & 1 else -1 for i in range(3)] for k in range(8)])
    same_up_to_sign = np.shape(components) == desired.shape and any(
        np.allclose(components, flip[:, None] * desired, atol=1e-6) for flip in flips
    )
    if same_up_to_sign:
        expect_true(
            np.allclose(components, desired, atol=1e-6),
            "right directions, but some point the other way",
            cause="the sign of a singular vector is arbitrary; flip each component so that its entry of largest "
            "absolute value is positive",
            case=case_of,
        )
    expect_close(
        components,
        desired,
        case=case_of,
        causes={
            "the data were not centred: the first component points to the mean; subtract the mean of each column": (
                lambda: wrong(of=x)
            ),
            "the mean of each row was subtracted; subtract the mean of each column (axis=0)": lambda: wrong(
                of=x - x.mean(axis=1, keepdims=True)
            ),
            "each component is a row: the shape is (K, D), not (D, K)": desired.T,
            "the largest variance comes first; eigh gives it last": directions[3:0:-1],
            "columns were scaled to variance 1; only subtract the mean": lambda: wrong(
                of=(x - x.mean(axis=0)) / x.std(axis=0)
            ),
            "these are the scores U of the rows; the components are the rows of Vᵀ": lambda: np.linalg.svd(
                x - mean, full_matrices=False
            )[0][:3],
        },
    )
    share = np.array(SPREADS) ** 2 / np.sum(np.square(SPREADS))
    expect_close(
        explained,
        share[:3],
        case=f"explained of {case}",
        causes={
            "singular values are spreads; square them to get variances": (SPREADS / np.sum(SPREADS))[:3],
            "the shares are of the variance of the K components kept; divide by that of all": share[:3]
            / share[:3].sum(),
            "these are variances; divide by their sum": share[:3] * np.sum(np.square(SPREADS)) / (rows - 1),
            "these are sums of squares; divide by their total": share[:3] * np.sum(np.square(SPREADS)),
            "these are the singular values; square them, and divide by the sum of all squares": np.array(SPREADS[:3]),
            "the shares were added up; give each component's own": np.cumsum(share)[:3],
        },
    )


def test_pca__rebuilds_the_points(impl, rng):
    x, _, _ = cloud(rng, 9, 5, SPREADS)
    mean, components, explained = expect_results(impl.pca(x, 4), NAMES)
    back = (x - mean) @ np.transpose(components) @ components + mean
    cause = "4 components hold all of this cloud; they must be orthonormal rows, and x = mean + scores @ components"
    case = "9 points that lie in 4 of 5 dimensions, 4 components"
    expect_true(np.allclose(back, x, atol=1e-6), "the points cannot be rebuilt", cause=cause, case=case)
    expect_close(float(np.sum(explained)), 1.0, case=case)


def test_pca__a_line(impl):
    x = np.array([[1.0, 2.0], [4.0, -2.0], [-2.0, 6.0]])
    mean, components, explained = expect_results(impl.pca(x, 1), NAMES)
    case = "(1, 2), (4, -2), (-2, 6): a line along (-0.6, 0.8)"
    expect_close(mean, np.array([1.0, 2.0]), case=case)
    expect_close(
        components,
        np.array([[-0.6, 0.8]]),
        case=case,
        causes={
            "the sign of a singular vector is arbitrary; flip each component so that its entry of largest absolute "
            "value is positive": np.array([[0.6, -0.8]])
        },
    )
    expect_close(explained, np.array([1.0]), case=case)


def test_pca__equal_rows(impl):
    _, components, explained = expect_results(impl.pca(np.ones((4, 3)), 2), NAMES)
    case = "4 equal points"
    expect_finite(explained, cause="0/0: there is no variance to share; explained is 0 then", case=case)
    expect_close(explained, np.zeros(2), case=case)
    expect_finite(components, cause="0/0 in the components", case=case)
    lengths = np.linalg.norm(components, axis=1)
    expect_close(lengths, np.ones(2), case=f"lengths of the components of {case}")


@pytest.mark.parametrize(("shape", "count"), [((5, 3), 4), ((3, 5), 4), ((5, 3), 0), ((5, 3), -1)])
def test_pca__count_out_of_range(impl, rng, shape, count):
    cause = (
        "N points in D dimensions have at most min(N, D) components; raise ValueError for other numbers, and below 1"
    )
    case = f"x of shape {shape}, num_components={count}"
    expect_raises(ValueError, impl.pca, rng.normal(size=shape), count, cause=cause, case=case)


def test_pca__float32(impl, rng):
    x, directions, mean = cloud(rng, 8, 5, SPREADS)
    results = expect_results(impl.pca(x.astype(np.float32), 2), NAMES)
    share = np.array(SPREADS[:2]) ** 2 / np.sum(np.square(SPREADS))
    for actual, desired, name in zip(results, (mean, directions[:2], share), NAMES, strict=True):
        expect_close(actual, desired, dtype=np.float32, case=f"{name} of float32 points", rtol=1e-3, atol=1e-4)


# --- positional_encoding --------------------------------------------------------------------------------------------


def clocks(length, dimension, *, angle=None, even=math.sin, odd=math.cos):
    angle = angle or (lambda p, i: p / 10000 ** (2 * i / dimension))
    return loop((length, dimension), lambda p, d: (odd if d % 2 else even)(angle(p, d // 2)))


@pytest.mark.core
@pytest.mark.parametrize(("length", "dimension"), [(7, 6), (12, 16), (4, 4)])
def test_positional_encoding__sines_and_cosines(impl, length, dimension):
    desired = clocks(length, dimension)
    half = dimension // 2
    causes = {
        "all sines come first, then all cosines; here they alternate: sine at even places, cosine at odd": (
            np.concatenate([desired[:, 0::2], desired[:, 1::2]], axis=1)
        ),
        "sine and cosine are exchanged: sine stands at even places": clocks(
            length, dimension, even=math.cos, odd=math.sin
        ),
        "the exponent is i / D; it is 2i / D, so that the speeds span from 1 to about 1/10000": clocks(
            length, dimension, angle=lambda p, i: p / 10000 ** (i / dimension)
        ),
        "each place got a speed of its own; a sine and its cosine share one": loop(
            (length, dimension),
            lambda p, d: (math.cos if d % 2 else math.sin)(p / 10000 ** (d / dimension)),
        ),
        "the exponent is 2d / D with d the place itself; with i the number of the pair, places 2i and 2i + 1": loop(
            (length, dimension),
            lambda p, d: (math.cos if d % 2 else math.sin)(p / 10000 ** (2 * d / dimension)),
        ),
        "positions were counted from 1; the first is 0": clocks(
            length, dimension, angle=lambda p, i: (p + 1) / 10000 ** (2 * i / dimension)
        ),
        "the exponent was divided by D - 2, so that the last speed is 1/10000; divide by D": clocks(
            length, dimension, angle=lambda p, i: p / 10000 ** (i / max(half - 1, 1))
        ),
        "positions were multiplied by 10000^(2i/D); divide by it": clocks(
            length, dimension, angle=lambda p, i: p * 10000 ** (2 * i / dimension)
        ),
        "the angles were taken as degrees; sin and cos want radians as they are": clocks(
            length, dimension, angle=lambda p, i: math.radians(p / 10000 ** (2 * i / dimension))
        ),
        "positions are rows: the shape is (L, D)": desired.T,
        "only sines: at odd places stands the cosine": clocks(length, dimension, odd=math.sin),
    }
    case = f"length {length}, dimension {dimension}"
    expect_close(impl.positional_encoding(length, dimension), desired, case=case, causes=causes)


def test_positional_encoding__a_shift_is_a_rotation(impl, rng):
    encoding = impl.positional_encoding(40, 8)
    expect_close(np.sum(np.square(encoding), axis=1), np.full(40, 4.0), case="squared lengths: sin² + cos² four times")
    step = int(rng.integers(1, 20))
    products = np.sum(encoding[:20] * encoding[step : step + 20], axis=1)
    desired = np.full(20, sum(math.cos(step / 10000 ** (2 * i / 8)) for i in range(4)))
    expect_close(products, desired, case=f"dot products of positions {step} apart, which depend on their distance only")


@pytest.mark.parametrize(("length", "dimension"), [(1, 2), (3, 2), (1, 6)])
def test_positional_encoding__smallest(impl, length, dimension):
    case = f"length {length}, dimension {dimension}"
    cause = "one position and two places are allowed"
    actual = expect_allowed(impl.positional_encoding, length, dimension, cause=cause, case=case)
    expect_close(actual, clocks(length, dimension), case=case)


@pytest.mark.parametrize(("length", "dimension"), [(3, 5), (3, 0), (3, -2), (0, 4)])
def test_positional_encoding__bad_sizes(impl, length, dimension):
    cause = (
        "every sine needs its cosine: raise ValueError unless dimension is even and at least 2, and length at least 1"
    )
    case = f"length {length}, dimension {dimension}"
    expect_raises(ValueError, impl.positional_encoding, length, dimension, cause=cause, case=case)
