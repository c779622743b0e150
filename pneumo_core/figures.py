"""Plotly figures of a run's numbers: data in, Figure out.

Backgrounds and fonts are left to the page's theme; every colour has a contrast of at least 3 to 1
on the light and the dark background, and no two that share a figure differ by hue alone for a
colour-blind eye (blue against orange, solid against dashed).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours of every chart, as CSS hex codes."""

    normal: str = "#2f81c7"
    pneumonia: str = "#d55e00"
    point: str = "#c2379b"
    """The operating point."""
    quiet: str = "#77838f"
    """Reference lines."""


PALETTE = Palette()
