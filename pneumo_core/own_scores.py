"""Bring your own scores: a CSV of labels and scores from any model, for the threshold lab.

Nothing of a file is stored, and no message quotes more of it than a column's name, a row number
and a number: a field may hold a patient's name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from pneumo_core import CLASS_NAMES
from pneumo_core.calibration import probability
from pneumo_core.csv_table import MOST_ROWS, NO_HEADER, CsvTable, is_number, open_csv, shown
from pneumo_core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_GROUPS", "MOST_ROWS", "Columns", "Kind", "OwnScores", "columns", "read_own_scores"]

Kind = Literal["probability", "logit"]

MOST_GROUPS = 50
"""A column with more different values is not offered as groups."""

LABEL_NAMES = (
    *("label", "labels", "truth", "ground_truth", "target", "y_true", "y", "class", "actual"),
    *("reference", "outcome", "diagnosis", "gt"),
)
PROBABILITY_NAMES = (
    *("probability", "prob", "proba", "p", "probability_of_pneumonia", "p_pneumonia"),
    *("prob_pneumonia", "y_prob", "y_proba"),
)
LOGIT_NAMES = ("logit", "logits", "log_odds")
SCORE_NAMES = (
    *PROBABILITY_NAMES,
    *("score", "scores", "y_score"),
    *LOGIT_NAMES,
    *("output", "prediction", "predictions", "pred", "y_pred"),
)
ID_NAMES = ("id", "image_id", "image", "filename", "file", "case", "case_id")
PATIENT_NAMES = ("patient", "patient_id", "patientid", "patients", "subject", "subject_id")

LABELS = {
    **{"0": 0, "false": 0, CLASS_NAMES[0].lower(): 0, "negative": 0},
    **{"1": 1, "true": 1, CLASS_NAMES[1].lower(): 1, "positive": 1},
}
"""What a label may be, in lower case; 0.0 and 1.0 are read too."""

_ACCEPTED = "0 or 1, false or true, normal or pneumonia, negative or positive"
_NOT_FINITE = ("nan", "inf", "infinity", "na", "n/a", "null", "none")
_CERTAIN = 36.0
"""The logistic function of a larger logit is 1 to double precision."""


@dataclass(frozen=True)
class Columns:
    """The columns of a file, and those that are recognised by their names (else None).

    Attributes:
        names: all that have a name, in order.
        label, score: needed; the user is to choose where one is None.
        id, patient: optional.
    """

    names: tuple[str, ...]
    label: str | None
    score: str | None
    id: str | None
    patient: str | None


@dataclass(frozen=True, eq=False)
class OwnScores:
    """What a file of scores says, one entry a row.

    Attributes:
        labels: (N,) int64, 0 (Normal) or 1 (Pneumonia).
        probabilities: (N,) float64 in [0, 1].
        kind: what the scores were; logits have become probabilities by the logistic function.
        ids: (N,) object, text; the row's number where the file has none.
        patients: (N,) int64, one number a patient, rows without one being patients of their own;
            None without such a column.
        groups: by column, (N,) object of text, None where a field is empty.
        notes: sentences for the user on how the file was read.
        rows: N.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    kind: Kind
    ids: np.ndarray
    patients: np.ndarray | None
    groups: Mapping[str, np.ndarray]
    notes: tuple[str, ...]
    rows: int


def columns(content: bytes) -> Columns:
    """Tell what columns a file has, so that the user can choose where a name is not a usual one.

    Raises:
        DataError: the structure is not sound (`csv_table.open_csv`), or there is no header.
    """
    return _columns(open_csv(content))


