"""Folders of captioned photographs, made here in the formats of Flickr8k and COCO."""

import json

import numpy as np
import pytest
from PIL import Image

from mmlearn.data import CaptionError, load_captioned_photos

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def photo(path, colour=RED, size=(80, 60)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, quality=95)


@pytest.fixture
def photos(tmp_path):
    """Two photographs in a subfolder, as Flickr8k has them."""
    photo(tmp_path / "Images" / "a.jpg", RED)
    photo(tmp_path / "Images" / "b.jpg", GREEN, (50, 90))
    return tmp_path


def write_csv(folder, *lines):
    (folder / "captions.txt").write_text("image,caption\n" + "\n".join(lines) + "\n", encoding="utf-8")


def write_tokens(folder, *lines):
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_coco(folder, images, annotations):
    text = json.dumps({"images": images, "annotations": annotations})
    (folder / "captions_val2017.json").write_text(text, encoding="utf-8")


def check_two(data):
    assert data.file_names == ("a.jpg", "b.jpg")
    assert data.captions == (("A dog runs .", "A brown dog, outside ."), ("A boy 跑 .",))
    assert data.images.shape == (2, 16, 16, 3) and data.images.dtype == np.uint8 and len(data) == 2
    assert abs(data.images[0].astype(int) - RED).max() < 12
    assert abs(data.images[1].astype(int) - GREEN).max() < 12


def test_csv(photos):
    write_csv(photos, "a.jpg,A dog runs .", 'a.jpg,"A brown dog, outside ."', "", "b.jpg,A boy 跑 .")
    check_two(load_captioned_photos(photos, size=16))


def test_csv_with_unquoted_commas_and_byte_order_mark(photos):
    text = "\ufeffimage,caption\na.jpg,A dog runs .\na.jpg,A brown dog, outside .\nb.jpg,A boy 跑 .\n"
    (photos / "captions.txt").write_text(text, encoding="utf-8")
    check_two(load_captioned_photos(str(photos), size=16))


def test_token_file(photos):
    write_tokens(photos, "a.jpg#0\tA dog runs .", "a.jpg#1\tA brown dog, outside .", "b.jpg#0\tA boy 跑 .")
    check_two(load_captioned_photos(photos, size=16))


def test_coco(photos):
    annotations = [(7, "A dog runs ."), (3, "A boy 跑 ."), (7, "A brown dog, outside .")]
    write_coco(
        photos,
        [{"id": 7, "file_name": "a.jpg"}, {"id": 3, "file_name": "b.jpg"}, {"id": 9, "file_name": "no.jpg"}],
        [{"image_id": i, "caption": text} for i, text in annotations],
    )
    check_two(load_captioned_photos(photos, size=16))  # no.jpg has no caption, so it is not looked for


def test_limit_reads_only_the_first(photos):
    write_csv(photos, "a.jpg,one", "absent.jpg,two")
    assert load_captioned_photos(photos, limit=1).file_names == ("a.jpg",)
    assert load_captioned_photos(photos, limit=0).images.shape == (0, 64, 64, 3)


def test_centre_crop(tmp_path):
    picture = Image.new("RGB", (90, 30), BLUE)
    picture.paste(RED, (30, 0, 60, 30))
    picture.save(tmp_path / "wide.png")
    write_csv(tmp_path, "wide.png,red between blue")
    image = load_captioned_photos(tmp_path, size=10).images[0]
    assert abs(image[:, 1:9].astype(int) - RED).max() < 12


def test_grey_and_turned_photographs(tmp_path):
    Image.new("L", (40, 40), 100).save(tmp_path / "grey.jpg")
    turned = Image.new("RGB", (40, 40), RED)
    turned.paste(BLUE, (0, 0, 40, 20))  # stored blue above red
    exif = Image.Exif()
    exif[0x0112] = 3  # to be shown upside down
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    write_csv(tmp_path, "grey.jpg,grey", "turned.jpg,turned")
    images = load_captioned_photos(tmp_path, size=8).images
    assert abs(images[0].astype(int) - 100).max() < 5
    assert abs(images[1, 0].astype(int) - RED).max() < 12


