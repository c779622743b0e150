"""How much two models differ in a share that both have of the same images."""

import math
from typing import Any

import numpy as np

from pneumo_core.errors import DataError
from pneumo_core.proportions import LEVEL, UNDEFINED, Estimate, z_score
from pneumo_core.scores import as_clusters


def paired_difference(a: Any, b: Any, groups: Any = None, level: float = LEVEL) -> Estimate:
    """Return the difference a - b of two shares of the same trials, with its interval.

    The adjusted Wald interval of Bonett and Price (J Educ Behav Stat 37 (2012) 479-488), which is
    not empty where the two never differ. Where trials come in groups (images of one patient), the
    counts are those of the effective sample size n / d, d being the design effect of the
    differences (Rao and Scott, Biometrics 48 (1992) 577-585), as `wilson_clustered` has it.

    Args:
        a: (N,) bool or 0/1, for instance whether one model is right.
        b: (N,) the same of the other model, in the same order.
        groups: (N,) group of each trial; None where every trial stands alone.
        level: confidence level.

    Returns:
        The difference in [-1, 1]; all None when there are no trials.

    Raises:
        DataError: different lengths.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise DataError(f"Two models on {a.size} and {b.size} images cannot be paired.")
    n = a.size
    if n == 0:
        return UNDEFINED
    gains = a - b
    value = float(gains.mean())
    effect = 1.0 if groups is None else _design_effect(gains, as_clusters(groups, n))
    trials = n / effect + 2
    up, down = ((np.sum(gains == sign) / effect + 1) / trials for sign in (1, -1))
    half = z_score(level) * math.sqrt((up + down - (up - down) ** 2) / trials)
    centre = float(up - down)
    return Estimate(value, max(centre - half, -1.0), min(centre + half, 1.0))


def _design_effect(values: np.ndarray, codes: np.ndarray) -> float:
    """How many times the variance between groups exceeds that of independent values; at least 1."""
    sizes, sums = np.bincount(codes), np.bincount(codes, values)
    n, m = values.size, int(np.count_nonzero(sizes))
    alone = float(values.var())
    if m == 1 or alone == 0:
        return n / m
    between = m / (m - 1) * float(np.sum((sums - sizes * values.mean()) ** 2)) / n
    return max(between / alone, 1.0)