def read_own_scores(
    content: bytes,
    *,
    label: str | None = None,
    score: str | None = None,
    id_column: str | None = None,
    patient: str | None = None,
    kind: Kind | None = None,
) -> OwnScores:
    """Read a CSV file of labels and scores, up to `MOST_ROWS` rows.

    Args:
        content: The file: comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252; numbers with a
            decimal point or a decimal comma.
        label: Name of the column of labels; recognised by its name if None, as are the three below.
        score: Of the column of scores: the higher, the more like pneumonia.
        id_column: Of the column of ids, if there is one.
        patient: Of the column of patients, if there is one. All columns left serve as groups.
        kind: What the scores are. If None the column's name says so ("logit", "probability"), else
            they are logits when any lies outside [0, 1].

    Raises:
        DataError: the file is not such a table; one sentence names the row, as a spreadsheet shows
            it (the header is row 1), and the column.
    """
    table = open_csv(content)
    found = _chosen(_columns(table), label, score, id_column, patient)
    label, score = str(found.label), str(found.score)
    others = [n for n in found.names if n not in (label, score, found.id, found.patient)]
    texts = [name for name in (label, found.id, found.patient, *others) if name]
    frame = table.read(texts, score)

    labels = _labels(frame[label], label, table.rows)
    scores = _scores(frame[score], score, table.rows)
    kind, kind_notes = _kind(scores, score, kind, table.rows)
    groups, group_notes = _groups(frame[others])
    return OwnScores(
        labels=labels,
        probabilities=probability(scores) if kind == "logit" else scores,
        kind=kind,
        ids=_ids(frame[found.id] if found.id else None, table.rows),
        patients=_patients(frame[found.patient]) if found.patient else None,
        groups=MappingProxyType(groups),
        notes=(
            f"Labels are read from the column {shown(label)}, scores from {shown(score)}.",
            *kind_notes,
            *_class_notes(labels),
            *group_notes,
            *table.notes,
        ),
        rows=labels.size,
    )


def _columns(table: CsvTable) -> Columns:
    names = tuple(name for name in table.names if name)
    by_usual_name = {_usual(name): name for name in names[::-1]}

    def first(usual: tuple[str, ...]) -> str | None:
        return next((by_usual_name[name] for name in usual if name in by_usual_name), None)

    found = Columns(names, *map(first, (LABEL_NAMES, SCORE_NAMES, ID_NAMES, PATIENT_NAMES)))
    if not (found.label or found.score) and any(map(is_number, names)):
        raise DataError(NO_HEADER)
    return found


def _chosen(
    found: Columns,
    label: str | None,
    score: str | None,
    id_column: str | None,
    patient: str | None,
) -> Columns:
    """The columns to read: those the caller names, else those recognised.

    Raises:
        DataError: a name that is not there, none for labels or scores, or one for both.
    """
    for name in (label, score, id_column, patient):
        if name is not None and name not in found.names:
            raise DataError(f"There is no column {shown(name)}: {_there_are(found.names)}.")
    label, score = label or found.label, score or found.score
    for what, name in (("labels", label), ("scores", score)):
        if name is None:
            raise DataError(
                f"No column has a usual name for {what}: say which; {_there_are(found.names)}."
            )
    if label == score:
        raise DataError(f"The column {shown(str(label))} cannot hold both labels and scores.")
    taken = (label, score)
    return Columns(
        found.names,
        label,
        score,
        id_column or (None if found.id in taken else found.id),
        patient or (None if found.patient in taken else found.patient),
    )


def _labels(column: "pd.Series", name: str, rows: np.ndarray) -> np.ndarray:
    codes, texts = _coded(column)
    labels = np.array([_label(text.lower()) for text in texts])[codes]
    if (bad := labels < 0).any():
        i = int(bad.argmax())
        raise DataError(
            f"The label in row {rows[i]} (column {shown(name)}) {_what(texts[codes[i]])}: "
            f"labels are {_ACCEPTED}, so correct or remove that row."
        )
    return labels


def _label(text: str) -> int:
    """0 or 1; -1 for what is no label."""
    if text in LABELS:
        return LABELS[text]
    number = float(text.replace(",", ".")) if is_number(text) else -1
    return int(number) if number in (0, 1) else -1


def _scores(column: "pd.Series", name: str, rows: np.ndarray) -> np.ndarray:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        scores = column.to_numpy(np.float64)
    else:
        texts = column.astype("str").str.strip()
        comma = texts.str.contains(",", regex=False)
        if comma.any():
            # A point beside decimal commas would part thousands: 1.234 could be 1234.
            texts = texts.where(comma | ~texts.str.contains(".", regex=False), "mixed")
            texts = texts.str.replace(",", ".", regex=False)
        scores = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    if (bad := ~np.isfinite(scores)).any():
        i = int(bad.argmax())
        text = str(column.iloc[i]).strip()
        raise DataError(
            f"The score in row {rows[i]} (column {shown(name)}) {_what(text)}: scores are finite "
            "numbers, all with a decimal point or all with a decimal comma, so correct or remove "
            "that row."
        )
    return scores


