"""`python -m pneumo_core compare`: our figures and the published ones, test set by test set."""

import json
import re
import shutil

import pytest

from pneumo_core.__main__ import main


@pytest.fixture
def folder(tiny_run, tmp_path, monkeypatch):
    """Two runs on one test set; the second has a source, and figures that are known."""
    for name in ("tiny", "other"):
        shutil.copytree(tiny_run.path, tmp_path / name)
    path = tmp_path / "other" / "run.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["title"] = "Other CNN"
    content["recipe"]["published"] = {"auc": 0.5, "recall_normal": 0.07}
    content["recipe"]["pretrained"] = "imagenet-or-scratch"
    content["training"]["pretrained"] = "random: no ImageNet weights were to be had"
    figures = content["metrics"]["test"]
    figures["auc"], figures["specificity"] = [0.75, 0.5, 0.875], [0.5, None, None]
    figures["sensitivity"] = [None, None, None]
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_each_run_stands_beside_what_its_source_published(capsys):
    assert main(["compare"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("test: 24 images")
    (other,) = (line for line in lines if line.startswith("Other CNN"))
    assert "random, for want of ImageNet's" in other
    assert "0.750 (0.500–0.875) / 0.500" in other
    assert re.search(r"undefined +0\.500 / 0\.070", other)
    (tiny,) = (line for line in lines if line.startswith("Tiny CNN"))
    assert " / " not in tiny


def test_a_run_that_cannot_be_read_is_named(folder, capsys):
    (folder / "other" / "run.json").write_text("{", encoding="utf-8")
    assert main(["compare"]) == 0
    out = capsys.readouterr().out
    assert "Tiny CNN" in out
    assert "other: run.json is damaged" in out


@pytest.mark.usefixtures("folder")
def test_the_tables_go_into_a_page(tmp_path):
    page = tmp_path / "page.md"
    assert main(["compare", "--markdown", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "| Model | Initial weights | AUC | Sensitivity | Specificity | Accuracy |" in text
    assert "| Other CNN | random, for want of ImageNet's | 0.750 (0.500–0.875) / 0.500 |" in text


@pytest.mark.usefixtures("folder")
def test_figures_can_be_had_at_another_operating_point(capsys, tiny_run, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- runs at screening: begin -->\n<!-- runs at screening: end -->\n")
    assert main(["compare", "--at", "screening", "--markdown", str(page)]) == 0
    scores = tiny_run.scores("test")
    point = next(each for each in tiny_run.operating_points if each.name == "screening")
    share = (scores["probability"][scores["label"] == 1] >= point.threshold).mean()
    (tiny,) = (line for line in page.read_text("utf-8").splitlines() if "| Tiny CNN" in line)
    assert tiny.split(" | ")[3].startswith(f"{share:.3f} ")
    assert main(["compare", "--at", "nonsense"]) == 1
    assert "choose from 'balanced', 'sensitivity 95 %', 'screening'" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_page_without_a_place_is_known_before_anything_is_printed(capsys, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text", encoding="utf-8")
    assert main(["compare", "--markdown", str(page)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "has no place for the table" in err
    assert page.read_text(encoding="utf-8") == "text"


def test_without_a_run_there_is_a_sentence(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    assert main(["compare"]) == 1
    assert "There is no trained model yet" in capsys.readouterr().err


def test_kinds_of_pneumonia_have_a_table_of_their_own(folder, capsys):
    assert main(["compare"]) == 0
    assert "Bacterial" not in capsys.readouterr().out
    path = folder / "other" / "run.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["recipe"]["published"]["bacteria_against_virus"] = {"auc": 0.94, "accuracy": 1.5}
    content["metrics"]["test"]["kinds"] = {
        "sensitivity": {"bacteria": [0.9, 0.8, 1.0], "virus": [0.7, 0.5, 0.9]},
        "bacteria_against_virus": {
            "threshold": 0.5,
            "counts": {"bacteria": 6, "virus": 6},
            "auc": [0.85, 0.75, 0.95],
            "sensitivity": [0.8, 0.7, 0.9],
            "specificity": [0.6, 0.5, 0.7],
            "accuracy": [0.7, 0.6, 0.8],
        },
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    page = folder / "page.md"
    assert main(["compare", "--markdown", str(page)]) == 0
    line = "| Other CNN | 0.850 (0.750–0.950) / 0.940 | 0.800 (0.700–0.900) | 0.600 (0.500–0.700) |"
    text = page.read_text(encoding="utf-8")
    assert line in text, "what is no share is not quoted"
    assert "Tiny" not in text.partition("Bacterial")[2]
