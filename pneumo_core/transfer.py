"""A run on the test films of another data set, as uploads would come: does it hold there?"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pneumo_core.errors import DataError
from pneumo_core.proportions import Estimate
from pneumo_core.runs import Run
from pneumo_core.split_file import SplitFile

if TYPE_CHECKING:
    import numpy as np

    from pneumo_core.datasets import Dataset

_FILE = "transfer_{data}.json"


@dataclass(frozen=True)
class AtPoint:
    """Figures at one of the run's operating points, with 95 % intervals by patient."""

    name: str
    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Transfer:
    """What a run reaches on films of another data set.

    Attributes:
        weights_sha256: Of the weights that were measured.
        data: Name of the data set.
        title: Its name for people.
        fingerprint: Of its content.
        split: Which films of it: "test".
        films: How many.
        short_side: Median of their shorter sides, in pixels: what detail the files hold.
        date: ISO date.
        auc: Area under the ROC curve.
        ece: Expected calibration error, ten bins.
        points: At each of the run's operating points, the default first; their thresholds were
            chosen on validation films of the data it was trained on.

    Raises:
        DataError: If there is no operating point.
    """

    weights_sha256: str
    data: str
    title: str
    fingerprint: str
    split: str
    films: int
    short_side: int
    date: str
    auc: Estimate
    ece: float
    points: tuple[AtPoint, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise DataError("A transfer needs figures at an operating point: measure again.")

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> "Transfer":
        """Read what `to_json` wrote.

        Raises:
            DataError: A field is absent or not what it should be.
        """
        from pneumo_core.fields import build_from_file

        return build_from_file(cls, content, "transfer")


def transfer(run: Run, dataset: "Dataset", only: Collection[str] | None = None) -> Transfer:
    """Score a data set's test films with a run, its temperature and its thresholds.

    Each film goes the way of an upload: as it is, through the run's `Preprocess`.

    Args:
        run: The run.
        dataset: With "test".
        only: Names of the films to take; None for all.

    Raises:
        DataError: If one of these names is not among the test films, there is none, or a film
            cannot be read.
        RunError: If the run has no weights.
    """
    from pneumo_core.calibration import expected_calibration_error, probability
    from pneumo_core.confusion import figures_at
    from pneumo_core.evaluation import predict_logits
    from pneumo_core.intervals import auc_delong

    split = dataset.splits["test"]
    if only is not None:
        if not only:
            raise DataError("There is not one film to score: name some.")
        if strange := sorted(set(only) - set(split.ids)):
            raise DataError(f"{strange[0]!r} is not a test film of {dataset.title}.")
        split = split.subset([i for i, name in enumerate(split.ids) if name in set(only)])
    sides = []

    def read(position: int) -> "np.ndarray":
        pixels = split.read(position)
        sides.append(min(pixels.shape))  # here, for a film is decoded only once
        return pixels

    squares = replace(split, read=read).squares(run.preprocess)
    logits = predict_logits(
        run.load_model(), run.preprocess, squares, flip_average=run.flip_average
    )
    chances = probability(logits, run.temperature)

    def at(threshold: float) -> dict[str, Estimate]:
        found = figures_at(split.labels, chances, threshold, split.clusters)
        return {name: found[name] for name in AtPoint.__dataclass_fields__ if name in found}

    return Transfer(
        weights_sha256=run.weights_sha256,
        data=dataset.name,
        title=dataset.title,
        fingerprint=dataset.fingerprint,
        split="test",
        films=len(split),
        short_side=round(median(sides)),
        date=datetime.now(UTC).date().isoformat(),
        auc=auc_delong(split.labels, chances, split.clusters),
        ece=expected_calibration_error(split.labels, chances),
        points=tuple(
            AtPoint(point.name, point.threshold, **at(point.threshold))
            for point in run.operating_points
        ),
    )


def read_transfer(run: Run, data: str) -> Transfer | None:
    """What was kept of a run on a data set of that name.

    None where nothing was, or with other weights or another default threshold.

    Raises:
        RunError: If the file is damaged.
    """
    found = _file(data).read(run, "test")
    return found if found and found.points[0].threshold == run.operating_point.threshold else None


def transfers(run: Run) -> tuple[Transfer, ...]:
    """What was kept of a run on all data sets but its own, by name; see `read_transfer`.

    Raises:
        RunError: If a file is damaged.
    """
    before, after = _FILE.split("{data}")
    names = sorted(
        path.name.removeprefix(before).removesuffix(after)
        for path in run.path.glob(_FILE.format(data="*"))
    )
    found = (read_transfer(run, name) for name in names if name != run.data["name"])
    return tuple(one for one in found if one)


def write_transfer(run: Run, found: Transfer) -> Path:
    """Keep in the run's folder what was measured over all test films of a data set.

    Raises:
        RunError: If the file cannot be written.
    """
    return _file(found.data).write(run, found)


def _file(data: str) -> SplitFile[Transfer]:
    return SplitFile(_FILE.format(data=data), Transfer, "measure again")
