"""`python -m pneumo_core compare`: every run beside what its source published."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from pneumo_core import markdown
from pneumo_core.errors import RunError
from pneumo_core.model_table import ImageSet, ModelRow, Start, board
from pneumo_core.proportions import Estimate
from pneumo_core.published import FIGURES
from pneumo_core.runs import BrokenRun, Run, list_runs

MARK = "runs"
"""Of the tables in a page; those at an operating point of choice have a place of their own."""
TITLES = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
}
KINDS_LINE = "Bacterial (the positive kind) against viral, films that show pneumonia:"
STARTS: dict[Start, str] = {
    "scratch": "random",
    "instead": "random, for want of ImageNet's",
    "imagenet": "ImageNet",
    "other": "other weights",
    "unknown": "not recorded",
}


def compare(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        RunError: If there is no run, or no such operating point.
        DataError: If the page cannot be read or written, or has no place for the tables.
    """
    page = Path(options.markdown).expanduser() if options.markdown else None
    mark = f"{MARK} at {options.at}" if options.at else MARK
    if page:
        markdown.around(page, mark)  # a page that cannot be renewed is better known before
    listed = list_runs()
    runs = [run for run in listed if isinstance(run, Run)]
    broken = [run.reason for run in listed if isinstance(run, BrokenRun)]
    if not runs:
        raise RunError("There is no trained model yet: run python train_cli.py.")
    found = board(runs)
    if options.at and options.at not in found.points:
        raise RunError(
            f"There is no operating point {options.at!r} that every model has: choose from "
            f"{', '.join(map(repr, found.points))}."
        )
    sets = [images.at(options.at) for images in found.sets] if options.at else found.sets
    for images in sets:
        print(f"{heading(images)}\n{markdown.columns(table(images.rows))}\n")
        # Which kind of pneumonia has a threshold of its own.
        if not options.at and (kinds := kinds_table(images.rows)):
            print(f"{KINDS_LINE}\n{markdown.columns(kinds)}\n")
    for reason in (*broken, *found.unscored.values()):
        print(reason)
    if page:
        markdown.renew(page, mark, tables(sets, kinds=not options.at))
    return 0


def tables(sets: Iterable[ImageSet], kinds: bool = True) -> str:
    """What a page holds between its marks: a heading and a table for each set of test images.

    Args:
        sets: At the operating point of choice.
        kinds: Whether to add how bacterial is told from viral, which has a threshold of its own.
    """
    parts = []
    for each in sets:
        parts.append(f"### {heading(each)}\n\n{markdown.table(table(each.rows))}")
        if kinds and (apart := kinds_table(each.rows)):
            parts.append(f"{KINDS_LINE}\n\n{markdown.table(apart)}")
    return "\n\n".join(parts)


def heading(images: ImageSet) -> str:
    """What the models of a table were tested on."""
    return f"{images.title}, test: {len(images.labels)} images"


def table(rows: Iterable[ModelRow]) -> list[list[str]]:
    """Cells of a table, the header first: a row for each model.

    Ours with the 95 % interval, then the published value after a stroke where there is one.
    """
    header = ["Model", "Initial weights", *TITLES.values()]
    body = [
        [row.label, STARTS[row.start], *(_figure(row, figure) for figure in FIGURES)]
        for row in rows
    ]
    return [header, *body]


def kinds_table(rows: Iterable[ModelRow]) -> list[list[str]]:
    """Cells of a table of the models that tell bacterial from viral pneumonia; [] for none.

    As `table`; bacterial is the positive kind.
    """
    header = ["Model", *TITLES.values()]
    body = []
    for row in rows:
        apart = row.run.metrics["test"].get("kinds", {}).get("bacteria_against_virus")
        if apart is not None:
            cells = (
                _words(Estimate.from_json(apart[name]), row.published.kinds.get(name))
                for name in FIGURES
            )
            body.append([row.label, *cells])
    return [header, *body] if body else []


def _figure(row: ModelRow, name: str) -> str:
    return _words(row.figures[name], row.published.figures.get(name))


def _words(ours: Estimate, theirs: float | None) -> str:
    if ours.value is None:
        words = "undefined"
    else:
        words = f"{ours.value:.3f}"
        if ours.low is not None and ours.high is not None:
            words += f" ({ours.low:.3f}–{ours.high:.3f})"
    return words if theirs is None else f"{words} / {theirs:.3f}"
