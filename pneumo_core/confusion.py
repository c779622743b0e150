"""Counts of right and wrong calls, at one threshold and at every threshold.

An image is called pneumonia when probability >= threshold, here and everywhere.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.proportions import (
    UNDEFINED,
    Estimate,
    complement,
    mean_of_two,
    ratio,
    wilson,
    wilson_clustered,
)
from pneumo_core.scores import ABOVE_ONE, as_clusters, as_threshold, pair_probabilities


@dataclass(frozen=True)
class Confusion:
    """Counts of the four outcomes; the figures made of them are None where undefined."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def positives(self) -> int:
        """Images with pneumonia."""
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        """Images without pneumonia."""
        return self.tn + self.fp

    @property
    def n(self) -> int:
        """All images."""
        return self.positives + self.negatives

    @property
    def sensitivity(self) -> float | None:
        """Share of the pneumonia images that are called pneumonia (recall)."""
        return _share(self.tp, self.positives)

    @property
    def specificity(self) -> float | None:
        """Share of the normal images that are called normal."""
        return _share(self.tn, self.negatives)

    @property
    def ppv(self) -> float | None:
        """Share of the alerts that are right (precision)."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def npv(self) -> float | None:
        """Share of the all-clears that are right."""
        return _share(self.tn, self.tn + self.fn)

    @property
    def accuracy(self) -> float | None:
        """Share of all images that are called right."""
        return _share(self.tp + self.tn, self.n)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of sensitivity and PPV; undefined when nothing is or is called positive."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of sensitivity and specificity."""
        if self.sensitivity is None or self.specificity is None:
            return None
        return (self.sensitivity + self.specificity) / 2

    @property
    def lr_positive(self) -> float | None:
        """How many times an alert raises the odds of pneumonia; None when infinite."""
        return _share(self.tp * self.negatives, self.fp * self.positives)

    @property
    def lr_negative(self) -> float | None:
        """What an all-clear multiplies the odds of pneumonia by; None when infinite."""
        return _share(self.fn * self.negatives, self.tn * self.positives)

    @property
    def prevalence(self) -> float | None:
        """Share of the images that have pneumonia."""
        return _share(self.positives, self.n)

    def estimates(self) -> dict[str, Estimate]:
        """Return every figure with its 95 % interval.

        Wilson for the proportions; F1 through J = tp / (tp + fp + fn), a proportion of which
        F1 = 2 J / (1 + J) is a rising function; balanced accuracy and likelihood ratios from the
        intervals of sensitivity and specificity (`intervals.mean_of_two`, `intervals.ratio`).
        """
        return _figures(
            sensitivity=wilson(self.tp, self.positives),
            specificity=wilson(self.tn, self.negatives),
            ppv=wilson(self.tp, self.tp + self.fp),
            npv=wilson(self.tn, self.tn + self.fn),
            accuracy=wilson(self.tp + self.tn, self.n),
            jaccard=wilson(self.tp, self.tp + self.fp + self.fn),
            prevalence=wilson(self.positives, self.n),
        )


def confusion_at(labels: Any, probabilities: Any, threshold: float) -> Confusion:
    """Count the four outcomes at one threshold.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) in [0, 1].
        threshold: an image is positive when its probability >= threshold.

    Raises:
        DataError: a bad value, different lengths, or a threshold outside [0, 1].
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    called = probabilities >= as_threshold(threshold)
    tp, fp = int((called & positive).sum()), int((called & ~positive).sum())
    positives = int(positive.sum())
    return Confusion(tp, fp, positive.size - positives - fp, positives - tp)


def figures_at(
    labels: Any, probabilities: Any, threshold: float, patients: Any = None
) -> dict[str, Estimate]:
    """Return every figure at one threshold with its 95 % interval, as `Confusion.estimates`.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) in [0, 1].
        threshold: the operating point.
        patients: (N,) names; images of one patient are then not taken for independent, and the
            intervals widen (`intervals.wilson_clustered`).

    Raises:
        DataError: a bad value, different lengths, or a threshold outside [0, 1].
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    if patients is None:
        return confusion_at(positive, probabilities, threshold).estimates()
    called = probabilities >= as_threshold(threshold)
    codes = as_clusters(patients, positive.size)

    def share(hits: np.ndarray, among: np.ndarray) -> Estimate:
        return wilson_clustered(hits[among], codes[among])

    everyone = np.ones_like(positive)
    return _figures(
        sensitivity=share(called, positive),
        specificity=share(~called, ~positive),
        ppv=share(positive, called),
        npv=share(~positive, ~called),
        accuracy=share(called == positive, everyone),
        jaccard=share(called & positive, called | positive),
        prevalence=share(positive, everyone),
    )


