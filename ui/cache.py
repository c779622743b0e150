"""What is read or loaded once for everybody: runs, scores, networks and public data sets.

Nothing of an upload goes through here. These caches are shared by all sessions.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core import runs as core_runs
from pneumo_core.errors import PneumoError
from ui import warm_up
from ui.words import common as words

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from pneumo_core.datasets import Dataset
    from pneumo_core.detector import PneumoniaDetector
    from pneumo_core.effort import Effort
    from pneumo_core.explain_audit import ExplainAudit
    from pneumo_core.model_table import Board
    from pneumo_core.runs import BrokenRun, Run
    from pneumo_core.splits import SplitRule


def all_runs() -> list[Run | BrokenRun]:
    """Every run in the weights folder, the damaged ones with their reason.

    Read again as soon as a file that describes a run changes.
    """
    folder = core_runs.weights_folder()
    return _all_runs(str(folder), _signature(folder))


def usable_runs() -> list[Run]:
    """The runs that can be shown: those that were read without a fault."""
    return [run for run in all_runs() if not isinstance(run, core_runs.BrokenRun)]


def broken_runs() -> list[BrokenRun]:
    """The runs that cannot be used, each with its reason."""
    return [run for run in all_runs() if isinstance(run, core_runs.BrokenRun)]


def default_run() -> Run:
    """The run that weights/DEFAULT names, or the first usable one.

    Raises:
        RunError: there is no usable run.
    """
    usable = usable_runs()
    try:
        return core_runs.default_among(usable, core_runs.weights_folder())
    except PneumoError:
        if usable:
            return usable[0]
        raise


def board() -> Board:
    """The usable runs, grouped by the test images they were scored on."""
    folder = core_runs.weights_folder()
    return _board(str(folder), _signature(folder))


def scores(run: Run, split: str) -> pd.DataFrame:
    """The saved scores of a split, "val" or "test"; see Run.scores. Treat it as read-only."""
    return _scores(str(run.path), run.weights_sha256, run.temperature, split, run)


def detector(run: Run) -> PneumoniaDetector:
    """The run's network, loaded once for all sessions; it locks itself.

    Raises:
        RunError: the weights are absent or damaged.
    """
    return _detector(str(run.path), run.weights_sha256, run)


def explain_audit(run: Run, split: str) -> ExplainAudit | None:
    """The checks of a run's maps over a split, None where there are none; treat it as read-only.

    Raises:
        RunError: what the run keeps of it is damaged.
    """
    return _explain_audit(str(run.path), run.weights_sha256, _written(run), split, run)


def best_reading(run: Run) -> tuple[str, str | None]:
    """Method and stage to read a run's maps with; see `explain_audit.best_reading`.

    Raises:
        RunError: what the run keeps of its audit is damaged.
    """
    return _best_reading(str(run.path), run.weights_sha256, _written(run), run)


def effort(run: Run, layer: str | None) -> Effort:
    """How long maps and their checks take on this machine, measured on grey films of nobody."""
    return _effort(str(run.path), run.weights_sha256, layer, run)


def dataset(run: Run) -> Dataset:
    """The images that the run was trained and tested on; ``find`` one by its id.

    The split as published will do for looking images up, and it needs no scikit-learn.

    Raises:
        DataError: the data set is not on this machine, or is damaged.
    """
    return _dataset(run.data["name"], "official")


def preview(run: Run, seed: int, images: int) -> Image.Image:
    """Training films of a run as they are and as its augmentation shows them, a row each.

    Raises:
        DataError: the data set is not on this machine, is damaged, or cannot be split as it was.
        RecipeError: the run's recipe is damaged or of another version.
    """
    return _preview(str(run.path), run.weights_sha256, seed, images, run)


def _signature(folder: Path) -> tuple[tuple[str, int], ...]:
    if not folder.is_dir():
        return ()
    written = []
    for run in sorted(folder.iterdir()):
        if run.name.startswith("."):  # a run in the making is none yet
            continue
        for name in ("run.json", "operating_points.json", "model.safetensors", "scores.csv"):
            with suppress(OSError):  # it is not there, or no longer
                written.append((str(run / name), (run / name).stat().st_mtime_ns))
    return tuple(written)


@st.cache_resource(max_entries=2, show_spinner=False)
def _all_runs(folder: str, signature: tuple[tuple[str, int], ...]) -> list[Run | BrokenRun]:
    del signature  # its only work is to be part of the key
    return core_runs.list_runs(Path(folder))


@st.cache_resource(max_entries=2, show_spinner=False)
def _board(folder: str, signature: tuple[tuple[str, int], ...]) -> Board:
    del folder, signature
    from pneumo_core import model_table

    return model_table.board(usable_runs())


@st.cache_resource(max_entries=16, show_spinner=False)
def _scores(path: str, sha256: str, temperature: float, split: str, _run: Run) -> pd.DataFrame:
    del path, sha256, temperature
    return _run.scores(split)


@st.cache_resource(max_entries=3, show_spinner=words.LOADING_MODEL)
def _detector(path: str, sha256: str, _run: Run) -> PneumoniaDetector:
    del path, sha256
    return warm_up.load(_run)


def _written(run: Run) -> int | None:
    """When the run's audit of maps was written; None where there is none."""
    from pneumo_core.explain_audit import AUDIT_FILE

    file = run.path / AUDIT_FILE
    return file.stat().st_mtime_ns if file.is_file() else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _explain_audit(
    path: str, sha256: str, written: int | None, split: str, _run: Run
) -> ExplainAudit | None:
    del path, sha256, written
    from pneumo_core.explain_audit import read_explain_audit

    return read_explain_audit(_run, split)


@st.cache_resource(max_entries=8, show_spinner=False)
def _best_reading(path: str, sha256: str, written: int | None, _run: Run) -> tuple[str, str | None]:
    del path, sha256, written
    from pneumo_core import explain_audit

    return explain_audit.best_reading(_run)


# Measured anew after a while: the machine may have been busy.
# (In seconds: to read "10m" Streamlit imports pandas, which no first page should wait for.)
@st.cache_resource(max_entries=32, ttl=600, show_spinner=False)
def _effort(path: str, sha256: str, layer: str | None, _run: Run) -> Effort:
    del path, sha256
    return detector(_run).effort(layer)


@st.cache_resource(max_entries=2, show_spinner=words.READING_DATA)
def _dataset(name: str, split_rule: SplitRule) -> Dataset:
    from pneumo_core.datasets import load_dataset

    return load_dataset(name, split_rule=split_rule)


@st.cache_resource(max_entries=8, show_spinner=False)
def _preview(path: str, sha256: str, seed: int, images: int, _run: Run) -> Image.Image:
    del path, sha256
    from pneumo_core.preview import contact_sheet
    from pneumo_core.recipe import Recipe

    # Under the run's own rule: by the official one, other films are in train.
    trained_on = _dataset(_run.data["name"], _run.data["split_rule"])
    return contact_sheet(Recipe.from_json(_run.recipe), trained_on, seed=seed, images=images)
