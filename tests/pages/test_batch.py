"""The Batch page: rows come a few at a time, can be halted, and one opens on the Predict page."""

import io
import threading
import time
import zipfile
from collections.abc import Callable

import pytest
import streamlit as st
from pypdf import PdfReader
from streamlit.testing.v1 import AppTest

from pneumo_core.batch import TOGETHER
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, finish, words_of
from ui import batch_session
from ui.words import batch as words

NAME = "<img src=x onerror=alert(1)> **bold**.png"


@pytest.fixture
def page(open_page: OpenPage) -> AppTest:
    return open_page("batch")


def give(page: AppTest, files: list[tuple[str, bytes]]) -> None:
    given = [(name, data, "application/octet-stream") for name, data in files]
    page.file_uploader[0].set_value(given).run()
    assert not page.exception


def test_every_film_gets_its_row_and_a_bad_file_its_reason(
    page: AppTest, films: list[bytes], tiny_app: Run
) -> None:
    assert words.NO_FILES in words_of(page)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, film in enumerate(films[1:]):
            packed.writestr(f"study/IM{number:04d}", film)
    give(page, [(NAME, films[0]), ("notes.png", b"text"), ("films.zip", archive.getvalue())])
    finish(page)
    assert words.DONE_BAD.format(judged=len(films), bad=1) in words_of(page)
    table = page.dataframe[0].value
    detector = PneumoniaDetector(tiny_app)
    expected = {NAME: films[0], "study/IM0000": films[1]}
    for name, film in expected.items():
        (row,) = (row for row in table.to_dict("records") if row["name"] == name)
        assert row["probability"] == pytest.approx(detector.predict(film).probability, abs=1e-4)
        assert row["overlay"].startswith("data:image/jpeg;base64,")
    known = table["probability"].dropna()
    assert list(known) == sorted(known, reverse=True)
    assert "of no kind we read" in table["remark"].iloc[-1]


def test_it_can_be_halted_and_goes_on(page: AppTest, films: list[bytes]) -> None:
    give(page, [(f"film {number}", film) for number, film in enumerate(films + films)])
    total = 2 * len(films)
    page.button(key="batch_halt").click().run()
    halted = words_of(page)
    assert words.STOPPED.format(done=TOGETHER, total=total) in halted
    assert len(page.dataframe[0].value) == TOGETHER
    page.run()
    assert words.STOPPED.format(done=TOGETHER, total=total) in words_of(page), "and stays so"
    page.button(key="batch_halt").click().run()
    finish(page)
    assert words.DONE.format(judged=total) in words_of(page)


def test_rows_are_filtered_and_ordered(page: AppTest, films: list[bytes], tiny_app: Run) -> None:
    give(page, [*((f"film {number}", film) for number, film in enumerate(films)), ("bad", b"?")])
    finish(page)
    page.selectbox(key="batch_order").set_value("given").run()
    assert list(page.dataframe[0].value["name"])[:3] == ["film 0", "film 1", "film 2"]
    page.segmented_control(key="batch_show").set_value("bad").run()
    assert list(page.dataframe[0].value["name"]) == ["bad"]
    page.segmented_control(key="batch_show").set_value("rule in").run()
    zones = tiny_app.zones.around(tiny_app.operating_point.threshold)
    assert (page.dataframe[0].value["probability"] >= zones.rule_in).all()


def test_the_films_can_be_removed(page: AppTest, films: list[bytes]) -> None:
    give(page, [("film", films[0])])
    finish(page)
    assert words.DONE_ONE in words_of(page)
    next(button for button in page.button if button.label == words.CLEAR).click().run()
    assert words.NO_FILES in words_of(page)
    assert page.file_uploader[0].value == []
    kept = [key for key in page.session_state if "batch/" in key]
    assert kept == ["pneumolens/batch/turn"]


def test_more_than_a_session_may_hold_is_refused_in_words(
    page: AppTest, films: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_session, "MOST_BYTES", 100)
    give(page, [("film", films[0])])
    assert "more than the" in page.error[0].value
    assert not page.dataframe


