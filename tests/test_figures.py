"""Figures show the numbers they were given, at the place that the numbers say."""

import itertools

import numpy as np
import pandas as pd
import pytest

from pneumo_core import figures
from pneumo_core.calibration import reliability
from pneumo_core.confusion import Confusion, threshold_table
from pneumo_core.decision import at_prevalence, decision_curve, net_benefit
from pneumo_core.figures import Series
from pneumo_core.palette import PALETTE
from pneumo_core.resampling import RocBand

LABELS = np.array([0, 0, 0, 1, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.2, 0.6, 0.4, 0.7, 0.8, 0.9])
TABLE = threshold_table(LABELS, PROBABILITIES)


def trace(figure, name):
    (found,) = [t for t in figure.data if t.name == name]
    return found


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def contrast(a, b):
    darker, lighter = sorted([luminance(a), luminance(b)])
    return (lighter + 0.05) / (darker + 0.05)


COLOURS = [PALETTE.normal, PALETTE.pneumonia, PALETTE.point, *PALETTE.series, PALETTE.quiet]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("background", ["#ffffff", "#10151b"])
def test_every_colour_stands_out_on_both_backgrounds(colour, background):
    assert contrast(colour, background) >= 3


# Machado, Oliveira and Fernandes (2009), full deficiency, on linear RGB.
DEFICIENCIES = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("kind", DEFICIENCIES)
@pytest.mark.parametrize("pair", [(PALETTE.normal, PALETTE.pneumonia), PALETTE.series])
def test_colours_of_a_pair_stay_apart_for_a_colour_blind_eye(kind, pair):
    from skimage.color import deltaE_ciede2000, rgb2lab

    seen = []
    for colour in pair:
        rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        linear = np.clip(np.array(DEFICIENCIES[kind]) @ linear, 0, 1)
        encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        seen.append(rgb2lab(encoded))
    assert deltaE_ciede2000(*seen) > 15


def test_roc_has_every_corner_and_its_point():
    figure = figures.roc([Series("test", TABLE, threshold=0.5)])
    curve = trace(figure, "test")
    corners = set(zip(np.round(curve.x, 6), np.round(curve.y, 6), strict=True))
    third = round(1 / 3, 6)
    assert {(1, 1), (third, 1), (third, 0.75), (0, 0.75), (0, 0)} <= corners
    point = trace(figure, "test at 0.500")
    assert point.x == (pytest.approx(1 / 3),)
    assert point.y == (0.75,)


def test_roc_band_is_a_closed_ring():
    band = RocBand(np.array([0, 0.5, 1]), np.array([0, 0.6, 0.9]), np.array([0.2, 0.9, 1]))
    ring = trace(figures.roc([Series("test", TABLE, band=band)]), "test, 95 %")
    assert list(ring.x) == [0, 0.5, 1, 1, 0.5, 0]
    assert list(ring.y) == [0.2, 0.9, 1, 0.9, 0.6, 0]
    assert ring.fill == "toself"


def test_two_models_differ_in_more_than_colour():
    first, second = (
        trace(figures.roc([Series("a", TABLE, 0.3), Series("b", TABLE, 0.7)]), name)
        for name in "ab"
    )
    assert first.line.dash != second.line.dash


def test_one_class_gives_a_picture_without_point():
    table = threshold_table([1, 1], [0.2, 0.8])
    figure = figures.roc([Series("test", table, threshold=0.5)])
    assert not [t for t in figure.data if t.mode == "markers"]


def test_reliability_shows_counts_and_leaves_empty_bins_out():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    probabilities = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    bins = reliability(labels, probabilities, bins=5)
    drawn = trace(figures.reliability([("calibrated", bins)]), "calibrated")
    assert drawn.x == pytest.approx((0.1, 0.9))
    assert drawn.y == (0.25, 1)
    assert [row[0] for row in drawn.customdata] == [4, 4]
    low = drawn.y[0] - drawn.error_y.arrayminus[0]
    assert low == pytest.approx(0.0456, abs=5e-4)  # Wilson, 1 of 4


def test_reliability_before_is_drawn_behind():
    bins = reliability(LABELS, PROBABILITIES, bins=5)
    figure = figures.reliability([("before", bins), ("calibrated", bins)])
    names = [t.name for t in figure.data]
    assert names.index("before") < names.index("calibrated")
    assert trace(figure, "before").line.dash == "dash"
    assert trace(figure, "calibrated").line.dash == "solid"


def test_decision_curve_shows_the_model_and_the_fixed_threshold():
    curve = decision_curve(TABLE, preferences=[0.25, 0.5, 0.75])
    fixed = net_benefit(TABLE.at(0.5), curve.preferences)
    figure = figures.decision_curve(curve, 0.5, fixed)
    # At a preference of 0.5: 3 found and 1 false alarm of 7, at equal cost.
    assert trace(figure, "Treat by the model").y[1] == pytest.approx((3 - 1) / 7)
    assert trace(figure, "Treat from 0.500 on").y[1] == pytest.approx((3 - 1) / 7)
    assert trace(figure, "Treat from 0.500 on").y[0] == pytest.approx((3 - 1 / 3) / 7)
    assert trace(figure, "Treat everybody").y[1] == pytest.approx((4 - 3) / 7)
    assert [t.y[0] for t in figure.data if t.fill] == [curve.high[0], fixed[2][0]]
    low, high = figure.layout.yaxis.range
    assert low < 0 < curve.model.max() < high


def test_per_thousand_adds_up():
    clinic = at_prevalence(Confusion(tp=90, fp=20, tn=80, fn=10), 0.1)
    bars = figures.per_thousand(clinic, ["found", "missed", "false alarms", "cleared"]).data
    assert [bar.x[0] for bar in bars] == pytest.approx([90, 10, 180, 720])
    assert [bar.name for bar in bars][:2] == ["90 found", "10 missed"]


def test_training_history_marks_the_epoch_that_was_kept():
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [0.5, 0.3, 0.2],
            "val_loss": [0.4, 0.3, 0.35],
            "val_auc": [0.9, 0.95, 0.94],
        }
    )
    figure = figures.training_history(history, best_epoch=2)
    assert list(trace(figure, "Loss, validation").y) == [0.4, 0.3, 0.35]
    assert trace(figure, "AUC, validation").yaxis == "y2"
    assert figure.layout.shapes[0].x0 == 2


def test_confusion_matrix_puts_each_count_in_its_cell():
    (heat,) = figures.confusion_matrix(Confusion(tp=8, fp=3, tn=7, fn=2)).data
    cells = {
        (truth, called): heat.text[i][j]
        for (i, truth), (j, called) in itertools.product(enumerate(heat.y), enumerate(heat.x))
    }
    assert cells["Pneumonia", "Pneumonia"] == "8<br>80.0 %"
    assert cells["Pneumonia", "Normal"] == "2<br>20.0 %"
    assert cells["Normal", "Pneumonia"] == "3<br>30.0 %"
    assert cells["Normal", "Normal"] == "7<br>70.0 %"
    assert heat.z[0][list(heat.x).index("Pneumonia")] == 0.8


def test_a_long_table_is_thinned():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 20_000)
    table = threshold_table(labels, np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1))
    curve = trace(figures.roc([Series("test", table)]), "test")
    assert len(curve.x) <= figures.MAX_POINTS


def test_figures_leave_the_background_to_the_page():
    figure = figures.roc([Series("test", TABLE)])
    assert figure.layout.paper_bgcolor is None
    assert figure.layout.plot_bgcolor is None
