"""Emoji as image-text pairs: drawings by six vendors, names and keywords in English and Chinese.

One row is one drawing, i.e. a pair of vendor and concept. See DATA_CARD.md for where it comes from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILES = Path(__file__).parent / "files"
IMAGE_SIZE = 32
COLUMNS = 40  # drawings in a line of a vendor's sheet

TRAIN_VENDORS = ("noto", "twemoji", "noto-v1", "emojione")
NEAR_VENDOR = "fluent"  # flat colour drawings, as in training
FAR_VENDOR = "openmoji"  # line drawings: another style
VENDORS = (*TRAIN_VENDORS, NEAR_VENDOR, FAR_VENDOR)

LANGUAGES = ("en", "zh")
GROUPS = (
    "smileys-emotion",
    "people-body",
    "animals-nature",
    "food-drink",
    "travel-places",
    "activities",
    "objects",
    "symbols",
)
SPLITS = ("retrieval", "classification")

_REPAIR = "Restore the data with `git checkout -- mmlearn/data/files`."


class DataFileError(RuntimeError):
    """A file of the data set is missing or damaged; the message names it and says what to do."""


@dataclass(frozen=True, eq=False)
class EmojiData:
    """N drawings with their texts. Every field has one entry a drawing.

    Attributes:
        images: (N, 32, 32, 3) uint8, RGB on white.
        concept_ids: (N,) int64; drawings of one concept by several vendors share it.
        vendors: (N,) str, each one of `VENDORS`.
        names: language -> (N,) str, the concept's short name.
        keywords: language -> N tuples of str, at least one keyword each.
        groups: (N,) str, each one of `GROUPS`.
        subgroups: (N,) str, finer than `groups`.
        characters: (N,) str, the emoji itself.
        families: (N,) str; splits never part a family.
    """

    images: NDArray[np.uint8]
    concept_ids: NDArray[np.int64]
    vendors: NDArray[np.str_]
    names: dict[str, NDArray[np.str_]]
    keywords: dict[str, tuple[tuple[str, ...], ...]]
    groups: NDArray[np.str_]
    subgroups: NDArray[np.str_]
    characters: NDArray[np.str_]
    families: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.concept_ids)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64: the position of each group in `GROUPS`, for classifiers."""
        return np.array([GROUPS.index(group) for group in self.groups], dtype=np.int64)

    def select(self, rows: NDArray[Any] | Sequence[int] | Sequence[bool] | slice) -> EmojiData:
        """The rows under a mask (N,) bool, or at indices (M,) int (in that order, repeats allowed).

        Raises:
            IndexError: an index is out of range, or the mask is not N long.
        """
        index = np.arange(len(self))[rows if isinstance(rows, slice) else _as_index(rows)]
        taken: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "names":
                taken[field.name] = {language: texts[index] for language, texts in value.items()}
            elif field.name == "keywords":
                taken[field.name] = {language: tuple(words[i] for i in index) for language, words in value.items()}
            else:
                taken[field.name] = value[index]
        return EmojiData(**taken)


def _as_index(rows: NDArray[Any] | Sequence[int] | Sequence[bool]) -> NDArray[Any]:
    array = np.asarray(rows)
    if array.size == 0:  # an empty list has no dtype of its own
        return array.astype(np.int64) if array.dtype != bool else array
    return array


def _read(name: str) -> bytes:
    try:
        return (FILES / name).read_bytes()
    except OSError as error:
        raise DataFileError(f"Cannot read {FILES / name} ({error.strerror}). {_REPAIR}") from error


def _read_json(name: str) -> Any:
    try:
        return json.loads(_read(name))
    except ValueError as error:  # covers bad JSON and bad UTF-8
        raise DataFileError(f"{FILES / name} is not valid JSON. {_REPAIR}") from error


