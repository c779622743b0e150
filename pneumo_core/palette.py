"""The colours of every chart.

Each has a contrast of at least 3 to 1 on a white and on a near-black background; each pair that
shares a chart stays apart for a colour-blind eye, and is told apart by more than hue besides.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as CSS hex codes."""

    normal: str = "#2f81c7"
    pneumonia: str = "#d55e00"
    point: str = "#c2379b"
    """The operating point."""
    series: tuple[str, str] = ("#00896f", "#9a5bd0")
    """What is not a class: one model and another, validation and test."""
    quiet: str = "#77838f"
    """Reference lines."""

    def faded(self, colour: str, opacity: float) -> str:
        """A colour of this palette as CSS rgba, with an opacity in [0, 1]."""
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red}, {green}, {blue}, {opacity:g})"


PALETTE = Palette()
