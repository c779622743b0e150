"""Reports on films to take away: one case or a batch, as a page, a PDF or a table.

A report says what the screen says and where it comes from. It has no name in it but one that the
user typed: no name of a file, no tag, no path. The same cases give the same bytes.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo_core.confusion import Confusion, confusion_at, figures_at
from pneumo_core.decision import Clinic, at_other_prevalence, at_prevalence
from pneumo_core.errors import DataError
from pneumo_core.intervals import auc_delong
from pneumo_core.operating_point import OperatingPoint, Zones
from pneumo_core.proportions import Estimate
from pneumo_core.report_pictures import Picture, grey_picture, overlay_picture, pixels_sha256
from pneumo_core.runs import patients_of
from pneumo_core.scores import as_prevalence
from pneumo_core.similar import Neighbour

if TYPE_CHECKING:
    from pneumo_core.answers import Explanation, Prediction
    from pneumo_core.explain import CamResult
    from pneumo_core.novelty import Novelty
    from pneumo_core.runs import Run
    from pneumo_core.trust import Trust

MOST = 500
"""Cases in a report, at most: a PDF of that many still opens anywhere."""

LONGEST_NAME = 120
LONGEST_NOTES = 2000
"""Characters that a user can type."""

_TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, eq=False)
class ModelFacts:
    """What a report says of the model, and how it does on its test films at one operating point.

    Attributes:
        run: Name of the run.
        title: Of the model, for people.
        weights_sha256: Of its weights.
        data: Title of the data set.
        trained: Films it was trained on.
        point: The operating point.
        zones: Taking in its threshold.
        counts: Right and wrong calls on the test films.
        figures: "auc" and those of `figures_at`, on the test films with intervals; films of one
            patient are not taken for independent.
        prevalence: Of pneumonia in (0, 1) where the probabilities were calibrated: validation.
    """

    run: str
    title: str
    weights_sha256: str
    data: str
    trained: int
    point: OperatingPoint
    zones: Zones
    counts: Confusion
    figures: dict[str, Estimate]
    prevalence: float

    @classmethod
    def of(cls, run: "Run", point: OperatingPoint) -> "ModelFacts":
        """Gather them; the same for every film of a batch.

        Raises:
            RunError: If the run's scores are missing or damaged.
        """
        scores = run.scores("test")
        labels, probabilities = scores["label"].to_numpy(), scores["probability"].to_numpy()
        patients = patients_of(scores)
        return cls(
            run=run.name,
            title=run.title,
            weights_sha256=run.weights_sha256,
            data=run.data["title"],
            trained=sum(run.data["counts"]["train"].values()),
            point=point,
            zones=run.zones.around(point.threshold),
            counts=confusion_at(labels, probabilities, point.threshold),
            figures={
                "auc": auc_delong(labels, probabilities, patients),
                **figures_at(labels, probabilities, point.threshold, patients),
            },
            prevalence=run.metrics["val"]["prevalence"],
        )

    def at(self, prevalence: float) -> Clinic:
        """What its calls mean where another share of the patients has pneumonia."""
        return at_prevalence(self.counts, prevalence, self.figures)


@dataclass(frozen=True)
class MapFacts:
    """What a heatmap is; fields as those of `CamResult`.

    Attributes:
        cells: Rows and columns at which it was read.
    """

    method: str
    target: str
    layer: str
    cells: tuple[int, int]
    worth: float
    against: float

    @classmethod
    def of(cls, cam: "CamResult") -> "MapFacts":
        """Keep all but the map."""
        rows, columns = cam.evidence.shape
        return cls(cam.method, cam.target, cam.layer, (rows, columns), cam.worth, cam.against)


@dataclass(frozen=True, eq=False)
class CaseReport:
    """What a report says of one film.

    Attributes:
        model: Of the model and the operating point.
        prediction: The verdict; None where it is withheld (`Novelty.withheld`).
        image_sha256: Of the film's pixels, see `pixels_sha256`.
        date: ISO date.
        film: The film.
        overlay: The map over it.
        seen: What the network saw of the film: top, left, height, width as shares of its sides.
            None for all of it.
        map: What the map is.
        novelty: Whether the film looks like those the model knows; None where that is unknown.
        trust: The checks of the map; None where there were none.
        similar: The nearest training films, the nearest first.
        prevalence: Of pneumonia among the user's patients, in (0, 1); None where none was said.
        warnings: Further sentences to be read before the verdict.
        truth: The known answer, in words; "" for none.
        number: The film's number in its batch; None for its place in the report.
        name: As the user typed it; "" for none.
        notes: As the user typed them; "" for none.
    """

    model: ModelFacts
    prediction: "Prediction | None"
    image_sha256: str
    date: str
    film: Picture | None = None
    overlay: Picture | None = None
    seen: tuple[float, float, float, float] | None = None
    map: MapFacts | None = None
    novelty: "Novelty | None" = None
    trust: "Trust | None" = None
    similar: tuple[Neighbour, ...] = ()
    prevalence: float | None = None
    warnings: tuple[str, ...] = ()
    truth: str = ""
    number: int | None = None
    name: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        if self.prevalence is not None:
            as_prevalence(self.prevalence)
        said = self.prediction
        if said is not None and (said.run, said.threshold) != (
            self.model.run,
            self.model.point.threshold,
        ):
            raise DataError("The verdict is another model's or at another threshold: read it anew.")
        object.__setattr__(self, "name", _typed(self.name, LONGEST_NAME, "name").replace("\n", " "))
        object.__setattr__(self, "notes", _typed(self.notes, LONGEST_NOTES, "notes"))

    @classmethod
    def of(
        cls,
        model: ModelFacts,
        film: np.ndarray,
        prediction: "Prediction | None",
        explanation: "Explanation | None" = None,
        *,
        date: str,
        **more: Any,
    ) -> "CaseReport":
        """Gather what there is of a film; of its pixels only small pictures are kept.

        Args:
            model: `ModelFacts.of` the run and the operating point.
            film: float32 (H, W) in [0, 1].
            prediction: At that operating point; None to withhold it, and the map with it.
            explanation: Of the same film; None for no map.
            date: ISO date.
            more: Further attributes, as they are.

        Raises:
            DataError: The verdict or the map is another model's, a typed text is too long, or the
                prevalence is outside (0, 1).
        """
        overlay, seen, facts = None, None, None
        # Where a verdict would mean nothing, so would a map.
        if explanation is not None and prediction is not None:
            if explanation.run != model.run:
                raise DataError("The map is another model's: draw it anew.")
            overlay, facts = overlay_picture(explanation), MapFacts.of(explanation.cam)
            seen = explanation.seen
        return cls(
            model=model,
            prediction=prediction,
            image_sha256=pixels_sha256(film),
            date=date,
            film=grey_picture(film),
            overlay=overlay,
            seen=seen,
            map=facts,
            **more,
        )

    @property
    def title(self) -> str:
        """The name that was typed, or which film of the batch this is."""
        if self.name:
            return self.name
        return "Chest X-ray" if self.number is None else f"Film {self.number}"

    @property
    def clinic(self) -> Clinic | None:
        """What calls mean among the user's patients; None where no prevalence was said."""
        return None if self.prevalence is None else self.model.at(self.prevalence)

    @property
    def probability_there(self) -> float | None:
        """The probability carried over to the user's patients, see `at_other_prevalence`."""
        if self.prevalence is None or self.prediction is None:
            return None
        chance, here = self.prediction.probability, self.model.prevalence
        return float(at_other_prevalence(chance, here, self.prevalence))


