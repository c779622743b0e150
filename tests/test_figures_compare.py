"""Figures that compare show each estimate at its place, with whiskers to its limits."""

import numpy as np
import pytest

from pneumo_core.figures_compare import Panel, by_group, comparison
from pneumo_core.proportions import UNDEFINED, Estimate


def trace(figure, name):
    (found,) = [t for t in figure.data if t.name == name]
    return found


def test_comparison_draws_whiskers_to_the_limits():
    validation = [Estimate(0.9, 0.8, 0.95), UNDEFINED]
    test = [Estimate(0.7, 0.6, 0.8), Estimate(0.5, 0.4, 0.7)]
    figure = comparison(["Sensitivity", "PPV"], [("val", validation), ("test", test)])
    drawn = trace(figure, "test")
    assert list(drawn.x) == [0.7, 0.5]
    assert drawn.error_x.array == pytest.approx([0.1, 0.2])
    assert drawn.error_x.arrayminus == pytest.approx([0.1, 0.1])
    assert np.isnan(trace(figure, "val").x[1])
    assert list(figure.layout.yaxis.ticktext) == ["Sensitivity", "PPV"]


def test_one_series_needs_no_legend():
    figure = comparison(["Sensitivity"], [("Yours", [Estimate(0.9, 0.8, 0.95)])])
    assert list(figure.data[0].y) == [0]
    assert figure.layout.showlegend is False


SENSITIVITY = Panel("Sensitivity", [Estimate(0.9, 0.8, 0.95), UNDEFINED], Estimate(0.8, 0.7, 0.9))
AUC = Panel("AUC", [Estimate(0.7, 0.6, 0.8), Estimate(0.95, 0.9, 1.0)], UNDEFINED)


def test_groups_stand_in_the_same_row_of_every_panel():
    figure = by_group(["bacteria", "normal"], [SENSITIVITY, AUC])
    first, second = (trace(figure, name) for name in ("Sensitivity", "AUC"))
    assert list(first.y) == list(second.y) == [1, 0]
    assert list(figure.layout.yaxis.tickvals) == [1, 0]
    assert list(figure.layout.yaxis.ticktext) == ["bacteria", "normal"]
    assert (first.x[0], second.x[1]) == (0.9, 0.95)
    assert np.isnan(first.x[1])
    assert second.error_x.arrayminus == pytest.approx([0.1, 0.05])
    assert (first.xaxis, second.xaxis) == ("x", "x2")
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0]


def test_all_images_together_are_a_line_with_its_interval():
    band, line = by_group(["bacteria", "normal"], [SENSITIVITY, AUC]).layout.shapes
    assert (band.x0, band.x1, line.x0, line.x1) == (0.7, 0.9, 0.8, 0.8)
    assert (line.y0, line.y1, line.xref) == (-0.5, 1.5, "x")


def test_names_of_groups_are_no_markup():
    figure = by_group(["<5 years", "a & b"], [AUC])
    assert list(figure.layout.yaxis.ticktext) == ["&lt;5 years", "a &amp; b"]
