"""Where a network's evidence lies on a film: which map is asked for, the map, what it is worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from pneumo_core import CLASS_NAMES
from ui import cache, pictures, reading
from ui.dicom_film import choose_window
from ui.reading import Asked, Film
from ui.viewer import viewer
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.answers import Prediction
    from pneumo_core.explain import CamResult
    from pneumo_core.runs import Run

VIEWER = "viewer"
"""Key of the film beside its heatmap."""

_DRAWN = "pneumolens/drawn"


def ask(run: Run, film: Film, prediction: Prediction) -> Asked:
    """Let the user choose class, method and layer; the run's best reading comes first."""
    from pneumo_core.architectures import ARCHITECTURES, cam_stage
    from pneumo_core.explain import METHODS

    best, best_layer = cache.best_reading(run)
    row = st.container(horizontal=True, key="asked")
    target = row.segmented_control(
        words.TARGET,
        CLASS_NAMES[::-1],
        default=prediction.prediction,
        required=True,
        format_func=words.CLASSES.get,
        key=f"target-{film.key}",
    )
    method = row.selectbox(
        words.METHOD,
        list(METHODS),
        list(METHODS).index(best),
        format_func=_title,
        help=words.METHOD_HELP,
        key=reading.method_key(run),
        width=210,
    )
    if METHODS[method].on_input:
        return Asked(method, target, None)
    layers = ARCHITECTURES[run.model.architecture].cam_stages
    own = best_layer or cam_stage(run.model)
    layer = row.selectbox(
        words.LAYER,
        layers,
        layers.index(own),
        help=words.LAYER_HELP,
        key=reading.layer_key(run),
        width=150,
    )
    return Asked(method, target, layer)


def drawn(film: Film, asked: Asked) -> bool:
    """Whether a map may be drawn at once: slow ones only when the user has said so."""
    from pneumo_core.explain import METHODS

    return not METHODS[asked.method].slow or (film.key, asked) in st.session_state.get(_DRAWN, ())


def evidence(run: Run, film: Film, asked: Asked) -> DeltaGenerator | None:
    """Draw the film beside its heatmap, and what the map is worth.

    Returns:
        A place right under the map for what its checks say; None where there is no map to check.
    """
    from pneumo_core.display import draw

    if not drawn(film, asked):
        _offer(run, film, asked)
        return None
    explanation = reading.explain(run, film, asked)
    window = choose_window(film)
    shown = explanation.film if window is None else reading.through(film, window)
    look = viewer(
        shown,
        explanation.map,
        explanation.box,
        words.CLASSES[asked.target],
        run.preprocess.square(explanation.film),
        film_key=film.key if window is None else f"{film.key}/{window}",
        key=VIEWER,
    )
    line = st.empty() if explanation.map.any() else None
    _worth(run, explanation.cam)
    st.download_button(
        words.DOWNLOAD,
        data=lambda: pictures.png(Image.fromarray(draw(shown, explanation.placed, look))),
        file_name=words.DOWNLOAD_NAME.format(target=asked.target.lower()),
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
    )
    return line


def _offer(run: Run, film: Film, asked: Asked) -> None:
    """A button for a slow map, and how long it takes."""
    from pneumo_core.explain import METHODS

    seconds = cache.effort(run, asked.layer).of_map(asked.method)
    title = METHODS[asked.method].title
    st.markdown(words.SLOW.format(method=title, time=words.duration(seconds)))
    st.button(words.DRAW, icon=":material/draw:", key="draw", on_click=_draw, args=(film, asked))


def _draw(film: Film, asked: Asked) -> None:
    st.session_state.setdefault(_DRAWN, set()).add((film.key, asked))


def _worth(run: Run, cam: CamResult) -> None:
    """What the map is worth, in logit units where it has any, and what kind of map it is."""
    from pneumo_core.architectures import ARCHITECTURES
    from pneumo_core.explain import METHODS

    method, name = METHODS[cam.method], words.CLASSES[cam.target]
    layers = ARCHITECTURES[run.model.architecture].cam_stages
    notes = []
    if not cam.map.any():
        st.info(words.NO_EVIDENCE.format(target=name))
    elif method.in_logits:
        # The odds on this page are calibrated, and so is what a unit does to them.
        st.markdown(
            words.WORTH.format(
                target=name,
                worth=f"{cam.worth:.1f}",
                against=f"{cam.against:.1f}",
                odds=words.odds(math.exp(min(cam.worth / run.temperature, 20))),
            ),
            help=words.WORTH_HELP.format(factor=words.odds(math.exp(1 / run.temperature))),
        )
        if cam.worth < words.WEAK:
            st.info(words.WORTH_WEAK)
        if method.on_input:
            notes.append(words.FROM_BLUR)
        elif cam.layer != layers[-1]:
            notes.append(words.FIRST_ORDER)
    else:
        st.markdown(words.NO_UNITS.format(method=method.title))
        if method.control:
            notes.append(words.CONTROL)
        elif not method.by_class:
            notes.append(words.NO_CLASS)
    rows, columns = cam.evidence.shape
    notes.append(
        words.MAP_CAPTION.format(
            method=method.title,
            target=name,
            where=where(cam.layer),
            rows=rows,
            columns=columns,
            model=run.title,
        )
    )
    size, taken = run.preprocess.square_size, run.preprocess.input_size
    enlarged = words.SEEN_ENLARGED.format(input=taken) if taken != size else ""
    notes.append(words.SEEN.format(size=size, enlarged=enlarged))
    st.caption(" ".join(notes))


def where(layer: str) -> str:
    """Where a map was read, in words."""
    from pneumo_core.explain import INPUT

    return words.ON_FILM if layer == INPUT else words.AT_LAYER.format(layer=layer)


def _title(name: str) -> str:
    from pneumo_core.explain import METHODS

    method = METHODS[name]
    return words.SLOW_METHOD.format(title=method.title) if method.slow else method.title
