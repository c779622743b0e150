"""The films behind one cell of the confusion matrix, in the order in which to look at them."""

import numpy as np
import pandas as pd

CELLS = ("fn", "fp", "tp", "tn")
"""False negatives, false positives, true positives, true negatives."""


def cases(scores: pd.DataFrame, threshold: float, cell: str) -> pd.DataFrame:
    """Pick the films of one cell, the worst first.

    Args:
        scores: One row a film with label (0 or 1) and probability (calibrated, 0 to 1); see
            `Run.scores`.
        threshold: A film is called pneumonia when its probability >= threshold.
        cell: One of `CELLS`.

    Returns:
        The rows of `scores` in that cell with a further column `distance`, probability minus
        threshold. The wrong ones come furthest from the threshold first, the right ones nearest
        first: in both the model's worst judgement leads. Ties keep the order of `scores`.
    """
    labelled = scores["label"].to_numpy() == (1 if cell in ("tp", "fn") else 0)
    called = scores["probability"].to_numpy() >= threshold
    picked = scores[labelled & (called == (cell in ("tp", "fp")))]
    picked = picked.assign(distance=picked["probability"] - threshold)
    away = np.abs(picked["distance"].to_numpy())
    order = np.argsort(-away if cell in ("fn", "fp") else away, kind="stable")
    return picked.iloc[order]


def as_csv(picked: pd.DataFrame) -> str:
    """What `cases` returned as the text of a CSV file."""
    columns = ["id", "patient", "group", "label", "probability", "distance"]
    return picked[columns].to_csv(index=False)
