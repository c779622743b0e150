"""By group, two models and what can be taken away, on the run with made-up scores."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pneumo_core.confusion import confusion_at
from pneumo_core.intervals import compare_auc, mcnemar
from pneumo_core.operating_point import OperatingPoint, SensitivityAtLeast, ask
from pneumo_core.operating_point_cli import parse_rule
from pneumo_core.rules import RULES, rule_from_json
from pneumo_core.runs import RUN_FILE, SCORES_FILE, Run, read_run
from tests.pages.conftest import words_of
from tests.pages.threshold.conftest import Open, ask_page, open_tab, release
from ui.threshold_data import of_run
from ui.threshold_show import with_interval
from ui.threshold_take import rule_text, summary
from ui.words import threshold as words


def test_kinds_of_pneumonia_have_rows_with_what_is_meaningful(
    open_lab: Open, made_run: Run
) -> None:
    app = open_tab(release(open_lab(), 0.3), "groups")
    val = made_run.scores("val")
    first, second = (table.value for table in app.table)
    rows = first.set_index("At 0.300")
    virus = val[val["group"] == "virus"]
    found = confusion_at(virus["label"], virus["probability"], 0.3).estimates()["sensitivity"]
    assert rows.loc["viral", "Sensitivity"] == with_interval("sensitivity", found)
    assert rows.loc["viral", "Specificity"] == "–"
    assert rows.loc["normal", "Sensitivity"] == "–"
    assert rows.loc["normal", "Normal"] == "20"
    own = ask(virus["label"], virus["probability"], SensitivityAtLeast(0.97), "val").point
    there = second.set_index("Chosen on").loc["viral"]
    assert there["Threshold"] == f"**{own.threshold:.3f}**"
    normal = val[val["label"] == 0]["probability"]
    share = 100 * (normal < own.threshold).mean()
    assert there["Specificity"] == f"{share:.1f} % of all normals"
    assert second["Chosen on"][0] == "all images"


@pytest.fixture
def other_run(made_run: Run) -> Run:
    """Another run that has scored the same images, in another order, and not as well."""
    folder = made_run.path.parent / "other"
    shutil.copytree(made_run.path, folder)
    described = json.loads((folder / RUN_FILE).read_text())
    described["title"] = "Another CNN"
    described["operating_points"][0]["threshold"] = 0.6
    (folder / RUN_FILE).write_text(json.dumps(described))
    (folder / "model.safetensors").unlink()  # figures only, which must do
    scores = pd.read_csv(folder / SCORES_FILE, keep_default_na=False)
    scores["logit"] += np.random.default_rng(1).normal(0, 0.8, len(scores))
    scores.sample(frac=1, random_state=2).to_csv(folder / SCORES_FILE, index=False)
    return read_run(folder)


def test_two_models_at_their_own_thresholds(open_lab: Open, made_run: Run, other_run: Run) -> None:
    app = open_tab(release(open_lab(run="made"), 0.3), "models")
    mine = made_run.scores("val").set_index("id")
    its = other_run.scores("val").set_index("id").loc[mine.index]
    areas = compare_auc(mine["label"], mine["probability"], its["probability"])
    calls = mcnemar(mine["label"], mine["probability"] >= 0.3, its["probability"] >= 0.6)
    (sentence,) = [text.value for text in app.markdown if "has an AUC of" in text.value]
    assert "Tiny CNN has an AUC of" in sentence
    assert f"only Tiny CNN is right on {calls.only_a_right} images" in sentence
    table = app.table[0].value.set_index(words.RIVAL_FIGURE)
    assert list(table.columns[:2]) == ["Tiny CNN, 0.300", "Another CNN, 0.600"]
    assert table.loc["AUC", "Another CNN, 0.600"].startswith(f"{areas.b.value:.3f} (")
    difference = f"{100 * areas.difference.value:+.1f} ("
    assert table.loc["AUC", words.DIFFERENCE].startswith(difference)
    only = table.loc["Accuracy", words.ONLY_ONE]
    assert only == f"{calls.only_a_right} : {calls.only_b_right}"
    assert table.loc["Accuracy", "p"] == f"{calls.p_value:.3f}"


def test_a_single_model_says_how_to_get_another(open_lab: Open) -> None:
    app = open_tab(open_lab(), "models")
    assert "python train_cli.py" in app.info[0].value


def test_a_model_of_other_images_is_not_compared(open_lab: Open, other_run: Run) -> None:
    path = other_run.path / SCORES_FILE
    scores = pd.read_csv(path, keep_default_na=False)
    scores.loc[scores.index[0], "id"] = "unknown"
    scores[scores["split"] == "test"].to_csv(path, index=False)
    app = open_tab(open_lab(run="made"), "models")
    assert "No other model here" in app.info[0].value


@pytest.mark.parametrize("prevalence", [None, 0.08])
@pytest.mark.parametrize("key", list(RULES))
def test_the_command_spells_the_rule_as_it_is_read(key: str, prevalence: float | None) -> None:
    numbers = {
        "cost": {"misses": 10},
        "fbeta": {"beta": 0.5},
        "alerts": {"per_100": 30},
        "youden": {},
    }.get(key, {"share": 0.975})
    if key in ("ppv", "npv", "cost"):
        numbers["prevalence"] = prevalence
    rule = rule_from_json({"rule": key, **numbers})
    assert parse_rule(rule_text(rule)) == rule


def test_what_a_rule_chose_can_be_saved_on_the_command_line(open_lab: Open) -> None:
    app = open_tab(open_lab(), "take")
    assert words.ASK_TO_SAVE in words_of(app)
    open_tab(app, "ask")
    ask_page(app, "sensitivity", sensitivity=90.0)
    open_tab(app, "take")
    assert app.code[1].value == (
        "python -m pneumo_core operating-point made --rule 'sensitivity>=0.9' --split val --save"
    )


def test_the_summary_holds_the_figures_of_both_sets(made_run: Run) -> None:
    point = OperatingPoint("tried", 0.3, "set by hand", "", "2026-11-21")
    text = summary(of_run(made_run), point, 0.08)
    for split in ("val", "test"):
        scores = made_run.scores(split)
        found = confusion_at(scores["label"], scores["probability"], 0.3)
        assert f"{found.tp} found" in text
        assert f"{found.fp} false alarms" in text
    assert "Where 8 % of the patients have pneumonia" in text
    assert made_run.weights_sha256 in text


def test_charts_are_saved_in_the_format_that_was_chosen(open_lab: Open) -> None:
    app = open_tab(open_lab(), "calibration")

    def camera() -> dict:
        (chart,) = app.get("plotly_chart")
        return json.loads(chart.proto.config)["toImageButtonOptions"]

    assert (camera()["format"], camera()["filename"]) == ("svg", "reliability")
    app.session_state["threshold_format"] = "png"
    app.run()
    assert camera()["format"] == "png"