@dataclass(frozen=True)
class Cover:
    """What the first sheet of a batch's report says besides its table of contents.

    Attributes:
        name: As the user typed it; "" for none.
        notes: As the user typed them; "" for none.
        unread: Number in the batch of each file that could not be read, and the reason.
    """

    name: str = ""
    notes: str = ""
    unread: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _typed(self.name, LONGEST_NAME, "name").replace("\n", " "))
        object.__setattr__(self, "notes", _typed(self.notes, LONGEST_NOTES, "notes"))


Progress = Callable[[float], object]
"""Called with the share that is done, from 0 to 1; what it raises ends the work."""


def to_html(
    cases: Sequence[CaseReport], cover: Cover | None = None, progress: Progress = lambda _: None
) -> str:
    """Write a report as one HTML file: no scripts, nothing from elsewhere, A4 when printed.

    Of several cases, and where there is a cover, a table of contents comes first, the most likely
    pneumonia at its top, and the cases follow in that order. If they are of one model at one
    operating point, what is to be said of it is said there, once.

    Args:
        cases: 1 to `MOST`.
        cover: Of a batch.
        progress: Told how far it is.

    Raises:
        DataError: No case, or more than `MOST`.
    """
    from pneumo_core.report_html import html

    return html(in_order(cases), _cover(cases, cover), progress)


def to_pdf(
    cases: Sequence[CaseReport], cover: Cover | None = None, progress: Progress = lambda _: None
) -> bytes:
    """Write a report as a PDF; otherwise as `to_html`."""
    from pneumo_core.report_pdf import pdf

    return pdf(in_order(cases), _cover(cases, cover), progress)


def _cover(cases: Sequence[CaseReport], cover: Cover | None) -> Cover | None:
    return Cover() if cover is None and len(cases) > 1 else cover


def in_order(cases: Sequence[CaseReport]) -> list[CaseReport]:
    """Number the cases and put them into a report's order; a single one is not numbered.

    Raises:
        DataError: As `to_html`.
    """
    if not 0 < len(cases) <= MOST:
        raise DataError(f"A report has 1 to {MOST} films, not {len(cases)}: choose fewer.")
    if len(cases) == 1:
        return list(cases)
    numbered = [
        case if case.number is not None else replace(case, number=place)
        for place, case in enumerate(cases, 1)
    ]
    return sorted(
        numbered,
        key=lambda one: -1 if one.prediction is None else one.prediction.probability,
        reverse=True,
    )


def to_csv(cases: Sequence[CaseReport]) -> str:
    """Write a report's table as CSV; otherwise as `to_html`."""
    from pneumo_core.report_csv import table_csv

    return table_csv(in_order(cases))


def _typed(text: str, most: int, what: str) -> str:
    """A typed text without what cannot be printed or would turn the text around it."""
    if len(text) > most:
        raise DataError(f"The {what} may have {most} characters, not {len(text)}: shorten it.")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(
        c
        for c in lines
        if c == "\n" or not (unicodedata.category(c) in ("Cc", "Cs", "Cn") or c in _TURNS_TEXT)
    ).strip()
