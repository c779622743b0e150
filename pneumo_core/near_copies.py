"""Near copies of a film anywhere in its data set, by its pixels.

A test film that is also a training film proves nothing, and the same film twice in one split counts
one error twice. The measure and its limit are those of the data set's audit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pneumo_core.audit import NEAR
from pneumo_core.audit_measures import standardised, thumbnail
from pneumo_core.datasets import Dataset

_BLOCK = 64
"""Films between two calls of `step`."""


@dataclass(frozen=True)
class NearCopy:
    """A film that is nearly identical to another.

    Attributes:
        id: Its name in the data set.
        label: 0 = Normal, 1 = Pneumonia.
        correlation: Of the two films' thumbnails, from `audit.NEAR` to 1.
    """

    id: str
    label: int
    correlation: float


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """A data set small enough to be compared with at once.

    Attributes:
        ids: Of all N films.
        labels: uint8 (N,).
        values: float32 (N, 784), standardised thumbnails: their dot product is the correlation.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    values: np.ndarray

    def copies(self, image_id: str) -> tuple[NearCopy, ...]:
        """The near copies of one of the films, the nearest first, without itself.

        Raises:
            KeyError: no film has that id.
        """
        place = self._places[image_id]
        alike = self.values @ self.values[place]
        found = [i for i in np.argsort(-alike, kind="stable") if alike[i] >= NEAR and i != place]
        return tuple(
            NearCopy(self.ids[i], int(self.labels[i]), min(float(alike[i]), 1.0)) for i in found
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}


def thumbnails(dataset: Dataset, step: Callable[[int], object] = lambda _: None) -> Thumbnails:
    """Read every film of a data set once.

    Args:
        dataset: All of its splits.
        step: Called with the number of films whenever some are done.

    Raises:
        DataError: a film cannot be read.
    """
    values = []
    for split in dataset.splits.values():
        for start in range(0, len(split), _BLOCK):
            places = range(start, min(start + _BLOCK, len(split)))
            values.append(np.stack([thumbnail(split.read(place)) for place in places]))
            step(len(places))
    parts = tuple(dataset.splits.values())
    return Thumbnails(
        tuple(name for part in parts for name in part.ids),
        np.concatenate([part.labels for part in parts]).astype(np.uint8),
        standardised(np.concatenate(values)).astype(np.float32),
    )
