"""A run on the test films of another data set, as uploads would come: does it hold there?"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pneumo_core.calibration import probability
from pneumo_core.confusion import Confusion, confusion_at
from pneumo_core.datasets import Dataset
from pneumo_core.errors import DataError
from pneumo_core.evaluation import predict_logits
from pneumo_core.metrics import summary
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run


@dataclass(frozen=True)
class Transfer:
    """What a run reaches on films of another data set.

    Attributes:
        run: Name of the run.
        data: Title of the data set.
        figures: As `metrics.summary` gives them, at the run's own threshold, which was chosen on
            the validation films of the data it was trained on.
        points: Right and wrong calls at each of its operating points, the default first.
    """

    run: str
    data: str
    figures: dict[str, Any]
    points: tuple[tuple[OperatingPoint, Confusion], ...]


def transfer(run: Run, dataset: Dataset, only: Collection[str] = ()) -> Transfer:
    """Score a data set's test films with a run, its temperature and its thresholds.

    Each film goes the way of an upload: as it is, through the run's `Preprocess`.

    Args:
        run: The run.
        dataset: With "test".
        only: Names of the films to take; none for all.

    Raises:
        DataError: If one of these names is not among the test films.
        RunError: If the run has no weights.
        ImageError: If a film cannot be read.
    """
    split = dataset.splits["test"]
    if only:
        if strange := sorted(set(only) - set(split.ids)):
            raise DataError(f"{strange[0]!r} is not a test film of {dataset.title}.")
        split = split.subset([i for i, name in enumerate(split.ids) if name in set(only)])
    squares = split.squares(run.preprocess)
    logits = predict_logits(
        run.load_model(), run.preprocess, squares, flip_average=run.flip_average
    )
    chances = probability(logits, run.temperature)
    return Transfer(
        run=run.name,
        data=dataset.title,
        figures=summary(split.labels, chances, run.operating_point.threshold, split.clusters),
        points=tuple(
            (point, confusion_at(split.labels, chances, point.threshold))
            for point in run.operating_points
        ),
    )
