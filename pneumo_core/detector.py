"""The detector: load a run once, then ask it about many films."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from pneumo_core import CLASS_NAMES, NOTICE
from pneumo_core.architectures import members_of
from pneumo_core.calibration import probability
from pneumo_core.errors import RunError
from pneumo_core.evaluation import predict_logits
from pneumo_core.explain import CamResult, explain, overlay
from pneumo_core.images import GreyImage, read_image
from pneumo_core.operating_point import OperatingPoint, ZoneName
from pneumo_core.runs import Run, default_run, read_run

if TYPE_CHECKING:
    from PIL import Image

    from pneumo_core.novelty import Novelty
    from pneumo_core.reference import Reference

    ImageLike = bytes | str | os.PathLike[str] | Image.Image | np.ndarray | GreyImage

Target = Literal["Normal", "Pneumonia"]

TRAINED_ON = "The model knows front views of children aged one to five from one hospital."

_ZONE_NOTES: Mapping[ZoneName, str] = {
    "rule out": "It lies below the rule-out threshold.",
    "uncertain": "It lies between the rule-out and the rule-in threshold: it needs a reader.",
    "rule in": "It lies at or above the rule-in threshold.",
}


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
        placed: The map laid over the film, float32 (height, width) in [0, 1]; 0 outside the crop.
        box: (top, left, height, width) of what the network saw, in pixels of the film.
        run: Name of the run.
    """

    cam: CamResult
    film: np.ndarray
    placed: np.ndarray
    box: tuple[int, int, int, int]
    run: str

    @property
    def map(self) -> np.ndarray:
        """The map over the network's square, float32 (S, S) in [0, 1]."""
        return self.cam.map

    @property
    def evidence(self) -> np.ndarray:
        """The raw map at the layer's resolution, float32 (h, w), in logits where it has units."""
        return self.cam.evidence

    @property
    def worth(self) -> float:
        """Sum of the positive evidence for the target, in logits."""
        return self.cam.worth

    def overlay(self, opacity: float = 0.6) -> np.ndarray:
        """The map in colour over the film, uint8 (height, width, 3); opacity in [0, 1]."""
        return overlay(self.film, self.placed, opacity)


