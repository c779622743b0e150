"""A DICOM file on the Predict page: its warnings, its frames, the report, and nobody's name."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core import PneumoniaDetector
from pneumo_core.display import Look
from pneumo_core.runs import Run
from tests.dicom_files import dicom, film
from tests.pages.conftest import OpenPage, words_of
from ui.words import predict as words
from ui.words import report

pytestmark = pytest.mark.usefixtures("quickly_checked")

NAME = "Miller^Anna"


def give(page: AppTest, content: bytes) -> None:
    page.file_uploader(key="uploader").set_value(("IM0001", content, "")).run()
    show_anyway(page)


def show_anyway(page: AppTest) -> None:
    """Ask for the verdict where it is withheld, for noise is no chest film."""
    anyway = [button for button in page.button if button.label == words.SHOW_ANYWAY]
    if anyway:
        anyway[0].click().run()
    assert not page.exception


def test_what_the_file_says_against_a_verdict_stands_before_it(open_page: OpenPage) -> None:
    page = open_page("predict")
    give(page, dicom(film(), PatientName=NAME, PatientAge="062Y", ViewPosition="LATERAL"))
    warned = [element.value for element in page.warning]
    assert any("62 years" in sentence for sentence in warned)
    assert any("front views only" in sentence for sentence in warned)
    assert "Read as DICOM" in words_of(page)
    assert page.metric[0].label == words.PROBABILITY, "the verdict is shown all the same"
    assert "Miller" not in words_of(page)
    assert "Miller" not in repr(dict(page.session_state.items()).get("pneumolens/frame"))
    assert report.OPEN in [popover.proto.popover.label for popover in page.get("popover")]


def test_a_film_of_a_young_child_from_the_front_is_not_warned_of(open_page: OpenPage) -> None:
    page = open_page("predict")
    give(page, dicom(film(), PatientAge="003Y", ViewPosition="PA", BodyPartExamined="CHEST"))
    assert not any("age" in element.value for element in page.warning)


def test_another_frame_is_read_when_it_is_asked_for(open_page: OpenPage, tiny_app: Run) -> None:
    rng = np.random.default_rng(5)
    frames = rng.integers(0, 255, (3, 40, 52)).astype(np.uint8)
    frames[2, 8:20, 26:40] = 255
    page = open_page("predict")
    give(page, dicom(frames))
    detector = PneumoniaDetector(tiny_app)
    first, third = (detector.predict(frames[number] / np.float32(255)) for number in (0, 2))
    assert abs(first.probability - third.probability) > 0.02
    assert _said(page) == pytest.approx(100 * first.probability, abs=1)
    page.number_input[0].set_value(3).run()
    show_anyway(page)
    assert _said(page) == pytest.approx(100 * third.probability, abs=1)


def _said(page: AppTest) -> float:
    return float(page.metric[0].value.split()[-2])


def test_another_window_is_for_the_eyes_and_not_for_the_network(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray, str]] = []

    def viewer(*given: np.ndarray, **more: str) -> Look:
        seen.append((given[0], given[4], more["film_key"]))
        return Look()

    monkeypatch.setattr("ui.evidence.viewer", viewer)
    values = film().astype(float)  # 0 to 4095
    two = {"WindowCenter": [2000, 1000], "WindowWidth": [4000, 100]}
    page = open_page("predict")
    give(page, dicom(values.astype(np.uint16), bits=12, VOILUTFunction="LINEAR_EXACT", **two))
    said = page.metric[0].value
    shown, square, key = seen[-1]
    assert shown == pytest.approx(np.clip((values - 2000) / 4000 + 0.5, 0, 1), abs=1e-6)
    (choice,) = [box for box in page.selectbox if box.label == words.THROUGH]
    assert choice.options == [
        "window 1 (2000 / 4000)",
        "window 2 (1000 / 100)",
        "all values (2047.5 / 4095)",
    ]
    assert words.THROUGH_OWN in words_of(page)
    choice.set_value(1).run()
    narrow, same, other = seen[-1]
    assert narrow == pytest.approx(np.clip((values - 1000) / 100 + 0.5, 0, 1), abs=1e-6)
    assert other != key, "the browser is told of another picture"
    assert np.array_equal(same, square), "what the network saw"
    assert page.metric[0].value == said
    assert words.THROUGH_OTHER.format(own="window 1 (2000 / 4000)") in words_of(page)


def test_a_film_of_one_window_offers_no_choice(open_page: OpenPage) -> None:
    page = open_page("predict")
    give(page, dicom(film()))
    assert words.THROUGH not in [box.label for box in page.selectbox]
