"""Ensembles: the mean of their members, joined from runs that belong together."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from pneumo_core.architectures import ModelSpec, create_model, members_of
from pneumo_core.datasets import Dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.ensemble import join
from pneumo_core.errors import RecipeError, RunError, TrainingError
from pneumo_core.explain import explain
from pneumo_core.publishing import publish
from pneumo_core.recipe import Recipe
from pneumo_core.runs import RUN_FILE, Run, list_runs, read_run
from pneumo_core.seeds import Spread, spread
from pneumo_core.stopped_runs import held
from pneumo_core.training import train

SPEC = ModelSpec("cnn", channels=1, stem="small", members=3)


@pytest.fixture(scope="module")
def second(tiny_run: Run, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny recipe from another seed."""
    folder = tmp_path_factory.mktemp("second")
    recipe = Recipe.from_json(tiny_run.recipe)
    trained = train(recipe, tiny_dataset, seed=2, checkpoint=folder / "x.pt")
    return publish(folder / "tiny-2", recipe, tiny_dataset, trained)


@pytest.fixture(scope="module")
def joined(tiny_run: Run, second: Run, tiny_dataset: Dataset, tmp_path_factory) -> Run:
    return join([tiny_run, second], tmp_path_factory.mktemp("joined") / "both", tiny_dataset)


def test_the_outputs_are_the_mean_of_the_members():
    torch.manual_seed(0)
    model = create_model(SPEC).eval()
    images = torch.rand(4, 1, 32, 32)
    with torch.no_grad():
        each = [member(images) for member in members_of(model)]
        assert len(each) == 3
        assert not torch.allclose(each[0], each[1], atol=1e-3)
        assert torch.allclose(model(images), (each[0] + each[1] + each[2]) / 3, atol=1e-6)


def test_a_single_network_is_its_own_only_member():
    model = create_model(replace(SPEC, members=1))
    assert members_of(model) == [model]


@pytest.mark.parametrize("members", [0, -1, 1.5, True, "two"])
def test_a_number_of_members_that_makes_no_sense_is_refused(members):
    with pytest.raises(RecipeError, match="members must be a whole number of at least 1"):
        create_model(replace(SPEC, members=members))


@pytest.mark.parametrize("method", ["gradcam", "layercam", "eigencam"])
def test_the_map_is_the_mean_of_the_members_maps(method):
    torch.manual_seed(0)
    model = create_model(SPEC).eval()
    images = torch.rand(3, 1, 32, 32)
    single = replace(SPEC, members=1)
    parts = [explain(member, single, images, method=method) for member in members_of(model)]
    for position, result in enumerate(explain(model, SPEC, images, method=method)):
        expected = np.mean([part[position].evidence for part in parts], axis=0)
        assert np.allclose(result.evidence, expected, atol=1e-6)


def test_the_evidence_adds_up_to_the_mean_logit_less_the_mean_bias():
    torch.manual_seed(0)
    model = create_model(SPEC).eval()
    images = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        logits = model(images)[:, 0].numpy()
    biases = [float(member.classifier[-1].bias.detach()) for member in members_of(model)]
    results = explain(model, SPEC, images, layer="block4")
    assert np.allclose([r.evidence.sum() for r in results], logits - np.mean(biases), atol=1e-4)


def test_a_joined_run_scores_the_mean_of_its_members_scores(joined, tiny_run, second):
    mean = (tiny_run.scores("test")["logit"] + second.scores("test")["logit"]) / 2
    assert np.allclose(joined.scores("test")["logit"], mean, atol=1e-4)
    assert joined.scores("test")["id"].tolist() == tiny_run.scores("test")["id"].tolist()


def test_a_joined_run_says_what_it_is_made_of(joined, tiny_run, second):
    assert joined.title == "Tiny CNN, ensemble of 2"
    assert joined.model == replace(tiny_run.model, members=2)
    assert joined.training["parameters"] == 2 * tiny_run.training["parameters"]
    assert joined.training["cut_short"] is False
    members = joined.training["members"]
    assert [member["seed"] for member in members] == [1, 2]
    assert [member["weights_sha256"] for member in members] == [
        tiny_run.weights_sha256,
        second.weights_sha256,
    ]
    losses = [run.history()["val_loss"][2] for run in (tiny_run, second)]
    assert joined.history()["val_loss"][2] == pytest.approx(sum(losses) / 2, rel=1e-4)


def test_an_ensemble_with_a_member_that_was_ended_by_hand_says_so(
    tiny_run, second, tiny_dataset, tmp_path
):
    training = {**second.training, "cut_short": True, "saved_s": 3.0}
    both = join([tiny_run, replace(second, training=training)], tmp_path / "new", tiny_dataset)
    assert both.training["cut_short"] is True
    assert both.training["saved_s"] == tiny_run.training["saved_s"] + 3.0


