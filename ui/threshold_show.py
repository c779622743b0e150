"""How the Threshold page writes figures and shows charts, in every section alike."""

from __future__ import annotations

import re

import plotly.graph_objects as go
import streamlit as st

from pneumo_core.proportions import Estimate
from pneumo_core.threshold_report import figure_words

FORMAT = "threshold_format"
"""Key of the format that charts are saved in, "svg" or "png"."""

_PNG_SCALE = 2


def show(figure: go.Figure, alt: str, key: str) -> None:
    """Show a figure that is read out as ``alt``; its camera saves it as ``key`` and its format."""
    camera = {
        "format": st.session_state.get(FORMAT) or "svg",
        "filename": key.replace("_", "-"),
        "scale": _PNG_SCALE,
    }
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": camera,
    }
    st.plotly_chart(figure, alt=alt, key=key, config=config)


def with_interval(name: str, estimate: Estimate) -> str:
    """A figure as the reports write it, see `figure_words`; a dash where it has no value."""
    return "–" if estimate.value is None else figure_words(name, estimate)


def points(change: Estimate) -> str:
    """A difference of two shares in points, signed, with its interval."""
    if change.value is None:
        return "–"
    parts = [f"{100 * part:+.1f}" for part in change.to_json() if part is not None]
    value, *limits = (part.replace("-", "−") for part in parts)
    return f"{value} ({limits[0]} to {limits[1]})" if limits else value


def count(number: int) -> str:
    """A count with narrow spaces between its thousands."""
    return f"{number:,}".replace(",", "\u202f")


def as_text(name: str) -> str:
    """A name from a file as plain text wherever Markdown is read."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", name)
