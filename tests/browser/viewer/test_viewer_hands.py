"""The film viewer in a real Chromium: what mouse, fingers and keys do, and what is kept of it."""

import numpy as np
import pytest
from playwright.sync_api import expect

from pneumo_core.display import Contrast, Look, draw
from tests.browser.conftest import apart
from tests.browser.viewer.conftest import Reader
from tests.browser.viewer.page import PLACED, SMALL, made_film

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)


def test_the_wheel_zooms_about_the_pointer(reader: Reader) -> None:
    x, y = (middle + shift for middle, shift in zip(reader.middle(), (60, -45), strict=True))
    reader.page.mouse.move(x, y)
    before, scale = reader.under(x, y), reader.place()[2]
    for _ in range(3):
        reader.page.mouse.wheel(0, -200)
    reader.drawn()
    assert reader.place()[2] == pytest.approx(scale * np.exp(0.9), rel=0.02)
    assert np.abs(reader.under(x, y) - before).max() < 1
    assert reader.place("plain") == pytest.approx(reader.place(), abs=0.5), "both are linked"
    for _ in range(6):
        reader.page.mouse.wheel(0, 200)
    reader.drawn()
    assert reader.place()[2] == pytest.approx(scale, rel=0.01), "it ends with the whole film"


TURN = """([selector, at]) => {  // A turn of the wheel at a time of the test's own choosing, in ms.
  const host = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
    .find((one) => one.shadowRoot.querySelector(".viewer"))
  const place = host.shadowRoot.querySelector(selector) ?? document.querySelector(selector)
  const turn = new WheelEvent("wheel",
    { deltaY: -60, bubbles: true, cancelable: true, composed: true })
  Object.defineProperty(turn, "timeStamp", { value: at })
  place.dispatchEvent(turn)
  return turn.defaultPrevented
}"""


def test_a_page_that_is_scrolled_scrolls_on_over_the_film(reader: Reader) -> None:
    def turn(where: str, at: float) -> bool:
        """Whether the viewer took the turn for itself; else it scrolls the page."""
        return reader.page.evaluate(TURN, [where, at])

    scale, film = reader.place()[2], ".mapped .pane"
    assert not turn("h1", 1e9)
    assert not turn(film, 1e9 + 200)
    assert not turn(film, 1e9 + 400), "as long as it goes on"
    reader.drawn()
    assert reader.place()[2] == scale
    assert turn(film, 1e9 + 800), "at rest over the film it zooms"
    assert turn(film, 1e9 + 900)
    reader.drawn()
    assert reader.place()[2] == pytest.approx(scale * np.exp(0.18), rel=0.02)


def test_the_film_follows_the_hand_and_fills_its_frame(reader: Reader) -> None:
    reader.page.mouse.move(*reader.middle())
    reader.page.mouse.wheel(0, -700)
    reader.drawn()
    left, top, scale = reader.place()
    x, y = reader.middle()
    reader.page.mouse.down()
    reader.page.mouse.move(x - 40, y + 25, steps=4)
    reader.drawn()
    assert reader.place() == pytest.approx((left - 40, top + 25, scale), abs=1.1)
    reader.page.mouse.move(x - 5000, y - 5000)
    reader.drawn()
    reader.page.mouse.up()
    left, top, scale = reader.place()
    frame = reader.frame()
    height, width = SMALL.shape
    assert left + width * scale == pytest.approx(frame["width"], abs=1.5)
    assert top + height * scale == pytest.approx(frame["height"], abs=1.5)


def test_nothing_is_sent_before_a_release(reader: Reader) -> None:
    page = reader.page
    page.mouse.move(*reader.middle())
    reader.frames.clear()
    page.mouse.wheel(0, -500)
    page.mouse.down()
    page.mouse.move(*(each + 40 for each in reader.middle()), steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)
    assert reader.frames == [], "zoom and place are the browser's own"

    slider = page.locator(".opacity").bounding_box()
    y = slider["y"] + slider["height"] / 2
    page.mouse.move(slider["x"] + 8 + 0.6 * (slider["width"] - 16), y)
    page.mouse.down()
    for share in (0.5, 0.4, 0.3, 0.2):
        page.mouse.move(slider["x"] + 8 + share * (slider["width"] - 16), y)
        page.wait_for_timeout(100)
    assert page.locator(".percent").inner_text() == "20 %"
    assert reader.frames == []
    page.mouse.up()
    assert reader.heard()["opacity"] == 0.2
    assert reader.frames.count("sent") == 1


@pytest.mark.parametrize("button", ["right", "left"])
def test_a_drag_sets_the_window(reader: Reader, button: str) -> None:
    if button == "left":
        reader.do("contrast")
    frame, (x, y) = reader.frame(), reader.middle()
    before = reader.place()
    reader.frames.clear()
    reader.page.mouse.move(x, y)
    reader.page.mouse.down(button=button)
    reader.page.mouse.move(x + frame["width"] / 10, y - frame["height"] / 5, steps=4)
    reader.page.wait_for_timeout(400)
    assert reader.frames == []
    reader.page.mouse.up(button=button)
    contrast = reader.heard()["contrast"]
    assert contrast["centre"] == pytest.approx(0.3, abs=0.01), "up is brighter"
    assert contrast["width"] == pytest.approx(np.exp(-0.2), abs=0.01), "right is more contrast"
    assert reader.place() == before
    film = draw(SMALL, PLACED, Look(mode="off", contrast=Contrast(**contrast)))
    canvas = reader.canvas("plain")
    assert canvas.mean() == pytest.approx(film.mean(), abs=2)


