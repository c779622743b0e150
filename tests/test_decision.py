"""Predictive values at a prevalence and net benefit, against hand tables and published examples."""

import warnings

import numpy as np
import pytest

from pneumo_core.confusion import Confusion, figures_at, threshold_table
from pneumo_core.decision import (
    at_other_prevalence,
    at_prevalence,
    decision_curve,
    net_benefit,
)
from pneumo_core.errors import DataError


def test_predictive_values_of_the_mammography_example():
    """Gigerenzer et al. (2007): sensitivity 90 %, specificity 91 %, prevalence 1 %.

    Of 1000 women 10 are ill and 9 found; 89.1 of 990 have a false alarm; so PPV = 9 / 98.1.
    """
    clinic = at_prevalence(Confusion(tp=90, fp=9, tn=91, fn=10), 0.01)
    assert clinic.tp.value == pytest.approx(9)
    assert clinic.fn.value == pytest.approx(1)
    assert clinic.fp.value == pytest.approx(89.1)
    assert clinic.tn.value == pytest.approx(900.9)
    assert clinic.alerts.value == pytest.approx(98.1)
    assert clinic.ppv.value == pytest.approx(9 / 98.1)
    assert clinic.npv.value == pytest.approx(900.9 / 901.9)
    assert clinic.lr_positive.value == pytest.approx(10)
    assert clinic.lr_negative.value == pytest.approx(10 / 91)


def test_at_the_sample_s_own_prevalence_nothing_changes():
    scan = Confusion(tp=231, fp=32, tn=54, fn=27)
    clinic = at_prevalence(scan, 0.75)
    assert clinic.ppv.value == pytest.approx(scan.ppv)
    assert clinic.npv.value == pytest.approx(scan.npv)
    assert clinic.ppv.low < clinic.ppv.value < clinic.ppv.high
    # The interval is close to Mercaldo's logit interval (Stat Med 26 (2007) 2170-2183).
    variance = 27 / 231 / 258 + 54 / 32 / 86
    logit = np.log(scan.ppv / (1 - scan.ppv)) + np.array([-1, 1]) * 1.96 * np.sqrt(variance)
    expected = 1 / (1 + np.exp(-logit))
    assert [clinic.ppv.low, clinic.ppv.high] == pytest.approx(list(expected), abs=0.01)


def test_intervals_of_counts_are_those_of_the_shares():
    scan = Confusion(tp=90, fp=9, tn=91, fn=10)
    clinic, shares = at_prevalence(scan, 0.2), scan.estimates()
    assert clinic.tp.low == pytest.approx(200 * shares["sensitivity"].low)
    assert clinic.fn.high == pytest.approx(200 * (1 - shares["sensitivity"].low))
    assert clinic.fp.low == pytest.approx(800 * (1 - shares["specificity"].high))
    assert clinic.alerts.low > clinic.tp.low + clinic.fp.low
    assert clinic.alerts.high < clinic.tp.high + clinic.fp.high


def test_no_false_alarm_in_the_sample_is_not_certainty():
    clinic = at_prevalence(Confusion(tp=9, fp=0, tn=10, fn=1), 0.1)
    assert clinic.ppv.value == 1.0
    assert clinic.ppv.high == 1.0
    assert clinic.ppv.low < 0.5
    clear = at_prevalence(Confusion(tp=10, fp=1, tn=9, fn=0), 0.1)
    assert clear.npv.value == 1.0
    assert clear.npv.low < 1


