"""Does a grade lose or double anything when its processes are killed? `python -m benchmarks.grading_faults --kills 100`

A class is graded undisturbed; a copy of it is graded while the writer, a judge, a warm parent or a contestant is killed
(SIGKILL) at random moments, and started again. At the end the two gradebooks must hold the same.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.registry import Topic, course
from mmlearn.grading.assignment import source_folder
from mmlearn.grading.demo import hand_in, with_answers

VICTIMS = ("writer", "judge", "warm parent", "contestant")

ROWS = """
SELECT student.id, grade_cell.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade, comment.auto_comment
FROM submitted_assignment
JOIN student ON student.id = submitted_assignment.student_id
JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
LEFT JOIN grade ON grade.notebook_id = submitted_notebook.id
LEFT JOIN base_cell AS grade_cell ON grade_cell.id = grade.cell_id
LEFT JOIN comment ON comment.notebook_id = submitted_notebook.id AND comment.cell_id = grade.cell_id
ORDER BY 1, 2
"""


def build(root: Path, topic: Topic, number: int, rng: random.Random) -> Path:
    """A course folder with `number` hand-ins, each with another choice of exercises answered."""
    shutil.copytree(source_folder(topic.id), root / "source" / topic.id)
    shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", root / "nbgrader_config.py")
    ids = [exercise.id for exercise in topic.exercises]
    for index in range(number):
        answered = rng.sample(ids, rng.randrange(len(ids) + 1))
        hand_in(root, topic, f"learner{index:03}", with_answers(topic, answered) + f"\n# {index}\n")
    return root


def start(root: Path, topic: Topic, *options: str) -> subprocess.Popen:
    """`mmlearn grade` as an instructor runs it, in a session of its own."""
    command = [sys.executable, "-m", "mmlearn.cli", "grade", topic.id, "--course", str(root), "--jobs", "2", *options]
    with (root / "grade.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def finish(root: Path, topic: Topic, *options: str) -> None:
    process = start(root, topic, *options)
    assert process.wait() == 0, (root / "grade.log").read_text()[-3000:]


def disturb(process: subprocess.Popen, rng: random.Random) -> str:
    """Kill one of a grade's processes after a random while; which kind it was, "" if there was none any more."""
    time.sleep(rng.uniform(0.5, 8.0))
    kind = rng.choice(VICTIMS)
    found = {victim: pid for pid, victim in _processes(process.pid)}
    victim = found.get(kind, process.pid)
    if process.poll() is not None:
        return ""
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return kind if kind in found else "writer"


def _processes(writer: int) -> list[tuple[int, str]]:
    """Every process of a grade and what it is: contestants are the children of a warm parent."""
    found, todo = [(writer, "writer")], [(writer, 0)]
    while todo:
        parent, depth = todo.pop()
        for child in _children(parent):
            line = _command(child)
            kind = "judge" if b"grading.worker" in line else "warm parent" if b"contestant.warm" in line else ""
            if kind == "warm parent" and depth >= 3:  # judge → the outer process → the warm parent → a contestant
                kind = "contestant"
            found.append((child, kind or "other"))
            todo.append((child, depth + 1))
    return found


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(p) for task in Path(f"/proc/{pid}/task").iterdir() for p in (task / "children").read_text().split()]
    return []


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def gradebook(root: Path) -> list[tuple]:
    """All that the gradebook says of the hand-ins."""
    with contextlib.closing(sqlite3.connect(root / "gradebook.db")) as connection:
        return connection.execute(ROWS).fetchall()


def outputs(root: Path, topic: Topic) -> dict[str, str]:
    """The marks and the feedback, by file."""
    files = [root / "marks" / f"{topic.id}.csv", *sorted((root / "feedback").rglob("*.html"))]
    return {str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in files}


def compare(calm: Path, disturbed: Path, topic: Topic) -> None:
    """Raise AssertionError unless both courses hold the same marks."""
    differing = set(map(repr, gradebook(calm))) ^ set(map(repr, gradebook(disturbed)))
    assert gradebook(calm) == gradebook(disturbed), f"the gradebooks differ: {sorted(differing)[:10]}"
    mine, theirs = outputs(calm, topic), outputs(disturbed, topic)
    assert set(mine) == set(theirs), set(mine) ^ set(theirs)
    # nbgrader lists learners without a name in the order in which they were entered.
    for file in mine:
        assert sorted(mine[file].splitlines()) == sorted(theirs[file].splitlines()), f"{file} differs"


def run(folder: Path, topic: Topic, hand_ins: int, kills: int, seed: int) -> Counter[str]:
    """Grade a class calmly and a copy of it with `kills` kills; compare after each grade that came to its end.

    Returns:
        How often each kind of process was killed.
    """
    rng = random.Random(seed)
    calm = build(folder / "calm", topic, hand_ins, rng)
    shutil.copytree(calm, folder / "disturbed")
    finish(calm, topic)
    disturbed, killed = folder / "disturbed", Counter[str]()
    options: list[str] = []
    while killed.total() < kills:
        process = start(disturbed, topic, *options)
        while killed.total() < kills and process.poll() is None:
            kind = disturb(process, rng)
            if kind:
                killed[kind] += 1
                print(f"{killed.total()}: {kind}", flush=True)
        if process.wait() == 0:
            compare(calm, disturbed, topic)
            options = ["--force"]  # again from the start
        else:
            options = []
    finish(disturbed, topic)
    compare(calm, disturbed, topic)
    return killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hand-ins", type=int, default=50)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmlearn-faults-") as folder:
        start_time = time.monotonic()
        killed = run(Path(folder), course().topic("similarity"), options.hand_ins, options.kills, options.seed)
        print(f"{options.hand_ins} hand-ins, {killed.total()} kills ({dict(killed)}) in", end=" ")
        print(f"{time.monotonic() - start_time:.0f} s: the gradebooks, marks and feedback pages are the same")


if __name__ == "__main__":
    main()
