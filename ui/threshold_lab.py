"""The threshold that is being tried on the Threshold page, apart from the one in use.

Trying costs nothing: other pages go on with the operating point in use until the user presses
the button that makes the tried one it. What is tried outlives a change of page; a change of the
run or of the operating point in use starts it anew from there.

A user's own scores are tried apart from the model's: nothing of them reaches another page or the
address.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import streamlit as st

from pneumo_core.errors import DataError
from pneumo_core.operating_point import Choice, OperatingPoint
from pneumo_core.rules import Rule
from ui import state
from ui.words import threshold as words

AT = "at"
"""The address's parameter for the threshold that is tried; `threshold` is the one in use."""

MODEL, OWN = "model", "own"
SOURCE = "threshold_source"
"""Key of what the page is about: ``MODEL`` or ``OWN``."""

_TURNED = "pneumolens/lab/turned"
_LABS = {MODEL: "pneumolens/lab", OWN: "pneumolens/lab/own"}


@dataclass(frozen=True)
class Answer:
    """What a rule answered.

    Attributes:
        split: The images it was asked on.
        rule: What was wanted.
        sentence: How the threshold was chosen, or why none could be.
        reached: Whether the wish is met.
        found: Whether there is a threshold at all.
    """

    split: str
    rule: Rule
    sentence: str
    reached: bool
    found: bool


@dataclass(frozen=True)
class Lab:
    """What is tried, and where the thumb of the control was last put by the server.

    Attributes:
        base: Run and threshold in use that the trying set out from.
        point: The threshold that is tried, with the way it was chosen.
        answer: What a rule answered last; None once the threshold is set by hand.
        start: Where the control puts its thumb ...
        revision: ... whenever this number is a new one.
    """

    base: tuple[str, float]
    point: OperatingPoint
    answer: Answer | None
    start: float
    revision: int


def enter(name: str, in_use: OperatingPoint) -> Lab:
    """Begin a full run of the page: pick up what was tried, or start from the point in use.

    Args:
        name: Of the run, or of the user's own scores.
        in_use: Where the trying sets out from.
    """
    lab = st.session_state.get(_LABS[source()])
    base = (name, in_use.threshold)
    if lab is None or lab.base != base:
        revision = 0 if lab is None else lab.revision + 1
        lab = Lab(base, in_use, None, in_use.threshold, revision)
        if (asked := _asked()) is not None:
            lab = replace(lab, point=asked, start=asked.threshold)
    if lab.start != lab.point.threshold:
        lab = _moved(lab)
    _keep(lab)
    return lab


def source() -> str:
    """What the page is about: ``MODEL`` or ``OWN``."""
    return st.session_state.get(SOURCE) or MODEL


def show_own() -> None:
    """Turn the Threshold page to the user's own scores; only while another page is shown."""
    st.session_state[SOURCE] = OWN
    st.session_state[_TURNED] = True


def default_source() -> str | None:
    """What the choice of the source begins with; nothing where `show_own` has just chosen."""
    return None if st.session_state.pop(_TURNED, False) else MODEL


def forget_own() -> None:
    """Forget what was tried on a user's own scores."""
    st.session_state.pop(_LABS[OWN], None)


def current() -> Lab:
    """What is tried now; only after `enter`."""
    return st.session_state[_LABS[source()]]


def set_by_hand(threshold: float) -> None:
    """Take over a threshold that the control was released at."""
    point = OperatingPoint(words.BY_HAND, threshold, words.BY_HAND_RULE, "", _today())
    _keep(replace(current(), point=point, answer=None))


def jump(choice: Choice, rule: Rule) -> None:
    """Try a threshold that a rule chose, and move the control's thumb there."""
    point = replace(choice.point, date=_today())
    answer = Answer(point.split, rule, choice.sentence, choice.reached, found=True)
    lab = replace(current(), point=point, answer=answer)
    _keep(_moved(lab))


def refuse(split: str, rule: Rule, sentence: str) -> None:
    """Note that a rule has no answer; the threshold that is tried stays."""
    answer = Answer(split, rule, sentence, reached=False, found=False)
    _keep(replace(current(), answer=answer))


def go_to(point: OperatingPoint) -> None:
    """Try a point that has been chosen before, and move the control's thumb there."""
    _keep(_moved(replace(current(), point=point, answer=None)))


def use() -> None:
    """Make what is tried on the model's scores the operating point of the session."""
    lab = st.session_state[_LABS[MODEL]]
    state.set_operating_point(lab.point)
    _keep(replace(lab, base=(lab.base[0], lab.point.threshold)))


def _keep(lab: Lab) -> None:
    """Store the lab, and put what is tried in the address unless it is what is in use."""
    st.session_state[_LABS[source()]] = lab
    if source() == OWN:
        return
    if lab.point.threshold == lab.base[1]:
        st.query_params.pop(AT, None)
    else:
        st.query_params[AT] = repr(lab.point.threshold)


def _moved(lab: Lab) -> Lab:
    """The lab with the control's thumb on what is tried."""
    return replace(lab, start=lab.point.threshold, revision=lab.revision + 1)


def _asked() -> OperatingPoint | None:
    """The threshold that the address asks to be tried, None where it asks for none or nonsense."""
    if source() == OWN:
        return None
    try:
        threshold = float(st.query_params[AT])
        return OperatingPoint(words.BY_HAND, threshold, words.BY_HAND_RULE, "", _today())
    except (KeyError, ValueError, DataError):
        return None


def _today() -> str:
    return date.today().isoformat()
