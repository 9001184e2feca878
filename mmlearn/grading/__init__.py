"""Grading with nbgrader: assignments derived from the registry, hand-ins, marks, feedback."""

from mmlearn.grading.cells import score

__all__ = ["score"]
