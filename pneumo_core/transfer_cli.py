"""`python -m pneumo_core transfer`: a run on the test films of another data set."""

from argparse import Namespace
from dataclasses import fields
from pathlib import Path

from pneumo_core import markdown
from pneumo_core.errors import DataError
from pneumo_core.proportions import Estimate
from pneumo_core.transfer import AtPoint, Transfer, transfer, write_transfer


def print_transfer(options: Namespace) -> int:
    """Run the command; returns the exit status.

    What all test films of the data set give is kept in the run's folder, where the model card
    looks for it; what some of them give (`--ids`) is only printed.

    Raises:
        PneumoError: As `read_run`, `load_dataset`, `transfer` and `write_transfer`.
    """
    from pneumo_core.datasets import load_dataset
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    only = _names(Path(options.ids).expanduser()) if options.ids else None
    found = transfer(run, load_dataset(options.to, options.data), only)
    default = found.points[0]
    print(
        f"{run.name} on the test films of {found.title}: {found.films}, at threshold "
        f"{default.threshold:.3f}"
    )
    print(markdown.columns(_figures(found)), end="\n\n")
    header = ["operating point", "threshold", "sensitivity", "specificity", "accuracy"]
    points = [
        [
            point.name,
            f"{point.threshold:.3f}",
            *map(_rounded, (point.sensitivity, point.specificity, point.accuracy)),
        ]
        for point in found.points
    ]
    print(markdown.columns([header, *points]))
    if only is None:
        print(f"\nKept in {write_transfer(run, found)}.")
    return 0


def _names(file: Path) -> list[str]:
    """Names of films, one a line.

    Raises:
        DataError: If the file cannot be read as text, or names none.
    """
    try:
        names = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise DataError(f"{file} cannot be read ({reason}).") from error
    if not any(names):
        raise DataError(f"{file} names no film: write one name a line.")
    return [name for name in names if name]


def _figures(found: Transfer) -> list[list[str]]:
    shares = [field.name for field in fields(AtPoint) if field.type is Estimate]
    each = {"auc": found.auc} | {name: getattr(found.points[0], name) for name in shares}
    rows = [["", "value", "95 % interval"]]
    for name, figure in each.items():
        known = None not in (figure.low, figure.high)
        rows.append(
            [name, _rounded(figure), f"{figure.low:.4f}-{figure.high:.4f}" if known else ""]
        )
    return [*rows, ["ece", f"{found.ece:.4f}", ""]]


def _rounded(figure: Estimate) -> str:
    return "undefined" if figure.value is None else f"{figure.value:.4f}"
