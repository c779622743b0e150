"""Does a model hold on a user's own films? Figures there beside its test, and one sentence.

The test figures are the promise. A figure holds when its 95 % interval lies wholly above the
promise less a margin, and fails when it lies wholly below; else it cannot be said yet. The model
holds when the area under the curve, sensitivity and specificity all do (all must, so none needs a
correction for being one of three: Berger, Technometrics 24 (1982) 295-300).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from pneumo_core import cases_needed
from pneumo_core.calibration import calibration_in_the_large, expected_calibration_error
from pneumo_core.comparison import Change, compare_splits
from pneumo_core.confusion import figures_at
from pneumo_core.errors import DataError
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run, patients_of
from pneumo_core.scores import as_clusters, pair_probabilities

FIGURES = ("auc", "sensitivity", "specificity")
"""What decides."""

NAMES: Mapping[str, str] = {
    "auc": "AUC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}

MARGIN = 0.05
"""By how much a figure may lie below the test's."""

FEWEST = 10
"""Of fewer patients of a class than this nothing is said, whatever the intervals say."""

MOST = 100_000
"""Films beyond which a number is no help: the figure lies on the line."""

WIDTHS = (0.03, 0.05)
"""Half widths of intervals that numbers of films are stated for."""

Verdict = Literal["holds", "does not hold", "cannot be said yet"]
State = Literal["holds", "fails", "open"]


@dataclass(frozen=True)
class Figure:
    """One figure on the user's films and on the model's test films.

    Attributes:
        name: One of `FIGURES`.
        here, there: With 95 % intervals, by patient where known.
        floor: What it has to be at least; None where the test says nothing.
        state: Whether the interval lies above the floor, below it, or on both sides.
        change: The difference here - there, tested: DeLong's for the area, Newcombe's interval for
            shares.
    """

    name: str
    here: Estimate
    there: Estimate
    floor: float | None
    state: State
    change: Change


@dataclass(frozen=True)
class Calibrated:
    """Whether the probabilities mean here what they say.

    Attributes:
        ece: Expected calibration error.
        promised: Mean probability of pneumonia.
        observed: Share that has it.
        in_the_large: As `calibration_in_the_large` has it.
    """

    ece: float
    promised: float
    observed: Estimate
    in_the_large: Estimate


@dataclass(frozen=True)
class Cases:
    """Films needed of each class; None where no number helps or the figure is not known."""

    pneumonia: int | None
    normal: int | None

    def in_all(self, prevalence: float) -> int | None:
        """Films to collect as they come, with this share of pneumonia, to have both."""
        parts = ((self.pneumonia, prevalence), (self.normal, 1 - prevalence))
        each = [None if n is None else cases_needed.in_all(n, share) for n, share in parts]
        return max(each) if None not in each else None


@dataclass(frozen=True)
class LocalAnswer:
    """What a user's films say of a model.

    Attributes:
        verdict: The answer.
        reason: Why, and where it is open what would settle it: one or two sentences.
        figures: By name, in the order of `FIGURES`.
        pneumonia, normal: Films of each class.
        patients: How many; None where none is known.
        threshold: Of the operating point.
        margin: As asked for.
        calibration: Of the probabilities.
        within: By half width of the interval: films for sensitivity and for specificity.
        to_decide: Films that settle all three figures with a chance of `cases_needed.POWER`, if
            they stay as they are.
    """

    verdict: Verdict
    reason: str
    figures: Mapping[str, Figure]
    pneumonia: int
    normal: int
    patients: int | None
    threshold: float
    margin: float
    calibration: Calibrated
    within: Mapping[float, Cases]
    to_decide: Cases

    @property
    def prevalence(self) -> float:
        """Share of these films that has pneumonia."""
        return self.pneumonia / (self.pneumonia + self.normal)

    @property
    def sentence(self) -> str:
        """The answer with its reason."""
        return f"{_LEADS[self.verdict]}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and texts, estimates as [value, low, high]."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "films": {"pneumonia": self.pneumonia, "normal": self.normal},
            "patients": self.patients,
            "threshold": self.threshold,
            "margin": self.margin,
            "figures": {
                name: {
                    "here": figure.here.to_json(),
                    "test": figure.there.to_json(),
                    "change": figure.change.change.to_json(),
                    "floor": figure.floor,
                    "state": figure.state,
                }
                for name, figure in self.figures.items()
            },
            "calibration": {
                "ece": self.calibration.ece,
                "mean_probability": self.calibration.promised,
                "observed": self.calibration.observed.to_json(),
                "in_the_large": self.calibration.in_the_large.to_json(),
            },
            "cases": {
                **{f"within_{width:g}": asdict(cases) for width, cases in self.within.items()},
                "to_decide": asdict(self.to_decide),
            },
        }


