"""What can be measured of an image without knowing a lung: for the audit of a data set."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag

from pneumo_core.errors import DataError, ImageError
from pneumo_core.images import read_image
from pneumo_core.splits import Split

FEATURES = {
    "aspect": "aspect ratio (width / height)",
    "pixels": "number of pixels",
    "file_bytes": "file size",
    "border": "brightness of the border",
    "corners": "brightness of the corners",
    "mean": "mean intensity",
    "contrast": "contrast",
}
"""Features by key, with their names. Border is the outermost 28th part of each side, corners are
squares of an eighth of the short side, contrast is the standard deviation of the pixels."""


_THUMBNAIL = 28


@dataclass(frozen=True, eq=False)
class Measures:
    """What is measured of the images of one split.

    Attributes:
        features: By key of `FEATURES`, (N,) float64; those that could be measured.
        digests: What each image holds, hashed: the pixels, or the file where nothing was decoded.
        histograms: float32 (N, 256), share of the pixels at each of 256 levels; None undecoded.
        thumbnails: float32 (N, 784), the whole picture squashed to 28 x 28; None undecoded.
    """

    features: Mapping[str, np.ndarray]
    digests: tuple[bytes, ...]
    histograms: np.ndarray | None
    thumbnails: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _Look:
    """What is measured of one image; the fields are those of `Measures`."""

    features: dict[str, float]
    digest: bytes
    histogram: np.ndarray | None = None
    thumbnail: np.ndarray | None = None


def measure(split: Split, folder: Path | None, decode: bool = True) -> Measures:
    """Measure every image of a split.

    Args:
        split: The images.
        folder: Where the files lie whose relative paths are the split's ids; None for images that
            are no files of their own.
        decode: Whether to look at the pixels; otherwise `folder` is needed, and each file is read
            but only its header understood.

    Raises:
        DataError: If an image cannot be read; it is named.
    """
    looks = []
    for position, name in enumerate(split.ids):
        try:
            look = _decoded(split.read(position)) if decode else _undecoded(folder / name)
            if folder is not None:
                look.features["file_bytes"] = float((folder / name).stat().st_size)
        except (DataError, ImageError, OSError) as error:
            # What reads files names the whole path before what is wrong; here the name is enough.
            raise DataError(f"{name} cannot be audited: {error.__cause__ or error}") from error
        looks.append(look)
    return Measures(
        {key: np.array([look.features[key] for look in looks]) for key in looks[0].features},
        tuple(look.digest for look in looks),
        np.array([look.histogram for look in looks]) if decode else None,
        np.array([look.thumbnail for look in looks]) if decode else None,
    )


def _decoded(pixels: np.ndarray) -> _Look:
    height, width = pixels.shape
    ring = max(round(min(height, width) / 28), 1)
    side = max(min(height, width) // 8, 1)
    inside = pixels[ring:-ring, ring:-ring]
    total = float(pixels.sum(dtype=np.float64))
    corners = [pixels[rows, columns] for rows in _ends(side) for columns in _ends(side)]
    features = _shape_features(width, height) | {
        "border": (total - float(inside.sum(dtype=np.float64))) / (pixels.size - inside.size),
        "corners": float(np.mean(corners)),
        "mean": total / pixels.size,
        "contrast": float(pixels.std(dtype=np.float64)),
    }
    levels = np.bincount(np.rint(pixels * 255).astype(np.uint8).ravel(), minlength=256)
    return _Look(
        features,
        hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest(),
        (levels / pixels.size).astype(np.float32),
        thumbnail(pixels),
    )


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """A grey image (height, width) in [0, 1], squashed to 28 x 28: float32 (784,)."""
    small = Image.fromarray(pixels).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel()


def _ends(count: int) -> tuple[slice, slice]:
    return slice(None, count), slice(-count, None)


def _undecoded(path: Path) -> _Look:
    content = path.read_bytes()
    try:
        # Pillow reads no more than the header here.
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if image.getexif().get(Tag.Orientation, 1) >= 5:  # lies on its side
                width, height = height, width
    except Exception:  # whatever ails the header: the reader either copes or says what it is
        height, width = read_image(content).pixels.shape
    return _Look(_shape_features(width, height), hashlib.sha256(content).digest())


def _shape_features(width: int, height: int) -> dict[str, float]:
    return {"aspect": width / height, "pixels": float(width * height)}


def nearly_identical(first: np.ndarray, second: np.ndarray, level: float) -> list[tuple[int, int]]:
    """For each of the second images, the first image it resembles most, if it does.

    Args:
        first: (N, K) thumbnails.
        second: (M, K) thumbnails.
        level: Correlation from which two count as nearly identical, in (0, 1].

    Returns:
        (place in first, place in second), in the order of second. A picture of one single grey
        correlates with nothing.
    """
    if not len(first) or not len(second):
        return []
    there, here = standardised(first), standardised(second)
    pairs = []
    for start in range(0, len(here), 512):  # in blocks: the whole table may not fit into memory
        alike = here[start : start + 512] @ there.T
        best = alike.argmax(axis=1)
        found = np.flatnonzero(alike[np.arange(len(best)), best] >= level)
        pairs += [(int(best[place]), start + int(place)) for place in found]
    return pairs


def standardised(thumbnails: np.ndarray) -> np.ndarray:
    """Thumbnails (N, K) whose dot products are their correlations; 0 where all is one grey."""
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # Rounding leaves a little of a picture without any contrast.
    return np.where(length > 1e-4, centred / np.maximum(length, 1e-4), 0)
