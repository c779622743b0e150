"""Occlusion: by how much the score falls when a grey patch covers a place."""

import torch
from torch import Tensor, nn

from pneumo_core.cells import CELLS, GRID, Score, scores_of, with_cells_removed

PATCH = 2
"""Side of the patch, in cells."""


def occlusion(model: nn.Module, batch: Tensor, score: Score) -> Tensor:
    """Return each cell's mean fall of the score over the patches that cover it.

    A square patch of 2 x 2 cells, in the image's own mean, stands at 7 x 7 places, one cell apart
    (Zeiler and Fergus, ECCV 2014). The evidence does not add up to the score: parts of a film may
    stand in for each other.

    Args:
        model: in eval mode.
        batch: network inputs, float (N, C, S, S), N at least 1.
        score: what is explained.

    Returns:
        float32 (N, 8, 8) on the CPU, in units of the score.
    """
    places = GRID - PATCH + 1
    covers = torch.zeros(places, places, GRID, GRID, dtype=torch.bool)
    for row in range(places):
        for column in range(places):
            covers[row, column, row : row + PATCH, column : column + PATCH] = True
    covers = covers.view(places**2, CELLS)
    share = covers.float() / covers.sum(0)
    whole = scores_of(model, batch, score)
    grey = batch.mean((2, 3), keepdim=True).expand_as(batch)
    falls = [
        before - scores_of(model, with_cells_removed(image, fill, covers), score)
        for image, fill, before in zip(batch, grey, whole, strict=True)
    ]
    return (torch.stack(falls) @ share).view(-1, GRID, GRID)
