"""Two models on the same films."""

import pandas as pd
import pytest
from scipy.stats import binomtest

from pneumo_core.disagreement import disagreement, same_films
from pneumo_core.errors import DataError

A = pd.DataFrame(
    {
        "id": list("abcdefgh"),
        "label": [1, 1, 1, 1, 0, 0, 0, 0],
        "probability": [0.9, 0.4, 0.3, 0.2, 0.1, 0.6, 0.7, 0.2],
    }
)
B = A.assign(probability=[0.9, 0.9, 0.7, 0.1, 0.9, 0.95, 0.2, 0.2])


def test_films_that_only_one_or_both_get_wrong() -> None:
    found = disagreement(A, B, 0.5, 0.8)
    # a misses b, c, d and calls f and g; b misses c and d and calls e and f.
    assert list(found.wrong("a")["id"]) == ["b", "g"]
    assert list(found.wrong("b")["id"]) == ["e"]
    assert list(found.wrong("both")["id"]) == ["c", "d", "f"]
    assert found.wrong("a")["probability_b"].tolist() == [0.9, 0.2]
    assert (found.test.only_b_right, found.test.only_a_right, found.test.both_wrong) == (2, 1, 3)
    assert found.test.p_value == pytest.approx(binomtest(1, 3).pvalue)


def test_the_order_of_the_second_does_not_matter() -> None:
    turned = B.iloc[::-1].reset_index(drop=True)
    expected, found = disagreement(A, B, 0.5, 0.8), disagreement(A, turned, 0.5, 0.8)
    assert found.films.equals(expected.films)


def test_a_film_on_the_threshold_is_called_pneumonia() -> None:
    assert "b" not in set(disagreement(A, B, 0.4, 0.9).films.query("wrong_a")["id"])


@pytest.mark.parametrize(
    "other",
    [
        B.iloc[:-1],
        B.assign(id=list("abcdefgx")),
        B.assign(label=[0, 1, 1, 1, 0, 0, 0, 0]),
        B.assign(id=list("abcdefgg")),
    ],
    ids=["fewer", "another film", "another label", "one twice"],
)
def test_other_films_are_refused(other: pd.DataFrame) -> None:
    assert not same_films(A, other)
    with pytest.raises(DataError, match="same films"):
        disagreement(A, other, 0.5, 0.5)
