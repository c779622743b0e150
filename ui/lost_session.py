"""Says so when the server has lost the session of an open tab, as it does when it is restarted.

The browser then connects to a session that knows nothing, while the tab still shows the films of
the one before. The tab keeps the session's mark in its memory: where another one comes, it loads
the page anew, so that nothing of the lost session is left on it, and the page says what happened.
A first visit, a reload and a bookmark begin without a mark.
"""

import secrets
from pathlib import Path

import streamlit as st

from ui.words import common as words

_MARK = "pneumolens/mark"
_LOST = "pneumolens/lost"
_KEY = "lost_session"
_mount = st.components.v2.component(
    "lost_session",
    js=(Path(__file__).parent / "assets" / "lost_session.js").read_text("utf-8"),
)


def watch() -> None:
    """Draw the part that keeps the mark; it cannot be seen."""
    mark = st.session_state.setdefault(_MARK, secrets.token_hex(8))
    _mount(
        key=_KEY,
        data={"mark": mark},
        on_lost_change=_learn,
        # Told after a broken connection, only to have the page drawn: with this mark or another.
        on_connected_change=lambda: None,
    )


def say() -> None:
    """Say that the session was lost, until it has been read."""
    if st.session_state.get(_LOST):
        with st.container(horizontal=True, vertical_alignment="center", key="lost"):
            st.warning(words.LOST, icon=":material/restart_alt:", width="stretch")
            st.button(words.LOST_READ, key="lost_read", on_click=_read)


def _learn() -> None:
    st.session_state[_LOST] = bool(st.session_state[_KEY].get("lost"))


def _read() -> None:
    st.session_state[_LOST] = False
