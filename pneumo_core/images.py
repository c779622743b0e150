"""Bytes, a path or an array in; one grey image, or one sentence that says why not, out.

Whoever uploads an image is not to be trusted with its contents, and the image may be a patient's.
So a file is recognised by its first bytes, never by its name; its size is read from the header
before a pixel is decoded; and nothing is written to disk or to a log.

A further kind of file is one more entry in `READERS`.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pneumo_core.dicom import SIGNATURE, read_dicom
from pneumo_core.errors import ImageError
from pneumo_core.grey import GreyImage, array_to_grey, image_to_grey, refusing
from pneumo_core.picture_files import read_jpeg, read_png, read_tiff

MAX_BYTES = 64 * 2**20
"""Most bytes a file may have."""

_TOO_MANY_BYTES = f"The file is bigger than {MAX_BYTES // 2**20} MiB: export a smaller image."


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
        source: A file's bytes, or the path of a file, DICOM, PNG, JPEG or TIFF by its contents; a
            PIL image; or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or float in
            [0, 1].

    Returns:
        The image; its pixels are float32 (height, width), finite and in [0, 1].

    Raises:
        ImageError: The source is not such an image, is damaged, too big or too small.
    """
    if isinstance(source, np.ndarray):
        return array_to_grey(source)
    if isinstance(source, Image.Image):
        with refusing("This image cannot be read: it is damaged or of a rare kind."):
            return image_to_grey(source, "array", [])
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_bytes(bytes(source))
    if isinstance(source, str | os.PathLike):
        return _read_bytes(file_bytes(os.fsdecode(source)))
    raise ImageError(
        "An image is given as the path or the bytes of a file, a PIL image or a numpy array, "
        f"not as {type(source).__name__}."
    )


def file_bytes(name: str) -> bytes:
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
    for reader in READERS.values():
        if reader.signature.match(data):
            return reader.read(data)
    for signature, what in _REFUSED.items():
        if signature.match(data):
            raise ImageError(f"{what}: {advice}")
    raise ImageError(f"The contents of this file are of no kind we read: {advice}")


READERS: dict[str, Reader] = {
    "DICOM": Reader(SIGNATURE, read_dicom),
    "PNG": Reader(re.compile(rb"\x89PNG\r\n\x1a\n"), read_png),
    "JPEG": Reader(re.compile(rb"\xff\xd8\xff"), read_jpeg),
    "TIFF": Reader(re.compile(rb"II[*+]\0|MM\0[*+]"), read_tiff),
}
"""The kinds of file that are read, by name; DICOM first, because one may begin as a TIFF does."""

_REFUSED = {
    re.compile(pattern, re.DOTALL | re.IGNORECASE): what
    for pattern, what in {
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
"""What people give us in good faith."""
