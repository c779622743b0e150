"""`python -m pneumo_core`: figures reproduced or not, and verdicts as lines of JSON."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from pneumo_core import NOTICE, PneumoniaDetector, datasets
from pneumo_core.__main__ import main
from pneumo_core.class_report import report_text
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import Run


@pytest.fixture
def place(tiny_run: Run, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny run, as the only one there is."""
    copy = shutil.copytree(tiny_run.path, tmp_path / "weights" / "tiny")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(copy.parent))
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    return copy


@pytest.fixture
def films(tiny_data: Path) -> list[str]:
    return sorted(map(str, (tiny_data / "chest_xray" / "test").glob("*/*.png")))[:3]


def _edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    change(content)
    (run / "run.json").write_text(json.dumps(content), encoding="utf-8")


def _add(mapping: Any, key: Any, amount: float) -> None:
    mapping[key] += amount


# evaluate


@pytest.mark.parametrize("arguments", [[], ["tiny"]])
def test_figures_are_reproduced(place, capsys, arguments, tiny_run):
    assert place.exists()
    assert main(["evaluate", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "tiny: reproduced; the largest difference" in out
    figures = tiny_run.metrics["test"]
    assert f" test: AUC {figures['auc'][0]:.4f}, sensitivity {figures['sensitivity'][0]:.4f}" in out
    assert f"\n{report_text('test', figures)}\n" in out


@pytest.mark.usefixtures("place")
def test_figures_are_reproduced_where_the_data_names_no_patient(capsys, monkeypatch):
    whole = datasets.load_dataset

    def nameless(*arguments):
        found = whole(*arguments)
        splits = {
            name: replace(split, patients=("",) * len(split), groups=("",) * len(split))
            for name, split in found.splits.items()
        }
        return replace(found, splits=splits)

    monkeypatch.setattr(datasets, "load_dataset", nameless)
    assert main(["evaluate"]) == 0, capsys.readouterr().out


def test_what_the_disk_refuses_is_a_sentence(capsys):
    assert main(["audit", "--data", "x" * 300]) == 1
    assert capsys.readouterr().err == f"pneumo_core: File name too long: {'x' * 300}.\n"


@pytest.mark.usefixtures("place")
def test_a_reader_that_has_enough_is_no_error(capfd, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["compare"]) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("command", ["compare", "robustness", "explain-audit", "novelty-report"])
def test_a_page_may_start_at_home(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    page = tmp_path / "page.md"
    page.write_text("no marks", encoding="utf-8")
    assert main([command, "--markdown", "~/page.md"]) == 1
    assert f"{page} has no place for the table" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_a_file_to_be_written_may_start_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written = []

    def export_onnx(_run: Run, target: Path, _data: str | None) -> SimpleNamespace:
        target.write_bytes(b"a network")
        written.append(target)
        return SimpleNamespace(sentence="")

    monkeypatch.setattr("pneumo_core.export.export_onnx", export_onnx)
    assert main(["card", "--out", "~/card.md"]) == 0
    assert main(["export", "--onnx", "~/net.onnx"]) == 0
    assert (tmp_path / "card.md").is_file()
    assert written == [tmp_path / "net.onnx"]


def test_data_may_be_named(place, tiny_data, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(place), "--data", str(tiny_data / "chest_xray")]) == 0
    assert main(["evaluate", "--data", str(tmp_path / "nowhere")]) == 1
    assert "check --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: _add(c["metrics"]["test"]["auc"], 0, 2e-4), "test.auc.0"),
        (lambda c: _add(c["metrics"]["test"]["auc"], 1, -2e-4), "test.auc.1"),
        (lambda c: _add(c["metrics"]["val"]["sensitivity"], 0, -0.01), "val.sensitivity.0"),
        (lambda c: _add(c["metrics"]["test"]["confusion"], 3, 1), "test.confusion.3"),
        (lambda c: _add(c["metrics"]["val"], "brier", 0.001), "val.brier"),
        (lambda c: _add(c["metrics"]["val"]["per_class"]["Normal"], "f1", 0.1), "val.per_class.No"),
        (lambda c: _add(c, "temperature", 0.001), "temperature"),
        (lambda c: _add(c["operating_points"][0], "threshold", 1e-3), "operating_points.balanced"),
        (lambda c: _add(c["operating_points"][2], "threshold", 1e-3), "operating_points.screening"),
        (lambda c: c["operating_points"].pop(), "operating_points.a miss costs"),
        (lambda c: _add(c["zones"], "rule_out", -1e-3), "zones.rule_out"),
        (lambda c: c["metrics"]["test"]["per_class"].pop("macro"), "test.per_class.macro.f1"),
        (lambda c: c["metrics"]["test"].update(extra=1.0), "test.extra"),
    ],
)
def test_a_changed_figure_is_named(place, capsys, change, named):
    _edit(place, change)
    assert main(["evaluate"]) == 1
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if "run.json says" in line]
    assert [line for line in lines if line.startswith(named)], out
    assert "tiny: NOT reproduced" in out


