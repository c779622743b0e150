"""A report on the films of a batch: written beside the page, which meanwhile answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from threading import Thread
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.errors import PneumoError
from pneumo_core.report import LONGEST_NAME, LONGEST_NOTES, MOST
from ui import batch_session
from ui.words import batch as words
from ui.words import report as report_words

if TYPE_CHECKING:
    from pneumo_core.batch import BatchRow
    from ui.batch_session import Batch

BEAT = 0.5
"""Seconds between two looks at how far the writing is."""

MIMES = {"pdf": "application/pdf", "html": "text/html"}


class Writing:
    """A report that is being written in a thread of its own, or is there.

    Attributes:
        asked: What it is of: rows, what was typed, kind of file.
        share: How much is done, from 0 to 1.
        content: The file; None until it is there.
        trouble: Why there will be none, in a sentence; "" while all is well.
    """

    def __init__(self, batch: Batch, rows: Sequence[BatchRow], asked: Asked) -> None:
        self.asked = asked
        self.share = 0.0
        self.content: bytes | None = None
        self.trouble = ""
        self._halted = False
        self._thread = Thread(target=self._write, args=(batch, rows), daemon=True)
        self._thread.start()

    @property
    def working(self) -> bool:
        """Whether it is still being written."""
        return self._thread.is_alive()

    def halt(self) -> None:
        """Give it up; it ends within a film."""
        self._halted = True

    def _write(self, batch: Batch, rows: Sequence[BatchRow]) -> None:
        from pneumo_core.batch_report import cases, cover
        from pneumo_core.report import ModelFacts, to_html, to_pdf

        _, name, notes, kind = self.asked
        self.trouble = words.REPORT_FAILED  # whatever ends it
        try:
            model = ModelFacts.of(batch.run, batch.asked[2])
            films = cases(rows, model, date.today().isoformat())
            first = cover(rows, name, notes)
            if kind == "pdf":
                self.content = to_pdf(films, first, self._tell)
            else:
                self.content = to_html(films, first, self._tell).encode()
            self.trouble = ""
        except InterruptedError:
            self.trouble = words.REPORT_HALTED
        except PneumoError as error:
            self.trouble = str(error)

    def _tell(self, share: float) -> None:
        if self._halted:
            raise InterruptedError
        self.share = share


Asked = tuple[tuple[int, ...], str, str, str]


def report(batch: Batch, shown: Sequence[BatchRow]) -> None:
    """Offer a report on the rows in view; it is written when it is asked for."""
    with st.popover(words.REPORT, icon=":material/description:", key="batch_report"):
        name = st.text_input(
            words.REPORT_NAME,
            max_chars=LONGEST_NAME,
            key=batch_session.REPORT_NAME,
            autocomplete="off",
            persist_state="session",
        )
        notes = st.text_area(
            report_words.NOTES,
            max_chars=LONGEST_NOTES,
            key=batch_session.REPORT_NOTES,
            persist_state="session",
        )
        st.caption(words.REPORT_HELP)
        judged = sum(row.prediction is not None for row in shown)
        if not 0 < judged <= MOST:
            st.info(words.REPORT_SIZE.format(most=MOST, count=judged))
            return
        _written(batch, shown, name, notes)


def _written(batch: Batch, shown: Sequence[BatchRow], name: str, notes: str) -> None:
    """The buttons that start it, how far it is, and the file."""
    numbers = tuple(row.number for row in shown)
    writing = batch.report
    if writing is not None and writing.asked[:3] != (numbers, name, notes):
        # It is of other rows, or has another name on it.
        writing.halt()
        batch.report = writing = None
    with st.container(horizontal=True):
        for kind, label in words.REPORT_KINDS.items():
            st.button(
                label,
                key=f"batch_report_{kind}",
                disabled=writing is not None and writing.working,
                on_click=_start,
                args=(batch, shown, kind),
            )
    if writing is None:
        return
    if writing.working:
        st.fragment(_progress, run_every=BEAT)(writing)
    elif writing.content is None:
        st.warning(writing.trouble)
    else:
        kind = writing.asked[3]
        st.download_button(
            words.REPORT_SAVE[kind],
            writing.content,
            words.REPORT_FILE.format(date=date.today().isoformat(), kind=kind),
            MIMES[kind],
            type="primary",
            icon=":material/download:",
            on_click="ignore",
            key="batch_report_save",
        )


def _start(batch: Batch, shown: Sequence[BatchRow], kind: str) -> None:
    # A callback: what was typed right before the click is there, and the page is drawn after it.
    keys = (batch_session.REPORT_NAME, batch_session.REPORT_NOTES)
    name, notes = (st.session_state[key] or "" for key in keys)
    batch.report = Writing(batch, shown, (tuple(row.number for row in shown), name, notes, kind))


def _progress(writing: Writing) -> None:
    if not writing.working:
        st.rerun()
    st.progress(min(writing.share, 1.0), words.REPORT_WRITING)
    if st.button(words.STOP, key="batch_report_halt"):
        writing.halt()
