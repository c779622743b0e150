"""Plotly figures that set estimates with their intervals beside one another."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pneumo_core.figure_style import AXIS, SYMBOLS, blank, number
from pneumo_core.palette import PALETTE
from pneumo_core.proportions import Estimate


def comparison(names: Sequence[str], series: Sequence[tuple[str, Sequence[Estimate]]]) -> go.Figure:
    """Draw figures with their intervals side by side, as dots and whiskers.

    Args:
        names: What each figure is called, from top to bottom.
        series: One or two names (validation, test), each with an estimate a figure; an undefined
            one leaves a gap.
    """
    figure = blank("", "")
    offsets = [0.0] if len(series) == 1 else [0.16, -0.16]
    rows = np.arange(len(names))[::-1]
    for i, (name, estimates) in enumerate(series):
        figure.add_scatter(
            **_dots(estimates, rows + offsets[i], PALETTE.series[i], SYMBOLS[i]),
            name=name,
            hovertemplate="%{x:.3f}",
        )
    figure.update_layout(
        yaxis={"tickvals": rows, "ticktext": list(names), "showgrid": False, "zeroline": False},
        hovermode="closest",
        height=60 + 48 * len(names),
        showlegend=len(series) > 1,
    )
    return figure


@dataclass(frozen=True)
class Panel:
    """One figure of every group.

    Attributes:
        title: What the figure is called.
        groups: Its value in each group; an undefined one leaves a gap.
        whole: Its value on all images together, drawn as a line with its interval as a band.
    """

    title: str
    groups: Sequence[Estimate]
    whole: Estimate


def by_group(names: Sequence[str], panels: Sequence[Panel]) -> go.Figure:
    """Draw one panel a figure, side by side, with a row a group: dots and whiskers.

    Args:
        names: Of the groups, from top to bottom; taken as plain text.
        panels: Left to right.
    """
    figure = blank("", "")
    rows = np.arange(len(names))[::-1]
    edges = [-0.5, len(names) - 0.5]
    for i, panel in enumerate(panels):
        suffix = "" if i == 0 else str(i + 1)
        figure.add_scatter(
            **_dots(panel.groups, rows, PALETTE.series[0], SYMBOLS[0]),
            xaxis=f"x{suffix}",
            name=panel.title,
            customdata=[[html.escape(name)] for name in names],
            hovertemplate="%{customdata[0]}: %{x:.3f}<extra></extra>",
        )
        gap = 0.05
        left, right = i / len(panels), (i + 1) / len(panels)
        axis = {**AXIS, "title": panel.title, "domain": [left, right - gap], "nticks": 5}
        figure.update_layout({f"xaxis{suffix}": axis})
        if panel.whole.value is None:
            continue
        where = {"xref": f"x{suffix}", "yref": "y", "y0": edges[0], "y1": edges[1]}
        low, high = (number(limit) for limit in (panel.whole.low, panel.whole.high))
        fill = PALETTE.faded(PALETTE.quiet, 0.16)
        line = {"color": PALETTE.quiet, "dash": "dot", "width": 1.5}
        value = panel.whole.value
        figure.add_shape(
            type="rect", x0=low, x1=high, fillcolor=fill, line_width=0, layer="below", **where
        )
        figure.add_shape(type="line", x0=value, x1=value, line=line, layer="below", **where)
    return figure.update_layout(
        yaxis={
            "tickvals": rows,
            "ticktext": [html.escape(name) for name in names],
            "showgrid": False,
            "range": edges,
            "automargin": True,
        },
        showlegend=False,
        margin_t=10,
        height=90 + 44 * len(names),
    )


def _dots(
    estimates: Sequence[Estimate], rows: np.ndarray, colour: str, symbol: str
) -> dict[str, object]:
    """The part of a scatter trace that draws estimates along x, with whiskers to their limits."""
    value, low, high = np.array([[number(x) for x in e.to_json()] for e in estimates]).T
    return {
        "x": value,
        "y": rows,
        "error_x": {
            "array": high - value,
            "arrayminus": value - low,
            "thickness": 2,
            "width": 0,
        },
        "mode": "markers",
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": 10,
            "line": {"width": 2, "color": colour},
        },
    }
