"""The summary of an operating point in a real Chromium: one sheet of A4, and nothing is fetched."""

import re
import shutil
from pathlib import Path

import pytest

from pneumo_core.operating_point import Zones
from pneumo_core.threshold_report import report_html
from tests.test_threshold_report import POINT, made

pytestmark = pytest.mark.browser


def test_it_prints_on_one_sheet(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium")
    zones = Zones(0.2, 0.8, "rule out by sensitivity, rule in by specificity " * 2, "val")
    text = report_html(
        POINT,
        [made("val", 500, 2.2), made("test", 600, 1.2)],
        "ResNet-18, trained twice, on Chest X-Ray Images (Pneumonia), split by patient",
        weights_sha256="ab" * 32,
        zones=zones,
        prevalence=0.08,
    )
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    requests, faults = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: faults.append(message.text))
        page.goto(file.as_uri())
        sheets = re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True))
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        browser.close()
    assert len(sheets) == 1
    assert wide <= 0
    assert requests == [file.as_uri()]
    assert faults == []
