"""The films that the model gets wrong at the threshold in use, the most wrong first."""

from pathlib import Path

import streamlit as st

from pneumo_core.errors import DataError
from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run
from ui import cache, misclassified_lists, misclassified_show, state
from ui.cases import InView
from ui.data_missing import offer_download
from ui.misclassified_case import Shown, open_case
from ui.misclassified_groups import groups, wrong_films
from ui.misclassified_labels import suspects
from ui.misclassified_models import choose_second, compared, others
from ui.misclassified_notes import notes
from ui.open_tab import open_tab
from ui.words import misclassified as words

STYLE = Path(__file__).parent.parent / "ui" / "assets" / "misclassified" / "page.css"


def list_of_films(run: Run, threshold: float) -> None:
    """The cells of the confusion matrix and further lists."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        split = misclassified_lists.choose_split()
        view = misclassified_lists.choose_list(cache.scores(run, split), threshold)
    show(run, split, threshold, view)


def label_errors(run: Run, threshold: float) -> None:
    """Films whose label the model confidently contradicts."""
    split = misclassified_lists.choose_split()
    show(run, split, threshold, suspects(cache.scores(run, split), threshold))


def error_groups(run: Run, threshold: float) -> None:
    """The wrong films by what the network sees in them."""
    split = misclassified_lists.choose_split()
    view = wrong_films(cache.scores(run, split), threshold)
    if not run.has_weights:
        st.info(words.GROUPS_NO_WEIGHTS)
        return
    show(run, split, threshold, view, in_groups=True)


def two_models(run: Run, threshold: float) -> None:
    """The films that only one of two models, or both, get wrong."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        split = misclassified_lists.choose_split()
        runs = others(run, split)
        other = choose_second(runs) if runs else None
    if other is None:
        st.info(words.ONE_MODEL_ONLY)
        return
    view = compared(run, other, split, threshold)
    show(run, split, threshold, view, other=other.title)


def show(
    run: Run, split: str, threshold: float, view: InView, other: str = "", in_groups: bool = False
) -> None:
    """The films of a list, to look at and to take away; what to do where there are none."""
    if view.line:
        st.markdown(view.line)
    if view.films.empty:
        st.success(view.none)
        return
    try:
        dataset = cache.dataset(run)
    except DataError:
        misclassified_show.table(view.films)
        misclassified_show.take_away(run, None, view, split)
        offer_download(run)
        return
    if in_groups:
        heat = misclassified_show.heatmaps_toggle(run)
        view = groups(run, dataset, view, heat)
    else:
        what = (run.name, split, threshold, view.name)
        heat = misclassified_show.films(run, dataset, view, what)
    misclassified_show.take_away(run, dataset, view, split, heat)
    open_case(Shown(run, dataset, cache.scores(run, split), split, threshold, view.films, other))


def main() -> None:
    """Lay out the page; only the open tab is computed."""
    run, point = state.current_run(), state.operating_point()
    st.html(STYLE)
    st.title(words.TITLE)
    st.markdown(words.INTRO.format(threshold=threshold_words(point.threshold), point=point.name))
    contents = {
        "lists": lambda: list_of_films(run, point.threshold),
        "labels": lambda: label_errors(run, point.threshold),
        "groups": lambda: error_groups(run, point.threshold),
        "models": lambda: two_models(run, point.threshold),
        "notes": lambda: notes(run),
    }
    open_tab(words.TABS, contents, key="view", bind="query-params")


main()
