"""Rules for choosing a threshold, against brute force over every threshold and by hand."""

import numpy as np
import pytest

from pneumo_core.confusion import Confusion, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.rules import (
    RULES,
    AlertsAtMost,
    CostRatio,
    FBeta,
    NpvAtLeast,
    PpvAtLeast,
    SensitivityAtLeast,
    SpecificityAtLeast,
    Youden,
    rule_from_json,
    rule_to_json,
)

TEN = [0, 0, 0, 1, 0, 1, 0, 1, 1, 1]
TENTHS = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]


@pytest.fixture(scope="module")
def ten():
    """Ten images; from threshold 0.35 on: 5 of 5 found with 2 of 5 false alarms, and so on."""
    return threshold_table(TEN, TENTHS)


@pytest.mark.parametrize(
    ("rule", "lowest_score_called_positive"),
    [
        (SensitivityAtLeast(1.0), 0.35),
        (SensitivityAtLeast(0.8), 0.55),
        (SensitivityAtLeast(0.61), 0.55),
        (SensitivityAtLeast(0.6), 0.75),
        (SpecificityAtLeast(1.0), 0.75),
        (SpecificityAtLeast(0.8), 0.55),
        (SpecificityAtLeast(0.6), 0.35),
        (SpecificityAtLeast(0.0), None),
        (PpvAtLeast(0.8), 0.55),
        (PpvAtLeast(0.81), 0.75),
        (NpvAtLeast(1.0), 0.35),
        (NpvAtLeast(0.75), 0.55),
        (Youden(), 0.35),
        (CostRatio(1), 0.35),
        (CostRatio(0.4), 0.75),
        (CostRatio(10), 0.35),
        (FBeta(1), 0.35),
        (FBeta(0.5), 0.75),
        (AlertsAtMost(30), 0.75),
        (AlertsAtMost(39.9), 0.75),
        (AlertsAtMost(40), 0.65),
    ],
)
def test_rules_by_hand(ten, rule, lowest_score_called_positive):
    pick = rule.pick(ten)
    assert pick.reached
    expected = 0.0 if lowest_score_called_positive is None else lowest_score_called_positive
    assert ten.thresholds[pick.row] == expected


def test_equally_good_rows_give_the_most_sensitive(ten):
    """Youden's index is 0.6 from 0.35, from 0.55 and from 0.75 on; the first finds the most."""
    index = ten.tpr - ten.fpr
    assert np.isclose(index, 0.6).sum() == 3
    assert ten.tp[Youden().pick(ten).row] == 5


def every_confusion(labels, p):
    """The counts at every threshold that matters, by plain comparison."""
    for threshold in [*np.unique(np.append(p, 0.0)), 1.1]:
        called = p >= threshold
        yield Confusion(
            tp=int((called & labels).sum()),
            fp=int((called & ~labels).sum()),
            tn=int((~called & ~labels).sum()),
            fn=int((~called & labels).sum()),
        )


@pytest.mark.parametrize("seed", range(4))
def test_rules_against_every_threshold(seed):
    rng = np.random.default_rng(seed)
    labels = rng.random(120) < 0.6
    p = np.round(1 / (1 + np.exp(-(rng.normal(size=120) + 1.5 * labels - 0.7))), 2)
    table = threshold_table(labels, p)
    m, n, ill = labels.sum(), (~labels).sum(), 0.08

    def ppv(c):
        right, wrong = c.tp / m * ill, c.fp / n * (1 - ill)
        return right / (right + wrong) if right + wrong else -1.0

    def npv(c):
        right, wrong = c.tn / n * (1 - ill), c.fn / m * ill
        return right / (right + wrong) if right + wrong else -1.0

    for rule, worth in [
        (SensitivityAtLeast(0.9), lambda c: c.tn if c.tp >= 0.9 * m else -1),
        (SpecificityAtLeast(0.9), lambda c: c.tp if c.tn >= 0.9 * n else -1),
        (PpvAtLeast(0.3, ill), lambda c: c.tp if ppv(c) >= 0.3 else -1),
        (NpvAtLeast(0.98, ill), lambda c: c.tn if npv(c) >= 0.98 else -1),
        (Youden(), lambda c: c.tp / m - c.fp / n),
        (CostRatio(7), lambda c: -7 * c.fn - c.fp),
        (CostRatio(7, ill), lambda c: -7 * c.fn / m * ill - c.fp / n * (1 - ill)),
        (FBeta(2), lambda c: 5 * c.tp / (5 * c.tp + 4 * c.fn + c.fp)),
        (AlertsAtMost(20), lambda c: c.tp if c.tp + c.fp <= 24 else -1),
    ]:
        pick = rule.pick(table)
        assert pick.reached, rule
        best = max(worth(c) for c in every_confusion(labels, p))
        assert worth(table.confusion(pick.row)) == pytest.approx(best), rule


