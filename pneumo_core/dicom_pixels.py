"""One frame's stored pixels, and the tables that turn them into values and into grey.

Stored values have 16 bits at most, so everything that follows them (modality LUT or rescale, VOI
LUT, windows) is worked out once for every value there can be, not for every pixel. Runs in the
process of `dicom_process`.
"""

import struct
from typing import TYPE_CHECKING

import numpy as np
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.pixels.processing import apply_color_lut

from pneumo_core.dicom import Table, Window
from pneumo_core.errors import ImageError
from pneumo_core.grey import check_size, has_colour

if TYPE_CHECKING:
    from pydicom import Dataset

PLUGINS = {
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGExtended12Bit: "pillow",
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pillow",
    uid.JPEG2000: "pillow",
    uid.RLELossless: "pydicom",
}
"""What decodes each compressed transfer syntax, through pydicom; GDCM only where nothing else can,
because flipped bits kill it."""

UNCOMPRESSED = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)

MAX_WINDOWS = 16
"""Most windows that are offered."""

_GREYS = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = {
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
_WINDOW_NAMES = ("normal", "harder", "softer", "lung", "bone", "soft tissue", "mediastinum")
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_DAMAGED = "This DICOM's pixels are damaged, cut short or of a rare kind: export it again."


def check_layout(dataset: "Dataset", frames: int) -> None:
    """Check everything the header says about the pixels, before memory is taken for them.

    Raises:
        ImageError: They cannot be a picture, are of a kind that is not read, too many or too few.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in PLUGINS and syntax not in UNCOMPRESSED:
        raise ImageError(
            "The pixels of this DICOM are compressed in a way we do not read: export it "
            "uncompressed, or as JPEG, JPEG-LS, JPEG 2000 or RLE."
        )
    height, width = int(dataset.Rows), int(dataset.Columns)
    check_size(width, height)
    photometric = dataset.PhotometricInterpretation
    samples = 1 if photometric in _GREYS else _COLOURS.get(photometric)
    allocated, bits = int(dataset.BitsAllocated), int(dataset.BitsStored)
    if samples is None or samples != dataset.get("SamplesPerPixel", samples):
        raise ImageError("The colours of this DICOM are of a kind we do not read: export it grey.")
    if allocated not in (8, 16) or not 2 <= bits <= allocated:
        raise ImageError(
            f"The pixels of this DICOM have {bits} bits in {allocated}, we read up to 16 in 8 or "
            "16: export it as ordinary grey."
        )
    if dataset.get("HighBit", bits - 1) != bits - 1 or dataset.get("PixelRepresentation") not in (
        0,
        1,
    ):
        raise ImageError("The bits of this DICOM's pixels are laid out oddly: export it again.")
    if samples == 3 and allocated != 8:
        raise ImageError("This DICOM has colours of 16 bits: export it as grey.")
    if syntax == uid.JPEGExtended12Bit and bits > 8:
        raise ImageError("JPEG of 12 bits is not read: export this DICOM as lossless JPEG.")
    if syntax in UNCOMPRESSED:
        stored = 2 if photometric == "YBR_FULL_422" else samples
        needed = height * width * stored * (allocated // 8) * frames
        if len(dataset.PixelData) < needed:
            raise ImageError(
                f"This DICOM is cut short, or lies about its size: {frames} x {width} x {height} "
                "pixels do not fit into it."
            )


def decode(dataset: "Dataset", frame: int, frames: int) -> np.ndarray:
    """Decode one frame as pydicom does, by the plugin of its transfer syntax.

    Returns:
        Integers (height, width), or uint8 RGB (height, width, 3).

    Raises:
        ImageError: The coded picture has another size than the header says.
        Exception: Whatever a decoder thinks of a damaged picture.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in PLUGINS:
        coded = get_frame(dataset.PixelData, frame, number_of_frames=frames)
        size = coded_size(coded)
        if size not in (None, (int(dataset.Columns), int(dataset.Rows))):
            raise ImageError("This DICOM lies about the size of its picture: export it again.")
    decoder = get_decoder(syntax)
    palette = dataset.PhotometricInterpretation == "PALETTE COLOR"
    plugin = PLUGINS.get(syntax, "")
    pixels, _ = decoder.as_array(dataset, index=frame, decoding_plugin=plugin)
    if palette:
        pixels = apply_color_lut(pixels, dataset)[..., :3]
        return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    return pixels


def coded_size(coded: bytes) -> tuple[int, int] | None:
    """Width and height as a JPEG, JPEG-LS or JPEG 2000 itself says; None where it does not."""
    start = coded.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0 and len(coded) >= start + 24:  # JPEG 2000: the size marker follows at once
        right, bottom, left, top = struct.unpack_from(">4I", coded, start + 8)
        return right - left, bottom - top
    position = 2
    while coded[:2] == b"\xff\xd8" and position + 9 <= len(coded) and coded[position] == 0xFF:
        marker = coded[position + 1]
        # Start of a frame, but for DHT, JPG and DAC; F7 is that of JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width = struct.unpack_from(">2H", coded, position + 5)
            return width, height
        if marker == 0xFF:
            position += 1
        else:
            position += 2 + int.from_bytes(coded[position + 2 : position + 4], "big")
    return None


def indexed(pixels: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored numbers as indices, and the number each index stands for.

    Args:
        pixels: Integers (height, width) of 16 bits at most.
        bits: Bits that are said to be stored; more are taken where there are larger numbers.

    Returns:
        uint8 or uint16 (height, width), and int64 (levels,).
    """
    low, high = int(pixels.min()), int(pixels.max())
    signed = pixels.dtype.kind == "i"
    full = 8 * pixels.dtype.itemsize
    first, last = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if low < first or high > last:
        first, last = (-(2 ** (full - 1)), 2 ** (full - 1) - 1) if signed else (0, 2**full - 1)
    kind = np.uint8 if last - first < 256 else np.uint16
    stored = pixels.astype(kind) if first == 0 else (pixels.astype(np.int32) - first).astype(kind)
    return stored, np.arange(first, last + 1)


def grey_of_colours(pixels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Luma of uint8 RGB as Pillow has it, and whether there was real colour."""
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).convert("L")), has_colour(pixels, None)


