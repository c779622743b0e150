"""The Threshold page, on a run whose scores are made so that every figure is known."""

import numpy as np
import pandas as pd
import pytest

from pneumo_core.confusion import confusion_at, threshold_table
from pneumo_core.runs import SCORES_FILE, Run
from tests.pages.conftest import words_of
from tests.pages.threshold.conftest import LAB, POINT, Open, ask_page, open_tab, release, tried
from ui.words import threshold as words


def test_it_starts_from_the_point_in_use(open_lab: Open, made_run: Run) -> None:
    app = open_lab()
    assert tried(app) == made_run.operating_point
    assert "is in use on every page" in words_of(app)
    assert "at" not in app.query_params


def test_a_link_reopens_it_at_its_threshold_without_putting_it_in_use(
    open_lab: Open, made_run: Run
) -> None:
    app = open_lab(at="0.37", split="test")
    assert tried(app).threshold == 0.37
    assert app.session_state["threshold_split"] == "test"
    assert f"In use on every page: **{made_run.operating_point.threshold:.3f}**" in words_of(app)


@pytest.mark.parametrize("nonsense", ["nan", "1.5", "-1", "abc", ""])
def test_a_link_with_nonsense_starts_from_the_point_in_use(
    open_lab: Open, made_run: Run, nonsense: str
) -> None:
    assert tried(open_lab(at=nonsense)) == made_run.operating_point


def test_what_is_tried_is_used_only_when_the_button_says_so(open_lab: Open, made_run: Run) -> None:
    app = release(open_lab(), 0.37)
    assert app.query_params["at"] == "0.37"
    assert POINT not in app.session_state
    app.button(key="threshold_use").click().run()
    assert app.session_state[POINT].threshold == 0.37
    assert app.query_params["threshold"] == "0.37"
    assert "at" not in app.query_params
    assert "**0.370** is in use on every page" in words_of(app)
    assert made_run.operating_point.threshold != 0.37


def test_what_is_tried_outlives_a_change_of_page(open_lab: Open) -> None:
    app = release(open_lab(), 0.37)
    app.switch_page("pages/overview.py").run()
    app.switch_page("pages/threshold.py").run()
    assert tried(app).threshold == 0.37
    assert app.session_state[LAB].start == 0.37


def test_back_to_the_point_in_use(open_lab: Open, made_run: Run) -> None:
    app = release(open_lab(), 0.37)
    app.button(key="threshold_back").click().run()
    assert tried(app) == made_run.operating_point
    assert app.session_state[LAB].start == made_run.operating_point.threshold


def test_asking_moves_the_thumb_and_says_how_it_was_chosen(open_lab: Open, made_run: Run) -> None:
    app = open_lab()
    before = app.session_state[LAB].revision
    ask_page(app, "sensitivity", sensitivity=90.0)
    lab = app.session_state[LAB]
    val = made_run.scores("val")
    found = confusion_at(val["label"], val["probability"], lab.point.threshold)
    assert found.tp == 36  # 90 % of 40, and not one more
    assert (lab.start, lab.revision) == (lab.point.threshold, before + 1)
    assert lab.point.split == "val"
    assert "sensitivity of at least 90 %" in app.success[0].value
    assert "validation" in app.success[0].value
    assert any("resamples by patient" in text.value for text in app.markdown)


def test_a_wish_out_of_reach_gets_the_nearest(open_lab: Open, made_run: Run) -> None:
    app = open_lab()
    app.selectbox(key="ask_rule").set_value("ppv").run()
    app.number_input(key="ask_prevalence").set_value(0.1)
    app.number_input(key="ask_ppv").set_value(100.0)
    app.session_state["threshold_split"] = "test"
    app.run()
    app.button(key="ask_find").click().run()
    table = threshold_table(*made_run.scores("test")[["label", "probability"]].to_numpy().T)
    best = np.nanmax(table.precision)
    shown = [element.value for element in (*app.success, *app.warning)]
    assert any("nearest" in text for text in shown) == (best < 1)
    assert words.CHOSEN_ON_TEST in shown


