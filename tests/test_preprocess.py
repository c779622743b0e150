"""The one path from a grey image to the network, by hand and value by value."""

import json

import cv2
import numpy as np
import pytest
import torch

from pneumo_core.errors import RecipeError
from pneumo_core.preprocess import Preprocess

PLAIN = {"mean": (0.0,), "std": (1.0,)}
"""Normalisation that changes nothing."""


def grey(values) -> np.ndarray:
    """Grey levels 0 to 255 as pixels in [0, 1], as `read_image` gives them."""
    return np.asarray(values, np.float32) / np.float32(255)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return grey(np.random.default_rng(seed).integers(0, 256, (height, width)))


# Which part is seen


@pytest.mark.parametrize(
    ("crop", "height", "width", "box"),
    [
        ("centre", 4, 10, (0, 3, 4, 4)),
        ("centre", 10, 4, (3, 0, 4, 4)),
        ("centre", 5, 10, (0, 2, 5, 5)),
        ("centre", 10, 5, (2, 0, 5, 5)),
        ("centre", 5, 5, (0, 0, 5, 5)),
        ("centre", 1, 2, (0, 0, 1, 1)),
        ("squash", 4, 10, (0, 0, 4, 10)),
        ("squash", 11, 5, (0, 0, 11, 5)),
        ("pad", 4, 10, (-3, 0, 10, 10)),
        ("pad", 10, 4, (0, -3, 10, 10)),
        ("pad", 5, 10, (-3, 0, 10, 10)),
        ("pad", 9, 6, (0, -2, 9, 9)),
        ("pad", 6, 6, (0, 0, 6, 6)),
    ],
)
def test_box(crop, height, width, box):
    assert Preprocess(28, crop=crop).box(height, width) == box


# To the square


def test_a_square_of_the_right_size_stays_as_it_is():
    levels = np.arange(28 * 28).reshape(28, 28) % 256
    assert len(np.unique(levels)) == 256
    square = Preprocess(32, source_size=28).square(grey(levels))
    assert square.dtype == np.uint8
    assert np.array_equal(square, levels)


def test_the_centre_is_cropped_pixel_by_pixel():
    levels = np.arange(4 * 7).reshape(4, 7)
    assert np.array_equal(Preprocess(4).square(grey(levels)), levels[:, 1:5])
    assert np.array_equal(Preprocess(4).square(grey(levels.T)), levels.T[1:5])


def test_padding_adds_black_around_the_film():
    levels = np.arange(10, 20).reshape(2, 5)
    expected = np.zeros((5, 5))
    expected[2:4] = levels
    assert np.array_equal(Preprocess(5, crop="pad").square(grey(levels)), expected)


def test_squashing_uses_every_column():
    levels = np.repeat([[10, 20, 30, 40]], 2, axis=0)
    # Halving with the triangle filter: weights 1, 3, 3, 1 over 8, renormalised at the edge.
    left, right = (3 * 10 + 3 * 20 + 30) / 7, (20 + 3 * 30 + 3 * 40) / 7
    square = Preprocess(2, crop="squash").square(grey(levels))
    assert square.tolist() == [[round(left), round(right)]] * 2


def test_resizing_averages_before_it_rounds():
    # A mean of 0.5 rounds to the even 0; three quarters are 1.
    assert Preprocess(1).square(grey([[0, 0], [0, 2]])).tolist() == [[0]]
    assert Preprocess(1).square(grey([[0, 0], [0, 3]])).tolist() == [[1]]


def test_enlarging_interpolates_between_pixel_centres():
    # Pixel centres of the four lie at -1/4, 1/4, 3/4, 5/4 on the scale of the two.
    assert Preprocess(4).square(grey([[0, 80], [0, 80]])).tolist() == [[0, 20, 60, 80]] * 4


