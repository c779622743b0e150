"""What the reader thinks of the verdict on screen, noted for the session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core.history import COMMENT, OPINIONS, Reading
from ui import session_history
from ui.words import session as words

if TYPE_CHECKING:
    from pneumo_core.answers import Prediction
    from pneumo_core.runs import Run
    from ui.reading import Film


def opinion(run: Run, film: Film, prediction: Prediction) -> None:
    """Note that a verdict is on screen, and ask what the reader thinks of it.

    Args:
        run: The model.
        film: What was read.
        prediction: The model's verdict on it.
    """
    _ask(session_history.on_screen(run, film, prediction))


# A fragment: an answer runs neither the page nor the film's reading again.
@st.fragment
def _ask(shown: Reading) -> None:
    noted = session_history.noted(shown)
    # Asked anew of another verdict: an opinion of one is none of the other.
    same = noted.verdict == shown.verdict
    place = f"{shown.film}-{shown.run}-{shown.verdict}"
    said, comment = f"opinion-{place}", f"comment-{place}"
    st.session_state[said] = noted.opinion if same else None
    st.session_state[comment] = noted.comment

    def keep() -> None:
        answer, text = st.session_state[said], st.session_state[comment].strip()
        if same:
            session_history.put(replace(noted, opinion=answer, comment=text))
        elif answer is None:
            session_history.put(replace(noted, comment=text))
        else:
            truth = shown.truth or noted.truth
            session_history.put(replace(shown, opinion=answer, comment=text, truth=truth))

    line = words.OPINION_ASKED
    if not same and noted.opinion:
        line = words.OPINION_BEFORE.format(
            verdict=words.VERDICTS[noted.verdict], opinion=words.SHORT[noted.opinion]
        )
    st.caption(line)
    with st.container(horizontal=True, gap="small", key="opinion"):
        st.segmented_control(
            words.OPINION,
            OPINIONS,
            format_func=words.OPINIONS.get,
            key=said,
            label_visibility="collapsed",
            on_change=keep,
            width="content",
        )
        with st.popover(words.COMMENT, icon=":material/comment:"):
            st.text_input(
                words.COMMENT,
                key=comment,
                max_chars=COMMENT,
                help=words.COMMENT_HELP,
                autocomplete="off",
                on_change=keep,
            )
