"""The reader's opinion on Predict, and the Session page that gathers what was read."""

import hashlib
import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from pneumo_core import PneumoniaDetector
from pneumo_core.history import Reading, from_json, to_json
from pneumo_core.operating_point import OperatingPoint
from pneumo_core.runs import Run
from tests.pages.conftest import OpenPage, words_of
from ui.words import predict
from ui.words import session as words

pytestmark = pytest.mark.usefixtures("quickly_checked")

HISTORY = "pneumolens/history"
KNOWN = Reading(
    "2026-01-02T03:04:05+00:00",
    "f" * 64,
    "tiny",
    "Pneumonia",
    0.8,
    0.5,
    "disagree",
    "rib",
    "Normal",
)


@pytest.fixture
def sample(tiny_run: Run) -> str:
    """A test film with pneumonia that the tiny run finds."""
    scores = tiny_run.scores("test")
    return scores["id"][scores["logit"].idxmax()]


def read(open_page: OpenPage, film: bytes) -> AppTest:
    app = open_page("predict")
    app.file_uploader(key="uploader").set_value(("Jane_Doe.png", film, "image/png")).run()
    assert not app.exception
    return app


def go(app: AppTest, page: str) -> AppTest:
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def say(app: AppTest, opinion: str | None) -> None:
    control = next(one for one in app.segmented_control if one.key.startswith("opinion-"))
    control.set_value(opinion).run()
    assert not app.exception


def history(app: AppTest) -> tuple[Reading, ...]:
    return app.session_state.get(HISTORY, ())


def bring(app: AppTest, content: bytes | str) -> AppTest:
    data = content.encode() if isinstance(content, str) else content
    app.file_uploader(key="session-import").set_value(("s.json", data, "application/json")).run()
    assert not app.exception
    return app


def test_a_verdict_that_was_shown_is_noted_once(
    open_page: OpenPage, tiny_app: Run, film: bytes
) -> None:
    app = read(open_page, film)
    app.run()
    (noted,) = history(app)
    verdict = PneumoniaDetector(tiny_app).predict(film)
    assert noted == Reading(
        noted.when,
        hashlib.sha256(film).hexdigest(),
        tiny_app.name,
        "Pneumonia",
        verdict.probability,
        tiny_app.operating_point.threshold,
    )
    assert "Jane" not in to_json(history(app))


def test_an_opinion_stays_with_the_film(open_page: OpenPage, film: bytes) -> None:
    app = read(open_page, film)
    say(app, "disagree")
    next(one for one in app.text_input if one.key.startswith("comment-")).input(" rib ").run()
    (noted,) = history(app)
    assert (noted.opinion, noted.comment, noted.truth) == ("disagree", "rib", None)
    go(go(app, "overview"), "predict")
    control = next(one for one in app.segmented_control if one.key.startswith("opinion-"))
    assert control.value == "disagree"
    say(app, None)
    assert history(app)[0].opinion is None, "it can be taken back"
    assert history(app)[0].comment == "rib"


def test_another_threshold_changes_the_reading_until_there_is_an_opinion(
    open_page: OpenPage, film: bytes
) -> None:
    never = OperatingPoint("never", 1.0, "by hand", "")
    app = read(open_page, film)
    own = history(app)[0].threshold
    app.session_state["pneumolens/operating_point"] = never
    app.run()
    assert [(one.verdict, one.threshold) for one in history(app)] == [("Normal", 1.0)]
    app.session_state["pneumolens/operating_point"] = None
    app.run()
    say(app, "agree")
    app.session_state["pneumolens/operating_point"] = never
    app.run()
    assert predict.CALLED["Normal"] in words_of(app)
    (noted,) = history(app)
    assert (noted.verdict, noted.threshold, noted.opinion) == ("Pneumonia", own, "agree")
    control = next(one for one in app.segmented_control if one.key.startswith("opinion-"))
    assert control.value is None, "nothing was said of this verdict"
    assert "When it was called pneumonia you said: agree. And now?" in words_of(app)
    say(app, "disagree")
    (noted,) = history(app)
    assert (noted.verdict, noted.threshold, noted.opinion) == ("Normal", 1.0, "disagree")


def test_a_sample_brings_its_known_answer(open_page: OpenPage, sample: str) -> None:
    app = open_page("predict", sample=sample)
    say(app, "agree")
    (noted,) = history(app)
    assert (noted.film, noted.truth, noted.opinion) == (sample, "Pneumonia", "agree")


def test_a_withheld_verdict_is_not_noted(open_page: OpenPage, film: bytes, monkeypatch) -> None:
    found = PneumoniaDetector.read

    def foreign(*asked: object) -> object:
        findings = found(*asked)
        return replace(findings, novelty=replace(findings.novelty, answer="not a chest X-ray"))

    monkeypatch.setattr(PneumoniaDetector, "read", foreign)
    app = read(open_page, film)
    assert not app.metric
    assert history(app) == ()
    next(one for one in app.button if one.label == predict.SHOW_ANYWAY).click().run()
    assert len(history(app)) == 1


