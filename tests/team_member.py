"""One process of a team that trains the tiny data, started by torchrun or alone; for tests.

usage: team_member.py CASE,CASE... DATA OUT
"""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from pneumo_core.datasets import Dataset, load_dataset
from pneumo_core.distributed import Team, joined
from pneumo_core.recipe import Recipe
from pneumo_core.training import Progress, train

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
DROPPED = {"model": {"architecture": "cnn", "channels": 1, "stem": "small", "dropout": 0.3}}

MIXED = {"augmentation": BASE["augmentation"] | {"mixup": 0.4}}
"""Half of a batch is mixed with what the other process works on."""

CASES = {
    # SqueezeNet has no batch norm.
    "normless": BASE
    | MIXED
    | {
        "model": {"architecture": "squeezenet1_1", "channels": 1, "stem": "small", "outputs": 2},
        "loss": {"name": "focal", "balanced": True},
        "phases": [
            {"epochs": 1, "lr": 0.02, "freeze": ["stem", "fire1"], "sampler": "balanced"},
            {"epochs": 2, "lr": 0.01, "warmup": 0.5},
        ],
    },
    "frozen": BASE | MIXED | {"phases": [{"epochs": 4, "lr": 0.3, "freeze": NORMED}]},
    # Without augmentation, features of the frozen stages are kept.
    "kept": BASE | {"augmentation": {}, "phases": [{"epochs": 4, "lr": 0.3, "freeze": NORMED}]},
    "normed": BASE | {"phases": [{"epochs": 2, "lr": 0.01, "schedule": "constant"}]},
    "whole": BASE | DROPPED | {"phases": [{"epochs": 3, "lr": 0.05}]},
    "resumed": BASE | DROPPED | {"phases": [{"epochs": 3, "lr": 0.05}]},
}


class Stopped(Exception):  # noqa: N818
    """Stands for a signal in the middle of an epoch."""


def tiny_dataset(data: Path) -> Dataset:
    """The tiny data, validated on its 78 training images: two blocks, the second a short one."""
    dataset = load_dataset("chest_xray", data, "patient")
    return replace(dataset, splits={**dataset.splits, "val": dataset.splits["train"]})


def without_bfloat16() -> None:
    """Float32 throughout, as on a CPU that lacks bfloat16: three digits could not tell equality."""
    torch.cpu._is_avx512_bf16_supported = lambda: False
    torch.cpu._is_amx_tile_supported = lambda: False


def stopped(progress: Progress) -> None:
    """Stop, in every process, in the middle of the third epoch."""
    if (progress.epoch, progress.batch) == (3, 2):
        raise Stopped


def main() -> None:
    without_bfloat16()
    dataset, folder = tiny_dataset(Path(sys.argv[2])), Path(sys.argv[3])
    team = Team.called(os.environ)
    with joined(team, torch.device("cpu")):
        for case in sys.argv[1].split(","):
            recipe = Recipe.from_json(CASES[case])
            options = {"seed": 1, "checkpoint": folder / f"rank{team.rank}/{case}.pt", "team": team}
            if case == "resumed":
                with suppress(Stopped):
                    train(recipe, dataset, report=stopped, **options)
            trained = train(recipe, dataset, resume=case == "resumed", **options)
            torch.save(vars(trained), folder / f"{case}-{team.rank}.pt")


if __name__ == "__main__":
    main()
