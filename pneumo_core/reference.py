"""What a run keeps of its training images: `features.npz`.

At two depths of the network the training images' features are described by one Gaussian, whose
covariance is that of probabilistic PCA (Tipping and Bishop, J R Stat Soc B 61 (1999) 611-622): the
directions of largest variance as measured, all others alike. How far an image lies from it is the
Mahalanobis distance that Lee et al. (NeurIPS 2018) detect foreign images with. Along the same
directions the training images themselves are kept, for `similar`. Everything that needs a limit
takes it from the validation images. `docs/novelty.md` has the comparison behind these choices.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo_core.errors import RunError
from pneumo_core.files import written_whole
from pneumo_core.image_checks import Orientation, tiny_square

if TYPE_CHECKING:
    from torch import nn

    from pneumo_core.architectures import ModelSpec
    from pneumo_core.datasets import Dataset
    from pneumo_core.runs import Run
    from pneumo_core.splits import Split

FEATURES_FILE = "features.npz"
SCHEMA = 1
MAX_AXES = 64
"""Directions kept at each depth, at most; half as many, or twice, tell foreign images no better."""

USUAL_SHARE = 0.99
"""Share of validation images that are not farther than `Reference.unusual`."""

FOREIGN_MARGIN = 2.0
"""How far beyond `Reference.unusual` an image is foreign, in standard deviations of `novelty` over
validation images. The farthest of them would be a limit that hangs on a single film."""

TURNED_SHARE = 0.005
"""Share of upright validation images that may be taken for turned or inverted ones."""

_BLOCK = 256
"""Films in memory at a time."""

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Depth:
    """The training images at one depth of the network; D features, K directions, N images.

    Attributes:
        stage: The depth: a stage of the architecture, "head" for the head's input.
        mean: float32 (D,).
        axes: float32 (D, K), orthonormal: the directions of largest variance.
        deviations: float32 (K,), the standard deviation along each.
        noise: Standard deviation along any other direction.
        centre: Median over validation images of the logarithm of the distance.
        spread: Its standard deviation there.
        codes: float16 (N, K), the images along `axes` in standard deviations.
    """

    stage: str
    mean: np.ndarray
    axes: np.ndarray
    deviations: np.ndarray
    noise: float
    centre: float
    spread: float
    codes: np.ndarray

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Features (N, D) along `axes` in standard deviations, float32 (N, K)."""
        return (((features - self.mean) @ self.axes) / self.deviations).astype(np.float32)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """How unusual features (N, D) are: float64 (N,), 0 for the median validation image.

        The logarithm of the Mahalanobis distance in its validation standard deviations.
        """
        return (self._log_distances(features) - self.centre) / self.spread

    def _log_distances(self, features: np.ndarray) -> np.ndarray:
        away = features.astype(np.float64) - self.mean
        along = away @ self.axes.astype(np.float64)
        rest = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        squares = ((along / self.deviations) ** 2).sum(axis=1) + rest / self.noise**2
        return np.log(squares + _TINY)


