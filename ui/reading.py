"""A film on its way through the network, remembered for one session and no longer.

An upload may be a patient's: its bytes lie in the session's state, what is made of it in caches of
the session, and both go when the session ends. Nothing is kept under a file name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import audit_log, cache
from ui.words import predict as words

if TYPE_CHECKING:
    import numpy as np

    from pneumo_core.answers import Explanation, Findings, Prediction, Target
    from pneumo_core.images import GreyImage
    from pneumo_core.novelty import Novelty
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run
    from pneumo_core.trust import Trust

_UPLOAD = "pneumolens/upload"
_FRAME = "pneumolens/frame"
UPLOADER = "uploader"
SOURCE = "source"
"""Key of the choice between an upload and a sample."""


@dataclass(frozen=True, eq=False)
class Film:
    """One film to read.

    Attributes:
        key: Tells films apart: a digest of an upload's content, or a sample's id.
        image: The film in grey.
        truth: Label and group of a sample, None for an upload.
    """

    key: str
    image: GreyImage
    truth: tuple[int, str] | None = None


@dataclass(frozen=True)
class Asked:
    """Which map is asked for.

    Attributes:
        method: Its name in `explain.METHODS`.
        target: The class that is explained.
        layer: The stage that is read; None for the model's own, and for a method that reads none.
    """

    method: str
    target: Target
    layer: str | None


def remember_upload() -> None:
    """Take over what the uploader holds, nothing included: its callback on change."""
    file = st.session_state[UPLOADER]
    forget_upload()
    st.session_state[_UPLOAD] = None if file is None else file.getvalue()


def take(data: bytes) -> None:
    """Make a file the session's upload, as if it had been chosen on the Predict page."""
    forget_upload()
    st.session_state[_UPLOAD] = data
    st.session_state[SOURCE] = words.UPLOAD


def take_sample(image_id: str) -> None:
    """Make a film of the test set the one that the Predict page shows."""
    st.session_state["sample"] = image_id
    st.session_state[SOURCE] = words.SAMPLE


def forget_upload() -> None:
    """Drop the upload that was remembered."""
    st.session_state[_UPLOAD] = None
    st.session_state.pop(_FRAME, None)


def show_frame(frame: int) -> None:
    """Take another frame of the upload, from 0, where it has several."""
    st.session_state[_FRAME] = frame


def uploaded() -> Film | None:
    """The session's upload, also after a visit to another page; None where there is none.

    Raises:
        ImageError: it is not an image that can be read.
    """
    data = st.session_state.get(_UPLOAD)
    if data is None:
        return None
    digest, frame = hashlib.sha256(data).hexdigest(), st.session_state.get(_FRAME, 0)
    return Film(f"{digest}-{frame}" if frame else digest, _read(digest, frame, data))


def sample(run: Run, image_id: str, truth: tuple[int, str]) -> Film:
    """A film of the run's data set.

    Raises:
        DataError: the data set, or that film of it, is not there.
    """
    from pneumo_core.images import read_image

    return Film(image_id, read_image(cache.dataset(run).find(image_id)), truth)


def through(film: Film, window: int) -> np.ndarray:
    """A DICOM film through another of its windows, by index: float32 (height, width) in [0, 1]."""
    return _through(film.key, window, film)


def predict(run: Run, film: Film, point: OperatingPoint) -> Prediction:
    """The verdict on a film at an operating point; see `PneumoniaDetector.predict`.

    Raises:
        DataError: This server logs verdicts and cannot log this one.
    """
    from pneumo_core.verdict import verdict

    found = verdict(run, _findings(run, film, point).prediction.logit, point)
    audit_log.log_film(run, film, found)
    return found


def member_probabilities(run: Run, film: Film) -> tuple[float, ...]:
    """What each network of an ensemble says; see `PneumoniaDetector.member_probabilities`."""
    return _findings(run, film).members


def novelty(run: Run, film: Film, point: OperatingPoint | None = None) -> Novelty | None:
    """Whether a film looks like those the model knows; see `PneumoniaDetector.novelty`.

    Args:
        run: The model.
        film: What was read.
        point: The operating point in use, which says what map the page will draw first.
    """
    return _findings(run, film, point).novelty


def view_probabilities(run: Run, film: Film, *, now: bool) -> tuple[float, ...]:
    """What a single network says of slight changes; see `PneumoniaDetector.view_probabilities`.

    Args:
        run: The model.
        film: What was read.
        now: Compute them if need be; otherwise none if they are not known yet.
    """
    kept = _kept("views", run.name, run.weights_sha256, film.key)
    if now and not kept:
        kept.append(cache.detector(run).view_probabilities(film.image))
    return kept[0] if kept else ()


