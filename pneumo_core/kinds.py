"""Kinds of pneumonia: how many films of each are found, and whether a network tells them apart.

Bacteria are the positive kind throughout: they need treatment at once (Kermany et al., Cell 172
(2018) 1122-1131). A network of three outputs is read in two steps, pneumonia or not at the run's
operating point and then bacterial or viral, so that its verdict on pneumonia stays that of every
other run.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo_core.calibration import probability
from pneumo_core.confusion import figures_at
from pneumo_core.groups import group_rows
from pneumo_core.intervals import auc_delong
from pneumo_core.operating_point import choose
from pneumo_core.rules import Youden

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("bacteria", "virus")
"""Groups of pneumonia films whose kind is known, in the order of the outputs."""

CLASSES = ("normal", *KINDS)
"""What each of three outputs stands for."""


def kind_logit(outputs: "Tensor") -> "Tensor":
    """Turn raw outputs (N, 3) of normal, bacterial and viral into log-odds (N,) of bacterial.

    Under the softmax log(p(bacterial) / p(viral)) = z[1] - z[2], however normal the film looks.
    """
    return outputs[:, 1] - outputs[:, 2]


def kind_threshold(groups: Sequence[str], kind_logits: np.ndarray) -> float | None:
    """Choose from which score on a film of pneumonia is called bacterial, by Youden's index.

    Args:
        groups: (N,) group of each film, as `Split.groups`.
        kind_logits: (N,) log-odds of bacterial against viral; those of other groups are ignored.

    Returns:
        A threshold on the score sigmoid(log-odds), in [0, 1]; None where a kind has no film.
    """
    names = np.asarray(groups)
    known = np.isin(names, KINDS)
    bacterial = names[known] == KINDS[0]
    if bacterial.all() or not bacterial.any():
        return None
    return choose(bacterial, probability(kind_logits[known]), Youden(), "val").threshold


def found(
    groups: Sequence[str], probabilities: np.ndarray, threshold: float, patients: Sequence[str]
) -> dict[str, list[float | None]]:
    """Sensitivity for pneumonia of each kind that has films.

    Args:
        groups: (N,) group of each film, as `Split.groups`.
        probabilities: (N,) calibrated probability of pneumonia, in [0, 1].
        threshold: the operating point.
        patients: (N,) names; images of one patient are not independent.

    Returns:
        kind -> [value, low, high], with `wilson_clustered`'s 95 % interval.
    """
    names = np.asarray(groups)
    known = np.isin(names, KINDS)
    if not known.any():
        return {}
    rows = group_rows(
        np.ones(known.sum()),
        probabilities[known],
        names[known],
        threshold,
        patients=np.asarray(patients)[known],
    )
    return {row.name: row.figures["sensitivity"].to_json() for row in rows}


def told_apart(
    groups: Sequence[str], kind_logits: np.ndarray, threshold: float, patients: Sequence[str]
) -> dict[str, Any]:
    """Bacterial against viral among the films that truly show pneumonia.

    Args:
        groups: (N,) group of each film, as `Split.groups`; one at least of a known kind.
        kind_logits: (N,) log-odds of bacterial against viral.
        threshold: on their score, from `kind_threshold`.
        patients: (N,) names; images of one patient are not independent.

    Returns:
        threshold; counts {kind: films}; auc, sensitivity (for bacterial), specificity (for viral)
        and accuracy as [value, low, high], None where a kind has no film.
    """
    names, whose = np.asarray(groups), np.asarray(patients)
    known = np.isin(names, KINDS)
    bacterial, whose = names[known] == KINDS[0], whose[known]
    figures = figures_at(bacterial, probability(kind_logits[known]), threshold, whose)
    return {
        "threshold": threshold,
        "counts": {kind: int((names == kind).sum()) for kind in KINDS},
        "auc": auc_delong(bacterial, kind_logits[known], whose).to_json(),
        **{key: figures[key].to_json() for key in ("sensitivity", "specificity", "accuracy")},
    }


def confusion_of_three(
    groups: Sequence[str],
    probabilities: np.ndarray,
    threshold: float,
    kind_logits: np.ndarray,
    kind_threshold: float,
) -> list[list[int]]:
    """Count true class against called class, (3, 3): rows and columns in the order of `CLASSES`.

    A film is called normal below the operating point, else bacterial or viral by its score. Films
    of unknown kind are left out. Arguments as above.
    """
    names = np.asarray(groups)
    bacterial = probability(kind_logits) >= kind_threshold
    called = np.where(probabilities < threshold, 0, np.where(bacterial, 1, 2))
    return [
        [int(((names == true) & (called == column)).sum()) for column in range(len(CLASSES))]
        for true in CLASSES
    ]


def kind_figures(
    groups: Sequence[str],
    probabilities: np.ndarray,
    threshold: float,
    patients: Sequence[str],
    kind_logits: np.ndarray | None = None,
    cut: float | None = None,
) -> Mapping[str, Any]:
    """Everything a run states about kinds of pneumonia on one split, ready for JSON.

    Args:
        groups: (N,) group of each film, as `Split.groups`.
        probabilities: (N,) calibrated probability of pneumonia, in [0, 1].
        threshold: the operating point.
        patients: (N,) names; images of one patient are not independent.
        kind_logits: (N,) log-odds of bacterial against viral, of a network that has them.
        cut: from `kind_threshold` on validation.

    Returns:
        sensitivity as `found`; with kind_logits and cut also bacteria_against_virus as
        `told_apart` and confusion as `confusion_of_three`. Empty where no kind is known.
    """
    sensitivity = found(groups, probabilities, threshold, patients)
    if not sensitivity:
        return {}
    if kind_logits is None or cut is None:
        return {"sensitivity": sensitivity}
    return {
        "sensitivity": sensitivity,
        "bacteria_against_virus": told_apart(groups, kind_logits, cut, patients),
        "confusion": confusion_of_three(groups, probabilities, threshold, kind_logits, cut),
    }
