"""A user's labelled films as one session holds them: the files, the scores so far, the work left.

The files lie in the session's state and nowhere else; `forget` and the session's end drop them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from pneumo_core.errors import DataError
from ui import audit_log, cache
from ui.uploaders import MOST_BYTES, Files, Uploaders

if TYPE_CHECKING:
    from pneumo_core.local_labels import Labelled
    from pneumo_core.local_validation import ScoredFilm
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run

UPLOADERS = Uploaders("local")

_FILES = "pneumolens/local/files"
_LABELS = "pneumolens/local/labels"
_SCORES = "pneumolens/local/scores"


@dataclass(eq=False)
class Scoring:
    """Scores of labelled films by one model; they come a few at a time.

    Attributes:
        asked: The model; for another all is scored again.
        labelled: The films.
        left: The work that is left.
        scored: What is there, in the order of the films.
        stopped: Whether the user, or trouble, has halted it.
        trouble: What has halted it, in a sentence.
        unlogged: Scores that are not to be shown before they are logged.
        known: What has been computed of the scores, by what it was computed for.
    """

    asked: tuple[str, str]
    labelled: Labelled
    left: Iterator[list[ScoredFilm]] = field(repr=False)
    scored: list[ScoredFilm] = field(default_factory=list, repr=False)
    stopped: bool = False
    trouble: str = ""
    unlogged: list[ScoredFilm] = field(default_factory=list, repr=False)
    known: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def total(self) -> int:
        """How many films there are."""
        return len(self.labelled.films)

    @property
    def working(self) -> bool:
        """Whether more scores are to come unasked."""
        return len(self.scored) < self.total and not self.stopped

    def step(self, run: Run, point: OperatingPoint) -> None:
        """Score some more films: as many as go through the network together.

        Where their verdicts cannot be logged and must be, this halts and keeps them back.

        Args:
            run: The model.
            point: The operating point in use.
        """
        self.unlogged = self.unlogged or next(self.left, [])
        films = self.labelled.films[len(self.scored) :]
        try:
            audit_log.log_scored(run, point, zip(films, self.unlogged, strict=False))
        except DataError as error:
            self.stopped, self.trouble = True, str(error)
            return
        self.scored += self.unlogged
        self.unlogged, self.trouble = [], ""


def remember(how: str) -> None:
    """Take over what an uploader holds, nothing included: its callback on change.

    Of files that are too much together, none is taken; `Uploaders.given` tells the page how much
    they were.

    Args:
        how: Which uploader, "files" or "folder".
    """
    forget()
    if UPLOADERS.given(how) <= MOST_BYTES:
        st.session_state[_FILES] = UPLOADERS.files(how)


def clear() -> None:
    """Drop everything, what the uploaders hold as well."""
    forget()
    UPLOADERS.renew()


def forget() -> None:
    """Drop the files and what was made of them."""
    for key in (_FILES, _LABELS, _SCORES):
        st.session_state.pop(key, None)


def current(run: Run) -> Scoring | None:
    """The session's films as a model scores them, begun if need be; None without files.

    Raises:
        DataError: The CSV among the files cannot be used.
        RunError: The weights are absent or damaged.
    """
    files: Files = st.session_state.get(_FILES, ())
    if not files:
        return None
    asked = (run.name, run.weights_sha256)
    scoring: Scoring | None = st.session_state.get(_SCORES)
    if scoring is None or scoring.asked != asked:
        from pneumo_core.local_validation import score_groups

        labelled = _labelled(files)
        left = score_groups(cache.detector(run), labelled.films)
        scoring = st.session_state[_SCORES] = Scoring(asked, labelled, left)
    return scoring


def _labelled(files: Files) -> Labelled:
    """The labels of the session's films; the same for every model."""
    if _LABELS not in st.session_state:
        from pneumo_core.archive import entries
        from pneumo_core.local_labels import find_labels

        st.session_state[_LABELS] = find_labels(entries(files))
    return st.session_state[_LABELS]
