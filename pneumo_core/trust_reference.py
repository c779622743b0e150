"""What the checks of maps found over many images: where one image stands among them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pneumo_core.errors import DataError

PERCENTILES = 101


@dataclass(frozen=True)
class Reference:
    """What the checks found over a set of images; see `explain_audit`.

    Attributes:
        method, layer: of the maps that were checked.
        split: "val" or "test".
        images: how many.
        unrelated: 95th percentile of the rank correlation between maps of different images with
            the same verdict: what the likeness to a forgetful network's map must stay below.
        quantiles: name of a figure, as in `trust.figures_of` -> its 0th, 1st, ... 100th
            percentile; empty where it is never known.
        typical: average films of the classes, which stood in for removed parts; see `typical`.

    Raises:
        DataError: percentiles that are not such numbers.
    """

    method: str
    layer: str
    split: str
    images: int
    unrelated: float
    quantiles: Mapping[str, Sequence[float]]
    typical: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in self.quantiles.items():
            rising = isinstance(known, Sequence) and all(
                type(a) is type(b) is float and a <= b for a, b in pairwise(known)
            )
            if not rising or len(known) not in (0, PERCENTILES):
                raise DataError(f"The percentiles of {name} must be {PERCENTILES} rising numbers.")

    def below(self, name: str, value: float | None) -> float | None:
        """Share of the images whose figure is lower, from 0 to 1; None where it is not known."""
        known = self.quantiles.get(name)
        if value is None or not known:
            return None
        left, right = (np.searchsorted(known, value, side) for side in ("left", "right"))
        if left < right:  # it is one of the percentiles, or several of them
            return float((left + right - 1) / 2 / (len(known) - 1))
        return float(np.interp(value, known, np.linspace(0, 1, len(known))))


def quantiles_of(values: Iterable[float | None]) -> tuple[float, ...]:
    """Return the 0th, 1st, ... 100th percentile of the values that are known; () for none."""
    known = [value for value in values if value is not None]
    if not known:
        return ()
    return tuple(map(float, np.quantile(known, np.linspace(0, 1, PERCENTILES)).round(4)))
