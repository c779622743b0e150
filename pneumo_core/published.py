"""What the authors of a source system state about it, as its recipe quotes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pneumo_core.confusion import Confusion

FIGURES = ("auc", "sensitivity", "specificity", "accuracy")
"""What models are compared by, all but the first at each model's own threshold."""


@dataclass(frozen=True)
class Published:
    """What the authors of the source system state.

    Attributes:
        figures: Shares and areas in [0, 1], by the names of `FIGURES` and "f1".
        derived: Which of them follow from the stated matrix instead of being stated.
        confusion: The stated confusion matrix, None without one.
        note: What is to be known about them; "" for nothing.
        kinds: Shares and areas of bacterial against viral pneumonia, by the names of `FIGURES`.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()
    confusion: Confusion | None = None
    note: str = ""
    kinds: Mapping[str, float] = field(default_factory=dict)


def published(recipe: Mapping[str, Any]) -> Published:
    """Read the published figures of a recipe; what makes no sense is left out.

    The recall of a class is the sensitivity (of pneumonia) or the specificity (of normal).
    """
    given = recipe.get("published")
    if not isinstance(given, Mapping):
        return Published()
    aliases = {"recall_pneumonia": "sensitivity", "recall_normal": "specificity"}
    stated = {
        aliases.get(name, name): float(value)
        for name, value in given.items()
        if aliases.get(name, name) in (*FIGURES, "f1") and _is_share(value)
    }
    confusion = _confusion(given.get("confusion"))
    derived = {}
    if confusion is not None:
        for name in ("sensitivity", "specificity", "accuracy", "f1"):
            value = getattr(confusion, name)
            if name not in stated and value is not None:
                derived[name] = value
    note = given.get("note")
    kinds = given.get("bacteria_against_virus")
    kinds = kinds if isinstance(kinds, Mapping) else {}
    return Published(
        stated | derived,
        frozenset(derived),
        confusion,
        note if isinstance(note, str) else "",
        {name: float(kinds[name]) for name in FIGURES if _is_share(kinds.get(name))},
    )


def _confusion(given: Any) -> Confusion | None:
    """[tn, fp, fn, tp] as counts; None for anything else."""
    counts = given if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if len(counts) != 4 or not all(type(count) is int and count >= 0 for count in counts):
        return None
    tn, fp, fn, tp = counts
    return Confusion(tp=tp, fp=fp, tn=tn, fn=fn)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
