"""Grad-CAM of a batch of 16, against pytorch-grad-cam used as its README says.

    OMP_NUM_THREADS=1 python -m benchmarks.gradcam

run in the project's folder. The library: `with GradCAM(model, target_layers) as cam:
cam(input_tensor, targets)` on the whole batch, and image by image, as it is often used. Ours:
`explain` on the same network, the same batch and the same class. Both networks have the weights
that torchvision or the run gives them, each in the layout that it comes in: the library's as built,
ours channels last, as runs are loaded. The raw maps must agree to 1e-4 of their largest value (the
library scales its own between its minimum and maximum, so it is compared before that step).
ResNet-50 and ResNet-18 have random weights at 224 px; the default run is an ensemble, of which the
library explains the members one after the other.
"""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import pneumo_core.vision  # noqa: F401  # before whatever imports torchvision

# isort: split
from pytorch_grad_cam import GradCAM

from benchmarks.measure import Ratio, alternated, medians, record
from pneumo_core.architectures import (
    ModelSpec,
    cam_stage,
    create_model,
    members_of,
    stage_module,
)
from pneumo_core.explain import LogitTarget, explain
from pneumo_core.runs import default_run

IMAGES = 16
TARGET = "Pneumonia"


def main() -> None:
    """Measure by turns, print and keep."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    run = default_run()
    large = [("ResNet-50", ModelSpec("resnet50")), ("ResNet-18", ModelSpec("resnet18"))]
    ratios = []
    for name, spec in large:
        ratios += against_library(f"{name} at 224 px", spec, create_model(spec).eval(), 224)
    ratios += against_library(run.name, run.model, run.load_model(), run.preprocess.input_size)
    record("gradcam", ratios, ["One thread. At least 4 times as fast is what was aimed at."])


def against_library(name: str, spec: ModelSpec, model: nn.Module, size: int) -> list[Ratio]:
    """How many times as fast ours is on one network, for the batch and for single images."""
    images = torch.randn(IMAGES, spec.channels, size, size)
    theirs = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    ours = model.to(memory_format=torch.channels_last)
    ready = images.contiguous(memory_format=torch.channels_last)
    check(spec, ours, theirs, ready, images)
    seconds = alternated(
        {
            "ours": lambda: explain(ours, spec, ready, target=TARGET),
            "library": lambda: by_library(spec, theirs, images),
            "one by one": lambda: [by_library(spec, theirs, image[None]) for image in images],
        },
        rounds=5,
        warmup=1,
    )
    took = medians(seconds)
    return [
        Ratio(
            f"pytorch-grad-cam, {how}: seconds, {name}",
            f"Grad-CAM of {IMAGES} images by explain: seconds",
            took[key] / took["ours"],
            wanted,
            f"{1000 * took[key]:.0f} ms and {1000 * took['ours']:.0f} ms",
        )
        for key, how, wanted in (("library", "the batch", ">= 2"), ("one by one", "one by one", ""))
    ]


def by_library(spec: ModelSpec, model: nn.Module, images: Tensor) -> list[np.ndarray]:
    """The library's maps of each member."""
    found = []
    for member in members_of(model):
        layers = [stage_module(member, spec, cam_stage(spec))]
        with GradCAM(model=member, target_layers=layers) as cam:
            found.append(cam(input_tensor=images, targets=[LogitTarget(TARGET)] * len(images)))
    return found


def check(
    spec: ModelSpec, ours: nn.Module, theirs: nn.Module, ready: Tensor, images: Tensor
) -> None:
    """Stop where the raw maps are not the same to 1e-4."""
    raw = []
    original: Callable = GradCAM.get_cam_image

    def kept(self: GradCAM, *asked: object, **named: object) -> np.ndarray:
        raw.append(original(self, *asked, **named))
        return raw[-1]

    GradCAM.get_cam_image = kept
    try:
        by_library(spec, theirs, images)
    finally:
        GradCAM.get_cam_image = original
    expected = np.mean(raw, 0)
    found = np.stack([each.evidence for each in explain(ours, spec, ready, target=TARGET)])
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


if __name__ == "__main__":
    main()
