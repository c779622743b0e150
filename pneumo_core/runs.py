"""A trained run on disk: the contract between training and the dashboard.

A run is a folder with `model.safetensors`, `run.json`, `scores.csv`, `history.csv` and `plots/`.
It is read here; `publishing` writes it. Weights are only ever read from safetensors: a file in
that format holds numbers and cannot run code.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo_core.errors import PneumoError, RunError
from pneumo_core.files import PROJECT_FOLDER, sha256_of
from pneumo_core.operating_point import OperatingPoint, Zones
from pneumo_core.run_json import RUN_SHAPE, misfit

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from pneumo_core.architectures import ModelSpec
    from pneumo_core.preprocess import Preprocess

SCHEMA = 1
WEIGHTS_FILE = "model.safetensors"
RUN_FILE = "run.json"
SCORES_FILE = "scores.csv"
HISTORY_FILE = "history.csv"
SAVED_POINTS_FILE = "operating_points.json"
PLOTS_FOLDER = "plots"
DEFAULT_FILE = "DEFAULT"
SCORE_COLUMNS = ("split", "id", "patient", "group", "label", "logit")
KIND_COLUMN = "kind_logit"
"""A further column of scores for networks of three outputs: log-odds of bacterial against viral."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run whose description has been read and makes sense.

    Attributes:
        path: Its folder.
        title: Name for people.
        model: The network.
        preprocess: From a grey image to its input.
        flip_average: Whether logits are averaged with the mirror image's.
        temperature: What logits are divided by before the sigmoid; chosen on validation.
        operating_points: The first is the default; those saved after training come last.
        zones: Rule-out and rule-in thresholds.
        recipe: The recipe as it was run.
        training: seed, epochs, best_epoch, duration_s, device, threads, precision, pretrained,
            parameters, ms_per_image on the CPU with ms_threads threads, versions, date; what
            keeping frozen features saved as cached_stages and saved_s; for an ensemble also
            members, one training each.
        data: name, title, fingerprint, split_rule, counts {split: {normal, pneumonia}}, and in
            newer runs what the audit of the data found.
        metrics: {"val": ..., "test": ...}, each as `metrics.summary` gives it.
        weights_sha256: Of `model.safetensors`.
    """

    path: Path
    title: str
    model: "ModelSpec"
    preprocess: "Preprocess"
    flip_average: bool
    temperature: float
    operating_points: tuple[OperatingPoint, ...]
    zones: Zones
    recipe: Mapping[str, Any]
    training: Mapping[str, Any]
    data: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    weights_sha256: str

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.path.name

    @property
    def operating_point(self) -> OperatingPoint:
        """The default operating point."""
        return self.operating_points[0]

    @property
    def has_weights(self) -> bool:
        """False for a run that is shipped as figures only."""
        return (self.path / WEIGHTS_FILE).is_file()

    @cached_property
    def _all_scores(self) -> "pd.DataFrame":
        import pandas as pd

        from pneumo_core.calibration import probability

        try:
            text = {"split": str, "id": str, "patient": str, "group": str}
            table = pd.read_csv(self.path / SCORES_FILE, dtype=text, keep_default_na=False)
            kind = {KIND_COLUMN: float} if KIND_COLUMN in table else {}
            table = table[[*SCORE_COLUMNS, *kind]].astype({"label": int, "logit": float, **kind})
            if not table["label"].isin((0, 1)).all():
                raise ValueError("labels are 0 or 1")
            table["probability"] = probability(table["logit"].to_numpy(), self.temperature)
        except (OSError, KeyError, ValueError, PneumoError) as error:
            raise RunError(f"{self.name}: {SCORES_FILE} is missing or damaged.") from error
        return table

    def scores(self, split: str) -> "pd.DataFrame":
        """Scores of a split, in the data set's order.

        Args:
            split: "val" or "test".

        Returns:
            Columns split, id, patient, group, label (0 or 1), logit, kind_logit (three outputs
            only), probability (calibrated); one row an image.

        Raises:
            RunError: If the file is missing or damaged, or has no such split.
        """
        table = self._all_scores
        rows = table[table["split"] == split]
        if rows.empty:
            raise RunError(f"{self.name}: {SCORES_FILE} has no rows for the split {split!r}.")
        return rows.reset_index(drop=True)

    def history(self) -> "pd.DataFrame":
        """One row an epoch, with the columns of `schedule.EpochRecord`.

        Raises:
            RunError: If the file is missing or damaged.
        """
        import pandas as pd

        try:
            return pd.read_csv(self.path / HISTORY_FILE)
        except (OSError, ValueError) as error:
            raise RunError(f"{self.name}: {HISTORY_FILE} is missing or damaged.") from error

    def plot(self, name: str) -> Path | None:
        """Path of a picture in `plots/`, None where the run has none of that name."""
        path = self.path / PLOTS_FOLDER / name
        return path if path.is_file() else None

    def load_model(self) -> "nn.Module":
        """Build the network and load its weights, as float32 on the CPU, in evaluation mode.

        Raises:
            RunError: If the weights are missing, do not fit, or are not those the run was
                written with (by SHA-256).
        """
        from safetensors import SafetensorError

        from pneumo_core.loading import load_network

        if not self.has_weights:
            raise RunError(f"{self.name} comes as figures only: choose a run with weights.")
        weights = self.path / WEIGHTS_FILE
        if sha256_of(weights) != self.weights_sha256:
            raise RunError(f"{self.name}: {WEIGHTS_FILE} is damaged (wrong SHA-256): restore it.")
        try:
            return load_network(self.model, weights)
        except (SafetensorError, RuntimeError, PneumoError) as error:
            raise RunError(f"{self.name}: {WEIGHTS_FILE} does not fit the network.") from error

    def to_json(self) -> dict[str, Any]:
        """The content of `run.json`."""
        return {
            "schema": SCHEMA,
            "title": self.title,
            "model": asdict(self.model),
            "preprocess": self.preprocess.to_json(),
            "flip_average": self.flip_average,
            "temperature": self.temperature,
            "operating_points": [point.to_json() for point in self.operating_points],
            "zones": self.zones.to_json(),
            "recipe": dict(self.recipe),
            "training": dict(self.training),
            "data": dict(self.data),
            "metrics": dict(self.metrics),
            "weights_sha256": self.weights_sha256,
        }


@dataclass(frozen=True)
class BrokenRun:
    """A folder that looks like a run and cannot be used.

    Attributes:
        name: Name of the folder.
        reason: Why, as one sentence.
    """

    name: str
    reason: str


def patients_of(scores: "pd.DataFrame") -> np.ndarray:
    """Whose each image is, as the run's own figures count patients.

    Args:
        scores: Rows of `Run.scores`.

    Returns:
        (N,) str; an image of unknown patient is one of its own and goes by its id.
    """
    return scores["patient"].where(scores["patient"] != "", scores["id"]).to_numpy(str)


def weights_folder() -> Path:
    """Folder of the runs: `PNEUMO_WEIGHTS`, or `weights/` of the project."""
    named = os.environ.get("PNEUMO_WEIGHTS")
    return Path(named).expanduser() if named else PROJECT_FOLDER / "weights"


def run_folder(name: str) -> Path:
    """Folder of a run that need not exist: a plain name's in `weights_folder()`, a path itself."""
    path = Path(name).expanduser()
    return weights_folder() / path if path.name == name else path


