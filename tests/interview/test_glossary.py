"""The glossary gives each term one Chinese rendering, and the bank keeps to it."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from mmlearn.course.registry import course
from mmlearn.interview import bank as bank_module
from mmlearn.interview.bank import TOPICS_BESIDE, bank

GLOSSARY = Path(bank_module.__file__).with_name("glossary.yaml")
TERMS = yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))


def avoided_in(text: str) -> list[str]:
    """Say which renderings stand in a text although the glossary avoids them."""
    return [f"{avoid} (say {term['zh']})" for term in TERMS for avoid in term.get("avoid", []) if avoid in text]


def test_terms_are_many_and_of_known_topics():
    assert len(TERMS) >= 120
    topics = {topic.id for topic in course().topics} | set(TOPICS_BESIDE)
    for term in TERMS:
        assert set(term) <= {"en", "zh", "topic", "avoid"}
        assert term["topic"] in topics


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_term_stands_twice(language):
    counts = Counter(term[language].lower() for term in TERMS)
    assert [word for word, count in counts.items() if count > 1] == []


def test_each_topic_is_one_block_in_alphabetical_order():
    order = list(dict.fromkeys(term["topic"] for term in TERMS))
    assert sorted(TERMS, key=lambda term: (order.index(term["topic"]), term["en"].lower())) == TERMS


def test_what_is_avoided_is_not_part_of_a_chosen_word():
    for term in TERMS:
        assert avoided_in(term["zh"]) == []


@pytest.mark.parametrize("asked", bank().values(), ids=bank())
def test_the_bank_avoids_the_other_renderings(asked):
    assert avoided_in("\n".join(asked.sections["zh"].values())) == []


def test_the_avoided_are_noticed():
    assert avoided_in("用对照学习训练双塔。") == ["对照学习 (say 对比学习)"]


def test_hardly_a_term_stands_there_unused():
    # Line ends count as spaces: the files wrap their lines.
    text = {
        language: " ".join(" ".join(asked.sections[language].values()) for asked in bank().values()).lower()
        for language in ("en", "zh")
    }
    text = {language: " ".join(words.split()) for language, words in text.items()}
    unused = [term["en"] for term in TERMS if any(term[language].lower() not in text[language] for language in text)]
    assert len(unused) < 10, unused
