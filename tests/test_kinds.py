"""Kinds of pneumonia: found, and told apart; a run of three outputs from training to evaluate."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as sk

from pneumo_core.__main__ import main
from pneumo_core.architectures import pneumonia_logit
from pneumo_core.calibration import probability
from pneumo_core.datasets import Dataset, load_dataset
from pneumo_core.intervals import auc_delong, wilson_clustered
from pneumo_core.kinds import (
    CLASSES,
    confusion_of_three,
    found,
    kind_figures,
    kind_logit,
    kind_threshold,
    told_apart,
)
from pneumo_core.publishing import publish
from pneumo_core.recipe import Recipe, load_recipe
from pneumo_core.runs import Run, list_runs, read_run
from pneumo_core.training import train

GROUPS = ("normal", "bacteria", "virus", "bacteria", "", "virus", "bacteria")
CHANCES = np.array([0.1, 0.9, 0.4, 0.8, 0.9, 0.7, 0.2])
LOGITS = np.array([9.0, 2.0, -1.0, 0.5, -9.0, 1.0, 3.0])
ALONE = tuple("abcdefg")


# By hand


def test_log_odds_of_bacterial_against_viral():
    outputs = torch.tensor([[5.0, 1.0, -2.0], [0.0, -1.0, 3.0]])
    assert kind_logit(outputs).tolist() == [3.0, -4.0]
    chances = outputs.softmax(dim=1)
    torch.testing.assert_close(kind_logit(outputs), (chances[:, 1] / chances[:, 2]).log())


def test_the_outputs_are_what_training_takes_them_for():
    assert CLASSES == ("normal", "bacteria", "virus")
    bacterial, viral = torch.tensor([[0.0, 8.0, 0.0]]), torch.tensor([[0.0, 0.0, 8.0]])
    assert kind_logit(bacterial) > 0 > kind_logit(viral)
    assert pneumonia_logit(bacterial) == pneumonia_logit(viral) > 0


def test_the_threshold_is_youdens_among_known_kinds():
    # Bacterial 2, 0.5, 3 and viral -1, 1: 2/3 + 1 from 2 on, 1 + 1/2 from 0.5 on.
    assert kind_threshold(GROUPS, LOGITS) == pytest.approx(probability(np.array([1, 2.0])).mean())


@pytest.mark.parametrize("missing", ["bacteria", "virus"])
def test_no_threshold_without_films_of_both(missing):
    groups = tuple("" if group == missing else group for group in GROUPS)
    assert kind_threshold(groups, LOGITS) is None
    assert set(kind_figures(groups, CHANCES, 0.5, ALONE, LOGITS, None)) == {"sensitivity"}


def test_films_found_of_each_kind():
    kinds = found(GROUPS, CHANCES, 0.5, ALONE)
    assert kinds == {
        "bacteria": wilson_clustered([1, 1, 0], list("bdg")).to_json(),
        "virus": wilson_clustered([0, 1], list("cf")).to_json(),
    }
    assert [kinds[kind][0] for kind in ("bacteria", "virus")] == [2 / 3, 1 / 2]
    assert found(GROUPS, CHANCES, 0.05, ALONE)["virus"][0] == 1.0
    assert found(("normal", ""), CHANCES[:2], 0.5, ALONE[:2]) == {}


def test_films_of_one_patient_are_not_independent():
    patients = ("a", "b", "c", "b", "d", "c", "e")
    value, low, high = found(GROUPS, CHANCES, 0.5, patients)["bacteria"]
    _, alone_low, alone_high = found(GROUPS, CHANCES, 0.5, ALONE)["bacteria"]
    assert value == 2 / 3
    assert low < alone_low - 0.01
    assert high > alone_high + 0.01


def test_kinds_told_apart_agree_with_scikit_learn():
    rng = np.random.default_rng(8)
    groups = rng.choice(["normal", "bacteria", "virus", ""], 300)
    logits = rng.normal(size=300) + np.where(groups == "bacteria", 1.5, 0)
    patients = np.arange(300).astype(str)
    figures = told_apart(groups, logits, 0.6, patients)
    known = (groups == "bacteria") | (groups == "virus")
    truth, called = groups[known] == "bacteria", probability(logits[known]) >= 0.6
    assert figures["threshold"] == 0.6
    assert figures["counts"] == {"bacteria": truth.sum(), "virus": (~truth).sum()}
    assert figures["auc"][0] == pytest.approx(sk.roc_auc_score(truth, logits[known]))
    assert figures["auc"] == pytest.approx(
        auc_delong(truth, logits[known], patients[known]).to_json()
    )
    assert figures["accuracy"][0] == pytest.approx(sk.accuracy_score(truth, called))
    assert figures["sensitivity"][0] == pytest.approx(sk.recall_score(truth, called))
    assert figures["specificity"][0] == pytest.approx(sk.recall_score(~truth, ~called))
    assert figures["accuracy"][1] < figures["accuracy"][0] < figures["accuracy"][2]


def test_three_classes_crossed_by_hand():
    # Called: normal, bacteria, normal, bacteria, (kind unknown), bacteria, normal.
    matrix = confusion_of_three(GROUPS, CHANCES, 0.5, LOGITS, 0.5)
    assert matrix == [[1, 0, 0], [1, 2, 0], [1, 1, 0]]
    viral = confusion_of_three(GROUPS, CHANCES, 0.5, -LOGITS, 0.5)
    assert viral == [[1, 0, 0], [1, 0, 2], [1, 0, 1]]


# A run of three outputs


@pytest.fixture(scope="module")
def official(tiny_data: Path) -> Dataset:
    """The tiny data with its own validation split, which has films of both kinds."""
    return load_dataset("chest_xray", tiny_data, "official")


@pytest.fixture(scope="module")
def three(official: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("three")
    recipe = Recipe.from_json(
        {
            "name": "three",
            "title": "Three",
            "data": "chest_xray",
            "split": "official",
            "model": {"architecture": "cnn", "channels": 1, "outputs": 3, "stem": "small"},
            "preprocess": {"input_size": 32, "mean": [0.38], "std": [0.12]},
            "flip_average": True,
            "batch_size": 8,
            "phases": [{"epochs": 2, "lr": 0.003}],
        }
    )
    trained = train(recipe, official, seed=2, checkpoint=folder / ".three.pt")
    return publish(folder / "three", recipe, official, trained)


@pytest.fixture
def place(three: Run, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run, as the only one there is."""
    copy = shutil.copytree(three.path, tmp_path / "weights" / "three")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(copy.parent))
    monkeypatch.setenv("PNEUMO_DATA", str(tiny_data))
    return copy


