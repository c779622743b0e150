"""How a film and its map are shown: contrast, ways to lay the map over it, colours.

The viewer in the browser (ui/assets/viewer) draws by the same rules; `draw` is the picture of them
to take away, at the film's own size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np

from pneumo_core import colouring

Mode = Literal["blend", "above", "contour", "off"]
Colours = Literal["inferno", "viridis", "cividis"]
Layout = Literal["side", "single"]

CONTOURS = (0.25, 0.5, 0.75)
"""Where contours are drawn, on the scale of the map."""

CLAHE_CLIP, CLAHE_TILES = 2.0, 8
"""OpenCV's textbook limit and grid for contrast-limited adaptive histogram equalisation."""

NARROWEST, WIDEST = 0.02, 2.0
"""Widths of a window, as a share of the film's range."""

_STRETCH = {"viridis": (0.18, 1.0), "cividis": (0.15, 1.0)}


@dataclass(frozen=True)
class Preset:
    """A named window on the film's grey values.

    Attributes:
        name: for the screen.
        centre: of the window, where 0 is the film's black and 1 its white.
        width: of the window, on the same scale, above 0.
    """

    name: str
    centre: float
    width: float


@dataclass(frozen=True)
class Contrast:
    """What happens to a film's grey before it is shown.

    Attributes:
        centre: grey value, 0 to 1, that becomes middle grey.
        width: range of grey values that is spread from black to white.
        inverted: black and white change places.
        equalised: CLAHE comes first.
    """

    centre: float = 0.5
    width: float = 1.0
    inverted: bool = False
    equalised: bool = False


@dataclass(frozen=True)
class Look:
    """How a reader looks at a film and its map.

    Attributes:
        opacity: share of the map's colour where it is most opaque, 0 to 1.
        mode: "blend" is as opaque as the map is strong; "above" shows the map where it reaches
            `level`; "contour" draws lines at `CONTOURS`; "off" shows the film alone.
        level: of "above", 0 to 1.
        colours: name of a colour table.
        layout: film and map "side" by side, or in a "single" picture.
        contrast: of the film.
    """

    opacity: float = 0.6
    mode: Mode = "blend"
    level: float = 0.5
    colours: Colours = "inferno"
    layout: Layout = "side"
    contrast: Contrast = Contrast()

    @classmethod
    def from_json(cls, values: object) -> "Look":
        """A look out of what a browser says: what makes no sense is left at its default."""
        said = values if isinstance(values, Mapping) else {}
        grey = said.get("contrast")
        grey = grey if isinstance(grey, Mapping) else {}
        return cls(
            opacity=_number(said.get("opacity"), 0, 1, cls.opacity),
            mode=_choice(said.get("mode"), Mode, cls.mode),
            level=_number(said.get("level"), 0, 1, cls.level),
            colours=_choice(said.get("colours"), Colours, cls.colours),
            layout=_choice(said.get("layout"), Layout, cls.layout),
            contrast=Contrast(
                centre=_number(grey.get("centre"), 0, 1, Contrast.centre),
                width=_number(grey.get("width"), NARROWEST, WIDEST, Contrast.width),
                inverted=grey.get("inverted") is True,
                equalised=grey.get("equalised") is True,
            ),
        )


def _number(value: object, low: float, high: float, otherwise: float) -> float:
    # A bool is an int, and NaN lies between nothing.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and low <= value <= high else otherwise


def _choice(value: object, kind: object, otherwise: str) -> str:
    return value if isinstance(value, str) and value in get_args(kind) else otherwise


@cache
def colour_table(colours: Colours = "inferno") -> np.ndarray:
    """Return uint8 (256, 3): the colours of a map from 0 to 1, in steps even to the eye.

    Of "inferno" it is `colouring.colour_table`; the other two begin above their black as well.
    """
    if colours == "inferno":
        return colouring.colour_table()
    from matplotlib import colormaps

    table = np.rint(colormaps[colours](np.linspace(*_STRETCH[colours], 256))[:, :3] * 255)
    table = table.astype(np.uint8)
    table.flags.writeable = False
    return table


