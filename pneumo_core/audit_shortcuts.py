"""Do features of the images differ between splits, and do they tell the label without any lung?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pneumo_core.audit_measures import FEATURES, Measures
from pneumo_core.intervals import auc_delong
from pneumo_core.proportions import UNDEFINED, Estimate, complement, z_score
from pneumo_core.scores import as_clusters
from pneumo_core.splits import Split

SHORTCUT_LEVEL = 0.6
"""AUC that the lower limit must exceed on training before a feature is called a shortcut."""

SHIFT_LEVEL = 0.1
"""Standardised difference up to which groups count as alike (Austin, Stat Med 28 (2009) 3083)."""

FEWEST_PATIENTS = 10
"""Below it a standardised difference is not given: its interval is one of large samples."""

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

PARTLY_DISEASE = ("mean", "contrast")
"""Features that the lung has a share in: a consolidation is bright."""


@dataclass(frozen=True)
class Intensity:
    """Brightness of one class in one split, in [0, 1]; every image has the same weight.

    Attributes:
        split: Its name.
        label: "all", "normal" or "pneumonia".
        mean, sd: Of all pixels.
        percentiles: Of all pixels, at `PERCENTILES`.
    """

    split: str
    label: str
    mean: float
    sd: float
    percentiles: tuple[float, ...]


@dataclass(frozen=True)
class Shift:
    """How far a feature of the images moves from one split to another.

    Attributes:
        first, second: The splits.
        feature: Key of `FEATURES`.
        label: "all", "normal" or "pneumonia": between splits of other prevalence, a shift of all
            images may be one of the classes' shares alone.
        difference: Second minus first, in standard deviations, with its 95 % interval.
    """

    first: str
    second: str
    feature: str
    label: str
    difference: Estimate

    @property
    def flagged(self) -> bool:
        """Whether the interval lies beyond `SHIFT_LEVEL` as a whole."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and max(low, -high) > SHIFT_LEVEL


@dataclass(frozen=True)
class SplitAuc:
    """How well a feature alone ranks the images of a split.

    Attributes:
        auc: DeLong's estimate by patient, turned so that its value is at least 0.5.
        direction: "higher" or "lower", the side that pneumonia is on; "" where a class is missing.
    """

    auc: Estimate
    direction: str


@dataclass(frozen=True)
class Shortcut:
    """A feature that carries no lung, and how well it tells the label all the same."""

    feature: str
    splits: Mapping[str, SplitAuc]

    @property
    def flagged(self) -> bool:
        """Whether a network could learn it from training and be rewarded for it on test.

        That is: on training the lower limit is above `SHORTCUT_LEVEL`, and on test the feature is
        better than chance in the same direction.
        """
        train, test = self.splits["train"], self.splits["test"]
        if train.auc.low is None or test.auc.low is None:
            return False
        holds = test.direction == train.direction and test.auc.low > 0.5
        return train.auc.low > SHORTCUT_LEVEL and holds


def intensities(name: str, split: Split, measures: Measures) -> tuple[Intensity, ...]:
    """Brightness of a split: of all images, and of each class that it has.

    Returns:
        Nothing where no pixel was decoded.
    """
    if measures.histograms is None:
        return ()
    levels = np.arange(256) / 255
    found = []
    for label, part in _classes(split).items():
        share = measures.histograms[part].mean(axis=0, dtype=np.float64)
        mean = float(share @ levels)
        sd = float(np.sqrt(share @ (levels - mean) ** 2))
        # Rounding must not push the last step of the sum below a percentile it reaches.
        places = np.searchsorted(share.cumsum() + 1e-9, np.array(PERCENTILES) / 100)
        found.append(Intensity(name, label, mean, sd, tuple(levels[places].tolist())))
    return tuple(found)


def shifts(
    names: tuple[str, str], splits: tuple[Split, Split], measures: tuple[Measures, Measures]
) -> tuple[Shift, ...]:
    """How far mean intensity and contrast move from the first split to the second.

    Returns:
        One for each feature, of all images and of each class in both; nothing where no pixel was
        decoded.
    """
    parts = [_classes(split) for split in splits]
    return tuple(
        Shift(
            *names,
            feature,
            label,
            standardised_difference(
                *(
                    (one.features[feature][part[label]], clusters(split)[part[label]])
                    for one, split, part in zip(measures, splits, parts, strict=True)
                )
            ),
        )
        for feature in PARTLY_DISEASE
        if all(feature in one.features for one in measures)
        for label in parts[0]
        if label in parts[1]
    )


def standardised_difference(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> Estimate:
    """Second mean minus first, in units of the root of the mean variance, with a 95 % interval.

    Sources: Austin, Stat Med 28 (2009) 3083-3107 for the measure; Hedges and Olkin, Statistical
    Methods for Meta-Analysis (1985), for its variance. Patients are counted in it, not images,
    because the images of one patient are alike: cautious where they differ.

    Args:
        first: (N,) values and (N,) number of each one's patient.
        second: The same of the other group.

    Returns:
        All None where a group has fewer than `FEWEST_PATIENTS`, or nothing varies.
    """
    (a, patients_a), (b, patients_b) = first, second
    n, m = len(np.unique(patients_a)), len(np.unique(patients_b))
    if min(n, m) < FEWEST_PATIENTS:
        return UNDEFINED
    spread = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    if not spread > 1e-9:
        return UNDEFINED
    value = float(b.mean() - a.mean()) / spread
    half = z_score() * float(np.sqrt(1 / n + 1 / m + value**2 / (2 * (n + m))))
    return Estimate(value, value - half, value + half)


def shortcuts(
    splits: Mapping[str, Split], measures: Mapping[str, Measures]
) -> tuple[tuple[Shortcut, ...], dict[str, str]]:
    """How well each feature alone tells the label, in every split.

    Args:
        splits: By name; "train" and "test" must be among them.
        measures: Of each.

    Returns:
        The features in the order of `FEATURES`, and of those left out the reason, by key.
    """
    found, left_out = [], {}
    for key in FEATURES:
        values = [one.features.get(key) for one in measures.values()]
        if any(column is None for column in values):
            left_out[key] = (
                "the images are no files of their own"
                if key == "file_bytes"
                else "the pictures were not decoded"
            )
        elif len(np.unique(np.concatenate(values))) == 1:
            left_out[key] = "it is the same for every image"
        else:
            found.append(
                Shortcut(
                    key,
                    {
                        name: _auc(split, column)
                        for (name, split), column in zip(splits.items(), values, strict=True)
                    },
                )
            )
    return tuple(found), left_out


def _auc(split: Split, values: np.ndarray) -> SplitAuc:
    auc = auc_delong(split.labels, values, clusters(split))
    if auc.value is None:
        return SplitAuc(auc, "")
    return SplitAuc(auc, "higher") if auc.value >= 0.5 else SplitAuc(complement(auc), "lower")


def clusters(split: Split) -> np.ndarray:
    """Number of each image's patient, int64 (N,); one whose patient is unknown stands alone."""
    return as_clusters(split.clusters, len(split))


def _classes(split: Split) -> dict[str, np.ndarray]:
    """Mask of all images and of each class that is there."""
    parts = {
        "all": np.ones(len(split), bool),
        "normal": split.labels == 0,
        "pneumonia": split.labels == 1,
    }
    return {label: part for label, part in parts.items() if part.any()}
