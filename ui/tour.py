"""The guided tour: a card that leads from page to page and says what to look at.

Where it stands is kept in the session, in no cookie.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pneumo_core.errors import DataError
from ui import cache, reading, state
from ui.words import common
from ui.words import predict as predict_words
from ui.words import tour as words

_STEP = "pneumolens/tour"
_MOVE = "pneumolens/tour/move"
_guide = st.components.v2.component(
    "tour_guide",
    js=(Path(__file__).parent / "assets" / "tour" / "guide.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Step:
    """One stop of the tour.

    Attributes:
        name: Of its words.
        page: File name of the page it speaks of, without the ending.
        title: Of that page.
        mark: CSS selector of what it speaks of.
    """

    name: str
    page: str
    title: str
    mark: str


UPLOADER = "[data-testid=stFileUploader]"
STEPS = (
    Step("overview", "overview", common.PAGE_OVERVIEW, ".st-key-figures"),
    Step("verdict", "predict", common.PAGE_PREDICT, ".st-key-verdict"),
    Step("map", "predict", common.PAGE_PREDICT, ".st-key-viewer-frame"),
    Step("trust", "predict", common.PAGE_PREDICT, ".st-key-trust"),
    Step("threshold", "threshold", common.PAGE_THRESHOLD, ".st-key-threshold_control_model"),
    Step("misclassified", "misclassified", common.PAGE_MISCLASSIFIED, ".st-key-filters"),
    Step("batch", "batch", common.PAGE_BATCH, UPLOADER),
)


def offer(key: str) -> None:
    """A button that starts the tour."""
    st.button(words.TAKE, icon=":material/tour:", type="tertiary", key=key, on_click=_go, args=(0,))


def card(title: str) -> None:
    """Draw the card while the tour is on; go to its page first if a button has asked for that.

    Args:
        title: Of the page that is open.
    """
    index = st.session_state.get(_STEP)
    if index is None:
        return
    step = STEPS[index]
    here = step.title == title
    if st.session_state.pop(_MOVE, False) and not here:
        st.switch_page(f"pages/{step.page}.py", query_params=_address(step))
    heading, text = words.STEPS[step.name]
    mark = step.mark
    if step.name in words.OWN_FILM and _sample() is None:
        heading, text = words.OWN_FILM[step.name]
        mark = f"{mark}, {UPLOADER}"
    place = {"step": index + 1, "count": len(STEPS)}
    st.html(f"<style>:is({mark}) {{ {_OUTLINE} }}</style>")
    with st.container(key="tour", gap="small"):
        label = words.LABEL.format(name=words.NAME, title=heading, **place)
        _guide(key="tour_guide", data={"label": label, "mark": mark})
        st.caption(words.PLACE.format(**place))
        st.markdown(f"**{heading}**  \n{text if here else words.ELSEWHERE.format(page=step.title)}")
        _buttons(index, here)


_OUTLINE = (
    "outline: 3px solid light-dark(#0b63a8, #58a6ea); outline-offset: .35rem; "
    "border-radius: .25rem; scroll-margin: 5.5rem 0 16rem;"
)


def _buttons(index: int, here: bool) -> None:
    last = index == len(STEPS) - 1
    with st.container(horizontal=True, key="tour_buttons"):
        if not here:
            label, goal = words.THERE.format(page=STEPS[index].title), index
        else:
            label, goal = (words.DONE, None) if last else (words.NEXT, index + 1)
        st.button(label, key="tour_next", type="primary", on_click=_go, args=(goal,))
        if index and here:
            st.button(words.BACK, key="tour_back", on_click=_go, args=(index - 1,))
        st.button(words.END, key="tour_end", type="tertiary", on_click=_go, args=(None,))


def _go(index: int | None) -> None:
    """Go to a step, None to end the tour; the next run of the page draws it."""
    st.session_state[_STEP] = index
    st.session_state[_MOVE] = index is not None


def _address(step: Step) -> dict[str, str]:
    """What opens the step's page: on Predict a film of the test set, where there are any."""
    sample = _sample() if step.page == "predict" else None
    if sample is None:
        return state.address()
    st.session_state[reading.SOURCE] = predict_words.SAMPLE
    st.session_state["sample"] = sample
    return state.address(sample=sample)


def _sample() -> str | None:
    """The id of a test film that shows what the pages can do; None without the data set."""
    from pneumo_core.map_examples import typical_film

    run = state.current_run()
    film = typical_film(cache.scores(run, "test"), state.operating_point().threshold)
    try:
        cache.dataset(run).find(film)
    except DataError:
        return None
    return film
