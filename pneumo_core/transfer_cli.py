"""`python -m pneumo_core transfer`: a run on the test films of another data set."""

from argparse import Namespace
from pathlib import Path

from pneumo_core import markdown
from pneumo_core.transfer import transfer

SHOWN = ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


def print_transfer(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: As `read_run`, `load_dataset` and `transfer`.
    """
    from pneumo_core.datasets import load_dataset
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    only = Path(options.ids).read_text(encoding="utf-8").split("\n") if options.ids else ()
    dataset = load_dataset(options.to, options.data)
    found = transfer(run, dataset, [name for name in map(str.strip, only) if name])
    print(
        f"{run.name} on the test films of {found.data}: {found.figures['n']}, at threshold "
        f"{found.figures['threshold']:.3f}"
    )
    rows = [["", "value", "95 % interval"]]
    for name in SHOWN:
        value, low, high = found.figures[name]
        known = None not in (low, high)
        rows.append(
            [
                name,
                _rounded(value),
                f"{low:.4f}-{high:.4f}" if known else "",
            ]
        )
    rows.append(["ece", f"{found.figures['ece']:.4f}", ""])
    print(markdown.columns(rows), end="\n\n")
    header = ["operating point", "threshold", "sensitivity", "specificity", "accuracy"]
    points = [
        [
            point.name,
            f"{point.threshold:.3f}",
            *map(_rounded, (c.sensitivity, c.specificity, c.accuracy)),
        ]
        for point, c in found.points
    ]
    print(markdown.columns([header, *points]))
    return 0


def _rounded(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
