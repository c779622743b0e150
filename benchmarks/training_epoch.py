"""What an epoch of training costs, against the loop of torchvision's tutorials.

    python -m benchmarks.training_epoch
    python -m benchmarks.training_epoch --images 4000 --epochs 8

run in the project's folder, with chest_xray among its data. The other loop is the usual one:
`ImageFolder`, PIL transforms, a `DataLoader` with two workers, float32, with the same networks,
films, patients, batch size, learning rates and kinds of augmentation to the same extent. Both use
every core. Ours reads the films once, before its first epoch: the bar is held against a later one,
and whole short runs, reading included, are told beside. Of ResNet-18 the areas under the curve on
the validation films are compared; ResNet-50 gets one short epoch, which says what it costs and
nothing of how well it learns.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from benchmarks.measure import Ratio, record
from pneumo_core.architectures import ModelSpec, create_model
from pneumo_core.augment import Augmentation
from pneumo_core.datasets import Dataset, load_dataset
from pneumo_core.evaluation import predict_logits
from pneumo_core.intervals import auc_delong
from pneumo_core.preprocess import Preprocess
from pneumo_core.recipe import Phase, Recipe
from pneumo_core.splits import Split
from pneumo_core.training import train

GREY_MEAN, GREY_STD = 0.48, 0.22
TURN, SHIFT, ZOOM, FLIP, LIGHT, CONTRAST = 10.0, 0.05, 0.1, 0.5, 0.1, 0.25
"""Degrees, shares of the side, of the scale, of the films, of full scale, and of the contrast."""


@dataclass(frozen=True)
class Case:
    """What is trained."""

    architecture: str
    size: int
    images: int
    epochs: int
    rate: float
    batch: int


@dataclass(frozen=True)
class Outcome:
    """What one loop took, in seconds, and how good its network is on the validation films."""

    whole: float
    later: float
    auc: tuple[float, float, float]

    def words(self) -> str:
        """Seconds and area, to print."""
        value, low, high = self.auc
        return f"{self.whole:.1f} s in all, AUC {value:.3f} ({low:.3f}-{high:.3f})"


def main() -> None:
    """Measure both networks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1600, help="to train ResNet-18 on")
    parser.add_argument("--epochs", type=int, default=4, help="of ResNet-18")
    options = parser.parse_args()

    torch.set_num_threads(os.cpu_count() or 1)
    dataset = load_dataset("chest_xray", None, "patient")
    ratios = []
    for case in (
        Case("resnet18", 64, options.images, options.epochs, 1e-3, 64),
        Case("resnet50", 224, 256, 1, 1e-4, 32),
    ):
        films = drawn(dataset, case.images)
        ours, usual = trained(case, films), usual_loop(case, films)
        title = f"{case.architecture} at {case.size} px, {case.images} films"
        detail = f"usual {usual.words()}; ours {ours.words()}"
        against = "torchvision's usual loop"
        if case.epochs > 1:
            later = f"{usual.later:.1f} s and {ours.later:.1f} s, median"
            ratios += [
                Ratio(f"{title}, an epoch", against, usual.later / ours.later, ">= 2", later),
                Ratio(
                    f"{title}, {case.epochs} epochs with reading",
                    against,
                    usual.whole / ours.whole,
                    "",
                    detail,
                ),
            ]
        else:
            ratios.append(
                Ratio(
                    f"{title}, one epoch with reading",
                    against,
                    usual.whole / ours.whole,
                    ">= 2",
                    detail,
                )
            )
    record(
        "training_epoch",
        ratios,
        [
            "Ratios are the usual loop's seconds over ours: how many times faster.",
            "One short epoch of ResNet-50 says what it costs, nothing of how well it learns.",
        ],
    )


