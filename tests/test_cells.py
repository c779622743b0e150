"""Cells of a film: by hand, and against scipy."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from pneumo_core.cells import (
    blurred,
    cell_of_pixels,
    in_cells,
    in_parts,
    rank_correlation,
    scores_of,
    with_cells_removed,
)


def test_pixels_belong_to_the_cells_row_by_row():
    cells = cell_of_pixels(16)
    assert cells[0, :4].tolist() == [0, 0, 1, 1]
    assert cells[2, 0] == 8
    assert cells[15, 15] == 63
    assert torch.bincount(cells.flatten()).tolist() == [4] * 64


def test_cells_are_as_equal_as_the_pixels_allow():
    sizes = torch.bincount(cell_of_pixels(28).flatten())
    assert sizes.numel() == 64
    assert set(sizes.tolist()) == {9, 12, 16}
    with pytest.raises(ValueError, match="7 pixels"):
        cell_of_pixels(7)


def test_a_map_of_the_cells_own_resolution_keeps_its_order():
    evidence = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    cells = in_cells(evidence)
    # Bilinear enlarging smooths between neighbours and no further.
    assert np.corrcoef(cells, evidence.ravel())[0, 1] > 0.95
    assert in_cells(np.full((4, 4), 3.0, np.float32)) == pytest.approx(np.full(64, 3.0))


def test_coarse_and_fine_maps_of_one_slope_agree():
    def slope(size):
        return np.tile(np.arange(size, dtype=np.float32) / (size - 1), (size, 1))

    for size in (4, 16, 56):
        assert rank_correlation(in_cells(slope(size)), in_cells(slope(8))) > 0.98


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 9, (2, 64)).astype(float)  # with ties
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.full(64, 5.0)) is None
    assert rank_correlation(np.zeros(64), a) is None


def test_the_blur_is_gaussian_with_the_edge_continued():
    images = torch.rand(2, 3, 24, 24)
    expected = ndimage.gaussian_filter(
        images.numpy(), sigma=(0, 0, 3, 3), mode="nearest", radius=(0, 0, 9, 9)
    )
    assert np.allclose(blurred(images).numpy(), expected, atol=1e-5)


def test_only_the_named_cells_are_replaced():
    image, fill = torch.rand(3, 16, 16), torch.full((3, 16, 16), 7.0)
    gone = torch.zeros(2, 64, dtype=torch.bool)
    gone[1, [0, 63]] = True
    untouched, changed = with_cells_removed(image, fill, gone)
    assert torch.equal(untouched, image)
    sevens = changed == 7
    assert sevens.sum() == 3 * 2 * 4
    assert sevens[:, :2, :2].all()
    assert sevens[:, 14:, 14:].all()


def test_scores_are_the_networks_in_parts_that_bound_memory(monkeypatch):
    seen = []

    def model(batch):
        seen.append(len(batch))
        return batch.mean((1, 2, 3), keepdim=False)[:, None]

    inputs = torch.rand(5, 1, 8, 8)
    monkeypatch.setattr("pneumo_core.cells.BATCH_PIXELS", 2 * 64)
    scores = scores_of(model, inputs, lambda row: -2 * row[0])
    assert torch.allclose(scores, -2 * inputs.mean((1, 2, 3)))
    assert seen == [2, 2, 1]
    monkeypatch.setattr("pneumo_core.cells.BATCH_PIXELS", 1)
    assert [len(part) for part in in_parts(inputs)] == [1] * 5