@dataclass(frozen=True, eq=False)
class ThresholdTable:
    """Counts at every threshold that can make a difference.

    Row i holds the counts for every threshold in (thresholds[i - 1], thresholds[i]]. The first row
    is threshold 0 (all positive), the last just above 1 (none).
    """

    thresholds: np.ndarray  # (K,) float64, strictly ascending
    tp: np.ndarray  # (K,) int64, as the three below
    fp: np.ndarray
    tn: np.ndarray
    fn: np.ndarray

    def __len__(self) -> int:
        return len(self.thresholds)

    @property
    def positives(self) -> int:
        """Images with pneumonia."""
        return int(self.tp[0])

    @property
    def negatives(self) -> int:
        """Images without pneumonia."""
        return int(self.fp[0])

    @property
    def tpr(self) -> np.ndarray:
        """(K,) sensitivity, falling; NaN without a pneumonia image."""
        return _shares(self.tp, self.positives)

    @property
    def fpr(self) -> np.ndarray:
        """(K,) 1 - specificity, falling; NaN without a normal image."""
        return _shares(self.fp, self.negatives)

    @property
    def precision(self) -> np.ndarray:
        """(K,) PPV; NaN where nothing is called positive."""
        return _shares(self.tp, self.tp + self.fp)

    def row(self, threshold: float) -> int:
        """Return the row that holds the counts of a threshold, in O(log K).

        Raises:
            DataError: a threshold outside [0, 1].
        """
        index = np.searchsorted(self.thresholds, as_threshold(threshold), side="left")
        return int(min(index, len(self) - 1))

    def at(self, threshold: float) -> Confusion:
        """Return the counts at any threshold: exact on a full table, the next row's on a thin one.

        Raises:
            DataError: a threshold outside [0, 1].
        """
        return self.confusion(self.row(threshold))

    def confusion(self, row: int) -> Confusion:
        """Return the counts of one row."""
        return Confusion(int(self.tp[row]), int(self.fp[row]), int(self.tn[row]), int(self.fn[row]))

    def rows(self, keep: np.ndarray) -> "ThresholdTable":
        """Return the table of some rows: (M,) ascending indices or a (K,) mask."""
        return ThresholdTable(
            self.thresholds[keep], self.tp[keep], self.fp[keep], self.tn[keep], self.fn[keep]
        )

    def average_precision(self) -> float | None:
        """Area under the precision-recall curve, by steps; None without a pneumonia image.

        The definition of scikit-learn's `average_precision_score`: no interpolation between points.
        """
        if not self.positives:
            return None
        called = np.maximum(self.tp + self.fp, 1)
        gained = self.tp - np.append(self.tp[1:], 0)
        return float(np.sum(gained * (self.tp / called)) / self.positives)

    def thinned(self, max_rows: int) -> "ThresholdTable":
        """Keep at most `max_rows` rows (at least 8), each with its exact counts.

        Kept before all else are both ends and the corners of the ROC curve's upper convex hull
        (every threshold that is best for some cost ratio, Youden's among them), then the corners of
        the curve itself where there is room, then rows spread evenly along the curve and along the
        threshold.
        """
        if len(self) <= max(max_rows, 8):
            return self
        return self.rows(_rows_to_keep(self, max(max_rows, 8)))


