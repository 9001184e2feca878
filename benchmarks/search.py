"""Measure what the capstone claims: `python -m benchmarks.search`.

Trains the bilingual two-tower once a seed, and joins it with the closed-form space (CCA); both are searched by whole
texts (recall@k), by single keywords (precision@5), from one language into the other, and used as zero-shot classifiers.
Whether more word dropout helps was asked with one training vendor held back ("validation"); it
does not, so the text tower keeps its default. Writes
`benchmarks/results/search.json`, which the lesson draws. About two minutes a run on 2 cores; `--only` does one run and
leaves the others in the file as they are.
"""

import argparse
import json
import time
from pathlib import Path

from mmlearn.data import FAR_VENDOR, LANGUAGES, NEAR_VENDOR, TRAIN_VENDORS, EmojiData, load_emoji
from mmlearn.lessons import search, search_index
from mmlearn.lessons.use import use
from mmlearn.lessons.zero_shot import PROMPTS, accuracy
from mmlearn.quiet import keras

RESULTS = Path(__file__).parent / "results" / "search.json"
SEEDS = (0, 1, 2)
RUNS = ("validation", *map(str, SEEDS))
EPOCHS = 250
WORD_DROPOUT = 0.2  # the text tower's default
SETS = {f"{vendor} {kind}": (vendor, kind) for vendor in (NEAR_VENDOR, FAR_VENDOR) for kind in ("seen", "unseen")}

build_image_tower, build_text_tower, build_two_tower, train_two_tower = use(
    "similarity_model", "build_image_tower", "build_text_tower", "build_two_tower", "train_two_tower"
)


def train(pairs: search.Pairs, seed: int, word_dropout: float, epochs: int) -> tuple[search.Space, float]:
    """A two-tower's space, and the seconds that training took."""
    keras.utils.set_random_seed(seed)
    text_tower = build_text_tower(len(pairs.vocabulary), word_dropout=word_dropout)
    model = build_two_tower(build_image_tower(), text_tower)
    start = time.perf_counter()
    train_two_tower(model, pairs.images, pairs.token_ids, pairs.concept_ids, epochs=epochs, rng=seed)
    return search.tower_space(model, pairs.vocabulary), time.perf_counter() - start


def everything(space: search.Space, data: EmojiData) -> dict[str, float]:
    """Retrieval and zero-shot classification on one set of drawings."""
    found = search.score(space, data)
    images = space.embed_images(data.images)
    for language in LANGUAGES:
        for prompt in PROMPTS:
            found[f"{language} zero-shot {prompt}"] = accuracy(space, data, images, language, prompt)
    return {name: round(value, 2) for name, value in found.items()}


def score_all(spaces: dict[str, search.Space], sets: dict[str, tuple]) -> dict[str, dict]:
    return {
        method: {name: everything(space, load_emoji(*which)) for name, which in sets.items()}
        for method, space in spaces.items()
    }


def run(name: str) -> dict:
    if name == "validation":
        held = "emojione"
        pairs = search.bilingual_pairs([vendor for vendor in TRAIN_VENDORS if vendor != held])
        dropouts = (0.2, 0.5, 0.8)
        spaces = {f"word dropout {rate}": train(pairs, 0, rate, EPOCHS // 3)[0] for rate in dropouts}
        return score_all(spaces, {f"{held} seen": (held, "seen")})
    pairs = search.bilingual_pairs()
    towers, seconds = train(pairs, int(name), WORD_DROPOUT, EPOCHS)
    cca = search.cca_space(pairs)
    both = search.joined(towers, cca)
    found: dict = {"seconds": round(seconds, 1), "vocabulary": len(pairs.vocabulary)}
    found |= score_all({"towers": towers, "cca": cca, "both": both}, SETS)
    if name == str(SEEDS[0]):
        found["index"] = search_index.compare(both, load_emoji(), seed=0)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the capstone claims.")
    parser.add_argument("--only", choices=RUNS, help="one run; the others stay in the file as they are")
    only = parser.parse_args().only
    results = json.loads(RESULTS.read_text()) if only and RESULTS.exists() else {}
    for name in [only] if only else RUNS:
        results[name] = run(name)
        print(name, json.dumps(results[name], indent=1), flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