def test_integer_and_double_pixels_are_taken_too():
    levels = np.array([[0, 255], [128, 3]])
    assert np.array_equal(Preprocess(2).square(levels / 255), levels)
    assert np.array_equal(Preprocess(2).square(np.array([[0, 1], [1, 0]])), [[0, 255], [255, 0]])


def test_films_that_differ_outside_the_centre_are_one_to_the_network():
    wide, other = noise(60, 100, seed=1), noise(60, 100, seed=2)
    other[:, 20:80] = wide[:, 20:80]
    centre, squash, pad = (Preprocess(28, crop=crop) for crop in ("centre", "squash", "pad"))
    assert torch.equal(centre(wide), centre(other))
    assert not torch.allclose(squash(wide), squash(other), atol=0.05)
    assert not torch.allclose(pad(wide), pad(other), atol=0.05)


def test_the_aspect_ratio_reaches_the_network_only_if_the_crop_lets_it():
    # A disc of the same size on films of the same height, one of them wider.
    def disc(width: int) -> np.ndarray:
        row, column = np.mgrid[:60, :width]
        return ((row - 29.5) ** 2 + (column - (width - 1) / 2) ** 2 < 400).astype(np.float32)

    for crop, same in (("centre", True), ("squash", False), ("pad", False)):
        preprocess = Preprocess(28, crop=crop)
        assert torch.equal(preprocess(disc(60)), preprocess(disc(100))) is same


# Contrast


