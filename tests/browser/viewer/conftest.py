"""A page with the film viewer and nothing else, and somebody who reads its canvas."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import DRAWN, Visitor
from tests.browser.dashboard import serving
from tests.browser.viewer.page import BOX, SMALL


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the viewer and nothing else."""
    log = tmp_path_factory.mktemp("viewer") / "server.log"
    project = str(Path(__file__).parents[3])
    with serving(log, "tests/browser/viewer/page.py", PYTHONPATH=project) as served:
        yield served


class Reader(Visitor):
    """Somebody who looks at a film."""

    def look_at(self, film: str) -> None:
        self.open("", f"?film={film}")
        self.page.wait_for_selector(DRAWN)
        self.settle()

    def heard(self) -> dict:
        """The look that Python has."""
        self.page.wait_for_timeout(350)  # after this rest the viewer tells it
        self.settle()
        return json.loads(self.page.locator("code").inner_text())

    def place(self, pane: str = "mapped") -> tuple[float, float, float]:
        """Left and top of the film in a frame, and its scale: by the line around what is seen."""
        line = self.page.locator(f".viewer .{pane} .outline").bounding_box()
        frame = self.frame(pane)
        scale = line["width"] / BOX[3]
        return line["x"] - frame["x"] - BOX[1] * scale, line["y"] - frame["y"], scale

    def frame(self, pane: str = "mapped") -> dict:
        return self.page.locator(f".viewer .{pane} .pane").bounding_box()

    def whole_film(self) -> np.ndarray:
        """The small film at 1:1, out of the single picture it fits into."""
        left, top, scale = self.place()
        assert scale == 1
        height, width = SMALL.shape
        return self.canvas()[round(top) :, round(left) :][:height, :width]

    def under(self, x: float, y: float) -> np.ndarray:
        """Which pixel of the film is at (x, y) of the window."""
        frame, (left, top, scale) = self.frame(), self.place()
        return np.array([(x - frame["x"] - left) / scale, (y - frame["y"] - top) / scale])

    def middle(self) -> tuple[float, float]:
        box = self.frame()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def zoom(self) -> str:
        return self.page.locator(".viewer .zoom").inner_text()


@pytest.fixture
def reader(browser, address: str) -> Iterator[Reader]:
    reader = Reader(browser, address)
    reader.look_at("small")
    yield reader
    reader.leave()


@pytest.fixture
def close(reader: Reader) -> Reader:
    """Before a single picture at 1:1."""
    reader.do("side", "actual")
    return reader
