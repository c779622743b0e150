"""A batch of films as one session holds it: the files, the rows read so far, the work left.

The files lie in the session's state and nowhere else; `forget` and the session's end drop them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.errors import DataError
from ui import audit_log, cache
from ui.uploaders import MOST_BYTES, Files, Uploaders

if TYPE_CHECKING:
    from pneumo_core.batch import BatchRow
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run
    from ui.batch_report import Writing

MOST_FILES = 1000
"""Most files of a batch, those in archives included: the table holds a thumbnail of each."""

UPLOADERS = Uploaders("batch")

_FILES = "pneumolens/batch/files"
_TOO_MANY = "pneumolens/batch/too_many"
_BATCH = "pneumolens/batch"

REPORT_NAME, REPORT_NOTES = "batch_report_name", "batch_report_notes"
"""Keys of the fields for what the user types for a report."""


@dataclass(eq=False)
class Batch:
    """Rows of files for one model at one operating point; they come a few at a time.

    Attributes:
        run: The model.
        asked: The model and the operating point; for others all is read again.
        total: How many rows there will be.
        rows: Those that are there, in the order of the files.
        left: The work that is left.
        stopped: Whether the user, or trouble, has halted it.
        trouble: What has halted it, in a sentence.
        unlogged: Rows that are not to be shown before their verdicts are logged.
        report: The report that was asked for last.
    """

    run: Run
    asked: tuple[str, str, OperatingPoint]
    total: int
    left: Iterator[list[BatchRow]] = field(repr=False)
    rows: list[BatchRow] = field(default_factory=list, repr=False)
    stopped: bool = False
    trouble: str = ""
    unlogged: list[BatchRow] = field(default_factory=list, repr=False)
    report: Writing | None = field(default=None, repr=False)

    @property
    def done(self) -> bool:
        """Whether every file has its row."""
        return len(self.rows) >= self.total

    @property
    def working(self) -> bool:
        """Whether more rows are to come unasked."""
        return not self.done and not self.stopped

    def step(self) -> None:
        """Read some more films: as many as go through the network together.

        Where their verdicts cannot be logged and must be, the batch halts and keeps them back.
        """
        self.unlogged = self.unlogged or next(self.left, [])
        try:
            audit_log.log_rows(self.run, self.unlogged)
        except DataError as error:
            self.halt(str(error))
            return
        if not self.unlogged:
            self.total = len(self.rows)
        self.rows += self.unlogged
        self.unlogged = []

    def halt(self, trouble: str = "") -> None:
        """Read no more until `go_on`."""
        self.stopped, self.trouble = True, trouble

    def go_on(self) -> None:
        """Read on."""
        self.stopped, self.trouble = False, ""


def remember() -> None:
    """Take over what the uploader holds, nothing included: its callback on change.

    Of files that are too much together, none is taken; `Uploaders.given` and `too_many` tell the
    page how much they were.
    """
    from pneumo_core.archive import how_many

    forget()
    if UPLOADERS.given() > MOST_BYTES:
        return
    files = UPLOADERS.files()
    count = how_many(files)
    key, kept = (_FILES, files) if count <= MOST_FILES else (_TOO_MANY, count)
    st.session_state[key] = kept


def clear() -> None:
    """Drop everything, what the uploader holds as well."""
    forget()
    UPLOADERS.renew()


def too_many() -> int:
    """How many files the uploader was given last, if none was taken because of their number."""
    return st.session_state.get(_TOO_MANY, 0)


def forget() -> None:
    """Drop the files, what was made of them and what was typed of them."""
    st.session_state.pop(_FILES, None)
    for key in (_TOO_MANY, REPORT_NAME, REPORT_NOTES):
        st.session_state.pop(key, None)
    batch: Batch | None = st.session_state.pop(_BATCH, None)
    if batch is not None and batch.report is not None:
        batch.report.halt()


def current(run: Run, point: OperatingPoint) -> Batch | None:
    """The session's batch for a model at an operating point, begun if need be; None without files.

    Raises:
        RunError: the weights are absent or damaged.
    """
    files = _files()
    if not files:
        return None
    asked = (run.name, run.weights_sha256, point)
    batch: Batch | None = st.session_state.get(_BATCH)
    if batch is None or batch.asked != asked:
        from pneumo_core.archive import candidates, how_many
        from pneumo_core.batch import read_groups

        method, layer = cache.best_reading(run)
        rows = read_groups(cache.detector(run), candidates(files), point, method, layer)
        batch = Batch(run, asked, how_many(files), rows)
        st.session_state[_BATCH] = batch
    return batch


def file_of(place: int) -> bytes:
    """The bytes behind a row, by its place among all rows."""
    from pneumo_core.archive import candidates

    found = next(islice(candidates(_files()), place, None))
    return found.data or b""


def _files() -> Files:
    return st.session_state.get(_FILES, ())
