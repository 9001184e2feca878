"""The rules that decide which emoji become concepts, which family each belongs to, and the splits.

Only the builder uses this module. Everything here is a pure function of the package data, so that the
tests can try the rules without the packages.

A *family* is a set of emoji that would give the answer away if they stood on both sides of a split: the
same drawing with another gender sign, another clock time, another digit. Most families are cut down to
one representative; the others are recorded under `stands_for`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SEED = "mmlearn-emoji-1"
# share of the concepts that a model must not have seen
UNSEEN_SHARE = {"retrieval": 0.20, "classification": 0.30}

_COLOURS = "red|orange|yellow|green|blue|light blue|purple|pink|brown|black|white|grey"
_HOURS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_SIZES = "large|medium-small|medium|small"

# Names whose gendered forms do not follow the pattern "man X / woman X / person X".
_IRREGULAR_FAMILIES = {
    "prince": "person with crown",
    "princess": "person with crown",
    "child": "child", "boy": "child", "girl": "child",
    "older person": "older person", "old man": "older person", "old woman": "older person",
    "santa claus": "claus", "mrs. claus": "claus", "mx claus": "claus",
    "merperson": "merperson", "merman": "merperson", "mermaid": "merperson",
    "breast-feeding": "person feeding baby",
}  # fmt: skip
_GENDERED = re.compile(r"\b(?:man|woman|men|women|people|person)\b(?:’s)?")

# Families whose members are all kept: they differ by a colour that a 32-pixel picture shows well, and
# only have to stay on one side of a split.
KEPT_WHOLE = frozenset({"plain heart"})


def normal_hexcode(hexcode: str) -> str:
    """Upper-case code points without variation selectors, which vendors write or leave out at will."""
    return "-".join(part for part in hexcode.upper().split("-") if part not in ("FE0E", "FE0F"))


def family_of(name: str, subgroup: str) -> str:
    """The family of an emoji, from its English name and its subgroup.

    >>> family_of("woman pilot", "person-role"), family_of("pilot", "person-role")
    ('pilot', 'pilot')
    """
    name = name.lower()
    if subgroup == "time" and re.fullmatch(rf"(?:{_HOURS})(?: o’clock|-thirty)", name):
        return "clock face"
    if subgroup == "keycap":
        return "keycap"
    if subgroup == "family":
        return "family"
    if subgroup == "heart" and re.fullmatch(rf"(?:{_COLOURS}) heart", name):
        return "plain heart"
    if subgroup == "geometric":
        shape = re.fullmatch(rf"(?:(?:{_COLOURS}|{_SIZES}) )+(circle|square|diamond)", name)
        if shape:
            return f"plain {shape.group(1)}"
    name = name.removesuffix(": facing right")
    if name in _IRREGULAR_FAMILIES:
        return _IRREGULAR_FAMILIES[name]
    # "woman", "woman: beard" and "woman golfing" lose the gender, "pilot" has none to lose
    neutral = re.sub(r"\s+", " ", _GENDERED.sub("", name)).strip()
    return neutral or "adult"


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


def simplified_keywords(keywords: Iterable[str]) -> list[str]:
    """Chinese keywords without the few that hold traditional or rare characters (not in GB 2312)."""

    def is_simplified(word: str) -> bool:
        try:
            word.encode("gb2312")
        except UnicodeEncodeError:
            return False
        return True

    return [word for word in keywords if is_simplified(word)]


def merge_families(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep one row a family (the first in Unicode order), all rows of a family in `KEPT_WHOLE`.

    The rows left out are listed by English name under `stands_for` of the row that stays.
    """
    kept: list[dict[str, Any]] = []
    representative: dict[str, dict[str, Any]] = {}
    for row in rows:
        family = row["family"]
        if family in representative and family not in KEPT_WHOLE:
            representative[family]["stands_for"].append(row["name"]["en"])
            continue
        row = {**row, "stands_for": []}
        representative.setdefault(family, row)
        kept.append(row)
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
