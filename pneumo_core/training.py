"""The training loop: phases, early stopping, schedules, and resuming to the same result.

Everything an epoch does follows from the recipe, the seed, the number of the epoch and the state
at its start. Each epoch seeds its own random numbers, and learning rate, early stopping and the
place within the phases are functions of the history; features of frozen stages are computed anew.
So a checkpoint after an epoch is enough to go on as if nothing had happened: on a CPU, with the
same number of threads and of processes, bit for bit.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
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
from pneumo_core.datasets import Dataset
from pneumo_core.devices import autocast, deterministic
from pneumo_core.distributed import ALONE, Team
from pneumo_core.errors import TrainingError
from pneumo_core.frozen import BLOCK, LEAST, Images, feed
from pneumo_core.losses import Loss
from pneumo_core.mixup import kept_shares, mixed, opposite
from pneumo_core.moving_average import MovingAverage, blended
from pneumo_core.optimisers import new_optimiser
from pneumo_core.recipe import Recipe
from pneumo_core.sampling import batch_count, drawn_batches, training_targets
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
        threads: CPU threads that were used, in each process.
        precision: "bfloat16" or "float32", of the matrix products.
        cut_short: Whether the recipe had more epochs to come.
        processes: How many trained it, at the end.
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
    processes: int = 1


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
    team: Team = ALONE,
) -> Trained:
    """Train a recipe on a data set's train split, choosing the epoch on its val split.

    With a team of several processes, each of them calls this with the same arguments; `resume`
    and `checkpoint` matter in rank 0 only. All take the steps that one process would take, but
    that each has its own batch statistics (on CUDA they are common) and its own dropout.

    Args:
        recipe: What to do.
        dataset: With "train" and "val"; "test" is not looked at.
        seed: Of the initial weights and of everything random afterwards.
        checkpoint: File that rank 0 keeps the state in after each epoch.
        device: Where to train; None for the CPU.
        resume: Go on from `checkpoint` instead of starting anew.
        finish: Train no more: take the best epoch that the checkpoint knows.
        initial_weights: Start from these, e.g. ImageNet's, instead of random ones.
        origin: Where they come from, for the record.
        report: Called after each batch, and after each epoch once its state is kept.
        team: The processes that train together, joined already.

    Raises:
        TrainingError: If the loss is no longer finite, the device's memory is too small, the
            checkpoint belongs to another recipe, seed or data set, or the team's processes were
            given different ones or are too many for a batch.
        OSError: If the checkpoint cannot be written.
    """
    device = device or torch.device("cpu")
    if recipe.batch_size < LEAST * team.size:
        raise TrainingError(
            f"A batch of {recipe.batch_size} is too small for {team.size} processes, which need "
            f"{LEAST} images each: start fewer, or --set batch_size={LEAST * team.size}."
        )
    if team.leads:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
    trainer = _Trainer(recipe, dataset, seed, origin, device, report or (lambda _: None), team)
    with deterministic(device):
        if resume:
            trainer.restore(team.told(load_checkpoint(checkpoint) if team.leads else None))
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
            if team.leads:
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
            processes=team.size,
        )


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
        team: Team,
    ) -> None:
        self.recipe, self.seed, self.origin = recipe, seed, origin
        self.device, self.report, self.team = device, report, team
        self.fingerprint = dataset.fingerprint
        train_split, self.val = dataset.splits["train"], dataset.splits["val"]
        if not team.agreed(self._identity()):
            raise TrainingError(
                "The processes have different recipes, seeds or data: give all machines the same."
            )
        self.squares = torch.from_numpy(train_split.squares(recipe.preprocess)).to(device)
        self.val_share = team.blocks(len(self.val), BLOCK)
        self.val_squares = self.val.squares(recipe.preprocess)[self.val_share.part]
        self.targets = training_targets(train_split, recipe).to(device)
        self.positive = torch.from_numpy(train_split.labels)
        self.history: list[EpochRecord] = []

        torch.manual_seed(seed)
        model = team.normed(create_model(recipe.model), device)
        self.model = model.to(device, memory_format=torch.channels_last)

    def start(self, weights: Mapping[str, Tensor] | None) -> None:
        if weights is not None:
            self.model.load_state_dict(dict(weights))
        self.average = MovingAverage(self.recipe.ema, _copy(self.model.state_dict()))
        self.best = self.average.values
        self.begun: dict[str, Tensor] = {}
        self._enter(0)

    def restore(self, checkpoint: Checkpoint) -> None:
        if not same_run(checkpoint.identity, self._identity()):
            raise TrainingError(
                "The checkpoint belongs to another recipe, seed or data set: start anew without "
                "--resume, or resume it with what it was started with."
            )
        if checkpoint.processes == self.team.size:
            torch.set_num_threads(checkpoint.threads)
        self.history = list(checkpoint.history)
        self.model.load_state_dict(checkpoint.model)
        average = _moved(checkpoint.average, self.device)
        self.average = MovingAverage(self.recipe.ema, average, checkpoint.step)
        self.best = _moved(checkpoint.best, self.device)
        self.begun = _moved(checkpoint.begun, self.device)
        self._enter(self.history[-1].phase)
        self.optimiser.load_state_dict(checkpoint.optimiser)

    def state(self) -> Checkpoint:
        return Checkpoint(
            identity=self._identity(),
            threads=torch.get_num_threads(),
            history=list(self.history),
            step=self.average.steps,
            model=self.model.state_dict(),
            average=self.average.values,
            best=self.best,
            optimiser=self.optimiser.state_dict(),
            processes=self.team.size,
            begun=self.begun,
        )

    def _identity(self) -> dict[str, Any]:
        identity = {
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            # The data may be the same and split otherwise, where patients became known.
            "validation": sha256("\n".join(self.val.ids).encode()).hexdigest(),
        }
        # Through JSON, so that it compares equal with what a checkpoint gives back.
        return json.loads(json.dumps(identity))

    def _enter(self, number: int) -> None:
        """Set up what a phase has of its own: frozen stages, optimiser, what the network is fed."""
        recipe, phase = self.recipe, self.recipe.phases[number]
        freeze_stages(self.model, recipe.model, phase.freeze)
        self.optimiser = new_optimiser(self.model, recipe, phase.lr)
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
            team=self.team,
        )
        self.feed = feed(images, recipe.model, phase.freeze)

    def run_epoch(self, number: int, passed: int) -> Progress:
        """Train one epoch of phase `number`, of which `passed` are done, and validate."""
        started = time.monotonic()
        if number > 0 and passed == 0:
            self.model.load_state_dict(self.best)
            self.average.values = _copy(self.best)
            self._enter(number)
        phase = self.recipe.phases[number]
        if passed == 0:
            self.begun = _copy(self.average.values) if phase.blend < 1 else {}
        epoch = len(self.history) + 1
        epoch_seed = (self.seed * 100_003 + epoch) % 2**63
        saved = self.feed.prepare(lambda: self._tell(0, math.nan))
        torch.manual_seed(self.team.seed(epoch_seed))  # dropout
        order = torch.Generator().manual_seed(epoch_seed)

        train_loss, seen, logits = self._train_epoch(number, passed, order)
        self.team.join_statistics(self.model, self.average.values, self.still)
        kept = self.average.values
        if phase.blend < 1:
            kept = blended(self.begun, kept, phase.blend)
        val_logits = self._logits_of(kept)
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
            self.best = _copy(kept)
        last = self.batch_count
        return Progress(epoch, self.recipe.epochs, last, last, train_loss, record)

    @property
    def batch_count(self) -> int:
        return batch_count(len(self.targets), self.recipe.batch_size)

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
        batches = drawn_batches(self.targets, phase.sampler, recipe.batch_size, order)
        mixup = (phase.augmentation or recipe.augmentation).mixup
        shares = kept_shares(mixup, len(batches), order.initial_seed())
        seen = torch.cat(batches)
        total, logits = 0.0, torch.zeros(len(seen))
        of_batches = logits.split(recipe.batch_size)
        for index, (batch, kept) in enumerate(zip(batches, shares, strict=True)):
            rate = learning_rate(recipe, self.history, number, passed + index / len(batches))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            outputs = self.feed.train_outputs(batch, drawn, kept)
            targets = self.targets[batch.to(self.device)]
            share = self.team.share(len(batch), LEAST)
            loss = loss_of.part(outputs, targets, share.part, class_weights)
            if kept < 1:
                others = loss_of.part(outputs, opposite(targets), share.part, class_weights)
                loss = mixed(loss, others, kept)
            loss = share.counts * loss
            value = self.team.total(loss.detach()).item()
            if not math.isfinite(value):
                raise self._diverged(number)
            self.optimiser.zero_grad(set_to_none=True)
            # Gradients are averaged over the processes, and the parts must add up.
            (loss * self.team.size).backward()
            if recipe.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
            self.optimiser.step()
            self.average.follow(self.model.state_dict(), self.still)
            total += value * len(batch)
            if share.counts:
                of_batches[index][share.part] = pneumonia_logit(outputs.detach().float()).cpu()
            self._tell(index + 1, value)
        return total / len(seen), seen, self.team.total(logits)

    def _tell(self, batch: int, loss: float) -> None:
        epoch = len(self.history) + 1
        self.report(Progress(epoch, self.recipe.epochs, batch, self.batch_count, loss))

    def _diverged(self, number: int) -> TrainingError:
        rate = self.recipe.phases[number].lr
        return TrainingError(
            f"The loss is no longer finite in epoch {len(self.history) + 1}: lower the "
            f"learning rate, e.g. --set phases.{number}.lr={rate / 10:g}."
        )

    def _logits_of(self, kept: Mapping[str, Tensor]) -> np.ndarray:
        """Validation logits of the weights that would be kept; the trained ones are put back."""
        trained = _copy(self.model.state_dict())
        self.model.load_state_dict(kept)
        try:
            own = torch.from_numpy(self.feed.val_logits())
        finally:
            self.model.load_state_dict(trained)
        logits = torch.zeros(len(self.val), dtype=own.dtype)
        if self.val_share.counts:
            logits[self.val_share.part] = own
        return self.team.total(logits).numpy()


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _moved(state: Mapping[str, Tensor], device: torch.device | str) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in state.items()}
