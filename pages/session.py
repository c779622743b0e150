"""What was read in this session, what the reader thought of it, and how right she was."""

import streamlit as st

from pneumo_core.errors import DataError
from pneumo_core.history import Reading, from_json, to_json
from ui import session_history, state
from ui.session_figures import figures
from ui.session_table import table
from ui.words import session as words

IMPORT = "session-import"
SAID = "pneumolens/session_import"


def take(shown: tuple[Reading, ...]) -> None:
    """The readings as a file, and a way to forget them."""
    with st.container(horizontal=True, key="session_take"):
        st.download_button(
            words.EXPORT,
            lambda: to_json(shown),
            words.EXPORT_NAME,
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        with st.popover(words.CLEAR, icon=":material/delete:"):
            st.markdown(words.CLEAR_SURE)
            st.button(words.CLEAR_DO, key="session_clear", on_click=session_history.forget)


def bring() -> None:
    """A way to bring back a file, and what came of it."""
    st.file_uploader(
        words.IMPORT, key=IMPORT, max_upload_size=words.IMPORT_MB, on_change=_bring_back
    )
    good, said = st.session_state.pop(SAID, (True, ""))
    if said:
        (st.success if good else st.error)(said)


def _bring_back() -> None:
    """Take over the file that was chosen; the next run says what came of it."""
    file = st.session_state[IMPORT]
    if file is None:
        return
    try:
        read = from_json(file.getvalue())
        new = session_history.bring(read)
    except DataError as error:
        st.session_state[SAID] = (False, str(error))
        return
    said = words.IMPORTED.format(count=words.readings(len(read)), new=new)
    st.session_state[SAID] = (True, said)


def main() -> None:
    """Lay out the page."""
    state.current_run()  # and with it the frame, on a server that has shown no page yet
    st.title(words.TITLE)
    st.caption(words.ABOUT)
    shown = session_history.readings()
    if shown:
        table(shown)
        figures(shown)
        take(shown)
    else:
        st.markdown(words.NOTHING)
    bring()


main()