def values_of(dataset: "Dataset", numbers: np.ndarray) -> np.ndarray:
    """What stored numbers mean: float32, after modality LUT or rescale (PS3.3 C.11.1)."""
    sequence = dataset.get("ModalityLUTSequence")
    if sequence:
        entries, _ = _lookup(dataset, sequence[0], numbers)
        return entries.astype(np.float32)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if slope is None or intercept is None:
        return numbers.astype(np.float32)
    if slope == 0:
        raise ImageError("This DICOM rescales every pixel to the same value: export it again.")
    values = (numbers * slope + intercept).astype(np.float32)
    if not np.isfinite(values[0] * values[-1]):
        raise ImageError("This DICOM rescales its pixels beyond all bounds: export it again.")
    return values


def windows_of(dataset: "Dataset", values: np.ndarray) -> list[Window | Table]:
    """The file's own ways to show its values: VOI LUTs, then windows; the senseless left out."""
    found: list[Window | Table] = []
    for i, item in enumerate((dataset.get("VOILUTSequence") or [])[:MAX_WINDOWS]):
        try:
            entries, bits = _lookup(dataset, item, np.rint(values).astype(np.int64))
        except Exception:  # a damaged table is no reason to refuse a sound picture
            continue
        table = (entries / (2**bits - 1)).clip(0, 1).astype(np.float32)
        found.append(Table(f"the file's table {i + 1}", table))
    centres, widths = numbers_of(dataset, "WindowCenter"), numbers_of(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    function = function if function in _FUNCTIONS else "LINEAR"
    names = _texts(dataset, "WindowCenterWidthExplanation")
    for i, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        name = names[i].strip().lower() if i < len(names) else ""
        name = f"window “{name}”" if name in _WINDOW_NAMES else f"window {i + 1}"
        if width >= 1 or (width > 0 and function != "LINEAR"):
            found.append(Window(name, centre, width, function))
    return found[:MAX_WINDOWS]


def padding_of(dataset: "Dataset", numbers: np.ndarray) -> tuple[int, int] | None:
    """First and last index of the numbers that mark padding (PS3.3 C.7.5.1.1.2)."""
    one = number(dataset, "PixelPaddingValue")
    if one is None:
        return None
    other = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((one, one if other is None else other))
    first, last = max(low - numbers[0], 0), min(high, numbers[-1]) - numbers[0]
    return (int(first), int(last)) if first <= last else None


def number(dataset: "Dataset", keyword: str) -> float | None:
    """A tag's one finite number; None where it is missing, empty or makes no sense."""
    found = numbers_of(dataset, keyword)
    return found[0] if found else None


def numbers_of(dataset: "Dataset", keyword: str) -> list[float]:
    """A tag's numbers; none of them where one makes no sense."""
    try:
        found = [float(text) for text in _values(dataset, keyword)]
    except Exception:  # pydicom has many ways to say that a number is none
        return []
    return found if np.all(np.abs(found) < 1e12) else []  # false for NaN


def _texts(dataset: "Dataset", keyword: str) -> list[str]:
    try:
        return [str(text) for text in _values(dataset, keyword)]
    except Exception:  # text in a character set of its own making
        return []


def _values(dataset: "Dataset", keyword: str) -> list:
    value = dataset.get(keyword)
    if value is None:
        return []
    return [value] if isinstance(value, str | int | float) else list(value)


def _lookup(dataset: "Dataset", item: "Dataset", numbers: np.ndarray) -> tuple[np.ndarray, int]:
    """Look whole numbers up in a LUT; the entries and their bits (PS3.3 C.11.1.1.1).

    pydicom's own takes entries of 8 and 16 bits only, and input no wider than the output.
    """
    count, first, bits = (int(part) for part in item.LUTDescriptor)
    count = count or 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] else ">"
        packed = len(data) < 2 * count  # entries of 8 bits may be stored as bytes
        entries = np.frombuffer(data, "u1" if packed else f"{order}u2")
    else:
        entries = np.atleast_1d(np.asarray(data, dtype=np.int64))
    entries = entries[:count]
    if len(entries) < count or not 1 <= bits <= 16 or count < 2:
        raise ImageError(_DAMAGED)
    return entries[np.clip(numbers - first, 0, count - 1)], bits
