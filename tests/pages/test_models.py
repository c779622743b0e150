"""The Models page: what it says of each run, of two of them, and which it puts in use."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.calibration import expected_calibration_error, probability
from pneumo_core.confusion import confusion_at
from pneumo_core.intervals import AucComparison, Estimate
from pneumo_core.metrics import class_report
from pneumo_core.model_table import board
from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run, read_run
from tests.model_runs import made_scores, write_run
from tests.pages.conftest import OpenPage, words_of
from ui.models_compare import auc_sentence
from ui.models_recipe import augmentation_words, input_words, loss_words, phase_words, why_kept
from ui.words import models as words

PUBLISHED = {"auc": 0.9, "confusion": [30, 10, 4, 36], "note": "its best epoch was chosen on test"}


@pytest.fixture
def several(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four sound models, one of them on other films, one as figures only, and a damaged one."""
    plain = {"name": "net-plain", "augmentation": {}}
    augmented = {
        "name": "net-augmented",
        "augmentation": {"rotate": 15.0},
        "published": PUBLISHED,
        "pretrained": "imagenet-or-scratch",
    }
    folder = tmp_path / "weights"
    good, fair = made_scores(4.0, 1), made_scores(2.0, 2)
    write_run(folder, tiny_app, "good", good, title="Good net", recipe=augmented)
    write_run(folder, tiny_app, "fair", fair, title="Fair *net*", recipe=plain)
    write_run(folder, tiny_app, "bare", made_scores(1.0, 3), title="Bare net", weights=False)
    other = {"title": "Other films"}
    write_run(folder, tiny_app, "other", made_scores(3.0, 4, "o"), title="Other net", data=other)
    shutil.copytree(folder / "good", folder / "torn")
    (folder / "torn" / "run.json").write_text("{}")
    (folder / "DEFAULT").write_text("good\n")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def page(several: Path, open_page: OpenPage) -> AppTest:
    """The page on those models."""
    del several
    return open_page("models")


Tab = Callable[[str], AppTest]


@pytest.fixture
def tab(page: AppTest) -> Tab:
    """Open one of the tabs."""

    def open_it(name: str) -> AppTest:
        page.session_state["models_tab"] = words.TABS[name]
        page.run()
        assert not page.exception
        return page

    return open_it


def look_at(page: AppTest, name: str) -> AppTest:
    """Choose the model to look at."""
    page.selectbox(key="models_one_good").set_value(name).run()
    assert not page.exception
    return page


def test_models_stand_with_those_on_the_same_films(page: AppTest) -> None:
    assert [header.value for header in page.header] == [
        "Kermany chest X\\-rays",
        "Other films",
        words.CLOSELY,
    ]
    first, second = (table.value for table in page.table[:2])
    assert [cell.splitlines()[0].strip() for cell in first[words.MODEL]] == [
        "**Good net**",
        "**Fair \\*net\\***",
        "**Bare net**",
    ]
    assert len(second) == 1
    assert "so no test runs across them" in words_of(page)


def test_a_row_has_our_figure_its_interval_and_the_published_one(
    page: AppTest, several: Path
) -> None:
    good = page.table[0].value.iloc[0]
    metrics = read_run(several / "good").metrics
    test, validation = metrics["test"], metrics["val"]["auc"][0]
    value, low, high = test["auc"]
    gain = 100 * (value - 0.9)
    assert good["AUC"] == (
        f"**{value:.3f}** ({low:.3f} to {high:.3f})  \non validation {validation:.3f}  \n"
        f"published 0.900 ({gain:+.1f})"
    )
    value, low, high = (100 * part for part in test["sensitivity"])
    assert good["Sensitivity"].startswith(f"**{value:.1f} %** ({low:.1f} to {high:.1f})")
    assert f"published 90.0 % ({value - 90:+.1f})".replace("-", "−") in good["Sensitivity"]
    assert "published 75.0 %" in good["Specificity"], "from the published matrix"
    assert "published" not in page.table[0].value.iloc[1]["AUC"]


def test_figures_follow_the_operating_point(page: AppTest, several: Path) -> None:
    page.segmented_control(key="models_at").set_value("sensitivity 95 %").run()
    assert not page.exception
    run = read_run(several / "good")
    point = next(each for each in run.operating_points if each.name == "sensitivity 95 %")
    scores = run.scores("test")
    counts = confusion_at(scores["label"], scores["probability"], point.threshold)
    good = page.table[0].value.iloc[0]
    assert good["Sensitivity"].startswith(f"**{100 * counts.sensitivity:.1f} %**")
    assert good["Accuracy"].startswith(f"**{100 * counts.accuracy:.1f} %**")
    assert words.THRESHOLD.format(threshold=threshold_words(point.threshold)) in good[words.MODEL]


