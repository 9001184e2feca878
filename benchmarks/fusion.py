"""Ways to fuse image and text, on eight groups of emoji: unseen concepts, drawn by an unseen vendor. Several seeds.

python -m benchmarks.fusion              about ten minutes on two cores; writes benchmarks/results/fusion.json
python -m benchmarks.fusion --seeds 1

Protocol. Training: the drawings of the seen concepts by four vendors, with one text each (the name, or one keyword at
random). Test: unseen concepts, drawn by Fluent. Images enter as fixed features (colours and edges); all above is
trained from random weights, end to end, for the same number of epochs, with the same optimiser and the same sizes.
Those were chosen for speed, and none was tuned for a method. Late fusion mixes the two unimodal models half and half
and trains nothing.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from mmlearn.data import NEAR_VENDOR
from mmlearn.lessons.fusion import TEXTS, classification_pairs
from mmlearn.lessons.fusion_models import (
    DIM,
    EPOCHS,
    FUSIONS,
    RANK,
    Classifier,
    Inputs,
    accuracy,
    inputs_of,
    log_probabilities,
    train,
)

RESULTS = Path(__file__).parent / "results" / "fusion.json"
RATE = 0.5  # of modality dropout
WEIGHTS = [round(0.1 * step, 1) for step in range(11)]


def shuffled(inputs: Inputs, seed: int) -> Inputs:
    """The same images, each with the text of another row: what a model loses then, it had from the texts."""
    rows = np.random.default_rng(seed).permutation(len(inputs.labels))
    return Inputs(inputs.features, inputs.token_ids[rows], inputs.labels)


def scores(model: Classifier, test: Inputs, seed: int) -> dict[str, float]:
    found = {
        "both": accuracy(model.logits(test), test.labels),
        "without_text": accuracy(model.logits(test, missing="text"), test.labels),
        "without_image": accuracy(model.logits(test, missing="image"), test.labels),
        "shuffled_texts": accuracy(model.logits(shuffled(test, seed)), test.labels),
    }
    return {name: round(value, 4) for name, value in found.items()}


def one_seed(seed: int) -> tuple[list[dict], list[dict]]:
    """All methods on both kinds of text, and late fusion at other weights."""
    rows, weights = [], []
    image = np.zeros(0)
    for text in TEXTS:
        pairs = classification_pairs(text=text, rng=seed)
        test_pairs = classification_pairs(NEAR_VENDOR, "unseen", text, pairs.vocabulary, rng=1000 + seed)
        training, test, size = inputs_of(pairs), inputs_of(test_pairs), len(pairs.vocabulary)

        def add(method: str, found: dict, rate: float = 0.0, seconds: float = 0.0, text: str = text) -> None:
            rows.append({"seed": seed, "text": text, "method": method, "modality_dropout": rate, **found})
            print(f"seed {seed} {text:<8}{method:<9} {rate}  {found}  {seconds:.0f} s", flush=True)

        def trained(method: str, rate: float = 0.0, data: tuple = (training, test, size)) -> Classifier:
            start = time.perf_counter()
            model = train(method, data[0], data[2], seed, rate)
            add(method, scores(model, data[1], seed), rate, time.perf_counter() - start)
            return model

        if text == TEXTS[0]:  # the same drawings for both kinds of text
            image = log_probabilities(trained("image").logits(test))
        words = log_probabilities(trained("text").logits(test))
        curve = [accuracy(w * image + (1 - w) * words, test.labels) for w in WEIGHTS]
        weights.append({"seed": seed, "text": text, "both": [round(value, 4) for value in curve]})
        either = (image.argmax(axis=1) == test.labels) | (words.argmax(axis=1) == test.labels)
        known = (test.token_ids > 1).any(axis=1)
        late = {"both": curve[WEIGHTS.index(0.5)], "without_text": curve[-1], "without_image": curve[0]}
        add("late", {name: round(value, 4) for name, value in late.items()})
        add("either", {"both": round(float(either.mean()), 4)})
        add("no_known_word", {"both": round(1 - float(known.mean()), 4)})  # a share of the test pairs, not a score
        for method in FUSIONS:
            trained(method)
            if text == "name":
                trained(method, RATE)
    return rows, weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ways to fuse image and text.")
    parser.add_argument("--seeds", type=int, default=5)
    count = parser.parse_args().seeds
    pairs = classification_pairs()
    test_pairs = classification_pairs(NEAR_VENDOR, "unseen", "name", pairs.vocabulary)
    majority = np.bincount(pairs.labels).argmax()
    protocol = {
        "training_pairs": len(pairs),
        "test_pairs": len(test_pairs),
        "epochs": EPOCHS,
        "dim": DIM,
        "rank": RANK,
        "modality_dropout": RATE,
        "majority": round(float((test_pairs.labels == majority).mean()), 4),
    }
    rows, weights = [], []
    for seed in range(count):
        more_rows, more_weights = one_seed(seed)
        rows += more_rows
        weights += more_weights
        result = {"protocol": protocol | {"seeds": seed + 1}, "late_weights": WEIGHTS, "late": weights, "rows": rows}
        lines = (
            json.dumps(result, ensure_ascii=False).replace(', {"seed"', ',\n{"seed"').replace('[{"seed"', '[\n{"seed"')
        )
        RESULTS.write_text(lines + "\n", encoding="utf-8")  # after each seed, so that a run may be cut short


if __name__ == "__main__":
    main()
