"""The Misclassified page: its lists of films, and what is found in them."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumo_core.datasets import load_dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.error_groups import grouped
from pneumo_core.intervals import mcnemar
from pneumo_core.label_errors import likely_label_errors
from pneumo_core.runs import Run
from tests.model_runs import write_run
from tests.pages.conftest import OpenPage, words_of
from tests.pages.misclassified_page import button_group, expected, tile_captions, tiles, view
from ui import numbers
from ui.cases import CELLS, as_csv, judged
from ui.misclassified_groups import shared
from ui.misclassified_show import sheet_tiles
from ui.words import misclassified as words


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


def test_further_lists_are_behind_the_filters(open_page: OpenPage, tiny_app: Run) -> None:
    app = open_page("misclassified", threshold="0.5")
    lists = {name: expected(tiny_app, "test", 0.5, name) for name in ("confident", "near", "all")}
    other = app.radio(key="other-list")
    assert other.value is None
    assert other.options == [
        f"Confident and wrong ({len(lists['confident'])})",
        f"Near the threshold ({len(lists['near'])})",
        "All films (24)",
    ]
    other.set_value("all").run()
    assert app.query_params["cell"] == "all"
    assert button_group(app, "Which").value is None
    assert tiles(app) == list(lists["all"]["id"][:12])
    assert "All **24** films" in words_of(app)
    outcomes = [caption.value.split("  \n")[2] for caption in tile_captions(app)]
    assert outcomes == [words.OUTCOMES[cell] for cell in lists["all"]["cell"][:12]]
    button_group(app, "Which").set_value("fp").run()
    assert app.query_params["cell"] == "fp"
    assert app.radio(key="other-list").value is None


def test_a_kind_and_an_order_narrow_the_list(open_page: OpenPage, tiny_app: Run) -> None:
    app = open_page("misclassified", threshold="1")
    kinds = app.selectbox(key="pick-kind")
    assert kinds.options == ["Any, and normal (12)", "Bacterial (6)", "Viral (6)"]
    kinds.set_value("virus").run()
    app.selectbox(key="pick-sort").set_value("high").run()
    assert dict(app.query_params).items() >= {"kind": "virus", "sort": "high"}.items()
    viral = expected(tiny_app, "test", 1.0, "fn").query("group == 'virus'")
    assert tiles(app) == list(viral.sort_values("probability", ascending=False)["id"])
    assert "Shown: the **6** with viral pneumonia." in words_of(app)
    again = open_page("misclassified", threshold="1", kind="virus", sort="high")
    assert tiles(again) == tiles(app)
    assert not [
        box
        for box in open_page("misclassified", threshold="0", cell="fp").selectbox
        if box.label == words.KIND
    ], "normal films have no kind"


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


def test_heatmaps_are_read_as_the_audit_says(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And their worth is left out where it is not in logits."""
    asked = []
    explain_many = PneumoniaDetector.explain_many

    def counted(self: PneumoniaDetector, images: list, *options: str, **named: str) -> list:
        asked.append((*options, named["layer"]))
        return explain_many(self, images, *options, **named)

    monkeypatch.setattr(PneumoniaDetector, "explain_many", counted)
    for reading, in_logits in ((("hirescam", "block2"), True), (("layercam", "block3"), False)):
        monkeypatch.setattr("ui.cache.best_reading", lambda _, reading=reading: reading)
        app = open_page("misclassified", threshold="1")
        app.toggle(key="heatmaps").set_value(True).run()
        assert not app.exception
        assert asked.pop() == reading
        worth = [caption for caption in app.caption if "logit units" in caption.value]
        assert bool(worth) == in_logits


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


