"""Build `mmlearn/data/files/` from pinned npm packages. For contributors; users never need it.

    python -m mmlearn.data.build_files            # fetch, draw, write
    python -m mmlearn.data.build_files --check    # compare with the committed files, write nothing

Needs `npm` (with access to its registry) and the packages of the `dev` extra (resvg_py). The licence
texts in `files/` are kept by hand; the builder only records their checksums.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmlearn.data import concepts as rules
from mmlearn.data.emoji import COLUMNS, FILES, IMAGE_SIZE, VENDORS

RENDER_SIZE = 256  # drawn large, then reduced by Lanczos: cleaner edges than drawing at 32 px

# vendor -> package, version, sha512 (npm's `integrity`, base64). Order as in VENDORS.
PACKAGES = {
    "noto": ("@iconify-json/noto", "1.2.9",
             "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw=="),
    "twemoji": ("@iconify-json/twemoji", "1.2.5",
                "uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw=="),
    "noto-v1": ("@iconify-json/noto-v1", "1.2.5",
                "/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA=="),
    "emojione": ("@iconify-json/emojione", "1.2.3",
                 "T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg=="),
    "fluent": ("@iconify-json/fluent-emoji-flat", "1.2.6",
               "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw=="),
    "openmoji": ("@iconify-json/openmoji", "1.2.29",
                 "vXdhkqcXVSO6suy+m9LbcUM3OdVyuNOtpV8/als/WqfkQIRxevL5Geb/g+6GH/Qwnq1OqksEmaDGTCmZ5nFKJQ=="),
    "names": ("emojibase-data", "17.0.0",
              "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA=="),
}  # fmt: skip
# a concept must be drawn by all of these; noto-v1 and Emoji One stopped before Unicode 10
COMPLETE_VENDORS = ("noto", "twemoji", "fluent", "openmoji")
# Drawings that do not show what the name now says: these two still have a revolver for the water pistol.
STALE_DRAWINGS = {"noto-v1": frozenset({"1F52B"}), "emojione": frozenset({"1F52B"})}


class BuildError(RuntimeError):
    """Something outside the code is missing or different; the message says what."""


def fetch(kind: str, cache: Path) -> Path:
    """Return the package's tarball in `cache`, fetching it by `npm pack` if needed, checksum verified."""
    package, version, integrity = PACKAGES[kind]
    tarball = cache / f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if not tarball.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise BuildError("npm is not installed; the builder fetches its sources with `npm pack`.")
        command = [npm, "pack", f"{package}@{version}", "--silent"]
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if done.returncode or not tarball.exists():
            reason = (done.stderr.strip().splitlines() or ["no message"])[0]
            raise BuildError(f"`npm pack {package}@{version}` failed: {reason}")
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != integrity:
        raise BuildError(f"{tarball} does not have the pinned sha512; delete it and build again.")
    return tarball


def read_json(tarball: Path, *names: str) -> list[Any]:
    """Read JSON members of an npm tarball (its content lies under `package/`)."""
    found = []
    with tarfile.open(tarball) as archive:
        for name in names:
            try:
                member = archive.extractfile(f"package/{name}")
            except KeyError:
                member = None
            if member is None:
                raise BuildError(f"{tarball} holds no {name}.")
            found.append(json.load(member))
    return found


def plain_aliases(icons: dict[str, Any]) -> dict[str, str]:
    """Aliases that are the same drawing; mirrored or rotated ones carry more than `parent`."""
    return {name: a["parent"] for name, a in icons.get("aliases", {}).items() if set(a) == {"parent"}}


def find_drawings(icon_sets: dict[str, dict[str, Any]], code_points: dict[str, dict[str, str]]) -> dict:
    """vendor -> {hexcode: icon name}, by code point where the package has them, else by name."""
    drawings = {v: {rules.normal_hexcode(h): n for h, n in chars.items()} for v, chars in code_points.items()}
    old_names: dict[str, set[str]] = {}
    for vendor in ("noto", "twemoji", "openmoji"):
        code_of = {name: code for code, name in drawings[vendor].items()}
        for alias, parent in plain_aliases(icon_sets[vendor]).items():
            if parent in code_of:
                old_names.setdefault(code_of[parent], set()).add(alias)
    names_of = {code: ([name], sorted(old_names.get(code, ()))) for code, name in drawings["noto"].items()}
    for vendor, icons in icon_sets.items():
        if not drawings[vendor]:
            drawings[vendor] = rules.match_by_name(names_of, icons["icons"], plain_aliases(icons))
    for vendor, codes in STALE_DRAWINGS.items():
        for code in codes:
            drawings[vendor].pop(code, None)
    return drawings


def list_concepts(
    english: list, chinese: list, meta: dict[str, dict[str, str]], drawings: dict[str, dict[str, str]]
) -> list[dict[str, Any]]:
    """The rows of concepts.json: candidates drawn by every complete vendor, one for each key."""
    chinese_by_code = {row["hexcode"]: row for row in chinese}
    rows = []
    for emoji in sorted(english, key=lambda row: row.get("order", 0)):
        code = rules.normal_hexcode(emoji["hexcode"])
        if not rules.is_candidate(emoji, meta["groups"]):
            continue
        if not all(code in drawings[vendor] for vendor in COMPLETE_VENDORS):
            continue
        zh = chinese_by_code[emoji["hexcode"]]
        subgroup = meta["subgroups"][str(emoji["subgroup"])]
        rows.append({
            "character": emoji["emoji"],
            "hexcode": code,
            "name": {"en": emoji["label"], "zh": zh["label"]},
            "keywords": {
                lang: rules.clean_keywords(source["tags"], source["label"], lang)
                for lang, source in (("en", emoji), ("zh", zh))
            },
            "group": meta["groups"][str(emoji["group"])],
            "subgroup": subgroup,
            "vendors": [vendor for vendor in VENDORS if code in drawings[vendor]],
        })  # fmt: skip
    return [{"id": index, **row} for index, row in enumerate(rules.merge_variants(rows))]


