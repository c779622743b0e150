"""Trained models side by side: what each is, what it reached, and what its source published.

Two models are only ever compared on the same images: `same_images` says which those are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pneumo_core.comparison import ModelComparison, compare_models
from pneumo_core.confusion import ThresholdTable, figures_at, threshold_table
from pneumo_core.errors import RunError
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.paired import paired_difference
from pneumo_core.proportions import Estimate
from pneumo_core.published import FIGURES, Published, published
from pneumo_core.runs import WEIGHTS_FILE, Run, patients_of

if TYPE_CHECKING:
    import pandas as pd

Start = Literal["scratch", "instead", "imagenet", "other", "unknown"]
"""Initial weights: random by choice, random because ImageNet's were not to be had, ImageNet's,
others, or not recorded."""

HISTORY = ("epoch", "phase")
MEASURED = ("loss", "auc", "accuracy")
"""What `history.csv` has of training and of validation, each as train_... and val_...."""


@dataclass(frozen=True, eq=False)
class ModelRow:
    """One model on one set of test images.

    Attributes:
        run: The run.
        label: Its title, with the name of its folder where another run has the same title.
        point: The operating point that its figures are at; the run's default, unless another was
            asked for.
        figures: The `FIGURES` on test, with 95 % intervals.
        published: Those of the source system.
        start: Where its initial weights came from.
        origin: The same as training recorded it; "" where it did not.
        parameters: Weights of the network, None where that is not recorded.
        megabytes: Size of the file of weights, None for a run that comes as figures only.
        milliseconds: For one image, one call, on the CPU of the machine that measured it; None
            where none did.
        threads: How many threads that took, None where that is not recorded.
    """

    run: Run
    label: str
    point: OperatingPoint
    figures: Mapping[str, Estimate]
    published: Published
    start: Start
    origin: str
    parameters: int | None
    megabytes: float | None
    milliseconds: float | None
    threads: int | None

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.run.name

    @property
    def threshold(self) -> float:
        """The threshold that its figures are at."""
        return self.point.threshold

    def gain(self, figure: str) -> float | None:
        """Ours less the published value; None where either is missing."""
        ours, theirs = self.figures[figure].value, self.published.figures.get(figure)
        return None if ours is None or theirs is None else ours - theirs


def rows(runs: Iterable[Run]) -> tuple[ModelRow, ...]:
    """One row a run, in the order given."""
    runs = tuple(runs)
    titles = Counter(run.title for run in runs)
    return tuple(
        _row(run, run.title if titles[run.title] == 1 else f"{run.title} ({run.name})")
        for run in runs
    )


@dataclass(frozen=True, eq=False)
class ImageSet:
    """The models that have scored the same test images.

    Attributes:
        title: Name of the data set, as most of the models have it (of as many, the shortest).
        rows: The models, the one with the largest area under the curve first.
        labels: (N,) 0 or 1.
        patients: (N,) str, as `patients_of` gives them.
        probabilities: By the name of the run, (N,) calibrated, all in the order of `labels`.
    """

    title: str
    rows: tuple[ModelRow, ...]
    labels: np.ndarray
    patients: np.ndarray
    probabilities: Mapping[str, np.ndarray]

    @cached_property
    def tables(self) -> Mapping[str, ThresholdTable]:
        """By the name of the run, its counts at every threshold."""
        return {
            name: threshold_table(self.labels, scores)
            for name, scores in self.probabilities.items()
        }

    def row(self, name: str) -> ModelRow:
        """The model whose run has that name."""
        return next(row for row in self.rows if row.name == name)

    def at(self, point: str) -> ImageSet:
        """The same models, each at its operating point of that name; see `Board.points`."""
        return replace(self, rows=tuple(self._row_at(row, point) for row in self.rows))

    def _row_at(self, row: ModelRow, name: str) -> ModelRow:
        point = _points(row.run)[name]
        if point == row.point:
            return row
        probabilities = self.probabilities[row.name]
        there = figures_at(self.labels, probabilities, point.threshold, self.patients)
        # The area has no threshold.
        figures = {figure: there.get(figure, known) for figure, known in row.figures.items()}
        return replace(row, point=point, figures=figures)

    def compare(self, a: ModelRow, b: ModelRow) -> ModelComparison:
        """DeLong's and McNemar's tests of two models, each at its own threshold.

        Raises:
            DataError: one class only.
        """
        return compare_models(
            self.labels,
            self.probabilities[a.name],
            self.probabilities[b.name],
            a.threshold,
            b.threshold,
            (a.label, b.label),
            self.patients,
        )

    def differences(self, a: ModelRow, b: ModelRow) -> dict[str, Estimate]:
        """The `FIGURES` of one model less those of the other, with 95 % intervals.

        The area has DeLong's interval, the shares that of `paired_difference`.

        Raises:
            DataError: one class only.
        """
        ill = self.labels == 1
        right = [(self.probabilities[row.name] >= row.threshold) == ill for row in (a, b)]
        parts = {"sensitivity": ill, "specificity": ~ill, "accuracy": np.ones_like(ill)}
        return {
            "auc": self.compare(a, b).auc.difference,
            **{
                name: paired_difference(*(each[part] for each in right), self.patients[part])
                for name, part in parts.items()
            },
        }


@dataclass(frozen=True, eq=False)
class Board:
    """All models, by the test images they can be compared on.

    Attributes:
        sets: The largest first.
        unscored: Runs whose scores cannot be read, each with the reason.
    """

    sets: tuple[ImageSet, ...]
    unscored: Mapping[str, str]

    @property
    def points(self) -> tuple[str, ...]:
        """Names of the operating points, chosen on validation, that every model here has."""
        each = [_points(row.run) for images in self.sets for row in images.rows]
        return tuple(name for name in each[0] if all(name in one for one in each)) if each else ()

    def of(self, name: str) -> ImageSet:
        """The set that the run of that name is in.

        Raises:
            RunError: its scores cannot be read.
        """
        if name in self.unscored:
            raise RunError(self.unscored[name])
        return next(images for images in self.sets if name in images.probabilities)


def board(runs: Iterable[Run]) -> Board:
    """Group runs by the test images they were scored on.

    Images are the same where their names and labels are: MedMNIST's variants share a test set, the
    films of the class folders are another one.
    """
    groups: dict[tuple[bytes, ...], list[tuple[ModelRow, pd.DataFrame]]] = {}
    unscored = {}
    for row in rows(runs):
        try:
            scores = _by_image(row.run)
        except RunError as error:
            unscored[row.name] = str(error)
            continue
        key = ("\n".join(scores["id"]).encode(), scores["label"].to_numpy(np.int8).tobytes())
        groups.setdefault(key, []).append((row, scores))
    sets = [_image_set(members) for members in groups.values()]
    return Board(tuple(sorted(sets, key=lambda one: (-len(one.rows), one.title))), unscored)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two models whose recipes are the same but for the training augmentation.

    Attributes:
        stem: What the names of the two recipes share.
        augmented, plain: The models.
        also: Further fields in which the recipes differ, with dots for nesting.
    """

    stem: str
    augmented: ModelRow
    plain: ModelRow
    also: tuple[str, ...]


