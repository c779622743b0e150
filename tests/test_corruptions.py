"""Corruptions: known answers on tiny images, damage that grows, noise that repeats."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from pneumo_core.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from pneumo_core.errors import DataError

UNSPOILT = {
    "pixelate": 1.0,
    "gaussian_noise": 0.0,
    "speckle_noise": 0.0,
    "impulse_noise": 0.0,
    "gaussian_blur": 1,
    "brightness_up": 1.0,
    "brightness_down": 1.0,
    "contrast_up": 1.0,
    "contrast_down": 1.0,
    "gamma_up": 1.0,
    "gamma_down": 1.0,
}
"""The strength at which a corruption does nothing; JPEG and photons have none."""


def films(count: int = 6, height: int = 28, width: int = 28) -> np.ndarray:
    """Smooth grey images with some texture, uint8, none of them black, white or alike."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [60 * np.sin(7 * x + i) * np.cos(5 * y - i) for i in range(count)]
    grain = rng.normal(0, 8, (count, height, width))
    return (120 + np.stack(waves) + grain).clip(0, 255).astype(np.uint8)


def effect_on(images: np.ndarray, name: str, strength: float) -> np.ndarray:
    """What a corruption of any strength makes of images, unrounded."""
    return np.asarray(CORRUPTIONS[name].effect(images, strength, _rng()))


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def damage(name: str, severity: int) -> float:
    images = films()
    return float(np.abs(corrupt(images, name, severity).astype(float) - images).mean())


def test_there_are_thirteen_at_five_severities():
    assert len(CORRUPTIONS) == 13
    assert SEVERITIES == (1, 2, 3, 4, 5)
    assert all(len(corruption.strengths) == 5 for corruption in CORRUPTIONS.values())
    assert len({corruption.title for corruption in CORRUPTIONS.values()}) == 13


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_damage_grows_with_severity(name):
    found = [damage(name, severity) for severity in SEVERITIES]
    if name == "pixelate":
        # Half the side is whole boxes of 2 x 2, which cost less than the ragged ones of 0.6.
        del found[SEVERITIES.index(4)]
    assert found[0] > 0.3
    assert all(milder < stronger for milder, stronger in pairwise(found))


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(28, 28), (224, 224), (30, 41), (1, 1)])
def test_shape_and_type_stay_and_the_originals_too(name, shape):
    images = films(2, *shape)
    before = images.copy()
    spoilt = corrupt(images, name, 5)
    assert spoilt.shape == images.shape
    assert spoilt.dtype == np.uint8
    assert np.array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_no_images_are_no_error(name):
    assert corrupt(np.empty((0, 28, 28), np.uint8), name, 1).shape == (0, 28, 28)


@pytest.mark.parametrize(("name", "strength"), UNSPOILT.items())
def test_nothing_happens_at_the_strength_of_nothing(name, strength):
    images = films()
    found = CORRUPTIONS[name].effect(images, strength, _rng())
    assert np.array_equal(np.rint(found), images)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_gives_the_same_images_whatever_follows_in_the_batch(name):
    images = films()
    spoilt = corrupt(images, name, 3, seed=4)
    assert np.array_equal(spoilt, corrupt(images, name, 3, seed=4))
    # Poisson numbers use up a varying number of draws, but in the order of the images.
    assert np.array_equal(spoilt[:2], corrupt(images[:2], name, 3, seed=4))


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name.endswith("_noise")])
def test_noise_differs_between_seeds_and_between_images(name):
    images = np.full((2, 28, 28), 120, np.uint8)
    spoilt = corrupt(images, name, 5)
    assert not np.array_equal(spoilt, corrupt(images, name, 5, seed=1))
    assert not np.array_equal(spoilt[0], spoilt[1])


def test_gaussian_noise_has_the_standard_deviation_it_names():
    spoilt = corrupt(np.full((20, 100, 100), 128, np.uint8), "gaussian_noise", 5)
    assert spoilt.mean() == pytest.approx(128, abs=0.2)
    # 0.08 of full scale, and 1/12 of a grey level's variance from rounding.
    assert spoilt.std() == pytest.approx(np.hypot(0.08 * 255, np.sqrt(1 / 12)), rel=0.01)


def test_speckle_noise_grows_with_the_grey_value_and_leaves_black_alone():
    images = np.zeros((1, 200, 200), np.uint8)
    images[:, 100:] = 100
    spoilt = corrupt(images, "speckle_noise", 3)[0]
    assert not spoilt[:100].any()
    assert spoilt[100:].std() == pytest.approx(0.1 * 100, rel=0.03)


def test_impulse_noise_hits_the_share_it_names_and_nothing_else():
    spoilt = corrupt(np.full((10, 200, 200), 90, np.uint8), "impulse_noise", 5)
    assert set(np.unique(spoilt)) == {0, 90, 255}
    assert (spoilt == 0).mean() == pytest.approx(0.01, rel=0.05)
    assert (spoilt == 255).mean() == pytest.approx(0.01, rel=0.05)


