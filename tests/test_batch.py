"""Many files at once: a row for each, in the order asked for, and nothing of a bad one in a row."""

import csv
import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pneumo_core import batch
from pneumo_core.archive import Candidate, candidates
from pneumo_core.batch import (
    OVERLAY,
    THUMBNAIL,
    TOGETHER,
    BatchRow,
    as_csv,
    ordered,
    overlays,
    read_batch,
    read_groups,
)
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.images import read_image
from pneumo_core.report import MapFacts
from pneumo_core.report_pictures import pixels_sha256
from tests import dicom_files


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def detector(tiny_run):
    return PneumoniaDetector(tiny_run)


@pytest.fixture(scope="module")
def films(tiny_dataset):
    """The test images as PNG files."""
    test = tiny_dataset.splits["test"]
    return [png((test.read(i) * 255).round().astype(np.uint8)) for i in range(len(test))]


@pytest.fixture(scope="module")
def rows(detector, films):
    """More films than go through at once, a bad file among them and one that could not be had."""
    files = [(f"film {number}", film) for number, film in enumerate(films)]
    files.insert(1, ("=cmd|'/C calc'!A0.png", b"no picture"))
    given = [*candidates(files), Candidate("locked.png", None, "It is locked.")]
    assert len(given) > TOGETHER
    return list(read_batch(detector, given, detector.run.operating_point))


def test_each_film_is_judged_as_it_is_alone(rows, films, detector):
    judged = [row for row in rows if row.prediction]
    assert [row.name for row in judged] == [f"film {number}" for number in range(len(films))]
    for row, film in zip(judged, films, strict=True):
        alone = detector.predict(film)
        assert row.prediction.prediction == alone.prediction
        assert row.prediction.logit == pytest.approx(alone.logit, abs=1e-4)
        assert row.key == hashlib.sha256(film).hexdigest()
        assert row.image_sha256 == pixels_sha256(read_image(film).pixels)
        drawn = MapFacts.of(detector.explain(film).cam)
        found = detector.novelty(film)
        assert row.novelty.answer == found.answer
        assert row.novelty.distance == pytest.approx(found.distance, rel=1e-4)
        assert row.map.worth == pytest.approx(drawn.worth, abs=1e-4)
        assert replace(row.map, worth=0, against=0) == replace(drawn, worth=0, against=0)
        assert (row.width, row.height, row.kind) == (52, 40, "PNG")


def test_a_row_keeps_its_place_among_the_files(rows):
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    table = list(csv.DictReader(io.StringIO(as_csv(ordered(rows, "pneumonia")))))
    assert {line["film"]: line["file"] for line in table}["3"] == "film 1"


def test_a_row_keeps_the_film_small_ones_enlarged_by_whole_pixels(rows, films):
    picture = np.asarray(Image.open(io.BytesIO(rows[0].picture)), float)
    film = np.asarray(Image.open(io.BytesIO(films[0])), float)
    assert picture.shape == (7 * 40, 7 * 52)
    assert np.abs(picture - film.repeat(7, 0).repeat(7, 1)).mean() < 3
    thumbnail = Image.open(io.BytesIO(rows[0].thumbnail))
    assert (thumbnail.format, max(thumbnail.size)) == ("JPEG", THUMBNAIL)
    assert rows[0].thumbnail is rows[0].thumbnail, "made once"
    assert rows[1].thumbnail == b""


def test_a_bad_file_has_its_reason_and_stops_nothing(rows):
    bad, locked = rows[1], rows[-1]
    assert bad.prediction is None
    assert "of no kind we read" in bad.error
    assert (locked.name, locked.error, locked.key) == ("locked.png", "It is locked.", "")
    assert not bad.overlay
    assert not locked.overlay


def test_the_overlay_is_the_map_of_the_predicted_class_over_the_film(detector):
    film = np.full((900, 1200), 90, np.uint8)
    film[300:600, 700:900] = 200
    (row,) = read_batch(detector, candidates([("big.png", png(film))]), _point(detector))
    picture = np.asarray(Image.open(io.BytesIO(row.overlay)), float)
    assert picture.shape == (384, OVERLAY, 3)
    whole = detector.explain(film, target=row.prediction.prediction).overlay()
    expected = Image.fromarray(whole).resize((OVERLAY, 384), Image.Resampling.BOX)
    assert np.abs(picture - np.asarray(expected, float)).mean() < 3
    assert np.ptp(picture, axis=2).max() > 30, "somewhere there is colour"


