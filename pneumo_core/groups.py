"""Figures by group: kind of pneumonia, hospital, sex, or any column of the scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.confusion import Confusion, confusion_at, figures_at
from pneumo_core.errors import DataError
from pneumo_core.intervals import auc_delong
from pneumo_core.operating_point import Choice, Rule, ask
from pneumo_core.proportions import Estimate
from pneumo_core.scores import as_groups, as_threshold, pair_probabilities


@dataclass(frozen=True)
class GroupRow:
    """One group at the common threshold.

    Attributes:
        name: of the group.
        confusion: counts within it.
        figures: as `Confusion.estimates`, with 95 % intervals.
        auc: area under the curve; a group of one class (bacteria: no normal image) is set against
            the other class of the whole sample.
        auc_against: "" for the group's own images, else what the group is set against, in words.
        own: the threshold that the rule would choose on this group alone; None without a rule or
            where the rule needs a class that the group lacks.
        own_note: why `own` is None although a rule was given, in a sentence.
    """

    name: str
    confusion: Confusion
    figures: dict[str, Estimate]
    auc: Estimate
    auc_against: str
    own: Choice | None
    own_note: str


def group_rows(
    labels: Any,
    probabilities: Any,
    groups: Any,
    threshold: float,
    rule: Rule | None = None,
    split: str = "",
    patients: Any = None,
    most: int = 50,
) -> tuple[GroupRow, ...]:
    """Return a row for each group, in the order of the groups' names.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        groups: (N,) names or numbers; rows without one are the group "(none)".
        threshold: the common operating point.
        rule: chooses each group's own threshold.
        split: name of the data, for the words.
        patients: (N,) names, for intervals by patient.
        most: how many groups there may be.

    Raises:
        DataError: a bad value, different lengths, a threshold outside [0, 1], or too many groups.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    threshold = as_threshold(threshold)
    names, codes = as_groups(groups, positive.size)
    if len(names) > most:
        raise DataError(
            f"The group column has {len(names)} different values, more than {most}: "
            "choose a column with fewer groups."
        )
    patients = None if patients is None else np.asarray(patients)
    rows = []
    for code, name in enumerate(names):
        part = codes == code
        whose = None if patients is None else patients[part]
        auc, against = _auc(positive, probabilities, part, patients)
        own, note = _own(positive[part], probabilities[part], rule, split)
        rows.append(
            GroupRow(
                name=str(name),
                confusion=confusion_at(positive[part], probabilities[part], threshold),
                figures=figures_at(positive[part], probabilities[part], threshold, whose),
                auc=auc,
                auc_against=against,
                own=own,
                own_note=note,
            )
        )
    return tuple(rows)


def _auc(
    positive: np.ndarray, probabilities: np.ndarray, part: np.ndarray, patients: np.ndarray | None
) -> tuple[Estimate, str]:
    against = ""
    if positive[part].all():
        part, against = part | ~positive, "all normal images"
    elif not positive[part].any():
        part, against = part | positive, "all pneumonia images"
    whose = None if patients is None else patients[part]
    return auc_delong(positive[part], probabilities[part], whose), against


def _own(
    positive: np.ndarray, probabilities: np.ndarray, rule: Rule | None, split: str
) -> tuple[Choice | None, str]:
    if rule is None:
        return None, ""
    try:
        return ask(positive, probabilities, rule, split), ""
    except DataError as error:
        return None, str(error)