def test_setting_it_by_hand_forgets_the_answer(open_lab: Open) -> None:
    app = release(ask_page(open_lab(), "youden"), 0.2)
    assert not app.success
    assert tried(app).rule == words.BY_HAND_RULE


def test_the_points_of_the_run_are_a_click_away(open_lab: Open, made_run: Run) -> None:
    app = open_lab()
    last = len(made_run.operating_points) - 1
    app.button(key=f"saved_{last}").click().run()
    assert tried(app) == made_run.operating_points[last]


def test_every_rule_can_be_asked(open_lab: Open) -> None:
    app = open_lab()
    for rule in words.RULES:
        ask_page(app, rule)
        assert not app.exception
        assert len(app.success) + len(app.warning) == 1, rule


def test_zones_count_every_image_once(open_lab: Open) -> None:
    app = open_lab()
    app.session_state["ask_zones"] = True
    app.run()
    table = app.table[0].value
    assert table["Pneumonia"].astype(int).sum() == 40
    assert table["Normal"].astype(int).sum() == 20


def test_validation_stands_beside_test_in_words_and_figures(open_lab: Open, made_run: Run) -> None:
    app = open_tab(release(open_lab(), 0.3), "sure")
    val, test = (
        confusion_at(scores["label"], scores["probability"], 0.3)
        for scores in (made_run.scores("val"), made_run.scores("test"))
    )
    assert f"Specificity falls from {val.specificity:.2f} on validation" in words_of(app)
    table = app.table[0].value.set_index("At 0.300")
    assert table.loc["Specificity", "Test"].startswith(f"{100 * test.specificity:.1f} % (")
    change = 100 * (test.specificity - val.specificity)
    assert table.loc["Specificity", "Change, points"].startswith(f"{change:.1f}".replace("-", "−"))
    assert "67 % of validation, 50 % of test is pneumonia" in words_of(app)
    assert "50 % and 50 % is bacterial" in words_of(app)


def test_the_clinic_carries_the_figures_to_its_prevalence(open_lab: Open, made_run: Run) -> None:
    app = open_tab(release(open_lab(), 0.3), "clinic")
    app.number_input(key="clinic_prevalence").set_value(20.0).run()
    val = made_run.scores("val")
    there = confusion_at(val["label"], val["probability"], 0.3)
    true, false = 0.2 * there.sensitivity, 0.8 * (1 - there.specificity)
    assert f"**{100 * true / (true + false):.1f} % (" in words_of(app)


def test_calibration_before_and_after(open_lab: Open, made_run: Run) -> None:
    app = open_tab(open_lab(), "calibration")
    val = made_run.scores("val")
    after = np.mean((val["probability"] - val["label"]) ** 2)
    before = np.mean((1 / (1 + np.exp(-val["logit"])) - val["label"]) ** 2)
    brier = app.table[0].value.set_index("Validation").loc["Brier score"]
    assert list(brier) == [f"{before:.3f}", f"{after:.3f}"]


def test_the_link_to_take_away_names_run_split_and_threshold(open_lab: Open, made_run: Run) -> None:
    app = open_tab(release(open_lab(), 0.37), "take")
    (link,) = [block.value for block in app.code]
    assert "threshold?run=made&" in link
    assert link.endswith("split=val&at=0.37")
    data = {button.label: button for button in app.get("download_button")}
    assert set(data) == {words.SUMMARY, words.TABLE, words.POINT}
    assert made_run.name == "made"


def test_one_class_gives_sentences_and_no_trace(open_lab: Open, made_run: Run) -> None:
    path = made_run.path / SCORES_FILE
    scores = pd.read_csv(path, keep_default_na=False)
    scores[scores["label"] == 1].to_csv(path, index=False)
    app = open_lab()
    ask_page(app, "specificity")
    assert "needs normal images" in app.error[0].value
    for tab in words.TABS:
        open_tab(app, tab)
        assert "nan" not in words_of(app).lower().split()
