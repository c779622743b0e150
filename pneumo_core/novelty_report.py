"""`python -m pneumo_core novelty-report`: how well the novelty check of a run works, as a table."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pneumo_core import markdown
from pneumo_core.errors import DataError, RunError
from pneumo_core.image_checks import Reason
from pneumo_core.images import GreyImage
from pneumo_core.intervals import auc_delong
from pneumo_core.novelty import Novelty, judge_many, network_features
from pneumo_core.novelty_pictures import families
from pneumo_core.proportions import Estimate, wilson

if TYPE_CHECKING:
    from pneumo_core.runs import Run
    from pneumo_core.splits import Split

MARK = "novelty"
SEED = 1
FILM_SETS = ("pneumoniamnist", "chest_xray")
"""Data sets whose test films must pass."""

_BLOCK = 64


def _framed(film: np.ndarray) -> np.ndarray:
    """A film with a black border, a tenth of its size on each side."""
    return np.pad(film, [(round(side / 10),) * 2 for side in film.shape])


DAMAGES: Mapping[str, tuple[Callable[[np.ndarray], np.ndarray], frozenset[Reason]]] = {
    "Inverted": (lambda film: 1 - film, frozenset({Reason.INVERTED})),
    "Rotated by 90° to the left": (
        lambda film: np.rot90(film, 1),
        frozenset({Reason.ROTATED_LEFT}),
    ),
    "Rotated by 90° to the right": (
        lambda film: np.rot90(film, 3),
        frozenset({Reason.ROTATED_RIGHT}),
    ),
    "Rotated by 180°": (lambda film: np.rot90(film, 2), frozenset({Reason.UPSIDE_DOWN})),
    "Mirrored top to bottom": (lambda film: film[::-1], frozenset({Reason.UPSIDE_DOWN})),
    "Inverted and rotated by 180°": (
        lambda film: 1 - np.rot90(film, 2),
        frozenset({Reason.INVERTED, Reason.UPSIDE_DOWN}),
    ),
    "Framed in black": (_framed, frozenset({Reason.BORDER})),
}
"""What is done to test films, and the reasons that have to be named then."""

_ORIENTATION = frozenset(
    {Reason.INVERTED, Reason.ROTATED_LEFT, Reason.ROTATED_RIGHT, Reason.UPSIDE_DOWN}
)


@dataclass(frozen=True)
class Row:
    """What the check said of one set of images.

    Attributes:
        title: Of the set.
        images: How many.
        things: How many different things they show.
        objected: Number that was not called familiar.
        withheld: Number that was called no chest X-ray.
        named: Number of films that were spoilt for which exactly that was said; None for others.
        auc: Area under the ROC curve of the distance against the first set's films; None for
            films. Its interval counts the parts of one thing as one.
    """

    title: str
    images: int
    things: int
    objected: int
    withheld: int
    named: int | None = None
    auc: Estimate | None = None


def measure(run: "Run", films: Mapping[str, "Split"], seed: int = SEED) -> list[Row]:
    """Try a run's novelty check on test films, on the same turned and inverted, and on pictures.

    Args:
        run: With weights and a reference.
        films: Test splits by title; those of the first are the ones that are turned, and that
            other pictures are told from.
        seed: Of the pictures that are drawn.

    Raises:
        RunError: If the weights or the reference are missing or damaged.
    """
    from pneumo_core.reference import read_reference

    reference = read_reference(run)
    if reference is None:
        raise RunError(
            f"{run.name} keeps nothing of its training images: "
            f"run python -m pneumo_core reference {run.name}."
        )
    features = network_features(run, run.load_model(), reference.stages)

    def judged(images: Sequence[GreyImage]) -> list[Novelty]:
        return judge_many(reference, features, images)

    def judged_films(split: "Split", change: Callable[[np.ndarray], np.ndarray]) -> list[Novelty]:
        results = []
        for start in range(0, len(split), _BLOCK):
            positions = range(start, min(start + _BLOCK, len(split)))
            results += judged([_film(change(split.read(position))) for position in positions])
        return results

    rows, familiar = [], np.empty(0)
    for title, split in films.items():
        results = judged_films(split, lambda film: film)
        rows.append(_row(title, results))
        familiar = familiar if len(familiar) else _distances(results)
    first = next(iter(films.values()))
    for title, (change, reasons) in DAMAGES.items():
        results = judged_films(first, change)
        others = _ORIENTATION - reasons
        named = sum(reasons <= _reasons(each) and not others & _reasons(each) for each in results)
        rows.append(_row(title, results, named=named))
    for family in families(seed):
        results = [
            each
            for start in range(0, len(family.pictures), _BLOCK)
            for each in judged(family.pictures[start : start + _BLOCK])
        ]
        found = _distances(results)
        labels = np.r_[np.zeros(len(familiar), int), np.ones(len(found), int)]
        groups = [f"film {i}" for i in range(len(familiar))] + list(map(str, family.things))
        area = auc_delong(labels, np.r_[familiar, found], groups)
        rows.append(_row(family.title, results, things=len(set(family.things)), auc=area))
    return rows


def _film(pixels: np.ndarray) -> GreyImage:
    return GreyImage(np.ascontiguousarray(pixels), "array", (), colourful=False)


def _distances(results: Sequence[Novelty]) -> np.ndarray:
    return np.array([each.distance for each in results])


def _reasons(result: Novelty) -> frozenset[Reason]:
    return frozenset(objection.reason for objection in result.objections)


def _row(
    title: str,
    results: Sequence[Novelty],
    things: int | None = None,
    named: int | None = None,
    auc: Estimate | None = None,
) -> Row:
    return Row(
        title=title,
        images=len(results),
        things=len(results) if things is None else things,
        objected=sum(each.answer != "familiar" for each in results),
        withheld=sum(each.withheld for each in results),
        named=named,
        auc=auc,
    )


def table(rows: Sequence[Row]) -> list[list[str]]:
    """Cells of a table, the header first: shares with their 95 % intervals (Wilson's)."""
    header = ["Images", "Number", "AUROC", "Objected to", "Withheld", "Named right"]
    body = [
        [
            row.title,
            str(row.images) if row.images == row.things else f"{row.images} of {row.things}",
            "" if row.auc is None else _estimate(row.auc, 4),
            _share(row.objected, row.images),
            _share(row.withheld, row.images),
            "" if row.named is None else _share(row.named, row.images),
        ]
        for row in rows
    ]
    return [header, *body]


def _share(count: int, of: int) -> str:
    value = wilson(count, of)
    parts = [f"{100 * part:.1f}" for part in value.to_json() if part is not None]
    return f"{parts[0]} % ({parts[1]}–{parts[2]})"


def _estimate(area: Estimate, digits: int) -> str:
    value, low, high = ("?" if part is None else f"{part:.{digits}f}" for part in area.to_json())
    return f"{value} ({low}–{high})"


def novelty_report(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: As `read_run`, `load_dataset`, `measure` and the writing of the page.
    """
    from pneumo_core.datasets import load_dataset
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    page = Path(options.markdown).expanduser() if options.markdown else None
    if page:
        markdown.around(page, MARK)  # a page that cannot be renewed is better known before
    films = {}
    for name in dict.fromkeys((run.data["name"], *FILM_SETS)):
        try:
            dataset = load_dataset(name, options.data)
        except DataError as error:
            print(error)
            continue
        films[f"{dataset.title}, test"] = dataset.splits["test"]
    if not films:
        raise DataError("No test films were found: name their place with --data or PNEUMO_DATA.")
    rows = table(measure(run, films))
    print(markdown.columns(rows))
    if page:
        text = f"Run `{run.name}`, weights {run.weights_sha256[:12]}.\n\n{markdown.table(rows)}"
        markdown.renew(page, MARK, text)
    return 0
