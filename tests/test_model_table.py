"""Models side by side: only on the same films, with nothing about them hidden."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pneumo_core.calibration import probability
from pneumo_core.comparison import compare_models
from pneumo_core.errors import RunError
from pneumo_core.intervals import auc_delong
from pneumo_core.model_table import (
    Board,
    augmented_pairs,
    board,
    members,
    rows,
    same_recipe,
    training_history,
)
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run
from tests.model_runs import FILMS, THRESHOLD, made_scores, write_run

COSTLY = "a miss costs 10 false alarms"
PLAIN = {"name": "net-folder-plain", "augmentation": {}}
AUGMENTED = {"name": "net-folder-augmented", "augmentation": {"rotate": 15.0}}


@pytest.fixture(scope="module")
def folder(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good, a fair and a poor model on one set of films, and one on another."""
    place = tmp_path_factory.mktemp("models")
    good = made_scores(4.0, 1)
    write_run(place, tiny_run, "good", good.sample(frac=1, random_state=0), title="Good")
    write_run(place, tiny_run, "fair", made_scores(2.0, 2), title="Fair", weights=False)
    write_run(place, tiny_run, "poor", made_scores(0.5, 3), title="Poor")
    other = {"name": "pneumoniamnist", "title": "Other films"}
    write_run(place, tiny_run, "other", made_scores(3.0, 4, "other"), title="Other", data=other)
    return place


def runs(folder: Path, *names: str) -> list[Run]:
    from pneumo_core.runs import read_run

    return [read_run(folder / name) for name in names]


@pytest.fixture(scope="module")
def made(folder: Path) -> Board:
    return board(runs(folder, "fair", "good", "other", "poor"))


def test_models_meet_on_the_same_films_only(made):
    first, second = made.sets
    assert [row.name for row in first.rows] == ["good", "fair", "poor"], "the best first"
    assert [row.name for row in second.rows] == ["other"]
    assert (first.title, second.title) == ("Kermany chest X-rays", "Other films")
    assert made.of("poor") is first
    assert made.of("other") is second
    assert not made.unscored


def test_probabilities_are_of_the_same_films_whatever_their_order(made):
    expected = made_scores(4.0, 1).query("split == 'test'").sort_values("id")
    images = made.sets[0]
    assert images.labels.tolist() == expected["label"].tolist()
    assert images.patients.tolist() == expected["patient"].tolist()
    np.testing.assert_allclose(images.probabilities["good"], probability(expected["logit"]))
    counts = images.tables["good"].at(THRESHOLD)
    tn, fp, fn, tp = images.row("good").run.metrics["test"]["confusion"]
    assert (counts.tn, counts.fp, counts.fn, counts.tp) == (tn, fp, fn, tp)


def test_figures_at_another_operating_point_are_those_of_its_threshold(made):
    assert made.points == ("balanced", "sensitivity 95 %", "screening", COSTLY)
    images = made.sets[0]
    there = images.at("sensitivity 95 %")
    for before, row in zip(images.rows, there.rows, strict=True):
        named = {point.name: point for point in before.run.operating_points}
        assert row.point == named["sensitivity 95 %"]
        called = images.probabilities[row.name] >= row.threshold
        ill = images.labels == 1
        assert row.figures["sensitivity"].value == called[ill].mean()
        assert row.figures["specificity"].value == (~called[~ill]).mean()
        assert row.figures["accuracy"].value == (called == ill).mean()
        assert row.figures["auc"] == before.figures["auc"], "it has no threshold"
        assert row.figures["accuracy"].low < row.figures["accuracy"].value
    assert images.at("balanced").rows == images.rows
    assert board([]).points == ()


def test_an_operating_point_that_one_model_lacks_or_set_by_hand_is_not_offered(tiny_run, tmp_path):
    def write(name, points):
        given = [point.to_json() for point in points]
        return write_run(tmp_path, tiny_run, name, made_scores(2.0, 1), operating_points=given)

    low = OperatingPoint("low", 0.3, "for a test", "val")
    high = OperatingPoint("high", 0.7, "for a test", "val")
    by_hand = OperatingPoint("hand", 0.4, "set by hand", "")
    both = write("both", [low, high, by_hand, replace(low, threshold=0.2)])
    one = write("one", [low, by_hand])
    found = board([both, one])
    assert found.points == ("low",)
    assert [row.threshold for row in found.sets[0].at("low").rows] == [0.3, 0.3]


def test_an_image_without_a_patient_stands_alone(tiny_run, tmp_path):
    scores = made_scores(2.0, 2)
    scores["patient"] = scores["patient"].where(scores["label"] == 1, "")
    (images,) = board([write_run(tmp_path, tiny_run, "bare", scores)]).sets
    normal = images.labels == 0
    assert all(name.startswith("film-test-0") for name in images.patients[normal])
    assert len(set(images.patients[~normal])) == FILMS / 2


