"""What the pictures of a run on paper have in common: page, type, colours, axes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pneumo_core.files import written_whole
from pneumo_core.palette import PALETTE
from pneumo_core.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
PAGE_WIDTH = 6.7
"""Inches: A4 less margins of 20 mm."""
BODY, SMALL, HEADING = 10, 8, 12
"""Type sizes in points, at the printed size."""
GREY = "#444444"
"""Of subtitles and footers."""

# What is learned from, chosen on and tested on: apart by lightness and by dash, not hue alone.
SPLIT_STYLES = {
    "train": {"color": PALETTE.quiet, "linestyle": ":"},
    "val": {"color": PALETTE.series[1], "linestyle": "--"},
    "test": {"color": PALETTE.series[0], "linestyle": "-"},
}
SPLIT_TITLES = {"train": "Training", "val": "Validation", "test": "Test"}


def figure(height: float) -> Figure:
    """A figure as wide as a page, with the style's resolution."""
    from matplotlib.figure import Figure

    return Figure(figsize=(PAGE_WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained")


def head(axes: Axes, run: Run, title: str) -> None:
    """Title the axes, with the run under the title."""
    axes.set_title(title, loc="left", fontsize=HEADING, fontweight="bold", pad=20)
    axes.text(0, 1.015, run.title, transform=axes.transAxes, fontsize=SMALL, color=GREY)
    plain(axes)


def plain(axes: Axes) -> None:
    """Take away what carries no figure."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=BODY)


def label(axes: Axes, across: str, up: str) -> None:
    """Name the axes."""
    axes.set_xlabel(across, fontsize=BODY)
    axes.set_ylabel(up, fontsize=BODY)


def unit_square(axes: Axes, across: str, up: str) -> None:
    """Take both axes from 0 to 1."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    label(axes, across, up)


def legend(axes: Axes, place: str, title: str | None = None) -> None:
    """Draw a legend that hides as little as may be."""
    axes.legend(
        loc=place,
        title=title,
        fontsize=BODY,
        title_fontsize=BODY,
        alignment="left",
        framealpha=0.9,
        edgecolor="none",
    )


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG, whole or not at all."""
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH)
    return path
