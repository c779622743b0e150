"""Many films in a real Chromium: they are read while the page shows it, and one is opened."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from pneumo_core.datasets import Dataset
from tests.browser.conftest import DRAWN, Visit
from ui.words import batch as words

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_films_are_read_and_one_is_opened(
    visit: Visit,
    tiny_data: Path,
    tiny_dataset: Dataset,
    server_log: Path,
    scheme: str,
    width: int,
) -> None:
    visitor = visit("batch", color_scheme=scheme, viewport={"width": width, "height": 1000})
    page = visitor.page
    folder = tiny_data / "chest_xray"
    names = tiny_dataset.splits["test"].ids
    files = [
        {"name": f"Miller^Anna {n}.png", "mimeType": "", "buffer": (folder / name).read_bytes()}
        for n, name in enumerate(names)
    ]
    files.append({"name": "letter.png", "mimeType": "", "buffer": b"Dear colleague"})
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_text(words.DONE_BAD.format(judged=len(names), bad=1)).wait_for()
    visitor.settle()
    found = [
        (fault["id"], html)
        for fault in Axe().run(page).response["violations"]
        for html in (node["html"] for node in fault["nodes"])
        # A small fault of streamlit's own table: the empty end of a row may be reached by Tab.
        if not (fault["id"] == "presentation-role-conflict" and 'role="presentation"' in html)
    ]
    assert found == []
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    box = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 90)
    page.get_by_role("button", name=words.OPEN).click()
    page.wait_for_selector(DRAWN)
    visitor.settle()
    assert "predict" in page.url
    assert "Miller" not in page.url
    assert "Miller" not in server_log.read_text("utf-8")
    visitor.go("Batch")
    page.get_by_text(words.DONE_BAD.format(judged=len(names), bad=1)).wait_for()


def test_a_running_batch_answers_clicks_and_can_be_halted(visit: Visit) -> None:
    visitor = visit("batch")
    page = visitor.page
    # So many that they take a while on any machine: a few go through the network together.
    film = io.BytesIO()
    rows, columns = np.mgrid[:1200, :1500]
    Image.fromarray((rows // 10 + columns // 20).astype(np.uint8)).save(film, "PNG")
    total = 250
    files = [
        {"name": f"{number}.png", "mimeType": "", "buffer": film.getvalue()}
        for number in range(total)
    ]
    page.locator("input[type=file]").set_input_files(files)

    def done_beyond(count: int) -> int:
        """Wait until more films are read than `count`; how many are."""
        expected = words.READING.format(done=r"(\d+)", total=total)
        found = page.wait_for_function(
            """([expected, count]) => {
              const found = document.body.innerText.match(new RegExp(expected));
              return found && Number(found[1]) > count ? Number(found[1]) : null;
            }""",
            arg=[expected, count],
        )
        return int(found.json_value())

    # By its key: Streamlit has a Stop of its own while a page is drawn.
    halt = page.locator(".st-key-batch_halt button")
    first = done_beyond(0)
    second = done_beyond(first)
    assert second < total
    links = page.locator(".st-key-links")
    links.get_by_role("link", name="Models").click()
    page.wait_for_url("**/models?**")
    links.get_by_role("link", name="Batch").click()
    third = done_beyond(0)
    assert third >= second, "what was read is still there"
    halt.click()
    stopped = page.get_by_text(re.compile(words.STOPPED.format(done=r"\d+", total=total)))
    stopped.wait_for()
    halted = int(re.findall(r"\d+", stopped.inner_text())[0])
    assert third <= halted < total
    halt.click()
    done_beyond(halted)
    halt.click()
    page.get_by_role("button", name=words.CLEAR).click()
    page.get_by_text(words.NO_FILES).wait_for()