def presets(film: np.ndarray) -> dict[str, tuple[float, float]]:
    """Windows that suit a film.

    Args:
        film: float (H, W) in [0, 1].

    Returns:
        "full", "lung" (the darker part of what is not background) and "bone" (the brighter part),
        each as (centre, width) in the film's range.
    """
    # Black borders and burnt-in white letters say nothing about the chest.
    inside = film[(film > 0.02) & (film < 0.98)]
    found = {"full": (0.5, 1.0)}
    if inside.size:
        low, middle, high, top = np.percentile(inside, (1, 40, 80, 99.8))
        for name, start, end in (("lung", low, high), ("bone", middle, top)):
            width = min(max(float(end - start), NARROWEST), 1.0)
            found[name] = (round(float(start + end) / 2, 3), round(width, 3))
    return found


def toned(film: np.ndarray, contrast: Contrast) -> np.ndarray:
    """A film in its contrast.

    Args:
        film: float (H, W) in [0, 1].
        contrast: what to do to it.

    Returns:
        float64 (H, W) in [0, 1].
    """
    grey = np.clip(np.asarray(film, np.float64), 0, 1)
    if contrast.equalised:
        import cv2

        clahe = cv2.createCLAHE(CLAHE_CLIP, (CLAHE_TILES, CLAHE_TILES))
        grey = clahe.apply(np.rint(grey * 255).astype(np.uint8)) / 255
    grey = np.clip((grey - contrast.centre) / contrast.width + 0.5, 0, 1)
    return 1 - grey if contrast.inverted else grey


def draw(film: np.ndarray, placed_map: np.ndarray, look: Look) -> np.ndarray:
    """The film under its map, as the viewer shows them.

    Without any change to the contrast, "blend" in "inferno" is `colouring.overlay`.

    Args:
        film: float (H, W) in [0, 1].
        placed_map: float (H, W) in [0, 1], as `Preprocess.place` returns it.
        look: how.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: the shapes differ.
    """
    if film.shape != placed_map.shape:
        raise ValueError(f"film {film.shape} and map {placed_map.shape} differ in shape")
    grey = toned(film, look.contrast)
    drawn = np.empty((*film.shape, 3), np.uint8)
    half = max(film.shape) / 1000 + 0.5  # pixels: of a contour
    for rows in colouring.bands(*film.shape):
        # A contour needs the rows beside its own.
        top, end = max(0, rows.start - 1), min(len(film), rows.stop + 1)
        band = _drawn(grey[top:end, :, None] * 255, np.clip(placed_map[top:end], 0, 1), look, half)
        drawn[rows] = band[rows.start - top : rows.stop - top]
    return drawn


def _drawn(grey: np.ndarray, heat: np.ndarray, look: Look, half: float) -> np.ndarray:
    table = colour_table(look.colours)
    if look.mode == "contour":
        return _contoured(grey, heat, table, look.opacity, half)
    colours = table[np.rint(heat * 255).astype(np.uint8)]
    share = {
        "blend": lambda: heat * look.opacity,
        "above": lambda: np.where((heat >= look.level) & (heat > 0), look.opacity, 0),
        "off": lambda: np.zeros_like(heat),
    }[look.mode]()[..., None]
    return np.rint(grey * (1 - share) + colours * share).astype(np.uint8)


def _contoured(
    grey: np.ndarray, heat: np.ndarray, table: np.ndarray, opacity: float, half: float
) -> np.ndarray:
    """Lines of even width on a dark edge, which keeps them visible on bone."""
    slope = np.hypot(*np.gradient(heat.astype(np.float64))) if min(heat.shape) > 1 else heat * 0
    drawn = np.repeat(grey, 3, 2)
    for level in CONTOURS:
        away = np.abs(heat - level) / np.maximum(slope, 1e-9)
        line, edge = (away <= half)[..., None], (away <= 2 * half)[..., None]
        drawn = np.where(edge & ~line, drawn * (1 - 0.6 * opacity), drawn)
        drawn = np.where(line, drawn * (1 - opacity) + table[round(level * 255)] * opacity, drawn)
    return np.rint(drawn).astype(np.uint8)
