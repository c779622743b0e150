"""A report on a batch: its rows as the cases of a report, under one cover."""

from collections.abc import Iterable

from pneumo_core.batch import BatchRow
from pneumo_core.report import CaseReport, Cover, ModelFacts
from pneumo_core.report_pictures import jpeg_picture


def cases(rows: Iterable[BatchRow], model: ModelFacts, date: str) -> list[CaseReport]:
    """The films that were read, as cases: with the pictures that a row keeps, without its name.

    Args:
        rows: Of one batch, in any order.
        model: `ModelFacts.of` the run and the operating point that the batch was read at.
        date: ISO date.

    Raises:
        DataError: The rows are of another model or threshold.
    """
    return [_case(row, model, date) for row in rows if row.prediction is not None]


def cover(rows: Iterable[BatchRow], name: str = "", notes: str = "") -> Cover:
    """The first sheet: which files could not be read and why, and what the user typed.

    Raises:
        DataError: What was typed is too long.
    """
    return Cover(name, notes, tuple((row.number, row.error) for row in rows if row.error))


def _case(row: BatchRow, model: ModelFacts, date: str) -> CaseReport:
    # Where a verdict would mean nothing, so would a map.
    shown = not row.withheld
    return CaseReport(
        model=model,
        prediction=row.prediction if shown else None,
        image_sha256=row.image_sha256,
        date=date,
        film=jpeg_picture(row.picture),
        overlay=jpeg_picture(row.overlay) if shown else None,
        seen=row.seen if shown else None,
        map=row.map if shown else None,
        novelty=row.novelty,
        warnings=row.warnings,
        number=row.number,
    )
