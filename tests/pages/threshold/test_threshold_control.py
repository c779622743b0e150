"""What the live control is sent: exact counts, whatever the scores."""

import json

import numpy as np
import pytest

from pneumo_core.confusion import confusion_at, threshold_table
from ui.threshold_control import MAX_ROWS, drawing


def front_end_row(data: dict, threshold: float) -> int:
    """What Table.row of the front end does."""
    return int(np.searchsorted(data["table"]["threshold"], threshold, side="left"))


@pytest.mark.parametrize("size", [7, 300, 20_000])
def test_the_control_gets_exact_counts(size: int) -> None:
    rng = np.random.default_rng(size)
    labels = rng.integers(0, 2, size)
    probabilities = 1 / (1 + np.exp(-rng.normal(3 * labels - 1, 2)))
    data = json.loads(drawing(threshold_table(labels, probabilities)))
    table = data["table"]
    assert table["complete"] == (size <= MAX_ROWS)
    # Round thresholds are always exact; any threshold is where no row was left out.
    asked = [0.0, 0.001, 0.31, 0.5, 0.62, 0.999, 1.0]
    if table["complete"]:
        asked += list(rng.random(50))
    for threshold in asked:
        row = front_end_row(data, threshold)
        expected = confusion_at(labels, probabilities, threshold)
        assert (table["tp"][row], table["fp"][row]) == (expected.tp, expected.fp)
    assert (data["positives"], data["negatives"]) == (labels.sum(), size - labels.sum())


def test_the_payload_of_a_large_table_stays_small() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200_000)
    probabilities = 1 / (1 + np.exp(-rng.normal(3 * labels - 1, 2)))
    text = drawing(threshold_table(labels, probabilities))
    assert len(text) < 300_000


@pytest.mark.parametrize("scale", ["odds", "even"])
def test_the_bins_hold_every_image(scale: str) -> None:
    labels = np.array([0, 0, 1, 1, 1])
    probabilities = np.array([0.0, 0.4, 1e-9, 1.0, 0.9])
    histogram = json.loads(drawing(threshold_table(labels, probabilities)))["histogram"]
    assert sum(histogram[scale]["normal"]) == pytest.approx(1, abs=1e-3)
    assert sum(histogram[scale]["pneumonia"]) == pytest.approx(1, abs=1e-3)


def test_bins_even_in_probability() -> None:
    labels, probabilities = np.array([0, 1, 1]), np.array([0.1, 0.5, 1.0])
    bins = json.loads(drawing(threshold_table(labels, probabilities)))["histogram"]["even"]
    assert [i for i, share in enumerate(bins["pneumonia"]) if share] == [30, 59]
    assert [i for i, share in enumerate(bins["normal"]) if share] == [6]


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [([1, 1], [0.5, 0.5]), ([0], [0.0]), ([0, 1], [1.0, 1.0]), ([0, 1], [0.0, 1.0])],
)
def test_the_payload_of_degenerate_scores_is_finite(
    labels: list[int], probabilities: list[float]
) -> None:
    data = json.loads(drawing(threshold_table(labels, probabilities)))
    low, high = data["histogram"]["range"]
    assert low < high
    assert data["positives"] == sum(labels)
