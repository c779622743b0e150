"""A page with nothing but the film viewer on a made-up film, and what Python hears of it."""

import json
from dataclasses import asdict

import numpy as np
import streamlit as st

from pneumo_core.display import Preset
from pneumo_core.preprocess import Preprocess
from ui.viewer import viewer

BOX = (0, 50, 300, 300)
"""Of the small film: (top, left, height, width)."""

DEEP_LEVEL = 0.3001
"""A grey value between two steps of 8 bits, which one film is made of."""

NARROW = Preset("narrow", 0.3, 0.02)
"""A window that tells such values apart."""


def made_film(name: str) -> np.ndarray:
    """A film: "small" and "other" of 8 bits, "deep" of more, "large" as of a detector."""
    rng = np.random.default_rng({"small": 1, "other": 2}.get(name, 3))
    height, width = (2000, 2500) if name == "large" else (300, 400)
    ramp = np.linspace(30, 200, width)[None] + np.linspace(-20, 20, height)[:, None]
    film = (np.rint(ramp + rng.normal(0, 12, (height, width))).clip(0, 255) / 255).astype("f4")
    if name == "deep":
        film[:, :200] = DEEP_LEVEL
    return film


def made_map() -> np.ndarray:
    """A hill off the middle, float32 (64, 64) in [0, 1]."""
    y, x = np.mgrid[:64, :64] / 63
    hill = np.exp(-((x - 0.6) ** 2 + (y - 0.45) ** 2) / 0.05).astype("f4")
    return hill / hill.max()


def made_square() -> np.ndarray:
    """What the network saw, uint8 (30, 30), no two neighbours alike."""
    return (np.arange(900).reshape(30, 30) * 37 % 251).astype("u1")


SMALL = made_film("small")
PLACED = Preprocess(input_size=64).place(made_map(), *SMALL.shape)


def main() -> None:
    """Lay out the page."""
    st.title("Viewer")
    name = st.radio(
        "Film",
        ["small", "other", "deep", "large"],
        horizontal=True,
        bind="query-params",
        key="film",
    )
    if st.toggle("Away"):
        st.text("Another page")
        return
    film = made_film(name)
    box = (0, 250, 2000, 2000) if name == "large" else BOX
    look = viewer(
        film,
        made_map(),
        box,
        "pneumonia",
        made_square(),
        film_key=name,
        key="seen",
        windows=[NARROW],
    )
    st.code(json.dumps(asdict(look)), language=None, wrap_lines=True)


if __name__ == "__main__":
    main()