def explain(run: Run, film: Film, asked: Asked) -> Explanation:
    """Where a film's evidence for a class lies; see `PneumoniaDetector.explain`."""
    from pneumo_core.architectures import cam_stage

    found = _findings(run, film).explanation
    if found is not None:
        layer = asked.layer or cam_stage(run.model)
        if (found.cam.method, found.cam.target, found.cam.layer) == (
            asked.method,
            asked.target,
            layer,
        ):
            return found
    return _explain(run.name, run.weights_sha256, film.key, asked, run, film)


def explain_with(run: Run, film: Film, asked: Asked) -> Mapping[str, Explanation]:
    """The maps of all fast methods in place of the one asked for."""
    return _explain_with(run.name, run.weights_sha256, film.key, asked, run, film)


def checks(run: Run, film: Film, asked: Asked, point: OperatingPoint) -> Sequence[Trust]:
    """The checks of a map, once they have been made in this session; until then it is empty."""
    return _checks(run, film, asked, point)


def check(
    run: Run,
    film: Film,
    asked: Asked,
    point: OperatingPoint,
    progress: Callable[[float], object],
) -> Trust:
    """Make the checks of a map; see `PneumoniaDetector.trust`."""
    found = cache.detector(run).trust(
        film.image, asked.method, asked.target, asked.layer, point, progress
    )
    _checks(run, film, asked, point).append(found)
    return found


def _checks(run: Run, film: Film, asked: Asked, point: OperatingPoint) -> list[Trust]:
    return _kept("trust", run.name, run.weights_sha256, film.key, asked, point.threshold)


@st.cache_resource(scope="session", max_entries=24, show_spinner=False)
def _kept(*key: object) -> list[Any]:
    """An empty list for what takes a while and shows how far it is: it is put in when done."""
    del key
    return []


@st.cache_resource(scope="session", max_entries=2, show_spinner=words.READING)
def _read(digest: str, frame: int, _data: bytes) -> GreyImage:
    del digest
    if frame:
        from pneumo_core.dicom import read_dicom

        return read_dicom(_data, frame)
    from pneumo_core.images import read_image

    return read_image(_data)


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _through(film_key: str, window: int, _film: Film) -> np.ndarray:
    del film_key
    found = _film.image.dicom
    assert found is not None, "only a DICOM film has windows"
    return found.pixels(found.windows[window])


def _findings(run: Run, film: Film, point: OperatingPoint | None = None) -> Findings:
    """What one pass of the network gave, with the map that the page shows first."""
    return _found(run.name, run.weights_sha256, film.key, run, film, point)


@st.cache_resource(scope="session", max_entries=4, show_spinner=words.READING)
def _found(
    name: str, sha256: str, film_key: str, _run: Run, _film: Film, _point: OperatingPoint | None
) -> Findings:
    del name, sha256, film_key
    from pneumo_core.explain import ONE_PASS

    method, layer = first_map(_run)
    return cache.detector(_run).read(
        _film.image, _point, method if method in ONE_PASS else None, layer
    )


def first_map(run: Run) -> tuple[str, str | None]:
    """Method and stage of the map that the page shows first: chosen before, or the run's best."""
    method, layer = cache.best_reading(run)
    said = st.session_state
    return said.get(method_key(run), method), said.get(layer_key(run), layer)


def method_key(run: Run) -> str:
    """Key of the choice of method: the first choice is another one for another run."""
    return f"method-{run.name}"


def layer_key(run: Run) -> str:
    """Key of the choice of stage; see `method_key`."""
    return f"layer-{run.name}"


@st.cache_resource(scope="session", max_entries=8, show_spinner=words.READING)
def _explain(
    name: str, sha256: str, film_key: str, asked: Asked, _run: Run, _film: Film
) -> Explanation:
    del name, sha256, film_key
    return cache.detector(_run).explain(_film.image, asked.method, asked.target, asked.layer)


@st.cache_resource(scope="session", max_entries=4, show_spinner=words.DRAWING)
def _explain_with(
    name: str, sha256: str, film_key: str, asked: Asked, _run: Run, _film: Film
) -> Mapping[str, Explanation]:
    del name, sha256, film_key
    from pneumo_core.explain import METHODS

    fast = [method.name for method in METHODS.values() if not method.slow]
    return cache.detector(_run).explain_with(_film.image, fast, asked.target, asked.layer)
