"""Tokeniser and vocabulary."""

import numpy as np
import pytest

from mmlearn.data import PADDING_ID, UNKNOWN_ID, Vocabulary, load_emoji, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("  ?!… “” — ", []),
        ("❤️ 🙂", []),
        ("Grinning Face", ["grinning", "face"]),
        ("T-shirt, x-ray & T-Rex", ["t-shirt", "x-ray", "t-rex"]),
        ("jack-o-lantern", ["jack-o-lantern"]),
        ("smiling cat with heart-eyes", ["smiling", "cat", "with", "heart", "eyes"]),
        ("woman’s boot; men's room", ["woman", "boot", "men", "room"]),
        ("twelve o’clock", ["twelve", "o'clock"]),
        ("A button (blood type)", ["a", "button", "blood", "type"]),
        ("Japanese “here” button", ["japanese", "here", "button"]),
        ("1st place, keycap: 10", ["1st", "place", "keycap", "10"]),
        ("piñata", ["piñata"]),
        ("pin\u0303ata", ["piñata"]),
        ("snake_case", ["snake", "case"]),
        ("ＯＫ　ｈａｎｄ", ["ok", "hand"]),
        ("I love 熊猫!", ["i", "love", "熊", "猫"]),
        ("trailing- -leading", ["trailing", "leading"]),
    ],
)
def test_english(text, tokens):
    assert tokenize(text, "en") == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("，。！", []),
        ("熊猫", ["熊", "猫"]),
        ("T恤", ["t", "恤"]),
        ("SOON 箭头", ["soon", "箭", "头"]),
        ("日文的“服务费”按钮", list("日文的服务费按钮")),
        ("3D打印机１２", ["3d", "打", "印", "机", "12"]),
        ("wi-fi", ["wi", "fi"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
    ],
)
def test_chinese(text, tokens):
    assert tokenize(text, "zh") == tokens


def test_unknown_language_is_refused():
    with pytest.raises(ValueError, match=r"'fr'.*en, zh"):
        tokenize("chat", "fr")
    with pytest.raises(ValueError, match=r"'fr'.*en, zh, any"):
        Vocabulary.from_texts(["chat"], "fr")


def test_vocabulary_is_ordered_by_frequency_then_alphabet():
    vocabulary = Vocabulary.from_texts(["cat dog", "dog bird", "dog cat ant"], "en")
    assert vocabulary.tokens == ("<pad>", "<unk>", "dog", "cat", "ant", "bird")
    assert len(vocabulary) == 6
    assert "dog" in vocabulary and "<pad>" not in vocabulary and "cow" not in vocabulary
    shuffled = Vocabulary.from_texts(["dog cat ant", "dog bird", "cat dog"], "en")
    assert shuffled == vocabulary


def test_vocabulary_can_be_limited():
    texts = ["cat dog", "dog bird", "dog cat ant"]
    assert Vocabulary.from_texts(texts, min_count=2).tokens[2:] == ("dog", "cat")
    assert Vocabulary.from_texts(texts, max_size=3).tokens[2:] == ("dog",)
    assert len(Vocabulary.from_texts(texts, max_size=2)) == 2
    with pytest.raises(ValueError, match="max_size"):
        Vocabulary.from_texts(texts, max_size=1)


def test_encode_pads_and_masks():
    vocabulary = Vocabulary.from_texts(["red cat"], "en")  # cat 2, red 3
    token_ids, mask = vocabulary.encode(["red cat", "cat", "", "?!", "blue cat"])
    assert token_ids.dtype == np.int32 and mask.dtype == np.bool_
    assert token_ids.tolist() == [[3, 2], [2, PADDING_ID], [0, 0], [0, 0], [UNKNOWN_ID, 2]]
    assert mask.tolist() == [[True, True], [True, False], [False, False], [False, False], [True, True]]


def test_encode_to_a_given_length():
    vocabulary = Vocabulary.from_texts(["a b c d"], "en")
    token_ids, mask = vocabulary.encode(["a b c d", "a"], length=3)
    assert token_ids.tolist() == [[2, 3, 4], [2, 0, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False]]
    longer, _ = vocabulary.encode(["a"], length=6)
    assert longer.shape == (1, 6)
    with pytest.raises(ValueError, match="length"):
        vocabulary.encode(["a"], length=0)


def test_encode_of_nothing():
    vocabulary = Vocabulary.from_texts([], "en")
    assert vocabulary.encode([])[0].shape == (0, 1)
    assert vocabulary.encode([""])[0].tolist() == [[0]]


def test_one_text_instead_of_a_list_is_refused():
    vocabulary = Vocabulary.from_texts(["cat"], "en")
    with pytest.raises(ValueError, match="list of texts"):
        vocabulary.encode("cat")
    with pytest.raises(ValueError, match="list of texts"):
        Vocabulary.from_texts("cat")


def test_decode_goes_back():
    vocabulary = Vocabulary.from_texts(["red cat", "dog"], "en")
    token_ids, _ = vocabulary.encode(["Red cat!", "dog", "", "cow"], length=4)
    assert vocabulary.decode(token_ids) == ["red cat", "dog", "", "<unk>"]
    with pytest.raises(ValueError, match="shape"):
        vocabulary.decode(np.array([1, 2]))
    with pytest.raises(ValueError, match="between 0 and 4"):
        vocabulary.decode([[5]])
    with pytest.raises(ValueError, match="between"):
        vocabulary.decode([[-1]])


def test_special_tokens_cannot_come_from_texts():
    assert "<unk>" not in Vocabulary.from_texts(["<unk> <pad> unk"], "en").tokens[2:]


def test_vocabulary_checks_its_tokens():
    with pytest.raises(ValueError, match="start with"):
        Vocabulary(("cat",), "en")
    with pytest.raises(ValueError, match="distinct"):
        Vocabulary(("<pad>", "<unk>", "cat", "cat"), "en")


def test_one_vocabulary_for_both_languages():
    data = load_emoji("noto", "seen")
    texts = [*data.names["en"], *data.names["zh"]]
    both = Vocabulary.from_texts(texts, "any")
    assert "face" in both and "脸" in both
    english = Vocabulary.from_texts(data.names["en"].tolist(), "en")
    assert set(english.tokens) <= set(both.tokens)
    token_ids, mask = both.encode(data.names["zh"])
    assert token_ids.shape == mask.shape and mask.any(axis=1).all()
    assert not (token_ids == UNKNOWN_ID).any()
    assert (mask == (token_ids != PADDING_ID)).all()
