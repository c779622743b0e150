"""The training loop: phases, early stopping, schedules, and resuming to the same result.

Everything an epoch does follows from the recipe, the seed, the number of the epoch and the state
at its start. Each epoch seeds its own random numbers, and learning rate, early stopping and the
place within the phases are functions of the history; features of frozen stages are computed anew.
So a checkpoint after an epoch is enough to go on as if nothing had happened: on a CPU, with the
same number of threads, bit for bit.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.architectures import (
    ARCHITECTURES,
    create_model,
    freeze_stages,
    pneumonia_logit,
    stage_module,
)
from pneumo_core.checkpoint import Checkpoint, load_checkpoint, same_run, save_checkpoint
from pneumo_core.datasets import Dataset, Split
from pneumo_core.devices import autocast, deterministic
from pneumo_core.errors import TrainingError
from pneumo_core.frozen import Images, feed
from pneumo_core.kinds import CLASSES
from pneumo_core.losses import Loss
from pneumo_core.recipe import Phase, Recipe
from pneumo_core.schedule import (
    EpochRecord,
    best_epoch,
    learning_rate,
    next_epoch,
    quality_figures,
)


@dataclass(frozen=True)
class Progress:
    """Where a run stands: after each batch, and with `record` after each epoch.

    While the features of frozen stages are computed, before a phase's first batch, `batch` is 0
    and `loss` is not a number.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    record: EpochRecord | None = None


@dataclass(frozen=True)
class Trained:
    """What training leaves.

    Attributes:
        weights: State of the network at the epoch that was best on validation, on the CPU.
        history: One record an epoch.
        best_epoch: Number of that epoch, from 1.
        seed: Of everything random.
        origin: Where the initial weights came from; "random" or a file or hub name.
        device: Where it was trained: "cpu", "cuda" or "mps".
        threads: CPU threads that were used.
        precision: "bfloat16" or "float32", of the matrix products.
        cut_short: Whether the recipe had more epochs to come.
    """

    weights: Mapping[str, Tensor]
    history: tuple[EpochRecord, ...]
    best_epoch: int
    seed: int
    origin: str
    device: str
    threads: int
    precision: str
    cut_short: bool = False


