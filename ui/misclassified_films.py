"""What is computed of the data set's own films, once for all sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ui import cache
from ui.gallery import Heatmap
from ui.words import misclassified as words

if TYPE_CHECKING:
    from collections.abc import Callable

    from pneumo_core.datasets import Dataset
    from pneumo_core.detector import Target
    from pneumo_core.error_groups import Grouping
    from pneumo_core.near_copies import Thumbnails
    from pneumo_core.runs import Run
    from pneumo_core.similar import Neighbour

AT_ONCE = 500
"""Films in files of their own up to which all of them are read without being asked."""


@dataclass(frozen=True, eq=False)
class MethodMap:
    """What one method draws of a film.

    Attributes:
        method: Its title.
        heatmap: The map and its worth.
        control: Whether it is the control, which says nothing of the network.
    """

    method: str
    heatmap: Heatmap
    control: bool


def method_maps(run: Run, dataset: Dataset, image_id: str, target: Target) -> tuple[MethodMap, ...]:
    """The maps of all methods that need but one pass; the control comes last.

    All are read at the stage of the run's audit, as on every page. HiResCAM is left out where its
    map is Grad-CAM's own.

    Raises:
        DataError: the data set lacks the film.
        RunError: the weights are absent or damaged.
    """
    _, layer = cache.best_reading(run)
    return _method_maps(run.name, run.weights_sha256, image_id, target, layer, run, dataset)


def neighbours(run: Run, dataset: Dataset, image_id: str) -> tuple[Neighbour, ...]:
    """The most similar training films, without the film itself; none where the run keeps none."""
    return _neighbours(run.name, run.weights_sha256, image_id, run, dataset)


def thumbnails(dataset: Dataset, step: Callable[[int], object]) -> Thumbnails:
    """All films of the data set as thumbnails; see `near_copies.thumbnails`."""
    kept = _thumbnails(dataset.fingerprint)
    if "all" not in kept:
        from pneumo_core import near_copies

        kept["all"] = near_copies.thumbnails(dataset, step)
    return kept["all"]


def thumbnails_at_hand(dataset: Dataset) -> bool:
    """Whether `thumbnails` answers at once: they are there, or the films are in memory or few."""
    quick = dataset.path.is_file() or count_of(dataset) <= AT_ONCE
    return quick or "all" in _thumbnails(dataset.fingerprint)


def count_of(dataset: Dataset) -> int:
    """Films of all splits together."""
    return sum(map(len, dataset.splits.values()))


def grouped(run: Run, dataset: Dataset, ids: tuple[str, ...]) -> Grouping:
    """Films in groups, by the features that the network's head decides on.

    Raises:
        DataError: the data set lacks one of the films.
        RunError: the weights are absent or damaged.
    """
    return _grouped(run.name, run.weights_sha256, ids, run, dataset)


@st.cache_resource(max_entries=64, show_spinner=words.COMPUTING)
def _method_maps(
    name: str,
    sha256: str,
    image_id: str,
    target: Target,
    layer: str | None,
    _run: Run,
    _dataset: Dataset,
) -> tuple[MethodMap, ...]:
    del name, sha256
    from pneumo_core.explain import METHODS

    quick = [one for one in METHODS.values() if not (one.slow or one.on_input)]
    names = [one.name for one in sorted(quick, key=lambda one: one.control)]
    film = _dataset.find(image_id)
    drawn = cache.detector(_run).explain_with(film, names, target=target, layer=layer)
    gradcam, hirescam = (drawn[name].evidence for name in ("gradcam", "hirescam"))
    if np.allclose(gradcam, hirescam, atol=1e-4 * float(np.abs(gradcam).max())):
        del drawn["hirescam"]
    return tuple(
        MethodMap(
            METHODS[name].title,
            Heatmap.of(one),
            METHODS[name].control,
        )
        for name, one in drawn.items()
    )


@st.cache_resource(max_entries=512, show_spinner=words.COMPARING)
def _neighbours(
    name: str, sha256: str, image_id: str, _run: Run, _dataset: Dataset
) -> tuple[Neighbour, ...]:
    del name, sha256
    from pneumo_core.similar import nearest

    detector = cache.detector(_run)
    novelty = detector.novelty(_dataset.find(image_id))
    if novelty is None or detector.reference is None:
        return ()
    return nearest(detector.reference, novelty.codes, without=(image_id,))


@st.cache_resource(max_entries=4, show_spinner=False)
def _thumbnails(fingerprint: str) -> dict[str, Thumbnails]:
    """A place for the thumbnails: they are made outside, where a bar can show how far they are."""
    del fingerprint
    return {}


@st.cache_resource(max_entries=16, show_spinner=words.GROUPING)
def _grouped(
    name: str, sha256: str, ids: tuple[str, ...], _run: Run, _dataset: Dataset
) -> Grouping:
    del name, sha256
    import torch

    from pneumo_core.error_groups import grouped
    from pneumo_core.features import pooled_features

    torch.set_num_threads(1)  # as in cache: several wait for each other where cores are wanted
    squares = np.stack([_run.preprocess.square(_dataset.find(image_id)) for image_id in ids])
    # A network of its own: the one that reads films for everybody is not held up.
    return grouped(pooled_features(_run.load_model(), _run.model, _run.preprocess, squares))
