"""What the tests of the Misclassified page read off it."""

import pandas as pd
from streamlit.testing.v1 import AppTest

from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage
from ui.cases import cases
from ui.words import misclassified as words


def tile_captions(app: AppTest) -> list:
    return [caption for caption in app.caption if caption.value.startswith("Truth: ")]


def tiles(app: AppTest) -> list[str]:
    """Ids of the films that are shown, in order."""
    return [caption.value.split("  \n")[1] for caption in tile_captions(app)]


def expected(run: Run, split: str, threshold: float, cell: str) -> pd.DataFrame:
    return cases(run.scores(split), threshold, cell)


def button_group(app: AppTest, label: str) -> object:
    return next(group for group in app.segmented_control if group.label == label)


def view(open_page: OpenPage, name: str, **address: str) -> AppTest:
    return open_page("misclassified", view=words.TABS[name], **address)
