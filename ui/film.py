"""A film beside itself under its heatmap, which fades in the browser without a round trip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from ui import pictures
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.answers import Explanation

_ASSETS = Path(__file__).parent / "assets" / "film"
_mount = st.components.v2.component(
    "film",
    html=(_ASSETS / "film.html").read_text("utf-8"),
    css=(_ASSETS / "film.css").read_text("utf-8"),
    js=(_ASSETS / "film.js").read_text("utf-8"),
)
START = 60


def film(explanation: Explanation, film_key: str, target: str, *, key: str) -> float:
    """Show a film and its overlay side by side, with a slider for the overlay's opacity.

    Args:
        explanation: Of the film.
        film_key: Tells this film from others, so that its picture is made once.
        target: The class that is explained, in words.
        key: Key of the widget.

    Returns:
        The opacity chosen, 0 to 1.
    """
    height, width = explanation.film.shape
    top, left, box_height, box_width = explanation.box
    whole = (box_height, box_width) == (height, width)
    result = _mount(
        key=key,
        data={
            "film": _film_uri(film_key, explanation.film),
            "heat": pictures.data_uri(heat(explanation.map)),
            "ratio": width / height,
            "box": [top / height, left / width, box_height / height, box_width / width],
            "whole": whole,
            "left": words.ORIGINAL_WHOLE if whole else words.ORIGINAL,
            "right": words.OVERLAY.format(target=target),
            "weakest": words.WEAKEST,
            "strongest": words.STRONGEST,
            "colours": _key(),
            "label": words.OPACITY,
            "opacity": opacity(key),
        },
        default={"opacity": START},
        on_opacity_change=lambda: None,
    )
    return result.opacity / 100


def opacity(key: str) -> float:
    """The opacity last chosen for the film of that key, in percent."""
    return (st.session_state.get(key) or {}).get("opacity", START)


def heat(cam: np.ndarray) -> Image.Image:
    """A map, float32 (S, S) in [0, 1], as a picture in colour that is as opaque as it is strong.

    Laid over the film at some opacity it looks as `explain.overlay` does at that opacity.
    """
    from pneumo_core.explain import colour_table

    level = np.rint(np.clip(cam, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colour_table()[level], level]))


def _key() -> str:
    """The colours of a map from none to most, as the stops of a gradient in CSS."""
    from pneumo_core.explain import colour_table

    return ", ".join("rgb({} {} {})".format(*colour) for colour in colour_table()[::51])


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _film_uri(film_key: str, _pixels: np.ndarray) -> str:
    del film_key
    return pictures.data_uri(pictures.sized(pictures.grey(_pixels)))
