"""From trained weights to a run: every figure from the weights as saved, whole or not at all."""

import errno
import json
import os
import resource
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from pneumo_core.architectures import create_model
from pneumo_core.audit import audit
from pneumo_core.audit_report import audit_brief
from pneumo_core.datasets import Dataset, Split
from pneumo_core.errors import TrainingError
from pneumo_core.evaluation import predict_logits
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.operating_point import SensitivityAtLeast, SpecificityAtLeast, choose_zones
from pneumo_core.publishing import (
    concluded,
    milliseconds_an_image,
    publish,
    score,
    split_metrics,
)
from pneumo_core.recipe import Recipe
from pneumo_core.runs import Run, list_runs, read_run
from pneumo_core.training import Trained, train

RECIPE = Recipe.from_json(
    {
        "name": "small",
        "title": "Small",
        "data": "chest_xray",
        "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
        "preprocess": {"input_size": 16, "mean": [0.38], "std": [0.12]},
        "flip_average": True,
        "batch_size": 8,
        "phases": [{"epochs": 2, "lr": 0.003}],
    }
)


@pytest.fixture(scope="module")
def trained(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    path = tmp_path_factory.mktemp("training") / "x.pt"
    return train(RECIPE, tiny_dataset, seed=4, checkpoint=path)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots have their own tests and take their time."""
    monkeypatch.setattr("pneumo_core.plots.write_plots", lambda *_: [])


@pytest.fixture
def copy(tiny_run: Run, tmp_path: Path) -> Run:
    """A copy of the tiny run that a test may write to."""
    return read_run(shutil.copytree(tiny_run.path, tmp_path / "copy"))


def _everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def _strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.usefixtures("undrawn")
def test_figures_are_those_of_the_float16_weights(trained, tiny_dataset, tmp_path):
    run = publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    saved = load_file(run.path / "model.safetensors")
    assert {value.dtype for value in saved.values() if value.ndim > 1} == {torch.float16}
    assert not any(value.dtype == torch.float16 for value in saved.values() if value.ndim <= 1)
    model, val = create_model(RECIPE.model), tiny_dataset.splits["val"]
    for weights, equal in ((saved, True), (trained.weights, False)):
        model.load_state_dict(weights)
        for split in ("val", "test"):
            squares = tiny_dataset.splits[split].squares(RECIPE.preprocess)
            logits = predict_logits(model, RECIPE.preprocess, squares, flip_average=True)
            difference = np.abs(run.scores(split)["logit"] - logits).max()
            assert (difference < 1e-6) == equal, (split, difference)
    assert tuple(run.scores("val")["id"]) == val.ids


def test_figures_follow_from_the_scores(tiny_run):
    """Recomputed from scores.csv with scikit-learn alone."""
    from sklearn import metrics

    table = pd.read_csv(tiny_run.path / "scores.csv", keep_default_na=False)
    stated = _strict((tiny_run.path / "run.json").read_text(encoding="utf-8"))
    threshold = stated["operating_points"][0]["threshold"]
    for split in ("val", "test"):
        rows = table[table["split"] == split]
        labels = rows["label"].to_numpy()
        chances = 1 / (1 + np.exp(-rows["logit"].to_numpy() / stated["temperature"]))
        called = chances >= threshold
        tn, fp, fn, tp = metrics.confusion_matrix(labels, called).ravel()
        precision, recall, f1, support = metrics.precision_recall_fscore_support(labels, called)
        found = stated["metrics"][split]
        single = {key: found[key][0] for key in ("auc", "auprc", "sensitivity", "specificity")}
        single |= {key: found[key][0] for key in ("ppv", "npv", "accuracy", "f1")}
        assert single | {"balanced": found["balanced_accuracy"][0]} == pytest.approx(
            {
                "auc": metrics.roc_auc_score(labels, chances),
                "auprc": metrics.average_precision_score(labels, chances),
                "sensitivity": recall[1],
                "specificity": recall[0],
                "ppv": precision[1],
                "npv": precision[0],
                "accuracy": metrics.accuracy_score(labels, called),
                "f1": f1[1],
                "balanced": metrics.balanced_accuracy_score(labels, called),
            },
            abs=1e-12,
        )
        assert found["confusion"] == [tn, fp, fn, tp]
        assert found["brier"] == pytest.approx(metrics.brier_score_loss(labels, chances))
        assert found["accuracy_at_half"] == metrics.accuracy_score(labels, chances >= 0.5)
        assert (found["n"], found["threshold"]) == (len(rows), threshold)
        assert [found["per_class"][name]["support"] for name in ("Normal", "Pneumonia")] == list(
            support
        )
        low, high = found["auc"][1:]
        assert low <= found["auc"][0] <= high


def test_choices_follow_from_validation(tiny_run):
    from scipy.optimize import minimize_scalar

    rows = tiny_run.scores("val")
    labels, logits = rows["label"].to_numpy(), rows["logit"].to_numpy()

    def loss(temperature: float) -> float:
        return np.logaddexp(0, np.where(labels == 1, -logits, logits) / temperature).mean()

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9})
    assert tiny_run.temperature == pytest.approx(best.x, abs=1e-4)
    chances = rows["probability"].to_numpy()

    def rates(threshold: float) -> tuple[float, float]:
        called = chances >= threshold
        return called[labels == 1].mean(), (~called)[labels == 0].mean()

    points = {point.name: point for point in tiny_run.operating_points}
    assert {point.split for point in points.values()} == {"val"}
    best_sum = max(sum(rates(threshold)) for threshold in [*chances, 1.1])
    assert sum(rates(points["balanced"].threshold)) == pytest.approx(best_sum)
    assert rates(points["sensitivity 95 %"].threshold)[0] >= 0.95
    assert rates(points["screening"].threshold)[0] >= 0.97
    assert tiny_run.zones == choose_zones(
        labels, chances, "val", SensitivityAtLeast(0.99), SpecificityAtLeast(0.99)
    )


def test_test_images_decide_nothing(copy, tiny_dataset):
    logits = {split: copy.scores(split)["logit"].to_numpy() for split in ("val", "test")}
    turned = {"val": logits["val"], "test": -logits["test"] * 3}
    found, other = (concluded(copy, tiny_dataset, each) for each in (logits, turned))
    for name in ("temperature", "operating_points", "zones"):
        assert getattr(other, name) == getattr(found, name), name
    assert other.metrics["val"] == found.metrics["val"]
    assert other.metrics["test"]["auc"][0] == pytest.approx(1 - found.metrics["test"]["auc"][0])


def test_an_image_without_a_patient_is_a_patient_of_its_own(tiny_dataset):
    rng = np.random.default_rng(0)
    chances = {split: rng.random(len(tiny_dataset.splits[split])) for split in ("val", "test")}

    def metrics(patients: list[str]) -> dict[str, Any]:
        splits = {
            name: replace(split, patients=tuple(patients[: len(split)]))
            for name, split in tiny_dataset.splits.items()
        }
        return split_metrics(replace(tiny_dataset, splits=splits), chances, 0.5)

    unknown = metrics([""] * 99)
    assert unknown == metrics([str(i) for i in range(99)])
    assert unknown != metrics([str(i // 3) for i in range(99)])


def test_the_time_an_image_takes_is_the_median_without_the_first(tiny_run, monkeypatch):
    # Seconds that calls take: the first is slow, one is held up by something else.
    durations = [9.0, 0.010, 0.030, 0.020, 5.0, 0.020]
    clock = iter([t for duration in durations for t in (0.0, duration)])
    monkeypatch.setattr("pneumo_core.publishing.time.perf_counter", lambda: next(clock))
    assert milliseconds_an_image(tiny_run, repeats=5) == 20.0


def test_the_description_is_strict_json_and_complete(tiny_run, tiny_dataset):
    content = _strict((tiny_run.path / "run.json").read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(tiny_run.to_json()))
    assert content["data"] == {
        "name": "chest_xray",
        "title": tiny_dataset.title,
        "fingerprint": tiny_dataset.fingerprint,
        "split_rule": "patient",
        "counts": {name: split.counts() for name, split in tiny_dataset.splits.items()},
        "audit": audit_brief(audit(tiny_dataset, decode=False)),
    }
    training = content["training"]
    weights = load_file(tiny_run.path / "model.safetensors")
    assert training["parameters"] == sum(value.numel() for value in weights.values())
    assert (training["seed"], training["epochs"], training["pretrained"]) == (1, 6, "random")
    assert 1 <= training["best_epoch"] <= 6
    assert training["ms_per_image"] > 0
    assert training["ms_threads"] >= 1
    assert training["versions"]["torch"] == torch.__version__
    assert Recipe.from_json(content["recipe"]).name == "tiny"


def test_the_run_has_every_file_readable_by_others(trained, tiny_dataset, tmp_path):
    steps: list[str] = []
    target = tmp_path / "weights" / "run"
    before = os.umask(0o022)
    try:
        publish(target, RECIPE, tiny_dataset, trained, step=steps.append)
    finally:
        os.umask(before)
    assert steps == [
        "Saving the weights",
        "Scoring validation and test",
        "Drawing the plots",
        "Keeping what the network saw in the training images",
    ]
    names = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    pictures = "accuracy_plot auc_plot calibration confusion_matrix misclassified_samples"
    pictures += " pr_curve roc_curve"
    assert names == {
        "model.safetensors",
        "run.json",
        "scores.csv",
        "history.csv",
        "features.npz",
        *(f"plots/{name}.png" for name in pictures.split()),
    }
    for path in (target, *target.rglob("*")):
        wanted = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert [path.name for path in target.parent.iterdir()] == ["run"]


def test_every_file_is_on_the_disk_before_the_run_has_its_name(
    trained, tiny_dataset, tmp_path, monkeypatch
):
    synced, sync = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.add(os.fstat(fd).st_ino), sync(fd)))
    run = publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    files = [path for path in run.path.rglob("*") if path.is_file()]
    assert [path.name for path in files if path.stat().st_ino not in synced] == []


@pytest.mark.usefixtures("undrawn")
def test_the_history_is_kept(trained, tiny_dataset, tmp_path):
    run = publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    rows = run.history().to_dict("records")
    for row, record in zip(rows, trained.history, strict=True):
        assert row == pytest.approx(asdict(record), rel=1e-5)


def _fail(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


STEPS = (
    "publishing.written_whole",
    "publishing.sha256_of",
    "publishing.predict_logits",
    "publishing.fit_temperature",
    "publishing.choose",
    "publishing.choose_zones",
    "publishing.summary",
    "publishing.write_json",
    "publishing._save_scores",
    "publishing.write_prediction_csv",
    "publishing.read_run",
    "plots.write_plots",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("failure", [_fail, _interrupt])
@pytest.mark.usefixtures("undrawn")
def test_a_failure_at_any_step_leaves_nothing(
    step, failure, trained, tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(f"pneumo_core.{step}", failure)
    with pytest.raises((OSError, KeyboardInterrupt)):
        publish(tmp_path / "weights" / "run", RECIPE, tiny_dataset, trained)
    assert list((tmp_path / "weights").iterdir()) == []


@pytest.mark.usefixtures("undrawn")
def test_a_failing_rename_leaves_nothing(trained, tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", _fail)
    with pytest.raises(OSError, match="No space"):
        publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1_000, 100_000])
@pytest.mark.usefixtures("undrawn")
def test_a_full_disk_leaves_nothing(size, trained, tiny_dataset, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("undrawn")
def test_weights_beyond_float16_are_refused(trained, tiny_dataset, tmp_path):
    weights = dict(trained.weights) | {"classifier.0.weight": torch.full((1, 256), 70_000.0)}
    with pytest.raises(TrainingError, match="too large to be saved: train again with a lower"):
        publish(tmp_path / "run", RECIPE, tiny_dataset, replace(trained, weights=weights))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def occupied(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("work", encoding="utf-8")
    yield tmp_path / "run"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_that_is_there_is_not_touched(occupied, trained, tiny_dataset):
    with pytest.raises(TrainingError, match=r"run exists already: choose another name with --out"):
        publish(occupied, RECIPE, tiny_dataset, trained)
    assert _everything(occupied) == {"precious": b"work"}


def test_a_file_of_that_name_is_not_touched(trained, tiny_dataset, tmp_path):
    (tmp_path / "run").write_text("work", encoding="utf-8")
    with pytest.raises(TrainingError, match="exists already"):
        publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    assert _everything(tmp_path) == {"run": b"work"}


@pytest.mark.usefixtures("undrawn")
def test_the_default_and_the_neighbours_stay(trained, tiny_dataset, tmp_path):
    (tmp_path / "DEFAULT").write_text("old\n", encoding="utf-8")
    for name in ("old", ".run.2.partial-abc"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name, encoding="utf-8")
    (tmp_path / ".run.partial-dead").mkdir()  # of a process that was killed
    (tmp_path / ".run.partial-dead" / "model.safetensors").write_bytes(b"half")
    before = _everything(tmp_path)
    publish(tmp_path / "run", RECIPE, tiny_dataset, trained)
    after = _everything(tmp_path)
    assert {name: after[name] for name in after if not name.startswith("run")} == {
        name: before[name] for name in before if "dead" not in name
    }


def test_odd_names_of_images_survive(copy, tiny_dataset):
    odd = ["ä/ß.png", 'a"b,c', "NA", " led ", "new\nline", "null", "1e5", "007", "=1+1", "", "日本"]
    test = tiny_dataset.splits["test"]
    ids = tuple(odd + [f"x{i}" for i in range(len(test) - len(odd))])
    renamed = replace(test, ids=ids, patients=ids[::-1], groups=("None",) * len(test))
    again = score(copy, replace(tiny_dataset, splits={**tiny_dataset.splits, "test": renamed}))
    table = again.scores("test")
    assert tuple(table["id"]) == ids
    assert tuple(table["patient"]) == ids[::-1]
    assert set(table["group"]) == {"None"}
    assert np.abs(table["logit"] - copy.scores("test")["logit"]).max() < 1e-5


def test_a_published_run_is_offered(tiny_run):
    assert [run.name for run in list_runs(tiny_run.path.parent)] == ["tiny"]


def _as_scored(run: Run) -> Dataset:
    """What `scores.csv` knows of the data set: everything but the images."""
    splits = {}
    for name in ("val", "test"):
        table = run.scores(name)
        columns = (tuple(table[key]) for key in ("patient", "group"))
        splits[name] = Split(tuple(table["id"]), table["label"].to_numpy(), *columns, read=_fail)
    return Dataset("", "", run.path, "", "patient", splits)


def test_runs_that_are_shipped_state_what_follows_from_their_scores():
    runs = list_runs(PROJECT_FOLDER / "weights")
    if not runs:
        pytest.skip("no run is shipped yet")
    for run in runs:
        assert isinstance(run, Run), run
        logits = {split: run.scores(split)["logit"].to_numpy() for split in ("val", "test")}
        kinds = {
            s: run.scores(s)["kind_logit"].to_numpy() for s in logits if run.model.outputs == 3
        }
        again = concluded(run, _as_scored(run), logits, kinds)
        if "kinds" not in run.metrics["val"]:  # from before they were stated
            for figures in again.metrics.values():
                figures.pop("kinds", None)
        stated, found = (
            {
                "temperature": each.temperature,
                "zones": each.zones.to_json(),
                "points": [point.threshold for point in each.operating_points[:4]],
                "metrics": each.metrics,
            }
            for each in (run, again)
        )
        _assert_close(stated, found, run.name)


def _assert_close(stated: Any, found: Any, place: str) -> None:
    if isinstance(found, dict):
        assert stated.keys() == found.keys(), place
        for key in found:
            _assert_close(stated[key], found[key], f"{place}.{key}")
    elif isinstance(found, list | tuple):
        for i, pair in enumerate(zip(stated, found, strict=True)):
            _assert_close(*pair, f"{place}.{i}")
    elif isinstance(found, float):
        assert stated == pytest.approx(found, rel=1e-6, abs=1e-9), place
    else:
        assert stated == found, place
