"""The bytes of a DICOM file, judged and taken apart with pydicom.

Only the tags listed here are read at all. Runs in the process of `dicom_process`.
"""

import re
import zlib
from io import BytesIO

import numpy as np
from pydicom import Dataset, FileDataset, dcmread, uid

from pneumo_core.dicom import FRONT_VIEWS, MAX_FRAMES, DicomFacts, DicomFilm, Table, Window
from pneumo_core.dicom_pixels import (
    check_layout,
    decode,
    grey_of_colours,
    indexed,
    number,
    padding_of,
    values_of,
    windows_of,
)
from pneumo_core.errors import ImageError

MAX_INFLATED = 128 * 2**20
"""Most bytes that a deflated data set may unpack to."""

TAGS = [
    "SOPClassUID",
    "Modality",
    "PresentationIntentType",
    "PatientAge",
    "BodyPartExamined",
    "ViewPosition",
    "Laterality",
    "ImageLaterality",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "ModalityLUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
]
"""Every tag that is read."""

_FILMS = ("CR", "DX", "RG")
_FILMS_OTHERWISE = {"DR": "DX", "XR": "DX"}  # not of the standard, but in the field
_UNSAID = ("OT", "SC")
_OTHERS = {
    "CT": "a CT",
    "MR": "an MRI",
    "US": "an ultrasound",
    "IVUS": "an ultrasound",
    "NM": "a nuclear medicine picture",
    "PT": "a PET scan",
    "MG": "a mammogram",
    "IO": "a dental X-ray",
    "PX": "a dental X-ray",
    "XA": "an angiogram",
    "RF": "a fluoroscopy",
    "XC": "a photograph",
    "ES": "an endoscopy",
    "SM": "a microscope slide",
    "GM": "a microscope picture",
    "OP": "a picture of the eye",
    "SEG": "a segmentation",
    "RTDOSE": "a radiotherapy dose",
    "RTIMAGE": "a radiotherapy picture",
    "RTPLAN": "a radiotherapy plan",
    "RTSTRUCT": "a radiotherapy structure set",
    "SR": "a report",
    "DOC": "a document",
    "PR": "a presentation state",
    "KO": "a list of key pictures",
    "ECG": "an ECG",
    "BMD": "a bone density scan",
}
_CHEST = ("CHEST", "THORAX", "LUNG", "RIB")
_UNKNOWN = ("UNKNOWN", "UNSPECIFIED", "OTHER", "NONE")
_SIDE = ("LL", "RL", "LLD", "RLD", "LLO", "RLO", "LAT", "LATERAL", "LAO", "RAO", "LPO", "RPO")
_UNITS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_OLDEST = 130
_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_ENCODINGS = {
    uid.RLELossless: "RLE",
    uid.JPEGBaseline8Bit: "JPEG",
    uid.JPEGExtended12Bit: "JPEG",
    uid.JPEGLossless: "JPEG Lossless",
    uid.JPEGLosslessSV1: "JPEG Lossless",
    uid.JPEGLSLossless: "JPEG-LS",
    uid.JPEGLSNearLossless: "JPEG-LS, near-lossless",
    uid.JPEG2000Lossless: "JPEG 2000",
    uid.JPEG2000: "JPEG 2000",
}
_LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless)
_NO_FILM = "This DICOM is {}, not a plain X-ray: choose the chest film."


def open_film(data: bytes, frame: int = 0) -> DicomFilm:
    """Take one frame and the facts out of a DICOM file.

    Raises:
        ImageError: It is no plain X-ray, too big, too small, or has no such frame.
        Exception: Whatever pydicom and the decoders think of a damaged file.
    """
    dataset = _dataset(_inflated(data))
    _check_kind(dataset)
    frames = int(number(dataset, "NumberOfFrames") or 1)
    if not 1 <= frames <= MAX_FRAMES:
        raise ImageError(f"This DICOM says it has {frames} frames: we read 1 to {MAX_FRAMES}.")
    if not 0 <= frame < frames:
        raise ImageError(f"This DICOM has no frame {frame + 1}: choose one of its {frames}.")
    _fill_in(dataset)
    check_layout(dataset, frames)

    pixels = decode(dataset, frame, frames)
    if pixels.ndim == 3:  # tables and windows are those of grey pictures
        stored, colourful = grey_of_colours(pixels)
        numbers = values = np.arange(256)
        padding, own = None, []
    else:
        colourful = False
        stored, numbers = indexed(pixels, int(dataset.BitsStored))
        values, padding = values_of(dataset, numbers), padding_of(dataset, numbers)
        own = windows_of(dataset, values)

    inside = np.zeros(len(numbers), bool)
    for row in stored:  # at once, the indices alone would take 8 bytes a pixel
        inside[row] = True
    marked = np.zeros(len(numbers), bool)
    if padding:
        marked[padding[0] : padding[1] + 1] = True
    if np.any(inside & marked) and np.any(inside & ~marked):
        inside &= ~marked
    else:
        padding = None
    plain = np.array_equal(values, np.arange(256))
    windows = (*own, _whole_range(np.arange(256) if plain else values[inside]))
    return DicomFilm(
        stored=stored,
        values=values.astype(np.float32),
        padding=padding,
        colourful=colourful,
        windows=windows,
        chosen=_first_sensible(windows, values, inside),
        facts=_facts(dataset, frame, frames, padding is not None),
    )


