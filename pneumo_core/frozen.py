"""What a network is fed in a phase of training: images, or the features frozen stages gave them.

Frozen lower stages turn an image into the same features every time. Where nothing augments the
images either, these stages run once over all of them, the features are kept, and the epochs run
the rest of the network alone.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import takewhile
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor, fx, nn

from pneumo_core.architectures import ARCHITECTURES, ModelSpec, pneumonia_logit
from pneumo_core.augment import Augmentation
from pneumo_core.devices import autocast
from pneumo_core.distributed import ALONE, Team
from pneumo_core.evaluation import predict_logits
from pneumo_core.mixup import mixed, opposite
from pneumo_core.preprocess import Preprocess

LIMIT = 4 * 2**30
"""Bytes of features that are kept at most; where it would be more, the whole network runs."""

BLOCK = 64
"""Images at a time, in validation and wherever nothing is learnt."""

LEAST = 2
"""Images that a batch, or one process's share of it, must have: one has no batch statistics."""


@dataclass(frozen=True)
class Cut:
    """A network in two parts that share its modules: what is trained in a part is in the whole.

    Attributes:
        stages: The frozen stages below the cut, from the input on.
        lower: Images (N, C, S, S) to features (N, ...).
        upper: These features to raw outputs (N, K).
    """

    stages: tuple[str, ...]
    lower: nn.Module
    upper: nn.Module


def cut_network(model: nn.Module, stages: Mapping[str, str], frozen: Collection[str]) -> Cut | None:
    """Cut a network above its frozen lower stages.

    Args:
        model: Any network that torch.fx can follow from stage to stage.
        stages: Stage name to module path, from input to output.
        frozen: Names of the frozen ones.

    Returns:
        The network cut below the first stage that is not frozen. None where the first stage of
        all is not frozen or all are, where more than the input of that one stage would have to be
        kept, and where torch.fx cannot follow the network.
    """
    below = tuple(takewhile(lambda stage: stage in frozen, stages))
    if len(below) in (0, len(stages)):
        return None
    first = list(stages.values())[len(below)]
    try:
        lower, upper = (_traced(model, stages.values()) for _ in range(2))
    except fx.proxy.TraceError:
        return None
    calls = [[node for node in part.graph.nodes if node.target == first] for part in (lower, upper)]
    if any(len(nodes) != 1 or len(nodes[0].all_input_nodes) != 1 for nodes in calls):
        return None
    below_first, above_first = (nodes[0].all_input_nodes[0] for nodes in calls)

    *_, output = lower.graph.nodes
    lower.graph.erase_node(output)
    lower.graph.output(below_first)

    images = next(iter(upper.graph.nodes))
    with upper.graph.inserting_before(images):
        features = upper.graph.placeholder("features")
    above_first.replace_all_uses_with(features)
    upper.graph.eliminate_dead_code()
    if images.users:
        return None  # something passes the stage by
    upper.graph.erase_node(images)
    return Cut(below, _tidied(lower), _tidied(upper))


class _StageTracer(fx.Tracer):
    """Follows a network down to its stages, which stay whole."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__()
        self.paths = frozenset(paths)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        whole = module_qualified_name in self.paths
        return whole or super().is_leaf_module(m, module_qualified_name)


def _traced(model: nn.Module, paths: Iterable[str]) -> fx.GraphModule:
    return fx.GraphModule(model, _StageTracer(paths).trace(model))


def _tidied(part: fx.GraphModule) -> fx.GraphModule:
    part.graph.eliminate_dead_code()
    part.delete_all_unused_submodules()
    part.recompile()
    return part


@dataclass(frozen=True)
class Images:
    """The images of a phase, as the whole network is fed with them.

    Attributes:
        model: The network, on `device`.
        preprocess: From squares to its input, at the phase's input size.
        augmentation: What training images go through.
        squares: Training images, uint8 (N, side, side), on `device`.
        val_squares: Validation images, uint8 (N, side, side).
        flip_average: Whether validation averages an image and its mirror image.
        device: Where the network is.
        team: The processes that train it together.
    """

    model: nn.Module
    preprocess: Preprocess
    augmentation: Augmentation
    squares: Tensor
    val_squares: np.ndarray
    flip_average: bool
    device: torch.device
    team: Team = ALONE

    cached_stages: ClassVar[tuple[str, ...]] = ()

    def prepare(self, report: Callable[[], None]) -> float:  # noqa: ARG002
        """Nothing is kept from epoch to epoch: it saves 0 seconds."""
        return 0.0

    @cached_property
    def trained(self) -> nn.Module:
        """The network, with gradients that the team shares."""
        return self.team.sharing(self.model)

    def train_inputs(
        self, chosen: Tensor, drawn: Generator, part: slice = slice(None), kept: float = 1.0
    ) -> Tensor:
        """Inputs (n, C, S, S) of the training images at these positions, or a part, augmented.

        Less than all of them kept is `mixup`.
        """
        start, stop, _ = part.indices(len(chosen))
        apart = kept < 1 and stop - start < len(chosen)
        before = drawn.get_state() if apart else None
        images = self._augmented(chosen, drawn, part)
        if kept < 1:
            others = images
            if before is not None:
                # Another process works on the opposite part: it is made here too, as it is there.
                drawn.set_state(before)
                across = slice(len(chosen) - stop, len(chosen) - start)
                others = self._augmented(chosen, drawn, across)
            images = mixed(images, opposite(others), kept)
        inputs = self.preprocess.normalised(images)
        return inputs.contiguous(memory_format=torch.channels_last)

    def _augmented(self, chosen: Tensor, drawn: Generator, part: slice) -> Tensor:
        grey = self.preprocess.grey(self.squares[chosen[part].to(self.device)])
        return self.augmentation(
            grey, drawn, len(chosen), part.start or 0, self.preprocess.enlarged
        )

    def train_outputs(self, chosen: Tensor, drawn: Generator, kept: float = 1.0) -> Tensor:
        """Raw outputs (n, K) for this process's share of the positions, with gradients."""
        inputs = self.train_inputs(chosen, drawn, self.team.share(len(chosen), LEAST).part, kept)
        with self.precision():
            return self.trained(inputs)

    def val_logits(self) -> np.ndarray:
        """Log-odds of pneumonia, float64 (N,), for each validation image."""
        return predict_logits(
            self.model,
            self.preprocess,
            self.val_squares,
            flip_average=self.flip_average,
            device=self.device,
            fast=True,
        )

    def precision(self) -> AbstractContextManager[object]:
        """Context of the device's cheap precision, in which networks are trained."""
        return autocast(self.device).context()


