"""How well a run holds on spoilt films.

Every image of a split is spoilt in each of `CORRUPTIONS`' ways at each severity, as the square that
the run keeps its training images as, and judged at the threshold that the run chose on clean
validation images. Nothing is chosen anew, so that what is lost is what a user would lose.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo_core.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from pneumo_core.errors import DataError
from pneumo_core.split_file import SplitFile

if TYPE_CHECKING:
    from pneumo_core.datasets import Dataset
    from pneumo_core.preprocess import Preprocess
    from pneumo_core.runs import Run
    from pneumo_core.splits import Split

ROBUSTNESS_FILE = "robustness.json"
SEED = 0
VERSIONS = tuple((name, severity) for name in CORRUPTIONS for severity in SEVERITIES)
"""Every corruption at every severity, in the order in which they are measured."""

Scorer = Callable[[np.ndarray], np.ndarray]
"""Squares uint8 (N, square_size, square_size), ready for `Preprocess.tensor`, to calibrated
probabilities (N,)."""


@dataclass(frozen=True)
class Figures:
    """Figures of one set of images at the run's threshold, each from 0 to 1."""

    auc: float
    accuracy: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True)
class Spoilt:
    """Figures under one corruption (a key of `CORRUPTIONS`) at one severity (1 to 5)."""

    corruption: str
    severity: int
    figures: Figures


@dataclass(frozen=True)
class Robustness:
    """What a run makes of a split, clean and spoilt.

    Attributes:
        weights_sha256: Of the weights that were measured.
        data: Name of the data set.
        split: "val" or "test".
        images: How many.
        size: Side of the squares that were spoilt, in pixels.
        threshold: On the calibrated probability; chosen on clean validation images.
        seed: Of the noise.
        date: ISO date.
        clean: Figures of the images as they are.
        spoilt: One for each corruption and severity, in the order of `CORRUPTIONS`.

    Raises:
        DataError: If a corruption or severity is missing or unknown.
    """

    weights_sha256: str
    data: str
    split: str
    images: int
    size: int
    threshold: float
    seed: int
    date: str
    clean: Figures
    spoilt: tuple[Spoilt, ...]

    def __post_init__(self) -> None:
        if [(one.corruption, one.severity) for one in self.spoilt] != list(VERSIONS):
            raise DataError("Robustness needs every corruption at every severity: measure again.")

    def loss(self, one: Spoilt) -> float:
        """By how many percentage points the accuracy is lower than on clean images."""
        return 100 * (self.clean.accuracy - one.figures.accuracy)

    def losses(self, corruption: str) -> list[float]:
        """The losses of one corruption in the order of `SEVERITIES`."""
        return [self.loss(one) for one in self.spoilt if one.corruption == corruption]

    @property
    def mean_loss(self) -> float:
        """Mean of all losses in accuracy, in percentage points."""
        return sum(map(self.loss, self.spoilt)) / len(self.spoilt)

    @property
    def worst(self) -> Spoilt:
        """Where the accuracy is lowest."""
        return max(self.spoilt, key=self.loss)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> "Robustness":
        """Read what `to_json` wrote.

        Raises:
            DataError: A field is absent or not what it should be.
        """
        from pneumo_core.fields import build_from_file

        return build_from_file(cls, content, "robustness")


def measure(
    split: "Split",
    preprocess: "Preprocess",
    scorer: Scorer,
    threshold: float,
    seed: int = SEED,
    step: Callable[[], object] = lambda: None,
) -> tuple[Figures, tuple[Spoilt, ...]]:
    """Score a split clean and in every spoilt version.

    A film is cropped and taken to the run's square, spoilt there, and equalised afterwards where
    the run equalises: whatever cleans a film up comes after what spoilt it.

    Args:
        split: The images.
        preprocess: The run's.
        scorer: The run's network with its temperature.
        threshold: The operating point, in [0, 1].
        seed: Of the noise.
        step: Called whenever a version is done.

    Returns:
        The figures of the clean images, and those of the spoilt in the order of `CORRUPTIONS`.

    Raises:
        DataError: If the split lacks a class, or the scorer gives no probabilities.
    """
    from pneumo_core.confusion import confusion_at
    from pneumo_core.intervals import auc_delong
    from pneumo_core.preprocess import Preprocess

    if min(split.counts().values()) == 0:
        raise DataError("Robustness needs normal and pneumonia images: choose another split.")
    only_size = Preprocess(preprocess.input_size, preprocess.source_size, preprocess.crop)
    squares = split.squares(only_size)

    def figures(films: np.ndarray) -> Figures:
        ready = [preprocess.square(film.astype(np.float32) / 255) for film in films]
        probabilities = scorer(np.stack(ready))
        counts = confusion_at(split.labels, probabilities, threshold)
        shares = (counts.accuracy, counts.sensitivity, counts.specificity)
        area = auc_delong(split.labels, probabilities).value
        step()
        return Figures(*map(float, (area, *shares)))  # type: ignore[arg-type]

    clean = figures(squares)
    spoilt = tuple(
        Spoilt(name, severity, figures(corrupt(squares, name, severity, seed)))
        for name, severity in VERSIONS
    )
    return clean, spoilt


def measure_run(
    run: "Run", dataset: "Dataset", split: str, step: Callable[[], object] = lambda: None
) -> Robustness:
    """Measure a run on a split at its default operating point.

    Args:
        run: With weights.
        dataset: The run's.
        split: "val" or "test".
        step: Called 66 times: for the clean images and each spoilt version.

    Raises:
        RunError: If the weights are missing or damaged.
        DataError: If the split lacks a class.
    """
    from pneumo_core.calibration import probability
    from pneumo_core.evaluation import predict_logits

    model = run.load_model()

    def scorer(squares: np.ndarray) -> np.ndarray:
        logits = predict_logits(model, run.preprocess, squares, flip_average=run.flip_average)
        return probability(logits, run.temperature)

    threshold, images = run.operating_point.threshold, dataset.splits[split]
    clean, spoilt = measure(images, run.preprocess, scorer, threshold, step=step)
    return Robustness(
        weights_sha256=run.weights_sha256,
        data=dataset.name,
        split=split,
        images=len(images),
        size=run.preprocess.square_size,
        threshold=threshold,
        seed=SEED,
        date=datetime.now(UTC).date().isoformat(),
        clean=clean,
        spoilt=spoilt,
    )


_FILE = SplitFile(ROBUSTNESS_FILE, Robustness, "measure again")


def read_robustness(run: "Run", split: str = "test") -> Robustness | None:
    """What was measured of a run; None where nothing was, or with other weights or threshold.

    Raises:
        RunError: If the file is damaged.
    """
    found = _FILE.read(run, split)
    return found if found and found.threshold == run.operating_point.threshold else None


def write_robustness(run: "Run", found: Robustness) -> Path:
    """Keep what was measured in the run's folder; another split's figures stay.

    Raises:
        RunError: If the file cannot be written.
    """
    return _FILE.write(run, found)


def points(loss: float) -> str:
    """Write a loss in percentage points to one place; never as minus nothing."""
    return f"{round(loss, 1) + 0.0:.1f}".replace("-", "−")