def draw(icons: dict[str, Any], name: str) -> np.ndarray:
    """Render one icon on white. Returns (32, 32, 3) uint8."""
    import resvg_py

    name = plain_aliases(icons).get(name, name)
    icon = icons["icons"][name]
    box = [icon.get("left", 0), icon.get("top", 0)]
    box += [icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{box[2]}" height="{box[3]}" viewBox="{" ".join(map(str, box))}">{icon["body"]}</svg>'
    )
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=RENDER_SIZE, height=RENDER_SIZE, background="#ffffff", skip_system_fonts=True
    )
    picture = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    # a drawing that is not square is centred, not stretched
    if picture.size != (RENDER_SIZE, RENDER_SIZE):
        square = Image.new("RGB", (RENDER_SIZE, RENDER_SIZE), "white")
        picture.thumbnail((RENDER_SIZE, RENDER_SIZE), Image.Resampling.LANCZOS)
        square.paste(picture, ((RENDER_SIZE - picture.width) // 2, (RENDER_SIZE - picture.height) // 2))
        picture = square
    return np.asarray(picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS))


def draw_sheet(vendor: str, rows: list[dict], icons: dict, drawings: dict[str, str]) -> np.ndarray:
    """All drawings of a vendor on one sheet, concept id = reading order; missing ones stay white."""
    lines = -(-len(rows) // COLUMNS)
    sheet = np.full((lines, IMAGE_SIZE, COLUMNS, IMAGE_SIZE, 3), 255, np.uint8)
    for row in rows:
        if vendor in row["vendors"]:
            sheet[row["id"] // COLUMNS, :, row["id"] % COLUMNS] = draw(icons, drawings[row["hexcode"]])
    return sheet.reshape(lines * IMAGE_SIZE, COLUMNS * IMAGE_SIZE, 3)


def to_lines(rows: list[dict]) -> str:
    """JSON with one row a line, so that a change of one concept is a diff of one line."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def build(cache: Path, target: Path) -> None:
    """Write sheets, concepts.json and splits.json into `target`."""
    tarballs = {kind: fetch(kind, cache) for kind in PACKAGES}
    icon_sets, code_points = {}, {}
    for vendor in VENDORS:
        icon_sets[vendor], code_points[vendor] = read_json(tarballs[vendor], "icons.json", "chars.json")
    english, chinese, meta = read_json(tarballs["names"], "en/data.json", "zh/data.json", "meta/groups.json")
    drawings = find_drawings(icon_sets, code_points)
    rows = list_concepts(english, chinese, meta, drawings)
    (target / "concepts.json").write_text(to_lines(rows), encoding="utf-8", newline="\n")
    splits = {
        name: {"seed": rules.SEED, "seen": sorted({r["id"] for r in rows} - set(unseen)), "unseen": unseen}
        for name, unseen in rules.draw_splits(rows).items()
    }
    text = json.dumps(splits, sort_keys=True) + "\n"
    (target / "splits.json").write_text(text, encoding="utf-8", newline="\n")
    for vendor in VENDORS:
        sheet = draw_sheet(vendor, rows, icon_sets[vendor], drawings[vendor])
        Image.fromarray(sheet).save(target / f"{vendor}.png", optimize=True)
        print(f"{vendor}: {sum(vendor in row['vendors'] for row in rows)} drawings")
    print(f"{len(rows)} concepts in {len({row['family'] for row in rows})} families")


def write_checksums(folder: Path) -> None:
    """Record the sha256 of every file of `folder` in its checksums.json."""
    files = sorted(p for p in folder.iterdir() if p.name != "checksums.json" and not p.name.startswith("."))
    sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    text = json.dumps(sums, indent=1) + "\n"
    (folder / "checksums.json").write_text(text, encoding="utf-8", newline="\n")


def compare(built: Path, committed: Path) -> list[str]:
    """Differences in content: decoded pixels for sheets, text for JSON (PNG bytes depend on zlib)."""
    problems = []
    for path in sorted(built.iterdir()):
        other = committed / path.name
        if not other.exists():
            problems.append(f"{path.name} is not committed")
        elif path.suffix == ".png":
            ours, theirs = (np.asarray(Image.open(p).convert("RGB"), dtype=int) for p in (path, other))
            if ours.shape != theirs.shape:
                problems.append(f"{path.name}: size {theirs.shape[:2]} is committed, {ours.shape[:2]} built")
            elif (ours != theirs).any():
                problems.append(f"{path.name}: pixels differ by up to {abs(ours - theirs).max()} of 255")
        elif path.read_bytes() != other.read_bytes():
            problems.append(f"{path.name} differs")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Run the builder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mmlearn.data.build_files", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files only")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "mmlearn-sources",
                        help="folder that keeps the fetched packages")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        import resvg_py  # noqa: F401
    except ImportError:
        print("resvg_py is not installed: pip install -e '.[dev]'", file=sys.stderr)
        return 2
    try:
        options.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            built = Path(scratch)
            build(options.cache, built)
            if options.check:
                problems = compare(built, FILES)
                print("\n".join(problems) or "The committed files are what the builder makes.")
                return 1 if problems else 0
            FILES.mkdir(exist_ok=True)
            for path in built.iterdir():
                shutil.copyfile(path, FILES / path.name)
    except (BuildError, OSError, tarfile.TarError) as error:
        print(f"build_files: {error}", file=sys.stderr)
        return 2
    write_checksums(FILES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
