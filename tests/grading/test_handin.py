import shutil

import nbformat
import pytest

from mmlearn.course import paths
from mmlearn.course.errors import CourseError
from mmlearn.course.registry import course
from mmlearn.course.stubs import stub_text
from mmlearn.grading import handin
from mmlearn.grading.handin import folder_to_submit, submit, work_copy

TOPIC = course().topic("similarity")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A learner whose stub is their own, without an exchange."""
    monkeypatch.setattr(paths, "stub_file", lambda topic: tmp_path / "clone" / f"{topic}.py")
    monkeypatch.setattr(handin, "exchange_root", lambda: None)
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    (tmp_path / "clone").mkdir()
    shutil.copyfile(paths.solution_file("similarity"), tmp_path / "clone" / "similarity.py")
    return tmp_path


def test_the_clones_module_is_handed_in_with_an_unanswered_notebook(clone):
    handed_in = submit(TOPIC, clone / "clone", root=clone / "course")
    folder = clone / "course" / "submitted" / "ada" / "similarity"
    assert handed_in.notebook is None
    assert {path.name for path in folder.iterdir()} == {"similarity.py", "similarity.ipynb", "timestamp.txt"}
    assert (folder / "similarity.py").read_text() == paths.solution_file("similarity").read_text()
    assert "MARK SCHEME" not in (folder / "similarity.ipynb").read_text()


def test_a_work_copy_is_handed_in_with_its_answers(clone):
    notebook = work_copy(TOPIC, clone / "work")
    assert (clone / "work" / "similarity.py").read_text() == (clone / "clone" / "similarity.py").read_text()
    nb = nbformat.read(notebook, as_version=4)
    nb.cells[-1].source = "my answer"
    nbformat.write(nb, notebook)
    handed_in = submit(TOPIC, clone / "work", root=clone / "course")
    assert handed_in.notebook == notebook
    assert "my answer" in (clone / "course/submitted/ada/similarity/similarity.ipynb").read_text()


def test_a_work_copy_is_never_overwritten(clone):
    work_copy(TOPIC, clone / "work")
    (clone / "work" / "similarity.py").write_text("mine = 1\n")
    with pytest.raises(CourseError, match="nothing was changed"):
        work_copy(TOPIC, clone / "work")
    assert (clone / "work" / "similarity.py").read_text() == "mine = 1\n"


def test_handing_in_again_replaces_the_hand_in(clone):
    submit(TOPIC, clone / "clone", root=clone / "course")
    (clone / "clone" / "similarity.py").write_text("x = 1\n")
    submit(TOPIC, clone / "clone", root=clone / "course")
    folder = clone / "course" / "submitted" / "ada"
    assert [path.name for path in folder.iterdir()] == ["similarity"]
    assert (folder / "similarity" / "similarity.py").read_text() == "x = 1\n"


def test_the_folder_that_is_named_must_hold_the_module(clone):
    with pytest.raises(CourseError, match=r"nowhere holds no similarity.py"):
        folder_to_submit(TOPIC, clone / "nowhere")


def test_two_places_with_different_answers_are_not_guessed_between(clone, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", clone)
    monkeypatch.chdir(clone)
    assert folder_to_submit(TOPIC, None) == clone / "clone"
    work_copy(TOPIC, clone / "work" / "similarity")
    assert folder_to_submit(TOPIC, None) == clone / "work" / "similarity"
    (clone / "clone" / "similarity.py").write_text("mine = 1\n")
    with pytest.raises(CourseError, match=r"both hold answers, and differ: say which by --from"):
        folder_to_submit(TOPIC, None)
    (clone / "work" / "similarity" / "similarity.py").write_text(stub_text("similarity"))
    with pytest.raises(CourseError, match=r"your answers are in clone/similarity\.py"):
        folder_to_submit(TOPIC, None)


def test_a_damaged_notebook_is_not_handed_in(clone):
    work_copy(TOPIC, clone / "work")
    (clone / "work" / "similarity.ipynb").write_text("<<<<<<< HEAD")
    with pytest.raises(CourseError, match=r"not handed in: similarity.ipynb is not a notebook"):
        submit(TOPIC, clone / "work", root=clone / "course")


@pytest.mark.parametrize("name", ["../../evil", "a/b", ".hidden", "a\nb"])
def test_a_name_that_leaves_the_folder_is_refused(clone, monkeypatch, name):
    monkeypatch.setenv("JUPYTERHUB_USER", name)
    with pytest.raises(CourseError, match="cannot name a folder"):
        submit(TOPIC, clone / "clone", root=clone / "course")


def test_what_does_not_parse_is_not_handed_in(clone):
    submit(TOPIC, clone / "clone", root=clone / "course")
    (clone / "clone" / "similarity.py").write_text("def f(:\n")
    with pytest.raises(CourseError, match=r"not handed in: .*similarity.py, line 1"):
        submit(TOPIC, clone / "clone", root=clone / "course")
    assert "l2_normalize" in (clone / "course/submitted/ada/similarity/similarity.py").read_text()
