"""One model looked at closely, alone and beside others, and the button that puts it in use."""

from __future__ import annotations

import streamlit as st

from pneumo_core.model_table import Board, ModelRow, rows
from pneumo_core.runs import Run
from ui import cache, models_one, state
from ui.models_augmented import augmented
from ui.models_compare import curves, two_models
from ui.models_explanations import explanations
from ui.open_tab import open_tab
from ui.threshold_show import as_text
from ui.words import models as words

_USED = "pneumolens/model_used"


def closely(board: Board, in_use: Run) -> None:
    """Choose a model to look at, and to use on every page."""
    if used := st.session_state.pop(_USED, ""):
        st.toast(words.NOW_IN_USE.format(title=as_text(used)))
    st.header(words.CLOSELY)
    known = {row.name: row for row in rows(cache.usable_runs())}
    with st.container(horizontal=True, vertical_alignment="bottom", key="models_pick"):
        # A key of its own for each model in use: picking one in the sidebar shows it here.
        name = st.selectbox(
            words.MODEL,
            list(known),
            list(known).index(in_use.name),
            format_func=lambda name: known[name].label,
            key=f"models_one_{in_use.name}",
            width=420,
        )
        row = known[name]
        st.button(
            words.USE,
            type="primary",
            key="models_use",
            disabled=not row.run.has_weights or name == in_use.name,
            on_click=_use,
            args=(row.run,),
        )
        if name == in_use.name:
            st.markdown(words.IN_USE, width="content")
        elif not row.run.has_weights:
            st.markdown(words.CANNOT_USE, width="content")
    _tabs(board, row)


def _use(run: Run) -> None:
    st.session_state[_USED] = run.title
    state.set_run(run.name)


@st.fragment
def _tabs(board: Board, row: ModelRow) -> None:
    """What is known of the model; only the open tab is computed, and only it is drawn anew."""
    contents = {
        "curves": lambda: curves(board.of(row.name), row),
        "pair": lambda: two_models(board.of(row.name), row),
        "augmented": lambda: augmented(board),
        "training": lambda: models_one.training(row),
        "calibration": lambda: models_one.calibration(row),
        "classes": lambda: models_one.classes(row),
        "explanations": lambda: explanations(row.run),
        "recipe": lambda: models_one.recipe(row),
        "preview": lambda: models_one.preview(row),
    }
    with st.container(key="models_tabs"):
        open_tab(words.TABS, contents, key="models_tab", on_change="rerun")