def augmented_pairs(images: ImageSet) -> tuple[Pair, ...]:
    """The models trained by `<stem>-augmented` and `<stem>-plain` with the same seeds, by stem.

    Of several runs with one recipe and one seed the first by name is taken: the rows' own order
    goes by test.
    """
    found: dict[tuple[str, tuple[str, ...]], dict[str, ModelRow]] = {}
    for row in sorted(images.rows, key=lambda row: row.name):
        stem, _, kind = str(row.run.recipe.get("name", "")).rpartition("-")
        if stem and kind in ("augmented", "plain"):
            # An ensemble is compared with an ensemble of the same seeds, not with a single network.
            networks = members(row.run) or (row.run.training,)
            seeds = tuple(sorted(str(one["seed"]) for one in networks))
            found.setdefault((stem, seeds), {}).setdefault(kind, row)
    return tuple(
        Pair(stem, both["augmented"], both["plain"], _also(both["augmented"], both["plain"]))
        for (stem, _), both in sorted(found.items())
        if len(both) == 2
    )


def same_recipe(images: ImageSet) -> tuple[tuple[ModelRow, ...], ...]:
    """Models that differ in their seed alone, two or more together."""
    left, found = list(images.rows), []
    while left:
        first = left[0]
        alike = [row for row in left if _training_of(row) == _training_of(first)]
        left = [row for row in left if row not in alike]
        seeds = {row.run.training["seed"] for row in alike}
        if len(seeds) == len(alike) > 1:
            found.append(tuple(alike))
    return tuple(found)


