"""The live control in a real Chromium: it follows the hand, and the server hears of the release."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from pneumo_core.confusion import confusion_at
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import SCORES_FILE, Run, read_run
from tests.pages.threshold.conftest import made_scores

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def made_run(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run with made-up scores."""
    folder = tmp_path_factory.mktemp("weights") / "made"
    shutil.copytree(tiny_run.path, folder)
    made_scores(tiny_run.temperature).to_csv(folder / SCORES_FILE, index=False)
    return read_run(folder)


@pytest.fixture(scope="module")
def address(made_run: Run) -> Iterator[str]:
    """A dashboard that shows the run."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "PNEUMO_WEIGHTS": str(made_run.path.parent)}
    server = subprocess.Popen(command, cwd=PROJECT_FOLDER, env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                assert time.monotonic() < deadline, "the dashboard did not start"
                time.sleep(0.2)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(10)


class Lab:
    """The page in a browser, and what it says to the server."""

    def __init__(self, page, address, query=""):
        self.page = page
        self.traffic: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.traffic.append(request.url))
        page.on("websocket", self._listen)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{address}/threshold{query}")
        page.wait_for_selector(".histogram .cut", timeout=60_000, state="attached")
        self.settle()

    def _listen(self, socket):
        socket.on("framesent", lambda _: self.traffic.append("sent"))
        socket.on("framereceived", lambda _: self.traffic.append("received"))

    def settle(self):
        """Wait until nothing has passed between page and server for a while."""
        seen = -1
        while seen != len(self.traffic):
            seen = len(self.traffic)
            self.page.wait_for_timeout(700)

    def counts(self):
        return tuple(
            int(self.page.locator(f"[data-cell={cell}] b").inner_text())
            for cell in ("tp", "fp", "tn", "fn")
        )

    @property
    def threshold(self):
        return float(self.page.locator(".typed").input_value())

    def thumb(self):
        """Where the middle of the slider's thumb is."""
        slider = self.page.locator(".slider")
        box, value = slider.bounding_box(), float(slider.evaluate("slider => slider.value"))
        return box["x"] + 10 + value * (box["width"] - 20), box["y"] + box["height"] / 2

    def middle_of(self, selector):
        box = self.page.locator(selector).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def lab(browser, address: str) -> Iterator[Lab]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    lab = Lab(context.new_page(), address)
    yield lab
    assert not lab.faults
    context.close()


def expected(run: Run, threshold: float, split: str = "val"):
    scores = run.scores(split)
    counts = confusion_at(scores["label"], scores["probability"], threshold)
    return counts.tp, counts.fp, counts.tn, counts.fn


def test_everything_follows_the_thumb_before_release(lab: Lab, made_run: Run) -> None:
    before, (x, y) = lab.counts(), lab.thumb()
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.traffic.clear()
    for step in range(1, 11):
        lab.page.mouse.move(x - 25 * step, y)
    lab.page.wait_for_timeout(100)
    assert lab.counts() != before
    assert lab.counts() == expected(made_run, lab.threshold)
    line, point = lab.middle_of(".histogram .cut"), lab.middle_of("[data-curve=roc] .point")
    assert line[0] == pytest.approx(lab.thumb()[0], abs=1.5)
    roc = lab.page.locator("[data-curve=roc]").bounding_box()
    tp, fp, tn, fn = lab.counts()
    across = (point[0] - roc["x"] - 40) / (roc["width"] - 54)
    assert across == pytest.approx(fp / (fp + tn), abs=0.01)
    upwards = (roc["y"] + roc["height"] - 42 - point[1]) / (roc["height"] - 56)
    assert upwards == pytest.approx(tp / (tp + fn), abs=0.01)
    assert lab.traffic == []

    lab.page.mouse.up()
    lab.settle()
    assert lab.traffic
    assert f"at={lab.threshold:g}" in lab.page.url
    spoken = lab.page.locator(".lab [role=status]").text_content()
    assert spoken.startswith(
        f"Threshold {lab.threshold:.3f}: sensitivity {100 * tp / (tp + fn):.1f}"
    )


