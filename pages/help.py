"""Help: the guided tour, how to read a heatmap, and what every term means."""

from pathlib import Path

import streamlit as st

from ui import state, tour
from ui.glossary import TERM, glossary
from ui.heatmap_help import heatmap_help
from ui.open_tab import open_tab
from ui.words import help as words

STYLE = Path(__file__).parent.parent / "ui" / "assets" / "help" / "page.css"


def main() -> None:
    """Lay out the page; only the open tab is computed."""
    run, point = state.current_run(), state.operating_point()
    st.html(STYLE)
    st.title(words.TITLE)
    st.markdown(words.INTRO)
    tour.offer("tour_from_help")
    # A link to a term opens the glossary.
    first = words.TABS["glossary" if TERM in st.query_params else "heatmap"]
    contents = {"heatmap": lambda: heatmap_help(run, point), "glossary": glossary}
    open_tab(words.TABS, contents, default=first, key="help_view", bind="query-params")


main()
