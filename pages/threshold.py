"""The threshold lab: drag a threshold and see what follows, ask for one, prove it, use it."""

from pathlib import Path

import streamlit as st

from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run
from ui import state, threshold_ask, threshold_own, threshold_sections
from ui import threshold_lab as lab
from ui.open_tab import open_tab
from ui.threshold_control import Opened, payload, threshold_control
from ui.threshold_data import Scored, Source, of_run
from ui.threshold_groups import groups
from ui.threshold_models import two_models
from ui.threshold_show import with_interval
from ui.threshold_take import take_away
from ui.threshold_use import in_use_line, open_cases, redraw_if_used, say_if_used
from ui.words import common
from ui.words import threshold as words

STYLE = Path(__file__).parent.parent / "ui" / "assets" / "threshold" / "page.css"


def header(run: Run) -> tuple[Source | None, str]:
    """The title, and the choice of scores and of images; no source until some were brought."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="threshold_head"):
        st.title(words.TITLE)
        st.segmented_control(
            words.SOURCE,
            list(words.SOURCES),
            format_func=words.SOURCES.get,
            default=lab.default_source(),
            key=lab.SOURCE,
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
        if lab.source() == lab.OWN:
            own = threshold_own.brought()
            return (own.source if own else None), words.OWN_SPLIT
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
        return of_run(run), str(split)


def control(source: Source, one: Scored) -> Opened | None:
    """The live control on one set of images."""
    tried, marks, opens = lab.current(), [], ()
    if source.run is not None:
        in_use = state.operating_point().threshold
        marks = [(words.IN_USE_MARK.format(threshold=threshold_words(in_use)), in_use)]
        opens = ("tp", "fn", "fp", "tn")
    precision = one.average_precision
    data = payload(
        one.drawing,
        threshold=tried.start,
        revision=tried.revision,
        file=f"{source.name}-{one.split}" if source.run else source.name,
        marks=marks,
        notes={
            "roc": words.AUC.format(auc=with_interval("auc", one.auc)),
            "pr": "" if precision is None else words.AP.format(ap=f"{precision:.3f}"),
        },
        opens=opens,
    )
    # A control of its own for each source: whether its cells can be clicked is settled at once.
    return threshold_control(
        data, key=f"threshold_control_{lab.source()}", on_release=lab.set_by_hand
    )


def sections(source: Source, one: Scored) -> None:
    """What is computed for the released threshold; only the open tab is."""
    contents = {
        "ask": lambda: threshold_ask.ask_for(one, source.run),
        "sure": lambda: threshold_sections.how_sure(source),
        "clinic": lambda: threshold_sections.clinic(one),
        "groups": lambda: groups(one),
        "models": lambda: two_models(source, one),
        "calibration": lambda: threshold_sections.calibration(one, source.run),
        "take": lambda: take_away(source, one),
    }
    open_tab(words.TABS, contents, key="threshold_tab", on_change="rerun")


@st.fragment
def bench(source: Source, one: Scored) -> None:
    """Everything that follows the threshold; a release runs this and nothing else."""
    redraw_if_used()
    if opened := control(source, one):
        open_cases(opened, one.split)
    if source.run is not None:
        in_use_line()
    sections(source, one)


def main() -> None:
    """Draw the page."""
    run = state.current_run()
    st.html(STYLE)
    source, split = header(run)
    if source is None:
        threshold_own.bring()
        return
    if source.run is None:
        threshold_own.about()
        start = threshold_own.brought().start
    else:
        start = state.operating_point()
    lab.enter(source.name, start)
    say_if_used()
    bench(source, source.sets[split])


main()
