"""What the course needs of this machine, and whether it is here."""

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from mmlearn.course import paths
from mmlearn.course.registry import course


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    fine: bool
    what: str
    mend: str = ""
    optional: bool = False  # the course works without it; `mend` says what is missed


def examine() -> list[Finding]:
    """Look at Python, the packages, the course's files, the data and the grader."""
    findings = []
    for look in (_python, _packages, _registry, _data, _exchange, _sandbox):
        try:
            found = look()
        except Exception as error:  # a doctor that faints helps nobody
            found = Finding(False, f"{look.__name__.strip('_')}: {type(error).__name__}: {error}", "run: make start")
        findings += found if isinstance(found, list) else [found]
    return findings


def _python() -> Finding:
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding(fine, f"Python {platform.python_version()}", "use Python 3.11 to 3.13: make start PYTHON=python3.12")


def _packages() -> list[Finding]:
    """One line if all is well, else one for each package that is missing or outside its range."""
    wanted = [Requirement(text) for text in requires("mmlearn") or []]
    wanted = [
        requirement for requirement in wanted if not requirement.marker or requirement.marker.evaluate({"extra": ""})
    ]
    findings = []
    for requirement in wanted:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = "missing"
        if found == "missing" or not requirement.specifier.contains(found, prereleases=True):
            findings.append(
                Finding(False, f"{requirement.name}: {found}, wanted {requirement.specifier}", "run: make start")
            )
    if findings:
        return findings
    return [Finding(True, f"{len(wanted)} packages in range (Keras {version('keras')})")]


def _registry() -> Finding:
    found = course()
    count = sum(len(topic.exercises) for topic in found.topics)
    return Finding(True, f"the course: {len(found.topics)} topics, {count} exercises, in {paths.ROOT}")


def _data() -> Finding:
    from mmlearn.data import verify_files

    wrong = verify_files()
    what = f"the data: {'; '.join(wrong)}" if wrong else "the data: every file as it should be"
    return Finding(not wrong, what, "restore it: git checkout -- mmlearn/data/files")


def _exchange() -> Finding:
    from mmlearn.grading.handin import exchange_root

    root = exchange_root()
    what = f"nbgrader's exchange: {root}" if root else "nbgrader's exchange: none"
    return Finding(
        root is not None, what, "`mmlearn submit` puts hand-ins into exercises/submitted/ instead", optional=True
    )


def _sandbox() -> Finding:
    """Which means this machine has to keep a hand-in's code apart. Grading does not use them yet: see the README."""
    if sys.platform != "linux":
        return Finding(False, "the grader's sandbox: not on this system", "grade on Linux, or trust the hand-ins", True)
    means = {
        "user namespaces": _reads_as("/proc/sys/user/max_user_namespaces", lambda text: int(text) > 0),
        "seccomp": _reads_as("/proc/self/status", lambda text: "Seccomp:" in text),
        "Landlock": _reads_as("/sys/kernel/security/lsm", lambda text: "landlock" in text),
        "bubblewrap": shutil.which("bwrap") is not None,
    }
    have = [name for name, present in means.items() if present]
    lack = [name for name, present in means.items() if not present]
    what = f"for a sandbox this machine has: {', '.join(have) or 'nothing'}" + (
        f"; not: {', '.join(lack)}" if lack else ""
    )
    return Finding(False, what, "hand-ins are not sandboxed yet: grade only people whom you trust", optional=True)


def _reads_as(file: str, test) -> bool:
    try:
        with open(file) as stream:
            return test(stream.read())
    except OSError:
        return False
