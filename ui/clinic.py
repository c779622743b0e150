"""The share of pneumonia among the user's own patients: one number for the whole session."""

from __future__ import annotations

import streamlit as st

from pneumo_core.decision import at_other_prevalence
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.report import ModelFacts
from pneumo_core.runs import Run
from ui import numbers
from ui.threshold_show import with_interval
from ui.words import clinic as words

KEY = "clinic_prevalence"
"""Where the session has it, in percent; it belongs to the Threshold page's number box."""

_HERE = "clinic_prevalence_here"


def percent() -> float | None:
    """What the user has said, in percent; None where she has not."""
    return st.session_state.get(KEY)


def at_your_place(run: Run, point: OperatingPoint, chance: float) -> None:
    """What a score and a call mean at the user's own prevalence, once she has said it.

    Args:
        run: The model.
        point: The operating point in use.
        chance: Calibrated probability of pneumonia of the film on screen, 0 to 1.
    """
    with st.expander(words.TITLE):
        st.session_state[_HERE] = percent()
        st.number_input(
            words.ASKED,
            *words.RANGE,
            value=None,
            step=1.0,
            format="%.1f",
            key=_HERE,
            on_change=_take,
            width=260,
        )
        said = percent()
        if said is None:
            st.caption(words.WHY.format(share=numbers.percent(_here(run))))
            return
        there = ModelFacts.of(run, point).at(said / 100)  # as on the report
        moved = float(at_other_prevalence(chance, _here(run), said / 100))
        st.markdown(
            words.MEANS.format(
                percent=f"{said:g}",
                count=numbers.in_hundred(moved),
                ppv=with_interval("ppv", there.ppv),
                npv=with_interval("npv", there.npv),
            )
        )
        st.caption(words.ASSUMES)


def _here(run: Run) -> float:
    """The prevalence that the probabilities are calibrated at."""
    return run.metrics["val"]["prevalence"]


def _take() -> None:
    if st.session_state[_HERE] is None:
        st.session_state.pop(KEY, None)
    else:
        st.session_state[KEY] = st.session_state[_HERE]
