"""Intervals of proportions against statsmodels and published figures."""

import math
import warnings

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from pneumo_core.errors import DataError
from pneumo_core.proportions import (
    UNDEFINED,
    Estimate,
    complement,
    difference,
    mean_of_two,
    ratio,
    wilson,
    wilson_bounds,
    wilson_clustered,
    z_score,
)


@pytest.mark.parametrize(
    ("successes", "n"),
    [(0, 1), (1, 1), (0, 20), (20, 20), (7, 20), (81, 263), (999_999, 1_000_000)],
)
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_agrees_with_statsmodels(successes, n, level):
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    estimate = wilson(successes, n, level)
    assert estimate.value == successes / n
    assert estimate.low == pytest.approx(low, abs=1e-12)
    assert estimate.high == pytest.approx(high, abs=1e-12)


def test_wilson_published_figures():
    """Newcombe, Stat Med 17 (1998) 857-872, table I, method 3."""
    for successes, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        estimate = wilson(successes, n)
        assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_limits_are_exact_at_the_ends():
    assert wilson(0, 7).low == 0.0
    assert wilson(7, 7).high == 1.0
    assert wilson(0, 0) == UNDEFINED


def test_wilson_for_many_proportions_at_once():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = wilson_bounds(np.array([0, 3, 9]), np.array([0, 10, 9]))
    assert (low[0], high[0]) == (0.0, 1.0)
    assert [low[1], high[1]] == pytest.approx(wilson(3, 10).to_json()[1:])
    assert [low[2], high[2]] == pytest.approx(wilson(9, 9).to_json()[1:])


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5)])
def test_impossible_proportions_are_refused(successes, n):
    with pytest.raises(DataError, match="is not a proportion"):
        wilson(successes, n)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_impossible_levels_are_refused(level):
    with pytest.raises(DataError, match="level lies between 0 and 1"):
        z_score(level)


def test_difference_published_figures():
    """Newcombe, Stat Med 17 (1998) 873-890, table II, method 10."""
    for a, m, b, n, low, high in [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
    ]:
        change = difference(wilson(a, m), wilson(b, n))
        assert change.value == pytest.approx(a / m - b / n)
        assert (change.low, change.high) == pytest.approx((low, high), abs=5e-5)


def test_difference_agrees_with_statsmodels():
    change = difference(wilson(93, 100), wilson(197, 234))
    expected = confint_proportions_2indep(93, 100, 197, 234, method="newcomb", compare="diff")
    assert (change.low, change.high) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "m", "b", "n"),
    [(231, 258, 32, 86), (340, 390, 37, 234), (27, 258, 54, 86), (50, 390, 197, 234)],
)
def test_ratio_is_close_to_the_score_interval(a, m, b, n):
    """No package here has MOVER-R; Miettinen and Nurminen's score interval is its closest kin."""
    found = ratio(wilson(a, m), wilson(b, n))
    low, high = confint_proportions_2indep(a, m, b, n, compare="ratio", method="score")
    assert found.value == pytest.approx((a / m) / (b / n))
    assert found.low == pytest.approx(low, rel=0.02)
    assert found.high == pytest.approx(high, rel=0.02)


def test_ratio_covers_as_it_should():
    """95 % intervals of 4000 simulated ratios hold the true one about 95 % of the time."""
    rng = np.random.default_rng(11)
    tops, bottoms = rng.binomial(60, 0.85, 4000), rng.binomial(50, 0.12, 4000)
    pairs = {(int(a), int(b)) for a, b in zip(tops, bottoms, strict=True)}
    truth = 0.85 / 0.12
    holds = {}
    for a, b in pairs:
        found = ratio(wilson(a, 60), wilson(b, 50))
        holds[a, b] = found.low <= truth <= (found.high or math.inf)
    covered = np.mean([holds[int(a), int(b)] for a, b in zip(tops, bottoms, strict=True)])
    assert 0.935 < covered < 0.975


def test_ratio_with_empty_cells():
    infinite = ratio(wilson(9, 10), wilson(0, 10))
    assert infinite.value is None
    assert infinite.high is None
    assert infinite.low > 1
    zero = ratio(wilson(0, 10), wilson(9, 10))
    assert (zero.value, zero.low) == (0.0, 0.0)
    assert zero.high == pytest.approx(1 / infinite.low)
    assert ratio(wilson(0, 10), wilson(0, 10)) == UNDEFINED
    assert ratio(UNDEFINED, wilson(1, 2)) == UNDEFINED


def test_ratio_of_two_perfect_proportions():
    found = ratio(wilson(5, 5), wilson(8, 8))
    assert found.value == 1.0
    assert found.low < 1 < found.high


def test_mean_of_two_is_half_the_newcombe_difference_from_the_complement():
    a, b = wilson(45, 50), wilson(30, 40)
    mean, gap = mean_of_two(a, b), difference(a, complement(b))
    assert mean.value == pytest.approx((0.9 + 0.75) / 2)
    assert (mean.low, mean.high) == pytest.approx(((gap.low + 1) / 2, (gap.high + 1) / 2))
    assert mean_of_two(a, UNDEFINED) == UNDEFINED
    assert difference(a, UNDEFINED) == UNDEFINED
    assert complement(UNDEFINED) == UNDEFINED


def test_clustered_wilson_by_hand():
    """Three patients with 2 of 2, 1 of 2 and 0 of 2: share 1/2, between-patient variance 1/12.

    n = 6, m = 3: m / (m - 1) x sum (x - 2 / 2)^2 / n = 1.5 x 2 / 6 = 1/2 against p (1 - p) = 1/4,
    a design effect of 2, so Wilson with 1.5 of 3.
    """
    found = wilson_clustered([1, 1, 1, 0, 0, 0], ["a", "a", "b", "b", "c", "c"])
    low, high = wilson_bounds(1.5, 3)
    assert found.to_json() == pytest.approx([0.5, float(low), float(high)])


def test_clustered_wilson_at_its_limits():
    every_hit = wilson_clustered([1] * 12, np.repeat([1, 2, 3], 4))
    assert every_hit.to_json() == pytest.approx(wilson(3, 3).to_json())
    one_patient = wilson_clustered([1, 0, 1, 1], ["a"] * 4)
    low, high = wilson_bounds(0.75, 1)
    assert one_patient.to_json() == pytest.approx([0.75, float(low), float(high)])
    assert wilson_clustered([], []) == UNDEFINED
    rng = np.random.default_rng(0)
    hits = rng.random(5000) < 0.8
    alone, plain = wilson_clustered(hits, np.arange(5000)), wilson(int(hits.sum()), 5000)
    assert alone.to_json() == pytest.approx(plain.to_json(), abs=1e-5)


def test_estimates_survive_json():
    for estimate in (Estimate(0.5, 0.4, 0.6), UNDEFINED, Estimate(None, 2.0, None)):
        assert Estimate.from_json(estimate.to_json()) == estimate
    for bad in ([1, 2], None, ["a", 1, 2], 0.5):
        with pytest.raises(DataError, match="value, low, high"):
            Estimate.from_json(bad)
