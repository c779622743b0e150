"""What the detector answers about a film: a verdict, and where the evidence for it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pneumo_core.colouring import overlay
from pneumo_core.operating_point import ZoneName
from pneumo_core.preprocess import laid

if TYPE_CHECKING:
    from pneumo_core.explain import CamResult
    from pneumo_core.novelty import Novelty

Target = Literal["Normal", "Pneumonia"]


@dataclass(frozen=True)
class Prediction:
    """A verdict on one film. Fields can also be read by key: `result["prediction"]`.

    Attributes:
        prediction: "Normal" or "Pneumonia", at the operating point.
        confidence: Calibrated probability of the class that is named, in [0, 1]; below one half
            where the operating point is far from one half.
        probabilities: Calibrated probability of each class.
        probability: Calibrated probability of pneumonia.
        logit: The network's log-odds of pneumonia, before the temperature.
        zone: "rule out", "uncertain" or "rule in".
        threshold: The operating point's threshold on the probability.
        operating_point: Name of the operating point.
        clinical_note: What this means, in a few sentences.
        run: Name of the run it came from.
    """

    prediction: Target
    confidence: float
    probabilities: Mapping[str, float]
    probability: float
    logit: float
    zone: ZoneName
    threshold: float
    operating_point: str
    clinical_note: str
    run: str

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """Names of the fields; with `[]` this makes `dict(prediction)` work."""
        return [item.name for item in fields(self)]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where the network's evidence lies on one film.

    Attributes:
        cam: The map over the square that the network saw, and what it is worth in logits.
        film: The film itself, float32 (height, width) in [0, 1].
        box: (top, left, height, width) of what the network saw, in pixels of the film.
        run: Name of the run.
    """

    cam: CamResult
    film: np.ndarray
    box: tuple[int, int, int, int]
    run: str

    @property
    def map(self) -> np.ndarray:
        """The map over the network's square, float32 (S, S) in [0, 1]."""
        return self.cam.map

    @property
    def placed(self) -> np.ndarray:
        """The map laid over the film, float32 (height, width) in [0, 1]; 0 outside the crop.

        Made anew each time: it is as large as the film, and maps are kept by the dozen.
        """
        return laid(self.map, self.box, *self.film.shape)

    @property
    def evidence(self) -> np.ndarray:
        """The raw map at the layer's resolution, float32 (h, w), in logits where it has units."""
        return self.cam.evidence

    @property
    def worth(self) -> float:
        """Sum of the positive evidence for the target, in logits."""
        return self.cam.worth

    @property
    def seen(self) -> tuple[float, float, float, float] | None:
        """`box` as shares of the film's sides; None where the network saw all of it."""
        (height, width), (top, left, rows, columns) = self.film.shape, self.box
        if (rows, columns) == (height, width):
            return None
        return top / height, left / width, rows / height, columns / width

    def overlay(self, opacity: float = 0.6) -> np.ndarray:
        """The map in colour over the film, uint8 (height, width, 3); opacity in [0, 1]."""
        return overlay(self.film, self.placed, opacity)


@dataclass(frozen=True, eq=False)
class Findings:
    """What is asked of every film, from one pass of the network.

    Attributes:
        prediction: The verdict.
        members: As `PneumoniaDetector.member_probabilities`.
        novelty: Whether it looks like the films the model knows; None where that is unknown.
        explanation: Where the evidence for the predicted class lies; None where no map was wanted.
    """

    prediction: Prediction
    members: tuple[float, ...]
    novelty: Novelty | None
    explanation: Explanation | None
