"""One dashboard on the tiny run for a whole session of tests, and visitors who watch themselves."""

import base64
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from pneumo_core.runs import Run
from tests.browser.dashboard import FLAGS, PATIENCE, find_chromium, serving, settle

OWN_SCHEMES = ("data", "blob")
DRAWN = ".viewer .zoom:not(:empty)"
"""Is there once the film viewer has drawn a film."""


class Visitor:
    """Somebody in a browser of their own, with all that passes between it and the server."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        # Here, because the tests without a browser run without playwright.
        from playwright.sync_api import TimeoutError as TimedOut

        self.timed_out = TimedOut
        options.setdefault("viewport", {"width": 1440, "height": 1000})
        self.address = address
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.urls: list[str] = []
        self.frames: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.urls.append(request.url))
        self.page.on("websocket", self._listen)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _listen(self, socket: Any) -> None:
        self.urls.append(socket.url)
        socket.on("framesent", lambda _: self.frames.append("sent"))
        socket.on("framereceived", lambda _: self.frames.append("received"))

    def _hear(self, message: Any) -> None:
        # At /predict streamlit's client first asks for /predict/_stcore/..., to learn that it is
        # not served below that path.
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            self.faults.append(message.text)

    def open(self, page: str = "", query: str = "") -> None:
        """Open a page by its part of the address, and wait until it is drawn."""
        self.page.goto(f"{self.address}/{page}{query}")
        self.page.wait_for_selector("h1")
        self.settle()

    def go(self, title: str) -> None:
        """Follow a link at the head of the page."""
        self.page.locator(".st-key-links").get_by_role("link", name=title).click()
        self.page.wait_for_url(f"**/{title.lower()}?**")
        self.settle()

    def settle(self) -> None:
        settle(self.page)

    def slow_down(self, times: float) -> None:
        """Let the browser compute as a machine does that is so many times slower."""
        tools = self.context.new_cdp_session(self.page)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": times})

    def choose(self, place: str, option: str) -> None:
        """Choose from the drop-down list below the element with the CSS selector `place`.

        A page that is drawn anew meanwhile closes the list: it is opened until the option is there.
        """
        listed = self.page.get_by_role("option", name=option, exact=True)
        for _ in range(10):
            self.page.locator(place).get_by_role("combobox").click()
            try:
                listed.click(timeout=PATIENCE / 10)
                break
            except self.timed_out:
                self.page.keyboard.press("Escape")
        else:
            raise AssertionError(f"{place} does not offer {option!r}")
        self.settle()

    def download(self, button: str) -> bytes:
        """Click a button until a file comes, and return what is in it.

        Streamlit knows nothing of a click on a button that is being drawn anew.
        """
        for _ in range(5):
            try:
                with self.page.expect_download(timeout=PATIENCE / 5) as download:
                    self.page.get_by_role("button", name=button).click()
                return Path(download.value.path()).read_bytes()
            except self.timed_out:
                continue
        raise AssertionError(f"{button!r} gives no file")

    def give(self, content: bytes, name: str = "film.png") -> None:
        """Choose a file on the Predict page."""
        chosen = {"name": name, "mimeType": "image/png", "buffer": content}
        self.page.locator("input[type=file]").set_input_files(chosen)

    def upload(self, content: bytes, name: str = "film.png") -> None:
        """Choose a film on the Predict page and wait until it is read."""
        self.give(content, name)
        self.page.wait_for_selector(DRAWN)
        self.settle()

    def do(self, *names: str) -> None:
        """Press buttons of the film viewer."""
        for name in names:
            self.page.locator(f".viewer [data-do={name}]").click()
        self.drawn()

    def drawn(self) -> None:
        """Wait for the next picture."""
        self.page.evaluate(
            "() => new Promise((d) => requestAnimationFrame(() => setTimeout(d, 20)))"
        )

    def canvas(self, pane: str = "mapped") -> np.ndarray:
        """What is on a canvas, uint8 (height, width, 3)."""
        width, height, data = self.page.locator(f".viewer .{pane} canvas").evaluate(
            """canvas => {
              const { width, height } = canvas
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height)
              let text = ""
              for (let i = 0; i < data.length; i += 8192) {
                text += String.fromCharCode(...data.subarray(i, i + 8192))
              }
              return [width, height, btoa(text)]
            }"""
        )
        values = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
        assert (values[..., 3] == 255).all()
        return values[..., :3]

    def looks_at(self, expected: np.ndarray, pane: str = "mapped") -> None:
        """See to it that the film viewer shows a picture, uint8 (height, width, 3).

        It is held pixel for pixel against as much of its middle as a frame of the viewer shows. The
        viewer unpacks a film and draws it after the server is done: it is given a while.
        """
        self.do("actual")
        deadline = time.monotonic() + PATIENCE / 1000 / 3
        while (far := self.away(expected, pane)) > 2 and time.monotonic() < deadline:
            self.do("actual")  # another film begins as a whole
        assert far <= 2, "a step between two colours of the map"

    def away(self, expected: np.ndarray, pane: str = "mapped") -> int:
        """The most by which a picture differs from a film that stands at 1:1 in the middle."""
        canvas = self.canvas(pane)
        parts = [
            _overlap(there, wanted)
            for there, wanted in zip(canvas.shape[:2], expected.shape[:2], strict=True)
        ]
        seen, middle = zip(*parts, strict=True)
        return apart(canvas[seen], expected[middle])

    def leave(self) -> None:
        """Close the browser; nothing may have gone wrong, and nobody else have been asked."""
        self.context.close()
        assert self.faults == []
        own = urlsplit(self.address).netloc
        assert [
            url
            for url in self.urls
            if urlsplit(url).netloc != own and urlsplit(url).scheme not in OWN_SCHEMES
        ] == []


def _overlap(there: int, wanted: int) -> tuple[slice, slice]:
    """Where a length in the middle of another is in that one, and which part of it fits in."""
    start = math.floor(there / 2 - wanted / 2 + 0.5)  # as the viewer rounds
    first, last = max(start, 0), min(start + wanted, there)
    return slice(first, last), slice(first - start, last - start)


def apart(canvas: np.ndarray, expected: np.ndarray) -> int:
    """The most by which two pictures differ."""
    return int(np.abs(canvas.astype(int) - expected.astype(int)).max())


Visit = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give browser tests a second try, which the summary tells.

    Now and then a browser on a busy machine misses a click while a page is drawn anew. A fault of
    the dashboard fails twice.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium. One a module: playwright does not run twice in one process."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("needs Chromium; PNEUMO_CHROMIUM may name one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the dashboard's output goes."""
    return tmp_path_factory.mktemp("dashboard") / "server.log"


@pytest.fixture(scope="session")
def dashboard(tiny_run: Run, tiny_data: Path, server_log: Path) -> Iterator[str]:
    """Address of a dashboard that has the tiny run and the tiny data, and nothing else."""
    environment = {"PNEUMO_WEIGHTS": str(tiny_run.path.parent), "PNEUMO_DATA": str(tiny_data)}
    with serving(server_log, **environment) as address:
        yield address


@pytest.fixture
def visit(browser: Any, dashboard: str) -> Iterator[Visit]:
    """Start a visitor: `visit("predict", "?sample=...", color_scheme="dark")`."""
    visitors = []

    def start(page: str = "", query: str = "", **options: Any) -> Visitor:
        visitor = Visitor(browser, dashboard, **options)
        visitors.append(visitor)
        visitor.open(page, query)
        return visitor

    yield start
    for visitor in visitors:
        visitor.leave()