def test_the_redrawing_keeps_up_with_the_screen(lab: Lab) -> None:
    slowest = lab.page.evaluate(
        """() => new Promise((done) => {
          const root = document.querySelector("[data-testid=stBidiComponentIsolated]").shadowRoot;
          const slider = root.querySelector(".slider");
          const times = [];
          const step = () => {
            if (times.length === 40) return done(times.sort((a, b) => a - b)[20]);
            slider.value = Math.random();
            slider.dispatchEvent(new Event("input"));
            const start = performance.now();
            requestAnimationFrame(() => {
              root.querySelector(".cut").getBoundingClientRect();
              times.push(performance.now() - start);
              step();
            });
          };
          step();
        })"""
    )
    assert slowest < 50  # three frames, on a machine that is busy with other tests


def test_keys_move_it_and_a_typed_value_sets_it(lab: Lab, made_run: Run) -> None:
    slider, typed = lab.page.locator(".slider"), lab.page.locator(".typed")
    slider.focus()
    start = lab.threshold
    lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_timeout(100)
    assert lab.threshold > start
    lab.page.keyboard.press("Home")
    lab.page.wait_for_timeout(100)
    assert lab.counts() == (40, 20, 0, 0)
    lab.page.keyboard.press("Shift+ArrowRight")
    lab.page.wait_for_timeout(100)
    assert sum(lab.counts()[2:]) == 1  # one case at a time
    lab.page.keyboard.press("End")
    lab.page.wait_for_timeout(100)
    assert lab.counts() == (0, 0, 20, 40)
    typed.fill("31 %")
    lab.page.keyboard.press("Enter")
    lab.settle()
    assert lab.threshold == 0.31
    assert lab.counts() == expected(made_run, 0.31)
    assert slider.get_attribute("aria-valuetext").startswith("0.310, sensitivity")
    typed.fill("nonsense")
    assert typed.get_attribute("aria-invalid") == "true"
    lab.page.keyboard.press("Enter")
    assert lab.threshold == 0.31


def test_a_click_on_the_roc_curve_takes_its_nearest_point(lab: Lab, made_run: Run) -> None:
    roc = lab.page.locator("[data-curve=roc]")
    box = roc.bounding_box()
    roc.click(position={"x": 40, "y": box["height"] / 2})
    lab.settle()
    tp, fp, _, _ = lab.counts()
    assert fp == 0
    assert tp == pytest.approx(40 * 0.5, abs=3)
    assert lab.counts() == expected(made_run, lab.threshold)


def test_a_rule_moves_the_thumb_and_use_reaches_the_other_pages(lab: Lab, made_run: Run) -> None:
    lab.page.get_by_role("button", name="Find it").click()
    lab.settle()
    assert lab.counts()[0] >= 0.97 * 40
    assert lab.counts() == expected(made_run, lab.threshold)
    lab.page.get_by_role("button", name=re.compile("^Use .* instead$")).click()
    lab.settle()
    chosen = lab.threshold
    lab.page.get_by_role("link", name="Overview").first.click()
    lab.settle()
    shown = re.search(r"threshold=([\d.]+)", lab.page.url)
    assert float(shown[1]) == pytest.approx(chosen, abs=6e-4)
    lab.page.get_by_role("link", name="Threshold").first.click()
    lab.page.wait_for_selector(".histogram .cut", state="attached")
    lab.settle()
    assert lab.threshold == chosen


def test_a_link_reopens_it_and_a_reload_keeps_it(browser, address: str, made_run: Run) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 1000})
    lab = Lab(context.new_page(), address, "?at=0.37&split=test")
    assert (lab.threshold, lab.counts()) == (0.37, expected(made_run, 0.37, "test"))
    lab.page.reload()
    lab.page.wait_for_selector(".histogram .cut", state="attached")
    lab.settle()
    assert (lab.threshold, lab.counts()) == (0.37, expected(made_run, 0.37, "test"))
    # Nothing of the page is wider than the window.
    assert lab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_a_cell_leads_to_its_cases(lab: Lab) -> None:
    lab.page.locator("[data-cell=fn] button").click()
    lab.page.wait_for_url(re.compile(r"/misclassified\?"))
    assert "cell=fn" in lab.page.url
    assert "split=val" in lab.page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_assistive_technology(
    browser, address: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme=scheme)
    lab = Lab(context.new_page(), address)
    found = Axe().run(lab.page).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []
    context.close()
