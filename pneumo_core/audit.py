"""Audit of a data set: is what a network is tested on independent of what it learns from?

Copies and patients that are in two splits flatter the figures, a prevalence or brightness that
differs between splits makes a threshold promise what it does not keep, and a feature without any
lung that tells the label is what a network may learn instead of the disease.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from pneumo_core.audit_measures import Measures, measure, nearly_identical
from pneumo_core.audit_shortcuts import (
    Intensity,
    Shift,
    Shortcut,
    clusters,
    intensities,
    shifts,
    shortcuts,
)
from pneumo_core.datasets import Dataset
from pneumo_core.intervals import Estimate, difference, wilson_clustered
from pneumo_core.splits import Split

NEAR = 0.999
"""Correlation of two thumbnails from which the images are called nearly identical. No two different
films on either side of an official split reach 0.995, in PneumoniaMNIST or in Kermany's folders."""


@dataclass(frozen=True)
class SplitAudit:
    """What is in one split.

    Attributes:
        name: "train", "val" or "test".
        normal, pneumonia: Images of each class.
        prevalence: Share of pneumonia, Wilson's interval by patient.
        patients: How many different ones are known.
        unknown: Images whose patient is not known.
        repeats: Images that hold the same as an earlier one of the split.
    """

    name: str
    normal: int
    pneumonia: int
    prevalence: Estimate
    patients: int
    unknown: int
    repeats: int

    @property
    def images(self) -> int:
        """Number of images."""
        return self.normal + self.pneumonia


@dataclass(frozen=True)
class PairAudit:
    """What two splits share, and how they differ.

    Attributes:
        first, second: Their names.
        prevalence_difference: Second minus first, Newcombe's interval; patients in both are taken
            for different ones.
        shared_patients: Known patients in both.
        first_images, second_images: Images of these patients.
        identical: Images of the second that hold the same as one of the first.
        near: Ids of images, of the first and the second, whose thumbnails correlate by `NEAR` or
            more without being identical, one pair for each of the second; None undecoded.
    """

    first: str
    second: str
    prevalence_difference: Estimate
    shared_patients: int
    first_images: int
    second_images: int
    identical: int
    near: tuple[tuple[str, str], ...] | None

    @property
    def prevalence_differs(self) -> bool:
        """Whether the difference is beyond chance: its 95 % interval leaves out zero."""
        low, high = self.prevalence_difference.low, self.prevalence_difference.high
        return low is not None and high is not None and not low <= 0 <= high


@dataclass(frozen=True)
class Audit:
    """What was found in a data set.

    Attributes:
        name, title, fingerprint, split_rule: As `datasets.Dataset` has them.
        decoded: False where only files and their headers were read: then files, not pixels, were
            compared, and nothing is known of brightness.
        splits: In the data set's order.
        pairs: Of every two splits.
        duplicates: Groups of ids that hold the same.
        conflicts: Those of them that carry both labels.
        intensities: Of each split and class; empty undecoded.
        shifts: Of each pair and class; empty undecoded.
        shortcuts: Features that carry no lung, and how well they tell the label.
        left_out: Features that do not exist here, by key, and why.
    """

    name: str
    title: str
    fingerprint: str
    split_rule: str
    decoded: bool
    splits: tuple[SplitAudit, ...]
    pairs: tuple[PairAudit, ...]
    duplicates: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    intensities: tuple[Intensity, ...]
    shifts: tuple[Shift, ...]
    shortcuts: tuple[Shortcut, ...]
    left_out: Mapping[str, str]

    def split(self, name: str) -> SplitAudit:
        """What is in the split of that name."""
        return next(one for one in self.splits if one.name == name)

    def to_json(self) -> dict[str, Any]:
        """Everything, ready for JSON; an estimate is [value, low, high]."""
        return _plain(self)


def audit(dataset: Dataset, decode: bool = True) -> Audit:
    """Audit a data set.

    Args:
        dataset: Any that `datasets.load_dataset` returns.
        decode: False to look at class folders without decoding a picture, which takes a twentieth
            of the time; images in one archive are always looked at.

    Raises:
        DataError: If an image cannot be read; it is named.
    """
    folder = _folder(dataset)
    decode = decode or folder is None
    measures = {name: measure(split, folder, decode) for name, split in dataset.splits.items()}
    groups = _same_content(dataset.splits, measures)
    labels = {
        name: int(label)
        for split in dataset.splits.values()
        for name, label in zip(split.ids, split.labels, strict=True)
    }
    alone, left_out = shortcuts(dataset.splits, measures)
    splits = {
        name: _split_audit(name, split, measures[name]) for name, split in dataset.splits.items()
    }
    names = tuple(combinations(dataset.splits, 2))
    return Audit(
        name=dataset.name,
        title=dataset.title,
        fingerprint=dataset.fingerprint,
        split_rule=dataset.split_rule,
        decoded=decode,
        splits=tuple(splits.values()),
        pairs=tuple(_pair_audit(dataset.splits, measures, splits, *pair) for pair in names),
        duplicates=groups,
        conflicts=tuple(group for group in groups if len({labels[name] for name in group}) > 1),
        intensities=tuple(
            row
            for name, split in dataset.splits.items()
            for row in intensities(name, split, measures[name])
        ),
        shifts=tuple(
            shift
            for first, second in names
            for shift in shifts(
                (first, second),
                (dataset.splits[first], dataset.splits[second]),
                (measures[first], measures[second]),
            )
        ),
        shortcuts=alone,
        left_out=left_out,
    )


def _folder(dataset: Dataset) -> Path | None:
    """Where the images lie as files, by their ids; None where they do not."""
    names = (name for split in dataset.splits.values() for name in split.ids)
    return dataset.path if all((dataset.path / name).is_file() for name in names) else None


def _split_audit(name: str, split: Split, measures: Measures) -> SplitAudit:
    known = [patient for patient in split.patients if patient]
    return SplitAudit(
        name=name,
        **split.counts(),
        prevalence=wilson_clustered(split.labels, clusters(split)),
        patients=len(set(known)),
        unknown=len(split) - len(known),
        repeats=len(split) - len(set(measures.digests)),
    )


def _pair_audit(
    splits: Mapping[str, Split],
    measures: Mapping[str, Measures],
    audits: Mapping[str, SplitAudit],
    first: str,
    second: str,
) -> PairAudit:
    one, other = splits[first], splits[second]
    here, there = measures[first], measures[second]
    shared = set(one.patients) & set(other.patients) - {""}
    copied = set(here.digests)
    near = None
    if here.thumbnails is not None and there.thumbnails is not None:
        near = tuple(
            (one.ids[i], other.ids[j])
            for i, j in nearly_identical(here.thumbnails, there.thumbnails, NEAR)
            if there.digests[j] not in copied
        )
    return PairAudit(
        first=first,
        second=second,
        prevalence_difference=difference(audits[second].prevalence, audits[first].prevalence),
        shared_patients=len(shared),
        first_images=sum(patient in shared for patient in one.patients),
        second_images=sum(patient in shared for patient in other.patients),
        identical=sum(digest in copied for digest in there.digests),
        near=near,
    )


def _same_content(
    splits: Mapping[str, Split], measures: Mapping[str, Measures]
) -> tuple[tuple[str, ...], ...]:
    """Groups of two or more ids that hold the same."""
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name, split in splits.items():
        for image, digest in zip(split.ids, measures[name].digests, strict=True):
            groups[digest].append(image)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.to_json()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
