"""The frame around the pages: page config, navigation, the notice, the model picker."""

from pathlib import Path

import streamlit as st

from pneumo_core.errors import PneumoError
from ui import audit_log, cache, lost_session, state, tour, warm_up
from ui.uploads import keep_in_memory
from ui.words import common as words

PAGES = {
    "overview": ("pages/overview.py", words.PAGE_OVERVIEW, ":material/home:"),
    "predict": ("pages/predict.py", words.PAGE_PREDICT, ":material/radiology:"),
    "batch": ("pages/batch.py", words.PAGE_BATCH, ":material/stacks:"),
    "threshold": ("pages/threshold.py", words.PAGE_THRESHOLD, ":material/tune:"),
    "models": ("pages/models.py", words.PAGE_MODELS, ":material/leaderboard:"),
    "misclassified": ("pages/misclassified.py", words.PAGE_MISCLASSIFIED, ":material/rule:"),
    "local": ("pages/local.py", words.PAGE_LOCAL, ":material/local_hospital:"),
    "session": ("pages/session.py", words.PAGE_SESSION, ":material/history:"),
    "help": ("pages/help.py", words.PAGE_HELP, ":material/help:"),
}

ASSETS = Path(__file__).parent / "ui" / "assets"


def links(usable: bool) -> None:
    """Links to the pages; they carry the session's run and threshold along."""
    address = state.address() if usable else None
    with st.container(key="links", horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(f"**{words.APP_NAME}**")
        for path, title, icon in PAGES.values():
            st.page_link(path, label=title, icon=icon, query_params=address)
        lost_session.watch()


def sidebar() -> None:
    """The model picker, and what is wrong with the runs that cannot be picked."""
    titles = {run.name: run.title for run in cache.usable_runs()}
    broken = cache.broken_runs()
    if len(titles) > 1:
        model_picker(titles)
    if broken:
        with st.sidebar.expander(words.BROKEN_RUNS.format(count=len(broken))):
            for run in broken:
                st.text(run.reason)


def model_picker(titles: dict[str, str]) -> None:
    """Let the session choose among runs, given as name -> title."""
    st.session_state["model_picker"] = state.current_run().name
    st.sidebar.selectbox(
        words.MODEL,
        list(titles),
        format_func=lambda name: f"{titles.get(name, name)} ({name})",
        key="model_picker",
        help=words.MODEL_HELP,
        on_change=lambda: state.set_run(st.session_state["model_picker"]),
    )


def main() -> None:
    """Draw the frame and run the page inside it."""
    keep_in_memory()
    st.set_page_config(
        words.APP_NAME, ASSETS / "icon.svg", layout="wide", initial_sidebar_state=240
    )
    page = st.navigation(
        [
            # A named icon here is the tab's too, and that one is fetched from Google's fonts.
            st.Page(path, title=title, icon="", default=name == "overview")
            for name, (path, title, _) in PAGES.items()
        ],
        position="hidden",
    )
    usable = bool(cache.usable_runs())
    if usable:
        state.publish()
    st.html(ASSETS / "frame.css")
    links(usable)
    if usable:
        tour.card(page.title)
    # Unseen until the style sheet is there and gives it its height: it would be drawn a first time
    # without, and then jump.
    body = st.container(key="body", height=1, border=False)
    with st.container(key="notice"):
        st.caption(f"{words.NOTICE} {words.LOGGED}" if audit_log.wanted() else words.NOTICE)
    sidebar()
    with body:
        if not usable:
            st.title(words.APP_NAME)
            st.info(words.NO_RUN)
            return
        lost_session.say()
        for note in state.notes():
            st.warning(note)
        try:
            page.run()
        except PneumoError as error:
            st.error(str(error))
    warm_up.begin(state.current_run())


main()
