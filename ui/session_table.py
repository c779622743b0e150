"""The readings of a session as a table, and the one that is ticked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from pneumo_core import CLASS_NAMES
from pneumo_core.history import Reading
from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run
from ui import cache, numbers, reading, session_history, state
from ui.words import session as words

WIDTHS = {
    "when": 125,
    "film": 90,
    "run": 100,
    "verdict": 85,
    "opinion": 75,
    "truth": 105,
    "comment": 220,
}
"""Of the columns of the table, in pixels."""

DIGEST = 64
"""Characters of an upload's digest."""


def table(shown: Sequence[Reading]) -> None:
    """Draw the readings, the latest first, and beside them the one that is ticked."""
    latest = list(shown)[::-1]
    left, right = st.container(key="session_rows").columns([3, 1], gap="large")
    with left:
        event = st.dataframe(
            pd.DataFrame([_cells(one) for one in latest], columns=list(words.COLUMNS)),
            hide_index=True,
            height=min(500, 38 + 36 * len(latest)),
            column_config={
                **{
                    name: st.column_config.TextColumn(title, width=WIDTHS.get(name))
                    for name, title in words.COLUMNS.items()
                },
                "when": st.column_config.DatetimeColumn(
                    words.COLUMNS["when"],
                    format="YYYY-MM-DD HH:mm",
                    timezone=st.context.timezone,
                    width=WIDTHS["when"],
                ),
                "probability": st.column_config.NumberColumn(
                    words.COLUMNS["probability"], format="percent", width=85
                ),
            },
            on_select="rerun",
            selection_mode="single-row",
            # What is ticked belongs to these films, whatever is said of them meanwhile.
            key=f"session-table-{hash(tuple((one.film, one.run) for one in latest))}",
        )
        st.caption(words.TABLE_HELP)
    with right:
        if picked := event.selection.rows:
            _picked(latest[picked[0]])
        else:
            st.caption(words.PICK)


def is_upload(film: str) -> bool:
    """Whether a film is told by the digest of its file, not by an id of a data set."""
    digest = film.partition("-")[0]
    return len(digest) == DIGEST and set(digest) <= set("0123456789abcdef")


def _cells(one: Reading) -> dict[str, object]:
    return {
        "when": one.at,
        "film": _short(one.film),
        "run": one.run,
        "probability": one.probability,
        "verdict": words.VERDICTS[one.verdict],
        "opinion": words.SHORT[one.opinion],
        "comment": one.comment,
        "truth": words.VERDICTS[one.truth] if one.truth else "",
    }


def _short(film: str) -> str:
    if not is_upload(film):
        return film.rsplit("/", 1)[-1]
    _, dash, frame = film.partition("-")
    return film[:8] + dash + frame


def _picked(one: Reading) -> None:
    """The ticked reading: what was said, the known answer, and the way back to its film."""
    st.text(_short(one.film))
    st.markdown(
        words.CALLED.format(
            verdict=words.VERDICTS[one.verdict],
            threshold=threshold_words(one.threshold),
            percent=numbers.percent(one.probability),
        )
    )
    if one.comment:
        st.text(one.comment)
    if is_upload(one.film):
        _ask_truth(one)
        st.caption(words.NO_OPEN)
        return
    if one.truth:
        st.markdown(words.SAMPLE_TRUTH.format(truth=words.VERDICTS[one.truth]))
    run = _run_with(one)
    if run is None:
        st.caption(words.NOT_HERE)
    elif st.button(words.OPEN, icon=":material/open_in_new:", type="primary"):
        state.set_run(run.name)
        reading.take_sample(one.film)
        st.switch_page("pages/predict.py", query_params=state.address(sample=one.film))


def _ask_truth(one: Reading) -> None:
    key = f"truth-{one.film}-{one.run}"
    st.session_state[key] = one.truth
    st.segmented_control(
        words.TRUTH,
        CLASS_NAMES,
        format_func=words.VERDICTS.get,
        key=key,
        help=words.TRUTH_HELP,
        on_change=lambda: session_history.put(replace(one, truth=st.session_state[key])),
    )


def _run_with(one: Reading) -> Run | None:
    """The model of a reading, where it is here and knows the film as a test film."""
    run = next((run for run in cache.usable_runs() if run.name == one.run), None)
    if run is None or one.film not in set(cache.scores(run, "test")["id"]):
        return None
    return run
