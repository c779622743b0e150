"""The part that offers a report on the film on screen."""

import io
import re
from collections.abc import Callable

import pytest
import streamlit as st
from pypdf import PdfReader
from streamlit.testing.v1 import AppTest

from pneumo_core.confusion import confusion_at
from pneumo_core.decision import at_prevalence
from pneumo_core.runs import Run
from pneumo_core.trust import CHECKS
from pneumo_core.trust_words import QUESTIONS
from tests.audits import made_trust
from ui.threshold_show import with_interval
from ui.words import report as words


def script() -> None:
    import streamlit as st

    from ui import cache, reading
    from ui.case_report import case_report
    from ui.clinic import at_your_place

    run = cache.default_run()
    ids = run.scores("test")["id"]
    film = reading.sample(run, ids[int(st.session_state.get("which", 0))], (1, "virus"))
    said = reading.predict(run, film, run.operating_point)
    drawn = reading.explain(run, film, reading.Asked("gradcam", said.prediction, None))
    known = reading.novelty(run, film)
    if "percent" in st.session_state:
        st.session_state["clinic_prevalence"] = st.session_state["percent"]
    made = st.session_state.setdefault("made", [])
    case_report(run, film, run.operating_point, said, drawn, known, made)
    at_your_place(run, run.operating_point, said.probability)


@pytest.fixture
def offered(tiny_app: Run, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, Callable]]:
    """By kind of file: its name, and what writes it when the button is clicked."""
    del tiny_app
    found: dict[str, tuple[str, Callable]] = {}

    def button(_label: str, data: Callable, name: str, _mime: str, **_more: object) -> None:
        found[name.rsplit(".", 1)[1]] = name, data

    monkeypatch.setattr(st, "download_button", button)
    return found


def opened() -> AppTest:
    app = AppTest.from_function(script, default_timeout=60).run()
    assert not app.exception
    return app


def pdf_text(content: bytes) -> str:
    return " ".join(PdfReader(io.BytesIO(content)).pages[0].extract_text().split())


def test_what_is_typed_is_on_the_report_of_that_film_only(
    offered: dict[str, tuple[str, Callable]],
) -> None:
    app = opened()
    early = offered["pdf"][1]
    assert "Chest X-ray" in pdf_text(early())
    app.text_input[0].input("Zoë <b>Q</b>").run()
    app.text_area[0].input("Cough ≥ 3 days").run()
    for write in (offered["pdf"][1], early):  # a click may come before the page is drawn anew
        text = pdf_text(write())
        assert "Zoë <b>Q</b>" in text
        assert "Cough ≥ 3 days" in text
        assert "Known answer viral pneumonia" in text
        assert "nearest training films" in text
    assert "Zoë &lt;b&gt;Q&lt;/b&gt;" in offered["html"][1]()
    assert "Zoë" not in offered["pdf"][0] + offered["html"][0]
    app.session_state["which"] = 1
    app.run()
    assert app.text_input[0].value == ""
    assert "Zoë" not in offered["html"][1]()
    app.session_state["which"] = 0
    app.run()
    assert app.text_input[0].value == "Zoë <b>Q</b>"


def test_the_prevalence_is_the_labs(offered: dict[str, tuple[str, Callable]]) -> None:
    app = opened()
    assert "Say how common it is under “At your place”" in app.caption[0].value
    app.session_state["percent"] = 8.0
    app.run()
    assert "where 8 % have pneumonia" in app.caption[0].value
    assert "What a call means where 8 % have pneumonia" in offered["html"][1]()


def test_what_a_call_means_is_the_same_on_screen_and_on_the_report(
    offered: dict[str, tuple[str, Callable]], tiny_app: Run
) -> None:
    app = opened()
    app.session_state["percent"] = 20.0
    app.run()
    shown = re.findall(r"with \*\*(.+?)\*\*", app.markdown[0].value)
    table = pdf_text(offered["pdf"][1]())
    assert re.search(r"\(PPV\) (.+?\))", table)[1] == shown[0]
    assert re.search(r"\(NPV\) (.+?\))", table)[1] == shown[1]
    scores, threshold = tiny_app.scores("test"), tiny_app.operating_point.threshold
    counts = confusion_at(scores["label"], scores["probability"], threshold)
    each_film = at_prevalence(counts, 0.2)
    assert with_interval("ppv", each_film.ppv) != shown[0], "several films of a patient count less"


def test_checks_that_end_after_the_page_was_drawn_are_on_it(
    offered: dict[str, tuple[str, Callable]],
) -> None:
    app = opened()
    assert words.UNCHECKED in app.caption[0].value
    write = offered["html"][1]
    question = QUESTIONS[CHECKS[0]]
    assert question not in write()
    app.session_state["made"].append(made_trust())
    assert question in write()
    assert words.CHECKED in app.run().caption[0].value