def drawn(dataset: Dataset, count: int) -> Dataset:
    """So many training films and a quarter as many to check, drawn at random."""
    rng = np.random.default_rng(3)
    counts = {"train": count, "val": min(count // 4, len(dataset.splits["val"]))}
    chosen = {
        name: dataset.splits[name].subset(rng.permutation(len(dataset.splits[name]))[:number])
        for name, number in counts.items()
    }
    return replace(dataset, splits={**dataset.splits, **chosen})


def network(case: Case) -> ModelSpec:
    """The network of both loops."""
    return ModelSpec(case.architecture)


def trained(case: Case, dataset: Dataset) -> Outcome:
    """Ours: what `train_cli.py` runs."""
    preprocess = Preprocess(
        input_size=case.size,
        source_size=case.size,
        crop="centre",
        channels=3,
        mean=(GREY_MEAN,) * 3,
        std=(GREY_STD,) * 3,
    )
    recipe = Recipe(
        name="benchmark",
        title="benchmark",
        data=dataset.name,
        model=network(case),
        preprocess=preprocess,
        phases=(Phase(case.epochs, case.rate, keep_last=True),),
        augmentation=Augmentation(
            rotate=TURN, shift=SHIFT, zoom=ZOOM, flip=FLIP, brightness=LIGHT, contrast=CONTRAST
        ),
        batch_size=case.batch,
        weight_decay=0.01,
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        found = train(recipe, dataset, seed=1, checkpoint=Path(folder) / "state.pt")
        whole = time.perf_counter() - start
    model = create_model(recipe.model)
    model.load_state_dict(dict(found.weights))
    val = dataset.splits["val"]
    logits = predict_logits(model, preprocess, val.squares(preprocess))
    later = [epoch.seconds for epoch in found.history[1:]] or [found.history[0].seconds]
    return Outcome(whole, float(np.median(later)), area(val, logits))


def usual_loop(case: Case, dataset: Dataset) -> Outcome:
    """The loop of torchvision's tutorials."""
    from torchvision import transforms as t
    from torchvision.datasets import ImageFolder

    square = [t.Grayscale(3), t.Resize(case.size), t.CenterCrop(case.size)]
    last = [t.ToTensor(), t.Normalize([GREY_MEAN] * 3, [GREY_STD] * 3)]
    changed = [
        t.RandomAffine(
            TURN,
            (SHIFT, SHIFT),
            (1 - ZOOM, 1 + ZOOM),
            interpolation=t.InterpolationMode.BILINEAR,
        ),
        t.RandomHorizontalFlip(FLIP),
        t.ColorJitter(brightness=LIGHT, contrast=CONTRAST),
    ]
    start = time.perf_counter()
    loaders = {}
    for name, steps in (("train", [*square, *changed, *last]), ("val", [*square, *last])):
        split = dataset.splits[name]
        # Films of both splits lie in the folder train/: the official validation has sixteen.
        folders = {
            part: ImageFolder(str(dataset.path / part), t.Compose(steps))
            for part in ("train", "val")
        }
        places = {
            str(Path(path).relative_to(dataset.path)): (part, place)
            for part, folder in folders.items()
            for place, (path, _) in enumerate(folder.samples)
        }
        parts = [
            Subset(folder, [places[image][1] for image in split.ids if places[image][0] == part])
            for part, folder in folders.items()
        ]
        loaders[name] = DataLoader(
            torch.utils.data.ConcatDataset(parts),
            batch_size=case.batch,
            shuffle=name == "train",
            num_workers=2,
        )
    torch.manual_seed(1)
    model = create_model(network(case))
    loss_of = nn.BCEWithLogitsLoss()
    optimiser = torch.optim.AdamW(model.parameters(), lr=case.rate, weight_decay=0.01)
    steps_in_all = case.epochs * len(loaders["train"])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.5 * (1 + cos(pi * min(1, step / steps_in_all)))
    )
    seconds = []
    for _ in range(case.epochs):
        begun = time.perf_counter()
        model.train()
        for images, labels in loaders["train"]:
            loss = loss_of(model(images)[:, 0], labels.float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        model.eval()
        logits, truth = [], []
        with torch.no_grad():
            for images, labels in loaders["val"]:
                logits.append(model(images)[:, 0])
                truth.append(labels)
        seconds.append(time.perf_counter() - begun)
    whole = time.perf_counter() - start
    found = auc_delong(torch.cat(truth).numpy(), torch.cat(logits).double().numpy())
    later = float(np.median(seconds[1:] or seconds))
    return Outcome(whole, later, (found.value, found.low, found.high))


def area(split: Split, logits: np.ndarray) -> tuple[float, float, float]:
    """Area under the curve with its interval, by film: the other loop knows no patients."""
    found = auc_delong(split.labels, logits)
    return found.value, found.low, found.high


if __name__ == "__main__":
    main()
