"""Bytes, a path or an array in; one grey image, or one sentence that says why not, out.

Whoever uploads an image is not to be trusted with its contents, and the image may be a patient's.
So a file is recognised by its first bytes, never by its name; its size is read from the header
before a pixel is decoded; and nothing is written to disk or to a log.

A further kind of file is one more entry in `READERS`.
"""

import io
import logging
import os
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pneumo_core.errors import ImageError

# At its debug level Pillow logs the tags it meets, and people write patients' names into them.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

MAX_PIXELS = 40_000_000
"""Most pixels an image may have: twice a large detector's 4300 x 4300."""

MAX_BYTES = 64 * 2**20
"""Most bytes a file may have."""

MIN_SIDE = 16
"""Fewest pixels along either side; the images of PneumoniaMNIST have 28."""

MAX_SCANS = 100
"""Most passes over the picture a JPEG may make (libtiff's own limit; usual are 1 to 12).
One pass takes 60 bytes of file and, at `MAX_PIXELS`, 13 ms of work: 64 MiB would keep us hours."""

MAX_FRAMES = 1000
"""Where we stop counting the pages of a TIFF."""

COLOUR_TOLERANCE = 16
"""Levels of 255 by which R, G and B may differ before a pixel counts as coloured; JPEG at low
quality and a camera's noise stay below."""

COLOUR_SHARE = 0.001
"""Share of coloured pixels above which a picture has real colour."""

_TOO_MANY_BYTES = f"The file is bigger than {MAX_BYTES // 2**20} MiB: export a smaller image."
_DAMAGED = "This {} cannot be read: it is damaged, cut short or of a rare kind; export it again."


@dataclass(frozen=True, eq=False)
class GreyImage:
    """One grey image and what was done to get it.

    Attributes:
        pixels: float32 (height, width) in [0, 1], 0 black; an 8-bit file gives exactly value / 255.
        kind: "PNG", "JPEG", "TIFF", or "array" for an array or a PIL image.
        notes: What was done, in words; empty where the pixels are the file's own.
        colourful: True when the picture had real colour, not R = G = B.
    """

    pixels: np.ndarray
    kind: str
    notes: tuple[str, ...]
    colourful: bool


@dataclass(frozen=True)
class Reader:
    """How the start of one kind of file looks, and what reads its bytes or raises ImageError."""

    signature: re.Pattern[bytes]
    read: Callable[[bytes], GreyImage]


def read_image(source: bytes | str | os.PathLike | Image.Image | np.ndarray) -> GreyImage:
    """Read one image, whatever it comes in, as grey.

    Colours become luma as Pillow's "L" mode has it (ITU-R 601-2). Integers of more than 8 bits are
    divided by the largest number of the fewest bits (8, 10, 12, 14 or 16) that hold their maximum,
    because 10- to 14-bit detectors store 16-bit files. Transparent parts show black, the background
    of an X-ray. Of several frames the first is taken; EXIF orientation is applied.

    Args:
        source: A file's bytes, or the path of a file, PNG, JPEG or TIFF by its contents; a PIL
            image; or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or float in [0, 1].

    Returns:
        The image; its pixels are float32 (height, width), finite and in [0, 1].

    Raises:
        ImageError: The source is not such an image, is damaged, too big or too small.
    """
    if isinstance(source, np.ndarray):
        return _read_array(source)
    if isinstance(source, Image.Image):
        with _refusing("This image cannot be read: it is damaged or of a rare kind."):
            return _grey(source, "array", [])
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_bytes(bytes(source))
    if isinstance(source, str | os.PathLike):
        return _read_bytes(_file_bytes(os.fsdecode(source)))
    raise ImageError(
        "An image is given as the path or the bytes of a file, a PIL image or a numpy array, "
        f"not as {type(source).__name__}."
    )


def _file_bytes(name: str) -> bytes:
    """The contents of an ordinary file no bigger than `MAX_BYTES`."""
    try:
        path = Path(name)
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{name!r} is a folder: give the path of one image file.")
        if not stat.S_ISREG(status.st_mode):  # a pipe would keep us waiting for ever
            raise ImageError(f"{name!r} is not an ordinary file: give the path of an image file.")
        if status.st_size > MAX_BYTES:
            raise ImageError(_TOO_MANY_BYTES)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {name!r}: check the path.") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"The file {name!r} cannot be opened: check path and rights.") from error


def _read_bytes(data: bytes) -> GreyImage:
    if not data:
        raise ImageError("The file is empty: export or upload it again.")
    if len(data) > MAX_BYTES:
        raise ImageError(_TOO_MANY_BYTES)
    *others, last = READERS
    advice = f"export the image as {', '.join(others)} or {last}."
    for signature, what in _REFUSED.items():
        if signature.match(data):
            raise ImageError(f"{what}: {advice}")
    for reader in READERS.values():
        if reader.signature.match(data):
            return reader.read(data)
    raise ImageError(f"The contents of this file are of no kind we read: {advice}")


def _read_png(data: bytes) -> GreyImage:
    with _refusing(_DAMAGED.format("PNG")):
        try:
            image = PngImageFile(io.BytesIO(data))
            _check_png_sums(data)
            notes = [f"first of {image.n_frames} frames"] if image.n_frames > 1 else []
            return _grey(image, "PNG", notes)
        except ValueError as error:
            # Pillow unpacks no text or profile beyond its limit, and names the limit when it stops.
            if "MAX_TEXT" not in str(error):
                raise
            raise ImageError(
                "This PNG carries text or a colour profile that unpacks to more than 1 MiB: "
                "export it again without metadata."
            ) from error


