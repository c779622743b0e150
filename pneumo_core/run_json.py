"""What `run.json` must hold, so that no page need doubt the values it reads from there.

A shape is a type or several of them, or a list or mapping of shapes, or one that may be absent.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from pneumo_core import CLASS_NAMES


@dataclass(frozen=True)
class MayLack:
    """A shape of something that a run may lack."""

    shape: Any


_ABSENT = object()

_NUMBER = (int, float)
_SHARE = (int, float, NoneType)
_ESTIMATE = [_SHARE] * 3
_COUNTS = {"normal": int, "pneumonia": int}
_KINDS = {
    "sensitivity": dict.fromkeys(("bacteria", "virus"), MayLack(_ESTIMATE)),
    "bacteria_against_virus": MayLack(
        {
            "threshold": _NUMBER,
            "counts": {"bacteria": int, "virus": int},
            **dict.fromkeys(("auc", "sensitivity", "specificity", "accuracy"), _ESTIMATE),
        }
    ),
    "confusion": MayLack([[int] * 3] * 3),
}
_CLASS = {
    **dict.fromkeys(("precision", "recall", "f1"), _SHARE),
    **dict.fromkeys(("false_positive_rate", "false_negative_rate"), _SHARE),
    "support": int,
}
_FIGURES = {
    "n": int,
    **dict.fromkeys(("prevalence", "threshold", "accuracy_at_half", "brier", "ece"), _NUMBER),
    **dict.fromkeys(("auc", "auprc", "sensitivity", "specificity", "ppv", "npv"), _ESTIMATE),
    **dict.fromkeys(("accuracy", "f1", "balanced_accuracy"), _ESTIMATE),
    **dict.fromkeys(("lr_positive", "lr_negative"), _ESTIMATE),
    "confusion": [int] * 4,
    "per_class": dict.fromkeys((*CLASS_NAMES, "macro", "weighted"), MayLack(_CLASS)),
    "kinds": MayLack(_KINDS),
}

RUN_SHAPE: Mapping[str, Any] = {
    "title": str,
    "model": dict,
    "preprocess": dict,
    "flip_average": bool,
    "temperature": _NUMBER,
    "operating_points": list,
    "zones": {"rule_out": _NUMBER, "rule_in": _NUMBER, "rule": str, "split": str},
    "recipe": dict,
    "training": {
        **dict.fromkeys(("seed", "epochs", "best_epoch"), int),
        "cut_short": MayLack(bool),
        "ms_per_image": MayLack(_NUMBER),
        "ms_threads": MayLack(int),
        "processes": MayLack(int),
        "parameters": MayLack(_NUMBER),
        "versions": MayLack(dict),
        "duration_s": _NUMBER,
        "date": str,
    },
    "data": {
        **dict.fromkeys(("name", "title", "fingerprint", "split_rule"), str),
        "counts": dict.fromkeys(("train", "val", "test"), _COUNTS),
    },
    "metrics": {"val": _FIGURES, "test": _FIGURES},
    "weights_sha256": str,
}


def misfit(value: Any, shape: Any, place: str = "") -> str | None:
    """Where a value departs from a shape: the path of the first such part, None where it fits.

    Keys that the shape does not name may hold anything; numbers must be finite.
    """
    if isinstance(shape, MayLack):
        return None if value is _ABSENT else misfit(value, shape.shape, place)
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            return place
        parts = (
            (f"{place}.{key}".lstrip("."), value.get(key, _ABSENT), shape[key]) for key in shape
        )
    elif isinstance(shape, list):
        if not isinstance(value, list) or len(value) != len(shape):
            return place
        parts = ((place, *pair) for pair in zip(value, shape, strict=True))
    else:
        # bool is an int in Python, but no number in JSON.
        fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        finite = not isinstance(value, float) or math.isfinite(value)
        return None if fits and finite else place
    found = (misfit(part, inner, here) for here, part, inner in parts)
    return next((where for where in found if where is not None), None)
