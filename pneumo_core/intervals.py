"""How sure a figure is: intervals and tests for proportions and areas under the curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from pneumo_core.errors import DataError
from pneumo_core.scores import as_groups, as_scores, need_both, pair

LEVEL = 0.95
"""Confidence level of every interval unless another is asked for."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Each part is None where it is undefined or infinite (a sensitivity without a single pneumonia,
    a likelihood ratio that divides by zero).
    """

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> list[float | None]:
        """Return [value, low, high]."""
        return [self.value, self.low, self.high]

    @classmethod
    def from_json(cls, parts: Sequence[float | None]) -> "Estimate":
        """Read what `to_json` wrote.

        Raises:
            DataError: not three numbers or nulls.
        """
        try:
            value, low, high = (None if part is None else float(part) for part in parts)
        except (TypeError, ValueError):
            raise DataError(
                f"A figure must be [value, low, high] in numbers or null, not {parts!r}."
            ) from None
        return cls(value, low, high)


UNDEFINED = Estimate(None, None, None)


def z_score(level: float = LEVEL) -> float:
    """Return the two-sided normal quantile: 1.96 for a level of 0.95.

    Raises:
        DataError: a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise DataError(f"A confidence level lies between 0 and 1, not at {level}.")
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson_bounds(successes: Any, n: Any, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval for many proportions at once.

    Source: Wilson, J Am Stat Assoc 22 (1927) 209-212.

    Args:
        successes: (K,) counts, or any number of successes between 0 and n.
        n: (K,) or scalar number of trials.
        level: confidence level.

    Returns:
        low, high: (K,) float64 in [0, 1]; 0 and 1, which say nothing, where n is 0.
    """
    z2 = z_score(level) ** 2
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(n, float))
    centre = (k + z2 / 2) / (n + z2)
    # k (n - k) / n without dividing by zero where there were no trials
    spread = k * (n - k) / np.maximum(n, 1e-300)
    half = np.sqrt(z2 * (spread + z2 / 4)) / (n + z2)
    # The limits at no and at all successes are exactly 0 and 1; rounding must not miss them.
    low = np.where(k <= 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(k >= n, 1.0, np.minimum(centre + half, 1.0))
    return low, high


def wilson(successes: float, n: float, level: float = LEVEL) -> Estimate:
    """Return a proportion with Wilson's score interval; all None when n is 0.

    Source: Wilson, J Am Stat Assoc 22 (1927) 209-212.

    Raises:
        DataError: not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise DataError(f"{successes} of {n} is not a proportion.")
    if n == 0:
        return UNDEFINED
    low, high = wilson_bounds(successes, n, level)
    return Estimate(float(successes / n), float(low), float(high))


def difference(a: Estimate, b: Estimate) -> Estimate:
    """Return a - b of two independent proportions, from their own intervals.

    With Wilson's intervals this is Newcombe's hybrid score interval (method 10). Source: Newcombe,
    Stat Med 17 (1998) 873-890. All None where either is undefined.
    """
    if a.value is None or b.value is None:
        return UNDEFINED
    value = a.value - b.value
    return Estimate(
        value,
        value - math.hypot(a.value - a.low, b.high - b.value),
        value + math.hypot(a.high - a.value, b.value - b.low),
    )


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """Return a / b of two independent proportions, from their own intervals.

    Needs no correction for empty cells: where b is 0 the value and the upper limit are None
    (infinite) and the lower limit still stands. Source: MOVER-R, Donner and Zou, Stat Methods Med
    Res 21 (2012) 347-359. All None where either is undefined or both are 0.
    """
    if a.value is None or b.value is None or (a.value == 0 and b.value == 0):
        return UNDEFINED
    product = a.value * b.value
    root = product**2 - a.low * b.high * (2 * a.value - a.low) * (2 * b.value - b.high)
    divisor = b.high * (2 * b.value - b.high)
    if divisor == 0:
        low = a.low * (2 * a.value - a.low) / (2 * product)
    else:
        low = (product - math.sqrt(max(root, 0.0))) / divisor
    root = product**2 - a.high * b.low * (2 * a.value - a.high) * (2 * b.value - b.low)
    divisor = b.low * (2 * b.value - b.low)
    high = None if divisor <= 0 else (product + math.sqrt(max(root, 0.0))) / divisor
    return Estimate(a.value / b.value if b.value > 0 else None, max(low, 0.0), high)


def mean_of_two(a: Estimate, b: Estimate) -> Estimate:
    """Return (a + b) / 2 of two independent proportions, from their own intervals.

    Source: MOVER, Zou and Donner, Stat Med 27 (2008) 1693-1702. All None where either is undefined.
    """
    if a.value is None or b.value is None:
        return UNDEFINED
    value = (a.value + b.value) / 2
    return Estimate(
        value,
        value - math.hypot(a.value - a.low, b.value - b.low) / 2,
        value + math.hypot(a.high - a.value, b.high - b.value) / 2,
    )


def auc_delong(labels: Any, scores: Any, groups: Any = None, level: float = LEVEL) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval on the logit scale.

    The logit keeps the interval inside [0, 1] and covers better near 1 (Qin and Hotilovac, Stat
    Methods Med Res 17 (2008) 207-221). Where DeLong's variance is zero or cannot be estimated
    (perfect separation, all scores equal, one image of a class) the interval is Wilson's with
    n = min(positives, negatives), from the bound var(AUC) <= AUC (1 - AUC) / n (van Dantzig 1951;
    Birnbaum 1956): a perfect result on few images is no proof of perfection.

    Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845; the fast algorithm,
    Sun and Xu, IEEE Signal Process Lett 21 (2014) 1389-1393; for images that share a patient,
    Obuchowski, Biometrics 53 (1997) 567-578.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) numbers; higher means more like pneumonia. Any strictly rising function of the
            scores has the same area.
        groups: (N,) patients, when images of one patient are not independent.
        level: confidence level.

    Returns:
        The area in [0, 1]; all None when only one class is there.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, scores = pair(labels, scores)
    if positive.all() or not positive.any():
        return UNDEFINED
    components = _Components.of(positive, scores)
    codes = None if groups is None else as_groups(groups, positive.size)[1]
    return _area_interval(
        components.area, components.covariance(components, codes), positive, level
    )


