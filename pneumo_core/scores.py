"""Labels and scores as they arrive, turned into arrays the statistics can trust.

Every function of metrics, intervals, calibration and decision starts here, so that a bad value is
met once, with a sentence that names its row, and never becomes a NaN on a page.
"""

from typing import Any

import numpy as np

from pneumo_core.errors import DataError

ABOVE_ONE = float(np.nextafter(1.0, 2.0))
"""The lowest threshold that calls no image pneumonia, whatever its probability."""


def as_labels(labels: Any) -> np.ndarray:
    """Turn labels into a mask of the positives.

    Args:
        labels: (N,) of 0 (Normal) and 1 (Pneumonia) as numbers, booleans, or their text.

    Returns:
        (N,) bool, True for pneumonia.

    Raises:
        DataError: empty, not one column, or a value that is neither 0 nor 1 (its row is named).
    """
    values = _column(labels, "label")
    numbers = _as_float(values, "label", "labels are 0 (Normal) or 1 (Pneumonia)")
    bad = ~((numbers == 0) | (numbers == 1))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"The label in row {row + 1} is {values[row]}: "
            "labels are 0 (Normal) or 1 (Pneumonia), so correct or remove that row."
        )
    return numbers == 1


def as_scores(scores: Any, name: str = "score") -> np.ndarray:
    """Turn scores into finite numbers.

    Args:
        scores: (N,) of numbers or their text; higher means more like pneumonia.
        name: what to call one of them in an error.

    Returns:
        (N,) float64, all finite.

    Raises:
        DataError: empty, not one column, or a value that is not a finite number (its row is named).
    """
    values = _column(scores, name)
    numbers = _as_float(values, name, "it must be a finite number")
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"The {name} in row {row + 1} is {values[row]}: "
            "it must be a finite number, so correct or remove that row."
        )
    return numbers


def as_probabilities(probabilities: Any) -> np.ndarray:
    """Turn probabilities into float64 numbers in [0, 1].

    Raises:
        DataError: as `as_scores`, or a value outside [0, 1] (its row is named).
    """
    numbers = as_scores(probabilities, "probability")
    bad = (numbers < 0) | (numbers > 1)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"The probability in row {row + 1} is {numbers[row]:g}: probabilities lie between "
            "0 and 1, so scale the scores or turn logits into probabilities first."
        )
    return numbers


def as_threshold(threshold: Any) -> float:
    """Check a threshold on the calibrated probability: a number from 0 to `ABOVE_ONE`.

    Raises:
        DataError: anything else.
    """
    number = isinstance(threshold, int | float | np.number) and not isinstance(threshold, bool)
    if not (number and 0 <= threshold <= ABOVE_ONE):
        raise DataError(f"A threshold must be a number between 0 and 1, not {threshold!r}.")
    return float(threshold)


def as_prevalence(prevalence: Any) -> float:
    """Check a prevalence: a share of patients above 0 and below 1.

    Raises:
        DataError: anything else.
    """
    number = isinstance(prevalence, int | float | np.number)
    if not (number and 0 < prevalence < 1):
        raise DataError(f"A prevalence lies between 0 and 1 (0.08 for 8 %), not at {prevalence!r}.")
    return float(prevalence)


def pair(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and scores together: (N,) bool and (N,) float64, of one length.

    Raises:
        DataError: a bad value, or two lengths.
    """
    return _same_length(as_labels(labels), as_scores(scores), "scores")


def pair_probabilities(labels: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and probabilities together: (N,) bool and (N,) float64 in [0, 1].

    Raises:
        DataError: a bad value, or two lengths.
    """
    return _same_length(as_labels(labels), as_probabilities(probabilities), "probabilities")


def as_groups(groups: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the subgroups that the rows belong to.

    Args:
        groups: (N,) of names or numbers; rows without a value form the group "(none)".
        n: the number of rows there must be.

    Returns:
        names: (G,) object, text in sorted order; codes: (N,) int64 in [0, G).

    Raises:
        DataError: not one column of n values.
    """
    codes, uniques = _factorise(groups, n)
    texts = [str(value) for value in uniques]
    if (codes < 0).any():
        texts.append("(none)")  # code -1 is then the last text
    names, order = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return names, order[codes]


def as_clusters(groups: Any, n: int) -> np.ndarray:
    """Number the patients that the rows belong to, for intervals and resampling.

    As `as_groups`, but a row without a value stands alone, as a patient of its own.

    Returns:
        (N,) int64 from 0 on, without gaps.
    """
    array = np.asarray(groups)
    numbers = n > 0 and array.shape == (n,) and array.dtype.kind == "i"
    if numbers and array.min() >= 0 and array.max() < 4 * n:
        # Numbers as they come out of here: without a hash table this takes a tenth of the time.
        there = np.bincount(array) > 0
        return (np.cumsum(there) - 1)[array]
    codes, uniques = _factorise(groups, n)
    alone = codes < 0
    return np.where(alone, len(uniques) - 1 + np.cumsum(alone), codes)


def need_both(positive: np.ndarray, purpose: str) -> None:
    """Refuse a sample of one class where a statistic needs two.

    Raises:
        DataError: no pneumonia, or nothing but pneumonia.
    """
    if positive.all() or not positive.any():
        present = "pneumonia" if positive.any() else "normal"
        raise DataError(
            f"{purpose} needs normal and pneumonia images, but all {positive.size} are {present}."
        )


def _factorise(groups: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) codes in order of appearance, -1 where missing, and the distinct values."""
    import pandas as pd

    values = _column(groups, "group")
    if len(values) != n:
        raise DataError(f"There are {len(values)} groups for {n} rows: give each row one group.")
    codes, uniques = pd.factorize(values)
    return codes.astype(np.int64), uniques


def _column(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"Give one {name} a row: the data has the shape {array.shape}.")
    if array.size == 0:
        raise DataError(f"There is no {name}: the data has no rows.")
    return array


def _as_float(values: np.ndarray, name: str, demand: str) -> np.ndarray:
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        row = next(i for i, value in enumerate(values) if not _is_number(value))
        raise DataError(
            f"The {name} in row {row + 1} is {str(values[row])[:40]!r}: "
            f"{demand}, so correct or remove that row."
        ) from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _same_length(
    positive: np.ndarray, numbers: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    if len(positive) != len(numbers):
        raise DataError(
            f"There are {len(positive)} labels but {len(numbers)} {name}: give each row both."
        )
    return positive, numbers
