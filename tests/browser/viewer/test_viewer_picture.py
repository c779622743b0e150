"""The film viewer in a real Chromium: what is on its canvas is what Python would draw."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from pneumo_core.colouring import overlay
from pneumo_core.display import Contrast, Look, draw
from tests.browser.conftest import apart
from tests.browser.viewer.conftest import Reader
from tests.browser.viewer.page import BOX, DEEP_LEVEL, NARROW, PLACED, SMALL, made_square

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)


def test_every_pixel_is_that_of_the_overlay(close: Reader) -> None:
    expected = overlay(SMALL, PLACED, 0.6)
    assert apart(close.whole_film(), expected) <= 1
    assert np.mean(close.whole_film() != expected) < 0.02, "only rounding sets them apart"
    close.page.locator(".opacity").fill("25")
    close.drawn()
    assert apart(close.whole_film(), overlay(SMALL, PLACED, 0.25)) <= 1


@pytest.mark.parametrize("mode", ["above", "off", "contour"])
def test_each_mode_is_as_python_draws_it(close: Reader, mode: str) -> None:
    close.page.locator("select").select_option(mode)
    close.page.locator("[data-do=view]").click()
    close.page.get_by_role("radio", name="Viridis").check()
    close.drawn()
    look = Look(mode=mode, colours="viridis", layout="single")
    expected, seen = draw(SMALL, PLACED, look), close.whole_film()
    if mode == "contour":  # whose lines are as wide as the screen has them
        grey = draw(SMALL, PLACED, replace(look, mode="off"))
        lines, drawn = ((each != grey).any(2) for each in (expected, seen))
        near = cv2.dilate(lines.astype(np.uint8), np.ones((5, 5))) > 0
        assert drawn.sum() > 500
        assert not (drawn & ~near).any()
        assert not (lines & ~(cv2.dilate(drawn.astype(np.uint8), np.ones((5, 5))) > 0)).any()
    else:
        edge = np.abs(PLACED - look.level) < 1e-4  # where rounding decides
        assert edge.mean() < 0.001
        # Where the map lies between two colours of the table, either may be taken.
        assert apart(seen[~edge], expected[~edge]) <= 3
        assert np.mean(seen != expected) < 0.02
    heard = close.heard()
    assert (heard["mode"], heard["colours"]) == (mode, "viridis")


def test_contrast_is_as_python_has_it(close: Reader) -> None:
    off = Look(mode="off", layout="single")
    close.page.locator("select").select_option("off")
    close.do("invert")
    inverted = Contrast(inverted=True)
    assert apart(close.whole_film(), draw(SMALL, PLACED, replace(off, contrast=inverted))) <= 1
    close.do("view")
    close.page.get_by_role("button", name="Lung", exact=True).click()
    heard = close.heard()["contrast"]
    assert heard["inverted"]
    assert 0.1 < heard["width"] < 0.9
    expected = draw(SMALL, PLACED, replace(off, contrast=Contrast(**heard)))
    assert apart(close.whole_film(), expected) <= 1
    close.page.get_by_role("button", name="Reset").click()
    close.page.locator(".equalise").check()
    close.drawn()
    equalised = cv2.createCLAHE(2.0, (8, 8)).apply(np.rint(SMALL * 255).astype(np.uint8))
    assert apart(close.whole_film()[..., 0], equalised) <= 1
    assert close.heard()["contrast"] == {**vars(Contrast()), "equalised": True}


def test_a_narrow_window_sees_what_8_bits_lose(close: Reader) -> None:
    close.page.locator("label", has_text="deep").click()
    close.settle()
    close.page.locator("select").select_option("off")
    close.do("actual", "view")
    close.page.get_by_role("button", name=NARROW.name).click()
    close.drawn()
    grey = ((DEEP_LEVEL - NARROW.centre) / NARROW.width + 0.5) * 255
    assert close.whole_film()[10, 10, 0] == pytest.approx(grey, abs=1)
    in_8_bits = (round(DEEP_LEVEL * 255) / 255 - NARROW.centre) / NARROW.width + 0.5
    assert abs(255 * in_8_bits - grey) > 10


def test_an_enlarged_pixel_stays_one(reader: Reader) -> None:
    reader.page.locator("select").select_option("off")
    reader.page.locator(".stage").focus()
    for _ in range(9):
        reader.page.keyboard.press("+")
    reader.drawn()
    left, top, scale = reader.place()
    assert scale > 5
    canvas = reader.canvas()[..., 0]
    rows, columns = (
        np.floor((np.arange(size) + 0.5 - start) / scale).astype(int)
        for size, start in zip(canvas.shape, (round(top), round(left)), strict=True)
    )
    expected = np.rint(SMALL * 255)[rows][:, columns]
    assert np.mean(canvas != expected) < 0.01
    assert len(np.unique(canvas[:, 0])) < len(canvas) / 4


def test_a_reduced_film_is_averaged(reader: Reader) -> None:
    reader.look_at("large")
    reader.page.locator("select").select_option("off")
    reader.drawn()
    canvas = reader.canvas()[..., 0].astype(float)
    height, width = canvas.shape
    ramp = np.linspace(30, 200, width)[None] + np.linspace(-20, 20, height)[:, None]
    inside = (slice(10, -10), slice(30, -10))
    away = (canvas - ramp)[inside]
    assert abs(away.mean()) < 0.5
    assert away.std() < 6, "of a noise of 12"


def test_the_models_view_shows_its_pixels_in_their_place(close: Reader) -> None:
    close.page.locator("select").select_option("off")
    close.do("invert", "model")
    film = close.whole_film()[..., 0]
    top, left, height, width = BOX
    square = film[top : top + height, left : left + width]
    assert np.array_equal(square, np.kron(made_square(), np.ones((10, 10), np.uint8)))
    dimmed = draw(SMALL, PLACED, Look(mode="off", contrast=Contrast(inverted=True)))[:, :left, 0]
    assert apart(film[:, :left], dimmed * 0.25) <= 1
    expect(close.page.locator(".mapped figcaption")).to_have_text(
        "What the network saw: 30 × 30 pixels"
    )


def test_a_large_film_is_redrawn_in_time(reader: Reader) -> None:
    reader.look_at("large")
    reader.do("side")
    times = reader.page.evaluate(
        """() => new Promise((done) => {
          const root = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
            .map((host) => host.shadowRoot).find((root) => root.querySelector(".viewer"));
          const slider = root.querySelector(".opacity");
          const times = [];
          const step = () => {
            if (times.length === 30) return done(times.sort((a, b) => a - b));
            let start;
            requestAnimationFrame(() => { start = performance.now(); });
            slider.value = 5 * (times.length % 20);
            slider.dispatchEvent(new Event("input"));
            requestAnimationFrame(() => {
              times.push(performance.now() - start);
              setTimeout(step);
            });
          };
          step();
        })"""
    )
    assert times[15] < 60  # on a machine that is busy with other tests; alone it takes 5


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800), ("dark", 360)])
def test_nothing_stands_in_the_way_of_assistive_technology(
    browser, address: str, scheme: str, width: int
) -> None:
    reader = Reader(
        browser, address, color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    reader.look_at("small")
    page = reader.page
    found = []
    for step in ("as it opens", "View", "Only above"):
        if step == "View":
            reader.do("view", "contrast")
            reader.do("view")
        elif step == "Only above":
            page.keyboard.press("Escape")
            page.locator("select").select_option("above")
            reader.heard()
        for fault in Axe().run(page).response["violations"]:
            found.append((step, fault["id"], [node["html"][:200] for node in fault["nodes"]]))
        main = "document.querySelector('[data-testid=stMain]').scrollWidth"
        assert page.evaluate(f"{main} <= innerWidth"), step
    assert found == []
    expect(page.locator(".tools")).to_have_css("height", re.compile(r"^3\d"))
    reader.leave()
