"""A report as a PDF, through ReportLab: the words and the scale of the page, on sheets of A4.

Whatever a user typed is escaped: ReportLab's paragraphs read markup. The same cases give the same
bytes, because neither a clock nor a random number goes in.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from threading import Lock
from types import MappingProxyType
from typing import Any
from unicodedata import bidirectional

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from pneumo_core import report_words as words
from pneumo_core.report import CaseReport, Cover, Progress
from pneumo_core.report_pdf_parts import (
    BOLD,
    COLUMN,
    FILM_HEIGHT,
    GAP,
    MONO,
    REGULAR,
    RULE,
    SMALL_FILM_HEIGHT,
    ColourScale,
    FilmPicture,
    Place,
    Rule,
    ZoneScale,
    register_fonts,
)
from pneumo_core.report_pictures import Picture
from pneumo_core.report_scale import INK, QUIET, WIDTH, scale
from pneumo_core.report_words import Section

_MARGIN = 12 * mm
_WARN, _WARN_GROUND = "#b54708", "#fff1e6"

# Pictures as text would take twenty times as long, in pure Python, and a quarter more bytes.
rl_config.useA85 = 0

_ONE_AT_A_TIME = Lock()
"""ReportLab keeps its fonts, and which of their letters a document uses, for the whole process."""


def pdf(cases: Sequence[CaseReport], cover: Cover | None, progress: Progress) -> bytes:
    """Write cases, in a report's order, as a PDF, with a table of contents where asked."""
    with _ONE_AT_A_TIME:
        register_fonts()
        if cover is None:
            return _Sheets(progress).written(cases)
        # On which page each film is becomes known in a pass without pictures.
        draft = _Sheets(lambda share: progress(0.5 * share))
        draft.written(
            [replace(case, film=_blank(case.film), overlay=_blank(case.overlay)) for case in cases],
            cover,
        )
        final = _Sheets(lambda share: progress(0.5 + 0.5 * share), draft.pages)
        return final.written(cases, cover)


def _style(size: float, colour: str = INK, font: str = REGULAR, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font}{size:g}{colour}",
        fontName=font,
        fontSize=size,
        leading=size * 1.32,
        textColor=HexColor(colour),
        **more,
    )


_TEXT, _SMALL = _style(7.6), _style(6.7, QUIET)
_NAME = _style(7.6, QUIET)
_HASH = _style(6, font=MONO)
_STRONG, _HEADING = _style(7.6, font=BOLD), _style(8, font=BOLD, spaceAfter=1)
_TITLE, _VERDICT = _style(13.5, font=BOLD), _style(15, font=BOLD)
_ASIDE = _style(6.7, QUIET, alignment=2)
_LINK = _style(7.6, "#0b5cad")


_BARE = [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]


_ROWS = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
]


