"""Maps on one colour scale: the same evidence has the same colour, whatever draws it."""

import numpy as np
import pytest

from pneumo_core.errors import PneumoError
from pneumo_core.explain import CamResult
from pneumo_core.shared_scale import shared_scale


def result(evidence: np.ndarray, method: str = "gradcam", blank: bool = False) -> CamResult:
    drawn = np.zeros((16, 16), np.float32) if blank else np.ones((16, 16), np.float32)
    return CamResult(drawn, evidence.astype(np.float32), 1.0, 0.0, method, "Normal", "block4")


def test_evidence_of_a_place_has_the_same_height_in_a_coarse_and_a_fine_map():
    # Two logits in the upper half: in one cell each, or divided among eight.
    coarse = np.array([[1.0, 1.0], [0.0, 0.0]])
    fine = np.zeros((8, 8))
    fine[:4] = 2 / 32
    first, second = shared_scale([result(coarse), result(fine, "integrated")])
    assert first.max() == second.max() == 1
    assert first[0] == pytest.approx(second[0])
    assert second[-1].max() == 0


def test_the_weaker_map_is_as_much_weaker_as_its_evidence_and_minus_is_none():
    strong = np.array([[4.0, -9.0], [0.0, 0.0]])
    weak = np.array([[1.0, -9.0], [0.0, 0.0]])
    first, second = shared_scale([result(strong), result(weak, "hirescam")])
    assert first.max() == 1
    assert second == pytest.approx(first / 4)
    assert second.min() == 0
    assert first.dtype == np.float32


def test_a_blank_map_stays_blank_and_the_others_keep_their_scale():
    noise = np.full((2, 2), 5e3)
    other = np.array([[0.5, 0.0], [0.0, 0.0]])
    blank, kept = shared_scale([result(noise, blank=True), result(other)])
    assert not blank.any()
    assert kept.max() == 1
    assert not shared_scale([result(noise, blank=True)])[0].any()
    assert shared_scale([]) == []


def test_a_method_without_units_cannot_share():
    with pytest.raises(PneumoError, match=r"no shared scale: layercam\."):
        shared_scale([result(np.eye(2)), result(np.eye(2), "layercam")])
