"""An ROC curve and a histogram of scores as inline SVG, for a page that is printed or mailed.

Plain marks on a transparent ground, no script, no fonts or files from elsewhere; text takes the
page's colour. Names are escaped here, so they may come from a user.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from pneumo_core.confusion import ThresholdTable
from pneumo_core.palette import PALETTE
from pneumo_core.resampling import RocBand

MAX_POINTS = 400
"""Rows of a threshold table that a curve is drawn from."""

BINS = 48
FARTHEST_LOG_ODDS = 9.0
"""Scores beyond (0.0001 and 0.9999) share the outermost bins."""

_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_DASHES = ("none", "5 3")
_GRID = PALETTE.quiet


@dataclass(frozen=True, eq=False)
class Curve:
    """One set of images on the ROC plane.

    Attributes:
        name: for the legend.
        table: counts at every threshold.
        threshold: operating point, marked on the curve.
        band: interval of the sensitivity, None for none.
    """

    name: str
    table: ThresholdTable
    threshold: float
    band: RocBand | None = None


@dataclass(frozen=True)
class _Frame:
    """Where data lie on the picture: x from 0 to 1 and y from `bottom` to 1, in its own units."""

    left: float
    top: float
    width: float
    height: float
    bottom: float = 0.0

    def x(self, value: float) -> str:
        return f"{self.left + value * self.width:.1f}"

    def y(self, value: float) -> str:
        return f"{self.top + (1 - value) / (1 - self.bottom) * self.height:.1f}"

    def points(self, xs: np.ndarray, ys: np.ndarray) -> str:
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in zip(xs, ys, strict=True))


def roc_svg(curves: Sequence[Curve]) -> str:
    """Draw ROC curves of at most two sets with their bands and operating points, 300 x 300 units.

    A set of one class has no curve and is named as such.
    """
    frame = _Frame(38, 8, 250, 250)
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = frame.x(tick), frame.y(tick)
        parts += [
            _line(x, frame.y(0), x, frame.y(1), _GRID, 'stroke-width="0.4"'),
            _line(frame.x(0), y, frame.x(1), y, _GRID, 'stroke-width="0.4"'),
            _text(x, 270, f"{tick:g}", "middle"),
            _text(34, float(y) + 3, f"{tick:g}", "end"),
        ]
    parts.append(
        _line(
            frame.x(0),
            frame.y(0),
            frame.x(1),
            frame.y(1),
            _GRID,
            f'stroke-dasharray="{_DASHES[1]}"',
        )
    )
    parts.append(_text(163, 286, "False positive rate (1 − specificity)", "middle"))
    parts.append(_text(0, 0, "Sensitivity", "middle", 'transform="translate(9 133) rotate(-90)"'))
    spoken = []
    for i, curve in enumerate(curves):
        colour, y = PALETTE.series[i], 230.0 - 14 * (len(curves) - 1 - i)
        drawn = curve.table.positives and curve.table.negatives
        if drawn:
            parts.append(_curve(frame, curve, colour, _DASHES[i]))
            counts = curve.table.at(curve.threshold)
            spoken.append(
                f"{curve.name}: sensitivity {counts.sensitivity:.3f} and specificity "
                f"{counts.specificity:.3f} at the threshold"
            )
        else:
            spoken.append(f"{curve.name}: no curve, one class only")
        parts.append(
            _line(150, y, 172, y, colour, f'stroke-width="1.8" stroke-dasharray="{_DASHES[i]}"')
        )
        name = curve.name if len(curve.name) <= 24 else f"{curve.name[:23]}…"
        parts.append(_text(157, y + 3, name if drawn else f"{name}: none"))
    return _svg(300, 292, f"ROC curve. {'; '.join(spoken)}.", parts)


def scores_svg(table: ThresholdTable, threshold: float, edges: Sequence[float] = ()) -> str:
    """Draw the share of each class in each bin of the log-odds, 340 x 128 units.

    Pneumonia stands upwards and normal hangs downwards, so that no eye for colour is needed.

    Args:
        table: counts at every threshold; they are exact.
        threshold: drawn as a line.
        edges: of the zones, drawn as thin lines.
    """
    frame = _Frame(8, 4, 324, 96, bottom=-1.0)
    low, high = _range(table)
    odds = np.linspace(low, high, BINS + 1)
    rows = np.searchsorted(table.thresholds, _probability(odds[1:-1]), side="left")
    parts = []
    shares = [
        -np.diff([part[0], *part[rows], 0]) / max(part[0], 1) for part in (table.tp, table.fp)
    ]
    tallest = max(float(np.max(shares)), 1e-9)
    for share, sign, colour in zip(
        shares, (1, -1), (PALETTE.pneumonia, PALETTE.normal), strict=True
    ):
        for k in np.flatnonzero(share):
            tip = sign * 0.97 * share[k] / tallest
            top, height = max(tip, 0.0), abs(tip) / 2 * frame.height
            parts.append(
                f'<rect x="{frame.x(k / BINS)}" y="{frame.y(top)}" '
                f'width="{0.9 * frame.width / BINS:.1f}" height="{height:.1f}" fill="{colour}"/>'
            )
    parts.append(_line(frame.x(0), frame.y(0), frame.x(1), frame.y(0), _GRID, 'stroke-width="0.8"'))

    def place(probability: float) -> float:
        clipped = min(max(probability, 1e-12), 1 - 1e-12)
        return float(np.clip((np.log(clipped / (1 - clipped)) - low) / (high - low), 0, 1))

    for tick in _TICKS:
        if low <= np.log(tick / (1 - tick)) <= high:
            parts.append(_text(frame.x(place(tick)), 111, f"{tick:g}", "middle"))
    for at, style in (
        *((edge, 'stroke-width="1" stroke-dasharray="2 3"') for edge in edges),
        (threshold, 'stroke-width="2"'),
    ):
        x = frame.x(place(at))
        parts.append(_line(x, frame.y(1), x, frame.y(-1), PALETTE.point, style))
    parts += [
        _text(10, 12, "pneumonia ↑", "start", f'style="fill:{PALETTE.pneumonia}"'),
        _text(10, 98, "normal ↓", "start", f'style="fill:{PALETTE.normal}"'),
        _text(170, 124, "Probability of pneumonia (even in log-odds)", "middle"),
    ]
    counts = table.at(threshold)
    spoken = (
        f"Scores of the two classes: at the threshold {counts.tp} of {counts.positives} with "
        f"pneumonia are found, {counts.tn} of {counts.negatives} without are cleared."
    )
    return _svg(340, 128, spoken, parts)


def _curve(frame: _Frame, curve: Curve, colour: str, dash: str) -> str:
    parts = []
    if curve.band is not None:
        band = curve.band
        xs = np.concatenate([band.fpr, band.fpr[::-1]])
        ys = np.concatenate([band.high, band.low[::-1]])
        parts.append(
            f'<polygon points="{frame.points(xs, ys)}" fill="{colour}" fill-opacity="0.15"/>'
        )
    table = curve.table.thinned(MAX_POINTS)
    counts = curve.table.at(curve.threshold)
    x, y = 1 - (counts.specificity or 0.0), counts.sensitivity or 0.0
    parts += [
        f'<polyline points="{frame.points(table.fpr, table.tpr)}" fill="none" '
        f'stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dash}"/>',
        f'<circle cx="{frame.x(x)}" cy="{frame.y(y)}" r="4.5" fill="{colour}" '
        f'stroke="{PALETTE.point}" stroke-width="2.5"/>',
    ]
    return "".join(parts)


def _range(table: ThresholdTable) -> tuple[float, float]:
    """Ends of the axis in log-odds: half a unit beyond the scores."""
    scores = table.thresholds[1:-1] if len(table) > 2 else np.array([0.5])
    scores = np.clip(scores[[0, -1]], 1e-12, 1 - 1e-12)
    ends = np.clip(np.log(scores / (1 - scores)), -FARTHEST_LOG_ODDS, FARTHEST_LOG_ODDS)
    return float(ends[0] - 0.5), float(ends[1] + 0.5)


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def _svg(width: int, height: int, spoken: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="xMinYMid" role="img" '
        f'aria-label="{escape(spoken)}" font-size="9" fill="currentColor">{"".join(parts)}</svg>'
    )


def _line(x1: object, y1: object, x2: object, y2: object, colour: str, style: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" {style}/>'


def _text(x: object, y: object, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {more}>{escape(words)}</text>'
