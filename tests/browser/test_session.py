"""The reader's opinion in a real Chromium, and a server that is restarted under an open tab."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, expect

from pneumo_core.runs import Run
from tests.browser.conftest import DRAWN, Visit, Visitor
from tests.browser.dashboard import serving
from tests.browser.test_looks import MAIN, WATCH, moved
from ui.words import batch, common
from ui.words import session as words

pytestmark = pytest.mark.browser

expect.set_options(timeout=60_000)


@pytest.mark.parametrize("width", [1440, 800])
def test_an_opinion_moves_nothing_and_is_on_the_session_page(
    visit: Visit, film: bytes, width: int
) -> None:
    visitor = visit("predict", viewport={"width": width, "height": 1000})
    page = visitor.page
    visitor.upload(film, "Jane_Doe.png")
    page.evaluate("() => {" + WATCH.replace("SELECTOR", json.dumps(MAIN["predict"])) + "}")
    visitor.settle()
    page.locator(".st-key-opinion").get_by_role("radio", name="Disagree").click()
    visitor.settle()
    page.locator(".st-key-opinion").get_by_role("button", name=words.COMMENT).click()
    comment = page.get_by_label(words.COMMENT, exact=True).and_(page.locator("input"))
    comment.fill("a rib <b>not</b> an opacity")
    comment.press("Enter")
    visitor.settle()
    page.keyboard.press("Escape")
    visitor.settle()
    boxes = page.evaluate("boxes")
    assert len(boxes) == 1, boxes
    assert moved(visitor) == 0

    visitor.go("Session")
    expect(page.get_by_text("You had an opinion on 1 of 1 reading.")).to_be_visible()
    saved = visitor.download(words.EXPORT).decode()
    (reading,) = json.loads(saved)["readings"]
    assert (reading["opinion"], reading["comment"]) == ("disagree", "a rib <b>not</b> an opacity")
    assert "Jane" not in saved

    visitor.go("Predict")
    expect(page.locator(".st-key-opinion").get_by_role("radio", name="Disagree")).to_be_checked()


def said(visitor: Visitor) -> Locator:
    return visitor.page.get_by_text(common.LOST)


def on_predict(visitor: Visitor, film: bytes) -> None:
    visitor.open("predict")
    visitor.upload(film)


def on_batch(visitor: Visitor, film: bytes) -> None:
    visitor.open("batch")
    visitor.give(film)
    visitor.page.get_by_text(batch.DONE_ONE).wait_for()
    visitor.settle()


def test_a_restart_is_said_and_leaves_nothing_half_done(
    browser: Any, tiny_run: Run, tiny_data: Path, film: bytes, tmp_path: Path
) -> None:
    environment = {"PNEUMO_WEIGHTS": str(tiny_run.path.parent), "PNEUMO_DATA": str(tiny_data)}
    pages: tuple[Callable[[Visitor, bytes], None], ...] = (on_predict, on_batch)
    visitors = []
    with serving(tmp_path / "first.log", **environment) as address:
        for begin in pages:
            visitor = Visitor(browser, address)
            begin(visitor, film)
            assert said(visitor).count() == 0, "nothing on a first visit"
            visitors.append(visitor)
    port = urlsplit(address).port
    log = tmp_path / "second.log"
    with serving(log, port=port, **environment) as address:
        for visitor in visitors:
            expect(said(visitor)).to_be_visible()
            visitor.settle()
            assert visitor.page.locator(".viewer, [data-testid=stDataFrame]").count() == 0
            assert visitor.page.get_by_text("film.png").count() == 0, "the uploader is empty"
            assert visitor.page.get_by_test_id("stException").count() == 0
        visitor = visitors[0]
        visitor.upload(film)
        expect(said(visitor)).to_be_visible()
        visitor.page.get_by_role("button", name=common.LOST_READ).click()
        expect(said(visitor)).to_have_count(0)
        visitor.settle()
        expect(visitor.page.locator(DRAWN).first).to_be_visible()
        visitor.page.reload()
        visitor.page.wait_for_selector("h1")
        visitor.settle()
        assert said(visitor).count() == 0, "nothing after a reload"
        newcomer = Visitor(browser, address)
        newcomer.page.goto(visitor.page.url)
        newcomer.page.wait_for_selector("h1")
        newcomer.settle()
        assert said(newcomer).count() == 0, "nothing on a link"
        for one in (*visitors, newcomer):
            one.context.close()
    assert "Traceback" not in log.read_text("utf-8")
