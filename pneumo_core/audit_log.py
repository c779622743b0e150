"""A log of verdicts for who needs to account for them: one SQLite file, one row a verdict.

A row tells the film and the model by digests. It holds no pixels, no file name and no tag.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pneumo_core.errors import DataError
from pneumo_core.spreadsheet import harmless

APPLICATION = 0x504E4C47
"""What SQLite files of this kind are marked with: "PNLG"."""

SCHEMA = 1

PATIENCE = 10.0
"""Seconds that a writer waits for others."""

_TABLE = """
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    frame INTEGER NOT NULL,
    weights_sha256 TEXT NOT NULL,
    run TEXT NOT NULL,
    probability REAL NOT NULL,
    threshold REAL NOT NULL,
    operating_point TEXT NOT NULL
) STRICT
"""


class AuditLogError(DataError):
    """The log of verdicts cannot be written or read."""


@dataclass(frozen=True)
class Verdict:
    """A verdict as it is logged.

    Attributes:
        kind: "upload", or "sample" for a film of a public data set.
        image_sha256: Of the upload's file, or of a sample's pixels (`pixels_sha256`), hexadecimal.
        frame: Of the file, from 0.
        weights_sha256: Of the model's weights.
        run: Name of the model.
        probability: Calibrated probability of pneumonia, in [0, 1].
        threshold: On it.
        operating_point: Name of the operating point.
    """

    kind: Literal["upload", "sample"]
    image_sha256: str
    frame: int
    weights_sha256: str
    run: str
    probability: float
    threshold: float
    operating_point: str


COLUMNS = ("time", *(field.name for field in fields(Verdict)))


def log_verdicts(file: Path, verdicts: Iterable[Verdict]) -> None:
    """Write verdicts with the time of now, all of them or none; they are on the disk on return.

    Several threads and processes may write at a time. A file that is not there is made, its folder
    is not.

    Raises:
        AuditLogError: The file cannot be written, or is something else.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    rows = [(now, *astuple(verdict)) for verdict in verdicts]
    names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    try:
        with closing(_opened(file)) as log, log:
            log.executemany(f"INSERT INTO verdicts ({names}) VALUES ({marks})", rows)
    except (sqlite3.Error, OSError) as error:
        raise AuditLogError(f"The audit log cannot be written: {error}.") from None


def read_log(file: Path) -> Iterator[tuple[str | int | float, ...]]:
    """Read the rows of a log, the oldest first, each in the order of `COLUMNS`.

    Raises:
        AuditLogError: There is no such file, or it is something else.
    """
    if not file.is_file():
        raise AuditLogError(f"There is no file {file}: name the one PNEUMO_AUDIT_DB names.")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as log:
            if not _is_log(log, file):
                raise AuditLogError(_FOREIGN.format(file=file))
            yield from log.execute(f"SELECT {', '.join(COLUMNS)} FROM verdicts ORDER BY id")
    except sqlite3.Error as error:
        raise AuditLogError(f"The audit log cannot be read: {error}.") from None


def as_csv(rows: Iterable[tuple[str | int | float, ...]]) -> str:
    """Write rows of a log as the text of a CSV file.

    A name that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(harmless(cell) if isinstance(cell, str) else cell for cell in row)
    return buffer.getvalue()


_FOREIGN = "{file} is no audit log of PneumoLens: name another file, or one that is not there yet."


def _opened(file: Path) -> sqlite3.Connection:
    """A connection of its own for one write: connections must not cross threads."""
    log = sqlite3.connect(file, timeout=PATIENCE)
    try:
        if not _is_log(log, file):
            _make(log)
            if not _is_log(log, file):
                raise AuditLogError(_FOREIGN.format(file=file))
        # An answer is on screen right after: its row must outlast a power cut.
        log.execute("PRAGMA synchronous = FULL")
    except BaseException:
        log.close()
        raise
    return log


def _is_log(log: sqlite3.Connection, file: Path) -> bool:
    """Whether a file is a log; False for one that is still empty.

    Raises:
        AuditLogError: It is something else, or of a later version.
    """
    try:
        log.execute("BEGIN")  # all three of one moment: somebody else may just be making the log
        ((mark,),) = log.execute("PRAGMA application_id")
        ((version,),) = log.execute("PRAGMA user_version")
        ((tables,),) = log.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        raise AuditLogError(_FOREIGN.format(file=file)) from None
    finally:
        log.rollback()
    if mark == version == tables == 0:
        return False
    if mark != APPLICATION:
        raise AuditLogError(_FOREIGN.format(file=file))
    if version != SCHEMA:
        raise AuditLogError(
            f"{file} is an audit log of version {version}, this PneumoLens writes version "
            f"{SCHEMA}: name another file."
        )
    return True


def _make(log: sqlite3.Connection) -> None:
    """Turn an empty file into a log, unless somebody else is just doing so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            # SQLite does not wait for others here as it does elsewhere.
            log.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            full = error.sqlite_errorcode == sqlite3.SQLITE_FULL  # nobody else's doing
            if full or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    log.execute("BEGIN IMMEDIATE")
    with log:
        ((mark,),) = log.execute("PRAGMA application_id")
        if mark == 0:
            log.execute(_TABLE)
            log.execute(f"PRAGMA application_id = {APPLICATION}")
            log.execute(f"PRAGMA user_version = {SCHEMA}")
