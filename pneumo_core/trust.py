"""How far one heatmap can be trusted: five checks, each with a figure, and what they say together.

Every check is of the map, never of the verdict: a map may show faithfully why a network is wrong.
The film's own log-odds are explained and measured, not the mean with its mirror image, as in
`explain`. Nothing is drawn from a global source: the same film has the same figures.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.architectures import ModelSpec
from pneumo_core.cells import in_cells, rank_correlation, scores_of
from pneumo_core.evaluation import evaluating
from pneumo_core.explain import METHODS, CamResult, LogitTarget, explain_by
from pneumo_core.trust_faithful import Faithful, faithful
from pneumo_core.trust_learned import Learned, draws_for, forgetful, learned
from pneumo_core.trust_place import Place, place
from pneumo_core.trust_reference import Reference
from pneumo_core.trust_stable import Stable, stable, views
from pneumo_core.typical import opposite

if TYPE_CHECKING:
    from pneumo_core.preprocess import Preprocess

T = TypeVar("T")
Check = Literal["faithful", "learned", "stable", "agreement", "place"]
CHECKS: tuple[Check, ...] = ("faithful", "learned", "stable", "agreement", "place")
Standing = Literal["holds", "care", "reject", "blank"]

COMPARED = ("gradcam", "occlusion", "integrated")
"""Methods that work differently: a layer's gradient, covering places, the pixels' gradient."""

BEATEN = 0.95
"""A faithful map gains more than this share of random maps."""
STEADY = 0.5
"""Mean rank correlation with the maps of slightly changed films from which on a map is stable."""
AGREED = 0.3
"""The same with the maps of methods that work differently, from which on they agree.

Lower, because such methods share no arithmetic: over validation films the median is near 0.4.
"""


@dataclass(frozen=True, eq=False)
class Trust:
    """The checks of one map. What cannot be measured of a map without contrast is None.

    Attributes:
        cam: the map itself.
        faithful: does the network lean on the marked places?
        learned: does the map depend on what the network has learned?
        stable: do slight changes of the film leave score and map alone?
        agreement: rank correlation with each other method in `COMPARED`, by its name, from -1 to 1.
        place: where the positive evidence lies.
        reference: what the figures are held against; None where there is none for this map.
    """

    cam: CamResult
    faithful: Faithful
    learned: Learned
    stable: Stable
    agreement: Mapping[str, float | None]
    place: Place | None
    reference: Reference | None

    def figures(self) -> dict[str, float | None]:
        """One figure a check, and for stability two: of the map and of the score."""
        return figures_of(
            self.faithful, self.learned, self.stable, self.agreement.values(), self.place
        )

    def passed(self, check: Check) -> bool | None:
        """Whether the map passes a check; None where that cannot be said."""
        figures = self.figures()
        if check == "faithful":
            return self.faithful.beaten >= BEATEN
        if check == "learned":
            likeness = figures["likeness"]
            if likeness is None or self.reference is None:
                return None
            return likeness < self.reference.unrelated
        if check == "stable":
            steady = figures["stability"]
            return None if steady is None else steady >= STEADY and self.stable.turned == 0
        if check == "agreement":
            agreed = figures["agreement"]
            return None if agreed is None else agreed >= AGREED
        return None if self.place is None else self.place.density <= 1

    @property
    def standing(self) -> Standing:
        """What the checks say together.

        "blank": there is no positive evidence to show. "reject": the map fails one of the first
        two checks, without which it is a picture of something else. "care": it fails another.
        "holds": it fails none. Never a word about the verdict.
        """
        if not self.cam.map.any():
            return "blank"
        failed = [check for check in CHECKS if self.passed(check) is False]
        if "faithful" in failed or "learned" in failed:
            return "reject"
        return "care" if failed else "holds"


def figures_of(
    faith: Faithful | None = None,
    memory: Learned | None = None,
    steady: Stable | None = None,
    agreed: Iterable[float | None] = (),
    where: Place | None = None,
) -> dict[str, float | None]:
    """Return the figures that have percentile tables, by name; None for what is not known."""
    known = [each for each in agreed if each is not None]
    return {
        "gain": faith.gain if faith else None,
        "likeness": memory.highest if memory else None,
        "stability": steady.map if steady else None,
        "score_change": steady.largest if steady else None,
        "agreement": sum(known) / len(known) if known else None,
        "density": where.density if where else None,
    }


def others(method: str) -> tuple[str, ...]:
    """Return the two methods that a method's map is compared with: they work differently."""
    kept = [name for name in COMPARED if name != method]
    if METHODS[method].on_input is None:
        kept = [name for name in kept if METHODS[name].on_input is not None]
    return tuple(kept)


