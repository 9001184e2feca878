"""Text that came from a learner, made harmless for the place where it is shown."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from mmlearn.grading.judgement import write_whole

# A spreadsheet takes a cell that starts so for a formula (OWASP, "CSV Injection"; ASVS 5, requirement 1.2.10).
# Tabs and control characters before one count as well; `one_line` takes them away.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def one_line(text: str, limit: int | None = None) -> str:
    """The text in one line, without characters that steer a terminal or turn the reading direction.

    Args:
        text: anything.
        limit: the most characters that come back; a longer text ends in "…".
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def text_cell(text: str) -> str:
    """A text for a cell of a CSV file: one that a spreadsheet would compute gets a ' before it."""
    shown = one_line(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def points_cell(value: float | None) -> str:
    """Points, rounded to two decimals, halves up: 7, 7.5, 6.67; "" for None."""
    if value is None:
        return ""
    cents = Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{cents.normalize():f}"


def write_csv(file: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows as RFC 4180 has them, in UTF-8; the file is never seen half written."""
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    write_whole(file, stream.getvalue().encode())
