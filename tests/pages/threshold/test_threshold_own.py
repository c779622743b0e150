"""A user's own scores on the Threshold page: the whole page, and nothing beyond it."""

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.calibration import brier, fit_temperature
from pneumo_core.confusion import confusion_at
from pneumo_core.runs import Run
from tests.pages.conftest import words_of
from tests.pages.threshold.conftest import POINT, Open, open_tab, release
from ui.threshold_lab import OWN, SOURCE
from ui.words import threshold as words

OWN_LAB = "pneumolens/lab/own"


def own_table() -> pd.DataFrame:
    """80 films of two hospitals; those of the south are harder."""
    rng = np.random.default_rng(5)
    labels = np.arange(80) % 2
    south = np.arange(80) % 4 > 1
    logits = rng.normal(np.where(labels == 1, 2.0, -2.0) * np.where(south, 0.4, 1.0), 1.0)
    return pd.DataFrame(
        {
            "label": labels,
            "score": (1 / (1 + np.exp(-logits))).round(6),
            "hospital": np.where(south, "south", "north"),
        }
    )


def show_own(app: AppTest) -> AppTest:
    """Turn to the own scores."""
    app.session_state[SOURCE] = OWN
    return app.run()


def bring(app: AppTest, table: pd.DataFrame | str) -> AppTest:
    """Upload a table, or the text of a file."""
    text = table if isinstance(table, str) else table.to_csv(index=False)
    show_own(app)
    app.file_uploader(key="own_file").set_value(("own.csv", text.encode(), "text/csv")).run()
    assert not app.exception
    return app


def test_before_a_file_there_is_only_the_way_to_bring_one(open_lab: Open) -> None:
    app = show_own(open_lab())
    assert not app.tabs
    assert app.code[0].value == words.OWN_TEMPLATE_CSV.strip()
    bring(app, words.OWN_TEMPLATE_CSV)
    assert "6 images of your own, 50 % with pneumonia" in words_of(app)


def test_the_whole_page_works_on_them(open_lab: Open) -> None:
    own = own_table()
    app = release(bring(open_lab(), own), 0.3, OWN_LAB)
    for tab in words.TABS:
        open_tab(app, tab)
        assert not app.error
    open_tab(app, "sure")
    found = confusion_at(own["label"], own["score"], 0.3)
    table = app.table[0].value.set_index("At 0.300")
    assert list(table.columns) == [words.OWN_SET]
    assert table.loc["Sensitivity", words.OWN_SET].startswith(f"{100 * found.sensitivity:.1f} % (")
    assert table.loc["Specificity", words.OWN_SET].startswith(f"{100 * found.specificity:.1f} % (")


def test_nothing_of_them_reaches_the_model(open_lab: Open, made_run: Run) -> None:
    app = release(open_lab(), 0.37)
    release(bring(app, own_table()), 0.61, OWN_LAB)
    app.selectbox(key="ask_rule").set_value("youden").run()
    app.button(key="ask_find").click().run()
    assert app.session_state[OWN_LAB].point.split == words.OWN_SPLIT
    assert "chosen on your scores" in app.success[0].value
    assert "resamples image by image" in words_of(app)
    assert not [button for button in app.button if button.key == "threshold_use"]
    assert POINT not in app.session_state
    assert app.query_params["at"] == "0.37"
    app.session_state[SOURCE] = "model"
    app.run()
    assert app.session_state["pneumolens/lab"].point.threshold == 0.37
    assert f"In use on every page: **{made_run.operating_point.threshold:.3f}**" in words_of(app)


def test_another_session_sees_nothing_of_them(open_lab: Open) -> None:
    bring(open_lab(), own_table())
    assert show_own(open_lab()).file_uploader(key="own_file").value is None


def test_they_outlive_a_change_of_page_and_can_be_exchanged(open_lab: Open) -> None:
    app = bring(open_lab(), own_table())
    app.switch_page("pages/overview.py").run()
    app.switch_page("pages/threshold.py").run()
    assert "80 images of your own" in words_of(app)
    app.button(key="own_other").click().run()
    assert not app.tabs
    assert OWN_LAB not in app.session_state


