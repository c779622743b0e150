"""What a threshold means in the user's clinic: predictive values, expected counts, net benefit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.confusion import Confusion, ThresholdTable
from pneumo_core.errors import DataError
from pneumo_core.proportions import UNDEFINED, Estimate, complement, wilson_bounds
from pneumo_core.scores import as_prevalence


@dataclass(frozen=True)
class Clinic:
    """What to expect at a prevalence, with 95 % intervals; all None where undefined.

    Attributes:
        prevalence: share of the patients that have pneumonia.
        ppv: chance of pneumonia after an alert.
        npv: chance of none after an all-clear.
        tp, fn, fp, tn: expected patients of 1000 (found, missed, false alarms, rightly cleared).
        alerts: expected alerts of 1000.
        lr_positive, lr_negative: what an alert or an all-clear multiplies the odds by.
    """

    prevalence: float
    ppv: Estimate
    npv: Estimate
    tp: Estimate
    fn: Estimate
    fp: Estimate
    tn: Estimate
    alerts: Estimate
    lr_positive: Estimate
    lr_negative: Estimate


def at_prevalence(
    confusion: Confusion, prevalence: float, figures: dict[str, Estimate] | None = None
) -> Clinic:
    """Carry a threshold's sensitivity and specificity over to another prevalence, by Bayes.

    The interval of a predictive value is that of its likelihood ratio: odds(PPV) = prior odds x LR+
    and odds(1 - NPV) = prior odds x LR-. The prevalence itself is taken as known. Sensitivity and
    specificity are assumed to carry over, which a sicker or a healthier population may deny.

    Args:
        confusion: counts at the threshold.
        prevalence: in (0, 1), of the user's patients.
        figures: of the same threshold, where they are not `confusion.estimates()` (by patient).

    Raises:
        DataError: a prevalence outside (0, 1).
    """
    prevalence = as_prevalence(prevalence)
    figures = figures or confusion.estimates()
    sensitivity, specificity = figures["sensitivity"], figures["specificity"]
    odds = prevalence / (1 - prevalence)
    tp, fp = (
        _times(sensitivity, 1000 * prevalence),
        _times(complement(specificity), 1000 * (1 - prevalence)),
    )
    return Clinic(
        prevalence=prevalence,
        ppv=_after(figures["lr_positive"], odds, certain=confusion.tp > 0),
        npv=complement(_after(figures["lr_negative"], odds, certain=confusion.fn > 0)),
        tp=tp,
        fn=_times(complement(sensitivity), 1000 * prevalence),
        fp=fp,
        tn=_times(specificity, 1000 * (1 - prevalence)),
        alerts=_sum(tp, fp),
        lr_positive=figures["lr_positive"],
        lr_negative=figures["lr_negative"],
    )


def at_other_prevalence(probabilities: Any, here: float, there: float) -> np.ndarray:
    """Return what calibrated probabilities become where another share of the patients is ill.

    By Bayes: the odds are multiplied by the ratio of the prior odds. It is right where patients
    with pneumonia look alike in both places, and so do those without; sensitivity and specificity
    carry over under the same condition.
    Sources: Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, theorem 2; Saerens,
    Latinne and Decaestecker, Neural Computation 14 (2002) 21-41, equation 2.4.

    Args:
        probabilities: (M,) in [0, 1], calibrated where the prevalence is `here`.
        here: prevalence in (0, 1) of the images that the probabilities are calibrated on.
        there: prevalence in (0, 1) of the other place.

    Returns:
        (M,) float64 in [0, 1]; rising with the probabilities, 0 and 1 staying what they are.

    Raises:
        DataError: a prevalence outside (0, 1).
    """
    here, there = as_prevalence(here), as_prevalence(there)
    ill = np.asarray(probabilities, float) * (there / here)
    well = (1 - np.asarray(probabilities, float)) * ((1 - there) / (1 - here))
    return ill / (ill + well)


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit against preference; all (M,) float64, in true positives per image.

    A preference is the probability of pneumonia at which a doctor is indifferent between treating
    and not; a miss then costs (1 - preference) / preference false alarms.
    """

    prevalence: float
    preferences: np.ndarray
    model: np.ndarray  # calling positive when the probability there >= preference
    low: np.ndarray  # 95 % interval of the model's, at each preference by itself
    high: np.ndarray
    treat_all: np.ndarray
    treat_none: np.ndarray  # zero

    def useful(self) -> tuple[float, float] | None:
        """Return the longest range of preferences where the model beats both, or None."""
        better = self.model > np.maximum(self.treat_all, self.treat_none) + 1e-12
        edges = np.flatnonzero(np.diff(np.concatenate(([0], better, [0]))))
        if not edges.size:
            return None
        starts, ends = edges[::2], edges[1::2] - 1
        longest = int(np.argmax(self.preferences[ends] - self.preferences[starts]))
        return float(self.preferences[starts[longest]]), float(self.preferences[ends[longest]])


