"""Thirteen ways to spoil a film, each at five severities, in the manner of MedMNIST-C.

The list and the strengths are MedMNIST-C's for PneumoniaMNIST (Di Salvo, Doerrich and Ledig 2024,
arXiv:2406.17536; `medmnistc/corruptions/registry.py` of its published code); the implementation is
our own. It differs in four ways:

- MedMNIST-C acts on images of 224 pixels, this on images as they are. Numbers in pixels (kernel of
  the blur, blocks of JPEG) and per pixel (noise) are kept, so that at 224 pixels this is
  MedMNIST-C, and at 28 pixels the same numbers do far more harm: blurring 28 pixels by a sigma of
  2 is blurring 224 pixels by one of 16, and no noise is averaged out on the way down.
- Results are rounded to the nearest grey level, where MedMNIST-C cuts the fraction off.
- Films stay grey, where MedMNIST-C goes through RGB and adds noise to each channel of its own.
- Noise is drawn from the seed that is given, the same at every severity.

MedMNIST-C lists a sixth kernel size for the blur (13), which its own five severities never reach.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from pneumo_core.errors import DataError

SEVERITIES = (1, 2, 3, 4, 5)

Effect = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""(uint8 (N, H, W), strength, source of noise) -> any number type (N, H, W), 0 to 255."""


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a film.

    Attributes:
        title: What tables call it.
        strength: What the numbers in `strengths` are, in words.
        strengths: One a severity, from mild to severe.
        effect: What it does to grey values; see `Effect`.
    """

    title: str
    strength: str
    strengths: tuple[float, float, float, float, float]
    effect: Effect


def corrupt(images: np.ndarray, name: str, severity: int, seed: int = 0) -> np.ndarray:
    """Spoil images in one of `CORRUPTIONS`' ways.

    Args:
        images: uint8 (N, H, W), grey; left as they are.
        name: A key of `CORRUPTIONS`.
        severity: 1 (mild) to 5 (severe).
        seed: Of the noise. The first images of a batch are spoilt the same however many follow.

    Returns:
        uint8 (N, H, W).

    Raises:
        DataError: For an unknown name or severity, or images of another type or shape.
    """
    if name not in CORRUPTIONS:
        raise DataError(f"There is no corruption {name!r}: choose one of {', '.join(CORRUPTIONS)}.")
    if severity not in SEVERITIES:
        raise DataError(f"A severity is a whole number from 1 to 5, not {severity!r}.")
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError("Images to corrupt must be uint8 of shape (images, height, width).")
    corruption = CORRUPTIONS[name]
    # Each corruption has its own draw; crc32 because Python's own hash changes with the process.
    noise = np.random.default_rng([seed, zlib.crc32(name.encode())])
    spoilt = corruption.effect(images, corruption.strengths[severity - 1], noise)
    return np.rint(spoilt).clip(0, 255).astype(np.uint8)


def pixelate(images: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    """Take images down to `share` of their sides and up again, both with a box filter."""
    height, width = images.shape[1:]
    small = (max(1, int(width * share)), max(1, int(height * share)))
    box = Image.Resampling.BOX

    def one(image: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(image).resize(small, box).resize((width, height), box))

    return _each(images, one)


def jpeg(images: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    """Save images as baseline JPEG of that quality (1 to 100) and read them again."""

    def one(image: np.ndarray) -> np.ndarray:
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file))

    return _each(images, one)


def gaussian_noise(images: np.ndarray, sigma: float, noise: np.random.Generator) -> np.ndarray:
    """Add normal noise; `sigma` is a share of full scale."""
    return images + 255 * sigma * noise.standard_normal(images.shape)


def speckle_noise(images: np.ndarray, sigma: float, noise: np.random.Generator) -> np.ndarray:
    """Add normal noise in proportion to the grey value; `sigma` is a share of that value."""
    return images * (1 + sigma * noise.standard_normal(images.shape))


def impulse_noise(images: np.ndarray, share: float, noise: np.random.Generator) -> np.ndarray:
    """Turn a share of the pixels black or white, as often the one as the other."""
    draw = noise.random(images.shape)
    return np.where(draw < share / 2, 0, np.where(draw < share, 255, images))


def shot_noise(images: np.ndarray, photons: float, noise: np.random.Generator) -> np.ndarray:
    """Count photons: Poisson noise, where a white pixel expects that many."""
    return noise.poisson(images * (photons / 255)) * (255 / photons)


def gaussian_blur(images: np.ndarray, kernel: float, _: np.random.Generator) -> np.ndarray:
    """Blur with a kernel of that many pixels (odd), whose sigma follows as in torchvision.

    Sigma is 0.15 of the kernel's side plus 0.35 pixels; edges are mirrored.
    """
    import cv2

    # Said outright, because OpenCV's own choice for small kernels is another.
    size, sigma = (int(kernel), int(kernel)), 0.15 * kernel + 0.35
    edges = cv2.BORDER_REFLECT_101
    # OpenCV rounds 8-bit images in its own way: floats keep the fraction to the end.
    exact = images.astype(np.float32)
    return _each(exact, lambda image: cv2.GaussianBlur(image, size, sigma, borderType=edges))


def brightness(images: np.ndarray, factor: float, _: np.random.Generator) -> np.ndarray:
    """Multiply grey values by a factor."""
    return images * factor


def contrast(images: np.ndarray, factor: float, _: np.random.Generator) -> np.ndarray:
    """Multiply the distance of grey values from the image's mean by a factor."""
    mean = images.mean((1, 2), keepdims=True)
    return mean + (images - mean) * factor