class Features:
    """The features of a phase's images, as the upper part of a cut network is fed with them.

    They are kept on the CPU, whose memory is the larger one as a rule, in the precision in which
    the lower part gives them: bfloat16 where that is the device's cheap one, float32 elsewhere.
    """

    def __init__(self, images: Images, cut: Cut) -> None:
        self.images, self.cut = images, cut
        self.cached_stages = cut.stages
        self.mirrored = (False, True) if images.flip_average else (False,)
        self.train: Tensor | None = None
        self.val_views: list[Tensor] = []
        self.seconds = 0.0

    @cached_property
    def trained(self) -> nn.Module:
        """The upper part, with gradients that the team shares."""
        return self.images.team.sharing(self.cut.upper)

    def nbytes(self) -> int:
        """Memory that the features of all images take, in bytes."""
        images = self.images
        count = len(images.squares) + len(self.mirrored) * len(images.val_squares)
        one = self._lower(self._val_inputs(torch.zeros(1, dtype=torch.int64), mirrored=False))
        return count * one.nbytes

    def prepare(self, report: Callable[[], None]) -> float:
        """Compute the features, unless they are there.

        Always in the same order and blocks, so that a resumed run has the very same ones: sums
        may be rounded otherwise in another block.

        Args:
            report: Called after each block.

        Returns:
            Seconds that this saves: 0 when they had to be computed, else what that had taken.
        """
        if self.train is not None:
            return self.seconds
        started = time.monotonic()
        images, unused = self.images, Generator(self.images.device)
        self.train = self._kept(
            len(images.squares), lambda chosen: images.train_inputs(chosen, unused), report
        )
        self.val_views = [
            self._kept(len(images.val_squares), partial(self._val_inputs, mirrored=side), report)
            for side in self.mirrored
        ]
        self.seconds = time.monotonic() - started
        return 0.0

    def train_outputs(
        self,
        chosen: Tensor,
        drawn: Generator,  # noqa: ARG002
        kept: float = 1.0,  # noqa: ARG002
    ) -> Tensor:
        """Raw outputs (n, K) for this process's share of the positions, with gradients."""
        share = self.images.team.share(len(chosen), LEAST)
        return self._upper(self.trained, self.train, chosen[share.part])

    @torch.no_grad()
    def val_logits(self) -> np.ndarray:
        """Log-odds of pneumonia, float64 (N,), for each validation image."""
        self.images.model.eval()
        parts = []
        for chosen in torch.arange(len(self.images.val_squares)).split(BLOCK):
            views = [
                pneumonia_logit(self._upper(self.cut.upper, view, chosen))
                for view in self.val_views
            ]
            parts.append((sum(views) / len(views)).float().cpu())
        return torch.cat(parts).double().numpy()

    def _val_inputs(self, chosen: Tensor, mirrored: bool) -> Tensor:
        squares = torch.from_numpy(self.images.val_squares[chosen.numpy()])
        inputs = self.images.preprocess.tensor(squares.to(self.images.device))
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs.flip(-1) if mirrored else inputs

    def _kept(
        self, count: int, inputs_of: Callable[[Tensor], Tensor], report: Callable[[], None]
    ) -> Tensor:
        features = torch.empty(0)
        for chosen in torch.arange(count).split(BLOCK):
            block = self._lower(inputs_of(chosen))
            if not len(features):
                shape = (count, *block.shape[1:])
                features = torch.empty(shape, dtype=block.dtype, memory_format=_layout(block))
            features[chosen] = block.cpu()
            report()
        return features

    @torch.no_grad()
    def _lower(self, inputs: Tensor) -> Tensor:
        self.images.model.eval()
        with self.images.precision():
            return self.cut.lower(inputs)

    def _upper(self, upper: nn.Module, features: Tensor, chosen: Tensor) -> Tensor:
        # Indexing copies: a ReLU that works in place must not change what is kept.
        batch = features[chosen].contiguous(memory_format=_layout(features))
        with self.images.precision():
            return upper(batch.to(self.images.device))


def _layout(features: Tensor) -> torch.memory_format:
    return torch.channels_last if features.ndim == 4 else torch.contiguous_format


def feed(images: Images, spec: ModelSpec, freeze: Collection[str]) -> Images | Features:
    """What the network is fed in a phase: features, where that gives the same and fits `LIMIT`.

    Args:
        images: The phase's images and network; its modes may change.
        spec: Of that network.
        freeze: The stages that the phase freezes.
    """
    if images.augmentation != Augmentation():
        return images
    cut = cut_network(images.model, ARCHITECTURES[spec.architecture].stages, freeze)
    if cut is None:
        return images
    features = Features(images, cut)
    # Shares of validation may differ in size by a block, but all ranks must do the same.
    return features if images.team.told(features.nbytes() <= LIMIT) else images