class _Sheets:
    """One pass over a report.

    Attributes:
        progress: Told how far it is.
        known: Pages of films by number, from an earlier pass.
        pages: The same, from this one.
    """

    def __init__(self, progress: Progress, known: Mapping[int, int] = MappingProxyType({})) -> None:
        self.progress = progress
        self.known = known
        self.pages: dict[int, int] = {}

    def written(self, cases: Sequence[CaseReport], cover: Cover | None = None) -> bytes:
        buffer = io.BytesIO()
        document = BaseDocTemplate(
            buffer,
            pagesize=A4,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=_MARGIN,
            bottomMargin=_MARGIN,
            title=words.HEADING,
            author="PneumoLens",
            creator="PneumoLens",
            lang="en",
            invariant=1,
        )
        height = A4[1] - 2 * _MARGIN
        frame = Frame(_MARGIN, _MARGIN, WIDTH * mm, height, 0, 0, 0, 0)
        document.addPageTemplates(PageTemplate("sheet", [frame], onPage=_foot))
        document.setProgressCallBack(self._tell(len(cases)))
        story: list[Flowable] = []
        shared = words.shared_sections(cases) if cover else ((), ())
        if cover:
            story += [*self._contents(cases, cover), *_columns(shared)]
        for place, case in enumerate(cases):
            if any(shared):
                start = [Spacer(0, 5 * mm), Rule(WIDTH * mm), Spacer(0, 1 * mm)]
                story.append(KeepTogether(start + self._case(case, shared=True)))
            else:
                story += [PageBreak()] if place or cover else []
                story += self._case(case, shared=False)
        document.build(story)
        return buffer.getvalue()

    def _tell(self, films: int) -> Callable[[str, int], None]:
        """What ReportLab calls at every part of a sheet; `pages` says which films are done."""

        def tell(_kind: str, _value: int) -> None:
            self.progress(len(self.pages) / films)

        return tell

    def _contents(self, cases: Sequence[CaseReport], cover: Cover) -> list[Flowable]:
        header, rows = words.contents(cases)
        cells = [[_text(cell, _STRONG) for cell in (*header, "Page")]]
        for case, (first, *rest) in zip(cases, rows, strict=True):
            page = self.known.get(case.number or 0, "")
            link = Paragraph(f'<a href="#film-{case.number}">{escape(first)}</a>', _LINK)
            cells.append([link, *(_text(cell) for cell in rest), _text(str(page))])
        shares = [1.2, *([3.2] if len(header) == 6 else []), 1.4, 2, 1.4, 2, 0.9]
        table = Table(
            cells,
            [WIDTH * mm * share / sum(shares) for share in shares],
            repeatRows=1,
            style=[
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(RULE)),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ],
        )
        left = words.unread(cover)
        return [
            *_head(cover.name or words.HEADING, _aside(cases[0])),
            _text(words.summary(cases, cover)),
            *_notes(cover.notes),
            *_remark(cover.name + cover.notes),
            Spacer(0, 3 * mm),
            _text(words.CONTENTS, _HEADING),
            table,
            Spacer(0, 3 * mm),
            *(_list(left) if left else ()),
        ]

    def _case(self, case: CaseReport, shared: bool) -> list[Flowable]:
        parts: list[Flowable] = []
        if case.number is not None:
            parts.append(Place(case.number, f"Film {case.number}", self.pages))
        if shared:
            parts += [_text(case.title, _TITLE), Spacer(0, 1 * mm)]
        else:
            parts += _head(case.title, _aside(case))
        if objections := words.objections(case):
            parts += [_boxed(objections), Spacer(0, 1.5 * mm)]
        parts.append(
            _side_by_side(
                _text(words.verdict(case), _VERDICT), _text(words.note(case)), 58 * mm, "MIDDLE"
            )
        )
        if case.prediction is not None:
            said = case.prediction
            marks = scale(said.probability, said.threshold, case.model.zones)
            parts += [Spacer(0, 1 * mm), ZoneScale(marks)]
        height = SMALL_FILM_HEIGHT if shared else FILM_HEIGHT
        parts += [Spacer(0, 2.5 * mm), *_films(case, height)]
        parts += _columns(words.sections(case, shared))
        return [*parts, *_notes(case.notes), *_remark(case.name + case.notes)]


def _blank(picture: Picture | None) -> Picture | None:
    """A picture's place without the picture."""
    return picture and replace(picture, data=b"")


def _foot(canvas: Any, document: Any) -> None:
    canvas.setFont(REGULAR, 6.5)
    canvas.setFillColor(HexColor(QUIET))
    canvas.drawString(_MARGIN, 7 * mm, words.FOOTER)
    canvas.drawRightString(A4[0] - _MARGIN, 7 * mm, f"{document.page}")


def _aside(case: CaseReport) -> str:
    return f"{words.HEADING}, {case.date}"


def _head(title: str, aside: str) -> list[Flowable]:
    # The rule keeps its ground clear of words: it is drawn, not typed.
    notice = Table(
        [[_text(words.FOOTER, _STRONG)]],
        [WIDTH * mm],
        style=[
            ("LINEBEFORE", (0, 0), (0, 0), 1.6, HexColor(_WARN)),
            ("LEFTPADDING", (0, 0), (0, 0), 5),
            ("TOPPADDING", (0, 0), (0, 0), 0),
            ("BOTTOMPADDING", (0, 0), (0, 0), 1.5),
        ],
    )
    top = _side_by_side(_text(title, _TITLE), _text(aside, _ASIDE), 132 * mm, "BOTTOM")
    return [top, Spacer(0, 1.5 * mm), notice, Spacer(0, 2.5 * mm)]


