"""The committed data files: counts, shapes, splits without leaks, checksums."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mmlearn.data import GROUPS, LANGUAGES, TRAIN_VENDORS, VENDORS, DataFileError, load_emoji, tokenize
from mmlearn.data import emoji as emoji_module
from mmlearn.data.emoji import COLUMNS, FILES, verify_files

ROWS = json.loads((FILES / "concepts.json").read_text(encoding="utf-8"))
SPLITS = json.loads((FILES / "splits.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def everything():
    return load_emoji()


@pytest.fixture
def copied_files(tmp_path, monkeypatch):
    """The data folder as a copy that a test may damage."""
    folder = tmp_path / "files"
    shutil.copytree(FILES, folder)
    monkeypatch.setattr(emoji_module, "FILES", folder)
    return folder


def test_shapes_and_types(everything):
    n = len(everything)
    assert everything.images.shape == (n, 32, 32, 3) and everything.images.dtype == np.uint8
    assert everything.concept_ids.shape == (n,) and everything.concept_ids.dtype == np.int64
    for column in ("vendors", "groups", "subgroups", "characters", "families"):
        values = getattr(everything, column)
        assert values.shape == (n,) and values.dtype.kind == "U", column
        assert all(values), column
    for language in LANGUAGES:
        assert everything.names[language].shape == (n,)
        assert len(everything.keywords[language]) == n
    assert everything.labels.dtype == np.int64
    assert [GROUPS[i] for i in everything.labels] == everything.groups.tolist()


def test_one_row_for_each_drawing_in_order(everything):
    expected = [(v, row["id"]) for v in VENDORS for row in ROWS if v in row["vendors"]]
    assert list(zip(everything.vendors.tolist(), everything.concept_ids.tolist(), strict=True)) == expected
    assert set(everything.groups) == set(GROUPS)
    by_id = {row["id"]: row for row in ROWS}
    for i in range(0, len(everything), 97):
        row = by_id[int(everything.concept_ids[i])]
        assert everything.characters[i] == row["character"]
        assert everything.names["zh"][i] == row["name"]["zh"]
        assert everything.keywords["en"][i] == tuple(row["keywords"]["en"])


def test_concepts_are_numbered_and_distinct():
    assert [row["id"] for row in ROWS] == list(range(len(ROWS)))
    for key in ("character", "hexcode"):
        assert len({row[key] for row in ROWS}) == len(ROWS)
    for row in ROWS:
        code_points = "-".join(f"{ord(c):04X}" for c in row["character"] if c not in "\ufe0e\ufe0f")
        assert code_points == row["hexcode"]


def test_every_text_can_be_read_by_a_model():
    for row in ROWS:
        for language in LANGUAGES:
            assert row["keywords"][language]
            for text in (row["name"][language], *row["keywords"][language]):
                assert tokenize(text, language), (row["id"], text)


def test_chinese_is_simplified():
    """GB 2312 holds simplified characters only."""
    words = [(row["name"]["zh"], *row["keywords"]["zh"]) for row in ROWS]
    strange = [w for texts in words for w in texts if w != w.encode("gb2312", "ignore").decode("gb2312")]
    assert strange == []
    han = sum(any("\u4e00" <= c <= "\u9fff" for c in row["name"]["zh"]) for row in ROWS)
    assert han > 0.99 * len(ROWS)


def test_held_out_vendors_draw_every_concept():
    for row in ROWS:
        assert {"noto", "twemoji", "fluent", "openmoji"} <= set(row["vendors"]) <= set(VENDORS)


def test_a_missing_drawing_is_recorded_and_blank(everything):
    sheets = {vendor: emoji_module._read_sheet(vendor, len(ROWS)) for vendor in VENDORS}
    for row in ROWS:
        for vendor in VENDORS:
            blank = bool((sheets[vendor][row["id"]] == 255).all())
            assert blank == (vendor not in row["vendors"]), (vendor, row["name"]["en"])


@pytest.mark.parametrize("split", ["retrieval", "classification"])
def test_split_covers_all_and_parts_no_family(split):
    seen, unseen = set(SPLITS[split]["seen"]), set(SPLITS[split]["unseen"])
    assert not seen & unseen
    assert seen | unseen == set(range(len(ROWS)))
    families = [{ROWS[i]["family"] for i in side} for side in (seen, unseen)]
    assert not families[0] & families[1]


@pytest.mark.parametrize(("split", "share"), [("retrieval", 0.2), ("classification", 0.3)])
def test_split_is_stratified_over_groups(split, share):
    unseen = SPLITS[split]["unseen"]
    assert len(unseen) == round(share * len(ROWS))
    for group in GROUPS:
        size = sum(row["group"] == group for row in ROWS)
        assert abs(sum(ROWS[i]["group"] == group for i in unseen) - share * size) <= 1, group


def test_splits_are_nested():
    assert set(SPLITS["retrieval"]["unseen"]) < set(SPLITS["classification"]["unseen"])


@pytest.mark.parametrize("split", ["retrieval", "classification"])
def test_no_pair_of_man_and_woman_across_a_split(split):
    """Independent of the builder's rules: drop the gender words of names and compare the two sides."""

    def sides(ids):
        out = set()
        for i in ids:
            for name in (ROWS[i]["name"]["en"], *ROWS[i]["stands_for"]):
                words = name.lower().replace("’s", "").replace(":", "").split()
                people = {"man", "woman", "person", "men", "women", "people"}
                rest = [w for w in words if w not in people]
                if rest != words:
                    out.add(" ".join(rest))
        return out

    assert len(sides(SPLITS[split]["unseen"])) > 5, "the test looks at nothing"
    assert not sides(SPLITS[split]["seen"]) & sides(SPLITS[split]["unseen"])


