"""The detector: load a run once, then ask it about many films."""

import copy
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch

from pneumo_core import CLASS_NAMES
from pneumo_core.answers import Explanation, Findings, Prediction, Target
from pneumo_core.architectures import cam_stage, members_of
from pneumo_core.calibration import log_odds, probability
from pneumo_core.encoding import at_rest, encode
from pneumo_core.errors import RunError
from pneumo_core.evaluation import evaluating, predict_logits, view_averaged_logits
from pneumo_core.explain import INPUT, METHODS, ONE_PASS, CamResult, explain_by, maps
from pneumo_core.images import GreyImage, read_image
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run, default_run, read_run
from pneumo_core.verdict import verdict

if TYPE_CHECKING:
    from PIL import Image

    from pneumo_core.effort import Effort
    from pneumo_core.novelty import Novelty
    from pneumo_core.reference import Reference
    from pneumo_core.trust import Trust

    ImageLike = bytes | str | os.PathLike[str] | Image.Image | np.ndarray | GreyImage


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
        return [verdict(self.run, float(each), operating_point) for each in self.logits(images)]

    def read(
        self,
        image: "ImageLike",
        operating_point: OperatingPoint | None = None,
        method: str | None = "gradcam",
        layer: str | None = None,
    ) -> Findings:
        """Verdict, members, novelty and map of one film, from one pass of the network.

        What `predict`, `member_probabilities`, `novelty` and `explain` give with a pass each.

        Args:
            image: As for `predict`.
            operating_point: In place of the run's default; it decides which class is explained.
            method: A name out of `explain.ONE_PASS`; None for no map.
            layer: A stage of the network; None for the run's own choice.

        Raises:
            ImageError: If it is not an image that can be read.
            RunError: If what the run keeps is damaged, or the method is none of these.
        """
        return self.read_many([image], operating_point, method, layer)[0]

    def read_many(
        self,
        images: Sequence["ImageLike"],
        operating_point: OperatingPoint | None = None,
        method: str | None = "gradcam",
        layer: str | None = None,
    ) -> list[Findings]:
        """Read films together, which is faster than one by one; otherwise as `read`."""
        if method is not None and method not in ONE_PASS:
            raise RunError(f"Read by one of {', '.join(ONE_PASS)}, not by {method!r}.")
        if not images:
            return []
        films = [_film(image) for image in images]
        run, known, stage = self.run, self.reference, cam_stage(self.run.model, layer)
        pixels = [film.pixels for film in films]
        inputs = self._inputs(pixels)
        with self.lock, at_rest(self._model):
            seen = encode(
                self._model,
                run.model,
                inputs,
                stage,
                features=known.stages if known else (),
                mirrored=run.flip_average,
            )
            whole, *members = seen.log_odds()
            said = [verdict(run, float(logit), operating_point) for logit in whole]
            methods = [] if method is None else [method]
            drawn = maps(seen, methods, [each.prediction for each in said], stage)
        shown = self._explanations(drawn[method], pixels) if method else [None] * len(films)
        alone = len(members) == 1
        chances = [() if alone else self._chances(each) for each in np.transpose(members)]
        known_as = self._judged(films, seen.features)
        return [Findings(*each) for each in zip(said, chances, known_as, shown, strict=True)]

    def logits(self, images: Sequence["ImageLike"]) -> np.ndarray:
        """Log-odds of pneumonia, float64 (N,), before the temperature.

        Raises:
            ImageError: If one of them is not an image that can be read.
        """
        if not images:
            return np.empty(0)
        squares = self._squares([_film(image).pixels for image in images])
        with self.lock:
            return self._log_odds(self._model, squares)

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
        return self._judged([_film(image) for image in images])

    def _judged(
        self, films: Sequence[GreyImage], seen: tuple[np.ndarray, ...] | None = None
    ) -> list["Novelty | None"]:
        """Novelty of films; `seen` are their features where the network has been over them."""
        from pneumo_core.novelty import judge_many, network_features

        reference = self.reference
        if reference is None:
            return [None] * len(films)
        network = network_features(self.run, self._model, reference.stages)

        def features(pixels: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
            with self.lock:
                return network(pixels)

        return [*judge_many(reference, features, films, seen)]

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
        squares = self._squares([_film(image).pixels])
        with self.lock:
            return self._chances([self._log_odds(member, squares)[0] for member in members])

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
        films = [_film(image).pixels for image in images]
        quick = method in ONE_PASS or method not in METHODS
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
        found = self._explained([_film(image).pixels], methods, target, layer, quick=False)
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
        film, spec = _film(image).pixels, self.run.model
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
        square = torch.from_numpy(self._squares([_film(image).pixels])).to(self.device)
        inputs = preprocess.normalised(views(preprocess.resized(square)))
        with self.lock, torch.no_grad(), evaluating(self._model):
            logits = view_averaged_logits(self._model, inputs, self.run.flip_average)
        return self._chances(logits.double().cpu().numpy())

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
        spec, inputs = self.run.model, self._inputs(films)
        network, lock = (self._model, self.lock) if quick else (self._own_network(), nullcontext())
        with lock:
            drawn = explain_by(network, spec, inputs, methods, target=target, layer=layer)
        return {method: self._explanations(cams, films) for method, cams in drawn.items()}

    def _explanations(
        self, cams: Sequence[CamResult], films: Sequence[np.ndarray]
    ) -> list[Explanation]:
        box = self.run.preprocess.box
        pairs = zip(cams, films, strict=True)
        return [Explanation(cam, film, box(*film.shape), self.run.name) for cam, film in pairs]

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

    def _log_odds(self, network: torch.nn.Module, squares: np.ndarray) -> np.ndarray:
        run = self.run
        return predict_logits(
            network, run.preprocess, squares, flip_average=run.flip_average, device=self.device
        )

    def _chances(self, logits: Sequence[float] | np.ndarray) -> tuple[float, ...]:
        return tuple(probability(np.asarray(logits), self.run.temperature).tolist())

    def _squares(self, films: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([self.run.preprocess.square(film) for film in films])

    def _inputs(self, films: Sequence[np.ndarray]) -> torch.Tensor:
        """What the network is fed, in the layout that its weights have."""
        squares = torch.from_numpy(self._squares(films)).to(self.device)
        return self.run.preprocess.tensor(squares).contiguous(memory_format=torch.channels_last)


def _film(image: "ImageLike") -> GreyImage:
    return image if isinstance(image, GreyImage) else read_image(image)
