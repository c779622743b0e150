"""From trained weights to a complete run on disk, whole or not at all.

The figures a run states are those of the weights it ships: they are saved as float16, read back
from the file, and run in float32. Temperature, operating points and zones come from validation;
test is scored once, afterwards.
"""

import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pneumo_core import __version__
from pneumo_core.architectures import pneumonia_logit
from pneumo_core.audit import Audit, audit
from pneumo_core.audit_report import audit_brief
from pneumo_core.calibration import fit_temperature, probability
from pneumo_core.datasets import Dataset
from pneumo_core.errors import TrainingError
from pneumo_core.evaluation import Reading, predict_logits
from pneumo_core.files import sha256_of, write_json, written_whole
from pneumo_core.kinds import CLASSES, kind_figures, kind_logit, kind_threshold
from pneumo_core.medmnist_file import MEDMNIST_FOLDER, write_prediction_csv
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
from pneumo_core.reference import compute_reference, write_reference
from pneumo_core.runs import (
    HISTORY_FILE,
    KIND_COLUMN,
    RUN_FILE,
    SCORES_FILE,
    WEIGHTS_FILE,
    Run,
    read_run,
)
from pneumo_core.training import Trained

if TYPE_CHECKING:
    import pandas as pd

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
    audited: Audit | None = None,
) -> Run:
    """Write a run: weights, scores, history, figures and plots.

    Everything is written into a hidden folder beside `target` and renamed at the end.

    Args:
        target: Folder of the run, e.g. `weights/pneumolens`; must not exist.
        recipe: As it was run.
        dataset: The one it was trained on, with "val" and "test".
        trained: What training left.
        step: Called with what is being done, in words.
        audited: What `audit` found in the data set without decoding, where that is known already.

    Raises:
        TrainingError: If `target` exists, or the weights leave float16's range.
        OSError: If the disk is full or not writable; nothing is left behind then.
    """
    import pandas as pd

    say = step or (lambda _: None)
    with new_run_folder(target) as staging:
        say("Saving the weights")
        save_weights(staging / WEIGHTS_FILE, trained.weights)
        found = audited or audit(dataset, decode=False)
        run = _described(staging, recipe, dataset, trained, found)
        history = pd.DataFrame([asdict(record) for record in trained.history])
        finish(run, dataset, history, target.name, say)
    return read_run(target)


