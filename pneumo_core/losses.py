"""Losses over the network's raw outputs, for one, two or more output neurons."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from pneumo_core.errors import RecipeError

LossName = Literal["cross_entropy", "focal"]


@dataclass(frozen=True)
class Loss:
    """Which loss, and how it weighs the classes.

    With one output neuron cross-entropy is the binary one with logits; with more it is over the
    softmax. The focal loss is Lin et al. 2017, "Focal Loss for Dense Object Detection".

    Attributes:
        name: "cross_entropy" or "focal".
        balanced: Weigh each class by the inverse of its share of the training images.
        label_smoothing: Share of the target that is spread over the other classes, 0 to below 1.
        gamma: Focusing exponent of the focal loss.
    """

    name: LossName = "cross_entropy"
    balanced: bool = False
    label_smoothing: float = 0.0
    gamma: float = 2.0

    def __post_init__(self) -> None:
        if self.name not in get_args(LossName):
            raise RecipeError(f"loss: name must be one of {', '.join(get_args(LossName))}.")
        if not 0 <= self.label_smoothing < 1:
            raise RecipeError("loss: label_smoothing must be at least 0 and below 1.")
        if self.gamma < 0:
            raise RecipeError("loss: gamma must be at least 0.")

    def class_weights(self, labels: Tensor, classes: int) -> Tensor:
        """Weight of each class, float32 (classes,): all 1, or inverse to frequency with mean 1."""
        if not self.balanced:
            return torch.ones(classes)
        counts = torch.bincount(labels, minlength=classes).clamp(min=1).float()
        return len(labels) / (classes * counts)

    def __call__(self, outputs: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
        """Mean loss of a batch.

        Args:
            outputs: float (N, K), raw; K = 1 is one logit for class 1.
            labels: int64 (N,), class indices.
            class_weights: float (max(K, 2),), from `class_weights`.

        Returns:
            float scalar; weighted losses are averaged by the sum of their weights, as
            `torch.nn.CrossEntropyLoss` does.
        """
        outputs = outputs.float()
        if outputs.shape[1] == 1:
            # One logit z is the two-class softmax over (0, z): one formula serves all.
            outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
        weights = class_weights.to(outputs.device)
        losses = F.cross_entropy(
            outputs, labels, weights, reduction="none", label_smoothing=self.label_smoothing
        )
        if self.name == "focal":
            certainty = outputs.softmax(dim=1).gather(1, labels.unsqueeze(1)).squeeze(1)
            # Where certainty rounds to 1, a gamma below 1 has no finite gradient.
            losses = (1 - certainty).clamp(min=1e-7) ** self.gamma * losses
        return losses.sum() / weights[labels].sum()

    def part(self, outputs: Tensor, labels: Tensor, part: slice, class_weights: Tensor) -> Tensor:
        """What a part of a batch adds to the mean loss of the whole: all parts add up to it.

        Args:
            outputs: float (n, K), raw, of the part.
            labels: int64 (N,), class indices of the whole batch.
            part: Which of them the outputs are for.
            class_weights: float (max(K, 2),), from `class_weights`.

        Returns:
            float scalar; the mean loss itself, bit for bit, where the part is all.
        """
        weights = class_weights.to(labels.device)[labels]
        return self(outputs, labels[part], class_weights) * (weights[part].sum() / weights.sum())
