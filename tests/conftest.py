"""What many tests share: a tiny data set with a planted sign, and a run trained on it once."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Tests run side by side; one thread each keeps them from fighting over the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pneumo_core.datasets import Dataset, find_dataset, load_dataset
from pneumo_core.errors import DataError
from pneumo_core.runs import DEFAULT_FILE, Run, read_run

# pydicom loads GDCM where it can, and that gives its own zlib and OpenSSL to whatever comes after.
sys.modules.setdefault("gdcm", None)

TINY_COUNTS = {"train": 40, "val": 4, "test": 12}
"""Images of each class in each split of the tiny data set."""


def planted_film(label: int, rng: np.random.Generator) -> np.ndarray:
    """A noisy grey film, uint8 (40, 52), with a patch on the right: bright if label is 1.

    Faint patches occur in both classes, so that a network makes errors on them, as on real films.
    """
    film = rng.normal(90, 12, (40, 52))
    top, left = rng.integers(8, 20), rng.integers(26, 34)
    strength = rng.uniform(10, 90) if label == 1 else rng.uniform(0, 25)
    film[top : top + 10, left : left + 8] += strength
    return film.clip(0, 255).astype(np.uint8)


def write_tiny_data(folder: Path) -> Path:
    """Write a class folder in Kaggle's layout; patients have one or two films each."""
    rng = np.random.default_rng(7)
    for split, count in TINY_COUNTS.items():
        for label, name in enumerate(("NORMAL", "PNEUMONIA")):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                patient = {"train": 0, "val": 500, "test": 900}[split] + i // 2 * 2
                kind = "virus" if i % 4 >= 2 else "bacteria"
                stem = f"person{patient}_{kind}_{i}" if label else f"IM-{patient:04d}-{i:04d}"
                Image.fromarray(planted_film(label, rng)).save(place / f"{stem}.png")
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of data sets that holds `chest_xray`, a tiny one with a planted sign."""
    folder = tmp_path_factory.mktemp("data")
    write_tiny_data(folder / "chest_xray")
    return folder


@pytest.fixture(scope="session")
def tiny_dataset(tiny_data: Path) -> Dataset:
    """The tiny data set, split by patient."""
    return load_dataset("chest_xray", tiny_data, "patient")


@pytest.fixture
def run_copy(tiny_run: Run, tmp_path: Path) -> Run:
    """The tiny run in a folder that a test may change."""
    return read_run(shutil.copytree(tiny_run.path, tmp_path / "tiny"))


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_dataset: Dataset) -> Run:
    """A run trained on the tiny data set in a few seconds; it tells its classes apart."""
    from pneumo_core.publishing import publish
    from pneumo_core.recipe import Recipe
    from pneumo_core.training import train

    recipe = Recipe.from_json(
        {
            "name": "tiny",
            "title": "Tiny CNN",
            "data": "chest_xray",
            "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
            "preprocess": {"input_size": 32, "mean": [0.38], "std": [0.12]},
            "flip_average": True,
            "select": "val_loss",
            "batch_size": 8,
            "phases": [{"epochs": 6, "lr": 0.003, "warmup": 1}],
        }
    )
    folder = tmp_path_factory.mktemp("weights")
    trained = train(recipe, tiny_dataset, seed=1, checkpoint=folder / ".tiny.pt")
    run = publish(folder / "tiny", recipe, tiny_dataset, trained)
    (folder / DEFAULT_FILE).write_text("tiny\n", encoding="utf-8")
    return run


@pytest.fixture(scope="session")
def film(tiny_run: Run, tiny_data: Path) -> bytes:
    """The file of the test film that looks most like pneumonia to the tiny run."""
    scores = tiny_run.scores("test")
    return (tiny_data / "chest_xray" / scores["id"][scores["logit"].idxmax()]).read_bytes()


@pytest.fixture
def tiny_app(tiny_run: Run, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The dashboard's surroundings: the tiny run is all there is, the tiny data is found."""
    import streamlit as st

    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tiny_run.path.parent))
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    st.cache_data.clear()
    st.cache_resource.clear()
    yield tiny_run
    st.cache_data.clear()
    st.cache_resource.clear()


def real_dataset(name: str, split_rule: str = "official") -> Dataset:
    """A real data set through the project's own discovery; skips the test where it is absent."""
    try:
        find_dataset(name)
    except DataError as error:
        pytest.skip(f"needs real data: {error}")
    return load_dataset(name, split_rule=split_rule)


@pytest.fixture
def no_weights(tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder that is not there yet; the data are the tiny ones, the folder a new one."""
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "weights"
