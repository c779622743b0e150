"""DICOM files made in memory: any transfer syntax, photometric kind and set of tags.

GDCM must not be loaded where tests run, because it gives its own zlib and OpenSSL to whatever is
loaded after it: `conftest` sees to that. What needs it runs in `dicom_child`.
"""

import io
import pickle
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset, FileMetaDataset, uid
from pydicom.encaps import encapsulate

UNCOMPRESSED = {
    "implicit": uid.ImplicitVRLittleEndian,
    "explicit": uid.ExplicitVRLittleEndian,
    "big endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}
LOSSLESS = {
    "RLE": uid.RLELossless,
    "JPEG Lossless": uid.JPEGLossless,
    "JPEG Lossless SV1": uid.JPEGLosslessSV1,
    "JPEG-LS": uid.JPEGLSLossless,
    "JPEG 2000": uid.JPEG2000Lossless,
}
LOSSY = {
    "JPEG": uid.JPEGBaseline8Bit,
    "JPEG-LS near": uid.JPEGLSNearLossless,
    "JPEG 2000 lossy": uid.JPEG2000,
}
EXACT = UNCOMPRESSED | LOSSLESS

rng = np.random.default_rng(3)


def film(bits: int = 12, signed: bool = False, shape: tuple[int, int] = (40, 36)) -> np.ndarray:
    """A smooth film with noise that reaches both ends of its range."""
    top = 2**bits - 1
    ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / (sum(shape) - 2) * top
    values = np.clip(ramp + rng.normal(0, top / 60, shape), 0, top).astype(np.int64)
    values.flat[0], values.flat[-1] = 0, top
    if signed:
        values -= 2 ** (bits - 1)
    return values.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def dicom(
    pixels: np.ndarray,
    syntax: uid.UID = uid.ExplicitVRLittleEndian,
    bits: int | None = None,
    preamble: bool = True,
    **tags: object,
) -> bytes:
    """A file of frames (H, W), (N, H, W) or RGB (H, W, 3); a tag of None is left out."""
    dataset = Dataset()
    colours = pixels.ndim == 3 and pixels.shape[2] == 3
    frames = pixels if pixels.ndim == 3 and not colours else pixels[None]
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "DX"
    dataset.SamplesPerPixel = 3 if colours else 1
    dataset.PhotometricInterpretation = "RGB" if colours else "MONOCHROME2"
    if colours:
        dataset.PlanarConfiguration = 0
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.BitsAllocated = 8 * pixels.itemsize
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    dataset.PixelData = frames.astype(pixels.dtype.newbyteorder(order)).tobytes()
    dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, "1.2.3"
    dataset.file_meta = meta
    if syntax not in UNCOMPRESSED.values():
        dataset.PixelData = encapsulate([coded(dataset, frame, syntax) for frame in frames])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    for name, value in tags.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    return written(dataset, preamble)


def written(dataset: Dataset, preamble: bool = True) -> bytes:
    """The bytes of a data set, as its transfer syntax has it; big endian where that says so."""
    buffer = io.BytesIO()
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.save_as(
        buffer,
        implicit_vr=syntax == uid.ImplicitVRLittleEndian,
        little_endian=syntax != uid.ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return buffer.getvalue() if preamble else buffer.getvalue()[132:]


def coded(dataset: Dataset, frame: np.ndarray, syntax: uid.UID) -> bytes:
    """One frame, compressed by the one encoder that is at hand for its syntax."""
    if syntax == uid.JPEGBaseline8Bit:
        return _pillow(frame, "JPEG", quality=90)
    header = tuple(
        int(dataset[name].value)
        for name in ("SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")
    )
    shape = frame.shape[:2]
    if syntax in (uid.JPEG2000, uid.JPEG2000Lossless):
        if frame.dtype.kind == "i":
            return in_child("by_gdcm", frame.tobytes(), shape, header, str(syntax))
        lossy = {"irreversible": True, "quality_mode": "rates", "quality_layers": [4]}
        options = lossy if syntax == uid.JPEG2000 else {}
        return _pillow(frame, "JPEG2000", no_jp2=True, **options)
    if syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
        return in_child("by_gdcm", frame.tobytes(), shape, header, str(syntax))
    from pydicom.pixels import get_encoder

    options = {"jls_error": 3} if syntax == uid.JPEGLSNearLossless else {}
    plugin = "pydicom" if syntax == uid.RLELossless else "pyjpegls"
    return get_encoder(syntax).encode(
        frame,
        encoding_plugin=plugin,
        rows=dataset.Rows,
        columns=dataset.Columns,
        number_of_frames=1,
        samples_per_pixel=dataset.SamplesPerPixel,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        pixel_representation=dataset.PixelRepresentation,
        photometric_interpretation=dataset.PhotometricInterpretation,
        **({"planar_configuration": 0} if dataset.SamplesPerPixel == 3 else {}),
        **options,
    )


def _pillow(frame: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, kind, **options)
    return buffer.getvalue()


@lru_cache
def in_child(work: str, *arguments: object) -> object:
    """Call a function of `dicom_child` there, where GDCM may be loaded."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.dicom_child"],
        cwd=Path(__file__).parents[1],
        input=pickle.dumps((work, arguments)),
        stdout=subprocess.PIPE,
        check=True,
    )
    return pickle.loads(result.stdout)
