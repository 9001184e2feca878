"""Judging on a real dask cluster of two worker processes, one of which is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest

from mmlearn.contestant.codec import decode, encode
from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.grading import cluster
from mmlearn.grading.cluster import Cluster
from mmlearn.grading.demo import with_answers
from mmlearn.grading.judging import rules_here
from mmlearn.grading.verdict import Job

TOPIC = course().topic("similarity")
RULES = replace(rules_here(), test_seconds=10)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A scheduler and two workers, started as an instructor starts them."""
    folder = tmp_path_factory.mktemp("dask")
    file, log = folder / "scheduler.json", (folder / "log").open("wb")
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--scheduler-file", str(file), "--nthreads", "1", "--nworkers", "2", "--no-dashboard"]
    started = []
    for command in (scheduler, [*worker, "--host", "127.0.0.1", "--local-directory", str(folder)]):
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + command[0], *command[1:]], stdout=log, stderr=log
            )
        )
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    import json

    yield json.loads(file.read_text())["address"]
    for process in started[::-1]:
        process.terminate()
        process.wait(30)
    log.close()


@pytest.fixture
def workers(address):
    """A client of the test's own, with both workers there."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


def modules() -> dict[str, str]:
    ids = [exercise.id for exercise in TOPIC.exercises]
    return {f"learner{n}": with_answers(TOPIC, ids[:n]) for n in range(len(ids) + 1)}


def expected() -> dict[str, float]:
    points = [exercise.points for exercise in TOPIC.exercises]
    return {f"learner{n}": sum(points[:n]) for n in range(len(points) + 1)}


def test_a_worker_that_is_killed_costs_nobody_a_mark(address, workers):
    pids = list(workers.run(os.getpid).values())
    assert len(pids) == 2
    jobs = [(name, Job(TOPIC.id, text.encode(), 3)) for name, text in modules().items()]
    killed = threading.Event()

    def kill() -> None:
        time.sleep(1.0)
        os.kill(pids[0], signal.SIGKILL)
        killed.set()

    with Cluster(RULES, address) as judges:
        thread = threading.Thread(target=kill)
        thread.start()
        # Three times over, so that there is work left when it dies.
        tasks = [(f"{name} {turn}", job) for turn in range(3) for name, job in jobs]
        points = {key: sum(row.points for row in verdict.exercises) for key, verdict in judges.run(tasks)}
        thread.join()
    assert killed.is_set()
    assert points == {f"{name} {turn}": mark for turn in range(3) for name, mark in expected().items()}


def test_a_worker_of_another_version_is_refused(address, workers, monkeypatch):
    monkeypatch.setattr(cluster, "grader_digest", lambda: "another")
    with Cluster(RULES, address) as judges, pytest.raises(CourseError, match="another version: update it"):
        list(judges.run([("one", Job(TOPIC.id, paths.solution_file(TOPIC.id).read_bytes(), 0))]))


def test_a_hand_in_that_judges_die_on_ends_nobody_elses_grade(monkeypatch):
    monkeypatch.setattr(cluster.Pool, "run", lambda self, tasks: iter([(key, None) for key, _ in tasks]))
    order = {"job": vars(Job(TOPIC.id, b"", 0)), "rules": asdict(RULES), "version": cluster._version(TOPIC.id)}
    assert decode(cluster.judge_order(encode(order))) is None


def test_no_scheduler_is_said_in_a_line(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(CourseError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:1"):
        Cluster(RULES, "tcp://127.0.0.1:1")
