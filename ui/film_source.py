"""Where a film comes from: the uploader, or the test set."""

import secrets

import streamlit as st

from pneumo_core.errors import DataError, ImageError
from pneumo_core.images import MAX_BYTES
from pneumo_core.runs import Run
from ui import cache, reading
from ui.data_missing import offer_download
from ui.dicom_film import choose_frame
from ui.paste import paste
from ui.reading import Film
from ui.words import predict as words


def choose_film(run: Run) -> Film | None:
    """Let the user upload a film or pick a sample; None while there is none."""
    start = words.SAMPLE if "sample" in st.query_params else words.UPLOAD
    # Not as the control's default: `reading.take` may have chosen already.
    st.session_state.setdefault(reading.SOURCE, start)
    source = st.segmented_control(
        words.SOURCE,
        [words.UPLOAD, words.SAMPLE],
        required=True,
        key=reading.SOURCE,
        persist_state="session",
        label_visibility="collapsed",
    )
    return _sample(run) if source == words.SAMPLE else _upload()


def _upload() -> Film | None:
    """The uploader; a film from before a visit to another page is still there."""
    file = st.file_uploader(
        words.UPLOADER,
        key=reading.UPLOADER,
        max_upload_size=MAX_BYTES // 2**20,
        on_change=reading.remember_upload,
    )
    paste()
    try:
        film = reading.uploaded()
    except ImageError as error:
        film = None
        if file is None:
            reading.forget_upload()
        else:
            st.error(str(error))
    st.caption(words.UPLOAD_PRIVACY if film is None else f"{taken_as(film)} {words.UPLOAD_PRIVACY}")
    if film is None and file is None:
        st.markdown(words.NO_FILM)
    if film is not None:
        choose_frame(film)
    if film is not None and file is None:
        st.button(words.REMOVE, icon=":material/delete:", on_click=reading.forget_upload)
    return film


def _sample(run: Run) -> Film | None:
    """A film of the test set, by its id or at random."""
    try:
        cache.dataset(run)
    except DataError:
        offer_download(run)
        return None
    scores = cache.scores(run, "test").set_index("id")
    ids = list(scores.index)

    def another() -> None:
        st.session_state["sample"] = secrets.choice(ids)

    row = st.container(horizontal=True, vertical_alignment="bottom", key="sampled")
    chosen = row.selectbox(
        words.SAMPLE_PICKER,
        ids,
        key="sample",
        help=words.SAMPLE_HELP,
        bind="query-params",
        persist_state="session",
    )
    row.button(words.SAMPLE_RANDOM, icon=":material/casino:", on_click=another)
    known = scores.loc[chosen]
    return reading.sample(run, chosen, (int(known["label"]), str(known["group"])))


def taken_as(film: Film) -> str:
    """What kind of file the film was read from, its size, and what was done to it."""
    height, width = film.image.pixels.shape
    notes = "".join(f", {note}" for note in film.image.notes)
    return words.TAKEN_AS.format(kind=film.image.kind, width=width, height=height, notes=notes)
