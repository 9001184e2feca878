"""`exercises/course.toml`, the course's one registry, read into objects."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.errors import CourseError

STARS = "★★★★★☆☆☆☆☆"


@dataclass(frozen=True)
class Exercise:
    """One function that a learner writes."""

    id: str  # the function's name
    topic: str
    title: str
    points: float
    difficulty: int  # 1 (a line) to 5 (think first)
    minutes: int
    hints: tuple[str, str, str]  # a nudge, the method, almost the code
    questions: tuple[str, ...]  # ids of the interview questions that it prepares for
    forbidden: tuple[str, ...] = ()  # names that the answer may not use
    needs_one_of: tuple[str, ...] = ()  # names of which the answer must use at least one
    also: tuple[str, ...] = ()  # classes of the file that are part of the answer

    @property
    def name(self) -> str:
        """`topic.exercise`, as commands and notebooks call it."""
        return f"{self.topic}.{self.id}"

    @property
    def definitions(self) -> tuple[str, ...]:
        """The top-level names of its file whose bodies are the answer."""
        return (self.id, *self.also)

    @property
    def stars(self) -> str:
        return STARS[5 - self.difficulty : 10 - self.difficulty]


@dataclass(frozen=True)
class WrittenQuestion:
    """A question of an assignment that a person marks; its text and rubric stand in the interview bank."""

    question: str  # id in mmlearn/interview/questions
    points: float


@dataclass(frozen=True)
class Topic:
    """The unit of the course: a lesson, a module of exercises, an assignment."""

    id: str
    order: int
    title: str
    lesson: str  # notebooks/<lesson>.ipynb
    ask: str  # the interview question it answers
    exercises: tuple[Exercise, ...]
    written: tuple[WrittenQuestion, ...]
    forbidden: tuple[str, ...] = ()  # for each of its exercises
    test_seconds: float = 10.0  # a single test that takes longer is stopped

    @property
    def points(self) -> float:
        """The sum of the points that the autograder gives."""
        return sum(exercise.points for exercise in self.exercises)

    @property
    def minutes(self) -> int:
        return sum(exercise.minutes for exercise in self.exercises)

    def exercise(self, exercise_id: str) -> Exercise:
        for exercise in self.exercises:
            if exercise.id == exercise_id:
                return exercise
        known = ", ".join(exercise.id for exercise in self.exercises)
        raise CourseError(f"topic {self.id!r} has no exercise {exercise_id!r}; it has: {known}")


@dataclass(frozen=True)
class Course:
    id: str
    title: str
    topics: tuple[Topic, ...]

    def topic(self, topic_id: str) -> Topic:
        for topic in self.topics:
            if topic.id == topic_id:
                return topic
        known = ", ".join(topic.id for topic in self.topics)
        raise CourseError(f"there is no topic {topic_id!r}; topics: {known}")

    def find(self, name: str) -> tuple[Topic, tuple[Exercise, ...]]:
        """What `similarity`, `similarity.top_k` or just `top_k` stands for.

        Returns:
            The topic, and those of its exercises that the name means (all of them for a topic).

        Raises:
            CourseError: nothing, or more than one topic's exercise, is called so.
        """
        topic_id, _, exercise_id = name.partition(".")
        if exercise_id:
            topic = self.topic(topic_id)
            return topic, (topic.exercise(exercise_id),)
        if any(topic.id == name for topic in self.topics):
            topic = self.topic(name)
            return topic, topic.exercises
        holders = [topic for topic in self.topics if any(e.id == name for e in topic.exercises)]
        if len(holders) == 1:
            return holders[0], (holders[0].exercise(name),)
        if holders:
            full = " or ".join(f"{topic.id}.{name}" for topic in holders)
            raise CourseError(f"{name!r} stands in more than one topic: say {full}")
        known = ", ".join(topic.id for topic in self.topics)
        raise CourseError(f"no topic or exercise is called {name!r}; topics: {known}")


def read_course(path: Path) -> Course:
    """Read a registry file.

    Raises:
        CourseError: the file is missing, is not TOML, or an entry lacks a field or has one too many.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        topics = [_topic(entry) for entry in table["topic"]]
        return Course(**table["course"], topics=tuple(sorted(topics, key=lambda topic: topic.order)))
    except FileNotFoundError:
        raise CourseError(f"{paths.short(path)} is missing: restore it with `git checkout`") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CourseError(f"{paths.short(path)}: {error}") from None


def _topic(entry: dict) -> Topic:
    exercises = tuple(_exercise(entry["id"], row) for row in entry.pop("exercise"))
    written = tuple(WrittenQuestion(**row) for row in entry.pop("written", []))
    return Topic(**_tuples(entry), exercises=exercises, written=written)


def _exercise(topic_id: str, row: dict) -> Exercise:
    return Exercise(topic=topic_id, **_tuples(row))


def _tuples(row: dict) -> dict:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


@cache
def course() -> Course:
    """The course that this clone holds."""
    paths.require_clone()
    return read_course(paths.REGISTRY)
