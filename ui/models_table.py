"""All models on one set of test images: chart, table, and what is to be known about them."""

from __future__ import annotations

import html
from collections.abc import Iterator
from statistics import fmean

import pandas as pd
import streamlit as st

from pneumo_core.figures_models import Column
from pneumo_core.figures_models import beside_published as chart
from pneumo_core.model_table import Board, ImageSet, ModelRow, same_recipe
from pneumo_core.operating_point import threshold_words
from pneumo_core.proportions import Estimate
from pneumo_core.published import FIGURES
from pneumo_core.runs import Run
from pneumo_core.seeds import spread, spread_words
from ui import cache
from ui.threshold_show import as_text, points, show, with_interval
from ui.words import models as words


def which_sets(board: Board) -> None:
    """Say that models on different test images are not compared."""
    if len(board.sets) > 1:
        titles = words.AND.join(f"**{as_text(images.title)}**" for images in board.sets)
        st.markdown(words.SETS.format(titles=titles))


def operating_point(board: Board) -> str:
    """Let one choose the operating point that figures are at; "" where the models share none."""
    if not board.points:
        return ""
    return st.segmented_control(
        words.AT,
        board.points,
        default=board.points[0],
        format_func=str.capitalize,
        required=True,
        help=words.AT_HELP,
        key="models_at",
        persist_state="session",
    )


def beside_published(images: ImageSet, in_use: Run) -> None:
    """The models that scored the same test images, each beside its source system's figures."""
    st.header(as_text(images.title))
    ill = int(images.labels.sum())
    n = images.labels.size
    st.caption(words.SET_LINE.format(n=n, normal=n - ill, pneumonia=ill))
    columns = [
        Column(
            words.FIGURES[figure],
            [row.figures[figure] for row in images.rows],
            [row.published.figures.get(figure) for row in images.rows],
            percent=figure != "auc",
        )
        for figure in FIGURES
    ]
    names = [_drawn_name(row, in_use) for row in images.rows]
    alt = words.BESIDE_ALT.format(count=len(names), title=images.title)
    show(chart(names, columns, words.LEGEND), alt, f"models_{_key(images)}")
    table = pd.DataFrame([_cells(row, in_use) for row in images.rows])
    with st.container(key=f"models_table_{_key(images)}"):
        st.table(table, border="horizontal", hide_index=True)
    st.caption("  \n".join(_notes(images)))


def unusable(board: Board) -> None:
    """List the runs that are damaged, with the reason."""
    reasons = [run.reason for run in cache.broken_runs()] + list(board.unscored.values())
    if reasons:
        with st.expander(words.UNUSABLE):
            for reason in reasons:
                st.text(reason)


def figure_words(figure: str, value: float) -> str:
    """A figure as the page writes it, the area as a number, shares in percent."""
    return f"{value:.3f}" if figure in ("auc", "f1") else f"{100 * value:.1f} %"


def _key(images: ImageSet) -> str:
    """The same for the same models on the same images."""
    return "_".join(sorted(images.probabilities))


def _drawn_name(row: ModelRow, in_use: Run) -> str:
    """A model's name on the chart, as HTML; how it started is never left out."""
    parts = [words.START[row.start]]
    if row.megabytes is None:
        parts.append(words.FIGURES_ONLY)
    if row.name == in_use.name:
        parts.append(words.IN_USE_MARK)
    return f"<b>{html.escape(row.label)}</b>  ·  {' · '.join(parts)}"


def _cells(row: ModelRow, in_use: Run) -> dict[str, str]:
    """A row of the table, in Markdown."""
    about = [
        words.START[row.start],
        words.THRESHOLD.format(threshold=threshold_words(row.threshold)),
    ]
    if row.name == in_use.name:
        about.append(f"**{words.IN_USE_MARK}**")
    lines = [f"**{as_text(row.label)}**", ", ".join(about), ", ".join(_cost(row))]
    return {
        words.MODEL: "  \n".join(lines),
        **{words.FIGURES[figure]: _cell(row, figure) for figure in FIGURES},
    }


def _cost(row: ModelRow) -> Iterator[str]:
    """How large a model is and how long it takes."""
    if row.parameters is not None:
        yield words.PARAMETERS.format(count=f"{row.parameters / 1e6:.1f}")
    if row.megabytes is None:
        yield words.FIGURES_ONLY
    else:
        yield words.MEGABYTES.format(count=f"{row.megabytes:.1f}")
    if row.milliseconds is not None:
        time = words.SPEED.format(ms=f"{row.milliseconds:.{1 if row.milliseconds < 10 else 0}f}")
        if row.threads is not None:
            time += words.THREADS[row.threads > 1].format(n=row.threads)
        yield time


def _cell(row: ModelRow, figure: str) -> str:
    """Ours with its interval, the area on validation too, and the published with the difference."""
    value, bracket, interval = with_interval(figure, row.figures[figure]).partition(" (")
    lines = [f"**{value}**{bracket}{interval}"]
    if figure == "auc":
        validation = Estimate.from_json(row.run.metrics["val"]["auc"]).value
        if validation is not None:
            lines.append(words.VALIDATION.format(auc=figure_words("auc", validation)))
        if alone := spread(row.run).get("auc"):
            lines.append(words.ALONE.format(spread=spread_words(alone)))
    if (gain := row.gain(figure)) is not None:
        theirs = figure_words(figure, row.published.figures[figure])
        lines.append(words.PUBLISHED.format(value=theirs, gain=points(Estimate(gain, None, None))))
    return "  \n".join(lines)


def _notes(images: ImageSet) -> Iterator[str]:
    """What is to be known about the figures."""
    if any(row.gain(figure) is not None for row in images.rows for figure in FIGURES):
        yield words.GAIN_NOTE
    if any(row.milliseconds for row in images.rows):
        yield words.SPEED_NOTE
    if any("auc" in spread(row.run) for row in images.rows):
        yield words.ALONE_NOTE
    for group in same_recipe(images):
        areas = [row.figures["auc"].value or 0.0 for row in group]
        low, mean, high = (f"{area:.3f}" for area in (min(areas), fmean(areas), max(areas)))
        title = as_text(group[0].run.title)
        yield words.SEEDS.format(title=title, count=len(group), mean=mean, low=low, high=high)
    for row in images.rows:
        label = as_text(row.label)
        if row.run.data["title"] != images.title:
            yield words.OTHER_DATA.format(label=label, title=as_text(row.run.data["title"]))
        if row.published.note:
            yield words.PUBLISHED_NOTE.format(label=label, note=as_text(row.published.note))
        derived = [words.FIGURES[name].lower() for name in FIGURES if name in row.published.derived]
        if derived:
            listed = words.AND.join(filter(None, (", ".join(derived[:-1]), derived[-1])))
            yield words.DERIVED.format(label=label, figures=listed)
