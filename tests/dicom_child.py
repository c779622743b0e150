"""What tests need GDCM for, in a process of its own: `dicom_files.in_child` calls it."""

import io
import pickle
import sys
import zlib  # noqa: F401
from pathlib import Path

# Both before pydicom, which loads GDCM: see `pneumo_core.dicom_process`.
import jpeg_ls  # noqa: F401
import numpy as np
from PIL import Image  # noqa: F401


def by_gdcm(
    frame: bytes, shape: tuple[int, int], header: tuple[int, int, int, int], syntax: str
) -> bytes:
    """A frame as GDCM compresses it; the header is samples, bits allocated and stored, sign."""
    import gdcm

    samples, allocated, bits, signed = header
    writer = gdcm.ImageWriter()  # owns the image: one of its own would be freed twice
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((shape[1], shape[0], 1))
    image.SetPixelFormat(gdcm.PixelFormat(samples, allocated, bits, bits - 1, signed))
    kind = gdcm.PhotometricInterpretation.GetPIType("RGB" if samples == 3 else "MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(frame)
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(image)
    assert change.Change()
    output = change.GetOutput()
    fragments = output.GetDataElement().GetSequenceOfFragments()
    return fragments.GetFragment(0).GetByteValue().GetBuffer().encode("utf-8", "surrogateescape")


def own_decoding(paths: tuple[str, ...]) -> list[tuple[str, str, bytes, np.ndarray]]:
    """What pydicom itself makes of the first frame of every file that it can decode.

    Args:
        paths: Files to look at beside those that pydicom brings along.

    Returns:
        Name, transfer syntax, the file as one of modality CR without modality LUT or rescale, and
        the pixels: integers (H, W) or RGB (H, W, 3).
    """
    import pydicom.data
    from pydicom.pixels import pixel_array

    from pneumo_core.dicom_file import TAGS
    from pneumo_core.dicom_pixels import PLUGINS

    folder = Path(pydicom.data.__file__).parent / "test_files"
    found = []
    for path in (*sorted(folder.rglob("*.dcm")), *map(Path, paths)):
        try:
            dataset = pydicom.dcmread(path)
            syntax = dataset.file_meta.TransferSyntaxUID
            pixels = pixel_array(dataset, index=0, decoding_plugin=PLUGINS.get(syntax, ""))
        except Exception:  # no picture, or one that pydicom cannot decode
            continue
        kept = pydicom.Dataset()
        for name in set(TAGS) - {"ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"}:
            if name in dataset:
                kept[name] = dataset[name]
        kept.Modality, kept.file_meta = "CR", dataset.file_meta
        kept.SOPClassUID, kept.SOPInstanceUID = pydicom.uid.ComputedRadiographyImageStorage, "1.2"
        buffer = io.BytesIO()
        implicit, little = dataset.original_encoding
        kept.save_as(buffer, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
        found.append((path.name, syntax.name, buffer.getvalue(), pixels))
    return found


if __name__ == "__main__":
    work, arguments = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(pickle.dumps(globals()[work](*arguments)))