@contextmanager
def new_run_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target` that becomes it when the block ends without an error.

    Raises:
        TrainingError: If `target` exists.
        OSError: If the disk is full or not writable; nothing is left behind then.
    """
    if target.exists():
        raise TrainingError(f"{target} exists already: choose another name with --out.")
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.partial-"
    for abandoned in target.parent.glob(f"{escape(prefix)}*"):
        # A process that was killed outright could not clear it away itself.
        shutil.rmtree(abandoned, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    staging.chmod(0o755)
    try:
        yield staging
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def finish(
    run: Run,
    dataset: Dataset,
    history: "pd.DataFrame",
    name: str,
    say: Callable[[str], None],
) -> None:
    """Write everything but the weights, which are in the run's folder already.

    Args:
        run: Described but not yet scored.
        dataset: With "train", "val" and "test".
        history: One row an epoch, with the columns of `schedule.EpochRecord`.
        name: What the run will be called; its folder has another name as yet.
        say: Called with what is being done, in words.
    """
    from pneumo_core.plots import write_plots

    say("Scoring validation and test")
    speed = {"ms_per_image": milliseconds_an_image(run), "ms_threads": torch.get_num_threads()}
    run = score(replace(run, training={**run.training, **speed}), dataset)
    write_json(run.path / RUN_FILE, run.to_json())
    with written_whole(run.path / HISTORY_FILE) as temporary:
        history.to_csv(temporary, index=False, float_format="%.6g")
    say("Drawing the plots")
    described = read_run(run.path)
    write_plots(described, dataset)
    say("Keeping what the network saw in the training images")
    write_reference(described, compute_reference(described, dataset))
    for split in ("val", "test"):
        write_prediction_csv(described, run.path / MEDMNIST_FOLDER, split, name)


def milliseconds_an_image(run: Run, repeats: int = 9) -> float:
    """Median time of the verdict on one square, alone, on this machine's CPU.

    It covers what follows reading and cropping the film: resizing, normalising, and the network,
    twice where logits are averaged with the mirror image's.
    """
    model = run.load_model()
    square = np.zeros((1, run.preprocess.square_size, run.preprocess.square_size), np.uint8)
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        predict_logits(model, run.preprocess, square, flip_average=run.flip_average)
        times.append(time.perf_counter() - started)
    # The first call prepares what the others find ready.
    return round(1000 * statistics.median(times[1:]), 2)


def score(run: Run, dataset: Dataset) -> Run:
    """Score val and test with a run's weights, and draw all conclusions anew.

    Writes `scores.csv` into the run's folder.

    Returns:
        The run with temperature, operating points, zones and metrics that follow from the scores.
    """
    logits, kinds = dataset_logits(run, dataset), dataset_kind_logits(run, dataset)
    _save_scores(run.path / SCORES_FILE, dataset, logits, kinds)
    return concluded(run, dataset, logits, kinds)


def dataset_kind_logits(run: Run, dataset: Dataset) -> dict[str, np.ndarray]:
    """Log-odds of bacterial against viral, as `dataset_logits`; empty for fewer outputs."""
    return dataset_logits(run, dataset, kind_logit) if run.model.outputs == len(CLASSES) else {}


def dataset_logits(
    run: Run, dataset: Dataset, read: Reading = pneumonia_logit
) -> dict[str, np.ndarray]:
    """Logits of a run's weights over val and test, float64 (N,), rounded as `scores.csv` is."""
    model = run.load_model()
    return {
        split: predict_logits(
            model,
            run.preprocess,
            dataset.splits[split].squares(run.preprocess),
            flip_average=run.flip_average,
            read=read,
        ).round(6)
        for split in ("val", "test")
    }


def concluded(
    run: Run,
    dataset: Dataset,
    logits: Mapping[str, np.ndarray],
    kind_logits: Mapping[str, np.ndarray] | None = None,
) -> Run:
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
        metrics=split_metrics(dataset, probabilities, points[0].threshold, kind_logits),
    )


def split_metrics(
    dataset: Dataset,
    probabilities: Mapping[str, np.ndarray],
    threshold: float,
    kind_logits: Mapping[str, np.ndarray] | None = None,
) -> dict[str, dict[str, Any]]:
    """`metrics.summary` of each split at one threshold, with "kinds" where any kind is known.

    An image of unknown patient counts as a patient of its own, as it does when data is split.
    """
    figures, scored = {}, kind_logits or {}
    cut = kind_threshold(dataset.splits["val"].groups, scored["val"]) if scored else None
    for name, values in probabilities.items():
        split = dataset.splits[name]
        figures[name] = summary(split.labels, values, threshold, split.clusters)
        kinds = kind_figures(split.groups, values, threshold, split.clusters, scored.get(name), cut)
        if kinds:
            figures[name]["kinds"] = kinds
    return figures


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights in float16.

    Raises:
        TrainingError: If they leave float16's range.
    """
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


def _described(
    folder: Path, recipe: Recipe, dataset: Dataset, trained: Trained, found: Audit
) -> Run:
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
            "cut_short": trained.cut_short,
            "pretrained": trained.origin,
            "duration_s": round(sum(record.seconds for record in trained.history), 1),
            "cached_stages": max(record.cached_stages for record in trained.history),
            "saved_s": round(sum(record.saved_seconds for record in trained.history), 1),
            "device": trained.device,
            "processes": trained.processes,
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
            "audit": audit_brief(found),
        },
        metrics={},
        weights_sha256=sha256_of(folder / WEIGHTS_FILE),
    )


def _save_scores(
    path: Path,
    dataset: Dataset,
    logits: Mapping[str, np.ndarray],
    kind_logits: Mapping[str, np.ndarray],
) -> None:
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
        if name in kind_logits:
            columns[KIND_COLUMN] = kind_logits[name]
        parts.append(pd.DataFrame(columns))
    with written_whole(path) as temporary:
        pd.concat(parts).to_csv(temporary, index=False, float_format="%.6f")
