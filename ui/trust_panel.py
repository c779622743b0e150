"""How far the map on screen can be trusted: five checks, made once the page is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pneumo_core.errors import PneumoError
from ui import cache, numbers, reading
from ui.reading import Asked, Film
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run
    from pneumo_core.trust import Check, Trust

PATIENCE = 45.0
"""Seconds of work that is begun unasked."""

_WANTED = "pneumolens/check_wanted"


def trust_panel(
    line: DeltaGenerator, run: Run, film: Film, asked: Asked, point: OperatingPoint
) -> Callable[[], None]:
    """Draw the panel: with its answers if they are known, and otherwise with room for them.

    Args:
        line: Place right under the map, for what the checks say together in a few words.
        run: The model.
        film: What was read.
        asked: The map on screen.
        point: The operating point in use.

    Returns:
        What is left to be done once the page is drawn: the checks, which may take seconds. Whatever
        the user does meanwhile is done at once; then they begin anew.
    """
    panel = st.container(key="trust").empty()
    made = reading.checks(run, film, asked, point)
    if made:
        _conclusion(line, panel, made[0])
        return lambda: None
    line.markdown(words.CHECKING)
    with panel.container():
        _heading()
        bar = st.progress(0.0, words.CHECKING)
        _rows(None)
        # Room for what will stand here, so that nothing below it moves.
        st.expander(words.FIGURES)

    def finish() -> None:
        wanted = (run.name, film.key, asked)
        seconds = cache.effort(run, asked.layer).of_checks(asked.method)
        if seconds > PATIENCE and st.session_state.get(_WANTED) != wanted:
            _offer(line, panel, seconds, wanted)
            return
        try:
            found = reading.check(
                run, film, asked, point, lambda share: bar.progress(share, words.CHECKING)
            )
        except PneumoError as error:
            line.markdown(words.NOT_CHECKED)
            panel.error(str(error))
            return
        _conclusion(line, panel, found)

    return finish


def _offer(line: DeltaGenerator, panel: DeltaGenerator, seconds: float, wanted: object) -> None:
    """A button for checks that take long."""
    line.markdown(words.NOT_CHECKED)
    panel.empty()  # or what is more in the place would stay below what is less
    with panel.container():
        _heading()
        st.markdown(words.CHECK_SLOW.format(time=words.duration(seconds)))
        st.button(
            words.CHECK,
            icon=":material/fact_check:",
            on_click=lambda: st.session_state.update({_WANTED: wanted}),
        )


def _heading() -> None:
    st.subheader(words.TRUST_HEADING, help=words.TRUST_HELP, anchor=False)


def _conclusion(line: DeltaGenerator, panel: DeltaGenerator, trust: Trust) -> None:
    """What the checks found, together and one by one."""
    from pneumo_core.trust import CHECKS
    from pneumo_core.trust_words import overall, sentence

    line.markdown(words.CHECKED[trust.standing])
    with panel.container():
        _heading()
        short, _, rest = overall(trust).partition(":")
        st.markdown(f"**{short}:**{rest}")
        _rows(trust)
        if trust.reference is None:
            st.caption(words.NO_TABLE)
        with st.expander(words.FIGURES):
            st.markdown("\n".join(f"1. {sentence(trust, check)}" for check in CHECKS))
            st.caption(words.ALIKE)


def _rows(trust: Trust | None) -> None:
    """A line for each check; without its answer while it is being made."""
    from pneumo_core.trust import CHECKS
    from pneumo_core.trust_words import QUESTIONS

    for check in CHECKS:
        answer, place = st.columns([5, 2], gap="medium")
        if trust is None:
            answer.markdown(f"{QUESTIONS[check]}  \n&nbsp;")
            continue
        answer.markdown(f"{QUESTIONS[check]} {_mark(trust, check)}  \n{said(trust, check)}")
        if known := standing(trust, check):
            share, text = known
            place.html(f'<div class="among"><i style="left: {100 * share:.1f}%"></i></div>')
            place.caption(text)


def _mark(trust: Trust, check: Check) -> str:
    passed = trust.passed(check)
    return f":{'orange' if passed is False else 'gray'}-badge[{words.ANSWERS[passed]}]"


def said(trust: Trust, check: Check) -> str:
    """A check's finding in a short plain sentence."""
    from pneumo_core.explain import METHODS
    from pneumo_core.trust_words import figure_of

    value, passed = figure_of(trust, check), trust.passed(check)
    if value is None:
        return words.NOT_MEASURED
    if check == "faithful":
        return words.FAITHFUL[bool(passed)].format(beaten=_percent(trust.faithful.beaten))
    if check == "learned":
        limit = "" if trust.reference is None else f"{trust.reference.unrelated:.2f}"
        return words.LEARNED[passed].format(likeness=f"{value:.2f}", limit=limit)
    if check == "stable":
        turned = trust.stable.turned
        text = words.TURNED.format(count=turned) if turned else words.TURNED_NONE
        return words.STABLE.format(
            count=len(trust.stable.scores), likeness=f"{value:.2f}", turned=text
        )
    if check == "agreement":
        titles = words.AND.join(METHODS[name].title for name in trust.agreement)
        return words.AGREEMENT[bool(passed)].format(
            methods=titles[0] + titles[1:].lower(), likeness=f"{value:.2f}"
        )
    assert trust.place is not None
    return words.PLACE[bool(passed)].format(
        outside=_percent(trust.place.outside), area=_percent(trust.place.outside_area)
    )


def standing(trust: Trust, check: Check) -> tuple[float, str] | None:
    """The share of the reference films whose figure is lower, and in words; None if unknown."""
    from pneumo_core.trust_words import standing_of

    share = standing_of(trust, check)
    if share is None or trust.reference is None:
        return None
    reference = trust.reference
    text = words.STANDINGS[check].format(
        share=numbers.percent(share), count=reference.images, split=words.SPLITS[reference.split]
    )
    return share, words.unbroken(text)


def _percent(share: float) -> str:
    """Whole percent; these shares are counts, and all of them is all."""
    return f"{100 * share:.0f} %"
