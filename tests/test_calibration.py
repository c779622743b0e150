"""Temperature, reliability and Brier against scikit-learn, scipy and hand tables."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from pneumo_core.calibration import (
    COLDEST,
    HOTTEST,
    brier,
    calibration_in_the_large,
    expected_calibration_error,
    fit_temperature,
    log_odds,
    probability,
    reliability,
)
from pneumo_core.errors import DataError
from pneumo_core.proportions import wilson


@pytest.fixture(scope="module")
def sample():
    """3000 images with calibrated logits."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0.5, 2, 3000)
    return (rng.random(3000) < expit(logits)).astype(int), logits


def test_log_odds_are_what_probability_takes_back():
    for chance in (1e-6, 0.2, 0.5, 0.97):
        assert probability([log_odds(chance, 1.7)], 1.7)[0] == pytest.approx(chance, rel=1e-12)
    assert (log_odds(0.0), log_odds(1.0), log_odds(0.5)) == (-np.inf, np.inf, 0)


def test_probability_is_the_logistic_function_to_the_tails():
    logits = np.array([-745.0, -40.0, -1.0, 0.0, 1.0, 40.0, 745.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert probability(logits) == pytest.approx(expit(logits), rel=1e-14)
        assert probability(logits, 2.0) == pytest.approx(expit(logits / 2), rel=1e-14)
        assert probability(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]


def test_probability_keeps_the_order_and_the_ties():
    logits = np.sort(np.random.default_rng(0).normal(size=500).astype(np.float32))
    p = probability(logits, 1.7)
    assert p.dtype == np.float64
    assert (np.diff(p) >= 0).all()
    assert np.unique(p).size == np.unique(logits).size


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_impossible_temperatures_are_refused(temperature):
    with pytest.raises(DataError, match="temperature must be"):
        probability([0.0], temperature)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_temperature_is_found_again(sample, true):
    labels, logits = sample
    found = fit_temperature(labels, logits * true)
    assert found == pytest.approx(true, rel=0.1)
    best = minimize_scalar(
        lambda t: log_loss(labels, probability(logits * true, t)),
        bounds=(0.1, 10),
        method="bounded",
        options={"xatol": 1e-8},
    )
    assert found == pytest.approx(best.x, rel=1e-4)


def test_temperature_by_hand():
    """Logits of 2 that are right three times of four: sigmoid(2 / T) = 3 / 4, so T = 2 / ln 3."""
    labels, logits = [1, 1, 1, 0, 0, 0, 0, 1], [2.0] * 4 + [-2.0] * 4
    assert fit_temperature(labels, logits) == pytest.approx(2 / np.log(3), rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "logits", "expected"),
    [
        ([0, 0, 1, 1], [-3.0, -1.0, 1.0, 3.0], COLDEST),
        ([0, 0, 1, 1], [-3e4, -1e4, 1e4, 3e4], COLDEST),
        ([1, 1, 0, 0], [-3.0, -1.0, 1.0, 3.0], HOTTEST),
        ([0, 1], [0.0, 0.0], 1.0),
    ],
)
def test_temperature_at_its_limits(labels, logits, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_temperature(labels, logits) == expected


def test_temperature_needs_both_classes():
    with pytest.raises(
        DataError, match="needs normal and pneumonia images, but all 3 are pneumonia"
    ):
        fit_temperature([1, 1, 1], [0.1, 0.2, 0.3])


def test_brier_agrees_with_scikit_learn(sample):
    labels, logits = sample
    p = probability(logits)
    assert brier(labels, p) == pytest.approx(brier_score_loss(labels, p), abs=1e-14)
    assert brier([1, 0], [1.0, 0.0]) == 0.0
    assert brier([1], [0.25]) == 0.5625


def test_reliability_agrees_with_scikit_learn(sample):
    labels, logits = sample
    p = probability(logits)
    for binning, strategy in (("width", "uniform"), ("count", "quantile")):
        table = [b for b in reliability(labels, p, 10, binning) if b.n]
        observed, promised = calibration_curve(labels, p, n_bins=10, strategy=strategy)
        # scikit-learn's quantiles interpolate between two scores, so an edge may move by one image.
        close = 1e-12 if binning == "width" else 0.004
        assert [b.observed.value for b in table] == pytest.approx(list(observed), abs=close)
        assert [b.mean_probability for b in table] == pytest.approx(list(promised), abs=close)
        assert sum(b.n for b in table) == 3000


def test_reliability_by_hand():
    table = reliability([0, 1, 1, 0, 1], [0.1, 0.2, 0.25, 0.75, 1.0], bins=4)
    assert [(b.low, b.high) for b in table] == [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]
    assert [b.n for b in table] == [2, 1, 0, 2]
    assert [b.positives for b in table] == [1, 1, 0, 1]
    assert [b.mean_probability for b in table] == [pytest.approx(0.15), 0.25, None, 0.875]
    assert table[0].observed == wilson(1, 2)
    assert table[2].observed.value is None


def test_equal_counts_keep_ties_together():
    p = [0.1] * 5 + [0.2, 0.3, 0.4, 0.5, 0.6]
    table = reliability([0, 1] * 5, p, bins=5, binning="count")
    assert [b.n for b in table] == [6, 2, 2]
    assert table[0].low == 0.0
    assert table[-1].high == 1.0
    even = reliability([0, 1] * 50, np.linspace(0.005, 0.995, 100), bins=5, binning="count")
    assert [b.n for b in even] == [20] * 5


@pytest.mark.parametrize("binning", ["width", "count"])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_probabilities_fill_one_bin(binning, value):
    table = reliability([0, 1, 1, 1], [value] * 4, binning=binning)
    assert [b.n for b in table if b.n] == [4]
    assert expected_calibration_error([0, 1, 1, 1], [value] * 4, binning=binning) == pytest.approx(
        abs(value - 0.75)
    )


def test_ece_by_hand():
    """Bins of 2, 1 and 2 with gaps of 0.35, 0.75 and 0.375: (0.7 + 0.75 + 0.75) / 5."""
    error = expected_calibration_error([0, 1, 1, 0, 1], [0.1, 0.2, 0.25, 0.75, 1.0], bins=4)
    assert error == pytest.approx((0.7 + 0.75 + 0.75) / 5)


def test_calibration_lowers_the_error(sample):
    labels, logits = sample
    loud = logits * 3
    before = expected_calibration_error(labels, probability(loud))
    after = expected_calibration_error(labels, probability(loud, fit_temperature(labels, loud)))
    assert before > 0.1
    assert after < 0.03


def test_no_bins_are_refused():
    with pytest.raises(DataError, match="at least one bin"):
        reliability([0, 1], [0.1, 0.2], bins=0)


def test_calibration_in_the_large_agrees_with_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(11)
    odds = rng.normal(0.5, 1.5, 400)
    labels = (rng.random(400) < 1 / (1 + np.exp(-(odds - 0.8)))).astype(int)
    patients = rng.integers(0, 150, 400)
    found = calibration_in_the_large(labels, 1 / (1 + np.exp(-odds)), patients)
    model = sm.GLM(labels, np.ones((400, 1)), family=sm.families.Binomial(), offset=odds)
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": patients, "use_correction": False})
    assert found.value == pytest.approx(fitted.params[0], abs=1e-6)
    assert [found.low, found.high] == pytest.approx(list(fitted.conf_int()[0]), abs=1e-4)
    assert found.high < 0, "0.8 too high throughout"
