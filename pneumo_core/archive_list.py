"""The list of an archive's films: read from a manifest or found in a folder, one name at a time.

A manifest is a CSV file with a column `file`, or a text file with one path a line. Nothing here
keeps more than one name in memory, and a name may be any bytes that the file system allows.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from pneumo_core.errors import DataError

COLUMN = "file"
"""The column that names the films."""

_SEPARATORS = ",;\t"
_MARK = b"\xef\xbb\xbf"
_START = 4096


def names_in(source: Path) -> Iterator[str]:
    """Name an archive's films, in order.

    Args:
        source: A manifest, or a folder: that is searched with all folders in it, in the order of
            their names, and hidden files are passed over.

    Raises:
        DataError: It is neither, or what it holds makes no sense; the row is named.
    """
    if source.is_dir():
        return _found(source)
    if not source.is_file():
        raise DataError(f"There is no manifest and no folder {str(source)!r}: check --input.")
    return _listed(source)


def write_list(names: Iterable[str], path: Path) -> int:
    """Write names as a CSV file with a column `file`; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        # Left to itself, Python does not quote a carriage return.
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow([COLUMN])
        for name in names:
            writer.writerow([name])
            count += 1
    return count


def printable(text: str) -> str:
    r"""A name as one line that UTF-8 can carry: line ends and odd bytes become \n and \xff."""
    text = os.fsencode(text).decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _found(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise DataError(
            f"The folder {error.filename!r} cannot be read ({error.strerror}): check its rights."
        )

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = _shown(folders)  # os.walk goes on with what is left in it, in this order
        for name in _shown(files):
            yield Path(place, name).relative_to(folder).as_posix()


def _shown(names: Sequence[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("."))


def _listed(manifest: Path) -> Iterator[str]:
    with manifest.open("rb") as file:
        start = file.read(_START)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
            raise DataError(
                f"{manifest} is no UTF-8 text: give a folder, a CSV file with a column "
                f"{COLUMN!r}, or a text file with one path a line."
            )
        file.seek(len(_MARK) if start.startswith(_MARK) else 0)
        lines = (line.decode("utf-8", "surrogateescape") for line in file)
        first = next(lines, "")
        heads = {separator: _fields(first, separator) for separator in _SEPARATORS}
        for separator, head in heads.items():
            if COLUMN in head:
                yield from _column(manifest, lines, separator, head.index(COLUMN))
                return
        name = first.rstrip("\r\n")
        if max(map(len, heads.values())) > 1 and not (manifest.parent / name).exists():
            raise DataError(
                f"Row 1 of {manifest} has several fields and none is {COLUMN!r}: name the "
                "column of the paths so."
            )
        for line in chain([first], lines):
            if name := line.rstrip("\r\n"):
                yield name


def _fields(line: str, separator: str) -> list[str]:
    try:
        fields = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
    return [field.strip().lower() for field in fields]


def _column(manifest: Path, lines: Iterable[str], separator: str, place: int) -> Iterator[str]:
    rows = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in rows:
            if not any(row):
                continue
            if place >= len(row) or not row[place]:
                raise DataError(
                    f"Row {rows.line_num + 1} of {manifest} names no file: correct or delete it."
                )
            yield row[place]
    except csv.Error as error:
        raise DataError(
            f"Row {rows.line_num + 1} of {manifest} is no sound CSV ({error}): put fields that "
            "hold the separator or a line's end in quotation marks."
        ) from error
