"""The Threshold page in a real Chromium: it follows the hand, and hands over what it shows."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from pneumo_core.confusion import confusion_at
from pneumo_core.runs import SCORES_FILE, Run, read_run
from tests.browser.dashboard import serving, settle
from tests.pages.threshold.conftest import made_scores

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made_run(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run with made-up scores."""
    folder = tmp_path_factory.mktemp("weights") / "made"
    shutil.copytree(tiny_run.path, folder)
    made_scores(tiny_run.temperature).to_csv(folder / SCORES_FILE, index=False)
    return read_run(folder)


@pytest.fixture(scope="module")
def address(made_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard that shows the run."""
    log = tmp_path_factory.mktemp("dashboard") / "server.log"
    with serving(log, PNEUMO_WEIGHTS=str(made_run.path.parent)) as served:
        yield served


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
        settle(self.page)

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


def test_every_frame_shows_where_the_thumb_is(lab: Lab) -> None:
    behind = lab.page.evaluate(
        """() => new Promise((done) => {
          const root = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
            .map((one) => one.shadowRoot).find((one) => one.querySelector(".slider"));
          const [slider, cut] = [root.querySelector(".slider"), root.querySelector(".cut")];
          let behind = 0;
          const step = (number) => {
            if (number === 40) return done(behind);
            const before = cut.getBoundingClientRect().x;
            slider.value = (number * 0.37 + 0.1) % 1;
            slider.dispatchEvent(new Event("input"));
            requestAnimationFrame(() => requestAnimationFrame(() => {
              behind += cut.getBoundingClientRect().x === before;
              step(number + 1);
            }));
          };
          step(0);
        })"""
    )
    assert behind == 0


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


@pytest.fixture(scope="module")
def own_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 films of two hospitals, scored by no model of ours."""
    rng = np.random.default_rng(8)
    path = tmp_path_factory.mktemp("own") / "own.csv"
    lines = ["label,score,hospital"]
    for i in range(500):
        score = 1 / (1 + np.exp(-rng.normal(2.0 * (i % 2) - 1, 1.2)))
        lines.append(f"{i % 2},{score:.6f},{'north' if i % 3 else 'south'}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def bring(lab: Lab, path: Path) -> None:
    """Turn to the own scores and upload a file."""
    lab.page.get_by_text("Your own scores").click()
    lab.page.wait_for_selector("input[type=file]", state="attached")
    lab.page.set_input_files("input[type=file]", path)
    lab.page.get_by_text("images of your own").wait_for()
    lab.page.wait_for_selector(".histogram .cut", state="attached")
    lab.settle()


def test_own_scores_get_the_same_control_and_leave_the_model_alone(
    lab: Lab, own_file: Path
) -> None:
    before = lab.page.url
    bring(lab, own_file)
    labels, scores = np.genfromtxt(own_file, delimiter=",", skip_header=1, usecols=(0, 1)).T
    x, y = lab.thumb()
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.traffic.clear()
    lab.page.mouse.move(x + 140, y, steps=5)
    lab.page.wait_for_timeout(100)
    counts = confusion_at(labels, scores, lab.threshold)
    assert lab.counts() == (counts.tp, counts.fp, counts.tn, counts.fn)
    assert counts.fn + counts.tn not in (0, 500)
    assert lab.traffic == []
    lab.page.mouse.up()
    lab.settle()
    assert lab.page.locator("[data-cell] button").count() == 0
    assert lab.page.get_by_role("button", name=re.compile("^Use .* instead$")).count() == 0
    assert lab.page.url == before
    lab.page.get_by_role("tab", name="By group").click()
    lab.page.get_by_role("cell", name="north").first.wait_for()
    lab.page.get_by_text("This model", exact=True).click()
    # The control of the own scores stays until that of the model has taken its place.
    expect(lab.page.get_by_text("images of your own")).to_have_count(0, timeout=60_000)
    expect(lab.page.get_by_role("button", name="Save ROC as SVG")).to_have_count(1, timeout=60_000)
    lab.settle()
    assert lab.counts()[0] + lab.counts()[3] == 40


def saved(lab: Lab, click, folder: Path) -> Path:
    """The file that a click hands to the browser's downloads."""
    with lab.page.expect_download() as download:
        click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_pictures_can_be_taken_away(lab: Lab, tmp_path: Path) -> None:
    lab.page.locator("[data-picture=roc]").hover()
    svg, png = (
        saved(lab, lab.page.get_by_role("button", name=f"Save ROC as {kind}").click, tmp_path)
        for kind in ("SVG", "PNG")
    )
    assert svg.name == f"made-val-roc-{lab.threshold:.3f}.svg"
    picture = ElementTree.parse(svg).getroot()
    assert picture.get("aria-label").startswith("ROC curve. At the threshold")
    assert f"threshold {lab.threshold:.3f}" in "".join(picture.itertext()).lower()
    assert "var(" not in svg.read_text("utf-8")
    with Image.open(png) as image:
        assert image.size == tuple(2 * round(float(picture.get(k))) for k in ("width", "height"))
        assert len(image.convert("RGB").getcolors(10**6)) > 20

    lab.page.get_by_role("tab", name="Calibration").click()
    chart = lab.page.locator(".js-plotly-plot")
    chart.scroll_into_view_if_needed()
    chart.hover()
    plotly = saved(lab, chart.locator(".modebar-btn").click, tmp_path)
    assert plotly.name == "reliability.svg"
    assert "Promised probability" in "".join(ElementTree.parse(plotly).getroot().itertext())


def test_point_table_and_summary_can_be_taken_away(lab: Lab, made_run: Run, tmp_path: Path) -> None:
    lab.page.get_by_role("tab", name="Take away").click()
    button = lab.page.get_by_role("button", name="This operating point, JSON")
    point = json.loads(saved(lab, button.click, tmp_path).read_text("utf-8"))
    assert point["threshold"] == made_run.operating_point.threshold
    assert (point["run"], point["split"]) == ("made", made_run.operating_point.split)
    button = lab.page.get_by_role("button", name="Every threshold")
    table = saved(lab, button.click, tmp_path)
    assert table.name == "made-val-thresholds.csv"
    assert table.read_text("utf-8").splitlines()[1].startswith("0.0,40,20,0,0,1.0,0.0,")
    summary = saved(lab, lab.page.get_by_role("button", name="One-page summary").click, tmp_path)
    counts = expected(made_run, made_run.operating_point.threshold)
    assert f"{counts[0]} found" in summary.read_text("utf-8")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_nothing_stands_in_the_way_of_assistive_technology(
    browser, address: str, own_file: Path, scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    size = {"width": width, "height": 1000}
    visitor = browser.new_context(viewport=size, color_scheme=scheme)
    lab = Lab(visitor.new_page(), address)
    tabs = [tab.inner_text() for tab in lab.page.get_by_role("tab").all()]

    def check(place: str) -> None:
        # Streamlit's own drop zone has a role that its label overrules, which harms nobody.
        context = {"exclude": [["[data-testid=stFileUploaderDropzone]"]]}
        found = Axe().run(lab.page, context).response["violations"]
        faults = [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found]
        assert (place, faults) == (place, [])
        assert lab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    lab.page.get_by_role("button", name="Find it").click()
    lab.settle()
    for name in tabs:
        lab.page.get_by_role("tab", name=name).click()
        lab.settle()
        check(name)
    lab.page.get_by_text("Your own scores").click()
    lab.page.wait_for_selector("input[type=file]", state="attached")
    lab.settle()
    check("before a file")
    bring(lab, own_file)
    check("own scores")
    visitor.close()