def test_other_labels_are_another_set(folder, tiny_run, tmp_path):
    scores = made_scores(2.0, 2)
    last = scores.index[-1]
    scores.loc[last, "label"] = 0
    relabelled = write_run(tmp_path, tiny_run, "relabelled", scores)
    assert len(board([*runs(folder, "good"), relabelled]).sets) == 2


def test_a_set_is_called_what_most_of_its_models_call_it(tiny_run, tmp_path):
    def write(name, title):
        data = {"title": title}
        return write_run(tmp_path, tiny_run, name, made_scores(2.0, 1), data=data)

    films, variant = write("a", "Films (28 px, a variant)"), write("b", "Films (28 px)")
    assert board([films, variant]).sets[0].title == "Films (28 px)"
    more = write("c", "Films (28 px, a variant)")
    assert board([films, variant, more]).sets[0].title == "Films (28 px, a variant)"


def test_scores_that_cannot_be_read_are_said_not_to_be(tiny_run, tmp_path):
    good = write_run(tmp_path, tiny_run, "sound", made_scores(2.0, 1))
    lost = write_run(tmp_path, tiny_run, "lost", made_scores(2.0, 1))
    (lost.path / "scores.csv").write_text("nothing")
    twice = made_scores(2.0, 1)
    twice.loc[twice.index[-1], "id"] = twice["id"].iloc[-2]
    twin = write_run(tmp_path, tiny_run, "twin", twice)
    found = board([good, lost, twin])
    assert [row.name for row in found.sets[0].rows] == ["sound"]
    assert set(found.unscored) == {"lost", "twin"}
    assert "names an image twice" in found.unscored["twin"]
    with pytest.raises(RunError, match=r"scores\.csv is missing or damaged"):
        found.of("lost")
    assert board([]).sets == ()


def test_a_row_states_what_the_run_does(made):
    good, fair, _ = made.sets[0].rows
    assert good.figures["auc"].to_json() == good.run.metrics["test"]["auc"]
    assert good.threshold == THRESHOLD
    assert good.megabytes == (good.run.path / "model.safetensors").stat().st_size / 1e6
    assert fair.megabytes is None
    assert good.parameters == good.run.training["parameters"]
    assert good.milliseconds == good.run.training["ms_per_image"]
    assert good.threads == good.run.training["ms_threads"]


@pytest.mark.parametrize(
    ("origin", "wanted", "start"),
    [
        ("random", "none", "scratch"),
        ("random: there are no ImageNet weights", "imagenet-or-scratch", "instead"),
        ("resnet50.safetensors (SHA-256 12)", "imagenet-or-scratch", "imagenet"),
        ("torchvision resnet50 IMAGENET1K_V1", "imagenet", "imagenet"),
        ("own.safetensors", "none", "other"),
        (None, "imagenet", "unknown"),
        (7, "imagenet", "unknown"),
    ],
)
def test_how_it_started_is_never_hidden(tiny_run, tmp_path, origin, wanted, start):
    run = write_run(
        tmp_path,
        tiny_run,
        "run",
        made_scores(2.0, 1),
        recipe={"pretrained": wanted},
        training={"pretrained": origin},
    )
    assert rows([run])[0].start == start


@pytest.mark.parametrize(("value", "read"), [(41.5, 41.5), (3, 3.0), (0, None), (-1.5, None)])
def test_milliseconds_are_read_where_they_were_measured(tiny_run, tmp_path, value, read):
    training = {"ms_per_image": value}
    run = write_run(tmp_path, tiny_run, "run", made_scores(2.0, 1), training=training)
    assert rows([run])[0].milliseconds == read


def test_a_title_that_two_share_gets_the_name_of_the_folder(tiny_run, tmp_path):
    scores = made_scores(2.0, 1)
    made = [write_run(tmp_path, tiny_run, name, scores, title="Net") for name in ("a", "b")]
    made.append(write_run(tmp_path, tiny_run, "c", scores, title="Lone"))
    assert [row.label for row in rows(made)] == ["Net (a)", "Net (b)", "Lone"]


def test_the_gain_is_ours_less_what_was_published(tiny_run, tmp_path):
    recipe = {"published": {"sensitivity": 0.5}}
    run = write_run(tmp_path, tiny_run, "run", made_scores(2.0, 1), recipe=recipe)
    (row,) = rows([run])
    ours = run.metrics["test"]["sensitivity"][0]
    assert row.gain("sensitivity") == pytest.approx(ours - 0.5)
    assert row.gain("auc") is None


