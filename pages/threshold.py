"""The threshold lab: drag a threshold and see what follows, ask for one, prove it, use it."""

from collections.abc import Mapping

import streamlit as st

from pneumo_core.errors import PneumoError
from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run
from ui import state, threshold_ask, threshold_sections
from ui import threshold_lab as lab
from ui.threshold_control import Opened, payload, threshold_control
from ui.threshold_data import Scored, scored
from ui.words import common
from ui.words import threshold as words

# Streamlit fades the text of charts below a contrast of 4.5 to 1.
CHART_TEXT = "<style>.js-plotly-plot svg text { fill: currentColor !important; }</style>"


USED = "pneumolens/used"
"""Key of what is to be said once the whole page has been drawn anew."""


def choose_split() -> str:
    """Let the user choose the images; validation unless the address says otherwise."""
    st.session_state.setdefault("threshold_split", state.split("val"))
    split = st.segmented_control(
        words.SPLIT,
        list(common.SPLITS),
        format_func=common.SPLITS.get,
        key="threshold_split",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.set_split(st.session_state["threshold_split"]),
    )
    return str(split)


def control(one: Scored) -> Opened | None:
    """The live control on one set of images."""
    in_use = state.operating_point()
    tried = lab.current()
    mark = words.IN_USE_MARK.format(threshold=threshold_words(in_use.threshold))
    area, precision = one.auc, one.table.average_precision()
    data = payload(
        one.table,
        threshold=tried.start,
        revision=tried.revision,
        marks=[(mark, in_use.threshold)],
        notes={
            "roc": words.AUC.format(auc=threshold_sections.with_interval("auc", area)),
            "pr": "" if precision is None else words.AP.format(ap=f"{precision:.3f}"),
        },
        band=one.band,
    )
    return threshold_control(data, key="threshold_control", on_release=lab.set_by_hand)


def in_use_line() -> None:
    """Say which threshold is in use on every page, and offer the tried one instead."""
    tried, in_use = lab.current().point, state.operating_point()
    text = {"threshold": threshold_words(in_use.threshold), "name": in_use.name}
    with st.container(horizontal=True, vertical_alignment="center", key="threshold_in_use"):
        if tried.threshold == in_use.threshold:
            st.markdown(words.IN_USE.format(**text))
            return
        st.markdown(words.NOT_IN_USE.format(**text), width="content")
        shown = threshold_words(tried.threshold)
        label = words.USE.format(threshold=shown)
        st.button(label, type="primary", key="threshold_use", on_click=use, args=(shown,))
        st.button(
            words.RESET, type="tertiary", key="threshold_back", on_click=lab.go_to, args=(in_use,)
        )


def use(shown: str) -> None:
    """Put what is tried in use on every page; the frame's links are to carry it, so redraw them."""
    lab.use()
    st.session_state[USED] = words.NOW_IN_USE.format(threshold=shown)


def open_cases(opened: Opened, split: str) -> None:
    """Go to the images of a cell of the matrix, at the threshold it was shown for."""
    if opened.threshold != lab.current().point.threshold:
        lab.set_by_hand(opened.threshold)
    lab.use()
    st.switch_page(
        "pages/misclassified.py", query_params=state.address(split=split, cell=opened.cell)
    )


def sections(run: Run, sets: Mapping[str, Scored], split: str) -> None:
    """What is computed for the released threshold; only the open tab is."""
    one = sets[split]
    contents = {
        "ask": lambda: threshold_ask.ask_for(one, run, split),
        "sure": lambda: threshold_sections.how_sure(sets, run),
        "clinic": lambda: threshold_sections.clinic(one),
        "calibration": lambda: threshold_sections.calibration(one, run),
        "take": lambda: threshold_ask.take_away(one, run, split),
    }
    tabs = st.tabs(list(words.TABS.values()), key="threshold_tab", on_change="rerun")
    for tab, show in zip(tabs, contents.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    show()
                except PneumoError as error:
                    st.error(str(error))


@st.fragment
def bench(run: Run) -> None:
    """Everything that follows the threshold; a release runs this and nothing else."""
    if USED in st.session_state:
        st.rerun()
    sets = scored(run)
    title, choice = st.columns([2, 1], vertical_alignment="bottom")
    title.title(words.TITLE)
    with choice.container(horizontal=True, horizontal_alignment="right"):
        split = choose_split()
    if opened := control(sets[split]):
        open_cases(opened, split)
    in_use_line()
    sections(run, sets, split)


def main() -> None:
    """Draw the page."""
    run = state.current_run()
    lab.enter(run)
    if done := st.session_state.pop(USED, ""):
        st.toast(done)
    bench(run)
    st.html(CHART_TEXT)


main()
