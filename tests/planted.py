"""Small networks that have learnt a reason we planted, and images with it: where maps must point.

Every image is noise with two squares somewhere; one of them carries the reason if the label is 1.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from pneumo_core.architectures import ModelSpec, create_model, pneumonia_logit

SIDE, SQUARE = 32, 6
CNN = ModelSpec("cnn", channels=1, stem="small")

Plant = Callable[[np.ndarray, int, int, int], None]
"""Draw into an image (S, S) the square at (row, column) of the label."""


def bright(image: np.ndarray, row: int, column: int, label: int) -> None:
    """A bright square is the reason; there is none otherwise."""
    image[row : row + SQUARE, column : column + SQUARE] += 1.5 * label


def texture(image: np.ndarray, row: int, column: int, label: int) -> None:
    """Stripes are the reason; otherwise there is an even square of the same mean and contrast."""
    stripes = np.where(np.arange(SQUARE) % 2, 1.5, -1.5)
    block = np.tile(stripes, (SQUARE, 1))
    if not label:  # halves instead of stripes: the same grey levels, as often
        block = np.sort(block, axis=1)
    image[row : row + SQUARE, column : column + SQUARE] += block


def films(plant: Plant, seed: int, labels: np.ndarray, corner: bool = False):
    """Images (N, 1, 32, 32) and the corners of their squares (N, 2)."""
    random = np.random.default_rng(seed)
    images = random.normal(0, 0.3, (len(labels), 1, SIDE, SIDE)).astype(np.float32)
    places = random.integers(5, SIDE - SQUARE - 5, (len(labels), 2))
    if corner:
        places[:] = 0
    for image, (row, column), label in zip(images, places, labels, strict=True):
        plant(image[0], row, column, int(label))
    return torch.from_numpy(images), places


def learnt(plant: Plant, corner: bool = False, steps: int = 60):
    """A CNN that has learnt to see the reason."""
    torch.manual_seed(0)
    model = create_model(CNN)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for step in range(steps):
        labels = np.random.default_rng(step).integers(0, 2, 16)
        images, _ = films(plant, 1000 + step, labels, corner)
        loss = F.binary_cross_entropy_with_logits(
            pneumonia_logit(model(images)), torch.from_numpy(labels).float()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def hits(results, places, margin: int = 2) -> float:
    """Share of maps whose peak lies on the square, give or take a cell of 2 px."""
    found = 0
    for result, place in zip(results, places, strict=True):
        peak = np.unravel_index(result.map.argmax(), result.map.shape)
        found += all(
            first - margin <= at < first + SQUARE + margin
            for at, first in zip(peak, place, strict=True)
        )
    return found / len(results)
