"""Zero-shot classification: a class is a sentence, and an image belongs to the sentence that is nearest."""

from __future__ import annotations

import numpy as np

from mmlearn.data import GROUPS, EmojiData
from mmlearn.lessons.search import Space
from mmlearn.lessons.similarity import unit_rows

# What each group is called: the bare name, and a few things that belong to it, in words that a caption may hold.
NAMES = {
    "en": {
        "smileys-emotion": ("smiley", "face emotion smile sad angry love"),
        "people-body": ("person", "person man woman hand body gesture people"),
        "animals-nature": ("animal", "animal bird fish insect plant flower tree nature"),
        "food-drink": ("food", "food fruit vegetable meat drink dessert restaurant"),
        "travel-places": ("travel", "vehicle car train boat building place weather"),
        "activities": ("sport", "sport game ball celebration medal music art"),
        "objects": ("tool", "tool clothing phone paper money book office"),
        "symbols": ("symbol", "sign symbol arrow button zodiac math square"),
    },
    "zh": {
        "smileys-emotion": ("表情", "表情 脸 笑 哭 生气 爱心"),
        "people-body": ("人", "人 男人 女人 手 身体 手势"),
        "animals-nature": ("动物", "动物 鸟 鱼 虫 植物 花 树"),
        "food-drink": ("食物", "食物 水果 蔬菜 肉 饮料 甜品"),
        "travel-places": ("旅行", "车 火车 船 建筑 地点 天气"),
        "activities": ("活动", "运动 比赛 球 庆祝 奖牌 游戏"),
        "objects": ("物品", "物品 工具 衣服 手机 纸 钱 书"),
        "symbols": ("符号", "符号 标志 箭头 按钮 星座 形状"),
    },
}

PROMPTS = ("name", "examples")


def class_embeddings(space: Space, language: str, prompt: str) -> np.ndarray:
    """(8, D): one unit vector a group, in the order of `GROUPS`.

    Args:
        space: where to.
        language: "en" or "zh".
        prompt: "name", one word a group; "examples", the mean of several words' vectors (an ensemble of prompts).
    """
    if prompt not in PROMPTS:
        raise ValueError(f"unknown prompt {prompt!r}; use one of {', '.join(PROMPTS)}")
    named = [NAMES[language][group] for group in GROUPS]
    if prompt == "name":
        return space.embed_texts([name for name, _ in named])
    return unit_rows(np.stack([space.embed_texts(examples.split()).mean(axis=0) for _, examples in named]))


def predict(space: Space, images: np.ndarray, language: str, prompt: str) -> np.ndarray:
    """(N,) ids of groups for image embeddings (N, D)."""
    return np.argmax(images @ class_embeddings(space, language, prompt).T, axis=1)


def accuracy(space: Space, data: EmojiData, images: np.ndarray, language: str, prompt: str) -> float:
    """Share in percent of drawings whose nearest group is their own; `images` are the embeddings of `data`."""
    return 100 * float((predict(space, images, language, prompt) == data.labels).mean())


def nearest_centroid(train: np.ndarray, labels: np.ndarray, images: np.ndarray) -> np.ndarray:
    """(N,) ids of groups for image embeddings (N, D), by the mean embedding of each group's training drawings.

    Args:
        train: (T, D) embeddings.
        labels: (T,) their groups.
        images: (N, D).
    """
    centroids = unit_rows(np.stack([train[labels == group].mean(axis=0) for group in range(len(GROUPS))]))
    return np.argmax(images @ centroids.T, axis=1)
