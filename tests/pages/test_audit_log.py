"""A server that logs verdicts: every verdict shown has its row, and without a log none is shown."""

import hashlib
import io
import sqlite3
import sys
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core import PneumoniaDetector
from pneumo_core import batch as core_batch
from pneumo_core.audit_log import COLUMNS, read_log
from pneumo_core.batch import TOGETHER
from pneumo_core.datasets import Dataset
from pneumo_core.images import read_image
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.report_pictures import pixels_sha256
from pneumo_core.runs import Run
from tests.dicom_files import dicom
from tests.dicom_files import film as dicom_film
from tests.pages.conftest import OpenPage, finish, words_of
from tests.test_audit_log import FULL, full_disk
from ui.words import batch, common, local

pytestmark = pytest.mark.usefixtures("quickly_checked")

NAME = "Doe^Jane_1961"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this server logs verdicts; nothing is there yet."""
    file = tmp_path / "log" / "verdicts.sqlite"
    file.parent.mkdir()
    monkeypatch.setenv("PNEUMO_AUDIT_DB", str(file))
    return file


def rows(log: Path) -> list[dict]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in read_log(log)]


def upload(app: AppTest, content: bytes) -> AppTest:
    app.file_uploader(key="uploader").set_value((f"{NAME}.png", content, "image/png")).run()
    assert not app.exception
    return app


def give(app: AppTest, films: list[bytes]) -> None:
    given = [(f"{NAME} {i}.png", film, "image/png") for i, film in enumerate(films)]
    app.file_uploader[0].set_value(given).run()
    assert not app.exception


def labelled(films: list[bytes]) -> bytes:
    """A ZIP of class folders."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i, film in enumerate(films):
            archive.writestr(f"{('NORMAL', 'PNEUMONIA')[i % 2]}/{NAME} {i}.png", film)
    return packed.getvalue()


def test_a_verdict_has_one_row_a_session_and_operating_point(
    open_page: OpenPage, tiny_app: Run, films: list[bytes], log: Path
) -> None:
    app = upload(open_page("predict"), films[0])
    app.run()
    (row,) = rows(log)
    assert row.pop("time")
    assert row == {
        "kind": "upload",
        "image_sha256": hashlib.sha256(films[0]).hexdigest(),
        "frame": 0,
        "weights_sha256": tiny_app.weights_sha256,
        "run": tiny_app.name,
        "probability": pytest.approx(PneumoniaDetector(tiny_app).predict(films[0]).probability),
        "threshold": tiny_app.operating_point.threshold,
        "operating_point": "balanced",
    }
    app.session_state["pneumolens/operating_point"] = OperatingPoint("never", 1.0, "by hand", "")
    app.run()
    assert [(each["operating_point"], each["threshold"]) for each in rows(log)][1:] == [
        ("never", 1)
    ]
    upload(open_page("predict"), films[0])
    assert len(rows(log)) == 3, "another session"
    assert common.LOGGED in words_of(app)


def test_a_sample_is_logged_by_its_pixels(
    open_page: OpenPage, tiny_app: Run, tiny_dataset: Dataset, log: Path
) -> None:
    name = tiny_app.scores("test")["id"].iloc[0]
    open_page("predict", sample=name)
    (row,) = rows(log)
    pixels = read_image(tiny_dataset.find(name)).pixels
    assert (row["kind"], row["image_sha256"]) == ("sample", pixels_sha256(pixels))


def test_every_film_of_a_batch_is_logged(
    open_page: OpenPage, films: list[bytes], log: Path
) -> None:
    app = open_page("batch")
    give(app, [*films, b"no film"])
    finish(app)
    expected = sorted(hashlib.sha256(film).hexdigest() for film in set(films))
    assert sorted(row["image_sha256"] for row in rows(log)) == expected
    assert len(app.dataframe[0].value) == len(films) + 1


def test_names_tags_and_pixels_are_nowhere_in_the_log(
    open_page: OpenPage, films: list[bytes], log: Path
) -> None:
    upload(open_page("predict"), films[0])
    tagged = dicom(dicom_film(), PatientName=NAME, PatientID="MRN-4711", StudyDate="19610203")
    app = open_page("batch")
    give(app, [tagged, films[1]])
    finish(app)
    assert len(rows(log)) == 3
    kept = b"".join(file.read_bytes() for file in log.parent.iterdir())
    assert hashlib.sha256(films[0]).hexdigest().encode() in kept, "one finds what is there"
    for planted in (b"Doe", b"Jane", b"MRN-4711", b"19610203", b".png", films[0][40:72]):
        assert planted not in kept


