"""The threshold in use: how it was chosen, what is saved, and the three zones around it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pneumo_core.confusion import ThresholdTable, threshold_table
from pneumo_core.errors import DataError
from pneumo_core.proportions import Estimate
from pneumo_core.resampling import percentile_interval, resample
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
from pneumo_core.scores import ABOVE_ONE, as_threshold
from pneumo_core.zones import ZONE_NAMES, ZoneName, ZoneRow, Zones, zone_rows

__all__ = [
    "RULES",
    "ZONE_NAMES",
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
    "ZoneName",
    "ZoneRow",
    "Zones",
    "ask",
    "ask_table",
    "ask_zones",
    "choose",
    "choose_zones",
    "split_words",
    "threshold_interval",
    "threshold_words",
    "zone_rows",
]


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
        as_threshold(self.threshold)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as they are saved."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "OperatingPoint":
        """Read what `to_json` wrote.

        Raises:
            DataError: a field is absent or not what it should be.
        """
        try:
            texts = (str(data[key]) for key in ("rule", "split"))
            return cls(str(data["name"]), data["threshold"], *texts, str(data.get("date", "")))
        except (KeyError, TypeError, AttributeError):
            raise DataError(
                f"A saved operating point needs name, threshold, rule and split, not {data!r}."
            ) from None


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
    lead = f"{_sentence_case(pick.nearest)}. " if pick.nearest else ""
    sentence = (
        f"{lead}Threshold {threshold_words(threshold)}, chosen on {split_words(split)} by the rule "
        f"“{rule.words}”: {' and '.join(figures)} there."
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
    lead = f"{_sentence_case(words)}, chosen on {split_words(split)}"
    if low > high:
        low = high = (low + high) / 2
        sentence = f"{lead}: the threshold {threshold_words(low)} alone serves both."
    else:
        sentence = f"{lead}: uncertain from {threshold_words(low)} to {threshold_words(high)}."
    missed = [
        choice.sentence.split(". ")[0] + "." for choice in (lower, upper) if not choice.reached
    ]
    zones = Zones(low, high, words, split)
    return ZoneChoice(zones, not missed, " ".join([*missed, sentence]))


def choose_zones(
    labels: Any,
    probabilities: Any,
    split: str,
    rule_out: SensitivityAtLeast | NpvAtLeast | None = None,
    rule_in: SpecificityAtLeast | PpvAtLeast | None = None,
) -> Zones:
    """Choose as `ask_zones` does and return only the zones."""
    return ask_zones(labels, probabilities, split, rule_out, rule_in).zones


def threshold_interval(
    labels: Any,
    probabilities: Any,
    rule: Rule,
    patients: Any = None,
    repeats: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Return the threshold a rule chooses, with its 95 % interval under resampling.

    The rule chooses anew on every bootstrap replicate (`resampling.Resamples`): a wide interval
    says that another sample of the same kind would have given another threshold.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        rule: what is wanted.
        patients: (N,) names, drawn whole.
        repeats: how many replicates.
        seed: of numpy's generator.

    Raises:
        DataError: as `ask`.
    """
    value = ask(labels, probabilities, rule, "").point.threshold
    replicates = resample(labels, probabilities, patients, repeats, seed, max_rows=1024)
    chosen = [_between(table, rule.pick(table).row)[0] for table in replicates.tables()]
    return percentile_interval(value, np.array(chosen))


def threshold_words(threshold: float) -> str:
    """Write a threshold with enough digits to tell it from 0 and 1: "0.620", "0.9998"."""
    if threshold >= ABOVE_ONE:
        return "above 1"
    return f"{threshold:.3f}" if 0.001 <= threshold <= 0.999 else f"{threshold:.6g}"


def split_words(split: str) -> str:
    """Write the name of a split as a person would: "val" is "validation"."""
    return {"val": "validation", "train": "training"}.get(split, split)


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:]


def _between(table: ThresholdTable, row: int) -> tuple[float, float, float]:
    """A threshold for a row, and the range that gives the row's counts: above low, up to high."""
    high = float(table.thresholds[row])
    if row == 0:
        return high, high, high
    low = float(table.thresholds[row - 1])
    middle = (low + min(high, 1.0)) / 2
    # Rounding may put the midpoint of two adjacent floats on the lower one, which is outside.
    return (middle if low < middle else high), low, high
