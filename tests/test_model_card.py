import re
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pneumo_core import NOTICE
from pneumo_core.__main__ import main
from pneumo_core.calibration import expected_calibration_error
from pneumo_core.corruptions import CORRUPTIONS, SEVERITIES
from pneumo_core.files import PROJECT_FOLDER, write_json
from pneumo_core.model_card import model_card
from pneumo_core.model_card_commands import commands
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.proportions import Estimate, wilson
from pneumo_core.recipe import FROM_SCRATCH, load_recipe
from pneumo_core.robustness import Figures, Robustness, Spoilt, write_robustness
from pneumo_core.runs import SAVED_POINTS_FILE, default_run, read_run
from pneumo_core.transfer import AtPoint, Transfer, write_transfer

COMMITTED = PROJECT_FOLDER / "MODEL_CARD.md"


def estimate(parts) -> str:
    return "{:.3f} ({:.3f}–{:.3f})".format(*parts)


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, list[str]]:
    """Cells of tables by the first cell of their lines."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in lines}


def test_the_committed_card_is_that_of_the_default_run():
    run = default_run(PROJECT_FOLDER / "weights")
    assert COMMITTED.read_text(encoding="utf-8") == model_card(run), (
        "run: python -m pneumo_core card"
    )


def test_what_the_committed_card_links_to_is_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", COMMITTED.read_text(encoding="utf-8"))
    assert "LICENSE" in links
    assert "docs/experiments.md" in links
    for link in links:
        assert (PROJECT_FOLDER / link).exists(), link


def test_it_starts_with_what_it_is_not(tiny_run):
    text = model_card(tiny_run)
    assert text.startswith(f"# Model card: Tiny CNN\n\n**{NOTICE}**\n")
    assert "Not for** diagnosis" in section(text, "Intended use")
    assert "a Small CNN of" in section(text, "What it is")


def test_figures_are_those_of_the_run(tiny_run):
    found = rows(section(model_card(tiny_run), "Figures"))
    for title, key in (("AUC", "auc"), ("Sensitivity", "sensitivity"), ("NPV", "npv")):
        assert found[title] == [estimate(tiny_run.metrics[s][key]) for s in ("val", "test")]
    assert found["Missed"] == [str(tiny_run.metrics[s]["confusion"][2]) for s in ("val", "test")]

    metrics = {**tiny_run.metrics, "test": {**tiny_run.metrics["test"], "auc": [0.5, 0.4, 0.6]}}
    changed = rows(section(model_card(replace(tiny_run, metrics=metrics)), "Figures"))
    assert changed["AUC"][1] == "0.500 (0.400–0.600)"


def test_an_undefined_figure_is_a_dash(tiny_run):
    metrics = {**tiny_run.metrics, "test": {**tiny_run.metrics["test"], "ppv": [None] * 3}}
    assert rows(section(model_card(replace(tiny_run, metrics=metrics)), "Figures"))["PPV"][1] == "–"


def test_every_operating_point_is_scored_on_both_splits(tiny_run):
    found = rows(section(model_card(tiny_run), "Other thresholds"))
    del found["Name"], found["---"]
    assert list(found) == [point.name for point in tiny_run.operating_points]
    default = found[tiny_run.operating_point.name][2:]
    assert default == [
        estimate(tiny_run.metrics[split][key])
        for split in ("val", "test")
        for key in ("sensitivity", "specificity")
    ]
    scores, point = tiny_run.scores("test"), tiny_run.operating_points[3]
    called = scores["probability"] >= point.threshold
    for column, ill in ((4, 1), (5, 0)):
        share = (called == ill)[scores["label"] == ill].mean()
        assert found[point.name][column].split(" ")[0] == f"{share:.3f}"


def test_points_that_a_user_saved_are_not_the_models(run_copy):
    before = model_card(run_copy)
    point = OperatingPoint("ward 7", 0.4, "by hand", "")
    write_json(run_copy.path / SAVED_POINTS_FILE, [point.to_json()])
    again = read_run(run_copy.path)
    assert again.operating_points[-1].name == "ward 7"
    assert model_card(again) == before


def test_data_is_counted_and_its_split_named(tiny_run):
    text = section(model_card(tiny_run), "Data")
    for split, name in (("train", "training"), ("val", "validation"), ("test", "test")):
        normal, ill = tiny_run.data["counts"][split].values()
        assert rows(text)[name] == [str(normal), str(ill), str(normal + ill)]
    assert "nobody is in both" in text
    assert "not known: each film" not in text
    official = replace(tiny_run, data={**tiny_run.data, "split_rule": "official"})
    assert "does not keep the patients" in " ".join(model_card(official).split())


def test_unknown_patients_are_counted(run_copy):
    path = run_copy.path / "scores.csv"
    text = path.read_text()
    assert text.count("IM-0900,") == 2  # two films of one test patient
    path.write_text(text.replace("IM-0900,", ","))
    said = " ".join(section(model_card(read_run(run_copy.path)), "Data").split())
    assert "The patients of 2 of 24 test films are not known" in said


def test_kinds_of_pneumonia(tiny_run):
    text = section(model_card(tiny_run), "By kind of pneumonia")
    scores = tiny_run.scores("test")
    for kind in ("bacteria", "virus"):
        of_kind = scores[scores["group"] == kind]
        found = (of_kind["probability"] >= tiny_run.operating_point.threshold).mean()
        assert f"| test | {kind} | {len(of_kind)} | {found:.3f} (" in text


def test_kinds_are_left_out_where_they_are_not_known(run_copy):
    path = run_copy.path / "scores.csv"
    path.write_text(re.sub(",(bacteria|virus),", ",,", path.read_text()))
    assert "kind of pneumonia" not in model_card(read_run(run_copy.path))


def test_calibration_before_and_after(tiny_run):
    text = section(model_card(tiny_run), "Calibration")
    scores = tiny_run.scores("test")
    raw = expected_calibration_error(scores["label"], 1 / (1 + np.exp(-scores["logit"])))
    test = tiny_run.metrics["test"]
    assert rows(text)["test"] == [f"{x:.3f}" for x in (raw, test["ece"], test["brier"])]
    assert f"{tiny_run.temperature:.3f}" in text
    highest = scores[scores["probability"] >= 0.9]
    observed = wilson(int(highest["label"].sum()), len(highest)).to_json()
    assert len(highest) > 0
    assert rows(text)["0.9–1.0"] == [
        str(len(highest)),
        f"{highest['probability'].mean():.3f}",
        estimate(observed),
    ]


def test_limits_say_what_does_not_hold_and_what_the_crop_gives_away(tiny_run):
    limits = " ".join(section(model_card(tiny_run), "Limits").split())
    assert "**unmeasured**" in limits
    assert "on validation" in limits
    assert "which hides the shape" in limits
    padded = replace(tiny_run, preprocess=replace(tiny_run.preprocess, crop="pad"))
    assert "gives the shape away" in section(model_card(padded), "Limits")


def test_films_that_were_spoilt_are_in_it_once_measured(run_copy):
    assert "Spoilt films" not in model_card(run_copy)
    clean = Figures(0.97, 0.9, 0.9, 0.9)
    spoilt = tuple(
        Spoilt(name, severity, replace(clean, accuracy=0.9 - 0.01 * severity))
        for name in CORRUPTIONS
        for severity in SEVERITIES
    )
    found = Robustness(
        weights_sha256=run_copy.weights_sha256,
        data="chest_xray",
        split="test",
        images=24,
        size=32,
        threshold=run_copy.operating_point.threshold,
        seed=0,
        date="2026-01-01",
        clean=clean,
        spoilt=spoilt,
    )
    write_robustness(run_copy, found)
    text = section(model_card(run_copy), "Spoilt films")
    assert rows(text)["JPEG"] == ["1.0", "2.0", "3.0", "4.0", "5.0", "3.0"]
    assert "on average 3.0 points less; at worst 0.850" in " ".join(text.split())
    assert len(rows(text)) == 2 + len(CORRUPTIONS)


def test_an_ensemble_names_its_members(tiny_run):
    members = [
        {"run": f"tiny-seed{seed}", "seed": seed, "best_epoch": kept}
        for seed, kept in ((4, 11), (7, 15))
    ]
    joined = replace(
        tiny_run,
        model=replace(tiny_run.model, members=2),
        training={**tiny_run.training, "members": members},
    )
    text = model_card(joined)
    assert "the mean of 2 Small CNN networks" in section(text, "What it is")
    training = rows(section(text, "Training"))
    assert training["Seed"] == ["4, 7"]
    assert training["Epoch kept"] == ["11, 15, by val_loss on validation"]
    cut = model_card(replace(joined, training={**joined.training, "cut_short": True}))
    (kept,) = rows(section(cut, "Training"))["Epoch kept"]
    assert kept == "11, 15, by val_loss on validation; not every network was trained to the end"
    for seed in (4, 7):
        assert f"--seed {seed}\n" in section(text, "How to get the same")
    assert "pneumo_core ensemble tiny-seed4 tiny-seed7 --out tiny\n" in text


def test_it_says_how_to_get_the_same_and_from_what(tiny_run):
    text = model_card(tiny_run)
    assert "python train_cli.py --recipe tiny --seed 1\n" in section(text, "How to get the same")
    assert "its fields are in `run.json`" in section(text, "How to get the same")
    identity = section(text, "Identity")
    assert tiny_run.weights_sha256 in identity
    assert tiny_run.data["fingerprint"] in identity
    assert tiny_run.training["versions"]["torch"] in identity
    assert "CC BY 4.0" in section(text, "Data and licence")


def test_the_command(tiny_run, tmp_path, capsys):
    target = tmp_path / "card.md"
    assert main(["card", str(tiny_run.path), "--out", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == model_card(tiny_run)
    assert main(["card", str(tiny_run.path), "--out", str(tmp_path / "absent" / "x.md")]) == 1
    assert "cannot be written (No such file" in capsys.readouterr().err
    assert main(["card", "nothing"]) == 1
    assert "There is no run 'nothing'" in capsys.readouterr().err
    assert [path.name for path in Path(tmp_path).iterdir()] == ["card.md"]


def test_what_only_some_phases_do_is_said(tiny_run):
    first = {**tiny_run.recipe["phases"][0], "freeze": ["block1"]}
    first |= {"augmentation": {"rotate": 7.0}, "loss": {"name": "focal"}}
    second = {**first, "augmentation": None, "loss": None, "keep_last": True, "blend": 0.7}
    recipe = {**tiny_run.recipe, "phases": [first, second]}
    found = rows(section(model_card(replace(tiny_run, recipe=recipe)), "Training"))
    (changes,), (losses,), (epochs,) = (found[key] for key in ("Augmentation", "Loss", "Epochs"))
    (kept,) = rows(section(model_card(replace(tiny_run, recipe=recipe)), "Training"))["Epoch kept"]
    assert kept == f"{tiny_run.training['best_epoch']}, the last of its phase"
    (before,) = rows(section(model_card(tiny_run), "Training"))["Augmentation"]
    assert changes == f"rotate 7; {before}"
    assert losses.startswith("focal, label smoothing 0; cross_entropy")
    assert epochs.count("block1 frozen") == 2
    assert epochs.endswith("block1 frozen, its last epoch is kept, 70 % of what it teaches")
    assert epochs.count("last epoch") == 1


def test_the_commands_say_what_was_changed_of_the_recipe_that_is_named(tiny_run):
    sets = ["phases.0.epochs=3", "loss.name=focal", "flip_average=false"]
    changed = load_recipe("resnet18", sets)
    text = commands(replace(tiny_run, recipe=changed.to_json()))
    line = next(line for line in text.split("\n") if "train_cli" in line)
    assert load_recipe(*_named(line)) == changed
    assert line.count("--set") == 3
    plain = commands(replace(tiny_run, recipe=load_recipe("resnet18").to_json()))
    assert "python train_cli.py --recipe resnet18 --seed 1\n" in plain


def test_the_commands_hold_for_titles_and_phases_of_any_kind(tiny_run):
    two = load_recipe("pneumolens-imagenet")
    for changed in (
        replace(load_recipe("resnet18"), title="Ours: tried"),
        replace(load_recipe("resnet18"), title="12"),
        replace(two, phases=two.phases[:1]),
        replace(two, phases=(*two.phases, replace(two.phases[1], lr=1e-5))),
    ):
        text = commands(replace(tiny_run, recipe=changed.to_json()))
        line = next(line for line in text.split("\n") if "train_cli" in line)
        assert load_recipe(*_named(line)) == changed
    scratch = replace(two, title=f"{two.title}{FROM_SCRATCH}")
    assert "--set" not in commands(replace(tiny_run, recipe=scratch.to_json()))


def test_what_was_measured_on_another_set_is_stated_and_on_its_own_is_not(run_copy):
    figure = Estimate(0.9, 0.8, 0.95)
    point = run_copy.operating_point
    at = AtPoint(point.name, point.threshold, Estimate(0.7, 0.6, 0.8), *[figure] * 5)
    saved = replace(at, name="ward 7")
    found = Transfer(
        run_copy.weights_sha256, "pneumoniamnist", "PneumoniaMNIST", "md5:x", "test", 50, 28,
        "2026-01-02", figure, 0.0625, (at, saved),
    )  # fmt: skip
    write_transfer(run_copy, found)
    write_transfer(run_copy, replace(found, data="chest_xray"))  # what it was trained on
    text = section(model_card(run_copy), "Films of another set")
    assert "The 50 test films of PneumoniaMNIST" in text
    assert "files of 28 pixels along the shorter side" in " ".join(text.split())
    assert "AUC 0.900 (0.800–0.950), calibration error 0.062." in " ".join(text.split())
    found_rows = rows(text)
    assert found_rows[point.name][1:] == ["0.700 (0.600–0.800)", *["0.900 (0.800–0.950)"] * 2]
    assert list(found_rows) == ["Operating point", "---", point.name]
    assert "## Films of another set" not in model_card(replace(run_copy, weights_sha256="ab"))


def test_the_spread_over_seeds_is_stated_where_it_is_known(tiny_run):
    assert "## Over seeds" not in model_card(tiny_run)
    members = [
        {"run": "x", "seed": seed, "best_epoch": 1, "figures": {"test": {"auc": auc}}}
        for seed, auc in ((4, 0.9), (7, 0.8), (9, 0.7))
    ]
    training = {**tiny_run.training, "members": members}
    found = rows(section(model_card(replace(tiny_run, training=training)), "Over seeds"))
    assert found["Test"] == ["seed 4", "seed 7", "seed 9", "mean ± SD"]
    assert found["AUC"] == ["0.9000", "0.8000", "0.7000", "0.8000 ± 0.1000"]
    assert list(found) == ["Test", "---", "AUC"]


def _named(line: str) -> tuple[str, list[str]]:
    """Recipe and overrides of a command."""
    parts = shlex.split(line)
    sets = [after for flag, after in pairwise(parts) if flag == "--set"]
    return parts[parts.index("--recipe") + 1], sets


def test_a_network_of_three_answers_is_said_to_have_three(tiny_run):
    spec = replace(tiny_run.model, outputs=3)
    assert "It knows two answers, normal and pneumonia." in section(model_card(tiny_run), "Limits")
    text = model_card(replace(tiny_run, model=spec))
    assert "It knows three answers" in section(text, "Limits")
