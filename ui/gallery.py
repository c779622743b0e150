"""Films of the data set as tiles, with or without their heatmaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from ui import cache, numbers, pictures, state
from ui.words import common
from ui.words import misclassified as words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pneumo_core.datasets import Dataset
    from pneumo_core.detector import Target
    from pneumo_core.runs import Run

TILE = 180
"""Width of a tile's film in CSS pixels; films are sent at twice that for sharp screens."""

OPACITY = 0.6


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A map over the square that the network saw, float32 (S, S) in [0, 1], and its worth."""

    map: np.ndarray
    worth: float


def gallery(run: Run, dataset: Dataset, cases: pd.DataFrame, target: Target | None) -> None:
    """Draw a tile for each case.

    Args:
        run: The model.
        dataset: Where the films are.
        cases: Rows of `Run.scores`, as many as are to be drawn.
        target: The class whose evidence is laid over the films; None for the plain films.

    Raises:
        DataError: the data set lacks one of the films.
        RunError: heatmaps are asked for and the weights are absent or damaged.
    """
    ids = tuple(cases["id"])
    heatmaps: Sequence[Heatmap | None] = [None] * len(ids)
    if target is not None:
        heatmaps = _heatmaps(run.name, run.weights_sha256, ids, target, run, dataset)
    with st.container(horizontal=True, gap="medium", key="tiles"):
        for case, heatmap in zip(cases.to_dict("records"), heatmaps, strict=True):
            _tile(run, dataset, case, heatmap)


def _tile(run: Run, dataset: Dataset, case: dict, heatmap: Heatmap | None) -> None:
    percent = numbers.percent(case["probability"])
    truth = common.truth(case["label"], case["group"])
    film = pictures.sized(pictures.grey(dataset.find(case["id"])), 2 * TILE, 4 * TILE)
    with st.container(width=TILE, gap="xsmall"):
        st.image(
            film if heatmap is None else _overlaid(run, film, heatmap),
            width=TILE,
            alt=words.TILE_ALT.format(id=case["id"], truth=truth, percent=percent),
        )
        st.markdown(words.TILE.format(percent=percent))
        lines = [words.TILE_TRUTH.format(truth=truth), case["id"]]
        if heatmap is not None:
            lines.append(words.TILE_WORTH.format(worth=f"{heatmap.worth:.1f}"))
        st.caption("  \n".join(lines))
        st.page_link(
            "pages/predict.py",
            label=words.OPEN,
            icon=":material/open_in_new:",
            query_params=state.address(sample=case["id"]),
        )


def _overlaid(run: Run, film: Image.Image, heatmap: Heatmap) -> np.ndarray:
    from pneumo_core.explain import overlay

    pixels = np.asarray(film, np.float32) / 255
    return overlay(pixels, run.preprocess.place(heatmap.map, *pixels.shape), OPACITY)


@st.cache_data(max_entries=64, show_spinner=words.COMPUTING)
def _heatmaps(
    name: str, sha256: str, ids: tuple[str, ...], target: Target, _run: Run, _dataset: Dataset
) -> list[Heatmap]:
    """The heatmaps of public films, for all sessions."""
    del name, sha256
    from pneumo_core.images import read_image

    films = [read_image(_dataset.find(image_id)) for image_id in ids]
    explanations = cache.detector(_run).explain_many(films, target=target)
    return [Heatmap(one.map, one.worth) for one in explanations]