def _boxed(sentences: Sequence[str]) -> Flowable:
    first, *rest = sentences
    cell = [_text(first, _STRONG), *(_text(f"• {each}") for each in rest)]
    return Table(
        [[cell]],
        [WIDTH * mm],
        style=[
            ("BOX", (0, 0), (-1, -1), 0.8, HexColor(_WARN)),
            ("BACKGROUND", (0, 0), (-1, -1), HexColor(_WARN_GROUND)),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ],
    )


def _films(case: CaseReport, height: float) -> list[Flowable]:
    film, overlay = [], []
    if case.film is not None:
        caption = words.FILM if case.seen is None else words.FILM_SEEN
        film = [
            FilmPicture(case.film, case.seen, height),
            Spacer(0, 1 * mm),
            _text(caption, _SMALL),
        ]
    if case.overlay is not None:
        caption = words.map_caption(case)
        overlay = [
            FilmPicture(case.overlay, None, height),
            Spacer(0, 1 * mm),
            ColourScale(),
            _text(caption, _SMALL),
        ]
    if not film:
        film, overlay = overlay, []
    return [_side_by_side(film, overlay, COLUMN, "TOP"), Spacer(0, 2 * mm)] if film else []


def _columns(columns: tuple[tuple[Section, ...], ...]) -> list[Flowable]:
    left, right = ([_section(each) for each in column] for column in columns)
    return [_side_by_side(left, right, COLUMN, "TOP")] if left or right else []


def _notes(notes: str) -> list[Flowable]:
    if not notes:
        return []
    first, *rest = (_text(line or " ") for line in notes.split("\n"))
    top = [Rule(WIDTH * mm), _text(words.NOTES, _HEADING), first]
    return [Spacer(0, 1 * mm), KeepTogether(top), *rest]


def _list(section: Section) -> list[Flowable]:
    """A section as wide as the sheet, which may go on on the next one."""
    names = max(_width(name) for name, _ in section.rows) + 12
    rows = [[_text(name, _NAME), _text(text)] for name, text in section.rows]
    table = Table(rows, [names, WIDTH * mm - names], style=_ROWS)
    return [Rule(WIDTH * mm), _text(section.title, _HEADING), table, Spacer(0, 3 * mm)]


def _section(section: Section) -> Flowable:
    start = [Rule(COLUMN), _text(section.title, _HEADING)]
    parts: list[Flowable] = [_text(each) for each in section.sentences]
    if section.rows:
        cells = [
            [_text(name, _NAME), _text(text, _HASH if words.is_hash(text) else _TEXT)]
            for name, text in section.rows
        ]
        first, second = (max(map(_width, column)) for column in zip(*section.rows, strict=True))
        names = min(first + 8, COLUMN - min(second + 6, 0.55 * COLUMN))
        parts.append(
            Table(
                cells,
                [names, COLUMN - names],
                style=_ROWS,
            )
        )
    if section.remark:
        parts.append(_text(section.remark, _SMALL))
    # A cell of its own, which no page break divides.
    return Table([[[*start, *parts, Spacer(0, 1.6 * mm)]]], [COLUMN], style=_BARE)


def _side_by_side(left: Any, right: Any, width: float, align: str) -> Flowable:
    return Table(
        [[left, "", right]],
        [width, GAP, WIDTH * mm - GAP - width],
        splitInRow=1,
        style=[("VALIGN", (0, 0), (-1, -1), align), *_BARE],
    )


def _text(text: str, style: ParagraphStyle = _TEXT) -> Paragraph:
    return Paragraph(escape(text), style)


def _width(text: str) -> float:
    return pdfmetrics.stringWidth(text, REGULAR, _TEXT.fontSize)


def _remark(typed: str) -> list[Flowable]:
    return [] if _printable(typed) else [_text(words.UNPRINTABLE, _SMALL)]


def _printable(text: str) -> bool:
    """Whether the font has every letter, and none runs from right to left."""
    known = pdfmetrics.getFont(REGULAR).face.charToGlyph
    return all(
        c in "\n " or (ord(c) in known and bidirectional(c) not in ("R", "AL", "AN")) for c in text
    )