def _read_sheet(vendor: str, count: int) -> NDArray[np.uint8]:
    """A vendor's sheet cut into (count, 32, 32, 3) uint8, missing drawings white."""
    path = FILES / f"{vendor}.png"
    lines = -(-count // COLUMNS)
    try:
        with Image.open(path) as picture:
            sheet = np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise DataFileError(f"Cannot read {path} (no such file). {_REPAIR}") from error
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for some broken PNG files
        raise DataFileError(f"{path} is not a readable picture. {_REPAIR}") from error
    if sheet.shape != (lines * IMAGE_SIZE, COLUMNS * IMAGE_SIZE, 3):
        raise DataFileError(f"{path} does not have the expected size for {count} concepts. {_REPAIR}")
    cells = sheet.reshape(lines, IMAGE_SIZE, COLUMNS, IMAGE_SIZE, 3).swapaxes(1, 2)
    return cells.reshape(-1, IMAGE_SIZE, IMAGE_SIZE, 3)[:count]


def _one_of(value: str, valid: Sequence[str], what: str) -> str:
    if value not in valid:
        raise ValueError(f"unknown {what} {value!r}; use one of {', '.join(valid)}")
    return value


def load_emoji(
    vendors: Sequence[str] | str | None = None, concepts: str = "all", split: str = "retrieval"
) -> EmojiData:
    """Load drawings, ordered by vendor (as in `VENDORS`) and then by concept id.

    Args:
        vendors: one name or several; None means all of `VENDORS`.
        concepts: "all", or the "seen" or "unseen" concepts of the named split.
        split: "retrieval" (four fifths of the concepts are seen) or "classification" (seven tenths).

    Raises:
        ValueError: an unknown vendor, split or kind of concepts; the message names the valid ones.
        DataFileError: a data file is missing or damaged.

    >>> data = load_emoji("noto", "unseen")
    >>> data.images.dtype, data.images.shape[1:]
    (dtype('uint8'), (32, 32, 3))
    """
    if vendors is None:
        wanted = set(VENDORS)
    else:
        wanted = {_one_of(v, VENDORS, "vendor") for v in ([vendors] if isinstance(vendors, str) else vendors)}
    _one_of(concepts, ("all", "seen", "unseen"), "kind of concepts")
    _one_of(split, SPLITS, "split")
    rows = _read_json("concepts.json")
    kept = {row["id"] for row in rows}
    if concepts != "all":
        kept &= set(_read_json("splits.json")[split][concepts])

    drawings: list[tuple[str, dict[str, Any]]] = []
    images = []
    for vendor in (v for v in VENDORS if v in wanted):
        drawn = [row for row in rows if row["id"] in kept and vendor in row["vendors"]]
        images.append(_read_sheet(vendor, len(rows))[[row["id"] for row in drawn]])
        drawings += [(vendor, row) for row in drawn]

    def column(key: str) -> NDArray[np.str_]:
        return np.array([row[key] for _, row in drawings], dtype=np.str_)

    return EmojiData(
        images=np.concatenate(images) if images else np.zeros((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8),
        concept_ids=np.array([row["id"] for _, row in drawings], dtype=np.int64),
        vendors=np.array([vendor for vendor, _ in drawings], dtype=np.str_),
        names={lang: np.array([row["name"][lang] for _, row in drawings], np.str_) for lang in LANGUAGES},
        keywords={lang: tuple(tuple(row["keywords"][lang]) for _, row in drawings) for lang in LANGUAGES},
        groups=column("group"),
        subgroups=column("subgroup"),
        characters=column("character"),
        families=column("family"),
    )


def verify_files() -> list[str]:
    """Compare the data files with their recorded sha256. One message a problem; empty means fine."""
    try:
        recorded: dict[str, str] = _read_json("checksums.json")
    except DataFileError as error:
        return [str(error)]
    problems = []
    for name, digest in recorded.items():
        path = FILES / name
        if not path.is_file():
            problems.append(f"{path} is missing. {_REPAIR}")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            problems.append(f"{path} is not the file that was committed. {_REPAIR}")
    return problems
