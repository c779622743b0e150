"""The known cases most like an image, by what the network sees in them.

Two images are compared along the directions that `reference` keeps of both depths. The differences
are scaled halfway to standard deviations of the training images: not at all, and the few largest
directions decide alone, whose films look less alike; all the way, and the smallest directions make
some training images everybody's neighbour (Radovanovic et al., "Hubs in space", JMLR 11 (2010)
2487-2531). `docs/novelty.md` has the figures. Neither the size of a file nor the shape of a film
goes into it beyond what the network is shown.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from pneumo_core.reference import Reference

NEAREST = 6
"""Cases that a page shows."""

ASKED = 25
"""Cases that are asked for a second opinion."""


@dataclass(frozen=True)
class Neighbour:
    """A training image near another image.

    Attributes:
        id: Its name in the data set.
        label: 0 = Normal, 1 = Pneumonia.
        distance: Root mean square difference over all directions, each weighted by its standard
            deviation; two training images picked blindly are about 1.4 apart.
    """

    id: str
    label: int
    distance: float


def nearest(
    reference: Reference, codes: np.ndarray, k: int = NEAREST, without: Collection[str] = ()
) -> tuple[Neighbour, ...]:
    """The training images nearest to an image, the nearest first.

    Args:
        reference: Of the run.
        codes: float32 (K,), the image by `Reference.encode`; `Novelty.codes` has them.
        k: How many, at least 1; fewer where there are not so many.
        without: Ids that are left out, such as that of the image itself.
    """
    distances = np.sqrt((reference.codes - codes) ** 2 @ _weights(reference))
    order = np.argsort(distances, kind="stable")
    if without:
        order = [position for position in order if reference.ids[position] not in without]
    return tuple(
        Neighbour(reference.ids[i], int(reference.labels[i]), float(distances[i]))
        for i in order[:k]
    )


def _weights(reference: Reference) -> np.ndarray:
    """What the square of each direction's difference counts, (K,): all of them 1 together."""
    each = [depth.deviations / depth.deviations.sum() for depth in reference.depths]
    return np.concatenate(each) / len(each)


def pneumonia_share(neighbours: Collection[Neighbour]) -> float:
    """Share of pneumonia among neighbours, from 0 to 1: with `ASKED` of them a second opinion.

    It is not an independent one, because the same network's features say which films are near.
    """
    return sum(neighbour.label for neighbour in neighbours) / len(neighbours)
