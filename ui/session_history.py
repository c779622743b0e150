"""What was read in this session and what the reader thought: in its memory and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core import CLASS_NAMES
from pneumo_core import history as core
from pneumo_core.history import Reading

if TYPE_CHECKING:
    from pneumo_core.answers import Prediction
    from pneumo_core.runs import Run
    from ui.reading import Film

_HISTORY = "pneumolens/history"


def readings() -> tuple[Reading, ...]:
    """The session's readings in the order in which they were made."""
    return st.session_state.get(_HISTORY, ())


def on_screen(run: Run, film: Film, prediction: Prediction) -> Reading:
    """A film's verdict as a reading without an opinion, and note it."""
    reading = Reading(
        datetime.now(UTC).isoformat(timespec="seconds"),
        film.key,
        run.name,
        prediction.prediction,
        prediction.probability,
        prediction.threshold,
        truth=None if film.truth is None else CLASS_NAMES[film.truth[0]],
    )
    st.session_state[_HISTORY] = core.noted(readings(), reading)
    return reading


def noted(reading: Reading) -> Reading:
    """What is noted of a reading's film and model; the reading itself where nothing is."""
    return core.find(readings(), reading.film, reading.run) or reading


def put(reading: Reading) -> None:
    """Put a reading in place of what was noted of its film and model."""
    st.session_state[_HISTORY] = core.placed(readings(), reading)


def bring(more: Sequence[Reading]) -> int:
    """Join the readings of another session to these; returns how many are new.

    Raises:
        DataError: Together they are more than a session may hold.
    """
    before = len(readings())
    st.session_state[_HISTORY] = core.merged(readings(), more)
    return len(readings()) - before


def forget() -> None:
    """Forget all readings."""
    st.session_state.pop(_HISTORY, None)
