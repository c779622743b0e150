"""What the Threshold page computes of a set of scores once, whatever the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import streamlit as st

from pneumo_core import calibration
from pneumo_core.intervals import auc_delong
from pneumo_core.metrics import Confusion, Estimate, ThresholdTable, threshold_table
from pneumo_core.resampling import RocBand, resample
from pneumo_core.rules import Rule
from pneumo_core.runs import Run
from ui import cache
from ui.words import common


@dataclass(frozen=True, eq=False)
class Scored:
    """Labels and scores of one set of images.

    Attributes:
        name: What the page calls the set.
        labels: (N,) 0 or 1.
        probabilities: (N,) calibrated, in [0, 1].
        uncalibrated: (N,) probabilities before the temperature.
        patients: (N,) patient of each image; one of its own where unknown.
        groups: (N,) kind of each image ("normal", "bacteria", "virus"), "" where unknown.
        spreads: Intervals of thresholds under resampling, by rule, as they are asked for.
    """

    name: str
    labels: np.ndarray
    probabilities: np.ndarray
    uncalibrated: np.ndarray
    patients: np.ndarray
    groups: np.ndarray
    spreads: dict[Rule, Estimate] = field(default_factory=dict)

    @cached_property
    def table(self) -> ThresholdTable:
        """Counts at every threshold."""
        return threshold_table(self.labels, self.probabilities)

    @cached_property
    def auc(self) -> Estimate:
        """Area under the ROC curve, with DeLong's interval for images that share patients."""
        return auc_delong(self.labels, self.probabilities, self.patients)

    @cached_property
    def band(self) -> RocBand | None:
        """Pointwise 95 % band of the ROC curve, resampled by patient; None with one class only."""
        if not (self.table.positives and self.table.negatives):
            return None
        return resample(self.labels, self.probabilities, self.patients).roc_band()

    def at(self, threshold: float) -> Confusion:
        """Counts at a threshold."""
        return self.table.at(threshold)

    def share_of_pneumonia(self, group: str) -> float | None:
        """Share of a kind among the pneumonia images whose kind is known; None without any."""
        known = self.groups[(self.labels == 1) & (self.groups != "")]
        return float((known == group).mean()) if known.size else None


def scored(run: Run) -> Mapping[str, Scored]:
    """Validation and test scores of a run, by split; shared by all sessions.

    Raises:
        RunError: the scores are absent or damaged.
    """
    return _scored(str(run.path), run.weights_sha256, run.temperature, run)


@st.cache_resource(max_entries=8, show_spinner=False)
def _scored(path: str, sha256: str, temperature: float, _run: Run) -> Mapping[str, Scored]:
    del path, sha256, temperature  # parts of the key
    return {split: _read(_run, split) for split in common.SPLITS}


def _read(run: Run, split: str) -> Scored:
    table = cache.scores(run, split)
    known = table["patient"].astype(str).str.len() > 0
    return Scored(
        name=common.SPLITS[split],
        labels=table["label"].to_numpy(),
        probabilities=table["probability"].to_numpy(),
        uncalibrated=calibration.probability(table["logit"].to_numpy()),
        patients=np.where(known, table["patient"], table["id"]).astype(str),
        groups=table["group"].to_numpy(str),
    )
