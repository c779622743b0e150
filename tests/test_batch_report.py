"""A batch's report: every film that was read, every file that was not, and no file's name."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from pneumo_core.archive import candidates
from pneumo_core.batch import BatchRow, read_batch
from pneumo_core.batch_report import cases, cover
from pneumo_core.detector import PneumoniaDetector
from pneumo_core.errors import DataError
from pneumo_core.image_checks import Reason, objection
from pneumo_core.novelty import Novelty
from pneumo_core.report import MOST, ModelFacts, to_html, to_pdf
from pneumo_core.runs import Run
from tests.test_batch import png
from tests.test_report import DATE, EVIL, Page, pdf_texts


@pytest.fixture(scope="module")
def model(tiny_run: Run) -> ModelFacts:
    return ModelFacts.of(tiny_run, tiny_run.operating_point)


@pytest.fixture(scope="module")
def rows(tiny_run: Run, tiny_dataset) -> list[BatchRow]:
    """Six films and a bad file in third place; the last film does not look like a chest."""
    test = tiny_dataset.splits["test"]
    films = [png((test.read(i) * 255).round().astype(np.uint8)) for i in range(6)]
    files = [(f"Miller^Anna {number}.png", film) for number, film in enumerate(films)]
    files.insert(2, ("Smith^Bob.png", b"Dear colleague"))
    read = list(
        read_batch(PneumoniaDetector(tiny_run), candidates(files), tiny_run.operating_point)
    )
    strange = Novelty("not a chest X-ray", (objection(Reason.COLOUR),), 9.0, 99.9, (9.0,), None)
    return [*read[:-1], replace(read[-1], novelty=strange)]


def test_every_film_stands_with_its_pictures_and_verdict(rows, model) -> None:
    made = {case.number: case for case in cases(rows, model, DATE)}
    assert sorted(made) == [1, 2, 4, 5, 6, 7]
    for row in rows[:2]:
        case = made[row.number]
        assert case.prediction == row.prediction
        assert (case.film.data, case.overlay.data) == (row.picture, row.overlay)
        assert (case.film.width, case.film.height) == Image.open(io.BytesIO(row.picture)).size
        assert (case.map, case.seen) == (row.map, row.seen)
        assert case.image_sha256 == row.image_sha256
    withheld = made[7]
    assert withheld.prediction is None
    assert withheld.overlay is None
    assert withheld.film.data == rows[6].picture


def test_both_forms_say_once_what_is_true_of_all(rows, model) -> None:
    made, first = cases(rows, model, DATE), cover(rows)
    page = " ".join(Page(to_html(made, first)).texts)
    sheets = pdf_texts(to_pdf(made, first))
    for text, packed in ((page, page), (" ".join(sheets), "".join(sheets).replace(" ", ""))):
        assert packed.count(model.weights_sha256) == 1
        assert text.count("PPV") == 1
        assert text.count("Chosen by") == 1
        assert "Files that could not be read File 3 " in " ".join(text.split())
        assert rows[2].error in text
        assert "1 file could not be read" in text
        for row in rows:
            assert row.image_sha256 in packed
    assert "Files that could not be read" in sheets[0]
    assert " ".join(sheets).count("Operating point") == 1
    point = f"threshold of {round(100 * model.point.threshold)} % ({model.point.name})"
    assert " ".join(sheets).count(point) == 5, "each verdict names its operating point"


def test_no_file_is_named_and_what_is_typed_is_no_markup(rows, model) -> None:
    made = cases(rows, model, DATE)
    for first in (None, cover(rows)):
        content = to_pdf(made, first)
        written = to_html(made, first) + " ".join(pdf_texts(content))
        for planted in ("Miller", "Smith", ".png"):
            assert planted not in written
            assert planted.encode() not in content
    named = cover(rows, EVIL, f"two\nlines {EVIL}")
    page = Page(to_html(made, named))
    assert "script" not in page.tags
    assert EVIL in " ".join(page.texts)
    assert EVIL in pdf_texts(to_pdf(made, named))[0]
    assert "alert" not in str(PdfReader(io.BytesIO(to_pdf(made, named))).metadata)


def test_one_film_of_a_batch_has_its_cover_too(rows, model) -> None:
    made = cases(rows[:1], model, DATE)
    assert "1 film: " in pdf_texts(to_pdf(made, cover(rows[:1])))[0]
    assert pdf_texts(to_pdf(made, cover(rows[:1])))[0].count("Film 1 ") == 2, "listed and shown"
    assert "Films, the most likely" in to_html(made, cover(rows[:1]))


@pytest.mark.parametrize("write", [to_html, to_pdf])
def test_progress_rises_to_the_end_and_can_end_the_work(rows, model, write) -> None:
    made, told = cases(rows, model, DATE), []
    write(made, cover(rows), told.append)
    assert told == sorted(told)
    assert 0 <= told[0] < 0.2
    assert 0.8 <= told[-1] <= 1

    def halt(share: float) -> None:
        if share >= 0.4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write(made, cover(rows), halt)
    write(made, cover(rows))  # nothing is left locked


def test_rows_of_another_threshold_and_too_many_are_refused(rows, model) -> None:
    other = replace(model, point=replace(model.point, threshold=0.123))
    with pytest.raises(DataError, match="another model's or at another threshold"):
        cases(rows, other, DATE)
    with pytest.raises(DataError, match="1 to 500 films"):
        to_html(cases(rows[:1], model, DATE) * (MOST + 1), cover(rows))
