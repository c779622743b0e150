"""A contact sheet: films in rows, a few words below each, as one picture or a PDF of A4 pages."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from pneumo_core import NOTICE
from pneumo_core.errors import DataError
from pneumo_core.plots import ATTRIBUTION

MOST = 120
"""Films on one sheet, at most: its picture is then as high as viewers still open."""

PAGE = (1240, 1754)
"""A4 at `DPI`, in pixels."""

DPI = 150.0
COLUMNS, ROWS = 5, 5
"""Films beside and above one another on a page."""

MARGIN, GAP = 70, 22
HEADING, TEXT, SMALL = 26, 16, 15
LEADING = 1.3
INK, QUIET, PAPER = "#1a1a1a", "#555b62", "#ffffff"
_CELL = (PAGE[0] - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS


@dataclass(frozen=True, eq=False)
class Tile:
    """One film on the sheet.

    Attributes:
        picture: Grey or in colour, of any size: it is shrunk or enlarged into a square.
        lines: What is written below it; a line that is too long is cut with an ellipsis.
    """

    picture: Image.Image
    lines: tuple[str, ...]


def as_png(tiles: Sequence[Tile], title: str, about: str) -> bytes:
    """All films on one tall picture.

    Args:
        tiles: One at least and `MOST` at most, in the order in which they are laid out.
        title: The sheet's heading.
        about: A line or more below it: which model, which threshold.

    Returns:
        A PNG file. It carries the data's attribution and the notice, as every page does.

    Raises:
        DataError: No film, or too many.
    """
    _check(tiles)
    rows = -(-len(tiles) // COLUMNS)
    lines = max(len(tile.lines) for tile in tiles)
    height = _body_top(title, about) + rows * _row_height(lines) + MARGIN + 2 * _line(SMALL)
    buffer = io.BytesIO()
    _page(tiles, title, about, lines, height).save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def as_pdf(tiles: Sequence[Tile], title: str, about: str) -> bytes:
    """The films on as many A4 pages as they need; otherwise as `as_png`.

    Raises:
        DataError: No film, or too many.
    """
    _check(tiles)
    lines = max(len(tile.lines) for tile in tiles)
    room = PAGE[1] - _body_top(title, about) - MARGIN - 2 * _line(SMALL)
    a_page = COLUMNS * max(1, min(ROWS, room // _row_height(lines)))
    parts = [tiles[start : start + a_page] for start in range(0, len(tiles), a_page)]
    pages = [
        _page(part, title, about, lines, PAGE[1], f"{number} / {len(parts)}")
        for number, part in enumerate(parts, 1)
    ]
    buffer = io.BytesIO()
    first, *others = pages
    first.save(
        buffer, "PDF", save_all=True, append_images=others, resolution=DPI, title=title, quality=90
    )
    return buffer.getvalue()


def _check(tiles: Sequence[Tile]) -> None:
    if not tiles:
        raise DataError("There is no film to put on a contact sheet.")
    if len(tiles) > MOST:
        raise DataError(f"A contact sheet holds {MOST} films, not {len(tiles)}: narrow the list.")


def _page(
    tiles: Sequence[Tile], title: str, about: str, lines: int, height: int, number: str = ""
) -> Image.Image:
    sheet = Image.new("RGB", (PAGE[0], height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    for size, colour, words in ((HEADING, INK, title), (TEXT, QUIET, about)):
        top = _write(draw, (MARGIN, top), _wrapped(words, size), size, colour)
    top = _body_top(title, about)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, COLUMNS)
        corner = (MARGIN + column * (_CELL + GAP), top + row * _row_height(lines))
        sheet.paste(_squared(tile.picture), corner)
        shown = [_cut(line, TEXT, _CELL) for line in tile.lines]
        _write(draw, (corner[0], corner[1] + _CELL + 6), shown, TEXT, INK)
    foot = height - MARGIN // 2 - 2 * _line(SMALL)
    _write(draw, (MARGIN, foot), (NOTICE, f"Images: {ATTRIBUTION}"), SMALL, QUIET)
    right = PAGE[0] - MARGIN - _font(SMALL).getlength(number)
    draw.text((right, foot), number, QUIET, _font(SMALL))
    return sheet


def _squared(picture: Image.Image) -> Image.Image:
    """A picture as large as a cell has room for, on black like a film's own surroundings."""
    square = Image.new("RGB", (_CELL, _CELL), "#000000")
    scale = _CELL / max(picture.size)
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    fitted = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    square.paste(fitted, ((_CELL - size[0]) // 2, (_CELL - size[1]) // 2))
    return square


def _write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    lines: Iterable[str],
    size: int,
    colour: str,
) -> int:
    """Write lines below one another; returns where the next one would begin."""
    left, top = corner
    for line in lines:
        draw.text((left, top), line, colour, _font(size))
        top += _line(size)
    return top


def _body_top(title: str, about: str) -> int:
    lines = len(_wrapped(title, HEADING)) * _line(HEADING) + len(_wrapped(about, TEXT)) * _line(
        TEXT
    )
    return MARGIN + lines + GAP


def _row_height(lines: int) -> int:
    return _CELL + 6 + lines * _line(TEXT) + GAP


def _line(size: int) -> int:
    return round(size * LEADING)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _wrapped(words: str, size: int) -> list[str]:
    """Break a text where a line would be wider than the page has room for."""
    room, lines = PAGE[0] - 2 * MARGIN, [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font(size).getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _cut(line: str, size: int, room: int) -> str:
    """A line that fits; of a longer one the end is kept, which tells films of a folder apart."""
    if _font(size).getlength(line) <= room:
        return line
    while line and _font(size).getlength(f"…{line}") > room:
        line = line[1:]
    return f"…{line}"