def test_a_bad_row_is_named(open_lab: Open) -> None:
    app = bring(open_lab(), "label,score\n1,0.9\n0,nothing\n")
    assert "score in row 3" in app.error[0].value
    assert not app.tabs


def test_columns_of_other_names_can_be_chosen(open_lab: Open) -> None:
    app = bring(open_lab(), "film,wahr,wert\na,1,3.5\nb,0,-2.0\n")
    assert "the columns are “film”, “wahr”, “wert”" in app.error[0].value
    label, score, kind = app.selectbox
    label.set_value("wahr")
    score.set_value("wert")
    kind.set_value("logit").run()
    assert "2 images of your own" in words_of(app)


def test_a_column_of_the_file_gives_groups(open_lab: Open) -> None:
    own = own_table()
    app = open_tab(release(bring(open_lab(), own), 0.3, OWN_LAB), "groups")
    first, second = (table.value for table in app.table)
    for name, part in own.groupby("hospital"):
        found = confusion_at(part["label"], part["score"], 0.3)
        row = first.set_index("At 0.300").loc[name]
        assert (row["Pneumonia"], row["Normal"]) == ("20", "20")
        assert row["Sensitivity"].startswith(f"{100 * found.sensitivity:.1f} % (")
    thresholds = second.set_index("Chosen on")["Threshold"].str.strip("*").astype(float)
    assert thresholds["south"] < thresholds["north"]
    south = own[own["hospital"] == "south"]
    there = confusion_at(south["label"], south["score"], thresholds["south"])
    shown = second.set_index("Chosen on").loc["south", "Sensitivity"]
    assert shown == f"{100 * there.sensitivity:.1f} %"


def test_names_of_groups_are_no_markup(open_lab: Open) -> None:
    own = own_table()
    own["hospital"] = np.where(own["hospital"] == "south", "*<b>*", "[a](http://x)")
    app = open_tab(bring(open_lab(), own), "groups")
    names = list(app.table[0].value["At 0.500"])
    assert names == [r"\*\<b\>\*", r"\[a\]\(http\:\/\/x\)"]


def test_a_temperature_can_be_fitted(open_lab: Open) -> None:
    own = own_table()
    app = open_tab(bring(open_lab(), own), "calibration")
    assert list(app.table[0].value.columns) == [words.OWN_SET, words.AS_BROUGHT]
    app.toggle(key="fit_temperature").set_value(True).run()
    logits = np.log(own["score"] / (1 - own["score"]))
    temperature = fit_temperature(own["label"], logits)
    assert f"**{temperature:.2f}**" in words_of(app)
    score = brier(own["label"], 1 / (1 + np.exp(-logits / temperature)))
    table = app.table[0].value.set_index(words.OWN_SET)
    assert table.loc[words.BRIER, words.FITTED] == f"{score:.3f}"


def test_they_can_be_set_beside_the_model_by_the_names_of_the_films(
    open_lab: Open, made_run: Run
) -> None:
    test = made_run.scores("test").sample(frac=1, random_state=0)
    own = pd.DataFrame({"label": test["label"], "score": 1 - test["probability"], "id": test["id"]})
    app = open_tab(bring(open_lab(), own), "models")
    table = app.table[0].value.set_index(words.RIVAL_FIGURE)
    mine, its = table.loc["AUC"].iloc[:2].str.split(" ").str[0].astype(float)
    assert mine == pytest.approx(1 - its, abs=0.0011)
    assert its > 0.8


@pytest.mark.parametrize(
    "text",
    [
        "label,score\n1,0.9\n1,0.4\n",
        "label,score\n0,0.5\n1,0.5\n",
        "label,score\n1,0.3\n",
        "label,score\n0,0\n1,1\n0,0\n1,1\n",
    ],
)
def test_too_little_to_say_gives_sentences_and_no_trace(open_lab: Open, text: str) -> None:
    app = bring(open_lab(), text)
    for tab in words.TABS:
        open_tab(app, tab)
        assert "nan" not in words_of(app).lower().split()
