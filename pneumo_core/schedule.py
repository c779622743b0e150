"""The history of a training run, and what comes next: functions of it and the recipe alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from pneumo_core.recipe import Phase, Recipe


@dataclass(frozen=True)
class EpochRecord:
    """One row of `history.csv`; losses in nats, areas and accuracies in [0, 1].

    `cached_stages` is how many frozen stages did not run, for their features are kept from the
    phase's start; `saved_seconds` is what that saved, 0 in the epoch that computes them.
    """

    epoch: int
    phase: int
    lr: float
    train_loss: float
    train_auc: float
    train_accuracy: float
    val_loss: float
    val_auc: float
    val_accuracy: float
    val_f1: float
    seconds: float
    cached_stages: int = 0
    saved_seconds: float = 0.0


def quality_figures(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Loss, AUC, accuracy and F1 of one epoch's logits, as an `EpochRecord` holds them.

    Args:
        labels: (N,), 1 for pneumonia.
        logits: (N,), log-odds of pneumonia; the threshold is 0.

    Returns:
        "loss" in nats, "auc" (0.5 where there is one class only), "accuracy" and "f1" in [0, 1].
    """
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    positive = logits >= 0
    # log(1 + exp(-z)) without overflow, z signed so that the right answer is positive.
    losses = np.logaddexp(0, np.where(labels == 1, -logits, logits))
    both = len(np.unique(labels)) == 2
    return {
        "loss": float(losses.mean()),
        "auc": float(roc_auc_score(labels, logits)) if both else 0.5,
        "accuracy": float(accuracy_score(labels, positive)),
        "f1": float(f1_score(labels, positive, zero_division=0)),
    }


def next_epoch(recipe: Recipe, history: Sequence[EpochRecord]) -> tuple[int, int] | None:
    """(phase, epoch within it) that comes next, both from 0; None when training is over."""
    for number, phase in enumerate(recipe.phases):
        done = [record for record in history if record.phase == number]
        if len(done) < phase.epochs and not _stopped_early(recipe, phase, done):
            return number, len(done)
    return None


def best_epoch(recipe: Recipe, history: Sequence[EpochRecord]) -> int:
    """Number, from 1, of the epoch that is best on validation; the earliest of equals.

    Epochs before the last change of input size do not count: they say how good the weights are
    on inputs that the run is no longer about. Nor do those before the last of a phase that is to
    `keep_last`.
    """
    last = history[-1]
    kept = [record.epoch for record in history if recipe.phases[record.phase].keep_last]
    counting = history[kept[-1] - 1 :] if kept else history

    def size(record: EpochRecord) -> int:
        return recipe.preprocess_in(record.phase).input_size

    of_this_size = takewhile(lambda record: size(record) == size(last), reversed(counting))
    return max(of_this_size, key=lambda record: (_quality(recipe, record), -record.epoch)).epoch


def learning_rate(
    recipe: Recipe, history: Sequence[EpochRecord], number: int, passed: float
) -> float:
    """Learning rate in phase `number` when `passed` epochs of it, as a float, are over."""
    phase = recipe.phases[number]
    if passed < phase.warmup:
        return phase.lr * max(passed, 1e-3) / phase.warmup
    if phase.schedule == "cosine":
        share = (passed - phase.warmup) / max(phase.epochs - phase.warmup, 1e-9)
        return phase.lr * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    if phase.schedule == "plateau":
        done = [record for record in history if record.phase == number]
        return phase.lr * phase.factor ** _plateaus(recipe, phase, done)
    return phase.lr


def _quality(recipe: Recipe, record: EpochRecord) -> float:
    value = getattr(record, recipe.select)
    return -value if recipe.select == "val_loss" else value


def _stopped_early(recipe: Recipe, phase: Phase, records: Sequence[EpochRecord]) -> bool:
    """Whether the selection metric has not improved for `phase.patience` of the phase's epochs."""
    if phase.keep_last or not phase.patience or not records:
        return False
    return records[-1].epoch - best_epoch(recipe, records) >= phase.patience


def _plateaus(recipe: Recipe, phase: Phase, records: Sequence[EpochRecord]) -> int:
    """How often the metric stood still beyond `phase.plateau`, as ReduceLROnPlateau counts."""
    best, stale, count = -math.inf, 0, 0
    for record in records:
        quality = _quality(recipe, record)
        stale = 0 if quality > best else stale + 1
        best = max(best, quality)
        if stale > phase.plateau:
            count, stale = count + 1, 0
    return count
