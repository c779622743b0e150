"""Each effect of the augmentation alone, against values by hand."""

import math

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pneumo_core import augment
from pneumo_core.augment import Augmentation
from pneumo_core.errors import RecipeError

EVERYTHING = Augmentation(
    rotate=15,
    shift=0.1,
    zoom=0.2,
    stretch=0.2,
    shear=8,
    flip=0.5,
    brightness=0.2,
    contrast=0.4,
    gamma=0.5,
    noise=0.05,
    blur=1.0,
    coarsen=0.3,
    pixelate=0.2,
    erase=0.3,
    invert=0.2,
    spare=0.3,
)


def seeded(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def noise_images(count: int = 1, size: int = 16, seed: int = 0) -> Tensor:
    return torch.rand((count, 1, size, size), generator=seeded(seed))


def smooth_images(count: int = 1, size: int = 32) -> Tensor:
    """Images that vary slowly, between 0.2 and 0.8, each from another seed."""
    coarse = noise_images(count, 4, seed=3) * 0.6 + 0.2
    return F.interpolate(coarse, (size, size), mode="bilinear")


@pytest.fixture
def extreme(monkeypatch):
    """Every draw is the upper end of its range."""
    monkeypatch.setattr(
        augment._Draw, "between", lambda self, _low, high: torch.full((self.count,), float(high))
    )


def test_nothing_asked_changes_nothing():
    images = noise_images(5)
    assert torch.equal(Augmentation()(images, seeded()), images)


def test_effects_are_named_as_a_recipe_has_them():
    assert Augmentation().effects == []
    found = Augmentation(rotate=12, blur=0.6, on_square=True).effects
    assert found == ["rotate 12", "blur 0.6", "on_square"]


# Geometry


@pytest.mark.usefixtures("extreme")
def test_a_quarter_turn_turns_by_a_quarter():
    images = noise_images(2)
    turned = Augmentation(rotate=90)(images, seeded())
    assert torch.allclose(turned, torch.rot90(images, 1, (2, 3)), atol=1e-5)


@pytest.mark.usefixtures("extreme")
def test_a_shift_moves_by_its_share_of_the_side_and_continues_the_edge():
    images = noise_images(1, 16)
    moved = Augmentation(shift=0.25)(images, seeded())
    # The content moves up and left by 4 pixels, and the last row and column fill the gap.
    assert torch.allclose(moved[0, 0, :12, :12], images[0, 0, 4:, 4:], atol=1e-5)
    assert torch.allclose(moved[0, 0, :12, 12:], images[0, 0, 4:, 15:].expand(12, 4), atol=1e-5)
    assert torch.allclose(moved[0, 0, 12:, :12], images[0, 0, 15:, 4:].expand(4, 12), atol=1e-5)


@pytest.mark.usefixtures("extreme")
def test_a_zoom_enlarges_about_the_centre():
    images = noise_images(1, 16)
    zoomed = Augmentation(zoom=0.5)(images, seeded())
    # At 1.5 the square of 16 shows the inner 10.67 pixels, bilinearly.
    side = (torch.arange(16) - 7.5) / 1.5 / 8
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)[None]
    expected = F.grid_sample(images, grid, align_corners=False)
    assert torch.allclose(zoomed, expected, atol=1e-5)
    assert not torch.allclose(zoomed, images, atol=0.1)


@pytest.mark.usefixtures("extreme")
def test_a_shear_pushes_rows_sideways():
    images = noise_images(1, 16)
    # 45 degrees: the row at a distance of y from the centre moves by y, half pixels at that.
    sheared = Augmentation(shear=45)(images, seeded())
    for row in range(16):
        offset = row - 7.5
        low = math.floor(offset)
        source = [min(max(column + low, 0), 15) for column in range(16)]
        after = [min(max(column + low + 1, 0), 15) for column in range(16)]
        expected = (images[0, 0, row, source] + images[0, 0, row, after]) / 2
        assert torch.allclose(sheared[0, 0, row], expected, atol=1e-5)


def test_a_certain_flip_mirrors_every_image():
    images = noise_images(4)
    assert torch.allclose(Augmentation(flip=1)(images, seeded()), images.flip(3), atol=1e-5)


