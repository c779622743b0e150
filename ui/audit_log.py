"""The log of verdicts that a hospital may ask for; where it does not, nothing here does anything.

A verdict is logged before it is shown. One that cannot be logged is not shown: whoever asks for a
log wants to account for every verdict that was given, and one on screen cannot be taken back.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st

from pneumo_core.errors import DataError
from ui.words import common as words

if TYPE_CHECKING:
    from pneumo_core.answers import Prediction
    from pneumo_core.audit_log import Verdict
    from pneumo_core.batch import BatchRow
    from pneumo_core.local_labels import LabelledFilm
    from pneumo_core.local_validation import ScoredFilm
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run
    from ui.reading import Film

VARIABLE = "PNEUMO_AUDIT_DB"
"""Environment variable that names the log's file."""

_LOGGED = "pneumolens/logged"


def wanted() -> bool:
    """Whether there is a log to be kept."""
    return bool(os.environ.get(VARIABLE))


def log_film(run: Run, film: Film, prediction: Prediction) -> None:
    """Log the verdict on a film, once a session.

    Raises:
        DataError: It cannot be logged; the sentence is for the page, in place of the verdict.
    """
    if not wanted():
        return
    from pneumo_core.report_pictures import pixels_sha256

    said = _said(prediction)
    if film.truth is None:
        digest, _, frame = film.key.partition("-")
        _log([_verdict(run, digest, said, frame=int(frame or 0))])
    else:
        _log([_verdict(run, pixels_sha256(film.image.pixels), said, "sample")])


def log_rows(run: Run, rows: Iterable[BatchRow]) -> None:
    """Log the verdicts of a batch, withheld ones as well, each once a session.

    Raises:
        DataError: As `log_film`.
    """
    if wanted():
        _log(
            _verdict(run, row.key, _said(row.prediction))
            for row in rows
            if row.prediction is not None
        )


def log_scored(
    run: Run, point: OperatingPoint, films: Iterable[tuple[LabelledFilm, ScoredFilm]]
) -> None:
    """Log what a model makes of a user's labelled films, at the operating point in use.

    Raises:
        DataError: As `log_film`.
    """
    if wanted():
        _log(
            _verdict(
                run,
                hashlib.sha256(film.entry.read().data or b"").hexdigest(),
                (one.probability, point.threshold, point.name),
            )
            for film, one in films
            if one.error is None
        )


def _said(prediction: Prediction) -> tuple[float, float, str]:
    return prediction.probability, prediction.threshold, prediction.operating_point


def _verdict(
    run: Run,
    digest: str,
    said: tuple[float, float, str],
    kind: Literal["upload", "sample"] = "upload",
    frame: int = 0,
) -> Verdict:
    """A verdict as it is logged; `said` is the probability, the threshold and the point's name."""
    from pneumo_core.audit_log import Verdict

    return Verdict(kind, digest, frame, run.weights_sha256, run.name, *said)


def _log(verdicts: Iterable[Verdict]) -> None:
    from pneumo_core.audit_log import AuditLogError, log_verdicts

    logged: set[Verdict] = st.session_state.setdefault(_LOGGED, set())
    new = dict.fromkeys(one for one in verdicts if one not in logged)
    if not new:
        return
    try:
        log_verdicts(Path(os.environ[VARIABLE]), new)
    except AuditLogError as error:
        raise DataError(words.NOT_LOGGED.format(reason=error)) from None
    logged.update(new)
