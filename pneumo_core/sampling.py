"""Which training images make up the batches of an epoch, and in which order."""

import torch
from torch import Generator, Tensor

from pneumo_core.datasets import Split
from pneumo_core.errors import TrainingError
from pneumo_core.kinds import CLASSES
from pneumo_core.recipe import Recipe, Sampler


def training_targets(split: Split, recipe: Recipe) -> Tensor:
    """Class index of each image, int64 (N,): the label, or the kind of film for three outputs.

    Raises:
        TrainingError: If there are three outputs and the kind of a film is unknown.
    """
    if recipe.model.outputs < 3:
        return torch.from_numpy(split.labels)
    try:
        return torch.tensor([CLASSES.index(group) for group in split.groups])
    except ValueError:
        raise TrainingError(
            "Three outputs need to know bacteria from virus for every training image: "
            "use the chest_xray data, or model.outputs=1."
        ) from None


def batch_count(images: int, batch_size: int) -> int:
    """Batches an epoch; a batch of one is left out, for it has no batch statistics."""
    full, rest = divmod(images, batch_size)
    return full + (rest > 1)


def drawn_batches(
    targets: Tensor, sampler: Sampler, batch_size: int, order: Generator
) -> list[Tensor]:
    """Positions of the images of each batch of an epoch.

    Args:
        targets: int64 (N,), class indices.
        sampler: "shuffled" or "balanced", see `recipe.Phase`.
        batch_size: Images a batch; the last may have fewer.
        order: Source of all randomness.
    """
    count = len(targets)
    if sampler == "balanced":
        share = torch.bincount(targets.cpu()).float()
        odds = (1 / share)[targets.cpu()]
        positions = torch.multinomial(odds, count, replacement=True, generator=order)
    else:
        positions = torch.randperm(count, generator=order)
    return list(positions.split(batch_size)[: batch_count(count, batch_size)])
