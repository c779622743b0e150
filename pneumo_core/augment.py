"""Training augmentation, batched on tensors: each image of a batch changes in its own way.

Every effect is drawn from the generator that is handed in, so that a run can be repeated exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pneumo_core.errors import RecipeError


@dataclass(frozen=True)
class Augmentation:
    """How far training images are changed; every value 0 changes nothing.

    Attributes:
        rotate: Largest rotation, in degrees either way.
        shift: Largest shift along each axis, as a share of the side.
        zoom: Largest change of scale, as a share: 0.1 draws from 0.9 to 1.1.
        stretch: Largest change of the aspect ratio, as a share: at 0.2 an image is drawn out
            along one axis and pressed along the other by up to the square root of 1.2.
        shear: Largest shear, in degrees either way.
        flip: Probability of a horizontal flip.
        brightness: Largest change of brightness, as a share of full scale.
        contrast: Largest change of contrast about the image's mean, as a share.
        gamma: Largest gamma exponent g: the exponent is drawn from 1/(1+g) to 1+g.
        noise: Largest standard deviation of added Gaussian noise, as a share of full scale.
        blur: Largest standard deviation of a Gaussian blur, in pixels.
        coarsen: Probability of taking the image down to half to nine tenths and up again.
        pixelate: Probability of taking it down to four to nine tenths and up again in visible
            squares.
        erase: Probability of covering a rectangle of 2 to 20 % of the area with the mean.
        invert: Probability of swapping black and white.
        spare: Probability that an image is spared blur, and another that it is spared noise: where
            both are strong, a network must still see films as they come.
        mixup: Alpha of mixup, 0 for none: last of all each image is mixed with another of its
            batch, and its target likewise. That takes two images and their targets, so it is no
            part of the call: see the module `mixup`.
        on_square: Whether blur, noise, erasing and the loss of detail (coarsen, pixelate) befall
            the square before it is enlarged to the input, and their pixels are the square's: what
            spoils a film of 28 pixels spoils it there, however large an input is made of it.
    """

    rotate: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    coarsen: float = 0.0
    pixelate: float = 0.0
    erase: float = 0.0
    invert: float = 0.0
    spare: float = 0.0
    mixup: float = 0.0
    on_square: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not math.isfinite(value) or value < 0:
                raise RecipeError(f"augmentation: {name} must be a number of at least 0.")
        for name in ("flip", "coarsen", "pixelate", "erase", "invert", "spare"):
            if getattr(self, name) > 1:
                raise RecipeError(f"augmentation: {name} is a probability, at most 1.")
        # Beyond these nothing of an image is left, or it turns into its negative.
        for name in ("shift", "brightness", "contrast", "noise"):
            if getattr(self, name) > 1:
                raise RecipeError(f"augmentation: {name} is a share, at most 1.")
        # Beyond these an image shrinks to nothing or is pulled to a line.
        if self.zoom >= 1:
            raise RecipeError("augmentation: zoom must be below 1.")
        if self.shear >= 90:
            raise RecipeError("augmentation: shear must be below 90 degrees.")

    @property
    def effects(self) -> list[str]:
        """What it does, by the recipe's names and values: ["rotate 12", "flip 0.5"]."""
        return [
            name if value is True else f"{name} {value:g}"
            for name, value in vars(self).items()
            if value
        ]

    def __call__(
        self,
        images: Tensor,
        generator: Generator,
        batch: int | None = None,
        first: int = 0,
        enlarged: Callable[[Tensor], Tensor] = lambda images: images,
    ) -> Tensor:
        """Change a batch, or a part of one just as the whole would change it.

        Args:
            images: float32 (N, 1, H, W) in [0, 1].
            generator: Source of all randomness, on the same device as the images.
            batch: Size of the batch that the images are part of; None where they are all of it.
            first: Place of the first of them in that batch.
            enlarged: What takes the images to the input size, as `Preprocess.enlarged` does.

        Returns:
            float32 (N, 1, S, S) in [0, 1], as large as `enlarged` makes them.
        """
        draw = _Draw(images, generator, batch or len(images), first)
        if self.on_square:
            images = self._degraded(images, draw).clamp(0, 1)
        images = self._moved(enlarged(images), draw)
        images = self._regraded(images, draw)
        if not self.on_square:
            images = self._degraded(images, draw)
        return images.clamp(0, 1)

    def _moved(self, images: Tensor, draw: "_Draw") -> Tensor:
        if not any((self.rotate, self.shift, self.zoom, self.stretch, self.shear, self.flip)):
            return images
        angle = draw.between(-self.rotate, self.rotate) * (math.pi / 180)
        shear = torch.tan(draw.between(-self.shear, self.shear) * (math.pi / 180))
        scale = 1 / draw.between(1 - self.zoom, 1 + self.zoom)
        mirror = 1 - 2 * draw.happens(self.flip)
        limit = math.log1p(self.stretch) / 2
        ratio = torch.exp(draw.between(-limit, limit)) if limit else torch.ones_like(scale)
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        # A share of the side is twice that in grid_sample's coordinates, which run from -1 to 1.
        across, down = (2 * draw.between(-self.shift, self.shift) for _ in range(2))
        rows = [
            torch.stack([cos * mirror * ratio, (cos * shear - sin) * ratio, across], dim=1),
            torch.stack([sin * mirror / ratio, (sin * shear + cos) / ratio, down], dim=1),
        ]
        matrices = draw.own(torch.stack(rows, dim=1))
        grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
        # Edges are continued: black corners would mark an image as augmented.
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _regraded(self, images: Tensor, draw: "_Draw") -> Tensor:
        if self.gamma:
            limit = math.log1p(self.gamma)
            exponent = torch.exp(draw.between(-limit, limit))
            images = images.clamp(1e-6, 1) ** draw.spread(exponent)
        if self.contrast:
            factor = draw.spread(draw.between(1 - self.contrast, 1 + self.contrast))
            mean = images.mean(dim=(1, 2, 3), keepdim=True)
            images = (images - mean) * factor + mean
        if self.brightness:
            images = images + draw.spread(draw.between(-self.brightness, self.brightness))
        if self.invert:
            swap = draw.spread(draw.happens(self.invert))
            images = images * (1 - swap) + (1 - images) * swap
        return images

    def _degraded(self, images: Tensor, draw: "_Draw") -> Tensor:
        if self.coarsen:
            coarse = _coarse(images, draw, least=0.5, back="bilinear")
            images = torch.where(draw.spread(draw.happens(self.coarsen)) > 0, coarse, images)
        if self.pixelate:
            coarse = _coarse(images, draw, least=0.4, back="nearest")
            images = torch.where(draw.spread(draw.happens(self.pixelate)) > 0, coarse, images)
        if self.blur:
            images = _blurred(images, self._strength(self.blur, draw), draw)
        if self.noise:
            strength = draw.spread(self._strength(self.noise, draw))
            shape = (draw.count, *images.shape[1:])
            noise = torch.randn(shape, generator=draw.generator, device=images.device)
            images = images + draw.own(noise) * strength
        if self.erase:
            images = _erased(images, draw, self.erase)
        return images

    def _strength(self, most: float, draw: "_Draw") -> Tensor:
        """A strength for each image (N,) from 0 to `most`; 0 for those that are spared."""
        strength = draw.between(0.0, most)
        # Nothing is drawn where none is spared: older recipes draw as they did.
        return strength * (1 - draw.happens(self.spare)) if self.spare else strength


