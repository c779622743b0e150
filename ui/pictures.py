"""Pictures for the screen: the size that is worth sending, and the bytes of it."""

import io

import numpy as np
from PIL import Image

SHOWN = 900
"""Longest side, in pixels, of a picture that is sent to be looked at."""

SMALLEST = 448
"""Films with a shorter side than this are enlarged smoothly before they are sent."""


def grey(pixels: np.ndarray) -> Image.Image:
    """A grey image, float32 (height, width) in [0, 1], as an 8-bit picture of the same size."""
    return Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def sized(picture: Image.Image, smallest: int = SMALLEST, longest: int = SHOWN) -> Image.Image:
    """Enlarge a picture until its short side has ``smallest`` pixels, shrink it to ``longest``."""
    scale = min(max(1.0, smallest / min(picture.size)), longest / max(picture.size))
    if scale == 1.0:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file; packed lightly, for speed."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
