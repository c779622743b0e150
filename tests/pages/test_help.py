"""The Help page: how to read a heatmap, on real films and on drawn ones, and the glossary."""

import html
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, words_of
from ui.glossary import search
from ui.words.glossary import GLOSSARY, meaning


def terms(app: AppTest) -> list[str]:
    """The names of the terms that are listed."""
    lists = [one.proto.body for one in app.get("html") if '<dl class="glossary">' in one.proto.body]
    return [html.unescape(name) for one in lists for name in re.findall("<dt>(.*?)</dt>", one)]


def test_it_says_what_a_heatmap_is_and_is_not(open_page: OpenPage) -> None:
    words = words_of(open_page("help"))
    assert "Not where the disease is." in words
    assert "stretched until its strongest place is yellow" in words
    assert "five checks" in words


def test_its_films_are_test_films_that_the_model_judged_so(
    open_page: OpenPage, tiny_app: Run
) -> None:
    app = open_page("help")
    films = tiny_app.scores("test").set_index("id")
    asked = [parse_qs(link.proto.query_string) for link in app.get("page_link")]
    links = [address["sample"][0] for address in asked if "sample" in address]
    assert links, "the tiny run has films to show"
    right = films.loc[links[0]]
    assert right["label"] == 1
    assert right["probability"] >= tiny_app.operating_point.threshold
    told = words_of(app)
    assert "**A right answer.** Known as" in told
    table = app.table[0].value
    assert len(table) == 6
    assert set(table["A right answer"][:5]) <= {"Yes", "No", "–"}
    assert "drawn" not in told


def test_without_the_data_its_films_are_drawn(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path))
    app = open_page("help")
    words = words_of(app)
    assert "These films are drawn." in words
    assert "a marker in the corner" in words
    assert list(app.table[0].value.columns) == ["Check"], "no checks were made of drawn films"
    assert not app.error


def test_the_glossary_lists_every_term(open_page: OpenPage) -> None:
    app = open_page("help", help_view="Glossary")
    assert terms(app) == [term.name for term in GLOSSARY]


def test_an_address_leads_to_a_term(open_page: OpenPage) -> None:
    app = open_page("overview")
    app.query_params["term"] = "ppv"
    app.switch_page("pages/help.py")
    app.query_params["term"] = "ppv"
    app.run()
    assert terms(app)[0] == "PPV"
    assert len(terms(app)) < len(GLOSSARY)


def test_a_search_without_a_hit_says_so(open_page: OpenPage) -> None:
    app = open_page("help", help_view="Glossary")
    app.text_input(key="term").set_value("<b>zebra</b>").run()
    assert terms(app) == []
    assert "No term is called so" in words_of(app)
    app.text_input(key="term").set_value("").run()
    assert len(terms(app)) == len(GLOSSARY)


def test_the_search_puts_names_before_mentions() -> None:
    found = [term.name for term in search(" AUC ")]
    assert found[0] == "AUC"
    assert "DeLong's test" in found[1:]
    assert [term.name for term in search("recall")][:2] == ["Sensitivity", "Precision–recall curve"]
    assert search("CAM")[0].name == "Grad-CAM", "its other name"
    assert list(search("")) == list(GLOSSARY)
    assert list(search("zebra")) == []


def test_the_figures_of_the_overview_are_explained_by_the_glossary(open_page: OpenPage) -> None:
    helped = {metric.label: metric.proto.help for metric in open_page().metric}
    assert helped == {
        name: meaning(name) for name in ("AUC", "Sensitivity", "Specificity", "Accuracy at 0.5")
    }


def test_a_run_without_its_weights_is_said_in_words(
    open_page: OpenPage, tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_app.path, tmp_path / "tiny")
    (tmp_path / "tiny" / "model.safetensors").unlink()
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page("help")
    assert "Not where the disease is." in words_of(app)