class _Draw:
    """Random numbers, one for each image of the whole batch, all from one generator."""

    def __init__(self, images: Tensor, generator: Generator, count: int, first: int) -> None:
        self.count = count
        self.part = slice(first, first + len(images))
        self.device = images.device
        self.generator = generator

    def between(self, low: float, high: float) -> Tensor:
        """Uniform (N,) from low to high."""
        unit = torch.rand(self.count, generator=self.generator, device=self.device)
        return low + (high - low) * unit

    def happens(self, probability: float) -> Tensor:
        """1 with the probability, else 0, as float (N,)."""
        return (self.between(0, 1) < probability).float()

    def own(self, values: Tensor) -> Tensor:
        """Those of the images at hand, out of values for the whole batch."""
        return values[self.part]

    def spread(self, values: Tensor) -> Tensor:
        """Values (batch,) of the whole batch -> (N, 1, 1, 1) of the images at hand."""
        return self.own(values).view(-1, 1, 1, 1)


def _coarse(images: Tensor, draw: _Draw, least: float, back: str) -> Tensor:
    """Images taken down to one share of their sides, of `least` to 0.9, and up again."""
    size = images.shape[-2:]
    share = least + (0.9 - least) * torch.rand((), generator=draw.generator, device=images.device)
    small = [max(1, round(side * float(share))) for side in size]
    coarse = F.interpolate(images, small, mode="bilinear", antialias=True)
    return F.interpolate(coarse, size, mode=back)


def _blurred(images: Tensor, sigma: Tensor, draw: _Draw) -> Tensor:
    """Separable Gaussian blur, each image with its own of the batch's sigmas, in pixels."""
    radius = max(1, math.ceil(2 * float(sigma.max())))
    sigma = draw.own(sigma)
    offsets = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3).unsqueeze(1)) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    count = len(images)
    # Images become channels of one picture, so that one grouped convolution serves them all.
    stacked = F.pad(images.transpose(0, 1), (radius,) * 4, mode="replicate")
    stacked = F.conv2d(stacked, kernel.view(count, 1, 1, -1), groups=count)
    return F.conv2d(stacked, kernel.view(count, 1, -1, 1), groups=count).transpose(0, 1)


def _erased(images: Tensor, draw: _Draw, probability: float) -> Tensor:
    """Random erasing (Zhong et al. 2020): one rectangle an image, filled with its mean."""
    height, width = images.shape[-2:]
    area = draw.between(0.02, 0.2)
    ratio = torch.exp(draw.between(-math.log(3.0), math.log(3.0)))
    tall, wide = torch.sqrt(area * ratio).clamp(max=1), torch.sqrt(area / ratio).clamp(max=1)
    top, left = draw.between(0, 1) * (1 - tall), draw.between(0, 1) * (1 - wide)
    row = (torch.arange(height, device=images.device) + 0.5) / height
    column = (torch.arange(width, device=images.device) + 0.5) / width
    rows = (row >= top[:, None]) & (row < (top + tall)[:, None])
    columns = (column >= left[:, None]) & (column < (left + wide)[:, None])
    chosen = draw.happens(probability).bool()
    mask = (rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]).unsqueeze(1)
    return torch.where(draw.own(mask), images.mean(dim=(1, 2, 3), keepdim=True), images)
