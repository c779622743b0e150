"""The average film of a class: what stands in for the parts of a film that are removed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pneumo_core import CLASS_NAMES
from pneumo_core.errors import DataError

if TYPE_CHECKING:
    from pneumo_core.preprocess import Preprocess
    from pneumo_core.splits import Split

Typical = Mapping[str, Sequence[str]]
"""Class name -> the rows of its average square, a grey level as two hexadecimal digits."""


def typical_films(split: "Split", preprocess: "Preprocess") -> dict[str, tuple[str, ...]]:
    """Average the squares of each class of a split; nobody's film can be told from the result.

    Raises:
        DataError: If the split lacks a class.
    """
    found = {}
    for label, name in enumerate(CLASS_NAMES):
        positions = np.flatnonzero(split.labels == label)
        if not len(positions):
            raise DataError(f"There is no film of class {name}: choose another split.")
        total = np.zeros((preprocess.square_size,) * 2)
        for position in positions:
            total += preprocess.square(split.read(int(position)))
        rows = np.rint(total / len(positions)).astype(np.uint8)
        found[name] = tuple(row.tobytes().hex() for row in rows)
    return found


def opposite(typical: Typical, target: str, preprocess: "Preprocess", grey: Tensor) -> Tensor:
    """Return what a film of the other class has where this one has its signs of the target.

    The average film of the other class, at the mean and contrast of this film: evidence for the
    target is gone, and the seams show little.

    Args:
        typical: as `typical_films` makes it for the same `preprocess`.
        target: the class that is explained.
        preprocess: the run's.
        grey: the film at the input size, float32 (1, 1, S, S) in [0, 1].

    Returns:
        network input, float32 (C, S, S).

    Raises:
        DataError: If the typical films do not fit.
    """
    other = next(name for name in CLASS_NAMES if name != target)
    size = preprocess.square_size
    try:
        rows = [np.frombuffer(bytes.fromhex(row), np.uint8) for row in typical[other]]
        square = np.stack(rows).reshape(size, size)
    except (KeyError, TypeError, ValueError):
        raise DataError("The typical films are damaged: run explain-audit again.") from None
    film = preprocess.resized(torch.from_numpy(square)[None].to(grey.device))
    spread = film.std().clamp_min(1e-6)
    matched = (film - film.mean()) / spread * grey.std() + grey.mean()
    return preprocess.normalised(matched.clamp(0, 1))[0]
