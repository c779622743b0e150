"""A clinician's round in a real Chromium: a DICOM film in, a report out; all by keyboard alone."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from pypdf import PdfReader

from pneumo_core.detector import PneumoniaDetector
from pneumo_core.runs import Run
from tests.browser.conftest import Visit, Visitor
from tests.browser.test_looks import MAIN, query
from tests.dicom_files import dicom
from ui import numbers
from ui.words import predict as words
from ui.words import report

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)

NAME = "Miller^Anna"


def as_dicom(content: bytes) -> bytes:
    """A grey film of 8 bits as a scanner would send it: 12 bits, with somebody's name."""
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(np.uint16)
    window = {"WindowCenter": 2040, "WindowWidth": 4080, "VOILUTFunction": "LINEAR_EXACT"}
    tags = {"PatientName": NAME, "PatientAge": "004Y", "ViewPosition": "AP"}
    return dicom(grey * 16, bits=12, **window, **tags)


def walk(visitor: Visitor, film: bytes) -> bytes:
    """Open, upload, read, zoom, fade the map, save.

    Args:
        visitor: On any page.
        film: A DICOM file.

    Returns:
        The report, a PDF.
    """
    page = visitor.page
    visitor.go("Predict")
    visitor.upload(film, "IM0001")
    expect(page.locator(".st-key-probability")).to_be_visible()
    stage = page.locator(".viewer .stage")
    stage.focus()
    for _ in range(3):
        page.keyboard.press("+")
    page.locator(".viewer .opacity").fill("20")
    visitor.settle()
    page.get_by_role("button", name=report.OPEN).click()
    return visitor.download(report.PDF)


@pytest.fixture(scope="module")
def film(film: bytes) -> bytes:
    """A DICOM of the test film that looks most like pneumonia to the tiny run."""
    return as_dicom(film)


def test_a_round_from_film_to_report(visit: Visit, tiny_run: Run, film: bytes) -> None:
    visitor = visit()
    pdf = walk(visitor, film)
    said = PneumoniaDetector(tiny_run).predict(film)
    shown = visitor.page.locator(".st-key-probability [data-testid=stMetricValue]").inner_text()
    assert shown == numbers.percent(said.probability)
    expect(visitor.page.locator("h2").first).to_have_text(words.CALLED[said.prediction])
    assert visitor.page.locator(".viewer .percent").inner_text() == "20 %"
    text = " ".join(
        " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split()
    )
    assert shown in text
    assert "Miller" not in text


def test_a_pasted_film_is_read_as_if_it_had_been_chosen(
    visit: Visit, tiny_run: Run, film: bytes
) -> None:
    visitor = visit("predict")
    visitor.page.evaluate(
        """bytes => {
          const clipboardData = new DataTransfer()
          clipboardData.items.add(new File([new Uint8Array(bytes)], "IM0001"))
          document.body.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))
        }""",
        list(film),
    )
    value = visitor.page.locator(".st-key-probability [data-testid=stMetricValue]")
    expect(value).to_have_text(
        numbers.percent(PneumoniaDetector(tiny_run).predict(film).probability)
    )
    visitor.settle()


CONTROLS = """() => {  // Numbers everything that a mouse can use, also inside of components.
const wanted = "a[href], button, input, select, textarea, summary, [tabindex], [role=button], "
  + "[role=slider], [role=tab], [role=switch], [role=radio], [role=checkbox], [role=combobox]"
window.controls = []
const seek = (root) => {
  for (const one of root.querySelectorAll("*")) {
    if (one.shadowRoot) seek(one.shadowRoot)
    if (!one.matches(wanted) || one.disabled || one.closest("[inert], [aria-hidden=true]")) continue
    if (one.tabIndex < 0 && !one.matches("button, [role]")) continue
    const box = one.getBoundingClientRect()
    const seen = one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    if (seen && box.width > 2 && box.height > 2) window.controls.push(one)
  }
}
seek(document)
document.activeElement?.blur()
return window.controls.length
}"""

FOCUSED = """() => {
let one = document.activeElement
while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement
return [window.controls.indexOf(one), one === document.body || one === null]
}"""

MISSED = """reached => {
// Of several that belong together one is reached by Tab, the others by the arrows.
const set = "[role=radiogroup], [role=tablist], [role=toolbar], [role=grid], [role=group]"
  + ":has([role=radio])"
const here = new Set(reached.map((i) => window.controls[i]))
const sets = new Set([...here].map((one) => one.closest(set)).filter(Boolean))
const inside = (one) => [...here].some((other) =>
  one.contains(other) || (other.matches("a, button, [role=button]") && other.contains(one)))
// What the small buttons of these do for the mouse, arrows and backspace do in their box.
const boxes = ["stSelectbox", "stMultiSelect", "stNumberInput"]
const opens = (one) => {
  const box = one.closest(boxes.map((name) => `[data-testid=${name}]`).join())
  return [...here].some((other) => other.matches("input") && box?.contains(other))
}
return window.controls
  .filter((one) => !opens(one) && !here.has(one) && !sets.has(one.closest(set)) && !inside(one))
  .map((one) => one.outerHTML.slice(0, 200))
}"""


def out_of_reach(visitor: Visitor) -> list[str]:
    """Markup of the controls that a mouse can use and Tab does not come to."""
    count = visitor.page.evaluate(CONTROLS)
    reached = set()
    for _ in range(3 * count):
        visitor.page.keyboard.press("Tab")
        number, left = visitor.page.evaluate(FOCUSED)
        if left and reached:
            break
        reached.add(number)
    return visitor.page.evaluate(MISSED, sorted(reached - {-1}))


@pytest.mark.parametrize("page", [*MAIN, "batch", "local", "session"])
def test_the_keyboard_alone_reaches_everything(visit: Visit, tiny_run: Run, page: str) -> None:
    visitor = visit()
    visitor.open(page, query(page, tiny_run))
    visitor.page.wait_for_selector(MAIN.get(page, "h1"))
    visitor.settle()
    assert out_of_reach(visitor) == []


def test_what_only_a_mouse_can_use_would_be_found(visit: Visit) -> None:
    visitor = visit("batch")
    visitor.page.evaluate(
        """() => document.querySelector("h1").insertAdjacentHTML(
          "afterend", '<div role="button" style="height: 9px">Mouse</div>')"""
    )
    (found,) = out_of_reach(visitor)
    assert "Mouse" in found
