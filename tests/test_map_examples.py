"""The films that show how to read a heatmap are what their captions say."""

import numpy as np
import pandas as pd
import pytest

from pneumo_core.datasets import Dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.map_examples import (
    SIDE,
    drawn_examples,
    find_examples,
    typical_film,
)
from pneumo_core.runs import Run
from pneumo_core.trust_place import place


@pytest.fixture(scope="module")
def detector(tiny_run: Run) -> PneumoniaDetector:
    return PneumoniaDetector(tiny_run)


@pytest.mark.parametrize("threshold", [0.01, 0.5])
def test_each_film_is_judged_as_its_case_says(
    detector: PneumoniaDetector, tiny_dataset: Dataset, tiny_run: Run, threshold: float
) -> None:
    scores = tiny_run.scores("test")
    found = find_examples(detector, tiny_dataset, scores, threshold, "gradcam", None)
    assert "right" in found
    for case, one in found.items():
        row = scores.set_index("id").loc[one.id]
        called = one.probability >= threshold
        assert one.case == case
        assert (one.label, one.probability) == (row["label"], row["probability"])
        assert called == (one.explanation.cam.target == "Pneumonia")
        assert (called == bool(one.label)) == (case != "wrong")
        explained = detector.explain(
            tiny_dataset.find(one.id), "gradcam", one.explanation.cam.target
        )
        assert np.allclose(one.explanation.map, explained.map, atol=1e-5)
    if "edge" in found:
        assert found["edge"].place.density > 1
        assert found["right"].place.density < found["edge"].place.density


def test_the_wrong_one_is_the_furthest_from_the_threshold(
    detector: PneumoniaDetector, tiny_dataset: Dataset, tiny_run: Run
) -> None:
    scores = tiny_run.scores("test")
    found = find_examples(detector, tiny_dataset, scores, 0.0, "gradcam", None)
    normal = scores[scores["label"] == 0]
    assert found["wrong"].probability == normal["probability"].max()
    assert found["wrong"].label == 0


def test_what_does_not_occur_is_left_out(
    detector: PneumoniaDetector, tiny_dataset: Dataset, tiny_run: Run
) -> None:
    scores = tiny_run.scores("test")
    normal = scores[scores["label"] == 0]
    assert find_examples(detector, tiny_dataset, normal, 1.0, "gradcam", None) == {}


def test_the_typical_film_is_the_middle_one_of_those_found() -> None:
    scores = pd.DataFrame(
        {
            "id": list("abcde"),
            "label": [1, 1, 0, 1, 1],
            "probability": [0.9, 0.7, 0.99, 0.8, 0.1],
        }
    )
    assert typical_film(scores, 0.5) == "d"
    assert typical_film(scores, 0.95) == "c", "nothing is found: the highest score"


def test_a_drawn_map_lies_where_its_caption_says() -> None:
    drawn = drawn_examples()
    assert set(drawn) == {"right", "wrong", "edge"}
    for film, heat in drawn.values():
        assert film.shape == heat.shape == (SIDE, SIDE)
        assert film.min() >= 0
        assert film.max() <= 1
        assert heat.max() == 1
    density = {case: place(heat, film).density for case, (film, heat) in drawn.items()}
    assert density["right"] < 0.5
    assert density["wrong"] < 0.5
    assert density["edge"] > 2
    # The shadow of the first film is where its evidence is, and nowhere on the second.
    peak = np.unravel_index(drawn["right"][1].argmax(), (SIDE, SIDE))
    assert drawn["right"][0][peak] > drawn["wrong"][0][peak] + 0.2
