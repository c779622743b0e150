"""Splits of a data set, and how train and val are made anew so that no patient is in both."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pneumo_core.errors import DataError

if TYPE_CHECKING:
    from pneumo_core.preprocess import Preprocess

SplitRule = Literal["patient", "official"]
_BLOCK = 64
"""Images that a thread takes at a time."""

SPLIT_SEED = 0
"""Seed of the patient split. It is not the training seed: all seeds of a recipe share one split."""


@dataclass(frozen=True)
class Split:
    """One split: what is known of each image, and a way to its pixels.

    Attributes:
        ids: Names that stay the same however the data is split: "test-0007" for the official
            place in PneumoniaMNIST, "test/NORMAL/IM-0001-0001.jpeg" in a class folder.
        labels: int64 (N,), 0 = Normal, 1 = Pneumonia.
        patients: Patient of each image; "" where it is not known.
        groups: "normal", "bacteria", "virus", or "" where the kind is not known.
        read: Takes a position to the grey image, float32 (height, width) in [0, 1].
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    patients: tuple[str, ...]
    groups: tuple[str, ...]
    read: Callable[[int], np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def clusters(self) -> tuple[str, ...]:
        """Patient of each image; one whose patient is not known counts as a patient of its own."""
        return tuple(who or image for who, image in zip(self.patients, self.ids, strict=True))

    def counts(self) -> dict[str, int]:
        """Number of normal and pneumonia images."""
        positive = int(self.labels.sum())
        return {"normal": len(self) - positive, "pneumonia": positive}

    def subset(self, positions: Sequence[int] | np.ndarray) -> "Split":
        """The images at `positions`, in that order."""
        chosen = [int(position) for position in positions]
        return Split(
            ids=tuple(self.ids[i] for i in chosen),
            labels=self.labels[chosen],
            patients=tuple(self.patients[i] for i in chosen),
            groups=tuple(self.groups[i] for i in chosen),
            read=lambda position: self.read(chosen[position]),
        )

    def squares(self, preprocess: "Preprocess") -> np.ndarray:
        """Every image through `preprocess.square`: uint8 (N, square_size, square_size)."""
        size = preprocess.square_size
        result = np.empty((len(self), size, size), np.uint8)

        def fill(block: range) -> None:
            for position in block:
                result[position] = preprocess.square(self.read(position))

        # Pillow decodes and resizes without Python's lock. Small images take less than a hand-over.
        starts = range(0, len(self), _BLOCK)
        blocks = [range(start, min(start + _BLOCK, len(self))) for start in starts]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, blocks))
        return result


def patient_of(file_name: str) -> str:
    """Patient of a Kermany file name, "" where it has none.

    A number that returns under the other kind of pneumonia is a different child, so the kind
    belongs to the patient's name.

    >>> patient_of("person1453_bacteria_3770.jpeg"), patient_of("NORMAL2-IM-0909-0001.jpeg")
    ('person1453_bacteria', 'NORMAL2-IM-0909')
    """
    pneumonia = re.match(r"(person\d+_(?:bacteria|virus))_\d+", file_name)
    normal = re.match(r"((?:NORMAL2-)?IM-\d{4})", file_name)
    match = pneumonia or normal
    return match[1] if match else ""


def group_of(file_name: str, label: int) -> str:
    """Kind of film by file name and label: "normal", "bacteria", "virus" or ""."""
    if label == 0:
        return "normal"
    match = re.search(r"_(bacteria|virus)_", file_name)
    return match[1] if match else ""


def split_by_patient(splits: Mapping[str, Split], content: Sequence[bytes]) -> dict[str, Split]:
    """Pool train and val and draw a tenth of the patients, stratified by label, as the new val.

    An image of unknown patient counts as a patient of its own; images with the same `content`
    (where given) count as one patient, so that no copy ends up on the other side.

    Args:
        splits: "train", "val" and "test"; test is handed on as it is.
        content: What each image of train and then of val holds; empty where that is not known.

    Raises:
        DataError: If there are too few patients for both classes to be on both sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    pool = _joined(splits["train"], splits["val"])
    groups = _connected(pool.clusters, content or pool.ids)
    folds = StratifiedGroupKFold(n_splits=10, shuffle=True, random_state=SPLIT_SEED)
    try:
        train, val = next(folds.split(groups, pool.labels, groups))
    except ValueError:
        train = val = np.array([], np.int64)
    # With few patients of one class scikit-learn leaves a side without it.
    if any(len(np.unique(pool.labels[side])) < 2 for side in (train, val)):
        raise DataError(
            "There are too few patients to hold a tenth of them out: use --split official."
        )
    return {"train": pool.subset(train), "val": pool.subset(val), "test": splits["test"]}


def split_as_listed(splits: Mapping[str, Split], val_ids: Sequence[str]) -> dict[str, Split]:
    """Pool train and val and take the listed images as the new val, the others as train.

    Raises:
        DataError: If one of them is in neither.
    """
    pool = _joined(splits["train"], splits["val"])
    places = {name: place for place, name in enumerate(pool.ids)}
    if missing := [name for name in val_ids if name not in places]:
        raise DataError(f"The data set has no image {missing[0]} to validate on.")
    val = np.array([places[name] for name in val_ids])
    train = np.setdiff1d(np.arange(len(pool)), val)
    return {"train": pool.subset(train), "val": pool.subset(val), "test": splits["test"]}


def _connected(names: Sequence[str], content: Sequence[bytes] | Sequence[str]) -> np.ndarray:
    """Number the groups of positions that are linked by a common name or common content."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, name_codes = np.unique(np.array(names), return_inverse=True)
    seen: dict[bytes | str, int] = {}
    content_codes = np.array([seen.setdefault(item, len(seen)) for item in content])
    # Bipartite: names on one side, contents on the other, an edge for each image.
    count = name_codes.max() + 1
    nodes = count + len(seen)
    edges = (np.ones(len(names), bool), (name_codes, content_codes + count))
    _, component = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    return component[name_codes]


def _joined(first: Split, second: Split) -> Split:
    def read(position: int) -> np.ndarray:
        if position < len(first):
            return first.read(position)
        return second.read(position - len(first))

    return Split(
        ids=first.ids + second.ids,
        labels=np.concatenate([first.labels, second.labels]),
        patients=first.patients + second.patients,
        groups=first.groups + second.groups,
        read=read,
    )
