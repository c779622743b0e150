"""The guided tour: from page to page by its buttons, on a film of the test set or one's own."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.map_examples import typical_film
from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, words_of
from ui.tour import STEPS
from ui.words import tour as words


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def step(app: AppTest) -> str:
    """The caption of the card, empty where there is none."""
    return next((one.value for one in app.caption if one.value.startswith("Step ")), "")


def title(app: AppTest) -> str:
    return app.title[0].value


def test_nobody_is_led_unasked(open_page: OpenPage) -> None:
    app = open_page()
    assert step(app) == ""
    assert [button.label for button in app.button] == [words.TAKE]


def test_it_leads_over_the_pages_and_back(open_page: OpenPage, tiny_app: Run) -> None:
    app = press(open_page(), "tour_from_overview")
    titles, steps = [title(app)], [step(app)]
    for _ in STEPS[1:]:
        press(app, "tour_next")
        titles.append(title(app))
        steps.append(step(app))
    assert steps == [f"Step {number} of 7" for number in range(1, 8)]
    assert titles == [
        "Look inside a pneumonia model",
        *["Read an X-ray"] * 3,
        "Threshold",
        "Where the model is wrong",
        "Read many X-rays",
    ]
    assert app.button(key="tour_next").label == "Done"
    press(app, "tour_back")
    assert (step(app), title(app)) == ("Step 6 of 7", "Where the model is wrong")
    press(press(app, "tour_next"), "tour_next")
    assert step(app) == ""
    assert title(app) == "Read many X-rays", "it ends where it is"
    assert app.query_params["run"] == tiny_app.name


def test_on_predict_it_opens_a_film_of_the_test_set(open_page: OpenPage, tiny_app: Run) -> None:
    app = press(press(open_page(), "tour_from_overview"), "tour_next")
    scores = tiny_app.scores("test")
    film = typical_film(scores, tiny_app.operating_point.threshold)
    assert app.selectbox(key="sample").value == film
    assert scores.set_index("id").loc[film, "label"] == 1
    assert words.STEPS["verdict"][0] in words_of(app)
    assert app.metric[0].label == "Probability of pneumonia"


def test_the_film_is_opened_also_after_a_visit_with_ones_own(open_page: OpenPage) -> None:
    app = open_page("predict")
    assert app.segmented_control(key="source").value == "Your own film"
    app.switch_page("pages/help.py").run()
    press(press(app, "tour_from_help"), "tour_next")
    assert app.segmented_control(key="source").value == "A sample"


def test_without_the_data_it_asks_for_a_film(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    app = press(press(open_page(), "tour_from_overview"), "tour_next")
    assert title(app) == "Read an X-ray"
    assert words.OWN_FILM["verdict"][0] in words_of(app)
    assert app.segmented_control(key="source").value == "Your own film"


def test_it_can_be_ended_at_any_step(open_page: OpenPage) -> None:
    app = press(press(open_page(), "tour_from_overview"), "tour_next")
    press(app, "tour_end")
    assert step(app) == ""
    app.switch_page("pages/overview.py").run()
    assert step(app) == ""


def test_off_its_page_it_says_where_it_goes_on(open_page: OpenPage) -> None:
    app = press(press(open_page(), "tour_from_overview"), "tour_next")
    app.switch_page("pages/models.py").run()
    assert "on the page Predict" in words_of(app)
    assert app.button(key="tour_next").label == "Go to Predict"
    press(app, "tour_next")
    assert (step(app), title(app)) == ("Step 2 of 7", "Read an X-ray")


def test_from_help_it_begins_on_the_overview(open_page: OpenPage) -> None:
    app = press(open_page("help"), "tour_from_help")
    assert (step(app), title(app)) == ("Step 1 of 7", "Look inside a pneumonia model")