def local_answer(
    labels: np.ndarray,
    probabilities: np.ndarray,
    patients: np.ndarray | None,
    run: Run,
    point: OperatingPoint,
    margin: float = MARGIN,
) -> LocalAnswer:
    """Say whether a model holds on a user's films.

    Args:
        labels: (N,) 0 or 1, at least one.
        probabilities: (N,) calibrated, by this model.
        patients: (N,) names or numbers; None where every film stands alone.
        run: The model, with the scores of its test films.
        point: The operating point, here and on test.
        margin: By how much a figure may lie below the test's, in [0, 1].

    Raises:
        DataError: A bad value, or none; or a margin that is none.
        RunError: The run has no scores.
    """
    if not 0 <= margin <= 1:
        raise DataError(f"A margin lies between 0 and 100 points, not at {100 * margin:g}.")
    positive, probabilities = pair_probabilities(labels, probabilities)
    test = run.scores("test")
    there = (test["label"].to_numpy(), test["probability"].to_numpy())
    changes = {
        change.name: change
        for change in compare_splits(
            there,
            (positive, probabilities),
            point.threshold,
            ("the test films", "your films"),
            (patients_of(test), patients),
        )
    }
    codes = np.arange(positive.size) if patients is None else as_clusters(patients, positive.size)
    fewest = min(len(np.unique(codes[part])) for part in (positive, ~positive))
    figures = {name: _figure(changes[name], margin) for name in FIGURES}
    ill, normal = int(positive.sum()), int((~positive).sum())
    normals_each = normal / ill if ill else 0.0
    still_open = {name: each for name, each in figures.items() if each.state == "open"}
    verdict = _verdict(figures, fewest)
    return LocalAnswer(
        verdict=verdict,
        reason=_reason(
            verdict,
            figures,
            margin,
            fewest,
            _more(Cases(ill, normal), to_decide(still_open, normals_each)),
        ),
        figures=figures,
        pneumonia=ill,
        normal=normal,
        patients=None if patients is None else len(np.unique(codes)),
        threshold=point.threshold,
        margin=margin,
        calibration=calibrated(positive, probabilities, codes),
        within={width: _within(figures, width) for width in WIDTHS},
        to_decide=to_decide(figures, normals_each),
    )


def _figure(change: Change, margin: float) -> Figure:
    here, there = change.after, change.before
    floor = None if there.value is None else max(there.value - margin, 0.0)
    state: State = "open"
    if floor is not None and here.low is not None and here.high is not None:
        state = "holds" if here.low >= floor else "fails" if here.high < floor else "open"
    return Figure(change.name, here, there, floor, state, change)


def _verdict(figures: Mapping[str, Figure], fewest: int) -> Verdict:
    states = {figure.state for figure in figures.values()}
    if fewest < FEWEST:
        return "cannot be said yet"
    if "fails" in states:
        return "does not hold"
    return "holds" if states == {"holds"} else "cannot be said yet"


def calibrated(positive: np.ndarray, probabilities: np.ndarray, codes: np.ndarray) -> Calibrated:
    """Compare promised and observed shares of pneumonia.

    Args:
        positive: (N,) bool.
        probabilities: (N,) in [0, 1].
        codes: (N,) int64, the patient of each film.
    """
    figures = figures_at(positive, probabilities, 0.5, codes)
    return Calibrated(
        ece=expected_calibration_error(positive, probabilities),
        promised=float(probabilities.mean()),
        observed=figures["prevalence"],
        in_the_large=calibration_in_the_large(positive, probabilities, codes),
    )


