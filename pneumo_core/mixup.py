"""Mixup: images and their targets are mixed in pairs, and the network learns to answer in between.

Zhang et al., mixup: Beyond empirical risk minimization, ICLR 2018. Images are mixed after
augmentation, so that the two of a pair are changed each in its own way.
"""

import numpy as np
import torch
from torch import Tensor


def kept_shares(alpha: float, batches: int, seed: int) -> list[float]:
    """How much of its own each image keeps, a share for each batch, from 0.5 to 1.

    Drawn from Beta(alpha, alpha), or one less that where it is more. A batch is mixed with its
    `opposite`, so that both make the same pairs; and so an image is the larger part of its mixture.

    Args:
        alpha: The smaller, the nearer to all of it; 0 for shares of 1.
        batches: How many shares.
        seed: Of the draw.
    """
    if not alpha:
        return [1.0] * batches
    shares = np.random.default_rng(seed).beta(alpha, alpha, batches)
    return np.maximum(shares, 1 - shares).tolist()


def opposite(batch: Tensor) -> Tensor:
    """What each of a batch (N, ...) is mixed with: the one as far from its other end."""
    return batch.flip(0)


def mixed(own: Tensor, other: Tensor, kept: float) -> Tensor:
    """A share of the one and the rest of the other, of one shape; the one where all is kept."""
    return own if kept == 1 else torch.lerp(other, own, kept)
