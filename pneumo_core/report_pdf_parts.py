"""What a report's PDF has besides paragraphs and tables: its fonts, films and scales."""

import io
from functools import cache
from pathlib import Path

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable

from pneumo_core import report_words as words
from pneumo_core.colouring import colour_table
from pneumo_core.report_pictures import Picture
from pneumo_core.report_scale import HEIGHT, QUIET, WIDTH, Label, Mark, Shape

GAP = 6 * mm
COLUMN = (WIDTH * mm - GAP) / 2
"""Width of the left one of two columns, and of the right one."""

FILM_HEIGHT = 78 * mm
SMALL_FILM_HEIGHT = 45 * mm
"""Where two films are to fit on a sheet."""

REGULAR, BOLD, MONO = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"
RULE = "#c9d0d8"


@cache
def register_fonts() -> None:
    """Register a family that has dashes, ×, ≥ and Greek; matplotlib brings it."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (REGULAR, BOLD, MONO):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))


class _Fixed(Flowable):
    """Something of a size of its own, `width` and `height`, however much room there is."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height

    def wrap(self, *_room: float) -> tuple[float, float]:
        """Say how much room it takes, in points."""
        return self.width, self.height


class Place(_Fixed):
    """Where a film begins: the aim of links, an entry of the outline, a page number."""

    def __init__(self, number: int, title: str, pages: dict[int, int]) -> None:
        super().__init__(0, 0)
        self.number, self.title, self.pages = number, title, pages

    def draw(self) -> None:
        """Put it on the sheet, at the origin."""
        self.pages[self.number] = self.canv.getPageNumber()
        self.canv.bookmarkPage(f"film-{self.number}")
        self.canv.addOutlineEntry(self.title, f"film-{self.number}")


class Rule(_Fixed):
    """A thin rule above a section."""

    def __init__(self, width: float) -> None:
        super().__init__(width, 3)

    def draw(self) -> None:
        """Put it on the sheet, at the origin."""
        self.canv.setStrokeColor(HexColor(RULE))
        self.canv.setLineWidth(0.6)
        self.canv.line(0, 2, self.width, 2)


class ColourScale(_Fixed):
    """The heatmap's colours from none to most."""

    def __init__(self) -> None:
        super().__init__(COLUMN, 9)

    def draw(self) -> None:
        """Put it on the sheet, at the origin."""
        canvas = self.canv
        canvas.setFillColor(HexColor(QUIET))
        canvas.setFont(REGULAR, 6.7)
        canvas.drawString(0, 2.5, words.WEAKEST)
        canvas.drawRightString(COLUMN, 2.5, words.STRONGEST)
        start = pdfmetrics.stringWidth(words.WEAKEST, REGULAR, 6.7) + 4
        end = COLUMN - pdfmetrics.stringWidth(words.STRONGEST, REGULAR, 6.7) - 4
        colours = colour_table()[::4] / 255
        step = (end - start) / len(colours)
        for i, colour in enumerate(colours):
            canvas.setFillColorRGB(*map(float, colour))
            canvas.rect(start + i * step, 2, step + 0.3 * (i + 1 < len(colours)), 6, 0, 1)


class FilmPicture(_Fixed):
    """A film or an overlay in its column, and what the network saw of it as a dashed frame."""

    def __init__(
        self, picture: Picture, seen: tuple[float, float, float, float] | None, most: float
    ) -> None:
        factor = min(COLUMN / picture.width, most / picture.height)
        super().__init__(COLUMN, picture.height * factor)
        self.picture, self.seen, self.across = picture, seen, picture.width * factor

    def draw(self) -> None:
        """Put it on the sheet, at the origin."""
        if not self.picture.data:
            return
        canvas, left = self.canv, (COLUMN - self.across) / 2
        canvas.drawImage(
            ImageReader(io.BytesIO(self.picture.data)), left, 0, self.across, self.height
        )
        if self.seen is None:
            return
        top, side, rows, columns = self.seen
        frame = (
            left + side * self.across,
            (1 - top - rows) * self.height,
            columns * self.across,
            rows * self.height,
        )
        canvas.setLineWidth(0.8)
        for colour, phase in ((white, 0), (black, 3)):
            canvas.setStrokeColor(colour)
            canvas.setDash([3, 3], phase)
            canvas.rect(*frame)


class ZoneScale(_Fixed):
    """The marks of `report_scale`."""

    def __init__(self, marks: list[Mark]) -> None:
        super().__init__(WIDTH * mm, HEIGHT * mm)
        self.marks = marks

    def draw(self) -> None:
        """Put it on the sheet, at the origin."""
        for mark in self.marks:
            self._draw(mark)

    def _draw(self, mark: Mark) -> None:
        canvas = self.canv
        if isinstance(mark, Shape):
            path = canvas.beginPath()
            path.moveTo(*_on_paper(*mark.points[0]))
            for point in mark.points[1:]:
                path.lineTo(*_on_paper(*point))
            path.close()
            canvas.setFillColor(HexColor(mark.fill))
            canvas.drawPath(path, stroke=0, fill=1)
        elif isinstance(mark, Label):
            canvas.setFillColor(HexColor(mark.colour))
            canvas.setFont(BOLD if mark.bold else REGULAR, mark.size * mm)
            drawn = {
                "start": canvas.drawString,
                "middle": canvas.drawCentredString,
                "end": canvas.drawRightString,
            }
            drawn[mark.anchor](*_on_paper(*mark.at), mark.text)
        else:
            canvas.setStrokeColor(HexColor(mark.colour))
            canvas.setLineWidth(mark.width * mm)
            canvas.line(*_on_paper(*mark.start), *_on_paper(*mark.end))


def _on_paper(x: float, y: float) -> tuple[float, float]:
    """Millimetres from the upper left as points from the lower left."""
    return x * mm, (HEIGHT - y) * mm
