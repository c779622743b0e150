"""The optimiser of a phase of training."""

import torch
from torch import nn

from pneumo_core.recipe import Recipe


def new_optimiser(model: nn.Module, recipe: Recipe, lr: float) -> torch.optim.Optimizer:
    """The recipe's optimiser for the parameters that require gradients, at this learning rate."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        # Decaying biases and norm scales only distorts them (as timm does, too).
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    return kind(groups, lr=lr)
