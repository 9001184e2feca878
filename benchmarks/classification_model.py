"""The joint classifier on eight groups of emoji: each fusion, its baselines and ablations. Several seeds.

python -m benchmarks.classification_model              about ten minutes on two cores
python -m benchmarks.classification_model --runs 2     only the next two runs; what is in the result file is kept

Protocol. Training: drawings of the seen concepts by four vendors, with their English names. About 15 % of the families
are held back, for early stopping. Test: unseen concepts, drawn by Fluent (near) and by OpenMoji (far). All sizes and
rates are the program's defaults. Modality dropout, word dropout and the number of epochs were chosen on held-back
families with one seed; Fluent was looked at, but chose nothing. All rows of a seed share split and vocabulary.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.data import GROUPS

RESULTS = Path(__file__).parent / "results" / "classification_model.json"
PLAIN = {"modality_dropout": 0.0, "word_dropout": 0.0}
# name -> fusion, options of build_classifier and of train_classifier; None: the two baselines and their late fusion
RUNS: dict[str, tuple[str, dict, dict] | None] = {
    "unimodal": None,
    "concat": ("concat", {}, {}),
    "gated": ("gated", {}, {}),
    "cross_attention": ("cross_attention", {}, {}),
    "concat, no class weights": ("concat", {}, {"class_weights": False}),
    "concat, no modality or word dropout": ("concat", PLAIN, {}),
}
KEYS = len(GROUPS)

program = load_module(paths.solution_file("classification_model"))


def judged(seed: int, method: str, logits: dict[str, np.ndarray], labels: dict[str, np.ndarray], **more) -> dict:
    """One row of the result: `logits` and `labels` of the pairs held back ("validation"), "near" and "far"."""
    near, true = logits["near"], labels["near"]
    answers = near.argmax(axis=1)
    matrix = program.confusion_matrix(true, answers, KEYS)
    temperature = program.fit_temperature(logits["validation"], labels["validation"])
    row = {
        **program.scores(true, answers),
        "validation": float(np.mean(logits["validation"].argmax(axis=1) == labels["validation"])),
        "far": float(np.mean(logits["far"].argmax(axis=1) == labels["far"])),
        "ece": program.reliability(near, true)[1],
        "temperature": temperature,
        "ece_scaled": program.reliability(near / temperature, true)[1],
        **more,
    }
    row = {name: round(value, 4) for name, value in row.items()}
    recall = (np.diag(matrix) / matrix.sum(axis=1)).round(3).tolist()
    row = {"seed": seed, "method": method, **row, "recall": recall}
    print(row, flush=True)
    return row


def one_run(seed: int, name: str) -> list[dict]:
    vocabulary_size, pairs = program.load_pairs(seed)
    training, near = pairs["train"], pairs["near"]
    held = program.held_back(training.families, 0.15, seed)
    inputs = {"validation": [part[held] for part in training.inputs], "near": near.inputs, "far": pairs["far"].inputs}
    labels = {"validation": training.labels[held], "near": near.labels, "far": pairs["far"].labels}

    def trained(model, **options) -> tuple[dict, dict]:
        start = time.perf_counter()
        history = program.train_classifier(
            model, *training.inputs, training.labels, training.families, seed=seed, **options
        )
        told = {"seconds": time.perf_counter() - start, "epochs": len(history["loss"])}
        return {key: model.predict(value, verbose=0) for key, value in inputs.items()}, told

    found = RUNS[name]
    if found is not None:
        fusion, build, train = found
        model = program.build_classifier(fusion, vocabulary_size, KEYS, seed=seed, **build)
        logits, told = trained(model, **train)
        lost = program.ablate(model, *near.inputs, near.labels, rng=seed)
        return [judged(seed, name, logits, labels, **told, **{k: lost[k] for k in lost if k != "full"})]

    rows, alone = [], {}
    for modality in ("image", "text"):
        model = program.build_unimodal(modality, vocabulary_size, KEYS, seed=seed)
        alone[modality], told = trained(model)
        rows.append(judged(seed, modality, alone[modality], labels, **told))
    logs = {m: {key: program.log_softmax(value) for key, value in alone[m].items()} for m in alone}
    late = {key: (logs["image"][key] + logs["text"][key]) / 2 for key in inputs}
    either = np.mean([logs[m]["near"].argmax(axis=1) == near.labels for m in logs], axis=0) > 0
    return [*rows, judged(seed, "late", late, labels, either=float(either.mean()))]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare joint classifiers with their baselines.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1000, help="stop after so many trainings")
    arguments = parser.parse_args()
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    todo = [(seed, name) for seed in range(arguments.seeds) for name in RUNS]
    todo = [
        (seed, name)
        for seed, name in todo
        if (seed, "late" if name == "unimodal" else name) not in {(row["seed"], row["method"]) for row in rows}
    ]
    _, pairs = program.load_pairs()
    majority = np.bincount(pairs["train"].labels).argmax()
    protocol = {
        "training_pairs": len(pairs["train"].labels),
        "test_pairs": len(pairs["near"].labels),
        "training_counts": np.bincount(pairs["train"].labels).tolist(),
        "majority": round(float(np.mean(pairs["near"].labels == majority)), 4),
    }
    for seed, name in todo[: arguments.runs]:
        rows += one_run(seed, name)
        rows.sort(key=lambda row: row["seed"])
        text = json.dumps({"protocol": protocol, "rows": rows}).replace(', {"seed"', ',\n{"seed"')
        RESULTS.write_text(text.replace('[{"seed"', '[\n{"seed"') + "\n", encoding="utf-8")
    print(f"{max(len(todo) - arguments.runs, 0)} runs are left")


if __name__ == "__main__":
    main()
