"""Killed at random moments and started again, a grade ends as if nothing had happened."""

import shutil
import sqlite3

import pytest

from benchmarks.grading_faults import VICTIMS, compare, run
from mmlearn.course.registry import course

TOPIC = course().topic("similarity")


def test_six_kills_change_nothing(tmp_path):
    killed = run(tmp_path, TOPIC, hand_ins=8, kills=6, seed=20261124)
    assert killed.total() == 6
    assert set(killed) <= set(VICTIMS)
    calm, disturbed = tmp_path / "calm", tmp_path / "disturbed"
    compare(calm, disturbed, TOPIC)
    # The comparison itself can fail: one grade changed, one page of feedback lost.
    page = disturbed / "feedback/learner000/similarity/similarity.html"
    shutil.move(page, tmp_path)
    with pytest.raises(AssertionError):
        compare(calm, disturbed, TOPIC)
    shutil.move(tmp_path / page.name, page)
    with sqlite3.connect(disturbed / "gradebook.db") as connection:
        connection.execute("UPDATE grade SET auto_score = 1.25 WHERE id = (SELECT min(id) FROM grade)")
    with pytest.raises(AssertionError, match="gradebooks differ"):
        compare(calm, disturbed, TOPIC)
