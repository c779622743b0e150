"""A job over an archive, kept in a folder so that any process can take it up after any stop.

    job.json        what the scores depend on; another job is refused
    manifest.csv    the list of films as it was when the job began
    scores/part-00000.csv, ...    so many films each, written whole or not at all
    bad_files.csv, summary.json   once all parts are there

The list is cut into parts of a fixed size. Part k is the work of process k modulo the number of
processes, whose number may change from start to start: a part that is there is never touched again,
and one that is not is scored from its first film.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pneumo_core import NOTICE
from pneumo_core.archive_list import names_in, write_list
from pneumo_core.archive_scores import Row
from pneumo_core.errors import DataError
from pneumo_core.files import sha256_of, write_json, written_whole
from pneumo_core.spreadsheet import harmless
from pneumo_core.zones import ZONE_NAMES

if TYPE_CHECKING:
    import pyarrow

    from pneumo_core.runs import Run

SCHEMA = 1
JOB_FILE = "job.json"
LIST_FILE = "manifest.csv"
SCORES_FOLDER = "scores"
BAD_FILE = "bad_files.csv"
SUMMARY_FILE = "summary.json"
PATIENCE = 3600
"""Seconds to wait for another process that lists the films or adds up the parts."""

Format = Literal["csv", "parquet"]

_NAMES = {
    "schema": "version of the program",
    "run": "run",
    "weights_sha256": "weights",
    "settings_sha256": "run's settings",
    "operating_point": "operating point",
    "threshold": "threshold",
    "input_sha256": "manifest",
    "format": "--format",
    "part_size": "--part-size",
}
"""What makes a job this one and no other: the keys of `job.json`, as a sentence names them."""


@dataclass(frozen=True)
class Job:
    """A job whose list of films is fixed.

    Attributes:
        out: Its folder.
        films: How many the list has.
        content: Of `job.json`.
    """

    out: Path
    films: int
    content: dict[str, Any]

    @property
    def part_size(self) -> int:
        """Films of a part; the last may have fewer."""
        return self.content["part_size"]

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.films // self.part_size)

    def path(self, part: int) -> Path:
        """Where a part is, or will be."""
        return self.out / SCORES_FOLDER / f"part-{part:05d}.{self.content['format']}"

    def missing(self) -> list[int]:
        """The parts that are not there."""
        return [part for part in range(self.parts) if not self.path(part).exists()]

    def entries(self, parts: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Number and name of the films of these parts, in ascending order."""
        names, at = names_in(self.out / LIST_FILE), 0
        for part in parts:
            start, stop = part * self.part_size, (part + 1) * self.part_size
            yield from enumerate(islice(names, start - at, stop - at), start + 1)
            at = stop

    def write(self, part: int, rows: Sequence[Row]) -> None:
        """Write a part, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        with written_whole(self.path(part)) as temporary:
            if self.content["format"] == "parquet":
                _write_parquet(temporary, rows)
            else:
                _write_csv(temporary, [field.name for field in fields(Row)], map(_cells, rows))

    def tidy(self, parts: Iterable[int]) -> None:
        """Delete what killed processes left of parts that nobody else is at work on."""
        mine = {f".{self.path(part).name}" for part in parts}
        for path in (self.out / SCORES_FOLDER).glob(".part-*.tmp"):
            if path.name.rsplit(".", 2)[0] in mine:
                path.unlink(missing_ok=True)

    def finish(self) -> dict[str, Any] | None:
        """Add up the parts once all are there, in whichever process comes here last.

        Returns:
            What `summary.json` holds; None while parts are missing.

        Raises:
            DataError: A part does not hold the films it should.
            OSError: A file cannot be read or written.
        """
        if self.missing():
            return None
        with _held(self.out):
            if not (self.out / SUMMARY_FILE).exists():
                counts: Counter[str] = Counter()
                with written_whole(self.out / BAD_FILE) as temporary:
                    _write_csv(temporary, ["number", "file", "error"], self._bad(counts))
                write_json(self.out / SUMMARY_FILE, self._summary(counts))
        return json.loads((self.out / SUMMARY_FILE).read_text(encoding="utf-8"))

    def _bad(self, counts: Counter[str]) -> Iterator[list[Any]]:
        """The cells of every film that could not be read; all films are counted meanwhile."""
        for part in range(self.parts):
            number = part * self.part_size
            stop = min(number + self.part_size, self.films)
            for row in _rows(self.path(part)):
                number += 1
                if int(row["number"]) != number:
                    break
                if row["error"]:
                    counts["bad"] += 1
                    yield [number, harmless(row["file"]), row["error"]]
                else:
                    counts.update([row["prediction"], row["zone"]])
            if number != stop:
                raise DataError(
                    f"{self.path(part)} does not hold films {part * self.part_size + 1} to {stop}: "
                    "delete it and give the command again."
                )

    def _summary(self, counts: Counter[str]) -> dict[str, Any]:
        return {
            "films": self.films,
            "scored": self.films - counts["bad"],
            "bad_files": counts["bad"],
            "predictions": {name: counts[name] for name in ("Normal", "Pneumonia")},
            "zones": {name: counts[name] for name in ZONE_NAMES},
            "parts": self.parts,
            **{key: self.content[key] for key in ("run", "weights_sha256", "format")},
            **{key: self.content[key] for key in ("operating_point", "threshold")},
            "notice": NOTICE,
        }


def opened_job(out: Path, source: Path, run: "Run", form: Format, part_size: int) -> Job:
    """Begin a job, or go on with the same one.

    Args:
        out: The job's folder; made where it is absent.
        source: The manifest or the folder of films. A folder is searched when the job begins, and
            not again.
        run: With weights.
        form: Of the tables.
        part_size: Films of a part.

    Raises:
        DataError: The folder holds another job, or the source names no film or makes no sense.
        OSError: Something cannot be read or written.
    """
    point = run.operating_point
    content = {
        "schema": SCHEMA,
        "run": run.name,
        "weights_sha256": run.weights_sha256,
        "settings_sha256": _settings_sha256(run),
        "operating_point": point.name,
        "threshold": point.threshold,
        "input_sha256": sha256_of(source) if source.is_file() else "folder",
        "format": form,
        "part_size": part_size,
    }
    out.mkdir(parents=True, exist_ok=True)
    with _held(out):
        known = _read_job(out)
        if known is None:
            content["films"] = _list_films(out, source)
            write_json(out / JOB_FILE, content)
            known = content
    for key, name in _NAMES.items():
        if known.get(key) != content[key]:
            raise DataError(
                f"{out} holds a job with another {name} ({known.get(key)}, not {content[key]}): "
                "name another folder with --out, or go on with what that job was begun with."
            )
    (out / SCORES_FOLDER).mkdir(exist_ok=True)
    job = Job(out, known["films"], known)
    if job.missing():  # somebody took a part away, for its films to be scored again
        (out / SUMMARY_FILE).unlink(missing_ok=True)
    return job


def _settings_sha256(run: "Run") -> str:
    """Digest of what is in a run besides its weights and changes a row."""
    settings = [asdict(run.model), run.preprocess.to_json(), run.flip_average, run.temperature]
    text = json.dumps([*settings, run.zones.to_json()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Let one process at a time list the films or add up the parts."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(out / ".lock", PATIENCE):
            for left in out.glob(".*.tmp"):  # by a process that was killed at this
                left.unlink()
            yield
    except Timeout:
        raise DataError(
            f"Another process has held {out} for long: give the command again."
        ) from None
    except NotImplementedError:
        raise DataError(
            f"{out} lies on a disk without file locks: name a folder on another with --out."
        ) from None


def _read_job(out: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((out / JOB_FILE).read_text(encoding="utf-8"))
        if not isinstance(content["films"], int):
            raise ValueError("films is no number")
    except FileNotFoundError:
        if (out / SCORES_FOLDER).exists():
            raise DataError(
                f"{out} holds scores without {JOB_FILE}: name another folder with --out."
            ) from None
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{out / JOB_FILE} is damaged: name another folder with --out.") from error
    return content


def _list_films(out: Path, source: Path) -> int:
    with written_whole(out / LIST_FILE) as temporary:
        films = write_list(names_in(source), temporary)
        if not films:
            raise DataError(f"{source} names no film: check --input.")
    return films


def _cells(row: Row) -> list[Any]:
    """A row of a CSV file, harmless to a spreadsheet."""
    return [_cell(getattr(row, field.name)) for field in fields(row)]


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.8g}"
    return harmless(value) if isinstance(value, str) else value


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], _schema()), path)


def _schema() -> "pyarrow.Schema":
    """The types of `Row`: a part without a single film that could be read has them, too."""
    import pyarrow as pa

    kinds = {"int": pa.int64(), "float": pa.float64(), "str": pa.string()}
    return pa.schema([(field.name, kinds[_plain(field.type)]) for field in fields(Row)])


def _plain(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).split(" | ")[0]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(path).to_pylist()
        return
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
