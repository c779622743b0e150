"""Read one film: the probability, the verdict at the operating point, and where the evidence is."""

import math

import streamlit as st
from PIL import Image

from pneumo_core import CLASS_NAMES
from pneumo_core.architectures import ARCHITECTURES, cam_stage
from pneumo_core.detector import Prediction
from pneumo_core.explain import METHODS
from pneumo_core.metrics import confusion_at
from pneumo_core.operating_point import OperatingPoint, threshold_words
from pneumo_core.runs import Run
from ui import cache, numbers, pictures, reading, state
from ui.film import film as show_film
from ui.film_source import choose_film
from ui.probability_scale import probability_scale
from ui.reading import Film
from ui.words import common
from ui.words import predict as words


def verdict(run: Run, film: Film, point: OperatingPoint, prediction: Prediction) -> None:
    """The probability, where it lies on the scale, and what that means at the operating point."""
    chance = prediction.probability
    with st.container(key="probability"):
        prevalence = numbers.percent(run.metrics["val"]["prevalence"])
        st.metric(
            words.PROBABILITY,
            numbers.percent(chance),
            help=words.IN_HUNDRED_HELP.format(prevalence=prevalence),
        )
    st.header(words.CALLED[prediction.prediction])
    st.markdown(
        words.SIDE[prediction.prediction].format(
            threshold=threshold_words(point.threshold), point=point.name
        )
    )
    probability_scale(chance, point.threshold, run.zones.around(point.threshold), key="scale")
    st.markdown(words.IN_HUNDRED.format(count=numbers.in_hundred(chance)))
    st.markdown(words.ZONES[prediction.zone])
    if film.truth is None:
        st.warning(words.TRAINED_ON, icon=":material/child_care:")
    else:
        st.info(words.SAMPLE_TRUTH.format(truth=common.truth(*film.truth)))
    st.caption(at_point(run, point))
    with st.expander(words.NOTE):
        st.code(prediction.clinical_note, language=None, wrap_lines=True)


def at_point(run: Run, point: OperatingPoint) -> str:
    """The operating point by name, and how it does on the test films."""
    scores = cache.scores(run, "test")
    figures = confusion_at(scores["label"], scores["probability"], point.threshold).estimates()
    return words.AT_POINT.format(
        point=point.name,
        sensitivity=numbers.share(figures["sensitivity"].to_json()),
        specificity=numbers.share(figures["specificity"].to_json()),
    )


def evidence(run: Run, film: Film, prediction: Prediction) -> None:
    """The film beside its heatmap, what the map is worth, and the map to take away."""
    row = st.container(horizontal=True)
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
        figures = {"worth": cam.worth, "against": cam.against}
        st.markdown(
            words.WORTH.format(
                target=name,
                odds=words.odds(math.exp(min(cam.worth, 20))),
                **{key: f"{value:.1f}" for key, value in figures.items()},
            ),
            help=words.WORTH_HELP,
        )
        if cam.worth < words.WEAK:
            st.info(words.WORTH_WEAK)
        if layer != layers[-1]:
            st.caption(words.FIRST_ORDER.format(last=layers[-1]))
    else:
        st.info(words.NO_EVIDENCE.format(target=name))
    method = METHODS[cam.method].title
    st.caption(
        words.MAP_CAPTION.format(method=method, target=name, layer=cam.layer, model=run.title)
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
    if film.image.colourful:
        st.warning(words.COLOURFUL)
    prediction = reading.predict(run, film, point)
    left, right = st.container(key="reading").columns([2, 3], gap="large")
    with left:
        verdict(run, film, point, prediction)
    with right:
        evidence(run, film, prediction)
        seen(run, film)


main()
