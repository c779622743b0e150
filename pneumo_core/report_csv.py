"""A report as a table: a line for each film."""

import csv
import io
from collections.abc import Sequence

from pneumo_core import __version__
from pneumo_core.report import CaseReport
from pneumo_core.spreadsheet import harmless

COLUMNS = (
    "film",
    "name",
    "probability",
    "verdict",
    "zone",
    "threshold",
    "operating_point",
    "prevalence",
    "probability_there",
    "ppv",
    "npv",
    "familiar",
    "objections",
    "map_standing",
    "notes",
    "image_sha256",
    "run",
    "weights_sha256",
    "software",
    "date",
)


def table_csv(cases: Sequence[CaseReport]) -> str:
    """Write cases, in a report's order, as CSV, a line each.

    Numbers have six places; what is not known is left empty. It is harmless to a spreadsheet.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case in cases:
        said, found, clinic = case.prediction, case.novelty, case.clinic
        writer.writerow(
            [
                case.number or 1,
                harmless(case.name),
                _number(said and said.probability),
                said.prediction if said else "",
                said.zone if said else "",
                _number(case.model.point.threshold),
                harmless(case.model.point.name),
                _number(case.prevalence),
                _number(case.probability_there),
                _number(clinic and clinic.ppv.value),
                _number(clinic and clinic.npv.value),
                found.answer if found else "",
                " ".join(each.sentence for each in found.objections) if found else "",
                case.trust.standing if case.trust else "",
                harmless(case.notes),
                case.image_sha256,
                case.model.run,
                case.model.weights_sha256,
                __version__,
                case.date,
            ]
        )
    return buffer.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
