"""What it saves to keep the features of frozen stages, where a head alone is trained.

    OMP_NUM_THREADS=1 python -m benchmarks.frozen_features
    OMP_NUM_THREADS=1 python -m benchmarks.frozen_features --rounds 5 --json frozen_features.json

run in the project's folder. Trains the first phase of `inceptionv3-two-phase` (all stages but the
head frozen, 299 px) on made-up images, by turns with its features kept and without. Random weights
take as long as ImageNet's. Both are timed in every round, so that other work on the machine weighs
on both; the ratio of their epochs is what other machines can be held against. Nothing passes or
fails here.

Measured with one thread on two cores busy with other work: a later epoch takes 0.013 of what one of
the whole network takes (1.1 s and 88 s for 256 images), ten epochs with the first 0.12 of ten.
"""

import argparse
import json
import os
import platform
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pneumo_core import frozen
from pneumo_core.datasets import Dataset
from pneumo_core.recipe import Recipe, load_recipe
from pneumo_core.schedule import EpochRecord
from pneumo_core.splits import Split
from pneumo_core.training import train

RECIPE = "inceptionv3-two-phase"
EPOCHS = 4
"""With features kept: the first computes them, the others are what is compared."""


def main() -> None:
    """Measure, print, and write what `--json` asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=256, help="for training, a quarter to check")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()

    recipe = load_recipe(RECIPE)
    head = replace(recipe, phases=(replace(recipe.phases[0], patience=0),))
    dataset = made_dataset(head, options.images)
    rounds = [one_round(head, dataset) for _ in range(options.rounds)]
    medians = {name: float(np.median([one[name] for one in rounds])) for name in rounds[0]}
    for name, value in medians.items():
        print(f"{name:44}{value:10.3f}")
    if options.json:
        report = {
            "images": options.images,
            "rounds": rounds,
            "median": medians,
            "threads": torch.get_num_threads(),
            "load_average": os.getloadavg()[0],
            "system": platform.platform(),
            "torch": torch.__version__,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def made_dataset(recipe: Recipe, images: int) -> Dataset:
    """Seeded noise in both classes, as many images to check as a quarter of those to train on."""
    rng = np.random.default_rng(22)
    side = recipe.preprocess.square_size

    def split(name: str, count: int) -> Split:
        films = rng.random((count, side, side), dtype=np.float32)
        ids = tuple(f"{name}-{i:04d}" for i in range(count))
        labels = np.arange(count) % 2
        groups = tuple("bacteria" if label else "normal" for label in labels)
        return Split(ids, labels, ids, groups, read=lambda position: films[position])

    return Dataset(
        name=recipe.data,
        title="Seeded noise",
        path=Path(),
        fingerprint="made",
        split_rule="official",
        splits={"train": split("train", images), "val": split("val", images // 4)},
    )


def one_round(recipe: Recipe, dataset: Dataset) -> dict[str, float]:
    """Seconds an epoch with features kept and without, and their ratio."""
    first, *later = epochs(recipe, dataset, EPOCHS, frozen.LIMIT)
    (whole,) = epochs(recipe, dataset, 1, limit=0)
    kept = float(np.mean([record.seconds for record in later]))
    return {
        "whole network, s an epoch": whole.seconds,
        "features kept, first epoch, s": first.seconds,
        "features kept, each later epoch, s": kept,
        "later epoch : whole network": kept / whole.seconds,
        "ten epochs : ten of the whole network": (first.seconds + 9 * kept) / (10 * whole.seconds),
    }


def epochs(recipe: Recipe, dataset: Dataset, count: int, limit: int) -> tuple[EpochRecord, ...]:
    """The history of a training that may keep `limit` bytes of features."""
    before, frozen.LIMIT = frozen.LIMIT, limit
    short = replace(recipe, phases=(replace(recipe.phases[0], epochs=count),))
    try:
        with tempfile.TemporaryDirectory() as folder:
            history = train(short, dataset, seed=1, checkpoint=Path(folder) / "x.pt").history
    finally:
        frozen.LIMIT = before
    kept = {record.cached_stages > 0 for record in history}
    if kept != {limit > 0}:
        raise SystemExit(f"{RECIPE} no longer begins with a phase whose features can be kept.")
    return history


if __name__ == "__main__":
    main()
