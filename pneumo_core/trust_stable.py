"""Are score and map stable: the same film slightly turned, shifted, brightened and noisy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pneumo_core.cells import GRID, in_cells, rank_correlation

DEGREES = 4.0
SHIFT = 1 / 32
"""Share of the film's side."""
BRIGHTNESS = 0.05
NOISE = 0.02
"""Standard deviation; this and the brightness on a scale of 0 to 1."""

_MOVES = ((DEGREES, 0, 0), (-DEGREES, 0, 0), (0, SHIFT, SHIFT), (0, -SHIFT, SHIFT))
"""Degrees, share of the width to the right, share of the height downwards."""
VIEWS = len(_MOVES) + 4


@dataclass(frozen=True)
class Stable:
    """What slight changes of the film do, over 8 views of it.

    Attributes:
        score: log-odds of the target for the film as it is, in logits.
        scores: the same for each view.
        turned: how many views fall on the other side of the threshold.
        map: mean rank correlation of the views' maps, moved back, with the film's own, from -1 to
            1; None where a map is the same everywhere.
    """

    score: float
    scores: tuple[float, ...]
    turned: int
    map: float | None

    @property
    def largest(self) -> float:
        """By how many logits the score changes at most."""
        return max(abs(each - self.score) for each in self.scores)


def views(grey: Tensor) -> Tensor:
    """Return the film slightly changed in 8 ways.

    Turned by 4 degrees either way, shifted by a thirty-second of its side down and to either side
    (the edge is continued), darker and brighter by 0.05, twice with noise of 0.02. The noise
    depends on the film alone.

    Args:
        grey: float32 (1, 1, S, S) in [0, 1].

    Returns:
        float32 (8, 1, S, S) in [0, 1].
    """
    rng = np.random.default_rng(crc32(grey.cpu().numpy()))
    noise = torch.from_numpy(rng.normal(0, NOISE, (2, *grey.shape[1:])).astype(np.float32))
    changed = [
        *(_moved(grey, move) for move in _MOVES),
        grey - BRIGHTNESS,
        grey + BRIGHTNESS,
        grey + noise.to(grey.device),
    ]
    return torch.cat(changed).clamp(0, 1)


def stable(
    own: np.ndarray,
    maps: Sequence[np.ndarray],
    score: float,
    scores: Sequence[float],
    threshold: float = 0.0,
) -> Stable:
    """Compare a film's map with those of its `views`.

    Args:
        own: raw map (h, w) of the film.
        maps: raw maps of the views, in their order.
        score: log-odds of the target for the film.
        scores: the same for the views.
        threshold: the log-odds of the target from which on it is named.
    """
    above = score >= threshold
    return Stable(
        score=float(score),
        scores=tuple(float(each) for each in scores),
        turned=sum((each >= threshold) != above for each in scores),
        map=_mean_likeness(own, maps),
    )


def _mean_likeness(own: np.ndarray, maps: Sequence[np.ndarray]) -> float | None:
    cells = in_cells(own)
    found = [
        rank_correlation(cells, in_cells(_back(evidence, index)))
        for index, evidence in enumerate(maps)
    ]
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _back(evidence: np.ndarray, index: int) -> np.ndarray:
    """Undo a view's move on its map; what came in at the edge is continued, as on the film."""
    if index >= len(_MOVES):
        return evidence
    large = F.interpolate(
        torch.from_numpy(evidence)[None, None],
        size=(4 * GRID, 4 * GRID),
        mode="bilinear",
        align_corners=False,
    )
    return _moved(large, _MOVES[index], back=True)[0, 0].numpy()


def _moved(images: Tensor, move: tuple[float, float, float], back: bool = False) -> Tensor:
    """Turn (1, 1, S, S) by some degrees and then shift it, or undo that."""
    degrees, right, down = move
    angle = math.radians(degrees)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )
    # In torch's units a side is 2 long; the grid says where each pixel comes from.
    whole = np.array([[1, 0, -2 * right], [0, 1, -2 * down], [0, 0, 1]]) @ turn
    matrix = np.linalg.inv(whole) if back else whole
    theta = torch.tensor(matrix[:2], dtype=images.dtype, device=images.device)[None]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
