"""`python -m pneumo_core operating-point`: the rule, what is printed, what is saved."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from pneumo_core import operating_point_cli
from pneumo_core.__main__ import main
from pneumo_core.comparison import compare_splits
from pneumo_core.confusion import figures_at
from pneumo_core.errors import DataError, RunError
from pneumo_core.operating_point import OperatingPoint, ask, threshold_words
from pneumo_core.operating_point_cli import SPELLINGS, parse_rule, save_point
from pneumo_core.rules import (
    RULES,
    AlertsAtMost,
    CostRatio,
    FBeta,
    NpvAtLeast,
    PpvAtLeast,
    SensitivityAtLeast,
    SpecificityAtLeast,
    Youden,
)
from pneumo_core.runs import RUN_FILE, SAVED_POINTS_FILE, SCORES_FILE, Run, read_run
from pneumo_core.threshold_report import figure_words


@pytest.fixture(scope="module")
def made(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run with made-up scores: two images a patient, test shifted upwards."""
    folder = tmp_path_factory.mktemp("weights") / "made"
    shutil.copytree(tiny_run.path, folder)
    rng = np.random.default_rng(3)
    parts = []
    for split, n, shift in (("val", 300, -1.0), ("test", 400, 0.2)):
        labels = (rng.random(n) < 0.6).astype(int)
        numbers = np.arange(n)
        part = {
            "split": split,
            "id": [f"{split}-{i}" for i in numbers],
            "patient": [f"{split}-{i // 2}" if i % 5 else "" for i in numbers],
            "group": "",
            "label": labels,
            "logit": (rng.normal(size=n) + 2.5 * labels + shift).round(6),
        }
        parts.append(pd.DataFrame(part))
    pd.concat(parts).to_csv(folder / SCORES_FILE, index=False)
    return folder


@pytest.fixture
def run_folder(made: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    shutil.copytree(made, folder)
    return folder


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("sensitivity>=0.97", SensitivityAtLeast(0.97)),
        ("Sensitivity ≥ 97 %", SensitivityAtLeast(0.97)),
        ("specificity=0.9", SpecificityAtLeast(0.9)),
        ("ppv>=0.9@0.1", PpvAtLeast(0.9, 0.1)),
        ("ppv >= 90% @ 10%", PpvAtLeast(0.9, 0.1)),
        ("ppv>=0.9", PpvAtLeast(0.9)),
        ("npv>=0.99@0.1", NpvAtLeast(0.99, 0.1)),
        (" youden ", Youden()),
        ("cost=10", CostRatio(10)),
        ("cost=2.5@0.1", CostRatio(2.5, 0.1)),
        ("fbeta=2", FBeta(2)),
        ("alerts<=30", AlertsAtMost(30)),
        ("alerts ≤ 30 %", AlertsAtMost(30)),
    ],
)
def test_rules_as_they_are_written(text, rule):
    assert parse_rule(text) == rule


def test_every_rule_has_a_spelling_that_can_be_read():
    assert [parse_rule(text).key for text in SPELLINGS.values()] == list(RULES)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("accuracy>=0.9", "There is no rule 'accuracy>=0.9': write one of sensitivity>=0.97, "),
        ("", "There is no rule '': "),
        ("sensitivity", "The rule 'sensitivity' cannot be read: write it like “sensitivity>=0.97”"),
        ("sensitivity<=0.9", "The rule 'sensitivity<=0.9' cannot be read: "),
        ("sensitivity>=0.9@0.1", "The rule 'sensitivity>=0.9@0.1' cannot be read: "),
        ("youden=1", "The rule 'youden=1' cannot be read: write it like “youden”"),
        ("cost>=10", "The rule 'cost>=10' cannot be read: "),
        ("sensitivity>=high", "'high' in the rule 'sensitivity>=high' is no number."),
        ("ppv>=0.9@rare", "'rare' in the rule 'ppv>=0.9@rare' is no number."),
        ("sensitivity>=97", "A sensitivity lies between 0 and 1, not at 97"),
        ("sensitivity>=nan", "A sensitivity lies between 0 and 1, not at nan"),
        ("ppv>=0.9@1.5", "A prevalence lies between 0 and 1"),
        ("cost=0", "A miss must cost more than 0 false alarms"),
    ],
)
def test_rules_that_make_no_sense(text, sentence):
    with pytest.raises(DataError) as error:
        parse_rule(text)
    assert str(error.value).startswith(sentence)


