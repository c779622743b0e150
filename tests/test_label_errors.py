"""Confident learning on cases worked by hand, and on labels that were flipped on purpose."""

import numpy as np
import pytest

from pneumo_core.errors import DataError
from pneumo_core.label_errors import likely_label_errors


def test_a_case_worked_by_hand() -> None:
    labels = [1, 1, 1, 0, 0, 0]
    probabilities = [0.9, 0.8, 0.1, 0.2, 0.1, 0.65]
    found = likely_label_errors(labels, probabilities)
    assert found.thresholds == pytest.approx(((0.8 + 0.9 + 0.35) / 3, (0.9 + 0.8 + 0.1) / 3))
    # Film 2 is confidently normal (0.9 is above 0.683), film 5 confidently pneumonia.
    assert found.joint.tolist() == [[2, 1], [1, 2]]
    assert found.positions.tolist() == [2, 5]
    assert found.margins == pytest.approx([0.1 - 0.9, 0.35 - 0.65])


def test_who_reaches_neither_threshold_is_not_counted() -> None:
    found = likely_label_errors([1, 1, 0, 0], [0.95, 0.45, 0.05, 0.05])
    assert found.thresholds == pytest.approx((0.95, 0.7))
    assert found.joint.tolist() == [[2, 0], [0, 1]], "0.45 is confident of nothing"
    assert found.positions.size == 0


def test_who_reaches_both_thresholds_goes_to_the_more_probable_class() -> None:
    labels = [1, 1, 0, 0]
    probabilities = [0.6, 0.2, 0.7, 0.4]  # thresholds 0.4 of pneumonia and 0.45 of normal
    found = likely_label_errors(labels, probabilities)
    assert found.thresholds == pytest.approx((0.45, 0.4))
    # The last film reaches both: normal is 0.6, pneumonia 0.4.
    assert found.joint.tolist() == [[1, 1], [1, 1]]
    assert found.positions.tolist() == [1, 2]


def test_ties_keep_the_order_of_the_films() -> None:
    found = likely_label_errors([0, 0, 0, 1, 1], [0.9, 0.9, 0.0, 0.9, 0.9])
    assert found.positions.tolist() == [0, 1]


def test_labels_flipped_on_purpose_come_out_first() -> None:
    rng = np.random.default_rng(3)
    truth = np.repeat([0, 1], 200)
    probabilities = 1 / (1 + np.exp(-rng.normal(6 * truth - 3, 1.2)))
    flipped = np.concatenate([rng.choice(200, 12, False), 200 + rng.choice(200, 12, False)])
    labels = truth.copy()
    labels[flipped] = 1 - labels[flipped]
    found = likely_label_errors(labels, probabilities).positions
    assert set(found[:15]) <= set(flipped), "the very first are all flipped ones"
    assert len(set(found) & set(flipped)) >= 15
    assert len(set(found) - set(flipped)) <= 2
    untouched = likely_label_errors(truth, probabilities).positions
    assert len(untouched) <= 2, "sound labels are hardly doubted"


@pytest.mark.parametrize("labels", [[1, 1], [0, 0]])
def test_one_class_only_is_refused(labels: list[int]) -> None:
    with pytest.raises(DataError, match="Confident learning"):
        likely_label_errors(labels, [0.2, 0.8])
