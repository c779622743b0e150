"""A network over a split: logits, and what follows from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.architectures import pneumonia_logit
from pneumo_core.devices import autocast
from pneumo_core.preprocess import Preprocess

Reading = Callable[[Tensor], Tensor]
"""From raw outputs (N, K) to one number an image (N,), e.g. `pneumonia_logit`."""


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
    read: Reading = pneumonia_logit,
) -> np.ndarray:
    """Log-odds for each square, of pneumonia unless another reading is asked for.

    Args:
        model: Any network of `architectures`; its mode is put back afterwards.
        preprocess: The run's.
        squares: uint8 (N, square_size, square_size).
        flip_average: Average the logits of each image and its mirror image.
        device: Where the model is; None for the CPU.
        batch_size: Images at a time.
        fast: Run in the device's cheap precision: for watching a training run, not for figures.
        read: What is wanted of the raw outputs.

    Returns:
        float64 (N,).
    """
    device = device or torch.device("cpu")
    precision = autocast(device).context() if fast else nullcontext()
    parts = []
    with evaluating(model), precision:
        for start in range(0, len(squares), batch_size):
            batch = torch.from_numpy(squares[start : start + batch_size]).to(device)
            inputs = preprocess.tensor(batch).contiguous(memory_format=torch.channels_last)
            parts.append(view_averaged_logits(model, inputs, flip_average, read).float().cpu())
    return torch.cat(parts).double().numpy()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode while the block lasts, and then back."""
    # One by one: stages that are frozen stay in evaluation mode while the rest trains.
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def view_averaged_logits(
    model: nn.Module, inputs: Tensor, flip_average: bool, read: Reading = pneumonia_logit
) -> Tensor:
    """Log-odds (N,) of network inputs (N, C, S, S), averaged with the mirror image's if asked."""
    logits = read(model(inputs))
    if not flip_average:
        return logits
    return (logits + read(model(inputs.flip(-1)))) / 2
