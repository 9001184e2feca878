"""The rules that decide which emoji become concepts, which family each belongs to, and the splits.

Only the builder uses this module. Everything here is a pure function of the package data, so that the
tests can try the rules without the packages.

Two levels keep a split honest:

- Emoji with one *key* are one concept: "man X" and "woman X", the twenty-four clock times, the keycaps.
  One representative is kept and lists the others under `stands_for`.
- Concepts of one *family* are all kept, but never parted by a split, because a drawing of one gives the
  drawing of the other away: hearts in plain colours, and a few pairs that some vendor draws alike.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmlearn.data.text import tokenize

SEED = "mmlearn-emoji-1"
# share of the concepts that a model must not have seen
UNSEEN_SHARE = {"retrieval": 0.20, "classification": 0.30}

_COLOURS = "red|orange|yellow|green|blue|light blue|purple|pink|brown|black|white|grey"
_HOURS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_SIZES = "large|medium-small|medium|small"

# Names whose gendered forms do not follow the pattern "man X / woman X / person X".
_IRREGULAR_KEYS = {
    "prince": "with crown", "princess": "with crown",
    "child": "child", "boy": "child", "girl": "child",
    "older person": "older person", "old man": "older person", "old woman": "older person",
    "santa claus": "claus", "mrs. claus": "claus", "mx claus": "claus",
    "merperson": "merperson", "merman": "merperson", "mermaid": "merperson",
    "breast-feeding": "feeding baby",
}  # fmt: skip
# Keys that some vendor draws alike: at 32 pixels the root mean square difference is below 0.03 of the
# range (Fluent's cat face and grinning cat are the same picture). A test looks for pairs missing here.
_LOOK_ALIKES = {
    "cat face": ("grinning cat",),
    "snowman": ("snowman without snow",),
    "star of david": ("dotted six-pointed star",),
    "smiling face with horns": ("angry face with horns",),
    "frowning face": ("slightly frowning face",),
    "hushed face": ("face without mouth",),
    "adult": ("blond hair", "beard", "red hair", "curly hair", "white hair", "bald", "pouting"),
}
_FAMILY_OF_KEY = {key: family for family, keys in _LOOK_ALIKES.items() for key in keys}
_PERSON = re.compile(r"\b(?:man|woman|men|women|people|person)\b(?:’s)?")
_GENDERED = re.compile(r"\b(?:man|woman|men|women|boy|girl|prince|princess|mrs|merman|mermaid)\b")


def normal_hexcode(hexcode: str) -> str:
    """Upper-case code points without variation selectors, which vendors write or leave out at will."""
    return "-".join(part for part in hexcode.upper().split("-") if part not in ("FE0E", "FE0F"))


def key_of(name: str, subgroup: str) -> str:
    """The key of an emoji, from its English name and its subgroup; emoji with one key are one concept.

    >>> key_of("woman pilot", "person-role"), key_of("pilot", "person-role")
    ('pilot', 'pilot')
    """
    name = name.lower()
    if subgroup == "time" and re.fullmatch(rf"(?:{_HOURS})(?: o’clock|-thirty)", name):
        return "clock face"
    if subgroup in ("keycap", "family"):
        return subgroup
    if subgroup == "geometric":
        shape = re.fullmatch(rf"(?:(?:{_COLOURS}|{_SIZES}) )+(circle|square|diamond)", name)
        if shape:
            return f"plain {shape.group(1)}"
    name = name.removesuffix(": facing right")
    if name in _IRREGULAR_KEYS:
        return _IRREGULAR_KEYS[name]
    # "woman", "woman: beard" and "woman golfing" lose the person, "pilot" has none to lose
    neutral = re.sub(r"\s+", " ", _PERSON.sub("", name)).strip(" :")
    return neutral or "adult"


def family_of(key: str) -> str:
    """The family of a key: mostly the key itself.

    >>> family_of("blue heart"), family_of("grinning cat"), family_of("pilot")
    ('plain heart', 'cat face', 'pilot')
    """
    if re.fullmatch(rf"(?:{_COLOURS}) heart", key):
        return "plain heart"
    return _FAMILY_OF_KEY.get(key, key)


def is_candidate(emoji: Mapping[str, Any], groups: Mapping[str, str]) -> bool:
    """True for a base emoji that is neither a flag, a component (skin tone, hair) nor ungrouped."""
    group = emoji.get("group")
    return group is not None and groups[str(group)] not in ("component", "flags")


def match_by_name(
    names_of: Mapping[str, Sequence[Sequence[str]]], icons: Iterable[str], aliases: Mapping[str, str]
) -> dict[str, str]:
    """Find icons for concepts in a set that has names but no code points.

    Args:
        names_of: for each hexcode, tiers of icon names: the present name first, then older names.
        icons: names of the drawings of the set.
        aliases: other names of the same drawings, name -> drawing.

    Returns:
        hexcode -> drawing. A drawing serves one concept: the one with the strongest claim. A direct
        name beats an alias, a present name beats an old one. "cricket" once named the bat and ball and
        now names the insect: without this rule the old drawing would become an insect.
    """
    icons = set(icons)
    rounds: list[list[tuple[str, str]]] = []
    depth = max((len(tiers) for tiers in names_of.values()), default=0)
    for tier in range(depth):
        wanted = [(code, name) for code, t in names_of.items() if tier < len(t) for name in t[tier]]
        rounds.append([(code, name) for code, name in wanted if name in icons])
        rounds.append([(code, aliases[name]) for code, name in wanted if name in aliases])
    found: dict[str, str] = {}
    taken: set[str] = set()
    for claims in rounds:
        claimants: dict[str, set[str]] = {}
        for code, drawing in claims:
            if code not in found and drawing not in taken:
                claimants.setdefault(drawing, set()).add(code)
        for drawing, codes in sorted(claimants.items()):
            if len(codes) == 1:  # two equal claims: we cannot know, so nobody gets it
                (code,) = codes
                if code not in found:
                    found[code] = drawing
                    taken.add(drawing)
    return found


def clean_keywords(keywords: Iterable[str], name: str, language: str) -> list[str]:
    """Keywords without those that cannot serve as a text; the name itself where none is left.

    Left out are keywords of punctuation only ("*"), and in Chinese the few that hold traditional or rare
    characters (not in GB 2312) among the simplified ones.
    """
    kept = []
    for word in keywords:
        try:
            word.encode("gb2312" if language == "zh" else "utf-8")
        except UnicodeEncodeError:
            continue
        if tokenize(word, language):
            kept.append(word)
    return kept or [name]


def merge_variants(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep one row a key: the first in Unicode order whose English name has no gender, else the first.

    Rows need `name` and `subgroup`. The rows kept gain `family` and `stands_for`, the English names of
    the rows that were left out for them.
    """
    variants: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        variants.setdefault(key_of(row["name"]["en"], row["subgroup"]), []).append(row)
    kept = []
    for row in rows:
        key = key_of(row["name"]["en"], row["subgroup"])
        neutral = [v for v in variants[key] if not _GENDERED.search(v["name"]["en"].lower())]
        if row is (neutral or variants[key])[0]:
            others = [v["name"]["en"] for v in variants[key] if v is not row]
            kept.append({**row, "family": family_of(key), "stands_for": others})
    return kept


