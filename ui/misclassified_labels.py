"""The films whose label the model confidently contradicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pneumo_core.label_errors import likely_label_errors
from ui import numbers
from ui.cases import InView, judged
from ui.words import misclassified as words

if TYPE_CHECKING:
    import pandas as pd


def suspects(scores: pd.DataFrame, threshold: float) -> InView:
    """The likely label errors of a split, with how they were found and what they are not.

    Which films they are does not hang on the threshold; how the model called them does.
    """
    found = likely_label_errors(scores["label"], scores["probability"])
    films = judged(scores.iloc[found.positions], threshold)
    # In their own order, the likeliest first.
    films = films.set_index("id", drop=False).loc[scores["id"].iloc[found.positions]]
    ill = int(scores["label"].sum())
    line = words.SUSPECTS_LINE.format(
        count=len(films),
        of=len(scores),
        normal=found.joint[0, 1],
        normals=len(scores) - ill,
        ill=found.joint[1, 0],
        ills=ill,
    )
    zero, one = map(numbers.percent, found.thresholds)
    how = words.SUSPECTS_HOW.format(zero=zero, one=one)
    return InView(
        films.reset_index(drop=True),
        "label-errors",
        words.TABS["labels"],
        f"{line}\n\n{words.SUSPECTS_CAVEAT}\n\n:small[{how}]",
        words.NO_SUSPECTS,
    )
