"""The course: its registry, whose code is under test, checking it, hints and progress."""

from mmlearn.course.check import check
from mmlearn.course.errors import CourseError
from mmlearn.course.hints import hint
from mmlearn.course.registry import course

__all__ = ["check", "hint", "course", "CourseError"]
