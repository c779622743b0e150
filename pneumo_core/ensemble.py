"""Runs of one recipe, trained from different seeds, joined into one that averages their logits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo_core.datasets import Dataset
from pneumo_core.errors import RunError
from pneumo_core.files import sha256_of
from pneumo_core.model_table import training_history
from pneumo_core.publishing import finish, new_run_folder, save_weights
from pneumo_core.runs import WEIGHTS_FILE, Run, read_run
from pneumo_core.seeds import figures_alone
from pneumo_core.stopped_runs import held

if TYPE_CHECKING:
    import pandas as pd

MEMBER_TRAINING = ("seed", "epochs", "best_epoch", "pretrained", "duration_s", "date")
"""What an ensemble's `run.json` keeps of each member's training."""


def join(
    runs: Sequence[Run],
    target: Path,
    dataset: Dataset,
    step: Callable[[str], None] | None = None,
) -> Run:
    """Write the ensemble of several runs as a run of its own.

    Its log-odds are the mean of its members' (Lakshminarayanan et al., "Simple and scalable
    predictive uncertainty estimation using deep ensembles", NeurIPS 2017, average probabilities;
    a mean of log-odds keeps the evidence of Grad-CAM additive). Temperature, operating points and
    zones are chosen anew, on validation, and test is scored once.

    Args:
        runs: At least two single networks, of one recipe and one data set, each from its own seed.
        target: Folder of the ensemble; must not exist.
        dataset: What the members were trained on.
        step: Called with what is being done, in words.

    Raises:
        RunError: If the runs do not belong together, or one has no weights or is damaged.
        TrainingError: If `target` exists, or another process is making it.
        OSError: If the disk is full or not writable; nothing is left behind then.
    """
    _check(runs, dataset)
    say = step or (lambda _: None)
    first = runs[0]
    with held(target), new_run_folder(target) as staging:
        say("Joining the weights")
        weights = {
            f"members.{position}.{name}": value
            for position, run in enumerate(runs)
            for name, value in run.load_model().state_dict().items()
        }
        save_weights(staging / WEIGHTS_FILE, weights)
        joined = replace(
            first,
            path=staging,
            title=f"{first.title}, ensemble of {len(runs)}",
            model=replace(first.model, members=len(runs)),
            operating_points=first.operating_points[:1],
            training=_training(runs, sum(value.numel() for value in weights.values())),
            weights_sha256=sha256_of(staging / WEIGHTS_FILE),
        )
        finish(joined, dataset, _history(runs), target.name, say)
    return read_run(target)


def _check(runs: Sequence[Run], dataset: Dataset) -> None:
    if len(runs) < 2:
        raise RunError("An ensemble needs at least two runs: name more.")
    first = runs[0]
    for run in runs:
        if run.model.members != 1:
            raise RunError(f"{run.name} is an ensemble itself: name its members instead.")
        # The seed is not part of the recipe.
        if (run.recipe, run.model, run.preprocess) != (first.recipe, first.model, first.preprocess):
            raise RunError(f"{run.name} and {first.name} are not of one recipe: they cannot join.")
        if run.training.get("pretrained") != first.training.get("pretrained"):
            raise RunError(
                f"{run.name} and {first.name} did not start from the same weights: they cannot "
                "join."
            )
        if run.data["fingerprint"] != dataset.fingerprint:
            raise RunError(f"{run.name} was trained on other data than {dataset.title}.")
        if tuple(run.scores("val")["id"]) != dataset.splits["val"].ids:
            raise RunError(
                f"{run.name} kept other films for validation than {dataset.title} does now: the "
                "ensemble would choose its threshold on films that it learned from."
            )
    if len({run.training["seed"] for run in runs}) < len(runs):
        raise RunError("Two of the runs come from the same seed: train one of them anew.")


def _training(runs: Sequence[Run], parameters: int) -> Mapping[str, Any]:
    """The first member's training, with what all of them took and the list of them."""
    each = [run.training for run in runs]
    middle = sorted(training["best_epoch"] for training in each)[len(each) // 2]
    return {
        **each[0],
        "best_epoch": middle,
        "epochs": max(training["epochs"] for training in each),
        "cut_short": any(training.get("cut_short", False) for training in each),
        "duration_s": round(sum(training["duration_s"] for training in each), 1),
        "saved_s": round(sum(training.get("saved_s", 0.0) for training in each), 1),
        "parameters": parameters,
        "date": datetime.now(UTC).date().isoformat(),
        "members": [
            {
                "run": run.name,
                "weights_sha256": run.weights_sha256,
                **{key: run.training[key] for key in MEMBER_TRAINING if key in run.training},
                "figures": figures_alone(run.metrics),
            }
            for run in runs
        ],
    }


def _history(runs: Sequence[Run]) -> "pd.DataFrame":
    """The mean over the members of every epoch that all of them trained."""
    import pandas as pd

    # It refuses a table that lacks a column.
    common = min(len(training_history(run)) for run in runs)
    if not common:
        raise RunError("A member's history.csv holds no epoch: train it again.")
    table = pd.concat([run.history().iloc[:common] for run in runs])
    mean = table.groupby("epoch", as_index=False).mean(numeric_only=True)
    return mean.astype({"epoch": int, "phase": int})
