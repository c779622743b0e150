"""The frame around the pages: page config, navigation, the notice, the model picker."""

import streamlit as st

from pneumo_core.errors import PneumoError
from ui import cache, state
from ui.words import common as words

PAGES = {
    "overview": ("pages/overview.py", words.PAGE_OVERVIEW, ":material/home:"),
    "predict": ("pages/predict.py", words.PAGE_PREDICT, ":material/radiology:"),
    "threshold": ("pages/threshold.py", words.PAGE_THRESHOLD, ":material/tune:"),
    "misclassified": ("pages/misclassified.py", words.PAGE_MISCLASSIFIED, ":material/rule:"),
}

# The notice stays in sight at the foot of the window however far a page is scrolled.
NOTICE_STYLE = """<style>
.st-key-notice { position: sticky; bottom: 0; z-index: 10; padding: .35rem 0;
                 backdrop-filter: blur(14px); }
.st-key-notice p { margin: 0; }
.stMainBlockContainer { padding-top: 3rem; padding-bottom: 0; max-width: 90rem; }
</style>"""


def sidebar(usable: bool) -> None:
    """Links to the pages, which carry the session's run and threshold, and the model picker."""
    st.markdown(f"### {words.APP_NAME}")
    address = state.address() if usable else None
    for path, title, icon in PAGES.values():
        st.page_link(path, label=title, icon=icon, query_params=address, width="stretch")
    st.space("small")
    if usable:
        model_picker()
    if broken := cache.broken_runs():
        with st.expander(words.BROKEN_RUNS.format(count=len(broken))):
            for run in broken:
                st.text(f"{run.name}: {run.reason}")


def model_picker() -> None:
    """Let the session choose among the usable runs; a single one needs no choice."""
    titles = {run.name: run.title for run in cache.usable_runs()}
    if len(titles) < 2:
        return
    st.session_state["model_picker"] = state.current_run().name
    st.selectbox(
        words.MODEL,
        list(titles),
        format_func=lambda name: titles.get(name, name),
        key="model_picker",
        help=words.MODEL_HELP,
        on_change=lambda: state.set_run(st.session_state["model_picker"]),
    )


def main() -> None:
    """Draw the frame and run the page inside it."""
    st.set_page_config(words.APP_NAME, ":material/radiology:", layout="wide")
    page = st.navigation(
        [
            st.Page(path, title=title, icon=icon, default=name == "overview")
            for name, (path, title, icon) in PAGES.items()
        ],
        position="hidden",
    )
    st.html(NOTICE_STYLE)
    body = st.container()
    with st.container(key="notice"):
        st.caption(words.NOTICE)

    usable = bool(cache.usable_runs())
    if usable:
        state.publish()
    with st.sidebar:
        sidebar(usable)
    with body:
        if not usable:
            st.title(words.APP_NAME)
            st.info(words.NO_RUN)
            return
        for note in state.notes():
            st.warning(note)
        try:
            page.run()
        except PneumoError as error:
            st.error(str(error))


main()
