"""Does it hold: the answer in three kinds, its figures by hand, and the films it takes."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pneumo_core.cases_needed import auc_to_decide, for_width, to_decide
from pneumo_core.confusion import figures_at
from pneumo_core.errors import DataError
from pneumo_core.intervals import compare_auc_unpaired
from pneumo_core.local_answer import FEWEST, Cases, LocalAnswer, calibrated, local_answer
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.proportions import difference, wilson

POINT = OperatingPoint("default", 0.5, "by hand", "val")


def films(tp: int, fn: int, tn: int, fp: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities with these counts at one half, all different, ranked in part."""
    rng = np.random.default_rng(4)
    parts = [(1, tp, 0.55, 1.0), (1, fn, 0.3, 0.5), (0, tn, 0.0, 0.45), (0, fp, 0.5, 0.7)]
    labels = np.concatenate([np.full(n, label) for label, n, _, _ in parts])
    return labels, np.concatenate([rng.uniform(low, high, n) for _, n, low, high in parts])


def promising(tp: int = 380, fn: int = 20, tn: int = 180, fp: int = 20) -> SimpleNamespace:
    """A run whose test has a sensitivity of 0.95 and a specificity of 0.9."""
    labels, probabilities = films(tp, fn, tn, fp)
    table = pd.DataFrame({"label": labels, "probability": probabilities})
    table["id"] = [f"test-{i}" for i in table.index]
    table["patient"] = ""
    return SimpleNamespace(scores=lambda split: table[: len(table) * (split == "test")])


def ask(
    tp: int, fn: int, tn: int, fp: int, patients: np.ndarray | None = None, **more: float
) -> LocalAnswer:
    return local_answer(*films(tp, fn, tn, fp), patients, promising(), POINT, **more)


def test_it_holds_where_all_three_lie_above_the_test_less_the_margin():
    answer = ask(480, 20, 470, 30)
    assert answer.verdict == "holds"
    assert "no more than 5 points below the model's test" in answer.sentence
    one = answer.figures["sensitivity"]
    assert one.here == wilson(480, 500)
    assert one.floor == pytest.approx(0.9)
    assert one.here.low > 0.9
    assert {each.state for each in answer.figures.values()} == {"holds"}


def test_it_does_not_hold_where_one_lies_below():
    answer = ask(480, 20, 350, 150)
    assert answer.verdict == "does not hold"
    found = answer.figures["specificity"]
    assert found.state == "fails"
    assert found.here.high < 0.85 == pytest.approx(found.floor)
    low, high = (f"{100 * limit:.1f}" for limit in (found.here.low, found.here.high))
    assert f"specificity is 70.0 % ({low} to {high}), less than the 85.0 %" in answer.sentence


def test_where_the_ranking_holds_another_threshold_is_offered():
    labels, probabilities = films(480, 20, 470, 30)
    answer = local_answer(labels, probabilities**0.3, None, promising(), POINT)
    assert answer.figures["auc"].state == "holds"
    assert answer.verdict == "does not hold"
    assert "another threshold may do" in answer.sentence
    assert "another threshold" not in ask(300, 200, 350, 150).sentence


def test_with_so_few_it_cannot_be_said_and_how_many_would_do_is():
    answer = ask(19, 1, 19, 1)
    assert answer.verdict == "cannot be said yet"
    assert answer.figures["sensitivity"].state == "open"
    share, floor = answer.figures["auc"].here.value, answer.figures["auc"].floor
    ill, normal = auc_to_decide(share, floor, 1.0)
    assert answer.to_decide.pneumonia == max(to_decide(0.95, 0.9), ill) > 20
    assert answer.to_decide.normal == max(to_decide(0.95, 0.85), normal) > 20
    more = answer.to_decide.pneumonia - 20
    shown = math.ceil(more / 10) * 10 if more > 99 else more
    assert f"About {shown} more with pneumonia" in answer.sentence


def test_of_fewer_patients_than_ten_nothing_is_said():
    # Nine wrong of nine: the interval lies far below, and still it is nine.
    answer = ask(0, FEWEST - 1, 50, 0)
    assert answer.figures["sensitivity"].state == "fails"
    assert answer.verdict == "cannot be said yet"
    assert f"{FEWEST} patients" in answer.sentence
    assert ask(0, FEWEST, 50, 0).verdict == "does not hold"
    many_films_of_two = np.arange(100) % 2
    assert ask(5, 45, 50, 0, many_films_of_two).verdict == "cannot be said yet"


