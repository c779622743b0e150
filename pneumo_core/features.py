"""What a network sees in an image: the pooled features its head decides on, and earlier ones."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.architectures import ModelSpec, head_module, members_of, stage_module
from pneumo_core.evaluation import evaluating
from pneumo_core.preprocess import Preprocess

HEAD = "head"
"""The stage whose features are what goes into it, not what comes out."""


def pooled_features(
    model: nn.Module,
    spec: ModelSpec,
    preprocess: Preprocess,
    squares: np.ndarray,
    *,
    device: torch.device | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Features of each square: what goes into the head, after the global pooling.

    They are of the image as it is, not averaged with its mirror image's.

    Args:
        model: Any network of `architectures`; its mode is put back afterwards.
        spec: What it was built from.
        preprocess: The run's.
        squares: uint8 (N, square_size, square_size), N at least 1.
        device: Where the model is; None for the CPU.
        batch_size: Images at a time.

    Returns:
        float32 (N, D). An ensemble's are its members' features side by side.
    """
    (features,) = stage_features(
        model, spec, preprocess, squares, (HEAD,), device=device, batch_size=batch_size
    )
    return features


@torch.no_grad()
def stage_features(
    model: nn.Module,
    spec: ModelSpec,
    preprocess: Preprocess,
    squares: np.ndarray,
    stages: Sequence[str],
    *,
    device: torch.device | None = None,
    batch_size: int = 64,
) -> tuple[np.ndarray, ...]:
    """Features at several depths, from one pass through the network.

    Args:
        model: Any network of `architectures`; its mode is put back afterwards.
        spec: What it was built from.
        preprocess: The run's.
        squares: uint8 (N, square_size, square_size), N at least 1.
        stages: Names out of `Architecture.stages`. "head" stands for the head's input; any other
            for the mean over the positions of the stage's output.
        device: Where the model is; None for the CPU.
        batch_size: Images at a time.

    Returns:
        float32 (N, D) for each stage, in the order of `stages`; D differs from stage to stage.
        An ensemble's are its members' features side by side.

    Raises:
        RecipeError: The architecture has no stage of that name.
    """
    device = device or torch.device("cpu")
    parts: list[list[Tensor]] = [[] for _ in stages]
    members = members_of(model)
    with evaluating(model), recording(members, spec, stages) as seen:
        for start in range(0, len(squares), batch_size):
            batch = torch.from_numpy(squares[start : start + batch_size]).to(device)
            inputs = preprocess.tensor(batch).contiguous(memory_format=torch.channels_last)
            for member in members:
                member(inputs)
            for position, part in enumerate(parts):
                each = [seen[member, position] for member in range(len(members))]
                part.append(torch.cat(each, dim=1).float().cpu())
    return tuple(torch.cat(part).numpy() for part in parts)


@contextmanager
def recording(
    members: Sequence[nn.Module], spec: ModelSpec, stages: Sequence[str]
) -> Iterator[dict[tuple[int, int], Tensor]]:
    """Keep what each member's stages give, by positions of member and stage, while it lasts."""
    seen: dict[tuple[int, int], Tensor] = {}

    def keep(key: tuple[int, int], values: Tensor) -> None:
        values = values.detach()
        seen[key] = values.mean(dim=(2, 3)) if values.ndim == 4 else values

    hooks = []
    try:
        for number, member in enumerate(members):
            for position, stage in enumerate(stages):
                key = (number, position)
                if stage == HEAD:
                    hook = head_module(member, spec).register_forward_pre_hook(
                        lambda _, arguments, key=key: keep(key, arguments[0])
                    )
                else:
                    hook = stage_module(member, spec, stage).register_forward_hook(
                        lambda _, __, output, key=key: keep(key, output)
                    )
                hooks.append(hook)
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
