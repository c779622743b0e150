"""Contact sheets: what is on them, how many pages, and how many films at most."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from pneumo_core import contact_sheet
from pneumo_core.contact_sheet import COLUMNS, MARGIN, MOST, PAGE, ROWS, Tile, as_pdf, as_png
from pneumo_core.errors import DataError

GREYS = [40, 90, 140, 190, 240, 65, 115]


def tiles(count: int, size: tuple[int, int] = (28, 28)) -> list[Tile]:
    return [
        Tile(Image.new("L", size, GREYS[i % len(GREYS)]), (f"test-{i:04d}", "normal", "9 %"))
        for i in range(count)
    ]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line of text that is put on a sheet."""
    lines: list[str] = []
    write = contact_sheet._write

    def heard(draw: object, corner: object, text: object, size: int, colour: str) -> int:
        text = list(text)
        lines.extend(text)
        return write(draw, corner, text, size, colour)

    monkeypatch.setattr(contact_sheet, "_write", heard)
    return lines


def centres(sheet: Image.Image, count: int, lines: int = 3) -> list[int]:
    """The grey in the middle of each film."""
    top = contact_sheet._body_top("Title", "About")
    cell = contact_sheet._CELL
    found = []
    for place in range(count):
        row, column = divmod(place, COLUMNS)
        x = MARGIN + column * (cell + contact_sheet.GAP) + cell // 2
        y = top + row * contact_sheet._row_height(lines) + cell // 2
        found.append(sheet.convert("L").getpixel((x, y)))
    return found


def test_the_picture_shows_every_film_in_order(written: list[str]) -> None:
    sheet = Image.open(io.BytesIO(as_png(tiles(7), "Title", "About")))
    assert sheet.format == "PNG"
    assert sheet.width == PAGE[0]
    assert centres(sheet, 7) == GREYS
    assert written[:2] == ["Title", "About"]
    assert [line for line in written if line.startswith("test-")] == [
        f"test-{i:04d}" for i in range(7)
    ]
    assert "For research and teaching. Not a medical device: never base care on it." in written
    assert "Images: PneumoniaMNIST / Kermany et al. 2018, CC BY 4.0" in written


def test_a_film_of_another_shape_keeps_it(written: list[str]) -> None:
    del written
    sheet = Image.open(io.BytesIO(as_png(tiles(1, (200, 100)), "Title", "About")))
    top, cell = contact_sheet._body_top("Title", "About"), contact_sheet._CELL
    column = np.asarray(sheet.convert("L"))[top : top + cell, MARGIN + cell // 2]
    assert (column > 20).sum() == pytest.approx(cell / 2, abs=2), "black above and below it"


@pytest.mark.parametrize(("films", "pages"), [(1, 1), (25, 1), (26, 2), (MOST, 5)])
def test_the_pdf_has_as_many_pages_as_it_needs(written: list[str], films: int, pages: int) -> None:
    content = as_pdf(tiles(films), "Title", "About")
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == pages
    assert COLUMNS * ROWS == 25
    assert sum("medical device" in line for line in written) == pages, "on every page"
    assert sum(line.startswith("Images:") for line in written) == pages
    assert len([line for line in written if line.startswith("test-")]) == films


def test_a_name_that_is_too_long_keeps_its_end(written: list[str]) -> None:
    name = "test/PNEUMONIA/person1661_virus_2872_and_so_on.jpeg"
    as_png([Tile(Image.new("L", (9, 9)), (name,))], "Title", "About")
    (cut,) = [line for line in written if line.endswith(".jpeg")]
    assert cut.startswith("…")
    assert name.endswith(cut[1:])
    assert len(cut) > 15


@pytest.mark.parametrize("draw", [as_png, as_pdf])
def test_too_many_or_no_films_get_a_sentence(draw: object) -> None:
    with pytest.raises(DataError, match=f"holds {MOST} films, not {MOST + 1}"):
        draw(tiles(MOST + 1), "Title", "About")
    with pytest.raises(DataError, match="no film"):
        draw([], "Title", "About")