def test_one_class_only():
    answer = ask(40, 2, 0, 0)
    assert answer.verdict == "cannot be said yet"
    assert answer.figures["auc"].here.value is None
    assert answer.to_decide.normal is None
    assert "cannot be told" in answer.sentence
    assert answer.calibration.in_the_large.value is None


def test_perfection_on_a_few_films_is_no_proof():
    answer = ask(12, 0, 12, 0)
    assert answer.verdict == "cannot be said yet"
    change = answer.figures["auc"].change
    assert change.verdict == "no clear change"
    assert change.change.low < 0


def test_figures_are_by_patient_and_the_tests_are_those_of_independent_sets():
    labels, probabilities = films(90, 10, 85, 15)
    patients = np.arange(200) // 2
    run = promising()
    answer = local_answer(labels, probabilities, patients, run, POINT)
    expected = figures_at(labels, probabilities, 0.5, patients)
    test = run.scores("test")
    there = figures_at(test["label"], test["probability"], 0.5, test["id"].to_numpy(object))
    for name in ("sensitivity", "specificity"):
        assert answer.figures[name].here == expected[name]
        assert answer.figures[name].there == there[name]
        assert answer.figures[name].change.change == difference(expected[name], there[name])
    delong = compare_auc_unpaired(
        labels, probabilities, test["label"], test["probability"], patients
    )
    found = answer.figures["auc"].change.change
    assert found.value == pytest.approx(delong.difference.value)
    assert found.low == pytest.approx(delong.difference.low, rel=1e-6)
    assert answer.patients == 100
    assert (answer.pneumonia, answer.normal) == (100, 100)


def test_a_wider_margin_may_turn_the_answer():
    assert ask(465, 35, 445, 55).verdict == "holds"
    assert ask(465, 35, 445, 55, margin=0.01).verdict != "holds"
    assert ask(465, 35, 445, 55, margin=0.0).verdict == "does not hold"
    with pytest.raises(DataError, match="margin"):
        ask(10, 0, 10, 0, margin=float("nan"))


def test_widths():
    answer = ask(90, 10, 85, 15)
    assert answer.within[0.05].pneumonia == for_width(0.9, 0.05) == 141
    assert answer.within[0.03].normal == for_width(0.85, 0.03)


def test_films_in_all_where_a_quarter_has_pneumonia():
    # 30 with pneumonia need 120 films, 80 normal ones need 107.
    assert Cases(30, 80).in_all(0.25) == 120
    assert Cases(20, 80).in_all(0.25) == 107
    assert Cases(20, None).in_all(0.25) is None
    assert Cases(20, 80).in_all(0.0) is None
    assert ask(90, 10, 285, 15).prevalence == 0.25


def test_calibration_in_the_large_by_hand():
    # Of 100 films that are all promised one half 80 have pneumonia: log(0.8 / 0.2) is missing, and
    # its standard error is 1 / sqrt(100 * 0.8 * 0.2) = 0.25.
    positive = np.arange(100) < 80
    found = calibrated(positive, np.full(100, 0.5), np.arange(100))
    assert found.promised == 0.5
    assert found.observed.value == 0.8
    assert found.ece == pytest.approx(0.3)
    assert found.in_the_large.value == pytest.approx(math.log(4))
    assert found.in_the_large.high - found.in_the_large.low == pytest.approx(2 * 1.959964 * 0.25)
    # Two films a patient, always alike: the variance doubles.
    doubled = calibrated(positive, np.full(100, 0.5), np.arange(100) // 2).in_the_large
    assert doubled.high - doubled.low == pytest.approx(2 * 1.959964 * 0.25 * math.sqrt(2))


def test_certain_probabilities_do_no_harm():
    positive = np.arange(10) < 5
    found = calibrated(positive, positive.astype(float), np.arange(10))
    assert found.ece == 0
    assert found.in_the_large.value is not None


def test_as_json_it_is_all_there():
    answer = ask(90, 10, 85, 15)
    content = json.loads(json.dumps(answer.to_json()))
    assert content["verdict"] == answer.verdict
    assert content["figures"]["sensitivity"]["here"] == answer.figures["sensitivity"].here.to_json()
    assert content["cases"]["within_0.05"]["pneumonia"] == 141
