"""Integrated gradients: how much each part of a film adds to the score, from the pixels on."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pneumo_core.cells import CELLS, GRID, Score, blurred, cell_of_pixels, in_parts

STEPS = 16


def integrated_gradients(model: nn.Module, batch: Tensor, score: Score) -> Tensor:
    """Return each cell's share of what the film adds to the score of its own blur.

    (x - b) times the mean gradient of the score along the straight line from the baseline b to the
    image x (Sundararajan, Taly and Yan, ICML 2017), by the midpoint rule, summed over channels and
    over the pixels of a cell: single pixels' gradients are mostly noise. The cells add up to
    score(x) - score(b), but for the rule's error. The baseline is the blurred image, because a
    black one would say that dark places (air in the lungs) cannot matter.

    Args:
        model: in eval mode.
        batch: network inputs, float (N, C, S, S), N at least 1.
        score: what is explained.

    Returns:
        float32 (N, 8, 8) on the CPU, in units of the score.
    """
    baseline = blurred(batch)
    away = batch - baseline
    shares = (torch.arange(STEPS, device=batch.device) + 0.5) / STEPS
    # (N, 16, C, S, S), image after image, run through the network a part at a time.
    path = (baseline[:, None] + shares.view(1, -1, 1, 1, 1) * away[:, None]).flatten(0, 1)
    gradients = torch.cat([_gradient(model, part, score) for part in in_parts(path)])
    mean = gradients.view(len(batch), STEPS, *batch.shape[1:]).mean(1)
    pixels = (mean * away).sum(1).float().cpu().flatten(1)
    cells = F.one_hot(cell_of_pixels(batch.shape[-1]).flatten(), CELLS).float()
    return (pixels @ cells).view(-1, GRID, GRID)


def _gradient(model: nn.Module, inputs: Tensor, score: Score) -> Tensor:
    inputs = inputs.detach().requires_grad_(True)
    with torch.enable_grad():
        total = torch.stack([score(row) for row in model(inputs)]).sum()
        (gradient,) = torch.autograd.grad(total, inputs)
    return gradient
