"""`python -m pneumo_core audit`: the report and the file; what training prints and a run keeps."""

import json
from pathlib import Path

import train_cli
from pneumo_core.__main__ import main
from pneumo_core.audit import audit
from pneumo_core.audit_cli import load_named
from pneumo_core.audit_report import audit_brief, audit_summary, audit_text
from pneumo_core.datasets import Dataset, load_dataset
from pneumo_core.errors import DataError, TrainingError
from tests.test_datasets import write_npz

# The command


def test_the_command_prints_the_report_and_writes_it(tiny_data, tmp_path, capsys):
    target = tmp_path / "audit.json"
    assert (
        main(["audit", "--data", str(tiny_data), "--split", "patient", "--json", str(target)]) == 0
    )
    expected = audit(load_dataset("chest_xray", tiny_data, "patient"))
    assert capsys.readouterr().out == f"{audit_text(expected)}\n"
    assert json.loads(target.read_text(encoding="utf-8")) == expected.to_json()


def test_without_data_it_is_pneumoniamnist_as_published(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("pneumo_core.audit_cli.load_dataset", _explain)
    assert main(["audit"]) == 1
    assert "('pneumoniamnist', None, 'official')" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["audit", "--data", "chest_xray", "--split", "patient"]) == 1
    assert "('chest_xray', None, 'patient')" in capsys.readouterr().err


def _explain(name: str = "pneumoniamnist", data: object = None, split_rule: str = "?") -> Dataset:
    raise DataError(str((name, data, split_rule)))


def test_what_lies_at_a_place_goes_before_a_name(tiny_data, monkeypatch):
    monkeypatch.chdir(tiny_data)
    assert load_named("chest_xray").path == Path("chest_xray")


def test_an_archive_is_known_by_its_content(tmp_path):
    path = write_npz(tmp_path / "mine.npz", (388, 3494))
    assert load_named(str(path)).name == "pneumoniamnist_imbalanced"


def test_wrong_places_are_answered_with_a_sentence(tiny_data, tmp_path, capsys):
    other = write_npz(tmp_path / "other.npz", (1, 2))
    both = tmp_path / "both"
    both.mkdir()
    (both / "pneumoniamnist.npz").touch()
    (both / "chest_xray").symlink_to(tiny_data / "chest_xray")
    (tmp_path / "empty").mkdir()
    for data, answer in {
        "nothing": "There is no 'nothing': name a file or folder, or one of pneumoniamnist, ",
        str(tmp_path / "empty"): f"{tmp_path / 'empty'} holds none of pneumoniamnist, ",
        str(both): f"{both} holds pneumoniamnist and chest_xray: name one of them, --data {both}",
        str(other): f"{other} is not PneumoniaMNIST (28 px): it has 1 normal and 2 pneumonia ",
    }.items():
        assert main(["audit", "--data", data]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"pneumo_core: {answer}")


def test_json_that_cannot_be_written_is_a_sentence(tiny_data, tmp_path, capsys):
    target = tmp_path / "no" / "audit.json"
    assert main(["audit", "--data", str(tiny_data), "--json", str(target)]) == 1
    assert f"{target} cannot be written (No such file or directory)." in capsys.readouterr().err


# Training


def test_training_prints_the_summary_first(tiny_data, tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise TrainingError("Stopped here.")

    monkeypatch.setattr("pneumo_core.training.train", stop)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    arguments = ["--recipe", "resnet18", "--set", "data=chest_xray", "--data", str(tiny_data)]
    assert train_cli.main([*arguments, "--device", "cpu"]) == 1
    out = capsys.readouterr().out
    dataset = load_dataset("chest_xray", tiny_data, "patient")
    said = "".join(f"- {line}\n" for line in audit_summary(audit(dataset, decode=False)))
    assert f"pneumonia\n{said}Training " in out


def test_a_run_keeps_the_audit_of_its_data(tiny_run, tiny_dataset):
    assert tiny_run.data["audit"] == audit_brief(audit(tiny_dataset, decode=False))
