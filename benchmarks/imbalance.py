"""Cures for a long tail, and for a modality that drowns the other: five seeds each, results for lesson 06.

python -m benchmarks.imbalance classes       a quarter of an hour on two busy cores
python -m benchmarks.imbalance modalities    another ten minutes

Each seed's results are stored as soon as they are there, in benchmarks/results/imbalance.json.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.lessons import imbalance as lesson
from mmlearn.lessons import imbalance_modalities as two

RESULTS = Path(__file__).parent / "results" / "imbalance.json"
SEEDS = range(5)

reference = load_module(paths.solution_file("imbalance"))


def measures(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """What the lesson shows of one model on one test set."""
    num_classes = logits.shape[1]
    predictions = logits.argmax(axis=1)
    matrix = reference.confusion_matrix(labels, predictions, num_classes)
    probabilities = lesson.softmax(logits)
    table = lesson.reliability(probabilities, labels)
    return {
        "recall": (np.diagonal(matrix) / matrix.sum(axis=1)).round(4).tolist(),
        "accuracy": round(float(np.mean(predictions == labels)), 4),
        "balanced_accuracy": round(reference.balanced_accuracy(labels, predictions, num_classes), 4),
        "macro_f1": round(reference.macro_f1(labels, predictions, num_classes), 4),
        "calibration_error": round(lesson.calibration_error(probabilities, labels), 4),
        "bins": {key: np.nan_to_num(value).round(4).tolist() for key, value in table.items()},
    }


def compare_cures(seed: int) -> dict[str, Any]:
    """Train once without a cure and once with each; adjust the plain one after training as well."""
    data = lesson.long_tail()
    labels, num_classes = data.labels(data.train), len(data.classes)
    counts = np.bincount(labels, minlength=num_classes)
    test_labels, validation_labels = data.labels(data.test), data.labels(data.validation)
    moving = {"augment": reference.augment}
    cures: dict[str, dict[str, Any]] = {
        "plain": moving,
        "plain, no augmentation": {},
        "weights 1/n": moving | {"weights": reference.class_weights(labels, num_classes, "balanced")},
        "effective number": moving | {"weights": reference.class_weights(labels, num_classes, "effective")},
        "focal loss": moving | {"gamma": 2.0},
        "balanced batches": moving | {"batches": reference.balanced_batches},
        "logit-adjusted loss": moving | {"offset": np.log(counts / counts.sum())},
    }
    found = {}
    for name, options in cures.items():
        start = time.perf_counter()
        model = lesson.train_classifier(data.train.images, labels, num_classes, seed, **options)
        seconds = time.perf_counter() - start
        logits = lesson.logits_of(model, data.test.images)
        found[name] = measures(logits, test_labels) | {"seconds": round(seconds, 1)}
        if name == "plain":
            found["logit adjustment after"] = measures(reference.logit_adjustment(logits, counts), test_labels)
            offsets = lesson.move_thresholds(lesson.logits_of(model, data.validation.images), validation_labels)
            found["thresholds moved"] = measures(logits + offsets, test_labels)
            found["plain"]["thresholds"] = offsets.tolist()
        print(seed, name, found[name]["balanced_accuracy"], f"{seconds:.0f} s", flush=True)
    return found


def compare_modalities(seed: int) -> dict[str, Any]:
    """Train the fused model in each way, and each modality alone."""
    return two.compare(reference.modality_balance, seed, reference.augment)


def store(part: str, seed: int, found: dict[str, Any]) -> None:
    """Merge one seed's results into the file."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results.setdefault(part, {})[str(seed)] = found
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["classes", "modalities"], nargs="?", help="default: both")
    wanted = parser.parse_args().part
    for part, experiment in (("classes", compare_cures), ("modalities", compare_modalities)):
        if wanted in (None, part):
            for seed in SEEDS:
                store(part, seed, experiment(seed))


if __name__ == "__main__":
    main()
