"""One threshold on two sets, two models on one set."""

import warnings

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from pneumo_core.comparison import compare_models, compare_splits
from pneumo_core.errors import DataError
from pneumo_core.intervals import compare_auc, compare_auc_unpaired


def counted(tp, fn, tn, fp):
    """Labels and probabilities with these counts at 0.5."""
    labels = [1] * (tp + fn) + [0] * (tn + fp)
    return np.array(labels), np.array([0.9] * tp + [0.1] * fn + [0.2] * tn + [0.8] * fp)


VAL, TEST = counted(371, 18, 126, 9), counted(376, 14, 197, 37)


def test_a_fall_is_found_and_told():
    changes = {change.name: change for change in compare_splits(VAL, TEST, 0.5)}
    specificity = changes["specificity"]
    assert specificity.verdict == "falls"
    assert specificity.sentence == "specificity falls from 0.93 on validation to 0.84 on test"
    expected = confint_proportions_2indep(197, 234, 126, 135, method="newcomb", compare="diff")
    assert (specificity.change.low, specificity.change.high) == pytest.approx(expected)
    assert specificity.change.value == pytest.approx(197 / 234 - 126 / 135)
    sensitivity = changes["sensitivity"]
    assert sensitivity.verdict == "no clear change"
    assert sensitivity.sentence == (
        "sensitivity shows no clear change: 0.95 on validation, 0.96 on test"
    )
    assert changes["prevalence"].sentence == (
        "prevalence falls from 0.74 on validation to 0.62 on test"
    )
    assert list(changes) == [
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "accuracy",
        "prevalence",
        "auc",
    ]


def test_a_rise_is_told_as_one():
    changes = compare_splits(TEST, VAL, 0.5, names=("test", "val"))
    assert changes[1].sentence == "specificity rises from 0.84 on test to 0.93 on validation"


def test_the_area_s_change_is_delongs():
    change = compare_splits(VAL, TEST, 0.5)[-1]
    expected = compare_auc_unpaired(*TEST, *VAL)
    assert change.change == expected.difference
    assert (change.before, change.after) == (expected.b, expected.a)


def test_small_changes_are_told_with_enough_digits():
    first, second = counted(9500, 500, 50, 50), counted(9520, 480, 50, 50)
    change = compare_splits(first, second, 0.5)[0]
    assert change.sentence.endswith("no clear change: 0.950 on validation, 0.952 on test")
    same = compare_splits(first, first, 0.5)[0]
    assert same.sentence.endswith("no clear change: 0.95 on validation, 0.95 on test")


def test_one_class_cannot_be_compared():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        changes = compare_splits(VAL, ([1, 1], [0.8, 0.9]), 0.5)
    verdicts = {change.name: change.verdict for change in changes}
    assert verdicts["specificity"] == verdicts["auc"] == "unknown"
    assert changes[1].sentence == "specificity cannot be compared: it is undefined on test"
    assert changes[-1].sentence == "AUC cannot be compared: it is undefined on test"
    assert changes[-1].before.value is not None
    assert changes[1].before.value is not None
    assert verdicts["sensitivity"] == "no clear change"


def test_patients_soften_a_verdict():
    """Nine images for each patient: what looked like a fall is within chance."""
    patients = (np.arange(524) // 9, np.arange(624) // 9)
    change = compare_splits(VAL, TEST, 0.5, patients=patients)[1]
    assert change.verdict == "no clear change"
    assert change.change.value == pytest.approx(197 / 234 - 126 / 135)


@pytest.fixture(scope="module")
def two_models():
    rng = np.random.default_rng(17)
    labels = rng.random(400) < 0.6
    common = rng.normal(size=400)
    a = 1 / (1 + np.exp(-(common + rng.normal(size=400) + 4 * labels - 2)))
    b = 1 / (1 + np.exp(-(common + rng.normal(size=400) + 2 * labels - 1)))
    return labels, a, b


def test_two_models_are_tested(two_models):
    labels, a, b = two_models
    found = compare_models(labels, a, b, 0.5, 0.4, names=("resnet18", "cnn"))
    assert found.auc == compare_auc(labels, a, b)
    right_a, right_b = (a >= 0.5) == labels, (b >= 0.4) == labels
    for test, part in (
        (found.all_images, np.ones(400, bool)),
        (found.pneumonia, labels),
        (found.normal, ~labels),
    ):
        only_a, only_b = (right_a & ~right_b)[part].sum(), (~right_a & right_b)[part].sum()
        assert (test.only_a_right, test.only_b_right) == (only_a, only_b)
        expected = statsmodels_mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue
        assert test.p_value == pytest.approx(expected)
    assert found.sentence == (
        f"resnet18 has an AUC of {found.auc.a.value:.2f}, cnn of {found.auc.b.value:.2f} "
        f"(p < 0.001); at their thresholds only resnet18 is right on "
        f"{found.all_images.only_a_right} images, only cnn on {found.all_images.only_b_right} "
        "(p < 0.001)."
    )


def test_a_model_against_itself(two_models):
    labels, a, _ = two_models
    found = compare_models(labels, a, a, 0.5, 0.5)
    assert found.auc.p_value == 1.0
    assert found.all_images.p_value == 1.0
    assert found.sentence.endswith("at their thresholds they are right on the same images.")


def test_untestable_models_say_so():
    found = compare_models([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], 0.5, 0.5)
    assert "(no test possible)" in found.sentence


def test_bad_input_is_a_sentence(two_models):
    labels, a, b = two_models
    with pytest.raises(DataError, match="Comparing two models needs"):
        compare_models([1, 1], [0.2, 0.3], [0.2, 0.3], 0.5, 0.5)
    with pytest.raises(DataError, match="threshold must be"):
        compare_models(labels, a, b, 0.5, 2)
    with pytest.raises(DataError, match="400 labels but 399"):
        compare_models(labels, a, b[:-1], 0.5, 0.5)
