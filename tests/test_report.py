"""Reports on films: what they say, in which order, and what never gets into them."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from pneumo_core import NOTICE, PneumoniaDetector, __version__
from pneumo_core.colouring import overlay
from pneumo_core.confusion import Confusion, confusion_at
from pneumo_core.errors import DataError
from pneumo_core.image_checks import Reason, objection
from pneumo_core.images import read_image
from pneumo_core.novelty import Novelty
from pneumo_core.operating_point import Zones
from pneumo_core.report import (
    LONGEST_NAME,
    MOST,
    CaseReport,
    ModelFacts,
    in_order,
    to_csv,
    to_html,
    to_pdf,
)
from pneumo_core.report_pictures import PICTURE, pixels_sha256
from pneumo_core.report_scale import BETWEEN, WIDTH, Label, Shape, scale
from pneumo_core.report_words import percent
from pneumo_core.runs import Run
from pneumo_core.similar import Neighbour
from tests.test_threshold_report import Page as Nested

DATE = "2026-11-02"
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)> <b>&amp;</b> <a href="x">'
Make = Callable[..., CaseReport]


class Page(Nested):
    """A page whose tags nest; pictures have no end tag."""

    def handle_starttag(self, tag, attributes):
        super().handle_starttag(tag, attributes)
        if tag == "img":
            self.open.pop()


@pytest.fixture(scope="module")
def detector(tiny_run: Run) -> PneumoniaDetector:
    return PneumoniaDetector(tiny_run)


@pytest.fixture(scope="module")
def model(tiny_run: Run) -> ModelFacts:
    return ModelFacts.of(tiny_run, tiny_run.operating_point)


@pytest.fixture(scope="module")
def film(tiny_run: Run, tiny_dataset) -> np.ndarray:
    """The test film that looks most like pneumonia."""
    scores = tiny_run.scores("test")
    return read_image(tiny_dataset.find(scores["id"][scores["logit"].idxmax()])).pixels


@pytest.fixture(scope="module")
def make(detector: PneumoniaDetector, model: ModelFacts, film: np.ndarray) -> Make:
    said, drawn = detector.predict(film), detector.explain(film)

    def made(**more) -> CaseReport:
        return CaseReport.of(model, film, said, drawn, date=DATE, **more)

    return made


def at(case: CaseReport, probability: float) -> CaseReport:
    """The same case with another probability."""
    said = case.prediction
    zone = case.model.zones.zone(probability)
    called = "Pneumonia" if probability >= said.threshold else "Normal"
    changed = replace(said, probability=probability, zone=zone, prediction=called)
    return replace(case, prediction=changed)


def pdf_texts(content: bytes) -> list[str]:
    """The text of each sheet on one line, without the breaks between lines."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


def both(case: CaseReport) -> tuple[str, str]:
    """All words of the page and of the PDF."""
    return " ".join(Page(to_html([case])).texts), " ".join(pdf_texts(to_pdf([case])))


def novelty(answer: str, *reasons: Reason) -> Novelty:
    return Novelty(answer, tuple(map(objection, reasons)), 3.0, 99.9, (3.0,), np.zeros(2))


def test_both_say_what_the_detector_says(make: Make, tiny_run: Run) -> None:
    case = make()
    said = case.prediction
    assert said.prediction == "Pneumonia"
    for text in both(case):
        assert "Called pneumonia" in text
        assert said.clinical_note in text
        assert f"“balanced”, threshold {said.threshold:.3f}" in text
        assert percent(said.probability) in text
        assert NOTICE in text
        assert f"PneumoLens {__version__}" in text
        assert DATE in text
        assert tiny_run.title in text
        # A PDF breaks the line of a long hash.
        assert tiny_run.weights_sha256 in text.replace(" ", "")
        assert case.image_sha256 in text.replace(" ", "")
        auc = tiny_run.metrics["test"]["auc"]
        assert "AUC {:.3f} ({:.3f} to {:.3f})".format(*auc) in text
        found = [100 * part for part in tiny_run.metrics["test"]["sensitivity"]]
        assert "Sensitivity {:.1f} % ({:.1f} to {:.1f})".format(*found) in text
        assert "Evidence for “pneumonia”, Grad-CAM at" in text
        assert f"{case.map.worth:.1f} logit units" in text


