"""The experiments and figures of the lesson on the second program: each fault shows as the lesson says."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmlearn.data import GROUPS
from mmlearn.lessons import classification_figures as figures
from mmlearn.lessons import classification_program as lesson
from mmlearn.quiet import keras, layers

METHODS = ("image", "text", "late", "concat", "concat, no class weights")


def test_the_program_as_found_stops_at_the_dot_product():
    assert "axis values 32 (at axis 1) != 256 (at axis 1)" in lesson.error_of(lesson.as_found)


def test_no_error_is_said_to_be_none():
    assert lesson.error_of(lambda: None) == "no error"


def test_what_it_shows_is_the_source_without_linters_marks():
    shown = lesson.show(lesson.as_found).data
    assert shown.startswith("```python\ndef as_found")
    assert "layers.Dot(axes=1)" in shown
    assert "noqa" not in shown


def test_the_memory_of_the_table_of_pixels():
    assert lesson.embedding_megabytes(224, 224, 3) == pytest.approx(154.14, abs=0.01)
    assert lesson.embedding_megabytes(2, dim=1) == 8e-6


def test_a_table_gives_all_floats_below_one_the_same_vector():
    vectors = np.array(layers.Embedding(10, 4)(np.array([[0.1, 0.5, 0.9]])))
    assert (vectors == vectors[:, :1]).all()


def test_scrambling_keeps_every_block_and_moves_some():
    images = np.arange(2 * 16 * 16 * 3).reshape(2, 16, 16, 3)
    moved = lesson.scramble(images, block=8)
    assert sorted(moved.ravel()) == sorted(images.ravel())
    corners = {int(image[i, j, 0]) for image in moved for i in (0, 8) for j in (0, 8)}
    assert corners == {int(image[i, j, 0]) for image in images for i in (0, 8) for j in (0, 8)}
    assert (moved != images).any()


def test_one_convolution_hardly_notices_the_scrambling_and_three_blocks_do():
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    keras.utils.set_random_seed(0)
    deeper = lesson.program().build_image_encoder(16, augment=False)
    flat, deep = (lesson.change_when_scrambled(e, images) for e in (lesson.one_convolution(True), deeper))
    assert flat < deep


@pytest.mark.parametrize(("joined", "numbers"), [("dot", 1), ("concat", 64)])
def test_how_many_numbers_reach_the_classifier(joined, numbers):
    assert lesson.numbers_for_the_classifier(lesson.made_to_run(10, 3, joined)) == numbers


def test_lines_that_are_never_on_top_are_never_answered():
    assert lesson.classes_of_one_number(np.array([[-1.0, 0.0, 1.0]]), np.array([0.0, 1.0, 0.0])) == 3
    assert lesson.classes_of_one_number(np.array([[-1.0, 0.0, 1.0]]), np.array([0.0, -1.0, 0.0])) == 2


def test_labels_as_found_do_not_fit_and_ids_do():
    model = lesson.made_to_run(10, 3)
    two = [np.zeros((2, 32, 32, 3)), np.ones((2, 4), int)]
    assert lesson.error_of(model.fit, two, np.array([0, 2]), verbose=0) == "no error"
    model.compile("adam", "categorical_crossentropy")
    for labels in (np.array([[0.3, 0.4], [0.5, 0.6]]), np.array([0, 2])):
        assert lesson.error_of(model.fit, two, labels, verbose=0).startswith("ValueError")


def test_ablation_of_a_model_with_softmax():
    program = lesson.program()
    pairs = program.Pairs(np.zeros((4, 32, 32, 3)), np.ones((4, 3), int), np.arange(4) % 3, np.arange(4), np.arange(4))
    found = lesson.ablate_softmax(program, lesson.made_to_run(10, 3), pairs)
    assert set(found) == {"full", "image_only", "text_only", "shuffled_text"}


# --- results and figures --------------------------------------------------------------------------------------------


def a_result():
    rows = [
        {"seed": seed, "method": method, "accuracy": 0.5 + 0.1 * seed, "far": 0.4, "recall": [0.5] * len(GROUPS)}
        for seed in (0, 1)
        for method in METHODS
    ]
    return {"protocol": {"training_counts": list(range(10, 10 + len(GROUPS)))}, "rows": rows}


def test_mean_and_spread_over_the_seeds():
    assert lesson.over_seeds(a_result(), "late").tolist() == pytest.approx([0.5, 0.6])
    assert lesson.mean_and_spread(a_result(), "late") == "55.0 ± 7.1"
    with pytest.raises(KeyError, match="no 'oracle'"):
        lesson.over_seeds(a_result(), "oracle")


def test_the_committed_benchmark_holds_three_seeds_of_every_method():
    result = lesson.load_results()
    methods = [*METHODS, "gated", "cross_attention", "concat, no modality or word dropout"]
    assert {row["method"] for row in result["rows"]} == set(methods)
    for method in methods:
        assert len(lesson.over_seeds(result, method)) == 3


def test_figures_have_a_title_and_can_be_drawn():
    result = a_result()
    rng = np.random.default_rng(0)
    history = {name: [2.0, 1.0] for name in ("loss", "val_loss", "accuracy", "val_accuracy")}
    images = rng.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    ways = {"full": 0.6, "image_only": 0.4, "text_only": 0.5, "shuffled_text": 0.2}
    drawn = [
        figures.side_by_side(images, images[::-1], "title"),
        figures.losses(history, "title"),
        figures.ablation({"one": ways, "other": ways}, "title"),
        figures.confusion(np.eye(len(GROUPS), dtype=int), "title"),
        figures.reliability(
            {"one": (np.array([[0.5, 0.4, 3], [0, 0, 0]]), 0.1), "other": (np.ones((1, 3)), 0)}, "title"
        ),
        figures.pictures(images, ["a\nb", "c", "d"], "title", columns=2),
        figures.comparison(result, {"late": "late fusion", "concat": "concat"}, "title"),
        figures.recalls(result, {"concat": "with", "concat, no class weights": "without"}, "title"),
    ]
    for figure in drawn:
        assert isinstance(figure, Figure)
        assert figure.get_suptitle() == "title"
        figure.canvas.draw()
