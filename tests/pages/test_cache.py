"""What all sessions share: read anew when it must be, and the films that it says it shows."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pneumo_core.datasets import Dataset
from pneumo_core.preview import contact_sheet
from pneumo_core.recipe import Recipe
from pneumo_core.runs import Run
from ui import cache


@pytest.fixture
def runs(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with a copy of the tiny run in it."""
    shutil.copytree(tiny_app.path, tmp_path / "weights" / "tiny")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_runs_are_read_again_once_one_changes(runs: Path) -> None:
    before = cache.all_runs()
    assert cache.all_runs() is before
    os.utime(runs / "tiny" / "run.json", (1, 1))
    assert cache.all_runs() is not before


def test_a_run_in_the_making_does_not_have_them_read_again(runs: Path) -> None:
    before = cache.all_runs()
    shutil.copytree(runs / "tiny", runs / ".new.partial-1")
    assert cache.all_runs() is before


def test_a_run_that_goes_while_it_is_looked_at_is_passed_over(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, is_file = runs / "tiny" / "scores.csv", Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: path == gone or is_file(path))
    gone.unlink()
    assert [run.name for run in cache.all_runs()] == ["tiny"]


def test_the_preview_shows_films_that_the_run_was_trained_on(
    tiny_app: Run, tiny_dataset: Dataset
) -> None:
    assert tiny_app.data["split_rule"] == "patient"
    recipe = Recipe.from_json(tiny_app.recipe)
    for seed in range(3):
        expected = contact_sheet(recipe, tiny_dataset, seed=seed, images=40)
        assert np.array_equal(cache.preview(tiny_app, seed, 40), expected)
