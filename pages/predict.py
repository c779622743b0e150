"""Read one film: the probability, the verdict at the operating point, and where the evidence is."""

import streamlit as st

from ui import reading, state
from ui.case_report import case_report
from ui.dicom_film import warnings
from ui.evidence import ask, drawn, evidence
from ui.familiarity import familiarity
from ui.film_source import choose_film
from ui.methods_compare import methods_compare
from ui.similar_cases import similar_cases
from ui.trust_panel import trust_panel
from ui.verdict import verdict
from ui.words import predict as words


def main() -> None:
    """Lay out the page."""
    run, point = state.current_run(), state.operating_point()
    st.title(words.TITLE)
    film = choose_film(run)
    if film is None:
        return
    novelty = reading.novelty(run, film, point)
    left, right = st.container(key="reading").columns([2, 3], gap="large")
    with left:
        # Here an objection moves neither the film nor the page's head.
        said = warnings(film)
        for sentence in said:
            st.warning(sentence, icon=":material/warning:")
        if not familiarity(novelty, film):
            return
        prediction = reading.predict(run, film, point)
        with st.container(key="verdict"):
            finish = verdict(run, film, point, prediction)
    with right:
        asked = ask(run, film, prediction)
        line = evidence(run, film, asked)
        explanation = reading.explain(run, film, asked) if drawn(film, asked) else None
        made = reading.checks(run, film, asked, point)
        case_report(run, film, point, prediction, explanation, novelty, made, said)
    check = trust_panel(line, run, film, asked, point) if line else None
    methods_compare(run, film, asked)
    similar_cases(run, novelty)
    # What takes longer comes last: nothing on the page waits for it.
    finish()
    if check:
        check()


main()
