"""The judge and the wall: the same marks as a check's, whatever dies on the way."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.course.check import examine
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.course.stubs import stub_text
from mmlearn.grading import judging
from mmlearn.grading.demo import hand_in, with_answers
from mmlearn.grading.judgement import records
from mmlearn.grading.judging import forget_seed, judge_hand_ins, replayed, rules_here
from mmlearn.grading.pool import Pool, _Task
from mmlearn.grading.preprocessor import drop_links
from mmlearn.grading.verdict import Job

TOPIC = course().topic("similarity")
SOLUTION = paths.solution_file("similarity").read_text(encoding="utf-8")
RULES = replace(rules_here(trust=True), test_seconds=3)
FIRST = TOPIC.exercises[0]


@pytest.fixture(scope="module")
def pool():
    with Pool(RULES, jobs=1) as pool:
        yield pool


def judged(pool: Pool, module: str, seed: int = 0):
    ((_, verdict),) = pool.run([("one", Job(TOPIC.id, module.encode(), seed))])
    return {row.id: row for row in verdict.exercises}


def broken(body: str) -> str:
    """The solution with another first exercise."""
    return f"{SOLUTION}\n\ndef {FIRST.id}(x, axis=-1, eps=1e-12):\n    {body}\n"


@pytest.mark.parametrize("topic", course().topics, ids=lambda topic: topic.id)
def test_behind_the_wall_as_in_a_check(topic, tmp_path, pool):
    """Same states, points and messages; for a topic of Keras, of one exercise less (its tests take longer)."""
    if any("keras" in line for line in paths.solution_file(topic.id).read_text().splitlines() if "import" in line):
        module = with_answers(topic, [topic.exercises[0].id])
    else:
        half = with_answers(topic, [exercise.id for exercise in topic.exercises[::2]])
        module = f"{half}\n\ndef {topic.exercises[0].id}(first, *rest, **options):\n    return first\n"
    file = tmp_path / f"{topic.id}.py"
    file.write_text(module, encoding="utf-8")
    expected = examine(topic, topic.exercises, file, seed=5)
    with Pool(replace(RULES, test_seconds=None), jobs=1) as own:
        ((_, verdict),) = own.run([("one", Job(topic.id, module.encode(), 5))])
    got = [(row.id, row.state, row.points, row.message, row.detail) for row in verdict.exercises]
    assert got == [(r.exercise.id, r.state.value, r.points, r.message, r.detail) for r in expected.results]
    assert {row.state for row in verdict.exercises} >= {"correct", "not attempted"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("while True: pass", "took more than 3 s (an endless loop?)"),
        ("import os; os._exit(0)", "ended the Python process (exit code 0)"),
        ("import os; os.kill(os.getpid(), 11)", "ended the Python process (signal 11)"),
        ("import os; os.kill(os.getpid(), 9)", "ended the Python process (signal 9)"),
        ("import os; os.write(0, bytes(2000)); return x", "answered out of turn"),
    ],
    ids=["hangs", "exits", "crashes", "kills itself", "talks"],
)
def test_an_exercise_that_ends_its_process_costs_its_own_points_only(pool, body, message):
    rows = judged(pool, broken(body))
    assert rows[FIRST.id].state == "could not be checked"
    assert rows[FIRST.id].message == f"{FIRST.id} {message}"
    # cosine_similarity and csls call it.
    assert rows["euclidean_distance"].points == TOPIC.exercise("euclidean_distance").points
    assert rows["top_k"].state == "correct"


def test_leaving_by_an_exception_is_only_wrong(pool):
    rows = judged(pool, broken("raise SystemExit(0)"))
    assert rows[FIRST.id].state == "wrong"
    assert "SystemExit" in rows[FIRST.id].message


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ("raise ValueError('no')", "similarity.py does not load: ValueError: no"),
        ("import os; os._exit(3)", "similarity.py does not load: its top level ended the Python process (exit code 3)"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "similarity.py does not load: its top level ended the Python process (signal 9)",
        ),
        ("while True: pass", "similarity.py does not load: its top level took more than 3 s (an endless loop?)"),
    ],
)
def test_a_module_that_does_not_load(pool, top, message):
    rows = judged(pool, f"{SOLUTION}\n{top}\n")
    assert {row.message for row in rows.values()} == {message}
    assert judged(pool, SOLUTION)[FIRST.id].state == "correct"


def test_all_its_time_together_is_bounded():
    every = "".join(f"\n\ndef {e.id}(*a, **k):\n    while True: pass\n" for e in TOPIC.exercises)
    start = time.monotonic()
    with Pool(replace(RULES, test_seconds=1, seconds=2), jobs=1) as own:
        rows = judged(own, SOLUTION + every)
    assert [row.points for row in rows.values()] == [0] * len(rows)
    assert any("took more than 2 s in all" in row.message for row in rows.values())
    assert time.monotonic() - start < 60  # not a timing: nine tests of 30 cases, each its second, would be more


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


@pytest.mark.parametrize("victim", ["judge", "warm parent", "its outer process", "contestant"])
def test_whoever_is_killed_the_hand_in_is_judged(victim):
    slow = broken(
        "import time; time.sleep(0.1); return x / np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), eps)"
    )
    with Pool(RULES, jobs=1) as own:
        undisturbed = judged(own, slow)
        (worker,) = own._workers
        killed = []

        def kill() -> None:
            time.sleep(0.6)
            judge = worker._process.pid
            (outer,) = children(judge)
            inner = (children(outer) or [outer])[0]
            (contestant,) = children(inner)
            found = {"judge": judge, "warm parent": inner, "its outer process": outer, "contestant": contestant}
            killed.append(found[victim])
            os.kill(killed[0], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        again = judged(own, slow)
        thread.join()
        assert killed
    assert {name: row.state for name, row in again.items()} == {name: row.state for name, row in undisturbed.items()}


STUCK = """
import sys
tf = sys.modules["tensor" + "flow"]  # a rule on names forbids it; the sandbox must do without

