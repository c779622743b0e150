"""Films that show how to read a heatmap: three of the test set, or three drawn ones.

The drawn chest is nobody's. It stands in where the data set is not on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image

from pneumo_core.images import read_image
from pneumo_core.trust_place import Place, place

if TYPE_CHECKING:
    import pandas as pd

    from pneumo_core.answers import Explanation
    from pneumo_core.datasets import Dataset
    from pneumo_core.detector import PneumoniaDetector

Case = Literal["right", "wrong", "edge"]

AT_ONCE = 32
"""Films whose maps are drawn together; the first ones always are."""
MOST = 128
"""Films among which one with its evidence at the edge is looked for."""

SIDE = 224
"""Side of a drawn film in pixels."""
_CELLS = 8
_MARKED = {"right": (5.1, 2.2), "wrong": (3.4, 5.6), "edge": (0.3, 6.6)}
"""Where the evidence lies on a drawn film: row and column of the middle, in cells."""


@dataclass(frozen=True, eq=False)
class Example:
    """A test film with its map.

    Attributes:
        case: "right": rightly called pneumonia, with little evidence outside the chest. "wrong":
            the surest of the wrong calls. "edge": rightly called pneumonia, but its evidence is
            denser at the edge and beside the body than on the chest.
        id: Of the film.
        label: 0 normal, 1 pneumonia.
        group: As in the run's scores.
        probability: Of pneumonia, as in the run's scores.
        explanation: For the class that the model named.
        place: Where the evidence lies; None for a blank map.
    """

    case: Case
    id: str
    label: int
    group: str
    probability: float
    explanation: Explanation
    place: Place | None

    @property
    def _density(self) -> float:
        return 1.0 if self.place is None else self.place.density


def find_examples(
    detector: PneumoniaDetector,
    dataset: Dataset,
    scores: pd.DataFrame,
    threshold: float,
    method: str,
    layer: str | None,
) -> dict[Case, Example]:
    """Find the three films; a case that does not occur is left out.

    Args:
        detector: The model.
        dataset: Where the films are.
        scores: Of the test films, as `Run.scores` returns them.
        threshold: Probability from which on a film is called pneumonia.
        method: Way of drawing maps, a name in `explain.METHODS`.
        layer: The stage to read; None for the run's own choice.

    Raises:
        DataError: The data set lacks one of the films.
        RunError: There is no such method.
    """
    called = scores["probability"] >= threshold
    found: dict[Case, Example] = {}
    right = scores[called & (scores["label"] == 1)].sort_values(
        "probability", ascending=False, kind="stable"
    )
    for drawn in _in_parts(detector, dataset, right[:MOST], method, layer):
        if "right" not in found:
            found["right"] = min(drawn, key=lambda one: one._density)
        most = max(drawn, key=lambda one: one._density)
        if most._density > 1:
            found["edge"] = Example(**{**vars(most), "case": "edge"})
            break
    wrong = scores[called != (scores["label"] == 1)]
    if len(wrong):
        far = (wrong["probability"] - threshold).abs().sort_values(kind="stable").index[-1]
        target = "Pneumonia" if called[far] else "Normal"
        found["wrong"] = _examples(
            detector, dataset, wrong.loc[[far]], method, layer, "wrong", target
        )[0]
    return {case: found[case] for case in _MARKED if case in found}


def _in_parts(
    detector: PneumoniaDetector,
    dataset: Dataset,
    films: pd.DataFrame,
    method: str,
    layer: str | None,
) -> Iterator[list[Example]]:
    for start in range(0, len(films), AT_ONCE):
        part = films[start : start + AT_ONCE]
        yield _examples(detector, dataset, part, method, layer, "right", "Pneumonia")


def _examples(
    detector: PneumoniaDetector,
    dataset: Dataset,
    films: pd.DataFrame,
    method: str,
    layer: str | None,
    case: Case,
    target: Literal["Normal", "Pneumonia"],
) -> list[Example]:
    images = [read_image(dataset.find(name)) for name in films["id"]]
    maps = detector.explain_many(images, method, target, layer)
    preprocess = detector.run.preprocess
    return [
        Example(
            case=case,
            id=film["id"],
            label=int(film["label"]),
            group=str(film["group"]),
            probability=float(film["probability"]),
            explanation=explanation,
            place=place(
                explanation.map,
                preprocess.resized(torch.as_tensor(preprocess.square(image.pixels))[None])[
                    0, 0
                ].numpy(),
            ),
        )
        for film, image, explanation in zip(films.to_dict("records"), images, maps, strict=True)
    ]


def typical_film(scores: pd.DataFrame, threshold: float) -> str:
    """The id of a film that is rightly called pneumonia, with the middle one of their scores.

    Where none is, of the film with the highest score.
    """
    right = scores[(scores["label"] == 1) & (scores["probability"] >= threshold)]
    if right.empty:
        return str(scores["id"][scores["probability"].idxmax()])
    ordered = right.sort_values("probability", kind="stable")
    return str(ordered["id"].iloc[len(ordered) // 2])


def drawn_examples() -> Mapping[Case, tuple[np.ndarray, np.ndarray]]:
    """Three drawn films with their maps, each float (SIDE, SIDE) in [0, 1].

    On the first the evidence lies on a shadow in the lung, on the second on a clear lung, on the
    third on a marker in the corner.
    """
    return {case: (_drawn_film(case), _drawn_map(case)) for case in _MARKED}


def _drawn_film(case: Case) -> np.ndarray:
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    film = 0.62 - 0.5 * _soft(np.hypot((across - 0.5) / 0.62, (down - 0.72) / 0.8), 1, 0.12, True)
    for middle in (0.3, 0.7):  # lungs, with ribs across them
        lung = _soft(np.hypot((across - middle) / 0.145, (down - 0.5) / 0.31), 1, 0.16)
        ribs = 0.5 + 0.5 * np.cos(2 * np.pi * (9 * down + 6 * (across - middle) ** 2))
        film -= lung * (0.42 - 0.1 * ribs)
    film += 0.1 * _soft(np.abs(across - 0.5) / 0.045, 1, 0.5)  # spine
    heart = _soft(np.hypot((across - 0.56) / 0.13, (down - 0.64) / 0.15), 1, 0.3)
    film = np.maximum(film, 0.7 * heart)
    if case == "right":
        film += 0.34 * np.exp(-(((across - 0.31) / 0.09) ** 2) - ((down - 0.66) / 0.1) ** 2)
    if case == "edge":
        film[12:34, 188:208] = 0.98
    return film.clip(0, 1)


def _soft(distance: np.ndarray, radius: float, width: float, outside: bool = False) -> np.ndarray:
    """1 inside a radius and 0 outside it, or the other way round, with a soft edge."""
    inside = 1 / (1 + np.exp((distance - radius) / (width / 4)))
    return 1 - inside if outside else inside


def _drawn_map(case: Case) -> np.ndarray:
    """Evidence in cells, enlarged as a network's is."""
    row, column = _MARKED[case]
    down, across = np.mgrid[0:_CELLS, 0:_CELLS]
    cells = np.exp(-((down - row) ** 2 + (across - column) ** 2) / 1.6).astype(np.float32)
    large = Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    enlarged = np.asarray(large)
    return enlarged / enlarged.max()
