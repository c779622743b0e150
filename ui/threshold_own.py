"""Bring your own scores: a CSV of labels and scores from any model gets the whole page.

A file and what was read from it lie in the session's memory and nowhere else: no cache that
sessions share, no disk, no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from pneumo_core.csv_table import MOST_BYTES
from pneumo_core.errors import DataError
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.own_scores import OwnScores, columns, read_own_scores
from ui import threshold_lab as lab
from ui.numbers import percent
from ui.threshold_data import Source
from ui.threshold_show import count
from ui.words import threshold as words

_KEPT = "pneumolens/own_scores"

EVEN_ODDS = OperatingPoint(words.OWN_POINT, 0.5, words.OWN_POINT_RULE, "")


@dataclass(frozen=True, eq=False)
class Own:
    """What a session has brought.

    Attributes:
        file: Name of the file.
        source: Its scores, as the page shows them.
        notes: Sentences on how the file was read.
        start: Where the page starts.
    """

    file: str
    source: Source
    notes: tuple[str, ...]
    start: OperatingPoint = EVEN_ODDS


def brought() -> Own | None:
    """The session's own scores, None before any were brought."""
    return st.session_state.get(_KEPT)


def take(own: Own) -> None:
    """Make these the session's own scores, in place of what was brought."""
    lab.forget_own()
    st.session_state[_KEPT] = own


def bring() -> None:
    """Take a file; once it has been read, the page is drawn anew with its scores."""
    uploaded = st.file_uploader(
        words.OWN_FILE, key="own_file", max_upload_size=MOST_BYTES // 1_000_000
    )
    st.caption(words.OWN_FORMAT)
    st.code(words.OWN_TEMPLATE_CSV, language="csv")
    st.download_button(
        words.OWN_TEMPLATE,
        words.OWN_TEMPLATE_CSV,
        file_name="pneumolens-scores.csv",
        mime="text/csv",
        on_click="ignore",
        key="own_template",
    )
    if uploaded is None:
        return
    content = uploaded.getvalue()
    keys = {name: f"own_{name}_{uploaded.file_id}" for name in ("label", "score", "kind")}
    choices = {name: st.session_state.get(key) for name, key in keys.items()}
    try:
        with st.spinner(words.OWN_READING):
            scores = read_own_scores(content, **choices)
    except DataError as error:
        st.error(str(error))
        _choose(content, keys)
        return
    take(Own(uploaded.name, _source(scores), scores.notes))
    st.rerun()


def about() -> None:
    """Say what was brought and how it was read, and offer to bring something else."""
    own = brought()
    one = own.source.sets[words.OWN_SPLIT]
    with st.container(horizontal=True, vertical_alignment="center", key="own_about"):
        text = words.OWN_ABOUT.format(
            count=count(one.labels.size), share=percent(float(one.labels.mean()))
        )
        st.markdown(text, width="content", help="\n\n".join(own.notes))
        st.button(words.OWN_OTHER, type="tertiary", key="own_other", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(_KEPT, None)
    lab.forget_own()


def _choose(content: bytes, keys: Mapping[str, str]) -> None:
    """Let the user say what the columns are, where the file can be read at all.

    Args:
        content: The file.
        keys: Of the widgets for "label", "score" and "kind".
    """
    try:
        found = columns(content)
    except DataError:
        return
    with st.container(horizontal=True):
        for name, known in (("label", found.label), ("score", found.score)):
            st.selectbox(
                words.OWN_COLUMNS[name],
                found.names,
                index=None if known is None else found.names.index(known),
                key=keys[name],
                width=240,
            )
        st.selectbox(
            words.OWN_COLUMNS["kind"],
            list(words.OWN_KINDS),
            format_func=words.OWN_KINDS.get,
            key=keys["kind"],
            width=240,
        )


def _source(scores: OwnScores) -> Source:
    return Source.own(
        "own-scores",
        words.OWN_SET,
        scores.labels,
        scores.probabilities,
        scores.patients,
        scores.ids,
        scores.groups,
    )