def read_run(path: str | Path) -> Run:
    """Read a run's description; its weights are not touched.

    Args:
        path: The run's folder, or the name of one in `weights_folder()`.

    Raises:
        RunError: If it is absent, damaged or of another version.
    """
    try:
        folder = _folder_of(Path(path))
        text = (folder / RUN_FILE).read_bytes()
    except (OSError, ValueError) as error:
        raise RunError(
            f"There is no run {str(path)!r} that can be read: train one with python train_cli.py."
        ) from error
    try:
        run = _described(folder, json.loads(text))
    except RunError:
        raise
    except PneumoError as error:
        raise _damaged(folder, f" ({str(error).rstrip('.')})") from error
    except Exception as error:  # what anything at all in place of a run.json may lead to
        raise _damaged(folder) from error
    return replace(run, operating_points=run.operating_points + _saved_points(folder))


def _folder_of(path: Path) -> Path:
    if path.name in ("", ".."):  # as in "."; a run is called after its folder
        path = path.resolve()
    return path if (path / RUN_FILE).is_file() else weights_folder() / path


def _described(folder: Path, content: Any) -> Run:
    """The run that the content of its `run.json` describes."""
    from pneumo_core.architectures import ARCHITECTURES, ModelSpec, cam_stage, check_input_size
    from pneumo_core.fields import build
    from pneumo_core.preprocess import Preprocess

    if content["schema"] != SCHEMA:
        raise RunError(f"{folder.name} was written by another version: train it again.")
    place = misfit(content, RUN_SHAPE)
    if place is not None:
        raise _damaged(folder, f" at {place}")
    model = build(ModelSpec, content["model"], "model")
    if model.architecture not in ARCHITECTURES:
        raise RunError(f"{folder.name} needs the unknown architecture {model.architecture!r}.")
    cam_stage(model)
    preprocess = Preprocess.from_json(content["preprocess"])
    check_input_size(model, preprocess.input_size)
    run = Run(
        path=folder,
        title=content["title"],
        model=model,
        preprocess=preprocess,
        flip_average=content["flip_average"],
        temperature=float(content["temperature"]),
        operating_points=tuple(map(OperatingPoint.from_json, content["operating_points"])),
        zones=Zones.from_json(content["zones"]),
        recipe=content["recipe"],
        training=content["training"],
        data=content["data"],
        metrics=content["metrics"],
        weights_sha256=content["weights_sha256"],
    )
    if not run.operating_points or run.temperature <= 0 or model.channels != preprocess.channels:
        raise _damaged(folder)
    return run


