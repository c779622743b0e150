"""`python -m pneumo_core explain-audit`: check a run's maps, print the table, renew a page."""

import sys
from argparse import Namespace
from pathlib import Path

from pneumo_core import markdown
from pneumo_core.explain_audit import FORGETS, ExplainAudit, Row, write_explain_audit
from pneumo_core.proportions import Estimate

HEADER = [
    "Method",
    "Stage",
    "Deletion",
    "Insertion",
    "Gain",
    "Gain over random weights",
    "called normal",
    "called pneumonia",
    "Beats chance",
    "Likeness, new head",
    "and new last stage",
    "Limit",
    "Below the limit",
    "Outside the chest",
]


def explain_audit(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: As `read_run`, `load_dataset`, `audit_run` and the writing of files.
    """
    from tqdm import tqdm

    from pneumo_core.datasets import load_dataset
    from pneumo_core.explain_audit_measure import audit_run
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    page = Path(options.markdown).expanduser() if options.markdown else None
    if page:
        # A page that cannot be renewed is better known before than after.
        markdown.around(page, mark(options.split))
    dataset = load_dataset(run.data["name"], options.data, run.data["split_rule"])
    if dataset.fingerprint != run.data["fingerprint"]:
        print("The data on this machine is not the data the run was trained on.", file=sys.stderr)
    total = len(dataset.splits[options.split])
    if options.limit is not None:
        total = min(total, options.limit)
    with tqdm(total=total, unit="film", disable=None) as bar:
        found = audit_run(run, dataset, options.split, options.limit, bar.update)
    path = write_explain_audit(run, found)
    print(f"{markdown.columns(table(found))}\n\n{summary(found)}\nKept in {path}.")
    if page:
        text = f"{heading(run.name, found)}\n\n{markdown.table(table(found))}\n\n{summary(found)}"
        markdown.renew(page, mark(options.split), text)
    return 0


def mark(split: str) -> str:
    """Name of the place on a page where a split's table stands."""
    return f"explain-audit-{split}"


def heading(name: str, found: ExplainAudit) -> str:
    """What was checked, in one sentence."""
    films = f"{found.images} films"
    if found.images < found.drawn_from:
        films += f" drawn at random out of {found.drawn_from}"
    return f"Run `{name}`, {found.data} {found.split}, {films}, {found.date}."


def table(found: ExplainAudit) -> list[list[str]]:
    """Cells of a table, the header first: a row for each method and stage."""
    from pneumo_core.explain import METHODS

    body = [
        [
            METHODS[row.method].title,
            row.layer,
            _number(row.deletion),
            _number(row.insertion),
            _interval(row.gain),
            "" if METHODS[row.method].control else _interval(row.better),
            "" if METHODS[row.method].control else _interval(row.better_normal),
            "" if METHODS[row.method].control else _interval(row.better_pneumonia),
            _percent(row.beats),
            _number(row.head),
            _number(row.stage),
            f"{row.unrelated:.2f}",
            _percent(row.forgets),
            _number(row.density),
        ]
        for row in found.rows
    ]
    return [HEADER, *body]


def summary(found: ExplainAudit) -> str:
    """Say which method and stage the figures are for, in a sentence or two."""
    best = found.best() if found.split == "val" else found.highest()
    if best is None:
        return (
            "No method gains more than random weights, with an interval that excludes 0, and "
            f"forgets with the network on {FORGETS:.0%} of the films."
        )
    if found.split == "val":
        return f"To be read by default: {_named(best)}. {_claim(best)}"
    return f"Highest here: {_named(best)}. {_claim(best)} The choice is made on validation."


def _named(row: Row) -> str:
    from pneumo_core.explain import INPUT, METHODS

    title = METHODS[row.method].title
    return title if row.layer == INPUT else f"{title} at {row.layer}"


def _claim(row: Row) -> str:
    return (
        f"It gains {_interval(row.better)} logits more than random weights (deletion "
        f"{_interval(row.fewer)}, insertion {_interval(row.more)}) and stays below the limit on "
        f"{_percent(row.forgets)} of the films."
    )


def _number(figure: Estimate) -> str:
    return "–" if figure.value is None else _signed(figure.value)


def _interval(figure: Estimate) -> str:
    if figure.low is None or figure.high is None:
        return _number(figure)
    return f"{_number(figure)} ({_signed(figure.low)} to {_signed(figure.high)})"


def _percent(share: Estimate) -> str:
    return "–" if share.value is None else f"{share.value:.0%}"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
