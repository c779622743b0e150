"""A network over a split: logits, and what follows from them."""

from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from pneumo_core.architectures import pneumonia_logit
from pneumo_core.devices import autocast
from pneumo_core.preprocess import Preprocess


@torch.no_grad()
def predict_logits(
    model: nn.Module,
    preprocess: Preprocess,
    squares: np.ndarray,
    *,
    flip_average: bool = False,
    device: torch.device | None = None,
    batch_size: int = 64,
    fast: bool = False,
) -> np.ndarray:
    """Log-odds of pneumonia for each square.

    Args:
        model: Any network of `architectures`; its mode is put back afterwards.
        preprocess: The run's.
        squares: uint8 (N, square_size, square_size).
        flip_average: Average the logits of each image and its mirror image.
        device: Where the model is; None for the CPU.
        batch_size: Images at a time.
        fast: Run in the device's cheap precision: for watching a training run, not for figures.

    Returns:
        float64 (N,).
    """
    device = device or torch.device("cpu")
    precision = autocast(device).context() if fast else nullcontext()
    # One by one: stages that are frozen stay in evaluation mode while the rest trains.
    modes = {module: module.training for module in model.modules()}
    model.eval()
    parts = []
    try:
        with precision:
            for start in range(0, len(squares), batch_size):
                batch = torch.from_numpy(squares[start : start + batch_size]).to(device)
                inputs = preprocess.tensor(batch).contiguous(memory_format=torch.channels_last)
                parts.append(view_averaged_logits(model, inputs, flip_average).float().cpu())
    finally:
        for module, training in modes.items():
            module.training = training
    return torch.cat(parts).double().numpy()


def view_averaged_logits(
    model: nn.Module, inputs: torch.Tensor, flip_average: bool
) -> torch.Tensor:
    """Log-odds (N,) of network inputs (N, C, S, S), averaged with the mirror image's if asked."""
    logits = pneumonia_logit(model(inputs))
    if not flip_average:
        return logits
    return (logits + pneumonia_logit(model(inputs.flip(-1)))) / 2
