"""What a DICOM file adds to a film: frames to choose from, and what it says against a verdict."""

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


def warnings(film: Film) -> tuple[str, ...]:
    """Sentences of what the file itself says against a verdict, such as a patient's age."""
    if film.image.dicom is None:
        return ()
    from pneumo_core.dicom_words import remarks

    return tuple(remark.words for remark in remarks(film.image.dicom) if remark.warns)