def test_a_flip_happens_as_often_as_asked():
    images = noise_images(1).expand(2000, -1, -1, -1)
    result = Augmentation(flip=0.3)(images, seeded())
    flipped = (result - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-5
    kept = (result - images).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert torch.equal(flipped, ~kept)
    assert flipped.float().mean().item() == pytest.approx(0.3, abs=0.04)


@pytest.mark.usefixtures("extreme")
def test_a_stretch_presses_one_axis_by_what_it_draws_out_the_other():
    # A bright square of 8 x 8 at the centre; an aspect ratio of 4 halves and doubles its sides.
    images = torch.zeros(1, 1, 32, 32)
    images[..., 12:20, 12:20] = 1
    stretched = Augmentation(stretch=3.0)(images, seeded())[0, 0] > 0.5
    assert int(stretched[16].sum()) == 4
    assert int(stretched[:, 16].sum()) == 16


@pytest.mark.usefixtures("extreme")
def test_a_turn_and_a_zoom_together_are_one_after_the_other():
    images = noise_images(1, 16)
    both = Augmentation(rotate=90, zoom=0.5)(images, seeded())
    zoomed = Augmentation(zoom=0.5)(images, seeded())
    assert torch.allclose(both, torch.rot90(zoomed, 1, (2, 3)), atol=1e-5)


def moved_dots(augmentation: Augmentation, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Where a dot so far from the centre ends up in a thousand images: (down, right), each (N,)."""
    dots = torch.zeros(1000, 1, 65, 65)
    dots[:, :, 31 + down : 34 + down, 31 + right : 34 + right] = 1
    result = augmentation(dots, seeded())[:, 0]
    weight = result / result.sum(dim=(1, 2), keepdim=True)
    place = torch.arange(65.0) - 32
    return (weight.sum(dim=2) @ place), (weight.sum(dim=1) @ place)


def reaches(values: Tensor, low: float, high: float) -> bool:
    """Whether values fill the range from low to high evenly, and go no further."""
    slack = 0.03 * (high - low)
    share = ((values - low) / (high - low) * 4).floor().clamp(0, 3)
    even = torch.bincount(share.long(), minlength=4) / len(values)
    return (
        low - slack < values.min() < low + slack
        and high - slack < values.max() < high + slack
        and bool(((even - 0.25).abs() < 0.06).all())
    )


def test_angles_are_drawn_from_both_sides():
    down, right = moved_dots(Augmentation(rotate=30), 0, 24)
    assert reaches(torch.atan2(down, right) * 180 / math.pi, -30, 30)
    assert torch.allclose(torch.hypot(down, right), torch.tensor(24.0), atol=0.5)


def test_shifts_are_drawn_from_both_sides_and_for_each_axis():
    down, right = moved_dots(Augmentation(shift=0.2), 0, 0)
    assert reaches(down, -13, 13)
    assert reaches(right, -13, 13)
    assert abs(torch.corrcoef(torch.stack([down, right]))[0, 1]) < 0.1


def test_scales_are_drawn_from_both_sides():
    down, right = moved_dots(Augmentation(zoom=0.25), 16, -16)
    assert reaches(down / 16, 0.75, 1.25)
    assert torch.allclose(down, -right, atol=0.05)


def test_shears_are_drawn_from_both_sides():
    down, right = moved_dots(Augmentation(shear=20), 24, 0)
    assert reaches(torch.atan2(right, down) * 180 / math.pi, -20, 20)
    assert torch.allclose(down, torch.tensor(24.0), atol=0.05)


# Grey levels


def test_brightness_stays_within_its_bounds():
    images = torch.full((2000, 1, 2, 2), 0.5)
    change = Augmentation(brightness=0.2)(images, seeded())[:, 0, 0, 0] - 0.5
    assert -0.2 <= change.min() < -0.195
    assert 0.195 < change.max() <= 0.2 + 1e-6


@pytest.mark.usefixtures("extreme")
def test_brightness_is_added():
    images = smooth_images()
    assert torch.allclose(Augmentation(brightness=0.1)(images, seeded()), images + 0.1)


@pytest.mark.usefixtures("extreme")
def test_contrast_is_about_the_mean():
    images = smooth_images(3)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    result = Augmentation(contrast=0.2)(images, seeded())
    assert torch.allclose(result, mean + 1.2 * (images - mean), atol=1e-6)


def test_contrast_keeps_the_mean_and_stays_within_its_bounds():
    images = smooth_images().expand(500, -1, -1, -1)
    result = Augmentation(contrast=0.2)(images, seeded())
    assert result.mean(dim=(1, 2, 3)).sub(images.mean()).abs().max() < 1e-5
    factor = result.std(dim=(1, 2, 3)) / images[0].std()
    assert 0.8 <= factor.min() < 0.805
    assert 1.195 < factor.max() <= 1.2 + 1e-4


def test_gamma_stays_within_its_bounds_and_keeps_the_order():
    ramp = torch.linspace(0, 1, 101).view(1, 1, 1, -1).expand(1000, 1, 1, -1)
    result = Augmentation(gamma=1.0)(ramp, seeded())
    exponent = torch.log(result[:, 0, 0, 50]) / math.log(0.5)
    assert 0.5 - 1e-5 <= exponent.min() < 0.51
    assert 1.96 < exponent.max() <= 2 + 1e-5
    # As often brighter as darker.
    assert (exponent < 1).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (result.diff(dim=3) > 0).all()
    assert torch.allclose(result[..., -1], torch.ones(1000, 1, 1))
    assert result[..., 0].max() <= 1e-3


@pytest.mark.usefixtures("extreme")
def test_gamma_is_a_power():
    images = smooth_images()
    assert torch.allclose(Augmentation(gamma=0.5)(images, seeded()), images**1.5, atol=1e-6)


def test_a_certain_inversion_swaps_black_and_white():
    images = noise_images(3)
    assert torch.allclose(Augmentation(invert=1)(images, seeded()), 1 - images)


# Quality


@pytest.mark.usefixtures("extreme")
def test_noise_has_the_spread_it_is_drawn_with():
    images = torch.full((1, 1, 200, 200), 0.5)
    change = Augmentation(noise=0.05)(images, seeded()) - 0.5
    assert change.mean().item() == pytest.approx(0, abs=0.001)
    assert change.std().item() == pytest.approx(0.05, rel=0.02)


def test_the_strength_of_noise_is_drawn_for_each_image():
    images = torch.full((500, 1, 32, 32), 0.5)
    spread = (Augmentation(noise=0.1)(images, seeded()) - images).std(dim=(1, 2, 3))
    assert spread.max() < 0.11
    assert spread.mean().item() == pytest.approx(0.05, abs=0.005)
    assert spread.min() < 0.005


def test_blur_keeps_constant_images():
    images = torch.tensor([0.0, 0.3, 1.0]).view(3, 1, 1, 1).expand(-1, 1, 16, 16)
    assert torch.allclose(Augmentation(blur=2)(images, seeded()), images, atol=1e-6)


@pytest.mark.usefixtures("extreme")
def test_blur_of_a_dot_is_a_gaussian():
    images = torch.zeros(1, 1, 21, 21)
    images[0, 0, 10, 10] = 1
    result = Augmentation(blur=1.5)(images, seeded())
    offset = torch.arange(-3.0, 4)
    profile = torch.exp(-0.5 * (offset / 1.5) ** 2)
    profile /= profile.sum()
    expected = torch.zeros(21, 21)
    expected[7:14, 7:14] = profile[:, None] * profile[None]
    assert torch.allclose(result[0, 0], expected, atol=1e-6)


def test_blur_keeps_the_mean_and_takes_detail_away():
    images = noise_images(20, 32)
    images = torch.where(F.pad(torch.ones(1, 1, 24, 24), (4,) * 4) > 0, images, 0.5)
    result = Augmentation(blur=1.5)(images, seeded())
    assert torch.allclose(result.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=1e-5)
    ratio = result.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    assert ratio.max() <= 1 + 1e-6
    assert ratio.min() < 0.35, "some are blurred much"
    assert ratio.max() > 0.9, "and some hardly"


def test_coarsening_keeps_constant_images_and_takes_detail_away():
    constant = torch.full((2, 1, 16, 16), 0.3)
    coarsen = Augmentation(coarsen=1)
    assert torch.allclose(coarsen(constant, seeded()), constant, atol=1e-6)
    images = noise_images(4, 32)
    result = coarsen(images, seeded())
    assert (result.std(dim=(1, 2, 3)) < 0.8 * images.std(dim=(1, 2, 3))).all()
    assert torch.allclose(result.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=0.01)


def test_coarsening_goes_down_to_half_to_nine_tenths_and_up_again():
    images = noise_images(1, 20)

    def coarse(side: int) -> Tensor:
        small = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        return F.interpolate(small, (20, 20), mode="bilinear")

    found = set()
    for seed in range(60):
        result = Augmentation(coarsen=1)(images, seeded(seed))
        found |= {side for side in range(1, 21) if torch.allclose(result, coarse(side), atol=1e-6)}
    assert found == set(range(10, 19))


def test_pixelation_leaves_squares_of_one_grey():
    images = noise_images(1, 20)

    def squares(side: int) -> Tensor:
        small = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        nearest = [math.floor(pixel * side / 20) for pixel in range(20)]
        return small[:, :, nearest][:, :, :, nearest]

    found = set()
    for seed in range(60):
        result = Augmentation(pixelate=1)(images, seeded(seed))
        found |= {s for s in range(1, 21) if torch.allclose(result, squares(s), atol=1e-6)}
    assert found == set(range(8, 19))


@pytest.mark.parametrize("effect", ["coarsen", "pixelate"])
def test_detail_is_lost_as_often_as_asked(effect):
    images = noise_images(1, 8).expand(2000, -1, -1, -1)
    lossy = Augmentation(**{effect: 0.25})
    changed = (lossy(images, seeded()) != images).any(dim=3).any(dim=2)
    assert changed.float().mean().item() == pytest.approx(0.25, abs=0.04)


def test_erasing_covers_a_rectangle_with_the_mean():
    images = noise_images(300, 64)
    result = Augmentation(erase=1)(images, seeded())
    for before, after in zip(images[:, 0], result[:, 0], strict=True):
        covered = after != before
        rows, columns = covered.any(dim=1), covered.any(dim=0)
        assert torch.equal(covered, rows[:, None] & columns[None])
        for side in (rows, columns):
            places = side.nonzero().flatten()
            assert len(places) == places[-1] - places[0] + 1
        assert torch.allclose(after[covered], before.mean().expand(int(covered.sum())))
    tall, wide = ((result != images).any(dim=axis).sum(dim=(1, 2)) for axis in (3, 2))
    assert (tall / wide).log2().min() < -1.4, "some lie down, up to three times as wide as tall"
    assert (tall / wide).log2().max() > 1.4, "and some stand"
    assert (tall / wide).log2().abs().max() < 2
    covered = (result != images).sum(dim=(0, 1)) > 0
    assert covered.float().mean() > 0.95, "they lie anywhere, but for the very corners"
    share = (result != images).float().mean(dim=(1, 2, 3))
    # Edges fall between pixels: a side of 9 may show 8 or 10 of 64.
    assert 0.015 < share.min() < 0.035
    assert 0.18 < share.max() < 0.225


def test_erasing_happens_as_often_as_asked():
    images = noise_images(1, 16).expand(2000, -1, -1, -1)
    changed = (Augmentation(erase=0.25)(images, seeded()) != images).flatten(1).any(dim=1)
    assert changed.float().mean().item() == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("fields", [{"blur": 2.0}, {"noise": 0.1}])
def test_images_are_spared_as_often_as_asked(fields):
    images = noise_images(1, 8).expand(2000, -1, -1, -1)
    result = Augmentation(**fields, spare=0.75)(images, seeded())
    # A blur so weak that it is none leaves a film as it is, too: one in twenty at most.
    changed = ((result - images).abs() > 1e-6).flatten(1).any(dim=1).float().mean().item()
    assert 0.2 < changed < 0.28


def test_blur_and_noise_are_spared_apart():
    images = torch.full((2000, 1, 8, 8), 0.5)
    images[:, :, 1, 1] = 0.9
    result = Augmentation(blur=2.0, noise=0.02, spare=0.5)(images, seeded())
    # Noise shows in the far corner, which the blur of the dot does not reach; blur in the dot.
    noisy = (result[:, 0, 7, 7] - 0.5).abs() > 1e-4
    dimmed = result[:, 0, 1, 1] < 0.8
    assert 0.15 < (dimmed & ~noisy).float().mean().item() < 0.3
    assert 0.15 < (dimmed & noisy).float().mean().item() < 0.3


def test_sparing_none_draws_what_it_always_drew():
    images, generator = noise_images(4), seeded()
    Augmentation(noise=0.1)(images, generator)
    other = seeded()
    torch.rand(4, generator=other)
    torch.randn(images.shape, generator=other)
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=other))


# On the square, before it is enlarged


def enlarged(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=4, mode="bilinear")


@pytest.mark.parametrize(
    "effect",
    [{"noise": 0.1}, {"blur": 2.0}, {"coarsen": 1.0}, {"pixelate": 1.0}, {"erase": 1.0}],
    ids=lambda effect: next(iter(effect)),
)
def test_what_spoils_the_square_is_enlarged_with_it(effect):
    images = noise_images(6, 8)
    spoilt = Augmentation(**effect)(images, seeded())
    found = Augmentation(**effect, on_square=True)(images, seeded(), enlarged=enlarged)
    assert torch.allclose(found, enlarged(spoilt), atol=1e-6)
    later = Augmentation(**effect)(images, seeded(), enlarged=enlarged)
    assert (later - found).abs().max() > 0.05, "on the input the same strength is another effect"


@pytest.mark.parametrize("effect", [{"rotate": 20.0}, {"flip": 1.0}, {"gamma": 0.8}])
@pytest.mark.parametrize("on_square", [False, True])
def test_geometry_and_greys_are_changed_at_the_size_of_the_input(effect, on_square):
    images = noise_images(6, 8)
    expected = Augmentation(**effect)(enlarged(images), seeded())
    found = Augmentation(**effect, on_square=on_square)(images, seeded(), enlarged=enlarged)
    assert torch.equal(found, expected)


# All together


def test_the_generator_decides_everything():
    images = smooth_images(8)
    first, again = EVERYTHING(images, seeded(5)), EVERYTHING(images, seeded(5))
    assert torch.equal(first, again)
    other = EVERYTHING(images, seeded(6))
    assert (first - other).abs().amax(dim=(1, 2, 3)).min() > 0.01
    torch.manual_seed(0)
    assert torch.equal(EVERYTHING(images, seeded(5)), first)


def test_each_image_of_a_batch_changes_in_its_own_way():
    images = smooth_images(1).expand(8, -1, -1, -1)
    result = EVERYTHING(images, seeded())
    for one in range(8):
        for other in range(one):
            assert (result[one] - result[other]).abs().max() > 0.01


def test_the_result_is_an_image_again():
    images = noise_images(64, 24)
    result = EVERYTHING(images, seeded())
    assert result.shape == images.shape
    assert result.dtype == torch.float32
    assert result.min() == 0
    assert result.max() == 1
    assert torch.isfinite(result).all()


def test_the_batch_is_not_changed_in_place():
    images = smooth_images(4)
    before = images.clone()
    EVERYTHING(images, seeded())
    assert torch.equal(images, before)


# What makes no sense


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rotate": -1}, "rotate must be a number of at least 0"),
        ({"noise": math.nan}, "noise must be a number of at least 0"),
        ({"blur": math.inf}, "blur must be a number of at least 0"),
        ({"flip": 1.01}, "flip is a probability, at most 1"),
        ({"coarsen": 2}, "coarsen is a probability, at most 1"),
        ({"pixelate": 2}, "pixelate is a probability, at most 1"),
        ({"erase": 2}, "erase is a probability, at most 1"),
        ({"spare": 2}, "spare is a probability, at most 1"),
        ({"invert": 2}, "invert is a probability, at most 1"),
        ({"shift": 1.1}, "shift is a share, at most 1"),
        ({"brightness": 1.1}, "brightness is a share, at most 1"),
        ({"contrast": 1.1}, "contrast is a share, at most 1"),
        ({"noise": 1.1}, "noise is a share, at most 1"),
        ({"zoom": 1}, "zoom must be below 1"),
        ({"shear": 90}, "shear must be below 90 degrees"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(fields, sentence):
    with pytest.raises(RecipeError, match=f"^augmentation: {sentence}"):
        Augmentation(**fields)


@pytest.mark.parametrize(
    "augmentation",
    [EVERYTHING, *(Augmentation(**{name: value}) for name, value in vars(EVERYTHING).items())],
    ids=lambda augmentation: next(
        (name for name, value in vars(augmentation).items() if value), "all"
    ),
)
def test_a_part_of_a_batch_is_changed_as_in_the_whole(augmentation):
    images = noise_images(11)
    whole = augmentation(images, seeded())
    for first, last in ((0, 5), (5, 11), (3, 4)):
        part = augmentation(images[first:last], seeded(), batch=11, first=first)
        torch.testing.assert_close(part, whole[first:last], rtol=0, atol=1e-6)
