"""The main path as somebody new walks it in a real Chromium: film, verdict, threshold, errors."""

import io
import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from pneumo_core.confusion import confusion_at
from pneumo_core.datasets import find_dataset
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.errors import DataError, ImageError, RunError
from pneumo_core.explain_audit import best_reading
from pneumo_core.images import read_image
from pneumo_core.runs import Run, default_run
from tests.browser.conftest import DRAWN, Visit, Visitor, apart
from tests.browser.dashboard import serving

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)
PAGES = ["", "predict", "batch", "threshold", "models", "misclassified", "local", "session", "help"]
CELLS = {
    "fn": "Missed pneumonia",
    "fp": "False alarms",
    "tp": "Found pneumonia",
    "tn": "Cleared normals",
}


@pytest.fixture(scope="module")
def detector(tiny_run: Run) -> PneumoniaDetector:
    return PneumoniaDetector(tiny_run)


@pytest.fixture(scope="module")
def clear_film(tiny_run: Run, tiny_data: Path) -> bytes:
    """The file of the one that looks least like it."""
    scores = tiny_run.scores("test")
    return (tiny_data / "chest_xray" / scores["id"][scores["logit"].idxmin()]).read_bytes()


def percent(probability: float) -> str:
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def figure(visitor: Visitor) -> Locator:
    """The large figure of the Predict page."""
    return visitor.page.locator(".st-key-probability [data-testid=stMetricValue]")


def verdict(visitor: Visitor) -> Locator:
    return visitor.page.locator("h2").first


