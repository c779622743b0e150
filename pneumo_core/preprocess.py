"""The one path from a grey image to what a network is fed, for training and serving alike.

It has two steps. `Preprocess.square` takes one image of any shape to a small uint8 square; that
is what a training run keeps in memory. `Preprocess.tensor` takes a batch of such squares to the
normalised network input. Both steps are the same code for a training image, a test image and an
upload, so that they cannot drift apart. Only the second needs torch, and imports it: every page
reads a `Preprocess` in the description of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from PIL import Image

from pneumo_core.errors import RecipeError
from pneumo_core.fields import build

if TYPE_CHECKING:
    from torch import Tensor

Crop = Literal["centre", "squash", "pad"]
Equalisation = Literal["none", "histogram", "clahe"]


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes a network input; stored in `run.json` and never guessed.

    Attributes:
        input_size: Side of the square that the network is fed, in pixels.
        source_size: Side of the training images where they were smaller than `input_size`: an
            upload is first taken down to it, as MedMNIST did with the films. None for no detour.
        crop: "centre" takes the centre square of the short side, as MedMNIST does; "squash"
            squeezes the whole film into the square; "pad" adds black bars. The last two hand the
            network the film's aspect ratio, which predicts the label without any lung.
        equalise: Contrast step on the square: "none", "histogram" or "clahe".
        channels: 1, or 3 for networks that expect colour (the grey value is repeated).
        mean: Mean a channel, on a scale of 0 to 1.
        std: Standard deviation a channel, on a scale of 0 to 1.
        sharpen: Strength of an unsharp mask on the square, before `equalise`: 0 for none, 1 doubles
            what a Gaussian blur of one pixel takes away.

    Raises:
        RecipeError: For a value that makes no sense.
    """

    input_size: int
    source_size: int | None = None
    crop: Crop = "centre"
    equalise: Equalisation = "none"
    channels: int = 1
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    sharpen: float = 0.0

    def __post_init__(self) -> None:
        if self.input_size < 1 or (self.source_size is not None and self.source_size < 1):
            raise RecipeError("preprocess: input_size and source_size must be at least 1.")
        if self.crop not in get_args(Crop):
            raise RecipeError(f"preprocess: crop must be one of {', '.join(get_args(Crop))}.")
        if self.equalise not in get_args(Equalisation):
            choices = ", ".join(get_args(Equalisation))
            raise RecipeError(f"preprocess: equalise must be one of {choices}.")
        if self.channels not in (1, 3):
            raise RecipeError("preprocess: channels must be 1 or 3.")
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise RecipeError("preprocess: mean and std need one value a channel.")
        if min(self.std) <= 0:
            raise RecipeError("preprocess: std must be above zero.")
        if not 0 <= self.sharpen < math.inf:
            raise RecipeError("preprocess: sharpen must be a number of at least 0.")

    @property
    def square_size(self) -> int:
        """Side of the squares that `square` returns, in pixels."""
        return self.source_size or self.input_size

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Which part of an image the network sees.

        Returns:
            (top, left, height, width) in pixels of the original; with "pad", top or left may be
            negative because the square reaches beyond the film.
        """
        if self.crop == "squash":
            return 0, 0, height, width
        side = min(height, width) if self.crop == "centre" else max(height, width)
        return (height - side) // 2, (width - side) // 2, side, side

    def square(self, pixels: np.ndarray) -> np.ndarray:
        """Crop an image and take it to the square that training images are kept as.

        Resizing is Pillow's antialiased bilinear filter: of Pillow's filters it comes closest to
        MedMNIST's own 28-pixel images (mean difference 3.5 grey levels over 18 full-size films,
        against 4.4 for bicubic). The result is rounded to 8 bits, because MedMNIST's images are.

        Args:
            pixels: float32 (height, width) in [0, 1].

        Returns:
            uint8 (square_size, square_size).
        """
        height, width = pixels.shape
        top, left, box_height, box_width = self.box(height, width)
        # What is cropped away is neither scaled nor copied: that took longer than the resizing.
        inner = pixels[max(top, 0) : top + box_height, max(left, 0) : left + box_width]
        image = Image.fromarray(np.asarray(inner, dtype=np.float32) * np.float32(255))
        if image.size != (box_width, box_height):
            left, top = min(left, 0), min(top, 0)
            image = image.crop((left, top, left + box_width, top + box_height))
        size = (self.square_size, self.square_size)
        if image.size != size:
            image = image.resize(size, Image.Resampling.BILINEAR)
        square = np.asarray(image).round().clip(0, 255).astype(np.uint8)
        return _equalised(_sharpened(square, self.sharpen), self.equalise)

    def resized(self, squares: Tensor) -> Tensor:
        """Take squares to the input size, still on a scale of 0 to 1: where augmentation happens.

        Args:
            squares: uint8 (N, square_size, square_size).

        Returns:
            float32 (N, 1, input_size, input_size) in [0, 1].
        """
        return self.enlarged(self.grey(squares))

    def grey(self, squares: Tensor) -> Tensor:
        """Squares uint8 (N, S, S) as grey values, float32 (N, 1, S, S) in [0, 1]."""
        return squares.unsqueeze(1).float() / 255

    def enlarged(self, grey: Tensor) -> Tensor:
        """Take grey values of squares, float32 (N, 1, S, S), to the input size."""
        from torch.nn import functional as F

        if self.square_size == self.input_size:
            return grey
        size = (self.input_size, self.input_size)
        return F.interpolate(grey, size, mode="bilinear", align_corners=False, antialias=True)

    def normalised(self, grey: Tensor) -> Tensor:
        """Repeat channels and normalise: the last step before the network.

        Args:
            grey: float32 (N, 1, H, W) in [0, 1].

        Returns:
            float32 (N, channels, H, W).
        """
        import torch

        mean = torch.tensor(self.mean, device=grey.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=grey.device).view(1, -1, 1, 1)
        return (grey.expand(-1, self.channels, -1, -1) - mean) / std

    def tensor(self, squares: np.ndarray | Tensor) -> Tensor:
        """Take squares to network inputs.

        Args:
            squares: uint8 (N, square_size, square_size).

        Returns:
            float32 (N, channels, input_size, input_size), normalised.
        """
        import torch

        return self.normalised(self.resized(torch.as_tensor(squares)))

    def __call__(self, pixels: np.ndarray) -> Tensor:
        """Take one image, float32 (height, width) in [0, 1], to a network input with N = 1."""
        return self.tensor(self.square(pixels)[None])

    def place(self, heatmap: np.ndarray, height: int, width: int) -> np.ndarray:
        """Lay a map over the square back onto the original image.

        Args:
            heatmap: float32 (h, w) over the square that the network saw.
            height: Height of the original in pixels.
            width: Width of the original in pixels.

        Returns:
            float32 (height, width); 0 where the network saw nothing.
        """
        return laid(heatmap, self.box(height, width), height, width)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Preprocess:
        """Rebuild from `to_json`'s fields or a recipe's; a key it does not know is an error.

        Raises:
            RecipeError: For an unknown or missing key, or a value that makes no sense.
        """
        return build(cls, fields, "preprocess")


def laid(
    heatmap: np.ndarray, box: tuple[int, int, int, int], height: int, width: int
) -> np.ndarray:
    """Lay a map over the part of an image that it is of; see `Preprocess.place` and `box`."""
    top, left, box_height, box_width = box
    image = Image.fromarray(np.ascontiguousarray(heatmap, dtype=np.float32))
    image = image.resize((box_width, box_height), Image.Resampling.BILINEAR)
    placed = Image.new("F", (width, height), 0.0)
    placed.paste(image, (left, top))
    return np.asarray(placed)


def _sharpened(square: np.ndarray, strength: float) -> np.ndarray:
    if strength == 0:
        return square
    import cv2

    # One pixel: the finest detail that the square holds. The edge is continued, or it would glow.
    grey = square.astype(np.float32)
    blurred = cv2.GaussianBlur(grey, (0, 0), sigmaX=1, borderType=cv2.BORDER_REPLICATE)
    return (grey + strength * (grey - blurred)).round().clip(0, 255).astype(np.uint8)


def _equalised(square: np.ndarray, how: Equalisation) -> np.ndarray:
    if how == "none":
        return square
    import cv2

    if how == "histogram":
        return cv2.equalizeHist(square)
    # The usual grid, and OpenCV's textbook limit: twice a flat histogram's count. OpenCV rounds it
    # down to whole counts of a tile's 256 grey levels, to one at least, so that a tile of fewer
    # pixels than levels is clipped to one whatever the limit. Small squares get fewer tiles.
    tiles = min(8, max(1, len(square) // 16))
    return cv2.createCLAHE(clipLimit=2.0, tileGridSize=(tiles, tiles)).apply(square)
