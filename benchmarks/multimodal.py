"""When do two modalities beat one? Emoji into eight groups, with either modality spoiled more and more. Several seeds.

python -m benchmarks.multimodal              a few minutes on two cores; writes benchmarks/results/multimodal.json
python -m benchmarks.multimodal --seeds 1

Protocol. Training: drawings of the seen concepts by four vendors, with the concept's name, clean or spoiled (see
`spoil_for_training`). Test: unseen concepts, drawn by Fluent. The networks are those of the lesson on fusion, all
trained alike and none tuned. A seed sets the weights, the batches, the training noise and the test noise; the test
pairs themselves are always the same, so the spread over seeds leaves out the luck of which concepts were drawn. The
intervals of "gain" have that luck in them: they draw the test pairs anew.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from mmlearn.data import NEAR_VENDOR
from mmlearn.lessons import multimodal as lesson
from mmlearn.lessons.fusion import classification_pairs

RESULTS = Path(__file__).parent / "results" / "multimodal.json"
COMPARED = [("concat", "text"), ("concat", "image"), ("late", "text"), ("late", "image"), ("late", "concat")]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure when two modalities beat one.")
    parser.add_argument("--seeds", type=int, default=5)
    count = parser.parse_args().seeds
    start = time.perf_counter()
    pairs = classification_pairs()
    test = classification_pairs(NEAR_VENDOR, "unseen", "name", pairs.vocabulary)
    clean = lesson.spoil(test, *lesson.CLEAN, 0)
    known = (test.token_ids > 1).any(axis=1)
    rows: list[dict] = []
    right: dict[tuple[str, str], list[np.ndarray]] = {}
    for seed in range(count):
        models = lesson.train_all(pairs, seed)
        rows += [{"seed": seed, **row} for row in lesson.measure(models, test, seed)]
        for training in lesson.TRAININGS:
            for method, answer in lesson.answers(models, training, *clean).items():
                right.setdefault((training, method), []).append(answer == test.labels)
        print(f"seed {seed} done after {time.perf_counter() - start:.0f} s", flush=True)

    share = {key: np.mean(hits, axis=0) for key, hits in right.items()}  # (N,) how often right, over seeds
    gain = []
    for training in lesson.TRAININGS:
        for better, worse in COMPARED:
            difference = share[training, better] - share[training, worse]
            low, high = lesson.interval(difference, 0)
            found = {"mean": difference.mean(), "low": low, "high": high}
            found = {name: round(float(value), 4) for name, value in found.items()}
            gain.append({"training": training, "better": better, "than": worse, **found})
    by_words = [
        {"training": t, "method": m, "known word": round(float(s[known].mean()), 4),
         "no known word": round(float(s[~known].mean()), 4)}
        for (t, m), s in share.items()
    ]  # fmt: skip
    majority = np.bincount(pairs.labels).argmax()
    protocol = {
        "made by": "python -m benchmarks.multimodal",
        "seeds": count,
        "training_pairs": len(pairs),
        "test_pairs": len(test),
        "majority": round(float((test.labels == majority).mean()), 4),
        "no_known_word": round(float(1 - known.mean()), 4),
    }
    result = {"protocol": protocol, "gain": gain, "by_words": by_words, "rows": rows}
    text = json.dumps(result).replace("}, {", "},\n{").replace("[{", "[\n{")
    RESULTS.write_text(text + "\n", encoding="utf-8")
    show(rows, gain, by_words)


def show(rows: list[dict], gain: list[dict], by_words: list[dict]) -> None:
    """Print means ± standard deviations over the seeds, in percent."""
    methods = (*lesson.METHODS, "late", "either")
    print(f"{'training':10}{'trouble':14}{'level':>6}" + "".join(f"{method:>14}" for method in methods))
    for training, kind, level in dict.fromkeys((r["training"], r["kind"], r["level"]) for r in rows):
        same = [r for r in rows if (r["training"], r["kind"], r["level"]) == (training, kind, level)]
        cells = []
        for method in methods:
            values = [100 * r[method] for r in same if method in r]
            cells.append(f"{np.mean(values):.1f} ± {np.std(values):.1f}" if values else "")
        print(f"{training:10}{kind:14}{level:>6}" + "".join(f"{cell:>14}" for cell in cells))
    for row in gain + by_words:
        print(row)


if __name__ == "__main__":
    main()
