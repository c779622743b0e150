"""What is said of a film: the probability, the verdict at the operating point, what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pneumo_core.confusion import Confusion, confusion_at
from pneumo_core.operating_point import OperatingPoint, ZoneName, threshold_words
from pneumo_core.runs import Run
from ui import cache, numbers, reading
from ui.clinic import at_your_place
from ui.opinion import opinion
from ui.probability_scale import probability_scale
from ui.reading import Film
from ui.words import common
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.answers import Prediction


def verdict(
    run: Run, film: Film, point: OperatingPoint, prediction: Prediction
) -> Callable[[], None]:
    """Draw the probability, where it lies on the scale, and what it means at the operating point.

    Args:
        run: The model.
        film: What was read.
        point: The operating point in use.
        prediction: The model's verdict on the film at that point.

    Returns:
        What is left to be done once the page is drawn: how far slight changes of the film move the
        probability of a single network.
    """
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
    st.caption(_at_point(run, point))
    opinion(run, film, prediction)
    members = reading.member_probabilities(run, film)
    place = st.empty()
    views = () if members else reading.view_probabilities(run, film, now=False)
    _scale(place, run, point, chance, members or views, _spread(members, views, point.threshold))
    count = numbers.in_hundred(chance)
    zone = _in_zone(run, point, prediction.zone)
    st.markdown(f"{words.IN_HUNDRED.format(count=count)}  \n{zone}")
    if film.truth is None:
        st.warning(words.TRAINED_ON, icon=":material/child_care:")
    else:
        st.info(words.SAMPLE_TRUTH.format(truth=common.truth(*film.truth)))
    at_your_place(run, point, chance)
    with st.expander(words.NOTE):
        st.code(prediction.clinical_note, language=None, wrap_lines=True)

    def finish() -> None:
        if members or views:
            return
        found = reading.view_probabilities(run, film, now=True)
        _scale(place, run, point, chance, found, _spread((), found, point.threshold))

    return finish


def _scale(
    place: DeltaGenerator,
    run: Run,
    point: OperatingPoint,
    chance: float,
    marks: Sequence[float],
    spread: str,
) -> None:
    """The scale with its fine marks and what they are, or with room for them."""
    zones = run.zones.around(point.threshold)
    # A component of its own for each: one key cannot be drawn twice in a run of the page.
    with place.container():
        key = "scale" if marks else "scale_bare"
        probability_scale(chance, point.threshold, zones, marks, key=key)
        st.caption(spread)


def _spread(members: Sequence[float], views: Sequence[float], threshold: float) -> str:
    """How far the probability moves with chance in training, or with slight changes of the film."""
    if members:
        return _agreement(members, threshold)
    if not views:
        return words.VIEWS_TO_COME
    low, high = numbers.percent(min(views)), numbers.percent(max(views))
    if low == high:
        return words.VIEWS_ALIKE.format(count=len(views), percent=low)
    positive = sum(share >= threshold for share in views)
    words_of = words.VIEWS_AGREE if positive in (0, len(views)) else words.VIEWS_DIFFER
    return words_of.format(count=len(views), low=low, high=high, positive=positive)


def _agreement(members: Sequence[float], threshold: float) -> str:
    """How far apart the networks of an ensemble are, and whether they call the film alike."""
    positive = sum(share >= threshold for share in members)
    low, high = numbers.percent(min(members)), numbers.percent(max(members))
    if low == high:
        return words.MEMBERS_ALIKE.format(count=len(members), percent=low)
    words_of = words.MEMBERS_AGREE if positive in (0, len(members)) else words.MEMBERS_DIFFER
    return words_of.format(count=len(members), low=low, high=high, positive=positive)


def _at_point(run: Run, point: OperatingPoint) -> str:
    """How the operating point does on the test films."""
    figures = _on_test(run, point.threshold).estimates()
    return words.AT_POINT.format(
        sensitivity=numbers.share(figures["sensitivity"].to_json()),
        specificity=numbers.share(figures["specificity"].to_json()),
    )


def _in_zone(run: Run, point: OperatingPoint, zone: ZoneName) -> str:
    """What the zone means, and how many test films lie in it that should not."""
    zones = run.zones.around(point.threshold)
    out, into = _on_test(run, zones.rule_out), _on_test(run, zones.rule_in)
    count, of = (into.fp, into.fp + into.tn) if zone == "rule in" else (out.fn, out.fn + out.tp)
    return words.ZONES[zone].format(count=count, of=of)


def _on_test(run: Run, threshold: float) -> Confusion:
    """Right and wrong calls on the test films."""
    scores = cache.scores(run, "test")
    return confusion_at(scores["label"], scores["probability"], threshold)
