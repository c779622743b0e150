"""What a DICOM file adds to a film: frames and windows, and what it says against a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui import reading
from ui.words import predict as words

if TYPE_CHECKING:
    from ui.reading import Film


def choose_frame(film: Film) -> None:
    """Let the user take another frame, where the file has several."""
    found = film.image.dicom
    if found is None or found.facts.frames == 1:
        return
    key = f"frame-{film.key.partition('-')[0]}"
    st.number_input(
        words.FRAME.format(count=found.facts.frames),
        1,
        found.facts.frames,
        found.facts.frame + 1,
        key=key,
        width=220,
        on_change=lambda: reading.show_frame(st.session_state[key] - 1),
    )


def choose_window(film: Film) -> int | None:
    """Let the user look through another of the file's windows, where it has several.

    Returns:
        Its index in the file's windows; None for the one through which the network saw the film.
    """
    found = film.image.dicom
    if found is None or len(found.windows) == 1:
        return None
    from pneumo_core.dicom_words import window_words

    said = [window_words(window) for window in found.windows]
    with st.container(horizontal=True, vertical_alignment="center", key="through"):
        chosen = st.selectbox(
            words.THROUGH,
            range(len(said)),
            found.chosen,
            format_func=said.__getitem__,
            help=words.THROUGH_HELP,
            key=f"window-{film.key}",
            width=260,
        )
        own = chosen == found.chosen
        st.caption(words.THROUGH_OWN if own else words.THROUGH_OTHER.format(own=said[found.chosen]))
    return None if own else chosen


def warnings(film: Film) -> tuple[str, ...]:
    """Sentences of what the file itself says against a verdict, such as a patient's age."""
    if film.image.dicom is None:
        return ()
    from pneumo_core.dicom_words import remarks

    return tuple(remark.words for remark in remarks(film.image.dicom) if remark.warns)
