"""medmnist's standard prediction file: its own command reads it and finds the run's figures."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo_core.errors import RunError
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.medmnist_file import write_prediction_csv
from pneumo_core.publishing import publish
from pneumo_core.recipe import Recipe
from pneumo_core.runs import Run, list_runs
from pneumo_core.splits import Split
from pneumo_core.training import train
from tests.conftest import real_dataset

OFFICIAL = {"val": 524, "test": 624}


@pytest.fixture
def official(tiny_run: Run, tmp_path: Path) -> Run:
    """A run with made-up scores of PneumoniaMNIST's official splits."""
    return _run(tiny_run, tmp_path / "mine", OFFICIAL)


def _run(like: Run, folder: Path, counts: dict[str, int], name: str = "pneumoniamnist") -> Run:
    rng = np.random.default_rng(3)
    parts = []
    for split, count in counts.items():
        labels = rng.integers(0, 2, count)
        logits = (rng.normal(0, 2, count) + 2 * labels - 1).round(6)
        columns = {"split": split, "id": [f"{split}-{i:04d}" for i in range(count)]}
        columns |= {"patient": "", "group": "", "label": labels, "logit": logits}
        parts.append(pd.DataFrame(columns))
    folder.mkdir()
    pd.concat(parts).to_csv(folder / "scores.csv", index=False)
    return replace(like, path=folder, temperature=1.7, data={**like.data, "name": name})


@pytest.mark.parametrize("split", ["val", "test"])
def test_name_and_content_are_medmnists(official, tmp_path, split):
    path = write_prediction_csv(official, tmp_path / "a" / "b", split)
    rows = official.scores(split)
    auc = roc_auc_score(rows["label"], rows["logit"])
    accuracy = ((rows["logit"] > 0) == rows["label"]).mean()
    assert path == tmp_path / "a" / "b" / (
        f"pneumoniamnist_{split}_[AUC]{auc:.3f}_[ACC]{accuracy:.3f}@mine.csv"
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    positions, values = zip(*(line.split(",") for line in lines), strict=True)
    assert list(map(int, positions)) == list(range(OFFICIAL[split]))
    expected = 1 / (1 + np.exp(-rows["logit"] / 1.7))
    assert list(map(float, values)) == pytest.approx(list(expected), rel=1e-12)
    assert list(path.parent.iterdir()) == [path], "nothing else is left"


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("pneumoniamnist_64", "pneumoniamnist_64_test_[AUC]"),
        ("pneumoniamnist_imbalanced", "pneumoniamnist_test_[AUC]"),
    ],
)
def test_larger_versions_and_variants_are_named_as_medmnist_does(tiny_run, tmp_path, name, start):
    run = _run(tiny_run, tmp_path / "mine", OFFICIAL, name)
    assert write_prediction_csv(run, tmp_path).name.startswith(start)


def test_the_name_may_be_another_and_has_no_point(official, tmp_path):
    path = write_prediction_csv(official, tmp_path, name="v1.2_a@b")
    assert path.name.endswith("@v1-2_a@b.csv")


def test_the_file_is_on_the_disk_before_it_has_its_name(official, tmp_path, monkeypatch):
    synced, sync = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.add(os.fstat(fd).st_ino), sync(fd)))
    path = write_prediction_csv(official, tmp_path)
    assert path.stat().st_ino in synced


def test_another_split_than_the_official_has_no_file(tiny_run, official, tmp_path):
    place = tmp_path / "none"
    table = pd.read_csv(official.path / "scores.csv")
    swapped = table.copy()
    swapped.loc[[0, 1], "id"] = ["val-0001", "val-0000"]
    swapped.loc[table["id"] == "test-0623", "id"] = "train-0007"
    swapped.to_csv(official.path / "scores.csv", index=False)
    mixed = replace(official, title="read anew")
    few = _run(tiny_run, tmp_path / "few", {"val": 524, "test": 623})
    assert write_prediction_csv(mixed, place, "val") is None, "two images have changed places"
    assert write_prediction_csv(mixed, place, "test") is None, "one image is another"
    assert write_prediction_csv(few, place, "test") is None, "one image is missing"
    assert write_prediction_csv(tiny_run, place) is None, "class folders"
    assert not place.exists()