def _within(figures: Mapping[str, Figure], width: float) -> Cases:
    shares = (figures[name].here.value for name in ("sensitivity", "specificity"))
    return Cases(
        *(None if share is None else cases_needed.for_width(share, width) for share in shares)
    )


def to_decide(figures: Mapping[str, Figure], normals_each: float) -> Cases:
    """Films of each class that settle figures, if they stay as they are; 0 of a class no one needs.

    Args:
        figures: By name; all of `FIGURES`, or some.
        normals_each: Normal films for each one with pneumonia.
    """
    numbers: dict[str, list[int | None]] = {
        name: [_share_cases(figures[name])] if name in figures else []
        for name in ("sensitivity", "specificity")
    }
    area = figures.get("auc")
    if area and area.here.value is not None and area.floor is not None:
        both = cases_needed.auc_to_decide(area.here.value, area.floor, normals_each)
        for known, number in zip(numbers.values(), both or (), strict=False):
            known.append(number)
    return Cases(*map(_largest, numbers.values()))


def _share_cases(figure: Figure) -> int | None:
    share, floor = figure.here.value, figure.floor
    if share is None or floor is None or not 0 < floor < 1:
        return None
    return cases_needed.to_decide(share, floor)


def _largest(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None and number <= MOST]
    return max(known, default=0) if len(known) == len(numbers) else None


_LEADS: Mapping[Verdict, str] = {
    "holds": "The model holds on your films",
    "does not hold": "The model does not hold on your films",
    "cannot be said yet": "It cannot be said yet with so few",
}


def _reason(
    verdict: Verdict,
    figures: Mapping[str, Figure],
    margin: float,
    fewest: int,
    more: str,
) -> str:
    points = f"{100 * margin:g} points"
    if verdict == "holds":
        return (
            f"AUC, sensitivity and specificity are shown to be no more than {points} below the "
            "model's test."
        )
    if verdict == "does not hold":
        failed = [figure for figure in figures.values() if figure.state == "fails"]
        reasons = " and ".join(
            f"{NAMES[one.name]} is {_written(one.name, one.here)}, less than the "
            f"{_number(one.name, one.floor)} it has to be"
            for one in failed
        )
        return f"{reasons}.{_ranks(figures)}"
    if fewest < FEWEST:
        return f"it takes {FEWEST} patients with pneumonia and {FEWEST} without. {more}"
    unsure = _listed([NAMES[one.name] for one in figures.values() if one.state == "open"])
    return f"{unsure} may lie more than {points} below the model's test, or not. {more}"


def _ranks(figures: Mapping[str, Figure]) -> str:
    """What is left where only the threshold is at fault."""
    if figures["auc"].state != "holds":
        return ""
    return " Its AUC holds, so another threshold may do."


def _more(have: Cases, needed: Cases) -> str:
    """How many more films would settle it."""
    if needed.pneumonia is None or needed.normal is None:
        return "How many would do cannot be told from these."
    more = (max(needed.pneumonia - have.pneumonia, 0), max(needed.normal - have.normal, 0))
    parts = [
        f"{_rounded(number)} more {what}"
        for number, what in zip(more, ("with pneumonia", "normal ones"), strict=True)
        if number
    ]
    if not parts:
        return "More films of other patients would settle it."
    return f"About {' and '.join(parts)} would settle it, if the figures stay as they are."


def _rounded(number: int) -> int:
    """A number rounded up to two digits: no more of them can be meant."""
    step = 10 ** max(len(str(number)) - 2, 0)
    return math.ceil(number / step) * step


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _written(name: str, estimate: Estimate) -> str:
    value, low, high = (_number(name, part) for part in estimate.to_json())
    return f"{value} ({low.removesuffix(' %')} to {high.removesuffix(' %')})"


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if name == "auc" else f"{100 * value:.1f} %"
