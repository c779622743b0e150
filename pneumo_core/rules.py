"""Ways to choose a threshold: what a person may ask for, as small frozen dataclasses.

Each rule reads a whole threshold table and picks one row. A row stands for every threshold between
two neighbouring scores; `operating_point` turns it into a number.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from pneumo_core.confusion import ThresholdTable
from pneumo_core.errors import DataError
from pneumo_core.scores import as_prevalence


@dataclass(frozen=True)
class Pick:
    """The row a rule picks; where the wish is not met there, what is nearest, in words."""

    row: int
    reached: bool = True
    nearest: str = ""


class Rule(Protocol):
    """A way to choose a threshold."""

    key: ClassVar[str]
    """Name in the registry `RULES`."""

    @property
    def words(self) -> str:
        """The rule as a phrase: "sensitivity of at least 97 %"."""

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick a row of the table.

        Raises:
            DataError: the sample lacks the class that the rule is about.
        """


def percent(share: float) -> str:
    """Write a share of one as a person would: "97 %", "99.5 %"."""
    return f"{100 * share:.6g} %"


@dataclass(frozen=True)
class SensitivityAtLeast:
    """The highest specificity that keeps the sensitivity at `share` or above."""

    share: float
    key: ClassVar[str] = "sensitivity"

    def __post_init__(self) -> None:
        _check_share(self.share, "sensitivity")

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return f"sensitivity of at least {percent(self.share)}"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the highest threshold that is sensitive enough; threshold 0 always is."""
        _need(table.positives, "pneumonia", self.words)
        return Pick(_last(table.tp >= _at_least(self.share, table.positives)))


@dataclass(frozen=True)
class SpecificityAtLeast:
    """The highest sensitivity that keeps the specificity at `share` or above."""

    share: float
    key: ClassVar[str] = "specificity"

    def __post_init__(self) -> None:
        _check_share(self.share, "specificity")

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return f"specificity of at least {percent(self.share)}"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the lowest threshold that is specific enough; calling nothing positive always is."""
        _need(table.negatives, "normal", self.words)
        return Pick(_first(table.tn >= _at_least(self.share, table.negatives)))


@dataclass(frozen=True)
class PpvAtLeast:
    """The highest sensitivity that keeps the PPV at `share` or above, at a prevalence."""

    share: float
    prevalence: float | None = None
    """Share of the user's patients that have pneumonia; None for the sample's own."""
    key: ClassVar[str] = "ppv"

    def __post_init__(self) -> None:
        _check_share(self.share, "PPV")
        if self.prevalence is not None:
            as_prevalence(self.prevalence)

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return f"PPV of at least {percent(self.share)}{_at_prevalence(self.prevalence)}"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the lowest threshold with that PPV, or the one with the highest PPV there is."""
        ill, well = _weights(table, self.prevalence, self.words)
        return _reach(self.share, table.tp * ill, table.fp * well, self.words, lowest=True)


@dataclass(frozen=True)
class NpvAtLeast:
    """The highest specificity that keeps the NPV at `share` or above, at a prevalence."""

    share: float
    prevalence: float | None = None
    """Share of the user's patients that have pneumonia; None for the sample's own."""
    key: ClassVar[str] = "npv"

    def __post_init__(self) -> None:
        _check_share(self.share, "NPV")
        if self.prevalence is not None:
            as_prevalence(self.prevalence)

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return f"NPV of at least {percent(self.share)}{_at_prevalence(self.prevalence)}"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the highest threshold with that NPV, or the one with the highest NPV there is."""
        ill, well = _weights(table, self.prevalence, self.words)
        return _reach(self.share, table.tn * well, table.fn * ill, self.words, lowest=False)


@dataclass(frozen=True)
class Youden:
    """The highest sum of sensitivity and specificity. Source: Youden, Cancer 3 (1950) 32-35."""

    key: ClassVar[str] = "youden"

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return "the highest sum of sensitivity and specificity (Youden)"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the best row; of equals the most sensitive."""
        _need(table.positives, "pneumonia", self.words)
        _need(table.negatives, "normal", self.words)
        # In whole numbers, so that equal rows are exactly equal.
        return Pick(int(np.argmax(table.tp * table.negatives - table.fp * table.positives)))


@dataclass(frozen=True)
class CostRatio:
    """The lowest cost when a missed pneumonia costs as much as `misses` false alarms."""

    misses: float
    prevalence: float | None = None
    """Share of the user's patients that have pneumonia; None for the sample's own."""
    key: ClassVar[str] = "cost"

    def __post_init__(self) -> None:
        if not 0 < self.misses < np.inf:
            raise DataError(f"A miss must cost more than 0 false alarms, not {self.misses}.")
        if self.prevalence is not None:
            as_prevalence(self.prevalence)

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        alarms = "1 false alarm" if self.misses == 1 else f"{self.misses:g} false alarms"
        return f"a miss costs {alarms}{_at_prevalence(self.prevalence)}"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the cheapest row; of equals the most sensitive."""
        ill, well = _weights(table, self.prevalence, self.words)
        cost = table.fn * (ill * self.misses) + table.fp * well
        return Pick(_first(cost <= cost.min() * (1 + 1e-12)))


