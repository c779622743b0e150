"""A CSV file from anywhere, turned into columns: encodings, separators, and what is wrong where.

pandas alone would fill up short rows, swallow what follows a quotation mark that is never closed,
and count rows without the empty ones. So the structure is checked first, on the bytes and
vectorised, and pandas gets only what has a known shape.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from pneumo_core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 1_000_000
MOST_COLUMNS = 200
MOST_BYTES = 200_000_000

NO_HEADER = (
    "Row 1 holds numbers where the names of the columns belong: "
    "put a row such as label,score above it."
)

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_SEPARATORS = b";\t,"
_QUOTE, _NEWLINE = b'"\n'
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NO_NAMES = "Row 1 is empty: it must hold the names of the columns."
_SAVE_AS = "save the table as “CSV UTF-8” and use that"


@dataclass(frozen=True, eq=False)
class CsvTable:
    """A file whose structure is sound: every row has a field for every column.

    Attributes:
        names: of the columns, in order, "" where one has none.
        rows: (N,) int64 row of each record as a spreadsheet shows it; the header is row 1.
        notes: sentences on what was done to the file.
        body: the records under the header as UTF-8, none of them empty, each ended by a line feed.
        separator: one ASCII character.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    notes: tuple[str, ...]
    body: bytes
    separator: str

    def read(self, texts: Sequence[str], numbers: str | None = None) -> "pd.DataFrame":
        """Read some columns, by name; a missing field is empty text.

        Args:
            texts: read as text, as it is written.
            numbers: read as numbers if all its fields are numbers, else as text; None for no such.

        Returns:
            N rows.
        """
        import pandas as pd

        wanted = (*texts, numbers) if numbers else texts
        places = {self.names.index(name): name for name in wanted}
        table = pd.read_csv(
            BytesIO(self.body),
            sep=self.separator,
            header=None,
            names=range(len(self.names)),
            index_col=False,
            usecols=sorted(places),
            dtype={place: "str" for place, name in places.items() if name != numbers},
            na_filter=False,
            skip_blank_lines=False,
            low_memory=False,
            encoding="utf-8",
        )
        return table.rename(columns=places)


def open_csv(content: bytes, needs: str = "a label and a score") -> CsvTable:
    """Check the structure of a CSV file.

    Comma, semicolon or tab; UTF-8, UTF-16 with its mark, or Windows-1252 (Latin-1); any line ends;
    fields may be quoted; empty rows are left out.

    Args:
        content: The file.
        needs: What a row is to hold, for the words of an error.

    Raises:
        DataError: empty, not text, without a header, of one column, too large, a row with another
            number of fields than the header, a quotation mark out of place; the row is named.
    """
    text, notes = _as_utf8(content)
    _check_size(text.count(b"\n") - 1, 2 * MOST_ROWS)  # empty rows are still among them
    hint = re.match(rb"sep=([;,\t])\n", text, re.IGNORECASE)  # Excel's own, which it does not show
    if hint:
        text = text[hint.end() :]
    codes = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(codes == _QUOTE)
    ends = _unquoted(np.flatnonzero(codes == _NEWLINE), quotes)
    separator = hint[1] if hint else _separator(text, ends, needs)
    _check_quotes(codes, quotes, ends, separator[0])
    names = _header(text[: ends[0]], separator.decode())

    separators = _unquoted(np.flatnonzero(codes == separator[0]), quotes)
    counts = np.diff(np.searchsorted(separators, ends), prepend=0)
    starts = np.append(0, ends[:-1] + 1)
    kept = ends - starts > counts  # more than separators
    for i in np.flatnonzero(kept & (counts != len(names) - 1)):
        if text[starts[i] : ends[i]].strip():
            raise DataError(
                f"Row {i + 1} has {_count(counts[i] + 1, 'field')}, but row 1 names {len(names)} "
                "columns: correct that row, or put a field that holds the separator in quotation "
                "marks."
            )
        kept[i] = False
    kept[0] = False
    rows = np.flatnonzero(kept) + 1
    _check_size(rows.size, MOST_ROWS)
    if not rows.size:
        raise DataError(f"The file has a header but no rows: put {needs} in each row.")
    body = text[ends[0] + 1 :]
    if left_out := ends.size - 1 - rows.size:
        body = b"".join(text[a : b + 1] for a, b in zip(starts[kept], ends[kept], strict=True))
        notes += (f"{_count(left_out, 'empty row')} left out.",)
    return CsvTable(names, rows, notes, body, separator.decode())