@dataclass(frozen=True)
class AucComparison:
    """Two areas under the curve and their difference, a - b.

    `p_value` is two-sided, for "the areas are equal"; None where the variance of the difference is
    zero although the areas differ.
    """

    a: Estimate
    b: Estimate
    difference: Estimate
    p_value: float | None


def compare_auc(labels: Any, a: Any, b: Any, groups: Any = None) -> AucComparison:
    """Compare two models scored on the same images, by DeLong's test.

    Sources: as `auc_delong`.

    Args:
        labels: (N,) 0 or 1.
        a: (N,) scores of one model.
        b: (N,) scores of the other, in the same order.
        groups: (N,) patients, when images of one patient are not independent.

    Raises:
        DataError: a bad value, different lengths, or one class only.
    """
    positive, a = pair(labels, a)
    _, b = pair(labels, as_scores(b))
    need_both(positive, "Comparing two areas under the curve")
    codes = None if groups is None else as_groups(groups, positive.size)[1]
    one, two = _Components.of(positive, a), _Components.of(positive, b)
    variance_a, variance_b = one.covariance(one, codes), two.covariance(two, codes)
    variance = variance_a + variance_b - 2 * one.covariance(two, codes)
    return AucComparison(
        a=_area_interval(one.area, variance_a, positive, LEVEL),
        b=_area_interval(two.area, variance_b, positive, LEVEL),
        **_normal_test(one.area - two.area, variance),
    )


def compare_auc_unpaired(
    labels_a: Any, scores_a: Any, labels_b: Any, scores_b: Any
) -> AucComparison:
    """Compare the areas on two independent sets of images (validation against test).

    Source: as `auc_delong`; the variances of independent areas add.

    Raises:
        DataError: a bad value, different lengths, or one class only in either set.
    """
    areas, variances, estimates = [], [], []
    for positive, scores in (pair(labels_a, scores_a), pair(labels_b, scores_b)):
        need_both(positive, "Comparing two areas under the curve")
        parts = _Components.of(positive, scores)
        variance = parts.covariance(parts, None)
        areas.append(parts.area)
        variances.append(variance)
        estimates.append(_area_interval(parts.area, variance, positive, LEVEL))
    return AucComparison(*estimates, **_normal_test(areas[0] - areas[1], sum(variances)))


