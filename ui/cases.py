"""Which films a list holds, and in which order to look at them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

CELLS = ("fn", "fp", "tp", "tn")
"""False negatives, false positives, true positives, true negatives."""

WRONG = CELLS[:2]

LISTS = (*CELLS, "confident", "near", "all")
"""The cells of the confusion matrix, and lists that take in films of several cells."""

CONFIDENT = 0.9
"""Probability of the wrong class from which a wrong film counts as confidently wrong."""

NEAR = 0.1
"""Distance in probability up to which a film lies near the threshold."""

ANY = "any"
KINDS = ("bacteria", "virus", "unknown")
"""Kinds of pneumonia; the last where the data set does not say."""

SORTS = ("listed", "high", "low", "near", "name")
"""The list's own order, probability from above or below, distance from the threshold, name."""


@dataclass(frozen=True, eq=False)
class InView:
    """The films that a page shows.

    Attributes:
        films: As `cases` returns them; of two models with a further column probability_b.
        name: Of the list, for the names of files.
        title: What the list is, in words.
        line: How many films it holds, in a sentence.
        none: What to say where it holds none.
    """

    films: pd.DataFrame
    name: str
    title: str
    line: str
    none: str


def judged(scores: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Hold every film against the threshold.

    Args:
        scores: One row a film with label (0 or 1) and probability (calibrated, 0 to 1); see
            `Run.scores`.
        threshold: A film is called pneumonia when its probability >= threshold.

    Returns:
        `scores` with the further columns distance, probability minus threshold, and cell, one of
        `CELLS`. The worst judgement comes first: the wrong films, the furthest from the threshold
        leading, then the right ones, the nearest leading. Ties keep the order of `scores`.
    """
    ill = scores["label"].to_numpy() == 1
    distance = scores["probability"].to_numpy() - threshold
    called = scores["probability"].to_numpy() >= threshold
    cell = np.where(ill, np.where(called, "tp", "fn"), np.where(called, "fp", "tn"))
    order = np.argsort(np.where(ill, distance, -distance), kind="stable")
    # A normal film on the threshold itself is wrong by nothing; the right ones come after it.
    order = order[np.argsort((called == ill)[order], kind="stable")]
    return scores.assign(distance=distance, cell=cell).iloc[order]


def cases(scores: pd.DataFrame, threshold: float, which: str) -> pd.DataFrame:
    """Pick the films of one list, the worst judgement first.

    Args:
        scores: As for `judged`.
        threshold: As for `judged`.
        which: One of `LISTS`.

    Returns:
        Rows of `judged`, in its order; of "near" the nearest to the threshold first.
    """
    films = judged(scores, threshold)
    if which in CELLS:
        return films[films["cell"] == which]
    if which == "confident":
        wrong_class = films["probability"].where(films["label"] == 0, 1 - films["probability"])
        return films[films["cell"].isin(WRONG) & (wrong_class >= CONFIDENT)]
    if which == "near":
        return in_order(films[films["distance"].abs() <= NEAR], "near")
    return films


def of_kind(films: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The films with pneumonia of one of `KINDS`; all films for `ANY`."""
    if kind == ANY:
        return films
    known = films["group"].isin(KINDS)
    unknown = ~known & (films["label"] == 1)
    return films[unknown if kind == "unknown" else films["group"] == kind]


def in_order(films: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Films in one of the orders of `SORTS`; ties keep the order they have."""
    keys = {
        "listed": np.zeros(len(films)),
        "high": -films["probability"].to_numpy(),
        "low": films["probability"].to_numpy(),
        "near": films["distance"].abs().to_numpy(),
        "name": films["id"].to_numpy(),
    }
    return films.iloc[np.argsort(keys[sort], kind="stable")]


def as_csv(picked: pd.DataFrame) -> str:
    """A list of films as the text of a CSV file."""
    columns = ["id", "patient", "group", "label", "probability", "distance"]
    columns += [name for name in ("probability_b",) if name in picked]
    return picked[columns].to_csv(index=False)
