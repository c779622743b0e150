"""Areas under the curve and McNemar's test, against published figures and other programs."""

import math
import time
import warnings

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from pneumo_core.errors import DataError
from pneumo_core.intervals import (
    UNDEFINED,
    Estimate,
    auc_delong,
    auc_variance,
    compare_auc,
    compare_auc_unpaired,
    mcnemar,
    wilson,
)

OVARIAN = """
3.0 5.8 10 0   3.2 6.3  5 1   3.9 6.8  3 1   2.8 4.8  6 0   3.2 5.8  3 1   0.9 4.0  5 0
2.5 5.7  8 0   1.6 5.6  5 1   3.8 5.7  5 1   3.7 6.7  6 1   3.2 5.4  4 1   3.8 6.6  6 1
4.1 6.6  5 1   3.6 5.7  5 1   4.3 7.0  4 1   3.6 6.7  4 0   2.3 4.4  6 1   4.2 7.6  4 0
4.0 6.6  6 0   3.5 5.8  6 1   3.8 6.8  7 1   3.0 4.7  8 0   4.5 7.4  5 1   3.7 7.4  5 1
3.1 6.6  6 1   4.1 8.2  6 1   4.3 7.0  5 1   4.3 6.5  4 1   3.2 5.1  5 1   2.6 4.7  6 1
3.3 6.8  6 0   1.7 4.0  7 0   3.7 6.1  5 1   3.3 6.3  7 1   4.2 7.7  6 1   3.5 6.2  5 1
2.9 5.7  9 0   2.1 4.8  7 1   2.8 6.2  8 0   4.0 7.0  7 1   3.3 5.7  6 1   3.7 6.9  5 1
3.6 6.6  5 1
"""


@pytest.fixture(scope="module")
def ovarian():
    """The worked example of DeLong et al. (1988), as SAS/STAT's LOGISTIC example 8 prints it.

    Albumin, total protein and K-G score of 43 patients; label 1 where surgery was of use.
    """
    albumin, protein, score, label = np.array(OVARIAN.split(), float).reshape(-1, 4).T
    return label, {"albumin": albumin, "protein": protein, "kg": 10 - score}


@pytest.mark.parametrize(
    ("test", "area", "error", "low", "high"),
    [
        ("albumin", 0.7366, 0.0927, 0.5549, 0.9182),
        ("kg", 0.7258, 0.1028, 0.5243, 0.9273),
        ("protein", 0.6478, 0.1000, 0.4518, 0.8439),
    ],
)
def test_published_areas_and_standard_errors(ovarian, test, area, error, low, high):
    label, scores = ovarian
    estimate = auc_delong(label, scores[test])
    deviation = math.sqrt(auc_variance(label, scores[test]))
    assert estimate.value == pytest.approx(area, abs=5e-5)
    assert deviation == pytest.approx(error, abs=5e-5)
    # SAS prints the plain interval; ours is the same standard error on the logit scale.
    plain = (estimate.value - 1.959964 * deviation, estimate.value + 1.959964 * deviation)
    assert plain == pytest.approx((low, high), abs=1e-4)
    slope = 1.959964 * deviation / (estimate.value * (1 - estimate.value))
    logit = math.log(estimate.value / (1 - estimate.value))
    ours = [math.log(limit / (1 - limit)) for limit in (estimate.low, estimate.high)]
    assert ours == pytest.approx([logit - slope, logit + slope], abs=1e-6)


@pytest.mark.parametrize(
    ("test", "change", "low", "high", "p_value"),
    [
        ("albumin", 0.0108, -0.1761, 0.1976, 0.9102),
        ("protein", -0.0780, -0.2830, 0.1271, 0.4561),
    ],
)
def test_published_comparison(ovarian, test, change, low, high, p_value):
    label, scores = ovarian
    result = compare_auc(label, scores[test], scores["kg"])
    assert result.difference.value == pytest.approx(change, abs=5e-5)
    assert (result.difference.low, result.difference.high) == pytest.approx((low, high), abs=5e-5)
    assert result.p_value == pytest.approx(p_value, abs=5e-5)
    assert result.a == auc_delong(label, scores[test])
    assert result.b == auc_delong(label, scores["kg"])