@pytest.fixture
def dull() -> np.ndarray:
    """Grey levels of a film that uses a quarter of the range."""
    row, column = np.mgrid[:32, :32]
    return (100 + row + column // 2 + (row * column) % 5).astype(np.uint8)


def test_histogram_equalisation_is_opencvs(dull):
    square = Preprocess(32, equalise="histogram").square(grey(dull))
    assert np.array_equal(square, cv2.equalizeHist(dull))
    assert (square.min(), square.max()) == (0, 255)


def test_clahe_is_opencvs_with_eight_by_eight_tiles_and_a_limit_of_two():
    # Flat but for a few pixels: where the limit on a tile's histogram bites.
    levels = np.random.default_rng(0).choice([90, 100, 180], (256, 256), p=[0.2, 0.7, 0.1])
    levels = levels.astype(np.uint8)
    square = Preprocess(256, equalise="clahe").square(grey(levels))
    results = {
        (limit, tiles): cv2.createCLAHE(clipLimit=limit, tileGridSize=(tiles, tiles)).apply(levels)
        for limit in (2.0, 3.0)
        for tiles in (8, 4)
    }
    same = [key for key, result in results.items() if np.array_equal(square, result)]
    assert same == [(2.0, 8)]


@pytest.mark.parametrize(
    ("size", "tiles"), [(1, 1), (15, 1), (28, 1), (32, 2), (64, 4), (128, 8), (224, 8), (299, 8)]
)
def test_clahe_has_tiles_of_at_least_a_pixel_a_grey_level(size, tiles):
    square = Preprocess(size, equalise="clahe").square(noise(size, size))
    levels = Preprocess(size).square(noise(size, size))
    grids = {n: cv2.createCLAHE(2.0, (n, n)).apply(levels) for n in range(1, min(8, size) + 1)}
    assert tiles in [n for n, result in grids.items() if np.array_equal(square, result)]
    assert size < 16 or size // tiles >= 16


@pytest.mark.parametrize("size", [28, 224])
def test_the_limit_of_clahe_acts_on_small_squares_and_large_ones(size):
    """A blurred disc on a slope: a narrow range of greys, as in a film."""
    row, column = np.mgrid[:size, :size] / size
    disc = np.exp(-8 * ((row - 0.4) ** 2 + (column - 0.6) ** 2))
    levels = (90 + 40 * row + 50 * disc).round().astype(np.uint8)
    square = Preprocess(size, equalise="clahe").square(grey(levels)).astype(int)

    def differences(tiles: int) -> list[float]:
        others = (cv2.createCLAHE(limit, (tiles, tiles)).apply(levels) for limit in (1.0, 4.0))
        return [float(np.abs(other - square).mean()) for other in others]

    assert min(differences(1 if size == 28 else 8)) > 4, "grey levels from half and twice the limit"


def test_eight_by_eight_tiles_would_put_the_limit_out_of_action_at_28_px():
    levels = np.random.default_rng(0).normal(120, 30, (28, 28)).clip(0, 255).astype(np.uint8)
    low, high = (cv2.createCLAHE(limit, (8, 8)).apply(levels) for limit in (1.0, 16.0))
    assert np.array_equal(low, high)


def test_contrast_is_stretched_after_the_crop():
    levels = np.full((8, 20), 255)
    levels[:, 6:14] = np.arange(64).reshape(8, 8) + 50
    square = Preprocess(8, equalise="histogram").square(grey(levels))
    assert np.array_equal(square, cv2.equalizeHist(levels[:, 6:14].astype(np.uint8)))


# Sharpness


def test_an_unsharp_mask_by_hand():
    """A single step in grey: what the blur of one pixel takes away is added again."""
    levels = np.repeat([[50] * 8 + [150] * 8], 16, axis=0)
    weights = np.exp(-0.5 * np.arange(-7, 8) ** 2)
    weights /= weights.sum()
    edge = np.pad(levels[0], 7, mode="edge")
    blurred = np.convolve(edge, weights, mode="valid")
    for strength in (0.5, 1.0):
        square = Preprocess(16, sharpen=strength).square(grey(levels))
        expected = np.tile(levels[0] + strength * (levels[0] - blurred), (16, 1))
        assert square.dtype == np.uint8
        assert np.abs(square - expected).max() < 0.55
    assert (square[:, :4] == 50).all(), "edges of the film do not glow"
    assert square[0, 7] < 50 < 150 < square[0, 8]


def test_sharpening_stays_within_eight_bits():
    levels = np.repeat([[0] * 8 + [255] * 8], 16, axis=0)
    assert np.array_equal(Preprocess(16, sharpen=5).square(grey(levels)), levels)


def test_without_sharpening_nothing_changes():
    film = noise(40, 60)
    assert np.array_equal(Preprocess(28, sharpen=0).square(film), Preprocess(28).square(film))
    assert not np.array_equal(Preprocess(28, sharpen=0.5).square(film), Preprocess(28).square(film))


def test_it_is_sharpened_after_the_resize_and_before_the_equalisation():
    film = noise(90, 120)
    sharp = Preprocess(28, sharpen=1)
    small = Preprocess(28).square(film)
    assert np.array_equal(sharp.square(film), sharp.square(grey(small)))
    both = Preprocess(28, sharpen=1, equalise="histogram").square(film)
    assert np.array_equal(both, cv2.equalizeHist(sharp.square(film)))


def test_an_upload_is_sharpened_as_training_images_are():
    """On the small square, where training images are, not on the enlarged one."""
    film = noise(200, 260)
    preprocess = Preprocess(32, source_size=28, sharpen=0.7, **PLAIN)
    training = preprocess.tensor(Preprocess(28, sharpen=0.7).square(film)[None])
    assert torch.equal(preprocess(film), training)


# To the tensor


def test_normalised_values_by_hand():
    preprocess = Preprocess(2, mean=(0.5,), std=(0.25,))
    tensor = preprocess(grey([[0, 51], [102, 255]]))
    assert tensor.dtype == torch.float32
    assert tensor.shape == (1, 1, 2, 2)
    expected = torch.tensor([[-2.0, -1.2], [-0.4, 2.0]])
    assert torch.allclose(tensor[0, 0], expected, atol=1e-6)


def test_each_channel_has_its_own_mean_and_std():
    preprocess = Preprocess(1, channels=3, mean=(0.0, 0.4, 0.6), std=(1.0, 0.2, 0.5))
    tensor = preprocess(grey([[204]]))
    assert tensor.flatten().tolist() == pytest.approx([0.8, 2.0, 0.4], abs=1e-6)


def test_squares_are_enlarged_between_pixel_centres():
    preprocess = Preprocess(4, source_size=2, **PLAIN)
    tensor = preprocess.tensor(np.array([[[0, 80], [0, 80]]], np.uint8))
    expected = torch.tensor([[0, 20, 60, 80]] * 4) / 255
    assert torch.allclose(tensor[0, 0], expected, atol=1e-6)


def test_squares_are_reduced_with_antialiasing():
    preprocess = Preprocess(2, source_size=4, **PLAIN)
    stripes = np.tile(np.array([0, 240, 0, 240], np.uint8), (4, 1))
    tensor = preprocess.tensor(stripes[None])
    # As in `square`: weights 3, 3, 1 over 7 at the left edge and 1, 3, 3 at the right.
    expected = torch.tensor([[3 * 240 / 7, 4 * 240 / 7]] * 2) / 255
    assert torch.allclose(tensor[0, 0], expected, atol=1e-6)


def test_an_upload_takes_the_detour_of_the_training_images():
    film = noise(200, 260)
    small, direct = Preprocess(32, source_size=28, **PLAIN), Preprocess(32, **PLAIN)
    square = Preprocess(28).square(film)
    assert np.array_equal(small.square(film), square)
    assert torch.equal(small(film), small.tensor(square[None]))
    assert torch.equal(small(film), small(grey(square))), "serving equals training"
    assert not torch.allclose(small(film), direct(film), atol=0.02)


def test_a_batch_is_its_images_one_by_one():
    preprocess = Preprocess(32, source_size=28, channels=3, mean=(0.4,) * 3, std=(0.2,) * 3)
    films = [noise(50, 40, seed=1), noise(28, 28, seed=2), noise(33, 90, seed=3)]
    squares = np.stack([preprocess.square(film) for film in films])
    batch = preprocess.tensor(squares)
    assert batch.shape == (3, 3, 32, 32)
    for position, film in enumerate(films):
        assert torch.allclose(batch[position], preprocess(film)[0], atol=1e-6)
    assert torch.equal(batch, preprocess.tensor(torch.from_numpy(squares)))


# And back


@pytest.mark.parametrize(
    ("crop", "height", "width", "top", "left"),
    [
        ("centre", 6, 12, 0, 3),
        ("centre", 12, 6, 3, 0),
        ("centre", 6, 11, 0, 2),
        ("pad", 6, 6, 0, 0),
    ],
)
def test_a_map_comes_back_to_its_place(crop, height, width, top, left):
    heatmap = np.zeros((6, 6), np.float32)
    heatmap[1, 4] = 0.75
    placed = Preprocess(6, crop=crop).place(heatmap, height, width)
    expected = np.zeros((height, width), np.float32)
    expected[top + 1, left + 4] = 0.75
    assert placed.dtype == np.float32
    assert np.array_equal(placed, expected)


@pytest.mark.parametrize(("height", "width"), [(4, 8), (8, 4), (5, 8), (8, 5)])
def test_a_map_over_a_padded_film_loses_its_bars(height, width):
    heatmap = np.arange(64, dtype=np.float32).reshape(8, 8) + 1
    placed = Preprocess(8, crop="pad").place(heatmap, height, width)
    top, left = -((height - 8) // 2), -((width - 8) // 2)
    assert np.array_equal(placed, heatmap[top : top + height, left : left + width])


def test_a_map_over_a_squashed_film_is_stretched():
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[3, 0] = 1
    placed = Preprocess(4, crop="squash").place(heatmap, 4, 12)
    assert placed.shape == (4, 12)
    # Centres of twelve columns over four: the first column's is at 1 of 12, its value falls to 0
    # three columns on.
    assert placed[3, :6] == pytest.approx([1, 1, 2 / 3, 1 / 3, 0, 0], abs=1e-6)
    assert not placed[:3].any()


def test_outside_the_box_there_is_nothing():
    placed = Preprocess(6).place(np.ones((3, 3), np.float32), 10, 20)
    assert np.array_equal(placed[:, 5:15], np.ones((10, 10)))
    assert not placed[:, :5].any()
    assert not placed[:, 15:].any()


@pytest.mark.parametrize("crop", ["centre", "squash", "pad"])
@pytest.mark.parametrize(("height", "width"), [(90, 150), (150, 90), (91, 120), (120, 120)])
def test_what_the_network_sees_comes_back_to_where_it_was(crop, height, width):
    """The square itself, laid back, peaks where the film has its spot."""
    film = np.zeros((height, width), np.float32)
    row, column = height // 2 + 17, width // 2 - 23
    film[row - 4 : row + 5, column - 4 : column + 5] = 1
    preprocess = Preprocess(30, crop=crop)
    placed = preprocess.place(preprocess.square(film).astype(np.float32), height, width)
    rows, columns = np.mgrid[:height, :width]
    weight = placed / placed.sum()
    assert (weight * rows).sum() == pytest.approx(row, abs=1)
    assert (weight * columns).sum() == pytest.approx(column, abs=1)


# As JSON


def test_it_survives_json():
    preprocess = Preprocess(
        224, 64, "pad", "clahe", 3, (0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), sharpen=0.3
    )
    again = Preprocess.from_json(json.loads(json.dumps(preprocess.to_json())))
    assert again == preprocess
    assert isinstance(again.mean, tuple)
    expected = Preprocess(28, None, "centre", "none", channels=1, mean=(0.5,), std=(0.5,))
    assert Preprocess.from_json({"input_size": 28}) == expected
    assert (expected.sharpen, again.sharpen) == (0.0, 0.3)
    assert Preprocess(1, source_size=1).square_size == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"input_size": 0}, "input_size and source_size must be at least 1"),
        ({"source_size": 0}, "input_size and source_size must be at least 1"),
        ({"crop": "middle"}, "crop must be one of centre, squash, pad"),
        ({"equalise": "yes"}, "equalise must be one of none, histogram, clahe"),
        ({"channels": 2}, "channels must be 1 or 3"),
        ({"channels": 3}, "mean and std need one value a channel"),
        ({"mean": (0.5, 0.5)}, "mean and std need one value a channel"),
        ({"std": ()}, "mean and std need one value a channel"),
        ({"std": (0.0,)}, "std must be above zero"),
        ({"sharpen": -0.1}, "sharpen must be a number of at least 0"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(changes, sentence):
    with pytest.raises(RecipeError, match=sentence):
        Preprocess(**{"input_size": 28, **changes})
    with pytest.raises(RecipeError):
        Preprocess.from_json({"input_size": 28, **changes})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "preprocess needs a value for input_size."),
        ({"input_size": 28, "size": 1}, "preprocess has no 'size': choose from input_size, "),
        ({"input_size": "28"}, "preprocess.input_size must be a whole number, not '28'."),
        ({"input_size": 28.0}, "preprocess.input_size must be a whole number, not 28.0."),
        ({"input_size": 28, "mean": 0.5}, "preprocess.mean must be a list, not 0.5."),
        ({"input_size": 28, "mean": ["x"]}, "preprocess.mean.0 must be a finite number, not 'x'."),
        (
            {"input_size": 28, "std": [float("nan")]},
            "preprocess.std.0 must be a finite number, not nan.",
        ),
        (28, "preprocess must hold fields with values, not 28."),
    ],
)
def test_json_of_the_wrong_kind_is_a_sentence(content, sentence):
    with pytest.raises(RecipeError) as error:
        Preprocess.from_json(content)
    assert str(error.value).startswith(sentence)