def test_what_was_chosen_outlives_reruns_other_films_and_visits(reader: Reader) -> None:
    reader.page.locator("select").select_option("above")
    reader.do("in", "in", "invert", "contrast")
    zoom = reader.zoom()
    first = reader.heard()
    assert first["contrast"]["inverted"]
    assert reader.zoom() == zoom
    assert reader.page.locator("[data-do=contrast]").get_attribute("aria-pressed") == "true"

    for _ in range(2):
        reader.page.locator("label", has_text="Away").click()
        reader.settle()
    reader.page.wait_for_selector(".viewer .zoom:not(:empty)")
    assert reader.heard() == first
    assert reader.zoom() == zoom
    assert reader.page.locator("select").input_value() == "above"
    assert reader.page.locator("[data-do=invert]").get_attribute("aria-pressed") == "true"

    reader.page.locator("label", has_text="other").click()
    assert reader.heard() == {**first, "contrast": vars(Contrast())}
    assert reader.zoom() != zoom
    assert reader.page.locator("[data-do=invert]").get_attribute("aria-pressed") == "false"
    reader.page.locator("select").select_option("off")
    expected = draw(made_film("other"), PLACED, Look(mode="off"))
    reader.do("side", "actual")
    assert apart(reader.whole_film(), expected) <= 1


def test_a_film_travels_once(browser, address: str) -> None:
    reader = Reader(browser, address)
    received: list[int] = []
    reader.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    reader.look_at("large")
    assert max(received) > 2_000_000
    received.clear()
    reader.do("invert")
    assert reader.heard()["contrast"]["inverted"]
    assert 0 < sum(received) < 200_000
    reader.leave()


def test_the_keyboard_reaches_everything(reader: Reader) -> None:
    page = reader.page
    page.get_by_role("switch").or_(page.get_by_role("checkbox", name="Away")).first.focus()
    active = """() => {
      let element = document.activeElement
      while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
      return [element.dataset.do ?? element.className, element.matches(":focus-visible"),
              element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? ""]
    }"""
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        name, visible, label = page.evaluate(active)
        assert visible
        assert label.strip(), name
        reached.append(name.split()[0] if name else "mode")
        if name == "opacity":
            break
    tools = ["side", "out", "in", "fit", "actual", "contrast", "invert", "model", "full", "view"]
    assert reached == [*tools, "stage", "mode", "opacity"]

    page.keyboard.press("ArrowRight")
    assert page.locator(".percent").inner_text() == "65 %"
    stage = page.locator(".stage")
    stage.focus()
    start = reader.place()
    page.keyboard.press("1")
    reader.drawn()
    assert reader.zoom() == "100 %"
    for _ in range(6):
        page.keyboard.press("+")
    reader.drawn()
    near = reader.place()
    page.keyboard.press("ArrowRight")
    reader.drawn()
    assert reader.place()[0] == pytest.approx(near[0] - 0.1 * reader.frame()["width"], abs=1.5)
    expect(page.locator(".viewer [role=status]")).to_have_text(f"Zoom {reader.zoom()}")
    page.keyboard.press("0")
    for key in "imh":
        page.keyboard.press(key)
    reader.drawn()
    assert reader.place() == start
    for name in ("invert", "model"):
        assert page.locator(f"[data-do={name}]").get_attribute("aria-pressed") == "true"
    assert page.locator("select").input_value() == "off"

    page.locator("[data-do=view]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".panel")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate(active)[2] in ("", "Full") or page.evaluate(active)[1]
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    assert page.evaluate(active)[0] == "view"


def test_fingers_pinch_and_move(browser, address: str) -> None:
    reader = Reader(browser, address, has_touch=True, viewport={"width": 800, "height": 1000})
    reader.look_at("small")
    touch = reader.context.new_cdp_session(reader.page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    x, y = reader.middle()
    before, scale = reader.under(x, y), reader.place()[2]
    send("touchStart", (x - 30, y))
    send("touchStart", (x - 30, y), (x + 30, y))
    for reach in (40, 50, 60):
        send("touchMove", (x - reach, y), (x + reach, y))
    send("touchEnd")
    reader.drawn()
    assert reader.place()[2] == pytest.approx(2 * scale, rel=0.05)
    assert np.abs(reader.under(x, y) - before).max() < 2
    left, top, _ = reader.place()
    send("touchStart", (x, y))
    for step in (10, 20, 30):
        send("touchMove", (x + step, y + step))
    send("touchEnd")
    reader.drawn()
    assert reader.place()[:2] == pytest.approx((left + 30, top + 30), abs=2)
    reader.leave()
