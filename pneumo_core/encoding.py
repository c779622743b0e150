"""One pass of the network over a batch, from which all that is asked of the films is drawn.

Verdict, what each member of an ensemble says, features for novelty, and maps of any method and
class: each is a few operations on what a single pass leaves behind.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pneumo_core.architectures import ModelSpec, members_of, pneumonia_logit, stage_module
from pneumo_core.evaluation import evaluating
from pneumo_core.features import recording


@dataclass(frozen=True, eq=False)
class Encoding:
    """What a pass left behind.

    Attributes:
        inputs: the network inputs, float (N, C, S, S), on the network's device.
        members: the single networks, M of them.
        layers: of each member, the module of the stage that maps are read at.
        outputs: of each member, raw outputs (N, K); with a graph that begins at `activations`.
        activations: of each member, the output of the stage, (N, D, h, w).
        mirrored: raw outputs of each member for the mirror images; none where not asked for.
        features: float32 (N, D) for each stage that was asked for; see `features.stage_features`.
    """

    inputs: Tensor
    members: Sequence[nn.Module]
    layers: Sequence[nn.Module]
    outputs: Sequence[Tensor]
    activations: Sequence[Tensor]
    mirrored: Sequence[Tensor]
    features: tuple[np.ndarray, ...]

    def log_odds(self) -> np.ndarray:
        """Log-odds of pneumonia, float64 (1 + M, N): of the whole network, then of each member.

        The same numbers as `evaluation.predict_logits` gives, bit for bit.
        """
        both = [_log_odds(outputs) for outputs in (self.outputs, self.mirrored) if outputs]
        return (sum(both) / len(both)).float().cpu().double().numpy()


@torch.no_grad()
def _log_odds(outputs: Sequence[Tensor]) -> Tensor:
    return torch.stack(
        [pneumonia_logit(torch.stack([*outputs]).mean(0)), *map(pneumonia_logit, outputs)]
    )


def encode(
    model: nn.Module,
    spec: ModelSpec,
    inputs: Tensor,
    stage: str,
    features: Sequence[str] = (),
    mirrored: bool = False,
) -> Encoding:
    """Run the network once, inside `at_rest`; gradients reach no further down than the stage.

    (An in-place operation on that stage's output is an error; no stage in the registry is followed
    by one.)

    Args:
        model: the network.
        spec: what it was built from.
        inputs: network inputs, float (N, C, S, S), N at least 1, on the network's device.
        stage: that maps are to be read at.
        features: stages whose features are wanted; see `features.stage_features`.
        mirrored: run it over the mirror images as well, for a verdict that averages both.

    Raises:
        RecipeError: the architecture has no stage of that name.
    """
    members = members_of(model)
    layers = [stage_module(member, spec, stage) for member in members]
    activations: list[Tensor] = []

    def start_graph(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        activations.append(output.requires_grad_(True))
        return output

    with ExitStack() as hooks:
        seen = hooks.enter_context(recording(members, spec, features))
        for layer in layers:
            hooks.callback(layer.register_forward_hook(start_graph).remove)
        outputs = [member(inputs) for member in members]
    with torch.no_grad():
        others = [member(inputs.flip(-1)) for member in members] if mirrored else []
    each = [
        torch.cat([seen[member, position] for member in range(len(members))], dim=1)
        for position in range(len(features))
    ]
    return Encoding(
        inputs=inputs,
        members=members,
        layers=layers,
        outputs=outputs,
        activations=activations,
        mirrored=others,
        features=tuple(part.float().cpu().numpy() for part in each),
    )


@contextmanager
def at_rest(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, every parameter frozen, autograd on; afterwards all is as it was.

    A caller may be in inference mode, whose tensors can take no part in autograd.
    """
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        try:
            model.requires_grad_(False)
            yield
        finally:
            for parameter, flag in flags:
                parameter.requires_grad_(flag)
