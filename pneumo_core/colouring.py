"""A map in colour over its film."""

from collections.abc import Iterator
from functools import cache

import numpy as np

BAND = 2**20
"""Pixels of a film that are coloured at a time."""


@cache
def colour_table() -> np.ndarray:
    """Return uint8 (256, 3): the colours of maps from 0 to 1.

    A stretch of matplotlib's "inferno", which is even to the eye and in print, and readable with
    any colour vision. Its black end would darken the film and its white end vanish on bone.
    """
    from matplotlib import colormaps

    colours = colormaps["inferno"](np.linspace(0.25, 0.92, 256))[:, :3]
    table = np.rint(colours * 255).astype(np.uint8)
    table.flags.writeable = False
    return table


def overlay(pixels: np.ndarray, placed_map: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Lay a map over its film.

    The colour's share at a pixel is opacity x map: without evidence there is the plain film, in
    its own brightness.

    Args:
        pixels: float (H, W) in [0, 1].
        placed_map: float (H, W) in [0, 1], as `Preprocess.place` returns it.
        opacity: share of the colour where the map is 1, in [0, 1].

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: the shapes differ.
    """
    if pixels.shape != placed_map.shape:
        raise ValueError(f"film {pixels.shape} and map {placed_map.shape} differ in shape")
    drawn = np.empty((*pixels.shape, 3), np.uint8)
    for rows in bands(*pixels.shape):
        heat = np.clip(placed_map[rows], 0, 1)
        colours = colour_table()[np.rint(heat * 255).astype(np.uint8)]
        share = (heat * np.clip(opacity, 0, 1))[..., None]
        film = np.clip(pixels[rows], 0, 1)[..., None] * 255
        drawn[rows] = np.rint(film * (1 - share) + colours * share).astype(np.uint8)
    return drawn


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows to draw at a time: colours of all pixels of a large film at once take gigabytes."""
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