def decision_curve(
    table: ThresholdTable, prevalence: float | None = None, preferences: Any = None
) -> DecisionCurve:
    """Return the decision curve of calibrated probabilities, against treat-all and treat-none.

    Net benefit = sensitivity x prevalence - (1 - specificity) x (1 - prevalence) x odds(preference)
    in true positives per image. Source: Vickers and Elkin, Med Decis Making 26 (2006) 565-574.

    With another prevalence than the sample's, an image is called positive when its probability at
    that prevalence (`at_other_prevalence`) reaches the preference. The scores as they are would
    promise too much to a healthier population, and treating by them would do less good than the
    same model can: sensitivity and specificity carry over exactly where that correction is right.

    Args:
        table: a full threshold table.
        prevalence: in (0, 1); None for the sample's own.
        preferences: (M,) in (0, 1); by default 0.01 to 0.99.

    Raises:
        DataError: one class only, or a prevalence or preference outside (0, 1).
    """
    at = np.linspace(0.01, 0.99, 99) if preferences is None else np.asarray(preferences, float)
    _check_both(table.positives, table.negatives)
    called_from = at
    if prevalence is not None:
        sample = table.positives / (table.positives + table.negatives)
        called_from = at_other_prevalence(at, as_prevalence(prevalence), sample)
    rows = np.searchsorted(table.thresholds, called_from, side="left")
    counts = table.tp[rows], table.fp[rows], table.positives, table.negatives
    model, all_of_them, prevalence = _net_benefit(*counts, at, prevalence)
    low, high = _limits(*counts, at, prevalence, model)
    return DecisionCurve(prevalence, at, model, low, high, all_of_them, np.zeros_like(at))


def net_benefit(
    confusion: Confusion, preferences: Any, prevalence: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the net benefit of one fixed threshold at many preferences, with its 95 % interval.

    The interval joins Wilson's of sensitivity and specificity (MOVER, Zou and Donner, Stat Med 27
    (2008) 1693-1702), the prevalence taken as known.

    Args:
        confusion: counts at the threshold.
        preferences: (M,) in (0, 1).
        prevalence: in (0, 1); None for the sample's own.

    Returns:
        value, low, high: (M,) float64, in true positives per image.

    Raises:
        DataError: one class only, or a prevalence or preference outside (0, 1).
    """
    at = np.asarray(preferences, float)
    counts = confusion.tp, confusion.fp, confusion.positives, confusion.negatives
    value, _, prevalence = _net_benefit(*counts, at, prevalence)
    return value, *_limits(*counts, at, prevalence, value)


def _net_benefit(
    tp: Any, fp: Any, positives: int, negatives: int, at: np.ndarray, prevalence: float | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Net benefit of the counts and of treating all, and the prevalence used."""
    _check_both(positives, negatives)
    if not ((at > 0) & (at < 1)).all():
        raise DataError("A preference is a probability between 0 and 1, both excluded.")
    if prevalence is None:
        prevalence = positives / (positives + negatives)
    prevalence = as_prevalence(prevalence)
    odds = at / (1 - at)
    value = tp / positives * prevalence - fp / negatives * (1 - prevalence) * odds
    return value, prevalence - (1 - prevalence) * odds, prevalence


def _limits(
    tp: Any,
    fp: Any,
    positives: int,
    negatives: int,
    at: np.ndarray,
    prevalence: float,
    value: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of a net benefit from Wilson's of sensitivity and specificity, by MOVER."""
    gain, loss = prevalence, (1 - prevalence) * at / (1 - at)
    (tp_low, tp_high), (fp_low, fp_high) = (
        wilson_bounds(tp, positives),
        wilson_bounds(fp, negatives),
    )
    tpr, fpr = tp / positives, fp / negatives
    low = value - np.hypot(gain * (tpr - tp_low), loss * (fp_high - fpr))
    return low, value + np.hypot(gain * (tp_high - tpr), loss * (fpr - fp_low))


def _check_both(positives: int, negatives: int) -> None:
    if not (positives and negatives):
        raise DataError("Net benefit needs normal and pneumonia images, but one of them is absent.")


def _after(lr: Estimate, odds: float, *, certain: bool) -> Estimate:
    """Probability after a likelihood ratio; an infinite one, where `certain`, gives 1."""
    if lr.low is None:
        return UNDEFINED

    def probability(ratio: float | None) -> float:
        return 1.0 if ratio is None else odds * ratio / (1 + odds * ratio)

    if lr.value is None and not certain:
        return UNDEFINED
    return Estimate(probability(lr.value), probability(lr.low), probability(lr.high))


def _times(a: Estimate, factor: float) -> Estimate:
    if a.value is None:
        return UNDEFINED
    return Estimate(*(factor * part for part in a.to_json()))


def _sum(a: Estimate, b: Estimate) -> Estimate:
    """Sum of two independent figures, by MOVER."""
    if a.value is None or b.value is None:
        return UNDEFINED
    value = a.value + b.value
    return Estimate(
        value,
        value - float(np.hypot(a.value - a.low, b.value - b.low)),
        value + float(np.hypot(a.high - a.value, b.high - b.value)),
    )
