"""Does the network lean on what a map marks: deletion and insertion, held against chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.cells import CELLS, Score, blurred, in_cells, scores_of, with_cells_removed

STEPS = 8
"""Parts that a film is removed in, an eighth of its cells at a time."""
RANDOM_ORDERS = 10
"""Random orders, each of which is also run backwards: 20 random maps in all."""


@dataclass(frozen=True)
class Faithful:
    """What removing and keeping the marked places does to the score, in logits of the target.

    Attributes:
        deletion: mean score while the film's cells are removed, the most marked first.
        insertion: mean score while they are put back, the most marked first.
        random: mean of either over random maps as coarse as this one.
        beaten: share of these random maps whose gain is below this map's, in [0, 1]; a tie counts
            half.
    """

    deletion: float
    insertion: float
    random: float
    beaten: float

    @property
    def gain(self) -> float:
        """How much higher the score is with the marked places than without; 0 is chance."""
        return self.insertion - self.deletion


def faithful(
    model: nn.Module,
    image: Tensor,
    score: Score,
    maps: Mapping[str, np.ndarray],
    seed: int,
    fill: Tensor | None = None,
    random_orders: int = RANDOM_ORDERS,
) -> dict[str, Faithful]:
    """Measure how far the order in which maps rank a film's cells matters to the network.

    Deletion and insertion are the areas under the curves of Petsiuk, Das and Saenko (RISE, BMVC
    2018), with departures: cells instead of pixels, because holes of a pixel are what no network
    has seen; log-odds instead of probabilities, which are flat where a network is sure; and one
    fill for both curves. They begin and end at the same two scores whatever the order, so only the
    order is judged. The fill matters: a network that takes blur for a sign of illness finds an ill
    film as ill when all of it is gone, and then no order differs from another.

    A random order and the same backwards have gains that are each other's negative, so the gain of
    random maps is 0 on average, exactly. Random maps are noise at the map's own resolution,
    enlarged as the map is: holes of the same shape.

    Args:
        model: in eval mode.
        image: network input, float (C, S, S).
        score: what is explained.
        maps: raw maps (h, w) by name, signed.
        seed: of the random maps, and of the order of cells that a map ranks alike.
        fill: what stands in for removed cells, float (C, S, S); None for the image's own blur.
        random_orders: orders for each resolution, each also run backwards.

    Returns:
        The figures by the maps' names.
    """
    names = list(maps)
    shapes = sorted({maps[name].shape for name in names})
    rng = np.random.default_rng(seed)
    orders = [_order(in_cells(maps[name]), rng) for name in names]
    for shape in shapes:
        for _ in range(random_orders):
            noise = rng.random(shape, np.float32)
            orders.append(_order(in_cells(noise), rng))
    fill = blurred(image[None])[0] if fill is None else fill
    falling, rising = _areas(model, image, fill, score, np.stack(orders))
    gains = rising - falling
    found = {}
    for position, name in enumerate(names):
        start = len(names) + random_orders * shapes.index(maps[name].shape)
        chance = slice(start, start + random_orders)
        both_ways = np.concatenate([gains[chance], -gains[chance]])
        below = (gains[position] > both_ways) + (gains[position] >= both_ways).astype(float)
        found[name] = Faithful(
            deletion=float(falling[position]),
            insertion=float(rising[position]),
            random=float((falling[chance] + rising[chance]).mean() / 2),
            beaten=float(below.mean() / 2),
        )
    return found


def _order(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Place of each cell (64,) when they are ranked from the highest evidence down."""
    ranked = np.lexsort((rng.random(CELLS), -cells))
    places = np.empty(CELLS, int)
    places[ranked] = np.arange(CELLS)
    return places


def _areas(
    model: nn.Module, image: Tensor, fill: Tensor, score: Score, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the deletion and the insertion curves of orders (M, 64): float64 (M,) each."""
    edges = CELLS * np.arange(1, STEPS) // STEPS
    before = places[:, None, :] < edges[None, :, None]  # (M, 7, 64)
    gone = np.concatenate([np.zeros((1, CELLS)), np.ones((1, CELLS))]).astype(bool)
    versions = np.concatenate([gone, before.reshape(-1, CELLS), ~before.reshape(-1, CELLS)])
    inputs = with_cells_removed(image, fill, torch.from_numpy(versions))
    scores = scores_of(model, inputs, score).double().numpy()
    # Trapezoids: the ends count half.
    ends = scores[:2].mean()
    between = scores[2:].reshape(2, len(places), STEPS - 1).sum(2)
    falling, rising = (between + ends) / STEPS
    return falling, rising