def test_a_difference_that_rounding_makes_is_none(place):
    _edit(place, lambda content: _add(content["metrics"]["test"]["auc"], 0, 5e-5))
    assert main(["evaluate"]) == 0


def test_points_saved_later_are_no_difference(place):
    point = {"name": "ward 3", "threshold": 0.25, "rule": "by hand", "split": ""}
    (place / "operating_points.json").write_text(json.dumps([point]), encoding="utf-8")
    assert main(["evaluate"]) == 0


@pytest.mark.parametrize("column", ["logit", "id", "label"])
def test_changed_scores_are_named(place, capsys, column):
    table = pd.read_csv(place / "scores.csv", keep_default_na=False)
    row = table.index[table["split"] == "test"][0]
    table.loc[row, column] = {"logit": table.loc[row, "logit"] + 0.01, "id": "x", "label": 1}[
        column
    ]
    table.to_csv(place / "scores.csv", index=False)
    assert main(["evaluate"]) == 1
    out = capsys.readouterr().out
    assert "scores.csv: the scores of test differ by up to" in out
    assert "scores of val" not in out
    assert "run.json says" not in out


def test_other_data_is_said_to_be_other(place, capsys):
    _edit(place, lambda content: content["data"].update(fingerprint="files:other"))
    assert main(["evaluate"]) == 0
    assert "not the data the run was trained on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda run: (run / "model.safetensors").unlink(), "figures only"),
        (lambda run: (run / "model.safetensors").write_bytes(b"x"), "wrong SHA-256"),
        (lambda run: (run / "run.json").write_text("{"), "run.json is damaged"),
        (lambda run: (run / "scores.csv").write_text(""), "scores.csv is missing or damaged"),
        (shutil.rmtree, "There is no run 'tiny'"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_damaged_run_is_one_sentence(place, capsys, damage, sentence, command, films):
    damage(place)
    arguments = (
        ["evaluate", "tiny"] if command == "evaluate" else ["predict", "--run", "tiny", *films]
    )
    if command == "predict" and "scores" in sentence:
        assert main(arguments) == 0  # a verdict needs no scores
        return
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pneumo_core: ")
    assert sentence in err
    assert err.count("\n") == 1


# predict


def test_each_image_is_one_line_of_json(place, films, capsys):
    assert main(["predict", *films]) == 0
    out, err = capsys.readouterr()
    detector = PneumoniaDetector(str(place))
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines == [{"image": film, **detector.predict(film)} for film in films]
    assert err == f"{NOTICE}\n"


def test_one_bad_image_does_not_stop_the_rest(place, films, tmp_path, capsys):
    del place
    text = tmp_path / "text.png"
    text.write_text("not an image", encoding="utf-8")
    given = [str(text), films[0], str(tmp_path / "nowhere.png"), str(tmp_path), films[1]]
    assert main(["predict", *given]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["image"] for line in lines] == given
    assert ["error" in line for line in lines] == [True, False, True, True, False]
    assert all("\n" not in line["error"] for line in lines if "error" in line)


def test_file_names_need_not_be_text(place, films, tmp_path, capsys):
    del place
    odd = [tmp_path / "Röntgen bild.png", tmp_path / "\udcff.png"]
    for path in odd:
        shutil.copy(films[0], path)
    assert main(["predict", *map(str, odd)]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert [json.loads(line)["image"] for line in out.splitlines()] == [str(path) for path in odd]


def test_ctrl_c_is_quiet(place, films, monkeypatch, capsys):
    del place

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PneumoniaDetector, "predict", interrupted)
    assert main(["predict", *films]) == 130
    assert capsys.readouterr() == ("", "")


def test_the_process_itself(place, films):
    """As a user starts it: exit status, lines on standard output, the notice on the other."""
    del place
    done = subprocess.run(
        [sys.executable, "-m", "pneumo_core", "predict", films[0], "nowhere.png"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_FOLDER,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert lines[0]["prediction"] in ("Normal", "Pneumonia")
    assert "error" in lines[1]
    assert done.stderr == f"{NOTICE}\n"


@pytest.mark.parametrize("arguments", [[], ["bake"], ["predict"]])
def test_a_wrong_command_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m pneumo_core")


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "evaluate" in out
    assert "predict" in out


# ensemble


@pytest.mark.usefixtures("place")
def test_an_ensemble_is_refused_in_a_sentence(capsys, tmp_path):
    assert main(["ensemble", "tiny", "tiny", "--out", "both"]) == 1
    assert "Two of the runs come from the same seed" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["tiny"]


def test_an_ensemble_is_written_beside_its_members(place, capsys, monkeypatch):
    seen = []

    def join(runs, target, dataset, step):
        seen.append(([run.name for run in runs], target, dataset.name))
        step("Joining the weights")
        return runs[0]

    monkeypatch.setattr("pneumo_core.ensemble.join", join)
    assert main(["ensemble", "tiny", str(place), "--out", "both"]) == 0
    assert seen == [(["tiny", "tiny"], place.parent / "both", "chest_xray")]
    assert "Joining the weights ..." in capsys.readouterr().out