@dataclass(frozen=True)
class McNemar:
    """Two classifiers on the same images: how often only one of them is right.

    `p_value` is exact and two-sided, for "they are right equally often"; 1 when they never differ.
    """

    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    p_value: float


def mcnemar(labels: Any, positive_a: Any, positive_b: Any) -> McNemar:
    """McNemar's exact test of two classifiers on the same images.

    Source: McNemar, Psychometrika 12 (1947) 153-157; exact form by the binomial distribution.

    Args:
        labels: (N,) 0 or 1.
        positive_a: (N,) 0 or 1 (or bool), what one model says at its own threshold.
        positive_b: (N,) the same of the other.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, a = pair(labels, positive_a)
    _, b = pair(labels, positive_b)
    right_a, right_b = a.astype(bool) == positive, b.astype(bool) == positive
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p_value = 1.0
    if only_a + only_b:
        from scipy.stats import binomtest

        p_value = float(binomtest(only_a, only_a + only_b).pvalue)
    return McNemar(
        int((right_a & right_b).sum()), only_a, only_b, int((~right_a & ~right_b).sum()), p_value
    )


@dataclass(frozen=True)
class _Components:
    """DeLong's structural components of one set of scores."""

    positive: np.ndarray  # (N,) bool
    placement: np.ndarray  # (N,) share of the other class that this image is ranked right against
    area: float

    @classmethod
    def of(cls, positive: np.ndarray, scores: np.ndarray) -> "_Components":
        placement = np.empty(scores.size)
        above = _share_below(scores[positive], scores[~positive])
        placement[positive] = above
        placement[~positive] = 1 - _share_below(scores[~positive], scores[positive])
        return cls(positive, placement, float(above.mean()))

    def covariance(self, other: "_Components", codes: np.ndarray | None) -> float:
        """Covariance of the two areas; NaN where a class has one member (or one patient).

        `codes` (N,) numbers the patients; without it every image stands alone.
        """
        if codes is None:
            codes = np.arange(self.positive.size)
        total, deviations = 0.0, []
        for part in (self.positive, ~self.positive):
            n, members = int(part.sum()), codes[part]
            size = int(codes.max()) + 1
            clusters = int((np.bincount(members, minlength=size) > 0).sum())
            sums = [
                np.bincount(members, side.placement[part] - side.area, minlength=size)
                for side in (self, other)
            ]
            if clusters < 2:
                return math.nan
            deviations.append([side / n for side in sums])
            total += clusters / (clusters - 1) * float(sums[0] @ sums[1]) / n**2
        (pos_a, pos_b), (neg_a, neg_b) = deviations
        # Zero unless one patient has images of both classes.
        all_clusters = int((np.bincount(codes) > 0).sum())
        cross = float(pos_a @ neg_b + pos_b @ neg_a)
        return total + all_clusters / max(all_clusters - 1, 1) * cross


def _share_below(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """For each of these, the share of those that lie below; a tie counts half."""
    those = np.sort(those)
    below = np.searchsorted(those, these, side="left")
    not_above = np.searchsorted(those, these, side="right")
    return (below + not_above) / (2 * those.size)


def _area_interval(area: float, variance: float, positive: np.ndarray, level: float) -> Estimate:
    # Rounding leaves 1e-34 where the variance is truly zero.
    if not variance > 1e-18 or not 0 < area < 1:
        n = int(min(positive.sum(), (~positive).sum()))
        low, high = wilson_bounds(area * n, n, level)
        return Estimate(area, float(low), float(high))
    centre = math.log(area / (1 - area))
    half = z_score(level) * math.sqrt(variance) / (area * (1 - area))
    low, high = np.exp(-np.logaddexp(0.0, [half - centre, -half - centre]))  # the logistic function
    return Estimate(area, float(low), float(high))


def _normal_test(value: float, variance: float) -> dict[str, Any]:
    if not variance > 1e-18:
        same = value == 0 and not math.isnan(variance)
        interval = Estimate(value, value, value) if same else Estimate(value, None, None)
        return {"difference": interval, "p_value": 1.0 if same else None}
    error = math.sqrt(variance)
    half = z_score() * error
    return {
        "difference": Estimate(value, value - half, value + half),
        "p_value": math.erfc(abs(value) / error / math.sqrt(2)),
    }
