"""The spread over seeds: what the networks of an ensemble reach each by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from pneumo_core.model_table import members
from pneumo_core.runs import Run

SPREAD_FIGURES = ("auc", "sensitivity", "specificity", "accuracy")
"""Kept of each member, on validation and test; all but the area at its own default threshold."""


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds.

    Attributes:
        values: In [0, 1], one a network, in the order of the ensemble's members; at least two.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return fmean(self.values)

    @property
    def deviation(self) -> float:
        """Their standard deviation, as of a sample (n - 1)."""
        return stdev(self.values)


def figures_alone(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """What an ensemble's `run.json` keeps of a member's `metrics`: its figures on each split."""
    return {
        split: {name: figures[name][0] for name in SPREAD_FIGURES}
        for split, figures in metrics.items()
    }


def spread(run: Run, split: str = "test") -> dict[str, Spread]:
    """The `SPREAD_FIGURES` of an ensemble's members on a split, those that every member has.

    Empty for a single network, and for an ensemble joined before its members' figures were kept.
    """
    each = [_figures(member, split) for member in members(run)]
    if not each:
        return {}
    return {
        name: Spread(tuple(one[name] for one in each))
        for name in SPREAD_FIGURES
        if all(name in one for one in each)
    }


def spread_words(one: Spread) -> str:
    """Write a spread as "0.9832 ± 0.0027"."""
    return f"{one.mean:.4f} ± {one.deviation:.4f}"


def _figures(member: Any, split: str) -> dict[str, float]:
    """A member's figures on a split, as far as they are numbers; the file may be of any hand."""
    place: Any = member
    for key in ("figures", split):
        place = place.get(key) if isinstance(place, Mapping) else None
    content = place if isinstance(place, Mapping) else {}
    return {
        name: float(value)
        for name, value in content.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    }
