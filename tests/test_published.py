"""Published figures are those of the recipes, by one set of names; nonsense is left out."""

import pytest

from pneumo_core.confusion import Confusion
from pneumo_core.published import Published, published
from pneumo_core.recipe import load_recipe


def of(name: str) -> Published:
    return published(load_recipe(name).to_json())


def test_the_recall_of_a_class_is_a_sensitivity_or_a_specificity():
    found = of("inceptionv3-imbalanced")
    assert found.figures["sensitivity"] == 0.99
    assert found.figures["specificity"] == 0.54
    assert (found.figures["accuracy"], found.figures["auc"]) == (0.82, 0.95)
    assert found.confusion == Confusion(tp=385, fp=108, tn=126, fn=5)
    assert found.derived == {"f1"}


def test_what_is_not_stated_follows_from_the_matrix():
    found = of("inceptionv3-two-phase")
    assert found.figures["accuracy"] == 0.82, "as stated, not 511 / 624"
    assert found.figures["sensitivity"] == pytest.approx(320 / 390)
    assert found.figures["specificity"] == pytest.approx(191 / 234)
    assert found.derived == {"sensitivity", "specificity", "f1"}


def test_a_note_comes_along():
    assert of("resnet50-weighted").note == "its best epoch was chosen on test"
    assert of("resnet50-weighted").figures["f1"] == 0.944
    assert of("cnn-folder-plain").confusion is None


def test_our_own_recipe_has_none():
    assert of("resnet18") == Published()


@pytest.mark.parametrize("given", [None, [], "0.9", 3])
def test_no_mapping_means_no_figures(given):
    assert published({"published": given}) == Published()
    assert published({}) == Published()


@pytest.mark.parametrize("value", [True, "0.9", None, -0.1, 1.2, float("nan"), [0.9]])
def test_what_is_no_share_is_left_out(value):
    assert published({"published": {"auc": value, "accuracy": 0.5}}).figures == {"accuracy": 0.5}


@pytest.mark.parametrize(
    "matrix", [[1, 2, 3], [1, 2, 3, -4], [1, 2, 3, 4.0], [True, 2, 3, 4], "1234", 7, None]
)
def test_what_is_no_matrix_is_left_out(matrix):
    assert published({"published": {"confusion": matrix, "note": 5}}) == Published()


def test_a_matrix_without_pneumonia_has_no_sensitivity():
    found = published({"published": {"confusion": [9, 1, 0, 0]}})
    assert found.figures == {"specificity": 0.9, "accuracy": 0.9, "f1": 0.0}


def test_kinds_are_quoted_where_they_are_shares():
    given = {"auc": 0.94, "accuracy": 0.907, "sensitivity": 2, "note": "on the same films"}
    quoted = published({"published": {"bacteria_against_virus": given}})
    assert quoted.kinds == {"auc": 0.94, "accuracy": 0.907}
    assert published({"published": {"bacteria_against_virus": "no"}}).kinds == {}
