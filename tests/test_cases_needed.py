"""How many films it takes, by hand and against the intervals the numbers are meant for."""

import math

import pytest

from pneumo_core.cases_needed import (
    auc_for_width,
    auc_to_decide,
    for_width,
    in_all,
    to_decide,
)
from pneumo_core.errors import DataError
from pneumo_core.proportions import wilson

Z = 1.959964


def half(share: float, n: int) -> float:
    estimate = wilson(share * n, n)
    return (estimate.high - estimate.low) / 2


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.97, 1.0])
@pytest.mark.parametrize("width", [0.03, 0.05, 0.1])
def test_wilsons_interval_has_the_width_with_so_many_and_not_with_one_less(share, width):
    n = for_width(share, width)
    assert half(share, n) <= width < half(share, n - 1)


def test_a_share_of_one_by_hand():
    # Wilson's limits of n of n are n / (n + z^2) and 1: half of z^2 / (n + z^2) is 0.05.
    assert for_width(1.0, 0.05) == math.ceil(Z**2 * (1 / 0.1 - 1)) == 35


def test_walds_number_is_the_limit_of_small_widths():
    # Buderer's formula: z^2 p (1 - p) / w^2.
    assert for_width(0.9, 0.005) == pytest.approx(Z**2 * 0.09 / 0.005**2, rel=0.002)


def test_a_lower_limit_that_just_reaches_the_floor():
    # z^2 t (1 - t) / (p - t)^2 = 3.8415 * 0.09 / 0.0025 = 138.3
    assert to_decide(0.95, 0.9, power=0.5) == 139
    assert wilson(0.95 * 139, 139).low >= 0.9 > wilson(0.95 * 138, 138).low
    # From below the upper limit just falls under it: 3.8415 * 0.09 / 0.01 = 34.6
    assert to_decide(0.8, 0.9, power=0.5) == 35
    assert wilson(0.8 * 35, 35).high < 0.9 < wilson(0.8 * 34, 34).high


def test_a_chance_of_eighty_percent_by_hand():
    # (1.95996 * 0.3 + 0.84162 * 0.217945)^2 / 0.05^2 = 0.7714^2 / 0.0025 = 238.03
    assert to_decide(0.95, 0.9) == 239
    # Nothing varies at a share of 1: z^2 t / (1 - t) = 3.8415 * 19
    assert to_decide(1.0, 0.95) == 73


def test_what_no_number_decides():
    assert to_decide(0.9, 0.9) is None
    assert auc_to_decide(0.9, 0.9, 1) is None


def test_hanley_and_mcneils_own_example():
    # Their table: an area of 0.893 with 51 abnormal and 58 normal images has an SE of 0.032.
    ill, normal = auc_for_width(0.893, Z * 0.0325117, 58 / 51)
    assert (ill, normal) == (51, 58)


def test_the_area_by_hand():
    # A = 0.9: Q1 - A^2 = 0.008182, Q2 - A^2 = 0.042632; with 79 of each
    # var = (0.09 + 78 * 0.050813) / 6241 = 0.00064949, 1.96 SE = 0.04995.
    assert auc_for_width(0.9, 0.05, 1.0) == (79, 79)
    assert auc_for_width(0.9, 0.05, 2.0)[1] == pytest.approx(
        2 * auc_for_width(0.9, 0.05, 2.0)[0], abs=1
    )


def test_the_area_against_a_floor_by_hand():
    ill, normal = auc_to_decide(0.95, 0.9, 1.0, power=0.5)
    q1, q2 = 0.95 / 1.05, 2 * 0.95**2 / 1.95
    variance = 0.95 * 0.05 + (ill - 1) * (q1 - 0.95**2) + (normal - 1) * (q2 - 0.95**2)
    error = math.sqrt(variance / (ill * normal)) / (0.95 * 0.05)
    lowest = math.log(19) - Z * error
    assert lowest == pytest.approx(math.log(9), abs=0.02)
    assert lowest >= math.log(9)


@pytest.mark.parametrize("area", [0.4, 0.5, 1.0])
def test_the_formula_is_not_asked_what_it_cannot_say(area):
    assert auc_for_width(area, 0.05, 1) is None
    assert auc_to_decide(area, 0.9, 1) is None
    assert auc_to_decide(0.9, 0.8, 0.0) is None


def test_films_in_all():
    assert in_all(35, 0.1) == 350
    assert in_all(35, 0.3) == 117
    assert in_all(35, 0) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: for_width(1.1, 0.05),
        lambda: for_width(0.9, 0.0),
        lambda: to_decide(0.9, 1.0),
        lambda: to_decide(0.9, 0.8, power=1.0),
    ],
)
def test_nonsense_is_refused_in_words(call):
    with pytest.raises(DataError, match=r"lies? (between|from)"):
        call()
