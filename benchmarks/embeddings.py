"""Measure what the lesson on embeddings claims, over several seeds: `python -m benchmarks.embeddings`.

Prints a table and writes `benchmarks/results/embeddings.json`, which the lesson draws. Where chance plays no
part there is one run, else one a seed. About five minutes on 2 cores.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmlearn.contestant.load import load_module
from mmlearn.course import paths
from mmlearn.lessons import embeddings as lesson

RESULTS = Path(__file__).parent / "results" / "embeddings.json"
SEEDS = (0, 1, 2, 3, 4)
BINS, PATCH, VISUAL_WORDS, COMPONENTS, EPOCHS = 4, 4, 256, 64, 5

reference = load_module(paths.solution_file("embeddings"))
data = lesson.experiment()
Runs = dict[str, list[dict[str, float]]]


def score_images(embed: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """What a map from images to vectors knows of groups and of concepts, on unseen concepts by an unseen vendor."""
    train, test, gallery = (embed(part.images) for part in (data.train, data.test, data.gallery))
    probe = lesson.fit_probe(train, data.train.labels, data.train.concept_ids)
    return {
        "size": train.shape[1],
        "group": 100 * float(np.mean(probe(test) == data.test.labels)),
        "found@1": 100 * lesson.found_again(test, gallery, 1),
        "found@10": 100 * lesson.found_again(test, gallery, 10),
    }


def image_runs() -> Runs:
    def histogram(images: np.ndarray) -> np.ndarray:
        return np.sqrt(reference.color_histogram(images, BINS))

    pixels = (data.train.images / 255).reshape(len(data.train), -1).astype(np.float32)
    mean, components, _ = reference.pca(pixels, COMPONENTS)

    def eigenpictures(images: np.ndarray) -> np.ndarray:
        return ((images / 255).reshape(len(images), -1) - mean) @ components.T

    runs: Runs = {
        "histogram, cast to ids": [
            score_images(lambda images, seed=seed: lesson.lookup_of_values(histogram(images), seed=seed))
            for seed in SEEDS
        ],
        "pixels 0 to 1, cast to ids": [
            score_images(lambda images, seed=seed: lesson.lookup_of_values(images / 255, seed=seed)) for seed in SEEDS
        ],
        "pixels 0 to 255, as ids": [
            score_images(lambda images, seed=seed: lesson.lookup_of_values(images, seed=seed)) for seed in SEEDS
        ],
        "colour histogram": [score_images(histogram)],
        "bag of patches": [],
        "pixels, 8 × 8": [score_images(lesson.shrink)],
        "PCA of pixels": [score_images(eigenpictures)],
        "small CNN, trained": [],
    }
    for seed in SEEDS:
        prototypes = lesson.choose_prototypes(reference.patchify(data.train.images[::7], PATCH), VISUAL_WORDS, seed)

        def bag(images: np.ndarray, prototypes: np.ndarray = prototypes) -> np.ndarray:
            return lesson.count_ids(lesson.visual_words(reference.patchify(images, PATCH), prototypes), VISUAL_WORDS)

        counts = bag(data.train.images)
        runs["bag of patches"].append(
            score_images(lambda images, bag=bag, counts=counts: reference.tf_idf(bag(images), counts))
        )
    for seed in SEEDS:
        encoder = lesson.train_cnn(data.train.images, data.train.labels, seed=seed, epochs=EPOCHS)
        runs["small CNN, trained"].append(
            score_images(
                lambda images, encoder=encoder: encoder.predict(images.astype(np.float32), batch_size=256, verbose=0)
            )
        )
    return runs


def text_runs(keywords: bool) -> Runs:
    known = lesson.one_per_concept(data.train)
    train, test = lesson.texts_of(known, keywords), lesson.texts_of(data.test, keywords)
    vocabulary = reference.build_vocabulary(train)
    length = max(len(text) for text in train + test)
    (ids, mask), (test_ids, test_mask) = (reference.encode_texts(texts, vocabulary, length) for texts in (train, test))
    counts, test_counts = (lesson.count_words(part, len(vocabulary)) for part in (ids, test_ids))

    def score(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
        probe = lesson.fit_probe(x, known.labels, known.concept_ids)
        return {"size": x.shape[1], "group": 100 * float(np.mean(probe(y) == data.test.labels))}

    runs: Runs = {
        "bag of words": [score(counts, test_counts)],
        "tf-idf": [score(reference.tf_idf(counts), reference.tf_idf(test_counts, counts))],
        "mean of random vectors": [],
        "mean of learnt vectors": [],
    }
    for seed in SEEDS:
        vectors = lesson.train_words(ids, known.labels, len(vocabulary), seed=seed)
        for name, table in (("mean of random vectors", vectors.before), ("mean of learnt vectors", vectors.after)):
            pooled, test_pooled = (
                reference.masked_mean_pool(table[ids], mask),
                reference.masked_mean_pool(table[test_ids], test_mask),
            )
            runs[name].append(score(pooled, test_pooled))
    return runs


def main() -> None:
    results = {
        "made by": "python -m benchmarks.embeddings",
        "seeds": list(SEEDS),
        "training drawings": len(data.train),
        "test drawings": len(data.test),
        "most common group": 100 * lesson.most_common_share(data.test),
        "images": image_runs(),
        "texts, the name": text_runs(keywords=False),
        "texts, name and keywords": text_runs(keywords=True),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rounded(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for part in ("images", "texts, the name", "texts, name and keywords"):
        print(part)
        for name, runs in results[part].items():
            cells = [
                f"{key} {np.mean([r[key] for r in runs]):.1f} ± {np.std([r[key] for r in runs]):.1f}" for key in runs[0]
            ]
            print(f"  {name:28}" + "   ".join(cells))


def rounded(value):
    """The same nested value, with 2 decimals."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 2) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
