"""Grading with nbgrader: assignments derived from the registry, hand-ins, marks, feedback."""

import sys

# When it is imported, jsonschema (below nbformat and nbgrader) builds a grammar for international web addresses: a
# second of every command. No notebook's schema has such a field, and jsonschema does without.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from mmlearn.grading.cells import score  # noqa: E402

__all__ = ["score"]
