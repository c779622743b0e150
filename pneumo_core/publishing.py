"""From trained weights to a complete run on disk, whole or not at all.

The figures a run states are those of the weights it ships: they are saved as float16, read back
from the file, and run in float32. Temperature, operating points and zones come from validation;
test is scored once, afterwards.
"""

import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pneumo_core import __version__
from pneumo_core.calibration import fit_temperature, probability
from pneumo_core.datasets import Dataset
from pneumo_core.errors import TrainingError
from pneumo_core.evaluation import predict_logits
from pneumo_core.files import sha256_of, write_json, written_whole
from pneumo_core.metrics import summary
from pneumo_core.operating_point import (
    CostRatio,
    OperatingPoint,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    Youden,
    Zones,
    choose,
    choose_zones,
)
from pneumo_core.recipe import Recipe
from pneumo_core.runs import (
    HISTORY_FILE,
    RUN_FILE,
    SCORES_FILE,
    WEIGHTS_FILE,
    Run,
    read_run,
)
from pneumo_core.training import Trained

# The first is what the dashboard starts with. Youden weighs both errors alike, which presumes
# nothing about the user's clinic.
OPERATING_POINTS: Mapping[str, Rule] = {
    "balanced": Youden(),
    "sensitivity 95 %": SensitivityAtLeast(0.95),
    "screening": SensitivityAtLeast(0.97),
    "a miss costs 10 false alarms": CostRatio(10),
}

ZONE_RULES = (SensitivityAtLeast(0.99), SpecificityAtLeast(0.99))
"""Below the first's threshold pneumonia is ruled out, from the second's on it is ruled in."""


