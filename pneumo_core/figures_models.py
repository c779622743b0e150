"""Plotly figures that set trained models beside one another, and those of one model's training."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from pneumo_core.figure_style import AXIS, blank, number, reference, unit_square
from pneumo_core.figures import MAX_POINTS, Series
from pneumo_core.palette import PALETTE
from pneumo_core.proportions import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from pneumo_core.intervals import McNemar

LINES = (
    (PALETTE.series[0], "solid", "circle"),
    (PALETTE.series[1], "dash", "square"),
    (PALETTE.pneumonia, "dashdot", "diamond"),
    (PALETTE.normal, "longdash", "triangle-up"),
    (PALETTE.point, "dot", "cross"),
    (PALETTE.quiet, "longdashdot", "x"),
)
"""Colour, line and mark of each model in a chart of many: there no hue stands for a class."""

CORNER = 0.4
"""Side of the corner of the ROC square that is shown enlarged."""

PHASE = 0.16
"""Opacity of the shade behind every second phase of training."""

_PUBLISHED = {
    "color": PALETTE.series[1],
    "symbol": "diamond-open",
    "size": 11,
    "line": {"width": 2, "color": PALETTE.series[1]},
}
"""The mark of a source system's own figure."""


@dataclass(frozen=True)
class Column:
    """One figure of every model.

    Attributes:
        title: What the figure is called.
        ours: Its value for each model; an undefined one leaves a gap.
        published: The source system's, None where it states none.
        percent: Whether it is written in percent.
    """

    title: str
    ours: Sequence[Estimate]
    published: Sequence[float | None]
    percent: bool


def beside_published(
    names: Sequence[str], columns: Sequence[Column], legend: Sequence[str]
) -> go.Figure:
    """Draw a row a model and a panel a figure: ours as dot and whiskers, the published as diamonds.

    Args:
        names: Of the models, from top to bottom, as the HTML that plotly knows.
        columns: Left to right.
        legend: What ours and the published figures are called.
    """
    figure = blank("", "")
    rows = np.arange(len(names))[::-1]
    for i, column in enumerate(columns):
        suffix = "" if i == 0 else str(i + 1)
        kind = ".1%" if column.percent else ".3f"
        value, low, high = np.array([[number(x) for x in e.to_json()] for e in column.ours]).T
        theirs = np.array([number(x) for x in column.published])
        figure.add_scatter(
            x=value,
            y=rows,
            error_x={"array": high - value, "arrayminus": value - low, "thickness": 2, "width": 0},
            customdata=np.stack([low, high], axis=1),
            mode="markers",
            marker={"color": PALETTE.series[0], "symbol": "circle", "size": 10},
            hovertemplate=f"{column.title} %{{x:{kind}}} "
            f"(%{{customdata[0]:{kind}}} to %{{customdata[1]:{kind}}})<extra></extra>",
            **_shared(legend[0], suffix, i),
        )
        figure.add_scatter(
            x=theirs,
            y=rows,
            mode="markers",
            marker=_PUBLISHED,
            hovertemplate=f"{legend[1]}: %{{x:{kind}}}<extra></extra>",
            **_shared(legend[1], suffix, i),
        )
        figure.update_layout({f"xaxis{suffix}": _panel(i, len(columns), column, low, theirs)})
    for row, name in zip(rows, names, strict=True):
        figure.add_annotation(
            x=0,
            xref="paper",
            xanchor="left",
            y=row + 0.22,
            yanchor="bottom",
            text=name,
            showarrow=False,
            align="left",
        )
        figure.add_shape(
            type="line",
            x0=0,
            x1=1,
            xref="paper",
            y0=row - 0.38,
            y1=row - 0.38,
            line={"color": PALETTE.faded(PALETTE.quiet, 0.35), "width": 1},
            layer="below",
        )
    return figure.update_layout(
        yaxis={"visible": False, "range": [-0.42, len(names) - 0.22], "fixedrange": True},
        legend={"y": 1, "yref": "container", "yanchor": "top"},
        margin={"l": 0, "r": 0, "t": 60, "b": 10},
        height=100 + 58 * len(names),
    )