def _inflated(data: bytes) -> bytes:
    """The file with its data set unpacked, if it is deflated; pydicom unpacks without a limit."""
    if uid.DeflatedExplicitVRLittleEndian.encode() not in data[:1024]:
        return data
    meta = 132 if data[128:132] == b"DICM" else 0
    start = meta + 12 + int.from_bytes(data[meta + 8 : meta + 12], "little")  # meta's own length
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflating.decompress(data[start:], MAX_INFLATED)
    if inflating.unconsumed_tail:
        raise ImageError(
            f"This DICOM unpacks to more than {MAX_INFLATED // 2**20} MiB: export it uncompressed."
        )
    deflated = uid.DeflatedExplicitVRLittleEndian.encode()
    plain = uid.ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0")
    return data[:start].replace(deflated, plain) + content


def _dataset(data: bytes) -> FileDataset:
    """The tags of `TAGS`, with a transfer syntax in any case."""
    dataset = dcmread(BytesIO(data), force=True, specific_tags=list(TAGS))
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = (
            uid.ImplicitVRLittleEndian
            if implicit
            else (uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian)
        )
    return dataset


def _check_kind(dataset: Dataset) -> None:
    """Refuse everything that is no picture, or surely no plain X-ray.

    Raises:
        ImageError: Of what it is, as far as the standard has a term for it.
    """
    modality = _term(dataset, "Modality")
    if str(dataset.get("SOPClassUID", "")) == _PDF:
        raise ImageError(_NO_FILM.format("a PDF in a DICOM wrapper"))
    if "PixelData" not in dataset:
        if "Rows" in dataset and modality not in _OTHERS:  # pydicom drops pixels without an end
            raise ImageError("This DICOM is cut short, its picture is missing: export it again.")
        what = _OTHERS.get(modality, "without a picture")
        if dataset.file_meta.get("MediaStorageSOPClassUID") == uid.MediaStorageDirectoryStorage:
            what = "a list of other files (DICOMDIR)"
        raise ImageError(_NO_FILM.format(what))
    if modality in _OTHERS:
        raise ImageError(_NO_FILM.format(_OTHERS[modality]))
    if modality and modality not in (*_FILMS, *_FILMS_OTHERWISE, *_UNSAID):
        raise ImageError(_NO_FILM.format("of another kind"))


def _fill_in(dataset: Dataset) -> None:
    """Put in what pydicom needs and files leave out, where there is only one sensible choice."""
    for keyword in ("Rows", "Columns", "BitsAllocated"):
        if number(dataset, keyword) is None:
            raise ImageError("This DICOM does not say how its picture is stored: export it again.")
    for keyword, usual in (
        ("SamplesPerPixel", 1),
        ("PhotometricInterpretation", "MONOCHROME2"),
        ("PixelRepresentation", 0),
        ("BitsStored", int(dataset.BitsAllocated)),
    ):
        if dataset.get(keyword) in (None, ""):
            setattr(dataset, keyword, usual)
    if dataset.get("HighBit") is None:
        dataset.HighBit = int(dataset.BitsStored) - 1
    if dataset.SamplesPerPixel == 3 and dataset.get("PlanarConfiguration") is None:
        dataset.PlanarConfiguration = 0


def _whole_range(values: np.ndarray) -> Window:
    """A window from the smallest value to the largest."""
    low, high = float(values.min()), float(values.max())
    return Window("all values", (low + high) / 2, (high - low) or 1.0)


def _first_sensible(
    windows: tuple[Window | Table, ...], values: np.ndarray, inside: np.ndarray
) -> int:
    """The first window under which not everything looks the same; the last if there is none."""
    for i, window in enumerate(windows):
        shades = window.table if isinstance(window, Table) else window.shades(values)
        if np.ptp(shades[inside]) > 0:
            return i
    return len(windows) - 1


def _facts(dataset: Dataset, frame: int, frames: int, padded: bool) -> DicomFacts:
    modality = _term(dataset, "Modality")
    syntax = dataset.file_meta.TransferSyntaxUID
    laterality = _term(dataset, "ImageLaterality") or _term(dataset, "Laterality")
    return DicomFacts(
        modality=_FILMS_OTHERWISE.get(modality, "OT" if modality in _UNSAID else modality) or None,
        encoding=_ENCODINGS.get(syntax, "uncompressed"),
        lossy=syntax in _LOSSY or _term(dataset, "LossyImageCompression") == "01",
        photometric=str(dataset.PhotometricInterpretation),
        bits=int(dataset.BitsStored),
        frames=frames,
        frame=frame,
        raw=_term(dataset, "PresentationIntentType") == "FOR PROCESSING",
        age=_age(_term(dataset, "PatientAge")),
        view=_view(_term(dataset, "ViewPosition")),
        laterality=laterality if laterality in ("R", "L", "B", "U") else None,
        body_part=_body_part(_term(dataset, "BodyPartExamined")),
        burned_in={"YES": True, "NO": False}.get(_term(dataset, "BurnedInAnnotation")),
        padded=padded,
    )


def _term(dataset: Dataset, keyword: str) -> str:
    """A tag's text, to be compared with the terms that are known; "" where there is none."""
    try:
        return str(dataset.get(keyword) or "").strip().upper()
    except Exception:  # a value that pydicom cannot make sense of says nothing
        return ""


def _age(text: str) -> float | None:
    """Years of an age such as 018M, or a bare number, which means years; 0 means unknown."""
    found = re.fullmatch(r"(\d{1,3})([DWMY]?)", text, re.ASCII)
    age = int(found[1]) * _UNITS[found[2] or "Y"] if found else 0.0
    return age if 0 < age <= _OLDEST else None


def _view(text: str) -> str | None:
    if text in ("", *FRONT_VIEWS):
        return text or None
    return "LATERAL" if text in _SIDE else "OTHER"


def _body_part(text: str) -> str | None:
    if text in ("", *_UNKNOWN):
        return None
    return "CHEST" if any(part in text for part in _CHEST) else "OTHER"