def check(
    model: nn.Module,
    spec: ModelSpec,
    preprocess: "Preprocess",
    square: np.ndarray,
    *,
    method: str = "gradcam",
    target: str = "Pneumonia",
    layer: str | None = None,
    threshold: float = 0.0,
    reference: Reference | None = None,
    progress: Callable[[float], object] = lambda _: None,
) -> Trust:
    """Draw one film's map and check it.

    The model is afterwards as it was; a caller with several threads holds a lock on it.

    Args:
        model: the network, on any device.
        spec: what it was built from.
        preprocess: the run's.
        square: uint8 (square_size, square_size), as `Preprocess.square` makes it.
        method: name in `explain.METHODS`, not a slow one where time matters.
        target: the class that is explained, "Normal" or "Pneumonia".
        layer: the stage to read; None for the default.
        threshold: log-odds of pneumonia from which on the film is called that.
        reference: what a set of images had, and what stands in for removed parts. Of another method
            or layer, it serves for the latter alone.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        PneumoError: an unknown method or class.
        RecipeError: a stage that CAM cannot read.
    """
    device = next(model.parameters()).device
    seed = crc32(np.ascontiguousarray(square))
    score = LogitTarget(target)
    progress(0.0)
    # Copies of the network that are made in inference mode can take no part in autograd.
    with torch.inference_mode(False), evaluating(model):
        grey = preprocess.resized(torch.as_tensor(square)[None].to(device))
        films: Tensor = preprocess.normalised(torch.cat([grey, views(grey)]))
        film = films[:1]
        drawn = explain_by(model, spec, film, [method, *others(method)], target=target, layer=layer)
        cam = drawn[method][0]
        progress(0.2)
        fill = (
            opposite(reference.typical, target, preprocess, grey)
            if reference and reference.typical
            else None
        )
        faith = faithful(model, film[0], score, {method: cam.evidence}, seed, fill)[method]
        progress(0.4)
        draws = draws_for(method)
        copies = forgetful(model, spec, draws, seed)
        memory = learned(
            _counted(copies, lambda done: progress(0.4 + 0.35 * done / (2 * draws))),
            spec,
            film,
            {method: [cam.evidence]},
            target=target,
            layer=layer,
        )[method][0]
        # One by one where a map takes long, so that progress is seen; otherwise all at once.
        parts = films[1:].split(1 if METHODS[method].on_input else len(films))
        moved = [
            each
            for part in _counted(parts, lambda done: progress(0.75 + 0.25 * done / len(parts)))
            for each in explain_by(model, spec, part, [method], target=target, layer=layer)[method]
        ]
        scores = scores_of(model, films, score).tolist()
    progress(1.0)
    known = reference and (reference.method, reference.layer) == (method, cam.layer)
    return Trust(
        cam=cam,
        faithful=faith,
        learned=memory,
        stable=stable(
            cam.evidence,
            [each.evidence for each in moved],
            scores[0],
            scores[1:],
            score.sign * threshold,
        ),
        agreement={
            name: rank_correlation(in_cells(cam.evidence), in_cells(drawn[name][0].evidence))
            for name in others(method)
        },
        place=place(cam.map, grey[0, 0].cpu().numpy()),
        reference=reference if known else None,
    )


def _counted(items: Iterable[T], report: Callable[[int], object]) -> Iterator[T]:
    """Pass items on, reporting how many are done with."""
    for done, item in enumerate(items):
        report(done)
        yield item
