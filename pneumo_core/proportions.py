"""An estimate with its interval, and the intervals of proportions and of what is made of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from pneumo_core.errors import DataError
from pneumo_core.scores import as_clusters

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


def wilson_clustered(hits: Any, groups: Any, level: float = LEVEL) -> Estimate:
    """Return a proportion whose trials come in groups (images of one patient), with its interval.

    Wilson's interval at the effective sample size n / d, d being the design effect: how many times
    the variance between groups exceeds that of independent trials (never taken below 1; with no or
    only successes, where it cannot be measured, every group counts as one trial).
    Source: Rao and Scott, Biometrics 48 (1992) 577-585.

    Args:
        hits: (N,) bool or 0/1.
        groups: (N,) group of each trial.
        level: confidence level.

    Returns:
        The share of hits; all None when there are no trials.
    """
    hits = np.asarray(hits, float)
    n = hits.size
    if n == 0:
        return UNDEFINED
    codes = as_clusters(groups, n)
    sizes, sums = np.bincount(codes), np.bincount(codes, hits)
    m, share = sizes.size, float(hits.mean())
    effect = n / m
    if m > 1 and 0 < share < 1:
        between = m / (m - 1) * float(np.sum((sums - sizes * share) ** 2)) / n
        effect = max(between / (share * (1 - share)), 1.0)
    elif m == 1:
        effect = float(n)
    low, high = wilson_bounds(share * n / effect, n / effect, level)
    return Estimate(share, float(low), float(high))


def complement(a: Estimate) -> Estimate:
    """Return 1 - a of a proportion; all None where it is undefined."""
    return UNDEFINED if a.value is None else Estimate(1 - a.value, 1 - a.high, 1 - a.low)


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
    # The published lower limit with its numerator made rational, so that no divisor can vanish.
    root = product**2 - a.low * b.high * (2 * a.value - a.low) * (2 * b.value - b.high)
    low = a.low and a.low * (2 * a.value - a.low) / (product + math.sqrt(max(root, 0.0)))
    root = product**2 - a.high * b.low * (2 * a.value - a.high) * (2 * b.value - b.low)
    divisor = b.low * (2 * b.value - b.low)
    high = (product + math.sqrt(max(root, 0.0))) / divisor if divisor > 0 else None
    return Estimate(a.value / b.value if b.value > 0 else None, low, high)


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