def test_predictive_values_at_a_prevalence_are_those_of_bayes(
    make: Make, model: ModelFacts, tiny_run: Run
) -> None:
    scores, threshold = tiny_run.scores("test"), tiny_run.operating_point.threshold
    assert model.counts == confusion_at(scores["label"], scores["probability"], threshold)
    # 45 of 50 are found, 30 of 40 are cleared: at 8 % that is .072 / (.072 + .23) and so on.
    counts = Confusion(tp=45, fn=5, tn=30, fp=10)
    facts = replace(
        model, counts=counts, figures={**model.figures, **counts.estimates()}, prevalence=0.5
    )
    case = at(replace(make(), model=facts, prevalence=0.08), 0.9)
    assert case.clinic.ppv.value == pytest.approx(0.072 / (0.072 + 0.23))
    assert case.clinic.npv.value == pytest.approx(0.69 / (0.69 + 0.008))
    # Odds of 9 times (0.08 / 0.92) over (0.5 / 0.5).
    assert case.probability_there == pytest.approx((9 * 0.08 / 0.92) / (1 + 9 * 0.08 / 0.92))
    for text in both(case):
        assert "What a call means where 8 % have pneumonia" in text
        assert "Pneumonia if called so (PPV) 23.8 %" in text
        assert "None if called normal (NPV) 98.9 %" in text
        assert "the probability 90 % stands for 44 %" in text
    for text in both(replace(case, prevalence=None)):
        assert "where 55.6 % have pneumonia" in text
        assert "(PPV) 81.8 %" in text
        assert "stands for" not in text


def test_an_objection_comes_before_the_verdict(make: Make) -> None:
    case = make(novelty=novelty("unusual", Reason.INVERTED), warnings=("The patient is grown up.",))
    for text in both(case):
        places = [
            text.index(words)
            for words in (
                "It differs from the films the model was trained on",
                "It looks inverted",
                "The patient is grown up.",
                "Called pneumonia",
            )
        ]
        assert places == sorted(places)
        assert "than over 99 % of validation films" in text


def test_a_withheld_verdict_has_no_probability_and_no_map(
    model: ModelFacts, film: np.ndarray, detector: PneumoniaDetector
) -> None:
    foreign = novelty("not a chest X-ray", Reason.PHOTOGRAPH)
    drawn = detector.explain(film)
    case = CaseReport.of(model, film, None, drawn, date=DATE, novelty=foreign)
    assert case.overlay is None
    for text in both(case):
        assert "No verdict" in text
        assert "It looks like a colour photograph." in text
        assert "Called" not in text
        assert "Evidence for" not in text
        assert "PPV" not in text
    assert next(csv.DictReader(io.StringIO(to_csv([case]))))["probability"] == ""


def test_checks_and_similar_films_are_on_it(make: Make, detector: PneumoniaDetector, film) -> None:
    trust = detector.trust(film)
    known = (
        Neighbour("train-1", 1, 0.4),
        Neighbour("train-2", 0, 0.5),
        Neighbour("train-3", 1, 0.6),
    )
    answer = {True: "Yes", False: "No", None: "Unknown"}[trust.passed("faithful")]
    for text in both(make(trust=trust, similar=known, truth="viral pneumonia")):
        assert f"Does the network lean on the marked places? {answer}" in text
        assert "Of the 3 nearest training films, 2 show pneumonia." in text
        assert "train-2 (normal, 0.50 away)" in text
        assert "Known answer viral pneumonia" in text


def test_what_is_typed_is_text_and_nothing_else(make: Make) -> None:
    case = make(name=EVIL, notes=f"first {EVIL}\nthe second – line ≥ 2 × <para>\x00\x1b\u202egnp.")
    page = Page(to_html([case]))
    assert not {"script", "a", "b", "para"} & set(page.tags)
    assert len([tag for tag in page.tags if tag == "img"]) == 2
    assert EVIL in page.texts
    for text in both(case):
        assert EVIL in text
        assert "the second – line ≥ 2 × <para>gnp." in text
    sheet = PdfReader(io.BytesIO(to_pdf([case]))).pages[0]
    assert "/Annots" not in sheet, "no link out of a name"


def test_letters_that_the_font_lacks_are_owned_up_to(make: Make) -> None:
    said = "Some typed letters cannot be shown"
    assert said in both(make(name="王小明"))[1]
    assert said in both(make(notes="שלום"))[1]
    assert said not in both(make(name="Zoë Ångström-Łoś", notes="α ≥ 2 × β –\nя"))[1]
    assert "王小明" in both(make(name="王小明"))[0]


def test_too_much_typed_is_refused(make: Make) -> None:
    with pytest.raises(DataError, match=f"name may have {LONGEST_NAME} characters, not 121"):
        make(name="x" * 121)
    with pytest.raises(DataError, match="notes may have 2000 characters"):
        make(notes="x" * 2001)


