"""The bytes of a PNG, JPEG or TIFF in, one grey image out, through Pillow."""

import io
import logging
import re
import struct
import zlib

from PIL.ExifTags import Base as Tag
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pneumo_core import grey
from pneumo_core.errors import ImageError
from pneumo_core.grey import GreyImage, image_to_grey, refusing

# At its debug level Pillow logs the tags it meets, and people write patients' names into them.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

MAX_SCANS = 100
"""Most passes over the picture a JPEG may make (libtiff's own limit; usual are 1 to 12).
One pass takes 60 bytes of file and, at `MAX_PIXELS`, 13 ms of work: 64 MiB would keep us hours."""

MAX_FRAMES = 1000
"""Where we stop counting the pages of a TIFF."""

_DAMAGED = "This {} cannot be read: it is damaged, cut short or of a rare kind; export it again."


def read_png(data: bytes) -> GreyImage:
    """Read the first frame of a PNG, or raise ImageError."""
    with refusing(_DAMAGED.format("PNG")):
        try:
            image = PngImageFile(io.BytesIO(data))
            _check_png_sums(data)
            notes = [f"first of {image.n_frames} frames"] if image.n_frames > 1 else []
            return image_to_grey(image, "PNG", notes)
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


def read_jpeg(data: bytes) -> GreyImage:
    """Read a JPEG, or raise ImageError."""
    with refusing(_DAMAGED.format("JPEG")):
        image = JpegImageFile(io.BytesIO(data))
        # Counting the marker's bytes finds at least as many, in a sixth of the time.
        if data.count(_SCAN) > MAX_SCANS and _count_scans(data) > MAX_SCANS:
            raise ImageError("This JPEG is built of far too many passes: export it again.")
        return image_to_grey(image, "JPEG", [])


_SCAN = b"\xff\xda"

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


def read_tiff(data: bytes) -> GreyImage:
    """Read the first page of a TIFF, or raise ImageError."""
    with refusing(_DAMAGED.format("TIFF")):
        image = TiffImageFile(io.BytesIO(data))
        tags = image.tag_v2
        if image.mode == "L" and tags.get(Tag.SampleFormat) == (2,):  # Pillow ignores the sign
            raise ImageError("This TIFF holds signed 8-bit numbers: export it as ordinary grey.")
        if tags.get(Tag.TileWidth, 1) * tags.get(Tag.TileLength, 1) > grey.MAX_PIXELS:
            raise ImageError("This TIFF is built of tiles far too big: export it again.")
        frames = _count_frames(data) if image.is_animated else 1
        many = frames if frames < MAX_FRAMES else f"at least {MAX_FRAMES}"
        return image_to_grey(image, "TIFF", [f"first of {many} frames"] if frames > 1 else [])


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
