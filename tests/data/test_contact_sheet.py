"""The contact sheet: every name once, nothing overlapping, gaps said."""

import numpy as np
import pytest

from mmlearn.data import VENDORS, load_emoji
from mmlearn.lessons.figures import contact_sheet


@pytest.fixture(scope="module")
def data():
    everything = load_emoji()
    rng = np.random.default_rng(0)
    return everything.select(np.isin(everything.concept_ids, rng.choice(1300, 12, replace=False)))


def texts(figure):
    (axes,) = figure.axes
    return [text for text in axes.texts if text.get_text()]


def overlaps(figure):
    """Pairs of labels whose boxes meet, and labels that leave the figure."""
    figure.canvas.draw()
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts(figure)]
    pairs = [(a, b) for i, (a, x) in enumerate(boxes) for b, y in boxes[i + 1 :] if x.overlaps(y)]
    outside = [a for a, x in boxes if x.x0 < -1 or x.y0 < -1 or x.x1 > figure.bbox.x1 + 1 or x.y1 > figure.bbox.y1 + 1]
    return pairs + outside


def test_concepts_by_vendors(data):
    figure = contact_sheet(data, title="Twelve concepts")
    shown = [t.get_text().replace("\n", " ") for t in texts(figure)]
    assert set(VENDORS) <= set(shown)
    assert set(data.names["en"]) <= set(shown)
    assert shown.count("not drawn") == 12 * len(VENDORS) - len(data)
    assert len(figure.axes[0].images) == len(data)
    assert figure.texts[0].get_text() == "Twelve concepts"
    assert overlaps(figure) == []


def test_grid_by_groups():
    noto = load_emoji("noto")
    longest = np.argsort([-len(name) for name in noto.names["en"]])[:20]
    figure = contact_sheet(noto.select(longest), columns=8)
    assert len(figure.axes[0].images) == 20
    shown = {t.get_text() for t in texts(figure)}
    assert set(noto.groups[longest]) <= shown
    assert overlaps(figure) == []


def test_pictures_stand_upright_and_in_place(data):
    one = data.select([0])
    (image,) = contact_sheet(one, columns=4).axes[0].images
    assert (np.asarray(image.get_array()) == one.images[0]).all()
    left, right, bottom, top = image.get_extent()
    assert left < right and bottom > top  # y points down


def test_no_drawings_and_no_columns(data):
    with pytest.raises(ValueError, match="no drawings"):
        contact_sheet(data.select([]))
    with pytest.raises(ValueError, match="columns"):
        contact_sheet(data, columns=0)
