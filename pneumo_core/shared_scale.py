"""Maps by different methods on one scale, so that their colours can be compared."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from pneumo_core.errors import PneumoError
from pneumo_core.explain import METHODS, CamResult


def shared_scale(results: Sequence[CamResult]) -> list[np.ndarray]:
    """Scale maps by the highest evidence among all of them, instead of each by its own.

    A cell's evidence is divided by the share of the film that the cell covers: it is then as high
    in a coarse map as in a fine one of the same evidence.

    Args:
        results: of methods in units of the logit.

    Returns:
        float32 (S, S) in [0, 1] for each; blank maps stay blank.

    Raises:
        PneumoError: a method that has no units.
    """
    if unfit := [each.method for each in results if not METHODS[each.method].in_logits]:
        raise PneumoError(f"Without units there is no shared scale: {', '.join(unfit)}.")
    enlarged = [_density(each) for each in results]
    most = max((float(each.max()) for each in enlarged), default=0.0)
    return [each / most if most else each for each in enlarged]


def _density(result: CamResult) -> np.ndarray:
    """Positive evidence per film, in logits, over the network's input: float32 (S, S)."""
    if not result.map.any():
        return np.zeros_like(result.map)
    positive = torch.from_numpy(np.maximum(result.evidence, 0) * result.evidence.size)
    size = result.map.shape
    fine = F.interpolate(positive[None, None], size=size, mode="bilinear", align_corners=False)
    return fine[0, 0].numpy()