def members(run: Run) -> tuple[Mapping[str, Any], ...]:
    """The training of each network of an ensemble, at least its seed and its best epoch.

    Empty for a single network.
    """
    given = run.training.get("members")
    each = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
    known = [one for one in each if {"seed", "best_epoch"} <= one.keys()]
    return tuple(known) if len(known) > 1 else ()


def training_history(run: Run) -> pd.DataFrame:
    """A run's history with the columns that training curves are drawn from, as numbers.

    Raises:
        RunError: If the file is missing or damaged.
    """
    import pandas as pd

    history = run.history()
    columns = [*HISTORY, *(f"{split}_{name}" for name in MEASURED for split in ("train", "val"))]
    try:
        return history[columns].apply(pd.to_numeric)
    except (KeyError, ValueError, TypeError) as error:
        raise RunError(f"{run.name}: history.csv is missing or damaged.") from error


def _row(run: Run, label: str) -> ModelRow:
    test, training = run.metrics["test"], run.training
    weights = run.path / WEIGHTS_FILE
    origin = training.get("pretrained")
    origin = origin if isinstance(origin, str) else ""
    parameters, threads = (_positive(training.get(key)) for key in ("parameters", "ms_threads"))
    return ModelRow(
        run=run,
        label=label,
        point=run.operating_point,
        figures={name: Estimate.from_json(test[name]) for name in FIGURES},
        published=published(run.recipe),
        start=_start(origin, run.recipe.get("pretrained")),
        origin=origin,
        parameters=None if parameters is None else round(parameters),
        megabytes=weights.stat().st_size / 1e6 if run.has_weights else None,
        milliseconds=_positive(training.get("ms_per_image")),
        threads=None if threads is None else round(threads),
    )


def _points(run: Run) -> dict[str, OperatingPoint]:
    """A run's operating points that were chosen on validation, by name, its default first."""
    found: dict[str, OperatingPoint] = {}
    for point in run.operating_points:
        if point.split == "val":
            # Of two with one name, the first is the run's own; the other was saved later.
            found.setdefault(point.name, point)
    return found


def _start(origin: str, wanted: Any) -> Start:
    imagenet = isinstance(wanted, str) and wanted.startswith("imagenet")
    if origin.startswith("random"):
        return "instead" if imagenet else "scratch"
    if not origin:
        return "unknown"
    return "imagenet" if imagenet else "other"


def _by_image(run: Run) -> pd.DataFrame:
    """Test scores in the order of the images' names."""
    scores = run.scores("test").sort_values("id", ignore_index=True)
    if scores["id"].duplicated().any():
        raise RunError(f"{run.name}: scores.csv names an image twice: train it again.")
    return scores


def _image_set(members: Sequence[tuple[ModelRow, pd.DataFrame]]) -> ImageSet:
    titles = Counter(row.run.data["title"] for row, _ in members)
    _, scores = members[0]
    ranked = sorted((row for row, _ in members), key=lambda row: -(row.figures["auc"].value or 0))
    return ImageSet(
        title=max(titles, key=lambda title: (titles[title], -len(title))),
        rows=tuple(ranked),
        labels=scores["label"].to_numpy(),
        patients=patients_of(scores),
        probabilities={row.name: table["probability"].to_numpy() for row, table in members},
    )


def _training_of(row: ModelRow) -> tuple[Any, ...]:
    """All that decides what a run learns, but for its seed."""
    return row.run.recipe, row.run.model, row.run.data["fingerprint"], row.origin


def _also(a: ModelRow, b: ModelRow) -> tuple[str, ...]:
    """Fields in which two recipes differ beyond what an augmented and a plain one must."""
    one, other = _flat(a.run.recipe), _flat(b.run.recipe)
    differ = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    parts = {key: key.split(".") for key in differ}
    return tuple(
        key
        for key in differ
        if parts[key][0] not in ("name", "title", "published") and "augmentation" not in parts[key]
    )


def _flat(content: Any, place: str = "") -> dict[str, Any]:
    if isinstance(content, Mapping):
        parts = content.items()
    elif isinstance(content, list) and any(isinstance(part, Mapping) for part in content):
        parts = enumerate(content)
    else:
        return {place: content}
    found: dict[str, Any] = {}
    for key, value in parts:
        found |= _flat(value, f"{place}.{key}".lstrip("."))
    return found


def _positive(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15
    return float(value) if good else None