@pytest.mark.parametrize(
    "counts",
    [
        Confusion(0, 0, 0, 0),
        Confusion(tp=3, fp=0, tn=0, fn=1),
        Confusion(tp=0, fp=2, tn=3, fn=0),
        Confusion(tp=0, fp=0, tn=3, fn=3),
        Confusion(tp=3, fp=3, tn=0, fn=0),
        Confusion(tp=1, fp=0, tn=1, fn=0),
    ],
)
def test_degenerate_counts_give_limits_or_none(counts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clinic = at_prevalence(counts, 0.1)
    for estimate in (clinic.ppv, clinic.npv, clinic.alerts):
        parts = estimate.to_json()
        assert parts == [None] * 3 or all(p is not None and p == p for p in parts)
    one_class = not (counts.positives and counts.negatives)
    assert (clinic.alerts.value is None) == one_class
    assert (clinic.ppv.value is None) == (one_class or counts.tp + counts.fp == 0)
    assert (clinic.npv.value is None) == (one_class or counts.tn + counts.fn == 0)


def test_intervals_by_patient_are_carried_over():
    labels, p = [1, 0, 1, 0, 1, 0] * 20, [0.9, 0.2, 0.8, 0.7, 0.4, 0.1] * 20
    figures = figures_at(labels, p, 0.5, np.repeat(np.arange(20), 6) % 4)
    confusion = threshold_table(labels, p).at(0.5)
    wide, narrow = at_prevalence(confusion, 0.1, figures), at_prevalence(confusion, 0.1)
    assert wide.ppv.value == narrow.ppv.value
    assert wide.lr_positive == figures["lr_positive"]


@pytest.mark.parametrize("prevalence", [0, 1, 8, -0.1])
def test_senseless_prevalences_are_refused(prevalence):
    with pytest.raises(DataError, match="prevalence lies between 0 and 1"):
        at_prevalence(Confusion(1, 1, 1, 1), prevalence)
    with pytest.raises(DataError, match="prevalence lies between 0 and 1"):
        decision_curve(threshold_table([0, 1], [0.2, 0.8]), prevalence)


def test_net_benefit_by_hand():
    """Ten images, four ill. At preference 0.2 (a miss costs four false alarms) all from 0.2 on:

    4 found, 3 false alarms: 4 / 10 - 3 / 10 / 4 = 0.325; treating all: 0.4 - 0.6 / 4 = 0.25.
    At 0.5: 3 found, 1 false alarm: 0.3 - 0.1 = 0.2; treating all: 0.4 - 0.6 = -0.2.
    """
    labels = [0, 0, 0, 0, 1, 0, 0, 1, 1, 1]
    p = [0.05, 0.1, 0.15, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.9]
    curve = decision_curve(threshold_table(labels, p), preferences=[0.2, 0.5])
    assert curve.model == pytest.approx([0.325, 0.2])
    assert curve.treat_all == pytest.approx([0.25, -0.2])
    assert curve.treat_none.tolist() == [0.0, 0.0]
    assert curve.prevalence == 0.4


def test_net_benefit_at_another_prevalence_by_hand():
    """Sensitivity 0.9, specificity 0.8, prevalence 0.1, preference 0.25 (odds 1 / 3).

    0.9 x 0.1 - 0.2 x 0.9 / 3 = 0.09 - 0.06 = 0.03; treating all: 0.1 - 0.9 / 3 = -0.2.
    """
    value, low, high = net_benefit(Confusion(tp=90, fp=20, tn=80, fn=10), [0.25], 0.1)
    assert value == pytest.approx([0.03])
    assert low[0] < value[0] < high[0]
    table = threshold_table([1] * 10 + [0] * 10, [0.8] * 9 + [0.1] + [0.8] * 2 + [0.1] * 8)
    curve = decision_curve(table, 0.1, [0.25])
    assert curve.model == pytest.approx([0.03])
    assert curve.treat_all == pytest.approx([-0.2])


def test_the_curve_has_the_interval_of_each_of_its_thresholds():
    rng = np.random.default_rng(2)
    p = rng.random(300)
    table = threshold_table(rng.random(300) < p, p)
    curve = decision_curve(table, preferences=[0.2, 0.6])
    for i, preference in enumerate((0.2, 0.6)):
        value, low, high = net_benefit(table.at(preference), [preference])
        assert (curve.model[i], curve.low[i], curve.high[i]) == (value[0], low[0], high[0])


def test_a_probability_at_another_prevalence_by_hand():
    """Calibrated at one in two: odds 3 to 1. At one in ten the prior odds are 1 to 9, so 3 to 9."""
    assert at_other_prevalence([0.75], 0.5, 0.1) == pytest.approx([0.25])
    # From three in four (prior odds 3) to one in five (1/4): odds 1 become 1 / 12.
    assert at_other_prevalence([0.5], 0.75, 0.2) == pytest.approx([1 / 13])
    there = at_other_prevalence([0.0, 0.03, 0.5, 0.99, 1.0], 0.62, 0.08)
    assert there[[0, -1]].tolist() == [0.0, 1.0]
    assert (np.diff(there) > 0).all()
    assert at_other_prevalence(there, 0.08, 0.62) == pytest.approx([0.0, 0.03, 0.5, 0.99, 1.0])


def test_the_curve_calls_by_the_probability_at_that_prevalence():
    """At one in ten the scores 0.8, 0.6 and 0.2 of a balanced sample are 4/13, 1/7 and 1/37.

    At the preference 0.25 (odds 1 / 3) only the first is treated: sensitivity 6/10, false alarms
    1/10, so 0.06 - 0.09 / 3 = 0.03. By the scores as they are the second would be treated too:
    0.09 - 0.27 / 3 = 0.
    """
    ill, well = [0.8] * 6 + [0.6] * 3 + [0.2], [0.8] + [0.6] * 2 + [0.2] * 7
    table = threshold_table([1] * 10 + [0] * 10, ill + well)
    assert decision_curve(table, 0.1, [0.25]).model == pytest.approx([0.03])
    assert decision_curve(table, 0.5, [0.25]).model == pytest.approx(
        decision_curve(table, None, [0.25]).model
    )


def test_shifted_scores_are_never_beaten_where_few_are_ill():
    """Scores calibrated at 40 % serve at 5 % as well as those of a model made for 5 %."""
    rng = np.random.default_rng(4)
    p = rng.beta(0.6, 0.9, 400_000)
    labels = rng.random(p.size) < p
    curve = decision_curve(threshold_table(labels, p), 0.05)
    assert (curve.model >= np.maximum(curve.treat_all, 0) - 1e-3).all()
    thinned = labels & (rng.random(p.size) < 0.05 / 0.95 * (~labels).sum() / labels.sum())
    few = ~labels | thinned
    there = at_other_prevalence(p[few], labels.mean(), labels[few].mean())
    own = decision_curve(threshold_table(labels[few], there), None, curve.preferences)
    assert curve.model == pytest.approx(own.model, abs=2e-3)


def test_net_benefit_interval_covers_as_it_should():
    rng = np.random.default_rng(6)
    truth = 0.9 * 0.3 - 0.15 * 0.7 * (0.2 / 0.8)
    covered = []
    for tp, fp in zip(rng.binomial(80, 0.9, 1500), rng.binomial(120, 0.15, 1500), strict=True):
        counts = Confusion(int(tp), int(fp), 120 - int(fp), 80 - int(tp))
        _, low, high = net_benefit(counts, [0.2], 0.3)
        covered.append(low[0] <= truth <= high[0])
    assert 0.93 < np.mean(covered) < 0.975


def test_the_curve_of_calibrated_scores_is_never_beaten():
    rng = np.random.default_rng(1)
    p = rng.beta(0.6, 0.9, 200_000)
    labels = rng.random(p.size) < p
    curve = decision_curve(threshold_table(labels, p))
    assert (curve.model >= np.maximum(curve.treat_all, 0) - 1e-3).all()
    low, high = curve.useful()
    assert low <= 0.05
    assert high >= 0.95


def test_useless_scores_have_no_useful_range():
    curve = decision_curve(threshold_table([0, 1] * 50, [0.5] * 100))
    assert curve.useful() is None


def test_the_useful_range_by_hand():
    """Ten images as above: treating all wins at 0.01, none wins at 0.95."""
    labels = [0, 0, 0, 0, 1, 0, 0, 1, 1, 1]
    p = [0.05, 0.1, 0.15, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.9]
    curve = decision_curve(threshold_table(labels, p), preferences=[0.01, 0.2, 0.5, 0.8, 0.95])
    assert curve.useful() == (0.2, 0.8)


def test_one_class_or_senseless_preferences_are_sentences():
    with pytest.raises(DataError, match="Net benefit needs"):
        decision_curve(threshold_table([1, 1], [0.2, 0.8]))
    with pytest.raises(DataError, match="preference is a probability"):
        net_benefit(Confusion(1, 1, 1, 1), [0.0, 0.5])
