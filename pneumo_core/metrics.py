"""What labels and probabilities say: the figures a run reports.

The counting at thresholds lives in `confusion` and is offered here too, so that callers import one
module.
"""

from typing import Any

import numpy as np

from pneumo_core import CLASS_NAMES
from pneumo_core.calibration import brier, expected_calibration_error
from pneumo_core.confusion import (
    Confusion,
    ThresholdTable,
    confusion_at,
    figures_at,
    threshold_table,
)
from pneumo_core.intervals import auc_delong
from pneumo_core.proportions import UNDEFINED, Estimate
from pneumo_core.resampling import resample
from pneumo_core.scores import ABOVE_ONE, as_clusters, pair_probabilities

__all__ = [
    "ABOVE_ONE",
    "Confusion",
    "Estimate",
    "ThresholdTable",
    "class_report",
    "confusion_at",
    "figures_at",
    "summary",
    "threshold_table",
]


def summary(
    labels: Any, probabilities: Any, threshold: float, patients: Any = None
) -> dict[str, Any]:
    """Everything a run reports about one split, ready for JSON (plain numbers, None if undefined).

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        threshold: the operating point.
        patients: (N,) names, when images of one patient are not independent: the proportions then
            have `wilson_clustered`'s intervals, the area under the curve has Obuchowski's, and the
            average precision is resampled by patient.

    Returns:
        n, prevalence, threshold, accuracy_at_half, brier, ece as numbers; auc, auprc, sensitivity,
        specificity, ppv, npv, accuracy, f1, balanced_accuracy, lr_positive and lr_negative as
        [value, low, high]; confusion as [tn, fp, fn, tp] (scikit-learn's order when ravelled);
        per_class as `class_report`.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    if patients is not None:  # names are numbered once, not in every figure
        patients = as_clusters(patients, positive.size)
    confusion = confusion_at(positive, probabilities, threshold)
    estimates = figures_at(positive, probabilities, threshold, patients)
    del estimates["prevalence"]
    return {
        "n": confusion.n,
        "prevalence": confusion.prevalence,
        "threshold": float(threshold),
        "auc": auc_delong(positive, probabilities, patients).to_json(),
        "auprc": _auprc(positive, probabilities, patients).to_json(),
        **{name: estimate.to_json() for name, estimate in estimates.items()},
        "accuracy_at_half": confusion_at(positive, probabilities, 0.5).accuracy,
        "brier": brier(positive, probabilities),
        "ece": expected_calibration_error(positive, probabilities),
        "confusion": [confusion.tn, confusion.fp, confusion.fn, confusion.tp],
        "per_class": class_report(confusion),
    }


def class_report(confusion: Confusion) -> dict[str, dict[str, float | int | None]]:
    """Precision, recall, F1, support and error rates of each class, and their means.

    Returns:
        A row for each class name (that class taken as the positive one), then "macro" (the plain
        mean) and "weighted" (by support); a mean is None where a part of it is.
    """
    flipped = Confusion(tp=confusion.tn, fp=confusion.fn, tn=confusion.tp, fn=confusion.fp)
    rows = [_class_row(flipped), _class_row(confusion)]
    report: dict[str, dict[str, float | int | None]] = dict(zip(CLASS_NAMES, rows, strict=True))
    supports = [row["support"] for row in rows]
    for name, weights in (("macro", [1, 1]), ("weighted", supports)):
        report[name] = {
            key: _mean([row[key] for row in rows], weights) for key in rows[0] if key != "support"
        }
        report[name]["support"] = confusion.n
    return report


def _class_row(one: Confusion) -> dict[str, float | int | None]:
    return {
        "precision": one.ppv,
        "recall": one.sensitivity,
        "f1": one.f1,
        "support": one.positives,
        "false_positive_rate": _rest(one.specificity),
        "false_negative_rate": _rest(one.sensitivity),
    }


def _mean(values: list[float | None], weights: list[int]) -> float | None:
    parts = [(v, w) for v, w in zip(values, weights, strict=True) if w]
    if not parts or any(v is None for v, _ in parts):
        return None
    return sum(v * w for v, w in parts) / sum(weights)


def _auprc(positive: np.ndarray, probabilities: np.ndarray, patients: Any) -> Estimate:
    value = threshold_table(positive, probabilities).average_precision()
    if value is None:
        return UNDEFINED
    return resample(positive, probabilities, patients).average_precision(value)


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