def test_what_each_member_reaches_alone_is_kept(joined, tiny_run, second):
    for split in ("val", "test"):
        found = spread(joined, split)
        assert list(found) == ["auc", "sensitivity", "specificity", "accuracy"]
        for name, one in found.items():
            assert one.values == tuple(run.metrics[split][name][0] for run in (tiny_run, second))
    assert spread(tiny_run) == {}


def test_mean_and_deviation_by_hand():
    one = Spread((0.9, 0.8, 0.7))
    assert (one.mean, one.deviation) == pytest.approx((0.8, 0.1))


@pytest.mark.parametrize(
    "figures",
    [{}, {"test": 5}, {"test": {}}, {"test": {"auc": "high"}}, {"test": {"auc": None}}, [1]],
)
def test_members_without_figures_have_no_spread(joined, figures):
    first, second = joined.training["members"]
    members = [first, {**second, "figures": figures}]
    assert spread(replace(joined, training={**joined.training, "members": members})) == {}
    only = {**second, "figures": {"test": {"auc": 0.5, "accuracy": True}}}
    found = spread(replace(joined, training={**joined.training, "members": [first, only]}))
    assert found == {"auc": Spread((first["figures"]["test"]["auc"], 0.5))}


def test_a_joined_run_is_a_run_like_any_other(joined, tiny_dataset):
    assert [run.name for run in list_runs(joined.path.parent)] == ["both"]
    detector = PneumoniaDetector(joined)
    film = tiny_dataset.splits["test"].read(0)
    assert detector.predict(film).logit == pytest.approx(
        joined.scores("test")["logit"][0], abs=1e-4
    )
    assert detector.explain(film).map.shape == (32, 32)


def test_each_member_says_what_it_thinks(joined, tiny_run, second, tiny_dataset):
    film = tiny_dataset.splits["test"].read(3)
    logits = [run.scores("test")["logit"][3] for run in (tiny_run, second)]
    expected = [1 / (1 + math.exp(-logit / joined.temperature)) for logit in logits]
    assert abs(expected[0] - expected[1]) > 1e-3
    detector = PneumoniaDetector(joined)
    assert detector.member_probabilities(film) == pytest.approx(expected, abs=1e-4)
    assert PneumoniaDetector(tiny_run).member_probabilities(film) == ()


def test_runs_that_do_not_belong_together_are_refused(tiny_run, second, tiny_dataset, tmp_path):
    def refused(runs, words):
        with pytest.raises(RunError, match=words):
            join(runs, tmp_path / "new", tiny_dataset)
        assert not list(tmp_path.iterdir())

    refused([tiny_run], "at least two")
    refused([tiny_run, tiny_run], "the same seed")
    other = replace(second, recipe={**second.recipe, "batch_size": 16})
    refused([tiny_run, other], "not of one recipe")
    elsewhere = replace(second, data={**second.data, "fingerprint": "x"})
    refused([tiny_run, elsewhere], "trained on other data")
    refused([replace(tiny_run, model=SPEC), second], "an ensemble itself")
    scratch = replace(second, training={**second.training, "pretrained": "a file"})
    refused([tiny_run, scratch], "did not start from the same weights")


def test_members_must_have_been_validated_on_the_same_films(
    tiny_run, second, tiny_dataset, tmp_path
):
    val = tiny_dataset.splits["val"]
    learned = replace(val, ids=(tiny_dataset.splits["train"].ids[0], *val.ids[1:]))
    other = replace(tiny_dataset, splits={**tiny_dataset.splits, "val": learned})
    assert other.fingerprint == tiny_dataset.fingerprint
    with pytest.raises(RunError, match="on films that it learned from"):
        join([tiny_run, second], tmp_path / "new", other)
    assert not list(tmp_path.iterdir())


def test_two_processes_do_not_make_the_same_ensemble(tiny_run, second, tiny_dataset, tmp_path):
    with held(tmp_path / "new"), pytest.raises(TrainingError, match="Another process"):
        join([tiny_run, second], tmp_path / "new", tiny_dataset)


def test_a_damaged_history_of_a_member_is_a_sentence(tiny_run, second, tiny_dataset, tmp_path):
    folder = shutil.copytree(second.path, tmp_path / "other")
    whole = (folder / "history.csv").read_text(encoding="utf-8")
    for damaged, words in (
        ("epoch,loss\n1,0.5\n", "other: history.csv is missing or damaged"),
        (whole.splitlines()[0] + "\n", "history.csv holds no epoch"),
    ):
        (folder / "history.csv").write_text(damaged, encoding="utf-8")
        with pytest.raises(RunError, match=words):
            join([tiny_run, read_run(folder)], tmp_path / "new", tiny_dataset)
        assert not (tmp_path / "new").exists()


def test_runs_from_before_there_were_ensembles_are_read(tiny_run, tmp_path):
    folder = shutil.copytree(tiny_run.path, tmp_path / "old")
    content = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    del content["model"]["members"]
    (folder / RUN_FILE).write_text(json.dumps(content), encoding="utf-8")
    assert read_run(folder).model.members == 1
