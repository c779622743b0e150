"""Does a map depend on what the network has learned: the same map with parts of it forgotten."""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.architectures import ARCHITECTURES, ModelSpec, members_of, stage_module
from pneumo_core.cells import in_cells, rank_correlation
from pneumo_core.explain import METHODS, explain_by

Kind = Literal["head", "stage"]

DRAWS = 8
"""Networks with forgotten parts a map is compared with, for each of the two stages.

A new head may by chance point the way of the old one, or the opposite way, and where a map hardly
changes but for its sign the likeness to one draw is near 1 or -1: only the mean of several tells.
"""
INPUT_DRAWS = 3
"""The same for methods that read the input, which run the network some fifty times a map."""


@dataclass(frozen=True)
class Learned:
    """How like the map is to those of the same network with parts re-initialised.

    Spearman's rank correlation over the cells, from -1 to 1, mean over several draws; None where a
    map is the same everywhere. Low is right.

    Attributes:
        head: with a new head.
        stage: with a new head and a new last stage before it.
    """

    head: float | None
    stage: float | None

    @property
    def highest(self) -> float | None:
        """The higher of the two; None where neither is defined."""
        known = [each for each in (self.head, self.stage) if each is not None]
        return max(known, default=None)


def forgetful(
    model: nn.Module, spec: ModelSpec, draws: int = DRAWS, seed: int = 0
) -> Iterator[tuple[Kind, nn.Module]]:
    """Copy a network with its head, and with its head and last stage, re-initialised.

    The cascading randomisation of Adebayo et al. (Sanity Checks for Saliency Maps, NeurIPS 2018),
    its first two steps. Weights are drawn as torch draws them for a new layer; normalisation
    starts anew. The last stage is the last that a map can be read at.

    Args:
        model: the network; left as it is.
        spec: what it was built from.
        draws: copies of each kind.
        seed: of the weights; torch's own generator is not touched.

    Yields:
        What was forgotten, and a copy, one at a time: a network may fill much of the memory. The
        stages that are as they were are the network's own, not copies.
    """
    forgotten: dict[Kind, list[str]] = {
        "head": ["head"],
        "stage": ["head", *_last_stage(model, spec)],
    }
    generator = torch.Generator().manual_seed(seed)
    for _ in range(draws):
        for kind, stages in forgotten.items():
            other = copy.deepcopy(model, _remembered(model, spec, stages))
            for member in members_of(other):
                for stage in stages:
                    _forget(stage_module(member, spec, stage), generator)
            yield kind, other


def _remembered(model: nn.Module, spec: ModelSpec, forgotten: list[str]) -> dict[int, nn.Module]:
    """Memo for `copy.deepcopy` that leaves out the stages which stay as they are."""
    stay = [stage for stage in ARCHITECTURES[spec.architecture].stages if stage not in forgotten]
    modules = [stage_module(member, spec, stage) for member in members_of(model) for stage in stay]
    return {id(module): module for module in modules}


def draws_for(method: str) -> int:
    """Return how many draws a method's map is compared with: `DRAWS` or `INPUT_DRAWS`."""
    return INPUT_DRAWS if METHODS[method].on_input else DRAWS


def _last_stage(model: nn.Module, spec: ModelSpec) -> list[str]:
    """The last stage that a map can be read at, and what feeds it if it has no weights itself."""
    architecture = ARCHITECTURES[spec.architecture]
    stages = list(architecture.stages)
    end = stages.index(architecture.cam_stages[-1]) + 1
    single = members_of(model)[0]
    start = end - 1
    while all(p.ndim == 1 for p in stage_module(single, spec, stages[start]).parameters()):
        start -= 1
    return stages[start:end]


@torch.no_grad()
def _forget(stage: nn.Module, generator: torch.Generator) -> None:
    """Draw a stage's weights anew, on the CPU so that every device gets the same."""
    for module in stage.modules():
        own = dict(module.named_parameters(recurse=False))
        weight = own.get("weight")
        if weight is None:
            continue
        if weight.ndim == 1:
            # A normalisation: it knows how, and draws nothing.
            module.reset_parameters()  # type: ignore[operator]
            continue
        # What `reset_parameters` of torch's convolutions and linear layers draws from.
        bound = 1 / math.sqrt(weight[0].numel())
        for tensor in own.values():
            drawn = torch.empty(tensor.shape).uniform_(-bound, bound, generator=generator)
            tensor.copy_(drawn)


def learned(
    others: Iterable[tuple[Kind, nn.Module]],
    spec: ModelSpec,
    batch: Tensor,
    maps: Mapping[str, Sequence[np.ndarray]],
    *,
    target: str,
    layer: str | None = None,
) -> dict[str, list[Learned]]:
    """Compare maps with those that forgetful copies of the network draw of the same images.

    Args:
        others: copies of the network that drew the maps, as `forgetful` makes them.
        spec: what it was built from.
        batch: network inputs, float (N, C, S, S).
        maps: method -> the raw maps (h, w) of the N images.
        target: the class that is explained.
        layer: the stage that the maps were read at; None for the default.

    Returns:
        Method -> one result an image.
    """
    cells = {method: [in_cells(own) for own in maps[method]] for method in maps}
    found: dict[str, list[dict[Kind, list[float | None]]]] = {
        method: [{"head": [], "stage": []} for _ in maps[method]] for method in maps
    }
    for kind, model in others:
        drawn = explain_by(model, spec, batch, list(maps), target=target, layer=layer)
        for method, results in drawn.items():
            for own, result, likeness in zip(cells[method], results, found[method], strict=True):
                likeness[kind].append(rank_correlation(own, in_cells(result.evidence)))
    return {
        method: [
            Learned(head=_mean(likeness["head"]), stage=_mean(likeness["stage"]))
            for likeness in found[method]
        ]
        for method in maps
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Mean of those that are defined; None where none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def unrelated(cells: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the likeness of maps of unrelated images: what a map must stay below.

    Args:
        cells: (M, 64) maps of different images by one method, as `in_cells` gives them.
        seed: of the pairing: every map meets one other.

    Returns:
        float64 (K,), Spearman's rank correlation; pairs where it is undefined are left out.
    """
    order = np.random.default_rng(seed).permutation(len(cells))
    pairs = zip(cells[order], cells[np.roll(order, 1)], strict=True)
    found = [rank_correlation(a, b) for a, b in pairs]
    return np.array([value for value in found if value is not None])
