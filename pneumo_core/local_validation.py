"""A model on a user's own labelled films: scored a few at a time, then counted.

One bad file never stops the rest, and nothing is dropped in silence: whatever does not count is
listed with the reason. What the scores say is for `local_answer`.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pneumo_core.archive import shown
from pneumo_core.batch import Opened, film_of, in_groups
from pneumo_core.calibration import probability
from pneumo_core.grey import GreyImage
from pneumo_core.local_labels import LabelledFilm, LeftOut
from pneumo_core.novelty import Answer
from pneumo_core.report_pictures import pixels_sha256
from pneumo_core.spreadsheet import harmless

if TYPE_CHECKING:
    from pneumo_core.detector import PneumoniaDetector

Counting = Literal["all", "films", "familiar"]
"""Which films count: all; all that do not seem to be something else than a chest X-ray; only those
that look like the films the model knows."""

_COUNTED: dict[Counting, tuple[Answer | None, ...]] = {
    "all": ("familiar", "unusual", "not a chest X-ray", None),
    "films": ("familiar", "unusual", None),
    "familiar": ("familiar", None),
}


@dataclass(frozen=True, eq=False)
class ScoredFilm:
    """One labelled file, scored or not.

    Attributes:
        name: To show, as `archive.shown` gives it.
        label, kind, patient, group: As `LabelledFilm` has them.
        error: The sentence that says why it could not be read; None where it was.
        digest: Its size and `pixels_sha256`: equal for copies, in whatever format.
        logit: The network's log-odds of pneumonia, before the temperature; NaN where not read.
        probability: Calibrated, of pneumonia; NaN where not read.
        looks: What the novelty check says; None also where the run keeps nothing to go by.
        objections: Its reasons, as one text.
    """

    name: str
    label: int
    kind: str
    patient: str
    group: str
    error: str | None = None
    digest: str = ""
    logit: float = float("nan")
    probability: float = float("nan")
    looks: Answer | None = None
    objections: str = ""


def score_films(
    detector: "PneumoniaDetector", films: Iterable[LabelledFilm]
) -> Iterator[ScoredFilm]:
    """Score films one after the other, a few at a time through the network.

    Whoever stops asking stops the work. Each film goes the way of every upload (`read_image`, the
    run's `Preprocess`, its temperature).

    Yields:
        One result for each film, in their order.
    """
    for scored in score_groups(detector, films):
        yield from scored


def score_groups(
    detector: "PneumoniaDetector", films: Iterable[LabelledFilm]
) -> Iterator[list[ScoredFilm]]:
    """Score as `score_films`, and give the results of films that went through it together."""
    for group in in_groups(films, lambda film: film_of(film.entry.read())):
        scored = list(_score(detector, group))
        group.clear()  # whoever asks for results may take a while until the next ones
        yield scored


def _score(
    detector: "PneumoniaDetector", group: Sequence[tuple[LabelledFilm, Opened]]
) -> Iterator[ScoredFilm]:
    pixels = [image for _, image in group if isinstance(image, GreyImage)]
    logits = detector.logits(pixels)
    chances = probability(logits, detector.run.temperature) if pixels else logits
    known_of = iter(zip(logits, chances, detector.novelty_many(pixels), strict=True))
    for film, image in group:
        known = {
            "name": shown(film.entry.path),
            "label": film.label,
            "kind": film.kind,
            "patient": film.patient,
            "group": film.group,
        }
        if not isinstance(image, GreyImage):
            yield ScoredFilm(**known, error=image)
            continue
        logit, chance, novelty = next(known_of)
        yield ScoredFilm(
            **known,
            # The size too: the same pixels in rows of another length are another picture.
            digest=f"{image.pixels.shape} {pixels_sha256(image.pixels)}",
            logit=float(logit),
            probability=float(chance),
            looks=novelty.answer if novelty else None,
            objections=" ".join(each.sentence for each in novelty.objections) if novelty else "",
        )


@dataclass(frozen=True, eq=False)
class Tally:
    """Which of the scored films count.

    Attributes:
        films: Those that do, in their order.
        left_out: The others, each with its reason.
        unread: How many could not be read.
        copies: How many are copies of one that counts.
        contradicted: How many are there with both labels, and so do not count.
        unusual: How many of those that were read once look unlike the model's films, ...
        foreign: ... and how many like no chest X-ray, whether they count or not.
    """

    films: tuple[ScoredFilm, ...]
    left_out: tuple[LeftOut, ...]
    unread: int
    copies: int
    contradicted: int
    unusual: int
    foreign: int

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64, 0 (Normal) or 1 (Pneumonia)."""
        return np.array([film.label for film in self.films], np.int64)

    @property
    def probabilities(self) -> np.ndarray:
        """(N,) float64, calibrated."""
        return np.array([film.probability for film in self.films], np.float64)

    @property
    def patients(self) -> np.ndarray | None:
        """(N,) int64, one number a patient, a film of unknown patient being one of its own.

        None where no patient is known.
        """
        if not any(film.patient for film in self.films):
            return None
        names = [(film.patient, "" if film.patient else i) for i, film in enumerate(self.films)]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return np.array([numbers[name] for name in names], np.int64)


def tally(scored: Iterable[ScoredFilm], counting: Counting = "all") -> Tally:
    """Decide which films count: each picture once, with one label, and those asked for."""
    once: list[ScoredFilm] = []
    first: dict[str, ScoredFilm] = {}
    left_out: list[LeftOut] = []
    scored = list(scored)
    labels: dict[str, set[int]] = {}
    for film in scored:
        labels.setdefault(film.digest, set()).add(film.label)
    unread = contradicted = 0
    for film in scored:
        if film.error is not None:
            unread += 1
            left_out.append(LeftOut(film.name, film.error))
        elif len(labels[film.digest]) > 1:
            contradicted += 1
            left_out.append(LeftOut(film.name, _CONTRADICTED))
        elif film.digest in first:
            copy = f"The same picture as {first[film.digest].name}, which counts once."
            left_out.append(LeftOut(film.name, copy))
        else:
            first[film.digest] = film
            once.append(film)
    for film in once:
        if film.looks not in _COUNTED[counting]:
            left_out.append(LeftOut(film.name, film.objections or _OBJECTED))
    return Tally(
        films=tuple(film for film in once if film.looks in _COUNTED[counting]),
        left_out=tuple(left_out),
        unread=unread,
        copies=len(scored) - unread - contradicted - len(once),
        contradicted=contradicted,
        unusual=sum(film.looks == "unusual" for film in once),
        foreign=sum(film.looks == "not a chest X-ray" for film in once),
    )


_CONTRADICTED = "The same picture is here with the other label too: settle which one is right."
_OBJECTED = "It does not look like the films the model knows."

COLUMNS = ("id", "label", "probability", "patient", "kind", "group", "looks")


def scores_csv(films: Iterable[ScoredFilm]) -> str:
    """Write the scores of films that were read as a CSV file, which the Threshold page reads back.

    What a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for film in films:
        writer.writerow(
            [
                harmless(film.name),
                film.label,
                f"{film.probability:.6f}",
                harmless(film.patient),
                film.kind,
                harmless(film.group),
                film.looks or "",
            ]
        )
    return buffer.getvalue()
