"""What is unusual about a picture before any network has seen it: said in words.

Colour, size, shape, contrast, exposure, boxes, writing and pages are judged by fixed limits, stated
below with what training films were found to have. Inversion and rotation are judged by a linear
classifier of tiny squares, fitted to the training films and those films turned and inverted.

None of this leans on the size of the file, nor on the aspect ratio but for the absurd.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pneumo_core.images import GreyImage
from pneumo_core.preprocess import Preprocess

# Limits. The figures in brackets are those of 523 training films, of a short side of 224 px.
MAX_ASPECT = 2.2
"""Long side over short side above which no front view was cut."""

MIN_SPAN = 0.1
"""Least distance of the 1st and 99th percentile of grey, in [0, 1] (films: 0.20 to 0.92)."""

MAX_BLACK = 0.4
"""Largest share of pixels that are fully black (films: at most 0.15)."""

MAX_WHITE = 0.05
"""Largest share of pixels that are fully white (films: at most 0.003)."""

PAGE_SHARE = 0.75
"""Share of pixels within `PAGE_TONE` of either end of the grey range, that is the 1st and 99th
percentile, above which a picture is a page (films: at most 0.44; rendered text: 0.90 and more)."""

PAGE_TONE = 0.08
"""As a share of the grey range: what JPEG and antialiasing add to two tones stays within it."""

BOX_SHARE = (0.004, 0.4)
"""Area of a burned-in box, as a share of the picture."""

MIN_LETTERS = 8
"""White letters in one row that make writing; the side markers of films have fewer (at most 3)."""

BORDER_TONES = (0.1, 0.97)
"""Grey in [0, 1] up to which, or from which, a pixel may belong to a border."""

BORDER_SHARE = 0.9
"""Share of such pixels in a row or column of a border; a side marker may stand in the rest."""

MIN_LEFT = 0.4
"""Share of either side that a film keeps at least when its border is cut off."""

_BOX_SIDE, _LETTER_SIDE = 512, 1024
"""A longer side is thinned to about this: by leaving pixels out, so that flat areas stay flat."""

ORIENTATION_SIDE = 8
"""Side of the squares on which orientation is judged. On validation films 8 x 8 px were as good as
14 x 14 and better than 28 x 28, where the classifier has more to learn from as many films."""

_QUARTERS, _SIGNS = 4, 2
_TINY = Preprocess(ORIENTATION_SIDE)
_LEAST_SPREAD = 4.0
"""Grey levels that a square's deviations are divided by at least, so that noise is not blown up."""


class Reason(StrEnum):
    """What can be unusual about a picture."""

    COLOUR = "colour"
    PHOTOGRAPH = "photograph"
    SMALL = "small"
    SHAPE = "shape"
    FLAT = "flat"
    CLIPPED = "clipped"
    PAGE = "page"
    BOX = "box"
    WRITING = "writing"
    BORDER = "border"
    INVERTED = "inverted"
    ROTATED_LEFT = "rotated left"
    ROTATED_RIGHT = "rotated right"
    UPSIDE_DOWN = "upside down"
    UNFAMILIAR = "unfamiliar"


SENTENCES = {
    Reason.COLOUR: "It has colours; an X-ray is grey.",
    Reason.PHOTOGRAPH: "It looks like a colour photograph.",
    Reason.SMALL: "It has fewer pixels than the films the model was trained on.",
    Reason.SHAPE: "It is far longer than it is wide, or the other way round.",
    Reason.FLAT: "It has almost no contrast.",
    Reason.CLIPPED: "Large parts of it are fully black or fully white.",
    Reason.PAGE: "It is nearly all of two tones, as a page of text or a drawing is.",
    Reason.BOX: "It has a black or white box in it.",
    Reason.WRITING: "It has writing on it.",
    Reason.BORDER: "It has a black or white border: crop it to the film.",
    Reason.INVERTED: "It looks inverted: air is bright and bone is dark.",
    Reason.ROTATED_LEFT: "It looks rotated by 90 degrees: its upper edge is on the left.",
    Reason.ROTATED_RIGHT: "It looks rotated by 90 degrees: its upper edge is on the right.",
    Reason.UPSIDE_DOWN: "It looks upside down.",
    Reason.UNFAMILIAR: "The model sees little in it that it saw in its training films.",
}
"""What each reason means, as a sentence for the screen."""

_TURNED = (None, Reason.ROTATED_LEFT, Reason.UPSIDE_DOWN, Reason.ROTATED_RIGHT)


@dataclass(frozen=True)
class Objection:
    """One thing that is unusual.

    Attributes:
        reason: Which.
        sentence: The same in words.
    """

    reason: Reason
    sentence: str


def objection(reason: Reason) -> Objection:
    """A reason with its sentence."""
    return Objection(reason, SENTENCES[reason])


