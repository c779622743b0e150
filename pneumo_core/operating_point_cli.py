"""`python -m pneumo_core operating-point`: choose a threshold by a rule, prove it, save it."""

import json
import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pneumo_core.comparison import compare_splits
from pneumo_core.confusion import figures_at
from pneumo_core.errors import DataError, RunError
from pneumo_core.files import write_json
from pneumo_core.intervals import auc_delong
from pneumo_core.operating_point import OperatingPoint, ask, split_words, threshold_interval
from pneumo_core.operating_point import threshold_words as words_of
from pneumo_core.rules import Rule, rule_from_json
from pneumo_core.runs import SAVED_POINTS_FILE, Run, patients_of, read_run
from pneumo_core.threshold_report import FIGURES, Sample, figure_words

SPLITS = ("val", "test")
REPEATS = 1000
PATIENCE = 10.0
"""Seconds to wait for another program that is saving a point to the same run."""

SPELLINGS = {
    "sensitivity": "sensitivity>=0.97",
    "specificity": "specificity>=0.9",
    "ppv": "ppv>=0.9@0.1",
    "npv": "npv>=0.99@0.1",
    "youden": "youden",
    "cost": "cost=10",
    "fbeta": "fbeta=2",
    "alerts": "alerts<=30",
}
"""How each rule is written, by its key; what follows an @ is the prevalence, which is optional."""

_NUMBER_OF = {"cost": "misses", "fbeta": "beta", "alerts": "per_100"}
_AT_PREVALENCE = ("ppv", "npv", "cost")
_RULE = re.compile(r"(\w+)\s*(?:([<>]?=)\s*([^@]+))?(?:@(.+))?")


def operating_point(options: Namespace) -> int:
    """Run the command; returns the exit status: 1 where the wish is out of reach.

    Raises:
        PneumoError: As `parse_rule`, `read_run`, `ask` and `save_point`.
    """
    rule = parse_rule(options.rule)
    run = read_run(options.run)
    samples = {split: _sample(run, split) for split in SPLITS}
    chosen = samples[options.split]
    name = " ".join(options.name.split())
    choice = ask(
        chosen.labels, chosen.probabilities, rule, options.split, name, date.today().isoformat()
    )
    spread = threshold_interval(chosen.labels, chosen.probabilities, rule, chosen.patients, REPEATS)
    print(choice.sentence)
    if spread.low is not None and spread.high is not None:
        print(
            f"Other images of the same kind would have put it between {words_of(spread.low)} and "
            f"{words_of(spread.high)} (95 % of {REPEATS} resamples by patient)."
        )
    print(f"\n{_figures(list(samples.values()), choice.point.threshold)}\n")
    print(_holds(samples["val"], samples["test"], choice.point.threshold))
    if options.split == "test":
        print(
            "Chosen on test, so that test flatters it: choose on val, and keep test for the proof.",
            file=sys.stderr,
        )
    if not choice.reached:
        if options.save:
            print("Not saved, because the wish is out of reach.", file=sys.stderr)
        return 1
    if options.save:
        save_point(run.path, choice.point)
        print(f"Saved as “{choice.point.name}” in {run.path / SAVED_POINTS_FILE}.")
    return 0


def parse_rule(text: str) -> Rule:
    """Read a rule as it is written on a command line, one of `SPELLINGS` with other numbers.

    Shares may be percent ("97%"); "=" may stand for ">=" and "<=", which a shell without quotation
    marks would take for a redirection.

    Raises:
        DataError: It is written otherwise; the sentence shows how.
    """
    match = _RULE.fullmatch(text.strip().replace("≥", ">=").replace("≤", "<="))
    key = match[1].lower() if match else ""
    if match is None or key not in SPELLINGS:
        raise DataError(
            f"There is no rule {text!r}: write one of {', '.join(SPELLINGS.values())}, "
            "in quotation marks."
        )
    sign, number, prevalence = match[2], match[3], match[4]
    usual = _RULE.fullmatch(SPELLINGS[key])[2]  # type: ignore[index]
    fits = sign == usual or (usual is not None and sign == "=")
    if not fits or (prevalence is not None and key not in _AT_PREVALENCE):
        raise DataError(
            f"The rule {text!r} cannot be read: write it like “{SPELLINGS[key]}”, "
            "in quotation marks."
        )
    numbers = {}
    if number is not None:
        per_cent = 100 if key == "alerts" else 1
        numbers[_NUMBER_OF.get(key, "share")] = _number(number, text, per_cent)
    if prevalence is not None:
        numbers["prevalence"] = _number(prevalence, text)
    return rule_from_json({"rule": key, **numbers})


def save_point(folder: Path, point: OperatingPoint) -> None:
    """Add an operating point to those saved in a run; one of the same name is replaced.

    Args:
        folder: The run's.
        point: What to save.

    Raises:
        RunError: The run or what is saved in it is damaged, the name is one of the run's own, or
            the file cannot be written.
    """
    from filelock import FileLock, Timeout

    path = folder / SAVED_POINTS_FILE
    try:
        # Beside the folder, not in it: a new training replaces the folder as a whole.
        with FileLock(folder.resolve().parent / f".{folder.resolve().name}.points.lock", PATIENCE):
            points = read_run(folder).operating_points
            saved = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            if point.name in {own.name for own in points[: len(points) - len(saved)]}:
                raise RunError(
                    f"{folder.name} has an operating point of its own called “{point.name}”: "
                    "choose another name with --name."
                )
            kept = [each for each in saved if each["name"] != point.name]
            write_json(path, [*kept, point.to_json()])
    except Timeout:
        raise RunError(
            f"Another program is saving to {folder.name}: try again in a moment."
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}).") from error


def _sample(run: Run, split: str) -> Sample:
    scores = run.scores(split)
    labels, probabilities = scores["label"].to_numpy(), scores["probability"].to_numpy()
    return Sample(split, labels, probabilities, patients_of(scores))


def _figures(samples: Sequence[Sample], threshold: float) -> str:
    """A table of the figures with their intervals, as plain text."""
    columns = [["", "Images", *FIGURES.values()]]
    for one in samples:
        found = figures_at(one.labels, one.probabilities, threshold, one.patients)
        found["auc"] = auc_delong(one.labels, one.probabilities, one.patients)
        cells = [figure_words(key, found[key]) for key in FIGURES]
        columns.append([split_words(one.name), str(len(one.labels)), *cells])
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _holds(first: Sample, second: Sample, threshold: float) -> str:
    """Whether sensitivity and specificity hold from one set to the other, in sentences."""
    changes = compare_splits(
        (first.labels, first.probabilities),
        (second.labels, second.probabilities),
        threshold,
        (first.name, second.name),
        (first.patients, second.patients),
    )[:2]
    said = " ".join(f"{c.sentence[:1].upper()}{c.sentence[1:]}." for c in changes)
    falling = [change.name for change in changes if change.verdict == "falls"]
    if any(change.verdict == "unknown" for change in changes):
        return said
    where = split_words(second.name)
    if falling:
        return f"It does not hold on {where}: lower {' and '.join(falling)}. {said}"
    return f"It holds on {where}: neither sensitivity nor specificity falls. {said}"


def _number(text: str, rule: str, per_cent: float = 1) -> float:
    """A number, or a percentage as a share times `per_cent`."""
    try:
        if text.strip().endswith("%"):
            return float(text.strip()[:-1]) / 100 * per_cent
        return float(text)
    except ValueError:
        raise DataError(f"{text!r} in the rule {rule!r} is no number.") from None
