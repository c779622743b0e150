"""The scale of a report: three zones from 0 to 100 %, the threshold, and where the film stands.

Drawn once, as plain marks in millimetres from the upper left; the page and the PDF each put them
on paper.
"""

from dataclasses import dataclass
from html import escape
from typing import Literal

from pneumo_core.operating_point import Zones, threshold_words
from pneumo_core.palette import PALETTE
from pneumo_core.report_words import percent

WIDTH, HEIGHT = 186.0, 25.0
"""Of the whole drawing, in millimetres."""

INK, QUIET = "#1c2430", "#4d5966"
BETWEEN, HATCH = "#dfe3e8", "#9aa4af"
_TOP, _BAR, _SIDE = 7.0, 5.0, 2.0
_LEGEND = (0.0, 50.0, 128.0)
_TEXT = 3.0

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Shape:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    fill: str


@dataclass(frozen=True)
class Stroke:
    """A straight line."""

    start: tuple[float, float]
    end: tuple[float, float]
    colour: str
    width: float


@dataclass(frozen=True)
class Label:
    """Words on a baseline."""

    at: tuple[float, float]
    text: str
    size: float = _TEXT
    anchor: Anchor = "start"
    bold: bool = False
    colour: str = INK


Mark = Shape | Stroke | Label


def scale(probability: float, threshold: float, zones: Zones) -> list[Mark]:
    """Draw the scale.

    Args:
        probability: Calibrated, of pneumonia, 0 to 1.
        threshold: In use, 0 to 1; inside the uncertain zone, see `Zones.around`.
        zones: Where ruling out ends and ruling in begins.
    """
    low, high = min(zones.rule_out, 1.0), min(zones.rule_in, 1.0)
    bottom = _TOP + _BAR
    marks: list[Mark] = [
        _box(0, low, PALETTE.normal),
        _box(low, high, BETWEEN),
        *_hatched(_x(low), _x(high)),
        _box(high, 1, PALETTE.pneumonia),
    ]
    here = _x(min(threshold, 1.0))
    marks += [
        Stroke((here, _TOP - 0.8), (here, bottom + 0.8), "#ffffff", 2.0),
        Stroke((here, _TOP - 0.8), (here, bottom + 0.8), PALETTE.point, 0.9),
    ]
    pin = _x(probability)
    marks += [
        Shape(((pin - 1.7, _TOP - 2.6), (pin + 1.7, _TOP - 2.6), (pin, _TOP - 0.5)), INK),
        _centred(pin, 3.4, percent(probability), 4.0, bold=True),
    ]
    for tick in (0, 25, 50, 75, 100):
        words = f"{tick} %" if tick == 100 else f"{tick}"
        marks.append(_centred(_x(tick / 100), bottom + 3.6, words, 2.6, colour=QUIET))
    words = f"threshold {threshold_words(threshold)}"
    marks.append(_centred(here, bottom + 7.4, words, bold=True, colour=PALETTE.point))
    return marks + _legend(probability, zones)


def spoken(probability: float, threshold: float, zones: Zones) -> str:
    """The scale in a sentence, for those who hear the page."""
    return (
        f"Probability of pneumonia {percent(probability)}, in the zone “{zones.zone(probability)}”."
        f" The threshold is {threshold_words(threshold)}."
    )


def svg(marks: list[Mark], alt: str) -> str:
    """Marks as inline SVG."""
    return (
        f'<svg class="scale" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="{escape(alt)}">{"".join(map(_as_svg, marks))}</svg>'
    )


def _as_svg(mark: Mark) -> str:
    if isinstance(mark, Shape):
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in mark.points)
        return f'<polygon points="{points}" fill="{mark.fill}"/>'
    if isinstance(mark, Stroke):
        (x1, y1), (x2, y2) = mark.start, mark.end
        return (
            f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" '
            f'stroke="{mark.colour}" stroke-width="{mark.width:g}"/>'
        )
    x, y = mark.at
    weight = ' font-weight="700"' if mark.bold else ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{mark.size:g}" text-anchor="{mark.anchor}" '
        f'fill="{mark.colour}"{weight}>{escape(mark.text)}</text>'
    )


def _legend(probability: float, zones: Zones) -> list[Mark]:
    low, high = threshold_words(zones.rule_out), threshold_words(zones.rule_in)
    entries = (
        ("rule out", f"rule out: below {low}", PALETTE.normal),
        ("uncertain", f"uncertain, needs a reader: {low} to {high}", BETWEEN),
        ("rule in", f"rule in: from {high}", PALETTE.pneumonia),
    )
    marks: list[Mark] = []
    base, zone = HEIGHT - 0.8, zones.zone(probability)
    for x, (name, text, colour) in zip(_LEGEND, entries, strict=True):
        corners = ((x, base - 2.4), (x + 2.6, base - 2.4), (x + 2.6, base + 0.2), (x, base + 0.2))
        marks.append(Shape(corners, colour))
        if name == "uncertain":
            marks.append(Stroke((x, base + 0.2), (x + 2.6, base - 2.4), HATCH, 0.5))
        own = name == zone
        marks.append(Label((x + 4, base), text, _TEXT, "start", own, INK if own else QUIET))
    return marks


def _box(start: float, end: float, fill: str) -> Shape:
    x1, x2, bottom = _x(start), _x(end), _TOP + _BAR
    return Shape(((x1, _TOP), (x2, _TOP), (x2, bottom), (x1, bottom)), fill)


def _hatched(left: float, right: float) -> list[Mark]:
    """Slanted lines over the uncertain zone, so that no eye for colour is needed."""
    marks: list[Mark] = []
    x = left - _BAR + 1
    while x < right:
        start, end = max(x, left), min(x + _BAR, right)
        bottom = _TOP + _BAR
        if end > start:
            line = (start, bottom - (start - x)), (end, bottom - (end - x))
            marks.append(Stroke(*line, HATCH, 0.35))
        x += 2.5
    return marks


def _x(share: float) -> float:
    """Where a share of 0 to 1 lies; the ends leave room for the pin."""
    return _SIDE + share * (WIDTH - 2 * _SIDE)


def _centred(
    x: float, y: float, text: str, size: float = _TEXT, *, bold: bool = False, colour: str = INK
) -> Label:
    """Words centred on x, or as near to it as they stay on the drawing."""
    half = 0.36 * size * len(text)
    return Label((min(max(x, half), WIDTH - half), y), text, size, "middle", bold, colour)
