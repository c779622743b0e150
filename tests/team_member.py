"""One process of a team that trains the tiny data, started by torchrun or alone; for tests.

usage: team_member.py CASE DATA OUT
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from pneumo_core.datasets import Dataset, load_dataset
from pneumo_core.distributed import Team, joined
from pneumo_core.recipe import Recipe
from pneumo_core.training import Trained, train

BASE = {
    "name": "tiny",
    "title": "Tiny",
    "data": "chest_xray",
    "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
    "preprocess": {"input_size": 16, "mean": [0.38], "std": [0.12]},
    # 78 images in batches of 25: shares of 12 and 13, and a last batch of 3, too few for two.
    "batch_size": 25,
    "augmentation": {
        "rotate": 10,
        "shift": 0.1,
        "flip": 0.5,
        "gamma": 0.3,
        "contrast": 0.2,
        "brightness": 0.2,
        "coarsen": 0.3,
        "blur": 1.5,
        "noise": 0.05,
        "erase": 0.3,
        "invert": 0.2,
        "spare": 0.3,
    },
    "loss": {"balanced": True, "label_smoothing": 0.05},
    "optimiser": "sgd",
    "ema": 0.9,
    "clip": 0.5,
    "weight_decay": 0.01,
    "flip_average": True,
    "select": "val_loss",
}
NORMED = ["block1", "block2", "block3", "block4"]
"""The stages of the small CNN that hold its batch norm: all but the head."""

CASES = {
    # SqueezeNet has no batch norm.
    "normless": BASE
    | {
        "model": {"architecture": "squeezenet1_1", "channels": 1, "stem": "small", "outputs": 2},
        "loss": {"name": "focal", "balanced": True},
        "phases": [
            {"epochs": 2, "lr": 0.02, "freeze": ["stem", "fire1"], "sampler": "balanced"},
            {"epochs": 2, "lr": 0.01, "warmup": 0.5},
        ],
    },
    "frozen": BASE | {"phases": [{"epochs": 4, "lr": 0.3, "freeze": NORMED}]},
    # Without augmentation, features of the frozen stages are kept.
    "kept": BASE | {"augmentation": {}, "phases": [{"epochs": 4, "lr": 0.3, "freeze": NORMED}]},
    "normed": BASE | {"phases": [{"epochs": 2, "lr": 0.05, "schedule": "constant"}]},
}


def tiny_dataset(data: Path) -> Dataset:
    """The tiny data with training images among those of validation: two blocks, the second short."""
    dataset = load_dataset("chest_xray", data, "patient")
    return replace(dataset, splits={**dataset.splits, "val": dataset.splits["train"]})


def without_bfloat16() -> None:
    """Float32 throughout, as on a CPU that lacks bfloat16: three digits could not tell equality."""
    torch.cpu._is_avx512_bf16_supported = lambda: False
    torch.cpu._is_amx_tile_supported = lambda: False


def trained_case(case: str, data: Path, folder: Path, team: Team) -> Trained:
    recipe = Recipe.from_json(CASES[case])
    checkpoint = folder / f"{case}.pt"
    return train(recipe, tiny_dataset(data), seed=1, checkpoint=checkpoint, team=team)


def main() -> None:
    without_bfloat16()
    cases, data, folder = sys.argv[1].split(","), Path(sys.argv[2]), Path(sys.argv[3])
    team = Team.called(os.environ)
    with joined(team, torch.device("cpu")):
        for case in cases:
            trained = trained_case(case, data, folder / f"rank{team.rank}", team)
            torch.save(vars(trained), folder / f"{case}-{team.rank}.pt")


if __name__ == "__main__":
    main()