def is_number(text: str) -> bool:
    """Whether a field is a finite number, with a decimal point or a decimal comma."""
    return _NUMBER.fullmatch(text) is not None


def shown(name: str) -> str:
    """Write a column's name as plain text, wherever it is shown, cut to 40 characters.

    What HTML or Markdown could take for markup is dropped.
    """
    plain = "".join(c if c.isalnum() or c in "_-.%/" else " " for c in name)
    plain = " ".join(plain.split())
    return f"“{plain[:39]}…”" if len(plain) > 40 else f"“{plain}”"


def _as_utf8(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The text as UTF-8 without a mark, each line ended by a line feed, and notes."""
    if len(content) > MOST_BYTES:
        raise DataError(
            f"The file is larger than {MOST_BYTES // 1_000_000} MB: keep only the columns needed."
        )
    if content.startswith(_WORKBOOKS):
        raise DataError(f"This is a spreadsheet's own format, not CSV: {_SAVE_AS}.")
    notes: tuple[str, ...] = ()
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            content = content.decode("utf-16").encode()
        content = content.removeprefix(b"\xef\xbb\xbf")
        if len(content.translate(None, _CONTROLS)) < len(content):
            raise DataError(f"The file is not text, whatever its name says: {_SAVE_AS}.")
        try:
            content.decode()
        except UnicodeDecodeError:
            content = content.decode("cp1252").encode()
            notes = ("The file is not UTF-8 and was read as Windows-1252 (Latin-1).",)
    except UnicodeError:
        raise DataError(f"The encoding of the file is unknown: {_SAVE_AS}.") from None
    if not content.strip():
        raise DataError("The file is empty: it needs a header and a row for each image.")
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return lines.rstrip(b"\n") + b"\n", notes


def _unquoted(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The positions outside quoted fields: those after an even number of quotation marks."""
    if not quotes.size:
        return positions
    return positions[np.searchsorted(quotes, positions) % 2 == 0]


def _separator(text: bytes, ends: np.ndarray, needs: str) -> bytes:
    """The separator that parts the header, and the row below it alike if there are several."""
    if not ends.size:  # the header is never closed, which is said next
        return b","
    second = ends[1] if ends.size > 1 else ends[0]
    header, below = (
        re.sub(rb'"[^"]*"', b"", line) for line in (text[: ends[0]], text[ends[0] : second])
    )
    if not header.strip():
        raise DataError(_NO_NAMES)
    candidates = [bytes([code]) for code in _SEPARATORS if code in header]
    if not candidates:
        raise DataError(
            f"The file has one column only: each row needs {needs}, "
            "parted by commas, semicolons or tabs."
        )
    return max(candidates, key=lambda c: (header.count(c) == below.count(c), header.count(c)))


def _check_quotes(codes: np.ndarray, quotes: np.ndarray, ends: np.ndarray, separator: int) -> None:
    """Refuse quotation marks that neither enclose a whole field nor stand doubled in one."""
    around = [separator, _NEWLINE, _QUOTE]
    opening, closing = quotes[0::2], quotes[1::2]
    bad = ~np.isin(codes[opening - 1], around)  # before the first comes the last, a line feed
    bad[: closing.size] |= ~np.isin(codes[closing + 1], around)
    if bad.any():
        row = np.searchsorted(ends, opening[bad.argmax()]) + 1
        raise DataError(
            f"A quotation mark in row {row} does not enclose a whole field: "
            "remove it, or close the field with another."
        )
    if quotes.size % 2:
        row = np.searchsorted(ends, quotes[-1]) + 1
        raise DataError(f"A quotation mark in row {row} is never closed: close or remove it.")


def _header(line: bytes, separator: str) -> tuple[str, ...]:
    try:
        fields = next(csv.reader([line.decode()], delimiter=separator), [])
    except csv.Error:
        raise DataError("Row 1 cannot be read: it must hold the names of the columns.") from None
    names = tuple(" ".join(field.split()) for field in fields)
    if not any(names):
        raise DataError(_NO_NAMES)
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"The file has {len(names)} columns, more than {MOST_COLUMNS}: keep only those needed."
        )
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None and is_number(repeated):
        raise DataError(NO_HEADER)
    if repeated is not None:
        raise DataError(f"Row 1 names the column {shown(repeated)} twice: rename one of them.")
    return names


def _check_size(rows: int, most: int) -> None:
    if rows > most:
        raise DataError(
            f"The file has {rows:,} rows, more than the {MOST_ROWS:,} that are read: "
            "use a part of it."
        )


def _count(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"
