"""Views of a film: what they change, and that maps come back to where they were."""

import numpy as np
import pytest
import torch

from pneumo_core.trust_stable import VIEWS, stable, views


def blob(size=32, row=12, column=20, width=3.0):
    """A soft spot, which moves and comes back with little loss."""
    y, x = np.mgrid[:size, :size]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2)).astype(np.float32)


def centre(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(y * image).sum(), (x * image).sum()]) / image.sum()


def moved(index):
    film = torch.from_numpy(blob())[None, None]
    return views(film)[index, 0].numpy()


def test_shifts_go_down_and_to_either_side():
    # A thirty-second of 32 pixels is one pixel.
    assert centre(moved(2)) - centre(blob()) == pytest.approx([1, 1], abs=0.02)
    assert centre(moved(3)) - centre(blob()) == pytest.approx([1, -1], abs=0.02)


def test_turns_are_of_four_degrees_either_way_about_the_middle():
    offset = centre(blob()) - 15.5
    turns = [centre(moved(index)) - 15.5 for index in (0, 1)]
    for turned in turns:
        cosine = turned @ offset / np.linalg.norm(turned) / np.linalg.norm(offset)
        assert np.degrees(np.arccos(cosine)) == pytest.approx(4, abs=0.2)
        assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(offset), rel=0.02)
    one, other = (offset[0] * turned[1] - offset[1] * turned[0] for turned in turns)
    assert one * other < 0


def test_brightness_and_noise_are_as_stated_and_the_noise_is_the_films_own():
    film = torch.full((1, 1, 64, 64), 0.5)
    darker, brighter, *noisy = views(film)[4:]
    assert torch.allclose(darker, torch.tensor(0.45))
    assert torch.allclose(brighter, torch.tensor(0.55))
    assert len(noisy) == 2
    for each in noisy:
        assert each.std().item() == pytest.approx(0.02, rel=0.05)
    assert not torch.equal(*noisy)
    assert torch.equal(views(film), views(film))
    other = views(film + 1e-3)[6] - 1e-3
    assert not torch.allclose(other, noisy[0], atol=1e-3)
    assert views(torch.ones(1, 1, 8, 8)).max() == 1
    assert len(views(film)) == VIEWS


def test_maps_that_move_with_the_film_are_stable_and_others_are_not():
    own = blob(8, 3, 5, 1.5)
    film = torch.from_numpy(blob(32, 13.5, 21.5, 6.0))[None, None]
    following = [view[0].reshape(8, 4, 8, 4).mean((1, 3)).numpy() for view in views(film)]
    good = stable(own, following, 1.0, [1.0] * VIEWS)
    assert good.map > 0.97
    elsewhere = stable(own, [blob(8, 6, 1, 1.5)] * VIEWS, 1.0, [1.0] * VIEWS)
    assert elsewhere.map < 0.3
    assert stable(own, [own] * (VIEWS - 1) + [np.ones((8, 8), np.float32)], 0, [0] * 8).map is None


def test_score_changes_and_turned_verdicts_by_hand():
    own = blob(8, 3, 5, 1.5)
    scores = [1.0, 1.2, 0.4, 0.5, 0.6, 3.0, 1.0, -0.1]
    found = stable(own, [own] * VIEWS, 1.0, scores, threshold=0.5)
    assert found.largest == pytest.approx(2.0)
    assert found.turned == 2  # 0.4 and -0.1; 0.5 is at the threshold
    assert stable(own, [own] * VIEWS, 0.3, scores, threshold=0.5).turned == 6
