"""`python -m pneumo_core local`: the same answer on the terminal and as JSON."""

import json
import shutil

import pytest

from pneumo_core.__main__ import main
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.local_answer import local_answer


@pytest.fixture
def place(tiny_run, tmp_path, monkeypatch):
    """Where runs are looked for; no data set is there."""
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tiny_run.path.parent))
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path / "nothing"))
    return tmp_path


@pytest.fixture
def site(place, tiny_data):
    """A folder of films with one bad file, one stray and a hidden one."""
    folder = shutil.copytree(tiny_data / "chest_xray" / "test", place / "site")
    (folder / "NORMAL" / "letter.png").write_text("Dear colleague")
    (folder / "notes.txt").write_text("nothing")
    (folder / "NORMAL" / ".hidden.png").write_text("nothing")
    return folder


def test_a_folder_and_its_zip_give_one_answer(site, tiny_run, tiny_dataset, tiny_data, capsys):
    found = site.parent / "found.json"
    assert main(["local", "--input", str(site), "--json", str(found)]) == 0
    out, err = capsys.readouterr()
    content = json.loads(found.read_text())
    split = tiny_dataset.splits["test"]
    files = [tiny_data / "chest_xray" / name for name in split.ids]
    chances = [each.probability for each in PneumoniaDetector(tiny_run).predict_many(files)]
    expected = local_answer(
        split.labels, chances, list(split.patients), tiny_run, tiny_run.operating_point
    )
    assert content["verdict"] == expected.verdict
    assert content["sentence"] == expected.sentence
    assert content["figures"]["auc"]["here"] == pytest.approx(
        expected.figures["auc"].here.to_json()
    )
    assert content["patients"] == expected.patients
    assert content["run"] == "tiny"
    assert out.startswith(expected.sentence)
    assert content["count"]["counted"] == len(split)
    assert content["count"]["unread"] == 1
    assert content["count"]["without_label"] == 1
    assert "left out: NORMAL/letter.png: The contents" in err
    assert "left out: notes.txt: No folder" in err
    assert "hidden" not in err

    archive = shutil.make_archive(str(site.parent / "films"), "zip", site)
    assert main(["local", "--input", archive, "--model", "tiny", "--json", str(found)]) == 0
    again = json.loads(found.read_text())
    assert again["figures"] == content["figures"]


def test_labels_from_a_csv_elsewhere(site, capsys):
    table = site.parent / "labels.csv"
    names = sorted(path.name for path in site.glob("*/person*.png"))
    table.write_text("file,label,patient\n" + "".join(f"{name},1,p{name}\n" for name in names))
    found = site.parent / "found.json"
    arguments = ["local", "--input", str(site), "--labels", str(table), "--json", str(found)]
    assert main(arguments) == 0
    content = json.loads(found.read_text())
    assert content["films"] == {"pneumonia": len(names), "normal": 0}
    assert content["verdict"] == "cannot be said yet"
    assert content["figures"]["auc"]["here"] == [None, None, None]
    assert "undefined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--input", "{place}/nowhere"], "no file"),
        (["--input", "{place}/site/notes.txt"], "neither a folder nor a ZIP"),
        (["--input", "{place}/empty"], "has a label"),
        (["--labels", "{place}/nowhere.csv"], "no file"),
        (["--model", "nobody"], "no run"),
        (["--json", "{place}/nowhere/found.json"], "check --json"),
        (["--margin", "nan"], "margin"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(site, change, words, capsys):
    (site.parent / "empty").mkdir()
    arguments = ["local", "--input", str(site)]
    arguments += [part.format(place=site.parent) for part in change]
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_names_are_written_in_ascii(site, capsys):
    (site / "NORMAL" / "M\u00fcller\u202e.png").write_text("no film")
    assert main(["local", "--input", str(site)]) == 0
    assert r"NORMAL/M\xfcller" in capsys.readouterr().err
