"""Which questions a command is about, in which order, and the list of them."""

from dataclasses import dataclass
from itertools import groupby

from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.interview.bank import HEADINGS, KINDS, LEVELS, TOPICS_BESIDE, Question, bank

LANGUAGES = tuple(HEADINGS)
_FIRST = "multimodal"  # what the first lesson tells

CHINESE_TITLES = {
    "multimodal": "什么是多模态学习",
    "embeddings": "嵌入",
    "fusion": "融合",
    "similarity": "相似度",
    "attention": "注意力",
    "imbalance": "不平衡",
    "similarity_model": "相似度模型",
    "classification_model": "分类模型",
    "vision_language": "视觉语言模型",
    "systems": "系统",
}


@dataclass(frozen=True)
class Filter:
    """What a person asked for; None means all."""

    topic: str | None = None
    level: str | None = None
    kind: str | None = None

    def __post_init__(self) -> None:
        for option, named, known in (
            ("--topic", self.topic, topics()),
            ("--level", self.level, LEVELS),
            ("--kind", self.kind, KINDS),
        ):
            if named is not None and named not in known:
                raise CourseError(f"{option} {named}: it is one of {', '.join(known)}")

    def questions(self) -> list[Question]:
        """The questions that fit, by topic in the course's order, the easier levels first.

        Raises:
            CourseError: if there is none.
        """
        order = list(topics())
        found = [
            question
            for question in bank().values()
            if self.topic in (None, question.topic)
            and self.level in (None, question.level)
            and self.kind in (None, question.kind)
        ]
        if not found:
            told = " ".join(f"--{name} {value}" for name, value in vars(self).items() if value)
            raise CourseError(f"the bank has no question with {told}: leave one of them out")
        return sorted(found, key=lambda question: (order.index(question.topic), LEVELS.index(question.level)))


def topics() -> dict[str, str]:
    """Each topic of the bank, with its title, in the order in which one studies them."""
    titles = {topic.id: topic.title for topic in course().topics}
    first = {_FIRST: TOPICS_BESIDE[_FIRST]}
    return (
        first
        | titles
        | TOPICS_BESIDE
        | {asked.topic: asked.topic for asked in bank().values() if asked.topic not in titles | TOPICS_BESIDE}
    )


def by_topic(questions: list[Question]) -> list[tuple[str, list[Question]]]:
    """(the topic's title, its questions), of questions in order."""
    titles = topics()
    return [(titles[topic], list(group)) for topic, group in groupby(questions, lambda question: question.topic)]


def language(named: str, also: tuple[str, ...] = ()) -> str:
    """The value of --lang, if it is one."""
    known = LANGUAGES + also
    if named not in known:
        raise CourseError(f"--lang {named}: it is {' or '.join(known)}")
    return named
