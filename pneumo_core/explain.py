"""Where a network's evidence lies: class activation maps, through pytorch-grad-cam.

The library computes the raw map; everything around it is ours, for these reasons. It scales every
map between its minimum and its maximum, so that one without evidence shows a red spot all the
same: we keep the raw map, in units of the logit where the method has units. It leaves the model in
eval mode: we restore everything. It runs the network anew for every method and gradients back to
the input, and fails when every parameter is frozen: we run it once for all methods and start the
graph at the layer that is read. (An in-place operation on that layer's output then is an error; no
stage in the registry is followed by one.)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pneumo_core import CLASS_NAMES
from pneumo_core.architectures import (
    ModelSpec,
    cam_stage,
    members_of,
    pneumonia_logit,
    stage_module,
)
from pneumo_core.attribution import integrated_gradients
from pneumo_core.cells import Score
from pneumo_core.errors import PneumoError
from pneumo_core.occlusion import occlusion

if TYPE_CHECKING:
    from pytorch_grad_cam.base_cam import BaseCAM

INPUT = "input"
"""What stands for the stage in the results of methods that read the input."""

BAND = 2**20
"""Pixels of a film that are coloured at a time."""

NO_EVIDENCE = 1e-6
"""Evidence, in logits, whose peak is below this is rounding error: its map is blank."""


@dataclass(frozen=True)
class Method:
    """One way to draw a map.

    Attributes:
        name: the registry's name for it.
        title: the name people use.
        build: makes the library's object for a model and its layers; None for a method that reads
            no layer.
        on_input: draws the raw maps (N, h, w) of a method that works on the network's input.
        in_logits: the map is in units of the logit: a first-order share of it, cell by cell.
            Otherwise `CamResult.worth` and `against` compare only with the same method's.
        by_class: the map depends on the target. If not, it shows what the layer responds to.
        slow: needs a forward pass for every few channels: seconds, not milliseconds.
        control: says nothing about the network, on purpose: what others must be better than.
    """

    name: str
    title: str
    build: Callable[[nn.Module, list[nn.Module]], "BaseCAM"] | None = None
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
    # A caller may be in inference mode, whose tensors can take no part in autograd.
    with torch.inference_mode(False), torch.enable_grad(), _at_rest(model):
        inputs = batch.detach().clone().to(next(model.parameters()).device)
        raw = {
            each.name: each.on_input(model, inputs, score).numpy()
            for each in chosen
            if each.on_input
        }
        reading = [each for each in chosen if not each.on_input]
        if reading:
            # An ensemble's log-odds are the mean of its members', and so is the evidence for them.
            parts = [
                _raw_maps(member, stage_module(member, spec, stage), inputs, reading, score)
                for member in members_of(model)
            ]
            raw |= {each.name: np.mean([part[each.name] for part in parts], 0) for each in reading}
    size = (int(batch.shape[2]), int(batch.shape[3]))
    return {
        each.name: [
            _result(evidence, each, target, INPUT if each.on_input else stage, size)
            for evidence in raw[each.name]
        ]
        for each in chosen
    }


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


@contextmanager
def _at_rest(model: nn.Module) -> Iterator[None]:
    """Put the model in eval mode with every parameter frozen; afterwards as it was."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        model.requires_grad_(False)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def _raw_maps(
    model: nn.Module,
    layer: nn.Module,
    batch: Tensor,
    methods: Sequence[Method],
    score: LogitTarget,
) -> dict[str, np.ndarray]:
    """Return each method's maps (N, h, w), float32, before any rectifying and scaling."""
    cams = {}
    for method in methods:
        cams[method.name] = method.build(model, [layer])  # type: ignore[misc]
        # Methods that run the network again would fill memory with activations that nobody reads.
        cams[method.name].activations_and_grads.release()
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: _start_graph(kept, output))
    try:
        outputs = model(batch)
    finally:
        hook.remove()
    gradients = None
    if any(cam.uses_gradients for cam in cams.values()):
        (gradient,) = torch.autograd.grad(sum(score(output) for output in outputs), kept[0])
        gradients = gradient.float().cpu().numpy()
    activations = kept[0].detach().float().cpu().numpy()
    targets = [score] * len(batch)
    return {
        name: np.asarray(
            cam.get_cam_image(batch, layer, targets, activations, gradients, eigen_smooth=False),
            np.float32,
        )
        for name, cam in cams.items()
    }


def _start_graph(kept: list[Tensor], output: Tensor) -> Tensor:
    kept.append(output.requires_grad_(True))
    return output


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


def _from_library(name: str) -> Callable[[nn.Module, list[nn.Module]], "BaseCAM"]:
    """Return the builder of one of pytorch-grad-cam's classes."""

    def build(model: nn.Module, layers: list[nn.Module]) -> "BaseCAM":
        return getattr(_library(), name)(model, layers)

    return build


