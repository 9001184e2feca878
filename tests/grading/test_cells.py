import shutil

import pytest

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.grading.cells import score


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A learner's assignment folder, with a state of its own."""
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(folder, text: str) -> None:
    (folder / "similarity.py").write_text(text, encoding="utf-8")


def test_the_score_is_a_built_in_float_of_the_points(folder):
    shutil.copyfile(paths.solution_file("similarity"), folder / "similarity.py")
    exercise = course().topic("similarity").exercise("top_k")
    value = score("similarity.top_k")
    assert type(value) is float
    assert value == exercise.points


def test_a_missing_module_scores_nothing_and_nothing_stands_in_for_it(folder, capsys):
    assert score("similarity.top_k") == 0.0
    assert "similarity.py is missing" in capsys.readouterr().out


def test_a_saved_change_is_seen_by_the_next_cell(folder):
    answer(folder, "def l2_normalize(x, axis=-1, eps=1e-12):\n    return x\n")
    assert score("similarity.l2_normalize") == 0.0
    shutil.copyfile(paths.solution_file("similarity"), folder / "similarity.py")
    assert score("similarity.l2_normalize") > 0


def test_a_learners_run_is_remembered_and_a_grade_is_not(folder, monkeypatch):
    shutil.copyfile(paths.solution_file("similarity"), folder / "similarity.py")
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    score("similarity.l2_normalize")
    assert not (folder / "state").exists()
    monkeypatch.delenv("NBGRADER_EXECUTION")
    score("similarity.l2_normalize")
    assert (folder / "state" / "progress" / "similarity.l2_normalize.json").is_file()


def test_a_cell_checks_one_exercise(folder):
    with pytest.raises(CourseError, match="is a topic"):
        score("similarity")
