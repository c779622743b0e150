"""The threshold in use: how it was chosen, what is saved, and the three zones around it."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from pneumo_core.confusion import ABOVE_ONE, ThresholdTable, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.intervals import Estimate, wilson
from pneumo_core.rules import (
    RULES,
    AlertsAtMost,
    CostRatio,
    FBeta,
    NpvAtLeast,
    PpvAtLeast,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    Youden,
)
from pneumo_core.scores import pair_probabilities

__all__ = [
    "RULES",
    "AlertsAtMost",
    "Choice",
    "CostRatio",
    "FBeta",
    "NpvAtLeast",
    "OperatingPoint",
    "PpvAtLeast",
    "Rule",
    "SensitivityAtLeast",
    "SpecificityAtLeast",
    "Youden",
    "ZoneChoice",
    "ZoneRow",
    "Zones",
    "ask",
    "ask_zones",
    "choose",
    "choose_zones",
    "zone_rows",
]

ZoneName = Literal["rule out", "uncertain", "rule in"]
ZONE_NAMES: tuple[ZoneName, ...] = ("rule out", "uncertain", "rule in")


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and where it comes from.

    Attributes:
        name: what a page calls it ("screening").
        threshold: on the calibrated probability; positive when probability >= threshold.
        rule: how it was chosen, in words.
        split: on which data it was chosen ("val"), or "" when set by hand.
        date: ISO date, or "".
    """

    name: str
    threshold: float
    rule: str
    split: str
    date: str = ""

    def __post_init__(self) -> None:
        _check_threshold(self.threshold)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as they are saved."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "OperatingPoint":
        """Read what `to_json` wrote.

        Raises:
            DataError: a field is absent or not what it should be.
        """
        fields = _fields(data, "operating point", ("name", "rule", "split"), ("threshold",))
        return cls(**fields, date=str(data.get("date", "")))


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
        _check_threshold(self.rule_out)
        _check_threshold(self.rule_in)
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
        _check_threshold(threshold)
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
        return cls(**_fields(data, "pair of zones", ("rule", "split"), ("rule_out", "rule_in")))


@dataclass(frozen=True)
class Choice:
    """What asking for a threshold gave.

    Attributes:
        point: the operating point; where the wish is out of reach, the nearest.
        reached: whether the wish is met.
        sentence: how the threshold was chosen and on which split, and what is nearest if it had to
            be.
        low: the counts behind the point are the same for every threshold above this one ...
        high: ... up to this one; the threshold is their midpoint.
    """

    point: OperatingPoint
    reached: bool
    sentence: str
    low: float
    high: float


@dataclass(frozen=True)
class ZoneChoice:
    """What asking for three zones gave; fields as those of `Choice`."""

    zones: Zones
    reached: bool
    sentence: str


def ask(
    labels: Any, probabilities: Any, rule: Rule, split: str, name: str = "", date: str = ""
) -> Choice:
    """Choose a threshold by a rule, and say how.

    Every threshold between two neighbouring scores gives the same counts; the midpoint is taken,
    which treats the images on both sides alike and so generalises better than either score. Below
    the lowest score it is the midpoint to 0, above the highest the midpoint to 1 (just above 1 if
    the highest score is 1). Where several rows serve the rule equally well the most sensitive one
    is taken, so one sample has one answer.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        rule: what is wanted.
        split: name of the data, for the words ("val").
        name: of the operating point; the rule's own words when empty.
        date: ISO date to keep with it.

    Raises:
        DataError: a bad value, different lengths, or a class the rule needs is not there.
    """
    return ask_table(threshold_table(labels, probabilities), rule, split, name, date)


