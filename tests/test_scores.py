"""Bad labels and scores are met with a sentence that names the row."""

import numpy as np
import pandas as pd
import pytest

from pneumo_core.errors import DataError
from pneumo_core.scores import (
    ABOVE_ONE,
    as_clusters,
    as_groups,
    as_labels,
    as_prevalence,
    as_probabilities,
    as_scores,
    as_threshold,
    pair,
)


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True], ["0", "1", "1.0"], pd.Series([0, 1, 1])],
)
def test_labels_of_every_kind_become_a_mask(labels):
    mask = as_labels(labels)
    assert mask.dtype == bool
    assert mask.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], r"row 3 is 2: labels are 0 \(Normal\) or 1 \(Pneumonia\)"),
        ([0, np.nan], "row 2 is nan"),
        ([1, None], "row 2 is None"),
        (["0", "bacteria"], "row 2 is 'bacteria'"),
        ([0.5], "row 1 is 0.5"),
        ([], "no rows"),
        ([[0, 1]], r"shape \(1, 2\)"),
    ],
)
def test_bad_labels_are_named(labels, message):
    with pytest.raises(DataError, match=message):
        as_labels(labels)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.1, np.nan], "score in row 2 is nan"),
        ([np.inf], "score in row 1 is inf"),
        (["0.1", "high"], "score in row 2 is 'high'"),
    ],
)
def test_bad_scores_are_named(scores, message):
    with pytest.raises(DataError, match=message):
        as_scores(scores)


def test_probabilities_outside_the_unit_interval_are_named():
    assert as_probabilities([0, 1, "0.25"]).tolist() == [0.0, 1.0, 0.25]
    with pytest.raises(DataError, match=r"row 2 is 1\.5: probabilities lie between 0 and 1"):
        as_probabilities([0.3, 1.5])


def test_lengths_must_agree():
    with pytest.raises(DataError, match="2 labels but 3 scores"):
        pair([0, 1], [0.1, 0.2, 0.3])


def test_groups_are_named_in_order_and_gaps_form_one_group():
    names, codes = as_groups(["b", None, "a", float("nan"), "b"], 5)
    assert names.tolist() == ["(none)", "a", "b"]
    assert codes.tolist() == [2, 0, 1, 0, 2]
    names, codes = as_groups([3, 1, 3], 3)
    assert names.tolist() == ["1", "3"]
    assert codes.tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="2 groups for 3 rows"):
        as_groups(["a", "b"], 3)


def test_a_patient_without_a_name_stands_alone():
    assert as_clusters(["x", None, "x", None, "y"], 5).tolist() == [0, 2, 0, 3, 1]
    assert as_clusters(np.array([5, 2, 5, 9]), 4).tolist() == [1, 0, 1, 2]
    assert as_clusters(np.array([7, 10**9, 7]), 3).tolist() == [0, 1, 0]
    assert as_clusters(np.array([-1, 4, -1]), 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_bad_thresholds_are_refused(threshold):
    with pytest.raises(DataError, match="threshold must be a number between 0 and 1"):
        as_threshold(threshold)


def test_thresholds_reach_from_zero_to_just_above_one():
    assert as_threshold(0) == 0.0
    assert as_threshold(np.float32(0.5)) == 0.5
    assert as_threshold(ABOVE_ONE) > 1


@pytest.mark.parametrize("prevalence", [0, 1, 8, "0.1", float("nan")])
def test_bad_prevalences_are_refused(prevalence):
    with pytest.raises(DataError, match="prevalence lies between 0 and 1"):
        as_prevalence(prevalence)
