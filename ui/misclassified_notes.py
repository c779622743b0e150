"""The reader's notes: all of them in a table, to take away and to bring back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pneumo_core import CLASS_NAMES
from pneumo_core.errors import DataError
from pneumo_core.film_notes import NotedFilm, from_json, to_csv, to_json
from ui import cache, film_notes, state
from ui.words import common
from ui.words import misclassified as words

if TYPE_CHECKING:
    from pneumo_core.runs import Run

_IMPORT = "notes-import"
_SAID = "pneumolens/notes_import"


def notes(run: Run) -> None:
    """Show the session's notes on films of the run's data set, and the files that carry them."""
    noted = noted_films(run)
    if noted:
        _listed(run, noted)
    else:
        st.info(words.NO_NOTES)
    st.file_uploader(
        words.IMPORT,
        key=_IMPORT,
        max_upload_size=words.IMPORT_MB,
        on_change=_bring_back,
        args=(run,),
    )
    good, said = st.session_state.pop(_SAID, (True, ""))
    if said:
        (st.success if good else st.error)(said)


def noted_films(run: Run) -> list[NotedFilm]:
    """The noted films that the run has scored, in the order of its scores, test films first."""
    kept = film_notes.all_of(run)
    found = []
    for split in list(common.SPLITS)[::-1]:
        scores = cache.scores(run, split)
        for film in scores[scores["id"].isin(kept)].to_dict("records"):
            note = kept[film["id"]]
            found.append(
                NotedFilm(
                    film["id"],
                    split,
                    CLASS_NAMES[film["label"]],
                    float(film["probability"]),
                    note.tag,
                    note.text,
                )
            )
    return found


def counted(count: int) -> str:
    """How many notes, in words."""
    one, several = words.NOTE_COUNT
    return one if count == 1 else several.format(count=count)


def _listed(run: Run, noted: list[NotedFilm]) -> None:
    st.markdown(words.NOTES_LINE.format(count=counted(len(noted)), data=run.data["title"]))
    percent = st.column_config.NumberColumn(words.NOTES_COLUMNS["probability"], format="percent")
    table = pd.DataFrame([vars(one) for one in noted])
    st.dataframe(
        table.assign(
            tag=table["tag"].map(words.TAGS).where(table["tag"] != "", ""),
            split=table["split"].map(common.SPLITS),
        ),
        hide_index=True,
        column_config={**words.NOTES_COLUMNS, "probability": percent},
    )
    name = words.NOTES_NAME.format(run=run.name, suffix="{suffix}")
    threshold = state.operating_point().threshold
    as_json = to_json(noted, data=run.data["name"], model=run.name, threshold=threshold)
    with st.container(horizontal=True, key="take-notes"):
        for label, content, suffix, mime in (
            (words.NOTES_CSV, to_csv(noted), "csv", "text/csv"),
            (words.NOTES_JSON, as_json, "json", "application/json"),
        ):
            st.download_button(
                label,
                content,
                name.format(suffix=suffix),
                mime,
                icon=":material/download:",
                on_click="ignore",
            )


def _bring_back(run: Run) -> None:
    """Take over the notes of the file that was chosen; the next run says what came of it."""
    file = st.session_state[_IMPORT]
    if file is None:
        return
    try:
        read = from_json(file.getvalue(), data=run.data["name"])
    except DataError as error:
        st.session_state[_SAID] = (False, str(error))
        return
    known = {name for split in common.SPLITS for name in cache.scores(run, split)["id"]}
    taken = {film: note for film, note in read.items() if film in known}
    film_notes.keep(run, taken)
    line = words.IMPORTED if len(taken) == len(read) else words.IMPORTED_SOME
    said = line.format(count=counted(len(taken)), other=len(read) - len(taken))
    st.session_state[_SAID] = (True, said)
