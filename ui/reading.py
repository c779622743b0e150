"""A film on its way through the network, remembered for one session and no longer.

An upload may be a patient's: its bytes lie in the session's state, what is made of it in caches of
the session, and both go when the session ends. Nothing is kept under a file name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from ui import cache
from ui.words import predict as words

if TYPE_CHECKING:
    from pneumo_core.detector import Explanation, Prediction, Target
    from pneumo_core.images import GreyImage
    from pneumo_core.novelty import Novelty
    from pneumo_core.operating_point import OperatingPoint
    from pneumo_core.runs import Run

_UPLOAD = "pneumolens/upload"
UPLOADER = "uploader"


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


def remember_upload() -> None:
    """Take over what the uploader holds, nothing included: its callback on change."""
    file = st.session_state[UPLOADER]
    st.session_state[_UPLOAD] = None if file is None else file.getvalue()


def forget_upload() -> None:
    """Drop the upload that was remembered."""
    st.session_state[_UPLOAD] = None


def uploaded() -> Film | None:
    """The session's upload, also after a visit to another page; None where there is none.

    Raises:
        ImageError: it is not an image that can be read.
    """
    data = st.session_state.get(_UPLOAD)
    if data is None:
        return None
    digest = hashlib.sha256(data).hexdigest()
    return Film(digest, _read(digest, data))


def sample(run: Run, image_id: str, truth: tuple[int, str]) -> Film:
    """A film of the run's data set.

    Raises:
        DataError: the data set, or that film of it, is not there.
    """
    from pneumo_core.images import read_image

    return Film(image_id, read_image(cache.dataset(run).find(image_id)), truth)


def predict(run: Run, film: Film, point: OperatingPoint) -> Prediction:
    """The verdict on a film at an operating point; see `PneumoniaDetector.predict`."""
    return _predict(run.name, run.weights_sha256, film.key, point, run, film)


def member_probabilities(run: Run, film: Film) -> tuple[float, ...]:
    """What each network of an ensemble says; see `PneumoniaDetector.member_probabilities`."""
    return _members(run.name, run.weights_sha256, film.key, run, film)


def novelty(run: Run, film: Film) -> Novelty | None:
    """Whether a film looks like those the model knows; see `PneumoniaDetector.novelty`."""
    return _novelty(run.name, run.weights_sha256, film.key, run, film)


def explain(run: Run, film: Film, target: Target, layer: str) -> Explanation:
    """Where a film's evidence for a class lies at a layer; see `PneumoniaDetector.explain`."""
    return _explain(run.name, run.weights_sha256, film.key, target, layer, run, film)


@st.cache_resource(scope="session", max_entries=2, show_spinner=words.READING)
def _read(digest: str, _data: bytes) -> GreyImage:
    del digest
    from pneumo_core.images import read_image

    return read_image(_data)


@st.cache_resource(scope="session", max_entries=4, show_spinner=words.READING)
def _predict(
    name: str, sha256: str, film_key: str, point: OperatingPoint, _run: Run, _film: Film
) -> Prediction:
    del name, sha256, film_key
    return cache.detector(_run).predict(_film.image, point)


@st.cache_resource(scope="session", max_entries=4, show_spinner=words.READING)
def _members(name: str, sha256: str, film_key: str, _run: Run, _film: Film) -> tuple[float, ...]:
    del name, sha256, film_key
    return cache.detector(_run).member_probabilities(_film.image)


@st.cache_resource(scope="session", max_entries=4, show_spinner=words.READING)
def _novelty(name: str, sha256: str, film_key: str, _run: Run, _film: Film) -> Novelty | None:
    del name, sha256, film_key
    return cache.detector(_run).novelty(_film.image)


@st.cache_resource(scope="session", max_entries=4, show_spinner=words.READING)
def _explain(
    name: str, sha256: str, film_key: str, target: Target, layer: str, _run: Run, _film: Film
) -> Explanation:
    del name, sha256, film_key
    return cache.detector(_run).explain(_film.image, target=target, layer=layer)