def image_objections(film: GreyImage, smallest: int) -> tuple[Objection, ...]:
    """Everything unusual about a picture that needs neither a network nor training films.

    Args:
        film: At its full size.
        smallest: Short side in pixels below which the picture has to be enlarged: the side of the
            run's squares.
    """
    pixels = film.pixels
    short, long = sorted(pixels.shape)
    found = []
    if film.colourful:
        found.append(Reason.COLOUR)
    if short < smallest:
        found.append(Reason.SMALL)
    if long / short > MAX_ASPECT:
        found.append(Reason.SHAPE)
    found += _tones(pixels)
    if _has_box(pixels):
        found.append(Reason.BOX)
    if letters_in_a_row(pixels) >= MIN_LETTERS:
        found.append(Reason.WRITING)
    return tuple(map(objection, found))


def _tones(pixels: np.ndarray) -> list[Reason]:
    """What is unusual about the grey values of the centre square."""
    height, width = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = _thinned(pixels[top : top + side, left : left + side], _BOX_SIDE)
    low, high = np.percentile(square, (1, 99))
    if high - low < MIN_SPAN:
        return [Reason.FLAT]
    tone = PAGE_TONE * (high - low)
    ends = np.mean((square < low + tone) | (square > high - tone))
    if ends > PAGE_SHARE:
        return [Reason.PAGE]
    black, white = np.mean(square <= 1 / 255), np.mean(square >= 254 / 255)
    return [Reason.CLIPPED] if black > MAX_BLACK or white > MAX_WHITE else []


def _has_box(pixels: np.ndarray) -> bool:
    """Whether a fully black or white rectangle lies inside the picture, not along its edge."""
    import cv2

    grey = _levels(_thinned(pixels, _BOX_SIDE))
    height, width = grey.shape
    smallest, largest = (share * grey.size for share in BOX_SHARE)
    for mask in (grey <= 3, grey >= 252):
        # Opening cuts off thin things that touch a box, such as the letters in it.
        opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        _, _, parts, _ = cv2.connectedComponentsWithStats(opened)
        left, top, wide, high, area = parts[1:].T
        inside = (left > 0) & (top > 0) & (left + wide < width) & (top + high < height)
        full = (area > 0.95 * wide * high) & (area > smallest) & (area < largest)
        if np.any(inside & full):
            return True
    return False


def letters_in_a_row(pixels: np.ndarray) -> int:
    """Most white shapes of a letter's size and proportions that stand in one row.

    Args:
        pixels: float32 (height, width) in [0, 1].
    """
    import cv2

    grey = _levels(_thinned(pixels, _LETTER_SIDE))
    height = len(grey)
    _, _, parts, _ = cv2.connectedComponentsWithStats((grey >= 250).astype(np.uint8))
    parts = parts[1:].astype(np.int64)
    _, top, wide, high, area = parts.T
    letter = (high >= max(5, 0.008 * height)) & (high <= 0.06 * height)
    letter &= (wide <= 1.5 * high + 2) & (area < 0.95 * wide * high + 1)
    foot, high = (top + high)[letter], high[letter]
    if len(foot) > 2000:  # noise: comparing each with each would take long
        return 0
    level = np.abs(foot[:, None] - foot) <= 0.25 * high[:, None] + 1
    alike = np.abs(high[:, None] - high) <= 0.4 * high[:, None] + 1
    return int((level & alike).sum(axis=1).max(initial=0))


def without_border(pixels: np.ndarray) -> np.ndarray:
    """A picture without the black or white border around it; itself where there is none.

    Args:
        pixels: float32 (height, width) in [0, 1].
    """
    inner = pixels
    for _ in range(2):  # what is cut off one pair of sides shows borders of the other
        for _ in range(2):
            rows = np.flatnonzero(~_border_rows(inner))
            # Turned twice it lies as before.
            inner = (inner[rows[0] : rows[-1] + 1] if len(rows) else inner).T
    kept = [part / whole for part, whole in zip(inner.shape, pixels.shape, strict=True)]
    return inner if min(kept) >= MIN_LEFT else pixels


