"""`python -m pneumo_core robustness`: measure, print the table, write it into a page."""

import sys
from argparse import Namespace
from pathlib import Path

from pneumo_core import markdown
from pneumo_core.corruptions import CORRUPTIONS, SEVERITIES
from pneumo_core.robustness import VERSIONS, Robustness, measure_run, points, write_robustness

MARK = "robustness"
"""Between the marks of this name a page holds what `--markdown` wrote."""


def robustness(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: As `read_run`, `load_dataset`, `measure_run` and the writing of files.
    """
    from tqdm import tqdm

    from pneumo_core.datasets import load_dataset
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    page = Path(options.markdown).expanduser() if options.markdown else None
    if page:
        markdown.around(page, MARK)  # better known before than after
    dataset = load_dataset(run.data["name"], options.data, run.data["split_rule"])
    own = dataset.fingerprint == run.data["fingerprint"]
    if not own:
        print(
            "The data on this machine is not the data the run was trained on: what is measured "
            "is not kept.",
            file=sys.stderr,
        )
    with tqdm(total=1 + len(VERSIONS), unit="version", disable=None) as bar:
        found = measure_run(run, dataset, options.split, bar.update)
    print(markdown.columns(table(found)))
    print(f"\n{summary(found)}")
    if own:
        # Pages and the model card state these figures as the run's own.
        print(f"Kept in {write_robustness(run, found)}.")
        if page:
            write_page(page, run.name, found)
    return 0


def table(found: Robustness) -> list[list[str]]:
    """Cells of a table, the header first: a row for each corruption.

    Losses are percentage points of accuracy; AUC, sensitivity and specificity at severity 5.
    """
    header = [
        "Corruption",
        "Strengths",
        *(f"Loss at {severity}" for severity in SEVERITIES),
        "Mean loss",
        "AUC at 5",
        "Sensitivity at 5",
        "Specificity at 5",
    ]
    rows = [header]
    for name, corruption in CORRUPTIONS.items():
        losses = found.losses(name)
        worst = next(s.figures for s in found.spoilt if (s.corruption, s.severity) == (name, 5))
        rows.append(
            [
                corruption.title,
                f"{', '.join(f'{each:g}' for each in corruption.strengths)} {corruption.strength}",
                *map(points, losses),
                points(sum(losses) / len(losses)),
                *(f"{each:.3f}" for each in (worst.auc, worst.sensitivity, worst.specificity)),
            ]
        )
    return rows


def summary(found: Robustness) -> str:
    """Clean figures, mean and worst loss, in three sentences."""
    clean, worst = found.clean, found.worst
    return (
        f"Clean, at threshold {found.threshold:.3f}: accuracy {clean.accuracy:.3f}, "
        f"sensitivity {clean.sensitivity:.3f}, specificity {clean.specificity:.3f}, "
        f"AUC {clean.auc:.3f}. "
        f"Mean loss of accuracy over {len(found.spoilt)} versions: "
        f"{points(found.mean_loss)} points. "
        f"Worst: {CORRUPTIONS[worst.corruption].title}, severity {worst.severity}, "
        f"{points(found.loss(worst))} points (accuracy {worst.figures.accuracy:.3f})."
    )


def write_page(page: Path, name: str, found: Robustness) -> None:
    """Write a run's table into a Markdown page, between its marks; the rest stays.

    Args:
        page: The page; a new one holds nothing else.
        name: Of the run.
        found: What was measured.

    Raises:
        DataError: If the page cannot be read or written, or has no place for the table.
    """
    about = (
        f"Run `{name}`, {found.data} {found.split}, {found.images} images, spoilt at "
        f"{found.size} pixels, {found.date}."
    )
    parts = (about, markdown.table(table(found)), summary(found))
    markdown.renew(page, MARK, "\n\n".join(parts))