def test_how_a_model_started_and_what_is_odd_about_it_is_said(page: AppTest) -> None:
    good, _, bare = page.table[0].value[words.MODEL]
    assert "from scratch, for want of ImageNet weights" in good
    assert "**in use**" in good
    assert "in use" not in bare
    notes = words_of(page)
    assert "**Good net**, as published: its best epoch was chosen on test." in notes
    assert "published sensitivity, specificity and accuracy worked out from the" in notes
    assert "1.2 M weights, figures only" in bare
    assert "1.2 M weights, 2.4 MB" in good
    assert " ms a film on " in good


def test_what_the_networks_of_an_ensemble_reach_alone_is_said(
    several: Path, open_page: OpenPage
) -> None:
    path = several / "fair" / "run.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["training"]["members"] = [
        {"seed": seed, "best_epoch": 1, "figures": {"test": {"auc": auc, "accuracy": 0.75}}}
        for seed, auc in ((1, 0.9), (2, 0.8), (3, 0.7))
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    page = open_page("models")
    cells = page.table[0].value.set_index(words.MODEL)["AUC"]
    stated = {name.splitlines()[0].strip(): cell for name, cell in cells.items()}
    assert stated["**Fair \\*net\\***"].endswith("  \neach alone 0.8000 ± 0.1000")
    assert sum("alone" in cell for cell in cells) == 1
    assert words.ALONE_NOTE in words_of(page)


def test_a_damaged_run_is_listed_with_its_reason(page: AppTest) -> None:
    (listed,) = [one for one in page.expander if one.label == words.UNUSABLE]
    assert "torn" in listed.text[0].value


def test_a_run_without_scores_is_listed_and_does_not_take_the_page_along(
    several: Path, open_page: OpenPage
) -> None:
    (several / "good" / "scores.csv").write_text("nothing")
    page = open_page("models")
    (listed,) = [one for one in page.expander if one.label == words.UNUSABLE]
    assert [text.value.split(":")[0] for text in listed.text] == ["torn", "good"]
    assert len(page.table[0].value) == 2
    assert "scores.csv is missing or damaged" in page.error[0].value, "of the model in use"


def test_the_button_puts_a_model_in_use(page: AppTest) -> None:
    assert page.button(key="models_use").disabled, "it is in use already"
    look_at(page, "fair")
    page.button(key="models_use").click().run()
    assert page.query_params["run"] == "fair"
    assert page.sidebar.selectbox[0].value == "fair"
    assert "**in use**" in page.table[0].value[words.MODEL][1]
    assert page.selectbox(key="models_one_fair").value == "fair"
    assert "Fair" in page.toast[0].value
    page.switch_page("pages/overview.py").run()
    assert "**Fair *net***" in words_of(page)


def test_a_model_of_figures_only_cannot_be_picked(page: AppTest) -> None:
    look_at(page, "bare")
    assert page.button(key="models_use").disabled
    assert words.CANNOT_USE in words_of(page)


def test_the_sidebar_chooses_what_is_looked_at(page: AppTest) -> None:
    page.sidebar.selectbox[0].set_value("other").run()
    assert page.selectbox(key="models_one_other").value == "other"
    assert page.multiselect[0].options == ["Other net"]


def test_curves_are_those_of_the_same_films(tab: Tab) -> None:
    page = tab("curves")
    chosen = page.multiselect[0]
    assert chosen.options == ["Good net", "Fair *net*", "Bare net"]
    assert chosen.value == ["good", "fair", "bare"]
    chosen.set_value([]).run()
    assert words.NO_CURVES in words_of(page)


def test_two_models_are_tested_in_words(tab: Tab, several: Path) -> None:
    page = tab("pair")
    assert page.selectbox(key="models_second_good").options == ["Fair *net*", "Bare net"]
    images = board([read_run(several / name) for name in ("good", "bare")]).sets[0]
    page.selectbox(key="models_second_good").set_value("bare").run()
    good, bare = images.rows
    result = images.compare(good, bare)
    more, less = (f"{row.figures['auc'].value:.3f}" for row in (good, bare))
    said = words_of(page)
    assert f"**Good net ranks the films better: AUC {more} against {less}" in said
    assert "fewer than 1 of 1000 test sets (p <\u202f0.001)" in said
    assert result.auc.p_value < 0.001
    missed = page.table[2].value.iloc[0]
    assert missed["only Good net"] == str(result.pneumonia.only_b_right)
    assert missed["only Bare net"] == str(result.pneumonia.only_a_right)
    assert missed[words.BOTH] == str(result.pneumonia.both_wrong)
    assert missed[words.OF] == "40"
    assert list(page.table[2].value[words.OF]) == ["40", "40", "80"]