@dataclass(frozen=True, eq=False)
class Reference:
    """What a run knows of its training images.

    Attributes:
        weights_sha256: Of the weights whose features these are.
        fingerprint: Of the training data.
        square_size: Side of the squares that the network is fed from, in pixels.
        ids: Of the training images.
        labels: uint8 (N,), 0 = Normal, 1 = Pneumonia.
        depths: An earlier one, and the head's input.
        distances: float32 (M,), `novelty` of the validation images, ascending.
        unusual: `novelty` above which an image is unusual.
        foreign: `novelty` above which it is no chest X-ray.
        orientation: Tells turned and inverted films.
    """

    weights_sha256: str
    fingerprint: str
    square_size: int
    ids: tuple[str, ...]
    labels: np.ndarray
    depths: tuple[Depth, ...]
    distances: np.ndarray
    unusual: float
    foreign: float
    orientation: Orientation

    @property
    def stages(self) -> tuple[str, ...]:
        """The depths by name, in the order in which features are wanted."""
        return tuple(depth.stage for depth in self.depths)

    def novelty(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """How unusual images are, all depths together, float64 (N,); `features` as of `stages`."""
        each = [d.distances(f) for d, f in zip(self.depths, features, strict=True)]
        return np.sum(each, axis=0)

    def encode(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """Images along the directions of all depths, float32 (N, sum of K)."""
        each = [d.encode(f) for d, f in zip(self.depths, features, strict=True)]
        return np.concatenate(each, axis=1)

    @cached_property
    def codes(self) -> np.ndarray:
        """The training images as `encode` gives them, float32 (N, sum of K)."""
        return np.concatenate([d.codes for d in self.depths], axis=1).astype(np.float32)

    def percentile(self, novelty: float) -> float:
        """Percentage of validation images that are less unusual than that, 0 to 100."""
        return 100 * float(np.searchsorted(self.distances, novelty)) / len(self.distances)


def reference_stages(spec: "ModelSpec") -> tuple[str, str]:
    """The two depths that are kept: the middle one of those CAM can read, and the head's input."""
    from pneumo_core.architectures import ARCHITECTURES
    from pneumo_core.features import HEAD

    stages = ARCHITECTURES[spec.architecture].cam_stages
    return stages[(len(stages) - 1) // 2], HEAD


def compute_reference(
    run: "Run", dataset: "Dataset", step: Callable[[int], object] = lambda _: None
) -> Reference:
    """Describe a run's training images, and take the limits from its validation images.

    Args:
        run: With weights.
        dataset: The one it was trained on, split as it was then, with "train" and "val".
        step: Called with the number of images whenever some are done.

    Raises:
        RunError: If the weights are missing or damaged.
    """
    model, stages = run.load_model(), reference_stages(run.model)
    train, tiny_train = _features(run, model, stages, dataset.splits["train"], step)
    val, tiny_val = _features(run, model, stages, dataset.splits["val"], step)
    depths = tuple(
        _depth(stage, of_train, of_val)
        for stage, of_train, of_val in zip(stages, train, val, strict=True)
    )
    each = [depth.distances(features) for depth, features in zip(depths, val, strict=True)]
    distances = np.sort(np.sum(each, axis=0))
    unusual = float(np.quantile(distances, USUAL_SHARE, method="higher"))
    return Reference(
        weights_sha256=run.weights_sha256,
        fingerprint=dataset.fingerprint,
        square_size=run.preprocess.square_size,
        ids=dataset.splits["train"].ids,
        labels=dataset.splits["train"].labels.astype(np.uint8),
        depths=depths,
        distances=distances.astype(np.float32),
        unusual=unusual,
        foreign=unusual + FOREIGN_MARGIN * float(distances.std()),
        orientation=Orientation.fit(tiny_train, tiny_val, TURNED_SHARE),
    )


def _features(
    run: "Run",
    model: "nn.Module",
    stages: Sequence[str],
    split: "Split",
    step: Callable[[int], object],
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Features (N, D) of a split at each stage, and its tiny squares; every film is read once."""
    from pneumo_core.features import stage_features

    blocks, tiny = [], []
    for start in range(0, len(split), _BLOCK):
        squares = []
        for position in range(start, min(start + _BLOCK, len(split))):
            film = split.read(position)
            squares.append(run.preprocess.square(film))
            tiny.append(tiny_square(film))
        blocks.append(stage_features(model, run.model, run.preprocess, np.stack(squares), stages))
        step(len(squares))
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True)), np.stack(tiny)


def _depth(stage: str, train: np.ndarray, val: np.ndarray) -> Depth:
    """Describe training features (N, D) at one stage, and scale distances by validation's."""
    count, size = train.shape
    kept = max(1, min(MAX_AXES, size // 2, (count - 1) // 2))
    mean = train.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(np.cov(train.T.astype(np.float64)))
    variances, axes = variances[::-1], axes[:, ::-1]
    # A direction without any variance would make every image infinitely far.
    least = max(float(variances[0]), _TINY) * 1e-9
    depth = Depth(
        stage=stage,
        mean=mean.astype(np.float32),
        axes=axes[:, :kept].astype(np.float32),
        deviations=np.sqrt(np.maximum(variances[:kept], least)).astype(np.float32),
        noise=float(np.sqrt(max(variances[kept:].mean(), least))),
        centre=0.0,
        spread=1.0,
        codes=np.empty((0, kept), np.float16),
    )
    logs = depth.distances(val)
    scaled = {"centre": float(np.median(logs)), "spread": max(float(logs.std()), _TINY)}
    codes = depth.encode(train).astype(np.float16)
    return Depth(**{**_fields(depth), **scaled, "codes": codes})


def _fields(part: Any) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def write_reference(run: "Run", reference: Reference) -> Path:
    """Keep a reference in the run's folder, whole or not at all.

    Raises:
        RunError: If the file cannot be written.
    """
    path = run.path / FEATURES_FILE
    content: dict[str, Any] = {
        "schema": SCHEMA,
        **{name: value for name, value in _fields(reference).items() if name not in _NESTED},
        **{f"orientation_{key}": value for key, value in _fields(reference.orientation).items()},
    }
    for position, depth in enumerate(reference.depths):
        content |= {f"depth{position}_{key}": value for key, value in _fields(depth).items()}
    try:
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{key: np.asarray(value) for key, value in content.items()})
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}).") from error
    return path


_NESTED = ("depths", "orientation")


def read_reference(run: "Run") -> Reference | None:
    """What was kept of a run's training images; None where nothing was, or of other weights.

    Raises:
        RunError: If the file is damaged.
    """
    try:
        with np.load(run.path / FEATURES_FILE, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
        if int(content["schema"]) != SCHEMA:
            return None
        reference = _reference(content)
        _check(reference)
    except FileNotFoundError:
        return None
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged archive
        raise RunError(
            f"{run.name}: {FEATURES_FILE} is damaged: write it anew with "
            f"python -m pneumo_core reference {run.name}."
        ) from error
    return reference if reference.weights_sha256 == run.weights_sha256 else None


def _reference(content: dict[str, np.ndarray]) -> Reference:
    depths: list[Depth] = []
    while f"depth{len(depths)}_stage" in content:
        depths.append(Depth(**_plain(content, Depth, f"depth{len(depths)}_")))
    nested = {
        "depths": tuple(depths),
        "orientation": Orientation(**_plain(content, Orientation, "orientation_")),
    }
    own = _plain(content, Reference, "", except_for=_NESTED)
    return Reference(**{**own, "ids": tuple(own["ids"].tolist())}, **nested)


def _plain(
    content: dict[str, np.ndarray], kind: type, prefix: str, except_for: Iterable[str] = ()
) -> dict[str, Any]:
    """The fields of a dataclass; an array of no dimension as the number or text that it holds."""
    names = [field.name for field in fields(kind) if field.name not in except_for]
    values = {name: content[f"{prefix}{name}"] for name in names}
    return {name: value if value.ndim else value.item() for name, value in values.items()}


def _check(reference: Reference) -> None:
    """Raise ValueError unless all parts fit each other and hold numbers."""
    images = len(reference.ids)
    shapes = [(reference.labels, (images,)), (reference.distances, (len(reference.distances),))]
    for depth in reference.depths:
        size, kept = depth.axes.shape
        shapes += [
            (depth.mean, (size,)),
            (depth.axes, (size, kept)),
            (depth.deviations, (kept,)),
            (depth.codes, (images, kept)),
        ]
    turns = (len(reference.orientation.weights),)
    shapes += [(reference.orientation.offsets, turns)]
    whole = all(a.shape == shape and np.isfinite(a).all() for a, shape in shapes)
    if not whole or not images or not len(reference.distances) or len(reference.depths) != 2:
        raise ValueError("the parts do not fit")


def reference_of(run_name: str | None, data: str | None) -> Path:
    """Compute and keep the reference of a run: the command `python -m pneumo_core reference`.

    Args:
        run_name: Name or folder; None for the default run.
        data: The data set, or a folder that holds it; None to search.

    Raises:
        PneumoError: As `read_run`, `load_dataset`, `compute_reference` and `write_reference`.
    """
    from tqdm import tqdm

    from pneumo_core.datasets import load_dataset
    from pneumo_core.runs import default_run, read_run

    run = read_run(run_name) if run_name else default_run()
    dataset = load_dataset(run.data["name"], data, run.data["split_rule"])
    if dataset.fingerprint != run.data["fingerprint"]:
        raise RunError(
            f"{run.name} was trained on other data than {dataset.path}: name its own with --data."
        )
    count = len(dataset.splits["train"]) + len(dataset.splits["val"])
    # disable=None: no bar where the errors go to a file.
    with tqdm(total=count, unit="image", disable=None) as bar:
        reference = compute_reference(run, dataset, bar.update)
    return write_reference(run, reference)