def test_the_longest_texts_fit(make: Make) -> None:
    case = make(name="x" * LONGEST_NAME, notes="y" * 2000)
    texts = pdf_texts(to_pdf([case]))
    assert "".join(texts).replace(" ", "").count("y") >= 2000
    assert len(texts) == 2


def test_another_models_verdict_or_map_is_refused(make: Make, detector, film) -> None:
    case = make()
    with pytest.raises(DataError, match="another model's or at another threshold"):
        replace(case, prediction=replace(case.prediction, threshold=0.123))
    drawn = replace(detector.explain(film), run="other")
    with pytest.raises(DataError, match="The map is another model's"):
        CaseReport.of(case.model, film, case.prediction, drawn, date=DATE)
    with pytest.raises(DataError, match="prevalence"):
        make(prevalence=1.0)


def test_nothing_is_fetched_and_nothing_runs(make: Make) -> None:
    page = Page(to_html([make(), make(name="Anna")]))
    assert not {"script", "link", "iframe", "object", "form", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert name not in ("onclick", "onload", "srcset", "action", "xlink:href")
        if name == "src":
            assert value.startswith("data:image/")
        if name == "href":
            assert value in ("#film-1", "#film-2")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert policy in {value for _, value in page.attributes}


def test_no_name_or_path_gets_in_unasked(make: Make, tiny_run: Run, tiny_data) -> None:
    case = make(novelty=novelty("familiar"))
    content = to_pdf([case])
    written = to_html([case]) + to_csv([case]) + " ".join(pdf_texts(content))
    reader = PdfReader(io.BytesIO(content))
    written += json.dumps({key: str(value) for key, value in reader.metadata.items()})
    for planted in (str(tiny_data), str(tiny_run.path.parent), ".png", "person", "/tmp", "/home"):
        assert planted not in written
        assert planted.encode() not in content
    assert reader.metadata.author == "PneumoLens"
    assert reader.metadata.title == "PneumoLens report"
    named = PdfReader(io.BytesIO(to_pdf([make(name="Planted Name"), make()])))
    assert "Planted" not in str(named.metadata)
    assert "Planted" not in str([each.title for each in named.outline])


def test_the_same_case_gives_the_same_bytes(make: Make) -> None:
    one, two = make(name="Anna", prevalence=0.1), make(name="Anna", prevalence=0.1)
    assert to_pdf([one]) == to_pdf([two])
    assert to_html([one]) == to_html([two])
    assert to_pdf([one]) != to_pdf([make(name="Anne", prevalence=0.1)])


def test_pictures_are_the_film_and_its_overlay(make: Make, film, detector) -> None:
    case = make()
    # 40 x 52 pixels, enlarged whole pixels by whole pixels, without loss.
    shown = np.asarray(Image.open(io.BytesIO(case.film.data)))
    factor = shown.shape[0] // 40
    assert shown.shape == (40 * factor, 52 * factor) == (case.film.height, case.film.width)
    assert factor == 400 // 52
    np.testing.assert_array_equal(shown[::factor, ::factor], np.rint(film * 255))
    over = np.asarray(Image.open(io.BytesIO(case.overlay.data)))
    np.testing.assert_array_equal(over[::factor, ::factor], detector.explain(film).overlay())
    assert case.seen == pytest.approx((0, 6 / 52, 1, 40 / 52))
    images = [image.image for image in PdfReader(io.BytesIO(to_pdf([case]))).pages[0].images]
    assert [image.size for image in images] == [(case.film.width, case.film.height)] * 2
    assert any(np.array_equal(np.asarray(image.convert("RGB")), over) for image in images)


def test_large_films_are_taken_down_to_a_jpeg_without_metadata(model, detector) -> None:
    film = np.linspace(0, 1, 2400 * 1800, dtype=np.float32).reshape(2400, 1800)
    drawn = detector.explain(film)
    case = CaseReport.of(model, film, detector.predict(film), drawn, date=DATE)
    for picture in (case.film, case.overlay):
        image = Image.open(io.BytesIO(picture.data))
        assert (image.format, image.size) == ("JPEG", (600, PICTURE))
        assert not image.getexif()
        assert len(picture.data) < 300_000
    assert overlay(film, drawn.placed)[1200, 900] == pytest.approx(
        np.asarray(Image.open(io.BytesIO(case.overlay.data)))[400, 300], abs=6
    )
    assert b"/DCTDecode" in to_pdf([case])


def test_the_hash_is_of_the_pixels(film) -> None:
    assert pixels_sha256(film) == hashlib.sha256(film.astype("<f4").tobytes()).hexdigest()
    changed = film.copy()
    changed[3, 3] += 1 / 255
    assert pixels_sha256(changed) != pixels_sha256(film)
    assert pixels_sha256(np.asfortranarray(film)) == pixels_sha256(film)


def test_a_batch_is_sorted_with_the_films_without_a_verdict_last(make: Make, model, film) -> None:
    none = CaseReport.of(model, film, None, date=DATE, novelty=novelty("not a chest X-ray"))
    cases = [at(make(), 0.2), none, at(make(name="Anna"), 0.9), at(make(), 0.6)]
    assert [case.number for case in in_order(cases)] == [3, 4, 1, 2]
    page = Page(to_html(cases))
    links = [value for name, value in page.attributes if name == "href"]
    assert links == ["#film-3", "#film-4", "#film-1", "#film-2"]
    ids = [value for name, value in page.attributes if name == "id"]
    assert ids == ["film-3", "film-4", "film-1", "film-2"]
    table = page.texts[page.texts.index("Looks") + 1 :]
    first = [text for text in table if text][:5]
    assert first == ["Film 3", "Anna", "90 %", "Called pneumonia", cases[2].prediction.zone]
    sheets = pdf_texts(to_pdf(cases))
    assert len(sheets) == 3, "two films on a sheet"
    assert "4 films:" in sheets[0]
    assert "1 without a verdict" in sheets[0]
    assert "Film 4 60 % " in sheets[0]
    shown = " ".join(sheets).split("The model ", 1)[1]
    order = ("Anna", "90 %", "Film 4", "60 %", "Film 1", "20 %", "Film 2", "No verdict")
    assert sorted(order, key=shown.index) == list(order)
    outline = PdfReader(io.BytesIO(to_pdf(cases))).outline
    assert [each.title for each in outline] == ["Film 3", "Film 4", "Film 1", "Film 2"]


def test_the_table_of_contents_names_the_right_sheets(make: Make) -> None:
    known = novelty("familiar")
    long = at(make(notes="line\n" * 200, novelty=known), 0.9)
    sheets = pdf_texts(to_pdf([at(make(novelty=known), 0.1), long]))
    assert sheets[1].startswith(NOTICE)
    assert "Film 2" in sheets[1]
    assert "line" in sheets[2]
    last = len(sheets)
    assert last >= 4
    assert "Film 1" in sheets[-1]
    first, second = sheets[0].split("Page Film 2")[1].split("Film 1")
    assert first.endswith("familiar 2 ")
    assert f"familiar {last} What a call means" in second


def test_the_table_as_csv(make: Make) -> None:
    cases = [at(make(), 0.25), at(make(name="=cmd()", notes="two\nlines", prevalence=0.1), 0.75)]
    rows = list(csv.DictReader(io.StringIO(to_csv(cases))))
    assert [row["film"] for row in rows] == ["2", "1"]
    first = rows[0]
    assert first["name"] == "'=cmd()"
    assert first["notes"] == "two\nlines"
    assert first["probability"] == "0.750000"
    assert first["ppv"] == f"{cases[1].clinic.ppv.value:.6f}"
    assert first["image_sha256"] == cases[1].image_sha256
    assert first["software"] == __version__
    assert rows[1]["ppv"] == ""
    assert rows[1]["familiar"] == ""


def test_no_case_and_too_many_are_refused(make: Make) -> None:
    case = make()
    for cases in ([], [case] * (MOST + 1)):
        with pytest.raises(DataError, match="1 to 500 films"):
            to_html(cases)


def test_the_scale_is_true_to_the_numbers() -> None:
    zones = Zones(0.2, 0.6, "", "")
    marks = scale(0.5, 0.4, zones)
    inside = WIDTH - 4
    between = next(m.points for m in marks if isinstance(m, Shape) and m.fill == BETWEEN)
    assert [x for x, _ in between[:2]] == pytest.approx([2 + 0.2 * inside, 2 + 0.6 * inside])
    pin = next(m.points for m in marks if isinstance(m, Shape) and len(m.points) == 3)
    assert pin[2][0] == pytest.approx(WIDTH / 2)
    labels = {m.text: m for m in marks if isinstance(m, Label)}
    assert labels["50 %"].bold
    assert labels["50 %"].at[0] == pytest.approx(WIDTH / 2)
    assert labels["threshold 0.400"].at[0] == pytest.approx(2 + 0.4 * inside)
    assert labels["uncertain, needs a reader: 0.200 to 0.600"].bold
    assert not labels["rule in: from 0.600"].bold
    for probability in (0.0, 0.001, 0.999, 1.0):
        for mark in scale(probability, 1.0, Zones(0, 1, "", "")):
            if isinstance(mark, Shape):
                assert all(0 <= x <= WIDTH for x, _ in mark.points)
