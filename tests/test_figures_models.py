"""Figures of models side by side draw each number at its place and say which is whose."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from pneumo_core.confusion import threshold_table
from pneumo_core.figures import Series
from pneumo_core.figures_models import (
    CORNER,
    LINES,
    Column,
    beside_published,
    gains,
    only_wrong,
    overlay,
    training_curves,
)
from pneumo_core.intervals import McNemar
from pneumo_core.palette import PALETTE
from pneumo_core.proportions import UNDEFINED, Estimate

LEGEND = ("Ours", "Published")


def traces(figure: go.Figure, name: str) -> list:
    return [trace for trace in figure.data if trace.name == name]


@pytest.fixture
def beside() -> go.Figure:
    return beside_published(
        ["<b>Net</b> · from scratch", "Other"],
        [
            Column("AUC", [Estimate(0.9, 0.8, 0.95), UNDEFINED], [0.85, None], percent=False),
            Column("Recall", [UNDEFINED, Estimate(0.7, 0.6, 0.8)], [None, None], percent=True),
        ],
        LEGEND,
    )


def test_ours_have_whiskers_to_their_limits(beside):
    first, second = traces(beside, "Ours")
    assert first.x[0] == 0.9
    assert np.isnan(first.x[1])
    assert first.error_x.array[0] == pytest.approx(0.05)
    assert first.error_x.arrayminus[0] == pytest.approx(0.1)
    assert (second.x[1], second.error_x.arrayminus[1]) == (0.7, pytest.approx(0.1))


def test_published_stand_in_the_row_of_their_model(beside):
    first, second = traces(beside, "Published")
    assert list(first.y) == [1, 0] == list(traces(beside, "Ours")[0].y)
    assert first.x[0] == 0.85
    assert np.isnan(first.x[1])
    assert np.isnan(second.x).all()
    assert first.marker.symbol != traces(beside, "Ours")[0].marker.symbol


def test_each_panel_has_room_for_all_it_shows(beside):
    low, high = beside.layout.xaxis.range
    assert 0.7 < low < 0.8
    assert high > 1
    assert beside.layout.xaxis2.range[0] < 0.6
    assert beside.layout.xaxis.domain[1] < beside.layout.xaxis2.domain[0]
    assert "AUC" in beside.layout.xaxis.title.text
    assert (beside.layout.xaxis.tickformat, beside.layout.xaxis2.tickformat) == (".2f", ".0%")


def test_names_stand_above_their_rows(beside):
    first, second = beside.layout.annotations
    assert first.text == "<b>Net</b> · from scratch"
    assert 1 < first.y < 1.5
    assert 0 < second.y < 0.5


def test_the_legend_names_each_kind_once(beside):
    assert [trace.name for trace in beside.data if trace.showlegend] == list(LEGEND)


def test_a_panel_of_nothing_is_empty():
    column = Column("AUC", [UNDEFINED], [None], percent=False)
    low, high = beside_published(["Net"], [column], LEGEND).layout.xaxis.range
    assert low < 0 < 1 < high


@pytest.fixture
def series() -> list[Series]:
    labels = np.array([0, 0, 1, 1])
    good = threshold_table(labels, np.array([0.1, 0.2, 0.8, 0.9]))
    fair = threshold_table(labels, np.array([0.1, 0.85, 0.8, 0.9]))
    return [Series("good", good, 0.5), Series("<fair>", fair, 0.82)]


def test_each_curve_has_its_operating_point(series):
    figure = overlay(series)
    curve, point, _ = traces(figure, "good")
    assert (0, 1) in set(zip(curve.x, curve.y, strict=True))
    assert (point.x[0], point.y[0]) == (0, 1)
    _, point, _ = traces(figure, "&lt;fair&gt;")
    assert (point.x[0], point.y[0]) == (0.5, 0.5)
    assert "0.820" in point.hovertemplate


def test_curves_differ_in_more_than_hue():
    colours, dashes, marks = zip(*LINES, strict=True)
    assert len(set(colours)) == len(set(dashes)) == len(set(marks)) == len(LINES) == 6


def test_the_legend_shows_line_and_mark_of_each_curve(series):
    shown = [trace for trace in overlay(series).data if trace.showlegend]
    assert [(trace.line.dash, trace.marker.symbol) for trace in shown] == [
        LINES[0][1:],
        LINES[1][1:],
    ]
    assert not [trace for trace in overlay(series, legend=False).data if trace.showlegend]


def test_the_corner_is_the_part_with_few_errors(series):
    corner, whole = overlay(series, corner=True), overlay(series)
    assert corner.layout.xaxis.range[1] == CORNER
    assert corner.layout.yaxis.range[0] == 1 - CORNER
    assert whole.layout.xaxis.range[1] > 1
    assert traces(whole, "Chance")
    assert not traces(corner, "Chance")


def test_a_class_that_is_not_there_has_no_point():
    table = threshold_table(np.array([1, 1]), np.array([0.3, 0.9]))
    _, point, _ = overlay([Series("net", table, 0.5)]).data[1:]
    assert point.x == (None,)


def test_who_alone_is_wrong():
    sick, well = McNemar(300, 5, 2, 1, 0.4), McNemar(100, 0, 9, 3, 0.01)
    figure = only_wrong([("Missed", sick), ("Alarm", well)], ("only A", "both", "only B"))
    assert list(traces(figure, "only A")[0].x) == [2, 9], "where only B is right"
    assert list(traces(figure, "both")[0].x) == [1, 3]
    assert list(traces(figure, "only B")[0].x) == [5, 0]
    assert list(figure.data[0].y) == ["Missed", "Alarm"]
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 3


def test_gains_are_in_points_about_zero():
    figure = gains(["AUC", "F1"], [Estimate(0.05, -0.01, 0.11), UNDEFINED], [None, -0.07], LEGEND)
    (ours,), (theirs,) = traces(figure, "Ours"), traces(figure, "Published")
    assert ours.x[0] == pytest.approx(5)
    assert ours.error_x.arrayminus[0] == pytest.approx(6)
    assert theirs.x[1] == pytest.approx(-7)
    assert np.isnan(theirs.x[0])
    (zero,) = figure.layout.shapes
    assert (zero.x0, zero.x1) == (0, 0)


HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3, 4],
        "phase": [0, 0, 1, 1],
        "train_loss": [0.9, 0.7, 0.5, 0.4],
        "val_loss": [0.8, 0.6, 0.55, 0.6],
        "train_auc": [0.6, 0.7, 0.8, 0.9],
        "val_auc": [0.5, 0.7, 0.85, 0.8],
    }
)
CURVES = ("Training", "Validation", "Kept")


def test_training_and_validation_share_a_panel_a_figure():
    figure = training_curves(HISTORY, [3], {"loss": "Loss", "auc": "AUC"}, CURVES)
    loss, auc = traces(figure, "Validation")
    assert list(loss.y) == HISTORY["val_loss"].tolist()
    assert list(auc.y) == HISTORY["val_auc"].tolist()
    assert list(traces(figure, "Training")[1].y) == HISTORY["train_auc"].tolist()
    assert (loss.xaxis, auc.xaxis, auc.yaxis) == ("x", "x2", "y2")
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == list(CURVES)


def test_every_second_phase_is_shaded_and_kept_epochs_are_marked():
    figure = training_curves(HISTORY, [3, 4], {"loss": "Loss", "auc": "AUC"}, CURVES)
    shades = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(shade.x0, shade.x1, shade.xref) for shade in shades] == [
        (2.5, 4.5, "x"),
        (2.5, 4.5, "x2"),
    ]
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert [(line.x0, line.xref) for line in lines] == [(3, "x"), (4, "x"), (3, "x2"), (4, "x2")]
    assert {line.line.color for line in lines} == {PALETTE.point}


def test_one_phase_is_not_shaded():
    one = HISTORY.assign(phase=0)
    shapes = training_curves(one, [3], {"loss": "Loss"}, CURVES).layout.shapes
    assert [shape.type for shape in shapes] == ["line"]
