"""How long a map and its checks take on this machine, before anybody waits for them."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pneumo_core.architectures import ModelSpec, cam_stage, members_of, stage_module
from pneumo_core.attribution import STEPS as GRADIENT_STEPS
from pneumo_core.cells import GRID
from pneumo_core.evaluation import evaluating
from pneumo_core.explain import METHODS
from pneumo_core.occlusion import PATCH
from pneumo_core.trust import others
from pneumo_core.trust_faithful import RANDOM_ORDERS, STEPS
from pneumo_core.trust_learned import draws_for
from pneumo_core.trust_stable import VIEWS

if TYPE_CHECKING:
    from pneumo_core.preprocess import Preprocess

FILMS = 4
"""Films that go through the network together to time it."""
TIMES = 2
"""How often: the shorter time is the network's own, the longer has other work in it."""
BACKWARD = 2
"""What a backward pass takes, in forward passes, as a rule of thumb."""
KINDS = 2
"""Heads, and heads with the last stage, are forgotten; see `trust_learned`."""


@dataclass(frozen=True)
class Effort:
    """What was measured of a network; the rest is counting its runs.

    Attributes:
        forward: seconds that one film takes through it, among others.
        channels: of the stage that maps are read at.
    """

    forward: float
    channels: int

    def of_map(self, method: str) -> float:
        """Seconds that one film's map takes by a method of `METHODS`."""
        return self.forward * self._runs(method)

    def of_checks(self, method: str) -> float:
        """Seconds that `trust.check` takes for that map."""
        maps = self._runs(method) + sum(self._runs(other) for other in others(method))
        curves = 2 + 2 * (STEPS - 1) * (1 + RANDOM_ORDERS)
        redrawn = (KINDS * draws_for(method) + VIEWS) * self._runs(method)
        return self.forward * (maps + curves + redrawn + VIEWS + 1)

    def _runs(self, method: str) -> int:
        """How many forward passes a map takes, a backward one counted as `BACKWARD`."""
        if method == "occlusion":
            return (GRID - PATCH + 1) ** 2 + 1
        if method == "integrated":
            return GRADIENT_STEPS * (1 + BACKWARD)
        # Score-CAM looks at the film through each channel of the stage.
        return self.channels if METHODS[method].slow else 1 + BACKWARD


@torch.no_grad()
def measure(
    model: nn.Module, spec: ModelSpec, preprocess: "Preprocess", layer: str | None = None
) -> Effort:
    """Time a network on grey films of no one.

    Args:
        model: the network; nobody else may use it meanwhile.
        spec: what it was built from.
        preprocess: the run's.
        layer: the stage that maps are read at; None for the default.

    Raises:
        RecipeError: a stage that CAM cannot read.
    """
    channels: list[int] = []

    def count(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        channels.append(output.shape[1])

    stage = stage_module(members_of(model)[0], spec, cam_stage(spec, layer))
    size = preprocess.input_size
    films = torch.zeros(FILMS, preprocess.channels, size, size)
    films = films.to(next(model.parameters()).device)
    hook = stage.register_forward_hook(count)
    try:
        with evaluating(model):
            model(films[:1])  # the first run is slower than any other
            taken = [_timed(model, films) for _ in range(TIMES)]
    finally:
        hook.remove()
    return Effort(min(taken) / FILMS, channels[0])


def _timed(model: nn.Module, films: Tensor) -> float:
    start = time.perf_counter()
    model(films)
    return time.perf_counter() - start