def test_a_model_alone_on_its_films_has_no_other_beside_it(page: AppTest, tab: Tab) -> None:
    look_at(page, "other")
    assert words.ONE_MODEL_ONLY in words_of(tab("pair"))


def test_augmented_against_plain(tab: Tab, several: Path) -> None:
    page = tab("augmented")
    assert page.subheader[0].value == "net"
    images = board([read_run(several / name) for name in ("good", "fair")]).sets[0]
    differences = images.differences(*images.rows)
    table = page.table[2].value.set_index("Figure")
    value, low, high = (100 * part for part in differences["specificity"].to_json())
    written = f"{value:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−")
    assert table.loc["Specificity", "Difference"] == written
    assert set(table["Published"]) == {"–"}, "only one of the two has published figures"


def test_without_such_a_pair_a_sentence_says_which_recipes_are(
    tiny_app: Run, open_page: OpenPage
) -> None:
    page = open_page("models")
    page.session_state["models_tab"] = words.TABS["augmented"]
    page.run()
    assert "`cnn-folder-plain`" in words_of(page)
    assert tiny_app.title in page.table[0].value[words.MODEL][0]


def test_training_names_the_epoch_that_was_kept(tab: Tab, tiny_app: Run) -> None:
    best = tiny_app.training["best_epoch"]
    assert f"Epoch **{best}** of 6 was kept: the best loss on validation" in words_of(
        tab("training")
    )


def test_a_damaged_history_is_said_to_be(tab: Tab, several: Path) -> None:
    (several / "good" / "history.csv").write_text("epoch\n1\n")
    assert "history.csv is missing or damaged" in tab("training").error[0].value


def test_calibration_before_and_after_the_temperature(tab: Tab, several: Path) -> None:
    page = tab("calibration")
    rows = read_run(several / "good").scores("test")
    gap = expected_calibration_error(rows["label"], probability(rows["logit"]))
    table = page.table[2].value
    assert list(table.columns) == ["Test", "before", "calibrated"]
    assert table.iloc[0]["before"] == f"{gap:.3f}"


def test_the_report_by_class(tab: Tab, several: Path) -> None:
    page = tab("classes")
    rows = read_run(several / "good").scores("test")
    report = class_report(confusion_at(rows["label"], rows["probability"], 0.5))
    table = page.table[2].value.set_index(words.CLASS)
    assert list(table.index) == ["Normal", "Pneumonia", "Macro mean", "Weighted mean"]
    assert table.loc["Pneumonia", "Recall"] == f"{100 * report['Pneumonia']['recall']:.1f} %"
    assert table.loc["Normal", "False positives"] == (
        f"{100 * report['Normal']['false_positive_rate']:.1f} %"
    )
    assert table.loc["Macro mean", "F1"] == f"{report['macro']['f1']:.3f}"
    assert table.loc["Weighted mean", "Films"] == "80"
    said = words_of(page)
    assert "Published: 36 found, 4 missed, 10 false alarms, 30 cleared." in said
    viral = rows[rows["group"] == "virus"]
    share = 100 * (viral["probability"] >= 0.5).mean()
    assert f"of the viral films {share:.1f} %" in said


def test_a_model_of_three_answers_shows_how_it_tells_kinds_apart(tab: Tab, several: Path) -> None:
    path = several / "good" / "run.json"
    content = json.loads(path.read_text("utf-8"))
    figures = {"sensitivity": [0.8, 0.7, 0.9], "specificity": [0.6, 0.5, 0.7]}
    content["metrics"]["test"]["kinds"] = {
        "sensitivity": {"bacteria": [0.9, 0.8, 1.0], "virus": [0.7, 0.5, 0.9]},
        "bacteria_against_virus": {
            "threshold": 0.5,
            "counts": {"bacteria": 21, "virus": 19},
            "auc": [0.85, 0.75, 0.95],
            "accuracy": [0.7, 0.6, 0.8],
            **figures,
        },
        "confusion": [[38, 1, 1], [2, 17, 2], [3, 4, 12]],
    }
    content["recipe"]["published"]["bacteria_against_virus"] = {"auc": 0.94}
    path.write_text(json.dumps(content), "utf-8")
    page = tab("classes")
    assert words.APART_LINE.format(bacteria=21, virus=19) in words_of(page)
    apart, three = (table.value for table in page.table[-2:])
    assert list(apart[words.OURS]) == [
        "0.850 (0.750 to 0.950)",
        "80.0 % (70.0 to 90.0)",
        "60.0 % (50.0 to 70.0)",
        "70.0 % (60.0 to 80.0)",
    ]
    assert list(apart[words.THEIRS]) == ["0.940", "–", "–", "–"]
    assert three.to_numpy().tolist()[1] == ["Bacterial", 2, 17, 2]


