"""Measure what the lesson on attention claims, over several seeds: `python -m benchmarks.attention`.

Trains one reader of scenes a seed and way of reaching the answer, prints a table and writes
`benchmarks/results/attention.json`, which the lesson draws. About a minute a reader on 2 cores.
"""

import json
from pathlib import Path

import numpy as np

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.data import FAR_VENDOR, NEAR_VENDOR, TRAIN_VENDORS, Scenes, Vocabulary, load_emoji, make_scenes
from mmlearn.lessons.attention import best_threshold, template_scores
from mmlearn.lessons.attention_model import READOUTS, SIZE, SceneReader, answers, queries_and_keys, train_reader

RESULTS = Path(__file__).parent / "results" / "attention.json"
SEEDS = (0, 1, 2)
TRAIN_SCENES, EPOCHS = 8000, 5
TEST_SCENES, TEST_SEED = 500, 10_000
SETS = {"training vendors": TRAIN_VENDORS, NEAR_VENDOR: NEAR_VENDOR, FAR_VENDOR: FAR_VENDOR}

reference = load_module(paths.solution_file("attention"))


def measure(reader: SceneReader, scenes: Scenes, vocabulary: Vocabulary) -> dict[str, float]:
    """Percentages, but for the entropy. Pointing counts the queries for what is there."""
    q, k = queries_and_keys(reader, scenes, vocabulary)
    _, weights = reference.scaled_dot_product_attention(q, k, k)
    there, targets = scenes.present, scenes.target_masks(SIZE)
    other = np.roll(weights, 1, axis=1)  # each query gets the map of another word, asked of the same scene

    def accuracy(maps: np.ndarray) -> float:
        return 100 * float((answers(reader, q, k, maps) == there).mean())

    return {
        "accuracy": accuracy(weights),
        "accuracy with the map of another word": accuracy(other),
        "accuracy with a flat map": accuracy(np.full_like(weights, 1 / weights.shape[-1])),
        "pointing": 100 * reference.pointing_game(weights[there], targets[there]),
        "pointing with the map of another word": 100 * reference.pointing_game(other[there], targets[there]),
        "entropy": float(reference.attention_entropy(weights[there]).mean()),
    }


def measure_templates(test: dict[str, Scenes]) -> dict[str, dict[str, float]]:
    """The look-up by pixels, its threshold chosen on scenes of the training vendors."""
    train = load_emoji(TRAIN_VENDORS, "seen")
    tuning = make_scenes(train, TEST_SCENES, TEST_SEED + 1)
    threshold = best_threshold(template_scores(tuning, train).max(axis=-1), tuning.present)
    found = {}
    for name, scenes in test.items():
        scores = template_scores(scenes, train)
        there = scenes.present
        found[name] = {
            "accuracy": 100 * float(((scores.max(axis=-1) >= threshold) == there).mean()),
            "pointing": 100 * reference.pointing_game(scores[there], scenes.target_masks(3)[there]),
        }
    return found


def main() -> None:
    train = load_emoji(TRAIN_VENDORS, "seen")
    vocabulary = Vocabulary.from_texts(train.names["en"])
    test = {name: make_scenes(load_emoji(vendors, "seen"), TEST_SCENES, TEST_SEED) for name, vendors in SETS.items()}
    runs: dict[str, list] = {"templates": [measure_templates(test)]} | {readout: [] for readout in READOUTS}
    for seed in SEEDS:
        scenes = make_scenes(train, TRAIN_SCENES, seed)
        for readout in READOUTS:
            reader = train_reader(scenes, vocabulary, readout, seed, EPOCHS)
            runs[readout].append({name: measure(reader, data, vocabulary) for name, data in test.items()})
            report(seed, readout, runs[readout][-1])
        write(runs, SEEDS[: len(runs["through"])])


def write(runs: dict[str, list], seeds: tuple[int, ...]) -> None:
    """After each seed, so that a run which is stopped has not been in vain."""
    summary = {
        "made by": "python -m benchmarks.attention",
        "seeds": list(seeds),
        "training scenes": TRAIN_SCENES,
        "epochs": EPOCHS,
        "queries a test set": TEST_SCENES * 8,
        "runs": {
            name: {
                which: {key: [round(run[which][key], 2) for run in found] for key in found[0][which]} for which in SETS
            }
            for name, found in runs.items()
        },
    }
    RESULTS.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def report(seed: int, name: str, found: dict[str, dict[str, float]]) -> None:
    for which, values in found.items():
        print(f"{seed} {name:8} {which:17}", {key: round(value, 1) for key, value in values.items()}, flush=True)


if __name__ == "__main__":
    main()