def {name}(*args, **options):
    tf.config.run_functions_eagerly(False)
    {first}
    return float(tf.function(lambda x: x + x)(tf.ones(())))
"""


def judged_stuck(first: str, test_seconds: float, seconds: float):
    topic = course().topic("similarity_model")
    text = with_answers(topic, []) + STUCK.format(name="info_nce_loss", first=first)
    with Pool(replace(RULES, test_seconds=test_seconds, seconds=seconds), jobs=1) as own:
        ((_, verdict),) = own.run([("one", Job(topic.id, text.encode(), 0))])
    (row,) = [row for row in verdict.exercises if row.id == "info_nce_loss"]
    return row


def test_a_graph_that_gets_stuck_in_a_contestant_is_run_again_in_another():
    """TensorFlow's threads do not outlive a fork: what is stuck for that reason is not the hand-in's fault."""
    row = judged_stuck("", test_seconds=8, seconds=90)
    assert row.state == "wrong"  # it answered, with a number that is not the loss
    assert "took more than" not in row.message + row.detail


def test_what_is_stuck_in_both_is_an_endless_loop():
    row = judged_stuck("while True: pass", test_seconds=4, seconds=60)
    assert row.state == "could not be checked"
    assert "an endless loop?" in row.message


def test_a_hand_in_that_the_judge_always_dies_on_is_given_up(monkeypatch):
    with Pool(RULES, jobs=1) as own:
        (worker,) = own._workers
        give = worker.give

        def give_and_kill(task) -> None:
            give(task)
            worker._process.kill()

        monkeypatch.setattr(worker, "give", give_and_kill)
        assert list(own.run([("one", Job(TOPIC.id, SOLUTION.encode(), 0))])) == [("one", None)]


def test_a_judge_whose_pool_hangs_up_ends_without_a_word(capfd):
    with Pool(RULES, jobs=1) as own:
        (worker,) = own._workers
        worker.give(_Task("one", Job(TOPIC.id, SOLUTION.encode(), 0)))
        process, worker.task = worker._process, None
        worker.hang_up()
        assert process.wait(60) == 0
    assert capfd.readouterr().err == ""


def test_more_hand_ins_than_judges():
    modules = {"full": SOLUTION, "none": stub_text(TOPIC.id), "one": with_answers(TOPIC, [FIRST.id]), "last": SOLUTION}
    with Pool(RULES, jobs=2) as own:
        verdicts = dict(own.run((name, Job(TOPIC.id, text.encode(), 1)) for name, text in modules.items()))
    points = {name: sum(row.points for row in verdict.exercises) for name, verdict in verdicts.items()}
    assert points == {"full": 100, "none": 0, "one": FIRST.points, "last": 100}


# --- records and the seed ---------------------------------------------------------------------------------------------


class Counting:
    """A pool that counts what it is asked."""

    def __init__(self, pool: Pool):
        self.pool, self.asked = pool, []

    def run(self, tasks):
        tasks = list(tasks)
        self.asked += [key or "the reference" for key, _ in tasks]
        return self.pool.run(tasks)


@pytest.fixture
def counting(pool):
    return Counting(pool)


def run(root: Path, counting: Counting, **options):
    folders = sorted((root / "submitted").glob(f"*/{TOPIC.id}"))
    counting.asked.clear()
    found = {j.student: j.points for j in judge_hand_ins(TOPIC, root, folders, counting, RULES, **options)}
    return found, sorted(counting.asked)


def test_what_has_not_changed_is_not_judged_again(tmp_path, counting, monkeypatch):
    hand_in(tmp_path, TOPIC, "ada", SOLUTION)
    hand_in(tmp_path, TOPIC, "bob", stub_text(TOPIC.id))
    marks = {"ada": 100, "bob": 0}
    assert run(tmp_path, counting) == (marks, ["ada", "bob", "the reference"])
    assert run(tmp_path, counting) == (marks, [])
    assert run(tmp_path, counting, force=True) == (marks, ["ada", "bob"])
    (tmp_path / "submitted/bob/similarity/similarity.py").write_text(with_answers(TOPIC, [FIRST.id]))
    assert run(tmp_path, counting) == ({"ada": 100, "bob": FIRST.points}, ["bob"])
    (tmp_path / "judged/similarity/ada.json").write_text('{"format": 1')
    assert run(tmp_path, counting)[1] == ["ada"]
    monkeypatch.setattr(judging, "grader_digest", lambda: "another grader")
    assert run(tmp_path, counting)[1] == ["ada", "bob"]
    monkeypatch.setattr(judging, "tests_digest", lambda topic: "other tests")
    assert run(tmp_path, counting)[1] == ["ada", "bob"]


def test_a_hand_in_that_was_not_judged_when_a_grade_was_stopped_has_no_record(tmp_path, counting):
    names = [f"student{number}" for number in range(5)]
    folders = [hand_in(tmp_path, TOPIC, name, SOLUTION) for name in names]
    stopped = []
    with Pool(RULES, jobs=1) as own:
        for judgement in judge_hand_ins(TOPIC, tmp_path, folders, own, RULES):
            stopped.append(judgement)
            own.stop()
    assert 0 < len(stopped) < 5
    assert list(records(tmp_path, TOPIC.id)) == stopped  # with one, it would earn nothing for ever
    left = {name for name in names if name not in {judgement.student for judgement in stopped}}
    found, asked = run(tmp_path, counting)
    assert found == dict.fromkeys(names, 100)
    assert set(asked) - {"the reference"} == left


def test_the_seed_is_kept_until_a_new_one_is_asked_for(tmp_path, counting):
    hand_in(tmp_path, TOPIC, "ada", SOLUTION)
    run(tmp_path, counting)
    first = judging._seed(tmp_path, TOPIC)
    run(tmp_path, counting, force=True)
    assert judging._seed(tmp_path, TOPIC) == first
    forget_seed(tmp_path, TOPIC)
    assert run(tmp_path, counting)[1] == ["ada", "the reference"]
    assert judging._seed(tmp_path, TOPIC) not in (first, None)


def test_the_reference_vouches_for_each_run(tmp_path, counting, monkeypatch):
    folder = hand_in(tmp_path, TOPIC, "ada", SOLUTION)
    run(tmp_path, counting)
    (folder / "similarity.py").write_text(stub_text(TOPIC.id))
    monkeypatch.setattr(judging, "_vouched_for", set())  # as in a new process
    monkeypatch.setattr(judging.paths, "solution_file", lambda topic: folder / "similarity.py")
    with pytest.raises(CourseError, match="does not earn full points here"):
        run(tmp_path, counting)
    assert counting.asked == ["the reference", "ada"]


def test_nothing_is_graded_where_the_reference_fails(tmp_path):
    hand_in(tmp_path, TOPIC, "ada", SOLUTION)
    with (
        Pool(replace(RULES, test_seconds=1e-6), jobs=1) as hasty,
        pytest.raises(CourseError, match="the reference solution of similarity does not earn full points here"),
    ):
        list(judge_hand_ins(TOPIC, tmp_path, [tmp_path / "submitted/ada/similarity"], hasty, RULES))
    assert not list((tmp_path / "judged").rglob("*.json"))


def test_a_sandbox_that_does_not_hold_ends_the_grade_in_one_line():
    with (
        Pool(replace(RULES, layers=("no such layer",)), jobs=1) as own,
        pytest.raises(CourseError, match="no such layer"),
    ):
        judged(own, SOLUTION)


def test_a_replay_gives_the_mark_again_and_the_trace(tmp_path, counting):
    hand_in(tmp_path, TOPIC, "ada", broken("return x"))
    with pytest.raises(CourseError, match="not graded here yet"):
        replayed(TOPIC, tmp_path, "ada", RULES)
    marks, _ = run(tmp_path, counting)
    verdict = replayed(TOPIC, tmp_path, "ada", RULES)
    assert sum(row.points for row in verdict.exercises) == marks["ada"]
    assert "test_l2_normalize__" in "".join(verdict.traces)
    with pytest.raises(CourseError, match=r"no hand-in of similarity by '\.\./ada'"):
        replayed(TOPIC, tmp_path, "../ada", RULES)


def test_without_a_sandbox_nothing_is_graded_unless_trusted(monkeypatch):
    lacking = {layer: "" if layer == "limits" else "needs Linux" for layer in sandbox.LAYERS}
    monkeypatch.setattr(sandbox, "available", lambda: lacking)
    with pytest.raises(CourseError, match=r"a hand-in could read .*--i-trust-these-hand-ins"):
        rules_here()
    assert rules_here(trust=True).layers == ("limits",)
    with Pool(replace(rules_here(trust=True), test_seconds=3), jobs=1) as own:
        assert judged(own, SOLUTION)[FIRST.id].state == "correct"


def test_links_are_removed_before_nbgrader_copies(tmp_path):
    folder = hand_in(tmp_path, TOPIC, "eve", SOLUTION)
    secret = tmp_path / "secret"
    secret.write_text("42")
    (folder / "notes").mkdir()
    (folder / "notes/link").symlink_to(secret)
    os.mkfifo(folder / "pipe")
    drop_links("similarity", "eve", [str(folder / "similarity.ipynb")])
    assert {path.name for path in folder.rglob("*")} == {"similarity.ipynb", "similarity.py", "notes"}
    (tmp_path / "submitted/mallory").mkdir()
    (tmp_path / "submitted/mallory/similarity").symlink_to(folder)
    drop_links("similarity", "mallory", [str(tmp_path / "submitted/mallory/similarity/similarity.ipynb")])
    assert not (tmp_path / "submitted/mallory/similarity").exists()
    assert (folder / "similarity.py").is_file()
    assert secret.read_text() == "42"
