"""The dashboard as streamlit's AppTest runs it, on the tiny run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core import PneumoniaDetector
from pneumo_core.datasets import Dataset
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import Run
from tests.audits import made_trust

OpenPage = Callable[..., AppTest]


@pytest.fixture
def open_page(tiny_app: Run) -> OpenPage:
    """Open a page inside the frame: `open_page("predict", sample="...")`; nothing may go wrong."""
    del tiny_app

    def open_it(page: str = "overview", **address: str) -> AppTest:
        app = AppTest.from_file(str(Path(PROJECT_FOLDER) / "app.py"), default_timeout=60)
        for key, value in address.items():
            app.query_params[key] = value
        app.run()
        if page != "overview":
            app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        return app

    return open_it


@pytest.fixture
def quickly_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks of a map take a while, and test_trust_panel.py has them."""
    monkeypatch.setattr(PneumoniaDetector, "trust", lambda *_, **__: made_trust())


@pytest.fixture
def films(tiny_data: Path, tiny_dataset: Dataset) -> list[bytes]:
    """The files of the tiny test films."""
    ids = tiny_dataset.splits["test"].ids
    return [(tiny_data / "chest_xray" / name).read_bytes() for name in ids]


def finish(app: AppTest) -> None:
    """Run a page until it has read all the films that it was given."""
    for _ in range(10):
        if not app.get("progress"):
            return
        app.run()
    raise AssertionError("the reading does not come to an end")


def words_of(app: AppTest) -> str:
    """Everything that is written on the page, in one string."""
    kinds = [
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "success",
    ]
    return "\n".join(element.value for kind in kinds for element in getattr(app, kind))
