"""Plotly figures of a run's numbers: data in, Figure out.

Backgrounds and fonts are left to the page's theme. What shares a figure differs in more than hue
(solid or dashed, filled or open), so that no chart needs an eye for colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from pneumo_core import CLASS_NAMES
from pneumo_core.figure_style import DASHES, SYMBOLS, blank, number, reference, unit_square
from pneumo_core.palette import PALETTE

if TYPE_CHECKING:
    import pandas as pd

    from pneumo_core.calibration import ReliabilityBin
    from pneumo_core.confusion import Confusion, ThresholdTable
    from pneumo_core.decision import Clinic, DecisionCurve
    from pneumo_core.resampling import RocBand


MAX_POINTS = 2000
"""Rows of a threshold table that a curve is drawn from; all corners that matter are among them."""


@dataclass(frozen=True)
class Series:
    """One model on one set of images, as a curve.

    Attributes:
        name: What the legend calls it.
        table: Its counts at every threshold.
        threshold: Its operating point, None for none.
        band: Interval of its sensitivity.
    """

    name: str
    table: ThresholdTable
    threshold: float | None = None
    band: RocBand | None = None


def roc(series: Sequence[Series]) -> go.Figure:
    """Draw ROC curves of at most two series, with bands and operating points, and the diagonal."""
    figure = blank("False positive rate (1 − specificity)", "Sensitivity")
    reference(figure, [0, 1], [0, 1], "Chance")
    for i, one in enumerate(series):
        if one.band is not None:
            band = one.band
            figure.add_scatter(
                x=np.concatenate([band.fpr, band.fpr[::-1]]),
                y=np.concatenate([band.high, band.low[::-1]]),
                fill="toself",
                fillcolor=PALETTE.faded(PALETTE.series[i], 0.15),
                line_width=0,
                hoverinfo="skip",
                name=f"{one.name}, 95 %",
            )
        table = one.table.thinned(MAX_POINTS)
        _curve(figure, i, one, table.fpr, table.tpr, table.thresholds)
    for i, one in enumerate(series):
        if one.threshold is not None:
            counts = one.table.at(one.threshold)
            if counts.sensitivity is not None and counts.specificity is not None:
                _point(figure, i, 1 - counts.specificity, counts.sensitivity, one)
    return unit_square(figure)


def reliability(series: Sequence[tuple[str, Sequence[ReliabilityBin]]]) -> go.Figure:
    """Draw observed against promised shares of pneumonia, with intervals and counts.

    Args:
        series: One or two names and tables; the last is drawn solid and in front, one before it
            (before calibration) open and dashed behind.
    """
    figure = blank("Promised probability", "Share with pneumonia")
    reference(figure, [0, 1], [0, 1], "Perfect")
    for i, (name, rows) in zip(reversed(range(len(series))), series, strict=True):
        filled = [row for row in rows if row.n]
        value = [row.observed.value for row in filled]
        figure.add_scatter(
            x=[row.mean_probability for row in filled],
            y=value,
            error_y={
                "array": [row.observed.high - row.observed.value for row in filled],
                "arrayminus": [row.observed.value - row.observed.low for row in filled],
                "thickness": 1,
                "width": 3,
            },
            customdata=[[row.n, row.positives, row.low, row.high] for row in filled],
            hovertemplate=(
                "promised %{x:.3f}, observed %{y:.3f}<br>"
                "%{customdata[1]} of %{customdata[0]} images "
                "from %{customdata[2]:.2f} to %{customdata[3]:.2f}"
            ),
            mode="lines+markers",
            line={"color": PALETTE.series[i], "dash": DASHES[i], "width": 1.5},
            marker={"symbol": SYMBOLS[i], "size": 8},
            name=name,
        )
    return unit_square(figure)


def decision_curve(
    curve: DecisionCurve, threshold: float, fixed: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> go.Figure:
    """Draw the net benefit of the model against treating everybody and nobody.

    Args:
        curve: Calling positive from each preference on, and the two strategies without a model.
        threshold: The operating point.
        fixed: (M,) net benefit of the operating point at the curve's preferences, and its limits.
    """
    figure = blank("Preference: probability from which to treat", "Net benefit")
    x = curve.preferences
    reference(figure, x, curve.treat_all, "Treat everybody", dash="dash")
    reference(figure, x, curve.treat_none, "Treat nobody")
    strategies = (
        ("Treat by the model", curve.model, curve.low, curve.high, PALETTE.series[0], "solid"),
        (f"Treat from {threshold:.3f} on", *fixed, PALETTE.point, "dashdot"),
    )
    for _, _, low, high, colour, _ in strategies:
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            fillcolor=PALETTE.faded(colour, 0.12),
            line_width=0,
            hoverinfo="skip",
            showlegend=False,
        )
    for name, value, _, _, colour, dash in strategies:
        figure.add_scatter(
            x=x,
            y=value,
            name=name,
            mode="lines",
            line={"color": colour, "width": 2.5, "dash": dash},
            hovertemplate="net benefit %{y:.3f} at %{x:.2f}",
        )
    top = float(max(np.max(curve.model), curve.prevalence))
    return figure.update_layout(xaxis_range=[0, 1], yaxis_range=[-0.3 * top, 1.08 * top])


def per_thousand(clinic: Clinic, names: Sequence[str]) -> go.Figure:
    """Draw what becomes of 1000 patients, as one bar in four parts.

    Args:
        clinic: Expected counts.
        names: What those found, missed, falsely alarmed and cleared are called.
    """
    figure = blank("Of 1000 patients", "")
    parts = (
        (clinic.tp, PALETTE.pneumonia, ""),
        (clinic.fn, PALETTE.pneumonia, "x"),
        (clinic.fp, PALETTE.normal, "x"),
        (clinic.tn, PALETTE.normal, ""),
    )
    for name, (count, colour, pattern) in zip(names, parts, strict=True):
        patients = number(count.value)
        figure.add_bar(
            x=[patients],
            y=[""],
            orientation="h",
            name=f"{patients:.0f} {name}",
            marker={
                "color": PALETTE.faded(colour, 0.3 if pattern else 0.8),
                "line": {"color": colour, "width": 1.5},
                "pattern": {"shape": pattern, "fgcolor": colour},
            },
            hovertemplate=f"{name}: {patients:.0f} ({number(count.low):.0f} to "
            f"{number(count.high):.0f}) of 1000<extra></extra>",
        )
    return figure.update_layout(
        barmode="stack",
        height=150,
        margin_r=25,
        xaxis={"range": [0, 1000], "dtick": 200},
        yaxis_visible=False,
        legend_traceorder="normal",
    )


def training_history(history: pd.DataFrame, best_epoch: int | None = None) -> go.Figure:
    """Draw losses and validation AUC over the epochs.

    Args:
        history: Columns epoch, train_loss, val_loss, val_auc.
        best_epoch: Epoch whose weights were kept, to mark.
    """
    figure = blank("Epoch", "Loss")
    lines = (
        ("train_loss", "Loss, training", PALETTE.quiet, "solid", "y"),
        ("val_loss", "Loss, validation", PALETTE.series[0], "solid", "y"),
        ("val_auc", "AUC, validation", PALETTE.series[1], "dash", "y2"),
    )
    for column, name, colour, dash, axis in lines:
        figure.add_scatter(
            x=history["epoch"],
            y=history[column],
            yaxis=axis,
            name=name,
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{y:.4f}",
        )
    figure.update_layout(
        yaxis_rangemode="tozero",
        yaxis2={"title": "AUC", "overlaying": "y", "side": "right", "showgrid": False},
    )
    if best_epoch is not None:
        figure.add_vline(best_epoch, line={"color": PALETTE.point, "width": 1.5, "dash": "dot"})
    return figure


def confusion_matrix(confusion: Confusion) -> go.Figure:
    """Draw the four counts, each shaded by its share of the true class."""
    counts = np.array([[confusion.fn, confusion.tp], [confusion.tn, confusion.fp]])
    totals = np.array([[confusion.positives], [confusion.negatives]])
    shares = counts / np.maximum(totals, 1)
    figure = blank("Called", "Truth")
    figure.add_heatmap(
        z=shares,
        x=list(CLASS_NAMES),
        y=list(CLASS_NAMES[::-1]),
        text=[
            [f"{count}<br>{100 * share:.1f} %" for count, share in zip(*row, strict=True)]
            for row in zip(counts, shares, strict=True)
        ],
        texttemplate="%{text}",
        hovertemplate="%{y} called %{x}: %{text}<extra></extra>",
        textfont={"size": 18},
        colorscale=[[i, PALETTE.faded(PALETTE.normal, 0.05 + i / 2)] for i in (0, 1)],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=4,
        ygap=4,
    )
    figure.update_layout(
        xaxis={"side": "top", "showgrid": False},
        yaxis={"autorange": "reversed", "showgrid": False},
        height=320,
    )
    return figure


def _curve(
    figure: go.Figure,
    i: int,
    series: Series,
    x: np.ndarray,
    y: np.ndarray,
    thresholds: np.ndarray,
) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        customdata=thresholds,
        name=series.name,
        mode="lines",
        line={"color": PALETTE.series[i], "dash": DASHES[i], "width": 2.5},
        hovertemplate="%{x:.3f}, %{y:.3f}<br>threshold %{customdata:.4f}",
    )


def _point(figure: go.Figure, i: int, x: float, y: float, series: Series) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={
            "color": PALETTE.point,
            "symbol": SYMBOLS[i],
            "size": 14,
            "line": {"width": 2, "color": PALETTE.point},
        },
        name=f"{series.name} at {series.threshold:.3f}",
        hovertemplate="%{x:.3f}, %{y:.3f}",
    )
