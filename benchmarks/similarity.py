"""Measure what the lesson on similarity claims, over several seeds: `python -m benchmarks.similarity`.

Prints a table and writes `benchmarks/results/similarity.json`, which the lesson draws. CCA and the look-up by name have
no randomness; the towers are trained once a seed. A few minutes on 2 cores.
"""

import json
from pathlib import Path

import numpy as np

from mmlearn.data import FAR_VENDOR, NEAR_VENDOR, TRAIN_VENDORS, EmojiData, Vocabulary, load_emoji
from mmlearn.lessons import similarity as lesson
from mmlearn.lessons import similarity_towers as towers
from mmlearn.lessons.use import use

RESULTS = Path(__file__).parent / "results" / "similarity.json"
SEEDS = (0, 1, 2, 3, 4)
RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0)
SETS = {
    f"{vendor} {concepts}": (vendor, concepts)
    for vendor in (NEAR_VENDOR, FAR_VENDOR)
    for concepts in ("seen", "unseen")
}

cosine_similarity, top_k, recall_at_k, median_rank, csls = use(
    "similarity", "cosine_similarity", "top_k", "recall_at_k", "median_rank", "csls"
)


def score(similarity: np.ndarray) -> dict[str, float]:
    """Retrieval and hubness of one similarity matrix whose pairs stand on the diagonal."""
    targets = np.arange(len(similarity))
    counts = lesson.k_occurrence(top_k(similarity, 10), similarity.shape[1])
    return {
        "recall@1": 100 * recall_at_k(similarity, targets, 1),
        "recall@10": 100 * recall_at_k(similarity, targets, 10),
        "median rank": median_rank(similarity, targets),
        "skewness": lesson.skewness(counts),
        "biggest hub": float(counts.max()),
        "never found": 100 * float((counts == 0).mean()),
    }


def score_embeddings(images: np.ndarray, texts: np.ndarray) -> dict[str, dict[str, float]]:
    """Text queries against image items: as they are, with CSLS, and with the modality gap shifted away."""
    cosines = cosine_similarity(texts, images)
    shifted = cosine_similarity(lesson.shift_towards(texts, images, 1.0), images)
    plain = score(cosines) | {"gap": lesson.modality_gap(images, texts)}
    return {"plain": plain, "csls": score(csls(cosines, 10)), "shifted": score(shifted)}


def validate_ridges(train: EmojiData, images: np.ndarray, texts: np.ndarray) -> dict[str, dict[str, float]]:
    """Recall@10 by strength of the ridge, on training data held back: a vendor, and a fifth of the families."""
    new_vendor = train.vendors == "emojione"
    new_concept = np.isin(train.families, np.unique(train.families)[::5])
    rows = ~new_vendor & ~new_concept
    validation = {"seen": new_vendor & ~new_concept, "unseen": new_vendor & new_concept}
    recalls = {}
    for ridge in RIDGES:
        image_map, text_map, _ = lesson.fit_cca(images[rows], texts[rows], ridge=ridge)
        recalls[str(ridge)] = {
            name: round(score(cosine_similarity(text_map(texts[held]), image_map(images[held])))["recall@10"], 1)
            for name, held in validation.items()
        }
    return recalls


def main() -> None:
    train = load_emoji(TRAIN_VENDORS, "seen")
    vocabulary = Vocabulary.from_texts(lesson.texts_of(train))
    test = {name: load_emoji(*which) for name, which in SETS.items()}

    def features(data: EmojiData) -> tuple[np.ndarray, np.ndarray]:
        return lesson.image_features(data.images), lesson.text_features(lesson.texts_of(data), vocabulary)

    images, texts = features(train)
    inputs = {name: features(data) for name, data in test.items()}
    runs: dict[str, list[dict]] = {}

    ridge_recall = validate_ridges(train, images, texts)
    best_ridge = max(RIDGES, key=lambda ridge: sum(ridge_recall[str(ridge)].values()))

    image_map, text_map, _ = lesson.fit_cca(images, texts, ridge=best_ridge)
    runs["CCA"] = [{name: score_embeddings(image_map(x), text_map(y)) for name, (x, y) in inputs.items()}]
    looked_up = {}
    for name, data in test.items():
        if name.endswith(" seen"):
            ids = data.concept_ids
            looked_up[name] = {"plain": score(lesson.name_lookup(ids, inputs[name][0], images, train.concept_ids))}
    runs["name look-up"] = [looked_up]

    runs["two random maps"] = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        a = rng.standard_normal((images.shape[1], 128)).astype(np.float32)
        b = rng.standard_normal((texts.shape[1], 128)).astype(np.float32)
        runs["two random maps"].append(
            {n: {"plain": score(cosine_similarity(y @ b, x @ a))} for n, (x, y) in inputs.items()}
        )

    for loss_name in ("infonce", "sigmoid"):
        runs[loss_name] = []
        for seed in SEEDS:
            model = towers.make_towers(images.shape[1], texts.shape[1], loss_name, seed)
            before = {name: lesson.modality_gap(*towers.embed(model, *pair)) for name, pair in inputs.items()}
            batches = towers.OneDrawingPerConcept(images, texts, train.concept_ids, batch_size=256, seed=seed)
            model.fit(batches, epochs=40, verbose=0)
            found = {name: score_embeddings(*towers.embed(model, *pair)) for name, pair in inputs.items()}
            for name in found:
                found[name]["plain"]["gap before training"] = before[name]
            runs[loss_name].append(found)

    RESULTS.write_text(
        json.dumps(
            {
                "made by": "python -m benchmarks.similarity",
                "seeds": list(SEEDS),
                "gallery": {name: len(data) for name, data in test.items()},
                "validation recall@10 by ridge": ridge_recall,
                "ridge": best_ridge,
                "runs": rounded(runs),
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    show(runs)


def rounded(value):
    """The same nested value, with 4 decimals: enough to draw, and a small file."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(float(value), 4)


def show(runs: dict[str, list[dict]]) -> None:
    """Print mean ± standard deviation over the seeds."""
    measures = (
        "recall@1",
        "recall@10",
        "median rank",
        "skewness",
        "biggest hub",
        "never found",
        "gap before training",
        "gap",
    )
    print(f"{'method':16}{'set':17}{'variant':9}" + "".join(f"{measure:>20}" for measure in measures))
    for method, seeds in runs.items():
        for name in seeds[0]:
            for variant in seeds[0][name]:
                cells = []
                for measure in measures:
                    values = [run[name][variant][measure] for run in seeds if measure in run[name][variant]]
                    cells.append(f"{np.mean(values):.2f} ± {np.std(values):.2f}" if values else "")
                print(f"{method:16}{name:17}{variant:9}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