def ask_table(
    table: ThresholdTable, rule: Rule, split: str, name: str = "", date: str = ""
) -> Choice:
    """Choose as `ask` does, from a full threshold table that is already there."""
    pick = rule.pick(table)
    threshold, low, high = _between(table, pick.row)
    confusion = table.confusion(pick.row)
    figures = [
        f"{name} {value:.3f}"
        for name, value in (
            ("sensitivity", confusion.sensitivity),
            ("specificity", confusion.specificity),
        )
        if value is not None
    ]
    lead = f"{pick.nearest[:1].upper()}{pick.nearest[1:]}. " if pick.nearest else ""
    sentence = (
        f"{lead}Threshold {threshold:.3f}, chosen on {split} for {rule.words}: "
        f"{' and '.join(figures)} there."
    )
    point = OperatingPoint(name or rule.words, threshold, rule.words, split, date)
    return Choice(point, pick.reached, sentence, low, high)


def choose(
    labels: Any, probabilities: Any, rule: Rule, split: str, name: str = "", date: str = ""
) -> OperatingPoint:
    """Choose as `ask` does and return only the operating point."""
    return ask(labels, probabilities, rule, split, name, date).point


def ask_zones(
    labels: Any,
    probabilities: Any,
    split: str,
    rule_out: SensitivityAtLeast | NpvAtLeast | None = None,
    rule_in: SpecificityAtLeast | PpvAtLeast | None = None,
) -> ZoneChoice:
    """Choose two thresholds: below the one pneumonia is ruled out, from the other on ruled in.

    Where the model is so good that the rule-out threshold would lie above the rule-in one, a single
    threshold serves both wishes; their midpoint is taken and no image is uncertain.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        split: name of the data, for the words.
        rule_out: by default a sensitivity of at least 98 %.
        rule_in: by default a specificity of at least 95 %.

    Raises:
        DataError: as `ask`.
    """
    table = threshold_table(labels, probabilities)
    lower = ask_table(table, rule_out or SensitivityAtLeast(0.98), split)
    upper = ask_table(table, rule_in or SpecificityAtLeast(0.95), split)
    low, high = lower.point.threshold, upper.point.threshold
    words = f"rule out by {lower.point.rule}, rule in by {upper.point.rule}"
    sentence = f"{words}, chosen on {split}: uncertain from {low:.3f} to {high:.3f}."
    if low > high:
        low = high = (low + high) / 2
        sentence = f"{words}, chosen on {split}: the threshold {low:.3f} alone serves both."
    missed = [c.sentence.split(". ")[0] + "." for c in (lower, upper) if not c.reached]
    sentence = " ".join([*missed, sentence[:1].upper() + sentence[1:]])
    return ZoneChoice(Zones(low, high, words, split), not missed, sentence)


def choose_zones(
    labels: Any,
    probabilities: Any,
    split: str,
    rule_out: SensitivityAtLeast | NpvAtLeast | None = None,
    rule_in: SpecificityAtLeast | PpvAtLeast | None = None,
) -> Zones:
    """Choose as `ask_zones` does and return only the zones."""
    return ask_zones(labels, probabilities, split, rule_out, rule_in).zones


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


def _between(table: ThresholdTable, row: int) -> tuple[float, float, float]:
    """A threshold for a row, and the range that gives the row's counts: above low, up to high."""
    high = float(table.thresholds[row])
    if row == 0:
        return high, high, high
    low = float(table.thresholds[row - 1])
    middle = (low + min(high, 1.0)) / 2
    # Rounding may put the midpoint of two adjacent floats on the lower one, which is outside.
    return (middle if low < middle else high), low, high


def _check_threshold(threshold: Any) -> None:
    if not isinstance(threshold, int | float) or not 0 <= threshold <= ABOVE_ONE:
        raise DataError(f"A threshold must be a number between 0 and 1, not {threshold!r}.")


def _fields(
    data: Any, what: str, texts: tuple[str, ...], numbers: tuple[str, ...]
) -> dict[str, Any]:
    if not isinstance(data, dict) or not {*texts, *numbers} <= data.keys():
        raise DataError(f"A saved {what} needs {', '.join((*texts, *numbers))}, not {data!r}.")
    return {key: str(data[key]) for key in texts} | {key: data[key] for key in numbers}
