"""Choosing, saving and wording an operating point and zones."""

import json
import warnings

import numpy as np
import pytest

from pneumo_core.confusion import confusion_at, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.operating_point import (
    RULES,
    AlertsAtMost,
    CostRatio,
    NpvAtLeast,
    OperatingPoint,
    PpvAtLeast,
    SensitivityAtLeast,
    SpecificityAtLeast,
    Youden,
    ask,
    ask_table,
    ask_zones,
    choose,
    choose_zones,
    split_words,
    threshold_interval,
    threshold_words,
)
from pneumo_core.scores import ABOVE_ONE

LABELS = [0, 0, 0, 1, 0, 1, 0, 1, 1, 1]
P = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(13)
    labels = rng.random(400) < 0.7
    return labels, 1 / (1 + np.exp(-(rng.normal(size=400) + 2 * labels - 1)))


def test_the_threshold_is_the_midpoint_between_two_scores():
    choice = ask(LABELS, P, SensitivityAtLeast(0.8), "val")
    assert choice.point.threshold == pytest.approx(0.5)
    assert (choice.low, choice.high) == (0.45, 0.55)
    for threshold in (np.nextafter(0.45, 1), 0.5, 0.55):
        assert confusion_at(LABELS, P, float(threshold)) == confusion_at(LABELS, P, 0.5)
    assert confusion_at(LABELS, P, 0.45) != confusion_at(LABELS, P, 0.5)


def test_the_midpoint_at_the_ends_of_the_scale():
    assert choose([0, 1], [0.2, 0.4], AlertsAtMost(0), "val").threshold == pytest.approx(0.7)
    assert choose([1, 0], [0.2, 0.4], SensitivityAtLeast(1), "val").threshold == pytest.approx(0.1)
    assert choose([0, 1], [0.4, 1.0], AlertsAtMost(0), "val").threshold == ABOVE_ONE
    assert choose([1, 0], [0.0, 0.4], SensitivityAtLeast(1), "val").threshold == 0.0


def test_adjacent_floats_have_no_midpoint():
    low = 0.5
    high = float(np.nextafter(low, 1))
    point = choose([0, 1], [low, high], Youden(), "val")
    assert point.threshold == high
    assert confusion_at([0, 1], [low, high], point.threshold).accuracy == 1.0


def test_a_choice_says_how_and_on_what():
    choice = ask(LABELS, P, SensitivityAtLeast(0.8), "val", name="screening", date="2026-01-31")
    assert choice.reached
    assert choice.sentence == (
        "Threshold 0.500, chosen on validation by the rule “sensitivity of at least 80 %”: "
        "sensitivity 0.800 and specificity 0.800 there."
    )
    assert choice.point == OperatingPoint(
        "screening", 0.5, "sensitivity of at least 80 %", "val", "2026-01-31"
    )
    assert choose(LABELS, P, SensitivityAtLeast(0.8), "val").name == "sensitivity of at least 80 %"


def test_an_unreachable_wish_leads_with_the_nearest():
    choice = ask([0, 1, 0, 1, 1], [0.1, 0.3, 0.9, 0.8, 0.7], PpvAtLeast(0.9, 0.1), "test")
    assert not choice.reached
    assert choice.sentence.startswith(
        "A PPV of at least 90 % at a prevalence of 10 % is out of reach; the nearest is 18.18 %. "
        "Threshold 0.200, chosen on test by"
    )


@pytest.mark.parametrize("key", [key for key in RULES if key not in ("youden", "fbeta")])
@pytest.mark.parametrize(
    ("labels", "p"),
    [
        ([0, 1], [0.5, 0.5]),
        ([0, 1, 1, 0], [0.0, 0.0, 1.0, 1.0]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([1, 0], [1.0, 1.0]),
    ],
)
def test_degenerate_samples_have_an_answer(key, labels, p):
    rule = RULES[key](5.0 if key in ("cost", "alerts") else 0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        choice = ask(labels, p, rule, "val")
    assert 0 <= choice.point.threshold <= ABOVE_ONE
    assert "nan" not in choice.sentence


def test_perfect_separation_is_split_in_the_middle():
    for rule in (Youden(), SensitivityAtLeast(0.9), SpecificityAtLeast(0.9), CostRatio(10)):
        point = choose([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], rule, "val")
        assert point.threshold == pytest.approx(0.5)


def test_one_class_has_figures_of_that_class_only():
    choice = ask([1, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], SensitivityAtLeast(0.75), "val")
    assert choice.point.threshold == pytest.approx(0.3)
    assert choice.sentence.endswith(": sensitivity 0.750 there.")


def test_points_survive_json():
    point = OperatingPoint("screening", 0.62, "sensitivity of at least 97 %", "val", "2026-01-31")
    assert OperatingPoint.from_json(json.loads(json.dumps(point.to_json()))) == point
    undated = {k: v for k, v in point.to_json().items() if k != "date"}
    assert OperatingPoint.from_json(undated).date == ""


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"name": "a", "threshold": "0.5", "rule": "r", "split": "val"},
        {"name": "a", "threshold": float("nan"), "rule": "r", "split": "val"},
        {"name": "a", "threshold": 1.5, "rule": "r", "split": "val"},
        {"name": "a", "rule": "r", "split": "val"},
    ],
)
def test_damaged_points_are_refused(data):
    with pytest.raises(DataError, match=r"saved operating point needs|threshold must be"):
        OperatingPoint.from_json(data)


