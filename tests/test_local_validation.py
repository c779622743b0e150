"""Films scored and counted: every file has its row or its reason, every picture counts once."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from pneumo_core import batch
from pneumo_core.archive import entries
from pneumo_core.batch import TOGETHER
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.local_labels import LabelledFilm, find_labels
from pneumo_core.local_validation import ScoredFilm, score_films, score_groups, scores_csv, tally
from pneumo_core.own_scores import read_own_scores


@pytest.fixture(scope="module")
def detector(tiny_run):
    return PneumoniaDetector(tiny_run)


@pytest.fixture(scope="module")
def films(tiny_data, tiny_dataset):
    """The tiny test films, as a user with class folders would give them."""
    names = tiny_dataset.splits["test"].ids
    return [(name, (tiny_data / "chest_xray" / name).read_bytes()) for name in names]


def film(name, label=1, **more):
    """One scored film."""
    more.setdefault("digest", name)
    more.setdefault("probability", 0.5)
    return ScoredFilm(name, label, "", more.pop("patient", ""), "", **more)


def test_each_film_is_scored_as_it_is_alone(detector, films):
    assert len(films) > TOGETHER
    bad = [("NORMAL/letter.png", b"Dear colleague"), ("NORMAL/empty.png", b"")]
    labelled = find_labels(entries([*films[:1], *bad, *films[1:]]))
    scored = list(score_films(detector, labelled.films))
    assert len(scored) == len(films) + 2
    assert [each.name for each in scored if each.error] == [name for name, _ in bad]
    assert "of no kind we read" in scored[1].error
    assert np.isnan(scored[1].probability)
    read = [each for each in scored if each.error is None]
    for one, (name, content) in zip(read, films, strict=True):
        alone = detector.predict(content)
        assert one.name == name
        assert one.label == ("PNEUMONIA" in name)
        assert one.probability == pytest.approx(alone.probability, abs=1e-4)
        assert one.logit == pytest.approx(alone.logit, abs=1e-4)
        assert one.looks == detector.novelty(content).answer


def test_whoever_stops_asking_stops_the_work(detector, films):
    asked = []

    def given():
        for entry in entries(films * 3):
            asked.append(entry)
            yield LabelledFilm(entry, 1, "", "", "")

    scoring = score_films(detector, given())
    next(scoring)
    scoring.close()
    assert len(asked) == TOGETHER


def test_groups_are_bounded_as_those_of_a_batch(detector, films, monkeypatch):
    pixels = Image.open(io.BytesIO(films[0][1])).size
    monkeypatch.setattr(batch, "MOST_PIXELS", 2 * pixels[0] * pixels[1])
    monkeypatch.setattr(batch, "PATIENCE", 600)
    given = find_labels(entries([*films[:3], ("NORMAL/none.png", b"none"), *films[3:5]])).films
    groups = [[each.name for each in group] for group in score_groups(detector, given)]
    names = [name for name, _ in films]
    assert groups == [names[:2], [names[2], "NORMAL/none.png", names[3]], [names[4]]]


def test_the_same_picture_counts_once_whatever_its_format(detector, films):
    picture = Image.open(io.BytesIO(films[0][1]))
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF")
    files = [films[0], ("NORMAL/again.tif", buffer.getvalue())]
    found = tally(score_films(detector, find_labels(entries(files)).films))
    assert (len(found.films), found.copies) == (1, 1)
    assert films[0][0] in found.left_out[0].reason


def test_the_same_pixels_in_other_rows_are_another_picture(detector):
    grey = np.random.default_rng(0).integers(0, 256, 64 * 96, np.uint8)
    files = []
    for shape in ((64, 96), (96, 64)):
        buffer = io.BytesIO()
        Image.fromarray(grey.reshape(shape)).save(buffer, "PNG")
        files.append((f"NORMAL/{shape[0]}.png", buffer.getvalue()))
    found = tally(score_films(detector, find_labels(entries(files)).films))
    assert (len(found.films), found.copies) == (2, 0)


def test_what_counts_is_counted():
    scored = [
        film("a"),
        film("b", digest="a"),
        film("c", 0, digest="both"),
        film("d", 1, digest="both"),
        film("e", 0, error="It is empty.", digest="", probability=float("nan")),
        film("f", 0, error="It is cut short.", digest="", probability=float("nan")),
        film("g", 0, looks="unusual", objections="It is turned."),
        film("h", 0, looks="not a chest X-ray"),
        film("i", 0, looks="familiar"),
    ]
    found = tally(scored)
    assert [each.name for each in found.films] == ["a", "g", "h", "i"]
    assert (found.unread, found.copies, found.contradicted) == (2, 1, 2)
    assert (found.unusual, found.foreign) == (1, 1)
    assert [each.name for each in found.left_out] == ["b", "c", "d", "e", "f"]
    assert found.left_out[3].reason == "It is empty."
    assert [each.name for each in tally(scored, "films").films] == ["a", "g", "i"]
    familiar = tally(scored, "familiar")
    assert [each.name for each in familiar.films] == ["a", "i"]
    assert familiar.left_out[-2].reason == "It is turned."
    assert (familiar.unusual, familiar.foreign) == (1, 1)


def test_patients_are_numbered_and_unknown_ones_stand_alone():
    names = ["p", "", "q", "p", ""]
    found = tally(film(str(i), patient=name) for i, name in enumerate(names))
    assert found.patients.tolist() == [0, 1, 2, 0, 3]
    assert tally([film("a"), film("b")]).patients is None


def test_the_table_is_read_back_and_cannot_run_in_a_spreadsheet():
    scored = [
        film("=cmd|'/C calc'!A0.png", probability=0.25, patient="@p"),
        film("<script>alert(1)</script>.png", 0, probability=0.125),
    ]
    content = scores_csv(scored)
    lines = list(csv.DictReader(io.StringIO(content)))
    assert lines[0]["id"] == "'=cmd|'/C calc'!A0.png"
    assert lines[0]["patient"] == "'@p"
    own = read_own_scores(content.encode())
    assert own.labels.tolist() == [1, 0]
    assert own.probabilities.tolist() == [0.25, 0.125]
    assert own.kind == "probability"
    assert own.patients is not None
