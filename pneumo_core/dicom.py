"""DICOM films: what a page sees of them, and the one way to read them.

pydicom and the decoders behind it work on whatever a stranger sends, and some of them (GDCM) are
killed by flipped bits. So they run in a process of their own (`dicom_process`), where the patient's
name stays too: what comes back is pixels and the facts below, none of which can hold free text.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from pneumo_core.grey import GreyImage

SIGNATURE = re.compile(
    # Behind a preamble; without one, file meta or the first group of a data set, which has a VR
    # in capitals (explicit) or else a length (implicit) of less than 64 KiB.
    rb".{128}DICM|\x02\0[\0-\x10]\0[A-Z]{2}|\x08\0[\0-\x21]\0(?:[A-Z]{2}|..\0\0)|\0\x08\0[\0-\x21][A-Z]{2}",
    re.DOTALL,
)
"""How the start of a DICOM file looks, with its 128 bytes of preamble or without."""

MAX_FRAMES = 1000
"""Most frames a DICOM file may have; one of them is decoded."""

FRONT_VIEWS = ("AP", "PA")
"""From front to back, and from back to front."""


@dataclass(frozen=True)
class DicomFacts:
    """The few facts of a DICOM file that a reader needs; no name, number, date or free text.

    Texts are terms of the DICOM standard out of fixed lists, never what a file says instead.

    Attributes:
        modality: "CR", "DX", "RG", ...; None where the file does not say.
        encoding: How pixels are stored, such as "JPEG Lossless".
        lossy: Whether pixels lost detail when they were compressed.
        photometric: "MONOCHROME1" (white is low), "MONOCHROME2", "RGB", ...
        bits: Bits of a stored value, 1 to 16.
        frames: Number of frames.
        frame: Which of them this is, from 0.
        raw: Whether these are detector values "for processing", not made for viewing.
        age: Of the patient, in years; None where it is not given.
        view: "AP", "PA", "LATERAL" or "OTHER"; None where it is not given.
        laterality: "R", "L", "B" (both) or "U" (unpaired); None where it is not given.
        body_part: "CHEST" or "OTHER"; None where it is not given.
        burned_in: Whether the picture itself names the patient; None where the file does not say.
        padded: Whether some pixels are marked as lying outside of the picture.
    """

    modality: str | None
    encoding: str
    lossy: bool
    photometric: str
    bits: int
    frames: int = 1
    frame: int = 0
    raw: bool = False
    age: float | None = None
    view: str | None = None
    laterality: str | None = None
    body_part: str | None = None
    burned_in: bool | None = None
    padded: bool = False


@dataclass(frozen=True)
class Window:
    """How values become grey (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Attributes:
        name: For the screen, from a fixed list.
        centre: In units of the film's values.
        width: In the same, above 0; at least 1 for "LINEAR".
        function: "LINEAR", "LINEAR_EXACT" or "SIGMOID".
    """

    name: str
    centre: float
    width: float
    function: str = "LINEAR_EXACT"

    def shades(self, values: np.ndarray) -> np.ndarray:
        """Grey of values: float32 in [0, 1], of the same shape."""
        values = values.astype(np.float64)
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.centre) / self.width, -700, 700)
            return (1 / (1 + np.exp(exponent))).astype(np.float32)
        linear = self.function == "LINEAR"
        centre, width = (self.centre - 0.5, self.width - 1) if linear else (self.centre, self.width)
        if width == 0:
            return (values > centre).astype(np.float32)
        return np.clip((values - centre) / width + 0.5, 0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Table:
    """Grey by a table that came with the file (VOI LUT).

    Attributes:
        name: For the screen.
        table: float32 (levels,) in [0, 1], in the order of `DicomFilm.values`.
    """

    name: str
    table: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class DicomFilm:
    """One frame as it is stored, from which it can be shown through any window.

    Attributes:
        stored: uint8 or uint16 (height, width), an index into `values`.
        values: float32 (levels,), what each stored number means after the file's modality LUT or
            rescale: the units of every window.
        padding: First and last index that mark pixels outside of the picture; None for none.
        colourful: Whether the stored picture had real colour.
        windows: To choose from, the file's own first; the last spans all values.
        chosen: Index of the window that `GreyImage.pixels` was made with.
        facts: Of the file.
    """

    stored: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    padding: tuple[int, int] | None
    colourful: bool
    windows: tuple[Window | Table, ...]
    chosen: int
    facts: DicomFacts

    def pixels(self, window: Window | Table | None = None) -> np.ndarray:
        """The film through a window, None for the one chosen: float32 (height, width) in [0, 1].

        Low values are white where the file says so (MONOCHROME1); padding is black.
        """
        shades, pixels = self.shades(window), np.empty(self.stored.shape, np.float32)
        for row, shown in zip(self.stored, pixels, strict=True):
            shown[:] = shades[row]  # at once, the indices alone would take 8 bytes a pixel
        return pixels

    def shades(self, window: Window | Table | None = None) -> np.ndarray:
        """Grey of every stored number through a window: float32 (levels,) in [0, 1]."""
        window = self.windows[self.chosen] if window is None else window
        shades = window.table if isinstance(window, Table) else window.shades(self.values)
        if self.facts.photometric == "MONOCHROME1":
            shades = 1 - shades
        if self.padding:
            first, last = self.padding
            shades = shades.copy()
            shades[first : last + 1] = 0
        return shades


def read_dicom(data: bytes, frame: int = 0) -> GreyImage:
    """Read one frame of a DICOM film as grey, through the first of the file's own windows.

    Args:
        data: The bytes of the file.
        frame: Which frame, from 0.

    Returns:
        The image; its `dicom` holds the facts, and the stored pixels for other windows.

    Raises:
        ImageError: It is no film of a plain X-ray, is damaged or too big, takes too long, or has no
            such frame.
    """
    from pneumo_core.dicom_process import film_of
    from pneumo_core.dicom_words import remarks

    film = film_of(data, frame)
    done = tuple(remark.words for remark in remarks(film) if not remark.warns)
    return GreyImage(film.pixels(), "DICOM", done, film.colourful, film)