def test_the_recipe_is_told_in_words(tab: Tab) -> None:
    facts = dict(tab("recipe").table[2].value.to_numpy())
    assert facts["Network"].endswith("1.2 M weights")
    assert facts["Augmentation"] == "rotated by up to 15°"
    assert facts["Initial weights"] == "from scratch, for want of ImageNet weights"
    assert facts["Published"] == (
        "AUC 0.900, Sensitivity 90.0 %, Specificity 75.0 %, Accuracy 82.5 %, F1 0.837, "
        "its best epoch was chosen on test"
    )
    assert facts["Run"].startswith("seed 1, ")


def test_a_recipe_of_another_version_is_said_to_be(tab: Tab, several: Path) -> None:
    described = (several / "good" / "run.json").read_text("utf-8")
    renamed = described.replace('"batch_size"', '"batches_of"')
    (several / "good" / "run.json").write_text(renamed, "utf-8")
    page = tab("recipe")
    assert "batches_of" in page.error[0].value
    assert page.table[0].value[words.MODEL][0].startswith("**Good net**")


def test_what_the_network_is_shown(tab: Tab) -> None:
    page = tab("preview")
    (sheet,) = page.get("image")
    first = sheet.proto.imgs[0].url
    page.button[-1].click().run()
    assert page.get("image")[0].proto.imgs[0].url != first, "other films"


def test_without_the_films_it_says_where_to_get_them(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pneumo_core.datasets.data_folders", lambda: [tmp_path / "nothing"])
    page = tab("preview")
    assert "are not on this machine" in page.info[0].value
    assert not page.get("image")


def auc(a: float, b: float, low: float, high: float, p: float | None) -> AucComparison:
    difference = Estimate(a - b, low, high)
    return AucComparison(Estimate(a, None, None), Estimate(b, None, None), difference, p)


def test_the_better_model_is_named_whichever_comes_first() -> None:
    said = auc_sentence(auc(0.90, 0.95, -0.08, -0.02, 0.004), "A", "B")
    assert "**B ranks the films better: AUC 0.950 against 0.900, 5.0 points more" in said
    assert "(2.0 to 8.0).**" in said
    assert "in 4 of 1000 test sets (p = 0.004)" in said


def test_no_clear_difference_is_called_that() -> None:
    said = auc_sentence(auc(0.95, 0.94, -0.01, 0.03, 0.31), "A", "B")
    assert "**No clear difference in AUC: A has 0.950, B 0.940, 1.0 points apart" in said
    assert "(−1.0 to 3.0).**" in said
    assert "in 31 of 100 test sets (p = 0.31)" in said


def test_where_no_test_is_possible_it_says_so() -> None:
    difference = AucComparison(
        Estimate(1.0, 0.9, 1.0), Estimate(0.9, 0.8, 1.0), Estimate(0.1, None, None), None
    )
    assert auc_sentence(difference, "A", "B") == (
        "**AUC 1.000 and 0.900; too few errors for a test.**"
    )


def test_recipes_in_words(tiny_run: Run) -> None:
    from pneumo_core.augment import Augmentation
    from pneumo_core.losses import Loss
    from pneumo_core.preprocess import Preprocess
    from pneumo_core.recipe import Phase, load_recipe

    assert augmentation_words(Augmentation()) == words.NO_AUGMENTATION
    assert augmentation_words(Augmentation(flip=0.5, gamma=0.35, blur=0.6)) == (
        "mirrored in 50 % of cases, gamma up to 1.4, blurred by up to 0.6 pixels"
    )
    assert set(vars(Augmentation())) <= words.AUGMENTATION.keys()
    assert input_words(Preprocess(299, 28, equalise="clahe")) == (
        "299 × 299 pixels, enlarged from 28, centre square, equalised by tiles (CLAHE)"
    )
    recipe = load_recipe("inceptionv3-two-phase")
    phase = Phase(
        10, 0.0005, keep_last=True, blend=0.7, augmentation=Augmentation(blur=2, spare=0.5)
    )
    assert phase_words(phase, recipe) == (
        "10 epochs at 0.0005, falling as a cosine; its last epoch is kept; of what it "
        "teaches, 70 % is kept; "
        "blurred by up to 2 pixels, without blur, and without noise, in 50 % of cases"
    )
    kept = [
        replace(tiny_run, recipe=each)
        for each in (
            {**tiny_run.recipe, "select": "val_f1"},
            {**tiny_run.recipe, "phases": [{**tiny_run.recipe["phases"][0], "keep_last": True}]},
            {"phases": None},
        )
    ]
    assert [why_kept(run) for run in kept] == [
        "the best F1 on validation",
        "the last, as the recipe has it",
        "by a recipe of another version of PneumoLens",
    ]
    assert loss_words(Loss("focal", balanced=True)) == (
        "focal, exponent 2, classes weighed by their rarity"
    )
