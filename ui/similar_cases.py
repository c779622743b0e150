"""The training films that are most like the one on screen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core import CLASS_NAMES
from pneumo_core.errors import DataError
from pneumo_core.similar import ASKED, NEAREST, nearest, pneumonia_share
from ui import cache, pictures
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.novelty import Novelty
    from pneumo_core.runs import Run

TILE = 112
"""Width of a film in CSS pixels; films are sent at twice that for sharp screens."""


def similar_cases(run: Run, novelty: Novelty | None) -> None:
    """Draw the nearest training films, and what the nearest of them all show.

    Args:
        run: The model.
        novelty: What was found of the film on screen; None where the run keeps no training films.
    """
    reference = cache.detector(run).reference
    if novelty is None or reference is None:
        return
    asked = nearest(reference, novelty.codes, ASKED)
    with st.expander(words.SIMILAR_HEADING):
        positive = round(pneumonia_share(asked) * len(asked))
        st.markdown(words.SIMILAR.format(positive=positive, count=len(asked)))
        shown = asked[:NEAREST]
        try:
            dataset = cache.dataset(run)
            films = [pictures.grey(dataset.find(each.id)) for each in shown]
        except DataError:
            counts = Counter(CLASS_NAMES[each.label] for each in shown)
            st.caption(words.SIMILAR_UNSEEN.format(count=len(shown), **_by_class(counts)))
            return
        with st.container(horizontal=True, gap="small"):
            for each, film in zip(shown, films, strict=True):
                with st.container(width=TILE, gap="xsmall"):
                    name = words.CLASSES[CLASS_NAMES[each.label]]
                    st.image(
                        pictures.sized(film, 2 * TILE, 4 * TILE),
                        width=TILE,
                        alt=words.SIMILAR_ALT.format(id=each.id, truth=name),
                    )
                    st.caption(
                        words.SIMILAR_TILE.format(truth=name, distance=f"{each.distance:.2f}")
                    )
        st.caption(words.SIMILAR_HELP)


def _by_class(counts: Counter[str]) -> dict[str, int]:
    """How many of each class, by the class's name in lower case."""
    return {name.lower(): counts[name] for name in CLASS_NAMES}
