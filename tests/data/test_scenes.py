"""Composed scenes: what stands where, and which questions are asked."""

import numpy as np
import pytest

from mmlearn.data import TRAIN_VENDORS, load_emoji, make_scenes
from mmlearn.data.scenes import CELL_SIZE, GRID, shrink


@pytest.fixture(scope="module")
def data():
    return load_emoji(TRAIN_VENDORS, "seen")


@pytest.fixture(scope="module")
def scenes(data):
    return make_scenes(data, 40, rng=0)


def test_shapes(scenes):
    assert len(scenes) == 40
    assert scenes.images.shape == (40, 72, 72, 3)
    assert scenes.images.dtype == np.uint8
    assert scenes.cells.shape == (40, 9)
    for field in (scenes.query_ids, scenes.query_names, scenes.present, scenes.places):
        assert field.shape == (40, 8)


def test_each_scene_holds_four_different_concepts(scenes):
    for row in scenes.cells:
        there = row[row >= 0]
        assert len(there) == len(set(there)) == 4


def test_half_of_the_queries_are_there_and_the_place_is_true(scenes):
    assert (scenes.present.sum(axis=1) == 4).all()
    for i in range(len(scenes)):
        assert len(set(scenes.query_ids[i])) == 8
        for concept, present, place in zip(scenes.query_ids[i], scenes.present[i], scenes.places[i], strict=True):
            assert present == (concept in scenes.cells[i]) == (place >= 0)
            if present:
                assert scenes.cells[i, place] == concept


def test_the_pictures_show_what_the_cells_say(data, scenes):
    assert set(scenes.vendors) == set(TRAIN_VENDORS)
    for i in range(10):
        grid = scenes.images[i].reshape(GRID, CELL_SIZE, GRID, CELL_SIZE, 3).swapaxes(1, 2)
        for concept, picture in zip(scenes.cells[i], grid.reshape(9, CELL_SIZE, CELL_SIZE, 3), strict=True):
            if concept < 0:
                assert (picture == 255).all()
            else:
                row = np.flatnonzero((data.concept_ids == concept) & (data.vendors == scenes.vendors[i]))
                assert (picture == shrink(data.images[row])[0]).all()


def test_names_belong_to_ids(data, scenes):
    name_of = dict(zip(data.concept_ids, data.names["en"], strict=True))
    assert all(name_of[i] == name for i, name in zip(scenes.query_ids.flat, scenes.query_names.flat, strict=True))


def test_the_same_seed_gives_the_same_scenes(data, scenes):
    again = make_scenes(data, 40, rng=0)
    other = make_scenes(data, 40, rng=1)
    assert (again.images == scenes.images).all()
    assert (again.query_ids == scenes.query_ids).all()
    assert not (other.query_ids == scenes.query_ids).all()


def test_all_places_and_all_positions_among_the_queries_occur(data):
    scenes = make_scenes(data, 300, rng=2)
    assert set(scenes.places.flat) == set(range(-1, 9))
    assert (scenes.present.mean(axis=0) > 0.35).all()  # the order of the queries does not give the answer away


@pytest.mark.parametrize("size", [3, 9, 72])
def test_target_masks_lie_where_the_drawing_lies(scenes, size):
    masks = scenes.target_masks(size)
    assert masks.shape == (40, 8, size * size)
    assert (masks.sum(axis=-1) == np.where(scenes.present, size * size // 9, 0)).all()
    i, j = np.argwhere(scenes.present)[0]
    row, column = divmod(int(scenes.places[i, j]), GRID)
    third = size // 3
    square = masks[i, j].reshape(size, size)
    assert square[row * third : (row + 1) * third, column * third : (column + 1) * third].all()


@pytest.mark.parametrize("size", [0, 4, 75])
def test_other_sizes_of_masks_are_refused(scenes, size):
    with pytest.raises(ValueError, match="multiple of 3"):
        scenes.target_masks(size)


def test_few_queries_and_no_scenes(data):
    two = make_scenes(data, 5, rng=0, num_queries=2)
    assert (two.present.sum(axis=1) == 1).all()
    assert make_scenes(data, 0, rng=0).images.shape == (0, 72, 72, 3)


@pytest.mark.parametrize("num_queries", [0, 3, 10])
def test_other_numbers_of_queries_are_refused(data, num_queries):
    with pytest.raises(ValueError, match="num_queries"):
        make_scenes(data, 1, rng=0, num_queries=num_queries)


def test_too_few_concepts_are_refused(data):
    with pytest.raises(ValueError, match="concepts"):
        make_scenes(data.select(np.arange(5)), 1, rng=0)
    with pytest.raises(ValueError, match="concepts"):
        make_scenes(data.select([]), 1, rng=0)