def _check_png_sums(data: bytes) -> None:
    """Check every chunk's checksum: Pillow skips those of the pixels, where a flip would show."""
    view, start = memoryview(data), 8
    while start + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, start)
        end = start + 8 + length
        if end + 4 > len(data):
            break
        if struct.unpack_from(">I", data, end)[0] != zlib.crc32(view[start + 4 : end]):
            raise ImageError("This PNG is damaged, its checksums are wrong: export it again.")
        if name == b"IEND":
            return
        start = end + 4
    raise ImageError("This PNG is cut short: export or upload it again.")


def _read_jpeg(data: bytes) -> GreyImage:
    with _refusing(_DAMAGED.format("JPEG")):
        image = JpegImageFile(io.BytesIO(data))
        if _count_scans(data) > MAX_SCANS:
            raise ImageError("This JPEG is built of far too many passes: export it again.")
        return _grey(image, "JPEG", [])


# A marker that has a length after it, or the end of the image; within the coded pixels, FF is
# followed by 00 or by a restart marker, D0 to D7.
_JPEG_MARKER = re.compile(rb"\xff+([\x02-\xcf\xd9-\xfe])")


def _count_scans(data: bytes) -> int:
    """Number of passes (start-of-scan markers) of a JPEG's own picture, not of its thumbnails."""
    scans, position = 0, 2
    while (marker := _JPEG_MARKER.search(data, position)) and marker[1] != b"\xd9":
        scans += marker[1] == b"\xda"
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        position = marker.end() + length
    return scans


def _read_tiff(data: bytes) -> GreyImage:
    with _refusing(_DAMAGED.format("TIFF")):
        image = TiffImageFile(io.BytesIO(data))
        tags = image.tag_v2
        if image.mode == "L" and tags.get(Tag.SampleFormat) == (2,):  # Pillow ignores the sign
            raise ImageError("This TIFF holds signed 8-bit numbers: export it as ordinary grey.")
        if tags.get(Tag.TileWidth, 1) * tags.get(Tag.TileLength, 1) > MAX_PIXELS:
            raise ImageError("This TIFF is built of tiles far too big: export it again.")
        frames = _count_frames(data) if image.is_animated else 1
        many = frames if frames < MAX_FRAMES else f"at least {MAX_FRAMES}"
        return _grey(image, "TIFF", [f"first of {many} frames"] if frames > 1 else [])


def _count_frames(data: bytes) -> int:
    """Number of pages of a TIFF, up to the first that cannot be read and to `MAX_FRAMES`.

    Pillow's own count has no limit, and takes time with the square of the number.
    """
    image, frames = TiffImageFile(io.BytesIO(data)), 1
    try:
        while frames < MAX_FRAMES:
            image.seek(frames)
            frames += 1
    except Exception:  # the pages after the first are not our business, nor is what ails them
        return frames
    return frames


def _check_size(width: int, height: int) -> None:
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
def _refusing(sentence: str) -> Iterator[None]:
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


def _grey(image: Image.Image, kind: str, notes: list[str]) -> GreyImage:
    """Decode an opened image and take it to grey; `notes` says what was done before."""
    _check_size(*image.size)
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
    colourful = not grey and _has_colour(np.asarray(image.convert("RGB")), alpha)
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


def _read_array(array: np.ndarray) -> GreyImage:
    """Read an array of uint8, uint16 or floats in [0, 1], with 1, 3 or 4 channels."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ImageError(
            f"An array of shape {array.shape} is not an image: give (H, W), (H, W, 3) or (H, W, 4)."
        )
    _check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint8:
        return _grey(Image.fromarray(np.ascontiguousarray(array)), "array", [])

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
    colourful = _has_colour((colours * 255).astype(np.uint8), alpha)
    return _finished(luma, "array", notes, colourful, alpha)


def _has_colour(rgb: np.ndarray, alpha: np.ndarray | None) -> bool:
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


READERS: dict[str, Reader] = {
    "PNG": Reader(re.compile(rb"\x89PNG\r\n\x1a\n"), _read_png),
    "JPEG": Reader(re.compile(rb"\xff\xd8\xff"), _read_jpeg),
    "TIFF": Reader(re.compile(rb"II[*+]\0|MM\0[*+]"), _read_tiff),
}
"""The kinds of file that are read, by name; tried in this order."""

_REFUSED = {
    re.compile(pattern, re.DOTALL | re.IGNORECASE): what
    for pattern, what in {
        rb".{128}DICM": "DICOM files are not read yet",
        rb"GIF8": "This is a GIF",
        rb"RIFF.{4}WEBP": "This is a WebP picture",
        rb"BM.{4}\0{4}": "This is a BMP picture",
        rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "This is a JPEG 2000 picture",
        rb".{4}ftyp": "This is a HEIC or AVIF picture, or a film",
        rb"%PDF": "This is a PDF",
        rb"PK[\3\5\7]": "This is a ZIP archive or an Office file",
        rb"\s*<(!doctype|html)": "This is a web page",
    }.items()
}
"""What people give us in good faith; tried first, because a DICOM file may begin as a TIFF does."""