def test_shot_noise_counts_photons():
    images = np.full((10, 200, 200), 51, np.uint8)
    counts = effect_on(images, "shot_noise", 100) * 100 / 255
    assert np.allclose(counts, np.rint(counts))
    # A fifth of full scale expects 20 photons, and Poisson's variance is its mean.
    assert counts.mean() == pytest.approx(20, rel=0.01)
    assert counts.var() == pytest.approx(20, rel=0.02)


def test_pixelate_takes_the_mean_of_each_box():
    image = np.array([[[0, 100, 7, 7], [20, 80, 7, 7]] * 2], np.uint8)
    assert effect_on(image, "pixelate", 0.5).tolist() == [[[50, 50, 7, 7]] * 4]


def test_pixelate_is_relative_to_the_side():
    ramp = np.tile(np.arange(224, dtype=np.uint8), (1, 224, 1))
    assert len(np.unique(corrupt(ramp, "pixelate", 5))) == int(224 * 0.4)
    assert len(np.unique(corrupt(ramp[:, ::8, ::8], "pixelate", 5))) == int(28 * 0.4)


def test_jpeg_keeps_flat_images_and_spoils_texture_the_more_the_lower_the_quality():
    flat = np.full((1, 16, 16), 128, np.uint8)
    assert np.array_equal(corrupt(flat, "jpeg_compression", 5), flat)
    checks = (np.indices((16, 16)).sum(0) % 2 * 255).astype(np.uint8)[None]
    lost = [
        np.abs(np.float64(effect_on(checks, "jpeg_compression", quality)) - checks).mean()
        for quality in (95, 7)
    ]
    assert lost[0] < 5 < lost[1]


def test_blur_spreads_a_point_as_a_gaussian():
    point = np.zeros((1, 15, 15), np.uint8)
    point[0, 7, 7] = 250
    found = effect_on(point, "gaussian_blur", 11)[0]
    assert found.sum() == pytest.approx(250, rel=1e-4)
    sigma = 0.15 * 11 + 0.35
    assert found[7, 8] / found[7, 7] == pytest.approx(np.exp(-0.5 / sigma**2), rel=1e-4)
    assert not found[:2].any()


def test_blur_mirrors_the_edges_without_repeating_them():
    step = np.zeros((1, 1, 3), np.uint8)
    step[0, 0, 1] = 100
    found = effect_on(step, "gaussian_blur", 3)[0, 0]
    side = np.exp(-0.5 / 0.8**2)
    weight = side / (1 + 2 * side)
    # The left edge sees its right neighbour on both sides.
    assert found[0] == pytest.approx(200 * weight, rel=1e-4)
    assert found[1] == pytest.approx(100 * (1 - 2 * weight), rel=1e-4)


def test_brightness_multiplies_and_stops_at_white():
    image = np.array([[[0, 100, 200]]], np.uint8)
    assert corrupt(image, "brightness_up", 5).tolist() == [[[0, 150, 255]]]
    assert corrupt(image, "brightness_down", 5).tolist() == [[[0, 50, 100]]]


def test_contrast_is_about_each_images_own_mean():
    images = np.array([[[40, 60]], [[100, 200]]], np.uint8)
    assert corrupt(images, "contrast_down", 5).tolist() == [[[46, 54]], [[130, 170]]]
    assert corrupt(images, "contrast_up", 5).tolist() == [[[34, 66]], [[70, 230]]]


@pytest.mark.parametrize(
    ("name", "enhancer"),
    [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast)],
)
@pytest.mark.parametrize("way", ["up", "down"])
def test_brightness_and_contrast_are_pillows_but_for_rounding(name, enhancer, way):
    (film,) = films(1, 224, 224)
    for severity in SEVERITIES:
        factor = CORRUPTIONS[f"{name}_{way}"].strengths[severity - 1]
        expected = np.asarray(enhancer(Image.fromarray(film)).enhance(factor)).astype(int)
        (found,) = corrupt(film[None], f"{name}_{way}", severity).astype(int)
        assert np.abs(found - expected).max() <= 1


def test_gamma_above_one_darkens_and_below_brightens():
    image = np.array([[[0, 64, 255]]], np.uint8)
    # 255 * (64 / 255) ** 1.6 = 27.94..., ** 0.4 = 146.64...
    assert corrupt(image, "gamma_up", 5).tolist() == [[[0, 28, 255]]]
    assert corrupt(image, "gamma_down", 5).tolist() == [[[0, 147, 255]]]


def test_results_are_rounded_not_cut_off():
    image = np.array([[[9, 11]]], np.uint8)
    assert corrupt(image, "brightness_up", 1).tolist() == [[[10, 12]]]
    assert corrupt(image, "brightness_down", 1).tolist() == [[[8, 10]]]
    assert corrupt(np.array([[[17]]], np.uint8), "brightness_up", 1).tolist() == [[[19]]]


def test_mistakes_are_named():
    images = films(1)
    with pytest.raises(DataError, match="no corruption 'fog': choose one of pixelate"):
        corrupt(images, "fog", 1)
    with pytest.raises(DataError, match="from 1 to 5, not 0"):
        corrupt(images, "pixelate", 0)
    with pytest.raises(DataError, match="uint8"):
        corrupt(images / 255, "pixelate", 1)
    with pytest.raises(DataError, match="uint8"):
        corrupt(images[0], "pixelate", 1)
