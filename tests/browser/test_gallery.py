"""The Misclassified page as a researcher walks it: filter, look closely, note, compare."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, expect

from pneumo_core.calibration import probability
from pneumo_core.runs import Run
from tests.browser.conftest import Visitor
from tests.browser.dashboard import PATIENCE, serving
from tests.model_runs import write_run
from ui.cases import cases
from ui.words import misclassified as words

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def scores(tiny_run: Run) -> pd.DataFrame:
    """The tiny run's own scores of all films."""
    columns = ["split", "id", "patient", "group", "label", "logit"]
    return pd.concat([tiny_run.scores(split) for split in ("val", "test")])[columns]


@pytest.fixture(scope="module")
def address(
    tiny_run: Run, tiny_data: Path, scores: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A dashboard with the tiny run, and a second one that finds far less pneumonia."""
    place = tmp_path_factory.mktemp("gallery")
    folder = place / "weights"
    write_run(folder, tiny_run, "first", scores, title="First net")
    write_run(folder, tiny_run, "second", scores.assign(logit=scores["logit"] - 2), title="Second")
    (folder / "DEFAULT").write_text("first\n")
    environment = {"PNEUMO_WEIGHTS": str(folder), "PNEUMO_DATA": str(tiny_data)}
    with serving(place / "server.log", **environment) as address:
        yield address


def listed(scores: pd.DataFrame, which: str, threshold: float) -> pd.DataFrame:
    """A list of the test films, of a run whose temperature is one."""
    scored = scores.assign(probability=probability(scores["logit"].to_numpy()))
    return cases(scored[scored["split"] == "test"], threshold, which)


def position(visitor: Visitor) -> Locator:
    return visitor.page.locator(".st-key-case-steps strong")


def faults(visitor: Visitor, place: str = "body") -> list[tuple[str, list[str]]]:
    """What axe finds there, but for streamlit's own markup of the file uploader."""
    context = {"include": [[place]], "exclude": [["[data-testid=stFileUploaderDropzone]"]]}
    found = Axe().run(visitor.page, context=context).response["violations"]
    return [(fault["id"], [node["html"][:300] for node in fault["nodes"]]) for fault in found]


def download(visitor: Visitor, name: str) -> tuple[str, bytes]:
    """What a button hands out: the file's name and its content."""
    with visitor.page.expect_download(timeout=PATIENCE) as given:
        visitor.page.get_by_role("button", name=name).click()
    return given.value.suggested_filename, Path(given.value.path()).read_bytes()


def test_a_researcher_walks_the_mistakes(browser: Any, address: str, scores: pd.DataFrame) -> None:
    visitor = Visitor(browser, address)
    page = visitor.page
    visitor.open("misclassified", "?threshold=0.5")

    page.get_by_role("button", name=words.MORE).click()
    page.get_by_text(re.compile(rf"{words.OTHER_LISTS['all']} \(24\)")).click()
    page.wait_for_url("**cell=all*")
    page.keyboard.press("Escape")
    visitor.settle()
    films = list(listed(scores, "all", 0.5)["id"])

    page.get_by_role("button", name=words.LOOK).first.click()
    expect(position(visitor)).to_have_text("1 of 24")
    expect(page.locator(".st-key-case-methods img").first).to_be_visible()
    visitor.settle()
    top = page.locator(".st-key-case-methods").bounding_box()["y"]
    page.keyboard.press("ArrowRight")
    expect(position(visitor)).to_have_text("2 of 24")
    visitor.settle()
    expect(page.get_by_role("dialog")).to_contain_text(films[1])
    assert page.locator(".st-key-case-methods").bounding_box()["y"] == pytest.approx(top, abs=2)
    expect(page.get_by_role("dialog")).to_contain_text("Random weights (control)")

    note = page.get_by_role("dialog").get_by_role("textbox", name=words.NOTE)
    note.fill("Clear lungs")
    note.press("ArrowLeft")  # moves within the note, not to another film
    visitor.choose(".st-key-case", words.TAGS["label"])
    expect(position(visitor)).to_have_text("2 of 24")
    page.get_by_role("dialog").get_by_role("heading").first.click()
    page.keyboard.press("ArrowLeft")
    expect(position(visitor)).to_have_text("1 of 24")
    expect(note).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    visitor.settle()
    assert "case=" not in page.url

    name, content = download(visitor, words.SHEET_PNG)
    assert name == "first-test-all.png"
    assert Image.open(io.BytesIO(content)).format == "PNG"
    name, content = download(visitor, words.SHEET_PDF)
    assert (name, content[:5]) == ("first-test-all.pdf", b"%PDF-")

    page.get_by_role("tab", name=words.TABS["notes"]).click()
    visitor.settle()
    name, content = download(visitor, words.NOTES_JSON)
    assert name == "first-notes.json"
    (kept,) = json.loads(content)["notes"]
    assert (kept["film"], kept["tag"], kept["note"]) == (films[1], "label", "Clear lungs")

    page.get_by_role("tab", name=words.TABS["models"]).click()
    visitor.settle()
    lower = scores.assign(logit=scores["logit"] - 2)
    wrong, wrong_b = (
        set(listed(each, "fn", 0.5)["id"]) | set(listed(each, "fp", 0.5)["id"])
        for each in (scores, lower)
    )
    page.get_by_text(f"{words.ONLY_SECOND} ({len(wrong_b - wrong)})").click()
    page.wait_for_url("**wrong=b*")
    visitor.settle()
    tiles = page.locator(".st-key-tiles [data-testid=stImage] img")
    expect(tiles).to_have_count(min(12, len(wrong_b - wrong)))
    visitor.leave()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_no_view_stands_in_the_way_of_assistive_technology(
    browser: Any, address: str, scores: pd.DataFrame, scheme: str, width: int
) -> None:
    visitor = Visitor(
        browser, address, color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    page = visitor.page
    film = listed(scores, "fn", 1)["id"].iloc[0]
    visitor.open("misclassified", f"?threshold=1&case={film}")
    expect(page.locator(".st-key-case-methods img").first).to_be_visible()
    visitor.settle()
    found = faults(visitor)
    page.keyboard.press("Escape")
    visitor.settle()
    page.get_by_role("button", name=words.MORE).click()
    visitor.settle()
    found += faults(visitor)
    page.keyboard.press("Escape")
    for tab in ("labels", "groups", "models", "notes"):
        page.get_by_role("tab", name=words.TABS[tab]).click()
        visitor.settle()
        # What surrounds the tabs has been looked at.
        found += faults(visitor, "[role=tabpanel]:not([hidden])")
        assert page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth"
        )
        assert not page.locator("[data-testid=stException]").count()
    assert found == []
    visitor.leave()