def test_scores_that_are_missing_are_a_sentence(official, tmp_path):
    (official.path / "scores.csv").unlink()
    with pytest.raises(RunError, match=r"scores\.csv is missing or damaged"):
        write_prediction_csv(official, tmp_path)


@pytest.mark.parametrize(("split_rule", "splits"), [("official", 2), ("patient", 1)])
def test_a_published_run_has_its_files(tiny_dataset, tmp_path, monkeypatch, split_rule, splits):
    """Validation only where it is the official one."""
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])
    fields = {
        "name": "x",
        "title": "x",
        "data": "pneumoniamnist",
        "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
        "preprocess": {"input_size": 8},
        "phases": [{"epochs": 1, "lr": 0.01}],
    }
    recipe = Recipe.from_json(fields)
    rng = np.random.default_rng(5)
    made = dict(tiny_dataset.splits)
    for name, count in OFFICIAL.items():
        start = "train" if (split_rule, name) == ("patient", "val") else name
        ids = tuple(f"{start}-{i:04d}" for i in range(count))
        films = rng.random((count, 8, 8), np.float32)
        labels, none = rng.integers(0, 2, count), ("",) * count
        made[name] = Split(ids, labels, none, none, films.__getitem__)
    dataset = replace(tiny_dataset, name="pneumoniamnist", split_rule=split_rule, splits=made)
    trained = train(recipe, dataset, seed=1, checkpoint=tmp_path / "x.pt")
    run = publish(tmp_path / "weights" / "good", recipe, dataset, trained)
    found = {path.name: path for path in (run.path / "medmnist").iterdir()}
    assert len(found) == splits
    for split in list(OFFICIAL)[-splits:]:
        auc, accuracy = run.metrics[split]["auc"][0], run.metrics[split]["accuracy_at_half"]
        name = f"pneumoniamnist_{split}_[AUC]{auc:.3f}_[ACC]{accuracy:.3f}@good.csv"
        table = pd.read_csv(found[name], header=None)
        assert np.allclose(table[1], run.scores(split)["probability"], rtol=1e-12, atol=0)


def test_medmnists_own_command_finds_the_figures_of_the_run(tmp_path):
    """It reads labels from `.medmnist` in the home folder only, and writes the file anew."""
    data = real_dataset("pneumoniamnist").path
    runs = [run for run in list_runs(PROJECT_FOLDER / "weights") if isinstance(run, Run)]
    run = next((run for run in runs if write_prediction_csv(run, tmp_path)), None)
    if run is None:
        pytest.skip("no run on PneumoniaMNIST is shipped")
    (tmp_path / ".medmnist").mkdir()
    (tmp_path / ".medmnist" / "pneumoniamnist.npz").symlink_to(data.resolve())
    (path,) = tmp_path.glob("*.csv")
    before = pd.read_csv(path, header=None)
    command = [sys.executable, "-m", "medmnist", "evaluate", f"--path={path}"]
    home = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    done = subprocess.run(command, env=home, capture_output=True, text=True, check=True)
    found = re.search(r"Metrics\(AUC=(?:np\.float64\()?([\d.]+)\)?, ACC=([\d.]+)", done.stdout)
    assert found, done.stdout
    stated = run.metrics["test"]
    assert float(found[1]) == pytest.approx(stated["auc"][0], abs=1e-9)
    assert float(found[2]) == pytest.approx(stated["accuracy_at_half"], abs=1e-9)
    assert [each.name for each in tmp_path.glob("*.csv")] == [path.name]
    assert np.allclose(pd.read_csv(path, header=None), before, rtol=1e-12, atol=0)