def _edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    change(content)
    (run / "run.json").write_text(json.dumps(content), encoding="utf-8")


def test_the_scores_have_the_log_odds_of_the_kind(three, official):
    table = three.scores("test")
    columns = ["split", "id", "patient", "group", "label", "logit", "kind_logit", "probability"]
    assert list(table.columns) == columns
    model, test = three.load_model(), official.splits["test"]
    inputs = three.preprocess.tensor(test.squares(three.preprocess))
    with torch.no_grad():
        outputs, mirrored = model(inputs).double(), model(inputs.flip(-1)).double()
    apart = (outputs + mirrored)[:, 1] / 2 - (outputs + mirrored)[:, 2] / 2
    np.testing.assert_allclose(table["kind_logit"], apart.numpy(), atol=2e-5)


def test_the_figures_follow_from_the_scores(three):
    val, test = three.scores("val"), three.scores("test")
    cut = kind_threshold(tuple(val["group"]), val["kind_logit"].to_numpy())
    for split, table in (("val", val), ("test", test)):
        stated = three.metrics[split]["kinds"]
        assert stated["bacteria_against_virus"]["threshold"] == cut
        ill = table[table["label"] == 1]
        area = sk.roc_auc_score(ill["group"] == "bacteria", ill["kind_logit"])
        assert stated["bacteria_against_virus"]["auc"][0] == pytest.approx(area)
        called = np.where(probability(table["kind_logit"].to_numpy()) >= cut, "bacteria", "virus")
        called[(table["probability"] < three.operating_point.threshold).to_numpy()] = "normal"
        names = ["normal", "bacteria", "virus"]
        expected = sk.confusion_matrix(table["group"], called, labels=names)
        assert stated["confusion"] == expected.tolist()
        tn, fp, fn, tp = three.metrics[split]["confusion"]
        assert (stated["confusion"][0][0], expected[1:, 0].sum()) == (tn, fn)
        assert (expected[0, 1:].sum(), expected[1:, 1:].sum()) == (fp, tp)
        for kind in names[1:]:
            hit = (table["probability"] >= three.operating_point.threshold)[table["group"] == kind]
            assert stated["sensitivity"][kind][0] == pytest.approx(hit.mean())