def train(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int,
    checkpoint: Path,
    device: torch.device | None = None,
    resume: bool = False,
    finish: bool = False,
    initial_weights: Mapping[str, Tensor] | None = None,
    origin: str = "random",
    report: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a recipe on a data set's train split, choosing the epoch on its val split.

    Args:
        recipe: What to do.
        dataset: With "train" and "val"; "test" is not looked at.
        seed: Of the initial weights and of everything random afterwards.
        checkpoint: File that the state is kept in after each epoch.
        device: Where to train; None for the CPU.
        resume: Go on from `checkpoint` instead of starting anew.
        finish: Train no more: take the best epoch that the checkpoint knows.
        initial_weights: Start from these, e.g. ImageNet's, instead of random ones.
        origin: Where they come from, for the record.
        report: Called after each batch, and after each epoch once its state is kept.

    Raises:
        TrainingError: If the loss is no longer finite, the device's memory is too small, or the
            checkpoint belongs to another recipe, seed or data set.
        OSError: If the checkpoint cannot be written.
    """
    device = device or torch.device("cpu")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    trainer = _Trainer(recipe, dataset, seed, origin, device, report or _ignore)
    with deterministic(device):
        if resume:
            trainer.restore(load_checkpoint(checkpoint))
        else:
            trainer.start(initial_weights)
        while not finish and (place := next_epoch(recipe, trainer.history)) is not None:
            try:
                done = trainer.run_epoch(*place)
            except torch.OutOfMemoryError:
                size = max(2, recipe.batch_size // 2)
                raise TrainingError(
                    f"The {device.type} device has too little memory: try --set batch_size={size}."
                ) from None
            save_checkpoint(checkpoint, trainer.state())
            trainer.report(done)
        return Trained(
            weights=_moved(trainer.best, "cpu"),
            history=tuple(trainer.history),
            best_epoch=best_epoch(recipe, trainer.history),
            seed=seed,
            origin=origin,
            device=device.type,
            threads=torch.get_num_threads(),
            precision="bfloat16" if autocast(device).fast_dtype else "float32",
            cut_short=next_epoch(recipe, trainer.history) is not None,
        )


def _ignore(_: Progress) -> None:
    pass


class _Trainer:
    """State of one run between epochs."""

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        seed: int,
        origin: str,
        device: torch.device,
        report: Callable[[Progress], None],
    ) -> None:
        self.recipe, self.seed, self.origin = recipe, seed, origin
        self.device, self.report = device, report
        self.fingerprint = dataset.fingerprint
        train_split, self.val = dataset.splits["train"], dataset.splits["val"]
        self.squares = torch.from_numpy(train_split.squares(recipe.preprocess)).to(device)
        self.val_squares = self.val.squares(recipe.preprocess)
        self.targets = _targets(train_split, recipe).to(device)
        self.positive = torch.from_numpy(train_split.labels)
        self.history: list[EpochRecord] = []
        self.step = 0

        torch.manual_seed(seed)
        self.model = create_model(recipe.model).to(device, memory_format=torch.channels_last)

    def start(self, weights: Mapping[str, Tensor] | None) -> None:
        if weights is not None:
            self.model.load_state_dict(dict(weights))
        self.average = _copy(self.model.state_dict())
        self.best = self.average
        self._enter(0)

    def restore(self, checkpoint: Checkpoint) -> None:
        if not same_run(checkpoint.identity, self._identity()):
            raise TrainingError(
                "The checkpoint belongs to another recipe, seed or data set: start anew without "
                "--resume, or resume it with what it was started with."
            )
        torch.set_num_threads(checkpoint.threads)
        self.history = [EpochRecord(**row) for row in checkpoint.history]
        self.step = checkpoint.step
        self.model.load_state_dict(checkpoint.model)
        self.average = _moved(checkpoint.average, self.device)
        self.best = _moved(checkpoint.best, self.device)
        self._enter(self.history[-1].phase)
        self.optimiser.load_state_dict(checkpoint.optimiser)

    def state(self) -> Checkpoint:
        return Checkpoint(
            identity=self._identity(),
            threads=torch.get_num_threads(),
            history=[asdict(record) for record in self.history],
            step=self.step,
            model=self.model.state_dict(),
            average=self.average,
            best=self.best,
            optimiser=self.optimiser.state_dict(),
        )

    def _identity(self) -> dict[str, Any]:
        identity = {
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "origin": self.origin,
            "fingerprint": self.fingerprint,
        }
        # Through JSON, so that it compares equal with what a checkpoint gives back.
        return json.loads(json.dumps(identity))

    def _enter(self, number: int) -> None:
        """Set up what a phase has of its own: frozen stages, optimiser, what the network is fed."""
        recipe, phase = self.recipe, self.recipe.phases[number]
        freeze_stages(self.model, recipe.model, phase.freeze)
        self.optimiser = self._new_optimiser(phase)
        paths = ARCHITECTURES[recipe.model.architecture].stages
        self.still = tuple(f"{paths[stage]}." for stage in phase.freeze)
        images = Images(
            model=self.model,
            preprocess=recipe.preprocess_in(number),
            augmentation=phase.augmentation or recipe.augmentation,
            squares=self.squares,
            val_squares=self.val_squares,
            flip_average=recipe.flip_average,
            device=self.device,
        )
        self.feed = feed(images, recipe.model, phase.freeze)

    def _new_optimiser(self, phase: Phase) -> torch.optim.Optimizer:
        recipe = self.recipe
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        groups = [
            # Decaying biases and norm scales only distorts them (as timm does, too).
            {
                "params": [p for p in trained if p.ndim > 1],
                "weight_decay": self.recipe.weight_decay,
            },
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        if recipe.optimiser == "sgd":
            return torch.optim.SGD(groups, lr=phase.lr, momentum=0.9)
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
        return kind(groups, lr=phase.lr)

    def run_epoch(self, number: int, passed: int) -> Progress:
        """Train one epoch of phase `number`, of which `passed` are done, and validate."""
        started = time.monotonic()
        if number > 0 and passed == 0:
            self.model.load_state_dict(self.best)
            self.average = _copy(self.best)
            self._enter(number)
        epoch = len(self.history) + 1
        epoch_seed = (self.seed * 100_003 + epoch) % 2**63
        saved = self.feed.prepare(lambda: self._tell(0, math.nan))
        torch.manual_seed(epoch_seed)  # dropout
        order = torch.Generator().manual_seed(epoch_seed)

        train_loss, seen, logits = self._train_epoch(number, passed, order)
        val_logits = self._averaged_logits()
        if not np.isfinite(val_logits).all():
            raise self._diverged(number)
        train_quality = quality_figures(self.positive[seen].numpy(), logits.numpy())
        val_quality = quality_figures(self.val.labels, val_logits)
        record = EpochRecord(
            epoch=epoch,
            phase=number,
            lr=self.optimiser.param_groups[0]["lr"],
            train_loss=train_loss,
            train_auc=train_quality["auc"],
            train_accuracy=train_quality["accuracy"],
            val_loss=val_quality["loss"],
            val_auc=val_quality["auc"],
            val_accuracy=val_quality["accuracy"],
            val_f1=val_quality["f1"],
            seconds=time.monotonic() - started,
            cached_stages=len(self.feed.cached_stages),
            saved_seconds=saved,
        )
        self.history.append(record)
        if best_epoch(self.recipe, self.history) == epoch:
            self.best = _copy(self.average)
        last = self.batch_count
        return Progress(epoch, self.recipe.epochs, last, last, train_loss, record)

    @property
    def batch_count(self) -> int:
        """Batches an epoch; a batch of one is left out, for it has no batch statistics."""
        full, rest = divmod(len(self.targets), self.recipe.batch_size)
        return full + (rest > 1)

    def _batches(self, phase: Phase, order: torch.Generator) -> list[Tensor]:
        count = len(self.targets)
        if phase.sampler == "balanced":
            share = torch.bincount(self.targets.cpu()).float()
            odds = (1 / share)[self.targets.cpu()]
            positions = torch.multinomial(odds, count, replacement=True, generator=order)
        else:
            positions = torch.randperm(count, generator=order)
        return list(positions.split(self.recipe.batch_size)[: self.batch_count])

    def _train_epoch(
        self, number: int, passed: int, order: torch.Generator
    ) -> tuple[float, Tensor, Tensor]:
        """Returns the mean loss, the positions seen and the logits given to them."""
        recipe, phase = self.recipe, self.recipe.phases[number]
        loss_of: Loss = phase.loss or recipe.loss
        class_weights = loss_of.class_weights(self.targets.cpu(), max(recipe.model.outputs, 2))
        drawn = torch.Generator(self.device).manual_seed(order.initial_seed() + 1)

        self.model.train()
        for stage in phase.freeze:
            # Frozen means frozen: batch norm there keeps its running statistics, too.
            stage_module(self.model, recipe.model, stage).eval()
        batches = self._batches(phase, order)
        total, logits = 0.0, []
        for index, batch in enumerate(batches):
            rate = learning_rate(recipe, self.history, number, passed + index / len(batches))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            outputs = self.feed.train_outputs(batch, drawn)
            loss = loss_of(outputs, self.targets[batch.to(self.device)], class_weights)
            value = loss.item()
            if not math.isfinite(value):
                raise self._diverged(number)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if recipe.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
            self.optimiser.step()
            self._update_average()
            total += value * len(batch)
            logits.append(pneumonia_logit(outputs.detach().float()).cpu())
            self._tell(index + 1, value)
        seen = torch.cat(batches)
        return total / len(seen), seen, torch.cat(logits)

    def _tell(self, batch: int, loss: float) -> None:
        epoch = len(self.history) + 1
        self.report(Progress(epoch, self.recipe.epochs, batch, self.batch_count, loss))

    def _diverged(self, number: int) -> TrainingError:
        rate = self.recipe.phases[number].lr
        return TrainingError(
            f"The loss is no longer finite in epoch {len(self.history) + 1}: lower the "
            f"learning rate, e.g. --set phases.{number}.lr={rate / 10:g}."
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        self.step += 1
        # The average warms up, or the random start would linger in it for long.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        # Frozen stages stand still: on a large network their average would cost more than a head.
        current = {
            name: value
            for name, value in self.model.state_dict().items()
            if not name.startswith(self.still)
        }
        moving = [name for name, value in current.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.average[name] for name in moving],
            [current[name] for name in moving],
            1 - decay if self.recipe.ema else 1.0,
        )
        for name, value in current.items():
            if not value.is_floating_point():
                self.average[name].copy_(value)

    def _averaged_logits(self) -> np.ndarray:
        """Validation logits of the averaged weights; the trained ones are put back."""
        trained = _copy(self.model.state_dict())
        self.model.load_state_dict(self.average)
        try:
            return self.feed.val_logits()
        finally:
            self.model.load_state_dict(trained)


def _targets(split: Split, recipe: Recipe) -> Tensor:
    """Class index of each image: the label, or the kind of film for three outputs."""
    if recipe.model.outputs < 3:
        return torch.from_numpy(split.labels)
    try:
        return torch.tensor([CLASSES.index(group) for group in split.groups])
    except ValueError:
        raise TrainingError(
            "Three outputs need to know bacteria from virus for every training image: "
            "use the chest_xray data, or model.outputs=1."
        ) from None


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _moved(state: Mapping[str, Tensor], device: torch.device | str) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in state.items()}
