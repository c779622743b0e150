"""Mixup: what is kept of an image, what it is mixed with, and that training learns the mixture."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import beta

from pneumo_core.architectures import create_model
from pneumo_core.augment import Augmentation
from pneumo_core.mixup import kept_shares, mixed, opposite
from pneumo_core.recipe import Recipe
from pneumo_core.training import train


def test_the_larger_part_of_an_image_is_its_own():
    shares = np.array(kept_shares(0.3, 20_000, seed=1))
    assert shares.min() >= 0.5
    assert shares.max() <= 1.0
    # The larger of a share and its rest: twice the upper half of the distribution's mean.
    expected = beta(0.3, 0.3).expect(lambda x: x, lb=0.5, ub=1.0, conditional=True)
    assert shares.mean() == pytest.approx(expected, abs=0.003)
    assert kept_shares(0.3, 5, seed=1) == kept_shares(0.3, 5, seed=1)
    assert kept_shares(0.3, 5, seed=1) != kept_shares(0.3, 5, seed=2)


def test_without_mixup_all_is_kept():
    assert kept_shares(0.0, 3, seed=1) == [1.0, 1.0, 1.0]
    image = torch.rand(2, 1, 4, 4)
    assert mixed(image, torch.rand(2, 1, 4, 4), 1.0) is image


def test_two_images_of_known_greys():
    batch = torch.tensor([0.2, 1.0]).view(2, 1, 1, 1)
    found = mixed(batch, opposite(batch), 0.75)
    torch.testing.assert_close(found.flatten(), torch.tensor([0.4, 0.8]))


def recipe(**augmentation: Any) -> Recipe:
    return Recipe.from_json(
        {
            "name": "tiny",
            "title": "Tiny",
            "data": "chest_xray",
            "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
            "preprocess": {"input_size": 16, "mean": [0.38], "std": [0.12]},
            "batch_size": 100,
            "augmentation": augmentation,
            "loss": {"balanced": True},
            "optimiser": "sgd",
            "phases": [{"epochs": 1, "lr": 0.05, "schedule": "constant"}],
        }
    )


def test_a_step_follows_the_gradient_of_the_mixture(tiny_dataset, tmp_path, monkeypatch):
    """Against a step worked out here: mixed greys, and the loss of both targets by their shares."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    chosen = recipe(mixup=2.0)
    trained = train(chosen, tiny_dataset, seed=1, checkpoint=tmp_path / "mixed.pt")

    split = tiny_dataset.splits["train"]
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(100_004))
    grey = torch.from_numpy(split.squares(chosen.preprocess))[order].unsqueeze(1) / 255
    labels = torch.from_numpy(split.labels)[order]
    share = np.random.default_rng(100_004).beta(2.0, 2.0)
    kept = max(share, 1 - share)
    assert 0.5 < kept < 0.95, "or there would be little to see"
    inputs = chosen.preprocess.normalised(kept * grey + (1 - kept) * grey.flip(0))
    torch.manual_seed(1)
    model = create_model(chosen.model).to(memory_format=torch.channels_last)
    outputs = model(inputs.contiguous(memory_format=torch.channels_last)).squeeze(1)
    weights = torch.where(
        labels == 1, len(labels) / (2 * labels.sum()), len(labels) / (2 * (1 - labels).sum())
    )

    def loss(targets: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            outputs, targets, reduction="none"
        )
        return (each * weight).sum() / weight.sum()

    total = kept * loss(labels.float(), weights) + (1 - kept) * loss(
        labels.flip(0).float(), weights.flip(0)
    )
    assert trained.history[0].train_loss == pytest.approx(total.item(), rel=1e-5)
    total.backward()
    for name, parameter in model.named_parameters():
        stepped = (parameter - 0.05 * parameter.grad).detach()
        torch.testing.assert_close(trained.weights[name], stepped, rtol=1e-4, atol=2e-5)


def test_a_recipe_with_mixup_alone_augments():
    assert recipe(mixup=0.3).augmentation != Augmentation()
    assert recipe(mixup=0.3).augmentation.effects == ["mixup 0.3"]
