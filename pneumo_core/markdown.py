"""Tables in Markdown pages that commands renew, between two marks, leaving the rest as it is."""

from collections.abc import Sequence
from pathlib import Path

from pneumo_core.errors import DataError
from pneumo_core.files import written_whole


def table(rows: Sequence[Sequence[str]]) -> str:
    """Cells as a Markdown table; the first row is its header."""
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    # A stroke in a cell would begin the next one.
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Cells as aligned columns for the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def around(page: Path, mark: str) -> tuple[str, str]:
    """What stands before and after the marked part of a page; a page that is absent is empty.

    The part stands between the lines `<!-- mark: begin -->` and `<!-- mark: end -->`.

    Raises:
        DataError: If the page cannot be read, lacks the marks, or has no folder.
    """
    begin, end = _marks(mark)
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not page.resolve().parent.is_dir():
            raise DataError(f"There is no folder {page.parent}: make it first.") from None
        return "", "\n"
    except (OSError, ValueError) as error:
        raise DataError(f"{page} cannot be read as text: name another file.") from error
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise DataError(f"{page} has no place for the table: add the lines {begin} and {end}.")
    return before, after


def renew(page: Path, mark: str, text: str) -> None:
    """Put a text between a page's marks; a page that is absent is made of it alone.

    Raises:
        DataError: As `around`, or if the page cannot be written.
    """
    before, after = around(page, mark)
    begin, end = _marks(mark)
    try:
        with written_whole(page) as temporary:
            temporary.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{page} cannot be written ({error.strerror}).") from error


def _marks(mark: str) -> tuple[str, str]:
    return f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
