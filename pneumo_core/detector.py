"""The detector: load a run once, then ask it about many films."""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch

from pneumo_core import CLASS_NAMES, NOTICE
from pneumo_core.answers import Explanation, Prediction, Target
from pneumo_core.architectures import cam_stage, members_of
from pneumo_core.calibration import log_odds, probability
from pneumo_core.errors import RunError
from pneumo_core.evaluation import evaluating, predict_logits, view_averaged_logits
from pneumo_core.explain import INPUT, METHODS, explain_by
from pneumo_core.images import GreyImage, read_image
from pneumo_core.operating_point import OperatingPoint, ZoneName
from pneumo_core.runs import Run, default_run, read_run

if TYPE_CHECKING:
    from PIL import Image

    from pneumo_core.effort import Effort
    from pneumo_core.novelty import Novelty
    from pneumo_core.reference import Reference
    from pneumo_core.trust import Trust

    ImageLike = bytes | str | os.PathLike[str] | Image.Image | np.ndarray | GreyImage

TRAINED_ON = "The model knows front views of children aged one to five from one hospital."

_ZONE_NOTES: Mapping[ZoneName, str] = {
    "rule out": "It lies below the rule-out threshold.",
    "uncertain": "It lies between the rule-out and the rule-in threshold: it needs a reader.",
    "rule in": "It lies at or above the rule-in threshold.",
}


class PneumoniaDetector:
    """One run's network with all that belongs to it. Safe to share between threads.

    What takes seconds (slow maps, several maps, checks of maps) runs on a copy of the network, made
    for that call: nobody's verdict waits for it.

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
        return self.novelty_many([image])[0]

    def novelty_many(self, images: Sequence["ImageLike"]) -> list["Novelty | None"]:
        """Ask it of images together, which is faster than one by one; otherwise as `novelty`."""
        from pneumo_core.novelty import judge_many, network_features

        reference = self.reference
        if reference is None:
            return [None] * len(images)
        films = [image if isinstance(image, GreyImage) else read_image(image) for image in images]
        with self.lock:
            features = network_features(self.run, self._model, reference.stages)
            return [*judge_many(reference, features, films)]

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
        kind = METHODS.get(method)
        quick = kind is None or not (kind.slow or kind.on_input)
        return self._explained(films, [method], target, layer, quick)[method]

    def explain_with(
        self,
        image: "ImageLike",
        methods: Sequence[str],
        target: Target | None = None,
        layer: str | None = None,
    ) -> dict[str, Explanation]:
        """Explain one film by several methods; otherwise as `explain`.

        Returns:
            A map for each method, in the order of `methods`.
        """
        found = self._explained([_pixels(image)], methods, target, layer, quick=False)
        return {method: results[0] for method, results in found.items()}

    def trust(
        self,
        image: "ImageLike",
        method: str = "gradcam",
        target: Target | None = None,
        layer: str | None = None,
        operating_point: OperatingPoint | None = None,
        progress: Callable[[float], object] = lambda _: None,
    ) -> "Trust":
        """Check the map that `explain` draws; held against the run's audit, where it has one.

        Args:
            image: As for `predict`.
            method: A name out of `explain.METHODS`.
            target: The class that is explained; None for the predicted one.
            layer: A stage of the network; None for the run's own choice.
            operating_point: What decides whether a changed film changes the answer; None for the
                run's default.
            progress: Called with the share that is done, from 0 to 1.

        Raises:
            ImageError: If it is not an image that can be read.
            RunError: If there is no such method or class, or the run's audit is damaged.
        """
        from pneumo_core import trust
        from pneumo_core.explain_audit import reference

        if method not in METHODS:
            raise RunError(f"There is no method {method!r}: choose from {', '.join(METHODS)}.")
        film, spec = _pixels(image), self.run.model
        chance = (operating_point or self.run.operating_point).threshold
        read = INPUT if METHODS[method].on_input else cam_stage(spec, layer)
        return trust.check(
            self._own_network(),
            spec,
            self.run.preprocess,
            self.run.preprocess.square(film),
            method=method,
            target=self._target(film, target),
            layer=layer,
            threshold=log_odds(chance, self.run.temperature),
            reference=reference(self.run, method, read),
            progress=progress,
        )

    def view_probabilities(self, image: "ImageLike") -> tuple[float, ...]:
        """The probability of pneumonia of slightly changed views of a film; `trust_stable.views`.

        Raises:
            ImageError: If it is not an image that can be read.
        """
        from pneumo_core.trust_stable import views

        preprocess = self.run.preprocess
        square = torch.from_numpy(self._squares([_pixels(image)])).to(self.device)
        inputs = preprocess.normalised(views(preprocess.resized(square)))
        with self.lock, torch.no_grad(), evaluating(self._model):
            logits = view_averaged_logits(self._model, inputs, self.run.flip_average)
        return tuple(probability(logits.double().cpu().numpy(), self.run.temperature).tolist())

    def effort(self, layer: str | None = None) -> "Effort":
        """Measure how long maps read at a stage, and their checks, take on this machine."""
        from pneumo_core.effort import measure

        return measure(self._own_network(), self.run.model, self.run.preprocess, layer)

    def _explained(
        self,
        films: Sequence[np.ndarray],
        methods: Sequence[str],
        target: Target | None,
        layer: str | None,
        quick: bool,
    ) -> dict[str, list[Explanation]]:
        """Maps of films by each method; unless it is quick, on a copy of the network."""
        target = self._target(films[0], target)
        preprocess, spec = self.run.preprocess, self.run.model
        inputs = preprocess.tensor(self._squares(films)).to(self.device)
        if quick:
            with self.lock:
                drawn = explain_by(self._model, spec, inputs, methods, target=target, layer=layer)
        else:
            own = self._own_network()
            drawn = explain_by(own, spec, inputs, methods, target=target, layer=layer)
        return {
            method: [
                Explanation(
                    cam=cam,
                    film=film,
                    box=preprocess.box(*film.shape),
                    run=self.run.name,
                )
                for cam, film in zip(cams, films, strict=True)
            ]
            for method, cams in drawn.items()
        }

    def _target(self, film: np.ndarray, target: Target | None) -> Target:
        """The class to explain: the one asked for, or the predicted one."""
        if target is None:
            return self.predict(film).prediction
        if target not in CLASS_NAMES:
            raise RunError(f"The target must be {' or '.join(CLASS_NAMES)}, not {target!r}.")
        return target

    def _own_network(self) -> torch.nn.Module:
        """A copy of the network that nobody else uses."""
        # A copy that is made in inference mode could take no part in autograd.
        with self.lock, torch.inference_mode(False):
            return copy.deepcopy(self._model)

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
