"""The dashboard as streamlit's AppTest runs it, on the tiny run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import Run

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