def test_too_many_files_are_refused_in_words(
    page: AppTest, films: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_session, "MOST_FILES", 2)
    give(page, [(f"film {number}", film) for number, film in enumerate(films[:3])])
    assert page.error[0].value == words.TOO_MANY.format(files=3, most=2)
    assert not page.dataframe
    give(page, [("film", films[0])])
    finish(page)
    assert not page.error
    assert words.DONE_ONE in words_of(page)


def test_the_limits_are_said(page: AppTest) -> None:
    limits = words.LIMITS.format(files=1000, film=64, most=500)
    assert limits in words_of(page)
    assert page.file_uploader[0].proto.max_upload_size_mb == 500


def written(page: AppTest) -> list:
    """Wait until the report is there, and give the button that saves it."""
    deadline = time.monotonic() + 60
    while any(button.key == "batch_report_halt" for button in page.button):
        assert time.monotonic() < deadline
        page.run()
    return page.get("download_button")[-1:]


@pytest.fixture
def read(page: AppTest, films: list[bytes]) -> AppTest:
    give(page, [("Miller^Anna.png", films[0]), ("bad", b"?"), ("second.png", films[1])])
    finish(page)
    return page


def test_a_report_is_written_when_asked_for(read: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = {}

    def button(label: str, data: object, name: str, *_: object, **__: object) -> None:
        saved[label] = name, data

    monkeypatch.setattr(st, "download_button", button)
    read.text_input(key="batch_report_name").input("Ward 3 <b>").run()
    assert words.REPORT_SAVE["pdf"] not in saved
    read.button(key="batch_report_pdf").click().run()
    written(read)
    name, content = saved[words.REPORT_SAVE["pdf"]]
    assert name.endswith(".pdf")
    sheets = [" ".join(one.extract_text().split()) for one in PdfReader(io.BytesIO(content)).pages]
    assert "2 films: " in sheets[0]
    assert "1 file could not be read." in sheets[0]
    assert "Ward 3 <b>" in sheets[0]
    assert "Files that could not be read File 2 " in sheets[0]
    assert "of no kind we read" in sheets[0]
    assert "Miller" not in " ".join(sheets)
    read.button(key="batch_report_html").click().run()
    written(read)
    page = saved[words.REPORT_SAVE["html"]][1].decode()
    assert "Ward 3 &lt;b&gt;" in page
    assert "Miller" not in page


def test_what_is_typed_or_shown_anew_makes_a_report_stale(read: AppTest) -> None:
    read.button(key="batch_report_html").click().run()
    (save,) = written(read)
    assert save.proto.label == words.REPORT_SAVE["html"]
    read.text_area(key="batch_report_notes").input("Cough").run()
    assert words.REPORT_SAVE["html"] not in [one.label for one in read.get("download_button")]
    read.segmented_control(key="batch_show").set_value("bad").run()
    assert words.REPORT_SIZE.format(most=500, count=0) in words_of(read)


def test_what_was_typed_for_a_batch_is_not_on_the_next_ones_report(
    read: AppTest, films: list[bytes]
) -> None:
    read.text_input(key="batch_report_name").input("Anna").run()
    read.selectbox(key="batch_order").set_value("given").run()
    assert read.text_input(key="batch_report_name").value == "Anna"
    give(read, [("other", films[2])])
    finish(read)
    assert read.text_input(key="batch_report_name").value == ""


def test_a_report_can_be_halted(read: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    going, started = threading.Event(), threading.Event()

    def slow(_films: object, _cover: object, progress: Callable[[float], None]) -> bytes:
        progress(0.25)
        started.set()
        going.wait(60)
        progress(0.5)
        raise AssertionError("it was not halted")

    monkeypatch.setattr("pneumo_core.report.to_pdf", slow)
    read.button(key="batch_report_pdf").click().run()
    assert started.wait(60)
    read.run()
    assert read.button(key="batch_report_pdf").disabled
    assert len(read.dataframe) == 1, "the page is there meanwhile"
    read.button(key="batch_report_halt").click().run()
    going.set()
    written(read)
    read.run()
    assert words.REPORT_HALTED in words_of(read)
    assert not read.button(key="batch_report_pdf").disabled
