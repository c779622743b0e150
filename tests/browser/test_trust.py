"""The trust panel in a real Chromium: the verdict does not wait for it, and two do not mix."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from pneumo_core.detector import PneumoniaDetector
from pneumo_core.runs import Run
from pneumo_core.trust import CHECKS
from pneumo_core.trust_words import QUESTIONS, overall
from tests.browser.conftest import Visit, Visitor
from ui.trust_panel import said
from ui.words import predict as words

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)

ORDER = """  // Keeps what was seen of the page, in the order in which it came.
window.order = []
const look = () => {
  const text = document.querySelector("[data-testid=stMain]")?.innerText ?? ""
  const host = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
  const map = host.some((each) => each.shadowRoot?.querySelector(".viewer .zoom")?.textContent)
  const seen = {
    // First here: were it drawn together with the others, it would come before them.
    checked: text.includes(FIRST_ANSWER),
    verdict: /Called (pneumonia|normal)/.test(text),
    map,
    progress: document.querySelector("[data-testid=stProgress]"),
  }
  for (const [name, here] of Object.entries(seen)) {
    if (here && !order.includes(name)) order.push(name)
  }
  requestAnimationFrame(look)
}
look()
"""


@pytest.fixture(scope="module")
def films(tiny_run: Run, tiny_data: Path) -> list[bytes]:
    """The test films that look most and least like pneumonia to the tiny run."""
    scores = tiny_run.scores("test")
    ids = scores["id"].iloc[[scores["logit"].idxmax(), scores["logit"].idxmin()]]
    return [(tiny_data / "chest_xray" / name).read_bytes() for name in ids]


def panel(visitor: Visitor) -> Locator:
    return visitor.page.locator(".st-key-trust")


def checked(visitor: Visitor) -> None:
    """Wait until the panel has its answers."""
    expect(panel(visitor).get_by_text(words.FIGURES)).to_be_visible()
    expect(panel(visitor).get_by_test_id("stProgress")).to_have_count(0)
    visitor.settle()


def test_the_verdict_and_the_map_are_there_before_the_checks_are_done(
    visit: Visit, tiny_run: Run, films: list[bytes]
) -> None:
    visitor = visit("predict")
    detector = PneumoniaDetector(tiny_run)
    found = detector.trust(films[0])
    script = ORDER.replace("FIRST_ANSWER", repr(said(found, "faithful")))
    visitor.page.evaluate("() => {" + script + "}")
    visitor.upload(films[0], "Jane_Doe_1961.png")
    checked(visitor)
    order = visitor.page.evaluate("order")
    # The bar may come and go between two frames of a busy browser.
    assert sorted({*order, "progress"}) == ["checked", "map", "progress", "verdict"]
    # The film is drawn by the browser, in its own time; the server has sent it before.
    assert order.index("verdict") < order.index("checked")
    text = panel(visitor).inner_text()
    for check in CHECKS:
        assert QUESTIONS[check] in text
        assert said(found, check) in text
    assert overall(found).partition(":")[2].strip() in text
    visitor.page.get_by_text(words.COMPARE_HEADING).click()
    expect(visitor.page.locator(".st-key-methods img")).to_have_count(8)
    assert [url for url in visitor.urls if "Jane" in url] == []
    assert set(parse_qs(urlsplit(visitor.page.url).query)) <= {"run", "threshold"}


def test_a_film_that_comes_meanwhile_is_read_at_once(
    visit: Visit, tiny_run: Run, films: list[bytes]
) -> None:
    visitor = visit("predict")
    visitor.give(films[0])
    expect(visitor.page.locator("h2").first).to_have_text("Called pneumonia")
    visitor.give(films[1])
    expect(visitor.page.locator("h2").first).to_have_text("Called normal")
    checked(visitor)
    expect(visitor.page.locator("h2").first).to_have_text("Called normal")
    found = PneumoniaDetector(tiny_run).trust(films[1])
    expect(panel(visitor)).to_contain_text(said(found, "place"))


def test_two_at_once_get_the_maps_and_checks_they_get_alone(
    visit: Visit, tiny_run: Run, films: list[bytes]
) -> None:
    detector = PneumoniaDetector(tiny_run)
    visitors = [visit("predict"), visit("predict")]
    for order in (films, films[::-1]):
        for visitor, film in zip(visitors, order, strict=True):
            visitor.give(film)
        for visitor, film in zip(visitors, order, strict=True):
            checked(visitor)
            found = detector.trust(film)
            expect(panel(visitor)).to_contain_text(said(found, "faithful"))
            expect(panel(visitor)).to_contain_text(said(found, "place"))
            visitor.looks_at(detector.explain(film).overlay())


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_panel_and_methods_do_not_stand_in_the_way_of_assistive_technology(
    visit: Visit, tiny_run: Run, scheme: str, width: int
) -> None:
    sample = "?sample=" + tiny_run.scores("test")["id"].iloc[-1]
    visitor = visit(
        "predict", sample, color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    checked(visitor)
    visitor.page.get_by_text(words.COMPARE_HEADING).click()
    expect(visitor.page.locator(".st-key-methods img")).to_have_count(8)
    panel(visitor).get_by_text(words.FIGURES).click()
    visitor.settle()
    found = Axe().run(visitor.page).response["violations"]
    assert [(fault["id"], [node["html"][:300] for node in fault["nodes"]]) for fault in found] == []
    assert visitor.page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth"
    )