def fails(folder, *parts, **options):
    with pytest.raises(CaptionError) as caught:
        load_captioned_photos(folder, **options)
    for part in parts:
        assert part in str(caught.value)


def test_no_folder_and_no_caption_file(tmp_path):
    fails(tmp_path / "nowhere", "nowhere", "not a folder")
    fails(tmp_path, str(tmp_path), "captions.txt", "Flickr8k.token.txt", "captions_*.json")


def test_several_caption_files(photos):
    write_csv(photos, "a.jpg,one")
    write_tokens(photos, "a.jpg#0\tone")
    fails(photos, "several", "captions.txt", "Flickr8k.token.txt")


def test_absent_image(photos):
    write_csv(photos, "a.jpg,one", "absent.jpg,two", "gone.jpg,three")
    fails(photos, "captions.txt", "absent.jpg", "1 more")


def test_broken_image(photos):
    path = photos / "Images" / "b.jpg"
    path.write_bytes(path.read_bytes()[:200])
    write_csv(photos, "a.jpg,one", "b.jpg,two")
    fails(photos, "b.jpg", "not a readable image")
    path.write_bytes(b"no image at all")
    fails(photos, "b.jpg", "not a readable image")


def test_one_name_in_two_folders(photos):
    photo(photos / "more" / "a.jpg", BLUE)
    write_csv(photos, "a.jpg,one")
    fails(photos, "two folders", "Images", "more")


@pytest.mark.parametrize(
    ("line", "reason"), [("a.jpg", "no comma"), (",no name", "no name"), ("a.jpg,  ", "caption of a.jpg is empty")]
)
def test_malformed_csv_line(photos, line, reason):
    write_csv(photos, "a.jpg,fine", line)
    fails(photos, "captions.txt, line 3", reason)


def test_csv_without_header_and_with_open_quote(photos):
    (photos / "captions.txt").write_text("a.jpg,one\n", encoding="utf-8")
    fails(photos, "captions.txt, line 1", "header")
    (photos / "captions.txt").write_text('image,caption\na.jpg,"never closed\n', encoding="utf-8")
    fails(photos, "captions.txt, line 2")


@pytest.mark.parametrize("line", ["a.jpg#0 no tab", "a.jpg\tno number", "a.jpg#x\tno digit"])
def test_malformed_token_line(photos, line):
    write_tokens(photos, "a.jpg#0\tfine", line)
    fails(photos, "Flickr8k.token.txt, line 2", "name.jpg#0")


@pytest.mark.parametrize(
    ("images", "annotations", "reason"),
    [
        ([{"id": 1}], [], "images[0]"),
        ([{"id": 1, "file_name": "a.jpg"}], [{"image_id": 1}], "annotations[0]"),
        ([{"id": 1, "file_name": "a.jpg"}], [{"image_id": 2, "caption": "x"}], "no image has the id 2"),
        ([{"id": 1, "file_name": "a.jpg"}], [{"image_id": 1, "caption": 5}], "not a text"),
        ([{"id": 1, "file_name": "a.jpg"}], [{"image_id": 1, "caption": " "}], "empty"),
    ],
)
def test_malformed_coco_entry(photos, images, annotations, reason):
    write_coco(photos, images, annotations)
    fails(photos, "captions_val2017.json", reason)


@pytest.mark.parametrize("text", ["{\n", '{"images": []}', "[]", '{"images": 1, "annotations": []}'])
def test_coco_of_another_shape(photos, text):
    (photos / "captions_x.json").write_text(text, encoding="utf-8")
    fails(photos, "captions_x.json")


def test_text_in_another_encoding(photos):
    (photos / "captions.txt").write_bytes("image,caption\na.jpg,caf\xe9 .\n".encode("latin-1"))
    fails(photos, "captions.txt", "not UTF-8")


def test_senseless_arguments(photos):
    with pytest.raises(ValueError, match="size"):
        load_captioned_photos(photos, size=0)
    with pytest.raises(ValueError, match="limit"):
        load_captioned_photos(photos, limit=-1)
