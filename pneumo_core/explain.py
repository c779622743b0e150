"""Where a network's evidence lies: maps of it, by several methods.

`cam` has the formulas, those of pytorch-grad-cam; everything around them is ours, for these
reasons. The library scales every map between its minimum and its maximum, so that one without
evidence shows a red spot all the same: we keep the raw map, in units of the logit where the method
has units. It leaves the model in eval mode: we restore everything. It runs the network anew for
every method and gradients back to the input, and fails when every parameter is frozen: we run it
once for all methods and start the graph at the layer that is read (`encoding`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pneumo_core import CLASS_NAMES, cam
from pneumo_core.architectures import ModelSpec, cam_stage, pneumonia_logit
from pneumo_core.attribution import integrated_gradients
from pneumo_core.cam import Seen
from pneumo_core.cells import Score
from pneumo_core.encoding import Encoding, at_rest, encode
from pneumo_core.errors import PneumoError
from pneumo_core.occlusion import occlusion

INPUT = "input"
"""What stands for the stage in the results of methods that read the input."""

NO_EVIDENCE = 1e-6
"""Evidence, in logits, whose peak is below this is rounding error: its map is blank."""


@dataclass(frozen=True)
class Method:
    """One way to draw a map.

    Attributes:
        name: the registry's name for it.
        title: the name people use.
        on_layer: draws the raw maps (N, h, w) of a method that reads a stage.
        by_gradient: it needs gradients at that stage.
        on_input: draws the raw maps (N, h, w) of a method that works on the network's input.
        in_logits: the map is in units of the logit: a first-order share of it, cell by cell.
            Otherwise `CamResult.worth` and `against` compare only with the same method's.
        by_class: the map depends on the target. If not, it shows what the layer responds to.
        slow: needs a forward pass for every few channels: seconds, not milliseconds.
        control: says nothing about the network, on purpose: what others must be better than.
    """

    name: str
    title: str
    on_layer: Callable[[Seen], Tensor] | None = None
    by_gradient: bool = True
    on_input: Callable[[nn.Module, Tensor, Score], Tensor] | None = None
    in_logits: bool = False
    by_class: bool = True
    slow: bool = False
    control: bool = False


@dataclass(frozen=True, eq=False)
class CamResult:
    """One image's map.

    Attributes:
        map: float32 (S, S) in [0, 1] over the network's input: the positive evidence, enlarged
            bilinearly, divided by its maximum. All zero where there is none, or where it is the
            same everywhere, for it then points nowhere.
        evidence: float32 (h, w), the method's raw map at the layer's resolution, signed: before
            any rectifying and scaling. In units of the logit if `Method.in_logits`.
        worth: sum of the positive evidence: what speaks for the target.
        against: sum of the negative evidence, as a number >= 0.
        method: name in `METHODS`.
        target: "Normal" or "Pneumonia".
        layer: name of the stage that was read, or `INPUT`.
    """

    map: np.ndarray
    evidence: np.ndarray
    worth: float
    against: float
    method: str
    target: str
    layer: str


class LogitTarget:
    """The score that is explained: the log-odds of one class, of one row of raw outputs (K,).

    The log-odds of Normal are minus those of Pneumonia, whatever the number of outputs.
    """

    def __init__(self, target: str) -> None:
        if target not in CLASS_NAMES:
            raise PneumoError(
                f"There is no class {target!r}: choose from {', '.join(CLASS_NAMES)}."
            )
        self.sign = 1 if target == "Pneumonia" else -1

    def __call__(self, outputs: Tensor) -> Tensor:
        """Return the scalar score."""
        return self.sign * pneumonia_logit(outputs[None])[0]


def explain(
    model: nn.Module,
    spec: ModelSpec,
    batch: Tensor,
    *,
    method: str = "gradcam",
    target: str = "Pneumonia",
    layer: str | None = None,
) -> list[CamResult]:
    """Draw one map for every image of a batch.

    The Grad-CAM evidence at position (i, j) is sum_k w_k A_k(i, j), with A the layer's activations
    and w_k the mean over positions of d logit / d A_k (Selvaraju et al., ICCV 2017). For a network
    that ends in global average pooling and a linear layer, the evidence at its last stage adds up
    to the logit minus the bias, and HiResCAM's map is the same one. Of an ensemble, the map is the
    mean of its members' maps.

    The model may be in training mode and have frozen parameters; its modes, flags, gradients and
    hooks are afterwards as they were, also after an error. The call changes them meanwhile, so a
    caller with several threads holds a lock on the model.

    Args:
        model: the network, on any device.
        spec: what it was built from.
        batch: preprocessed images, float (N, C, S, S).
        method: name in `METHODS`.
        target: the class whose log-odds are explained, "Normal" or "Pneumonia".
        layer: name of the stage to read; by default the spec's, or the architecture's own. A
            method that works on the input reads none.

    Raises:
        PneumoError: an unknown method or class.
        RecipeError: a stage that CAM cannot read.
    """
    return explain_by(model, spec, batch, [method], target=target, layer=layer)[method]


def explain_by(
    model: nn.Module,
    spec: ModelSpec,
    batch: Tensor,
    methods: Sequence[str],
    *,
    target: str = "Pneumonia",
    layer: str | None = None,
) -> dict[str, list[CamResult]]:
    """Draw the maps of several methods; one forward and one short backward pass serve all of them.

    All but `methods`, names in `METHODS`, as in `explain`.

    Returns:
        For each method, in the order of `methods`, one map an image.
    """
    for name in methods:
        if name not in METHODS:
            raise PneumoError(f"There is no method {name!r}: choose from {', '.join(METHODS)}.")
    score, stage = LogitTarget(target), cam_stage(spec, layer)
    if len(batch) == 0:
        return {name: [] for name in methods}
    chosen = [METHODS[name] for name in methods]
    reading = [each.name for each in chosen if not each.on_input]
    found: dict[str, list[CamResult]] = {}
    with at_rest(model):
        inputs = batch.detach().clone().to(next(model.parameters()).device)
        if reading:
            found = maps(encode(model, spec, inputs, stage), reading, [target] * len(batch), stage)
        for each in chosen:
            if each.on_input:
                raw = each.on_input(model, inputs, score).numpy()
                size = _side(inputs)
                found[each.name] = [_result(one, each, target, INPUT, size) for one in raw]
    return {name: found[name] for name in methods}


def maps(
    encoding: Encoding, methods: Sequence[str], targets: Sequence[str], stage: str
) -> dict[str, list[CamResult]]:
    """Draw maps of what a pass left behind, inside `at_rest`; may be asked once.

    Args:
        encoding: read at `stage`.
        methods: names in `METHODS` of methods that read a stage.
        targets: the class that is explained of each image.
        stage: for the results.

    Returns:
        For each method one map an image.
    """
    chosen = [METHODS[name] for name in methods]
    scores = [LogitTarget(target) for target in targets]
    gradients: Sequence[Tensor | None] = [None] * len(encoding.members)
    if any(method.by_gradient for method in chosen):
        explained = sum(
            score(row)
            for outputs in encoding.outputs
            for score, row in zip(scores, outputs, strict=True)
        )
        gradients = torch.autograd.grad(explained, list(encoding.activations))
    seen = [
        Seen(member, layer, encoding.inputs, scores, activations.detach(), gradient)
        for member, layer, activations, gradient in zip(
            encoding.members, encoding.layers, encoding.activations, gradients, strict=True
        )
    ]
    found = {}
    for method in chosen:
        # An ensemble's log-odds are the mean of its members', and so is the evidence for them.
        raw = torch.stack([method.on_layer(one).float().cpu() for one in seen]).mean(0).numpy()
        found[method.name] = [
            _result(evidence, method, target, stage, _side(encoding.inputs))
            for evidence, target in zip(raw, targets, strict=True)
        ]
    return found


def _side(inputs: Tensor) -> tuple[int, int]:
    return int(inputs.shape[2]), int(inputs.shape[3])


def _result(
    evidence: np.ndarray, method: Method, target: str, layer: str, size: tuple[int, int]
) -> CamResult:
    return CamResult(
        map=_scaled(evidence, size, NO_EVIDENCE if method.in_logits else 0.0),
        evidence=evidence,
        worth=float(np.maximum(evidence, 0).sum(dtype=np.float64)),
        against=float(np.maximum(-evidence, 0).sum(dtype=np.float64)),
        method=method.name,
        target=target,
        layer=layer,
    )


def _scaled(evidence: np.ndarray, size: tuple[int, int], floor: float) -> np.ndarray:
    """Enlarge the positive evidence (h, w) to `size` and divide it by its maximum."""
    positive = np.maximum(evidence, 0)
    peak = float(positive.max())
    # Evidence that is equal everywhere, but for rounding, points nowhere.
    if peak <= floor or peak - float(positive.min()) <= 1e-5 * peak:
        return np.zeros(size, np.float32)
    share = torch.from_numpy(positive / peak)[None, None]
    enlarged = F.interpolate(share, size=size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return enlarged / enlarged.max()


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("gradcam", "Grad-CAM", cam.gradcam, in_logits=True),
        Method("hirescam", "HiResCAM", cam.hirescam, in_logits=True),
        Method("gradcam++", "Grad-CAM++", cam.gradcam_plus_plus),
        Method("layercam", "LayerCAM", cam.layercam),
        Method("eigencam", "Eigen-CAM", cam.eigencam, by_gradient=False, by_class=False),
        Method("scorecam", "Score-CAM", cam.scorecam, by_gradient=False, slow=True),
        Method("occlusion", "Occlusion", on_input=occlusion),
        Method("integrated", "Integrated gradients", on_input=integrated_gradients, in_logits=True),
        Method(
            "randomcam",
            "Random weights",
            cam.randomcam,
            by_gradient=False,
            by_class=False,
            control=True,
        ),
    )
}
"""Every method by name."""

ONE_PASS = tuple(each.name for each in METHODS.values() if not (each.slow or each.on_input))
"""Methods whose maps come out of the pass that gives the verdict."""
