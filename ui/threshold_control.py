"""The live threshold control: curves, scores and matrix follow the thumb in the browser.

The front end (ui/assets/threshold) gets one payload of exact counts and redraws from it once a
frame while the user drags. Python hears of a threshold when it is released.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from pneumo_core.palette import PALETTE
from ui.front_end import joined
from ui.words import threshold as words

if TYPE_CHECKING:
    from pneumo_core.metrics import ThresholdTable
    from pneumo_core.resampling import RocBand

MAX_ROWS = 3000
"""Rows of the threshold table sent in full; a longer table is thinned to about as many."""

BINS = 60
FARTHEST_LOG_ODDS = 9.0
"""The log-odds axis ends just beyond (0.0001 and 0.9999) even where scores go further."""

_mount = st.components.v2.component(
    "threshold_control",
    html=joined("threshold/control.html"),
    css=joined("component.css", "threshold/control.css"),
    js=joined(
        "component.js",
        *(f"threshold/{name}.js" for name in ("table", "charts", "pictures", "control")),
    ),
)


@dataclass(frozen=True)
class Opened:
    """A cell of the confusion matrix that was clicked, at the threshold it showed."""

    cell: str
    threshold: float


def threshold_control(
    data: Mapping[str, Any], *, key: str, on_release: Callable[[float], None]
) -> Opened | None:
    """Show the control.

    Args:
        data: What ``payload`` made. The thumb jumps to ``data["start"]["threshold"]`` whenever
            ``data["start"]["revision"]`` is a new one, and otherwise stays where the user put it.
        key: Key of the widget; its state also lies in ``st.session_state[key]``.
        on_release: Called with the threshold, in [0, 1], before the rerun that a release starts.

    Returns:
        The cell that was clicked to start this rerun, or None.
    """

    def released() -> None:
        if (threshold := st.session_state[key].get("threshold")) is not None:
            on_release(float(threshold))

    result = _mount(key=key, data=data, on_threshold_change=released, on_cell_change=lambda: None)
    clicked = result.get("cell")
    return Opened(clicked["cell"], float(clicked["threshold"])) if clicked else None


def drawing(table: ThresholdTable, band: RocBand | None = None) -> str:
    """What the front end draws of a set of scores, whatever the threshold: made once, as JSON.

    Args:
        table: Counts at every threshold.
        band: Interval of the ROC curve.

    Returns:
        An object whose table holds exact counts: every row of ``table``, or, where those are more
        than MAX_ROWS, the rows of ``table.thinned`` and every multiple of 0.001.
    """
    thresholds = np.asarray(table.thresholds, dtype=float)
    complete = thresholds.size <= MAX_ROWS
    if not complete:
        kept = np.asarray(table.thinned(MAX_ROWS).thresholds, dtype=float)
        thresholds = np.union1d(kept, np.arange(1001) / 1000)
    rows = _rows(table, thresholds)
    content = {
        "table": {
            "threshold": thresholds.tolist(),
            "tp": table.tp[rows].tolist(),
            "fp": table.fp[rows].tolist(),
            "complete": complete,
        },
        "positives": int(table.tp[0]),
        "negatives": int(table.fp[0]),
        "histogram": _histogram(table),
        "band": band
        and {k: np.round(getattr(band, k), 4).tolist() for k in ("fpr", "low", "high")},
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def payload(
    drawing: str,
    *,
    threshold: float,
    file: str,
    revision: int = 0,
    marks: Sequence[tuple[str, float]] = (),
    notes: Mapping[str, str] | None = None,
    opens: Sequence[str] = ("tp", "fn", "fp", "tn"),
) -> dict[str, Any]:
    """Everything that the front end is told, ready for JSON.

    A release changes none of it, and what has not changed is not sent again.

    Args:
        drawing: What ``drawing`` made.
        threshold: Where the thumb starts, in [0, 1].
        file: How the names of saved pictures begin.
        revision: Changes when the thumb is to jump to ``threshold``.
        marks: Names and thresholds of points to mark on the pictures.
        notes: A few words beside the headings ``"roc"`` and ``"pr"``.
        opens: Cells of the matrix that can be clicked, of ``"tp" "fn" "fp" "tn"``.
    """
    return {
        "drawing": drawing,
        "file": file,
        "start": {"threshold": float(np.clip(threshold, 0, 1)), "revision": revision},
        "marks": [{"name": name, "threshold": float(at)} for name, at in marks],
        "notes": dict(notes or {}),
        "opens": list(opens),
        "colours": {
            "normal": PALETTE.normal,
            "pneumonia": PALETTE.pneumonia,
            "point": PALETTE.point,
        },
        "words": words.CONTROL,
    }


def _rows(table: ThresholdTable, thresholds: np.ndarray) -> np.ndarray:
    """The row of the table whose counts hold at each threshold."""
    rows = np.searchsorted(table.thresholds, thresholds, side="left")
    return np.minimum(rows, len(table.thresholds) - 1)


def _histogram(table: ThresholdTable) -> dict[str, Any]:
    """Share of each class in BINS bins, even in log-odds and even in probability.

    The outermost bins also hold what lies beyond the axis.
    """
    scores = np.clip(table.thresholds[1:-1], 1e-12, 1 - 1e-12)
    log_odds = np.log(scores / (1 - scores)) if scores.size else np.zeros(1)
    ends = np.clip([log_odds.min(), log_odds.max()], -FARTHEST_LOG_ODDS, FARTHEST_LOG_ODDS)
    low, high = ends[0] - 0.5, ends[1] + 0.5
    return {
        "range": [float(low), float(high)],
        "odds": _shares(table, 1 / (1 + np.exp(-np.linspace(low, high, BINS + 1)))),
        "even": _shares(table, np.arange(BINS + 1) / BINS),
    }


def _shares(table: ThresholdTable, edges: np.ndarray) -> dict[str, list[float]]:
    rows = _rows(table, edges[1:-1])

    def shares(at_or_above: np.ndarray) -> list[float]:
        total = at_or_above[0]
        counts = -np.diff([total, *at_or_above[rows], 0])
        return np.round(counts / max(total, 1), 5).tolist()

    return {"normal": shares(table.fp), "pneumonia": shares(table.tp)}
