"""The bootstrap, on counts rather than images, so that a million scores stay cheap.

A replicate of a sample is a table of how often each score value was drawn. Adding neighbouring
score values together first changes nothing about the counts at the thresholds in between (sums of
multinomial counts are multinomial), so replicates are drawn on a thinned threshold table, exactly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.confusion import ThresholdTable, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.proportions import LEVEL, UNDEFINED, Estimate, wilson_bounds
from pneumo_core.scores import as_clusters, pair, pair_probabilities

REPEATS = 1000
ROWS = 512
BUNDLES = 1000


@dataclass(frozen=True, eq=False)
class RocBand:
    """A pointwise band around an ROC curve; all (M,) float64 in [0, 1]."""

    fpr: np.ndarray
    low: np.ndarray  # of the sensitivity
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Resamples:
    """R bootstrap replicates of one threshold table.

    Images are drawn within each class; where patients are known, whole patients are drawn, within
    those with and those without pneumonia. Replicates that lost a class are left out.
    """

    table: ThresholdTable
    """The sample's own counts, at the K kept thresholds."""
    tp: np.ndarray  # (R, K) counts of each replicate at the same thresholds
    fp: np.ndarray  # (R, K)

    def tables(self) -> Iterator[ThresholdTable]:
        """Yield each replicate as a table of its own, with only the scores that were drawn."""
        for tp, fp in zip(self.tp, self.fp, strict=True):
            drawn = np.append(np.diff(tp + fp) < 0, True)
            drawn[0] = True
            yield ThresholdTable(
                self.table.thresholds[drawn],
                tp[drawn],
                fp[drawn],
                (fp[0] - fp)[drawn],
                (tp[0] - tp)[drawn],
            )

    def roc_band(self, points: int = 101, level: float = LEVEL) -> RocBand:
        """Return the pointwise percentile band of the sensitivity at evenly spread FPRs.

        Raises:
            DataError: one class only.
        """
        if not (self.table.positives and self.table.negatives):
            raise DataError("An ROC band needs normal and pneumonia images.")
        grid = np.linspace(0.0, 1.0, points)
        curves = np.empty((len(self.tp), points))
        for curve, tp, fp in zip(curves, self.tp, self.fp, strict=True):
            # A hair to the right, so that a vertical rise counts with its top end.
            curve[:] = np.interp(grid + 1e-12, fp[::-1] / fp[0], tp[::-1] / tp[0])
        low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return RocBand(grid, low, high)

    def average_precision(self, value: float) -> Estimate:
        """Return `value`, the whole sample's average precision, with its percentile interval.

        Where every replicate is alike (perfect separation, all scores equal) the interval is
        Wilson's with n = positives, the binomial interval of Boyd, Eng and Page (ECML PKDD 2013):
        a perfect result on few images is no proof of perfection.
        """
        called = np.maximum(self.tp + self.fp, 1)
        gained = self.tp - np.pad(self.tp[:, 1:], ((0, 0), (0, 1)))
        areas = np.sum(gained * (self.tp / called), axis=1) / np.maximum(self.tp[:, 0], 1)
        # A thin table loses a little area; the loss is the sample's own and is put back.
        areas += value - self.table.average_precision()
        if value == 1 or np.unique(areas).size == 1:
            low, high = wilson_bounds(value * self.table.positives, self.table.positives)
            return Estimate(value, float(low), float(high))
        return percentile_interval(value, areas)


