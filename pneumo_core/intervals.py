"""How sure a figure is: intervals and tests, all behind one import.

Areas under the curve and McNemar's test live here; the proportions of `proportions` and the
bootstrap of `resampling` are offered here too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.proportions import (
    LEVEL,
    UNDEFINED,
    Estimate,
    complement,
    difference,
    mean_of_two,
    ratio,
    wilson,
    wilson_bounds,
    wilson_clustered,
    z_score,
)
from pneumo_core.resampling import bootstrap, percentile_interval, resample
from pneumo_core.scores import as_clusters, need_both, pair

__all__ = [
    "LEVEL",
    "UNDEFINED",
    "AucComparison",
    "Estimate",
    "McNemar",
    "auc_delong",
    "auc_variance",
    "bootstrap",
    "compare_auc",
    "compare_auc_unpaired",
    "complement",
    "difference",
    "mcnemar",
    "mean_of_two",
    "percentile_interval",
    "ratio",
    "resample",
    "wilson",
    "wilson_bounds",
    "wilson_clustered",
    "z_score",
]


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
    area, variance = _area_and_variance(positive, scores, groups)
    return _area_interval(area, variance, positive, level)


def auc_variance(labels: Any, scores: Any, groups: Any = None) -> float | None:
    """Return DeLong's variance of the area under the curve; arguments and errors as `auc_delong`.

    None where it cannot be estimated: a class with no or one image (or patient).
    """
    positive, scores = pair(labels, scores)
    if positive.all() or not positive.any():
        return None
    _, variance = _area_and_variance(positive, scores, groups)
    return None if math.isnan(variance) else variance


@dataclass(frozen=True)
class AucComparison:
    """Two areas under the curve and their difference, a - b.

    `p_value` is two-sided, for "the areas are equal"; None where the variance of the difference is
    zero although the areas differ, or unknown.
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
    _, b = pair(labels, b)
    need_both(positive, "Comparing two areas under the curve")
    codes = None if groups is None else as_clusters(groups, positive.size)
    one, two = _Components.of(positive, a), _Components.of(positive, b)
    variance_a, variance_b = one.covariance(one, codes), two.covariance(two, codes)
    variance = variance_a + variance_b - 2 * one.covariance(two, codes)
    return AucComparison(
        a=_area_interval(one.area, variance_a, positive, LEVEL),
        b=_area_interval(two.area, variance_b, positive, LEVEL),
        **_normal_test(one.area - two.area, variance),
    )


def compare_auc_unpaired(
    labels_a: Any,
    scores_a: Any,
    labels_b: Any,
    scores_b: Any,
    groups_a: Any = None,
    groups_b: Any = None,
) -> AucComparison:
    """Compare the areas on two independent sets of images (validation against test).

    Arguments and sources as `compare_auc`; the variances of independent areas add. Where one of
    them is zero or cannot be estimated (perfect separation on a few images), which would make the
    difference look surer than it is, its interval is made of the two areas' own (`difference`) and
    there is no p-value.

    Raises:
        DataError: a bad value, different lengths, or one class only in either set.
    """
    areas, variances, estimates = [], [], []
    sets = ((*pair(labels_a, scores_a), groups_a), (*pair(labels_b, scores_b), groups_b))
    for positive, scores, groups in sets:
        need_both(positive, "Comparing two areas under the curve")
        area, variance = _area_and_variance(positive, scores, groups)
        areas.append(area)
        variances.append(variance)
        estimates.append(_area_interval(area, variance, positive, LEVEL))
    if not all(variance > 1e-18 for variance in variances):
        return AucComparison(*estimates, difference=difference(*estimates), p_value=None)
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
        total, deviations = 0.0, []
        for part in (self.positive, ~self.positive):
            n = clusters = int(part.sum())
            sums = [side.placement[part] - side.area for side in (self, other)]
            if codes is not None:
                members, size = codes[part], int(codes.max()) + 1
                clusters = int((np.bincount(members, minlength=size) > 0).sum())
                sums = [np.bincount(members, side, minlength=size) for side in sums]
            if clusters < 2:
                return math.nan
            deviations.append([side / n for side in sums])
            total += clusters / (clusters - 1) * float(sums[0] @ sums[1]) / n**2
        if codes is None:
            return total
        (pos_a, pos_b), (neg_a, neg_b) = deviations
        # Zero unless one patient has images of both classes.
        all_clusters = int((np.bincount(codes) > 0).sum())
        cross = float(pos_a @ neg_b + pos_b @ neg_a)
        return total + all_clusters / max(all_clusters - 1, 1) * cross


def _area_and_variance(
    positive: np.ndarray, scores: np.ndarray, groups: Any
) -> tuple[float, float]:
    codes = None if groups is None else as_clusters(groups, positive.size)
    components = _Components.of(positive, scores)
    return components.area, components.covariance(components, codes)


def _share_below(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """For each of these, the share of those that lie below; a tie counts half."""
    those, order = np.sort(those), np.argsort(these)
    ranked = these[order]  # in order the search walks through memory instead of jumping about
    share = np.empty(these.size)
    below = np.searchsorted(those, ranked, side="left")
    share[order] = (below + np.searchsorted(those, ranked, side="right")) / (2 * those.size)
    return share


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
