"""From a network's log-odds to a verdict at an operating point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pneumo_core import CLASS_NAMES, NOTICE
from pneumo_core.answers import Prediction, Target
from pneumo_core.calibration import probability
from pneumo_core.operating_point import OperatingPoint, ZoneName

if TYPE_CHECKING:
    from pneumo_core.runs import Run

TRAINED_ON = "The model knows front views of children aged one to five from one hospital."

_ZONE_NOTES: Mapping[ZoneName, str] = {
    "rule out": "It lies below the rule-out threshold.",
    "uncertain": "It lies between the rule-out and the rule-in threshold: it needs a reader.",
    "rule in": "It lies at or above the rule-in threshold.",
}


def verdict(run: Run, logit: float, point: OperatingPoint | None = None) -> Prediction:
    """What a film's log-odds say.

    Args:
        run: Whose network gave them.
        logit: Log-odds of pneumonia, before the temperature.
        point: In place of the run's default.
    """
    point = point or run.operating_point
    chance = float(probability(np.array([logit]), run.temperature)[0])
    positive = chance >= point.threshold
    probabilities = dict(zip(CLASS_NAMES, (1 - chance, chance), strict=True))
    called: Target = "Pneumonia" if positive else "Normal"
    zone = run.zones.around(point.threshold).zone(chance)
    side = "at or above" if positive else "below"
    note = (
        f"The probability of pneumonia, {_percent(chance)}, is {side} the threshold of "
        f"{_percent(point.threshold)} ({point.name}). {_ZONE_NOTES[zone]} {TRAINED_ON} {NOTICE}"
    )
    return Prediction(
        prediction=called,
        confidence=probabilities[called],
        probabilities=probabilities,
        probability=chance,
        logit=logit,
        zone=zone,
        threshold=point.threshold,
        operating_point=point.name,
        clinical_note=note,
        run=run.name,
    )


def _percent(share: float) -> str:
    """In percent, without claiming certainty: "over 99 %", "under 1 %"."""
    if share > 0.99:
        return "over 99 %"
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
