"""From trying a threshold to using it: on every page, or on the images of a cell."""

from __future__ import annotations

import streamlit as st

from pneumo_core.operating_point import threshold_words
from ui import state
from ui import threshold_lab as lab
from ui.threshold_control import Opened
from ui.words import threshold as words

_USED = "pneumolens/used"


def in_use_line() -> None:
    """Say which threshold is in use on every page, and offer the tried one instead."""
    tried, in_use = lab.current().point, state.operating_point()
    text = {"threshold": threshold_words(in_use.threshold), "name": in_use.name}
    with st.container(horizontal=True, vertical_alignment="center", key="threshold_in_use"):
        if tried.threshold == in_use.threshold:
            st.markdown(words.IN_USE.format(**text))
            return
        st.markdown(words.NOT_IN_USE.format(**text), width="content")
        shown = threshold_words(tried.threshold)
        label = words.USE.format(threshold=shown)
        st.button(label, type="primary", key="threshold_use", on_click=_use, args=(shown,))
        st.button(
            words.RESET, type="tertiary", key="threshold_back", on_click=lab.go_to, args=(in_use,)
        )


def redraw_if_used() -> None:
    """Draw the whole page anew once a threshold was put in use: the frame's links carry it."""
    if _USED in st.session_state:
        st.rerun()


def say_if_used() -> None:
    """Say once that a threshold was put in use."""
    if done := st.session_state.pop(_USED, ""):
        st.toast(done)


def open_cases(opened: Opened, split: str) -> None:
    """Go to the images of a cell of the matrix, at the threshold it was shown for."""
    if opened.threshold != lab.current().point.threshold:
        lab.set_by_hand(opened.threshold)
    lab.use()
    st.switch_page(
        "pages/misclassified.py", query_params=state.address(split=split, cell=opened.cell)
    )


def _use(shown: str) -> None:
    lab.use()
    st.session_state[_USED] = words.NOW_IN_USE.format(threshold=shown)