def grey(content: bytes) -> np.ndarray:
    """A grey film's own pixels, uint8 (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def counts(visitor: Visitor) -> dict[str, int]:
    """Counts of the four kinds of outcome, as the buttons of the Misclassified page have them."""
    main = visitor.page.get_by_test_id("stMainBlockContainer")
    expect(main).to_contain_text(f"{CELLS['tn']} (")  # a new browser fetches the buttons' script
    text = main.inner_text()
    return {cell: int(re.search(rf"{name} \((\d+)\)", text)[1]) for cell, name in CELLS.items()}


def expected_counts(run: Run, threshold: float, split: str = "test") -> dict[str, int]:
    scores = run.scores(split)
    at = confusion_at(scores["label"], scores["probability"], threshold)
    return {cell: getattr(at, cell) for cell in CELLS}


def test_the_overview_states_the_figures_of_the_run(visit: Visit, tiny_run: Run) -> None:
    page = visit().page
    test = tiny_run.metrics["test"]
    values = page.get_by_test_id("stMetricValue")
    expect(values).to_have_count(4)
    assert values.all_inner_texts() == [
        f"{test['auc'][0]:.3f}",
        f"{100 * test['sensitivity'][0]:.1f} %",
        f"{100 * test['specificity'][0]:.1f} %",
        f"{100 * test['accuracy_at_half']:.1f} %",
    ]
    text = page.get_by_test_id("stMainBlockContainer").inner_text()
    low, high = test["auc"][1:]
    assert f"95 % interval {low:.3f} to {high:.3f}" in text
    assert "Not a medical device" in text
    assert f"{tiny_run.operating_point.threshold:.3f}" in text


def test_an_upload_gets_its_verdict_and_its_map(
    visit: Visit, detector: PneumoniaDetector, film: bytes
) -> None:
    visitor = visit()
    visitor.go("Predict")
    visitor.upload(film)
    prediction = detector.predict(film)
    assert prediction.prediction == "Pneumonia", "the tiny run finds the planted sign"
    expect(figure(visitor)).to_have_text(percent(prediction.probability))
    expect(verdict(visitor)).to_have_text("Called pneumonia")
    frame = visitor.page.locator(".mapped .pane").bounding_box()
    assert frame["width"] / frame["height"] == pytest.approx(52 / 40, rel=0.01)
    explanation = detector.explain(film, target="Pneumonia")
    assert explanation.map.max() == 1
    visitor.looks_at(explanation.overlay())
    visitor.looks_at(explanation.overlay(0), "plain")
    scale = visitor.page.locator(".scale[aria-label]").get_attribute("aria-label")
    assert scale.startswith(f"Probability of pneumonia {percent(prediction.probability)}")


def test_the_map_fades_under_the_hand_without_the_server(
    visit: Visit, detector: PneumoniaDetector, film: bytes
) -> None:
    visitor = visit("predict")
    visitor.upload(film)
    explanation, slider = detector.explain(film), visitor.page.locator(".viewer .opacity")
    visitor.looks_at(explanation.overlay(0.6))
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    across, y = box["width"] - 16, box["y"] + box["height"] / 2
    opacities = []
    visitor.page.mouse.move(box["x"] + 8 + 0.6 * across, y)
    visitor.page.mouse.down()
    visitor.frames.clear()
    for share in (0.5, 0.4, 0.3, 0.2):
        visitor.page.mouse.move(box["x"] + 8 + share * across, y)
        opacities.append(float(slider.input_value()) / 100)
        visitor.drawn()
        assert visitor.away(explanation.overlay(opacities[-1])) <= 2
    visitor.page.wait_for_timeout(200)
    assert opacities == pytest.approx([0.5, 0.4, 0.3, 0.2], abs=0.051)
    assert visitor.frames == []
    visitor.page.mouse.up()
    visitor.page.wait_for_timeout(350)  # after this rest the viewer tells the server
    visitor.settle()
    assert "sent" in visitor.frames, "the download is to be as faded as the picture"
    visitor.looks_at(explanation.overlay(opacities[-1]))


def test_the_other_class_has_a_map_of_its_own(
    visit: Visit, detector: PneumoniaDetector, clear_film: bytes
) -> None:
    visitor = visit("predict")
    visitor.upload(clear_film)
    expect(verdict(visitor)).to_have_text("Called normal")
    maps = {
        name: detector.explain(clear_film, target=name).overlay()
        for name in ("Normal", "Pneumonia")
    }
    visitor.looks_at(maps["Normal"])
    visitor.page.get_by_role("radio", name="pneumonia").click()
    expect(visitor.page.get_by_text("Grad-CAM for “pneumonia”")).to_be_visible()
    visitor.settle()
    visitor.looks_at(maps["Pneumonia"])
    assert apart(maps["Normal"], maps["Pneumonia"]) > 20


def test_the_overlay_can_be_taken_away(
    visit: Visit, detector: PneumoniaDetector, film: bytes
) -> None:
    visitor = visit("predict")
    visitor.upload(film)
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="Download the overlay").click()
    assert download.value.suggested_filename == "pneumolens-pneumonia.png"
    taken = Image.open(download.value.path())
    assert (taken.format, taken.size) == ("PNG", (52, 40))
    expected = detector.explain(film, target="Pneumonia").overlay(0.6)
    assert np.array_equal(np.asarray(taken), expected)


def test_a_bad_file_gets_a_sentence_and_no_verdict(visit: Visit, film: bytes) -> None:
    visitor = visit("predict")
    visitor.upload(film)
    expect(figure(visitor)).to_be_visible()
    with pytest.raises(ImageError) as refusal:
        read_image(b"This is no picture.")
    visitor.give(b"This is no picture.", "film.png")
    alert = visitor.page.get_by_test_id("stAlert").filter(has_text=str(refusal.value))
    expect(alert).to_be_visible()
    visitor.settle()
    assert figure(visitor).count() == 0, "the film before must not be taken for this one"
    assert visitor.page.locator(".viewer").count() == 0
    assert "Traceback" not in visitor.page.content()
    visitor.upload(film)
    expect(figure(visitor)).to_be_visible()
    assert alert.count() == 0


def test_a_sample_is_at_hand(visit: Visit, tiny_run: Run) -> None:
    visitor = visit("predict")
    visitor.page.get_by_role("radio", name="A sample").click()
    visitor.page.wait_for_selector(DRAWN)
    visitor.settle()
    shown = parse_qs(urlsplit(visitor.page.url).query).get("sample", [None])[0]
    scores = tiny_run.scores("test").set_index("id")
    case = scores.iloc[0] if shown is None else scores.loc[shown]
    assert figure(visitor).inner_text() == percent(case["probability"])
    expect(visitor.page.get_by_text("Known answer")).to_be_visible()


def test_a_threshold_that_is_used_decides_on_every_page(
    visit: Visit, tiny_run: Run, film: bytes, detector: PneumoniaDetector
) -> None:
    visitor = visit("predict")
    visitor.upload(film)
    expect(verdict(visitor)).to_have_text("Called pneumonia")
    probability = detector.predict(film).probability
    threshold = round(min(0.9999, (1 + probability) / 2), 4)
    assert probability < threshold
    assert expected_counts(tiny_run, threshold) != expected_counts(
        tiny_run, tiny_run.operating_point.threshold
    )

    visitor.go("Threshold")
    typed = visitor.page.locator(".typed")
    typed.fill(str(threshold))
    typed.press("Enter")
    visitor.page.get_by_role("button", name=re.compile(r"^Use .* instead$")).click()
    visitor.page.wait_for_url(f"**threshold={threshold}*")
    visitor.settle()

    visitor.go("Predict")
    expect(verdict(visitor)).to_have_text("Called normal")
    visitor.go("Misclassified")
    assert counts(visitor) == expected_counts(tiny_run, threshold)
    link = visitor.page.url
    visitor.page.reload()
    visitor.page.wait_for_selector("h1")
    visitor.settle()
    assert counts(visitor) == expected_counts(tiny_run, threshold)

    elsewhere = visit("misclassified", "?" + urlsplit(link).query)
    assert counts(elsewhere) == expected_counts(tiny_run, threshold)
    elsewhere.go("Predict")
    elsewhere.upload(film)
    expect(verdict(elsewhere)).to_have_text("Called normal")


def test_the_mistakes_are_those_of_the_saved_scores(visit: Visit, tiny_run: Run) -> None:
    visitor = visit("misclassified", "?cell=tp")
    threshold = tiny_run.operating_point.threshold
    assert counts(visitor) == expected_counts(tiny_run, threshold)
    films = visitor.page.locator(".st-key-tiles [data-testid=stImage] img")
    expect(films).to_have_count(expected_counts(tiny_run, threshold)["tp"])
    visitor.page.get_by_role("radio", name="Validation").click()
    visitor.page.wait_for_url("**split=val*")
    visitor.settle()
    assert counts(visitor) == expected_counts(tiny_run, threshold, "val")


def test_heatmaps_of_mistakes_come_on_demand(visit: Visit) -> None:
    visitor = visit("misclassified", "?threshold=1")
    films = visitor.page.locator(".st-key-tiles [data-testid=stImage] img")
    expect(films).to_have_count(12)
    plain = [film.get_attribute("src") for film in films.all()]
    assert visitor.page.get_by_text("logit units").count() == 0
    visitor.page.get_by_text("Heatmaps", exact=True).click()
    expect(visitor.page.get_by_text("logit units")).to_have_count(12)
    visitor.settle()
    overlaid = [film.get_attribute("src") for film in films.all()]
    assert not set(plain) & set(overlaid)
    assert all(films.evaluate_all("films => films.map(film => film.naturalWidth > 0)"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_from_its_link_and_stays_quiet(visit: Visit, page: str) -> None:
    visitor = visit(page)  # on leaving, it has had no fault and has asked nobody else
    expect(visitor.page.locator("h1")).to_have_count(1)
    title = visitor.page.title()
    assert title, "a tab has a name"
    visitor.frames.clear()
    visitor.page.wait_for_timeout(500)
    assert visitor.frames == [], "a page that nobody touches has nothing to say"


def test_a_file_name_goes_into_no_address_and_no_log(
    visit: Visit, film: bytes, server_log: Path
) -> None:
    visitor = visit("predict")
    visitor.upload(film, "Jane_Doe_1961.png")
    visitor.give(b"This is no picture.", "Jane_Doe_1962.png")
    alert = visitor.page.get_by_test_id("stAlert").filter(has_text="of no kind we read")
    expect(alert).to_be_visible()
    visitor.go("Threshold")
    visitor.go("Predict")
    assert "Jane" not in visitor.page.url
    assert [url for url in visitor.urls if "Jane" in url] == []
    assert "Jane" not in server_log.read_text("utf-8")


def tab_to(visitor: Visitor, target: Locator, most: int = 60) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(most):
        visitor.page.keyboard.press("Tab")
        if target.evaluate("target => target.matches(':focus')"):
            return
    raise AssertionError(f"{most} times Tab did not reach {target}")


def test_the_keyboard_reaches_everything(visit: Visit, film: bytes, tmp_path: Path) -> None:
    visitor = visit()
    page = visitor.page
    tab_to(visitor, page.locator(".st-key-links").get_by_role("link", name="Predict"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/predict?**")
    visitor.settle()

    (tmp_path / "film.png").write_bytes(film)
    # The browser is asked early to hand the dialogue over: it takes a while until it does.
    with page.expect_file_chooser() as chooser:
        tab_to(visitor, page.get_by_test_id("stFileUploader").locator("button"))
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "film.png")
    page.wait_for_selector(DRAWN)
    visitor.settle()
    slider = page.locator(".viewer .opacity")
    tab_to(visitor, slider)
    before = float(slider.input_value())
    page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) == before + 5

    visitor.open("misclassified", "?threshold=1")
    tab_to(visitor, page.get_by_role("link", name="Open in Predict").first)
    page.keyboard.press("Enter")
    page.wait_for_url("**sample=**")
    page.wait_for_selector(DRAWN)


def test_two_at_once_never_see_each_others_film(
    visit: Visit, detector: PneumoniaDetector, film: bytes, clear_film: bytes
) -> None:
    one, two = visit("predict"), visit("predict")
    for first, second in ((film, clear_film), (clear_film, film)):
        for visitor, content in ((one, first), (two, second)):
            visitor.give(content)
        for visitor, content in ((one, first), (two, second)):
            called = "Called pneumonia" if content is film else "Called normal"
            expect(verdict(visitor)).to_have_text(called)
            visitor.settle()
            expect(verdict(visitor)).to_have_text(called)
            visitor.looks_at(detector.explain(content).overlay())
            visitor.looks_at(grey(content), "plain")


@pytest.fixture
def real_film() -> Path:
    """A film of the folder data set with pneumonia."""
    try:
        folder = find_dataset("chest_xray")
    except DataError as error:
        pytest.skip(f"needs a real film: {error}")
    return next(iter(sorted((folder / "test" / "PNEUMONIA").iterdir())))


def test_the_default_model_reads_a_real_film(
    browser, real_film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PNEUMO_WEIGHTS", raising=False)
    try:
        detector = PneumoniaDetector(default_run())
    except RunError as error:
        pytest.skip(f"needs the default run: {error}")
    with serving(tmp_path / "server.log") as address:
        visitor = Visitor(browser, address)
        visitor.open("predict")
        start = time.monotonic()
        visitor.upload(real_film.read_bytes(), "film.jpeg")
        took = time.monotonic() - start
        prediction = detector.predict(real_film)
        assert figure(visitor).inner_text() == percent(prediction.probability)
        assert verdict(visitor).inner_text() == f"Called {prediction.prediction.lower()}"
        method, layer = best_reading(detector.run)
        explanation = detector.explain(real_film, method, prediction.prediction, layer)
        assert explanation.map.max() == 1
        visitor.looks_at(explanation.overlay())
        assert took < 60, "the model and its libraries are loaded on the way"
        visitor.leave()
