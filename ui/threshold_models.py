"""Two models on the same images, each at its own threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pneumo_core import figures
from pneumo_core.comparison import ModelComparison, compare_models
from pneumo_core.confusion import figures_at, threshold_table
from pneumo_core.errors import RunError
from pneumo_core.intervals import McNemar
from pneumo_core.operating_point import OperatingPoint, threshold_words
from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run
from ui import cache
from ui import threshold_lab as lab
from ui.threshold_data import Scored, Source, of_run
from ui.threshold_show import count, points, show, with_interval
from ui.words import threshold as words


@dataclass(frozen=True, eq=False)
class Rival:
    """A run that has scored the same images.

    Attributes:
        run: The run.
        probabilities: (N,) its scores, in the order of the images they are compared on.
    """

    run: Run
    probabilities: np.ndarray


def two_models(source: Source, one: Scored) -> None:
    """The model of the page beside another: ROC curves, tests in words, and a paired table."""
    rivals = {rival.run.name: rival for rival in _rivals(source, one)}
    if not rivals:
        st.info(words.NO_RIVAL if source.run else words.NO_RIVAL_OF_OWN)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="rival"):
        name = st.selectbox(
            words.RIVAL,
            list(rivals),
            format_func=lambda name: f"{rivals[name].run.title} ({name})",
            key="rival_run",
            width=420,
        )
        rival = rivals[name]
        its_points = rival.run.operating_points
        chosen = st.selectbox(
            words.RIVAL_POINT,
            range(len(its_points)),
            format_func=lambda i: _point_words(its_points[i]),
            key=f"rival_point_{name}",
            width=300,
        )
    a, b = lab.current().point, its_points[chosen]
    titles = _titles(source, rival.run)
    result = compare_models(
        one.labels,
        one.probabilities,
        rival.probabilities,
        a.threshold,
        b.threshold,
        titles,
        one.patients,
    )
    st.markdown(f"**{result.sentence}**")
    row = st.container(horizontal=True, gap="medium")
    chart, table = row.container(width=400), row.container(width=680)
    with chart:
        curves = [
            figures.Series(titles[0], one.table, a.threshold),
            figures.Series(
                titles[1], threshold_table(one.labels, rival.probabilities), b.threshold
            ),
        ]
        alt = words.RIVALS_ALT.format(a=titles[0], b=titles[1])
        # The lower right of an ROC plot is empty, and the names are too long to stand above it.
        corner = {"orientation": "v", "x": 1, "xanchor": "right", "y": 0.03, "yanchor": "bottom"}
        show(figures.roc(curves).update_layout(legend=corner), alt, "two-models")
    theirs = figures_at(one.labels, rival.probabilities, b.threshold, one.patients)
    theirs["auc"] = result.auc.b
    mine = {**one.figures(a.threshold), "auc": result.auc.a}
    columns = [
        f"{title}, {threshold_words(point.threshold)}"
        for title, point in zip(titles, (a, b), strict=True)
    ]
    rows = [
        {
            words.RIVAL_FIGURE: words.FIGURES[key],
            columns[0]: with_interval(key, mine[key]),
            columns[1]: with_interval(key, theirs[key]),
            words.DIFFERENCE: _difference(key, result, mine[key], theirs[key]),
            words.ONLY_ONE: _only_one(key, result),
            words.P_VALUE: _p_value(key, result),
        }
        for key in words.RIVAL_FIGURES
    ]
    table.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    table.caption(words.RIVAL_TESTS)


def _rivals(source: Source, one: Scored) -> Iterator[Rival]:
    """Every other run that has scored the very same images."""
    for run in cache.usable_runs():
        if source.run is not None and run.name == source.run.name:
            continue
        try:
            sets = of_run(run).sets.values()
        except RunError:
            continue
        for other in sets:
            if (order := _order(one, other)) is not None:
                yield Rival(run, other.probabilities[order])
                break


def _order(one: Scored, other: Scored) -> np.ndarray | None:
    """The rows of ``other`` in the order of ``one``; None unless they are the same images."""
    if one.ids.size != other.ids.size:
        return None
    if np.array_equal(one.ids, other.ids):
        order = np.arange(one.ids.size)
    else:
        rows = {name: row for row, name in enumerate(other.ids)}
        order = np.array([rows.get(name, -1) for name in one.ids])
        if order.min() < 0 or np.unique(order).size < order.size:
            return None
    return order if np.array_equal(one.labels, other.labels[order]) else None


def _titles(source: Source, rival: Run) -> tuple[str, str]:
    """What the two are called; by the names of their folders where their titles are the same."""
    if source.run is not None and source.title == rival.title:
        return source.run.name, rival.name
    return source.title, rival.title


def _point_words(point: OperatingPoint) -> str:
    return words.SAVED_POINT.format(name=point.name, threshold=threshold_words(point.threshold))


def _test(key: str, result: ModelComparison) -> McNemar | None:
    return {
        "sensitivity": result.pneumonia,
        "specificity": result.normal,
        "accuracy": result.all_images,
    }.get(key)


def _only_one(key: str, result: ModelComparison) -> str:
    test = _test(key, result)
    return "" if test is None else f"{count(test.only_a_right)} : {count(test.only_b_right)}"


def _difference(key: str, result: ModelComparison, mine: Estimate, theirs: Estimate) -> str:
    """Of the figures, with an interval where the two are compared by one."""
    if key == "auc":
        return points(result.auc.difference)
    if mine.value is None or theirs.value is None:
        return "–"
    return points(Estimate(mine.value - theirs.value, None, None))


def _p_value(key: str, result: ModelComparison) -> str:
    test = _test(key, result)
    p_value = result.auc.p_value if key == "auc" else None if test is None else test.p_value
    if p_value is None:
        return ""
    return "<\u202f0.001" if p_value < 0.001 else f"{p_value:.3f}"
