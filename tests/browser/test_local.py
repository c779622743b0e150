"""Labelled films in a real Chromium: a ZIP goes up, the answer comes, the threshold lab opens."""

import io
import zipfile
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from pneumo_core.datasets import Dataset
from tests.browser.conftest import Visit
from ui.words import local as words
from ui.words import threshold

pytestmark = pytest.mark.browser


def test_a_zip_goes_up_and_the_lab_opens_on_it(
    visit: Visit, tiny_data: Path, tiny_dataset: Dataset, server_log: Path
) -> None:
    visitor = visit("local", viewport={"width": 800, "height": 1000})
    page = visitor.page
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, name in enumerate(tiny_dataset.splits["test"].ids):
            content = (tiny_data / "chest_xray" / name).read_bytes()
            packed.writestr(f"site/{name.split('/')[1]}/Miller^Anna {number}.png", content)
        packed.writestr("site/NORMAL/<script>alert(1)</script>.png", b"Dear colleague")
    given = {"name": "site.zip", "mimeType": "application/zip", "buffer": archive.getvalue()}
    page.locator("input[type=file]").set_input_files(given)
    page.locator("h2").first.wait_for()
    visitor.settle()
    heading = page.locator("h2").first.inner_text()
    assert any(heading.endswith(verdict) for verdict in words.VERDICTS.values())
    page.get_by_text(words.LEFT_OUT.format(count=1)).click()
    visitor.settle()
    faults = [
        (fault["id"], html)
        for fault in Axe().run(page).response["violations"]
        for html in (node["html"] for node in fault["nodes"])
        # Small faults of streamlit's own table and uploader, as on the other pages.
        if fault["id"] != "presentation-role-conflict"
    ]
    assert faults == []
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    page.get_by_role("button", name=words.LAB).click()
    page.wait_for_url("**/threshold?**")
    page.get_by_text("24 images of your own").wait_for()
    visitor.settle()
    assert page.get_by_role("slider", name=threshold.CONTROL["slider"]).count() == 1
    assert "Miller" not in page.url
    assert "Miller" not in server_log.read_text("utf-8")
    page.go_back()
    page.wait_for_url("**/local*")
    page.get_by_text(words.LEFT_OUT.format(count=1)).wait_for()
    assert page.locator("h2").first.inner_text() == heading, "the films are still there"