def test_it_prints_the_choice_the_figures_and_whether_it_holds(made, capsys):
    assert main(["operating-point", str(made), "--rule", "sensitivity>=0.9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    val, test = (read_run(made).scores(split) for split in ("val", "test"))
    choice = ask(val["label"], val["probability"], SensitivityAtLeast(0.9), "val")
    assert lines[0] == choice.sentence
    assert lines[1].startswith("Other images of the same kind would have put it between 0.")

    found = []
    for scores in (val, test):
        whose = scores["patient"].where(scores["patient"] != "", scores["id"])
        figures = figures_at(
            scores["label"], scores["probability"], choice.point.threshold, whose.to_numpy()
        )
        found.append(figures)
    assert lines[3].split() == ["validation", "test"]
    assert lines[4].split() == ["Images", "300", "400"]
    expected = [figure_words("specificity", figures["specificity"]) for figures in found]
    row = next(line for line in lines if line.startswith("Specificity"))
    assert row.endswith(f"  {expected[1]}")
    assert f"  {expected[0]}  " in row

    change = compare_splits(
        (val["label"], val["probability"]),
        (test["label"], test["probability"]),
        choice.point.threshold,
    )[1]
    assert change.verdict == "falls"
    assert lines[-1].startswith("It does not hold on test: lower specificity. ")
    assert f"{change.sentence[:1].upper()}{change.sentence[1:]}." in lines[-1]
    assert not (made / SAVED_POINTS_FILE).exists()


def test_a_point_that_holds(run_folder, capsys):
    scores = pd.read_csv(run_folder / SCORES_FILE)
    val = scores[scores["split"] == "val"]
    pd.concat([val, val.assign(split="test")]).to_csv(run_folder / SCORES_FILE, index=False)
    assert main(["operating-point", str(run_folder), "--rule", "youden"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("It holds on test: neither sensitivity nor specificity falls. ")


def test_saving(run_folder, capsys):
    before = read_run(run_folder).operating_points
    arguments = ["operating-point", str(run_folder), "--save", "--name", " my  ward "]
    assert main([*arguments, "--rule", "specificity>=0.9"]) == 0
    point = read_run(run_folder).operating_points[-1]
    val = read_run(run_folder).scores("val")
    expected = ask(val["label"], val["probability"], SpecificityAtLeast(0.9), "val").point
    assert point == OperatingPoint(
        "my ward",
        expected.threshold,
        "specificity of at least 90 %",
        "val",
        date.today().isoformat(),
    )
    saved = f"Saved as “my ward” in {run_folder / SAVED_POINTS_FILE}."
    assert capsys.readouterr().out.splitlines()[-1] == saved

    assert main(["operating-point", str(run_folder), "--save", "--rule", "fbeta=2"]) == 0
    assert main([*arguments, "--rule", "specificity>=0.8"]) == 0
    points = read_run(run_folder).operating_points
    assert points[: len(before)] == before
    assert [p.name for p in points[len(before) :]] == ["the best F2 score", "my ward"]
    assert points[-1].rule == "specificity of at least 80 %"
    assert points[-1].threshold < point.threshold


def test_a_point_of_the_runs_own_is_never_replaced(run_folder, capsys):
    own = read_run(run_folder).operating_point.name
    arguments = ["operating-point", str(run_folder), "--rule", "youden", "--save", "--name", own]
    assert main(arguments) == 1
    assert f"has an operating point of its own called “{own}”" in capsys.readouterr().err
    assert not (run_folder / SAVED_POINTS_FILE).exists()


def test_what_is_out_of_reach_is_not_saved(run_folder, capsys):
    scores = pd.read_csv(run_folder / SCORES_FILE)
    scores["logit"] = np.where(np.arange(len(scores)) % 2, 1.0, -1.0)
    scores.to_csv(run_folder / SCORES_FILE, index=False)
    assert main(["operating-point", str(run_folder), "--rule", "ppv>=0.99", "--save"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("A PPV of at least 99 % is out of reach; the nearest is ")
    assert printed.err == "Not saved, because the wish is out of reach.\n"
    assert not (run_folder / SAVED_POINTS_FILE).exists()


def test_choosing_on_test_is_possible_and_warned_of(made, capsys):
    assert main(["operating-point", str(made), "--rule", "youden", "--split", "test"]) == 0
    printed = capsys.readouterr()
    test = read_run(made).scores("test")
    threshold = ask(test["label"], test["probability"], Youden(), "test").point.threshold
    assert printed.out.startswith(f"Threshold {threshold_words(threshold)}, chosen on test by ")
    assert printed.err.startswith("Chosen on test, so that test flatters it")


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1]", '[{"name": "x"}]', "null"])
def test_a_damaged_file_is_left_as_it_is(run_folder, capsys, content):
    file = run_folder / SAVED_POINTS_FILE
    file.write_text(content)
    assert main(["operating-point", str(run_folder), "--rule", "youden", "--save"]) == 1
    error = capsys.readouterr().err
    assert error == "pneumo_core: made: operating_points.json is damaged: restore or delete it.\n"
    assert file.read_text() == content
    with pytest.raises(RunError, match=r"operating_points\.json is damaged"):
        save_point(run_folder, OperatingPoint("x", 0.5, "by hand", ""))


def test_an_unknown_run_or_rule_is_a_sentence(made, capsys):
    assert main(["operating-point", str(made), "--rule", "luck"]) == 1
    assert capsys.readouterr().err.startswith("pneumo_core: There is no rule 'luck': ")
    assert main(["operating-point", str(made / "x"), "--rule", "youden"]) == 1
    assert capsys.readouterr().err.startswith("pneumo_core: There is no run ")


def test_many_at_once_lose_nothing(run_folder):
    before = len(read_run(run_folder).operating_points)
    points = [OperatingPoint(f"point {i}", i / 10, "by hand", "") for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda point: save_point(run_folder, point), points))
    saved = read_run(run_folder).operating_points[before:]
    assert sorted(saved, key=lambda point: point.name) == points
    content = json.loads((run_folder / SAVED_POINTS_FILE).read_text())
    assert content[0].keys() == {"name", "threshold", "rule", "split", "date"}


def test_a_save_that_does_not_end_is_not_waited_for(run_folder, monkeypatch):
    monkeypatch.setattr(operating_point_cli, "PATIENCE", 0.05)
    with (
        FileLock(run_folder.parent / ".made.points.lock"),
        pytest.raises(RunError, match="Another program is saving to made: try again"),
    ):
        save_point(run_folder, OperatingPoint("x", 0.5, "by hand", ""))


def test_a_full_disk_leaves_what_was_there(run_folder, monkeypatch):
    save_point(run_folder, OperatingPoint("x", 0.5, "by hand", ""))
    before = (run_folder / SAVED_POINTS_FILE).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pneumo_core.files.os.fsync", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\)"):
        save_point(run_folder, OperatingPoint("y", 0.5, "by hand", ""))
    assert (run_folder / SAVED_POINTS_FILE).read_bytes() == before
    assert sorted(path.suffix for path in run_folder.iterdir() if path.name.startswith(".")) == []
    assert (run_folder / RUN_FILE).is_file()