def test_zones_hold_what_they_promise(sample):
    labels, p = sample
    choice = ask_zones(labels, p, "val")
    out = confusion_at(labels, p, choice.zones.rule_out)
    into = confusion_at(labels, p, choice.zones.rule_in)
    assert out.sensitivity >= 0.98
    assert into.specificity >= 0.95
    assert choice.reached
    assert choice.zones.split == "val"
    assert choice.zones.rule == (
        "rule out by sensitivity of at least 98 %, rule in by specificity of at least 95 %"
    )
    assert choice.sentence == (
        "Rule out by sensitivity of at least 98 %, rule in by specificity of at least 95 %, "
        f"chosen on validation: uncertain from {choice.zones.rule_out:.3f} "
        f"to {choice.zones.rule_in:.3f}."
    )
    assert choose_zones(labels, p, "val") == choice.zones


def test_zones_by_predictive_values():
    choice = ask_zones(LABELS, P, "val", NpvAtLeast(1.0), PpvAtLeast(1.0))
    assert (choice.zones.rule_out, choice.zones.rule_in) == pytest.approx((0.3, 0.7))


def test_a_perfect_model_leaves_nothing_uncertain():
    choice = ask_zones([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "val")
    assert choice.zones.rule_out == choice.zones.rule_in == pytest.approx(0.5)


def test_wishes_that_one_threshold_meets_are_joined():
    """Sensitivity 0.6 allows up to 0.7, specificity 0.6 asks for 0.3: 0.5 meets both."""
    choice = ask_zones(LABELS, P, "val", SensitivityAtLeast(0.6), SpecificityAtLeast(0.6))
    assert choice.zones.rule_out == choice.zones.rule_in == pytest.approx(0.5)
    assert choice.sentence.endswith("the threshold 0.500 alone serves both.")
    joined = confusion_at(LABELS, P, 0.5)
    assert joined.sensitivity >= 0.6
    assert joined.specificity >= 0.6


def test_unreachable_zones_say_so():
    choice = ask_zones([1, 0, 0, 1], [0.1, 0.2, 0.3, 0.9], "val", NpvAtLeast(0.9))
    assert not choice.reached
    assert choice.sentence.startswith(
        "An NPV of at least 90 % is out of reach; the nearest is 66.67 %. Rule out by"
    )


def test_the_threshold_s_own_interval_holds_it_and_is_repeatable(sample):
    labels, p = sample
    for rule in (Youden(), SensitivityAtLeast(0.95), CostRatio(5)):
        found = threshold_interval(labels, p, rule, repeats=200)
        assert found.value == choose(labels, p, rule, "val").threshold
        assert 0 < found.low <= found.value <= found.high < 1
        assert found == threshold_interval(labels, p, rule, repeats=200)


def test_the_interval_of_a_quantile_threshold_is_the_binomial_one():
    """A sensitivity of at least 90 % cuts at a quantile of the positives' scores.

    The share of positives below a bootstrap threshold varies as 0.1 +- sqrt(0.1 x 0.9 / m).
    """
    p = (np.arange(1000) + 0.5) / 1000
    labels = np.ones(1000, int)
    found = threshold_interval(labels, p, SensitivityAtLeast(0.9), repeats=1000)
    half = 1.96 * np.sqrt(0.09 / 1000)
    assert found.value == pytest.approx(0.1, abs=0.001)
    assert (found.low, found.high) == pytest.approx((0.1 - half, 0.1 + half), abs=0.003)


def test_patients_widen_the_threshold_s_interval(sample):
    labels, p = sample
    copies = (np.repeat(labels, 4), np.repeat(p, 4))
    naive = threshold_interval(*copies, SensitivityAtLeast(0.9), repeats=300)
    grouped = threshold_interval(
        *copies, SensitivityAtLeast(0.9), np.repeat(np.arange(labels.size), 4), repeats=300
    )
    assert grouped.high - grouped.low > 1.5 * (naive.high - naive.low)


def test_choosing_from_a_table_is_the_same(sample):
    table = threshold_table(*sample)
    assert ask_table(table, Youden(), "val") == ask(*sample, Youden(), "val")


def test_words():
    assert [threshold_words(t) for t in (0.62, 0.9998, 0.00012, 1.0, ABOVE_ONE)] == [
        "0.620",
        "0.9998",
        "0.00012",
        "1",
        "above 1",
    ]
    assert (split_words("val"), split_words("test")) == ("validation", "test")