def gamma(images: np.ndarray, exponent: float, _: np.random.Generator) -> np.ndarray:
    """Raise grey values, as shares of full scale, to a power: above 1 darkens."""
    return 255 * (images / 255) ** exponent


def _each(images: np.ndarray, effect: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([effect(image) for image in images]) if len(images) else images


_UP, _DOWN = (1.1, 1.2, 1.3, 1.4, 1.6), (0.9, 0.8, 0.7, 0.6, 0.4)

CORRUPTIONS: dict[str, Corruption] = {
    "pixelate": Corruption("Pixelation", "share of the side", (0.8, 0.7, 0.6, 0.5, 0.4), pixelate),
    "jpeg_compression": Corruption("JPEG", "quality", (50, 30, 15, 10, 7), jpeg),
    "gaussian_noise": Corruption(
        "Gaussian noise", "SD, of full scale", (0.04, 0.05, 0.06, 0.07, 0.08), gaussian_noise
    ),
    "speckle_noise": Corruption(
        "Speckle noise", "SD, of the grey value", (0.05, 0.07, 0.1, 0.15, 0.2), speckle_noise
    ),
    "impulse_noise": Corruption(
        "Impulse noise", "share of the pixels", (0.005, 0.01, 0.013, 0.017, 0.02), impulse_noise
    ),
    "shot_noise": Corruption(
        "Shot noise", "photons of a white pixel", (300, 200, 150, 100, 80), shot_noise
    ),
    "gaussian_blur": Corruption(
        "Gaussian blur", "kernel in pixels", (3, 5, 7, 9, 11), gaussian_blur
    ),
    "brightness_up": Corruption("Brighter", "factor", (1.1, 1.2, 1.3, 1.4, 1.5), brightness),
    "brightness_down": Corruption("Darker", "factor", (0.9, 0.8, 0.7, 0.6, 0.5), brightness),
    "contrast_up": Corruption("More contrast", "factor", _UP, contrast),
    "contrast_down": Corruption("Less contrast", "factor", _DOWN, contrast),
    "gamma_up": Corruption("Gamma up", "exponent", _UP, gamma),
    "gamma_down": Corruption("Gamma down", "exponent", _DOWN, gamma),
}
"""Every corruption by its key."""
