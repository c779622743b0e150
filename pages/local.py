"""Does the model hold on a user's own labelled films: upload, answer, and on to the lab."""

import pandas as pd
import streamlit as st

from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run
from ui import local_answer, local_session, state
from ui.local_session import Scoring
from ui.uploaders import MOST_MB
from ui.words import local as words

BEAT = 0.1
"""Seconds between two steps, in which the page answers clicks."""


def explain() -> None:
    """What to give, and how."""
    st.markdown(words.INTRO)
    with st.expander(words.LAYOUT):
        left, right = st.columns(2)
        left.code(words.LAYOUT_FOLDERS, language=None)
        right.code(words.LAYOUT_CSV, language="csv")
        st.caption(words.LAYOUT_WORDS)


def choose() -> None:
    """The uploader; films from before a visit to another page are still there."""
    how = st.segmented_control(
        words.HOW,
        list(words.HOWS),
        format_func=words.HOWS.get,
        default="files",
        required=True,
        key="local_how",
        label_visibility="collapsed",
        persist_state="session",
    )
    line = words.UPLOADER if how == "files" else words.UPLOADER_FOLDER
    st.file_uploader(
        line.format(size=MOST_MB),
        accept_multiple_files=True if how == "files" else "directory",
        max_upload_size=MOST_MB,
        key=local_session.UPLOADERS.key(how),
        on_change=local_session.remember,
        args=(how,),
    )
    if (size := local_session.UPLOADERS.given(how)) > local_session.MOST_BYTES:
        st.error(words.TOO_MUCH.format(size=size // 2**20, most=MOST_MB))
    st.caption(words.PRIVACY)


def progress(scoring: Scoring) -> None:
    """How many films have a label, how far the scoring is, and a way to halt it or go on."""
    labelled = scoring.labelled
    text = words.LABELLED[labelled.table].format(films=scoring.total)
    if labelled.left_out:
        text += words.LABELLED_OUT.format(left_out=len(labelled.left_out))
    if labelled.strays:
        text += words.LABELLED_STRAYS.format(strays=labelled.strays)
    st.markdown(f"{text}.")
    done = {"done": len(scoring.scored), "total": scoring.total}
    if len(scoring.scored) == scoring.total:
        return
    if scoring.stopped and scoring.trouble:
        st.error(scoring.trouble)
    with st.container(horizontal=True, vertical_alignment="center"):
        if scoring.stopped:
            st.markdown(words.STOPPED.format(**done))
        else:
            st.progress(done["done"] / done["total"], words.SCORING.format(**done))
        if st.button(words.GO_ON if scoring.stopped else words.STOP, key="local_halt"):
            scoring.stopped = not scoring.stopped
            st.rerun()


def results(scoring: Scoring, run: Run, point: OperatingPoint) -> None:
    """While there is work, some more of it; then the answer."""
    if not scoring.total:
        st.error(words.NO_LABELS)
        left_out(scoring)
        return
    progress(scoring)
    if scoring.working:
        # Last, so that meanwhile the page shows what is there.
        scoring.step(run, point)
        if not scoring.working:
            st.rerun()
    elif scoring.scored:
        answer(scoring, run, point)
        left_out(scoring)


def answer(scoring: Scoring, run: Run, point: OperatingPoint) -> None:
    """The answer, its figures, and what can be taken away."""
    head = st.container()
    margin, counting = local_answer.choices(scoring)
    if not local_answer.tallied(scoring, counting).films:
        head.error(words.NOTHING_COUNTS)
        return
    found = local_answer.answered(scoring, run, point, margin, counting)
    with head:
        local_answer.headline(found)
    with st.container(horizontal=True, key="local_take"):
        local_answer.take_away(scoring, run, point, counting)
        st.button(words.CLEAR, icon=":material/delete:", on_click=local_session.clear)
    # Side by side where there is room, else one above the other.
    row = st.container(horizontal=True, gap="medium")
    left, right = row.container(width=650), row.container(width=430)
    with left:
        local_answer.beside_test(found)
        local_answer.calibration(found)
        local_answer.cases(found)
    with right:
        local_answer.roc(scoring, found, run, point, counting)


def left_out(scoring: Scoring) -> None:
    """What takes no part, with its reason."""
    counting = st.session_state.get("local_count") or "all"
    labelled = scoring.labelled
    counted = local_answer.tallied(scoring, counting).left_out
    rows = (*labelled.left_out, *labelled.stray_rows, *counted)
    if not rows:
        return
    with st.expander(words.LEFT_OUT.format(count=len(rows))):
        st.dataframe(
            pd.DataFrame([{"name": row.name, "reason": row.reason} for row in rows]),
            hide_index=True,
            column_config={
                key: st.column_config.TextColumn(title)
                for key, title in words.LEFT_OUT_COLUMNS.items()
            },
        )


def main() -> None:
    """Lay out the page."""
    run, point = state.current_run(), state.operating_point()
    st.title(words.TITLE)
    explain()
    choose()
    scoring = local_session.current(run)
    if scoring is not None:
        # A fragment that comes again by itself while there is work: clicks get in between.
        beat = BEAT if scoring.working else None
        st.fragment(results, run_every=beat)(scoring, run, point)


main()
