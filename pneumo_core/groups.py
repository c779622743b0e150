"""Figures by group: kind of pneumonia, hospital, sex, or any column of the scores."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pneumo_core.confusion import Confusion, ThresholdTable, figures_at, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.intervals import auc_delong
from pneumo_core.operating_point import Choice, Rule, ask_table
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


@dataclass(frozen=True, eq=False)
class Group:
    """The images of one group, and what is known of them whatever the threshold.

    Attributes:
        name: of the group.
        labels: (M,) bool, True for pneumonia.
        probabilities: (M,) float64 in [0, 1].
        patients: (M,) names, or None.
        auc, auc_against: as in `GroupRow`.
    """

    name: str
    labels: np.ndarray
    probabilities: np.ndarray
    patients: np.ndarray | None
    auc: Estimate
    auc_against: str

    @cached_property
    def table(self) -> ThresholdTable:
        """Counts at every threshold."""
        return threshold_table(self.labels, self.probabilities)

    def row(self, threshold: float, rule: Rule | None = None, split: str = "") -> GroupRow:
        """Return the group at a threshold; arguments and errors as `group_rows`."""
        confusion = self.table.at(threshold)
        figures = (
            confusion.estimates()
            if self.patients is None
            else figures_at(self.labels, self.probabilities, threshold, self.patients)
        )
        own, note = (None, "") if rule is None else self.own(rule, split)
        return GroupRow(self.name, confusion, figures, self.auc, self.auc_against, own, note)

    def own(self, rule: Rule, split: str) -> tuple[Choice | None, str]:
        """Return what the rule chooses on this group alone, or None and why not."""
        try:
            return ask_table(self.table, rule, split), ""
        except DataError as error:
            return None, str(error)


def split_groups(
    labels: Any, probabilities: Any, groups: Any, patients: Any = None, most: int = 50
) -> tuple[Group, ...]:
    """Part the images by group, in the order of the groups' names; arguments as `group_rows`.

    Raises:
        DataError: a bad value, different lengths, or too many groups.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    names, codes = as_groups(groups, positive.size)
    if len(names) > most:
        raise DataError(
            f"The group column has {len(names)} different values, more than {most}: "
            "choose a column with fewer groups."
        )
    patients = None if patients is None else np.asarray(patients)
    parted = []
    for code, name in enumerate(names):
        part = codes == code
        auc, against = _auc(positive, probabilities, part, patients)
        whose = None if patients is None else patients[part]
        parted.append(Group(str(name), positive[part], probabilities[part], whose, auc, against))
    return tuple(parted)


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

    For many thresholds, `split_groups` once and `Group.row` for each is faster.

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
    threshold = as_threshold(threshold)
    parted = split_groups(labels, probabilities, groups, patients, most)
    return tuple(group.row(threshold, rule, split) for group in parted)


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
