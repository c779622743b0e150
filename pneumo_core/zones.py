"""Rule out, uncertain, rule in: three zones of the probability, and what falls into each."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from pneumo_core.errors import DataError
from pneumo_core.proportions import Estimate, wilson
from pneumo_core.scores import as_threshold, pair_probabilities

ZoneName = Literal["rule out", "uncertain", "rule in"]
ZONE_NAMES: tuple[ZoneName, ...] = ("rule out", "uncertain", "rule in")


@dataclass(frozen=True)
class Zones:
    """Two thresholds that part the probabilities into rule out, uncertain and rule in.

    Attributes:
        rule_out: below it an image is ruled out.
        rule_in: at or above it an image is ruled in.
        rule: how both were chosen, in words.
        split: on which data.
    """

    rule_out: float
    rule_in: float
    rule: str
    split: str

    def __post_init__(self) -> None:
        as_threshold(self.rule_out)
        as_threshold(self.rule_in)
        if self.rule_out > self.rule_in:
            raise DataError(
                f"The rule-out threshold {self.rule_out:g} must not lie above "
                f"the rule-in threshold {self.rule_in:g}."
            )

    def zone(self, probability: float) -> ZoneName:
        """Name the zone of a probability in [0, 1]."""
        if probability < self.rule_out:
            return "rule out"
        return "rule in" if probability >= self.rule_in else "uncertain"

    def around(self, threshold: float) -> "Zones":
        """Widen the zones to take in `threshold`, so that verdict and zone never clash.

        Raises:
            DataError: a threshold outside [0, 1].
        """
        as_threshold(threshold)
        return replace(
            self, rule_out=min(self.rule_out, threshold), rule_in=max(self.rule_in, threshold)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as they are saved."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Zones":
        """Read what `to_json` wrote.

        Raises:
            DataError: a field is absent or not what it should be.
        """
        try:
            return cls(data["rule_out"], data["rule_in"], str(data["rule"]), str(data["split"]))
        except (KeyError, TypeError):
            raise DataError(
                f"Saved zones need rule_out, rule_in, rule and split, not {data!r}."
            ) from None


@dataclass(frozen=True)
class ZoneRow:
    """The images of one zone.

    Attributes:
        zone: its name.
        positives: images with pneumonia in it.
        negatives: images without.
        share: of all images, with Wilson's interval.
        errors: missed pneumonias when ruled out, false alarms when ruled in; none when uncertain.
        error_rate: errors among the zone's images, with Wilson's interval (ruled out: 1 - NPV).
    """

    zone: ZoneName
    positives: int
    negatives: int
    share: Estimate
    errors: int
    error_rate: Estimate


def zone_rows(labels: Any, probabilities: Any, zones: Zones) -> tuple[ZoneRow, ...]:
    """Count the images and the errors of each zone, in the order of `ZONE_NAMES`.

    Raises:
        DataError: a bad value, or different lengths.
    """
    positive, probabilities = pair_probabilities(labels, probabilities)
    index = np.where(probabilities < zones.rule_out, 0, 1)
    index[probabilities >= zones.rule_in] = 2
    rows = []
    for i, name in enumerate(ZONE_NAMES):
        ill, well = int((positive & (index == i)).sum()), int((~positive & (index == i)).sum())
        errors = (ill, 0, well)[i]
        rows.append(
            ZoneRow(
                name,
                ill,
                well,
                wilson(ill + well, positive.size),
                errors,
                wilson(errors, ill + well),
            )
        )
    return tuple(rows)
