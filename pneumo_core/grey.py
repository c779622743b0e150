"""The grey image that every reader gives, its limits, and how pictures and arrays become one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag
from PIL.TiffImagePlugin import TiffImageFile

from pneumo_core.errors import ImageError

if TYPE_CHECKING:
    from pneumo_core.dicom import DicomFilm

MAX_PIXELS = 40_000_000
"""Most pixels an image may have: twice a large detector's 4300 x 4300."""

MIN_SIDE = 16
"""Fewest pixels along either side; the images of PneumoniaMNIST have 28."""

COLOUR_TOLERANCE = 16
"""Levels of 255 by which R, G and B may differ before a pixel counts as coloured; JPEG at low
quality and a camera's noise stay below."""

COLOUR_SHARE = 0.001
"""Share of coloured pixels above which a picture has real colour."""


@dataclass(frozen=True, eq=False)
class GreyImage:
    """One grey image and what was done to get it.

    Attributes:
        pixels: float32 (height, width) in [0, 1], 0 black; an 8-bit file gives exactly value / 255.
        kind: "DICOM", "PNG", "JPEG", "TIFF", or "array" for an array or a PIL image.
        notes: What was done, in words; empty where the pixels are the file's own.
        colourful: True when the picture had real colour, not R = G = B.
        dicom: What else there is of a DICOM file: facts, and stored pixels for other windows.
    """

    pixels: np.ndarray
    kind: str
    notes: tuple[str, ...]
    colourful: bool
    dicom: "DicomFilm | None" = None


def check_size(width: int, height: int) -> None:
    """Refuse a size of too many pixels, or of too few along a side, with ImageError."""
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"The image has {width} x {height} pixels: make it smaller, "
            f"at most {MAX_PIXELS // 10**6} million pixels are read."
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"An image of {width} x {height} pixels is too small to be an X-ray: "
            f"each side needs at least {MIN_SIDE}."
        )


@contextmanager
def refusing(sentence: str) -> Iterator[None]:
    """Turn any failure of a decoder into an ImageError.

    Everything is caught, because a damaged file brings everything out of Pillow: SyntaxError,
    KeyError, struct.error, OverflowError, MemoryError and more.
    """
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(sentence) from error


# How Pillow undoes each EXIF orientation (1 is upright already).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def image_to_grey(image: Image.Image, kind: str, notes: list[str]) -> GreyImage:
    """Decode an opened image and take it to grey; `notes` says what was done before."""
    check_size(*image.size)
    cut_colours = any(";16" in str(tile.args) for tile in getattr(image, "tile", [])[:1])
    is_tiff = isinstance(image, TiffImageFile)
    # Loading turns a TIFF upright and drops its tag; a PNG's tag may come after its pixels.
    orientation = _orientation(image) if is_tiff else 1
    image.load()
    orientation = orientation if is_tiff else _orientation(image)
    if orientation in _UPRIGHT:
        image = image if is_tiff else image.transpose(_UPRIGHT[orientation])
        notes.append("turned upright as its EXIF tag says")

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep(image, kind, notes)
    if cut_colours:
        notes.append("16-bit channels cut to 8 bits")
    grey = _shallow(image, kind, notes)
    if cut_colours and grey.pixels.max() < 0.25:  # 14-bit values or fewer in 16 bits
        raise ImageError("Cutting this 16-bit image to 8 bits turns it black: export it as grey.")
    return grey


def _orientation(image: Image.Image) -> object:
    """The EXIF orientation; 1 where there is none, or none that can be read."""
    try:
        return image.getexif().get(Tag.Orientation, 1)
    except Exception:  # damaged metadata is no reason to refuse a sound picture
        return 1


def _shallow(image: Image.Image, kind: str, notes: list[str]) -> GreyImage:
    """Grey of a loaded image with 8 bits a channel or fewer."""
    alpha = None
    if image.has_transparency_data:
        # "La", grey premultiplied by alpha, converts to nothing but "LA".
        image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
    if image.mode == "LAB":
        image = image.convert("RGB")
    pixels = np.asarray(image.convert("L"), dtype=np.float32) / 255
    grey = image.mode in ("1", "L")
    colourful = not grey and has_colour(np.asarray(image.convert("RGB")), alpha)
    return _finished(pixels, kind, notes, colourful, alpha)


