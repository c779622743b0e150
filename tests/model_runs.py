"""Runs with made-up scores, for what sets several models side by side."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pneumo_core.calibration import probability
from pneumo_core.metrics import summary
from pneumo_core.runs import RUN_FILE, SCORES_FILE, WEIGHTS_FILE, Run, read_run

FILMS = 40
"""Made-up films of each class in each split, two of each patient."""

THRESHOLD = 0.5


def made_scores(separation: float, noise: int, films: str = "film") -> pd.DataFrame:
    """Validation and test scores whose classes lie `separation` standard deviations apart.

    Args:
        separation: Between the mean logits of the classes.
        noise: Seed of it; the films are the same whatever it is.
        films: What the names of the films start with.
    """
    rng = np.random.default_rng(noise)
    rows = []
    for split in ("val", "test"):
        for label, group in ((0, "normal"), (1, "bacteria")):
            for i, logit in enumerate(rng.normal((label - 0.5) * separation, 1.0, FILMS)):
                patient = f"{split}-{label}-{i // 2}"
                kind = "virus" if label and i % 4 >= 2 else group
                rows.append((split, f"{films}-{split}-{label}-{i}", patient, kind, label, logit))
    return pd.DataFrame(rows, columns=["split", "id", "patient", "group", "label", "logit"])


def write_run(
    folder: Path,
    like: Run,
    name: str,
    scores: pd.DataFrame,
    weights: bool = True,
    **changes: dict[str, Any] | str,
) -> Run:
    """Write a run with the weights of another and its own scores, at the threshold 0.5.

    Args:
        folder: Of the runs.
        like: The run whose weights and history it has.
        name: Of the run.
        scores: As `made_scores`.
        weights: Whether its weights are there.
        changes: Parts of `run.json` to put in place of the other's, or to add to them.
    """
    target = shutil.copytree(like.path, folder / name)
    scores.to_csv(target / SCORES_FILE, index=False)
    content = json.loads((target / RUN_FILE).read_text("utf-8"))
    content["temperature"] = 1.0
    content["operating_points"][0]["threshold"] = THRESHOLD
    for split, rows in scores.groupby("split"):
        scored = probability(rows["logit"])
        content["metrics"][split] = summary(rows["label"], scored, THRESHOLD, rows["patient"])
    for key, value in changes.items():
        content[key] = {**content[key], **value} if isinstance(value, dict) else value
    (target / RUN_FILE).write_text(json.dumps(content), "utf-8")
    if not weights:
        (target / WEIGHTS_FILE).unlink()
    return read_run(target)
