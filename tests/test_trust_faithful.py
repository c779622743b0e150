"""Deletion and insertion: by hand, against a plain loop and against pytorch-grad-cam's metric."""

import numpy as np
import pytest
import torch
from torch import nn

from pneumo_core import vision  # noqa: F401
from pneumo_core.cells import blurred, cell_of_pixels, in_cells
from pneumo_core.explain import LogitTarget, explain_by
from pneumo_core.trust_faithful import STEPS, faithful
from tests.planted import CNN, bright, films, learnt

PNEUMONIA = LogitTarget("Pneumonia")


class SumOfCells(nn.Module):
    """The score is the sum of the pixels: every cell counts by its own brightness."""

    def forward(self, images):
        return images.sum((1, 2, 3))[:, None]


@pytest.fixture(scope="module")
def trained():
    return learnt(bright)


def cells_as_image(values):
    """One pixel a cell."""
    return torch.tensor(values, dtype=torch.float32).view(1, 8, 8)


def test_areas_by_hand_when_each_cell_counts_for_itself():
    # 64, 63, ... 1: eight cells go at a time, so the sums fall by 484, 420, ..., 36.
    values = np.arange(64, 0, -1)
    image, fill = cells_as_image(values), torch.zeros(1, 8, 8)
    ramp = values.reshape(8, 8).astype(np.float32)
    maps = {"right": ramp, "wrong": -ramp}
    found = faithful(SumOfCells(), image, PNEUMONIA, maps, seed=0, fill=fill)
    left = np.concatenate([[0], np.cumsum(values.reshape(8, 8).sum(1))])
    falling = 2080 - left
    expected = (falling[0] / 2 + falling[1:-1].sum() + falling[-1] / 2) / 8
    assert found["right"].deletion == pytest.approx(expected)
    assert found["wrong"].insertion == pytest.approx(expected)
    rising = (left[1:-1].sum() + left[-1] / 2) / 8
    assert found["right"].insertion == pytest.approx(rising)
    assert found["right"].gain == pytest.approx(rising - expected)
    assert found["right"].gain > 0
    assert found["wrong"].gain == pytest.approx(-found["right"].gain)
    assert (found["right"].beaten, found["wrong"].beaten) == (1, 0)
    # For a sum, an order and its reverse leave half of it on average, whatever the order.
    assert found["right"].random == pytest.approx(1040)


def test_a_network_that_looks_at_nothing_gives_no_gain_and_a_tie_with_chance():
    class Blind(nn.Module):
        def forward(self, images):
            return torch.full((len(images), 1), 2.5)

    image = torch.rand(1, 16, 16)
    maps = {"any": np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)}
    found = faithful(Blind(), image, PNEUMONIA, maps, seed=1)["any"]
    assert (found.deletion, found.insertion, found.random) == (2.5, 2.5, 2.5)
    assert (found.gain, found.beaten) == (0, 0.5)


def test_a_blank_map_is_no_better_than_chance(trained):
    images, _ = films(bright, 3, np.ones(20, int))
    blank = {"blank": np.zeros((4, 4), np.float32)}
    gains = [
        faithful(trained, image, PNEUMONIA, blank, seed)["blank"].gain
        for seed, image in enumerate(images)
    ]
    true = [
        faithful(trained, image, PNEUMONIA, {"cam": cam.evidence}, 0, random_orders=1)["cam"].gain
        for image, cam in zip(images, _cams(trained, images), strict=True)
    ]
    assert abs(np.mean(gains)) < 3 * np.std(gains) / np.sqrt(20)
    assert np.mean(true) > 2 * np.std(gains)


def _cams(model, images):
    return explain_by(model, CNN, images, ["hirescam"], layer="block2")["hirescam"]


def test_curves_are_those_of_a_plain_loop(trained):
    images, _ = films(bright, 5, np.array([1]))
    image, fill = images[0], blurred(images)[0]
    evidence = _cams(trained, images)[0].evidence
    found = faithful(trained, image, PNEUMONIA, {"cam": evidence}, seed=0)["cam"]
    order = np.argsort(-in_cells(evidence))
    pixels = cell_of_pixels(32).numpy()
    for share, area in (("deletion", found.deletion), ("insertion", found.insertion)):
        curve = []
        for count in range(0, 65, 8):
            marked = np.isin(pixels, order[:count])
            gone = marked if share == "deletion" else ~marked
            shown = torch.where(torch.from_numpy(gone), fill, image)
            with torch.no_grad():
                curve.append(trained(shown[None]).item())
        assert area == pytest.approx(np.trapezoid(curve, dx=1 / STEPS), abs=1e-4)


def test_deletion_is_pytorch_grad_cams_with_the_same_fill(trained):
    from pytorch_grad_cam.metrics.perturbation_confidence import (
        PerturbationConfidenceMetric,
        RemoveMostRelevantFirst,
    )

    images, _ = films(bright, 6, np.array([1]))
    evidence = _cams(trained, images)[0].evidence
    found = faithful(trained, images[0], PNEUMONIA, {"cam": evidence}, seed=0)["cam"]
    # Its masks are thresholds on pixels: all pixels of a cell get the cell's evidence.
    mask = in_cells(evidence).astype(np.float32)[cell_of_pixels(32).numpy()]
    fill = blurred(images)[0]

    def impute(image, kept):
        return torch.where(kept.bool(), image, fill)

    curve = []
    for percentile in 100 - 12.5 * np.arange(1, STEPS):
        metric = PerturbationConfidenceMetric(RemoveMostRelevantFirst(percentile, impute))
        scores = metric(images, mask[None], [PNEUMONIA], trained, return_diff=False)
        curve.append(float(scores[0]))
    with torch.no_grad():
        ends = trained(torch.stack([images[0], fill])).flatten().tolist()
    expected = np.trapezoid([ends[0], *curve, ends[1]], dx=1 / STEPS)
    assert found.deletion == pytest.approx(expected, abs=1e-4)


def test_the_same_seed_gives_the_same_figures_and_other_maps_do_not_matter(trained):
    images, _ = films(bright, 7, np.array([1]))
    cam = _cams(trained, images)[0].evidence
    alone = faithful(trained, images[0], PNEUMONIA, {"cam": cam}, seed=4)["cam"]
    again = faithful(trained, images[0], PNEUMONIA, {"cam": cam}, seed=4)["cam"]
    beside = faithful(
        trained, images[0], PNEUMONIA, {"cam": cam, "coarse": np.eye(4, dtype=np.float32)}, seed=4
    )["cam"]
    assert alone == again
    assert (beside.deletion, beside.insertion) == pytest.approx((alone.deletion, alone.insertion))
    assert alone.beaten == 1
