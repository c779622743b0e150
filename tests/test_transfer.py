"""A run on another data set: its own temperature and threshold, the path of an upload."""

import numpy as np
import pytest

from pneumo_core.__main__ import main
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.metrics import summary
from pneumo_core.transfer import transfer


def test_films_go_the_way_of_an_upload_at_the_runs_own_threshold(tiny_run, tiny_data, tiny_dataset):
    split = tiny_dataset.splits["test"]
    files = [tiny_data / "chest_xray" / name for name in split.ids]
    verdicts = PneumoniaDetector(tiny_run).predict_many(files)
    chances = np.array([verdict.probability for verdict in verdicts])
    expected = summary(
        split.labels, chances, tiny_run.operating_point.threshold, list(split.patients)
    )
    found = transfer(tiny_run, tiny_dataset)
    assert found.figures["confusion"] == expected["confusion"]
    assert found.figures["auc"] == pytest.approx(expected["auc"])
    second, confusion = found.points[1]
    called = chances >= second.threshold
    assert second == tiny_run.operating_points[1]
    assert confusion.tp == int((called & (np.asarray(split.labels) == 1)).sum())
    assert confusion.fp == int((called & (np.asarray(split.labels) == 0)).sum())
    assert (found.run, found.data) == ("tiny", tiny_dataset.title)


def test_the_command_prints_figures_with_intervals(tiny_run, tiny_data, capsys, monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    assert main(["transfer", str(tiny_run.path)]) == 0
    out = capsys.readouterr().out
    value, low, high = tiny_run.metrics["test"]["auc"]
    assert f"auc          {value:.4f}  {low:.4f}-{high:.4f}" in out


def test_only_the_named_films_are_scored(
    tiny_run, tiny_data, tiny_dataset, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    names = tmp_path / "names.txt"
    chosen = tiny_dataset.splits["test"].ids[2:20]
    names.write_text("\n".join((*chosen, "", "")), encoding="utf-8")
    assert main(["transfer", str(tiny_run.path), "--ids", str(names)]) == 0
    scores = tiny_run.scores("test").iloc[2:20]
    right = (scores["probability"] >= tiny_run.operating_point.threshold) == scores["label"]
    out = capsys.readouterr().out
    assert ": 18, at threshold" in out
    assert f"accuracy     {right.mean():.4f}" in out

    names.write_text("nothing.png\n", encoding="utf-8")
    assert main(["transfer", str(tiny_run.path), "--ids", str(names)]) == 1
    assert "'nothing.png' is not a test film of" in capsys.readouterr().err


def test_data_that_is_not_there_is_a_sentence(tiny_run, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("pneumo_core.datasets.data_folders", lambda: [tmp_path])
    assert main(["transfer", str(tiny_run.path)]) == 1
    assert "chest_xray" in capsys.readouterr().err
