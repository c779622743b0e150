"""The reader's notes on films of the data sets: in this session's memory and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.film_notes import FilmNote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pneumo_core.runs import Run

_NOTES = "pneumolens/film_notes"


def all_of(run: Run) -> dict[str, FilmNote]:
    """The notes on films of the run's data set, by the films' ids; whatever model was on screen."""
    return st.session_state.setdefault(_NOTES, {}).setdefault(run.data["name"], {})


def of(run: Run, image_id: str) -> FilmNote:
    """The note on one film, an empty one where there is none."""
    return all_of(run).get(image_id, FilmNote())


def keep(run: Run, notes: Mapping[str, FilmNote]) -> None:
    """Put notes in place of those on the same films; an empty one only removes."""
    kept = all_of(run)
    for image_id, note in notes.items():
        kept.pop(image_id, None)
        if note:
            kept[image_id] = note