def test_the_page_lists_what_was_read_and_counts(open_page: OpenPage, sample: str) -> None:
    app = go(open_page("predict", sample=sample), "session")
    assert words.RIGHT_NONE in words_of(app)
    app = go(app, "predict")
    say(app, "agree")
    bring(go(app, "session"), to_json([KNOWN]))
    table = app.dataframe[0].value
    assert list(table["film"]) == [sample.rsplit("/", 1)[-1], "f" * 8], "the latest first"
    assert list(table["opinion"]) == ["agree", "disagree"]
    assert list(table["truth"]) == ["pneumonia", "normal"]
    assert list(table["comment"]) == ["", "rib"]
    agreement, reader, model = (one.value for one in app.table)
    assert agreement.to_numpy().tolist() == [
        ["pneumonia", "1", "1", "0"],
        ["normal", "0", "0", "0"],
    ]
    # She found the pneumonia and cleared the normal film, which the model called pneumonia.
    assert reader.to_numpy().tolist() == [["pneumonia", "1", "0"], ["normal", "0", "1"]]
    assert model.to_numpy().tolist() == [["pneumonia", "1", "0"], ["normal", "1", "0"]]
    assert "Over the 2 films" in words_of(app)
    assert "Specificity 100.0 % (20.7 to 100.0)" in words_of(app)
    assert "Specificity 0.0 % (0.0 to 79.3)" in words_of(app)


def test_a_saved_session_comes_back_without_doubles(open_page: OpenPage) -> None:
    other = replace(KNOWN, film="e" * 64, when="2026-01-02T04:00:00+00:00")
    app = bring(open_page("session"), to_json([KNOWN]))
    assert app.success[0].value == "1 reading from the file, 1 of them new."
    bring(app, to_json([KNOWN, other]))
    assert app.success[0].value == "2 readings from the file, 1 of them new."
    assert history(app) == (KNOWN, other)
    assert from_json(to_json(history(app))) == (KNOWN, other)
    app.button(key="session_clear").click().run()
    assert history(app) == ()
    assert words.NOTHING in words_of(app)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{}", "This JSON file is no history of readings: choose one saved here."),
        (b"\x89PNG", "This is no history: choose a JSON file that was saved here."),
        (
            json.dumps({"format": "pneumolens-history-1", "readings": [{"when": "![](//evil)"}]}),
            "This history is damaged: reading 1 is not as it was saved.",
        ),
    ],
)
def test_a_file_that_is_none_gets_one_sentence(
    open_page: OpenPage, content: bytes | str, sentence: str
) -> None:
    app = bring(open_page("session"), to_json([KNOWN]))
    bring(app, content)
    assert [error.value for error in app.error] == [sentence]
    assert history(app) == (KNOWN,), "and takes nothing away"


def tick(app: AppTest, row: int) -> AppTest:
    """Tick a row of the table, which AppTest cannot."""
    drawn = app.dataframe[0].proto.id
    keys = (key for key in app.session_state if key.startswith("session-table-"))
    app.session_state[next(key for key in keys if drawn.endswith(key))] = {
        "selection": {"rows": [row], "columns": [], "cells": []}
    }
    app.run()
    assert not app.exception
    return app


def test_the_known_answer_of_an_upload_can_be_entered(open_page: OpenPage) -> None:
    app = bring(open_page("session"), to_json([replace(KNOWN, truth=None)]))
    assert words.RIGHT_NONE in words_of(app)
    tick(app, 0)
    assert words.NO_OPEN in words_of(app)
    assert words.OPEN not in [button.label for button in app.button]
    next(one for one in app.segmented_control if one.key.startswith("truth-")).set_value(
        "Normal"
    ).run()
    assert history(app) == (KNOWN,)
    assert words.RIGHT_ONE in words_of(app)
    assert [one.value for one in app.text] == ["f" * 8, "rib"], "plain text, and still ticked"


def test_a_test_film_opens_in_predict_again(
    open_page: OpenPage, tiny_app: Run, film: bytes, sample: str
) -> None:
    other = tiny_app.scores("test")["id"].iloc[0]
    app = read(open_page, film)
    bring(go(app, "session"), to_json([replace(KNOWN, film=other), replace(KNOWN, film="gone")]))
    shown = list(app.dataframe[0].value["film"])
    tick(app, shown.index("gone"))
    assert words.NOT_HERE in words_of(app)
    tick(app, shown.index(other.rsplit("/", 1)[-1]))
    next(one for one in app.button if one.label == words.OPEN).click().run()
    assert not app.exception
    assert app.selectbox(key="sample").value == other != sample
    assert "Known answer" in words_of(app)