def test_whoever_stops_asking_stops_the_work(detector, films):
    asked = []

    def files():
        for number in range(4 * TOGETHER):
            asked.append(number)
            yield Candidate(str(number), films[0])

    reading = read_batch(detector, files(), _point(detector))
    next(reading)
    reading.close()
    assert len(asked) == TOGETHER


def test_large_films_do_not_wait_for_one_another(detector, films, monkeypatch):
    larger = png(np.full((80, 104), 90, np.uint8))
    given = [films[0], b"none", films[1], films[2], larger, larger, films[3]]
    files = [Candidate(str(number), data) for number, data in enumerate(given)]
    monkeypatch.setattr(batch, "MOST_PIXELS", 2 * 40 * 52)
    groups = [[row.name for row in rows] for rows in read_groups(detector, files, _point(detector))]
    assert groups == [["0", "1", "2"], ["3"], ["4"], ["5"], ["6"]]


def test_films_do_not_wait_for_slow_ones(detector, films, monkeypatch):
    monkeypatch.setattr(batch, "PATIENCE", -1)
    files = [Candidate(str(number), films[number]) for number in range(3)]
    groups = list(read_groups(detector, files, _point(detector)))
    assert [len(rows) for rows in groups] == [1, 1, 1]


def test_the_order_to_read_in(rows):
    assert ordered(rows, "given") == rows
    likely = ordered(rows, "pneumonia")
    chances = [row.prediction.probability for row in likely if row.prediction]
    assert chances == sorted(chances, reverse=True)
    assert [row.error is None for row in likely] == [True] * len(chances) + [False] * 2
    unsure = ordered(rows, "uncertain")
    away = [abs(row.prediction.probability - row.prediction.threshold) for row in unsure[:-2]]
    assert away == sorted(away)
    assert unsure[-2:] == [rows[1], rows[-1]]


def test_the_table_cannot_run_in_a_spreadsheet(rows):
    table = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [line["file"] for line in table][:3] == ["film 0", "'=cmd|'/C calc'!A0.png", "film 1"]
    assert float(table[0]["probability"]) == pytest.approx(rows[0].prediction.probability, abs=1e-6)
    assert table[0]["zone"] == rows[0].prediction.zone
    assert table[1]["verdict"] == ""
    assert table[1]["error"] == rows[1].error


def test_overlays_are_packed_under_names_that_lead_nowhere(rows):
    row = rows[0]
    crooked = BatchRow("../../etc/pass wd.png", row.key, overlay=row.overlay, number=12)
    with zipfile.ZipFile(io.BytesIO(overlays([crooked, rows[1], row]))) as archive:
        assert archive.namelist() == ["012-.._.._etc_pass_wd.png.jpg", "001-film_0.jpg"]
        assert archive.read("001-film_0.jpg") == row.overlay


def _point(detector):
    return detector.run.operating_point


def test_what_a_dicom_file_says_of_itself_stands_in_its_row(detector):
    files = [
        (
            "IM0001",
            dicom_files.dicom(
                dicom_files.film(), Modality="DX", PatientAge="062Y", ViewPosition="LATERAL"
            ),
        ),
        (
            "IM0002",
            dicom_files.dicom(
                dicom_files.film(), Modality="DX", PatientAge="003Y", ViewPosition="PA"
            ),
        ),
    ]
    old, young = read_batch(detector, candidates(files), _point(detector))
    assert len(old.warnings) == 2
    assert "62 years" in old.warnings[0]
    assert young.warnings == ()
    lines = list(csv.DictReader(io.StringIO(as_csv([old, young]))))
    assert lines[0]["warnings"] == " ".join(old.warnings)
    assert (lines[0]["kind"], lines[1]["warnings"]) == ("DICOM", "")