@pytest.mark.parametrize("split", ["retrieval", "classification"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_no_look_alikes_across_a_split(split, vendor):
    """No drawing of an unseen concept is within 0.03 (root mean square) of a seen one's by that vendor."""
    seen, unseen = (load_emoji(vendor, side, split) for side in ("seen", "unseen"))
    a, b = (d.images.reshape(len(d), -1).astype(np.float64) / 255 for d in (seen, unseen))
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    distance = np.sqrt(np.maximum(squares, 0) / a.shape[1])
    close = [(seen.names["en"][i], unseen.names["en"][j]) for i, j in np.argwhere(distance < 0.03)]
    assert close == []


def test_concepts_seen_and_unseen(everything):
    for split in ("retrieval", "classification"):
        parts = [load_emoji(TRAIN_VENDORS, side, split) for side in ("seen", "unseen")]
        whole = load_emoji(TRAIN_VENDORS)
        assert len(parts[0]) + len(parts[1]) == len(whole)
        assert set(parts[1].concept_ids) == set(SPLITS[split]["unseen"])
        assert set(whole.vendors) == set(TRAIN_VENDORS)


def test_vendors_as_one_name_and_in_any_order():
    one = load_emoji("fluent", "unseen")
    assert set(one.vendors) == {"fluent"}
    two = load_emoji(["openmoji", "noto"], "unseen")
    assert two.vendors.tolist() == sorted(two.vendors, key=VENDORS.index)
    assert len(load_emoji([])) == 0 and load_emoji([]).images.shape == (0, 32, 32, 3)


def test_unknown_arguments_name_the_valid_ones():
    with pytest.raises(ValueError, match=r"'apple'.*noto, twemoji.*openmoji"):
        load_emoji(["noto", "apple"])
    with pytest.raises(ValueError, match=r"'random'.*retrieval, classification"):
        load_emoji(split="random")
    with pytest.raises(ValueError, match=r"'train'.*all, seen, unseen"):
        load_emoji(concepts="train")


def test_select_by_mask_indices_and_slice(everything):
    mask = everything.vendors == "noto-v1"
    by_mask = everything.select(mask)
    assert len(by_mask) == mask.sum() and set(by_mask.vendors) == {"noto-v1"}
    picked = everything.select([5, 2, 5])
    assert picked.concept_ids.tolist() == everything.concept_ids[[5, 2, 5]].tolist()
    assert picked.keywords["zh"][1] == everything.keywords["zh"][2]
    assert picked.names["en"][0] == everything.names["en"][5]
    assert (picked.images[2] == everything.images[5]).all()
    assert len(everything.select(slice(3, 7))) == 4
    assert len(everything.select([])) == 0
    with pytest.raises(IndexError):
        everything.select([len(everything)])
    with pytest.raises(IndexError):
        everything.select(np.ones(3, dtype=bool))


def test_committed_files_match_their_checksums():
    assert verify_files() == []
    recorded = json.loads((FILES / "checksums.json").read_text(encoding="utf-8"))
    present = {p.name for p in FILES.iterdir() if not p.name.startswith(".")}
    assert set(recorded) == present - {"checksums.json"}
    assert sum(p.stat().st_size for p in FILES.iterdir()) <= 12_000_000


def test_verify_names_damaged_and_missing_files(copied_files):
    (copied_files / "noto.png").unlink()
    with (copied_files / "concepts.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    problems = verify_files()
    assert len(problems) == 2
    assert any("noto.png is missing" in p for p in problems)
    assert any("concepts.json" in p and "git checkout" in p for p in problems)


@pytest.mark.parametrize("name", ["noto.png", "concepts.json", "splits.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "garbage"])
def test_damaged_file_is_named_with_the_remedy(copied_files, name, damage):
    path = copied_files / name
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(b"\xff\x00 not what it was")
    with pytest.raises(DataFileError) as caught:
        load_emoji("noto", "seen")
    assert name in str(caught.value) and "git checkout -- mmlearn/data/files" in str(caught.value)


def test_sheet_of_another_size_is_refused(copied_files):
    shutil.copyfile(copied_files / "noto.png", copied_files / "twemoji.png")
    load_emoji("twemoji")  # same size: only the checksum can tell
    assert any("twemoji.png" in p for p in verify_files())
    from PIL import Image

    Image.new("RGB", (32 * COLUMNS, 32)).save(copied_files / "twemoji.png")
    with pytest.raises(DataFileError, match=r"twemoji\.png.*expected size"):
        load_emoji("twemoji")


def test_import_stays_light():
    """In a process of its own: other tests may have loaded them."""
    heavy = "{'tensorflow', 'keras', 'matplotlib', 'resvg_py', 'pandas', 'sklearn'}"
    load = "import sys, mmlearn.data; mmlearn.data.load_emoji('noto')"
    code = f"{load}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
