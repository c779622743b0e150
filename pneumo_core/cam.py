"""Class activation maps: what each method makes of a stage's activations and their gradients.

pytorch-grad-cam's formulas, on tensors: each is a line or two, and is held against the library in
the tests. The library itself takes seconds to import, works in numpy on copies, and runs the
network anew for every method, with gradients of every weight. Score-CAM alone, which is slow by
nature, goes through it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.cells import Score

_EPSILON = 1e-6
"""What pytorch-grad-cam adds to a denominator."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What one network saw of a batch at a stage.

    Attributes:
        network: the network, in eval mode with every parameter frozen.
        layer: the stage's module.
        inputs: network inputs, float (N, C, S, S).
        scores: what is explained of each image.
        activations: the stage's output, float (N, K, h, w).
        gradients: of the scores with respect to `activations`, of the same shape; None where no
            method asked for them.
    """

    network: nn.Module
    layer: nn.Module
    inputs: Tensor
    scores: Sequence[Score]
    activations: Tensor
    gradients: Tensor | None


def gradcam(seen: Seen) -> Tensor:
    """Weigh each channel by its mean gradient (Selvaraju et al., ICCV 2017)."""
    # A product of matrices: no copy as large as the activations.
    weights = seen.gradients.mean((2, 3))
    return torch.einsum("nkhw,nk->nhw", seen.activations, weights)


def hirescam(seen: Seen) -> Tensor:
    """Weigh each activation by its own gradient (Draelos & Carin, 2020)."""
    return (seen.gradients * seen.activations).sum(1)


def gradcam_plus_plus(seen: Seen) -> Tensor:
    """Weigh each channel by its positive gradients, those of few places more (WACV 2018)."""
    gradients = seen.gradients
    sums = seen.activations.sum((2, 3), keepdim=True)
    share = gradients**2 / (2 * gradients**2 + sums * gradients**3 + _EPSILON)
    share = torch.where(gradients != 0, share, 0)
    weights = (gradients.clamp(min=0) * share).sum((2, 3))
    return torch.einsum("nkhw,nk->nhw", seen.activations, weights)


def layercam(seen: Seen) -> Tensor:
    """Weigh each activation by its own gradient where that is positive (Jiang et al., TIP 2021)."""
    return (seen.gradients.clamp(min=0) * seen.activations).sum(1)


def eigencam(seen: Seen) -> Tensor:
    """Take the activations' first principal component (Muhammad & Yeasin, 2020).

    The library leaves its sign to chance and computes all components, at up to a hundred times
    the cost. Here the larger extreme is positive.
    """
    images, channels, height, width = seen.activations.shape
    cells = seen.activations.float().cpu().reshape(images, channels, -1).numpy()
    cells = cells.transpose(0, 2, 1)
    cells = cells - cells.mean(1, keepdims=True)
    left, sizes, _ = np.linalg.svd(cells, full_matrices=False)
    component = left[:, :, 0] * sizes[:, :1]
    backwards = -component.min(1) > component.max(1)
    component[backwards] *= -1
    return torch.from_numpy(component.reshape(images, height, width))


def randomcam(seen: Seen) -> Tensor:
    """The control: random channel weights, drawn for each image, the same at every call.

    One draw for all images would by chance be in favour of some class, and one figure over many
    images would speak of that draw alone.
    """
    channels = seen.activations.shape[1]
    images = seen.inputs.cpu().contiguous()
    draws = [np.random.default_rng(crc32(image.numpy())) for image in images]
    weights = np.stack([draw.uniform(-1, 1, channels) for draw in draws]).astype(np.float32)
    return torch.einsum("nkhw,nk->nhw", seen.activations.float().cpu(), torch.from_numpy(weights))


def scorecam(seen: Seen) -> Tensor:
    """Weigh each channel by what the network says of the film seen through it (CVPRW 2020)."""
    cam = _library().ScoreCAM(seen.network, [seen.layer])
    # Or memory fills with activations that nobody reads.
    cam.activations_and_grads.release()
    activations = seen.activations.float().cpu().numpy()
    drawn = cam.get_cam_image(
        seen.inputs, seen.layer, list(seen.scores), activations, None, eigen_smooth=False
    )
    return torch.from_numpy(np.asarray(drawn, np.float32))


@cache
def _library() -> Any:
    """Import pytorch-grad-cam, which takes seconds, after torchvision has been made to load."""
    from pneumo_core import vision  # noqa: F401

    # isort: split
    import pytorch_grad_cam

    # Score-CAM draws a progress bar on the server's terminal, and has no switch for it.
    pytorch_grad_cam.score_cam.tqdm = SimpleNamespace(tqdm=iter)
    return pytorch_grad_cam