def test_test_films_do_not_choose_the_kinds_threshold(three, official):
    from pneumo_core.publishing import split_metrics

    chances = {s: three.scores(s)["probability"].to_numpy() for s in ("val", "test")}
    kinds = {s: three.scores(s)["kind_logit"].to_numpy() for s in chances}
    one = split_metrics(official, chances, 0.5, kinds)
    other = split_metrics(official, chances, 0.5, {**kinds, "test": -kinds["test"]})
    assert other["val"] == one["val"]
    before, after = (each["test"]["kinds"]["bacteria_against_virus"] for each in (one, other))
    assert after["threshold"] == before["threshold"]
    assert after["auc"][0] == pytest.approx(1 - before["auc"][0])


def test_a_run_of_one_output_states_what_it_finds(tiny_run):
    assert "kind_logit" not in tiny_run.scores("test")
    kinds = tiny_run.metrics["test"]["kinds"]
    table = tiny_run.scores("test")
    hits = table["probability"] >= tiny_run.operating_point.threshold
    assert {kind: estimate[0] for kind, estimate in kinds["sensitivity"].items()} == pytest.approx(
        {kind: hits[table["group"] == kind].mean() for kind in ("bacteria", "virus")}
    )
    assert set(kinds) == {"sensitivity"}


def test_it_is_reproduced_and_told(place, capsys, three):
    assert place.exists()
    assert main(["evaluate"]) == 0
    out = capsys.readouterr().out
    assert "three: reproduced" in out
    apart = three.metrics["test"]["kinds"]["bacteria_against_virus"]
    assert f"score at least {apart['threshold']:.3f}: AUC {apart['auc'][0]:.3f} (" in out
    assert "true / called  normal  bacteria  virus\n" in out


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda kinds: kinds["confusion"][2].__setitem__(1, 99), "test.kinds.confusion.2.1"),
        (
            lambda kinds: kinds["bacteria_against_virus"]["auc"].__setitem__(0, 0.123),
            "test.kinds.bacteria_against_virus.auc.0",
        ),
        (
            lambda kinds: kinds["sensitivity"]["virus"].__setitem__(1, -1),
            "test.kinds.sensitivity.virus.1",
        ),
        (lambda kinds: kinds.pop("confusion"), "test.kinds.confusion.0.0"),
    ],
)
def test_a_changed_figure_is_named(place, capsys, change, named):
    _edit(place, lambda content: change(content["metrics"]["test"]["kinds"]))
    assert main(["evaluate"]) == 1
    assert f"\n{named}: run.json says" in f"\n{capsys.readouterr().out}"


def test_changed_log_odds_are_named(place, capsys):
    table = pd.read_csv(place / "scores.csv", keep_default_na=False)
    table.loc[table.index[-1], "kind_logit"] += 0.01
    table.to_csv(place / "scores.csv", index=False)
    assert main(["evaluate"]) == 1
    assert "the scores of test differ by up to 0.01" in capsys.readouterr().out


def test_a_run_from_before_kinds_were_stated_is_read_and_reproduced(place, capsys):
    _edit(place, lambda content: [content["metrics"][s].pop("kinds") for s in ("val", "test")])
    table = pd.read_csv(place / "scores.csv", keep_default_na=False)
    table.drop(columns="kind_logit").to_csv(place / "scores.csv", index=False)
    assert isinstance(list_runs(place.parent)[0], Run)
    assert "kind_logit" not in read_run(place).scores("test")
    assert main(["evaluate"]) == 0
    assert "Sensitivity for films of virus: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [None, [], {"sensitivity": None}, {"sensitivity": {}, "confusion": [[1, 2], [3, 4]]}]
)
def test_kinds_that_make_no_sense_are_damage(place, wrong):
    _edit(place, lambda content: content["metrics"]["test"].update(kinds=wrong))
    (found_run,) = list_runs(place.parent)
    assert "damaged at metrics.test.kinds" in found_run.reason


# The recipe


def test_the_recipe_puts_kermany_beside_it():
    recipe = load_recipe("three-kinds")
    assert (recipe.data, recipe.model.outputs, recipe.split) == ("chest_xray", 3, "patient")
    published = recipe.published["bacteria_against_virus"]
    # No mixture of the two shares over 242 and 148 films is that accuracy; the note says so.
    sensitivity, specificity = published["sensitivity"], published["specificity"]
    mixtures = [(sensitivity * n + specificity * (390 - n)) / 390 for n in (242, 148)]
    assert max(mixtures) < published["accuracy"] - 0.005
    assert "no counts give this accuracy" in published["note"]