def overlay(series: Sequence[Series], corner: bool = False, legend: bool = True) -> go.Figure:
    """Draw the ROC curves of at most six models on the same images, each with its operating point.

    Args:
        series: The models; bands are not drawn.
        corner: Show the upper left corner only, enlarged.
        legend: Whether the curves are named.
    """
    figure = blank("False positive rate (1 − specificity)", "Sensitivity")
    if not corner:
        reference(figure, [0, 1], [0, 1], "Chance")
    for one, (colour, dash, mark) in zip(series, LINES[: len(series)], strict=True):
        table = one.table.thinned(MAX_POINTS)
        shared = {"name": html.escape(one.name), "legendgroup": one.name, "showlegend": False}
        figure.add_scatter(
            x=table.fpr,
            y=table.tpr,
            customdata=table.thresholds,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{x:.3f}, %{y:.3f}<br>threshold %{customdata:.4f}",
            **shared,
        )
        point = {"size": 12, "symbol": mark, "color": colour}
        counts = one.table.at(1.0 if one.threshold is None else one.threshold)
        drawn = None not in (one.threshold, counts.sensitivity, counts.specificity)
        figure.add_scatter(
            x=[1 - counts.specificity if drawn else None],
            y=[counts.sensitivity if drawn else None],
            mode="markers",
            marker=point,
            hovertemplate=f"%{{x:.3f}}, %{{y:.3f}}<br>at its threshold {one.threshold:.3f}"
            if drawn
            else None,
            **shared,
        )
        # Line and mark under one name: the legend then shows both.
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            marker=point,
            **shared | {"showlegend": legend},
        )
    inside = {"orientation": "v", "x": 1, "xanchor": "right", "y": 0.02, "yanchor": "bottom"}
    unit_square(figure).update_layout(legend=inside, height=460)
    if corner:
        figure.update_layout(xaxis_range=[-0.01, CORNER], yaxis_range=[1 - CORNER, 1.01])
    return figure


def only_wrong(kinds: Sequence[tuple[str, McNemar]], names: tuple[str, str, str]) -> go.Figure:
    """Draw how many images of each kind only one, both, or only the other of two models gets wrong.

    Args:
        kinds: Name of a kind of image, and its counts.
        names: What the three parts are called, left to right.
    """
    figure = blank("Images", "")
    parts = (
        (names[0], PALETTE.series[0], "", lambda test: test.only_b_right),
        (names[1], PALETTE.quiet, "x", lambda test: test.both_wrong),
        (names[2], PALETTE.series[1], "/", lambda test: test.only_a_right),
    )
    for name, colour, pattern, count in parts:
        counts = [count(test) for _, test in kinds]
        figure.add_bar(
            x=counts,
            y=[title for title, _ in kinds],
            orientation="h",
            name=html.escape(name),
            text=[value or "" for value in counts],
            textposition="inside",
            textangle=0,
            constraintext="none",
            insidetextanchor="middle",
            marker={
                "color": PALETTE.faded(colour, 0.3),
                "line": {"color": colour, "width": 1.5},
                "pattern": {"shape": pattern, "fgcolor": PALETTE.faded(colour, 0.45), "size": 6},
            },
            hovertemplate="%{y}: %{x}",
        )
    return figure.update_layout(
        barmode="stack",
        yaxis={"autorange": "reversed", "showgrid": False, "automargin": True},
        legend={"orientation": "h", "traceorder": "normal"},
        height=120 + 55 * len(kinds),
    )


def gains(
    names: Sequence[str],
    ours: Sequence[Estimate],
    published: Sequence[float | None],
    legend: Sequence[str],
) -> go.Figure:
    """Draw differences in points about a line at zero, with the published ones beside them.

    Args:
        names: Of the figures, from top to bottom.
        ours: Differences of shares, with intervals.
        published: The source system's, None where it states none.
        legend: What ours and the published ones are called.
    """
    figure = blank("Points", "")
    rows = np.arange(len(names))[::-1]
    value, low, high = 100 * np.array([[number(x) for x in e.to_json()] for e in ours]).T
    figure.add_vline(0, line={"color": PALETTE.quiet, "width": 1.5, "dash": "dot"})
    figure.add_scatter(
        x=value,
        y=rows,
        error_x={"array": high - value, "arrayminus": value - low, "thickness": 2, "width": 0},
        mode="markers",
        marker={"color": PALETTE.series[0], "size": 10},
        name=legend[0],
        hovertemplate="%{x:+.1f}<extra></extra>",
    )
    figure.add_scatter(
        x=100 * np.array([number(x) for x in published]),
        y=rows,
        mode="markers",
        marker=_PUBLISHED,
        name=legend[1],
        hovertemplate="%{x:+.1f}<extra></extra>",
    )
    return figure.update_layout(
        yaxis={
            "tickvals": rows,
            "ticktext": list(names),
            "showgrid": False,
            "range": [-0.5, len(names) - 0.5],
            "automargin": True,
        },
        height=110 + 40 * len(names),
    )