class PneumoniaDetector:
    """One run's network with all that belongs to it. Safe to share between threads.

    >>> PneumoniaDetector().predict("chest_xray.jpg")["prediction"]  # doctest: +SKIP
    'Pneumonia'
    """

    def __init__(
        self, run: Run | str | os.PathLike[str] | None = None, device: str = "cpu"
    ) -> None:
        """Load a run.

        Args:
            run: A run, its folder or its name; None for the default run.
            device: Where the network runs, e.g. "cpu" or "cuda".

        Raises:
            RunError: If there is no such run, or it is damaged.
        """
        if run is None:
            run = default_run()
        elif not isinstance(run, Run):
            run = read_run(os.fspath(run))
        self.run = run
        self.device = torch.device(device)
        self.lock = Lock()
        self._model = run.load_model().to(self.device)

    def predict(
        self, image: "ImageLike", operating_point: OperatingPoint | None = None
    ) -> Prediction:
        """Judge one film.

        Args:
            image: A path, the bytes of a file, a PIL image, an array or a `GreyImage`.
            operating_point: In place of the run's default.

        Raises:
            ImageError: If it is not an image that can be read.
        """
        return self.predict_many([image], operating_point)[0]

    def predict_many(
        self, images: Sequence["ImageLike"], operating_point: OperatingPoint | None = None
    ) -> list[Prediction]:
        """Judge films together, which is faster than one by one; otherwise as `predict`."""
        point = operating_point or self.run.operating_point
        return [self._verdict(float(logit), point) for logit in self.logits(images)]

    def logits(self, images: Sequence["ImageLike"]) -> np.ndarray:
        """Log-odds of pneumonia, float64 (N,), before the temperature.

        Raises:
            ImageError: If one of them is not an image that can be read.
        """
        if not images:
            return np.empty(0)
        squares = self._squares([_pixels(image) for image in images])
        with self.lock:
            return predict_logits(
                self._model,
                self.run.preprocess,
                squares,
                flip_average=self.run.flip_average,
                device=self.device,
            )

    @cached_property
    def reference(self) -> "Reference | None":
        """What the run keeps of its training images; None where it keeps nothing.

        Raises:
            RunError: If its file is damaged.
        """
        from pneumo_core.reference import read_reference

        return read_reference(self.run)

    def novelty(self, image: "ImageLike") -> "Novelty | None":
        """Whether an image looks like the films the model knows; see `novelty.judge`.

        None where the run keeps nothing of its training images.

        Raises:
            ImageError: If it is not an image that can be read.
            RunError: If what the run keeps is damaged.
        """
        from pneumo_core.novelty import judge, network_features

        reference = self.reference
        if reference is None:
            return None
        film = image if isinstance(image, GreyImage) else read_image(image)
        with self.lock:
            features = network_features(self.run, self._model, reference.stages)
            return judge(reference, features, film)

    def member_probabilities(self, image: "ImageLike") -> tuple[float, ...]:
        """The probability of pneumonia that each network of an ensemble gives, in [0, 1].

        Each member's log-odds under the ensemble's temperature; with one or two outputs their mean
        log-odds is the ensemble's. Where they lie far apart, the verdict hangs on chance in
        training (Lakshminarayanan et al., NeurIPS 2017). Empty for a single network.

        Raises:
            ImageError: If it is not an image that can be read.
        """
        members = members_of(self._model)
        if len(members) == 1:
            return ()
        squares = self._squares([_pixels(image)])
        with self.lock:
            logits = [
                predict_logits(
                    member,
                    self.run.preprocess,
                    squares,
                    flip_average=self.run.flip_average,
                    device=self.device,
                )[0]
                for member in members
            ]
        return tuple(probability(np.array(logits), self.run.temperature).tolist())

    def explain(
        self,
        image: "ImageLike",
        method: str = "gradcam",
        target: Target | None = None,
        layer: str | None = None,
    ) -> Explanation:
        """Show where the evidence for a class lies on one film.

        The map is of the film as it is; where the verdict averages it with its mirror image, the
        map does not, because left and right mean something on a film.

        Args:
            image: As for `predict`.
            method: A name out of `explain.METHODS`.
            target: The class to explain; None for the predicted one.
            layer: A stage of the network; None for the run's own choice.

        Raises:
            ImageError: If it is not an image that can be read.
            RunError: If target is neither class.
        """
        return self.explain_many([image], method, target, layer)[0]

    def explain_many(
        self,
        images: Sequence["ImageLike"],
        method: str = "gradcam",
        target: Target | None = None,
        layer: str | None = None,
    ) -> list[Explanation]:
        """Explain films together; otherwise as `explain`. All are of one target.

        With target None, the class that is predicted for the first film is taken.
        """
        if not images:
            return []
        films = [_pixels(image) for image in images]
        if target is None:
            target = self.predict(films[0]).prediction
        if target not in CLASS_NAMES:
            raise RunError(f"The target must be {' or '.join(CLASS_NAMES)}, not {target!r}.")
        inputs = self.run.preprocess.tensor(self._squares(films)).to(self.device)
        with self.lock:
            cams = explain(
                self._model, self.run.model, inputs, method=method, target=target, layer=layer
            )
        preprocess = self.run.preprocess
        return [
            Explanation(
                cam=cam,
                film=film,
                placed=preprocess.place(cam.map, *film.shape),
                box=preprocess.box(*film.shape),
                run=self.run.name,
            )
            for cam, film in zip(cams, films, strict=True)
        ]

    def _squares(self, films: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([self.run.preprocess.square(film) for film in films])

    def _verdict(self, logit: float, point: OperatingPoint) -> Prediction:
        chance = float(probability(np.array([logit]), self.run.temperature)[0])
        positive = chance >= point.threshold
        probabilities = dict(zip(CLASS_NAMES, (1 - chance, chance), strict=True))
        verdict: Target = "Pneumonia" if positive else "Normal"
        zone = self.run.zones.around(point.threshold).zone(chance)
        side = "at or above" if positive else "below"
        note = (
            f"The probability of pneumonia, {_percent(chance)}, is {side} the threshold of "
            f"{_percent(point.threshold)} ({point.name}). {_ZONE_NOTES[zone]} {TRAINED_ON} {NOTICE}"
        )
        return Prediction(
            prediction=verdict,
            confidence=probabilities[verdict],
            probabilities=probabilities,
            probability=chance,
            logit=logit,
            zone=zone,
            threshold=point.threshold,
            operating_point=point.name,
            clinical_note=note,
            run=self.run.name,
        )


def _percent(share: float) -> str:
    """In percent, without claiming certainty: "over 99 %", "under 1 %"."""
    if share > 0.99:
        return "over 99 %"
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _pixels(image: "ImageLike") -> np.ndarray:
    return image.pixels if isinstance(image, GreyImage) else read_image(image).pixels
