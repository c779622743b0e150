"""The film viewer: zoom, contrast and heatmap follow the hand in the browser.

Film, map and what the network saw travel apart from the viewer's settings, each in a part of its
own that draws nothing. A part that has not changed is not sent again, so that neither a release nor
another map brings the film along.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from ui.front_end import joined
from ui.words import viewer as words

if TYPE_CHECKING:
    from pneumo_core.display import Look, Preset

LONGEST = 4096
"""Longest side, in pixels, of a film that is sent; a longer one is reduced. Phones hold no more."""

_carry = st.components.v2.component(
    "viewer_picture", js=joined("viewer/pictures.js", "viewer/carrier.js")
)
_mount = st.components.v2.component(
    "viewer",
    html=joined("viewer/viewer.html"),
    css=joined("component.css", "viewer/viewer.css"),
    js=joined(
        "component.js",
        *(
            f"viewer/{name}.js"
            for name in ("pictures", "equalise", "painter", "view", "hands", "panel", "viewer")
        ),
    ),
)


def viewer(
    film: np.ndarray,
    cam: np.ndarray,
    box: tuple[int, int, int, int],
    evidence: str,
    seen: np.ndarray,
    *,
    film_key: str,
    key: str,
    windows: Sequence[Preset] = (),
) -> Look:
    """Show a film and the heatmap over it.

    The choices are kept for the session, also over a visit to another page; those of contrast only
    for as long as the film is the same one. Zoom and place stay in the browser.

    Args:
        film: float32 (H, W) in [0, 1].
        cam: The map over the square that the network saw, float32 (S, S) in [0, 1].
        box: (top, left, height, width) of that square in pixels of the film.
        evidence: The class that is explained, in words.
        seen: What the network saw, uint8 (s, s).
        film_key: Tells this film from others, and from itself in other grey values, so that its
            pixels are packed once.
        key: Key of the widget.
        windows: To choose from besides those for any film.

    Returns:
        How the reader looks at it. `display.draw` makes the same picture at the film's own size.
    """
    name, packed, offered = _packed_film(film_key, film)
    share = min(1.0, LONGEST / max(film.shape))
    look = kept(key, name)
    map_name, packed_map = pack(cam)
    seen_name, packed_seen = pack(seen / np.float32(255))

    def released() -> None:
        said = st.session_state[key].get("look")
        if said is not None:
            st.session_state[_place(key)] = said

    with st.container(gap=None, key=f"{key}-frame"):
        for part, content in (("film", packed), ("map", packed_map), ("seen", packed_seen)):
            _carry(key=f"{key}-{part}", data=content)
        _mount(
            key=key,
            data=settings(
                {"film": name, "map": map_name, "seen": seen_name},
                (round(film.shape[0] * share), round(film.shape[1] * share)),
                tuple(edge * share for edge in box),
                evidence,
                len(seen),
                look,
                [*offered, *windows],
            ),
            on_look_change=released,
        )
    return look


def settings(
    pictures: dict[str, str],
    shape: tuple[int, int],
    box: tuple[float, float, float, float],
    evidence: str,
    seen_size: int,
    look: Look,
    windows: Sequence[Preset],
) -> dict[str, Any]:
    """Everything that the front end is told besides the pictures, ready for JSON.

    Args:
        pictures: Names of "film", "map" and "seen", as `pack` gave them.
        shape: (height, width) of the film as it is sent.
        box: As in `viewer`, in pixels of the film as it is sent.
        evidence: As in `viewer`.
        seen_size: Side of what the network saw.
        look: To begin with.
        windows: To choose from; the first is the film as it is.
    """
    from pneumo_core.display import (
        CLAHE_CLIP,
        CLAHE_TILES,
        CONTOURS,
        NARROWEST,
        WIDEST,
        colour_table,
    )

    height, width = shape
    top, left, box_height, box_width = box
    beyond = (top, left, height - top - box_height, width - left - box_width)
    whole = max(beyond) < 1  # pixel of the film that the network does not see
    return {
        "pictures": pictures,
        "size": [height, width],
        "box": list(box),
        "whole": whole,
        "look": asdict(look),
        "windows": [asdict(window) for window in windows],
        "widths": [NARROWEST, WIDEST],
        "clahe": [CLAHE_CLIP, CLAHE_TILES],
        "contours": CONTOURS,
        "colours": {
            name: colour_table(name).tobytes().hex() for name in ("inferno", "viridis", "cividis")
        },
        "words": {
            **words.WORDS,
            "evidence": words.WORDS["evidence"].format(target=evidence),
            "seen": words.WORDS["seen"].format(size=seen_size),
        },
    }


def pack(pixels: np.ndarray) -> tuple[str, bytes]:
    """Grey values as the front end takes them, without loss from a picture of 8 or 16 bits.

    A line of JSON says what follows, packed by zlib: differences from the pixel to the left, whose
    high bytes come first where there are 16 bits. A PNG would do, but browsers read it as 8 bits,
    and some of them add noise for the sake of privacy.

    Args:
        pixels: float (H, W) in [0, 1].

    Returns:
        A name that tells pictures apart, and the bytes.
    """
    levels = np.clip(np.asarray(pixels, np.float32), 0, 1) * np.float32(255)
    whole = np.rint(levels)
    if np.abs(levels - whole).max(initial=0) < 1e-3:
        bits, values = 8, whole.astype(np.uint8)
    else:
        bits, values = 16, np.rint(levels * np.float32(257)).astype(np.uint16)
    steps = np.diff(values, axis=1, prepend=values.dtype.type(0))
    planes = [steps] if bits == 8 else [steps >> 8, steps & 255]
    body = zlib.compress(b"".join(plane.astype(np.uint8).tobytes() for plane in planes), 1)
    height, width = values.shape
    name = hashlib.sha256(body + bytes(str((height, width)), "ascii")).hexdigest()[:32]
    head = {"name": name, "width": width, "height": height, "bits": bits}
    return name, json.dumps(head).encode() + b"\n" + body


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _packed_film(film_key: str, _pixels: np.ndarray) -> tuple[str, bytes, list[Preset]]:
    """The film's name, its packed pixels, and windows that suit it."""
    del film_key
    from pneumo_core.display import Preset, presets

    name, packed = pack(reduced(_pixels))
    offered = [Preset(words.PRESETS[each], *at) for each, at in presets(_pixels).items()]
    return name, packed, offered


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Take a film, float32 (H, W), down to LONGEST pixels by averaging; a smaller one as it is."""
    from PIL import Image

    height, width = pixels.shape
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _place(key: str) -> str:
    return f"pneumolens/viewer/{key}"


def kept(key: str, film: str | None = None) -> Look:
    """The session's look at the viewer of that key.

    Args:
        key: As in `viewer`.
        film: Name of the film, as `pack` gave it: contrast that was chosen for another is left out.
    """
    from pneumo_core.display import Contrast, Look

    said = st.session_state.get(_place(key))
    look = Look.from_json(said)
    same = isinstance(said, dict) and said.get("film") == film
    return look if same else replace(look, contrast=Contrast())
