"""The Misclassified page, and the sets of films behind it."""

import io

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.datasets import load_dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, words_of
from ui import numbers
from ui.cases import CELLS, as_csv, cases

SCORES = pd.DataFrame(
    {
        "id": list("abcdefgh"),
        "label": [1, 1, 1, 1, 0, 0, 0, 0],
        "probability": [0.9, 0.5, 0.4, 0.1, 0.95, 0.6, 0.49, 0.0],
    }
)


@pytest.mark.parametrize(("cell", "ids"), [("fn", "dc"), ("fp", "ef"), ("tp", "ba"), ("tn", "gh")])
def test_each_cell_has_its_films_the_worst_judgement_first(cell: str, ids: str) -> None:
    assert list(cases(SCORES, 0.5, cell)["id"]) == list(ids), "0.5 itself is called pneumonia"


def test_the_distance_is_from_the_threshold() -> None:
    assert cases(SCORES, 0.5, "fn")["distance"].tolist() == pytest.approx([-0.4, -0.1])


def test_ties_keep_their_order() -> None:
    tied = SCORES.assign(probability=0.2)
    assert list(cases(tied, 0.5, "fn")["id"]) == list("abcd")


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0000001])
def test_the_cells_part_the_films(threshold: float) -> None:
    parts = [set(cases(SCORES, threshold, cell)["id"]) for cell in CELLS]
    assert sum(map(len, parts)) == len(SCORES)
    assert set.union(*parts) == set(SCORES["id"])


def tiles(app: AppTest) -> list[str]:
    """Ids of the films that are shown, in order."""
    return [caption.value.split("  \n")[1] for caption in app.caption if "  \n" in caption.value]


def expected(run: Run, split: str, threshold: float, cell: str) -> pd.DataFrame:
    return cases(run.scores(split), threshold, cell)


def button_group(app: AppTest, label: str) -> object:
    return next(group for group in app.segmented_control if group.label == label)


def test_misses_at_a_threshold_above_all_are_all_pneumonias(
    open_page: OpenPage, tiny_app: Run
) -> None:
    app = open_page("misclassified", threshold="1")
    assert "**12 of 12** films with pneumonia are called normal" in words_of(app)
    assert tiles(app) == list(expected(tiny_app, "test", 1.0, "fn")["id"])
    assert len(app.image) == 12


def test_the_address_opens_a_split_and_a_cell(open_page: OpenPage, tiny_app: Run) -> None:
    app = open_page("misclassified", threshold="0", split="val", cell="fp")
    normals = int((tiny_app.scores("val")["label"] == 0).sum())
    assert f"**{normals} of {normals}** normal films are called pneumonia" in words_of(app)
    assert tiles(app) == list(expected(tiny_app, "val", 0.0, "fp")["id"])


@pytest.mark.parametrize("cell", ["", "xy"])
def test_an_unknown_cell_opens_the_misses(open_page: OpenPage, cell: str) -> None:
    assert button_group(open_page("misclassified", cell=cell), "Which").value == "fn"


def test_choosing_a_cell_changes_the_films_and_the_address(
    open_page: OpenPage, tiny_app: Run
) -> None:
    app = open_page("misclassified", threshold="0")
    which = button_group(app, "Which")
    assert which.options == [
        "Missed pneumonia (0)",
        "False alarms (12)",
        "Found pneumonia (12)",
        "Cleared normals (0)",
    ]
    assert app.success[0].value == "None: at this threshold no pneumonia is missed."
    which.set_value("tp").run()
    assert app.query_params["cell"] == "tp"
    assert tiles(app) == list(expected(tiny_app, "test", 0.0, "tp")["id"])


def test_choosing_a_split_puts_it_in_the_address(open_page: OpenPage, tiny_app: Run) -> None:
    app = open_page("misclassified", threshold="0", cell="fp")
    button_group(app, "Films").set_value("val").run()
    assert app.query_params["split"] == "val"
    assert tiles(app) == list(expected(tiny_app, "val", 0.0, "fp")["id"])


def test_a_tile_says_probability_truth_and_leads_to_predict(
    open_page: OpenPage, tiny_app: Run
) -> None:
    app = open_page("misclassified", threshold="1")
    worst = expected(tiny_app, "test", 1.0, "fn").iloc[0]
    kind = {"bacteria": "bacterial", "virus": "viral"}[worst["group"]]
    written = words_of(app)
    assert f"Truth: {kind} pneumonia  \n{worst['id']}" in written
    assert f"Model: **{numbers.percent(worst['probability'])}**" in written
    link = next(link for link in app.get("page_link") if link.proto.label == "Open in Predict")
    assert link.proto.page == "predict"
    assert "sample=" + worst["id"].replace("/", "%2F") in link.proto.query_string


def test_heatmaps_come_on_demand_with_their_worth(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    explain_many = PneumoniaDetector.explain_many

    def counted(self: PneumoniaDetector, images: list, *options: str, **named: str) -> list:
        asked.append((len(images), named.get("target")))
        return explain_many(self, images, *options, **named)

    monkeypatch.setattr(PneumoniaDetector, "explain_many", counted)
    app = open_page("misclassified", threshold="1")
    assert not asked
    app.toggle(key="heatmaps").set_value(True).run()
    app.run()
    assert asked == [(12, "Normal")], "once, in one batch, for the class that the model named"
    worst = expected(tiny_app, "test", 1.0, "fn")["id"].iloc[0]
    film = load_dataset("chest_xray").find(worst)
    worth = PneumoniaDetector(tiny_app).explain(film, target="Normal").worth
    caption = next(caption.value for caption in app.caption if worst in caption.value)
    assert f"map worth {worth:.1f} logit units" in caption


def test_more_than_a_page_of_films_is_turned(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.misclassified_show.A_PAGE", 5)
    app = open_page("misclassified", threshold="1")
    listed = list(expected(tiny_app, "test", 1.0, "fn")["id"])
    assert tiles(app) == listed[:5]
    app.pagination[0].set_value(3).run()
    assert tiles(app) == listed[10:]


def test_without_the_data_the_cases_are_listed_with_a_way_to_get_them(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pneumo_core.datasets.data_folders", list)
    app = open_page("misclassified", threshold="1")
    assert "are not on this machine" in app.info[0].value
    listed = app.dataframe[0].value
    cases_listed = expected(tiny_app, "test", 1.0, "fn")
    assert list(listed["id"]) == list(cases_listed["id"])
    assert listed["probability"].tolist() == pytest.approx(cases_listed["probability"].tolist())
    assert set(listed["kind"]) == {"bacterial pneumonia", "viral pneumonia"}


def test_the_list_as_csv_keeps_every_figure(tiny_app: Run) -> None:
    listed = expected(tiny_app, "test", 1.0, "fn")
    again = pd.read_csv(io.StringIO(as_csv(listed)), dtype={"patient": str})
    assert list(again.columns) == ["id", "patient", "group", "label", "probability", "distance"]
    assert list(again["id"]) == list(listed["id"])
    assert again["probability"].tolist() == listed["probability"].tolist()
