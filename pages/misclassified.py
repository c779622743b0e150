"""The films that the model gets wrong at the threshold in use, the most wrong first."""

import math

import pandas as pd
import streamlit as st

from pneumo_core.errors import DataError
from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run
from ui import cache, state
from ui.cases import CELLS, as_csv, cases
from ui.data_missing import offer_download
from ui.gallery import gallery
from ui.words import common
from ui.words import misclassified as words

A_PAGE = 12
# The class that the model named: its evidence is what explains the verdict.
TARGETS = {"fn": "Normal", "tn": "Normal", "fp": "Pneumonia", "tp": "Pneumonia"}


def choose_split() -> str:
    """Validation or test; the address keeps the choice."""
    st.session_state["misclassified-split"] = state.split("test")
    return st.segmented_control(
        words.SPLIT,
        list(common.SPLITS)[::-1],
        format_func=common.SPLITS.get,
        required=True,
        key="misclassified-split",
        on_change=lambda: state.set_split(st.session_state["misclassified-split"]),
    )


def choose_cell(sets: dict[str, pd.DataFrame]) -> str:
    """One of the four kinds of outcome, each with its count; the address keeps the choice."""
    asked = st.query_params.get("cell")
    st.session_state["cell"] = asked if asked in CELLS else "fn"
    return st.segmented_control(
        words.CELL,
        list(CELLS),
        format_func=lambda cell: f"{words.CELLS[cell]} ({len(sets[cell])})",
        required=True,
        key="cell",
        on_change=lambda: st.query_params.update(cell=st.session_state["cell"]),
    )


def table(chosen: pd.DataFrame) -> None:
    """The list of cases, for when there are no films to show."""
    shown = chosen.assign(kind=list(map(common.truth, chosen["label"], chosen["group"])))
    percent = st.column_config.NumberColumn(words.COLUMNS["probability"], format="percent")
    st.dataframe(
        shown,
        hide_index=True,
        column_order=("id", "kind", "probability", "distance"),
        column_config={
            "id": words.COLUMNS["id"],
            "kind": words.COLUMNS["kind"],
            "probability": percent,
            "distance": st.column_config.NumberColumn(words.COLUMNS["distance"], format="%.3f"),
        },
    )


def films(run: Run, chosen: pd.DataFrame, what: tuple) -> None:
    """The gallery, or what to do to get one."""
    try:
        dataset = cache.dataset(run)
    except DataError:
        table(chosen)
        offer_download(run)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        with_heatmaps = run.has_weights and st.toggle(
            words.HEATMAPS, key="heatmaps", help=words.HEATMAPS_HELP, persist_state="session"
        )
        pages = math.ceil(len(chosen) / A_PAGE)
        # The key holds what is listed, so that another list starts at its own first page.
        page = st.pagination(pages, width="stretch", key=f"page-{what}") if pages > 1 else 1
    shown = chosen.iloc[(page - 1) * A_PAGE : page * A_PAGE]
    gallery(run, dataset, shown, TARGETS[what[-1]] if with_heatmaps else None)


def main() -> None:
    """Lay out the page."""
    run, point = state.current_run(), state.operating_point()
    st.title(words.TITLE)
    st.markdown(words.INTRO.format(threshold=threshold_words(point.threshold), point=point.name))
    with st.container(horizontal=True):
        split = choose_split()
        scores = cache.scores(run, split)
        sets = {cell: cases(scores, point.threshold, cell) for cell in CELLS}
        cell = choose_cell(sets)
    chosen = sets[cell]
    of = int((scores["label"] == (1 if cell in ("fn", "tp") else 0)).sum())
    st.markdown(words.CELL_LINES[cell].format(count=len(chosen), of=of))
    if chosen.empty:
        st.success(words.NONE[cell])
        return
    films(run, chosen, (run.name, split, point.threshold, cell))
    st.download_button(
        words.DOWNLOAD,
        as_csv(chosen),
        words.FILE_NAME.format(run=run.name, split=split, cell=cell),
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


main()