def publish(
    target: Path,
    recipe: Recipe,
    dataset: Dataset,
    trained: Trained,
    step: Callable[[str], None] | None = None,
) -> Run:
    """Write a run: weights, scores, history, figures and plots.

    Everything is written into a hidden folder beside `target` and renamed at the end.

    Args:
        target: Folder of the run, e.g. `weights/resnet18`; must not exist.
        recipe: As it was run.
        dataset: The one it was trained on, with "val" and "test".
        trained: What training left.
        step: Called with what is being done, in words.

    Raises:
        TrainingError: If `target` exists, or the weights leave float16's range.
        OSError: If the disk is full or not writable; nothing is left behind then.
    """
    if target.exists():
        raise TrainingError(f"{target} exists already: choose another name with --out.")
    say = step or (lambda _: None)
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.partial-"
    for abandoned in target.parent.glob(f"{escape(prefix)}*"):
        # A process that was killed outright could not clear it away itself.
        shutil.rmtree(abandoned, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    staging.chmod(0o755)
    try:
        say("Saving the weights")
        _save_weights(staging / WEIGHTS_FILE, trained.weights)
        run = _described(staging, recipe, dataset, trained)
        say("Scoring validation and test")
        run = score(run, dataset)
        write_json(staging / RUN_FILE, run.to_json())
        _save_history(staging / HISTORY_FILE, trained)
        say("Drawing the plots")
        from pneumo_core.plots import write_plots

        write_plots(read_run(staging), dataset)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return read_run(target)


def score(run: Run, dataset: Dataset) -> Run:
    """Score val and test with a run's weights, and draw all conclusions anew.

    Writes `scores.csv` into the run's folder.

    Returns:
        The run with temperature, operating points, zones and metrics that follow from the scores.
    """
    logits = dataset_logits(run, dataset)
    _save_scores(run.path / SCORES_FILE, dataset, logits)
    return concluded(run, dataset, logits)


def dataset_logits(run: Run, dataset: Dataset) -> dict[str, np.ndarray]:
    """Logits of a run's weights over val and test, float64 (N,), rounded as `scores.csv` is."""
    model = run.load_model()
    return {
        split: predict_logits(
            model,
            run.preprocess,
            dataset.splits[split].squares(run.preprocess),
            flip_average=run.flip_average,
        ).round(6)
        for split in ("val", "test")
    }


def concluded(run: Run, dataset: Dataset, logits: Mapping[str, np.ndarray]) -> Run:
    """What follows from logits: all choices from validation, then the figures of both splits."""
    labels = {split: dataset.splits[split].labels for split in logits}
    temperature = fit_temperature(labels["val"], logits["val"])
    probabilities = {split: probability(logits[split], temperature) for split in logits}
    date = datetime.now(UTC).date().isoformat()
    points = tuple(
        choose(labels["val"], probabilities["val"], rule, "val", name, date)
        for name, rule in OPERATING_POINTS.items()
    )
    return replace(
        run,
        temperature=temperature,
        operating_points=points,
        zones=choose_zones(labels["val"], probabilities["val"], "val", *ZONE_RULES),
        metrics=split_metrics(dataset, probabilities, points[0].threshold),
    )


def split_metrics(
    dataset: Dataset, probabilities: Mapping[str, np.ndarray], threshold: float
) -> dict[str, dict[str, Any]]:
    """`metrics.summary` of each split at one threshold.

    An image of unknown patient counts as a patient of its own, as it does when data is split.
    """
    figures = {}
    for name, values in probabilities.items():
        split = dataset.splits[name]
        patients = [who or image for who, image in zip(split.patients, split.ids, strict=True)]
        figures[name] = summary(split.labels, values, threshold, patients)
    return figures


def _save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    # Matrices and filters as float16; biases and norm statistics, a thousandth of the size, stay
    # float32, because running variances may leave float16's range.
    tensors = {
        name: (value.half() if value.ndim > 1 else value).cpu().contiguous()
        for name, value in weights.items()
    }
    if not all(value.isfinite().all() for value in tensors.values()):
        raise TrainingError(
            "The weights have grown too large to be saved: train again with a lower learning rate."
        )
    with written_whole(path) as temporary:
        # Not save_file, which makes a full disk an error of its own kind.
        temporary.write_bytes(save(tensors))


def _described(folder: Path, recipe: Recipe, dataset: Dataset, trained: Trained) -> Run:
    """The run before its weights have been scored."""
    unknown = OperatingPoint("half", 0.5, "not chosen", "val")
    return Run(
        path=folder,
        title=recipe.title,
        model=recipe.model,
        preprocess=recipe.preprocess,
        flip_average=recipe.flip_average,
        temperature=1.0,
        operating_points=(unknown,),
        zones=Zones(0.5, 0.5, "not chosen", "val"),
        recipe=recipe.to_json(),
        training={
            "seed": trained.seed,
            "epochs": len(trained.history),
            "best_epoch": trained.best_epoch,
            "pretrained": trained.origin,
            "duration_s": round(sum(record.seconds for record in trained.history), 1),
            "device": trained.device,
            "threads": trained.threads,
            "precision": trained.precision,
            "parameters": sum(value.numel() for value in trained.weights.values()),
            "date": datetime.now(UTC).date().isoformat(),
            "versions": {
                "pneumolens": __version__,
                "python": platform.python_version(),
                "torch": torch.__version__,
                "torchvision": version("torchvision"),
            },
        },
        data={
            "name": dataset.name,
            "title": dataset.title,
            "fingerprint": dataset.fingerprint,
            "split_rule": dataset.split_rule,
            "counts": {name: split.counts() for name, split in dataset.splits.items()},
        },
        metrics={},
        weights_sha256=sha256_of(folder / WEIGHTS_FILE),
    )


def _save_scores(path: Path, dataset: Dataset, logits: Mapping[str, np.ndarray]) -> None:
    import pandas as pd

    parts = []
    for name, values in logits.items():
        split = dataset.splits[name]
        columns = {
            "split": name,
            "id": split.ids,
            "patient": split.patients,
            "group": split.groups,
            "label": split.labels,
            "logit": values,
        }
        parts.append(pd.DataFrame(columns))
    pd.concat(parts).to_csv(path, index=False, float_format="%.6f")


def _save_history(path: Path, trained: Trained) -> None:
    import pandas as pd

    rows = [asdict(record) for record in trained.history]
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
