"""Is this a front-view chest X-ray like those the model knows? Asked before its verdict is shown.

Two judges: how far the image's features lie from the training images' (`reference`), and what can
be seen without a network (`image_checks`). A film that looks turned or inverted, or has a border,
is put right before it is called anything but a chest X-ray.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pneumo_core.image_checks import (
    UPRIGHT,
    Objection,
    Reason,
    image_objections,
    objection,
    without_border,
)
from pneumo_core.images import GreyImage
from pneumo_core.reference import Reference

if TYPE_CHECKING:
    from torch import nn

    from pneumo_core.runs import Run

Answer = Literal["familiar", "unusual", "not a chest X-ray"]

Features = Callable[[Sequence[np.ndarray]], tuple[np.ndarray, ...]]
"""Films, float32 (height, width) in [0, 1], to their features (N, D) at each of
`Reference.stages`."""

GRAVE = frozenset({Reason.COLOUR, Reason.PAGE, Reason.FLAT})
"""Reasons that, with features that are unusual too, leave no doubt that it is no chest X-ray."""


@dataclass(frozen=True, eq=False)
class Novelty:
    """What is to be thought of one image before its verdict.

    Attributes:
        answer: "familiar"; "unusual": the verdict is shown, the objections beside it; "not a chest
            X-ray": the verdict is withheld until somebody asks for it.
        objections: What is unusual, in words; empty where it is familiar.
        distance: How far the image's features lie from the training images', in standard deviations
            of validation images summed over the depths; 0 for the median one. Of the film put
            right, where it looks turned or inverted or has a border and lies nearer then.
        percentile: Percentage of validation images that lie nearer than the image as it is.
        depths: The image as it is, at each depth: its distance in standard deviations.
        codes: float32 (K,), where the image as it is lies among the training images: for
            `similar.nearest`.
    """

    answer: Answer
    objections: tuple[Objection, ...]
    distance: float
    percentile: float
    depths: tuple[float, ...]
    codes: np.ndarray

    @property
    def withheld(self) -> bool:
        """Whether the verdict is shown only on demand."""
        return self.answer == "not a chest X-ray"

    @property
    def sentence(self) -> str:
        """The answer as a sentence for the screen, without the objections."""
        return _SENTENCES[self.answer]


_SENTENCES: dict[Answer, str] = {
    "familiar": "It looks like the films the model was trained on.",
    "unusual": "It differs from the films the model was trained on: rely less on the verdict.",
    "not a chest X-ray": "It does not look like a front view of a chest: a verdict would mean "
    "nothing.",
}


def network_features(run: "Run", model: "nn.Module", stages: Sequence[str]) -> Features:
    """How a run's network sees films at these stages, in batches.

    The model must not be explained by another thread meanwhile: hold the detector's lock.
    """
    from pneumo_core.features import stage_features

    def features(films: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        squares = np.stack([run.preprocess.square(film) for film in films])
        device = next(model.parameters()).device
        return stage_features(model, run.model, run.preprocess, squares, stages, device=device)

    return features


def judge(reference: Reference, features: Features, film: GreyImage) -> Novelty:
    """Judge one image.

    Args:
        reference: Of the run.
        features: How the run's network sees films.
        film: At its full size.
    """
    return judge_many(reference, features, [film])[0]


def judge_many(
    reference: Reference,
    features: Features,
    films: Sequence[GreyImage],
    seen: tuple[np.ndarray, ...] | None = None,
) -> list[Novelty]:
    """Judge images together, which is faster than one by one; otherwise as `judge`.

    The network runs once, and once more over those that have to be put right. The first time it
    does not where `seen` has what `features` would give for the images as they are.
    """
    if not films:
        return []
    if seen is None:
        seen = features([film.pixels for film in films])
    as_is = reference.novelty(seen)
    unusual = as_is > reference.unusual
    inner = [without_border(film.pixels) for film in films]
    turns = [reference.orientation.guess(pixels) for pixels in inner]
    bordered = [
        bool(far) and pixels.shape != film.pixels.shape
        for far, pixels, film in zip(unusual, inner, films, strict=True)
    ]
    wrong = [i for i, turn in enumerate(turns) if turn != UPRIGHT or bordered[i]]
    nearest = as_is.copy()
    if wrong:
        right = features([turns[i].undone(inner[i]) for i in wrong])
        nearest[wrong] = np.minimum(as_is[wrong], reference.novelty(right))
    each = [d.distances(f) for d, f in zip(reference.depths, seen, strict=True)]
    depths, codes = np.stack(each, axis=1), reference.encode(seen)
    results = []
    for i, film in enumerate(films):
        distance = float(nearest[i])
        lies = (objection(Reason.BORDER),) * bordered[i] + turns[i].objections
        answer, objections = _answer(reference, film, lies, bool(unusual[i]), distance)
        results.append(
            Novelty(
                answer=answer,
                objections=objections,
                distance=distance,
                percentile=reference.percentile(float(as_is[i])),
                depths=tuple(map(float, depths[i])),
                codes=codes[i],
            )
        )
    return results


def _answer(
    reference: Reference,
    film: GreyImage,
    lies: tuple[Objection, ...],
    unusual: bool,
    distance: float,
) -> tuple[Answer, tuple[Objection, ...]]:
    """The answer and what speaks for it.

    Args:
        reference: Of the run.
        film: The image.
        lies: What is unusual about how it lies in the picture.
        unusual: Whether its features are, as it is.
        distance: Of its features once it is put right.
    """
    found = image_objections(film, reference.square_size)
    reasons = [each.reason for each in found]
    if distance > reference.foreign or (distance > reference.unusual and GRAVE & set(reasons)):
        # How it lies matters of a film only.
        named = [Reason.PHOTOGRAPH if each == Reason.COLOUR else each for each in reasons]
        return "not a chest X-ray", tuple(map(objection, named or [Reason.UNFAMILIAR]))
    objections = found + lies
    if distance > reference.unusual or (unusual and not objections):
        objections += (objection(Reason.UNFAMILIAR),)
    return ("unusual" if objections else "familiar"), objections
