"""What a grade costs: nbgrader with its own executor against `mmlearn grade`, on the same hand-ins, all files written.

python -m benchmarks.grading --topic similarity --hand-ins 40
python -m benchmarks.grading --growth
"""

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mmlearn.course import paths
from mmlearn.course.mutants import mutants_of, write_mutated
from mmlearn.course.registry import Topic, course
from mmlearn.grading.assignment import source_folder
from mmlearn.grading.demo import hand_in, with_answers

RESULTS = paths.ROOT / "benchmarks" / "results" / "grading.json"
OWN_EXECUTOR = """
c = get_config()
c.Autograde.pre_convert_hook = None
c.Autograde.autograde_preprocessors = [
    "nbgrader.preprocessors.Execute", "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor", "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades", "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Execute.timeout = 300
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", default="similarity")
    parser.add_argument("--hand-ins", type=int, default=40)
    parser.add_argument("--growth", action="store_true", help="mmlearn grade for 10, 100 and 1000 hand-ins")
    options = parser.parse_args()
    topic = course().topic(options.topic)
    with tempfile.TemporaryDirectory(dir=paths.ROOT.parent, prefix="grading-") as folder:
        if options.growth:
            save(f"{topic.id}, growth", growth(topic, Path(folder)))
        else:
            save(f"{topic.id}, {options.hand_ins} hand-ins", compared(topic, options.hand_ins, Path(folder)))


def compared(topic: Topic, count: int, folder: Path) -> dict:
    """Both graders on the same hand-ins; the same marks are asserted."""
    for name in ("nbgrader", "mmlearn", "mmlearn again"):
        fill(folder / name, topic, count)
    with (folder / "nbgrader" / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(OWN_EXECUTOR)
    for name in ("nbgrader", "mmlearn", "mmlearn again"):
        run(folder / name, "nbgrader", "generate_assignment", topic.id)
    grade = ["mmlearn", "grade", topic.id, "--course", "."]
    first = timed(folder / "mmlearn", grade)
    theirs = timed(
        folder / "nbgrader", ["nbgrader", "autograde", topic.id], ["nbgrader", "generate_feedback", topic.id]
    )
    # Before and after: a shared machine's speed changes in the minutes that nbgrader takes.
    again = timed(folder / "mmlearn again", grade)
    ours = (first[0] + again[0]) / 2, max(first[1], again[1])
    for name in ("nbgrader", "mmlearn"):
        run(folder / name, "nbgrader", "export", "--to", "all.csv")
    differing = {
        student: (mark, marks(folder / "mmlearn")[student])
        for student, mark in marks(folder / "nbgrader").items()
        if mark != marks(folder / "mmlearn")[student]
    }
    assert not differing, f"marks differ (nbgrader's, mmlearn's): {differing}"
    judged = judging_seconds(folder / "mmlearn", topic)
    rows = {"nbgrader, its own executor": theirs, "mmlearn grade": ours}
    print(f"{topic.id}, {count} hand-ins, {os.cpu_count()} cores; the same marks for all")
    print(f"{'':28}{'s/hand-in':>10}{'peak MB':>9}{'ratio':>7}")
    for name, (seconds, peak) in rows.items():
        print(f"{name:28}{seconds / count:>10.3f}{peak:>9.0f}{theirs[0] / seconds:>7.1f}")
    print(f"a hand-in keeps a judge for {judged:.3f} s; the rest of mmlearn's time is the start and the writer's")
    return {
        "hand-ins": count,
        "cores": os.cpu_count(),
        "ratio": round(theirs[0] / ours[0], 1),
        "seconds with a judge": round(judged, 4),
        **{
            name: {"seconds per hand-in": round(seconds / count, 4), "peak MB": round(peak)}
            for name, (seconds, peak) in rows.items()
        },
    }


def judging_seconds(root: Path, topic: Topic) -> float:
    """How long a hand-in was with a judge, on average, by the records; several are at a time."""
    records = (root / "judged" / topic.id).glob("*.json")
    return statistics.fmean(json.loads(file.read_text(encoding="utf-8"))["seconds"] for file in records)


def growth(topic: Topic, folder: Path) -> dict:
    """Seconds for `mmlearn grade` of classes of three sizes; the start is what a line through the first two leaves."""
    seconds = {}
    print(f"{topic.id}: mmlearn grade, {os.cpu_count()} cores")
    for count in (10, 100, 1000):
        root = folder / str(count)
        fill(root, topic, count)
        run(root, "nbgrader", "generate_assignment", topic.id)
        seconds[count], _ = timed(root, ["mmlearn", "grade", topic.id, "--course", "."])
        print(f"{count:>5} hand-ins: {seconds[count]:.1f} s, {seconds[count] / count:.3f} s each", flush=True)
        shutil.rmtree(root)
    each = (seconds[100] - seconds[10]) / 90
    print(f"one-off start {seconds[10] - 10 * each:.1f} s, then {each:.3f} s each")
    return {
        "seconds": {str(count): round(total, 2) for count, total in seconds.items()},
        "start": round(seconds[10] - 10 * each, 2),
    }


def fill(root: Path, topic: Topic, count: int) -> None:
    """A class of honest hand-ins, the same for the same count: answers right, missing, or a known mistake."""
    draw = random.Random(0)
    shutil.copytree(source_folder(topic.id), root / "source" / topic.id)
    shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", root / "nbgrader_config.py")
    ids = [exercise.id for exercise in topic.exercises]
    wrong = mutants_of(topic.id)
    for number in range(count):
        if number % 3 == 0:
            file = write_mutated(topic.id, draw.choice(wrong), root / "mutants")
            text = file.read_text(encoding="utf-8")
        else:
            text = with_answers(topic, [name for name in ids if draw.random() < 0.7])
        hand_in(root, topic, f"student{number:04}", text)


def timed(root: Path, *commands: list[str]) -> tuple[float, float]:
    """Wall seconds of commands one after another, and the peak memory in MB of the largest process of any."""
    start = time.perf_counter()
    peaks = [run(root, *command) for command in commands]
    return time.perf_counter() - start, max(peaks)


def run(root: Path, *command: str) -> float:
    """Run a command in a course folder; returns the peak memory, in MB, of the largest process in its tree."""
    # A process of its own between: RUSAGE_CHILDREN never forgets what an earlier command took.
    script = "import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True, stdout=2); "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    tool = str(Path(sys.executable).parent / command[0])
    done = subprocess.run(
        [sys.executable, "-c", script, tool, *command[1:]], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return int(done.stdout) / (1e6 if sys.platform == "darwin" else 1e3)


def marks(root: Path) -> dict[str, float]:
    with (root / "all.csv").open(encoding="utf-8") as stream:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(stream)}


def save(name: str, result: dict) -> None:
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known = {"made by": "python -m benchmarks.grading", **known, name: result}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
