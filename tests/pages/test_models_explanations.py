"""The tab of the Models page on explanations: which method is the default, why, and the table."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.runs import Run, read_run
from tests.audits import made_row, write_audit
from tests.pages.conftest import OpenPage, words_of
from ui.words import models as words


@pytest.fixture
def run(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of the tiny run that a test may give an audit."""
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    return read_run(shutil.copytree(tiny_app.path, tmp_path / "tiny"))


def tab(open_page: OpenPage) -> AppTest:
    app = open_page("models")
    app.session_state["models_tab"] = words.TABS["explanations"]
    app.run()
    assert not app.exception
    return app


def tables(app: AppTest) -> list[list[list[str]]]:
    """The cells of the tab's two tables: each method at its best stage, and all of them."""
    found = [each.value for each in app.table if "Beats chance" in each.value.columns]
    return [[list(row) for row in table.to_numpy()] for table in found]


@pytest.mark.usefixtures("run")
def test_without_an_audit_it_says_how_to_make_one(open_page: OpenPage) -> None:
    app = tab(open_page)
    assert "**Maps are read with Grad-CAM at block4, the usual choice: the maps of this model" in (
        words_of(app)
    )
    (command,) = [code.value for code in app.code if "explain-audit" in code.value]
    assert command.splitlines() == [
        "python -m pneumo_core explain-audit tiny --split val",
        "python -m pneumo_core explain-audit tiny --split test",
    ]
    assert tables(app) == []


def test_the_choice_on_validation_is_explained_and_test_stands_beside_it(
    open_page: OpenPage, run: Run
) -> None:
    rows = (
        made_row("gradcam", "block4", 1.0),
        made_row("hirescam", "block2", 1.9),
        made_row("hirescam", "block4", 1.1),
        made_row("eigencam", "block2", 9.0),
        made_row("randomcam", "block2", 0.0),
    )
    write_audit(run, "val", *rows, made_row("occlusion", "input", 2.0))
    write_audit(run, "test", made_row("hirescam", "block2", -0.4, beats=0.41))
    app = tab(open_page)
    text = words_of(app)
    assert (
        "**Maps are read with HiResCAM at block2 by default**, the choice made on validation: "
        "there it gains 1.90 (1.40 to 2.40) logits more than random weights, and its map changes "
        "when the network forgets on 97 % of the films. Occlusion gains 2.00 (1.50 to 2.50), but "
        "runs the network some fifty times: it is drawn on request only."
    ) in text
    assert "200 of 524 validation films, drawn at random, 624 test films." in text
    best, every = tables(app)
    named = [row[0] for row in best]
    assert named == [
        "Eigen-CAM at block2",
        "Occlusion",
        "**HiResCAM at block2**, default",
        "Grad-CAM at block4",
        "Random weights at block2",
    ]
    assert best[2][1:] == ["1.90 (1.40 to 2.40)", "−0.40 (−0.90 to 0.10)", "41 %", "97 %", "0.25"]
    assert best[1][2:] == ["–"] * 4, "test has no such row"
    assert best[-1][1] == "–", "the control gains nothing over itself"
    assert [row[0] for row in every][2] == "HiResCAM at block4"


def test_no_method_better_than_chance_is_said_and_test_is_asked_for(
    open_page: OpenPage, run: Run
) -> None:
    write_audit(run, "val", made_row("gradcam", "block4", 0.4))
    app = tab(open_page)
    assert (
        "**Maps are read with Grad-CAM at block4, the usual choice.** On validation no method"
        in (words_of(app))
    )
    (command,) = [code.value for code in app.code if "explain-audit" in code.value]
    assert command == "python -m pneumo_core explain-audit tiny --split test"


def test_a_damaged_audit_is_a_sentence(open_page: OpenPage, run: Run) -> None:
    (run.path / "explain_audit.json").write_text("{")
    app = tab(open_page)
    assert "delete it and run explain-audit again" in app.error[0].value