def test_an_unreachable_ppv_gives_the_nearest():
    table = threshold_table([0, 1, 0, 1, 1], [0.1, 0.3, 0.9, 0.8, 0.7])
    pick = PpvAtLeast(0.9, 0.1).pick(table)
    # Best is everything from 0.3 on: 3 of 3 found, 1 of 2 false alarms: 0.1 / (0.1 + 0.45).
    assert not pick.reached
    assert table.thresholds[pick.row] == 0.3
    assert pick.nearest == (
        "a PPV of at least 90 % at a prevalence of 10 % is out of reach; the nearest is 18.18 %"
    )


def test_an_unreachable_npv_gives_the_nearest():
    table = threshold_table([1, 0, 0, 1], [0.1, 0.2, 0.3, 0.9])
    pick = NpvAtLeast(0.9).pick(table)
    assert not pick.reached
    assert table.confusion(pick.row).npv == pytest.approx(2 / 3)
    assert "the nearest is 66.67 %" in pick.nearest


def test_shares_are_not_missed_by_rounding():
    """0.95 x 20 is 19.000000000000004 for some spellings; 19 of 20 must do."""
    labels, p = [1] * 20, np.linspace(0.05, 0.95, 20)
    for share in (0.95, 1 - 0.05, 0.35 + 0.6):
        row = SensitivityAtLeast(share).pick(threshold_table(labels, p)).row
        assert threshold_table(labels, p).tp[row] == 19


@pytest.mark.parametrize(
    ("rule", "labels", "lacks"),
    [
        (SensitivityAtLeast(0.9), [0, 0], "pneumonia"),
        (SpecificityAtLeast(0.9), [1, 1], "normal"),
        (Youden(), [1, 1], "normal"),
        (Youden(), [0, 0], "pneumonia"),
        (FBeta(), [0, 0], "pneumonia"),
        (PpvAtLeast(0.9, 0.1), [1, 1], "normal"),
        (CostRatio(5, 0.1), [0, 0], "pneumonia"),
    ],
)
def test_a_rule_says_which_class_it_lacks(rule, labels, lacks):
    with pytest.raises(DataError, match=f"needs {lacks} images, but the sample has none"):
        rule.pick(threshold_table(labels, [0.4, 0.6]))


@pytest.mark.parametrize("rule", [AlertsAtMost(0), SpecificityAtLeast(1), CostRatio(1e-9)])
def test_calling_nothing_positive_is_an_answer(rule):
    table = threshold_table([0, 1, 0], [0.9, 0.5, 1.0])
    assert table.confusion(rule.pick(table).row).tp == 0
    assert table.confusion(rule.pick(table).row).fp == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SensitivityAtLeast(97), "sensitivity lies between 0 and 1"),
        (lambda: SpecificityAtLeast(-0.1), "specificity lies between 0 and 1"),
        (lambda: PpvAtLeast(0.9, 8), "prevalence lies between 0 and 1"),
        (lambda: CostRatio(0), "must cost more than 0"),
        (lambda: FBeta(float("nan")), "must be above 0"),
        (lambda: AlertsAtMost(101), "between 0 and 100 of 100"),
    ],
)
def test_senseless_wishes_are_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_words():
    assert SensitivityAtLeast(0.97).words == "sensitivity of at least 97 %"
    assert PpvAtLeast(0.5, 0.08).words == "PPV of at least 50 % at a prevalence of 8 %"
    assert CostRatio(10).words == "a miss costs 10 false alarms"
    assert CostRatio(1, 0.1).words == "a miss costs 1 false alarm at a prevalence of 10 %"
    assert FBeta(2).words == "the best F2 score"
    assert AlertsAtMost(12.5).words == "an alert on at most 12.5 of 100 images"


def test_rules_survive_json():
    rules = [
        SensitivityAtLeast(0.97),
        SpecificityAtLeast(0.9),
        PpvAtLeast(0.5, 0.08),
        NpvAtLeast(0.99),
        Youden(),
        CostRatio(10),
        FBeta(2),
        AlertsAtMost(20),
    ]
    assert {type(rule) for rule in rules} == set(RULES.values())
    for rule in rules:
        assert rule_from_json(rule_to_json(rule)) == rule


@pytest.mark.parametrize(
    "data",
    [
        {"rule": "best"},
        {},
        {"rule": "youden", "share": 1},
        {"rule": "ppv", "share": "x"},
        {"rule": "ppv"},
    ],
)
def test_unknown_rules_are_refused(data):
    with pytest.raises(DataError, match="rule"):
        rule_from_json(data)
