"""How a session's reader and the model agree, and how often each of them was right."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pneumo_core import CLASS_NAMES
from pneumo_core.confusion import Confusion
from pneumo_core.history import OPINIONS, Reading, agreement, matrix
from ui.threshold_show import with_interval
from ui.words import session as words


def figures(shown: Sequence[Reading]) -> None:
    """Draw the table of agreement, then the reader's and the model's right and wrong calls."""
    left, right = st.container(key="session_figures").columns([2, 3], gap="large")
    with left:
        _agreement(shown)
    with right:
        _right(shown)


def _agreement(shown: Sequence[Reading]) -> None:
    st.subheader(words.AGREEMENT)
    said = sum(one.opinion is not None for one in shown)
    st.markdown(words.AGREEMENT_LINE.format(said=said, count=words.readings(len(shown))))
    counts = agreement(shown)
    rows = [
        {
            words.CALLED_BY_MODEL: words.VERDICTS[name],
            **{words.OPINIONS[opinion]: str(counts[name][opinion]) for opinion in OPINIONS},
        }
        for name in CLASS_NAMES[::-1]
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _right(shown: Sequence[Reading]) -> None:
    st.subheader(words.RIGHT)
    readers = matrix(shown, reader=True)
    if readers.n == 0:
        st.markdown(words.RIGHT_NONE)
        return
    line = words.RIGHT_ONE if readers.n == 1 else words.RIGHT_LINE
    st.markdown(line.format(count=readers.n))
    both = (readers, matrix(shown, reader=False))
    for column, who, one in zip(st.columns(2, gap="medium"), words.WHO, both, strict=True):
        with column:
            _two_by_two(who, one)
    st.caption(words.RIGHT_NOTE)


def _two_by_two(who: str, one: Confusion) -> None:
    st.markdown(f"**{who}**")
    cells = {"Pneumonia": (one.tp, one.fn), "Normal": (one.fp, one.tn)}
    rows = [
        {
            words.TRUE_ANSWER: words.VERDICTS[truth],
            **dict(zip(words.CELLS.values(), map(str, counts), strict=True)),
        }
        for truth, counts in cells.items()
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    found = one.estimates()
    lines = [
        sentence.format(value=with_interval(name, found[name]))
        for name, sentence in words.FIGURES.items()
    ]
    st.markdown("  \n".join(lines))
