"""The interview questions: one Markdown file a question, in English and Chinese, with YAML front matter."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from mmlearn.course.errors import CourseError

QUESTIONS = Path(__file__).parent / "questions"

LEVELS = ("core", "senior", "staff")
KINDS = ("concept", "maths", "coding", "debugging", "design")

# Topics of the bank that have no exercises: what the first lesson and the capstone tell.
TOPICS_BESIDE = {
    "multimodal": "What is multimodal learning",
    "vision_language": "Vision-language models",
    "systems": "Systems",
}

# Section -> its heading in each language, in the order in which a file holds them; the last stands only in the answers
# to the source document's own questions.
HEADINGS = {
    "en": {
        "question": "Question",
        "short": "30-second answer",
        "full": "Full answer",
        "follow_ups": "Follow-ups",
        "mistakes": "Mistakes",
        "evidence": "Evidence",
        "rubric": "Rubric",
        "source": "What the source says",
    },
    "zh": {
        "question": "问题",
        "short": "30 秒回答",
        "full": "完整回答",
        "follow_ups": "追问",
        "mistakes": "常见错误",
        "evidence": "证据",
        "rubric": "评分标准",
        "source": "原文怎么说",
    },
}


@dataclass(frozen=True)
class Question:
    """One interview question, with its answer in each language."""

    id: str
    topic: str
    level: str
    minutes: int
    kind: str
    exercise: tuple[str, ...]  # ids of the exercises it stands on
    lesson: str
    source_question: int | None  # its number in the source document
    sections: dict[str, dict[str, str]]  # language -> section -> Markdown

    def section(self, name: str, language: str = "en") -> str:
        return self.sections[language][name]


def read_question(path: Path) -> Question:
    """Read one question file.

    Raises:
        CourseError: naming the file and what is missing or unknown in it.
    """
    text = path.read_text(encoding="utf-8")
    match = re.fullmatch(r"---\n(.*?)\n---\n(.*)", text, flags=re.DOTALL)
    if match is None:
        raise CourseError(f"{path.name}: no YAML front matter between two lines of ---")
    try:
        front = yaml.safe_load(match[1])
        question = Question(
            id=front.pop("id"),
            topic=front.pop("topic"),
            level=front.pop("level"),
            minutes=front.pop("minutes"),
            kind=front.pop("kind"),
            exercise=tuple(front.pop("exercise", [])),
            lesson=front.pop("lesson"),
            source_question=front.pop("source_question", None),
            sections={language: _sections(path, match[2], language) for language in HEADINGS},
        )
        for language, sections in question.sections.items():
            if ("source" in sections) != (question.source_question is not None):
                heading = HEADINGS[language]["source"]
                raise CourseError(f"{path.name}: `## {heading}` stands where source_question does, and nowhere else")
    except yaml.YAMLError as error:
        raise CourseError(f"{path.name}: front matter is not YAML: {error}") from None
    except KeyError as error:
        raise CourseError(f"{path.name}: front matter lacks {error}") from None
    if front:
        raise CourseError(f"{path.name}: unknown front matter {', '.join(front)}")
    if question.id != path.stem:
        raise CourseError(f"{path.name}: its id is {question.id!r}")
    if question.level not in LEVELS or question.kind not in KINDS:
        raise CourseError(f"{path.name}: level is one of {LEVELS}, kind one of {KINDS}")
    return question


def _sections(path: Path, body: str, language: str) -> dict[str, str]:
    parts = re.split(r"^# (\w+)\n", body, flags=re.MULTILINE)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    if language not in bodies:
        raise CourseError(f"{path.name}: no part headed `# {language}`")
    pieces = re.split(r"^## (.+)\n", bodies[language], flags=re.MULTILINE)
    found = {heading.strip(): text.strip() for heading, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    wanted = {name: heading for name, heading in HEADINGS[language].items() if name != "source" or heading in found}
    if list(found) != list(wanted.values()) or not all(found.values()):
        raise CourseError(
            f"{path.name}: the part {language} must hold, filled and in order: {', '.join(wanted.values())}"
        )
    return {name: found[heading] for name, heading in wanted.items()}


@cache
def bank() -> dict[str, Question]:
    """All questions by id."""
    return {path.stem: read_question(path) for path in sorted(QUESTIONS.glob("*.md"))}


def question(question_id: str) -> Question:
    try:
        return bank()[question_id]
    except KeyError:
        raise CourseError(f"there is no interview question {question_id!r}") from None
