"""Hand-ins that wait in nbgrader's exchange.

`nbgrader collect` is not used: it copies a hand-in with a call that follows links, with the instructor's rights; one
folder with a malformed name, which any learner can make, stops it for all; and of a folder in a classmate's name it
only warns. Here the newest folder of each learner is found as nbgrader finds it, and read like any stranger's.
"""

import os
import pwd
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mmlearn.course.errors import CourseError
from mmlearn.course.registry import Topic, course
from mmlearn.grading.entries import folder_entries
from mmlearn.grading.handin import _config, exchange_root
from mmlearn.grading.layouts import Claim, Original
from mmlearn.grading.safe_read import parsed_timestamp


@dataclass(frozen=True)
class Record:
    """A folder of the exchange, by its name `<student>+<topic>+<time>[+<random letters>]`."""

    folder: str
    student: str
    time: str
    moment: datetime


def exchange_claims(topic: Topic) -> list[Claim]:
    """The newest hand-in of each learner.

    Raises:
        CourseError: there is no exchange here, or nothing was handed in to it.
    """
    root = exchange_root()
    if root is None:
        raise CourseError(
            "nbgrader has no exchange here: say where the hand-ins are, by --from FOLDER or --from FILE.zip"
        )
    config = _config()
    inbound = root / (config.CourseDirectory.get("course_id", "") or course().id) / "inbound"
    if not inbound.is_dir():
        raise CourseError(f"nothing was handed in to the exchange yet: {inbound} is not there")
    records = [record for name in sorted(os.listdir(inbound)) if (record := _record(name, topic))]
    checked = config.ExchangeCollect.get("check_owner", True)
    forged = forgeries({record: _owner(inbound / record.folder) for record in records}) if checked else {}
    false_names = [
        Claim("", "", record.folder, fault=f"names {record.student}, but the folder is {owner}'s")
        for record, owner in forged.items()
    ]
    return claims_of(inbound, newest([record for record in records if record not in forged])) + false_names


def forgeries(owners: dict[Record, str]) -> dict[Record, str]:
    """The records in another's name, with the names of their owners.

    Where one user owns them all, as on a JupyterHub whose learners share one, owners tell nothing.
    """
    if len(set(owners.values())) <= 1:
        return {}
    return {record: owner for record, owner in owners.items() if owner != record.student}


def newest(records: Iterable[Record]) -> list[Record]:
    """The newest record of each student."""
    found: dict[str, Record] = {}
    for record in records:
        if record.student not in found or found[record.student].moment <= record.moment:
            found[record.student] = record
    return list(found.values())


def claims_of(inbound: Path, records: list[Record]) -> list[Claim]:
    by_folder = {record.folder: Claim("", "", record.student, time=record.time) for record in records}
    for entry in folder_entries(inbound, set(by_folder)):
        folder, _, rest = entry.name.partition("/")
        if rest:
            by_folder[folder].files.append(Original(rest, entry))
        else:
            by_folder[folder].fault = entry.fault or f"{folder!r} is not a folder"
    return list(by_folder.values())


def _owner(folder: Path) -> str:
    uid = folder.lstat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _record(folder: str, topic: Topic) -> Record | None:
    match = re.fullmatch(rf"(.+)\+{re.escape(topic.id)}\+([^+]+(?:\+\d{{4}})?)(?:\+[^+]*)?", folder, re.DOTALL)
    time = parsed_timestamp(match[2].encode(errors="replace")) if match else None
    if match is None or time is None:
        return None
    from nbgrader.utils import parse_utc

    return Record(folder, match[1], time, parse_utc(time))
