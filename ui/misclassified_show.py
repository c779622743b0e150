"""A list of films on the screen, and the same list to take away."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.operating_point import threshold_words
from ui import gallery, numbers, pictures, state
from ui.cases import InView, as_csv
from ui.words import common
from ui.words import misclassified as words

if TYPE_CHECKING:
    import pandas as pd

    from pneumo_core.contact_sheet import Tile
    from pneumo_core.datasets import Dataset
    from pneumo_core.runs import Run

A_PAGE = 12
SHEET_SIDE = 240
"""Short side of a film on the way to the contact sheet, in pixels."""


def heatmaps_toggle(run: Run) -> bool:
    """Whether to lay heatmaps over the films; never for a run without weights."""
    return run.has_weights and st.toggle(
        words.HEATMAPS, key="heatmaps", help=words.HEATMAPS_HELP, persist_state="session"
    )


def films(run: Run, dataset: Dataset, view: InView, what: tuple) -> bool:
    """Draw the list a page at a time, under a switch for heatmaps.

    Args:
        run: The model.
        dataset: Where the films are.
        view: The list.
        what: All that decides what is listed: another list starts at its own first page.

    Returns:
        Whether heatmaps are switched on.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        heat = heatmaps_toggle(run)
        pages = math.ceil(len(view.films) / A_PAGE)
        page = st.pagination(pages, width="stretch", key=f"page-{what}") if pages > 1 else 1
    shown = view.films.iloc[(page - 1) * A_PAGE : page * A_PAGE]
    gallery.gallery(run, dataset, shown, heat, outcome=view.films["cell"].nunique() > 1)
    return heat


def table(listed: pd.DataFrame) -> None:
    """The list of films, for when there are no films to show."""
    shown = listed.assign(kind=list(map(common.truth, listed["label"], listed["group"])))
    columns = ["id", "kind", "probability", "probability_b", "distance"]
    formats = {"probability": "percent", "probability_b": "percent", "distance": "%.3f"}
    st.dataframe(
        shown,
        hide_index=True,
        column_order=[name for name in columns if name in shown],
        column_config={
            name: st.column_config.NumberColumn(words.COLUMNS[name], format=formats[name])
            if name in formats
            else words.COLUMNS[name]
            for name in columns
        },
    )


def take_away(
    run: Run, dataset: Dataset | None, view: InView, split: str, heat: bool = False
) -> None:
    """The list as a table, and where the films are at hand as contact sheets."""
    from pneumo_core.contact_sheet import MOST, as_pdf, as_png

    name = {"run": run.name, "split": split, "name": view.name}
    count = len(view.films)
    title = words.SHEET_TITLE.format(title=view.title, count=count)
    about = words.SHEET_ABOUT.format(
        model=run.title,
        split=common.SPLITS[split].lower(),
        threshold=threshold_words(state.operating_point().threshold),
    )
    with st.container(horizontal=True, key="take-away"):
        st.download_button(
            words.DOWNLOAD,
            as_csv(view.films),
            words.FILE_NAME.format(**name),
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        if dataset is None:
            return
        for label, draw, suffix, mime in (
            (words.SHEET_PNG, as_png, "png", "image/png"),
            (words.SHEET_PDF, as_pdf, "pdf", "application/pdf"),
        ):
            st.download_button(
                label,
                lambda draw=draw: draw(
                    sheet_tiles(run, dataset, view.films[:MOST], heat), title, about
                ),
                words.SHEET_NAME.format(**name, suffix=suffix),
                mime,
                help=words.SHEET_HELP,
                icon=":material/grid_view:",
                on_click="ignore",
            )
    if count > MOST:
        st.caption(words.SHEET_CAP.format(most=MOST, count=count))


def sheet_tiles(run: Run, dataset: Dataset, listed: pd.DataFrame, heat: bool) -> list[Tile]:
    """Films as the contact sheet's tiles: id, truth, probability, the second model's too."""
    from pneumo_core.contact_sheet import Tile

    laid_over: dict[str, gallery.Heatmap] = {}
    # A screen's films at a time: that many have just been computed, and fit into memory.
    for start in range(0, len(listed), A_PAGE) if heat else ():
        laid_over |= gallery.heatmaps(run, dataset, listed.iloc[start : start + A_PAGE])
    tiles = []
    for film in listed.to_dict("records"):
        percent = numbers.percent(film["probability"])
        line = words.SHEET_LINE.format(percent=percent)
        if "probability_b" in film:
            other = numbers.percent(film["probability_b"])
            line = words.SHEET_LINES.format(percent=percent, other=other)
        heatmap = laid_over.get(film["id"])
        small = pictures.sized(
            gallery.picture(run, dataset, film["id"], heatmap, SHEET_SIDE), 1, 2 * SHEET_SIDE
        )
        tiles.append(Tile(small, (film["id"], common.truth(film["label"], film["group"]), line)))
    return tiles
