"""The figures of each class as a plain table, in the manner of scikit-learn's report."""

from collections.abc import Mapping, Sequence
from typing import Any

from pneumo_core.kinds import CLASSES

COLUMNS: Mapping[str, str] = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "support": "support",
    "false_positive_rate": "FP rate",
    "false_negative_rate": "FN rate",
}
"""Keys of a row of `metrics.class_report` and what heads their columns."""

ROWS: Mapping[str, str] = {"macro": "macro mean", "weighted": "weighted mean"}
"""Rows that are called otherwise than their keys."""


def report_text(title: str, figures: Mapping[str, Any]) -> str:
    """Write a split's figures by class, and by kind of pneumonia where they are known.

    Args:
        title: heads the table.
        figures: of `Run.metrics`, for one split.

    Returns:
        Lines without a line end at the last; an undefined figure is a dash.
    """
    report = figures["per_class"]
    table = [[title, *COLUMNS.values()]]
    table += [
        [ROWS.get(name, name), *(_cell(row[key]) for key in COLUMNS)]
        for name, row in report.items()
    ]
    return "\n".join([*_aligned(table), *_kind_lines(figures.get("kinds", {}))])


def _kind_lines(kinds: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Sensitivity for films of {kind}: {_estimate(estimate)}"
        for kind, estimate in kinds.get("sensitivity", {}).items()
    ]
    if apart := kinds.get("bacteria_against_virus"):
        bacterial, viral = (apart["counts"][kind] for kind in CLASSES[1:])
        lines += [
            f"Bacterial ({bacterial} films) against viral ({viral}), score at least "
            f"{apart['threshold']:.3f}: AUC {_estimate(apart['auc'])}, "
            f"accuracy {_estimate(apart['accuracy'])},",
            f"sensitivity for bacterial {_estimate(apart['sensitivity'])}, "
            f"specificity {_estimate(apart['specificity'])}",
        ]
    if matrix := kinds.get("confusion"):
        table = [["true / called", *CLASSES]]
        table += [[name, *map(str, row)] for name, row in zip(CLASSES, matrix, strict=True)]
        lines += _aligned(table)
    return lines


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])])
        for first, *rest in table
    ]


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _estimate(estimate: Sequence[float | None]) -> str:
    value, low, high = estimate
    if value is None or low is None or high is None:
        return "undefined"
    return f"{value:.3f} ({low:.3f}-{high:.3f})"
