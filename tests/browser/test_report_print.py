"""A report in a real Chromium: a sheet of A4 a film, nothing fetched, nothing distorted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pneumo_core import PneumoniaDetector
from pneumo_core.image_checks import Reason, objection
from pneumo_core.novelty import Novelty
from pneumo_core.report import CaseReport, ModelFacts, to_html
from pneumo_core.runs import Run
from pneumo_core.similar import Neighbour
from tests.browser.report_page import overhang, report_page, sheets

pytestmark = pytest.mark.browser

HOSTILE = '"><script>document.title = "got in"</script><img src="http://localhost:1/x">'


def test_it_prints_a_sheet_a_film(browser: Any, tmp_path: Path, tiny_run: Run) -> None:
    detector, model = PneumoniaDetector(tiny_run), ModelFacts.of(tiny_run, tiny_run.operating_point)
    reasons = tuple(map(objection, (Reason.INVERTED, Reason.WRITING)))
    unusual = Novelty("unusual", reasons, 3.0, 98.0, (3.0,), np.zeros(2))
    wide, high = (
        np.random.default_rng(1).random(shape, np.float32) for shape in ((600, 900), (900, 600))
    )
    cases = [
        CaseReport.of(
            model,
            film,
            detector.predict(film),
            detector.explain(film),
            date="2026-11-02",
            novelty=unusual,
            trust=detector.trust(film),
            similar=[Neighbour(f"train-{i:04d}", i % 2, 0.5) for i in range(25)],
            prevalence=0.08,
            name=name,
            notes=f"{HOSTILE}\nsecond line",
        )
        for film, name in ((wide, "Anna Müller"), (high, HOSTILE))
    ]
    with report_page(browser, tmp_path, to_html(cases)) as page:
        assert sheets(page) == 1 + len(cases)
        assert page.title() == "PneumoLens report"
        for width in (1440, 800, 380):
            page.set_viewport_size({"width": width, "height": 900})
            assert overhang(page) <= 0
        ratios = page.evaluate(
            "[...document.images].map(one => one.width / one.height * one.naturalHeight"
            " / one.naturalWidth)"
        )
        page.emulate_media(media="print")
        colours = page.evaluate(
            "getComputedStyle(document.querySelector('.objection')).printColorAdjust"
        )
    assert len(ratios) == 4
    assert ratios == pytest.approx([1] * 4, abs=0.02)
    assert colours == "exact"
