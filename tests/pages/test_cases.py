"""The sets of films behind the Misclassified page."""

import pandas as pd
import pytest

from ui.cases import CELLS, cases, in_order, judged, of_kind

SCORES = pd.DataFrame(
    {
        "id": list("abcdefgh"),
        "label": [1, 1, 1, 1, 0, 0, 0, 0],
        "probability": [0.9, 0.5, 0.4, 0.1, 0.95, 0.6, 0.49, 0.0],
    }
)


@pytest.mark.parametrize(("cell", "ids"), [("fn", "dc"), ("fp", "ef"), ("tp", "ba"), ("tn", "gh")])
def test_each_cell_has_its_films_the_worst_judgement_first(cell: str, ids: str) -> None:
    assert list(cases(SCORES, 0.5, cell)["id"]) == list(ids), "0.5 itself is called pneumonia"


def test_the_distance_is_from_the_threshold() -> None:
    assert cases(SCORES, 0.5, "fn")["distance"].tolist() == pytest.approx([-0.4, -0.1])


def test_ties_keep_their_order() -> None:
    tied = SCORES.assign(probability=0.2)
    assert list(cases(tied, 0.5, "fn")["id"]) == list("abcd")


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0000001])
def test_the_cells_part_the_films(threshold: float) -> None:
    parts = [set(cases(SCORES, threshold, cell)["id"]) for cell in CELLS]
    assert sum(map(len, parts)) == len(SCORES)
    assert set.union(*parts) == set(SCORES["id"])


def test_all_films_come_wrong_ones_first_the_worst_leading() -> None:
    films = cases(SCORES, 0.5, "all")
    # Wrong by 0.45 (e), 0.4 (d), 0.1 (c, f); then right by 0 (b), 0.01 (g), 0.4 (a), 0.5 (h).
    assert "".join(films["id"]) == "edcfbgah"
    assert "".join(cell[1] for cell in films["cell"]) == "pnnppnpn"


def test_a_normal_film_on_the_threshold_is_wrong() -> None:
    films = judged(SCORES, 0.49)
    assert dict(zip(films["id"], films["cell"], strict=True))["g"] == "fp"
    assert list(films["id"])[4] == "g", "wrong by nothing: the last of the wrong ones"


def test_confident_and_wrong_means_nine_in_ten_of_the_wrong_class() -> None:
    assert list(cases(SCORES, 0.5, "confident")["id"]) == ["e", "d"]
    # At a threshold above it the alarm is none any more.
    assert list(cases(SCORES, 0.96, "confident")["id"]) == ["d"]
    assert cases(SCORES.assign(probability=0.899), 0.5, "confident").empty


def test_near_the_threshold_the_nearest_comes_first() -> None:
    assert list(cases(SCORES, 0.5, "near")["id"]) == ["b", "g", "c", "f"]


def test_kinds_are_told_apart_and_normal_films_have_none() -> None:
    kinds = ["bacteria", "virus", "", "virus", "normal", "normal", "normal", ""]
    films = judged(SCORES.assign(group=kinds), 0.5)
    assert set(of_kind(films, "virus")["id"]) == {"b", "d"}
    assert set(of_kind(films, "bacteria")["id"]) == {"a"}
    assert set(of_kind(films, "unknown")["id"]) == {"c"}, "a normal film is of no unknown kind"
    assert len(of_kind(films, "any")) == 8


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("listed", "edcfbgah"),
        ("high", "eafbgcdh"),
        ("low", "hdcgbfae"),
        ("near", "bgcfdaeh"),
        ("name", "abcdefgh"),
    ],
)
def test_the_list_is_put_in_order(sort: str, ids: str) -> None:
    assert "".join(in_order(cases(SCORES, 0.5, "all"), sort)["id"]) == ids
