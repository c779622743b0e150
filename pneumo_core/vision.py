"""The one place that imports torchvision: `from pneumo_core.vision import torchvision`.

torchvision's wheel on the package index is compiled against the CUDA build of torch. Beside the
CPU build its extension cannot load, and its import then fails with "operator torchvision::nms
does not exist", because it registers shape rules for operators that the extension should have
declared. We use none of these operators (they are for object detection), so declaring them is
enough. Import this module before anything that imports torchvision itself, such as
pytorch_grad_cam.
"""

import importlib.util
import sys
from pathlib import Path

import torch

_DETECTION_OPERATORS = ("nms", "qnms")


def _extension_loads() -> bool:
    """Whether torchvision's compiled extension can be loaded into this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # absent: let the import below say so
    try:
        for library in Path(spec.origin).parent.glob("_C.*"):
            torch.ops.load_library(library)
            return True
    except OSError:
        pass
    return False


if "torchvision" not in sys.modules and not _extension_loads():
    # A declaration lives as long as its Library object, so this must stay referenced.
    _declarations = torch.library.Library("torchvision", "DEF")
    for _name in _DETECTION_OPERATORS:
        _declarations.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402

__all__ = ["torchvision"]
