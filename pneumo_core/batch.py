"""Many films read one after the other: a row for each, whatever it turns out to be.

One bad file never stops the rest: its row says what is wrong with it. A row keeps no pixels but two
small pictures, so that hundreds of films fit into a session's memory.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from PIL import Image

from pneumo_core import CLASS_NAMES
from pneumo_core.answers import Explanation, Findings, Prediction
from pneumo_core.archive import Candidate
from pneumo_core.colouring import overlay
from pneumo_core.dicom_words import remarks
from pneumo_core.errors import ImageError
from pneumo_core.explain import ONE_PASS
from pneumo_core.grey import GreyImage
from pneumo_core.images import read_image
from pneumo_core.novelty import Novelty
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.preprocess import Preprocess
from pneumo_core.report import MapFacts
from pneumo_core.report_pictures import enlarged, pixels_sha256
from pneumo_core.spreadsheet import harmless

if TYPE_CHECKING:
    from pneumo_core.detector import PneumoniaDetector

T = TypeVar("T")

TOGETHER = 16
"""Films that go through the network at a time, at most."""

MOST_PIXELS = 16_000_000
"""Most pixels of films that wait for one another; a larger film goes alone. Of each pixel, film and
map keep 4 bytes each: sixteen of the largest films at once would take 5 GB."""

PATIENCE = 2.0
"""Seconds of reading after which films that are there go on: a bad file may take 8 on its own."""

OVERLAY = 512
"""Longest side of the pictures that a row keeps, in pixels."""

THUMBNAIL = 192
"""Longest side of `BatchRow.thumbnail`, in pixels."""

Order = Literal["pneumonia", "uncertain", "given"]
"""Most likely pneumonia first, nearest to the threshold first, or as the files came."""


@dataclass(frozen=True, eq=False)
class BatchRow:
    """One file of a batch.

    Attributes:
        name: To show, as `archive.Candidate.name`.
        key: SHA-256 of the file's bytes, hexadecimal; "" where they could not be had.
        error: The sentence that says why it could not be read; None where it was.
        prediction: The verdict.
        novelty: Whether it looks like the films the model knows; None also where that is unknown.
        overlay: The map over the film, a JPEG of at most `OVERLAY` pixels along a side.
        picture: The film alone, the same way.
        seen: As `Explanation.seen`.
        map: What the map is.
        image_sha256: Of the film's pixels, see `pixels_sha256`.
        kind: Of the file, such as "JPEG".
        width, height: Of the film, in pixels.
        warnings: What the file itself says against a verdict, such as a patient's age.
        number: Its place among the files, from 1.
    """

    name: str
    key: str
    error: str | None = None
    prediction: Prediction | None = None
    novelty: Novelty | None = None
    overlay: bytes = field(default=b"", repr=False)
    picture: bytes = field(default=b"", repr=False)
    seen: tuple[float, float, float, float] | None = None
    map: MapFacts | None = None
    image_sha256: str = ""
    kind: str = ""
    width: int = 0
    height: int = 0
    warnings: tuple[str, ...] = ()
    number: int = 0

    @cached_property
    def thumbnail(self) -> bytes:
        """The overlay, smaller: a JPEG; b"" where there is none."""
        if not self.overlay:
            return b""
        small = Image.open(io.BytesIO(self.overlay))
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        return _jpeg(small, quality=80)

    @property
    def withheld(self) -> bool:
        """Whether the verdict is not to be shown unasked: this seems to be no chest film."""
        return self.novelty is not None and self.novelty.withheld


def read_batch(
    detector: "PneumoniaDetector",
    files: Iterable[Candidate],
    point: OperatingPoint,
    method: str = "gradcam",
    layer: str | None = None,
) -> Iterator[BatchRow]:
    """Read files one after the other, a few at a time through the network.

    Whoever stops asking for rows stops the work. Maps are of the class that is predicted.

    Args:
        detector: Of the run.
        files: As `archive.candidates` gives them.
        point: The operating point.
        method: How maps are drawn; see `PneumoniaDetector.explain`.
        layer: The stage that is read; None for the run's own choice.

    Yields:
        A row for each file, in the order of the files.
    """
    for rows in read_groups(detector, files, point, method, layer):
        yield from rows


def read_groups(
    detector: "PneumoniaDetector",
    files: Iterable[Candidate],
    point: OperatingPoint,
    method: str = "gradcam",
    layer: str | None = None,
) -> Iterator[list[BatchRow]]:
    """Read as `read_batch`, and give the rows of films that went through the network together."""
    done = 0
    for group in in_groups(files, film_of):
        rows = _read(detector, group, point, method, layer, first=done + 1)
        done += len(rows)
        group.clear()  # whoever asks for rows may take a while until the next ones
        yield rows


Opened = GreyImage | str
"""A film, or the sentence that says why there is none."""


def in_groups(
    files: Iterable[T], film_of: Callable[[T], Opened]
) -> Iterator[list[tuple[T, Opened]]]:
    """Open files, and give those that go through the network together.

    Few enough for memory, and soon enough for whoever waits: see the limits above.
    """
    group: list[tuple[T, Opened]] = []
    pixels, start = 0, monotonic()
    for file in files:
        film = film_of(file)
        more = film.pixels.size if isinstance(film, GreyImage) else 0
        if group and pixels + more > MOST_PIXELS:
            yield group
            group, pixels, start = [], 0, monotonic()
        group.append((file, film))
        pixels += more
        del film
        if len(group) == TOGETHER or monotonic() - start > PATIENCE:
            yield group
            group, pixels, start = [], 0, monotonic()
    if group:
        yield group


def film_of(file: Candidate) -> Opened:
    """Open a file: the film, or the sentence that says why there is none."""
    if file.data is None:
        return file.error or ""
    try:
        return read_image(file.data)
    except ImageError as error:
        return str(error)


def _read(
    detector: "PneumoniaDetector",
    group: Sequence[tuple[Candidate, Opened]],
    point: OperatingPoint,
    method: str,
    layer: str | None,
    first: int,
) -> list[BatchRow]:
    films = {place: film for place, (_, film) in enumerate(group) if isinstance(film, GreyImage)}
    found = dict(
        zip(films, _findings(detector, [*films.values()], point, method, layer), strict=True)
    )
    rows = []
    for place, (file, film) in enumerate(group):
        number = first + place
        key = "" if file.data is None else hashlib.sha256(file.data).hexdigest()
        if isinstance(film, str):
            rows.append(BatchRow(file.name, key, film, number=number))
            continue
        height, width = film.pixels.shape
        picture, (known, cam) = _small(film.pixels), found[place]
        rows.append(
            BatchRow(
                name=file.name,
                key=key,
                prediction=known.prediction,
                novelty=known.novelty,
                overlay=_jpeg(_overlaid(picture, cam.map, detector.run.preprocess)),
                picture=_jpeg(picture),
                seen=cam.seen,
                map=MapFacts.of(cam.cam),
                image_sha256=pixels_sha256(film.pixels),
                kind=film.kind,
                width=width,
                height=height,
                warnings=_warnings(film),
                number=number,
            )
        )
    return rows


def _findings(
    detector: "PneumoniaDetector",
    films: Sequence[GreyImage],
    point: OperatingPoint,
    method: str,
    layer: str | None,
) -> list[tuple[Findings, Explanation]]:
    """What is found in each film, and the map of the class that is predicted for it."""
    if method in ONE_PASS:
        found = detector.read_many(films, point, method, layer)
        return [(each, each.explanation) for each in found]
    found = detector.read_many(films, point, None)
    maps: dict[int, Explanation] = {}
    for target in CLASS_NAMES:
        called = [i for i, each in enumerate(found) if each.prediction.prediction == target]
        drawn = detector.explain_many([films[i] for i in called], method, target, layer)
        maps |= zip(called, drawn, strict=True)
    return [(each, maps[i]) for i, each in enumerate(found)]


def _warnings(film: GreyImage) -> tuple[str, ...]:
    if film.dicom is None:
        return ()
    return tuple(remark.words for remark in remarks(film.dicom) if remark.warns)


def _small(film: np.ndarray) -> Image.Image:
    small = Image.fromarray(np.rint(film * 255).astype(np.uint8))
    small.thumbnail((OVERLAY, OVERLAY), reducing_gap=3.0)
    return enlarged(small)


def _overlaid(small: Image.Image, cam: np.ndarray, preprocess: Preprocess) -> Image.Image:
    """Lay a map over a film that was taken down: at full size it takes four times as long."""
    pixels = np.asarray(small, np.float32) / 255
    return Image.fromarray(overlay(pixels, preprocess.place(cam, *pixels.shape)))


def _jpeg(picture: Image.Image, quality: int = 88) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def ordered(rows: Iterable[BatchRow], order: Order) -> list[BatchRow]:
    """Put rows in an order to read in; what could not be judged comes last, as it came."""
    known = list(rows)
    if order == "given":
        return known

    def place(row: BatchRow) -> tuple[int, float]:
        if row.prediction is None:
            return 2, 0.0
        chance, threshold = row.prediction.probability, row.prediction.threshold
        rank = -chance if order == "pneumonia" else abs(chance - threshold)
        return int(row.withheld), rank

    return sorted(known, key=place)


COLUMNS = (
    "film",
    "file",
    "probability",
    "verdict",
    "zone",
    "threshold",
    "operating_point",
    "familiar",
    "objections",
    "warnings",
    "kind",
    "width",
    "height",
    "sha256",
    "error",
)


def as_csv(rows: Iterable[BatchRow]) -> str:
    """Write rows as the text of a CSV file, harmless to a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        said, found = row.prediction, row.novelty
        writer.writerow(
            [
                row.number,
                harmless(row.name),
                f"{said.probability:.6f}" if said else "",
                said.prediction if said else "",
                said.zone if said else "",
                f"{said.threshold:.6f}" if said else "",
                said.operating_point if said else "",
                found.answer if found else "",
                " ".join(each.sentence for each in found.objections) if found else "",
                " ".join(row.warnings),
                row.kind,
                row.width or "",
                row.height or "",
                row.key,
                row.error or "",
            ]
        )
    return buffer.getvalue()


def overlays(rows: Iterable[BatchRow]) -> bytes:
    """Pack the overlays into a ZIP archive, each named after its number and its file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for row in rows:
            if row.overlay:
                # The name is a stranger's: nothing of it may lead out of the folder.
                stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in row.name)
                member = zipfile.ZipInfo(f"{row.number:03d}-{stem}.jpg", (1980, 1, 1, 0, 0, 0))
                archive.writestr(member, row.overlay)
    return buffer.getvalue()