def resample(
    labels: Any,
    probabilities: Any,
    groups: Any = None,
    repeats: int = REPEATS,
    seed: int = 0,
    max_rows: int = ROWS,
) -> Resamples:
    """Draw bootstrap replicates of a threshold table.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) in [0, 1].
        groups: (N,) patients, drawn whole (in random bundles where there are thousands); without
            it images are drawn one by one.
        repeats: R, how many replicates.
        seed: of numpy's generator; one seed gives one answer.
        max_rows: K, at how many thresholds to count; memory is about 32 R K bytes, whatever N.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    table = threshold_table(positive, probabilities).thinned(max_rows)
    rng = np.random.default_rng(seed)
    if groups is None:
        drawn = [
            _draw_images(rng, column - np.append(column[1:], 0), repeats)
            for column in (table.tp, table.fp)
        ]
    else:
        codes = as_clusters(groups, positive.size)
        drawn = _draw_groups(rng, positive, probabilities, codes, table, repeats)
    tp, fp = (np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] for counts in drawn)
    # Patients with images of both classes may by chance leave one class out of a replicate.
    whole = ((tp[:, 0] > 0) == (table.positives > 0)) & ((fp[:, 0] > 0) == (table.negatives > 0))
    return Resamples(table, tp[whole], fp[whole])


def bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], float | None],
    labels: Any,
    scores: Any,
    groups: Any = None,
    repeats: int = REPEATS,
    seed: int = 0,
    level: float = LEVEL,
) -> Estimate:
    """Return any statistic with its percentile bootstrap interval, by drawing rows again and again.

    For statistics that are no function of a threshold table; `resample` is far faster for those
    that are. Drawn within classes, or by whole patients, as `Resamples` says. Source: Efron and
    Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Args:
        statistic: of labels (M,) bool and scores (M,) float64; None or NaN where undefined.
        labels: (N,) 0 or 1.
        scores: (N,) numbers.
        groups: (N,) patients, drawn whole.
        repeats: how many replicates; those where the statistic is undefined are left out.
        seed: of numpy's generator.
        level: confidence level.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, scores = pair(labels, scores)
    rng = np.random.default_rng(seed)
    codes = np.arange(positive.size) if groups is None else as_clusters(groups, positive.size)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    strata = _strata(positive, codes)
    values = []
    for _ in range(repeats):
        drawn = np.concatenate([rng.choice(stratum, stratum.size) for stratum in strata])
        lengths = sizes[drawn]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows = order[np.repeat(starts[drawn], lengths) + within]
        values.append(statistic(positive[rows], scores[rows]))
    return percentile_interval(
        statistic(positive, scores), np.array([np.nan if v is None else v for v in values]), level
    )


def percentile_interval(
    value: float | None, replicates: np.ndarray, level: float = LEVEL
) -> Estimate:
    """Return `value` with the percentile interval of its (R,) replicates, NaN left out."""
    if value is None or np.isnan(value):
        return UNDEFINED
    replicates = replicates[np.isfinite(replicates)]
    if not replicates.size:
        return Estimate(float(value), None, None)
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(value), float(low), float(high))


def _draw_images(rng: np.random.Generator, counts: np.ndarray, repeats: int) -> np.ndarray:
    total = int(counts.sum())
    if not total:
        return np.zeros((repeats, counts.size), np.int64)
    return rng.multinomial(total, counts / total, size=repeats)


def _draw_groups(
    rng: np.random.Generator,
    positive: np.ndarray,
    probabilities: np.ndarray,
    codes: np.ndarray,
    table: ThresholdTable,
    repeats: int,
) -> list[np.ndarray]:
    bundles, sizes = _bundles(rng, _strata(positive, codes))
    weights = np.hstack(
        [rng.multinomial(n, np.full(n, 1 / n), size=repeats).astype(float) for n in sizes]
    )
    # Row k counts for thresholds up to thresholds[k], so a score belongs to the last row below it.
    rows = np.searchsorted(table.thresholds, probabilities, side="right") - 1
    cells = bundles[codes] * len(table) + rows
    shape = (sum(sizes), len(table))
    return [
        (weights @ np.bincount(cells[part], minlength=shape[0] * shape[1]).reshape(shape)).astype(
            np.int64
        )
        for part in (positive, ~positive)
    ]


def _bundles(rng: np.random.Generator, strata: list[np.ndarray]) -> tuple[np.ndarray, list[int]]:
    """Merge the patients of each stratum into at most `BUNDLES` random bundles of one size.

    Bundles of independent patients are independent too, so drawing bundles gives the same variance
    (up to its own error of 1 / sqrt(2 BUNDLES)) at a bounded cost. Source: the random group method,
    Wolter, Introduction to Variance Estimation (2007), chapter 2.

    Returns:
        bundles: (G,) the bundle of each patient; sizes: how many bundles each stratum has.
    """
    bundles = np.empty(sum(stratum.size for stratum in strata), np.int64)
    sizes: list[int] = []
    for stratum in strata:
        n = min(stratum.size, BUNDLES)
        bundles[rng.permutation(stratum)] = sum(sizes) + np.arange(stratum.size) % n
        sizes.append(n)
    return bundles, sizes


def _strata(positive: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
    """Split the groups into those with a positive and those without, empty ones left out."""
    ill = np.bincount(codes, positive) > 0
    return [stratum for stratum in (np.flatnonzero(ill), np.flatnonzero(~ill)) if stratum.size]
