"""Hostile hand-ins, graded by the real path; and each once more with the defence that it meets switched off."""

import json
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mmlearn.contestant import wire
from mmlearn.contestant.load import load_module
from mmlearn.contestant.sandbox import LAYERS, Limits
from mmlearn.course import paths
from mmlearn.course.check import examine
from mmlearn.course.impl import Impl
from mmlearn.grading.demo import hand_in
from mmlearn.grading.grade import grade_class
from mmlearn.grading.judgement import record_file
from mmlearn.grading.pool import Pool
from mmlearn.grading.verdict import Job, Rules
from mmlearn.grading.wall import ContestantEnded, Wall
from mmlearn.grading.warm_parent import WarmParent
from tests.grading.hostile import CHECK, COMPARED, FULL, ONE_PROCESS, SOLUTION, TOPIC, UNPICKLED, Attack
from tests.grading.hostile_answers import ATTACKS, FLOOD, FRAMES, TABLE
from tests.grading.hostile_world import LIMITS, STRICT, TOKEN, World, a_world, digests, make_course

SEED = 20_261_124


def id_of(attack: Attack) -> str:
    return attack.name


@dataclass
class Graded:
    world: World
    marks: dict
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Iterator[Graded]:
    """All attacks, an honest hand-in after each, graded once by the real path."""
    with a_world(tmp_path_factory.mktemp("hostile")) as world:
        make_course(world.root)
        for attack in ATTACKS:
            hand_in(world.root, TOPIC, f"{attack.name}", attack.text(world.told()))
            hand_in(world.root, TOPIC, f"{attack.name}-then-honest", SOLUTION)
        before = digests(world)
        marks = grade_class(TOPIC, world.root, rules=Rules(LAYERS, LIMITS, **STRICT))
        yield Graded(world, {mark.student: mark for mark in marks}, before, digests(world))


@pytest.mark.parametrize("attack", ATTACKS, ids=id_of)
def test_an_attack_earns_what_its_honest_part_deserves(graded, attack):
    assert graded.marks[attack.name].points == attack.deserved, _told(graded, attack.name)


@pytest.mark.parametrize("attack", ATTACKS, ids=id_of)
def test_the_next_hand_in_is_graded(graded, attack):
    mark = graded.marks[f"{attack.name}-then-honest"]
    assert (mark.points, mark.reason) == (FULL, ""), _told(graded, mark.student)


def test_nothing_outside_has_changed(graded):
    assert graded.after == graded.before
    assert graded.marks["a-classmate"].points == FULL


def test_nobody_was_reached_and_nobody_was_killed(graded):
    assert graded.world.server.reached == []
    assert graded.world.victim.poll() is None
    assert "(sleeping)" in Path(f"/proc/{graded.world.traced.pid}/status").read_text()


def test_no_hand_in_outlives_its_grade(graded):
    def left() -> set[Path]:
        running = Path("/proc").glob("[0-9]*/status")
        return {status for status in running if re.search(r"\nUid:\t60\d\d\d\t", _text(status))}

    found, deadline = left(), time.monotonic() + 90
    while found and time.monotonic() < deadline:  # another test's, side by side with this one, end by themselves
        time.sleep(0.2)
        found &= left()
    assert not found


def test_what_a_hand_in_prints_is_kept_nowhere(graded):
    kept = [file for part in ("autograded", "feedback", "judged") for file in (graded.world.root / part).rglob("*")]
    theirs = [file.stat().st_size for file in kept if FLOOD.name in str(file) and file.is_file()]
    assert theirs and sum(theirs) < 4 * 2**20


def test_no_secret_reaches_marks_or_feedback(graded):
    for folder in ("judged", "feedback", "marks", "autograded"):
        for file in (graded.world.root / folder).rglob("*"):
            assert not file.is_file() or TOKEN not in _without_source(file), file


def _without_source(file: Path) -> str:
    """A hand-in's own text holds the word that it looks for."""
    return "" if file.name == "similarity.py" else file.read_text(encoding="utf-8")


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # that process has ended just now
        return ""


def _told(graded: Graded, student: str) -> str:
    rows = json.loads(record_file(graded.world.root, TOPIC.id, student).read_text())["exercises"]
    return "\n".join(f"{row['id']}: {row['state']}, {row['message']} {row['detail']}" for row in rows)


