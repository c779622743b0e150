"""A film divided into 8 x 8 cells: what is removed at a time, and how maps are compared.

Parts are removed from the network's input, after normalisation, so that what is left of the film
reads as before. What stands in for them is never without a meaning of its own, so figures made this
way are held against those of random removals, which share the fault.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

GRID = 8
"""Cells along a side."""
CELLS = GRID**2
BATCH_PIXELS = 2**18
"""Pixels that go through a network at a time, so that memory is bounded: 256 inputs of 32 px."""

Score = Callable[[Tensor], Tensor]
"""From one row of raw outputs (K,) to the scalar that is explained; see `explain.LogitTarget`."""


def cell_of_pixels(size: int) -> Tensor:
    """Return the cell of each pixel of a square of that side, row by row: int64 (size, size).

    The cells are as equal as the pixels allow.

    Raises:
        ValueError: fewer pixels than cells along a side.
    """
    if size < GRID:
        raise ValueError(f"{size} pixels cannot be divided into {GRID} cells")
    line = torch.arange(size) * GRID // size
    return line[:, None] * GRID + line


def in_cells(evidence: np.ndarray) -> np.ndarray:
    """Take a raw map of any resolution (h, w) to the cells' mean evidence, float64 (64,).

    It is enlarged bilinearly first, as it is for the screen.
    """
    fine = F.interpolate(
        torch.from_numpy(evidence).double()[None, None],
        size=(4 * GRID, 4 * GRID),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )
    return F.adaptive_avg_pool2d(fine, GRID).flatten().numpy()


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return Spearman's rank correlation of two maps (M,), ties ranked at their mean.

    None where one of them is the same everywhere, or nearly so: it ranks nothing.
    """
    from scipy.stats import rankdata

    if min(np.ptp(each) / (np.abs(each).max() + 1e-300) for each in (a, b)) <= 1e-5:
        return None
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def blurred(batch: Tensor) -> Tensor:
    """Return the batch (N, C, S, S) blurred until only the broad distribution of grey is left.

    A Gaussian with a standard deviation of an eighth of the side, the edge continued.
    """
    sigma = batch.shape[-1] / 8
    reach = int(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=batch.dtype, device=batch.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    # A film per channel, so that one kernel serves any number of them.
    flat = F.pad(batch.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    rows = F.conv2d(flat, kernel.view(1, 1, 1, -1))
    return F.conv2d(rows, kernel.view(1, 1, -1, 1)).view_as(batch)


def with_cells_removed(image: Tensor, fill: Tensor, gone: Tensor) -> Tensor:
    """Replace cells of one image.

    Args:
        image: network input, float (C, S, S).
        fill: what comes in their place, float (C, S, S).
        gone: bool (M, 64), which cells are removed, row by row; one row a version.

    Returns:
        float (M, C, S, S).
    """
    pixels = gone.to(image.device)[:, cell_of_pixels(image.shape[-1]).to(image.device)]
    return torch.where(pixels[:, None], fill, image)


def in_parts(inputs: Tensor) -> tuple[Tensor, ...]:
    """Split inputs (N, C, S, S) into parts that a network can take at a time."""
    return inputs.split(max(1, BATCH_PIXELS // inputs[0, 0].numel()))


@torch.no_grad()
def scores_of(model: nn.Module, inputs: Tensor, score: Score) -> Tensor:
    """Return the score of each input (N, C, S, S), N at least 1: float32 (N,) on the CPU."""
    parts = [
        torch.stack([score(row) for row in model(part)]).float().cpu() for part in in_parts(inputs)
    ]
    return torch.cat(parts)