def _apportion(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Share `total` among groups in proportion to their sizes (largest remainder, then name)."""
    everything = sum(sizes.values())
    exact = {group: size * total / everything for group, size in sizes.items()}
    quota = {group: int(share) for group, share in exact.items()}
    by_remainder = sorted(sizes, key=lambda group: (quota[group] - exact[group], group))
    for group in by_remainder[: total - sum(quota.values())]:
        quota[group] += 1
    return quota


def draw_splits(rows: Sequence[Mapping[str, Any]], seed: str = SEED) -> dict[str, list[int]]:
    """For each named split, the ids of its unseen concepts, in order.

    Within a group, families stand in the order of a hash of seed and family name, and are taken while
    they fit the group's quota. The order does not depend on other families, so a concept added later
    moves few others; and the unseen concepts of `retrieval` are unseen in `classification` as well.
    """
    members: dict[str, list[int]] = {}
    group_of: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        members.setdefault(row["family"], []).append(row["id"])
        group_of.setdefault(row["family"], row["group"])
        sizes[row["group"]] = sizes.get(row["group"], 0) + 1
    order = sorted(members, key=lambda family: hashlib.sha256(f"{seed}/{family}".encode()).hexdigest())
    unseen: dict[str, list[int]] = {}
    already: set[str] = set()
    for split, share in sorted(UNSEEN_SHARE.items(), key=lambda item: item[1]):
        left = _apportion(sizes, round(share * len(rows)))
        for family in already:
            left[group_of[family]] -= len(members[family])
        for family in order:
            if family not in already and len(members[family]) <= left[group_of[family]]:
                left[group_of[family]] -= len(members[family])
                already.add(family)
        unseen[split] = sorted(id_ for family in already for id_ in members[family])
    return unseen
