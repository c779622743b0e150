"""Does a probability mean what it says: temperature, reliability, Brier score."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pneumo_core.errors import DataError
from pneumo_core.proportions import UNDEFINED, Estimate, wilson, z_score
from pneumo_core.scores import as_clusters, as_scores, need_both, pair, pair_probabilities

COLDEST, HOTTEST = 0.1, 10.0
"""Bounds of a temperature: perfectly separated logits would otherwise drive it to zero."""

Binning = Literal["width", "count"]


def probability(logits: Any, temperature: float = 1.0) -> np.ndarray:
    """Turn logits into calibrated probabilities: sigmoid(logit / temperature).

    Args:
        logits: (N,) log-odds of pneumonia.
        temperature: above 0; above 1 makes the network less sure of itself.

    Returns:
        (N,) float64 in [0, 1], exact in both tails.

    Raises:
        DataError: a logit that is not a finite number, or a temperature that is not above 0.
    """
    if not (temperature > 0 and math.isfinite(temperature)):
        raise DataError(f"A temperature must be a finite number above 0, not {temperature}.")
    return np.exp(-np.logaddexp(0.0, -as_scores(logits, "logit") / temperature))


def log_odds(chance: float, temperature: float = 1.0) -> float:
    """Return the logit that `probability` takes to a chance in [0, 1]; infinite at the ends."""
    if chance in (0, 1):
        return math.inf if chance else -math.inf
    return temperature * math.log(chance / (1 - chance))


def fit_temperature(labels: Any, logits: Any) -> float:
    """Find the temperature with the lowest negative log-likelihood.

    The likelihood is concave in 1 / temperature, so the one root of its slope is the answer.
    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.

    Args:
        labels: (N,) 0 or 1.
        logits: (N,) log-odds of pneumonia, of images the network was not trained on.

    Returns:
        The temperature, kept within [0.1, 10]; 1 when every logit is 0.

    Raises:
        DataError: a bad value, different lengths, or one class only.
    """
    positive, logits = pair(labels, logits)
    need_both(positive, "Fitting a temperature")
    if not logits.any():
        return 1.0

    def slope(inverse: float) -> float:
        return float(np.mean(logits * (probability(logits, 1 / inverse) - positive)))

    # In this order: logits so large that no temperature matters are perfectly separated ones.
    if slope(1 / COLDEST) <= 0:
        return COLDEST
    if slope(1 / HOTTEST) >= 0:
        return HOTTEST
    from scipy.optimize import brentq

    return 1 / float(brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-12))


def brier(labels: Any, probabilities: Any) -> float:
    """Return the Brier score, the mean squared error of the probabilities: 0 is perfect.

    Source: Brier, Monthly Weather Review 78 (1950) 1-3.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    return float(np.mean((probabilities - positive) ** 2))


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose probability lies in [low, high) (the last bin has its upper edge too)."""

    low: float
    high: float
    n: int
    positives: int
    mean_probability: float | None
    """What the model promises; None in an empty bin."""
    observed: Estimate
    """Share that has pneumonia, with Wilson's interval; None in an empty bin."""


def reliability(
    labels: Any, probabilities: Any, bins: int = 10, binning: Binning = "width"
) -> tuple[ReliabilityBin, ...]:
    """Compare promised and observed shares of pneumonia, bin by bin.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) of pneumonia, in [0, 1].
        bins: how many bins.
        binning: "width" for equally wide bins; "count" for bins of as equal counts as tied
            probabilities allow (ties stay together, so there can be fewer bins).

    Returns:
        The bins in rising order, together covering [0, 1]; empty ones included.

    Raises:
        DataError: a bad value, different lengths, or less than one bin.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    edges = _edges(probabilities, bins, binning)
    index = np.searchsorted(edges[1:-1], probabilities, side="right")
    counts = np.bincount(index, minlength=len(edges) - 1)
    positives = np.bincount(index, positive, len(edges) - 1)
    promised = np.bincount(index, probabilities, len(edges) - 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            n=int(n),
            positives=int(positives[i]),
            mean_probability=float(promised[i] / n) if n else None,
            observed=wilson(int(positives[i]), int(n)),
        )
        for i, n in enumerate(counts)
    )


def expected_calibration_error(
    labels: Any, probabilities: Any, bins: int = 10, binning: Binning = "width"
) -> float:
    """Return the mean gap between promised and observed share, weighted by the bins' counts.

    Of the probability of pneumonia, not of the predicted class: both tails of one model must not
    cancel. Source: Naeini, Cooper and Hauskrecht, AAAI 2015. Arguments and errors as `reliability`.
    """
    table = [b for b in reliability(labels, probabilities, bins, binning) if b.n]
    gaps = [abs(b.mean_probability - b.positives / b.n) * b.n for b in table]
    return float(sum(gaps) / sum(b.n for b in table))


def calibration_in_the_large(labels: Any, probabilities: Any, groups: Any = None) -> Estimate:
    """Return what every log-odds lacks for promised and observed shares to agree, with interval.

    The intercept of a logistic model that has the log-odds as its offset: 0 is perfect, below 0 the
    probabilities are too high. Its variance is the sandwich's, summed by patient. Sources: Cox,
    Biometrika 45 (1958) 562-565; Steyerberg, Clinical Prediction Models (2nd ed., 2019), chapter
    15; Liang and Zeger, Biometrika 73 (1986) 13-22.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) of pneumonia, in [0, 1].
        groups: (N,) patients, when images of one patient are not independent.

    Returns:
        The intercept with its 95 % interval; all None with one class only.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    if positive.all() or not positive.any():
        return UNDEFINED
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    odds = logit(np.clip(probabilities, 1e-15, 1 - 1e-15))  # finite even of 0 and 1
    codes = np.arange(odds.size) if groups is None else as_clusters(groups, odds.size)

    def excess(shift: float) -> float:
        return float((expit(odds + shift) - positive).sum())

    shift = float(brentq(excess, -80.0, 80.0, xtol=1e-12))
    chances = expit(odds + shift)
    information = float((chances * (1 - chances)).sum())
    if not information > 1e-12:
        return Estimate(shift, None, None)
    half = z_score() * math.sqrt(float((np.bincount(codes, positive - chances) ** 2).sum()))
    return Estimate(shift, shift - half / information, shift + half / information)


def _edges(probabilities: np.ndarray, bins: int, binning: Binning) -> np.ndarray:
    if bins < 1:
        raise DataError(f"A reliability table needs at least one bin, not {bins}.")
    if binning == "width":
        return np.linspace(0.0, 1.0, bins + 1)
    ordered = np.sort(probabilities)
    starts = ordered[np.arange(1, bins) * ordered.size // bins]
    inner = np.unique(starts[(starts > ordered[0]) & (starts < 1)])
    return np.concatenate(([0.0], inner, [1.0]))
