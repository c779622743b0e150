"""Films that look alike to the network, in a handful of groups: have its errors a pattern?"""

from dataclasses import dataclass

import numpy as np

MOST = 5
"""Groups, at most."""

SMALLEST = 3
"""Films in a group, at least: fewer are no pattern."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Films in groups.

    Attributes:
        groups: Positions of each group's films, the one nearest to the group's middle first; the
            largest group comes first. Together they hold every film once.
        silhouette: How far the groups stand apart, in [-1, 1] (Rousseeuw, J Comput Appl Math 20
            (1987) 53-65): up to 0.25 there is no structure to speak of, above 0.5 a reasonable one
            (Kaufman and Rousseeuw, "Finding Groups in Data", 1990). None for a single group.
    """

    groups: tuple[np.ndarray, ...]
    silhouette: float | None


def grouped(features: np.ndarray) -> Grouping:
    """Group films by Ward's agglomerative clustering of their standardised features.

    There are as many groups as there can be without one of less than `SMALLEST` films, `MOST` at
    most. Ward's criterion joins the two groups whose union spreads least (Ward, J Am Stat Assoc 58
    (1963) 236-244).

    Args:
        features: float (N, D), one row a film, N at least 1, such as `features.pooled_features`.
    """
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import silhouette_score

    # A feature that is the same in all films says nothing, and has no deviation to divide by.
    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if standard.shape[1]:
        for count in range(min(MOST, len(features) // SMALLEST), 1, -1):
            of = AgglomerativeClustering(count).fit_predict(standard)
            if np.bincount(of).min() >= SMALLEST:
                parts = sorted((np.flatnonzero(of == one) for one in range(count)), key=_size)
                apart = float(silhouette_score(standard, of))
                return Grouping(tuple(_typical_first(standard, part) for part in parts), apart)
    return Grouping((_typical_first(standard, np.arange(len(features))),), None)


def _size(part: np.ndarray) -> tuple[int, int]:
    """Large groups first; of equal ones the one with the first film."""
    return -len(part), int(part[0])


def _typical_first(standard: np.ndarray, part: np.ndarray) -> np.ndarray:
    away = np.linalg.norm(standard[part] - standard[part].mean(axis=0), axis=1)
    return part[np.argsort(away, kind="stable")]