@cache
def _library() -> Any:
    """Import pytorch-grad-cam, which takes seconds, after torchvision has been made to load."""
    from pneumo_core import vision  # noqa: F401

    # isort: split
    import pytorch_grad_cam

    # Score-CAM draws a progress bar on the server's terminal, and has no switch for it.
    pytorch_grad_cam.score_cam.tqdm = SimpleNamespace(tqdm=iter)
    return pytorch_grad_cam


def _eigen_cam(model: nn.Module, layers: list[nn.Module]) -> "BaseCAM":
    """Build Eigen-CAM: the activations' first principal component (Muhammad & Yeasin, 2020).

    The library leaves its sign to chance and computes all components, at up to a hundred times
    the cost. Here the larger extreme is positive.
    """

    class UprightEigenCAM(_library().EigenCAM):
        def get_cam_image(self, *inputs: Any, **_options: Any) -> np.ndarray:
            images, channels, height, width = inputs[3].shape
            cells = inputs[3].reshape(images, channels, -1).transpose(0, 2, 1)
            cells = cells - cells.mean(1, keepdims=True)
            left, sizes, _ = np.linalg.svd(cells, full_matrices=False)
            component = left[:, :, 0] * sizes[:, :1]
            backwards = -component.min(1) > component.max(1)
            component[backwards] *= -1
            return component.reshape(images, height, width)

    return UprightEigenCAM(model, layers)


def _random_cam(model: nn.Module, layers: list[nn.Module]) -> "BaseCAM":
    """Build the control: random channel weights, drawn for each image, the same at every call.

    One draw for all images would by chance be in favour of some class, and one figure over many
    images would speak of that draw alone.
    """

    class SeededRandomCAM(_library().RandomCAM):
        def get_cam_weights(self, *inputs: Any) -> np.ndarray:
            channels = inputs[3].shape[1]
            draws = [np.random.default_rng(crc32(image.numpy())) for image in inputs[0].cpu()]
            return np.stack([draw.uniform(-1, 1, channels) for draw in draws]).astype(np.float32)

    return SeededRandomCAM(model, layers)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("gradcam", "Grad-CAM", _from_library("GradCAM"), in_logits=True),
        Method("hirescam", "HiResCAM", _from_library("HiResCAM"), in_logits=True),
        Method("gradcam++", "Grad-CAM++", _from_library("GradCAMPlusPlus")),
        Method("layercam", "LayerCAM", _from_library("LayerCAM")),
        Method("eigencam", "Eigen-CAM", _eigen_cam, by_class=False),
        Method("scorecam", "Score-CAM", _from_library("ScoreCAM"), slow=True),
        Method("occlusion", "Occlusion", on_input=occlusion),
        Method("integrated", "Integrated gradients", on_input=integrated_gradients, in_logits=True),
        Method("randomcam", "Random weights", _random_cam, by_class=False, control=True),
    )
}
"""Every method by name."""


@cache
def colour_table() -> np.ndarray:
    """Return uint8 (256, 3): the colours of maps from 0 to 1.

    A stretch of matplotlib's "inferno", which is even to the eye and in print, and readable with
    any colour vision. Its black end would darken the film and its white end vanish on bone.
    """
    from matplotlib import colormaps

    colours = colormaps["inferno"](np.linspace(0.25, 0.92, 256))[:, :3]
    table = np.rint(colours * 255).astype(np.uint8)
    table.flags.writeable = False
    return table


def overlay(pixels: np.ndarray, placed_map: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Lay a map over its film.

    The colour's share at a pixel is opacity x map: without evidence there is the plain film, in
    its own brightness.

    Args:
        pixels: float (H, W) in [0, 1].
        placed_map: float (H, W) in [0, 1], as `Preprocess.place` returns it.
        opacity: share of the colour where the map is 1, in [0, 1].

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: the shapes differ.
    """
    if pixels.shape != placed_map.shape:
        raise ValueError(f"film {pixels.shape} and map {placed_map.shape} differ in shape")
    drawn = np.empty((*pixels.shape, 3), np.uint8)
    for rows in bands(*pixels.shape):
        heat = np.clip(placed_map[rows], 0, 1)
        colours = colour_table()[np.rint(heat * 255).astype(np.uint8)]
        share = (heat * np.clip(opacity, 0, 1))[..., None]
        film = np.clip(pixels[rows], 0, 1)[..., None] * 255
        drawn[rows] = np.rint(film * (1 - share) + colours * share).astype(np.uint8)
    return drawn


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows to draw at a time: colours of all pixels of a large film at once take gigabytes."""
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
