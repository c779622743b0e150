"""What the pages look like to assistive technology and to the eye: no faults, nothing jumps."""

import json
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from pneumo_core.detector import PneumoniaDetector
from pneumo_core.runs import Run
from tests.browser.conftest import Visit, Visitor

pytestmark = pytest.mark.browser

MAIN = {
    "": ".js-plotly-plot .main-svg",
    "predict": ".pane",
    "threshold": "[data-curve=roc]:has(.point)",
    "models": ".js-plotly-plot .main-svg",
    "misclassified": ".st-key-tiles > :first-child img",
    "help": ".st-key-help_looks img",
}
"""The part of each page that one looks at: its chart or its film."""


def query(page: str, run: Run) -> str:
    """What to open a page with so that there is something on it."""
    if page == "predict":
        return "?sample=" + run.scores("test")["id"].iloc[0]
    return "?cell=tp&threshold=0" if page == "misclassified" else ""


def faults(visitor: Visitor) -> list[tuple[str, str, str]]:
    """What axe finds, of any impact; of streamlit's own parts only the uploader is left out."""
    found = Axe().run(visitor.page).response["violations"]
    return [
        (visitor.page.url, fault["id"], html[:300])
        for fault in found
        for html in (node["html"] for node in fault["nodes"])
        if not (fault["id"] == "presentation-role-conflict" and "stFileUploaderDropzone" in html)
    ]


# Colours do not depend on the width, nor what is where on the scheme: each once is enough.
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_nothing_stands_in_the_way_of_assistive_technology(
    visit: Visit, tiny_run: Run, scheme: str, width: int
) -> None:
    visitor = visit(color_scheme=scheme, viewport={"width": width, "height": 1000})
    dark = visitor.page.evaluate("getComputedStyle(document.querySelector('.stApp')).color")
    assert (dark == "rgb(247, 250, 252)") == (scheme == "dark")
    found = faults(visitor)
    pages = ("predict", "batch", "threshold", "models", "misclassified", "local", "session", "help")
    for page in pages:
        visitor.open(page, query(page, tiny_run))
        visitor.page.wait_for_selector(MAIN.get(page, "h1"))
        found += faults(visitor)
        # Nothing of the page is wider than the window.
        assert visitor.page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth"
        )
    assert found == []


WATCH = """  // Keeps where the main part has been, from the first frame in which it can be seen.
window.boxes = []
const find = (root) => {
  const found = root.querySelector(SELECTOR)
  if (found) return found
  for (const host of root.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
    const inside = host.shadowRoot && find(host.shadowRoot)
    if (inside) return inside
  }
}
const look = () => {
  const box = find(document)?.getBoundingClientRect()
  const shown = document.querySelector(".st-key-body")?.clientHeight > 1
  if (shown && box?.width && box.height) {
    const now = [box.x, box.y, box.width, box.height]
    if (window.boxes.at(-1)?.join() !== now.join()) window.boxes.push(now)
  }
  requestAnimationFrame(look)
}
look()
"""


def moved(visitor: Visitor) -> float:
    """The most, in pixels, by which an edge of the main part has been away from where it is."""
    boxes = np.array(visitor.page.evaluate("boxes"))
    assert len(boxes), "it was never seen"
    return float(np.abs(boxes - boxes[-1]).max())


@pytest.mark.parametrize("page", MAIN)
def test_nothing_jumps_once_it_is_drawn(visit: Visit, tiny_run: Run, page: str) -> None:
    visitor = visit()
    # What a fast machine hides: the style sheet comes late.
    visitor.slow_down(4)
    visitor.page.add_init_script(WATCH.replace("SELECTOR", json.dumps(MAIN[page])))
    visitor.open(page, query(page, tiny_run))
    visitor.page.wait_for_selector(MAIN[page])
    visitor.settle()
    assert moved(visitor) <= 2


def test_another_film_takes_the_place_of_the_last(
    visit: Visit, tiny_run: Run, tiny_data: Path
) -> None:
    visitor = visit("predict")
    visitor.page.evaluate("() => {" + WATCH.replace("SELECTOR", json.dumps(MAIN["predict"])) + "}")
    first, second = (
        (tiny_data / "chest_xray" / name).read_bytes()
        for name in tiny_run.scores("test")["id"].iloc[[0, -1]]
    )
    visitor.upload(first)
    assert moved(visitor) <= 2
    visitor.give(second)
    visitor.looks_at(PneumoniaDetector(tiny_run).explain(second).overlay())
    visitor.settle()
    assert moved(visitor) <= 2
