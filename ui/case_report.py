"""A report on the film on screen, to take away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.report import LONGEST_NAME, LONGEST_NOTES, CaseReport, ModelFacts, to_html, to_pdf
from pneumo_core.similar import ASKED, nearest
from ui import cache, clinic
from ui.words import clinic as clinic_words
from ui.words import common
from ui.words import report as words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pneumo_core.answers import Explanation, Prediction
    from pneumo_core.novelty import Novelty
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.reference import Reference
    from pneumo_core.runs import Run
    from pneumo_core.trust import Trust
    from ui.reading import Film


@dataclass
class _Typed:
    """What was typed for a film; the same object as long as the session lasts."""

    name: str = ""
    notes: str = ""


def case_report(
    run: Run,
    film: Film,
    point: OperatingPoint,
    prediction: Prediction,
    explanation: Explanation | None,
    novelty: Novelty | None,
    checks: Sequence[Trust] = (),
    warnings: Sequence[str] = (),
) -> None:
    """Offer a report on a film; it is written when it is asked for.

    Args:
        run: The model.
        film: What was read.
        point: The operating point in use.
        prediction: The verdict at that point.
        explanation: The map on screen; None for none.
        novelty: Whether the film looks like those the model knows; None where that is unknown.
        checks: Those of that map; empty for as long as they have not been made.
        warnings: Further sentences that stand beside the verdict.
    """
    with st.popover(words.OPEN, icon=":material/description:"):
        typed = _fields(film)
        percent = clinic.percent()
        st.caption(" ".join(_contents(percent, explanation, checks)))
        written = partial(
            _case,
            run,
            film,
            point,
            prediction,
            explanation,
            novelty,
            cache.detector(run).reference,
            prevalence=None if percent is None else percent / 100,
            warnings=tuple(warnings),
        )

        def report(write: Callable[[list[CaseReport]], bytes | str]) -> bytes | str:
            # What has been typed or checked since the page was drawn is on it, too.
            return write([replace(written(trust=checks[0] if checks else None), **vars(typed))])

        with st.container(horizontal=True):
            for label, write, kind, mime in (
                (words.PDF, to_pdf, "pdf", "application/pdf"),
                (words.HTML, to_html, "html", "text/html"),
            ):
                st.download_button(
                    label,
                    partial(report, write),
                    words.FILE.format(date=date.today().isoformat(), kind=kind),
                    mime,
                    icon=":material/download:",
                    on_click="ignore",
                    key=f"report_{kind}",
                )


def _fields(film: Film) -> _Typed:
    """Two fields to type in. A name belongs to its film: the next one begins without."""
    kept = f"pneumolens/report/{film.key}"
    typed: _Typed = st.session_state.setdefault(kept, _Typed())

    def take(field: str) -> None:
        # A click on a button right after typing asks for the report before the page is drawn anew.
        setattr(typed, field, st.session_state[f"report_{field}-{film.key}"] or "")

    st.text_input(
        words.NAME,
        typed.name,
        LONGEST_NAME,
        key=f"report_name-{film.key}",
        help=words.NAME_HELP,
        autocomplete="off",
        on_change=take,
        args=("name",),
    )
    st.text_area(
        words.NOTES,
        typed.notes,
        max_chars=LONGEST_NOTES,
        key=f"report_notes-{film.key}",
        on_change=take,
        args=("notes",),
    )
    return typed


def _contents(
    percent: float | None, explanation: Explanation | None, checks: Sequence[Trust]
) -> list[str]:
    """What is on the report and what is not, and where what is typed is kept."""
    where = words.AT_TEST if percent is None else words.AT_PREVALENCE
    sentences = [words.PRIVACY, where.format(prevalence=percent, place=clinic_words.TITLE)]
    if explanation is not None:
        sentences.append(words.CHECKED if checks else words.UNCHECKED)
    return sentences


def _case(
    run: Run,
    film: Film,
    point: OperatingPoint,
    prediction: Prediction,
    explanation: Explanation | None,
    novelty: Novelty | None,
    reference: Reference | None,
    **more: object,
) -> CaseReport:
    known = reference is not None and novelty is not None
    return CaseReport.of(
        ModelFacts.of(run, point),
        film.image.pixels,
        prediction,
        explanation,
        date=date.today().isoformat(),
        novelty=novelty,
        similar=nearest(reference, novelty.codes, ASKED) if known else (),
        truth="" if film.truth is None else common.truth(*film.truth),
        **more,
    )
