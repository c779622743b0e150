"""The trust panel: what it says of each finding, and of a network with a planted bad reason."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from pneumo_core import PneumoniaDetector
from pneumo_core.errors import RunError
from pneumo_core.files import sha256_of
from pneumo_core.publishing import save_weights
from pneumo_core.runs import WEIGHTS_FILE, Run, read_run
from pneumo_core.trust import CHECKS
from pneumo_core.trust_words import QUESTIONS, overall
from tests.audits import FAILS, made_reference, made_row, made_trust, write_audit
from tests.pages.conftest import OpenPage, words_of
from tests.planted import bright, films, learnt
from ui.trust_panel import said, standing

SAID = {
    "faithful": (
        "What it marks moves the score more than 100 % of random markings would.",
        "What it marks moves the score more than 60 % of random markings would: too few to tell it "
        "from chance.",
    ),
    "learned": (
        "If the network forgets what it learned, it draws another map: 0.30 alike. Maps of "
        "different films reach 0.60.",
        "If the network forgets what it learned, it still draws much the same map: 0.65 alike. "
        "Maps of different films reach no more than 0.60.",
    ),
    "stable": (
        "In 2 slightly changed views of the film the map stays 0.90 alike, and the answer stays "
        "the same.",
        "In 2 slightly changed views of the film the map stays 0.90 alike, and the answer changes "
        "in 1 of them.",
    ),
    "agreement": (
        "Occlusion and integrated gradients, which work differently, mark much the same places: "
        "0.60 alike.",
        "Occlusion and integrated gradients, which work differently, mark other places: 0.29 "
        "alike.",
    ),
    "place": (
        "20 % of the evidence lies at the film's edge, in its corners or beside the body, which "
        "make up 40 % of the film.",
        "41 % of the evidence crowds at the film's edge, in its corners or beside the body, which "
        "make up only 40 % of the film.",
    ),
}


@pytest.mark.parametrize("check", CHECKS)
def test_a_finding_is_a_short_sentence_with_its_figure(check: str) -> None:
    passed, failed = SAID[check]
    assert said(made_trust(), check) == passed
    assert said(made_trust(**FAILS[check]), check) == failed


def test_what_is_not_known_is_not_claimed() -> None:
    without = made_trust(reference=None)
    assert said(without, "learned").endswith("Which figure is too high is not known here.")
    assert [standing(without, check) for check in CHECKS] == [None] * 5
    assert said(made_trust(place=None), "place") == (
        "This cannot be measured: the map is the same everywhere."
    )


def test_a_film_is_placed_among_the_test_films() -> None:
    found = made_trust()
    # The figures of the test films are spread evenly from 0 to 2.
    assert standing(found, "faithful") == (
        pytest.approx(0.75),
        "Moves it more than on 75\u00a0% of 624 test films",
    )
    assert standing(found, "learned") == (
        pytest.approx(0.15),
        "More alike than on 15\u00a0% of 624 test films",
    )
    assert standing(found, "place")[0] == pytest.approx(0.25)


@pytest.fixture
def confounded(tiny_app: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, bytes]:
    """A run whose network takes a mark in the corner for pneumonia, and a film with the mark."""
    model = learnt(bright, corner=True)
    folder = shutil.copytree(tiny_app.path, tmp_path / "tiny")
    save_weights(folder / WEIGHTS_FILE, model.state_dict())
    (folder / "features.npz").unlink()  # of the other network
    described = json.loads((folder / "run.json").read_text("utf-8"))
    described["weights_sha256"] = sha256_of(folder / WEIGHTS_FILE)
    described["preprocess"] |= {"mean": [0.5], "std": [0.1]}
    described |= {"flip_average": False, "temperature": 1.0}
    (folder / "run.json").write_text(json.dumps(described), "utf-8")
    run = read_run(folder)
    # So small a network sees the mark in its first layers, whatever the last have forgotten.
    reference = made_reference("gradcam", "block2", unrelated=1.0)
    row = made_row("gradcam", "block2", 2.0)
    write_audit(run, "val", row)
    write_audit(run, "test", row, reference=reference)
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    images, _ = films(bright, 11, np.ones(1, int), corner=True)
    pixels = (images[0, 0] * 0.1 + 0.5).clamp(0, 1) * 255
    file = io.BytesIO()
    Image.fromarray(torch.round(pixels).to(torch.uint8).numpy()).save(file, "PNG")
    return run, file.getvalue()


def opened(open_page: OpenPage, film: bytes) -> AppTest:
    app = open_page("predict")
    app.file_uploader(key="uploader").set_value(("film.png", film, "image/png")).run()
    assert not app.exception
    return app


def test_evidence_in_the_corner_is_read_with_care(
    open_page: OpenPage, confounded: tuple[Run, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, film = confounded
    app = opened(open_page, film)
    words = words_of(app)
    assert "Called pneumonia" in words
    assert "Read this map with care: see its checks below." in words
    found = PneumoniaDetector(run).trust(film, "gradcam", "Pneumonia", "block2")
    assert found.passed("place") is False
    short, _, rest = overall(found).partition(":")
    assert f"**{short}:**{rest}" in words
    assert "crowds at the film's edge, in its corners or beside the body" in rest
    outside, area = found.place.outside, found.place.outside_area
    assert outside > area
    question, place = QUESTIONS["place"], f"{100 * outside:.0f} % of the evidence crowds at the"
    assert f"{question} :orange-badge[No]  \n{place}" in words
    assert f"which make up only {100 * area:.0f} % of the film." in words
    assert f"{QUESTIONS['faithful']} :gray-badge[Yes]" in words
    placed = standing(found, "place")
    assert placed[1] in words
    assert f"left: {100 * placed[0]:.1f}%" in " ".join(each.value for each in app.get("html"))

    def no_more(*_: object, **__: object) -> None:
        raise AssertionError("it was checked again")

    monkeypatch.setattr(PneumoniaDetector, "trust", no_more)
    app.run()
    assert not app.exception
    assert placed[1] in words_of(app)


def test_a_map_that_is_not_to_be_gone_by_says_so_under_it_and_nothing_of_the_verdict(
    open_page: OpenPage, confounded: tuple[Run, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def rejected(*arguments: object) -> object:
        asked.append(arguments[2:6])
        return made_trust(**FAILS["learned"])

    monkeypatch.setattr(PneumoniaDetector, "trust", rejected)
    run, film = confounded
    app = opened(open_page, film)
    lines = [each.value for each in app.markdown]
    under = next(i for i, line in enumerate(lines) if "**Do not go by this map**" in line)
    assert "worth **" in lines[under + 1], "right under the map, above what it is worth"
    assert asked == [("gradcam", "Pneumonia", "block2", run.operating_point)]
    words = words_of(app)
    assert "a network that has forgotten what it learned draws much the same map" in words
    assert "Whether the answer is right is another question, which no map settles." in words
    assert "Called pneumonia" in words


def test_without_an_audit_there_are_no_percentiles_and_it_says_so(
    open_page: OpenPage, tiny_app: Run, tiny_data: Path
) -> None:
    film = (tiny_data / "chest_xray" / tiny_app.scores("test")["id"].iloc[-1]).read_bytes()
    app = opened(open_page, film)
    words = words_of(app)
    assert "Where this film stands among others is not known" in words
    assert "test films\n" not in words
    assert f"{QUESTIONS['learned']} :gray-badge[Unknown]" in words


def test_checks_that_fail_leave_verdict_and_map_and_say_what_to_do(
    open_page: OpenPage, tiny_app: Run, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise RunError("tiny: explain_audit.json is damaged: delete it.")

    monkeypatch.setattr(PneumoniaDetector, "trust", damaged)
    film = (tiny_data / "chest_xray" / tiny_app.scores("test")["id"].iloc[-1]).read_bytes()
    app = opened(open_page, film)
    assert [error.value for error in app.error] == [
        "tiny: explain_audit.json is damaged: delete it."
    ]
    words = words_of(app)
    assert "This map has not been checked." in words
    # All else had been drawn by then, down to the last expander.
    assert "Grad-CAM for “" in words
    assert "slightly changed views of the film give" in words
    assert "Of the 25 training films" in words
