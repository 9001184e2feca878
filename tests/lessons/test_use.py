import importlib
import shutil

import pytest

from mmlearn.course import paths
from mmlearn.course.check import check
from mmlearn.course.stubs import stub_text
from mmlearn.lessons.scratch import try_out
from mmlearn.lessons.use import use

# The package's attribute of that name is the function.
check_module = importlib.import_module("mmlearn.course.check")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A learner's folder of their own: state and stub are not this clone's."""
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(paths, "stub_file", lambda topic: tmp_path / f"{topic}.py")
    (tmp_path / "similarity.py").write_text(stub_text("similarity"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_lesson_uses_the_reference_until_the_learners_answer_passes(clone, capsys):
    (function,) = use("similarity", "l2_normalize")
    assert capsys.readouterr().out == "The reference, until yours pass: l2_normalize.\n"
    shutil.copyfile(paths.solution_file("similarity"), clone / "similarity.py")
    use("similarity", "l2_normalize")
    assert "The reference" in capsys.readouterr().out, "an unchecked answer is not used, however right it is"
    check("similarity.l2_normalize")
    (function,) = use("similarity", "l2_normalize")
    assert capsys.readouterr().out == "Yours (similarity.py): l2_normalize.\n"
    assert function.__code__.co_filename == str(clone / "similarity.py")


def test_a_changed_answer_loses_its_pass(clone, capsys):
    text = paths.solution_file("similarity").read_text(encoding="utf-8")
    (clone / "similarity.py").write_text(text)
    check("similarity.top_k")
    (clone / "similarity.py").write_text(text + "\n# only a comment\n")
    use("similarity", "top_k")
    assert "Yours" in capsys.readouterr().out
    (clone / "similarity.py").write_text(text + "\n\ndef top_k(scores, k):\n    return 0\n")
    use("similarity", "top_k")
    assert "The reference" in capsys.readouterr().out


def test_a_file_in_the_middle_of_an_edit_does_not_stop_a_lesson(clone, capsys):
    text = paths.solution_file("similarity").read_text(encoding="utf-8")
    (clone / "similarity.py").write_text(text)
    check("similarity.top_k")
    (clone / "similarity.py").write_text(text + "\nimport not_installed_anywhere\n")
    (function,) = use("similarity", "top_k")
    told = capsys.readouterr().out
    assert "similarity.py does not load (ModuleNotFoundError: " in told
    assert "The reference, until yours pass: top_k." in told
    assert function.__code__.co_filename == str(paths.solution_file("similarity"))


def test_changed_tests_ask_for_a_new_check(clone, capsys, monkeypatch):
    shutil.copyfile(paths.solution_file("similarity"), clone / "similarity.py")
    check("similarity.top_k")
    monkeypatch.setattr(check_module, "tests_digest", lambda topic: "newer")
    use("similarity", "top_k")
    assert "The reference" in capsys.readouterr().out


def test_opening_a_lesson_runs_no_check(clone, monkeypatch):
    def run_tests(*_, **__):
        raise AssertionError("a check was run")

    monkeypatch.setattr(check_module, "run_tests", run_tests)
    assert len(use("similarity", "l2_normalize", "top_k")) == 2


def test_trying_out_leaves_the_learners_file_and_progress_alone(clone):
    before = (clone / "similarity.py").read_text()
    report = try_out("similarity.l2_normalize", "def l2_normalize(x, axis=-1, eps=1e-12):\n    return x\n")
    assert report.results[0].state == "wrong"
    assert (clone / "similarity.py").read_text() == before
    assert not (clone / "state" / "progress").exists()