def test_without_its_log_no_verdict_is_shown(
    open_page: OpenPage, films: list[bytes], log: Path
) -> None:
    log.write_text("a letter")
    app = upload(open_page("predict"), films[0])
    (error,) = app.error
    assert error.value.startswith("This server must log every verdict and cannot do so now")
    assert "is no audit log of PneumoLens" in error.value
    assert not app.metric
    assert "Called" not in words_of(app)
    assert "pneumolens/history" not in app.session_state
    assert log.read_text() == "a letter"
    log.unlink()
    app.run()
    assert app.metric
    assert len(rows(log)) == 1


def test_on_a_full_disk_no_verdict_is_shown_and_the_page_says_why(
    open_page: OpenPage, films: list[bytes], log: Path
) -> None:
    with full_disk(1):
        app = upload(open_page("predict"), films[0])
    (error,) = app.error
    assert error.value == common.NOT_LOGGED.format(reason=FULL)
    assert not app.metric
    assert "Called" not in words_of(app)
    assert "pneumolens/history" not in app.session_state
    app.run()
    assert not app.error
    assert app.metric
    assert len(rows(log)) == 1


@pytest.mark.parametrize("page", ["batch", "local"])
def test_where_the_disk_fills_up_films_are_shown_as_far_as_they_are_logged(
    open_page: OpenPage, films: list[bytes], log: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TOGETHER < len(films) == len(set(films))
    monkeypatch.setattr(core_batch, "PATIENCE", 600)
    app = open_page(page)
    with full_disk(2):  # room for the first films that go through the network together
        if page == "batch":
            give(app, films)
        else:
            app.file_uploader[0].set_value([("site.zip", labelled(films), "")]).run()
        for _ in range(3):
            app.run()
        stopped = {"batch": batch, "local": local}[page].STOPPED
        assert stopped.format(done=TOGETHER, total=len(films)) in words_of(app)
        assert [error.value for error in app.error] == [common.NOT_LOGGED.format(reason=FULL)]
    assert len(rows(log)) == TOGETHER
    app.button(key=f"{page}_halt").click().run()
    finish(app)
    assert not app.error
    assert [row["image_sha256"] for row in rows(log)] == [
        hashlib.sha256(film).hexdigest() for film in films
    ]


def test_a_batch_halts_where_it_cannot_be_logged_and_goes_on(
    open_page: OpenPage, films: list[bytes], log: Path
) -> None:
    log.write_text("a letter")
    app = open_page("batch")
    give(app, films)
    app.run()
    assert "must log every verdict" in app.error[0].value
    assert not app.dataframe
    app.button(key="batch_halt").click().run()
    assert not app.dataframe, "it is still not logged"
    log.unlink()
    app.button(key="batch_halt").click().run()
    finish(app)
    assert not app.error
    assert len(app.dataframe[0].value) == len(films)
    assert batch.DONE.format(judged=len(films)) in words_of(app)
    assert {row["image_sha256"] for row in rows(log)} == {
        hashlib.sha256(film).hexdigest() for film in films
    }


def test_labelled_films_are_logged_or_not_shown(
    open_page: OpenPage, films: list[bytes], log: Path
) -> None:
    log.write_text("a letter")
    app = open_page("local")
    app.file_uploader[0].set_value([("site.zip", labelled(films), "")]).run()
    app.run()
    assert "must log every verdict" in app.error[0].value
    assert not app.table
    log.unlink()
    app.button(key="local_halt").click().run()
    finish(app)
    assert not app.error
    assert app.table
    expected = sorted(hashlib.sha256(film).hexdigest() for film in set(films))
    assert sorted(row["image_sha256"] for row in rows(log)) == expected


def test_a_server_that_need_not_log_does_nothing(
    open_page: OpenPage, films: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PNEUMO_AUDIT_DB", raising=False)
    monkeypatch.setitem(sys.modules, "pneumo_core.audit_log", None)  # it cannot be imported

    def no_database(*_: object, **__: object) -> None:
        raise AssertionError("a database was opened")

    monkeypatch.setattr(sqlite3, "connect", no_database)
    app = upload(open_page("predict"), films[0])
    assert app.metric
    assert common.LOGGED not in words_of(app)
    app = open_page("batch")
    give(app, films[:2])
    finish(app)
    assert len(app.dataframe[0].value) == 2
