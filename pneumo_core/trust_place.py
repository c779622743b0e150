"""Is the evidence where lungs can be: plain image analysis, without a model of lungs.

It knows two places where there is no lung: the film's edge with its corners, and the air beside the
body. There are markers, collimator blades, arms, shoulders and text; what a network takes from
there is a shortcut. A film that is cropped so close that lungs reach the edge, a dark lung that
opens onto the film's side, or a belly that fills a third of the film are beyond it, and at 28
pixels the edge is two pixels wide.
"""

from dataclasses import dataclass

import numpy as np

EDGE = 1 / 16
"""Width of the edge, as a share of the film's side."""
CORNER = 1 / 5
"""Side of the squares in the film's corners, as a share of its side."""
BESIDE = 1 / 4
"""How far in from the edge air beside the body is looked for, as a share of the side."""
DARK = 0.4
"""Air is darker than this share of the film's median grey."""


@dataclass(frozen=True)
class Place:
    """Where the positive evidence lies; shares from 0 to 1.

    Attributes:
        edge: share of the evidence in the film's edge and corners.
        outside: share of the evidence there or in the air beside the body.
        edge_area: share of the film that is edge or corner: what evenly spread evidence would have
            there.
        outside_area: share of the film that is edge, corner or air.
    """

    edge: float
    outside: float
    edge_area: float
    outside_area: float

    @property
    def density(self) -> float:
        """How dense the evidence is outside the chest; 1 is evenly spread, 0 is none."""
        return self.outside / self.outside_area


def place(heatmap: np.ndarray, grey: np.ndarray) -> Place | None:
    """Measure how much of the positive evidence lies where no lung can be.

    Args:
        heatmap: float (S, S), at least 0, as `CamResult.map`.
        grey: the square the network saw, float (S, S) in [0, 1].

    Returns:
        The shares; None where the map is blank.

    Raises:
        ValueError: the shapes differ.
    """
    if heatmap.shape != grey.shape:
        raise ValueError(f"map {heatmap.shape} and film {grey.shape} differ in shape")
    total = float(heatmap.sum(dtype=np.float64))
    if total <= 0:
        return None
    edge = edge_of(len(grey))
    outside = edge | air_beside_body(grey)
    return Place(
        edge=float(heatmap[edge].sum(dtype=np.float64)) / total,
        outside=float(heatmap[outside].sum(dtype=np.float64)) / total,
        edge_area=float(edge.mean()),
        outside_area=float(outside.mean()),
    )


def edge_of(size: int) -> np.ndarray:
    """Return the film's edge and corners, bool (size, size).

    The edge is a sixteenth of the side wide, a pixel at least; a corner is a square of a fifth.
    """
    edge = ~_inner(size, max(1, round(size * EDGE)))
    corner = max(1, round(size * CORNER))
    end = np.zeros(size, bool)
    end[:corner] = end[-corner:] = True
    return edge | (end[:, None] & end)


def air_beside_body(grey: np.ndarray) -> np.ndarray:
    """Return where the film shows air beside the body, bool (S, S).

    Dark places that reach the film's border, in its outer quarter.

    Args:
        grey: float (S, S) in [0, 1].
    """
    from scipy import ndimage

    size = len(grey)
    dark = (grey < DARK * np.median(grey)) & ~_inner(size, round(size * BESIDE))
    regions, _ = ndimage.label(dark)
    border = ~_inner(size, 1)
    return dark & np.isin(regions, np.unique(regions[border & dark]))


def _inner(size: int, margin: int) -> np.ndarray:
    inner = np.zeros((size, size), bool)
    inner[margin : size - margin, margin : size - margin] = True
    return inner
