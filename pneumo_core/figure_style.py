"""What every plotly figure of the project has in common: its frame, its lines, its marks.

Backgrounds and fonts are left to the page's theme. What shares a figure differs in more than hue
(solid or dashed, filled or open), so that no chart needs an eye for colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pneumo_core.palette import PALETTE

DASHES = ("solid", "dash")
"""Lines of the first and of the second series."""

SYMBOLS = ("circle", "circle-open")
"""Marks of the first and of the second series."""

AXIS: dict[str, Any] = {
    "showline": False,
    "zeroline": False,
    "gridcolor": PALETTE.faded(PALETTE.quiet, 0.25),
}


def blank(x_title: str, y_title: str) -> go.Figure:
    """A figure with two titled axes and nothing in it."""
    return go.Figure(
        layout={
            "xaxis": {**AXIS, "title": x_title},
            "yaxis": {**AXIS, "title": y_title},
            "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
            "height": 380,
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "closest",
        }
    )


def unit_square(figure: go.Figure) -> go.Figure:
    """Let both axes run from 0 to 1, with a little room for what lies on the edge."""
    return figure.update_layout(xaxis_range=[-0.02, 1.02], yaxis_range=[-0.02, 1.02])


def reference(
    figure: go.Figure, x: Sequence[float], y: Sequence[float], name: str, dash: str = "dot"
) -> None:
    """Draw a quiet line that others are judged by."""
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        mode="lines",
        line={"color": PALETTE.quiet, "dash": dash, "width": 1.5},
        hoverinfo="skip",
    )


def number(value: float | None) -> float:
    """A value to draw: NaN, which leaves a gap, where it is undefined."""
    return np.nan if value is None else value
