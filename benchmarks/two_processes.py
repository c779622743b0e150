"""Do two processes of one thread train as fast as one process of two, and to the same losses?

    python -m benchmarks.two_processes
    python -m benchmarks.two_processes --rounds 5 --data FOLDER

run in the project's folder, on two cores or more and a quiet machine: two threads wait for one
another thousands of times an epoch, and where other work takes a core, one process of two threads
falls behind far more than two processes do. A ResNet-18 of half the width, with the small stem, is
trained at 64 pixels for four epochs on a part of PneumoniaMNIST, by turns by two processes that
torchrun starts and by one; each epoch trains and validates. Both train the same images in the same
batches with the same augmentation, by the same code. The first epoch of each start is left out: it
sets things up. Losses are held against each other, epoch by epoch: they are not equal, for with two
processes batch norm sees half a batch at a time (tests/test_distributed.py holds both to the same
sums elsewhere).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.measure import Ratio, record
from pneumo_core.datasets import load_dataset
from pneumo_core.distributed import Team, joined
from pneumo_core.recipe import Recipe
from pneumo_core.training import train

EPOCHS, TRAINED, VALIDATED = 4, 256, 128
RECIPE = {
    "name": "two-processes",
    "title": "ResNet-18 of half the width at 64 px",
    "data": "pneumoniamnist",
    "model": {"architecture": "resnet18_half", "channels": 1, "stem": "small"},
    "preprocess": {"input_size": 64, "source_size": 28, "mean": [0.57], "std": [0.17]},
    "augmentation": {"rotate": 12, "shift": 0.08, "flip": 0.5, "noise": 0.03, "blur": 0.6},
    "optimiser": "adamw",
    "weight_decay": 0.05,
    "batch_size": 64,
    "ema": 0.9,
    "clip": 1.0,
    "phases": [{"epochs": EPOCHS, "lr": 0.0005, "warmup": 1}],
}
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def main() -> None:
    """Train by turns, and record the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="", help="folder of the data, as for train_cli.py")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--member", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.member:
        train_once(options.member, options.data)
        return
    rounds = [
        {"two": started(TORCHRUN, 1, options.data), "one": started((), 2, options.data)}
        for _ in range(options.rounds)
    ]
    seconds = {
        kind: [row["seconds"] for one in rounds for row in one[kind][1:]] for kind in ("two", "one")
    }
    speed = {kind: TRAINED / median(values) for kind, values in seconds.items()}
    notes = [
        f"epoch {number + 1}: training loss {two['train_loss']:.4f} by two and "
        f"{one['train_loss']:.4f} by one, validation AUC {two['val_auc']:.4f} and "
        f"{one['val_auc']:.4f}"
        for number, (two, one) in enumerate(zip(rounds[0]["two"], rounds[0]["one"], strict=True))
    ]
    same = all(
        [row["train_loss"] for row in one[kind]] == [row["train_loss"] for row in rounds[0][kind]]
        for one in rounds
        for kind in ("two", "one")
    )
    notes.append("each had the same losses in every round" if same else "LOSSES VARIED BY ROUND")
    two, one = (f"{speed[kind]:.0f} images/s" for kind in ("two", "one"))
    detail = f"{two} and {one}, medians of {len(seconds['two'])} epochs of {TRAINED} images"
    ratio = speed["two"] / speed["one"]
    record(
        "two_processes",
        [Ratio("two processes of one thread", "one of two threads", ratio, ">= 0.9", detail)],
        notes,
    )


def started(launcher: tuple[str, ...], threads: int, data: str) -> list[dict[str, float]]:
    """The history of a training in processes of their own, with so many threads each."""
    module = ("-m", "benchmarks.two_processes")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "history.json"
        subprocess.run(
            [sys.executable, *launcher, *module, "--member", out, "--data", data],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        return json.loads(out.read_text(encoding="utf-8"))


def train_once(out: Path, data: str) -> None:
    """Train in this process, one of a team where torchrun started it; the first writes `out`."""
    dataset = load_dataset("pneumoniamnist", data or None, "patient")
    random = np.random.default_rng(0)
    parts = {"train": TRAINED, "val": VALIDATED}
    splits = {
        name: dataset.splits[name].subset(
            np.sort(random.permutation(len(dataset.splits[name]))[:count])
        )
        for name, count in parts.items()
    }
    team = Team.called(os.environ)
    device = torch.device("cpu")
    with joined(team, device):
        trained = train(
            Recipe.from_json(RECIPE),
            replace(dataset, splits=splits),
            seed=1,
            checkpoint=out.with_suffix(".pt"),
            device=device,
            team=team,
        )
    assert trained.threads * trained.processes == 2, "each side has two threads in all"
    if team.leads:
        out.write_text(json.dumps([vars(row) for row in trained.history]), encoding="utf-8")


if __name__ == "__main__":
    main()