def _border_rows(pixels: np.ndarray) -> np.ndarray:
    """Which rows are black or white nearly throughout, bool (height,)."""
    black, white = BORDER_TONES
    pixels = pixels[:, :: max(1, pixels.shape[1] // _BOX_SIDE)]
    return np.maximum((pixels <= black).mean(1), (pixels >= white).mean(1)) >= BORDER_SHARE


def _thinned(pixels: np.ndarray, side: int) -> np.ndarray:
    step = max(1, round(max(pixels.shape) / side))
    return pixels[::step, ::step]


def _levels(pixels: np.ndarray) -> np.ndarray:
    return (pixels * 255).round().astype(np.uint8)


@dataclass(frozen=True)
class Turn:
    """How a film lies in the picture.

    Attributes:
        quarters: By how many quarter turns to the left, 0 to 3. Whether it is also mirrored left
            to right is not told apart, so that 2 also stands for a film mirrored top to bottom.
        inverted: Whether black and white are swapped.
    """

    quarters: int
    inverted: bool

    @property
    def objections(self) -> tuple[Objection, ...]:
        """What is unusual about it; nothing where the film is upright and not inverted."""
        turned = _TURNED[self.quarters]
        reasons = ([turned] if turned else []) + ([Reason.INVERTED] if self.inverted else [])
        return tuple(map(objection, reasons))

    def undone(self, pixels: np.ndarray) -> np.ndarray:
        """The film put right, float32 (height, width) in [0, 1]."""
        return _turned(pixels, (-self.quarters) % _QUARTERS, self.inverted)


UPRIGHT = Turn(0, False)
TURNS = tuple(Turn(quarters, bool(sign)) for quarters in range(_QUARTERS) for sign in range(_SIGNS))
"""All that are told apart, `UPRIGHT` first."""


def _turned(pixels: np.ndarray, quarters: int, inverted: bool) -> np.ndarray:
    turned = np.rot90(pixels, quarters)
    return 1 - turned if inverted else turned


@dataclass(frozen=True, eq=False)
class Orientation:
    """A linear classifier of tiny squares, which tells the eight `TURNS` apart.

    It is a linear discriminant analysis with shrunk covariance (Friedman, "Regularized discriminant
    analysis", J Am Stat Assoc 84 (1989) 165-175). Its classes are the training films, each with its
    mirror image, in all turns; so it treats all turns alike.

    Attributes:
        weights: float32 (8, 64).
        offsets: float32 (8,).
        limit: By how much another turn's score must exceed that of `UPRIGHT` to be believed.
    """

    weights: np.ndarray
    offsets: np.ndarray
    limit: float

    @classmethod
    def fit(cls, train: np.ndarray, val: np.ndarray, share: float) -> "Orientation":
        """Fit it to training films and choose the limit on validation films.

        Args:
            train: uint8 (N, 8, 8), `tiny_square` of each film.
            val: The same of films of other children.
            share: Of upright validation films and their mirror images, at most so many are taken
                to lie otherwise, in (0, 1).
        """
        both = np.concatenate([train, train[:, :, ::-1]]).astype(np.float64)
        classes = [_vectors(_signed(both, turn)) for turn in TURNS]
        means = np.stack([vectors.mean(axis=0) for vectors in classes])
        scatter = [np.cov(vectors.T, bias=True) for vectors in classes]
        covariance = np.mean(scatter, axis=0)
        # Halfway between what was measured and a sphere of the same size.
        size = len(covariance)
        shrunk = (covariance + np.trace(covariance) / size * np.eye(size)) / 2
        weights = np.linalg.solve(shrunk, means.T).T
        offsets = -(weights * means).sum(axis=1) / 2
        unlimited = cls(weights.astype(np.float32), offsets.astype(np.float32), 0.0)
        margins = unlimited.margins(np.concatenate([val, val[:, :, ::-1]]))
        limit = float(np.quantile(margins, 1 - share, method="higher"))
        return cls(unlimited.weights, unlimited.offsets, max(limit, 0.0))

    def margins(self, squares: np.ndarray) -> np.ndarray:
        """By how much the best other turn exceeds `UPRIGHT`, float64 (N,); squares as in `fit`."""
        scores = self._scores(squares)
        return scores[:, 1:].max(axis=1) - scores[:, 0]

    def guess(self, pixels: np.ndarray) -> Turn:
        """How a film lies; `UPRIGHT` unless another turn is believed.

        Args:
            pixels: float32 (height, width) in [0, 1].
        """
        square = tiny_square(pixels)[None]
        if self.margins(square)[0] <= self.limit:
            return UPRIGHT
        return TURNS[int(self._scores(square)[0].argmax())]

    def _scores(self, squares: np.ndarray) -> np.ndarray:
        return _vectors(squares.astype(np.float64)) @ self.weights.T + self.offsets


def tiny_square(pixels: np.ndarray) -> np.ndarray:
    """The centre square of a film, uint8 (8, 8), on which its orientation is judged."""
    return _TINY.square(pixels)


def _signed(squares: np.ndarray, turn: Turn) -> np.ndarray:
    """Squares (N, n, n) turned; inversion is a change of sign, because the mean is taken off."""
    turned = np.rot90(squares, turn.quarters, axes=(1, 2))
    return -turned if turn.inverted else turned


def _vectors(squares: np.ndarray) -> np.ndarray:
    """Squares (N, n, n) as vectors (N, n * n) without their brightness and contrast."""
    vectors = squares.reshape(len(squares), -1)
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), _LEAST_SPREAD)
