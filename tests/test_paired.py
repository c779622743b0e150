"""The interval of a difference of paired shares, against hand-worked numbers and by simulation."""

import math

import numpy as np
import pytest

from pneumo_core.errors import DataError
from pneumo_core.paired import paired_difference
from pneumo_core.proportions import UNDEFINED


def made(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(1, 1)] * both + [(1, 0)] * only_a + [(0, 1)] * only_b + [(0, 0)] * neither
    return np.array(pairs).T


def test_a_difference_worked_by_hand():
    a, b = made(4, 4, 1, 1)
    found = paired_difference(a, b)
    up, down = 5 / 12, 2 / 12
    half = 1.959964 * math.sqrt((up + down - (up - down) ** 2) / 12)
    assert found.value == pytest.approx(0.3)
    assert found.low == pytest.approx(0.25 - half, abs=1e-6)
    assert found.high == pytest.approx(0.25 + half, abs=1e-6)


def test_the_other_way_round_is_its_negative():
    a, b = made(30, 9, 4, 7)
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert [-part for part in one.to_json()] == pytest.approx([other.value, other.high, other.low])


def test_two_that_never_differ_still_have_an_interval():
    found = paired_difference(*made(95, 0, 0, 5))
    assert found.value == 0
    assert -0.05 < found.low < 0 < found.high < 0.05


def test_all_for_one_stays_within_bounds():
    found = paired_difference(*made(0, 5, 0, 0))
    assert found.value == found.high == 1
    assert 0 < found.low < 1


def test_images_alone_are_groups_of_one():
    a, b = made(30, 9, 4, 7)
    alone = [f"patient {i}" for i in range(50)]
    assert paired_difference(a, b, alone).to_json() == pytest.approx(
        paired_difference(a, b).to_json(), abs=0.004
    )


def test_twins_count_once():
    a, b = made(60, 18, 8, 14)
    once = paired_difference(a, b)
    twice = paired_difference(np.repeat(a, 2), np.repeat(b, 2), np.repeat(np.arange(100), 2))
    assert twice.value == once.value
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.02)
    apart = paired_difference(np.repeat(a, 2), np.repeat(b, 2))
    assert apart.high - apart.low < 0.75 * (once.high - once.low)


def test_one_patient_counts_as_one_trial():
    found = paired_difference([1, 1, 1], [1, 1, 1], ["p", "p", "p"])
    wide = paired_difference([1], [1])
    assert found.to_json() == wide.to_json()


def test_nothing_to_compare():
    assert paired_difference([], []) == UNDEFINED
    with pytest.raises(DataError, match="2 and 3 images cannot be paired"):
        paired_difference([0, 1], [0, 1, 1])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    truth, covered, repeats = 0.08, 0, 600
    for _ in range(repeats):
        kind = rng.choice(4, 120, p=[0.7, 0.14, 0.06, 0.1])
        found = paired_difference(kind < 2, (kind == 0) | (kind == 2))
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / repeats <= 0.98
