"""The guided tour by keyboard alone, and what assistive technology finds on the way."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DRAWN, Visit, Visitor
from tests.browser.test_looks import faults
from ui.tour import STEPS

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)


def begin(visitor: Visitor) -> None:
    """Start the tour by keyboard."""
    start = visitor.page.get_by_role("button", name="Take the tour")
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        if start.evaluate("start => start.matches(':focus')"):
            break
    visitor.page.keyboard.press("Enter")


def card(visitor: Visitor, number: int) -> None:
    """Wait for the card of a step; the button that leads on has the focus."""
    name = f"Guided tour, step {number} of {len(STEPS)}"
    expect(visitor.page.get_by_role("region", name=name)).to_be_visible()
    visitor.settle()
    expect(visitor.page.locator(".st-key-tour_next button")).to_be_focused()


def test_the_keyboard_alone_walks_the_tour(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    begin(visitor)
    for number, step in enumerate(STEPS, 1):
        card(visitor, number)
        assert urlsplit(page.url).path.strip("/") == step.page.replace("overview", "")
        if step.name == "map":
            page.wait_for_selector(DRAWN)
        mark = page.locator(step.mark).first
        expect(mark).to_be_in_viewport()
        assert mark.evaluate("mark => getComputedStyle(mark).outlineStyle") == "solid"
        assert faults(visitor) == []
        page.keyboard.press("Enter")
    expect(page.locator(".st-key-tour")).to_have_count(0)
    assert urlsplit(page.url).path == "/batch"


def test_the_card_moves_nothing_and_hides_nothing_for_good(visit: Visit) -> None:
    visitor = visit(color_scheme="dark", viewport={"width": 800, "height": 1000})
    page = visitor.page
    main = page.get_by_test_id("stMain")
    place = """main => [...main.querySelectorAll("h1, h2, .st-key-notice")].map((part) => {
      const fixed = part.closest(".st-key-notice") ? 0 : main.scrollTop
      return Math.round(part.getBoundingClientRect().y + fixed)
    })"""
    before = main.evaluate(place)
    begin(visitor)
    card(visitor, 1)
    assert main.evaluate(place) == before
    assert faults(visitor) == []
    # At the end of the page all of it stands above the card.
    main.evaluate("main => main.scrollTo({ top: main.scrollHeight, behavior: 'instant' })")
    last = page.locator(".st-key-model").bounding_box()
    assert last["y"] + last["height"] < page.locator(".st-key-tour").bounding_box()["y"]
    page.locator(".st-key-tour_next button").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-tour")).to_have_count(0)


def test_nothing_stands_in_the_way_of_whoever_looks_up_a_term(visit: Visit) -> None:
    visitor = visit("help", "?term=auc")
    page = visitor.page
    expect(page.locator(".glossary dt").first).to_have_text("AUC")
    assert faults(visitor) == []
    page.get_by_label("Search the glossary").fill("youden")
    expect(page.locator(".glossary dt").first).to_have_text("Youden's index")
    page.wait_for_url("**term=youden**")
