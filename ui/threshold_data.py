"""What the Threshold page computes of a set of scores once, whatever the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import streamlit as st

from pneumo_core import calibration
from pneumo_core.calibration import ReliabilityBin
from pneumo_core.confusion import figures_at
from pneumo_core.groups import Group, split_groups
from pneumo_core.intervals import auc_delong
from pneumo_core.metrics import Confusion, Estimate, ThresholdTable, threshold_table
from pneumo_core.resampling import RocBand, resample
from pneumo_core.rules import Rule
from pneumo_core.runs import Run, patients_of
from ui import cache
from ui.threshold_control import drawing
from ui.words import common
from ui.words import threshold as words


@dataclass(frozen=True, eq=False)
class Promise:
    """Whether probabilities mean what they say."""

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float

    @classmethod
    def of(cls, labels: np.ndarray, probabilities: np.ndarray) -> Promise:
        """Measure (N,) probabilities against (N,) labels."""
        return cls(
            calibration.reliability(labels, probabilities),
            calibration.expected_calibration_error(labels, probabilities),
            calibration.brier(labels, probabilities),
        )


@dataclass(frozen=True, eq=False)
class Scored:
    """Labels and scores of one set of images.

    Attributes:
        name: What the page calls the set.
        split: What a rule's answer calls it: "val", "test", or "your scores".
        labels: (N,) 0 or 1.
        probabilities: (N,) as the threshold is set on them, in [0, 1].
        uncalibrated: (N,) probabilities before the temperature; None where none was fitted.
        patients: (N,) int64, the patient of each image; None where every image stands alone.
        ids: (N,) object, the name of each image.
        groups: By the title of a column, (N,) object, None where an image has no value.
        spreads: Intervals of thresholds under resampling, by rule, as they are asked for.
        parted: Groups, by column, as they are asked for.
    """

    name: str
    split: str
    labels: np.ndarray
    probabilities: np.ndarray
    uncalibrated: np.ndarray | None
    patients: np.ndarray | None
    ids: np.ndarray
    groups: Mapping[str, np.ndarray]
    spreads: dict[Rule, Estimate] = field(default_factory=dict)
    parted: dict[str, tuple[Group, ...]] = field(default_factory=dict)

    @cached_property
    def table(self) -> ThresholdTable:
        """Counts at every threshold."""
        return threshold_table(self.labels, self.probabilities)

    @cached_property
    def drawing(self) -> str:
        """What the live control draws."""
        return drawing(self.table, self.band)

    @cached_property
    def auc(self) -> Estimate:
        """Area under the ROC curve, with DeLong's interval for images that share patients."""
        return auc_delong(self.labels, self.probabilities, self.patients)

    @cached_property
    def average_precision(self) -> float | None:
        """Area under the precision-recall curve."""
        return self.table.average_precision()

    @cached_property
    def band(self) -> RocBand | None:
        """Pointwise 95 % band of the ROC curve, resampled by patient; None with one class only."""
        if not (self.table.positives and self.table.negatives):
            return None
        return resample(self.labels, self.probabilities, self.patients).roc_band()

    @cached_property
    def promise(self) -> Promise:
        """Whether the probabilities mean what they say."""
        return Promise.of(self.labels, self.probabilities)

    @cached_property
    def promise_before(self) -> Promise | None:
        """The same before the temperature; None where none was fitted."""
        if self.uncalibrated is None:
            return None
        return Promise.of(self.labels, self.uncalibrated)

    @cached_property
    def promise_fitted(self) -> tuple[Promise, float]:
        """The same with the temperature that fits these very scores best, and that temperature.

        Raises:
            DataError: one class only.
        """
        p = np.clip(self.probabilities, 1e-15, 1 - 1e-15)  # finite log-odds even of 0 and 1
        log_odds = np.log(p) - np.log1p(-p)
        temperature = calibration.fit_temperature(self.labels, log_odds)
        fitted = calibration.probability(log_odds, temperature)
        return Promise.of(self.labels, fitted), temperature

    def at(self, threshold: float) -> Confusion:
        """Counts at a threshold."""
        return self.table.at(threshold)

    def figures(self, threshold: float) -> dict[str, Estimate]:
        """Every figure at a threshold with its 95 % interval, and the area under the curve."""
        if self.patients is None:
            found = self.at(threshold).estimates()
        else:
            found = figures_at(self.labels, self.probabilities, threshold, self.patients)
        return {**found, "auc": self.auc}

    def by(self, column: str) -> tuple[Group, ...]:
        """The groups of a column.

        Raises:
            DataError: too many of them.
        """
        if column not in self.parted:
            self.parted[column] = split_groups(
                self.labels, self.probabilities, self.groups[column], self.patients
            )
        return self.parted[column]

    def share_of_pneumonia(self, group: str) -> float | None:
        """Share of a kind among the pneumonia images whose kind is known; None without any."""
        if words.KIND not in self.groups:
            return None
        ill = self.groups[words.KIND][self.labels == 1]
        known = ill[ill != np.array(None)]
        return float((known == group).mean()) if known.size else None


@dataclass(frozen=True, eq=False)
class Source:
    """What the page is about.

    Attributes:
        name: For the names of files.
        title: For people.
        sets: The sets of scores, by split; a user's own scores are one set.
        run: The model they come from; None for a user's own scores.
    """

    name: str
    title: str
    sets: Mapping[str, Scored]
    run: Run | None

    @classmethod
    def own(
        cls,
        name: str,
        title: str,
        labels: np.ndarray,
        probabilities: np.ndarray,
        patients: np.ndarray | None,
        ids: np.ndarray,
        groups: Mapping[str, np.ndarray],
    ) -> Source:
        """A user's own scores; arguments as the attributes of these names, here and in `Scored`."""
        split = words.OWN_SPLIT
        one = Scored(title, split, labels, probabilities, None, patients, ids, groups)
        return cls(name, title, {split: one}, None)


def of_run(run: Run) -> Source:
    """Validation and test scores of a run; shared by all sessions.

    Raises:
        RunError: the scores are absent or damaged.
    """
    return _of_run(str(run.path), run.weights_sha256, run.temperature, run)


@st.cache_resource(max_entries=8, show_spinner=False)
def _of_run(path: str, sha256: str, temperature: float, _run: Run) -> Source:
    del path, sha256, temperature  # parts of the key
    sets = {split: _read(_run, split) for split in common.SPLITS}
    return Source(_run.name, _run.title, sets, _run)


def _read(run: Run, split: str) -> Scored:
    table = cache.scores(run, split)
    kinds = table["group"].to_numpy(object)
    kinds = np.where(kinds == "", np.array(None), kinds)
    return Scored(
        name=common.SPLITS[split],
        split=split,
        labels=table["label"].to_numpy(),
        probabilities=table["probability"].to_numpy(),
        uncalibrated=calibration.probability(table["logit"].to_numpy()),
        patients=np.unique(patients_of(table), return_inverse=True)[1],
        ids=table["id"].to_numpy(object),
        groups={words.KIND: kinds} if any(kinds) else {},
    )
