"""What training augmentation changes: recipes that come with and without it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pneumo_core.figures_models import gains
from pneumo_core.model_table import Board, ImageSet, Pair, augmented_pairs
from pneumo_core.proportions import Estimate
from pneumo_core.published import FIGURES
from ui.models_table import figure_words
from ui.threshold_show import as_text, points, show, with_interval
from ui.words import models as words


def augmented(board: Board) -> None:
    """A chart and a table for each recipe that was run with and without augmentation."""
    found = [(images, pair) for images in board.sets for pair in augmented_pairs(images)]
    if not found:
        st.info(words.NO_AUGMENTED)
        return
    st.markdown(words.AUGMENTED_LINE)
    for images, pair in found:
        _pair(images, pair)


def _pair(images: ImageSet, pair: Pair) -> None:
    st.subheader(as_text(pair.stem))
    differences = images.differences(pair.augmented, pair.plain)
    published = [_published_gain(pair, figure) for figure in FIGURES]
    key = f"models_augmented_{pair.augmented.name}_{pair.plain.name}"
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=440):
            figure = gains(
                [words.FIGURES[name] for name in FIGURES],
                [differences[name] for name in FIGURES],
                published,
                words.AUGMENTED_LEGEND,
            )
            show(figure, words.AUGMENTED_ALT.format(stem=pair.stem), key)
        with st.container(width=640):
            rows = [_row(pair, name, differences[name]) for name in FIGURES]
            st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
            if pair.also:
                fields = ", ".join(f"`{name}`" for name in pair.also)
                st.caption(words.AUGMENTED_ALSO.format(fields=fields))


def _published_gain(pair: Pair, figure: str) -> float | None:
    augmented, plain = (row.published.figures.get(figure) for row in (pair.augmented, pair.plain))
    return None if augmented is None or plain is None else augmented - plain


def _row(pair: Pair, figure: str, difference: Estimate) -> dict[str, str]:
    name, one, other, change, source = words.AUGMENTED_COLUMNS
    cells = {
        name: words.FIGURES[figure],
        one: with_interval(figure, pair.augmented.figures[figure]),
        other: with_interval(figure, pair.plain.figures[figure]),
        change: points(difference),
        source: "–",
    }
    if (gain := _published_gain(pair, figure)) is not None:
        cells[source] = words.AUGMENTED_RATIO.format(
            augmented=figure_words(figure, pair.augmented.published.figures[figure]),
            plain=figure_words(figure, pair.plain.published.figures[figure]),
            gain=points(Estimate(gain, None, None)),
        )
    return cells
