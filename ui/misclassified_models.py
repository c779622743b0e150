"""Two models on the same films: which only one of them gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.disagreement import WRONG_FOR, Disagreement, WrongFor, disagreement, same_films
from pneumo_core.errors import RunError
from pneumo_core.operating_point import threshold_words
from ui import cache
from ui.cases import InView, judged
from ui.threshold_show import as_text
from ui.words import misclassified as words
from ui.words import models as models_words

if TYPE_CHECKING:
    import pandas as pd

    from pneumo_core.intervals import McNemar
    from pneumo_core.runs import Run

IN_A_ROW: tuple[WrongFor, ...] = ("a", "both", "b")


def others(run: Run, split: str) -> dict[str, Run]:
    """The other runs that have scored the same films, by name."""
    scores = cache.scores(run, split)
    return {
        other.name: other
        for other in cache.usable_runs()
        if other.name != run.name and _scored_alike(other, split, scores)
    }


def _scored_alike(other: Run, split: str, scores: pd.DataFrame) -> bool:
    try:
        return same_films(scores, cache.scores(other, split))
    except RunError:
        return False


def choose_second(runs: dict[str, Run]) -> Run:
    """Which model to compare with; the address keeps the choice."""
    asked = st.query_params.get("with")
    st.session_state["second-model"] = asked if asked in runs else next(iter(runs))
    name = st.selectbox(
        words.SECOND,
        list(runs),
        format_func=lambda name: f"{runs[name].title} ({name})",
        key="second-model",
        width=380,
        on_change=lambda: st.query_params.update({"with": st.session_state["second-model"]}),
    )
    return runs[name]


def compared(run: Run, other: Run, split: str, threshold: float) -> InView:
    """Let the user choose whose errors to see; with how often only one of the two is wrong."""
    found = disagreement(
        cache.scores(run, split),
        cache.scores(other, split),
        threshold,
        other.operating_point.threshold,
    )
    whom = _choose(found)
    line = words.COMPARED.format(
        a=as_text(run.title),
        b=as_text(other.title),
        threshold_a=threshold_words(threshold),
        threshold_b=threshold_words(other.operating_point.threshold),
        count=len(found.films),
        test=test_words(found.test),
    )
    return InView(
        judged(found.wrong(whom), threshold),
        f"{whom}-wrong-with-{other.name}",
        words.WRONG_FOR_TITLES[whom].format(a=run.title, b=other.title),
        line,
        words.NONE_WRONG,
    )


def test_words(test: McNemar) -> str:
    """McNemar's test in plain words."""
    only_a, only_b = test.only_b_right, test.only_a_right
    if not only_a + only_b:
        return words.TEST_NONE
    small = models_words.P_SMALL
    p = small if test.p_value < 0.001 else models_words.P_VALUE.format(p=f"{test.p_value:.3f}")
    verdict = words.TEST_ODD if test.p_value < 0.05 else words.TEST_EVEN
    return words.TEST.format(only_a=only_a, only_b=only_b, verdict=verdict, p=p)


def _choose(found: Disagreement) -> WrongFor:
    names = {"a": words.ONLY_FIRST, "both": words.BOTH, "b": words.ONLY_SECOND}
    asked = st.query_params.get("wrong")
    st.session_state["wrong-for"] = asked if asked in WRONG_FOR else "a"
    return st.segmented_control(
        words.WRONG_FOR,
        IN_A_ROW,
        format_func=lambda whom: words.COUNTED.format(
            name=names[whom], count=len(found.wrong(whom))
        ),
        required=True,
        wrap=True,
        key="wrong-for",
        on_change=lambda: st.query_params.update(wrong=st.session_state["wrong-for"]),
    )
