"""What the tests of the Threshold page share: a run whose scores are made up, and its page."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import SCORES_FILE, Run, read_run
from tests.pages.conftest import OpenPage
from ui.words import threshold as words

LAB = "pneumolens/lab"
POINT = "pneumolens/operating_point"
Open = Callable[..., AppTest]


def made_scores(temperature: float) -> pd.DataFrame:
    """60 validation images, easily told apart, and 40 test images with more false alarms."""
    rng = np.random.default_rng(3)
    rows = []
    for split, normal, ill, shift in (("val", 20, 40, -2.0), ("test", 20, 20, 0.0)):
        for label, count in ((0, normal), (1, ill)):
            logits = rng.normal(2.0 if label else shift, 1.0, count) * temperature
            for i, logit in enumerate(logits):
                kind = ("bacteria" if i % 2 else "virus") if label else "normal"
                name = f"{split}-{label}-{i}"
                rows.append((split, name, name if i % 3 else "", kind, label, logit))
    return pd.DataFrame(rows, columns=["split", "id", "patient", "group", "label", "logit"])


@pytest.fixture
def made_run(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The tiny run with made-up scores."""
    folder = tmp_path / "weights" / "made"
    shutil.copytree(tiny_app.path, folder)
    made_scores(tiny_app.temperature).to_csv(folder / SCORES_FILE, index=False)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(folder.parent))
    return read_run(folder)


@pytest.fixture
def open_lab(made_run: Run, open_page: OpenPage) -> Open:
    """Open the page; the keywords are its address."""
    del made_run
    return lambda **address: open_page("threshold", **address)


def tried(app: AppTest) -> OperatingPoint:
    """The point that the page tries."""
    return app.session_state[LAB].point


def release(app: AppTest, threshold: float, lab: str = LAB) -> AppTest:
    """Let go of the thumb: what the control's callback stores."""
    point = OperatingPoint(words.BY_HAND, threshold, words.BY_HAND_RULE, "")
    app.session_state[lab] = replace(app.session_state[lab], point=point, answer=None)
    return app.run()


def open_tab(app: AppTest, name: str) -> AppTest:
    """Open one of the tabs below the control."""
    app.session_state["threshold_tab"] = words.TABS[name]
    app.run()
    assert not app.exception
    return app


def ask_page(app: AppTest, rule: str, **numbers: float) -> AppTest:
    """Ask for a threshold by a rule."""
    app.selectbox(key="ask_rule").set_value(rule).run()
    for key, value in numbers.items():
        app.number_input(key=f"ask_{key}").set_value(value)
    app.run()
    return app.button(key="ask_find").click().run()
