"""The Models page in a real Chromium: no faults in any tab, and its button puts a model in use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from pneumo_core.runs import Run
from tests.browser.conftest import Visitor
from tests.browser.dashboard import serving
from tests.model_runs import made_scores, write_run
from ui.words import models as words

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(
    tiny_run: Run, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A dashboard on two models of the same films, with and without augmentation, and a third."""
    place = tmp_path_factory.mktemp("models")
    folder = place / "weights"
    published = {"auc": 0.9, "confusion": [30, 10, 4, 36], "note": "its epoch was chosen on test"}
    for name, separation in (("net-augmented", 4.0), ("net-plain", 2.0)):
        recipe = {"name": name, "published": published}
        scores = made_scores(separation, len(name))
        write_run(folder, tiny_run, name, scores, title=name, recipe=recipe)
    write_run(folder, tiny_run, "other", made_scores(3.0, 4, "o"), title="Other net")
    (folder / "DEFAULT").write_text("net-augmented\n")
    environment = {"PNEUMO_WEIGHTS": str(folder), "PNEUMO_DATA": str(tiny_data)}
    with serving(place / "server.log", **environment) as address:
        yield address


def visitor_of(browser: Any, address: str, **options: Any) -> Visitor:
    visitor = Visitor(browser, address, **options)
    visitor.open("models")
    return visitor


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 800)])
def test_no_tab_stands_in_the_way_of_assistive_technology(
    browser: Any, address: str, scheme: str, width: int
) -> None:
    visitor = visitor_of(
        browser, address, color_scheme=scheme, viewport={"width": width, "height": 1000}
    )
    found = Axe().run(visitor.page).response["violations"]
    for name in words.TABS.values():
        visitor.page.get_by_role("tab", name=name, exact=True).click()
        visitor.settle()
        # What surrounds the tabs has been looked at; all of it again for each would take minutes.
        faults = Axe().run(visitor.page, context=".st-key-models_tabs").response["violations"]
        found += [
            (name, fault["id"], [n["html"][:300] for n in fault["nodes"]]) for fault in faults
        ]
        assert visitor.page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth"
        )
        assert not visitor.page.locator("[data-testid=stException]").count()
    assert found == []
    visitor.leave()


def test_the_button_puts_a_model_in_use_on_every_page(browser: Any, address: str) -> None:
    visitor = visitor_of(browser, address)
    visitor.choose(".st-key-models_pick", "net-plain")
    visitor.page.locator(".st-key-models_pick").get_by_role("button", name=words.USE).click()
    visitor.page.get_by_text(words.NOW_IN_USE.format(title="net-plain")).wait_for()
    visitor.settle()
    assert "run=net-plain" in visitor.page.url
    visitor.go("Misclassified")
    assert "run=net-plain" in visitor.page.url
    visitor.leave()


def test_choosing_another_tab_does_not_draw_the_chart_anew(browser: Any, address: str) -> None:
    visitor = visitor_of(browser, address)
    visitor.page.locator(".js-plotly-plot").first.wait_for()
    visitor.settle()
    visitor.page.evaluate("document.querySelector('.js-plotly-plot').dataset.seen = 'yes'")
    visitor.page.get_by_role("tab", name=words.TABS["pair"], exact=True).click()
    visitor.page.get_by_text("ranks the films better").wait_for()
    seen = visitor.page.evaluate("document.querySelector('.js-plotly-plot').dataset.seen")
    assert seen == "yes"
    visitor.leave()
