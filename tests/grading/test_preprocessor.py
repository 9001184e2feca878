"""What nbgrader is made to do before it copies a hand-in."""

import os

import pytest

from mmlearn.grading.preprocessor import drop_links


@pytest.fixture
def elsewhere(tmp_path):
    """A folder of the instructor's, which holds a file and a link to it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "similarity.ipynb").write_text("the instructor's")
    (folder / "link").symlink_to("similarity.ipynb")
    return folder


@pytest.fixture
def hand_in(tmp_path):
    return tmp_path / "submitted" / "mallory" / "similarity"


def drop(hand_in) -> None:
    drop_links("similarity", "mallory", [str(hand_in / "similarity.ipynb")])


def test_links_and_pipes_in_a_hand_in_are_removed_and_its_files_stay(hand_in, elsewhere):
    (hand_in / "deep").mkdir(parents=True)
    (hand_in / "similarity.ipynb").write_text("mine")
    (hand_in / "deep" / "link").symlink_to(elsewhere)
    (hand_in / "similarity.py").symlink_to(elsewhere / "similarity.ipynb")
    os.mkfifo(hand_in / "pipe")
    drop(hand_in)
    assert sorted(path.name for path in hand_in.rglob("*")) == ["deep", "similarity.ipynb"]
    assert len(list(elsewhere.iterdir())) == 2


@pytest.mark.parametrize("depth", ["topic", "student"])
def test_a_folder_that_is_a_link_is_removed_and_nothing_in_what_it_leads_to(hand_in, elsewhere, depth):
    place = hand_in if depth == "topic" else hand_in.parent
    place.parent.mkdir(parents=True)
    if depth == "student":
        (elsewhere / "similarity").mkdir()
        (elsewhere / "similarity" / "link").symlink_to("nowhere")
    place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    drop(hand_in)
    assert not place.is_symlink()
    assert sorted(elsewhere.rglob("*")) == before