def _damaged(folder: Path, how: str = "") -> RunError:
    return RunError(f"{folder.name}: {RUN_FILE} is damaged{how}: restore it or train again.")


def list_runs(folder: Path | None = None) -> list[Run | BrokenRun]:
    """Every run in a folder, by name; a damaged one is listed with its reason."""
    folder = folder or weights_folder()
    runs: list[Run | BrokenRun] = []
    if not folder.is_dir():
        return runs
    for path in sorted(folder.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        try:
            if not (path / RUN_FILE).is_file():
                raise RunError(f"{path.name}: {RUN_FILE} is missing: restore it or train again.")
            runs.append(_complete(read_run(path)))
        except RunError as error:
            runs.append(BrokenRun(path.name, str(error)))
        except OSError as error:
            reason = f"{path.name} cannot be read ({error.strerror}): check the folder's rights."
            runs.append(BrokenRun(path.name, reason))
    return runs


def default_run(folder: Path | None = None) -> Run:
    """The run that `DEFAULT` names, or the first usable one where it names none.

    Raises:
        RunError: If there is no usable run.
    """
    folder = folder or weights_folder()
    name = _default_name(folder)
    # The others need not be read, nor their weights hashed, where the one that is named is whole.
    if name and name == Path(name).name and (folder / name / RUN_FILE).is_file():
        try:
            run = _complete(read_run(folder / name))
        except (RunError, OSError):
            pass
        else:
            if run.has_weights:
                return run
    return default_among([run for run in list_runs(folder) if isinstance(run, Run)], folder)


def default_among(runs: Sequence[Run], folder: Path) -> Run:
    """The run that a folder's `DEFAULT` names, of runs that were read from there, by name.

    Raises:
        RunError: If none of them has weights.
    """
    usable = [run for run in runs if run.has_weights]
    if not usable:
        raise RunError("There is no trained model yet: run python train_cli.py.")
    name = _default_name(folder)
    return next((run for run in usable if run.name == name), usable[0])


def _default_name(folder: Path) -> str:
    try:
        return (folder / DEFAULT_FILE).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _saved_points(folder: Path) -> tuple[OperatingPoint, ...]:
    """The operating points that were saved after training."""
    path = folder / SAVED_POINTS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return tuple(map(OperatingPoint.from_json, content))
    except FileNotFoundError:
        return ()
    except (OSError, PneumoError, TypeError, ValueError, RecursionError) as error:
        raise RunError(
            f"{folder.name}: {SAVED_POINTS_FILE} is damaged: restore or delete it."
        ) from error


def _complete(run: Run) -> Run:
    """The run itself, once all it needs is there and the weights are the right ones."""
    from safetensors import SafetensorError, safe_open

    for name in (SCORES_FILE, HISTORY_FILE):
        if not (run.path / name).is_file():
            raise RunError(f"{run.name}: {name} is missing: restore it or train again.")
    if run.has_weights and sha256_of(run.path / WEIGHTS_FILE) != run.weights_sha256:
        raise RunError(f"{run.name}: {WEIGHTS_FILE} is damaged (wrong SHA-256): restore it.")
    if run.has_weights:
        try:
            with safe_open(run.path / WEIGHTS_FILE, framework="numpy"):
                pass
        except SafetensorError:
            raise RunError(f"{run.name}: {WEIGHTS_FILE} is no safetensors file.") from None
    return run
