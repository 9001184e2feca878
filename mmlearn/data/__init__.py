"""The image-text data of the course: emoji drawings with names and keywords in two languages.

    from mmlearn.data import load_emoji, Vocabulary, TRAIN_VENDORS
    train = load_emoji(TRAIN_VENDORS, concepts="seen")

Where the data comes from, and what is wrong with it, is told in DATA_CARD.md.
"""

from mmlearn.data.captions import CaptionedPhotos, CaptionError, load_captioned_photos
from mmlearn.data.emoji import (
    FAR_VENDOR,
    GROUPS,
    IMAGE_SIZE,
    LANGUAGES,
    NEAR_VENDOR,
    SPLITS,
    TRAIN_VENDORS,
    VENDORS,
    DataFileError,
    EmojiData,
    load_emoji,
    verify_files,
)
from mmlearn.data.scenes import Scenes, make_scenes
from mmlearn.data.text import PADDING_ID, UNKNOWN_ID, Vocabulary, tokenize

__all__ = [
    "FAR_VENDOR",
    "GROUPS",
    "IMAGE_SIZE",
    "LANGUAGES",
    "NEAR_VENDOR",
    "PADDING_ID",
    "SPLITS",
    "TRAIN_VENDORS",
    "UNKNOWN_ID",
    "VENDORS",
    "CaptionError",
    "CaptionedPhotos",
    "DataFileError",
    "EmojiData",
    "Scenes",
    "Vocabulary",
    "load_captioned_photos",
    "load_emoji",
    "make_scenes",
    "tokenize",
    "verify_files",
]
