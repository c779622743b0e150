"""Runs on disk: what is read from a sound one, and how a damaged one is told."""

import functools
import hashlib
import json
import math
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pneumo_core.errors import RunError
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import (
    BrokenRun,
    Run,
    default_run,
    list_runs,
    patients_of,
    read_run,
    run_folder,
    weights_folder,
)

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def folder(tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder of its own with a copy of the tiny run, `tiny`, in it."""
    shutil.copytree(tiny_run.path, tmp_path / "weights" / "tiny")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def _copy(folder: Path, name: str, source: str = "tiny") -> Path:
    return shutil.copytree(folder / source, folder / name)


def _edit(run: Path, change: Change) -> None:
    """Change the content of a run's `run.json` in place, or put in its place what is returned."""
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    result = change(content)
    (run / "run.json").write_text(
        json.dumps(content if result is None else result), encoding="utf-8"
    )


def _put_weights(run: Path, content: bytes) -> None:
    """Other weights, with the SHA-256 they have."""
    (run / "model.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    _edit(run, lambda described: described.update(weights_sha256=digest))


def _reason(folder: Path) -> str:
    (run,) = list_runs(folder)
    assert isinstance(run, BrokenRun), "it passed for a sound run"
    assert run.name == "tiny"
    assert run.reason.count("\n") == 0
    return run.reason


# A sound run


def test_a_run_reads_as_it_was_written(tiny_run, folder):
    run = read_run("tiny")
    assert run.to_json() == tiny_run.to_json()
    assert run.path == folder / "tiny"
    assert (run.name, run.has_weights) == ("tiny", True)
    assert run.operating_point == run.operating_points[0]
    assert [each.name for each in list_runs()] == ["tiny"]


def test_a_run_is_found_by_name_or_folder(folder, tmp_path, monkeypatch):
    assert weights_folder() == folder
    moved = shutil.move(folder / "tiny", tmp_path / "elsewhere")
    assert read_run(moved).name == read_run(str(moved)).name == "elsewhere"
    monkeypatch.chdir(tmp_path)
    assert read_run("elsewhere").title == "Tiny CNN"
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    monkeypatch.chdir("/")
    assert read_run("elsewhere").path == tmp_path / "elsewhere"


def test_a_run_that_is_named_by_a_dot_is_called_after_its_folder(folder, monkeypatch):
    monkeypatch.chdir(folder / "tiny")
    assert read_run(".").name == "tiny"
    (folder / "tiny" / "plots").mkdir(exist_ok=True)
    monkeypatch.chdir(folder / "tiny" / "plots")
    assert read_run("..").name == "tiny"


def test_a_plain_name_is_one_in_the_weights_folder_and_a_path_is_itself(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert run_folder("mine") == folder / "mine"
    assert run_folder("./mine") == Path("mine")
    assert run_folder("mine/") == Path("mine")
    assert run_folder("some/mine") == Path("some/mine")
    assert run_folder("~/mine") == folder.parent / "mine"


def test_scores_are_calibrated_and_in_order(tiny_run, tiny_dataset):
    for split in ("val", "test"):
        table = tiny_run.scores(split)
        expected = ["split", "id", "patient", "group", "label", "logit", "probability"]
        assert list(table.columns) == expected
        source = tiny_dataset.splits[split]
        assert tuple(table["id"]) == source.ids
        assert tuple(table["patient"]) == source.patients
        assert tuple(table["group"]) == source.groups
        assert table["label"].tolist() == source.labels.tolist()
        logits = table["logit"].to_numpy()
        expected = 1 / (1 + np.exp(-logits / tiny_run.temperature))
        np.testing.assert_allclose(table["probability"], expected, rtol=1e-12)
        assert set(table["split"]) == {split}
        assert list(table.index) == list(range(len(source)))


def test_scores_handed_out_are_the_callers_own(tiny_run):
    before = tiny_run.scores("test")["logit"].tolist()
    table = tiny_run.scores("test")
    table["logit"] = 0.0
    assert tiny_run.scores("test")["logit"].tolist() == before


def test_history_and_plots(tiny_run):
    history = tiny_run.history()
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["val_loss"].idxmin() + 1 == tiny_run.training["best_epoch"]
    assert tiny_run.plot("roc_curve.png") == tiny_run.path / "plots" / "roc_curve.png"
    assert tiny_run.plot("nothing.png") is None


def test_the_network_is_loaded_as_float32_in_evaluation_mode(tiny_run):
    from safetensors.torch import load_file

    model = tiny_run.load_model()
    saved = load_file(tiny_run.path / "model.safetensors")
    for name, value in model.state_dict().items():
        assert torch.equal(value, saved[name].to(value.dtype)), name
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert not any(module.training for module in model.modules())


# Which one is the default


def test_the_default_is_the_one_that_is_named(folder):
    _copy(folder, "another")
    assert default_run().name == "another"  # the first by name
    (folder / "DEFAULT").write_text("  tiny \n", encoding="utf-8")
    assert default_run().name == "tiny"


@pytest.mark.parametrize("named", [b"nothing\n", b"", b"\xff\xfe", None])
def test_without_a_named_one_the_first_usable_is_the_default(folder, named):
    figures_only = _copy(folder, "a")
    (figures_only / "model.safetensors").unlink()
    (_copy(folder, "b") / "run.json").unlink()
    if named is None:
        (folder / "DEFAULT").mkdir()
    else:
        (folder / "DEFAULT").write_bytes(named)
    assert default_run().name == "tiny"


@pytest.mark.parametrize("there", [True, False])
def test_no_run_at_all(tmp_path, there, monkeypatch):
    place = tmp_path / "weights"
    if there:
        place.mkdir()
        (place / ".hidden").mkdir()
        (place / "DEFAULT").write_text("tiny", encoding="utf-8")
    assert list_runs(place) == []
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(place))
    with pytest.raises(RunError, match=r"no trained model yet: run python train_cli\.py"):
        default_run()


# Figures only


def test_a_run_without_weights_keeps_its_figures(folder):
    (folder / "tiny" / "model.safetensors").unlink()
    (run,) = list_runs()
    assert isinstance(run, Run)
    assert not run.has_weights
    assert len(run.scores("test")) == run.metrics["test"]["n"]
    with pytest.raises(RunError, match=r"figures only: choose a run with weights\.$"):
        run.load_model()
    with pytest.raises(RunError, match="no trained model yet"):
        default_run()


# Operating points saved after training


def test_saved_points_come_last(folder):
    before = read_run("tiny").operating_points
    saved = OperatingPoint("ward 3", 0.25, "by hand", "", "2026-11-20")
    path = folder / "tiny" / "operating_points.json"
    path.write_text(json.dumps([saved.to_json()]), encoding="utf-8")
    (run,) = list_runs()
    assert run.operating_points == (*before, saved)
    assert run.operating_point == before[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"5", b"null", b"\xff", b"[1]", b'["x"]', b'{"name": "x"}', b'[{"name": "x"}]'],
)
def test_damaged_saved_points_are_named(folder, content):
    (folder / "tiny" / "operating_points.json").write_bytes(content)
    assert _reason(folder) == "tiny: operating_points.json is damaged: restore or delete it."


def test_a_saved_threshold_outside_its_range_is_damage(folder):
    point = {"name": "x", "threshold": 7, "rule": "by hand", "split": ""}
    (folder / "tiny" / "operating_points.json").write_text(json.dumps([point]), encoding="utf-8")
    assert "operating_points.json is damaged" in _reason(folder)


# Damage


@pytest.mark.parametrize("name", ["run.json", "scores.csv", "history.csv"])
def test_a_missing_file_is_named(folder, name):
    (folder / "tiny" / name).unlink()
    assert _reason(folder) == f"tiny: {name} is missing: restore it or train again."


def test_other_weights_than_those_described(folder):
    weights = folder / "tiny" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    sentence = "tiny: model.safetensors is damaged (wrong SHA-256): restore it."
    assert _reason(folder) == sentence
    with pytest.raises(RunError) as caught:
        read_run("tiny").load_model()
    assert str(caught.value) == sentence


class Attack:
    """Unpickled, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("by_torch", [True, False])
def test_a_pickle_in_place_of_the_weights_does_not_run(folder, tmp_path, by_torch):
    mark, file = tmp_path / "mark", tmp_path / "attack"
    if by_torch:
        torch.save({"weight": Attack(mark)}, file)
    else:
        file.write_bytes(pickle.dumps(Attack(mark)))
    _put_weights(folder / "tiny", file.read_bytes())
    assert _reason(folder) == "tiny: model.safetensors is no safetensors file."
    with pytest.raises(RunError, match=r"model\.safetensors does not fit the network"):
        read_run("tiny").load_model()
    assert not mark.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.update(hidden=8),
        lambda model: model.update(architecture="resnet18"),
        lambda model: model.update(outputs=2),
        lambda model: model.update(outputs=7),
        lambda model: model.update(stem="wide"),
        lambda model: model.update(dropout=3.0),
    ],
)
def test_weights_of_another_network_do_not_fit(folder, change):
    _edit(folder / "tiny", lambda content: change(content["model"]))
    try:
        run = read_run("tiny")
    except RunError:
        return
    with pytest.raises(RunError, match="does not fit the network"):
        run.load_model()


def test_an_unknown_architecture_is_named(folder):
    _edit(folder / "tiny", lambda content: content["model"].update(architecture="vit_b_16"))
    assert _reason(folder) == "tiny needs the unknown architecture 'vit_b_16'."


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_version_is_named_as_such(folder, schema):
    _edit(folder / "tiny", lambda content: content.update(schema=schema))
    assert _reason(folder) == "tiny was written by another version: train it again."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'"text"',
        b"null",
        b"{}",
        b'{"schema": 1}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"schema": NaN}',
    ],
    ids=repr,
)
def test_broken_json(folder, content):
    (folder / "tiny" / "run.json").write_bytes(content)
    assert "is damaged" in (reason := _reason(folder)) or "another version" in reason


RECORD = {
    ("schema",),
    ("recipe",),
    ("data", "audit"),
    *(("training", name) for name in ("pretrained", "device", "threads", "precision")),
    *(
        ("training", name)
        for name in ("parameters", "versions", "members", "cached_stages", "saved_s")
    ),
}
"""Kept for the record: nobody reads on from there without a check of his own."""

WRONG = (None, "text", 5.5, True, [], {}, [{}], float("nan"), float("inf"), ...)


def _places(content: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of every value that pages rely on."""
    for key, value in content.items():
        here = (*place, key)
        if here in RECORD:
            continue
        yield here
        if isinstance(value, dict) and key != "per_class":
            yield from _places(value, here)


def _is_like(value: Any, other: Any) -> bool:
    """Whether one may stand where the other stood: of one type, or both finite numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return type(value) is type(other) or (isinstance(other, float) and type(value) is int)


def test_a_wrong_type_anywhere_is_damage_and_no_crash(folder):
    """Each value that pages rely on is replaced by one of every other kind, and left out."""
    path = folder / "tiny" / "run.json"
    text = path.read_text(encoding="utf-8")
    missed = set()
    places = list(_places(json.loads(text)))
    assert ("metrics", "test", "auc") in places
    for place in places:
        for wrong in WRONG:
            content = json.loads(text)
            parent = functools.reduce(lambda part, key: part[key], place[:-1], content)
            old = parent.pop(place[-1])
            if wrong is not ...:
                parent[place[-1]] = wrong
            path.write_text(json.dumps(content), encoding="utf-8")
            (found,) = list_runs(folder)
            if isinstance(found, Run) and not _is_like(wrong, old):
                missed.add((place, repr(wrong)))
    # These have defaults of their own, or none for an answer.
    optional = {
        *(("model", name) for name in json.loads(text)["model"]),
        *(("preprocess", name) for name in json.loads(text)["preprocess"]),
        *(place for place in places if "kinds" in place),
        *(("training", name) for name in ("cut_short", "ms_per_image", "ms_threads", "processes")),
    }
    assert {place for place, wrong in missed if wrong != "Ellipsis"} == set()
    assert {place for place, _ in missed} <= optional


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda c: c["metrics"]["test"].pop("auc"), "metrics.test.auc"),
        (lambda c: c["metrics"].pop("val"), "metrics.val"),
        (lambda c: c["data"]["counts"]["val"].update(normal="4"), "data.counts.val.normal"),
        (lambda c: c["training"].update(seed=True), "training.seed"),
        (lambda c: c.update(temperature=float("inf")), "temperature"),
    ],
)
def test_the_place_of_the_damage_is_named(folder, change, place):
    _edit(folder / "tiny", lambda content: change(content) and None)
    assert _reason(folder) == (f"tiny: run.json is damaged at {place}: restore it or train again.")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(temperature=0),
        lambda c: c.update(temperature=-1.5),
        lambda c: c.update(temperature=10**400),
        lambda c: c.update(operating_points=[]),
        lambda c: c["operating_points"][0].update(threshold=1.5),
        lambda c: c["zones"].update(rule_out=0.9, rule_in=0.1),
        lambda c: c["preprocess"].update(channels=3, mean=[0] * 3, std=[1] * 3),
        lambda c: c["preprocess"].update(std=[0]),
        lambda c: c["preprocess"].update(crop="round"),
        lambda c: c["preprocess"].update(input_size=2),
        lambda c: c["preprocess"].update(surprise=1),
        lambda c: c["model"].update(cam_layer="block9"),
        lambda c: c["model"].update(surprise=1),
    ],
)
def test_values_that_make_no_sense_are_damage(folder, change):
    _edit(folder / "tiny", change)
    assert "run.json is damaged" in _reason(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"split,id,patient,group,label\nval,a,p,normal,0\n",
        b"split,id,patient,group,label,logit\nval,a,p,normal,yes,0.1\n",
        b"split,id,patient,group,label,logit\nval,a,p,normal,2,0.1\n",
        b"split,id,patient,group,label,logit\nval,a,p,normal,,0.1\n",
        b"split,id,patient,group,label,logit\nval,a,p,normal,0,\n",
        b"split,id,patient,group,label,logit\nval,a,p,normal,0,inf\n",
        b'split,id,patient,group,label,logit\nval,"a,p,normal,0,0.1\n',
    ],
)
def test_damaged_scores_are_a_sentence(folder, content):
    (folder / "tiny" / "scores.csv").write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_run("tiny").scores("val")
    assert str(caught.value) == "tiny: scores.csv is missing or damaged."


def test_scores_of_a_split_that_is_not_there(tiny_run):
    with pytest.raises(RunError, match=r"scores\.csv has no rows for the split 'train'"):
        tiny_run.scores("train")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\xff", b'a,b\n"', None])
def test_a_damaged_history_is_a_sentence(folder, content):
    path = folder / "tiny" / "history.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"^tiny: history\.csv is missing or damaged\.$"):
        read_run("tiny").history()


@pytest.mark.parametrize("name", ["nothing", "", "DEFAULT", "a\0b", "x" * 300, "../nothing"])
def test_a_run_that_is_not_there(folder, name):
    (folder / "DEFAULT").write_text("tiny", encoding="utf-8")
    with pytest.raises(RunError, match=r"^There is no run .* train one with python train_cli\.py"):
        read_run(name)


def test_one_damaged_run_does_not_hide_the_others(folder):
    _copy(folder, "z")
    (_copy(folder, "a") / "run.json").write_text("{", encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "note.txt").write_text("not a run", encoding="utf-8")
    (folder / ".checkpoints").mkdir()
    assert [(run.name, type(run)) for run in list_runs()] == [
        ("a", BrokenRun),
        ("empty", BrokenRun),
        ("tiny", Run),
        ("z", Run),
    ]


def test_a_folder_without_rights_is_listed_with_its_reason(folder, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pneumo_core.runs.sha256_of", refused)
    assert _reason(folder) == (
        "tiny cannot be read (Permission denied): check the folder's rights."
    )


def test_an_image_of_unknown_patient_is_one_of_its_own(tiny_run):
    scores = tiny_run.scores("test")
    assert patients_of(scores).tolist() == scores["patient"].tolist()
    scores.loc[[0, 2], "patient"] = ""
    expected = scores["patient"].tolist()
    expected[0], expected[2] = scores["id"][0], scores["id"][2]
    assert patients_of(scores).tolist() == expected
