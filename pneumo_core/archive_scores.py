"""A run over an archive of films, as a stream: files are opened while the network is at work.

Of a film nothing is kept but the small square that the network is fed, so that an archive of any
size takes the same memory. A film that cannot be read is a row that says why.
"""

import os
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import groupby, islice
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from PIL import Image

from pneumo_core.archive_list import printable
from pneumo_core.errors import ImageError
from pneumo_core.evaluation import predict_logits
from pneumo_core.images import file_bytes, read_image
from pneumo_core.preprocess import Preprocess
from pneumo_core.verdict import verdict

if TYPE_CHECKING:
    from torch import nn

    from pneumo_core.runs import Run

T = TypeVar("T")
U = TypeVar("U")

AT_A_TIME = 8
"""Files that a thread opens before it looks for others: small ones take less than the asking."""

MOST_PIXELS = 16_000_000
"""Most pixels of films that are decoded side by side; a larger film goes alone. Of each pixel,
decoding takes up to 12 bytes."""


@dataclass(frozen=True)
class Row:
    """What is known of one film of an archive; the columns of the tables, in order.

    Attributes:
        number: Its place in the list of films, from 1.
        file: Its name there.
        probability: Calibrated probability of pneumonia; this and the next four are None where
            the film could not be read.
        logit: The network's log-odds of pneumonia, before the temperature.
        prediction: "Normal" or "Pneumonia", at the threshold.
        zone: "rule out", "uncertain" or "rule in".
        threshold: On the probability.
        operating_point: The name of that threshold.
        width, height: Of the film in pixels.
        kind: Of the file, such as "JPEG".
        error: The sentence that says why the film could not be read.
    """

    number: int
    file: str
    probability: float | None = None
    logit: float | None = None
    prediction: str | None = None
    zone: str | None = None
    threshold: float | None = None
    operating_point: str | None = None
    width: int | None = None
    height: int | None = None
    kind: str | None = None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class _Opened:
    """A film as the network wants it, or the sentence that says why there is none."""

    number: int
    name: str
    square: np.ndarray | None = None
    size: tuple[int, int] | None = None
    kind: str | None = None
    error: str | None = None


def scored(
    run: "Run",
    films: Iterable[tuple[int, str]],
    folder: Path,
    *,
    part_size: int,
    batch_size: int,
    workers: int,
    device: torch.device,
) -> Iterator[Row]:
    """Score films, in order; the same verdicts as `PneumoniaDetector.predict` gives.

    A logit's last digits hang on the films that go through the network with it. So only films of
    one part do, and a part's rows are the same whatever else is scored before it.

    Args:
        run: With weights.
        films: Number and name of each; asked for only as the work goes on.
        folder: Where names begin that are not whole paths.
        part_size: Films of a part, counted from number 1.
        batch_size: Films that go through the network together, at most.
        workers: Threads that open files; on the CPU as many more run the network, which should
            itself keep to one thread each (`torch.set_num_threads`).
        device: Where the network runs.

    Raises:
        RunError: The weights are missing or damaged.
    """
    model = run.load_model().to(device)
    networks = workers if device.type == "cpu" else 1
    room = Room(MOST_PIXELS)
    read = partial(_read, run.preprocess, folder, room)
    judge = partial(_judged, run, model, device)
    # Enough is opened ahead for a batch to be complete whenever a network is free.
    ahead = networks * (-(-batch_size // AT_A_TIME) + workers)
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(networks) as judges:
        groups = in_order(readers, read, grouped(films, AT_A_TIME), ahead)
        opened = (film for group in groups for film in group)
        parts = groupby(opened, lambda film: (film.number - 1) // part_size)
        batches = (batch for _, part in parts for batch in grouped(part, batch_size))
        try:
            for rows in in_order(judges, judge, batches, networks + 1):
                yield from rows
        finally:  # whoever stops half-way does not wait for what is still in the queues
            for pool in (readers, judges):
                pool.shutdown(wait=False, cancel_futures=True)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], U], items: Iterable[T], ahead: int
) -> Iterator[U]:
    """Map over items by threads, in the order of the items, at most `ahead` of them under way."""
    under_way: deque[Future[U]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Items by so many; the last group may be smaller."""
    source = iter(items)
    while group := list(islice(source, size)):
        yield group


class Room:
    """How many pixels may be decoded at a time; a film of more is decoded while no other is."""

    def __init__(self, pixels: int) -> None:
        self._most = self._free = pixels
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for so many, and hold it while the block lasts."""
        pixels = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


def _read(
    preprocess: Preprocess, folder: Path, room: Room, films: Sequence[tuple[int, str]]
) -> list[_Opened]:
    return [_opened(preprocess, folder, room, number, name) for number, name in films]


def _opened(preprocess: Preprocess, folder: Path, room: Room, number: int, name: str) -> _Opened:
    try:
        data = file_bytes(os.path.join(folder, name))  # noqa: PTH118, a Path takes five times as long
        with room.taken(_stated_pixels(data)):
            film = read_image(data)
            height, width = film.pixels.shape
            square = preprocess.square(film.pixels)
    except ImageError as error:
        return _Opened(number, name, error=str(error))
    return _Opened(number, name, square, (width, height), film.kind)


def _stated_pixels(data: bytes) -> int:
    """How many pixels a file's header promises; room for two at a time where it cannot be told."""
    try:
        if data.startswith(b"\x89PNG") and data[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", data, 16)
        else:
            with Image.open(BytesIO(data), formats=("JPEG", "TIFF")) as picture:
                width, height = picture.size
    except Exception:  # DICOM, which decodes two at a time in processes of its own, or a bad file
        return MOST_PIXELS // 2
    return width * height


def _judged(
    run: "Run", model: "nn.Module", device: torch.device, films: Sequence[_Opened]
) -> list[Row]:
    squares = [film.square for film in films if film.square is not None]
    logits: Iterator[float] = iter(())
    if squares:
        together = predict_logits(
            model,
            run.preprocess,
            np.stack(squares),
            flip_average=run.flip_average,
            device=device,
            batch_size=len(squares),
        )
        logits = iter(together.tolist())
    rows = []
    for film in films:
        if film.size is None:
            error = printable(film.error or "")
            rows.append(Row(film.number, printable(film.name), error=error))
            continue
        said = verdict(run, next(logits))
        rows.append(
            Row(
                number=film.number,
                file=printable(film.name),
                probability=said.probability,
                logit=said.logit,
                prediction=said.prediction,
                zone=said.zone,
                threshold=said.threshold,
                operating_point=said.operating_point,
                width=film.size[0],
                height=film.size[1],
                kind=film.kind,
            )
        )
    return rows
