"""The bootstrap, on counts rather than images, so that a million scores stay cheap.

A replicate of a sample is a table of how often each score value was drawn. Adding neighbouring
score values together first changes nothing about the counts at the thresholds in between (sums of
multinomial counts are multinomial), so replicates are drawn on a thinned threshold table, exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.confusion import ThresholdTable, threshold_table
from pneumo_core.intervals import LEVEL, UNDEFINED, Estimate
from pneumo_core.scores import as_groups, pair, pair_probabilities

REPEATS = 1000
ROWS = 512


@dataclass(frozen=True, eq=False)
class Resamples:
    """R bootstrap replicates of one threshold table.

    Images are drawn within each class; where patients are known, whole patients are drawn within
    the patients with and without pneumonia, so that both classes stay in every replicate.
    """

    table: ThresholdTable
    """The sample's own counts, at the K kept thresholds."""
    tp: np.ndarray  # (R, K) counts of each replicate at the same thresholds
    fp: np.ndarray  # (R, K)

    def average_precision(self, value: float) -> Estimate:
        """Return `value`, the whole sample's average precision, with its percentile interval."""
        called = np.maximum(self.tp + self.fp, 1)
        gained = self.tp - np.pad(self.tp[:, 1:], ((0, 0), (0, 1)))
        areas = np.sum(gained * (self.tp / called), axis=1) / np.maximum(self.tp[:, 0], 1)
        # A thin table loses a little area; the loss is the sample's own and is put back.
        areas += value - self.table.average_precision()
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
        groups: (N,) patients, drawn whole; without it images are drawn one by one.
        repeats: R, how many replicates.
        seed: of numpy's generator; one seed gives one answer.
        max_rows: K, at how many thresholds to count; memory is 16 R K bytes, whatever N.

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
        drawn = _draw_groups(rng, positive, probabilities, groups, table, repeats)
    tp, fp = (np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] for counts in drawn)
    return Resamples(table, tp, fp)


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
    codes = np.arange(positive.size) if groups is None else as_groups(groups, positive.size)[1]
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
    groups: Any,
    table: ThresholdTable,
    repeats: int,
) -> list[np.ndarray]:
    _, codes = as_groups(groups, positive.size)
    strata = _strata(positive, codes)
    # Row k counts for thresholds up to thresholds[k], so a score belongs to the last row below it.
    rows = np.searchsorted(table.thresholds, probabilities, side="right") - 1
    drawn = [np.empty((repeats, len(table)), np.int64) for _ in range(2)]
    weights = np.empty(int(codes.max()) + 1, np.int64)
    parts = [(rows[part], codes[part]) for part in (positive, ~positive)]
    for repeat in range(repeats):
        for stratum in strata:
            picks = rng.integers(stratum.size, size=stratum.size)
            weights[stratum] = np.bincount(picks, minlength=stratum.size)
        for out, (row, code) in zip(drawn, parts, strict=True):
            out[repeat] = np.bincount(row, weights[code], len(table))
    return drawn


def _strata(positive: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
    """Split the groups into those with a positive and those without, empty ones left out."""
    ill = np.bincount(codes, positive) > 0
    return [stratum for stratum in (np.flatnonzero(ill), np.flatnonzero(~ill)) if stratum.size]