@pytest.fixture(scope="module")
def battlefield(tmp_path_factory) -> Iterator[World]:
    """Another world, to be laid waste."""
    with a_world(tmp_path_factory.mktemp("open")) as world:
        (world.root / "gradebook.db").write_text("marks")
        (world.root / "judged" / "similarity" / "seed").mkdir(parents=True)
        (world.root / "judged" / "similarity" / "seed" / "seed.json").write_text("{}")
        yield world


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if isinstance(attack.off, tuple)], ids=id_of)
def test_it_gets_through_without_the_layers_that_stop_it(battlefield, attack):
    assert judged(attack, battlefield, attack.layers()) == FULL


def test_a_table_of_answers_gets_through_where_the_seed_is_public(battlefield):
    assert judged(TABLE, battlefield, LAYERS, seed=0) == FULL


def judged(attack: Attack, world: World, layers: tuple[str, ...], seed: int = SEED) -> float:
    limits = LIMITS if "limits" in layers else Limits()
    rules = Rules(layers, limits, **{**STRICT, "seconds": 60.0, **attack.rules})
    with Pool(rules, jobs=1) as pool:
        ((_, verdict),) = pool.run([(attack.name, Job(TOPIC.id, attack.text(world.told()).encode(), seed))])
    assert verdict is not None
    told = [f"{row.id}: {row.message} {row.detail}" for row in verdict.exercises if row.message]
    print("\n".join(told))
    return sum(row.points for row in verdict.exercises)


def met(off: str) -> list:
    return [pytest.param(attack, id=attack.name) for attack in ATTACKS if attack.off == off]


@pytest.mark.parametrize("attack", met(CHECK))
def test_it_gets_through_where_tests_and_hand_in_share_a_process(battlefield, tmp_path, attack):
    file = tmp_path / "similarity.py"
    file.write_text(attack.text(battlefield.told()), encoding="utf-8")
    assert examine(TOPIC, TOPIC.exercises, file).points > attack.deserved


# What a notebook does that imports the hand-in and then the tests: prints how many cases of the core test pass.
SCRIPT = """
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location

def load(name, path):
    spec = spec_from_file_location(name, path)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

hand_in = load("similarity", sys.argv[1])
tests = load("test_similarity", sys.argv[2])
import numpy as np
passed = 0
for rows, columns in ((6, 6), (5, 8)):
    try:
        tests.test_csls__subtracts_both_neighbourhoods(hand_in, np.random.default_rng(7), rows, columns)
        passed += 1
    except Exception:
        pass
print("passed", passed)
"""


@pytest.mark.parametrize("attack", met(ONE_PROCESS))
def test_it_gets_through_where_a_script_imports_it(battlefield, tmp_path, attack):
    file, marker = tmp_path / "similarity.py", battlefield.home / "marker"
    file.write_text(attack.text(battlefield.told()), encoding="utf-8")
    marker.unlink(missing_ok=True)
    command = [sys.executable, "-c", SCRIPT, str(file), str(paths.tests_file(TOPIC.id))]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    if attack.seen == "ended":
        assert told == ""  # whoever judged is gone
    elif attack.seen == "marker":
        assert (told, marker.exists()) == ("passed 0\n", True)
    else:
        assert told == "passed 2\n"


def test_what_it_prints_gets_through_where_a_script_imports_it(battlefield, tmp_path):
    file, printed = tmp_path / "similarity.py", tmp_path / "printed"
    file.write_text(FLOOD.text(battlefield.told()), encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, str(file), str(paths.tests_file(TOPIC.id))]
    with printed.open("wb") as stream:
        subprocess.run(command, stdout=stream, check=True)
    assert printed.stat().st_size > 200 * 2**20
    printed.unlink()