def threshold_table(labels: Any, probabilities: Any) -> ThresholdTable:
    """Count the four outcomes at every threshold, exactly, in O(N log N).

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) in [0, 1].

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    thresholds = np.unique(np.concatenate(([0.0], probabilities, [ABOVE_ONE])))
    fn = np.searchsorted(np.sort(probabilities[positive]), thresholds, side="left")
    tn = np.searchsorted(np.sort(probabilities[~positive]), thresholds, side="left")
    positives = int(positive.sum())
    tp, fp = positives - fn, positive.size - positives - tn
    return ThresholdTable(thresholds, *(c.astype(np.int64) for c in (tp, fp, tn, fn)))


def _rows_to_keep(table: ThresholdTable, max_rows: int) -> np.ndarray:
    """Choose (M,) ascending rows, M <= max_rows, as `ThresholdTable.thinned` promises."""
    tp, fp = table.tp, table.fp
    keep = np.zeros(len(table), bool)
    for candidates in (_hull(tp, fp), _corners(tp, fp)):
        if np.count_nonzero(keep | candidates) <= max_rows // 2:
            keep |= candidates
    keep[[0, -1]] = True
    room = max_rows - int(keep.sum())
    # Half of the room along the ROC curve, steps left and down alike, half along the threshold.
    travelled = (tp[0] - tp) / max(tp[0], 1) + (fp[0] - fp) / max(fp[0], 1)
    for position, share in ((travelled, room // 2), (table.thresholds, room - room // 2)):
        marks = np.linspace(position[0], position[-1], share)
        keep[np.minimum(np.searchsorted(position, marks), len(table) - 1)] = True
    return np.flatnonzero(keep)


def _corners(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Mark the rows where the ROC curve turns (those on a straight run are drawn for free)."""
    up, right = -np.diff(tp), -np.diff(fp)
    mark = np.zeros(tp.size, bool)
    mark[1:-1] = up[:-1] * right[1:] != up[1:] * right[:-1]
    return mark


def _hull(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Mark the corners of the ROC curve's upper convex hull.

    The hull is the isotonic regression of the labels on the scores, whose blocks end at its
    corners. Source: Fawcett and Niculescu-Mizil, Machine Learning 68 (2007) 97-106.
    """
    from scipy.optimize import isotonic_regression

    up, right = -np.diff(tp), -np.diff(fp)
    steps = np.flatnonzero(up + right)
    mark = np.zeros(tp.size, bool)
    if steps.size:
        images = (up + right)[steps]
        blocks = isotonic_regression(up[steps] / images, weights=images).blocks
        # A block that begins with step k begins at the row that holds the counts before it.
        mark[steps[blocks[:-1]]] = True
        mark[steps[-1] + 1] = True
    return mark


def _figures(
    *,
    sensitivity: Estimate,
    specificity: Estimate,
    ppv: Estimate,
    npv: Estimate,
    accuracy: Estimate,
    jaccard: Estimate,
    prevalence: Estimate,
) -> dict[str, Estimate]:
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": ppv,
        "npv": npv,
        "accuracy": accuracy,
        "f1": _f1(jaccard),
        "balanced_accuracy": mean_of_two(sensitivity, specificity),
        "lr_positive": ratio(sensitivity, complement(specificity)),
        "lr_negative": ratio(complement(sensitivity), specificity),
        "prevalence": prevalence,
    }


def _f1(jaccard: Estimate) -> Estimate:
    if jaccard.value is None:
        return UNDEFINED
    return Estimate(*(2 * j / (1 + j) for j in jaccard.to_json()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shares(parts: np.ndarray, wholes: Any) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # 0 of 0 is NaN, as documented
        return parts / np.asarray(wholes, float)