def test_each_film_is_explained_for_the_class_it_is_called(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}
    explain_many = PneumoniaDetector.explain_many

    def counted(self: PneumoniaDetector, images: list, *options: str, **named: str) -> list:
        asked[named["target"]] = len(images)
        return explain_many(self, images, *options, **named)

    monkeypatch.setattr(PneumoniaDetector, "explain_many", counted)
    app = open_page("misclassified", threshold="0.5", cell="all", sort="near")
    app.toggle(key="heatmaps").set_value(True).run()
    shown = tiny_app.scores("test").set_index("id").loc[tiles(app), "probability"]
    called = int((shown >= 0.5).sum())
    assert 0 < called < 12
    assert asked == {"Pneumonia": called, "Normal": 12 - called}


KIND = {"bacteria": "bacterial", "virus": "viral"}


def flipped(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with the labels of the two films wrong that the model is surest of."""
    labels = scores["label"].to_numpy().copy()
    surest = [scores["probability"].idxmax(), scores["probability"].idxmin()]
    labels[surest] = 1 - labels[surest]
    return scores.assign(label=labels)


def test_planted_label_errors_lead_the_list(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = flipped(tiny_app.scores("test"))
    monkeypatch.setattr("ui.cache.scores", lambda _run, _split: scores)
    app = view(open_page, "labels")
    found = likely_label_errors(scores["label"], scores["probability"])
    assert tiles(app) == list(scores["id"].iloc[found.positions])[:12]
    assert set(tiles(app)[:2]) == {
        scores["id"][scores["probability"].idxmax()],
        scores["id"][scores["probability"].idxmin()],
    }
    written = words_of(app)
    assert f"**{len(found.positions)}** of 24 labels are likely errors" in written
    assert f"{found.joint[0, 1]} of 12 labelled normal" in written
    assert "cannot tell a bad label from a bad model" in written


def test_wrong_films_are_grouped_by_their_features(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pooled_features(_model, _spec, _preprocess, squares: np.ndarray) -> np.ndarray:
        """Two groups, the darker films and the brighter: a tiny network's may be one."""
        means = squares.mean(axis=(1, 2))
        return np.where(means > np.median(means), 10, 0)[:, None] + means[:, None] / 255

    monkeypatch.setattr("pneumo_core.features.pooled_features", pooled_features)
    app = view(open_page, "groups", threshold="1")
    wrong = expected(tiny_app, "test", 1.0, "fn")
    dataset = load_dataset("chest_xray")
    squares = [tiny_app.preprocess.square(dataset.find(name)) for name in wrong["id"]]
    features = pooled_features(None, None, None, np.stack(squares))
    groups = [wrong.iloc[positions] for positions in grouped(features).groups]
    assert len(groups) > 1
    headings = [heading.value for heading in app.header]
    assert headings == [f"Group {n}: {len(part)} films" for n, part in enumerate(groups, 1)]
    assert tiles(app) == [name for part in groups for name in part["id"][:5]]
    assert shared(groups[0]) in words_of(app)


def test_what_a_group_shares_is_said() -> None:
    part = pd.DataFrame(
        {
            "cell": ["fn", "fn", "fn", "fp"],
            "group": ["bacteria", "bacteria", "", "normal"],
            "probability": [0.1, 0.2, 0.3, 0.8],
        }
    )
    line = shared(part)
    assert line.startswith("2 missed bacterial")
    assert {"1 missed", "1 normal called pneumonia; mean probability **35 %**."} & set(
        line.split(", ")
    )


@pytest.fixture
def bare_app(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The tiny run twice: as figures only, in use, and with weights and lower scores."""
    folder = tmp_path / "weights"
    columns = ["split", "id", "patient", "group", "label", "logit"]
    scores = pd.concat([tiny_app.scores(split) for split in ("val", "test")])[columns]
    bare = write_run(folder, tiny_app, "bare", scores, weights=False, title="Bare net")
    lower = scores.assign(logit=scores["logit"] - 2)
    write_run(folder, tiny_app, "lower", lower, title="Lower *net*")
    (folder / "DEFAULT").write_text("lower\n")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder))
    return bare


def test_a_run_of_figures_has_films_and_copies_but_nothing_of_a_network(
    open_page: OpenPage, bare_app: Run
) -> None:
    app = view(open_page, "groups", run="bare", threshold="1")
    assert words.GROUPS_NO_WEIGHTS in words_of(app)
    worst = expected(bare_app, "test", 1.0, "fn")["id"].iloc[0]
    app = open_page("misclassified", run="bare", threshold="1", case=worst)
    assert not [toggle for toggle in app.toggle if toggle.label == words.HEATMAPS]
    written = words_of(app)
    assert words.NO_WEIGHTS in written
    assert words.NO_COPIES.format(count=112) in written


def test_two_models_are_set_side_by_side(open_page: OpenPage, bare_app: Run) -> None:
    app = view(open_page, "models", run="bare", threshold="0.5")
    films = bare_app.scores("test")
    ill = films["label"] == 1
    lower = 1 / (1 + np.exp(2 - films["logit"]))
    wrong, wrong_b = (films["probability"] >= 0.5) != ill, (lower >= 0.5) != ill
    who = button_group(app, words.WRONG_FOR)
    assert who.options == [
        f"Only this model ({(wrong & ~wrong_b).sum()})",
        f"Both ({(wrong & wrong_b).sum()})",
        f"Only the other ({(wrong_b & ~wrong).sum()})",
    ]
    test = mcnemar(films["label"], films["probability"] >= 0.5, lower >= 0.5)
    written = words_of(app)
    assert f"only the other on {(wrong_b & ~wrong).sum()}" in written
    assert "Lower \\*net\\*" in written
    assert f"p = {test.p_value:.3f}" in written or test.p_value < 0.001
    who.set_value("b").run()
    assert app.query_params["wrong"] == "b"
    assert set(tiles(app)) == set(films["id"][wrong_b & ~wrong][:12])
    first = tiles(app)[0]
    caption = next(one.value for one in tile_captions(app) if first in one.value)
    assert f"The other: {numbers.percent(lower[films['id'] == first].iloc[0])}" in caption


def test_one_model_has_nothing_to_be_compared_with(open_page: OpenPage) -> None:
    assert words.ONE_MODEL_ONLY in words_of(view(open_page, "models"))


def test_the_contact_sheet_has_the_list_in_view(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pneumo_core.contact_sheet.MOST", 7)
    app = open_page("misclassified", threshold="1")
    assert words.SHEET_CAP.format(most=7, count=12) in words_of(app)
    listed = expected(tiny_app, "test", 1.0, "fn")
    drawn = sheet_tiles(tiny_app, load_dataset("chest_xray"), listed[:3], heat=False)
    assert [tile.lines for tile in drawn] == [
        (film.id, f"{KIND[film.group]} pneumonia", f"{numbers.percent(film.probability)} pneumonia")
        for film in listed[:3].itertuples()
    ]
    plain = drawn[0].picture
    heated = sheet_tiles(tiny_app, load_dataset("chest_xray"), listed[:1], heat=True)[0].picture
    assert (plain.mode, heated.mode) == ("L", "RGB")
    assert plain.size == heated.size


@pytest.mark.parametrize("name", ["labels", "groups"])
def test_without_the_data_every_list_is_a_table(
    open_page: OpenPage, tiny_app: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scores = flipped(tiny_app.scores("test"))
    monkeypatch.setattr("ui.cache.scores", lambda _run, _split: scores)
    monkeypatch.setattr("pneumo_core.datasets.data_folders", list)
    app = view(open_page, name, case=scores["id"].iloc[0])
    assert "are not on this machine" in app.info[0].value
    found = likely_label_errors(scores["label"], scores["probability"]).positions
    point = tiny_app.operating_point.threshold
    films = judged(scores, point)
    wrong = {
        "labels": scores["id"].iloc[found],
        "groups": films[films["cell"].isin(CELLS[:2])]["id"],
    }
    assert list(app.dataframe[0].value["id"]) == list(wrong[name])
