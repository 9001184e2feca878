"""Where a machine gives no namespaces, Landlock and seccomp stand in, and right answers earn their points."""

import pytest

from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.grading.pool import Pool
from mmlearn.grading.verdict import Job, Rules

LAYERS = ("landlock", "seccomp", "limits")
LACKING = {layer: why for layer, why in sandbox.available().items() if why and layer in LAYERS}

pytestmark = pytest.mark.xfail(bool(LACKING), reason=f"this machine lacks {LACKING}", strict=True)


def judged(module: str):
    with Pool(Rules(layers=LAYERS), jobs=1) as pool:
        ((_, verdict),) = pool.run([("", Job("similarity", module.encode(), 1))])
    return verdict


def test_the_reference_earns_full_points():
    verdict = judged(paths.solution_file("similarity").read_text(encoding="utf-8"))
    assert {row.state for row in verdict.exercises} == {"correct"}


def test_a_traceback_still_shows_the_hand_ins_line():
    solution = paths.solution_file("similarity").read_text(encoding="utf-8")
    verdict = judged(solution + "\n\ndef csls(*args, **kwargs):\n    raise KeyError('a line of mine')\n")
    assert any("raise KeyError('a line of mine')" in trace for trace in verdict.traces)
