"""The frame: navigation, the notice, the model picker, and what an address carries."""

import json
import shutil
from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, words_of

NOTICE = "Not a medical device"


@pytest.fixture
def two_runs(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with the tiny run, a twin called "other", and a damaged run."""
    for name in ("tiny", "other", "torn"):
        shutil.copytree(tiny_app.path, tmp_path / name)
    described = json.loads((tmp_path / "other" / "run.json").read_text())
    described["title"] = "Another CNN"
    described["operating_points"][0]["threshold"] = 0.25
    (tmp_path / "other" / "run.json").write_text(json.dumps(described))
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"\0" * 100)
    (tmp_path / "DEFAULT").write_text("tiny\n")
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [
        *("overview", "predict", "batch", "threshold", "models", "misclassified", "local"),
        *("session", "help"),
    ],
)
def test_every_page_shows_the_notice(open_page: OpenPage, page: str) -> None:
    assert NOTICE in words_of(open_page(page))


def test_a_page_gets_its_frame_also_beside_another_first_visitor(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = script_runner._mpa_v1

    def meanwhile_the_other_is_framed(path: str) -> None:
        PagesManager.uses_pages_directory = False
        bare(path)

    monkeypatch.setattr(script_runner, "_mpa_v1", meanwhile_the_other_is_framed)
    assert NOTICE in words_of(open_page("predict"))


def test_a_single_run_needs_no_picker(open_page: OpenPage) -> None:
    assert not open_page().sidebar.selectbox


def test_without_a_run_a_sentence_says_how_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path / "nothing"))
    app = AppTest.from_file(str(PROJECT_FOLDER / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert "python train_cli.py" in app.info[0].value
    assert NOTICE in words_of(app)


@pytest.mark.usefixtures("two_runs")
def test_picking_a_model_changes_the_page_and_the_address(open_page: OpenPage) -> None:
    app = open_page()
    picker = app.sidebar.selectbox[0]
    assert picker.options == ["Another CNN (other)", "Tiny CNN (tiny)"]
    assert picker.value == "tiny"
    picker.set_value("other").run()
    assert "**Another CNN**" in words_of(app)
    assert app.query_params["run"] == "other"
    assert app.query_params["threshold"] == "0.25"


@pytest.mark.usefixtures("two_runs")
def test_a_damaged_run_is_listed_with_its_reason(open_page: OpenPage) -> None:
    expander = open_page().sidebar.expander[0]
    assert expander.label == "Unusable models (1)"
    assert "torn" in expander.text[0].value
    assert "SHA-256" in expander.text[0].value


@pytest.mark.usefixtures("two_runs")
def test_an_address_opens_its_run_and_its_threshold(open_page: OpenPage) -> None:
    app = open_page("misclassified", run="other", threshold="0.9")
    assert "threshold **0.900** (operating point “from the link”)" in words_of(app)
    assert app.query_params["run"] == "other"


@pytest.mark.usefixtures("two_runs")
def test_a_threshold_of_the_run_keeps_its_name_in_an_address(open_page: OpenPage) -> None:
    app = open_page("misclassified", run="other", threshold="0.25")
    assert "threshold **0.250** (operating point “balanced”)" in words_of(app)


@pytest.mark.parametrize("threshold", ["nan", "-0.1", "2", "none", ""])
def test_a_senseless_threshold_in_an_address_is_said_to_be_one(
    open_page: OpenPage, threshold: str
) -> None:
    app = open_page(threshold=threshold)
    assert "not a number from 0 to 1" in app.warning[0].value
    app.run()
    assert not app.warning, "once is enough"


def test_an_address_of_an_absent_run_shows_the_default(open_page: OpenPage) -> None:
    app = open_page(run="gone", threshold="0.1")
    assert "instead" in app.warning[0].value
    assert "**Tiny CNN**" in words_of(app)
    assert app.query_params["run"] == "tiny"


def test_a_chosen_operating_point_survives_a_change_of_page(
    open_page: OpenPage, tiny_app: Run
) -> None:
    app = open_page()
    point = OperatingPoint("mine", 0.123456789012, "by hand", "val")
    app.session_state["pneumolens/operating_point"] = point
    app.switch_page("pages/misclassified.py").run()
    assert "threshold **0.123** (operating point “mine”)" in words_of(app)
    assert app.query_params["threshold"] == "0.123456789012", "exact: it decides on films"
    app.switch_page("pages/overview.py").run()
    assert "another threshold, 0.123 (“mine”)" in words_of(app)
    assert tiny_app.operating_point.name == "balanced"