def training_curves(
    history: pd.DataFrame, kept: Iterable[int], titles: Mapping[str, str], legend: Sequence[str]
) -> go.Figure:
    """Draw what was measured in each epoch, training beside validation, a panel a figure.

    Args:
        history: Columns epoch, phase, and train_... and val_... of each figure.
        kept: The epochs whose weights were kept, each marked by a line.
        titles: Of the panels, by the name of the figure, left to right.
        legend: What training, validation and a kept epoch are called.
    """
    figure = blank("", "")
    splits = (("train", PALETTE.quiet, "dot"), ("val", PALETTE.series[0], "solid"))
    for i, (key, title) in enumerate(titles.items()):
        suffix = "" if i == 0 else str(i + 1)
        for (split, colour, dash), name in zip(splits, legend[:2], strict=True):
            figure.add_scatter(
                x=history["epoch"],
                y=history[f"{split}_{key}"],
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2},
                marker={"size": 5},
                hovertemplate=f"epoch %{{x}}: %{{y:.4f}}<extra>{name}</extra>",
                **_shared(name, suffix, i, own_rows=True),
            )
        gap = 0.07
        width = (1 + gap) / len(titles)
        domain = [i * width, (i + 1) * width - gap]
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    **AXIS,
                    "title": "Epoch",
                    "domain": domain,
                    "anchor": f"y{suffix}",
                    "range": [0.5, float(history["epoch"].max()) + 0.5],
                    "showgrid": False,
                },
                f"yaxis{suffix}": {**AXIS, "anchor": f"x{suffix}", "nticks": 6},
            }
        )
        figure.add_annotation(
            text=f"<b>{title}</b>",
            x=domain[0],
            xref="paper",
            xanchor="left",
            y=1.0,
            yref="paper",
            yanchor="bottom",
            showarrow=False,
        )
        for _, phase in list(history.groupby("phase"))[1::2]:
            figure.add_shape(
                type="rect",
                x0=phase["epoch"].min() - 0.5,
                x1=phase["epoch"].max() + 0.5,
                y0=0,
                y1=1,
                xref=f"x{suffix}",
                yref=f"y{suffix} domain",
                fillcolor=PALETTE.faded(PALETTE.quiet, PHASE),
                line_width=0,
                layer="below",
            )
        for epoch in kept:
            figure.add_shape(
                type="line",
                x0=epoch,
                x1=epoch,
                y0=0,
                y1=1,
                xref=f"x{suffix}",
                yref=f"y{suffix} domain",
                line={"color": PALETTE.point, "width": 2, "dash": "dash"},
            )
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        name=legend[2],
        line={"color": PALETTE.point, "width": 2, "dash": "dash"},
    )
    return figure.update_layout(
        height=340,
        margin={"t": 60},
        legend={"y": 1, "yref": "container", "yanchor": "top"},
    )


def _shared(name: str, suffix: str, i: int, own_rows: bool = False) -> dict[str, object]:
    """Name and axes of a trace that every panel has one of, named in the legend once."""
    return {
        "name": name,
        "legendgroup": name,
        "showlegend": i == 0,
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}" if own_rows else "y",
    }


def _panel(
    i: int, count: int, column: Column, low: np.ndarray, published: np.ndarray
) -> dict[str, object]:
    """The horizontal axis of a panel: from below the lowest value drawn to just above 1."""
    drawn = np.concatenate([low, published])
    lowest = float(np.nanmin(drawn)) if np.isfinite(drawn).any() else 0.0
    start = max(lowest - 0.08 * (1 - lowest) - 0.005, -0.03)
    gap = 0.04
    return {
        **AXIS,
        "title": {"text": f"<b>{column.title}</b>", "standoff": 8},
        "side": "top",
        "showgrid": True,
        "domain": [i / count + (gap / 2 if i else 0), (i + 1) / count - gap / 2],
        "range": [start, 1 + 0.04 * (1 - start)],
        "nticks": 4,
        "tickangle": 0,
        "tickformat": ".0%" if column.percent else ".2f",
        "fixedrange": True,
    }
