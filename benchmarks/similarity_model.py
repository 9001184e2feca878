"""Measure what the lesson on the two-tower program claims: `python -m benchmarks.similarity_model`.

Trains the reference model once a seed on the four training vendors, and once with a vendor and a fifth of the families
held back, which is how its settings were chosen. Writes `benchmarks/results/similarity_model.json`, which the lesson
draws beside the baselines of `benchmarks/results/similarity.json`. About a minute a run on 2 cores; `--only` does
one run and leaves the others in the file as they are.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from mmlearn.data import FAR_VENDOR, NEAR_VENDOR, TRAIN_VENDORS, EmojiData, Vocabulary, load_emoji
from mmlearn.lessons import similarity as features
from mmlearn.lessons.similarity_program import EPOCHS, blend, held_back_rows
from mmlearn.lessons.use import use
from mmlearn.quiet import keras

RESULTS = Path(__file__).parent / "results" / "similarity_model.json"
SEEDS = (0, 1, 2)
RUNS = ("validation", *map(str, SEEDS))
SETS = {f"{vendor} {kind}": (vendor, kind) for vendor in (NEAR_VENDOR, FAR_VENDOR) for kind in ("seen", "unseen")}

recall_at_k, median_rank = use("similarity", "recall_at_k", "median_rank")
build_image_tower, build_text_tower, build_two_tower, train_two_tower = use(
    "similarity_model", "build_image_tower", "build_text_tower", "build_two_tower", "train_two_tower"
)


def score(similarity: np.ndarray) -> dict[str, float]:
    """Retrieval by one similarity matrix whose pairs stand on the diagonal."""
    targets = np.arange(len(similarity))
    recalls = {f"recall@{k}": 100 * recall_at_k(similarity, targets, k) for k in (1, 10)}
    return {
        name: round(value, 2) for name, value in {**recalls, "median rank": median_rank(similarity, targets)}.items()
    }


def run(train: EmojiData, tests: dict[str, EmojiData], seed: int) -> dict:
    """Train on `train`; score the two towers, CCA, and the two averaged, on each of `tests`."""
    texts = features.texts_of(train)
    vocabulary = Vocabulary.from_texts(texts)
    keras.utils.set_random_seed(seed)
    model = build_two_tower(build_image_tower(), build_text_tower(len(vocabulary)))
    start = time.perf_counter()
    history = train_two_tower(
        model, train.images, vocabulary.encode(texts)[0], train.concept_ids, epochs=EPOCHS, rng=seed
    )
    seconds = time.perf_counter() - start
    bags = features.text_features(texts, vocabulary)
    image_map, text_map, _ = features.fit_cca(features.image_features(train.images), bags)

    found: dict = {"seconds": round(seconds, 1), "weights": model.count_params()}
    found["loss"] = [round(value, 4) for value in history["loss"]]
    found["scale"] = round(float(np.exp(np.asarray(model.log_scale))), 2)
    for name, data in tests.items():
        texts = features.texts_of(data)
        a = model.image_tower.predict(data.images, verbose=0, batch_size=256)
        b = model.text_tower.predict(vocabulary.encode(texts)[0], verbose=0, batch_size=256)
        towers = b @ a.T
        x = features.unit_rows(image_map(features.image_features(data.images)))
        y = features.unit_rows(text_map(features.text_features(texts, vocabulary)))
        cca = y @ x.T
        both = blend(towers, cca)
        scores = {"two towers": towers, "CCA": cca, "two towers + CCA": both}
        found[name] = {method: score(similarity) for method, similarity in scores.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the two-tower model and write the results.")
    parser.add_argument("--only", choices=RUNS, help="do one run only")
    chosen = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results = {"made by": "python -m benchmarks.similarity_model", "epochs": EPOCHS, "runs": results.get("runs", {})}
    train = load_emoji(TRAIN_VENDORS, "seen")
    for name in RUNS:
        if chosen.only not in (None, name):
            continue
        if name == "validation":
            new_vendor, new_family = held_back_rows(train)
            rows = ~new_vendor & ~new_family
            # a concept counts as seen only if one of the remaining vendors drew it
            known = np.isin(train.concept_ids, train.concept_ids[rows])
            tests = {
                "held-back vendor seen": train.select(new_vendor & known),
                "held-back vendor unseen": train.select(new_vendor & new_family),
            }
            results["runs"][name] = run(train.select(rows), tests, seed=0)
        else:
            results["runs"][name] = run(train, {s: load_emoji(*which) for s, which in SETS.items()}, int(name))
        results["runs"] = {key: results["runs"][key] for key in RUNS if key in results["runs"]}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        for test, methods in results["runs"][name].items():
            if isinstance(methods, dict):
                for method, row in methods.items():
                    print(f"{name:11}{test:25}{method:18}" + "".join(f"{k:>13} {v:5.1f}" for k, v in row.items()))
        print(f"{name:11}trained for {results['runs'][name]['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