def _deep(image: Image.Image, kind: str, notes: list[str]) -> GreyImage:
    """Grey of a loaded image with 16- or 32-bit numbers."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    if image.mode == "I" and tags and tags.get(Tag.SampleFormat, (1,)) == (1,):
        values = values.view(np.uint32)  # Pillow has no unsigned 32-bit mode
    transparent = image.info.get("transparency")
    alpha = None if transparent is None else (values != transparent).astype(np.float32)
    pixels = _scaled(values, notes)
    if tags.get(Tag.PhotometricInterpretation) == 0:  # Pillow swaps 8-bit greys only
        pixels = 1 - pixels
        notes.append("black and white swapped, because the file stores white as zero")
    return _finished(pixels, kind, notes, alpha=alpha)


def array_to_grey(array: np.ndarray) -> GreyImage:
    """Read an array of uint8, uint16 or floats in [0, 1], with 1, 3 or 4 channels."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ImageError(
            f"An array of shape {array.shape} is not an image: give (H, W), (H, W, 3) or (H, W, 4)."
        )
    check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint8:
        return image_to_grey(Image.fromarray(np.ascontiguousarray(array)), "array", [])

    notes = []
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):  # so written, NaN is refused too
            raise ImageError("An array of floats has to lie between 0 and 1: scale it first.")
        pixels = array.astype(np.float32)
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        pixels = _scaled(array, notes)
    else:
        raise ImageError(
            f"An array of {array.dtype} is not an image: give uint8, uint16 or floats from 0 to 1."
        )
    if pixels.ndim == 2:
        return _finished(pixels, "array", notes)
    colours, alpha = pixels[..., :3], pixels[..., 3] if pixels.shape[2] == 4 else None
    luma = np.minimum(colours @ np.array([0.299, 0.587, 0.114], dtype=np.float32), 1)
    colourful = has_colour((colours * 255).astype(np.uint8), alpha)
    return _finished(luma, "array", notes, colourful, alpha)


def has_colour(rgb: np.ndarray, alpha: np.ndarray | None) -> bool:
    """Whether enough of a uint8 (H, W, 3) picture differs in R, G and B by more than noise."""
    red, green, blue = np.moveaxis(rgb, 2, 0)
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    visible = spread if alpha is None else spread * alpha
    return bool(np.mean(visible > COLOUR_TOLERANCE) > COLOUR_SHARE)


def _scaled(values: np.ndarray, notes: list[str]) -> np.ndarray:
    """Bring numbers of any range to float32 in [0, 1]; `notes` gets how.

    Floats in [0, 1] stay; whole numbers from 0 to 65535 are divided by the largest number of the
    fewest bits that hold their maximum; anything else is stretched from its minimum to its maximum.
    """
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):  # a NaN anywhere makes both NaN
        raise ImageError("The image holds values that are infinite or no numbers: export it again.")
    fractions = values.dtype.kind == "f"
    if fractions and low >= 0 and high <= 1:
        notes.append("numbers from 0 to 1 taken as black to white")
        return values.astype(np.float32)
    if low >= 0 and high <= 65535 and not (fractions and np.any(values % 1)):
        bits = _fewest_bits(int(high))
        notes.append(f"read as {bits}-bit grey, the fewest bits that hold its largest value")
        return values.astype(np.float32) / (2**bits - 1)
    notes.append(f"values from {low:g} to {high:g} stretched from black to white")
    return ((values.astype(np.float64) - low) / ((high - low) or 1)).astype(np.float32)


def _fewest_bits(largest: int) -> int:
    return next(bits for bits in (8, 10, 12, 14, 16) if largest < 2**bits)


def _finished(
    pixels: np.ndarray,
    kind: str,
    notes: list[str],
    colourful: bool = False,
    alpha: np.ndarray | None = None,
) -> GreyImage:
    """Put the result together; transparent parts turn black, as the background of an X-ray is."""
    if alpha is not None and alpha.min() < 1:
        pixels = pixels * alpha
        notes.append("transparent parts shown on black")
    if colourful:
        notes.append("colours turned to grey")
    return GreyImage(pixels, kind, tuple(notes), colourful)
