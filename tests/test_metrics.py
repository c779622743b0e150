"""The summary of a run, against scikit-learn."""

import json
import time
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from pneumo_core.calibration import expected_calibration_error
from pneumo_core.errors import DataError
from pneumo_core.intervals import auc_delong, wilson
from pneumo_core.metrics import Confusion, class_report, summary

FIGURES = (
    "auc",
    "auprc",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "accuracy",
    "f1",
    "balanced_accuracy",
    "lr_positive",
    "lr_negative",
)


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(21)
    labels = (rng.random(300) < 0.7).astype(int)
    return labels, np.round(1 / (1 + np.exp(-(rng.normal(size=300) + 2.5 * labels - 1))), 3)


def test_summary_agrees_with_scikit_learn(sample):
    labels, p = sample
    found = summary(labels, p, 0.62)
    called = p >= 0.62
    expected = {
        "auc": sk.roc_auc_score(labels, p),
        "auprc": sk.average_precision_score(labels, p),
        "sensitivity": sk.recall_score(labels, called),
        "specificity": sk.recall_score(labels, called, pos_label=0),
        "ppv": sk.precision_score(labels, called),
        "npv": sk.precision_score(labels, called, pos_label=0),
        "accuracy": sk.accuracy_score(labels, called),
        "f1": sk.f1_score(labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, called),
    }
    plus, minus = sk.class_likelihood_ratios(labels, called)
    expected |= {"lr_positive": plus, "lr_negative": minus}
    assert {name: found[name][0] for name in FIGURES} == pytest.approx(expected)
    assert all(found[name][1] < found[name][0] < found[name][2] for name in FIGURES)
    assert found["confusion"] == sk.confusion_matrix(labels, called).ravel().tolist()
    assert found["brier"] == pytest.approx(sk.brier_score_loss(labels, p))
    assert found["accuracy_at_half"] == pytest.approx(sk.accuracy_score(labels, p >= 0.5))
    assert found["ece"] == expected_calibration_error(labels, p)
    assert (found["n"], found["threshold"]) == (300, 0.62)
    assert found["prevalence"] == pytest.approx(labels.mean())


def test_summary_has_the_right_intervals(sample):
    labels, p = sample
    found = summary(labels, p, 0.62)
    tn, fp, fn, tp = found["confusion"]
    assert found["sensitivity"] == wilson(tp, tp + fn).to_json()
    assert found["specificity"] == wilson(tn, tn + fp).to_json()
    assert found["auc"] == auc_delong(labels, p).to_json()


def test_class_report_agrees_with_scikit_learn(sample):
    labels, p = sample
    report = summary(labels, p, 0.62)["per_class"]
    theirs = sk.classification_report(
        labels, p >= 0.62, target_names=["Normal", "Pneumonia"], output_dict=True
    )
    for ours, name in (
        ("Normal", "Normal"),
        ("Pneumonia", "Pneumonia"),
        ("macro", "macro avg"),
        ("weighted", "weighted avg"),
    ):
        for key, column in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("support", "support"),
        ):
            assert report[ours][key] == pytest.approx(theirs[name][column])


def test_error_rates_by_hand():
    report = class_report(Confusion(tp=90, fp=8, tn=32, fn=10))
    assert report["Pneumonia"]["false_positive_rate"] == pytest.approx(0.2)
    assert report["Pneumonia"]["false_negative_rate"] == pytest.approx(0.1)
    assert report["Normal"]["false_positive_rate"] == pytest.approx(0.1)
    assert report["Normal"]["false_negative_rate"] == pytest.approx(0.2)
    assert report["macro"]["false_positive_rate"] == pytest.approx(0.15)
    assert report["weighted"]["recall"] == pytest.approx(122 / 140)


def test_patients_widen_the_intervals(sample):
    labels, p = sample
    copies = (np.repeat(labels, 4), np.repeat(p, 4), 0.62)
    naive, grouped = summary(*copies), summary(*copies, np.repeat(np.arange(300), 4))
    alone = summary(labels, p, 0.62)
    for name in FIGURES:
        assert grouped[name][0] == pytest.approx(alone[name][0])
        width = {
            key: one[name][2] - one[name][1]
            for key, one in {"naive": naive, "grouped": grouped, "alone": alone}.items()
        }
        assert width["grouped"] > 1.6 * width["naive"]
        assert width["grouped"] == pytest.approx(width["alone"], rel=0.1)


@pytest.mark.parametrize(
    ("labels", "p"),
    [
        ([1], [0.4]),
        ([0], [0.4]),
        ([1, 1, 1], [0.2, 0.6, 0.9]),
        ([0, 0, 0], [0.2, 0.6, 0.9]),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([1, 1, 0, 0], [0.0, 0.0, 1.0, 1.0]),
    ],
)
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("with_patients", [False, True])
def test_degenerate_samples_give_limits_not_nan(labels, p, threshold, with_patients):
    patients = ["a", "a", "b", None][: len(p)] if with_patients else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summary(labels, p, threshold, patients)
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    single = len(set(labels)) == 1
    assert (found["auc"][0] is None) == single
    assert (found["sensitivity"][0] is None) == (1 not in labels)
    assert (found["specificity"][0] is None) == (0 not in labels)


def test_one_class_report_has_no_figures_of_the_other():
    report = class_report(Confusion(tp=3, fp=0, tn=0, fn=1))
    assert report["Normal"]["recall"] is None
    assert report["Normal"]["precision"] == 0.0
    assert report["macro"]["recall"] is None
    assert report["weighted"]["recall"] == 0.75


def test_bad_values_are_sentences():
    with pytest.raises(DataError, match="row 2 is nan"):
        summary([0, 1], [0.5, float("nan")], 0.5)
    with pytest.raises(DataError, match="row 1 is 'Pneumonia'"):
        summary(["Pneumonia"], [0.5], 0.5)


def test_a_million_scores_are_quick():
    rng = np.random.default_rng(0)
    labels = rng.random(1_000_000) < 0.3
    p = 1 / (1 + np.exp(-(rng.normal(size=labels.size) + 2 * labels - 1)))
    start = time.process_time()
    found = summary(labels, p, 0.5)
    assert time.process_time() - start < 5
    assert sum(found["confusion"]) == 1_000_000
    assert found["auc"][2] - found["auc"][1] < 0.002
