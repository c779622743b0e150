"""Rows by group."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pneumo_core.confusion import Confusion, confusion_at
from pneumo_core.errors import DataError
from pneumo_core.groups import group_rows
from pneumo_core.intervals import auc_delong, wilson
from pneumo_core.operating_point import SensitivityAtLeast, Youden, ask


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(31)
    kinds = rng.choice(["normal", "bacteria", "virus"], 300, p=[0.4, 0.4, 0.2])
    labels = kinds != "normal"
    shift = np.select([kinds == "bacteria", kinds == "virus"], [3.0, 1.5], 0.0)
    return labels, 1 / (1 + np.exp(-(rng.normal(size=300) + shift - 1))), kinds


def test_kinds_of_pneumonia_have_their_own_rows(sample):
    labels, p, kinds = sample
    rows = group_rows(labels, p, kinds, 0.5)
    assert [row.name for row in rows] == ["bacteria", "normal", "virus"]
    for row in rows:
        part = kinds == row.name
        assert row.confusion == confusion_at(labels[part], p[part], 0.5)
        assert row.figures["accuracy"].value == pytest.approx(((p >= 0.5) == labels)[part].mean())
    bacteria, normal, virus = rows
    assert bacteria.figures["sensitivity"].value > virus.figures["sensitivity"].value
    hits = bacteria.confusion.tp
    assert bacteria.figures["sensitivity"] == wilson(hits, bacteria.confusion.positives)
    assert bacteria.figures["specificity"].value is None
    assert normal.figures["sensitivity"].value is None


def test_a_group_of_one_class_is_set_against_the_other(sample):
    labels, p, kinds = sample
    bacteria, normal, _ = group_rows(labels, p, kinds, 0.5)
    part = (kinds == "bacteria") | ~labels
    assert bacteria.auc.value == pytest.approx(roc_auc_score(labels[part], p[part]))
    assert bacteria.auc_against == "all normal images"
    assert normal.auc == auc_delong(labels, p)
    assert normal.auc_against == "all pneumonia images"


def test_groups_of_both_classes_stand_alone(sample):
    labels, p, _ = sample
    sites = np.arange(300) % 2
    rows = group_rows(labels, p, sites, 0.5)
    assert [row.name for row in rows] == ["0", "1"]
    assert rows[1].auc == auc_delong(labels[sites == 1], p[sites == 1])
    assert rows[1].auc_against == ""


def test_a_group_s_own_threshold(sample):
    labels, p, kinds = sample
    rule = SensitivityAtLeast(0.9)
    bacteria, normal, virus = group_rows(labels, p, kinds, 0.5, rule, "val")
    assert virus.own == ask(labels[kinds == "virus"], p[kinds == "virus"], rule, "val")
    assert virus.own.point.threshold < bacteria.own.point.threshold
    assert normal.own is None
    assert "needs pneumonia images, but the sample has none" in normal.own_note
    assert (virus.own_note, group_rows(labels, p, kinds, 0.5)[0].own) == ("", None)
    assert all(row.own is None for row in group_rows(labels, p, kinds, 0.5, Youden()))


def test_patients_widen_the_rows(sample):
    labels, p, kinds = sample
    copies = [np.repeat(values, 3) for values in sample]
    patients = np.repeat([f"p{i}" for i in range(300)], 3)
    for alone, naive, grouped in zip(
        group_rows(labels, p, kinds, 0.5),
        group_rows(*copies, 0.5),
        group_rows(*copies, 0.5, patients=patients),
        strict=True,
    ):
        assert grouped.figures["accuracy"].low == pytest.approx(
            alone.figures["accuracy"].low, abs=0.01
        )
        assert grouped.figures["accuracy"].low < naive.figures["accuracy"].low
        assert grouped.auc.low == pytest.approx(alone.auc.low, abs=0.005)


def test_small_and_nameless_groups():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = group_rows([1, 0, 1], [0.9, 0.2, 0.4], ["a", None, "a"], 0.5, Youden())
    assert [row.name for row in rows] == ["(none)", "a"]
    assert rows[0].confusion == Confusion(tp=0, fp=0, tn=1, fn=0)
    assert rows[1].auc.value == 1.0


def test_an_identifier_is_not_a_group():
    with pytest.raises(DataError, match="60 different values, more than 50"):
        group_rows([0, 1] * 30, [0.5] * 60, range(60), 0.5)


def test_lengths_must_agree():
    with pytest.raises(DataError, match="2 groups for 3 rows"):
        group_rows([1, 0, 1], [0.9, 0.2, 0.4], ["a", "b"], 0.5)
