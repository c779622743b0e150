"""Two models on the same films: which films only one of them gets wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pneumo_core.errors import DataError
from pneumo_core.intervals import McNemar, mcnemar

if TYPE_CHECKING:
    import pandas as pd

WrongFor = Literal["a", "b", "both"]
WRONG_FOR: tuple[WrongFor, ...] = ("a", "b", "both")


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Two models, each at its own threshold.

    Attributes:
        films: The first model's scores with a further column probability_b, the second's, and
            wrong_a and wrong_b, bool.
        test: McNemar's exact test on all films.
    """

    films: pd.DataFrame
    test: McNemar

    def wrong(self, whom: WrongFor) -> pd.DataFrame:
        """The films that only a, only b, or both get wrong, in the order of the scores."""
        a, b = self.films["wrong_a"], self.films["wrong_b"]
        return self.films[{"a": a & ~b, "b": b & ~a, "both": a & b}[whom]]


def same_films(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether two tables of scores are of the same films with the same labels, in any order."""
    if len(a) != len(b) or a["id"].duplicated().any():
        return False
    return a.set_index("id")["label"].to_dict() == b.set_index("id")["label"].to_dict()


def disagreement(
    a: pd.DataFrame, b: pd.DataFrame, threshold_a: float, threshold_b: float
) -> Disagreement:
    """Set two models side by side.

    Args:
        a: One model's scores, as `Run.scores` gives them.
        b: The other's, of the same films in any order.
        threshold_a: A film is called pneumonia when its probability is >= this.
        threshold_b: The same for the other model.

    Raises:
        DataError: they are not of the same films.
    """
    if not same_films(a, b):
        raise DataError("The two models were not scored on the same films: choose another.")
    other = b.set_index("id")["probability"].loc[a["id"]].to_numpy()
    called_a, called_b = a["probability"].to_numpy() >= threshold_a, other >= threshold_b
    ill = a["label"].to_numpy() == 1
    films = a.assign(probability_b=other, wrong_a=called_a != ill, wrong_b=called_b != ill)
    return Disagreement(films, mcnemar(a["label"], called_a, called_b))
