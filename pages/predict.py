"""Read one film: the probability, the verdict at the operating point, and where the evidence is."""

import math

import streamlit as st
from PIL import Image

from pneumo_core import CLASS_NAMES
from pneumo_core.architectures import ARCHITECTURES, cam_stage
from pneumo_core.detector import Prediction
from pneumo_core.explain import METHODS
from pneumo_core.runs import Run
from ui import pictures, reading, state
from ui.familiarity import familiarity
from ui.film import film as show_film
from ui.film_source import choose_film
from ui.reading import Film
from ui.similar_cases import similar_cases
from ui.verdict import verdict
from ui.words import predict as words


def evidence(run: Run, film: Film, prediction: Prediction) -> None:
    """The film beside its heatmap, what the map is worth, and the map to take away."""
    row = st.container(horizontal=True, key="asked")
    target = row.segmented_control(
        words.TARGET,
        CLASS_NAMES[::-1],
        default=prediction.prediction,
        required=True,
        format_func=words.CLASSES.get,
        key=f"target-{film.key}",
    )
    layers = ARCHITECTURES[run.model.architecture].cam_stages
    layer = row.selectbox(
        words.LAYER, layers, layers.index(cam_stage(run.model)), help=words.LAYER_HELP, key="layer"
    )
    explanation = reading.explain(run, film, target, layer)
    cam, name = explanation.cam, words.CLASSES[target]
    opacity = show_film(explanation, film.key, name, key="film")
    if cam.map.any():
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
        if layer != layers[-1]:
            st.caption(words.FIRST_ORDER)
    else:
        st.info(words.NO_EVIDENCE.format(target=name))
    rows, columns = cam.evidence.shape
    st.caption(
        words.MAP_CAPTION.format(
            method=METHODS[cam.method].title,
            target=name,
            layer=cam.layer,
            rows=rows,
            columns=columns,
            model=run.title,
        )
    )
    st.download_button(
        words.DOWNLOAD,
        data=lambda: pictures.png(Image.fromarray(explanation.overlay(opacity))),
        file_name=words.DOWNLOAD_NAME.format(target=target.lower()),
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
    )


def seen(run: Run, film: Film) -> None:
    """What is left of the film by the time the network gets it."""
    preprocess = run.preprocess
    size = preprocess.square_size
    with st.expander(words.SEEN_HEADING):
        picture, text = st.columns([1, 2])
        square = Image.fromarray(preprocess.square(film.image.pixels))
        factor = max(1, 280 // size)
        picture.image(
            square.resize((size * factor, size * factor), Image.Resampling.NEAREST),
            width="stretch",
            alt=words.SEEN_ALT.format(size=size),
        )
        enlarged = (
            ""
            if preprocess.input_size == size
            else words.SEEN_ENLARGED.format(input=preprocess.input_size)
        )
        text.markdown(words.SEEN.format(size=size, enlarged=enlarged))


def main() -> None:
    """Lay out the page."""
    run, point = state.current_run(), state.operating_point()
    st.title(words.TITLE)
    film = choose_film(run)
    if film is None:
        return
    novelty = reading.novelty(run, film)
    left, right = st.container(key="reading").columns([2, 3], gap="large")
    with left:
        # Here an objection moves neither the film nor the page's head.
        if not familiarity(novelty, film):
            return
        prediction = reading.predict(run, film, point)
        verdict(run, film, point, prediction)
    with right:
        evidence(run, film, prediction)
        seen(run, film)
        similar_cases(run, novelty)


main()
