"""Films of the data set as tiles, with or without their heatmaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from ui import cache, film_notes, numbers, pictures, state
from ui.words import common
from ui.words import misclassified as words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pneumo_core.answers import Explanation
    from pneumo_core.datasets import Dataset
    from pneumo_core.detector import Target
    from pneumo_core.runs import Run

TILE = 180
"""Width of a tile's film in CSS pixels; films are sent at twice that for sharp screens."""

OPACITY = 0.6
TARGETS: Mapping[str, Target] = {
    "fn": "Normal",
    "tn": "Normal",
    "fp": "Pneumonia",
    "tp": "Pneumonia",
}
"""The class that the model named: its evidence is what explains the verdict."""


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A map over the square that the network saw, float32 (S, S) in [0, 1], and its worth.

    The worth is in logits; None where the method's evidence is not.
    """

    map: np.ndarray
    worth: float | None

    @classmethod
    def of(cls, explanation: Explanation) -> Heatmap:
        """What is shown of an explanation."""
        from pneumo_core.explain import METHODS

        in_logits = METHODS[explanation.cam.method].in_logits
        return cls(explanation.map, explanation.worth if in_logits else None)


def gallery(
    run: Run,
    dataset: Dataset,
    films: pd.DataFrame,
    with_heatmaps: bool = False,
    outcome: bool = False,
    key: str = "tiles",
) -> None:
    """Draw a tile for each film.

    Args:
        run: The model.
        dataset: Where the films are.
        films: As `cases` returns them, as many as are to be drawn; probability_b, where they have
            it, is written below the model's own.
        with_heatmaps: Whether the evidence for the class that the model named lies over them.
        outcome: Whether to say of each how the model judged it: for lists of several cells.
        key: Of the container.

    Raises:
        DataError: the data set lacks one of the films.
        RunError: heatmaps are asked for and the weights are absent or damaged.
    """
    laid_over = heatmaps(run, dataset, films) if with_heatmaps else {}
    with st.container(horizontal=True, gap="medium", key=key):
        for film in films.to_dict("records"):
            _tile(run, dataset, film, laid_over.get(film["id"]), outcome)


def picture(
    run: Run, dataset: Dataset, image_id: str, heatmap: Heatmap | None, side: int
) -> Image.Image:
    """A film, under its heatmap if there is one, with a short side of at least `side` pixels."""
    film = pictures.sized(pictures.grey(dataset.find(image_id)), side, 2 * side)
    if heatmap is None:
        return film
    from pneumo_core.colouring import overlay

    pixels = np.asarray(film, np.float32) / 255
    placed = run.preprocess.place(heatmap.map, *pixels.shape)
    return Image.fromarray(overlay(pixels, placed, OPACITY))


def heatmaps(run: Run, dataset: Dataset, films: pd.DataFrame) -> dict[str, Heatmap]:
    """The map of each film by its id, for the class that the model named.

    Read as the run's maps are on every page: by the method and at the stage of its audit.
    """
    found: dict[str, Heatmap] = {}
    method, layer = cache.best_reading(run)
    known = run.name, run.weights_sha256
    targets = films["cell"].map(TARGETS)
    for target in sorted(set(targets)):
        ids = tuple(films["id"][targets == target])
        drawn = _heatmaps(*known, ids, target, method, layer, run, dataset)
        found |= dict(zip(ids, drawn, strict=True))
    return found


def look_closer(image_id: str) -> None:
    """Open a film closely: the address names it."""
    st.query_params["case"] = image_id


def _tile(run: Run, dataset: Dataset, film: dict, heatmap: Heatmap | None, outcome: bool) -> None:
    percent = numbers.percent(film["probability"])
    truth = common.truth(film["label"], film["group"])
    with st.container(width=TILE, gap="xsmall"):
        st.image(
            picture(run, dataset, film["id"], heatmap, 2 * TILE),
            width=TILE,
            alt=words.TILE_ALT.format(id=film["id"], truth=truth, percent=percent),
        )
        st.markdown(words.TILE.format(percent=percent))
        lines = [words.TILE_TRUTH.format(truth=truth), film["id"]]
        if outcome:
            lines.append(words.OUTCOMES[film["cell"]])
        if "probability_b" in film:
            other = numbers.percent(film["probability_b"])
            lines.append(words.TILE_OTHER.format(percent=other))
        if heatmap is not None and heatmap.worth is not None:
            lines.append(words.TILE_WORTH.format(worth=f"{heatmap.worth:.1f}"))
        if note := film_notes.of(run, film["id"]):
            tag = words.TAGS[note.tag] if note.tag else words.NOTED
            lines.append(words.TILE_NOTE.format(tag=tag))
        st.caption("  \n".join(lines))
        st.button(
            words.LOOK,
            key=f"look-{film['id']}",
            type="tertiary",
            icon=":material/zoom_in:",
            on_click=look_closer,
            args=(film["id"],),
        )
        st.page_link(
            "pages/predict.py",
            label=words.OPEN,
            icon=":material/open_in_new:",
            query_params=state.address(sample=film["id"]),
        )


@st.cache_data(max_entries=64, show_spinner=words.COMPUTING)
def _heatmaps(
    name: str,
    sha256: str,
    ids: tuple[str, ...],
    target: Target,
    method: str,
    layer: str | None,
    _run: Run,
    _dataset: Dataset,
) -> list[Heatmap]:
    """The heatmaps of public films, for all sessions."""
    del name, sha256
    from pneumo_core.images import read_image

    films = [read_image(_dataset.find(image_id)) for image_id in ids]
    detector = cache.detector(_run)
    explanations = detector.explain_many(films, method, target=target, layer=layer)
    return [Heatmap.of(one) for one in explanations]
