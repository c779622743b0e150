"""Read many films at once: a table in the order in which to read them."""

import streamlit as st

from pneumo_core.batch import BatchRow, as_csv, overlays
from pneumo_core.images import MAX_BYTES
from pneumo_core.operating_point import threshold_words
from pneumo_core.verdict import TRAINED_ON
from ui import batch_session, state
from ui.batch_report import report
from ui.batch_session import Batch
from ui.batch_table import rows_in_view, table, table_so_far
from ui.uploaders import MOST_MB
from ui.words import batch as words

BEAT = 0.1
"""Seconds between two steps, in which the page answers clicks."""


def choose() -> None:
    """The uploader; films from before a visit to another page are still there."""
    st.file_uploader(
        words.UPLOADER,
        accept_multiple_files=True,
        max_upload_size=MOST_MB,
        key=batch_session.UPLOADERS.key(),
        on_change=batch_session.remember,
    )
    given = batch_session.UPLOADERS.given()
    if given > batch_session.MOST_BYTES:
        st.error(words.TOO_MUCH.format(size=given // 2**20, most=MOST_MB))
    elif given and (count := batch_session.too_many()):
        st.error(words.TOO_MANY.format(files=count, most=batch_session.MOST_FILES))
    limits = words.LIMITS.format(
        files=batch_session.MOST_FILES, film=MAX_BYTES // 2**20, most=MOST_MB
    )
    st.caption(f"{limits} {words.PRIVACY}")


def progress(batch: Batch) -> None:
    """How far the reading is, and a way to halt it or go on."""
    text = {"done": len(batch.rows), "total": batch.total}
    if batch.done:
        bad = sum(row.error is not None for row in batch.rows)
        judged = len(batch.rows) - bad
        line = words.DONE_BAD if bad else words.DONE_ONE if judged == 1 else words.DONE
        st.markdown(line.format(judged=judged, bad=bad))
        return
    if batch.trouble:
        st.error(batch.trouble)
    with st.container(horizontal=True, vertical_alignment="center"):
        if batch.stopped:
            st.markdown(words.STOPPED.format(**text))
        else:
            st.progress(len(batch.rows) / batch.total, words.READING.format(**text))
        label = words.GO_ON if batch.stopped else words.STOP
        if st.button(label, key="batch_halt"):
            (batch.go_on if batch.stopped else batch.halt)()
            st.rerun()


def results(batch: Batch) -> None:
    """The films that are there; then, while there is work, some more of them."""
    progress(batch)
    if batch.rows:
        point = batch.asked[2]
        st.caption(
            words.AT_POINT.format(
                threshold=threshold_words(point.threshold), point=point.name, trained=TRAINED_ON
            )
        )
    if batch.working:
        table_so_far(batch)
        # Last, so that meanwhile the page shows what is there.
        batch.step()
        if not batch.working:
            st.rerun()
    elif batch.rows:
        shown = rows_in_view(batch)
        table(batch, shown)
        take(batch, shown)


def take(batch: Batch, shown: list[BatchRow]) -> None:
    """The rows in view, to take away."""
    with st.container(horizontal=True, key="batch_take"):
        icon, ignore = ":material/download:", "ignore"
        st.download_button(
            words.CSV, lambda: as_csv(shown), words.CSV_NAME, "text/csv", icon=icon, on_click=ignore
        )
        st.download_button(
            words.OVERLAYS,
            lambda: overlays(shown),
            words.OVERLAYS_NAME,
            "application/zip",
            icon=icon,
            on_click=ignore,
        )
        report(batch, shown)
        if st.button(words.CLEAR, icon=":material/delete:", on_click=batch_session.clear):
            st.rerun()  # the uploader too, which is outside of this fragment


def main() -> None:
    """Lay out the page."""
    run, point = state.current_run(), state.operating_point()
    st.title(words.TITLE)
    choose()
    batch = batch_session.current(run, point)
    if batch is None:
        st.markdown(words.NO_FILES)
        return
    # A fragment of its own that comes again by itself while there is work: clicks get in between.
    st.fragment(results, run_every=BEAT if batch.working else None)(batch)


main()