def test_two_models_are_put_to_the_test_on_their_films(made):
    images = made.sets[0]
    good, poor = images.row("good"), images.row("poor")
    test = {
        name: made_scores(*which).query("split == 'test'").sort_values("id")
        for name, which in {"good": (4.0, 1), "poor": (0.5, 3)}.items()
    }
    expected = compare_models(
        test["good"]["label"],
        probability(test["good"]["logit"]),
        probability(test["poor"]["logit"]),
        THRESHOLD,
        THRESHOLD,
        ("Good", "Poor"),
        test["good"]["patient"],
    )
    assert images.compare(good, poor) == expected
    assert expected.auc.p_value < 0.001
    differences = images.differences(good, poor)
    assert differences["auc"] == expected.auc.difference
    for name in ("sensitivity", "specificity", "accuracy"):
        ours, theirs = good.figures[name].value, poor.figures[name].value
        assert differences[name].value == pytest.approx(ours - theirs)
        assert differences[name].low < differences[name].value < differences[name].high
    mcnemar = expected.pneumonia
    gained = (mcnemar.only_a_right - mcnemar.only_b_right) / FILMS
    assert differences["sensitivity"].value == pytest.approx(gained)


def test_augmented_and_plain_of_one_seed_are_a_pair(tiny_run, tmp_path):
    def write(name, recipe, seed, **more):
        scores = made_scores(2.0, len(name), **more)
        return write_run(tmp_path, tiny_run, name, scores, recipe=recipe, training={"seed": seed})

    equalised = {**tiny_run.recipe["preprocess"], "equalise": "histogram"}
    made = [
        write("plain-1", PLAIN, 1),
        write("augmented-1", {**AUGMENTED, "preprocess": equalised}, 1),
        write("plain-2", PLAIN, 2),
        write("augmented-3", AUGMENTED, 3),
        write("alone", {"name": "augmented"}, 1),
    ]
    (images,) = board(made).sets
    (pair,) = augmented_pairs(images)
    assert (pair.stem, pair.augmented.name, pair.plain.name) == (
        "net-folder",
        "augmented-1",
        "plain-1",
    )
    assert pair.also == ("preprocess.equalise",)


def test_an_ensemble_is_no_pair_of_a_single_network(tiny_run, tmp_path):
    both = [{"seed": seed, "best_epoch": 1} for seed in (1, 2)]

    def write(name, recipe, separation, **training):
        scores = made_scores(separation, 1)
        training = {"seed": 1, **training}
        return write_run(tmp_path, tiny_run, name, scores, recipe=recipe, training=training)

    made = [
        write("plain", PLAIN, 2.0),
        write("augmented", AUGMENTED, 2.0),
        write("augmented-better-on-test", AUGMENTED, 3.0),
        write("augmented-both", AUGMENTED, 4.0, members=both),
    ]
    (pair,) = augmented_pairs(board(made).sets[0])
    assert (pair.augmented.name, pair.plain.name) == ("augmented", "plain")
    made.append(write("plain-both", PLAIN, 2.0, members=both[::-1]))
    pairs = augmented_pairs(board(made).sets[0])
    assert [(pair.augmented.name, pair.plain.name) for pair in pairs] == [
        ("augmented", "plain"),
        ("augmented-both", "plain-both"),
    ]


def test_seeds_of_one_recipe_belong_together(tiny_run, tmp_path):
    def write(name, seed, **changes):
        scores = made_scores(2.0, seed)
        return write_run(tmp_path, tiny_run, name, scores, training={"seed": seed}, **changes)

    made = [
        write("one", 1),
        write("two", 2),
        write("more", 3, recipe={"batch_size": 16}),
        write("data", 4, data={"fingerprint": "md5:other"}),
    ]
    ((first, second),) = same_recipe(board(made).sets[0])
    assert {first.name, second.name} == {"one", "two"}
    repeated = [*made, write("again", 1)]
    assert same_recipe(board(repeated).sets[0]) == (), "the same seed twice is no spread"


def test_the_networks_of_an_ensemble(tiny_run, tmp_path):
    each = [{"seed": 1, "best_epoch": 4}, {"seed": 2, "best_epoch": 6}]
    run = write_run(tmp_path, tiny_run, "ensemble", made_scores(2.0, 1), training={"members": each})
    assert members(run) == tuple(each)
    assert members(tiny_run) == ()
    odd = write_run(
        tmp_path, tiny_run, "odd", made_scores(2.0, 1), training={"members": [1, {"seed": 2}]}
    )
    assert members(odd) == ()


def test_the_history_has_what_curves_are_drawn_from(tiny_run, tmp_path):
    history = training_history(tiny_run)
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["val_auc"].tolist() == tiny_run.history()["val_auc"].tolist()
    run = write_run(tmp_path, tiny_run, "run", made_scores(2.0, 1))
    for content in ("epoch\n1\n", "", json.dumps({})):
        (run.path / "history.csv").write_text(content)
        with pytest.raises(RunError, match=r"history\.csv is missing or damaged"):
            training_history(run)
    words = tiny_run.history().astype(object)
    words.loc[0, "val_auc"] = "good"
    words.to_csv(run.path / "history.csv", index=False)
    with pytest.raises(RunError, match=r"history\.csv is missing or damaged"):
        training_history(run)


def test_areas_of_the_made_up_models_are_what_the_page_will_show(made):
    images = made.sets[0]
    for row in images.rows:
        area = auc_delong(images.labels, images.probabilities[row.name], images.patients)
        assert row.figures["auc"].to_json() == pytest.approx(area.to_json())
