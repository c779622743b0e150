"""A run on another data set: its own temperature and threshold, the path of an upload."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pneumo_core.__main__ import main
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.errors import DataError, RunError
from pneumo_core.metrics import summary
from pneumo_core.transfer import Transfer, read_transfer, transfer, write_transfer


def test_films_go_the_way_of_an_upload_at_the_runs_own_threshold(tiny_run, tiny_data, tiny_dataset):
    split = tiny_dataset.splits["test"]
    files = [tiny_data / "chest_xray" / name for name in split.ids]
    verdicts = PneumoniaDetector(tiny_run).predict_many(files)
    chances = np.array([verdict.probability for verdict in verdicts])
    expected = summary(
        split.labels, chances, tiny_run.operating_point.threshold, list(split.patients)
    )
    found = transfer(tiny_run, tiny_dataset)
    first, second = found.points[:2]
    for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1"):
        assert getattr(first, name).to_json() == pytest.approx(expected[name]), name
    assert found.auc.to_json() == pytest.approx(expected["auc"])
    assert found.ece == pytest.approx(expected["ece"])
    point, ill = tiny_run.operating_points[1], np.asarray(split.labels) == 1
    called = chances >= point.threshold
    assert (second.name, second.threshold) == (point.name, point.threshold)
    assert second.sensitivity.value == called[ill].mean()
    assert second.specificity.value == (~called[~ill]).mean()
    assert (found.films, found.title) == (len(split), tiny_dataset.title)
    sides = [min(split.read(place).shape) for place in range(len(split))]
    assert found.short_side == round(float(np.median(sides)))


def test_the_command_prints_figures_with_intervals_and_keeps_them(
    run_copy, tiny_data, tiny_dataset, capsys, monkeypatch
):
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    assert main(["transfer", str(run_copy.path)]) == 0
    out = capsys.readouterr().out
    value, low, high = run_copy.metrics["test"]["auc"]
    assert f"auc          {value:.4f}  {low:.4f}-{high:.4f}" in out
    kept = run_copy.path / "transfer_chest_xray.json"
    assert out.endswith(f"\nKept in {kept}.\n")
    found = read_transfer(run_copy, "chest_xray")
    assert found.auc.to_json() == [value, low, high]
    assert found.fingerprint == tiny_dataset.fingerprint
    assert read_transfer(run_copy, "pneumoniamnist") is None


def test_what_is_kept_is_of_these_weights_and_this_threshold(run_copy, tiny_dataset):
    found = transfer(run_copy, tiny_dataset)
    assert Transfer.from_json(json.loads(json.dumps(found.to_json()))) == found
    path = write_transfer(run_copy, found)
    assert read_transfer(run_copy, "chest_xray") == found
    assert read_transfer(replace(run_copy, weights_sha256="ab"), "chest_xray") is None
    moved = (replace(run_copy.operating_point, threshold=0.123), *run_copy.operating_points[1:])
    assert read_transfer(replace(run_copy, operating_points=moved), "chest_xray") is None
    for damaged in (
        "{",
        '{"test": {"auc": 1}}',
        json.dumps({"test": found.to_json() | {"points": []}}),
    ):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(RunError, match=r"transfer_chest_xray.json is damaged: delete it and"):
            read_transfer(run_copy, "chest_xray")


def test_only_the_named_films_are_scored_and_not_kept(
    run_copy, tiny_data, tiny_dataset, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    names = tmp_path / "names.txt"
    chosen = tiny_dataset.splits["test"].ids[2:20]
    names.write_text("\n".join((*chosen, "", "")), encoding="utf-8-sig")
    assert main(["transfer", str(run_copy.path), "--ids", str(names)]) == 0
    scores = run_copy.scores("test").iloc[2:20]
    right = (scores["probability"] >= run_copy.operating_point.threshold) == scores["label"]
    out = capsys.readouterr().out
    assert ": 18, at threshold" in out
    assert f"accuracy     {right.mean():.4f}" in out
    assert read_transfer(run_copy, "chest_xray") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nothing.png\n", "'nothing.png' is not a test film of"),
        (b"\n  \n", "names no film: write one name a line."),
        ("film.png".encode("utf-16"), "cannot be read (it is not text in UTF-8)."),
        (None, "cannot be read (No such file or directory)."),
    ],
)
def test_a_list_of_films_that_is_none_is_a_sentence(
    tiny_run, tiny_data, tmp_path, capsys, monkeypatch, content, sentence
):
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    names = tmp_path / "names.txt"
    if content is not None:
        names.write_bytes(content)
    assert main(["transfer", str(tiny_run.path), "--ids", str(names)]) == 1
    assert sentence in capsys.readouterr().err


def test_no_film_is_not_all_films(tiny_run, tiny_dataset):
    with pytest.raises(DataError, match="not one film"):
        transfer(tiny_run, tiny_dataset, [])


def test_data_that_is_not_there_is_a_sentence(tiny_run, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("pneumo_core.datasets.data_folders", lambda: [tmp_path])
    assert main(["transfer", str(tiny_run.path)]) == 1
    assert "chest_xray" in capsys.readouterr().err