@dataclass(frozen=True)
class FBeta:
    """The best F-beta: sensitivity counts `beta` times as much as PPV.

    Source: van Rijsbergen, Information Retrieval (1979), chapter 7.
    """

    beta: float = 1.0
    key: ClassVar[str] = "fbeta"

    def __post_init__(self) -> None:
        if not 0 < self.beta < np.inf:
            raise DataError(f"The beta of F-beta must be above 0, not {self.beta}.")

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return f"the best F{self.beta:g} score"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the best row; of equals the most sensitive."""
        _need(table.positives, "pneumonia", self.words)
        weight = self.beta**2
        top = (1 + weight) * table.tp
        score = top / (top + weight * table.fn + table.fp)
        return Pick(_first(score >= score.max() * (1 - 1e-12)))


@dataclass(frozen=True)
class AlertsAtMost:
    """The highest sensitivity with an alert on at most `per_100` of 100 images like the sample."""

    per_100: float
    key: ClassVar[str] = "alerts"

    def __post_init__(self) -> None:
        if not 0 <= self.per_100 <= 100:
            raise DataError(f"Alerts are between 0 and 100 of 100 images, not {self.per_100}.")

    @property
    def words(self) -> str:
        """The rule as a phrase."""
        return f"an alert on at most {self.per_100:g} of 100 images"

    def pick(self, table: ThresholdTable) -> Pick:
        """Pick the lowest threshold with few enough alerts; calling nothing positive always is."""
        alerts = table.tp + table.fp
        return Pick(_first(alerts <= self.per_100 / 100 * alerts[0] + 1e-9))


RULES: dict[str, type] = {
    rule.key: rule
    for rule in (
        SensitivityAtLeast,
        SpecificityAtLeast,
        PpvAtLeast,
        NpvAtLeast,
        Youden,
        CostRatio,
        FBeta,
        AlertsAtMost,
    )
}
"""Every rule by its key."""


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """Return a rule as {"rule": key, and its numbers}."""
    return {"rule": rule.key, **asdict(rule)}  # type: ignore[call-overload]


def rule_from_json(data: dict[str, Any]) -> Rule:
    """Read what `rule_to_json` wrote (or a link or a recipe says).

    Raises:
        DataError: an unknown rule, or numbers that do not fit it.
    """
    numbers = dict(data)
    key = numbers.pop("rule", None)
    if key not in RULES:
        raise DataError(f"There is no rule {key!r}: the rules are {', '.join(RULES)}.")
    try:
        return RULES[key](**{k: None if v is None else float(v) for k, v in numbers.items()})
    except (TypeError, ValueError):
        raise DataError(f"The rule {key!r} does not take {numbers}.") from None


def _reach(wish: float, right: np.ndarray, wrong: np.ndarray, words: str, *, lowest: bool) -> Pick:
    """Pick the row where right / (right + wrong) is at least `wish`, or as high as it gets."""
    total = right + wrong
    value = np.divide(right, total, out=np.full(total.shape, -1.0), where=total > 0)
    best = float(value.max())
    reached = value >= min(wish, best) * (1 - 1e-12)
    row = _first(reached) if lowest else _last(reached)
    if best >= wish * (1 - 1e-12):
        return Pick(row)
    article = "an" if words.startswith("N") else "a"
    nearest = f"{article} {words} is out of reach; the nearest is {100 * best:.4g} %"
    return Pick(row, False, nearest)


def _weights(table: ThresholdTable, prevalence: float | None, words: str) -> tuple[float, float]:
    """What one image with and one without pneumonia stand for at a prevalence."""
    if prevalence is None:
        return 1.0, 1.0
    _need(table.positives, "pneumonia", words)
    _need(table.negatives, "normal", words)
    return prevalence / table.positives, (1 - prevalence) / table.negatives


def _first(mask: np.ndarray) -> int:
    return int(mask.argmax())


def _last(mask: np.ndarray) -> int:
    return mask.size - 1 - int(mask[::-1].argmax())


def _at_least(share: float, n: int) -> int:
    """The smallest count that is at least `share` of n (0.95 of 20 is 19, not 20 by rounding)."""
    return int(np.ceil(share * n - 1e-9))


def _at_prevalence(prevalence: float | None) -> str:
    return "" if prevalence is None else f" at a prevalence of {percent(prevalence)}"


def _need(count: int, name: str, words: str) -> None:
    if not count:
        raise DataError(f"Choosing by {words} needs {name} images, but the sample has none.")


def _check_share(share: float, name: str) -> None:
    if not 0 <= share <= 1:
        raise DataError(f"A {name} lies between 0 and 1, not at {share}.")
