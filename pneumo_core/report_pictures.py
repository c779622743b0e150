"""Pictures of a report: small, without metadata, and told apart by their pixels."""

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pneumo_core.answers import Explanation

PICTURE = 800
"""Longest side of a picture, in pixels: 230 dots an inch as printed."""

_SMALL = 400
"""Pictures are enlarged up to this."""


@dataclass(frozen=True)
class Picture:
    """A picture as it stands in a report.

    Attributes:
        data: The bytes of a JPEG or a PNG without metadata.
        kind: "jpeg" or "png".
        width, height: In pixels.
    """

    data: bytes
    kind: str
    width: int
    height: int


def pixels_sha256(film: np.ndarray) -> str:
    """SHA-256 of a film's pixels, hexadecimal: it tells the image, whatever its file is called.

    Args:
        film: (H, W) in [0, 1]; hashed as little-endian float32, row by row.
    """
    return hashlib.sha256(np.ascontiguousarray(film, "<f4").tobytes()).hexdigest()


def grey_picture(film: np.ndarray) -> Picture:
    """A film, float32 (H, W) in [0, 1]."""
    return _picture(np.rint(_taken_down(film) * 255).astype(np.uint8))


def overlay_picture(explanation: "Explanation") -> Picture:
    """The map in colour over its film, as `Explanation.overlay` has it."""
    from pneumo_core.colouring import overlay

    # At full size the colours would take a second and half a gigabyte.
    small = _taken_down(explanation.film), _taken_down(explanation.placed)
    return _picture(overlay(*small))


def jpeg_picture(data: bytes) -> Picture:
    """A JPEG as it is."""
    return Picture(data, "jpeg", *Image.open(io.BytesIO(data)).size)


def enlarged(image: Image.Image) -> Image.Image:
    """A small picture enlarged by whole pixels, so that no viewer blurs it; a larger one itself."""
    factor = _SMALL // max(image.size)
    if factor <= 1:
        return image
    size = image.width * factor, image.height * factor
    return image.resize(size, Image.Resampling.NEAREST)


def _taken_down(pixels: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], float32, of a longest side of `PICTURE` at most."""
    height, width = pixels.shape
    scale = PICTURE / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(np.asarray(pixels, np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(small)


def _picture(pixels: np.ndarray) -> Picture:
    """Encode uint8 (H, W) or (H, W, 3)."""
    image = enlarged(Image.fromarray(pixels))
    kind, options = "jpeg", {"quality": 90, "subsampling": 0}
    if max(image.size) <= _SMALL:
        kind, options = "png", {"optimize": True}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Picture(buffer.getvalue(), kind, *image.size)
