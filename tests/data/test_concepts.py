"""The builder's rules, tried without the packages."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from mmlearn.data import build_files
from mmlearn.data import concepts as rules
from mmlearn.data.emoji import FILES, VENDORS

ROWS = json.loads((FILES / "concepts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("names", "subgroup"),
    [
        (["pilot", "man pilot", "woman pilot"], "person-role"),
        (["person walking", "woman walking: facing right", "man walking"], "person-activity"),
        (["person", "man", "woman"], "person"),
        (["person: beard", "man: beard", "woman: beard"], "person"),
        (["person with crown", "prince", "princess"], "person-role"),
        (["Santa Claus", "Mrs. Claus", "Mx Claus"], "person-fantasy"),
        (["merperson", "merman", "mermaid"], "person-fantasy"),
        (["people wrestling", "men wrestling", "women wrestling"], "person-sport"),
        (["men’s room", "women’s room"], "transport-sign"),
        (["twelve o’clock", "four-thirty"], "time"),
        (["keycap: #", "keycap: 10"], "keycap"),
        (["red circle", "white circle"], "geometric"),
        (["black medium-small square", "orange square", "white large square"], "geometric"),
        (["large orange diamond", "small blue diamond"], "geometric"),
    ],
)
def test_variants_have_one_key(names, subgroup):
    assert len({rules.key_of(name, subgroup) for name in names}) == 1


@pytest.mark.parametrize(
    ("one", "other", "subgroup"),
    [
        ("man: beard", "man: bald", "person"),
        ("person", "older person", "person"),
        ("person walking", "person running", "person-activity"),
        ("alarm clock", "twelve o’clock", "time"),
        ("red heart", "blue heart", "heart"),
        ("radio button", "red circle", "geometric"),
        ("black square button", "black large square", "geometric"),
        ("woman’s hat", "woman’s boot", "clothing"),
        ("cat", "cat face", "animal-mammal"),
    ],
)
def test_different_concepts_have_different_keys(one, other, subgroup):
    assert rules.key_of(one, subgroup) != rules.key_of(other, subgroup)


def test_look_alikes_share_a_family():
    assert rules.family_of("red heart") == rules.family_of("light blue heart")
    assert rules.family_of("sparkling heart") != rules.family_of("red heart")
    assert rules.family_of("grinning cat") == rules.family_of("cat face")
    assert rules.family_of(rules.key_of("woman pouting", "")) == rules.family_of(rules.key_of("man", ""))


def test_the_files_follow_the_rules():
    for row in ROWS:
        assert row["family"] == rules.family_of(rules.key_of(row["name"]["en"], row["subgroup"]))
    keys = [rules.key_of(row["name"]["en"], row["subgroup"]) for row in ROWS]
    assert len(set(keys)) == len(keys)
    stored = json.loads((FILES / "splits.json").read_text(encoding="utf-8"))
    drawn = rules.draw_splits(ROWS)
    assert {name: split["unseen"] for name, split in stored.items()} == drawn


def row(name, group="objects", subgroup="tool", **more):
    return {"name": {"en": name}, "group": group, "subgroup": subgroup, **more}


def test_merge_prefers_a_name_without_gender():
    merged = rules.merge_variants([row("man: bald"), row("hammer"), row("woman: bald"), row("person: bald")])
    assert [m["name"]["en"] for m in merged] == ["hammer", "person: bald"]
    assert merged[1]["stands_for"] == ["man: bald", "woman: bald"]
    only_gendered = rules.merge_variants([row("woman dancing"), row("man dancing")])
    assert [m["name"]["en"] for m in only_gendered] == ["woman dancing"]


def test_flags_components_and_ungrouped_are_no_candidates():
    groups = {"0": "smileys-emotion", "2": "component", "9": "flags"}
    assert rules.is_candidate({"group": 0}, groups)
    assert not rules.is_candidate({"group": 2}, groups)
    assert not rules.is_candidate({"group": 9}, groups)
    assert not rules.is_candidate({}, groups)  # regional indicators have no group


def test_hexcode_without_variation_selectors():
    assert rules.normal_hexcode("2764-fe0f-200d-1f525") == "2764-200D-1F525"


def test_present_name_beats_alias_and_old_name():
    names_of = {"1F997": [["cricket"], []], "1F3CF": [["cricket-game"], ["cricket"]]}
    found = rules.match_by_name(names_of, ["cricket-game"], {"cricket": "cricket-game"})
    assert found == {"1F3CF": "cricket-game"}, "the bat and ball must not become an insect"


def test_old_name_is_used_when_no_present_one_fits():
    names_of = {"1F916": [["robot"], ["robot-face"]], "1F3AF": [["bullseye"], ["direct-hit"]]}
    assert rules.match_by_name(names_of, ["robot-face"], {"direct-hit": "robot-face"}) == {"1F916": "robot-face"}
    assert rules.match_by_name(names_of, ["dart"], {"direct-hit": "dart"}) == {"1F3AF": "dart"}


def test_a_drawing_with_two_equal_claims_serves_nobody():
    names_of = {"A": [["x"], ["old"]], "B": [["y"], ["old"]]}
    assert rules.match_by_name(names_of, ["old"], {}) == {}


def test_keywords_that_are_no_texts_are_dropped():
    assert rules.clean_keywords(["*", "star", "%"], "sparkle", "en") == ["star"]
    assert rules.clean_keywords(["*"], "sparkle", "en") == ["sparkle"]
    assert rules.clean_keywords(["目擊", "眼睛", "ok"], "眼", "zh") == ["眼睛", "ok"]


def many_rows(count):
    return [{"id": i, "family": f"f{i // 2 if i < 20 else i}", "group": "ab"[i % 10 == 0]} for i in range(count)]


def test_splits_are_stable_when_a_concept_is_added():
    before = {f"f{i}" for i in rules.draw_splits([r for r in many_rows(400) if r["id"] >= 20])["retrieval"]}
    after = {f"f{i}" for i in rules.draw_splits([r for r in many_rows(401) if r["id"] >= 20])["retrieval"]}
    assert len(before ^ after) <= 3


def test_another_seed_draws_another_split():
    rows = many_rows(200)
    assert rules.draw_splits(rows, "one") != rules.draw_splits(rows, "two")
    assert rules.draw_splits(rows, "one") == rules.draw_splits(list(reversed(rows)), "one")


def test_mirrored_aliases_are_not_plain():
    icons = {"aliases": {"a": {"parent": "b"}, "c": {"parent": "b", "hFlip": True}}}
    assert build_files.plain_aliases(icons) == {"a": "b"}


def test_a_build_without_npm_says_so(tmp_path, monkeypatch, capsys):
    pytest.importorskip("resvg_py")
    monkeypatch.setattr(build_files.shutil, "which", lambda name: None)
    assert build_files.main(["--cache", str(tmp_path)]) != 0
    error = capsys.readouterr().err
    assert "npm is not installed" in error and error.count("\n") == 1


def test_a_build_without_resvg_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert build_files.main(["--cache", str(tmp_path)]) != 0
    assert "resvg_py is not installed" in capsys.readouterr().err


def test_a_changed_package_is_refused(tmp_path):
    (tmp_path / "emojibase-data-17.0.0.tgz").write_bytes(b"something else")
    with pytest.raises(build_files.BuildError, match="pinned sha512"):
        build_files.fetch("names", tmp_path)


def test_an_icon_is_drawn_on_white():
    pytest.importorskip("resvg_py")
    body = '<rect width="8" height="16" fill="#ff0000"/>'
    icons = {"width": 16, "height": 16, "icons": {"half": {"body": body}}, "aliases": {"h": {"parent": "half"}}}
    for name in ("half", "h"):
        picture = build_files.draw(icons, name)
        assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
        values = picture.astype(int)  # Lanczos leaves ripples of one step beside an edge
        assert abs(values[:, :14] - (255, 0, 0)).max() <= 2 and values[:, 18:].min() >= 253


def test_a_wide_icon_is_centred_not_stretched():
    pytest.importorskip("resvg_py")
    icons = {"icons": {"wide": {"body": '<rect width="32" height="16"/>', "width": 32, "height": 16}}}
    picture = build_files.draw(icons, "wide")
    assert picture[:7].min() >= 253 and picture[25:].min() >= 253 and picture[10:22, 2:30].max() <= 2


def test_compare_names_what_differs(tmp_path):
    built, committed = tmp_path / "a", tmp_path / "b"
    for folder, shade in ((built, 255), (committed, 250)):
        folder.mkdir()
        Image.new("RGB", (4, 4), (shade,) * 3).save(folder / "noto.png")
        (folder / "concepts.json").write_text(str(shade))
    (built / "splits.json").write_text("{}")
    problems = build_files.compare(built, committed)
    assert [p.split(" ")[0].strip(":") for p in problems] == ["concepts.json", "noto.png", "splits.json"]
    assert "up to 5" in problems[1]
    assert build_files.compare(committed, committed) == []


def test_every_vendor_is_pinned():
    assert set(build_files.PACKAGES) == {*VENDORS, "names"}