def structural_components(label, scores):
    """DeLong's components as the paper writes them, pair by pair."""
    positives, negatives = scores[label == 1], scores[label == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    return wins.mean(axis=1), wins.mean(axis=0)


def test_fast_algorithm_equals_the_pairwise_one():
    rng = np.random.default_rng(2)
    label = (rng.random(150) < 0.4).astype(int)
    one = np.round(rng.normal(size=150) + label, 1)
    two = np.round(rng.normal(size=150) + 0.6 * label + 0.5 * one, 1)
    a10, a01 = structural_components(label, one)
    b10, b01 = structural_components(label, two)
    m, n = label.sum(), (label == 0).sum()
    s10, s01 = np.cov(a10, b10), np.cov(a01, b01)
    covariance = s10 / m + s01 / n
    assert auc_variance(label, one) == pytest.approx(covariance[0, 0], rel=1e-10)
    result = compare_auc(label, one, two)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    z = (a10.mean() - b10.mean()) / math.sqrt(variance)
    assert result.p_value == pytest.approx(2 * norm.sf(abs(z)), rel=1e-9)
    assert result.a.value == pytest.approx(roc_auc_score(label, one), abs=1e-12)


def test_images_of_one_patient_count_together():
    """Obuchowski (1997) by its formula, with patients who have images of both classes."""
    rng = np.random.default_rng(4)
    patients = rng.integers(0, 40, 160)
    label = (rng.random(160) < 0.5).astype(int)
    scores = rng.normal(size=160) + label + rng.normal(size=40)[patients]
    v10, v01 = structural_components(label, scores)
    area, m, n = v10.mean(), label.sum(), (label == 0).sum()
    ill = [
        v10[patients[label == 1] == g].sum() - (patients[label == 1] == g).sum() * area
        for g in range(40)
    ]
    well = [
        v01[patients[label == 0] == g].sum() - (patients[label == 0] == g).sum() * area
        for g in range(40)
    ]
    i10, i01 = len(set(patients[label == 1])), len(set(patients[label == 0]))
    total = len(set(patients))
    ill, well = np.array(ill), np.array(well)
    expected = (
        i10 / ((i10 - 1) * m) * np.sum(ill**2) / m
        + i01 / ((i01 - 1) * n) * np.sum(well**2) / n
        + 2 / (m * n) * total / (total - 1) * np.sum(ill * well)
    )
    assert auc_variance(label, scores, patients) == pytest.approx(expected, rel=1e-10)
    names = np.array([f"person{g}" for g in patients])
    assert auc_variance(label, scores, names) == pytest.approx(expected, rel=1e-10)


def test_every_image_its_own_patient_changes_nothing(ovarian):
    label, scores = ovarian
    alone = auc_delong(label, scores["kg"], np.arange(label.size))
    assert alone.to_json() == pytest.approx(auc_delong(label, scores["kg"]).to_json(), abs=1e-12)


def test_perfect_separation_is_no_proof_of_perfection():
    estimate = auc_delong([0] * 8 + [1] * 20, np.arange(28))
    assert estimate.value == 1.0
    assert estimate.high == 1.0
    assert estimate.low == pytest.approx(wilson(8, 8).low)
    upside_down = auc_delong([1] * 20 + [0] * 8, np.arange(28))
    assert upside_down.to_json() == pytest.approx([0.0, 0.0, wilson(0, 8).high])


@pytest.mark.parametrize("scores", [[0.3] * 6, [0.0] * 6])
def test_equal_scores_say_nothing(scores):
    estimate = auc_delong([0, 1, 0, 1, 0, 1], scores)
    assert estimate.value == 0.5
    assert estimate.low < 0.2
    assert estimate.high > 0.8


@pytest.mark.parametrize("labels", [[1, 1], [0, 0, 0], [1]])
def test_one_class_has_no_area(labels):
    assert auc_delong(labels, np.arange(len(labels))) == UNDEFINED
    assert auc_variance(labels, np.arange(len(labels))) is None
    with pytest.raises(DataError, match="needs normal and pneumonia images"):
        compare_auc(labels, np.arange(len(labels)), np.arange(len(labels)))


def test_one_image_of_a_class_still_has_an_interval():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate = auc_delong([1, 0, 0, 0], [0.5, 0.1, 0.2, 0.9])
    assert estimate.value == pytest.approx(2 / 3)
    assert 0 < estimate.low < estimate.value < estimate.high < 1
    assert auc_variance([1, 0, 0, 0], [0.5, 0.1, 0.2, 0.9]) is None


def test_comparing_a_model_with_itself():
    labels, scores = [0, 1, 0, 1, 1], [0.1, 0.4, 0.5, 0.6, 0.9]
    result = compare_auc(labels, scores, scores)
    assert result.difference == Estimate(0.0, 0.0, 0.0)
    assert result.p_value == 1.0


def test_comparing_perfect_with_perfectly_wrong_has_no_test():
    result = compare_auc([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert result.difference == Estimate(1.0, None, None)
    assert result.p_value is None


def test_independent_areas_add_their_variances(ovarian):
    label, scores = ovarian
    result = compare_auc_unpaired(label, scores["albumin"], label, scores["protein"])
    error = math.hypot(*(math.sqrt(auc_variance(label, scores[k])) for k in ("albumin", "protein")))
    change = result.a.value - result.b.value
    assert result.difference.value == pytest.approx(change)
    assert result.difference.high == pytest.approx(change + norm.ppf(0.975) * error)
    assert result.p_value == pytest.approx(2 * norm.sf(change / error))


def test_mcnemar_agrees_with_statsmodels():
    rng = np.random.default_rng(8)
    labels = rng.random(300) < 0.6
    a, b = labels ^ (rng.random(300) < 0.1), labels ^ (rng.random(300) < 0.18)
    result = mcnemar(labels, a, b)
    table = [
        [result.both_right, result.only_a_right],
        [result.only_b_right, result.both_wrong],
    ]
    right_a, right_b = a == labels, b == labels
    assert table == [
        [(right_a & right_b).sum(), (right_a & ~right_b).sum()],
        [(~right_a & right_b).sum(), (~right_a & ~right_b).sum()],
    ]
    assert result.p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)


def test_mcnemar_by_hand():
    """Six images on which only A is right and none on which only B is: p = 2 / 2^6."""
    labels = [1] * 10
    result = mcnemar(labels, [1] * 10, [1] * 4 + [0] * 6)
    assert (result.only_a_right, result.only_b_right) == (6, 0)
    assert result.p_value == pytest.approx(2 / 64)
    assert mcnemar(labels, labels, labels).p_value == 1.0


def test_a_million_scores_are_quick():
    rng = np.random.default_rng(0)
    labels = rng.random(1_000_000) < 0.3
    scores = rng.normal(size=labels.size) + labels
    start = time.process_time()
    estimate = auc_delong(labels, scores)
    assert time.process_time() - start < 3
    assert estimate.value == pytest.approx(norm.cdf(1 / math.sqrt(2)), abs=0.002)
    assert estimate.high - estimate.low < 0.003
