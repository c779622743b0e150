"""All methods on the film at hand, side by side: small maps, what each is worth and how it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from ui import cache, reading, viewer
from ui.evidence import VIEWER, drawn, where
from ui.reading import Asked, Film
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.answers import Explanation
    from pneumo_core.display import Look
    from pneumo_core.explain import CamResult
    from pneumo_core.runs import Run

TILE = 120
"""Width of a map in CSS pixels; it is sent at twice that for sharp screens."""


def methods_compare(run: Run, film: Film, asked: Asked) -> None:
    """Draw the expander; the maps are made once it is open.

    Args:
        run: The model.
        film: What was read.
        asked: The map that is shown large; class and layer are those of the others too.
    """
    expander = st.expander(words.COMPARE_HEADING, key="compare", on_change="rerun")
    if not expander.open:
        return
    with expander:
        _tiles(run, film, asked)


def _tiles(run: Run, film: Film, asked: Asked) -> None:
    from pneumo_core.explain import METHODS

    found = dict(reading.explain_with(run, film, replace(asked, method="")))
    for name in METHODS:
        other = replace(asked, method=name)
        if METHODS[name].slow and drawn(film, other):
            found[name] = reading.explain(run, film, other)
    order = sorted(found, key=lambda name: (METHODS[name].control, list(METHODS).index(name)))
    units = [name for name in order if METHODS[name].in_logits]
    titles = _listed([METHODS[name].title for name in units])
    shared = st.toggle(
        words.COMPARE_ONE_SCALE.format(methods=titles),
        help=words.COMPARE_ONE_SCALE_HELP,
        key="one_scale",
    )
    maps = _on_one_scale({name: found[name] for name in units}) if shared else {}
    with st.container(horizontal=True, gap="small", key="methods"):
        for name in order:
            with st.container(width=TILE, gap="xsmall"):
                _tile(run, found[name], maps.get(name))
    st.caption(words.COMPARE_SHARED.format(methods=titles) if shared else words.COMPARE_OWN)


def _on_one_scale(found: Mapping[str, Explanation]) -> dict[str, np.ndarray]:
    from pneumo_core.shared_scale import shared_scale

    maps = shared_scale([each.cam for each in found.values()])
    return dict(zip(found, maps, strict=True))


def _tile(run: Run, found: Explanation, shared: np.ndarray | None) -> None:
    from pneumo_core.explain import METHODS

    cam, method = found.cam, METHODS[found.cam.method]
    placed = found.placed if shared is None else run.preprocess.place(shared, *found.film.shape)
    alt = words.COMPARE_ALT.format(
        target=words.CLASSES[cam.target], title=method.title, where=where(cam.layer)
    )
    st.image(small(found, placed, viewer.kept(VIEWER)), width=TILE, alt=alt)
    title = words.COMPARE_CONTROL.format(title=method.title.lower()) if method.control else ""
    st.markdown(f"**{title or method.title}**")
    st.caption("  \n".join([where(cam.layer), _worth(cam), *_beats(run, cam)]))


def small(found: Explanation, placed: np.ndarray, look: Look) -> Image.Image:
    """What the network saw of the film, small, with a map over it.

    Args:
        found: The film and where the network looked.
        placed: The map over the whole film, float32 (height, width) in [0, 1].
        look: Whose opacity and colours are taken.
    """
    from pneumo_core.display import Look, draw

    top, left, height, width = found.box
    seen = np.s_[max(top, 0) : top + height, max(left, 0) : left + width]
    film, heat = found.film[seen], placed[seen]
    size = (2 * TILE, max(1, round(2 * TILE * film.shape[0] / film.shape[1])))
    both = [
        np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
        for part in (film, heat)
    ]
    return Image.fromarray(draw(*both, Look(look.opacity, colours=look.colours)))


def _worth(cam: CamResult) -> str:
    from pneumo_core.explain import METHODS

    if not cam.map.any():
        return words.COMPARE_BLANK
    if not METHODS[cam.method].in_logits:
        return words.COMPARE_NO_UNITS
    return words.COMPARE_UNITS.format(worth=f"{cam.worth:.1f}")


def _beats(run: Run, cam: CamResult) -> list[str]:
    """How often the method beats chance over the test films, where that is known."""
    audit = cache.explain_audit(run, "test")
    row = audit and audit.row(cam.method, cam.layer)
    if not row or row.beats.value is None:
        return []
    share = f"{100 * row.beats.value:.0f} %"
    return [words.unbroken(words.COMPARE_BEATS.format(share=share, split=words.SPLITS["test"]))]


def _listed(titles: list[str]) -> str:
    return words.AND.join(filter(None, (", ".join(titles[:-1]), titles[-1])))
