"""What the course needs of this machine, and whether it is here."""

import platform
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


def _sandbox() -> list[Finding]:
    """Whether this machine can keep a hand-in's code apart, and which layers it cannot put up."""
    from mmlearn.contestant import sandbox

    tried = {layer: why.replace(f"{layer}: ", "") for layer, why in sandbox.available().items()}
    layers = [layer for layer, lacking in tried.items() if not lacking]
    what = f"the grader's sandbox: {', '.join(layers) or 'nothing'}"
    open_to = sandbox.enough(layers)
    first = Finding(True, what)
    if open_to:
        mend = f"{open_to}; `mmlearn grade` will ask for --i-trust-these-hand-ins. Better: a newer Linux, or WSL 2"
        first = Finding(False, what, mend, optional=True)
    reasons = dict.fromkeys(lacking for lacking in tried.values() if lacking)
    return [first] + [_lacking(reason, [layer for layer in tried if tried[layer] == reason]) for reason in reasons]


def _lacking(reason: str, layers: list[str]) -> Finding:
    mend = "exercises/INSTRUCTORS.md says what each layer stops"
    return Finding(False, f"the grader's sandbox lacks {', '.join(layers)}: {reason}", mend, optional=True)
