"""Occlusion and integrated gradients: in closed form, against a plain loop, on planted signs."""

import numpy as np
import pytest
import torch
from torch import nn

from pneumo_core.attribution import integrated_gradients
from pneumo_core.cells import blurred
from pneumo_core.explain import INPUT, METHODS, LogitTarget, explain
from pneumo_core.occlusion import occlusion
from tests.planted import CNN, bright, films, hits, learnt

PNEUMONIA = LogitTarget("Pneumonia")


class Weighed(nn.Module):
    """A linear network: the score is sum of weight x pixel."""

    def __init__(self, size=16):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, size, size))

    def forward(self, images):
        return (images * self.weight).sum((1, 2, 3))[:, None]


@pytest.fixture(scope="module")
def trained():
    return learnt(bright)


def test_occlusion_of_a_linear_network_is_the_mean_over_the_covering_patches():
    torch.manual_seed(1)
    model, images = Weighed(), torch.rand(2, 1, 16, 16)
    found = occlusion(model, images, PNEUMONIA)
    for image, evidence in zip(images, found, strict=True):
        worth = ((image - image.mean()) * model.weight).detach()[0]
        # 2 x 2 cells are 4 x 4 pixels here, and the patches stand 2 pixels apart.
        falls = worth.unfold(0, 4, 2).unfold(1, 4, 2).sum((2, 3))
        assert evidence[0, 0].item() == pytest.approx(falls[0, 0].item(), abs=1e-5)
        assert evidence[0, 3].item() == pytest.approx(falls[0, 2:4].mean().item(), abs=1e-5)
        assert evidence[4, 7].item() == pytest.approx(falls[3:5, 6].mean().item(), abs=1e-5)


def test_integrated_gradients_of_a_linear_network_are_weight_times_what_the_blur_took():
    torch.manual_seed(2)
    model, images = Weighed(), torch.rand(2, 1, 16, 16)
    found = integrated_gradients(model, images, PNEUMONIA)
    worth = ((images - blurred(images)) * model.weight).detach()[:, 0]
    expected = worth.unfold(1, 2, 2).unfold(2, 2, 2).sum((3, 4))
    assert torch.allclose(found, expected, atol=1e-5)


def test_integrated_gradients_add_up_to_what_the_film_adds_to_its_blur(trained):
    images, _ = films(bright, 3, np.array([1, 1]))
    found = integrated_gradients(trained, images, PNEUMONIA)
    with torch.no_grad():
        difference = (trained(images) - trained(blurred(images)))[:, 0]
    assert difference.abs().min() > 1
    assert torch.allclose(found.sum((1, 2)), difference, rtol=0.1, atol=0.3)


def test_integrated_gradients_are_those_of_a_plain_loop(trained):
    images, _ = films(bright, 4, np.array([1]))
    base, total = blurred(images), torch.zeros_like(images)
    for step in range(16):
        point = (base + (step + 0.5) / 16 * (images - base)).requires_grad_(True)
        trained(point).sum().backward()
        total += point.grad / 16
    expected = ((images - base) * total)[0, 0].unfold(0, 4, 4).unfold(1, 4, 4).sum((2, 3))
    found = integrated_gradients(trained, images, PNEUMONIA)[0]
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("method", ["occlusion", "integrated"])
def test_methods_on_the_input_find_the_sign_and_turn_with_the_target(trained, method):
    images, places = films(bright, 5, np.ones(40, int))
    results = explain(trained, CNN, images, method=method)
    assert hits(results, places) >= 0.95
    (normal,) = explain(trained, CNN, images[:1], method=method, target="Normal")
    assert np.allclose(normal.evidence, -results[0].evidence, atol=1e-4)
    assert results[0].layer == INPUT
    assert results[0].evidence.shape == (8, 8)
    assert METHODS[method].on_layer is None
