"""How to read a heatmap: words, and three films of the test set or three drawn ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from pneumo_core.errors import DataError
from ui import cache, numbers, pictures, state
from ui.words import common
from ui.words import help as words
from ui.words import predict as predict_words

if TYPE_CHECKING:
    from pneumo_core.datasets import Dataset
    from pneumo_core.display import Mode
    from pneumo_core.map_examples import Case, Example
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run
    from pneumo_core.trust import Trust

PATIENCE = 20.0
"""Seconds that the checks of all three maps may take; they are made once for everybody."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A film to be shown under its map, both float (H, W) in [0, 1], and what is said of it."""

    film: np.ndarray
    map: np.ndarray
    title: str
    text: str
    id: str = ""


def heatmap_help(run: Run, point: OperatingPoint) -> None:
    """Draw it: with films of the data set where it is there."""
    from pneumo_core.map_examples import drawn_examples

    _read()
    try:
        examples = _examples(run.name, run.weights_sha256, point.threshold, run, cache.dataset(run))
    except DataError:
        examples = {}
    if "right" in examples:
        shown = {case: _real(run, example) for case, example in examples.items()}
    else:
        examples = {}
        shown = {
            case: Shown(film, heat, *words.DRAWN_CASES[case])
            for case, (film, heat) in drawn_examples().items()
        }
    _looks(shown["right"])
    if examples:
        st.caption(_made(examples["right"]))
    _cases(shown)
    if not examples:
        st.caption(words.DRAWN)
    st.markdown(words.CHECKS)
    _checks(run, point, examples)
    st.markdown(words.CHECKS_HELD)


def _read() -> None:
    columns = st.container(key="help_read").columns(2, gap="large")
    for column, (heading, points) in zip(columns, words.READ.values(), strict=True):
        with column:
            st.header(heading, anchor=False)
            for sentence in points:
                st.markdown(sentence)


def _looks(one: Shown) -> None:
    """One film plain, under colours and under contours, and the scale of the colours."""
    from pneumo_core.display import colour_table

    columns = st.container(key="help_looks").columns(len(words.LOOKS))
    for column, (mode, name) in zip(columns, words.LOOKS.items(), strict=True):
        alt = words.LOOK_ALT.format(look=name, case=one.title)
        column.image(_picture(one, mode), width="stretch", alt=alt, caption=name)
    steps = ", ".join(f"rgb{tuple(rgb)}" for rgb in colour_table()[::32].tolist())
    low, high = words.SCALE
    st.html(
        f'<p class="scale-of-colours"><span>{low}</span>'
        f'<i style="background: linear-gradient(to right, {steps})"></i><span>{high}</span></p>'
    )


def _cases(shown: dict[Case, Shown]) -> None:
    st.header(words.CASES_HEADING, anchor=False)
    columns = st.container(key="help_cases").columns(3)
    for column, one in zip(columns, shown.values(), strict=False):
        with column:
            alt = words.CASE_ALT.format(title=one.title)
            st.image(_picture(one, "blend"), width="stretch", alt=alt)
            st.markdown(predict_words.unbroken(f"**{one.title}.** {one.text}"))
            if one.id:
                st.page_link(
                    "pages/predict.py",
                    label=words.OPEN,
                    icon=":material/open_in_new:",
                    query_params=state.address(sample=one.id),
                )


def _checks(run: Run, point: OperatingPoint, examples: dict[Case, Example]) -> None:
    """The five questions, and what they say of the three films where that does not take long."""
    from pneumo_core.trust import CHECKS
    from pneumo_core.trust_words import QUESTIONS

    method, layer = cache.best_reading(run)
    seconds = len(examples) * cache.effort(run, layer).of_checks(method) if examples else 0
    found: dict[Case, Trust] = {}
    if examples and seconds <= PATIENCE:
        found = _trust(run.name, run.weights_sha256, point, tuple(examples), run, examples)
    table = {words.CHECK_COLUMN: [QUESTIONS[check] for check in CHECKS]}
    if found:
        table[words.CHECK_COLUMN].append(f"**{words.TOGETHER}**")
    for case, trust in found.items():
        table[words.CASES[case][0]] = [
            *(words.ANSWERS[trust.passed(check)] for check in CHECKS),
            f"**{words.STANDINGS[trust.standing]}**",
        ]
    with st.container(key="help_checks"):
        st.table(table, hide_index=True, hide_header=not found)


def _real(run: Run, example: Example) -> Shown:
    """An example of the data set, enlarged to what is worth sending, in words."""
    film = np.asarray(pictures.sized(pictures.grey(example.explanation.film)), np.float32) / 255
    title, text = words.CASES[example.case]
    lies = example.place
    return Shown(
        film,
        run.preprocess.place(example.explanation.map, *film.shape),
        title,
        text.format(
            truth=common.truth(example.label, example.group),
            called=predict_words.CLASSES[example.explanation.cam.target],
            percent=numbers.percent(example.probability),
            outside=_percent(lies.outside if lies else 0),
            area=_percent(lies.outside_area if lies else 0),
        ),
        example.id,
    )


def _made(example: Example) -> str:
    """How an example's map was made."""
    from pneumo_core.explain import METHODS

    cam = example.explanation.cam
    rows, columns = cam.evidence.shape
    target, method = predict_words.CLASSES[cam.target], METHODS[cam.method].title
    return words.CELLS.format(rows=rows, columns=columns, target=target, method=method)


def _picture(one: Shown, mode: Mode) -> Image.Image:
    from pneumo_core.display import Look, draw

    return Image.fromarray(draw(one.film, one.map, Look(mode=mode, opacity=0.6)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


@st.cache_resource(max_entries=4, show_spinner=words.DRAWING)
def _examples(
    name: str, sha256: str, threshold: float, _run: Run, _dataset: Dataset
) -> dict[Case, Example]:
    """Public films, for all sessions."""
    del name, sha256
    from pneumo_core.map_examples import find_examples

    scores = cache.scores(_run, "test")
    return find_examples(
        cache.detector(_run), _dataset, scores, threshold, *cache.best_reading(_run)
    )


@st.cache_resource(max_entries=4, show_spinner=words.CHECKING)
def _trust(
    name: str,
    sha256: str,
    point: OperatingPoint,
    cases: tuple[Case, ...],
    _run: Run,
    _examples: dict[Case, Example],
) -> dict[Case, Trust]:
    """The checks of public films, for all sessions."""
    del name, sha256
    method, layer = cache.best_reading(_run)
    detector = cache.detector(_run)
    return {
        case: detector.trust(
            _examples[case].explanation.film,
            method,
            _examples[case].explanation.cam.target,
            layer,
            point,
        )
        for case in cases
    }
