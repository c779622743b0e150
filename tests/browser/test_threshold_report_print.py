"""The summary of an operating point in a real Chromium: one sheet of A4, and nothing is fetched."""

from pathlib import Path
from typing import Any

import pytest

from pneumo_core.operating_point import Zones
from pneumo_core.threshold_report import report_html
from tests.browser.report_page import overhang, report_page, sheets
from tests.test_threshold_report import POINT, made

pytestmark = pytest.mark.browser


def test_it_prints_on_one_sheet(browser: Any, tmp_path: Path) -> None:
    zones = Zones(0.2, 0.8, "rule out by sensitivity, rule in by specificity " * 2, "val")
    text = report_html(
        POINT,
        [made("val", 500, 2.2), made("test", 600, 1.2)],
        "ResNet-18, trained twice, on Chest X-Ray Images (Pneumonia), split by patient",
        weights_sha256="ab" * 32,
        zones=zones,
        prevalence=0.08,
    )
    with report_page(browser, tmp_path, text) as page:
        assert sheets(page) == 1
        assert overhang(page) <= 0