@pytest.mark.parametrize("attack", met(COMPARED))
def test_it_gets_through_where_results_are_compared_as_they_come(battlefield, tmp_path, attack):
    scores = np.array([[0.75, 0.625], [1.0, 0.25]])
    desired = np.array([[-0.25, -0.125], [0.0, -1.125]])
    result = misbehaving(attack, battlefield, tmp_path).csls(scores, 1)
    careless = [
        lambda: np.all(result == desired),
        lambda: np.allclose(result, desired),
        lambda: not np.any(np.abs(result - desired) > 1e-6),
        lambda: np.allclose(np.real(result), desired),
        lambda: np.all(np.abs(result - desired) <= 1e-6 * np.abs(result)),
        lambda: np.allclose(result, desired.astype(type(result.flat[0]))),
    ]
    assert any(accepted(comparison) for comparison in careless)


def accepted(comparison) -> bool:
    try:
        with np.errstate(invalid="ignore"):
            return bool(comparison())
    except (TypeError, AttributeError):  # the comparison is too careful for this result
        return False


@pytest.mark.parametrize("attack", met(UNPICKLED))
def test_it_gets_through_where_results_are_unpickled(battlefield, tmp_path, attack):
    marker = battlefield.home / "marker"
    marker.unlink(missing_ok=True)
    result = misbehaving(attack, battlefield, tmp_path).csls(np.eye(2), 1)
    pickle.loads(pickle.dumps(result)).close()
    assert marker.exists()


def misbehaving(attack: Attack, world: World, folder: Path):
    file = folder / "similarity.py"
    file.write_text(attack.text(world.told()), encoding="utf-8")
    return load_module(file)


@contextmanager
def asked(attack: Attack, world: World) -> Iterator[Impl]:
    """The hand-in behind a whole wall, whose judge's side is in this process and can be weakened."""
    with closing(WarmParent(LAYERS, False, LIMITS)) as warm:
        wall = Wall(warm, "similarity.py", attack.text(world.told()).encode(), seconds=3.0)
        wall.load()
        try:
            yield Impl(wall)
        finally:
            wall.close()


def careless_receive(connection, number, deadline=None):
    """Whatever comes next, whichever request it answers, and however much it is."""
    _, length = wire._HEADER.unpack(wire._exactly(connection, 8, deadline))
    return wire._exactly(connection, length, deadline)


EYE, ONE = np.eye(2), np.ones((1, 1))


@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in FRAMES[:2]])
def test_a_frame_out_of_turn_is_taken_by_a_wire_that_does_not_count(battlefield, monkeypatch, attack):
    with asked(attack, battlefield) as impl, pytest.raises(ContestantEnded, match="answered out of turn"):
        two_answers(impl)
    monkeypatch.setattr(wire, "receive", careless_receive)
    with asked(attack, battlefield) as impl:
        assert two_answers(impl)[1] == -1  # what the first call returned


def two_answers(impl: Impl) -> list:
    return [impl.csls(EYE, 1), impl.csls(ONE, 1)]


def test_a_giant_answer_is_waited_for_by_a_wire_without_a_cap(battlefield, monkeypatch):
    (attack,) = [attack for attack in FRAMES if attack.name == "announces-a-giant-answer"]
    with asked(attack, battlefield) as impl, pytest.raises(ContestantEnded, match="more than 64 MB"):
        impl.csls(EYE, 1)
    monkeypatch.setattr(wire, "MAX_FRAME", 2**32)
    with asked(attack, battlefield) as impl, pytest.raises(ContestantEnded, match=r"took more than \d+ s"):
        impl.csls(EYE, 1)


@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in FRAMES[3:]])
def test_a_reply_that_is_no_reply_is_an_error_of_the_hand_in_alone(battlefield, attack):
    """The judge goes on: that is what `test_an_attack_earns_what_its_honest_part_deserves` shows of these."""
    with asked(attack, battlefield) as impl, pytest.raises(Exception) as caught:  # noqa: PT011
        impl.csls(EYE, 1)
    assert not isinstance(caught.value, ContestantEnded)


def test_a_forged_error_ends_a_judge_that_takes_its_details_as_they_come(battlefield):
    (attack,) = [attack for attack in FRAMES if attack.name == "forges-an-error-of-arrays"]
    with asked(attack, battlefield) as impl, pytest.raises(ValueError) as caught:  # noqa: PT011
        impl.csls(EYE, 1)
    with pytest.raises(ValueError, match="truth value of an array"):
        assert caught.value.details["trace"] or "none"