def _kind(
    scores: np.ndarray, name: str, kind: Kind | None, rows: np.ndarray
) -> tuple[Kind, tuple[str, ...]]:
    """What the scores are, by the caller, the column's name or their range; and notes on it."""
    usual = _usual(name)
    named: Kind | None = (
        "logit" if usual in LOGIT_NAMES else "probability" if usual in PROBABILITY_NAMES else None
    )
    kind = kind or named
    outside = (scores < 0) | (scores > 1)
    if not outside.any() and kind != "logit":
        if np.isin(scores, (0, 1)).all():
            return "probability", ("The scores are nothing but 0 and 1: decisions, not scores.",)
        return "probability", ()
    i = int(outside.argmax())
    where = f"row {rows[i]} (column {shown(name)})"
    if kind == "probability":
        raise DataError(
            f"The probability in {where} is {scores[i]:g}: probabilities lie between 0 and 1, so "
            "correct that row, or say that the scores are logits if they are."
        )
    if kind is None and scores.min() >= 0 and scores.max() > _CERTAIN:
        raise DataError(
            f"The scores, {scores[i]:g} in {where}, go from {scores.min():g} to {scores.max():g} "
            "and so look like percent: divide them by 100, or say that they are logits if they are."
        )
    why = f"{scores[i]:g} in {where} is no probability" if kind is None else "as named"
    notes = [f"The scores are taken for logits ({why}) and turned into probabilities."]
    if (lost := int((scores > _CERTAIN).sum())) > 1:
        notes.append(f"The {lost:,} logits above {_CERTAIN:g} all become the probability 1.")
    return "logit", tuple(notes)


def _groups(frame: "pd.DataFrame") -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The columns that part the rows into groups, and a note on those that do not."""
    groups, left_out = {}, []
    for name in frame.columns:
        codes, texts = _coded(frame[name])
        if len(set(texts) - {""}) > MOST_GROUPS:
            left_out.append(shown(name))
        elif any(texts):
            groups[name] = np.array([text or None for text in texts], object)[codes]
    if not left_out:
        return groups, ()
    several = f"{', '.join(left_out[:3])}{' and others' if len(left_out) > 3 else ''}"
    return groups, (f"More than {MOST_GROUPS} different values, so no groups: {several}.",)


def _ids(column: "pd.Series | None", rows: np.ndarray) -> np.ndarray:
    if column is None:
        return np.array([f"row {row}" for row in rows], object)
    ids = column.to_numpy(object)
    unnamed = np.flatnonzero(ids == "")
    ids[unnamed] = [f"row {row}" for row in rows[unnamed]]
    return ids


def _patients(column: "pd.Series") -> np.ndarray:
    codes, texts = _coded(column)
    alone = np.array([not text for text in texts])[codes]
    return np.where(alone, len(texts) - 1 + np.cumsum(alone), codes)


def _coded(column: "pd.Series") -> tuple[np.ndarray, list[str]]:
    """(N,) int64 codes of the fields, and the text of each code without space around it."""
    codes, texts = column.factorize()
    return codes.astype(np.int64), [text.strip() for text in texts.to_numpy(object)]


def _class_notes(labels: np.ndarray) -> tuple[str, ...]:
    if labels.min() != labels.max():
        return ()
    return (
        f"All {labels.size:,} rows are {CLASS_NAMES[labels[0]].lower()}: "
        "what needs both classes cannot be computed.",
    )


def _usual(name: str) -> str:
    return re.sub(r"[ \-]", "_", name.lower())


def _there_are(names: tuple[str, ...]) -> str:
    listed = ", ".join(shown(name) for name in names[:8])
    return f"the columns are {listed}{' and others' if len(names) > 8 else ''}"


def _what(text: str) -> str:
    """What is wrong about a field, without quoting words, which may be a name."""
    if not text:
        return "is missing"
    plain = is_number(text) or text.lower().lstrip("+-") in _NOT_FINITE
    return f"is {text[:20]}" if plain else "is text"
