"""Load a folder of captioned photographs in the format of Flickr8k or COCO captions.

The course does not need such a folder and ships none. This is for those who have one and wish to see how
far the models of the course carry on photographs.

Sources of the formats: Hodosh, Young and Hockenmaier 2013 (Flickr8k); Chen et al. 2015 (COCO captions).
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps


class CaptionError(ValueError):
    """The folder does not hold what its format promises; the message names the file (and line)."""


@dataclass(frozen=True, eq=False)
class CaptionedPhotos:
    """N photographs, each with one or more captions.

    Attributes:
        images: (N, size, size, 3) uint8, RGB.
        captions: N tuples of str, in the order of the caption file.
        file_names: N names, as in the caption file.
    """

    images: NDArray[np.uint8]
    captions: tuple[tuple[str, ...], ...]
    file_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.file_names)


def load_captioned_photos(folder: str | Path, size: int = 64, limit: int | None = None) -> CaptionedPhotos:
    """Load photographs and captions; each photograph is cut to its central square and resized.

    Args:
        folder: holds one of `captions.txt` (lines `image,caption` under that header),
            `Flickr8k.token.txt` (lines `name.jpg#0<tab>caption`) or `captions_*.json` (COCO). Images
            lie in it or in any folder below.
        size: side of the images in pixels, at least 1.
        limit: load only the first photographs that the caption file names; None loads all.

    Raises:
        CaptionError: no caption file or several, a line or entry that does not fit its format, an image
            that is named but absent or broken, or one name for images in two folders.
        ValueError: size below 1 or limit below 0.
    """
    folder = Path(folder)
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be at least 0, not {limit}")
    source = _find_caption_file(folder)
    if source.suffix == ".json":
        captions = _read_coco(source)
    elif source.name == "captions.txt":
        captions = _read_csv(source)
    else:
        captions = _read_token_file(source)
    names = list(captions)[:limit]
    places = _find_images(folder, set(names), source)
    images = np.zeros((len(names), size, size, 3), dtype=np.uint8)
    for i, name in enumerate(names):
        images[i] = _read_image(places[name], size)
    return CaptionedPhotos(images, tuple(tuple(captions[name]) for name in names), tuple(names))


def _find_caption_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise CaptionError(f"{folder} is not a folder.")
    found = [folder / name for name in ("captions.txt", "Flickr8k.token.txt") if (folder / name).is_file()]
    found += sorted(folder.glob("captions_*.json")) + sorted(folder.glob("annotations/captions_*.json"))
    if not found:
        raise CaptionError(f"{folder} holds no caption file: captions.txt, Flickr8k.token.txt or captions_*.json.")
    if len(found) > 1:
        # guessing would mix, say, the training and the validation photographs of COCO
        raise CaptionError(f"{folder} holds several caption files: {', '.join(p.name for p in found)}.")
    return found[0]


def _read_text(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8-sig")  # Windows tools write a byte order mark
    except UnicodeDecodeError as error:
        raise CaptionError(f"{source} is not UTF-8 text (byte {error.start}).") from error
    except OSError as error:
        raise CaptionError(f"{source} cannot be read: {error.strerror}.") from error


def _add(captions: dict[str, list[str]], name: str, caption: str, where: str) -> None:
    name, caption = name.strip(), caption.strip()
    if not name:
        raise CaptionError(f"{where}: the image has no name.")
    if not caption:
        raise CaptionError(f"{where}: the caption of {name} is empty.")
    captions.setdefault(name, []).append(caption)


def _read_csv(source: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    # newlines kept, as the csv module asks: a quoted caption may hold one
    reader = csv.reader(_read_text(source).splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        if [cell.strip().lower() for cell in header] != ["image", "caption"]:
            raise CaptionError(f"{source}, line 1: expected the header `image,caption`.")
        for cells in reader:
            if not cells:
                continue
            where = f"{source}, line {reader.line_num}"
            if len(cells) < 2:
                raise CaptionError(f"{where}: expected `image,caption`, found no comma.")
            # some copies of the set do not quote captions that hold a comma
            _add(captions, cells[0], ",".join(cells[1:]), where)
    except csv.Error as error:
        raise CaptionError(f"{source}, line {reader.line_num}: {error}.") from error
    return captions


def _read_token_file(source: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(_read_text(source).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{source}, line {number}"
        label, tab, caption = line.partition("\t")
        name, mark, index = label.rpartition("#")
        if not tab or not mark or not index.strip().isdigit():
            raise CaptionError(f"{where}: expected `name.jpg#0`, a tab and the caption.")
        _add(captions, name, caption, where)
    return captions


def _read_coco(source: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(_read_text(source))
    except json.JSONDecodeError as error:
        raise CaptionError(f"{source}, line {error.lineno}: not valid JSON ({error.msg}).") from error
    try:
        entries, annotations = list(content["images"]), list(content["annotations"])
    except (KeyError, TypeError) as error:
        raise CaptionError(f"{source}: expected the lists `images` and `annotations`.") from error
    names: dict[object, str] = {}
    for position, entry in enumerate(entries):
        try:
            names[entry["id"]] = str(entry["file_name"])
        except (KeyError, TypeError) as error:
            raise CaptionError(f"{source}, images[{position}]: expected `id` and `file_name`.") from error
    captions: dict[str, list[str]] = {name: [] for name in names.values()}
    for position, annotation in enumerate(annotations):
        where = f"{source}, annotations[{position}]"
        try:
            image_id, caption = annotation["image_id"], annotation["caption"]
        except (KeyError, TypeError) as error:
            raise CaptionError(f"{where}: expected `image_id` and `caption`.") from error
        if not isinstance(caption, str):
            raise CaptionError(f"{where}: the caption is not a text.")
        if not isinstance(image_id, (int, str)) or image_id not in names:
            raise CaptionError(f"{where}: no image has the id {image_id!r}.")
        _add(captions, names[image_id], caption, where)
    return {name: texts for name, texts in captions.items() if texts}


def _find_images(folder: Path, names: set[str], source: Path) -> dict[str, Path]:
    """Where each named image lies. Names may hold folders (`train/a.jpg`) or be bare."""
    places = {name: folder / name for name in names if (folder / name).is_file()}
    missing = names - places.keys()
    if missing:
        for path in sorted(folder.rglob("*")):
            if path.name in missing and path.is_file():
                if path.name in places:
                    raise CaptionError(f"{path.name} lies in two folders: {places[path.name]} and {path}.")
                places[path.name] = path
    absent = sorted(names - places.keys())
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise CaptionError(f"{source} names {absent[0]}{more}, but it is not in {folder} or below.")
    return places


def _read_image(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            # cameras store the turn, not the turned picture
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            square = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CaptionError(f"{path} is not a readable image: {error}.") from error
    return np.asarray(square)
