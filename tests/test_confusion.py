"""Counts at one threshold and at all of them, against hand tables and scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from pneumo_core.confusion import Confusion, confusion_at, figures_at, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.scores import ABOVE_ONE


@pytest.fixture(scope="module")
def sample():
    """400 images, seven in ten with pneumonia, with ties (probabilities of two decimals)."""
    rng = np.random.default_rng(7)
    labels = (rng.random(400) < 0.7).astype(int)
    logits = rng.normal(size=400) + 2 * labels - 0.5
    return labels, np.round(1 / (1 + np.exp(-logits)), 2)


def test_figures_of_a_hand_table():
    """Altman and Bland, BMJ 308 (1994) 1552 and 309 (1994) 102: liver scans, 258 ill of 344."""
    scan = Confusion(tp=231, fp=32, tn=54, fn=27)
    assert scan.sensitivity == pytest.approx(0.895, abs=5e-4)
    assert scan.specificity == pytest.approx(0.628, abs=5e-4)
    assert scan.ppv == pytest.approx(0.878, abs=5e-4)
    assert scan.npv == pytest.approx(0.667, abs=5e-4)
    assert scan.prevalence == pytest.approx(0.75)
    assert scan.accuracy == pytest.approx(285 / 344)
    assert scan.f1 == pytest.approx(462 / (462 + 59))
    assert scan.balanced_accuracy == pytest.approx((231 / 258 + 54 / 86) / 2)
    assert scan.lr_positive == pytest.approx((231 / 258) / (32 / 86))
    assert scan.lr_negative == pytest.approx((27 / 258) / (54 / 86))
    assert (scan.n, scan.positives, scan.negatives) == (344, 258, 86)


def test_values_of_estimates_are_the_properties():
    scan = Confusion(tp=231, fp=32, tn=54, fn=27)
    for name, estimate in scan.estimates().items():
        assert estimate.value == pytest.approx(getattr(scan, name))
        assert estimate.low < estimate.value < estimate.high


def test_the_interval_of_f1_is_that_of_the_jaccard_share():
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(231, 231 + 59, method="wilson")
    f1 = Confusion(tp=231, fp=32, tn=54, fn=27).estimates()["f1"]
    assert f1.low == pytest.approx(2 * low / (1 + low))
    assert f1.high == pytest.approx(2 * high / (1 + high))


def test_undefined_figures_are_none():
    nobody = Confusion(0, 0, 0, 0)
    assert all(estimate.to_json() == [None] * 3 for estimate in nobody.estimates().values())
    healthy = Confusion(tp=0, fp=0, tn=5, fn=0)
    assert (healthy.sensitivity, healthy.ppv, healthy.f1, healthy.lr_positive) == (None,) * 4
    assert (healthy.specificity, healthy.npv) == (1.0, 1.0)


def test_an_infinite_likelihood_ratio_keeps_its_lower_limit():
    estimate = Confusion(tp=9, fp=0, tn=10, fn=1).estimates()["lr_positive"]
    assert estimate.value is None
    assert estimate.high is None
    assert estimate.low == pytest.approx(3.0, abs=1.0)


def test_positive_means_at_or_above_the_threshold():
    assert confusion_at([1, 0], [0.5, 0.5], 0.5) == Confusion(tp=1, fp=1, tn=0, fn=0)
    above = np.nextafter(0.5, 1)
    assert confusion_at([1, 0], [0.5, 0.5], above) == Confusion(tp=0, fp=0, tn=1, fn=1)


def test_confusion_agrees_with_scikit_learn(sample):
    labels, p = sample
    for threshold in (0.0, 0.31, 0.5, 0.77, 1.0):
        ours = confusion_at(labels, p, threshold)
        theirs = sk.confusion_matrix(labels, p >= threshold, labels=[0, 1]).ravel()
        assert [ours.tn, ours.fp, ours.fn, ours.tp] == theirs.tolist()


def test_table_agrees_with_scikit_learns_roc_curve(sample):
    labels, p = sample
    table = threshold_table(labels, p)
    fpr, tpr, thresholds = sk.roc_curve(labels, p, drop_intermediate=False)
    rows = np.searchsorted(table.thresholds, thresholds[1:])
    assert np.array_equal(table.thresholds[rows], thresholds[1:])
    assert table.fpr[rows] == pytest.approx(fpr[1:])
    assert table.tpr[rows] == pytest.approx(tpr[1:])
    precision, recall, at = sk.precision_recall_curve(labels, p)
    rows = np.searchsorted(table.thresholds, at)
    assert table.precision[rows] == pytest.approx(precision[:-1])
    assert table.tpr[rows] == pytest.approx(recall[:-1])


def test_average_precision_agrees_with_scikit_learn(sample):
    labels, p = sample
    ours = threshold_table(labels, p).average_precision()
    assert ours == pytest.approx(sk.average_precision_score(labels, p), abs=1e-12)
    assert threshold_table([0, 0], [0.1, 0.2]).average_precision() is None


def test_table_ends_with_everything_and_nothing(sample):
    table = threshold_table(*sample)
    assert table.thresholds[0] == 0.0
    assert table.thresholds[-1] == ABOVE_ONE
    assert (np.diff(table.thresholds) > 0).all()
    assert (table.tn[0], table.fn[0]) == (0, 0)
    assert (table.tp[-1], table.fp[-1]) == (0, 0)
    assert table.tp.dtype == np.int64


def test_looking_up_any_threshold_counts_exactly(sample):
    labels, p = sample
    table = threshold_table(labels, p)
    for threshold in np.concatenate(([0, 1, ABOVE_ONE], p[:40], np.linspace(0, 1, 57))):
        assert table.at(float(threshold)) == confusion_at(labels, p, float(threshold))


def test_scores_at_both_ends_of_the_scale():
    table = threshold_table([1, 0, 1], [1.0, 0.0, 1.0])
    assert table.thresholds.tolist() == [0.0, 1.0, ABOVE_ONE]
    assert table.at(1.0) == Confusion(tp=2, fp=0, tn=1, fn=0)
    assert table.at(ABOVE_ONE) == Confusion(tp=0, fp=0, tn=1, fn=2)


@pytest.mark.parametrize("labels", [[1], [0], [1, 1, 1], [0, 0]])
def test_one_class_or_one_row_makes_a_table(labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = threshold_table(labels, [0.5] * len(labels))
        assert table.at(0.5).n == len(labels)
        assert len(table.thinned(8)) == 3
        assert np.isnan(table.fpr).all() == (0 not in labels)


def test_thinning_keeps_exact_counts_the_ends_and_the_best_rows():
    rng = np.random.default_rng(3)
    labels = rng.random(30_000) < 0.4
    p = 1 / (1 + np.exp(-(rng.normal(size=labels.size) + 2 * labels - 1)))
    full = threshold_table(labels, p)
    thin = full.thinned(300)
    assert 250 < len(thin) <= 300
    rows = np.searchsorted(full.thresholds, thin.thresholds)
    for column in ("thresholds", "tp", "fp", "tn", "fn"):
        assert np.array_equal(getattr(full, column)[rows], getattr(thin, column))
    assert (thin.thresholds[0], thin.thresholds[-1]) == (0.0, ABOVE_ONE)
    # Every cost ratio's best row lies on the convex hull, and the hull is kept.
    for weight in (0.02, 0.2, 1.0, 5.0, 50.0):
        assert (thin.tpr - weight * thin.fpr).max() == pytest.approx(
            (full.tpr - weight * full.fpr).max(), abs=1e-12
        )
    # Steps along the curve and along the threshold stay small, so both are drawn faithfully.
    assert np.abs(np.diff(thin.tpr) + np.diff(thin.fpr)).max() < 0.04
    assert np.diff(thin.thresholds).max() < 0.02
    area = np.trapezoid(thin.tpr[::-1], thin.fpr[::-1])
    assert area == pytest.approx(sk.roc_auc_score(labels, p), abs=1e-4)


def test_thinning_keeps_every_corner_where_there_is_room():
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1, 0, 1, 0, 1], 200)
    full = threshold_table(labels, np.sort(rng.random(labels.size)))
    thin = full.thinned(60)
    assert len(thin) <= 60
    area = np.trapezoid(thin.tpr[::-1], thin.fpr[::-1])
    assert area == pytest.approx(np.trapezoid(full.tpr[::-1], full.fpr[::-1]), abs=1e-12)


def test_a_small_table_is_not_thinned(sample):
    table = threshold_table(*sample)
    assert table.thinned(1000) is table


def test_figures_by_patient_widen(sample):
    labels, p = sample
    patients = np.repeat(np.arange(100), 4)
    copies = (np.repeat(labels[:100], 4), np.repeat(p[:100], 4))
    alone = figures_at(labels[:100], p[:100], 0.5)
    naive = figures_at(*copies, 0.5)
    grouped = figures_at(*copies, 0.5, patients)
    for name in ("sensitivity", "specificity", "accuracy", "f1", "prevalence"):
        assert grouped[name].value == pytest.approx(alone[name].value)
        # Four copies of an image are one image: the interval is that of the single images.
        assert grouped[name].low == pytest.approx(alone[name].low, abs=0.01)
        assert naive[name].low > grouped[name].low + 0.01


def test_bad_thresholds_and_labels_are_sentences(sample):
    with pytest.raises(DataError, match="between 0 and 1"):
        confusion_at(*sample, float("nan"))
    with pytest.raises(DataError, match="row 1 is 'x'"):
        threshold_table(["x"], [0.5])
